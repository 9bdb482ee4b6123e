//! What has been changed behind our back, as the providers tell.
//!
//! Needs the recorded states and API keys, and nothing else: a checkout with a committed `_state` and the
//! keys in variables is enough (contract row R29c), so that it runs in CI without a vault.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt as _, stream};
use serde::Serialize;
use ss_provider::{Cancel, Change, Failure, FailureKind, State};
use uuid::Uuid;

use crate::core::{Core, Known, Selection, Surroundings};
use crate::error::{EngineError, with_causes};
use crate::journal::ReadOnly;
use crate::observer::Unobserved;
use crate::resolve::{Purpose, with_remedy};

/// What differs in a system from what was deployed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemDrift {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// Whether anything differs.
    pub drifted: bool,
    /// Whether every provider could be asked.
    pub complete: bool,
    /// One per selected service that has been provisioned, in file order.
    pub services: Vec<ServiceDrift>,
    /// The selected services that have a provider and have not been provisioned, in file order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub missing: Vec<String>,
    /// What a person should know and that stops nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// What differs in a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ServiceDrift {
    /// The service.
    pub service: String,
    /// The provider that made it.
    pub provider: String,
    /// The provider's id of it.
    pub resource_id: String,
    /// What was found.
    #[serde(flatten)]
    pub finding: Finding,
}

/// What was found of a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "status")]
pub enum Finding {
    /// It is as it was deployed.
    Clean,
    /// It is not.
    Drifted {
        /// Field by field: as it was deployed would be `after`, as it is now is `before`.
        changes: Vec<Change>,
    },
    /// Its provider could not be asked.
    Unknown {
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
}

/// Asks the providers of all selected services that have a state.
///
/// # Errors
/// If there is no such service, or a journal cannot be read. A vault that cannot be read is a warning.
pub(crate) async fn drift(
    core: &Arc<Core>,
    selection: &Selection,
    cancel: Cancel,
) -> Result<SystemDrift, EngineError> {
    let selected = core.select(selection)?;
    let (states, unreadable) = match core.store.states() {
        Ok(states) => (states, None),
        Err(error) => {
            let reason = with_causes(&error);
            (
                BTreeMap::new(),
                Some(format!("the vault cannot be read, so the file alone says what exists: {reason}")),
            )
        }
    };
    let known = Arc::new(core.known_with(states)?);
    let (provisioned, others): (Vec<usize>, Vec<usize>) =
        selected.into_iter().partition(|&at| known.states.contains_key(&core.services[at].id));
    let missing = others.into_iter().map(|at| &core.services[at]);
    let missing = missing.filter(|service| !service.candidates.is_empty()).map(|service| service.id.clone());
    let services: Vec<ServiceDrift> = stream::iter(provisioned)
        .map(|at| {
            let (core, known, cancel) = (core.clone(), known.clone(), cancel.clone());
            let state = known.states[&core.services[at].id].clone();
            let task = {
                let (core, state) = (core.clone(), state.clone());
                tokio::spawn(async move { observe(&core, at, &known, state, cancel).await })
            };
            async move {
                let panicked = |_| Err(Failure::new(FailureKind::Internal, "the provider panicked"));
                let finding = finding(&core, task.await.unwrap_or_else(panicked));
                let (provider, resource_id) = (state.provider, state.resource_id);
                ServiceDrift { service: core.services[at].id.clone(), provider, resource_id, finding }
            }
        })
        .buffered(core.limits.reads)
        .collect()
        .await;
    Ok(SystemDrift {
        project: core.project.clone(),
        environment: core.environment.clone(),
        drifted: services.iter().any(|service| matches!(service.finding, Finding::Drifted { .. })),
        complete: !services.iter().any(|service| matches!(service.finding, Finding::Unknown { .. })),
        services,
        missing: missing.collect(),
        warnings: unreadable.into_iter().chain(known.warnings.iter().cloned()).collect(),
    })
}

async fn observe(
    core: &Core,
    at: usize,
    known: &Known,
    state: State,
    cancel: Cancel,
) -> Result<Vec<Change>, Failure> {
    let ready = core.maker(at, &state)?;
    let (provider, declared) = (&ready.provider, &ready.declared);
    let resolved = core.resolver.resolve(declared, provider.description(), Purpose::Examine)?;
    let partial = known.open.get(&declared.service).and_then(|open| open.partial.clone());
    let context = core.context(declared, &resolved, Some(state.clone()), partial, Uuid::nil());
    let surroundings =
        Surroundings { effects: Arc::new(ReadOnly::Unwitnessed), progress: Arc::new(Unobserved), cancel };
    let answer = provider.observe(&surroundings.operation(&resolved, context), &state).await;
    answer.map_err(|failure| with_remedy(failure, provider.description()))
}

fn finding(core: &Core, answer: Result<Vec<Change>, Failure>) -> Finding {
    match answer {
        Ok(changes) if changes.is_empty() => Finding::Clean,
        Ok(mut changes) => {
            changes.iter_mut().for_each(|change| core.hide_in(change));
            Finding::Drifted { changes }
        }
        Err(failure) => Finding::Unknown { failure: core.clean(failure) },
    }
}
