//! Plans the services of a system, in parallel.

use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use serde_json::Value;
use ss_provider::{Cancel, Change, Failure, FailureKind, Plan};
use ss_secret::Seals;

use super::{Call, Decision, PlanEntry, SystemPlan};
use crate::core::{Core, Known, Ready, Selection, Surroundings};
use crate::error::EngineError;
use crate::journal::ReadOnly;
use crate::observer::Unobserved;
use crate::resolve::{Purpose, with_remedy};
use crate::route::SkipReason;

/// Plans the selected services.
///
/// # Errors
/// If nothing can be planned at all. What is wrong with one service stands in its entry.
pub(crate) async fn plan(core: &Arc<Core>, selection: &Selection) -> Result<SystemPlan, EngineError> {
    let selected = core.select(selection)?;
    let known = Arc::new(core.known()?);
    let chosen: Arc<HashSet<String>> =
        Arc::new(selected.iter().map(|&at| core.services[at].id.clone()).collect());
    let calls = Arc::new(Mutex::new(Vec::new()));
    let entries: Vec<PlanEntry> = stream::iter(selected)
        .map(|at| {
            let (core, known, chosen) = (core.clone(), known.clone(), chosen.clone());
            let calls = calls.clone();
            let task = tokio::spawn(async move { plan_service(&core, at, &known, &chosen, &calls).await });
            async move { (at, task.await) }
        })
        .buffered(core.limits.reads)
        .map(|(at, planned)| planned.unwrap_or_else(|_| core.panicked(at)))
        .collect()
        .await;
    Ok(SystemPlan {
        project: core.project.clone(),
        environment: core.environment.clone(),
        entries,
        warnings: known.warnings.clone(),
        calls: std::mem::take(&mut *calls.lock().unwrap_or_else(PoisonError::into_inner)),
    })
}

impl Core {
    fn panicked(&self, at: usize) -> PlanEntry {
        let failure = Failure::new(FailureKind::Internal, "the provider panicked");
        PlanEntry {
            service: self.services[at].id.clone(),
            provider: None,
            development: false,
            exists: false,
            interrupted: false,
            decision: Decision::Problem { failure },
        }
    }
}

async fn plan_service(
    core: &Core,
    at: usize,
    known: &Known,
    chosen: &HashSet<String>,
    calls: &Arc<Mutex<Vec<Call>>>,
) -> PlanEntry {
    let service = &core.services[at];
    let mut entry = PlanEntry {
        service: service.id.clone(),
        provider: None,
        development: false,
        exists: known.states.contains_key(&service.id),
        interrupted: known.open.contains_key(&service.id),
        decision: Decision::Skip { reason: service.skip.clone().unwrap_or(SkipReason::NoProvisioner) },
    };
    for ready in &service.candidates {
        let planned = plan_with(core, ready, known, chosen, calls).await;
        match planned {
            // The plugin does not take it after all; the next one that claims the shape may.
            Ok(None) => continue,
            Ok(Some(plan)) => entry.decision = Decision::Apply(plan),
            Err(failure) => entry.decision = Decision::Problem { failure: core.clean(failure) },
        }
        entry.provider = Some(ready.declared.provider.clone());
        entry.development = ready.provider.identity().development;
        break;
    }
    entry
}

/// The provider's plan; none if the provider does not take the service.
async fn plan_with(
    core: &Core,
    ready: &Ready,
    known: &Known,
    chosen: &HashSet<String>,
    calls: &Arc<Mutex<Vec<Call>>>,
) -> Result<Option<Plan>, Failure> {
    let declared = &ready.declared;
    let existing = core.existing(declared, known)?;
    let will_offer = |source: &str| chosen.contains(source) && core.is_routed(source);
    let description = ready.provider.description();
    let resolved = core.resolver.resolve(declared, description, Purpose::Plan(&will_offer))?;
    if ready.by_shape && !ready.provider.can_provision(&resolved.service).await? {
        return Ok(None);
    }
    let surroundings = Surroundings {
        effects: Arc::new(ReadOnly::Collected { service: declared.service.clone(), calls: calls.clone() }),
        progress: Arc::new(Unobserved),
        cancel: Cancel::default(),
    };
    let start = core.start_from(ready, existing, known, &surroundings, Duration::ZERO).await?;
    // Nothing is begun, so there is no incarnation yet; the plan must not depend on one.
    let incarnation = start.incarnation.unwrap_or_else(uuid::Uuid::nil);
    let operation = surroundings
        .operation(&resolved, core.context(declared, &resolved, start.existing, start.partial, incarnation));
    let planned = ready.provider.plan(&operation).await;
    let plan = planned.map_err(|failure| with_remedy(failure, description))?;
    Ok(Some(core.showable(plan)))
}

impl Core {
    /// The plan without secrets, and without sealed tokens, which differ from run to run.
    fn showable(&self, mut plan: Plan) -> Plan {
        plan.detail = self.without_secrets(&plan.detail);
        for change in &mut plan.changes {
            self.hide_in(change);
        }
        plan
    }

    /// Hides what must not be shown of a change.
    pub(crate) fn hide_in(&self, change: &mut Change) {
        change.field = self.without_secrets(&change.field);
        for value in [&mut change.before, &mut change.after].into_iter().flatten() {
            change.sensitive |= self.hide_secrets(value);
        }
    }

    /// Hides what must not be shown in all texts of the value; says whether there was anything.
    pub(crate) fn hide_secrets(&self, value: &mut Value) -> bool {
        match value {
            Value::String(text) => {
                let clean = self.without_secrets(text);
                let hidden = clean != *text;
                *text = clean;
                hidden
            }
            // No short-circuit: every part must be cleaned.
            Value::Array(items) => {
                items.iter_mut().fold(false, |hidden, item| self.hide_secrets(item) | hidden)
            }
            Value::Object(fields) => {
                fields.values_mut().fold(false, |hidden, field| self.hide_secrets(field) | hidden)
            }
            _ => false,
        }
    }

    /// The text with secrets and sealed tokens hidden.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let scrubbed: Cow<'_, str> = self.scrubber.scrub(text);
        let tokens: Vec<&str> = Seals::tokens_in(text).collect();
        tokens.iter().fold(scrubbed.into_owned(), |text, token| text.replace(token, "[sealed]"))
    }
}
