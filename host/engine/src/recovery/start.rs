//! Where the next attempt at a service starts from.

use std::time::Duration;

use ss_provider::{Failure, FailureKind, State};
use uuid::Uuid;

use super::{Standing, search, standing};
use crate::core::{Core, Known, Ready, Surroundings};
use crate::journal::{OpenOp, Settled};
use crate::resolve::Purpose;

/// What an attempt is given of the ones before.
#[derive(Debug, Default)]
pub(crate) struct Start {
    /// The state of the last success, or a resource that was found.
    pub existing: Option<State>,
    /// What the plugin saved when it was cut short.
    pub partial: Option<String>,
    /// What has become clear just now; goes into the journal.
    pub settled: Option<Settled>,
    /// The change that the attempt belongs to, if it has been begun.
    pub incarnation: Option<Uuid>,
    /// Attempts so far.
    pub attempts: u32,
}

impl Core {
    /// Finds out where the next attempt starts from: asks the provider if something may have been left.
    ///
    /// # Errors
    /// If it cannot be known whether another attempt would create something twice.
    pub(crate) async fn start_from(
        &self,
        ready: &Ready,
        existing: Option<State>,
        known: &Known,
        surroundings: &Surroundings,
        settle: Duration,
    ) -> Result<Start, Failure> {
        let Some(open) = known.open.get(&ready.declared.service) else {
            return Ok(Start { existing, ..Start::default() });
        };
        let standing = standing(open, existing.as_ref());
        let other_provider = open.intent.declared.provider != ready.declared.provider;
        if other_provider && standing != Standing::Retry {
            return Err(left_by_another(open));
        }
        let start = Start {
            existing,
            incarnation: (!other_provider).then_some(open.intent.incarnation),
            attempts: open.intent.attempt,
            ..Start::default()
        };
        Ok(match standing {
            Standing::Retry => start,
            Standing::Resume { partial } => Start { partial: Some(partial), ..start },
            Standing::Adopted { state } => Start { existing: Some(state), ..start },
            Standing::Search => match self.look_for(open, ready, surroundings, settle).await? {
                Some(state) => Start {
                    existing: Some(state.clone()),
                    settled: Some(Settled::Adopted { state }),
                    ..start
                },
                None => Start { settled: Some(Settled::Absent), ..start },
            },
        })
    }

    /// What an interrupted operation left of a service that has no state; none if there is nothing.
    ///
    /// # Errors
    /// If that cannot be known.
    pub(crate) async fn left_of(
        &self,
        ready: &Ready,
        known: &Known,
        surroundings: &Surroundings,
        settle: Duration,
    ) -> Result<Option<State>, Failure> {
        let Some(open) = known.open.get(&ready.declared.service) else { return Ok(None) };
        match standing(open, None) {
            Standing::Retry => Ok(None),
            Standing::Adopted { state } => Ok(Some(state)),
            Standing::Resume { .. } | Standing::Search => {
                self.look_for(open, ready, surroundings, settle).await
            }
        }
    }

    /// Asks for what the interrupted operation left: under the declaration and the key that it had, which
    /// the file may have changed since.
    async fn look_for(
        &self,
        open: &OpenOp,
        ready: &Ready,
        surroundings: &Surroundings,
        settle: Duration,
    ) -> Result<Option<State>, Failure> {
        let declared = &open.intent.declared;
        let resolved = self.resolver.resolve(declared, ready.provider.description(), Purpose::Look)?;
        let mut context = self.context(declared, &resolved, None, None, open.intent.incarnation);
        context.idempotency_key.clone_from(&open.intent.idempotency_key);
        let operation = surroundings.operation(&resolved, context);
        search(open, &*ready.provider, &operation, settle).await
    }
}

fn left_by_another(open: &OpenOp) -> Failure {
    let (service, provider) = (&open.intent.declared.service, &open.intent.declared.provider);
    Failure::new(
        FailureKind::Conflict,
        format!("an interrupted run may have left something of `{service}` at `{provider}`, which it no longer names"),
    )
    .with_next_step(format!("name `{provider}` again and run the command once more, then change the provider"))
}
