//! A plugin as a [`Provider`]: each operation in a fresh store, each answer checked.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use ss_provider::{
    Change, Description, Failure, FailureKind, Health, Identity, Operation, Outcome, Phase, Plan, Provider,
    Service, State,
};
use tokio::sync::OnceCell;
use wasmtime::Store;

use crate::compile;
use crate::contract::{Contract, Guest, Prepared, wit};
use crate::error::{RuntimeError, with_causes};
use crate::gates::{Gates, Grant, Granted, HostServices};
use crate::log::Log;
use crate::run::{Answering, Call, turn};
use crate::runtime::{Inner, Notice};
use crate::session::Session;
use crate::since_v0_1_0 as newest;
use crate::source::ComponentSource;
use crate::text::Cleaner;
use crate::vet::{Rejected, Vetting};

/// A component under a grant, as a provider.
pub struct Plugin {
    inner: Arc<Inner>,
    source: Arc<ComponentSource>,
    contract: Contract,
    grant: Granted,
    services: HostServices,
    cleaner: Cleaner,
    description: Description,
    prepared: OnceCell<Prepared>,
}

impl Plugin {
    pub(crate) async fn open(
        inner: Arc<Inner>,
        source: ComponentSource,
        grant: Grant,
        services: HostServices,
    ) -> Result<Self, RuntimeError> {
        let source = Arc::new(source);
        let grant = Granted::compile(&source.identity().name, &grant)
            .map_err(|reason| RuntimeError::Grant { plugin: source.identity().name.clone(), reason })?;
        let contract = compile::admit(&inner, &source, &grant.authority)?;
        let cleaner = Cleaner::new(services.scrubber.clone());
        let vetting = Vetting { provider: &source.identity().name, cleaner: &cleaner };
        let prepared = OnceCell::new();
        let known = match known_description(&inner, &source) {
            Some(known) => Some(known),
            None => cached_description(&inner, &source)?,
        };
        let description = match known {
            Some(description) => description,
            None => {
                let made = compile::prepare(&inner, &source, contract).await?;
                let description = describe(&inner, &source, &made, &vetting).await?;
                keep_description(&inner, &source, &description)?;
                // A fresh cell takes a value.
                let _ = prepared.set(made);
                description
            }
        };
        Ok(Self { inner, source, contract, grant, services, cleaner, description, prepared })
    }

    /// Compiles or loads the component now, so that its first operation need not.
    ///
    /// # Errors
    /// If it is no plugin that this `ss` can run.
    pub async fn prepare(&self) -> Result<(), RuntimeError> {
        self.prepared().await.map(|_| ())
    }

    /// Opens gates, makes a store with every limit on and instantiates the component in it, and drops all
    /// that: the cost of an operation apart from the operation. For benchmarks.
    ///
    /// # Errors
    /// As an operation.
    #[doc(hidden)]
    pub async fn instantiate(&self, operation: &Operation) -> Result<(), Failure> {
        self.operate(operation, Phase::ReadOnly, |_, _| Box::pin(async { Ok(Ok(())) }), Ok).await
    }

    async fn prepared(&self) -> Result<&Prepared, RuntimeError> {
        self.prepared.get_or_try_init(|| compile::prepare(&self.inner, &self.source, self.contract)).await
    }

    fn name(&self) -> &str {
        &self.source.identity().name
    }

    fn vetting(&self) -> Vetting<'_> {
        Vetting { provider: self.name(), cleaner: &self.cleaner }
    }

    /// Runs one operation: gates opened for it, a call within its limits, its answer checked, and what the
    /// gates refused added to its failure.
    async fn operate<T, U>(
        &self,
        operation: &Operation,
        phase: Phase,
        call: impl for<'s> FnOnce(&'s Guest, &'s mut Store<Session>) -> Answering<'s, Result<T, wit::Failure>>,
        check: impl FnOnce(T) -> Result<U, Rejected>,
    ) -> Result<U, Failure> {
        let prepared = self.prepared().await.map_err(|error| unusable(&error))?;
        let log =
            Log::new(Some(operation.progress.clone()), self.cleaner.clone(), self.inner.limits.log_bytes);
        let limit = match phase {
            Phase::ReadOnly => self.inner.limits.read_call,
            Phase::Mutating => self.inner.limits.write_call,
        };
        let turn = turn(&self.inner, &operation.cancel).await?;
        let deadline = Instant::now() + limit;
        let gates = Arc::new(Gates::open(
            &self.grant,
            &self.services,
            self.name(),
            operation,
            phase,
            deadline,
            self.inner.http,
        ));
        let answer = Call {
            inner: &self.inner,
            plugin: self.name(),
            prepared,
            gates: Some(gates.clone()),
            log,
            cleaner: &self.cleaner,
            cancel: operation.cancel.clone(),
            limit,
            deadline,
            turn,
        }
        .make(call)
        .await;
        let checked = answer.and_then(|answer| match answer {
            Ok(answer) => check(answer).map_err(Failure::from),
            Err(failure) => Err(self.vetting().failure(&failure)),
        });
        let denials = gates.denials();
        match checked {
            Ok(checked) => {
                // The plugin got along without; a person may still want to know what it tried.
                for denial in denials {
                    operation.progress.log("warn", &denial.message);
                }
                Ok(checked)
            }
            Err(failure) => Err(Failure { denials, ..failure }),
        }
    }
}

