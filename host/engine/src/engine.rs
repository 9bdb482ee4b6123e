//! The engine as a command sees it.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::Arc;

use ss_config::{Diagnostic, Sources, System};
use ss_provider::{Cancel, Providers, State};
use ss_secret::{Scrubber, Secret};

use crate::apply::apply;
use crate::checkup::{Checkup, checkup};
use crate::core::{Core, Limits, Scope, Selection, graph_of, ids, prepare};
use crate::destroy::{self, DestroyPlan};
use crate::drift::{SystemDrift, drift};
use crate::error::EngineError;
use crate::journal::RunsFolder;
use crate::observer::Observer;
use crate::overview::{SystemOverview, overview};
use crate::plan::{SavedPlan, SystemPlan, plan};
use crate::receipt::Receipt;
use crate::resolve::{Resolver, Schemas};
use crate::rollback::{RolledBack, rollback};
use crate::route::Router;
use crate::run::{Interrupt, RunReport};
use crate::status::{SystemHealth, status};
use crate::store::{Found, Store};
use crate::unfinished::{self, Unfinished, Verdict};
use crate::validate::validate;

/// What an engine works on.
pub struct EngineConfig {
    /// The system, without errors.
    pub system: Arc<System>,
    /// The providers of the lock.
    pub providers: Arc<dyn Providers>,
    /// The vault, see [`VaultStore`](crate::VaultStore).
    pub store: Arc<dyn Store>,
    /// Knows every secret of this process.
    pub scrubber: Arc<Scrubber>,
    /// `STARSYSTEM_HOME` or `~/.starsystem`.
    pub home: PathBuf,
    /// What `~` stands for in options that are paths.
    pub user_home: Option<PathBuf>,
    /// Whether this machine has approved the files: only then their templates may read provider keys.
    pub approved: bool,
    /// The command for messages and journal, such as `ss provision`.
    pub command: String,
    /// Which services are that command's to handle.
    pub scope: Scope,
    /// Who calls it, and on which machine, for the receipt.
    pub actor: String,
    /// The version of `ss`, for the journal.
    pub version: String,
    /// Digest of the lockfile, for the journal.
    pub lock_digest: Option<String>,
    /// How much at once, and how long.
    pub limits: Limits,
}

/// Plans, applies and watches one system in one environment.
///
/// Cheap to make: services are routed by descriptions, and nothing is read or called before it is needed.
#[derive(Clone)]
pub struct Engine {
    core: Arc<Core>,
}

impl Engine {
    /// An engine for this system.
    ///
    /// # Errors
    /// If services depend on each other in a circle or on services that do not exist.
    pub fn new(config: EngineConfig) -> Result<Self, EngineError> {
        let EngineConfig { system, providers, store, scrubber, home, approved, .. } = config;
        let router = Router::new(providers);
        let services = prepare(&system, &router, config.scope);
        let index: HashMap<String, usize> =
            services.iter().enumerate().map(|(at, service)| (service.id.clone(), at)).collect();
        let graph = graph_of(&system, &index)?;
        let resolver = Resolver {
            store: store.clone(),
            scrubber: scrubber.clone(),
            schemas: Schemas::default(),
            services: ids(&services),
            approved,
            user_home: config.user_home,
        };
        let runs = RunsFolder::new(&home, &system.project, &system.environment);
        let core = Core {
            project: system.project.clone(),
            environment: system.environment.clone(),
            config_dir: system.dir.clone(),
            system,
            services,
            graph,
            index,
            router,
            resolver,
            store,
            scrubber,
            runs,
            limits: config.limits,
            command: config.command,
            version: config.version,
            actor: config.actor,
            lock_digest: config.lock_digest,
            grants: BTreeMap::new(),
        };
        Ok(Self { core: Arc::new(core) })
    }

    /// The same engine, whose journal names what each plugin was granted: sentences by provider. To be
    /// called before the engine is shared; it does nothing afterwards.
    #[must_use]
    pub fn granting(mut self, grants: BTreeMap<String, Vec<String>>) -> Self {
        if let Some(core) = Arc::get_mut(&mut self.core) {
            core.grants = grants;
        }
        self
    }

    /// What is wrong, or probably wrong, with routing and options. Reads no vault and calls no plugin.
    pub fn validate(&self) -> Vec<Diagnostic> {
        validate(&self.core)
    }

    /// What the files and earlier runs say about every service. Changes nothing and calls no plugin.
    ///
    /// # Errors
    /// If vault or journal cannot be read.
    pub fn overview(&self) -> Result<SystemOverview, EngineError> {
        overview(&self.core)
    }

    /// What stands in the way of the next run, as far as files, vault and journal tell. Changes nothing and
    /// calls no plugin. `sources` are those that the system was read from.
    ///
    /// # Errors
    /// If vault or journal cannot be read.
    pub fn checkup(&self, sources: &Sources) -> Result<Checkup, EngineError> {
        checkup(&self.core, sources)
    }

