//! The end of a run: what was achieved goes to vault and overlay, and a receipt is written.

use std::collections::BTreeMap;

use jiff::Timestamp;
use ss_provider::{Failure, FailureKind, State};
use uuid::Uuid;

use super::commit::Committed;
use super::{Run, RunReport, ServiceReport};
use crate::core::Core;
use crate::error::{EngineError, with_causes};
use crate::journal::{Flush, JournalError, Record, RunStatus};
use crate::receipt;
use crate::resolve::digest_of;
use crate::store::StateChanges;

/// Commits what was achieved and ends the run.
pub(crate) fn finish(run: &Run, services: Vec<ServiceReport>) -> RunReport {
    let achieved: StateChanges = services.iter().filter_map(ServiceReport::achieved).collect();
    let mut status = status_of(run, &services);
    let mut warnings = run.known.warnings.clone();
    let mut uncommitted = None;
    match run.core.commit(&achieved) {
        Ok(committed) => warnings.extend(run.end(&achieved, committed, status)),
        Err(error) => {
            status = RunStatus::Failed;
            let message = run.core.without_secrets(&with_causes(&error));
            let next = "nothing is lost: the journal has it, and the next run writes it first";
            uncommitted = Some(Failure::new(FailureKind::Unavailable, message).with_next_step(next));
        }
    }
    RunReport {
        run: run.id,
        started: run.started,
        ended: Timestamp::now(),
        status,
        services,
        warnings,
        uncommitted,
        journal: run.journal.path().to_owned(),
    }
}

impl Run {
    /// Records that the run is over and writes its receipt, once vault and overlay hold what it achieved.
    /// Returns the warnings, which have been told.
    pub(crate) fn end(
        &self,
        achieved: &StateChanges,
        committed: Committed,
        status: RunStatus,
    ) -> Vec<String> {
        let mut warnings: Vec<String> = committed.warning.into_iter().collect();
        let (snapshot, unkept) = match self.core.store.snapshot() {
            Ok(snapshot) => (snapshot, None),
            Err(error) => (None, Some(error)),
        };
        // Both usually have the same cause, which is told once.
        if let Err(error) = self.close(achieved, committed.overlay, snapshot, status) {
            warnings.push(format!(
                "the end of the run is not recorded, so the next one looks at it again: {}",
                with_causes(&error)
            ));
        } else if let Some(error) = unkept {
            warnings.push(format!("this run cannot be rolled back to: {}", with_causes(&error)));
        }
        warnings.iter().map(|message| self.warn(message)).collect()
    }

    fn close(
        &self,
        achieved: &StateChanges,
        overlay: bool,
        snapshot: Option<String>,
        status: RunStatus,
    ) -> Result<(), EngineError> {
        let states = digest_of(achieved);
        self.journal.append(Record::Commit { states, overlay, snapshot }, Flush::Later)?;
        self.journal.append(Record::RunEnd { status }, Flush::Now)?;
        let mut known = self.known.states.clone();
        for (service, state) in achieved {
            match state {
                Some(state) => known.insert(service.clone(), state.clone()),
                None => known.remove(service),
            };
        }
        self.core.write_receipt(self.id, &known)
    }
}

impl Core {
    /// Writes the receipt of a run, if it has none yet, and records that the run is over.
    ///
    /// All of it is read back from the journal: what is written there passed the scrubber, what is in
    /// memory did not.
    pub(crate) fn write_receipt(
        &self,
        run: Uuid,
        states: &BTreeMap<String, State>,
    ) -> Result<(), EngineError> {
        let lines = self.runs.lines(run)?;
        let chain = self.runs.receipts();
        let tip = match chain.of_run(run)? {
            Some(written) => written,
            None => {
                let receipt = receipt::from_journal(&lines, states).ok_or(JournalError::NoBeginning)?;
                chain.append(receipt, &self.scrubber)?
            }
        };
        Ok(self.runs.end(run, lines, tip)?)
    }
}

fn status_of(run: &Run, services: &[ServiceReport]) -> RunStatus {
    match services.iter().all(ServiceReport::is_fine) {
        true => RunStatus::Completed,
        false if run.interrupt.stop().is_cancelled() => RunStatus::Cancelled,
        false => RunStatus::Failed,
    }
}
