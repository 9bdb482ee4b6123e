//! What is kept about a process: in state, and as partial state right after its start.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use ss_sdk::{Context, ProcessHandle, State};

/// A process and the definition that it was started from. Holds no secret: see [`crate::definition`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number.
    pub pid: u32,
    /// The host's mark of its start, which tells it from a later process of the same number.
    pub started: String,
    /// URL of its health check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_check: Option<String>,
    /// Its command line, sealed values masked.
    #[serde(default)]
    pub command: String,
    /// For each variable of its environment, a digest of the masked value.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// Digest of its configuration file, sealed values masked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config: Option<String>,
    /// Digest of all inputs that it was started with, the values of secrets included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
}

impl Record {
    /// The process started last: by an attempt that was cut short, or by the last successful one.
    pub fn latest(context: &Context<'_>) -> Option<Self> {
        context.partial().or_else(|| context.existing.as_ref()?.parse_metadata().ok())
    }

    /// The process as the host knows it.
    pub fn handle(&self) -> ProcessHandle {
        ProcessHandle { pid: self.pid, started: self.started.clone() }
    }

    /// The state of the service that this process is.
    pub fn state(&self, context: &Context<'_>) -> State {
        let mut state = context.state(crate::NAME, format!("pid-{}", self.pid)).with_metadata(self);
        // The service stays the same one when its process is another.
        if let Some(existing) = &context.existing {
            state.provisioned_at.clone_from(&existing.provisioned_at);
        }
        state
    }

    /// `running (pid 9103)`, or `running (pid 9103, health ok)` where a check has passed.
    pub fn running(&self) -> String {
        match self.health_check {
            Some(_) => format!("running (pid {}, health ok)", self.pid),
            None => self.alive(),
        }
    }

    /// `running (pid 9103)`, whatever its health.
    pub fn alive(&self) -> String {
        format!("running (pid {})", self.pid)
    }

    /// `not running (pid 9103)`.
    pub fn not_running(&self) -> String {
        format!("not running (pid {})", self.pid)
    }
}
