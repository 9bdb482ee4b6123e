//! Applies a plan: services in parallel and in order, journalled, and committed at the end.
//!
//! A failed service keeps its dependents from starting and nothing else. Whatever happens, what was
//! achieved is committed before the run ends; if even that fails, the journal has it for the next run.

mod class;
mod commit;
mod interrupt;
mod report;
mod schedule;
mod service;

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use ss_durable::{LockError, WriterLock};
use ss_provider::{Failure, FailureKind};
use uuid::Uuid;

pub use interrupt::Interrupt;
pub use report::{RunReport, ServiceOutcome, ServiceReport};
use schedule::{Fate, Verdict, walk};
use service::{Called, Run};

use crate::core::Core;
use crate::error::{EngineError, with_causes};
use crate::journal::{Flush, JournalError, Record, RunBegin, RunStatus};
use crate::observer::{Event, Observer};
use crate::plan::{Decision, PlanEntry, SystemPlan};
use crate::resolve::digest_of;
use crate::store::StateChanges;

/// Applies the plan.
///
/// # Errors
/// If the run could not begin: another one is under way, or vault or journal cannot be used. Once it has
/// begun, all that goes wrong stands in the report.
pub(crate) async fn apply(
    core: &Arc<Core>,
    plan: SystemPlan,
    observer: Arc<dyn Observer>,
    interrupt: Interrupt,
) -> Result<RunReport, EngineError> {
    let started = Timestamp::now();
    let _lock = core.lock()?;
    let run = Arc::new(core.begin(&plan, observer, interrupt)?);
    let services = work(&run, plan.entries).await;
    Ok(finish(&run, started, services))
}

impl Core {
    /// Takes the one writer's place.
    fn lock(&self) -> Result<WriterLock, EngineError> {
        self.runs.lock(&self.command).map_err(|error| match error {
            LockError::Held { holder, .. } => EngineError::Busy {
                project: self.project.clone(),
                environment: self.environment.clone(),
                holder,
            },
            LockError::File(error) => error.into(),
        })
    }

    /// Commits what a cut run achieved, then begins a new one.
    fn begin(
        self: &Arc<Self>,
        plan: &SystemPlan,
        observer: Arc<dyn Observer>,
        interrupt: Interrupt,
    ) -> Result<Run, EngineError> {
        let mut known = self.known()?;
        // The plan has told the other warnings.
        if let Some(message) = self.commit(&known.uncommitted)?.warning {
            observer.event(Event::Warning { service: None, message: &message });
            known.warnings.push(message);
        }
        let id = Uuid::new_v4();
        let begin = RunBegin {
            run: id,
            command: self.command.clone(),
            version: self.version.clone(),
            project: self.project.clone(),
            environment: self.environment.clone(),
            plan: plan.digest(),
            lock: self.lock_digest.clone(),
        };
        let journal = self.runs.begin(begin, &known.open, &self.scrubber)?;
        Ok(Run { core: self.clone(), id, known, journal, observer, interrupt, ops: AtomicU64::new(0) })
    }
}

/// Works on every service of the plan; returns what became of each.
async fn work(run: &Arc<Run>, entries: Vec<PlanEntry>) -> Vec<ServiceReport> {
    let core = &run.core;
    let place: HashMap<usize, usize> = entries
        .iter()
        .enumerate()
        .filter_map(|(n, entry)| Some((*core.index.get(&entry.service)?, n)))
        .collect();
    let entries = Arc::new(entries);
    let reports: Arc<Mutex<Vec<Option<ServiceReport>>>> = Arc::new(Mutex::new(vec![None; entries.len()]));
    let fates = walk(&core.graph, core.limits.applies, run.interrupt.stop(), |node| {
        let (run, entries, reports) = (run.clone(), entries.clone(), reports.clone());
        let n = place.get(&node).copied();
        async move {
            let Some(n) = n else { return Verdict::Ready };
            let (report, verdict) = one(&run, &entries[n]).await;
            reports.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(report);
            verdict
        }
    })
    .await;
    let mut reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
    for (node, fate) in fates.iter().enumerate() {
        if let Some(&n) = place.get(&node)
            && reports[n].is_none()
        {
            reports[n] = Some(without_work(run, &entries[n], fate));
        }
    }
    reports.into_iter().flatten().collect()
}

