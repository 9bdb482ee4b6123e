//! What the journal says.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ss_provider::{Action, Effect, EffectId, EffectOutcome, Failure, Identity, RequestRecord, State};
use uuid::Uuid;

use crate::plan::Call;
use crate::resolve::Declared;
use crate::run::ServiceReport;
use crate::store::StateChanges;

/// Number of an operation within its run, from 1.
pub type OpId = u64;

/// What an operation is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OpKind {
    /// Create or converge.
    Provision,
    /// Tear down.
    Destroy,
}

/// One record: what is about to happen, or has happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "kebab-case")]
pub enum Record {
    /// The first record of a run.
    RunBegin(RunBegin),
    /// An operation of an earlier run that is not settled yet.
    Carried(OpenOp),
    /// A request that was made while the run was planned.
    Planned(Call),
    /// Credentials and states are about to be made what they were at an earlier run.
    Restore(Restore),
    /// A person has said what became of an unfinished operation.
    Resolved {
        /// The service.
        service: String,
        /// What became of it.
        resolution: Resolution,
    },
    /// A provider is about to be called.
    OpIntent(Intent),
    /// Something outside is about to change.
    EffectBegin {
        /// The operation.
        op: OpId,
        /// The effect.
        id: EffectId,
        /// What it is.
        effect: Effect,
    },
    /// How an effect ended.
    EffectEnd {
        /// The operation.
        op: OpId,
        /// The effect.
        id: EffectId,
        /// How.
        outcome: EffectOutcome,
    },
    /// A request that changed nothing.
    Request {
        /// The operation.
        op: OpId,
        /// The service that it was for.
        service: String,
        /// What was asked.
        request: RequestRecord,
        /// How it ended.
        outcome: EffectOutcome,
    },
    /// What the plugin wants back if it is cut short.
    Partial {
        /// The operation.
        op: OpId,
        /// JSON of the plugin's own shape.
        partial: String,
    },
    /// The operation reached its goal.
    OpDone {
        /// The operation.
        op: OpId,
        /// The state to keep; none after a destroy.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        state: Option<State>,
        /// One line for a person.
        summary: String,
        /// Names of the credentials that went to the vault.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        credentials: Vec<String>,
        /// Where the service can be reached.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// The operation failed.
    OpFailed {
        /// The operation.
        op: OpId,
        /// What the next run may do about it.
        class: FailureClass,
        /// Why.
        failure: Failure,
    },
    /// What became of a service, for the receipt.
    Service(ServiceReport),
    /// Vault and overlay hold what the run achieved.
    Commit {
        /// Digest of the states that were written.
        states: String,
        /// Whether an overlay was edited.
        overlay: bool,
        /// What the vault holds now, for a rollback to this run.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        snapshot: Option<String>,
    },
    /// The last record of a run.
    RunEnd {
        /// How it went.
        status: RunStatus,
    },
}

/// What the next run may do about a failed operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureClass {
    /// The same call may succeed later.
    Retryable,
    /// Something must be changed first.
    Permanent,
    /// It is not known what the provider did.
    Unknown,
}

/// How a run went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Every service is as described.
    Completed,
    /// A service failed.
    Failed,
    /// A person stopped it.
    Cancelled,
    /// It was cut short: killed, or the machine went down.
    Interrupted,
}

/// The circumstances of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunBegin {
    /// The run.
    pub run: Uuid,
    /// What was called, such as `ss provision`.
    pub command: String,
    /// Version of `ss`.
    pub version: String,
    /// Who called it, and on which machine.
    pub actor: String,
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The folder of the system's file; none in journals of before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<PathBuf>,
    /// Digest of the plan that is applied.
    pub plan: String,
    /// That plan, without secrets.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub planned: Value,
    /// The services that the run is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// Digest of the lockfile, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// What each plugin was granted, as sentences, by provider.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub grants: BTreeMap<String, Vec<String>>,
}

/// A service that a run is about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Subject {
    /// Its id.
    pub service: String,
    /// What its file says to its provider; none if nobody takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub declared: Option<Declared>,
    /// The plugin; none if nobody takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugin: Option<Identity>,
    /// The services that come before it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
}

/// What a rollback makes of vault and overlay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restore {
    /// The run that is gone back to.
    pub run: Uuid,
    /// The vault's content.
    pub snapshot: String,
    /// The state of each service that has one now or had one then; none where it had none.
    pub states: StateChanges,
}

/// What a person says became of an unfinished operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "as")]
pub enum Resolution {
    /// It made this resource.
    Adopted {
        /// The resource.
        state: State,
    },
    /// It made nothing.
    Absent,
    /// Whatever it made is no longer this project's.
    Forgotten,
}

/// An operation that is about to start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Intent {
    /// The operation.
    pub op: OpId,
    /// The service, as its file declares it: no template filled, nothing injected.
    pub declared: Declared,
    /// The plugin.
    pub plugin: Identity,
    /// What it is for.
    pub kind: OpKind,
    /// What the plan said.
    pub action: Action,
    /// From 1; counts on over runs until the operation is done.
    pub attempt: u32,
    /// What the idempotency key is made of beside the service: the same until the operation is done.
    pub incarnation: Uuid,
    /// The key that the plugin got.
    pub idempotency_key: String,
    /// What became clear about the attempts before this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<Settled>,
}

/// What became clear about an interrupted operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "settled")]
pub enum Settled {
    /// The provider has nothing of it.
    Absent,
    /// The provider has this resource of it.
    Adopted {
        /// The resource.
        state: State,
    },
}

/// An operation that has not reached its goal.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OpenOp {
    /// How it was begun last.
    pub intent: Intent,
    /// When it was begun last.
    pub began: Timestamp,
    /// What the plugin saved last, in this attempt or one before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partial: Option<String>,
    /// A resource that an earlier recovery found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adopted: Option<State>,
    /// What was done in all its attempts, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub effects: Vec<Sent>,
}

/// An effect that began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    /// When.
    pub at: Timestamp,
    /// What.
    pub effect: Effect,
    /// How it ended; none if nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<EffectOutcome>,
}

/// Open operations by service.
pub type OpenOps = BTreeMap<String, OpenOp>;
