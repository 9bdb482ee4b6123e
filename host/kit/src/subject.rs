//! The plugin under test: opened under what its manifest asks for, its requests led into the tap.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ss_authority::{Authority, Manifest};
use ss_capability_http::{Client, Endpoints};
use ss_provider::{Description, Provider};
use ss_runtime::{
    ComponentSource, Grant, HostServices, Limits, Notices, Pace, Runtime, RuntimeConfig, RuntimeError,
};
use ss_secret::{Scrubber, Secret};

use crate::cloud::Call;
use crate::fault::Wire;
use crate::stage::Stage;
use crate::tap::{Handler, Tap};

/// The variable that marks every process that a plugin starts here.
pub(crate) const MARK: &str = "PLUGIN_TEST_MARK";

/// Longest real time of a plugin's sleep.
const NAP: Duration = Duration::from_millis(2);

/// Which stage is being played on. The tap, the vault and the plugin are made once; stages change.
#[derive(Clone, Default)]
pub(crate) struct Switch(Arc<Mutex<Option<Arc<Stage>>>>);

impl Switch {
    pub(crate) fn set(&self, stage: Option<Arc<Stage>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    fn stage(&self) -> Option<Arc<Stage>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait::async_trait]
impl Handler for Switch {
    async fn handle(&self, call: Call) -> Wire {
        match self.stage() {
            Some(stage) => stage.handle(call).await,
            None => Wire::Hangup,
        }
    }
}

impl ss_capability_vault::Keyring for Switch {
    fn get(&self, key: &str) -> Result<Option<Secret>, String> {
        self.stage().map_or(Ok(None), |stage| stage.vault_key(key))
    }

    fn set_provider_key(&self, provider: &str, name: &str, value: &Secret) -> Result<(), String> {
        self.stage()
            .map_or(Ok(()), |stage| stage.set_vault_key(format!("providers:{provider}/{name}"), value))
    }
}

impl ss_capability_secrets::Generator for Switch {
    fn generated(
        &self,
        service: &str,
        name: &str,
        make: &mut dyn FnMut() -> Result<Secret, String>,
    ) -> Result<Secret, String> {
        match self.stage() {
            Some(stage) => stage.generated(service, name, make),
            None => make(),
        }
    }
}

/// A component and the manifest that goes with it.
#[derive(Clone)]
pub(crate) struct Component {
    pub(crate) bytes: Arc<Vec<u8>>,
    pub(crate) manifest: Manifest,
}

/// Where the kit keeps what it makes.
#[derive(Clone)]
pub(crate) struct Places {
    /// Compiled components.
    pub(crate) cache: Option<PathBuf>,
    /// Everything else; empty before and removed after.
    pub(crate) scratch: PathBuf,
    /// Folder of programs that stand in for real ones.
    pub(crate) programs: Option<PathBuf>,
}

/// The plugin under test.
pub(crate) struct Subject {
    pub(crate) switch: Switch,
    /// What marks the processes of this run.
    pub(crate) mark: String,
    pub(crate) description: Description,
    pub(crate) authority: Authority,
    pub(crate) name: String,
    provider: Arc<dyn Provider>,
    impatient: Arc<dyn Provider>,
    _tap: Tap,
}

impl Subject {
    /// Opens the plugin.
    ///
    /// # Errors
    /// If it cannot be run, or the kit has no port for its server.
    pub(crate) async fn open(
        component: &Component,
        places: &Places,
        notices: Option<Notices>,
    ) -> Result<Self, RuntimeError> {
        let switch = Switch::default();
        let engine = |error: std::io::Error| RuntimeError::Engine { reason: error.to_string() };
        let tap = Tap::open(Arc::new(switch.clone())).await.map_err(engine)?;
        let mark = crate::secrets::random_hex();
        let services = services(&switch, &mark, places);
        let patient = runtime(places, patient_http(), notices.clone());
        let impatient = runtime(places, impatient_http(), notices);
        let provider = open(component, &tap, &patient, &services).await?;
        let impatient = open(component, &tap, &impatient, &services).await?;
        Ok(Self {
            switch,
            mark,
            description: provider.description().clone(),
            authority: component.manifest.authority.clone(),
            name: component.manifest.name.clone(),
            provider,
            impatient,
            _tap: tap,
        })
    }

    /// The plugin, to be kept.
    pub(crate) fn shared(&self) -> Arc<dyn Provider> {
        Arc::clone(&self.provider)
    }

    /// The plugin; `impatient` gives up on slow answers at once.
    pub(crate) fn provider(&self, impatient: bool) -> &dyn Provider {
        if impatient { &*self.impatient } else { &*self.provider }
    }
}

async fn open(
    component: &Component,
    tap: &Tap,
    runtime: &Runtime,
    services: &HostServices,
) -> Result<Arc<dyn Provider>, RuntimeError> {
    let manifest = &component.manifest;
    let source = ComponentSource::unverified_for_development(
        manifest.name.clone(),
        manifest.version.to_string(),
        component.bytes.to_vec(),
    );
    let endpoints =
        Endpoints::parse(&tap.url()).map_err(|error| RuntimeError::Engine { reason: error.to_string() })?;
    let grant = Grant { authority: Arc::new(manifest.authority.clone()), endpoints: Arc::new(endpoints) };
    runtime.provider(source, grant, services.clone()).await
}

fn services(switch: &Switch, mark: &str, places: &Places) -> HostServices {
    let mut environment = ss_capability_process::inherited_environment(|_| false);
    environment.retain(|(name, _)| name != MARK && name != "PATH");
    environment.push((MARK.into(), mark.into()));
    environment.push(("PATH".into(), search_path(places.programs.as_deref())));
    HostServices {
        http: Client::new(),
        keyring: Arc::new(switch.clone()),
        generator: Arc::new(switch.clone()),
        scrubber: Arc::new(Scrubber::new()),
        log_dir: places.scratch.join("logs"),
        home: Some(places.scratch.join("home")),
        environment: Arc::new(environment),
    }
}

/// The person's `PATH`, the stand-in programs first.
fn search_path(programs: Option<&Path>) -> OsString {
    let own = std::env::var_os("PATH").unwrap_or_default();
    let folders = programs.map(Path::to_owned).into_iter().chain(std::env::split_paths(&own));
    std::env::join_paths(folders).unwrap_or(own)
}

fn runtime(places: &Places, http: ss_capability_http::Limits, notices: Option<Notices>) -> Runtime {
    Runtime::new(RuntimeConfig {
        cache_dir: places.cache.clone(),
        limits: Limits {
            compute: Duration::from_secs(6),
            read_call: Duration::from_secs(60),
            write_call: Duration::from_secs(600),
            cancel_grace: Duration::from_millis(1_000),
            ..Limits::default()
        },
        http,
        pace: Pace::Hurried(NAP),
        notices,
        known: None,
    })
}

/// Nothing is sent again by the gate: each request of the plugin meets its own fault.
fn patient_http() -> ss_capability_http::Limits {
    ss_capability_http::Limits {
        requests: 1_000,
        retries: 0,
        connect_retries: 0,
        first_wait: Duration::from_millis(1),
        ..ss_capability_http::Limits::default()
    }
}

fn impatient_http() -> ss_capability_http::Limits {
    ss_capability_http::Limits {
        answer: Duration::from_millis(150),
        idle: Duration::from_millis(150),
        total: Duration::from_millis(250),
        ..patient_http()
    }
}
