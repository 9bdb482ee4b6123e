//! A home, a folder with the files of a system, a store in memory, and engines over them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ss_engine::{
    Engine, EngineConfig, EngineError, Event, Found, Interrupt, Limits, Lookup, Observer, RunReport, Scope,
    Selection, StateChanges, Store, StoreError, SystemPlan,
};
use ss_provider::{Credential, State, VaultKey};
use ss_secret::{Scrubber, Secret};

use crate::cloud::{Cloud, Fakes, Manner};

pub struct World {
    pub folder: tempfile::TempDir,
    pub cloud: Arc<Cloud>,
    pub store: Arc<MemoryStore>,
    pub scrubber: Arc<Scrubber>,
    pub watcher: Arc<Watcher>,
    pub limits: Limits,
    pub approved: bool,
    pub scope: Scope,
    pub manners: Vec<Manner>,
    pub base: String,
    pub overlay: Option<String>,
}

impl World {
    /// A world with one provider, `cloudy`.
    pub fn new(base: &str) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            cloud: Arc::default(),
            store: Arc::default(),
            scrubber: Arc::default(),
            watcher: Arc::default(),
            limits: Limits { settle: Duration::ZERO, grace: Duration::from_millis(50), ..Limits::default() },
            approved: false,
            scope: Scope::Provision,
            manners: vec![Manner::default()],
            base: base.to_owned(),
            overlay: None,
        }
    }

    pub fn manner(mut self, manner: Manner) -> Self {
        self.manners = vec![manner];
        self
    }

    pub fn overlay_path(&self) -> PathBuf {
        self.folder.path().join("starsystem.prod.yaml")
    }

    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// The only run folder, or the newest one's journal.
    pub fn env_folder(&self) -> PathBuf {
        let project = std::fs::read_dir(self.home().join("runs")).unwrap().next().unwrap().unwrap().path();
        project.join("prod")
    }

    pub fn system(&self) -> Arc<ss_config::System> {
        let file = self.folder.path().join("starsystem.yaml");
        std::fs::write(&file, &self.base).unwrap();
        if let Some(overlay) = &self.overlay
            && !self.overlay_path().exists()
        {
            std::fs::write(self.overlay_path(), overlay).unwrap();
        }
        let loaded = ss_config::load(&file, "prod", ss_config::MissingOverlay::Allowed);
        let lines: Vec<String> = loaded.diagnostics.iter().map(|d| d.line(&loaded.sources)).collect();
        Arc::new(loaded.system.unwrap_or_else(|| panic!("{lines:?}")))
    }

    pub fn engine(&self) -> Engine {
        self.try_engine(self.store.clone()).unwrap()
    }

    pub fn fakes(&self) -> Arc<Fakes> {
        let fakes =
            self.manners.iter().fold(Fakes::default(), |all, manner| all.with(&self.cloud, manner.clone()));
        Arc::new(fakes)
    }

    pub fn try_engine(&self, store: Arc<dyn Store>) -> Result<Engine, EngineError> {
        Engine::new(EngineConfig {
            system: self.system(),
            providers: self.fakes(),
            store,
            scrubber: self.scrubber.clone(),
            home: self.home(),
            user_home: Some("/home/me".into()),
            approved: self.approved,
            command: "ss provision".into(),
            scope: self.scope,
            actor: "me@here".into(),
            version: "0.1.0".into(),
            lock_digest: None,
            limits: self.limits,
        })
    }

    pub async fn plan(&self) -> SystemPlan {
        self.engine().plan(&Selection::All).await.unwrap()
    }

    pub async fn up(&self) -> RunReport {
        self.up_with(&Interrupt::default()).await
    }

    pub async fn up_with(&self, interrupt: &Interrupt) -> RunReport {
        self.try_up(interrupt).await.unwrap()
    }

    pub async fn try_up(&self, interrupt: &Interrupt) -> Result<RunReport, EngineError> {
        let engine = self.engine();
        let plan = engine.plan(&Selection::All).await?;
        engine.apply(plan, self.watcher.clone(), interrupt.clone()).await
    }
}

pub fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(future)
}

/// Notes events as short lines.
#[derive(Default)]
pub struct Watcher(pub Mutex<Vec<String>>);

