//! What a run came to.

use std::path::PathBuf;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ss_provider::{Failure, State};
use uuid::Uuid;

use crate::journal::RunStatus;
use crate::route::SkipReason;

/// A finished run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Its id, which is also that of its receipt.
    pub run: Uuid,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it went.
    pub status: RunStatus,
    /// What became of each selected service, in file order.
    pub services: Vec<ServiceReport>,
    /// What a person should know and that stopped nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Why the results are not in the vault and the overlay, if they are not. They are in the journal,
    /// and the next run writes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uncommitted: Option<Failure>,
    /// Its journal: every request and every change.
    pub journal: PathBuf,
}

/// What became of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ServiceReport {
    /// The service.
    pub service: String,
    /// Its provider; none if it was skipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: ServiceOutcome,
    /// What went wrong. A service that is done can have one too: its credentials could not be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// When work on it began, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    /// How long it took.
    pub duration_ms: u64,
}

/// What became of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum ServiceOutcome {
    /// It is as described.
    Done {
        /// Its state.
        state: State,
        /// One line of the provider.
        summary: String,
        /// Names of its credentials.
        credentials: Vec<String>,
        /// Whether anything outside was changed for it.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        changed: bool,
        /// Where it can be reached, without what only its users may know.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        url: Option<String>,
    },
    /// Its provider confirms that it is gone.
    Destroyed,
    /// It failed.
    Failed,
    /// No provider applies.
    Skipped {
        /// Why.
        #[serde(flatten)]
        reason: SkipReason,
    },
    /// Services that come first failed.
    Blocked {
        /// Which, in file order.
        because: Vec<String>,
    },
    /// A person stopped the run first.
    NotStarted,
    /// The run was cut short while it was worked on.
    Interrupted,
    /// Its record was made what it was, or what a person says it is; nothing outside was changed.
    Restored,
    /// Its record was dropped; nothing outside was changed.
    Forgotten,
}

impl ServiceReport {
    /// The state that the run achieved for it; none inside where it is gone.
    pub(crate) fn achieved(&self) -> Option<(String, Option<State>)> {
        match &self.outcome {
            ServiceOutcome::Done { state, .. } => Some((self.service.clone(), Some(state.clone()))),
            ServiceOutcome::Destroyed => Some((self.service.clone(), None)),
            _ => None,
        }
    }

    /// Whether it is as the command wanted it, or nobody's to work on.
    pub fn is_fine(&self) -> bool {
        let reached = matches!(
            self.outcome,
            ServiceOutcome::Done { .. }
                | ServiceOutcome::Destroyed
                | ServiceOutcome::Skipped { .. }
                | ServiceOutcome::Restored
                | ServiceOutcome::Forgotten
        );
        reached && self.failure.is_none()
    }
}