/// Works on one service, and tells the observer.
async fn one(run: &Run, entry: &PlanEntry) -> (ServiceReport, Verdict) {
    let began = Instant::now();
    let service = entry.service.as_str();
    let (outcome, failure) = match &entry.decision {
        Decision::Skip { reason } => (ServiceOutcome::Skipped { reason: reason.clone() }, None),
        Decision::Problem { failure } => failed(failure.clone()),
        Decision::Apply(plan) => match run.ready(entry) {
            None => {
                failed(Failure::new(FailureKind::Internal, "the plan names a provider that is not there"))
            }
            Some(ready) => {
                let provider = ready.declared.provider.as_str();
                run.observer.event(Event::Started { service, provider });
                match run.provision(ready, plan.action).await {
                    Ok(Called::Done(achieved)) => (achieved.into(), None),
                    Ok(Called::Halfway(achieved, failure)) => {
                        (achieved.into(), Some(run.core.clean(failure)))
                    }
                    Err(failure) => failed(run.core.clean(failure)),
                }
            }
        },
    };
    let took = began.elapsed();
    let verdict = if failure.is_some() { Verdict::Failed } else { Verdict::Ready };
    match (&failure, &outcome) {
        (Some(failure), _) => run.observer.event(Event::Failed { service, failure, took }),
        (None, ServiceOutcome::Done { summary, .. }) => {
            run.observer.event(Event::Done { service, summary, took });
        }
        _ => {}
    }
    (
        ServiceReport {
            service: service.to_owned(),
            provider: entry.provider.clone(),
            outcome,
            failure,
            took,
        },
        verdict,
    )
}

fn failed(failure: Failure) -> (ServiceOutcome, Option<Failure>) {
    (ServiceOutcome::Failed, Some(failure))
}

/// What became of a service that was never worked on.
fn without_work(run: &Run, entry: &PlanEntry, fate: &Fate) -> ServiceReport {
    let service = entry.service.clone();
    let mut failure = None;
    let outcome = match fate {
        Fate::Blocked(causes) => {
            let because: Vec<String> = causes.iter().map(|&at| run.core.services[at].id.clone()).collect();
            run.observer.event(Event::Blocked { service: &service, because: &because });
            ServiceOutcome::Blocked { because }
        }
        Fate::NotStarted => ServiceOutcome::NotStarted,
        Fate::Ran(_) => {
            let panicked = Failure::new(FailureKind::Internal, "the provider panicked");
            run.observer.event(Event::Failed { service: &service, failure: &panicked, took: Duration::ZERO });
            failure = Some(panicked);
            ServiceOutcome::Failed
        }
    };
    ServiceReport { service, provider: entry.provider.clone(), outcome, failure, took: Duration::ZERO }
}

/// Commits what was achieved and ends the run.
fn finish(run: &Run, started: Timestamp, services: Vec<ServiceReport>) -> RunReport {
    let core = &run.core;
    let achieved: StateChanges = services.iter().filter_map(ServiceReport::achieved).collect();
    let mut status = status_of(run, &services);
    let mut warnings = run.known.warnings.clone();
    let mut uncommitted = None;
    match core.commit(&achieved) {
        Ok(committed) => {
            let ended = end(run, &achieved, committed.overlay, status);
            let unrecorded = ended.err().map(|error| {
                format!(
                    "the end of the run is not recorded, so the next one looks at it again: {}",
                    with_causes(&error)
                )
            });
            for warning in committed.warning.into_iter().chain(unrecorded) {
                let warning = core.without_secrets(&warning);
                run.observer.event(Event::Warning { service: None, message: &warning });
                warnings.push(warning);
            }
        }
        Err(error) => {
            status = RunStatus::Failed;
            let failure = Failure::new(FailureKind::Unavailable, core.without_secrets(&with_causes(&error)));
            let next = "nothing is lost: the journal has it, and the next run writes it first";
            uncommitted = Some(failure.with_next_step(next));
        }
    }
    RunReport {
        run: run.id,
        started,
        ended: Timestamp::now(),
        status,
        services,
        warnings,
        uncommitted,
        journal: run.journal.path().to_owned(),
    }
}

/// Records that vault and overlay hold what was achieved, and that the run is over.
fn end(run: &Run, achieved: &StateChanges, overlay: bool, status: RunStatus) -> Result<(), JournalError> {
    run.journal.append(Record::Commit { states: digest_of(achieved), overlay }, Flush::Later)?;
    run.journal.append(Record::RunEnd { status }, Flush::Now)?;
    run.core.runs.end(run.id)
}

fn status_of(run: &Run, services: &[ServiceReport]) -> RunStatus {
    let cancelled = run.interrupt.stop().is_cancelled();
    let unfinished = |report: &ServiceReport| {
        !matches!(report.outcome, ServiceOutcome::Done { .. } | ServiceOutcome::Skipped { .. })
    };
    match services.iter().any(|report| unfinished(report) || report.failure.is_some()) {
        false => RunStatus::Completed,
        true if cancelled => RunStatus::Cancelled,
        true => RunStatus::Failed,
    }
}
