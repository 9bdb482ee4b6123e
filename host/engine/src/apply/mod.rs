//! Applies a plan: services in parallel and in order, journalled, and committed at the end.
//!
//! A failed service keeps its dependents from starting and nothing else. Whatever happens, what was
//! achieved is committed before the run ends; if even that fails, the journal has it for the next run.

mod address;
mod service;

use std::sync::Arc;

use ss_provider::{Failure, FailureKind};

use crate::core::Core;
use crate::error::EngineError;
use crate::journal::Subject;
use crate::observer::{Event, Observer};
use crate::plan::{Decision, PlanEntry, SystemPlan};
use crate::run::{Intention, Interrupt, Run, RunReport, ServiceOutcome, Task, Worked, finish, work};

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
    let run = Arc::new(core.begin(intention(core, &plan), observer, interrupt)?);
    let names: Vec<String> = core.services.iter().map(|service| service.id.clone()).collect();
    let services = work(&run, &core.graph, &names, plan.entries, |run, entries, n| async move {
        provision(&run, &entries[n]).await
    })
    .await;
    Ok(finish(&run, services))
}

fn intention(core: &Core, plan: &SystemPlan) -> Intention {
    let subjects = plan.entries.iter().map(|entry| core.subject(entry)).collect();
    // Only values with non-string keys have no JSON; a plan has none.
    Intention { plan: serde_json::to_value(plan).unwrap_or_default(), subjects, calls: plan.calls.clone() }
}

impl Core {
    /// The service as the journal and the receipt know it.
    fn subject(&self, entry: &PlanEntry) -> Subject {
        let ready = self.chosen(entry);
        Subject {
            service: entry.service.clone(),
            declared: ready.map(|ready| (*ready.declared).clone()),
            plugin: ready.map(|ready| ready.provider.identity().clone()),
            needs: self.index.get(&entry.service).map_or_else(Vec::new, |&at| {
                self.graph.dependencies(at).iter().map(|&need| self.services[need].id.clone()).collect()
            }),
        }
    }

    /// The provider that the plan chose for a service.
    pub(crate) fn chosen(&self, entry: &PlanEntry) -> Option<&crate::core::Ready> {
        let service = &self.services[*self.index.get(&entry.service)?];
        service.candidates.iter().find(|ready| Some(&ready.declared.provider) == entry.provider.as_ref())
    }
}

impl Task for PlanEntry {
    fn service(&self) -> &str {
        &self.service
    }

    fn provider(&self) -> Option<&str> {
        self.provider.as_deref()
    }
}

/// Does what the plan says of one service.
async fn provision(run: &Run, entry: &PlanEntry) -> Worked {
    let plan = match &entry.decision {
        Decision::Skip { reason } => return (ServiceOutcome::Skipped { reason: reason.clone() }, None),
        Decision::Problem { failure } => return (ServiceOutcome::Failed, Some(failure.clone())),
        Decision::Apply(plan) => plan,
    };
    let Some(ready) = run.core.chosen(entry) else {
        let failure = Failure::new(FailureKind::Internal, "the plan names a provider that is not there");
        return (ServiceOutcome::Failed, Some(failure));
    };
    let provider = ready.declared.provider.as_str();
    run.observer.event(Event::Started { service: &entry.service, provider });
    match run.provision(ready, plan.action).await {
        Ok(worked) => worked,
        Err(failure) => (ServiceOutcome::Failed, Some(failure)),
    }
}
