//! Taking the turn, and settling what the run before left.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use jiff::Timestamp;
use serde_json::Value;
use ss_durable::{LockError, WriterLock};
use uuid::Uuid;

use super::{Interrupt, Run};
use crate::core::{Core, Known};
use crate::error::{EngineError, with_causes};
use crate::journal::{RunBegin, Subject};
use crate::observer::{Event, Observer};
use crate::plan::Call;
use crate::resolve::digest_of;

/// What a run is about to do.
pub(crate) struct Intention {
    /// The plan, without secrets; null for a run that has none.
    pub plan: Value,
    /// The services that it is about.
    pub subjects: Vec<Subject>,
    /// Requests that were made while it was planned.
    pub calls: Vec<Call>,
}

impl Core {
    /// Takes the one writer's place.
    pub(crate) fn lock(&self) -> Result<WriterLock, EngineError> {
        self.runs.lock(&self.command).map_err(|error| match error {
            LockError::Held { holder, .. } => EngineError::Busy {
                project: self.project.clone(),
                environment: self.environment.clone(),
                holder,
            },
            LockError::File(error) => error.into(),
        })
    }

    /// Takes the turn, completes what a cut run did not, and begins a new run.
    ///
    /// # Errors
    /// If another run is under way, or vault, overlay or journal cannot be used. Nothing is changed
    /// outside then.
    pub(crate) fn begin(
        self: &Arc<Self>,
        intention: Intention,
        observer: Arc<dyn Observer>,
        interrupt: Interrupt,
    ) -> Result<Run, EngineError> {
        let started = Timestamp::now();
        let lock = self.lock()?;
        let mut known = self.known()?;
        // The plan has told the other warnings.
        let warnings = self.settle(&known)?;
        for message in warnings {
            known.warnings.push(self.warn(&*observer, &message));
        }
        let Intention { plan, subjects, calls } = intention;
        let id = Uuid::new_v4();
        let begin = RunBegin {
            run: id,
            command: self.command.clone(),
            version: self.version.clone(),
            actor: self.actor.clone(),
            project: self.project.clone(),
            environment: self.environment.clone(),
            folder: self.folder(),
            plan: digest_of(&plan),
            planned: plan,
            subjects,
            lock: self.lock_digest.clone(),
            grants: self.grants.clone(),
        };
        let journal = self.runs.begin(begin, &known.open, calls, &self.scrubber)?;
        let ops = AtomicU64::new(0);
        Ok(Run { core: self.clone(), id, started, known, journal, observer, interrupt, ops, _lock: lock })
    }

    /// Takes the turn to complete what a cut run did not, and nothing else.
    ///
    /// # Errors
    /// As [`begin`](Self::begin).
    pub(crate) fn settle_now(&self, observer: &dyn Observer) -> Result<(), EngineError> {
        let _lock = self.lock()?;
        for message in self.settle(&self.known()?)? {
            self.warn(observer, &message);
        }
        Ok(())
    }

    /// Writes what a cut run achieved, and its receipt. Returns what a person should know.
    fn settle(&self, known: &Known) -> Result<Vec<String>, EngineError> {
        let mut warnings = Vec::new();
        let Some(run) = known.unfinished else { return Ok(warnings) };
        let committed = match &known.restoring {
            Some(restore) => self.restore(restore)?,
            None => self.commit(&known.uncommitted)?,
        };
        warnings.extend(committed.warning);
        // Whatever the provider or a full disk makes of it, the states are safe now.
        if let Err(error) = self.write_receipt(run, &known.states) {
            warnings.push(format!(
                "the run before was cut short, and its receipt cannot be written: {}",
                with_causes(&error)
            ));
        }
        Ok(warnings)
    }

    /// Tells a warning, without secrets; returns it as it was told.
    pub(crate) fn warn(&self, observer: &dyn Observer, message: &str) -> String {
        let message = self.without_secrets(message);
        observer.event(Event::Warning { service: None, message: &message });
        message
    }
}
