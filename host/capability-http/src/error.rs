//! Why a request has no answer.

use std::io;
use std::time::Duration;

use ss_provider::Denial;

/// Why a request has no answer. No text has a secret in it.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// The gate refused it; nothing left.
    #[error("{}", .0.message)]
    Denied(Denial),
    /// The journal could not be written, so the request was not sent.
    #[error("the request was not sent, because the journal cannot be written: {source}")]
    Journal {
        /// What the journal said.
        source: io::Error,
    },
    /// A person stopped the run, or the operation's time was over. Nothing that could change anything was
    /// sent.
    #[error("the operation is being stopped")]
    Cancelled,
    /// No connection was made; nothing was sent.
    #[error("`{host}` cannot be reached: {reason}")]
    Unreachable {
        /// Host of the origin.
        host: String,
        /// Why.
        reason: String,
    },
    /// The connection broke, or the answer is not HTTP. The request may have arrived.
    #[error("the connection to `{host}` broke before its answer was complete: {reason}")]
    Interrupted {
        /// Host of the origin.
        host: String,
        /// How.
        reason: String,
    },
    /// It took too long. The request may have arrived.
    #[error("`{host}` kept {awaited} waiting for more than {} s", limit.as_secs())]
    Timeout {
        /// Host of the origin.
        host: String,
        /// What did not come: the answer, its next part or its end.
        awaited: &'static str,
        /// The limit that was passed.
        limit: Duration,
    },
    /// The answer is larger than the gate takes. The request did arrive.
    #[error("the answer of `{host}` is larger than {limit} bytes")]
    TooLarge {
        /// Host of the origin.
        host: String,
        /// The largest size that is taken.
        limit: usize,
    },
}

impl SendError {
    /// Whether the request may have reached the provider: then nobody knows what it changed.
    pub fn may_have_arrived(&self) -> bool {
        match self {
            Self::Denied(_) | Self::Journal { .. } | Self::Cancelled | Self::Unreachable { .. } => false,
            Self::Interrupted { .. } | Self::Timeout { .. } | Self::TooLarge { .. } => true,
        }
    }
}