#[async_trait]
impl Provider for Plugin {
    fn identity(&self) -> &Identity {
        self.source.identity()
    }

    fn description(&self) -> &Description {
        &self.description
    }

    async fn can_provision(&self, service: &Service) -> Result<bool, Failure> {
        let prepared = self.prepared().await.map_err(|error| unusable(&error))?;
        let service = newest::service(service);
        Call::pure(&self.inner, self.name(), prepared, &self.cleaner)
            .await?
            .make(move |guest, store| Box::pin(async move { guest.can_provision(store, &service).await }))
            .await
    }

    async fn plan(&self, operation: &Operation) -> Result<Plan, Failure> {
        let (context, service) = (newest::context(operation), newest::service(&operation.service));
        self.operate(
            operation,
            Phase::ReadOnly,
            move |guest, store| Box::pin(async move { guest.plan(store, &context, &service).await }),
            |plan| self.vetting().plan(plan),
        )
        .await
    }

    async fn provision(&self, operation: &Operation) -> Result<Outcome, Failure> {
        let (context, service) = (newest::context(operation), newest::service(&operation.service));
        self.operate(
            operation,
            Phase::Mutating,
            move |guest, store| Box::pin(async move { guest.provision(store, &context, &service).await }),
            |outcome| self.vetting().outcome(outcome, &operation.seals),
        )
        .await
    }

    async fn status(&self, operation: &Operation, state: &State) -> Result<Health, Failure> {
        let (context, state) = (newest::context(operation), newest::state(state));
        self.operate(
            operation,
            Phase::ReadOnly,
            move |guest, store| Box::pin(async move { guest.status(store, &context, &state).await }),
            |health| Ok(self.vetting().health(health)),
        )
        .await
    }

    async fn observe(&self, operation: &Operation, state: &State) -> Result<Vec<Change>, Failure> {
        let (context, service) = (newest::context(operation), newest::service(&operation.service));
        let state = newest::state(state);
        self.operate(
            operation,
            Phase::ReadOnly,
            move |guest, store| {
                Box::pin(async move { guest.observe(store, &context, &service, &state).await })
            },
            |changes| self.vetting().changes(changes),
        )
        .await
    }

    async fn find(&self, operation: &Operation) -> Result<Option<State>, Failure> {
        let (context, service) = (newest::context(operation), newest::service(&operation.service));
        self.operate(
            operation,
            Phase::ReadOnly,
            move |guest, store| Box::pin(async move { guest.find(store, &context, &service).await }),
            |state| state.map(|state| self.vetting().state(state)).transpose(),
        )
        .await
    }

    async fn destroy(&self, operation: &Operation, state: &State) -> Result<(), Failure> {
        let (context, state) = (newest::context(operation), newest::state(state));
        self.operate(
            operation,
            Phase::Mutating,
            move |guest, store| Box::pin(async move { guest.destroy(store, &context, &state).await }),
            Ok,
        )
        .await
    }
}

fn unusable(error: &RuntimeError) -> Failure {
    Failure::new(FailureKind::Internal, with_causes(error))
}

/// Asks the component what it is. It gets no gates: it may do nothing but compute.
async fn describe(
    inner: &Inner,
    source: &ComponentSource,
    prepared: &Prepared,
    vetting: &Vetting<'_>,
) -> Result<Description, RuntimeError> {
    let undescribed =
        |reason: String| RuntimeError::Undescribed { plugin: source.identity().name.clone(), reason };
    let raw = Call::pure(inner, vetting.provider, prepared, vetting.cleaner)
        .await
        .map_err(|failure| undescribed(failure.message))?
        .make(|guest, store| Box::pin(guest.describe(store)))
        .await
        .map_err(|failure| undescribed(failure.message))?;
    vetting.description(raw).map_err(|rejected| undescribed(format!("its answer is not valid: {rejected}")))
}

/// The version of `ss` is in the name: another one may check descriptions in another way.
fn description_name(source: &ComponentSource) -> String {
    format!("{}-{}.json", source.hex_digest(), env!("CARGO_PKG_VERSION"))
}

fn known_description(inner: &Inner, source: &ComponentSource) -> Option<Description> {
    let content = inner.known?(source.hex_digest())?;
    let description: Option<Description> = serde_json::from_slice(content).ok();
    description.filter(|description| description.provider == source.identity().name)
}

fn cached_description(inner: &Inner, source: &ComponentSource) -> Result<Option<Description>, RuntimeError> {
    let Some(cache) = inner.cache()? else { return Ok(None) };
    let Some(content) = cache.load(&description_name(source))? else { return Ok(None) };
    let description: Option<Description> = serde_json::from_slice(&content).ok();
    // A component may be under another name in a test than it was when it was described.
    Ok(description.filter(|description| description.provider == source.identity().name))
}

fn keep_description(
    inner: &Inner,
    source: &ComponentSource,
    description: &Description,
) -> Result<(), RuntimeError> {
    let Some(cache) = inner.cache()? else { return Ok(()) };
    let kept = serde_json::to_vec(description).map_err(|error| error.to_string()).and_then(|content| {
        cache.store(&description_name(source), &content).map_err(|error| with_causes(&error))
    });
    if let Err(reason) = kept {
        inner.notice(&Notice::NotCached { reason });
    }
    Ok(())
}
