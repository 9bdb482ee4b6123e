//! Operations whose outcome only a person can know: what was sent, and what that person says became of it.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;
use ss_provider::{Action, Cancel, Failure, FailureKind, Metadata, State};

use crate::core::{Core, Known, Ready, Surroundings};
use crate::error::EngineError;
use crate::journal::{Flush, OpKind, ReadOnly, Record, Resolution, RunStatus, Subject};
use crate::observer::{Observer, Unobserved};
use crate::recovery::described;
use crate::resolve::{Purpose, with_remedy};
use crate::run::{Intention, Interrupt, ServiceOutcome, ServiceReport};
use crate::store::StateChanges;

/// An operation that did not reach its goal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// The service.
    pub service: String,
    /// The provider that was asked.
    pub provider: String,
    /// Whether it was to be torn down.
    pub destroying: bool,
    /// When it was begun last.
    pub began: Timestamp,
    /// What was sent or done, oldest first, in words.
    pub sent: Vec<String>,
}

/// What a person says became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It made the resource with this id.
    Adopt(String),
    /// It made nothing.
    Absent,
    /// Whatever there is, this project no longer knows of it.
    Forget,
}

/// The operations that did not reach their goal, by service.
///
/// # Errors
/// If vault or journal cannot be read.
pub(crate) fn unfinished(core: &Core) -> Result<Vec<Unfinished>, EngineError> {
    Ok(unfinished_of(&core.known()?))
}

/// The same, where what earlier runs left is known already.
pub(crate) fn unfinished_of(known: &Known) -> Vec<Unfinished> {
    let described = known.open.iter().map(|(service, open)| Unfinished {
        service: service.clone(),
        provider: open.intent.declared.provider.clone(),
        destroying: open.intent.kind == OpKind::Destroy,
        began: open.began,
        sent: open.effects.iter().map(described).collect(),
    });
    described.collect()
}

/// Takes a person's word for what became of a service's operation, and records it.
///
/// # Errors
/// If it does not fit what is known, or the provider does not know the resource.
pub(crate) async fn resolve(
    core: &Arc<Core>,
    service: &str,
    verdict: Verdict,
    observer: Arc<dyn Observer>,
) -> Result<Option<State>, EngineError> {
    let known = core.known()?;
    let (open, state) = (known.open.get(service), known.states.get(service));
    if open.is_none() && state.is_none() && !core.index.contains_key(service) {
        core.select(&crate::core::Selection::Service(service.to_owned()))?;
    }
    let resolution = match verdict {
        Verdict::Adopt(id) => match state {
            Some(state) if state.resource_id != id => {
                return Err(EngineError::AlreadyRecorded {
                    service: service.to_owned(),
                    resource_id: state.resource_id.clone(),
                });
            }
            _ => Resolution::Adopted { state: core.adoptable(service, id).await? },
        },
        Verdict::Absent if open.is_some() => Resolution::Absent,
        Verdict::Forget if open.is_some() || state.is_some() => Resolution::Forgotten,
        Verdict::Absent | Verdict::Forget => {
            return Err(EngineError::NothingUnfinished { service: service.to_owned() });
        }
    };
    record(core, service, resolution, observer)
}

fn record(
    core: &Arc<Core>,
    service: &str,
    resolution: Resolution,
    observer: Arc<dyn Observer>,
) -> Result<Option<State>, EngineError> {
    let (adopted, outcome) = match &resolution {
        Resolution::Adopted { state } => (Some(state.clone()), ServiceOutcome::Restored),
        Resolution::Absent | Resolution::Forgotten => (None, ServiceOutcome::Forgotten),
    };
    let changes: StateChanges = match &resolution {
        Resolution::Absent => StateChanges::new(),
        _ => [(service.to_owned(), adopted.clone())].into(),
    };
    let subject = Subject { service: service.to_owned(), declared: None, plugin: None, needs: Vec::new() };
    let intention = Intention { plan: Value::Null, subjects: vec![subject], calls: Vec::new() };
    let run = core.begin(intention, observer, Interrupt::default())?;
    run.journal.append(Record::Resolved { service: service.to_owned(), resolution }, Flush::Now)?;
    run.note(&ServiceReport {
        service: service.to_owned(),
        provider: adopted.as_ref().map(|state| state.provider.clone()),
        outcome,
        failure: None,
        started: None,
        duration_ms: 0,
    });
    let committed = core.commit(&changes)?;
    run.end(&changes, committed, RunStatus::Completed);
    Ok(adopted)
}

impl Core {
    /// The state of a resource that a person names, once its provider has confirmed that it knows it.
    async fn adoptable(&self, service: &str, id: String) -> Result<State, EngineError> {
        let ready = self.index.get(service).and_then(|&at| self.services[at].candidates.first());
        let ready = ready.ok_or_else(|| EngineError::NothingUnfinished { service: service.to_owned() })?;
        let state = State {
            provider: ready.declared.provider.clone(),
            resource_id: id,
            provisioned_at: format!("{:.0}", Timestamp::now()),
            region: None,
            metadata: Metadata::new(),
        };
        self.confirm(ready, state).await.map_err(|failure| EngineError::Refused {
            service: service.to_owned(),
            failure: Box::new(self.clean(failure)),
        })
    }

    /// Asks the provider about the resource: the one it finds by itself, or the one that is named.
    async fn confirm(&self, ready: &Ready, named: State) -> Result<State, Failure> {
        let (provider, declared) = (&ready.provider, &ready.declared);
        let resolved = self.resolver.resolve(declared, provider.description(), Purpose::Plan(&|_| true))?;
        let surroundings = Surroundings {
            effects: Arc::new(ReadOnly::Unwitnessed),
            progress: Arc::new(Unobserved),
            cancel: Cancel::default(),
        };
        let operation = |existing: Option<State>| {
            let context = self.context(declared, &resolved, existing, None, uuid::Uuid::nil());
            surroundings.operation(&resolved, context)
        };
        // What it finds has all that it wants to remember; what is merely named has only its id.
        if let Ok(Some(found)) = provider.find(&operation(None)).await {
            if found.resource_id == named.resource_id {
                return Ok(found);
            }
            let message = format!(
                "what `{}` finds of it is `{}`, not `{}`",
                named.provider, found.resource_id, named.resource_id
            );
            return Err(Failure::new(FailureKind::Conflict, message)
                .with_next_step(format!("adopt `{}`, if that is the one", found.resource_id)));
        }
        let planned = provider.plan(&operation(Some(named.clone()))).await;
        match planned.map_err(|failure| with_remedy(failure, provider.description()))?.action {
            Action::Create => Err(Failure::new(
                FailureKind::NotFound,
                format!("`{}` has nothing with the id `{}`", named.provider, named.resource_id),
            )),
            _ => Ok(named),
        }
    }
}
