//! What every command works on: the system with its services routed, and the ways to vault, journal and
//! providers.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use ss_config::System;
use ss_provider::{Cancel, Context, Effects, Failure, FailureKind, Operation, Progress, Provider, State};
use ss_secret::Scrubber;
use uuid::Uuid;

use crate::error::EngineError;
use crate::graph::Graph;
use crate::journal::{LeftBehind, OpenOps, Restore, RunsFolder};
use crate::resolve::{Declared, Resolved, Resolver, idempotency_key};
use crate::route::{Route, Router, SkipReason, Wanted};
use crate::store::{StateChanges, Store};

/// How much at once, and how long.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Services that are provisioned at once. Each holds a plugin instance and may hold a connection.
    pub applies: usize,
    /// Services that are planned or looked at once.
    pub reads: usize,
    /// How long after an interrupted request a provider's "nothing there" is believed.
    pub settle: Duration,
    /// How long a cancelled operation may take to wind up before it is dropped.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { applies: 8, reads: 16, settle: Duration::from_secs(2), grace: Duration::from_secs(5) }
    }
}

/// Which services are a command's to handle (contract row R24).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scope {
    /// All that a plugin takes; Terraform's are `ss deploy`'s.
    Provision,
    /// Those of remote providers, and Terraform's. What is found by its shape, or runs on this machine, is
    /// `ss provision`'s.
    Deploy,
    /// Whatever exists, whoever made it.
    #[default]
    Everything,
}

/// Which services of its scope a command is about.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Selection {
    /// All.
    #[default]
    All,
    /// One, without what it needs.
    Service(String),
}

/// A service, routed.
pub(crate) struct Prepared {
    pub id: String,
    /// Why nobody takes it; none if somebody does.
    pub skip: Option<SkipReason>,
    /// Who may take it, in order.
    pub candidates: Vec<Ready>,
}

/// A service ready for a provider.
#[derive(Clone)]
pub(crate) struct Ready {
    pub provider: Arc<dyn Provider>,
    pub declared: Arc<Declared>,
    /// Nobody named the provider, so it has the last word.
    pub by_shape: bool,
}

/// What earlier runs left.
pub(crate) struct Known {
    /// States by service: the vault's, else the file's, with what a cut run did not commit on top.
    pub states: BTreeMap<String, State>,
    /// Operations that did not reach their goal.
    pub open: OpenOps,
    /// What a cut run achieved and did not commit.
    pub uncommitted: StateChanges,
    /// What a cut run was about to restore.
    pub restoring: Option<Restore>,
    /// The run that was cut.
    pub unfinished: Option<Uuid>,
    /// What a person should know about it.
    pub warnings: Vec<String>,
}

pub(crate) struct Core {
    pub system: Arc<System>,
    pub project: String,
    pub environment: String,
    pub config_dir: PathBuf,
    pub services: Vec<Prepared>,
    pub graph: Graph,
    pub index: HashMap<String, usize>,
    pub router: Router,
    pub resolver: Resolver,
    pub store: Arc<dyn Store>,
    pub scrubber: Arc<Scrubber>,
    pub runs: RunsFolder,
    pub limits: Limits,
    pub command: String,
    pub version: String,
    pub actor: String,
    pub lock_digest: Option<String>,
    /// What each plugin may do, as sentences, by provider.
    pub grants: BTreeMap<String, Vec<String>>,
}

/// Routes every service. Calls no plugin.
pub(crate) fn prepare(system: &System, router: &Router, scope: Scope) -> Vec<Prepared> {
    system
        .services
        .iter()
        .map(|service| {
            let provision_local = service.provision().and_then(|block| block.get("local"));
            let wanted = Wanted {
                kind: service.kind(),
                target: service.target_type().map(|name| name.value),
                provider: service.provider().map(|name| name.value),
                local: service.mode.as_ref().is_some_and(|mode| mode.value == "local")
                    || provision_local.and_then(|node| node.scalar_text()) == Some("true"),
            };
            let route = router.route(wanted, |key| service.get(key).is_some());
            let (skip, candidates) = match router.within(scope, wanted, route) {
                Route::Skip(reason) => (Some(reason), Vec::new()),
                Route::To(candidates) => (None, candidates),
            };
            let by_shape = wanted.target.is_none() && wanted.provider.is_none();
            let candidates = candidates
                .into_iter()
                .map(|candidate| {
                    let name = &candidate.provider.description().provider;
                    let declared = Arc::new(Declared::new(service, name, &candidate.block));
                    Ready { provider: candidate.provider, declared, by_shape }
                })
                .collect();
            Prepared { id: service.id.value.clone(), skip, candidates }
        })
        .collect()
}

/// The graph of `depends_on` and `inject_from`.
pub(crate) fn graph_of(system: &System, index: &HashMap<String, usize>) -> Result<Graph, EngineError> {
    let mut edges = Vec::with_capacity(system.services.len());
    for service in &system.services {
        let mut needs = Vec::new();
        for dependency in service.dependencies() {
            needs.push(*index.get(&dependency.value).ok_or_else(|| EngineError::UnknownDependency {
                service: service.id.value.clone(),
                dependency: dependency.value.clone(),
            })?);
        }
        edges.push(needs);
    }
    Graph::new(edges).map_err(|cycle| EngineError::Cycle {
        services: cycle
            .nodes
            .iter()
            .chain(cycle.nodes.first())
            .map(|&node| system.services[node].id.value.clone())
            .collect(),
    })
}

