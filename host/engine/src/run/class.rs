//! What a failure means for the next run.

use ss_provider::FailureKind;

use crate::journal::FailureClass;

/// The class of a failure. `touched`: something outside may have changed.
pub(crate) fn classify(kind: &FailureKind, touched: bool) -> FailureClass {
    match kind {
        FailureKind::InvalidConfiguration { .. }
        | FailureKind::Authentication
        | FailureKind::NotFound
        | FailureKind::Conflict
        | FailureKind::Quota => FailureClass::Permanent,
        FailureKind::RateLimited { .. } | FailureKind::Unavailable => FailureClass::Retryable,
        FailureKind::OutcomeUnknown => FailureClass::Unknown,
        FailureKind::Internal | FailureKind::Terminated | FailureKind::Cancelled if touched => {
            FailureClass::Unknown
        }
        FailureKind::Internal => FailureClass::Permanent,
        FailureKind::Terminated | FailureKind::Cancelled => FailureClass::Retryable,
    }
}