    /// The primary key of a provider, for tools of the provider's own; none if there is none.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn provider_key(&self, provider: &str) -> Result<Option<Secret>, EngineError> {
        let Some(provider) = self.core.router.get(provider) else { return Ok(None) };
        let description = provider.description();
        let Some(key) = description.vault_keys.first() else { return Ok(None) };
        Ok(match self.core.store.provider_key(&description.provider, key, None)? {
            Found::Value(secret) => Some(secret),
            Found::Missing { .. } => None,
        })
    }

    /// What [`apply`](Self::apply) would do. Changes nothing.
    ///
    /// # Errors
    /// If vault or journal cannot be read, or the selected service does not exist. What is wrong with one
    /// service stands in its entry.
    pub async fn plan(&self, selection: &Selection) -> Result<SystemPlan, EngineError> {
        plan(&self.core, selection).await
    }

    /// The plan with all that it rests on, to be kept. `file` is the system's file as it was named.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn save(
        &self,
        plan: &SystemPlan,
        file: &str,
        service: Option<&str>,
    ) -> Result<SavedPlan, EngineError> {
        self.core.save(plan, file, service)
    }

    /// What has moved since a plan was saved, each in a sentence; `now` is the plan made anew.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub fn moved_since(&self, saved: &SavedPlan, now: &SystemPlan) -> Result<Vec<String>, EngineError> {
        self.core.moved_since(saved, now)
    }

    /// Does what the plan says: its services, in order and in parallel.
    ///
    /// # Errors
    /// If the run could not begin. Once it has begun, all that goes wrong stands in the report.
    pub async fn apply(
        &self,
        plan: SystemPlan,
        observer: Arc<dyn Observer>,
        interrupt: Interrupt,
    ) -> Result<RunReport, EngineError> {
        apply(&self.core, plan, observer, interrupt).await
    }

    /// What [`destroy`](Self::destroy) would tear down. Asks no provider and changes nothing.
    ///
    /// # Errors
    /// If vault or journal cannot be read, or nothing is known of the selected service.
    pub fn plan_destroy(&self, selection: &Selection) -> Result<DestroyPlan, EngineError> {
        destroy::plan(&self.core, selection)
    }

    /// Completes what a run that was cut short did not, and nothing else: for a command that finds nothing
    /// more to do.
    ///
    /// # Errors
    /// If another run is under way, or vault, overlay or journal cannot be used.
    pub fn settle(&self, observer: &dyn Observer) -> Result<(), EngineError> {
        self.core.settle_now(observer)
    }

    /// Tears down what the plan names, dependents first.
    ///
    /// # Errors
    /// As [`apply`](Self::apply).
    pub async fn destroy(
        &self,
        plan: DestroyPlan,
        observer: Arc<dyn Observer>,
        interrupt: Interrupt,
    ) -> Result<RunReport, EngineError> {
        destroy::destroy(&self.core, plan, observer, interrupt).await
    }

    /// What differs at the providers from what was deployed. Changes nothing.
    ///
    /// # Errors
    /// If there is no such service, or a journal cannot be read.
    pub async fn drift(&self, selection: &Selection, cancel: Cancel) -> Result<SystemDrift, EngineError> {
        drift(&self.core, selection, cancel).await
    }

    /// Makes credentials and recorded states what they were after a run. Sends nothing to any provider.
    ///
    /// # Errors
    /// If that run keeps no snapshot, another run is under way, or vault or overlay cannot be written.
    pub fn rollback(&self, to: &Receipt, observer: Arc<dyn Observer>) -> Result<RolledBack, EngineError> {
        rollback(&self.core, to, observer)
    }

    /// The operations that an earlier run began and that did not reach their goal.
    ///
    /// # Errors
    /// If vault or journal cannot be read.
    pub fn unfinished(&self) -> Result<Vec<Unfinished>, EngineError> {
        unfinished::unfinished(&self.core)
    }

    /// Takes a person's word for what became of a service's operation; returns what it adopted.
    ///
    /// # Errors
    /// If it does not fit what is known, or the provider does not know the resource.
    pub async fn resolve(
        &self,
        service: &str,
        verdict: Verdict,
        observer: Arc<dyn Observer>,
    ) -> Result<Option<State>, EngineError> {
        unfinished::resolve(&self.core, service, verdict, observer).await
    }

    /// The health of the selected services that have been provisioned. Changes nothing.
    ///
    /// # Errors
    /// As [`plan`](Self::plan).
    pub async fn status(
        &self,
        selection: &Selection,
        observer: Arc<dyn Observer>,
        cancel: Cancel,
    ) -> Result<SystemHealth, EngineError> {
        status(&self.core, selection, observer, cancel).await
    }
}
