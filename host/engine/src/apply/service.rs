//! Provisions one service: settles what an earlier attempt left, calls the provider, keeps what it returns.

use std::sync::Arc;

use ss_provider::{Action, Failure, FailureKind, Outcome, State};
use uuid::Uuid;

use super::address::address;
use crate::core::Ready;
use crate::journal::{Flush, Intent, OpId, OpJournal, OpKind, ReadOnly, Record};
use crate::recovery::Start;
use crate::resolve::{Purpose, Resolved, idempotency_key, unusable, with_remedy};
use crate::run::{Run, ServiceOutcome, Worked, classify, unrecorded};

impl Run {
    /// Provisions a service.
    ///
    /// # Errors
    /// Why it is not as described. The journal knows what was begun.
    pub(super) async fn provision(&self, ready: &Ready, action: Action) -> Result<Worked, Failure> {
        let core = &*self.core;
        let declared = &ready.declared;
        let op = self.next_op();
        let existing = core.existing(declared, &self.known)?;
        let resolved = core.resolver.resolve(declared, ready.provider.description(), Purpose::Apply)?;
        let reading = ReadOnly::Journalled(self.journal.of(op, &declared.service));
        let reading = self.surroundings(&declared.service, Arc::new(reading));
        let start = core.start_from(ready, existing, &self.known, &reading, core.limits.settle).await?;

        let before = start.existing.clone();
        let effects = Arc::new(self.journal.of(op, &declared.service));
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
        let surroundings = self.surroundings(&declared.service, effects);
        let context = core.context(declared, resolved, start.existing, start.partial, incarnation);
        let operation = surroundings.operation(resolved, context);
        let called = self.within_patience(ready.provider.provision(&operation)).await;
        called.map_err(|failure| with_remedy(failure, ready.provider.description()))
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
    ) -> Result<Worked, Failure> {
        let service = &ready.declared.service;
        let Outcome { state, credentials, summary } = outcome;
        let stored = if credentials.is_empty() {
            Ok(())
        } else {
            self.core.store.put_credentials(service, &credentials)
        };
        let changed = effects.has_effects();
        let url = address(&state, &credentials, &self.core.scrubber);
        let summary = self.core.without_secrets(&summary);
        let credentials: Vec<String> = credentials.into_iter().map(|credential| credential.name).collect();
        let record = Record::OpDone {
            op,
            state: Some(state.clone()),
            summary: summary.clone(),
            credentials: credentials.clone(),
            url: url.clone(),
        };
        let nothing_new = before == Some(&state) && !changed;
        let flush = if nothing_new { Flush::Later } else { Flush::Now };
        self.journal.append(record, flush).map_err(unrecorded)?;
        let done = ServiceOutcome::Done { state, summary, credentials, changed, url };
        let halfway = stored.err().map(|error| {
            let failure = unusable(error);
            let message = format!(
                "`{service}` is provisioned, but its credentials cannot be stored: {}",
                failure.message
            );
            Failure { message, ..failure }
        });
        // With a failure its dependents cannot go on, whatever was reached.
        Ok((done, halfway))
    }
}
