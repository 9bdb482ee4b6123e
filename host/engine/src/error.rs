//! Why a whole command could not do its work. What goes wrong with one service is a `Failure` of that
//! service instead.

use std::time::Duration;

use crate::journal::JournalError;
use crate::receipt::ReceiptError;
use crate::store::StoreError;

/// A command failed before, or beside, its services.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// No service has this id.
    #[error("there is no service `{service}`")]
    UnknownService {
        /// The id.
        service: String,
        /// A service of a similar id.
        did_you_mean: Option<String>,
    },
    /// A service needs one that does not exist.
    #[error("`{service}` depends on `{dependency}`, which is no service")]
    UnknownDependency {
        /// The service.
        service: String,
        /// What it needs.
        dependency: String,
    },
    /// Services need each other.
    #[error("services depend on each other in a circle: {}", services.join(" → "))]
    Cycle {
        /// The circle, its first service once more at the end.
        services: Vec<String>,
    },
    /// Another process works on the same project and environment.
    #[error("another `ss` works on `{project}`, environment `{environment}`{}", holder_text(holder.as_ref()))]
    Busy {
        /// The project.
        project: String,
        /// The environment.
        environment: String,
        /// Who, if known.
        holder: Option<ss_durable::Holder>,
    },
    /// The vault cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The journal cannot be used.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The receipts cannot be used.
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    /// A run cannot be gone back to.
    #[error("run {run} cannot be rolled back to: {reason}")]
    NotRestorable {
        /// The run.
        run: uuid::Uuid,
        /// Why.
        reason: String,
    },
    /// There is nothing to resolve.
    #[error("nothing about `{service}` is unfinished")]
    NothingUnfinished {
        /// The service.
        service: String,
    },
    /// A service has another resource already.
    #[error("`{service}` is already recorded as `{resource_id}`")]
    AlreadyRecorded {
        /// The service.
        service: String,
        /// The provider's id of that resource.
        resource_id: String,
    },
    /// A provider refused what was asked about one service.
    #[error("`{service}`: {failure}")]
    Refused {
        /// The service.
        service: String,
        /// Why.
        failure: Box<ss_provider::Failure>,
    },
    /// The overlay's `_state` cannot be written.
    #[error("`_state` cannot be written: {reason}")]
    Overlay {
        /// Why.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
}

fn holder_text(holder: Option<&ss_durable::Holder>) -> String {
    holder.map_or_else(String::new, |holder| {
        format!(" (pid {}, `{}`, for {})", holder.pid, holder.what, age(holder.age))
    })
}

fn age(age: Duration) -> String {
    match age.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds @ 120..7200 => format!("{} min", seconds / 60),
        seconds => format!("{} h", seconds / 3600),
    }
}

impl EngineError {
    /// What a person can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::UnknownService { did_you_mean, .. } => {
                did_you_mean.as_ref().map(|name| format!("did you mean `{name}`?"))
            }
            Self::Busy { .. } => Some("wait until it has finished, or stop it".into()),
            Self::Store(error) => error.help.clone(),
            Self::Receipt(error) => error.help(),
            Self::NotRestorable { .. } => Some("`ss rollback --list` shows the runs that can be".into()),
            Self::NothingUnfinished { .. } => Some("`ss resolve` shows what is".into()),
            Self::AlreadyRecorded { service, .. } => Some(format!(
                "if that one is no longer yours, run `ss resolve {service} --forget` first"
            )),
            Self::Refused { failure, .. } => failure.next_step.clone(),
            Self::Journal(JournalError::Damaged { .. } | JournalError::DamagedHead { .. }) => Some(
                "nothing is done while it is unclear what exists; check the services at their providers, then move the file away".into(),
            ),
            _ => None,
        }
    }
}

/// The error and what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
