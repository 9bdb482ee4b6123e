//! The health of what is provisioned.

use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use ss_provider::{Cancel, Failure, Health, State};
use uuid::Uuid;

use crate::core::{Core, Known, Ready, Selection, Surroundings};
use crate::error::EngineError;
use crate::journal::ReadOnly;
use crate::observer::{Event, Observer, Unobserved};
use crate::resolve::{Purpose, with_remedy};

/// The health of a system's provisioned services.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemHealth {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// One per selected service that has been provisioned, in file order.
    pub services: Vec<ServiceHealth>,
    /// The selected services that have a provider and have not been provisioned, in file order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What a person should know and that stops nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

impl SystemHealth {
    /// Whether all of them are.
    pub fn is_healthy(&self) -> bool {
        self.services.iter().all(|service| service.health.healthy)
    }
}

/// The health of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceHealth {
    /// The service.
    pub service: String,
    /// The provider that made it.
    pub provider: String,
    /// The verdict.
    #[serde(flatten)]
    pub health: Health,
    /// What a person can do, if it could not be asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
}

/// Asks the providers of all selected services that have a state.
///
/// # Errors
/// If the states cannot be read. A provider that cannot be asked makes its service unhealthy.
pub(crate) async fn status(
    core: &Arc<Core>,
    selection: &Selection,
    observer: Arc<dyn Observer>,
    cancel: Cancel,
) -> Result<SystemHealth, EngineError> {
    let selected = core.select(selection)?;
    let known = Arc::new(core.known()?);
    let (provisioned, others): (Vec<usize>, Vec<usize>) =
        selected.into_iter().partition(|&at| known.states.contains_key(&core.services[at].id));
    let missing =
        others.into_iter().map(|at| &core.services[at]).filter(|service| !service.candidates.is_empty());
    let missing = missing.map(|service| service.id.clone()).collect();
    let services: Vec<ServiceHealth> = stream::iter(provisioned)
        .map(|at| {
            let (core, known, cancel) = (core.clone(), known.clone(), cancel.clone());
            let state = known.states[&core.services[at].id].clone();
            let provider = state.provider.clone();
            let task = tokio::spawn(async move { ask(&core, at, &known, state, cancel).await });
            async move { (at, provider, task.await) }
        })
        .buffered(core.limits.reads)
        .map(|(at, provider, answer)| {
            let answer = answer.unwrap_or_else(|_| Err(internal()));
            let report = report(core, at, provider, answer);
            let ServiceHealth { service, provider, health, .. } = &report;
            observer.event(Event::Health { service, provider, health });
            report
        })
        .collect()
        .await;
    Ok(SystemHealth {
        project: core.project.clone(),
        environment: core.environment.clone(),
        services,
        missing,
        warnings: known.warnings.clone(),
    })
}

async fn ask(core: &Core, at: usize, known: &Known, state: State, cancel: Cancel) -> Result<Health, Failure> {
    let Ready { provider, declared, .. } = core.maker(at, &state)?;
    let resolved = core.resolver.resolve(declared, provider.description(), Purpose::Look)?;
    let partial = known.open.get(&declared.service).and_then(|open| open.partial.clone());
    let context = core.context(declared, &resolved, Some(state.clone()), partial, Uuid::nil());
    let surroundings =
        Surroundings { effects: Arc::new(ReadOnly::Unwitnessed), progress: Arc::new(Unobserved), cancel };
    let answer = provider.status(&surroundings.operation(&resolved, context), &state).await;
    answer.map_err(|failure| with_remedy(failure, provider.description()))
}

fn internal() -> Failure {
    Failure::new(ss_provider::FailureKind::Internal, "the provider panicked")
}

/// A failure to ask is an answer too: not healthy (contract row AD-18).
fn report(core: &Core, at: usize, provider: String, answer: Result<Health, Failure>) -> ServiceHealth {
    let service = core.services[at].id.clone();
    match answer {
        Ok(mut health) => {
            health.message = core.without_secrets(&health.message);
            if let Some(raw) = &mut health.raw {
                core.hide_secrets(raw);
            }
            ServiceHealth { service, provider, health, next_step: None }
        }
        Err(failure) => {
            let failure = core.clean(failure);
            let health = Health { healthy: false, message: failure.message, raw: None };
            ServiceHealth { service, provider, health, next_step: failure.next_step }
        }
    }
}