impl Watcher {
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

impl Observer for Watcher {
    fn event(&self, event: Event<'_>) {
        let line = match event {
            Event::Started { service, provider } => format!("{service} via {provider}"),
            Event::Step { service, message } => format!("{service} step {message}"),
            Event::Waiting { service, message } => format!("{service} waiting {message}"),
            Event::Log { service, message, .. } => format!("{service} log {message}"),
            Event::Done { service, summary, .. } => format!("{service} done {summary}"),
            Event::Failed { service, failure, .. } => format!("{service} failed {failure}"),
            Event::Blocked { service, because } => format!("{service} blocked by {}", because.join(",")),
            Event::Health { service, health, .. } => format!("{service} {}", health.healthy),
            Event::Warning { message, .. } => format!("warning {message}"),
        };
        self.0.lock().unwrap().push(line);
    }
}

/// States and credentials as they were.
type Snapshot = (BTreeMap<String, State>, BTreeMap<(String, String), Secret>);

/// A vault without encryption.
#[derive(Default)]
pub struct MemoryStore {
    pub states: Mutex<BTreeMap<String, State>>,
    pub credentials: Mutex<BTreeMap<(String, String), Secret>>,
    pub values: Mutex<BTreeMap<String, Secret>>,
    pub full: Mutex<bool>,
    pub snapshots: Mutex<Vec<Snapshot>>,
}

impl MemoryStore {
    pub fn set(&self, address: &str, value: &str) {
        self.values.lock().unwrap().insert(address.into(), Secret::new(value));
    }

    fn kept(&self, snapshot: &str) -> Snapshot {
        self.snapshots.lock().unwrap()[snapshot.parse::<usize>().unwrap() - 1].clone()
    }

    fn writable(&self) -> Result<(), StoreError> {
        match *self.full.lock().unwrap() {
            true => Err(StoreError { message: "the disk is full".into(), help: None }),
            false => Ok(()),
        }
    }

    fn found(&self, address: &str, canonical: &str) -> Found {
        match self.values.lock().unwrap().get(address) {
            Some(value) => Found::Value(value.clone()),
            None => Found::Missing {
                tried: vec![format!("`{canonical}`"), format!("`{address}`")],
                fix: format!("ss vault set {address}"),
            },
        }
    }
}

impl Store for MemoryStore {
    fn states(&self) -> Result<BTreeMap<String, State>, StoreError> {
        Ok(self.states.lock().unwrap().clone())
    }

    fn put_states(&self, changes: &StateChanges) -> Result<(), StoreError> {
        self.writable()?;
        let mut states = self.states.lock().unwrap();
        for (service, state) in changes {
            match state {
                Some(state) => states.insert(service.clone(), state.clone()),
                None => states.remove(service),
            };
        }
        Ok(())
    }

    fn credential(&self, service: &str, name: &str) -> Result<Option<Credential>, StoreError> {
        let known = self.credentials.lock().unwrap().get(&(service.into(), name.into())).cloned();
        Ok(known.map(|value| Credential { name: name.into(), value, sensitive: true }))
    }

    fn put_credentials(&self, service: &str, credentials: &[Credential]) -> Result<(), StoreError> {
        self.writable()?;
        let mut known = self.credentials.lock().unwrap();
        for credential in credentials {
            known.insert((service.into(), credential.name.clone()), credential.value.clone());
        }
        Ok(())
    }

    fn snapshot(&self) -> Result<Option<String>, StoreError> {
        self.writable()?;
        let mut snapshots = self.snapshots.lock().unwrap();
        snapshots.push((self.states.lock().unwrap().clone(), self.credentials.lock().unwrap().clone()));
        Ok(Some(snapshots.len().to_string()))
    }

    fn restore(&self, snapshot: &str) -> Result<(), StoreError> {
        self.writable()?;
        let (states, credentials) = self.kept(snapshot);
        *self.states.lock().unwrap() = states;
        *self.credentials.lock().unwrap() = credentials;
        Ok(())
    }

    fn changed_since(&self, snapshot: &str) -> Result<Vec<(String, String)>, StoreError> {
        let (_, then) = self.kept(snapshot);
        let now = self.credentials.lock().unwrap();
        let all: BTreeSet<_> = then.keys().chain(now.keys()).collect();
        Ok(all.into_iter().filter(|id| then.get(*id) != now.get(*id)).cloned().collect())
    }

    fn inputs_key(&self, _: bool) -> Result<Option<Secret>, StoreError> {
        Ok(Some(Secret::new("the key of these tests")))
    }

    fn lookup(&self, address: &str) -> Result<Lookup, StoreError> {
        let is_provider_key = address.starts_with("cloudy.");
        Ok(Lookup {
            canonical: address.replace('.', "/"),
            is_provider_key,
            value: self.found(address, address),
        })
    }

    fn provider_key(&self, provider: &str, _: &VaultKey, env: Option<&str>) -> Result<Found, StoreError> {
        Ok(self.found(&format!("providers:{provider}/api_key"), env.unwrap_or("CLOUDY_API_KEY")))
    }
}
