//! Writing the journal of one run.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;
use serde_json::Value;
use ss_durable::AppendFile;
use ss_provider::{Effect, EffectId, EffectOutcome, Effects, RequestRecord};
use ss_secret::Scrubber;
use uuid::Uuid;

use super::line::{Line, genesis, seal};
use super::{JournalError, OpId, Record};
use crate::plan::Call;

/// The journal of a run, shared by its operations.
///
/// A record is flushed before the first thing that relies on it. Records that nothing outside relies on
/// (the end of an effect, a request that changed nothing, an intent before its first effect) are written
/// at once and flushed with the next record that must be: all go into one file, so that a flush covers
/// what stands before it.
pub struct Journal {
    run: Uuid,
    path: PathBuf,
    scrubber: Arc<Scrubber>,
    tail: Mutex<Tail>,
    effects: AtomicU64,
}

struct Tail {
    file: AppendFile,
    seq: u64,
    prev: String,
    /// Why a write failed: the end of the file may be torn then, and a line after it would hide that.
    closed: Option<String>,
}

/// When a record must be on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flush {
    /// Before `append` returns.
    Now,
    /// With the next record that must be.
    Later,
}

impl Journal {
    /// Begins a journal in a file that does not exist yet.
    pub(crate) fn create(run: Uuid, path: &Path, scrubber: Arc<Scrubber>) -> Result<Self, JournalError> {
        let file = AppendFile::open(path)?;
        Ok(Self {
            run,
            path: path.to_owned(),
            scrubber,
            tail: Mutex::new(Tail { file, seq: 0, prev: genesis(), closed: None }),
            effects: AtomicU64::new(0),
        })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Appends a record.
    pub(crate) fn append(&self, record: Record, flush: Flush) -> Result<(), JournalError> {
        self.append_all([record], flush)
    }

    /// Appends records in one write.
    pub(crate) fn append_all(
        &self,
        records: impl IntoIterator<Item = Record>,
        flush: Flush,
    ) -> Result<(), JournalError> {
        let mut tail = self.lock();
        if let Some(reason) = &tail.closed {
            return Err(JournalError::Closed { path: self.path.clone(), reason: reason.clone() });
        }
        let (mut seq, mut prev, mut text) = (tail.seq, tail.prev.clone(), String::new());
        for record in records {
            let (line, sum) = seal(&self.clean(&Line { seq, prev, at: Timestamp::now(), record })?);
            text.push_str(&line);
            (seq, prev) = (seq + 1, sum);
        }
        let written = match flush {
            Flush::Now => tail.file.append_durably(text.as_bytes()),
            Flush::Later => tail.file.append(text.as_bytes()),
        };
        if let Err(error) = written {
            tail.closed = Some(error.source.to_string());
            return Err(error.into());
        }
        (tail.seq, tail.prev) = (seq, prev);
        Ok(())
    }

    /// Why nothing can be appended any more, if an earlier write failed.
    pub(crate) fn closed(&self) -> Option<JournalError> {
        let reason = self.lock().closed.clone()?;
        Some(JournalError::Closed { path: self.path.clone(), reason })
    }

    /// The journal as the operation `op` of a service sees it.
    pub(crate) fn of(self: &Arc<Self>, op: OpId, service: &str) -> OpJournal {
        OpJournal { journal: self.clone(), op, service: service.to_owned(), begun: AtomicU64::new(0) }
    }

    /// The line as JSON without any secret. Texts are scrubbed; what still leaks is refused.
    fn clean(&self, line: &Line) -> Result<String, JournalError> {
        let unwritable = |error: serde_json::Error| JournalError::Unwritable { reason: error.to_string() };
        let json = serde_json::to_string(line).map_err(unwritable)?;
        if !self.scrubber.leaks(&json) {
            return Ok(json);
        }
        let mut value = serde_json::to_value(line).map_err(unwritable)?;
        scrub(&mut value, &self.scrubber);
        let json = serde_json::to_string(&value).map_err(unwritable)?;
        if self.scrubber.leaks(&json) { Err(JournalError::Secret) } else { Ok(json) }
    }

    fn lock(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Journal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Journal({})", self.path.display())
    }
}

/// Hides every secret in the texts of a value.
pub(crate) fn scrub(value: &mut Value, scrubber: &Scrubber) {
    match value {
        Value::String(text) => {
            if let std::borrow::Cow::Owned(clean) = scrubber.scrub(text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(item, scrubber)),
        Value::Object(fields) => fields.values_mut().for_each(|field| scrub(field, scrubber)),
        _ => {}
    }
}

/// The journal as one operation sees it.
#[derive(Debug)]
pub(crate) struct OpJournal {
    journal: Arc<Journal>,
    op: OpId,
    service: String,
    begun: AtomicU64,
}

impl OpJournal {
    /// Whether anything outside may have changed.
    pub(crate) fn has_effects(&self) -> bool {
        self.begun.load(Ordering::SeqCst) > 0
    }
}

impl Effects for OpJournal {
    fn begin(&self, effect: &Effect) -> std::io::Result<EffectId> {
        let id = self.journal.effects.fetch_add(1, Ordering::SeqCst) + 1;
        // Counted even if the write fails: the record may be on disk all the same.
        self.begun.fetch_add(1, Ordering::SeqCst);
        self.journal.append(Record::EffectBegin { op: self.op, id, effect: effect.clone() }, Flush::Now)?;
        Ok(id)
    }

    fn end(&self, id: EffectId, outcome: &EffectOutcome) {
        let record = Record::EffectEnd { op: self.op, id, outcome: outcome.clone() };
        if let Err(error) = self.journal.append(record, Flush::Later) {
            tracing::warn!(%error, "the end of an effect is not in the journal");
        }
    }

    fn observe(&self, request: &RequestRecord, outcome: &EffectOutcome) {
        let record = Record::Request {
            op: self.op,
            service: self.service.clone(),
            request: request.clone(),
            outcome: outcome.clone(),
        };
        if let Err(error) = self.journal.append(record, Flush::Later) {
            tracing::warn!(%error, "a request is not in the journal");
        }
    }

    fn save_partial(&self, partial: &str) -> std::io::Result<()> {
        // A partial state with a hole in it would mislead the plugin: refuse instead of scrubbing.
        if self.journal.scrubber.leaks(partial) {
            return Err(JournalError::Secret.into());
        }
        Ok(self.journal.append(Record::Partial { op: self.op, partial: partial.to_owned() }, Flush::Now)?)
    }

    fn run(&self) -> Option<String> {
        Some(self.journal.run.to_string())
    }
}

/// For calls that may change nothing. What is kept of their requests depends on what they are for.
#[derive(Debug)]
pub(crate) enum ReadOnly {
    /// Nothing is.
    Unwitnessed,
    /// They are part of a run.
    Journalled(OpJournal),
    /// They are part of a plan, whose run will journal them.
    Collected {
        /// The service that they are for.
        service: String,
        /// Where they are kept.
        calls: Arc<Mutex<Vec<Call>>>,
    },
}

impl Effects for ReadOnly {
    fn begin(&self, effect: &Effect) -> std::io::Result<EffectId> {
        Err(std::io::Error::other(format!("nothing may be changed here, yet it was tried: {effect:?}")))
    }

    fn end(&self, _id: EffectId, _outcome: &EffectOutcome) {}

    fn observe(&self, request: &RequestRecord, outcome: &EffectOutcome) {
        match self {
            Self::Unwitnessed => {}
            Self::Journalled(journal) => journal.observe(request, outcome),
            Self::Collected { service, calls } => {
                let call = Call {
                    service: service.clone(),
                    ended: Timestamp::now(),
                    request: request.clone(),
                    outcome: outcome.clone(),
                };
                calls.lock().unwrap_or_else(PoisonError::into_inner).push(call);
            }
        }
    }

    fn save_partial(&self, _partial: &str) -> std::io::Result<()> {
        Err(std::io::Error::other("nothing is being provisioned, so there is no partial state"))
    }
}
