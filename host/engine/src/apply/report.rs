//! What a run came to.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use ss_provider::{Failure, State};
use uuid::Uuid;

use super::service::Achieved;
use crate::journal::RunStatus;
use crate::route::SkipReason;

/// A finished run.
#[derive(Debug, Clone, Serialize)]
pub struct RunReport {
    /// Its id.
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
#[derive(Debug, Clone, Serialize)]
pub struct ServiceReport {
    /// The service.
    pub service: String,
    /// Its provider; none if it was skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: ServiceOutcome,
    /// What went wrong. A service that is done can have one too: its credentials could not be stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// How long it took.
    #[serde(rename = "duration_ms", serialize_with = "milliseconds")]
    pub took: Duration,
}

/// What became of a service.
#[derive(Debug, Clone, Serialize)]
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
    },
    /// It failed.
    Failed,
    /// No provider applies.
    Skipped {
        /// Why.
        #[serde(flatten)]
        reason: SkipReason,
    },
    /// Services that it needs failed.
    Blocked {
        /// Which, in file order.
        because: Vec<String>,
    },
    /// A person stopped the run first.
    NotStarted,
}

impl ServiceReport {
    /// The state that the run achieved for it.
    pub(crate) fn achieved(&self) -> Option<(String, Option<State>)> {
        match &self.outcome {
            ServiceOutcome::Done { state, .. } => Some((self.service.clone(), Some(state.clone()))),
            _ => None,
        }
    }
}

impl From<Achieved> for ServiceOutcome {
    fn from(Achieved { state, summary, credentials }: Achieved) -> Self {
        Self::Done { state, summary, credentials }
    }
}

fn milliseconds<S: Serializer>(took: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(took.as_millis()).unwrap_or(u64::MAX))
}
