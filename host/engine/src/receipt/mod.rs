//! Receipts: what a run did, in canonical JSON, each naming the digest of the one before.
//!
//! A receipt is a pure function of its run's journal and of the states that were committed, so that a run
//! that was killed gets the same receipt as one that ended, from the next run. Here belongs their form,
//! their chain and reading them; how they look on a screen does not.

mod build;
mod chain;
mod error;
mod history;
mod timeline;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ss_provider::{Effect, EffectOutcome, Identity, State};
use uuid::Uuid;

use crate::journal::RunStatus;
use crate::resolve::Declared;
use crate::run::ServiceReport;

pub(crate) use build::from_journal;
pub use chain::Verified;
pub(crate) use chain::{Chain, Link};
pub use error::ReceiptError;
pub use history::{History, Unsettled};

/// Version of the form below.
const FORM: u32 = 1;

/// What a run did. No secret stands in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// Version of this form.
    pub form: u32,
    /// Its place in the chain, from 1.
    pub number: u64,
    /// SHA-256 in hex of the file of the receipt before; 64 zeros in the first.
    pub previous: String,
    /// The run.
    pub run: Uuid,
    /// The id of its trace: 32 hex digits, those of the run.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub trace: String,
    /// What was called, such as `ss deploy`.
    pub command: String,
    /// Version of `ss`.
    pub version: String,
    /// Who called it, and on which machine.
    pub actor: String,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended; for a run that was cut short, its last sign of life.
    pub ended: Timestamp,
    /// How it went.
    pub status: RunStatus,
    /// The plan that it followed.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub plan: Value,
    /// SHA-256 in hex of that plan's canonical JSON.
    pub plan_digest: String,
    /// Digest of the lockfile's grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// The plugins, by provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<String, Identity>,
    /// The grants that were made use of, by provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grants: BTreeMap<String, Vec<String>>,
    /// The services, in file order.
    pub services: Vec<ServiceReceipt>,
    /// Every request, in the order in which they began.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<CallReceipt>,
    /// What else was changed: processes, files, vault keys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<EffectReceipt>,
    /// The states of all services when the run had ended.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub states: BTreeMap<String, State>,
    /// What the vault held then, for a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<String>,
    /// For a rollback: the run that was gone back to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<Uuid>,
}

/// What a run did with one service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceReceipt {
    /// How it went.
    #[serde(flatten)]
    pub report: ServiceReport,
    /// What its file said to its provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// The services that came before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Whether the run could not have ended before it did.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
}

/// A request that a run made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CallReceipt {
    /// The service that it was for.
    pub service: String,
    /// When.
    pub phase: CallPhase,
    /// When it began.
    pub at: Timestamp,
    /// Upper-case method.
    pub method: String,
    /// Host of the real origin.
    pub host: String,
    /// Path without the query.
    pub path: String,
    /// Whether it may have changed something.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub changes: bool,
    /// The grant that let it through.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub grant: String,
    /// How it ended; none if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<EffectOutcome>,
}

/// The part of a run in which a request was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CallPhase {
    /// While it was planned.
    Plan,
    /// While it was carried out.
    Apply,
}

impl CallPhase {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plan => "plan",
            Self::Apply => "apply",
        }
    }
}

/// Something else than a request that a run changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectReceipt {
    /// The service that it was for.
    pub service: String,
    /// When it began.
    pub at: Timestamp,
    /// What it was.
    #[serde(flatten)]
    pub effect: Effect,
    /// How it ended; none if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<EffectOutcome>,
}

impl Receipt {
    /// How long the run took, in seconds.
    pub fn seconds(&self) -> f64 {
        (self.ended.as_millisecond() - self.started.as_millisecond()).max(0) as f64 / 1000.0
    }

    /// The first eight digits of its run: what a person types.
    pub fn short(&self) -> String {
        short(self.run)
    }

    /// What was done to services, in a word: `deploy` of `ss deploy`.
    pub fn verb(&self) -> &str {
        self.command.rsplit(' ').next().unwrap_or(&self.command)
    }
}

/// The first eight digits of a run's id.
pub(crate) fn short(run: Uuid) -> String {
    run.to_string()[..8].to_owned()
}