impl Core {
    /// The selected services, in file order.
    pub(crate) fn select(&self, selection: &Selection) -> Result<Vec<usize>, EngineError> {
        match selection {
            Selection::All => Ok((0..self.services.len()).collect()),
            Selection::Service(id) => match self.index.get(id) {
                Some(&at) => Ok(vec![at]),
                None => {
                    let ids = self.services.iter().map(|service| service.id.as_str());
                    let did_you_mean = ss_config::closest(id, ids).map(str::to_owned);
                    Err(EngineError::UnknownService { service: id.clone(), did_you_mean })
                }
            },
        }
    }

    /// What earlier runs left. Reads, and changes nothing.
    pub(crate) fn known(&self) -> Result<Known, EngineError> {
        let states = self.store.states()?;
        self.known_with(states)
    }

    /// The same, where the vault is said to hold these states.
    pub(crate) fn known_with(&self, mut states: BTreeMap<String, State>) -> Result<Known, EngineError> {
        let LeftBehind { replay: left, unfinished } = self.runs.left_behind()?;
        let mut warnings = Vec::new();
        for service in &self.system.services {
            let Some(node) = service.state() else { continue };
            match serde_json::from_value::<State>(node.to_json()) {
                Ok(state) => {
                    states.entry(service.id.value.clone()).or_insert(state);
                }
                Err(error) => {
                    warnings.push(format!("the `_state` of `{}` is not one: {error}", service.id.value));
                }
            }
        }
        for (service, state) in &left.uncommitted {
            match state {
                Some(state) => states.insert(service.clone(), state.clone()),
                None => states.remove(service),
            };
        }
        let orphans = left.open.keys().filter(|service| !self.index.contains_key(*service));
        warnings.extend(orphans.map(|service| {
            format!("an interrupted run worked on `{service}`, which is no longer in the file; something of it may exist")
        }));
        Ok(Known {
            states,
            open: left.open,
            uncommitted: left.uncommitted,
            restoring: left.restoring,
            unfinished,
            warnings,
        })
    }

    /// The state of the service's last success, if this provider made it.
    ///
    /// # Errors
    /// If another provider made it: replacing it is not this provider's to do.
    pub(crate) fn existing(&self, declared: &Declared, known: &Known) -> Result<Option<State>, Failure> {
        let Some(state) = known.states.get(&declared.service) else { return Ok(None) };
        if state.provider == declared.provider {
            return Ok(Some(state.clone()));
        }
        Err(Failure::new(
            FailureKind::Conflict,
            format!(
                "`{}` was provisioned by `{}` (`{}`) and now names `{}`",
                declared.service, state.provider, state.resource_id, declared.provider
            ),
        )
        .with_next_step(format!(
            "destroy what `{}` made, or give the new service another id",
            state.provider
        )))
    }

    /// The provider that made a service's resource.
    ///
    /// # Errors
    /// If the file no longer names it.
    pub(crate) fn maker(&self, at: usize, state: &State) -> Result<&Ready, Failure> {
        let service = &self.services[at];
        let found = service.candidates.iter().find(|ready| ready.declared.provider == state.provider);
        found.ok_or_else(|| {
            Failure::new(
                FailureKind::Conflict,
                format!("provisioned by `{}`, which `{}` no longer names", state.provider, service.id),
            )
        })
    }

    /// The folder of the system's file, by its one name; none if it has gone.
    pub(crate) fn folder(&self) -> Option<PathBuf> {
        std::fs::canonicalize(&self.config_dir).ok()
    }

    /// Whether somebody takes the service.
    pub(crate) fn is_routed(&self, service: &str) -> bool {
        self.index.get(service).is_some_and(|&at| !self.services[at].candidates.is_empty())
    }

    pub(crate) fn context(
        &self,
        declared: &Declared,
        resolved: &Resolved,
        existing: Option<State>,
        partial: Option<String>,
        incarnation: Uuid,
    ) -> Context {
        Context {
            project: self.project.clone(),
            environment: self.environment.clone(),
            api_key: resolved.api_key.clone(),
            existing,
            partial,
            config_dir: Some(self.config_dir.clone()),
            idempotency_key: idempotency_key(&self.project, &self.environment, declared, incarnation),
            inputs_digest: resolved.inputs_digest.clone(),
        }
    }

    /// The failure with every secret hidden.
    pub(crate) fn clean(&self, mut failure: Failure) -> Failure {
        failure.message = self.without_secrets(&failure.message);
        failure.next_step = failure.next_step.map(|step| self.without_secrets(&step));
        for denial in &mut failure.denials {
            denial.message = self.without_secrets(&denial.message);
        }
        failure
    }
}

/// What surrounds a call of a provider.
pub(crate) struct Surroundings {
    pub effects: Arc<dyn Effects>,
    pub progress: Arc<dyn Progress>,
    pub cancel: Cancel,
}

impl Surroundings {
    /// The call itself.
    pub(crate) fn operation(&self, resolved: &Resolved, context: Context) -> Operation {
        Operation {
            context,
            service: resolved.service.clone(),
            seals: resolved.seals.clone(),
            effects: self.effects.clone(),
            progress: self.progress.clone(),
            cancel: self.cancel.clone(),
        }
    }
}

/// The ids of all services.
pub(crate) fn ids(services: &[Prepared]) -> HashSet<String> {
    services.iter().map(|service| service.id.clone()).collect()
}
