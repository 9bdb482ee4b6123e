//! Provisions one service: settles what an earlier attempt left, calls the provider, keeps what it returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ss_provider::{Action, Failure, FailureKind, Outcome, State};
use uuid::Uuid;

use super::Interrupt;
use super::class::classify;
use crate::core::{Core, Known, Ready, Surroundings};
use crate::error::with_causes;
use crate::journal::{Flush, Intent, Journal, JournalError, OpId, OpJournal, OpKind, ReadOnly, Record};
use crate::observer::{Observer, ServiceProgress};
use crate::plan::PlanEntry;
use crate::recovery::Start;
use crate::resolve::{Purpose, Resolved, idempotency_key, unusable, with_remedy};

/// A run under way, as its services share it.
pub(crate) struct Run {
    pub core: Arc<Core>,
    pub id: Uuid,
    pub known: Known,
    pub journal: Arc<Journal>,
    pub observer: Arc<dyn Observer>,
    pub interrupt: Interrupt,
    pub ops: AtomicU64,
}

/// A service that is as described.
pub(crate) struct Achieved {
    pub state: State,
    pub summary: String,
    pub credentials: Vec<String>,
}

/// How a call of the provider went.
pub(crate) enum Called {
    /// It reached its goal, and all it returned is kept.
    Done(Achieved),
    /// It reached its goal, but its credentials could not be kept: its dependents cannot go on.
    Halfway(Achieved, Failure),
}

impl Run {
    /// The provider that the plan chose for a service.
    pub(crate) fn ready(&self, entry: &PlanEntry) -> Option<&Ready> {
        let service = &self.core.services[*self.core.index.get(&entry.service)?];
        service.candidates.iter().find(|ready| Some(&ready.declared.provider) == entry.provider.as_ref())
    }

    /// Provisions a service.
    ///
    /// # Errors
    /// Why it is not as described. The journal knows what was begun.
    pub(crate) async fn provision(&self, ready: &Ready, action: Action) -> Result<Called, Failure> {
        let core = &*self.core;
        let declared = &ready.declared;
        let op = self.ops.fetch_add(1, Ordering::SeqCst) + 1;
        let existing = core.existing(declared, &self.known)?;
        let resolved = core.resolver.resolve(declared, ready.provider.description(), Purpose::Apply)?;
        let reading =
            self.surroundings(declared.service.clone(), Arc::new(ReadOnly(Some(self.journal.of(op)))));
        let start = core.start_from(ready, existing, &self.known, &reading, core.limits.settle).await?;

        let before = start.existing.clone();
        let effects = Arc::new(self.journal.of(op));
        let outcome = self.call(op, ready, action, &resolved, start, effects.clone()).await;
        match outcome.and_then(|outcome| self.check(ready, outcome)) {
            Ok(outcome) => self.keep(op, ready, before.as_ref(), &effects, outcome),
            Err(failure) => {
                // Whatever the provider makes of effects that cannot be announced, this is the cause.
                if let Some(error) = self.journal.closed() {
                    return Err(unrecorded(error));
                }
                let failure = core.clean(failure);
                let class = classify(&failure.kind, effects.has_effects());
                let record = Record::OpFailed { op, class, failure: failure.clone() };
                if let Err(error) = self.journal.append(record, Flush::Later) {
                    tracing::warn!(%error, "a failure is not in the journal");
                }
                Err(failure)
            }
        }
    }

    /// Announces the call in the journal and makes it.
    async fn call(
        &self,
        op: OpId,
        ready: &Ready,
        action: Action,
        resolved: &Resolved,
        start: Start,
        effects: Arc<OpJournal>,
    ) -> Result<Outcome, Failure> {
        let core = &*self.core;
        let declared = &ready.declared;
        let incarnation = start.incarnation.unwrap_or_else(Uuid::new_v4);
        let intent = Intent {
            op,
            declared: (**declared).clone(),
            plugin: ready.provider.identity().clone(),
            kind: OpKind::Provision,
            action,
            attempt: start.attempts + 1,
            incarnation,
            idempotency_key: idempotency_key(&core.project, &core.environment, declared, incarnation),
            settled: start.settled,
        };
        self.journal.append(Record::OpIntent(intent), Flush::Later).map_err(unrecorded)?;
        let surroundings = self.surroundings(declared.service.clone(), effects);
        let context = core.context(declared, resolved, start.existing, start.partial, incarnation);
        let operation = surroundings.operation(resolved, context);
        let called = self.within_patience(ready.provider.provision(&operation)).await;
        called.map_err(|failure| with_remedy(failure, ready.provider.description()))
    }

