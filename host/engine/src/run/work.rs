//! Working on the services of a run, in order and in parallel.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use ss_provider::{Failure, FailureKind};

use super::schedule::{Fate, Verdict, walk};
use super::{Run, ServiceOutcome, ServiceReport};
use crate::graph::Graph;
use crate::journal::{Flush, Record};
use crate::observer::Event;

/// What is to be done with one service.
pub(crate) trait Task: Send + Sync + 'static {
    /// The service.
    fn service(&self) -> &str;

    /// Its provider, if it has one.
    fn provider(&self) -> Option<&str>;
}

/// How one service went: what became of it, and what went wrong.
pub(crate) type Worked = (ServiceOutcome, Option<Failure>);

/// Does each task at its node of the graph; returns what became of each, in the tasks' order.
///
/// `names` are the ids of all nodes.
pub(crate) async fn work<T, F, Fut>(
    run: &Arc<Run>,
    graph: &Graph,
    names: &[String],
    tasks: Vec<T>,
    act: F,
) -> Vec<ServiceReport>
where
    T: Task,
    F: Fn(Arc<Run>, Arc<Vec<T>>, usize) -> Fut,
    Fut: Future<Output = Worked> + Send + 'static,
{
    let nodes: HashMap<&str, usize> = names.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    let places: HashMap<usize, usize> =
        tasks.iter().enumerate().filter_map(|(n, task)| Some((*nodes.get(task.service())?, n))).collect();
    let tasks = Arc::new(tasks);
    let reports: Arc<Mutex<Vec<Option<ServiceReport>>>> = Arc::new(Mutex::new(vec![None; tasks.len()]));
    let fates = walk(graph, run.core.limits.applies, run.interrupt.stop(), |node| {
        let (run, tasks, reports) = (run.clone(), tasks.clone(), reports.clone());
        let n = places.get(&node).copied();
        let acting = n.map(|n| act(run.clone(), tasks.clone(), n));
        async move {
            let (Some(n), Some(acting)) = (n, acting) else { return Verdict::Ready };
            let (report, verdict) = one(&run, &tasks[n], acting).await;
            reports.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(report);
            verdict
        }
    })
    .await;
    let mut reports = std::mem::take(&mut *reports.lock().unwrap_or_else(PoisonError::into_inner));
    for (node, fate) in fates.iter().enumerate() {
        if let Some(&n) = places.get(&node)
            && reports[n].is_none()
        {
            reports[n] = Some(without_work(run, &tasks[n], fate, names));
        }
    }
    reports.into_iter().flatten().collect()
}

/// Works on one service, tells the observer, and records how it went.
async fn one(run: &Run, task: &impl Task, acting: impl Future<Output = Worked>) -> (ServiceReport, Verdict) {
    let (began, started) = (Instant::now(), Timestamp::now());
    let service = task.service();
    let (outcome, failure) = acting.await;
    let failure = failure.map(|failure| run.core.clean(failure));
    let took = began.elapsed();
    let verdict = if failure.is_some() { Verdict::Failed } else { Verdict::Ready };
    match (&failure, &outcome) {
        (Some(failure), _) => run.observer.event(Event::Failed { service, failure, took }),
        (None, ServiceOutcome::Done { summary, .. }) => {
            run.observer.event(Event::Done { service, summary, took });
        }
        (None, ServiceOutcome::Destroyed) => {
            run.observer.event(Event::Done { service, summary: "destroyed", took });
        }
        _ => {}
    }
    let report = ServiceReport {
        service: service.to_owned(),
        provider: task.provider().map(str::to_owned),
        outcome,
        failure,
        started: Some(started),
        duration_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    };
    run.note(&report);
    (report, verdict)
}

/// What became of a service that was never worked on.
fn without_work(run: &Run, task: &impl Task, fate: &Fate, names: &[String]) -> ServiceReport {
    let service = task.service();
    let mut failure = None;
    let outcome = match fate {
        Fate::Blocked(causes) => {
            let because: Vec<String> = causes.iter().map(|&at| names[at].clone()).collect();
            run.observer.event(Event::Blocked { service, because: &because });
            ServiceOutcome::Blocked { because }
        }
        Fate::NotStarted => ServiceOutcome::NotStarted,
        Fate::Ran(_) => {
            let panicked = Failure::new(FailureKind::Internal, "the provider panicked");
            let took = std::time::Duration::ZERO;
            run.observer.event(Event::Failed { service, failure: &panicked, took });
            failure = Some(panicked);
            ServiceOutcome::Failed
        }
    };
    let report = ServiceReport {
        service: service.to_owned(),
        provider: task.provider().map(str::to_owned),
        outcome,
        failure,
        started: None,
        duration_ms: 0,
    };
    run.note(&report);
    report
}

impl Run {
    /// Records what became of a service, for the receipt. What the next run needs stands in other records.
    pub(crate) fn note(&self, report: &ServiceReport) {
        if let Err(error) = self.journal.append(Record::Service(report.clone()), Flush::Later) {
            tracing::warn!(%error, "what became of a service is not in the journal");
        }
    }
}
