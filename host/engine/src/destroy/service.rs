//! Tears down one service.

use std::sync::Arc;

use ss_provider::{Action, Failure, FailureKind, Metadata, State};
use uuid::Uuid;

use super::Doomed;
use crate::core::Ready;
use crate::journal::{Flush, Intent, OpKind, ReadOnly, Record};
use crate::observer::Event;
use crate::resolve::{Declared, Purpose, Resolved, idempotency_key, with_remedy};
use crate::run::{Run, ServiceOutcome, Worked, classify, unrecorded};

impl Run {
    /// Tears down a service, or finds that nothing of it is there.
    pub(super) async fn destroy(&self, entry: &Doomed) -> Worked {
        self.observer.event(Event::Started { service: &entry.service, provider: &entry.provider });
        match self.tear_down(entry).await {
            Ok(()) => (ServiceOutcome::Destroyed, None),
            Err(failure) => (ServiceOutcome::Failed, Some(failure)),
        }
    }

    async fn tear_down(&self, entry: &Doomed) -> Result<(), Failure> {
        let ready = self.maker_of(entry)?;
        let (core, declared) = (&*self.core, &ready.declared);
        let op = self.next_op();
        let resolved = core.resolver.resolve(declared, ready.provider.description(), Purpose::Examine)?;
        let state = match self.known.states.get(&entry.service) {
            Some(state) => Some(state.clone()),
            None => {
                let reading = ReadOnly::Journalled(self.journal.of(op, &entry.service));
                let reading = self.surroundings(&entry.service, Arc::new(reading));
                core.left_of(&ready, &self.known, &reading, core.limits.settle).await?
            }
        };
        let intent = self.intent(op, &ready);
        let incarnation = intent.incarnation;
        self.journal.append(Record::OpIntent(intent), Flush::Later).map_err(unrecorded)?;
        if let Some(state) = state {
            self.ask(op, &ready, &resolved, &state, incarnation).await?;
        }
        let record =
            Record::OpDone { op, state: None, summary: "destroyed".into(), credentials: vec![], url: None };
        self.journal.append(record, Flush::Now).map_err(unrecorded)
    }

    /// Has the provider tear it down.
    async fn ask(
        &self,
        op: u64,
        ready: &Ready,
        resolved: &Resolved,
        state: &State,
        incarnation: Uuid,
    ) -> Result<(), Failure> {
        let (core, declared) = (&*self.core, &ready.declared);
        let effects = Arc::new(self.journal.of(op, &declared.service));
        let surroundings = self.surroundings(&declared.service, effects.clone());
        let context = core.context(declared, resolved, Some(state.clone()), None, incarnation);
        let operation = surroundings.operation(resolved, context);
        let Err(failure) = self.within_patience(ready.provider.destroy(&operation, state)).await else {
            return Ok(());
        };
        // Whatever the provider makes of effects that cannot be announced, this is the cause.
        if let Some(error) = self.journal.closed() {
            return Err(unrecorded(error));
        }
        let failure = core.clean(with_remedy(failure, ready.provider.description()));
        let class = classify(&failure.kind, effects.has_effects());
        let record = Record::OpFailed { op, class, failure: failure.clone() };
        if let Err(error) = self.journal.append(record, Flush::Later) {
            tracing::warn!(%error, "a failure is not in the journal");
        }
        Err(failure)
    }

    fn intent(&self, op: u64, ready: &Ready) -> Intent {
        let (core, declared) = (&*self.core, &ready.declared);
        let before = self.known.open.get(&declared.service);
        let incarnation = before.map_or_else(Uuid::new_v4, |open| open.intent.incarnation);
        Intent {
            op,
            declared: (**declared).clone(),
            plugin: ready.provider.identity().clone(),
            kind: OpKind::Destroy,
            action: Action::Nothing,
            attempt: before.map_or(0, |open| open.intent.attempt) + 1,
            incarnation,
            idempotency_key: idempotency_key(&core.project, &core.environment, declared, incarnation),
            settled: None,
        }
    }

    /// The provider that made it, with what is known of what it was told: by the file, or by the journal
    /// if the file no longer has it, or no longer names that provider.
    fn maker_of(&self, entry: &Doomed) -> Result<Ready, Failure> {
        let core = &*self.core;
        let candidates = core.index.get(&entry.service).map(|&at| &core.services[at].candidates);
        let named = candidates.into_iter().flatten().find(|ready| ready.declared.provider == entry.provider);
        if let Some(ready) = named {
            return Ok(ready.clone());
        }
        let provider = core.router.get(&entry.provider).ok_or_else(|| {
            Failure::new(
                FailureKind::NotFound,
                format!("there is no plugin `{}` to destroy it with", entry.provider),
            )
            .with_next_step(format!(
                "install it; or remove `{}` by hand and run `ss resolve {} --forget`",
                entry.resource_id.as_deref().unwrap_or("what there is"),
                entry.service
            ))
        })?;
        let begun = self.known.open.get(&entry.service).map(|open| open.intent.declared.clone());
        let declared = begun.filter(|declared| declared.provider == entry.provider);
        let declared = declared.unwrap_or_else(|| unspoken(&entry.service, &entry.provider));
        Ok(Ready { provider, declared: Arc::new(declared), by_shape: false })
    }
}

/// A service of which nothing is known but its provider.
fn unspoken(service: &str, provider: &str) -> Declared {
    Declared {
        service: service.to_owned(),
        kind: String::new(),
        name: None,
        command: None,
        provider: provider.to_owned(),
        block: String::new(),
        options: Metadata::new(),
        env: Default::default(),
        inject: Default::default(),
        credential_env: None,
    }
}
