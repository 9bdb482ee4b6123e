//! Why an operation failed, and what a person can do about it.

use std::fmt;

/// The kind of a failure: what the engine may do next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FailureKind {
    /// The option at this dotted path (from the service on) is wrong.
    InvalidConfiguration(String),
    /// The key is missing, wrong or lacks a permission.
    Authentication,
    /// The resource does not exist.
    NotFound,
    /// The provider's resource is in a state, or of a name, that forbids the operation.
    Conflict,
    /// A limit of the account or plan is reached.
    Quota,
    /// Too many requests; seconds to wait, if the provider says.
    RateLimited(Option<u64>),
    /// The provider is down or unreachable; the last request changed nothing.
    Unavailable,
    /// A request that may have changed something got no usable answer.
    OutcomeUnknown,
    /// A fault of the plugin, or an answer that it does not understand.
    Internal,
}

/// A failed operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What the engine may do next.
    pub kind: FailureKind,
    /// What failed and why, in one sentence, without secrets.
    pub message: String,
    /// What a person can do about it.
    pub next_step: Option<String>,
}

impl Failure {
    /// A failure without a next step.
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), next_step: None }
    }

    /// The option at `path` is wrong. See [`Service::option_path`](crate::Service::option_path).
    pub fn invalid_configuration(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::new(FailureKind::InvalidConfiguration(path.into()), message)
    }

    /// The key is missing, wrong or lacks a permission.
    pub fn authentication(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Authentication, message)
    }

    /// The resource does not exist.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(FailureKind::NotFound, message)
    }

    /// The provider's resource forbids the operation.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Conflict, message)
    }

    /// A limit of the account is reached.
    pub fn quota(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Quota, message)
    }

    /// The provider, or the resource, is not up; nothing was changed.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Unavailable, message)
    }

    /// A request that may have changed something got no usable answer.
    pub fn outcome_unknown(message: impl Into<String>) -> Self {
        Self::new(FailureKind::OutcomeUnknown, message)
    }

    /// A fault of the plugin, or an answer that it does not understand.
    pub fn internal(message: impl Into<String>) -> Self {
        Self::new(FailureKind::Internal, message)
    }

    /// Adds what a person can do about it.
    #[must_use]
    pub fn with_next_step(mut self, next_step: impl Into<String>) -> Self {
        self.next_step = Some(next_step.into());
        self
    }

    /// Whether asking again later may help without any change by a person.
    pub fn is_transient(&self) -> bool {
        matches!(self.kind, FailureKind::Unavailable | FailureKind::RateLimited(_))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
