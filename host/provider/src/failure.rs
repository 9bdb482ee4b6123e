//! Why an operation failed.

use serde::{Deserialize, Serialize};

/// A request of a plugin that a gate refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Denial {
    /// The capability: `http`, `vault`, `secrets`, `process` or `files`.
    pub capability: String,
    /// What was refused and why, in one sentence.
    pub message: String,
    /// The manifest line that would allow it, if any could.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow: Option<String>,
}

/// The kind of a failure: what the engine may do next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum FailureKind {
    /// The option at this dotted path (from the service on) is wrong.
    InvalidConfiguration {
        /// Such as `target.region`.
        path: String,
    },
    /// The key is missing, wrong or lacks a permission.
    Authentication,
    /// The resource does not exist.
    NotFound,
    /// The provider's resource forbids the operation.
    Conflict,
    /// A limit of the account is reached.
    Quota,
    /// Too many requests.
    RateLimited {
        /// Seconds to wait, if the provider says.
        retry_after: Option<u64>,
    },
    /// The provider is unreachable; nothing was changed.
    Unavailable,
    /// A request that may have changed something got no usable answer.
    OutcomeUnknown,
    /// A fault of the plugin.
    Internal,
    /// The host ended the plugin: a trap, a limit, a deadline.
    Terminated,
    /// The operation was cancelled by a person.
    Cancelled,
}

/// A failed operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    /// What the engine may do next.
    #[serde(flatten)]
    pub kind: FailureKind,
    /// What failed and why, in one sentence, without secrets. Further lines quote a program's output.
    pub message: String,
    /// What a person can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// What the gates refused during the operation, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub denials: Vec<Denial>,
}

impl Failure {
    /// A failure without a next step.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next_step: None, denials: Vec::new() }
    }

    /// Adds what a person can do about it.
    #[must_use]
    pub fn with_next_step(mut self, next_step: impl Into<String>) -> Self {
        self.next_step = Some(next_step.into());
        self
    }
}