    fn surroundings(&self, service: String, effects: Arc<dyn ss_provider::Effects>) -> Surroundings {
        Surroundings {
            effects,
            progress: Arc::new(ServiceProgress {
                service,
                observer: self.observer.clone(),
                scrubber: self.core.scrubber.clone(),
            }),
            cancel: self.interrupt.abort().clone(),
        }
    }

    /// Waits for the call; once it is cancelled, no longer than the grace.
    async fn within_patience<T>(&self, call: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
        let mut call = std::pin::pin!(call);
        tokio::select! {
            biased;
            result = &mut call => return result,
            () = self.interrupt.abort().cancelled() => {}
        }
        tokio::time::timeout(self.core.limits.grace, call).await.unwrap_or_else(|_| {
            Err(Failure::new(FailureKind::Cancelled, "cancelled; it did not wind up in time"))
        })
    }

    /// Refuses what may not be kept: a state of another provider, or one that holds a secret.
    fn check(&self, ready: &Ready, mut outcome: Outcome) -> Result<Outcome, Failure> {
        for credential in outcome.credentials.iter().filter(|credential| credential.sensitive) {
            self.core.scrubber.learn(&credential.value);
        }
        let provider = &ready.declared.provider;
        let wrong = |message: String| {
            Failure::new(FailureKind::Internal, message)
                .with_next_step(format!("report this to the author of the plugin `{provider}`"))
        };
        if outcome.state.provider != *provider {
            return Err(wrong(format!("`{provider}` returned a state of `{}`", outcome.state.provider)));
        }
        if let Some(field) = self.leaking_field(&outcome.state) {
            return Err(wrong(format!(
                "`{provider}` put a secret into `{field}` of its state, which is kept in the open; the state was refused"
            )));
        }
        for field in outcome.state.metadata.values_mut() {
            self.core.hide_secrets(field);
        }
        Ok(outcome)
    }

    /// The first field of the state that holds a secret.
    fn leaking_field(&self, state: &State) -> Option<String> {
        let text = serde_json::to_value(state).ok()?;
        let leaks = |value: &serde_json::Value| self.core.scrubber.leaks(&value.to_string());
        if !leaks(&text) {
            return None;
        }
        let fields = text.as_object().into_iter().flatten();
        let (name, value) = fields.into_iter().find(|(_, value)| leaks(value))?;
        let inner = value.as_object().into_iter().flatten().find(|(_, value)| leaks(value));
        Some(inner.map_or_else(|| name.clone(), |(inner, _)| format!("{name}.{inner}")))
    }

    /// Keeps what the provider returned: credentials first, so that "done" means that dependents can read
    /// them, then the state.
    fn keep(
        &self,
        op: OpId,
        ready: &Ready,
        before: Option<&State>,
        effects: &OpJournal,
        outcome: Outcome,
    ) -> Result<Called, Failure> {
        let service = &ready.declared.service;
        let stored = if outcome.credentials.is_empty() {
            Ok(())
        } else {
            self.core.store.put_credentials(service, &outcome.credentials)
        };
        let achieved = Achieved {
            state: outcome.state,
            summary: self.core.without_secrets(&outcome.summary),
            credentials: outcome.credentials.into_iter().map(|credential| credential.name).collect(),
        };
        let record = Record::OpDone {
            op,
            state: Some(achieved.state.clone()),
            summary: achieved.summary.clone(),
            credentials: achieved.credentials.clone(),
        };
        let nothing_new = before == Some(&achieved.state) && !effects.has_effects();
        let flush = if nothing_new { Flush::Later } else { Flush::Now };
        self.journal.append(record, flush).map_err(unrecorded)?;
        Ok(match stored {
            Ok(()) => Called::Done(achieved),
            Err(error) => {
                let failure = unusable(error);
                let message = format!(
                    "`{service}` is provisioned, but its credentials cannot be stored: {}",
                    failure.message
                );
                Called::Halfway(achieved, Failure { message, ..failure })
            }
        })
    }
}

fn unrecorded(error: JournalError) -> Failure {
    let failure = Failure::new(FailureKind::Unavailable, with_causes(&error));
    failure.with_next_step("see that the disk has room and can be written, then run the command again")
}
