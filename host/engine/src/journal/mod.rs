//! The write-ahead journal: what a run is about to do and what it did, on disk before it matters.
//!
//! After a crash the journal is how the next run knows what may exist outside. It never holds a secret:
//! each record passes the scrubber. Here belong the records, their form on disk and what they add up to;
//! what to do about an interrupted operation is [`crate::recovery`]'s decision.

mod error;
mod line;
mod place;
mod reader;
mod record;
mod writer;

pub use error::JournalError;
pub(crate) use line::Line;
pub(crate) use place::{LeftBehind, RunsFolder};
pub use record::{
    FailureClass, Intent, OpId, OpKind, OpenOp, OpenOps, Record, Resolution, Restore, RunBegin, RunStatus,
    Sent, Settled, Subject,
};
pub use writer::Journal;
pub(crate) use writer::{Flush, OpJournal, ReadOnly, scrub};
