//! A run: the one writer's turn, from taking the lock to the receipt.
//!
//! Whatever a command does with services (`apply`, `destroy`) happens within a run: it begins with what an
//! earlier one left behind being written where it belongs, records each step in the journal, and ends with
//! what was achieved in vault and overlay, and with a receipt. Here belongs what all of them share; what is
//! done with a service does not.

mod begin;
mod class;
mod commit;
mod finish;
mod interrupt;
mod report;
mod schedule;
mod work;

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use ss_durable::WriterLock;
use ss_provider::{Effects, Failure, FailureKind};
use uuid::Uuid;

use crate::core::{Core, Known, Surroundings};
use crate::error::with_causes;
use crate::journal::{Journal, JournalError, OpId};
use crate::observer::{Observer, ServiceProgress};

pub(crate) use begin::Intention;
pub(crate) use class::classify;
pub(crate) use commit::Committed;
pub(crate) use finish::finish;
pub use interrupt::Interrupt;
pub use report::{RunReport, ServiceOutcome, ServiceReport};
pub(crate) use work::{Task, Worked, work};

/// A run under way, as its services share it.
pub(crate) struct Run {
    pub core: Arc<Core>,
    pub id: Uuid,
    pub started: Timestamp,
    pub known: Known,
    pub journal: Arc<Journal>,
    pub observer: Arc<dyn Observer>,
    pub interrupt: Interrupt,
    ops: AtomicU64,
    /// Held until the run is over.
    _lock: WriterLock,
}

impl Run {
    /// The number of the next operation.
    pub(crate) fn next_op(&self) -> OpId {
        self.ops.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// What surrounds the calls for a service.
    pub(crate) fn surroundings(&self, service: &str, effects: Arc<dyn Effects>) -> Surroundings {
        Surroundings {
            effects,
            progress: Arc::new(ServiceProgress {
                service: service.to_owned(),
                observer: self.observer.clone(),
                scrubber: self.core.scrubber.clone(),
            }),
            cancel: self.interrupt.abort().clone(),
        }
    }

    /// Waits for the call; once it is cancelled, no longer than the grace.
    pub(crate) async fn within_patience<T>(
        &self,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Result<T, Failure> {
        let mut call = std::pin::pin!(call);
        tokio::select! {
            biased;
            result = &mut call => return result,
            () = self.interrupt.abort().cancelled() => {}
        }
        tokio::time::timeout(self.core.limits.grace, call).await.unwrap_or_else(|_| {
            Err(Failure::new(FailureKind::Cancelled, "cancelled; it did not wind up in time"))
        })
    }

    /// Tells a warning to whoever watches, without secrets; returns it as it was told.
    pub(crate) fn warn(&self, message: &str) -> String {
        self.core.warn(&*self.observer, message)
    }
}

/// The failure of a service whose record cannot be written.
pub(crate) fn unrecorded(error: JournalError) -> Failure {
    let failure = Failure::new(FailureKind::Unavailable, with_causes(&error));
    failure.with_next_step("see that the disk has room and can be written, then run the command again")
}
