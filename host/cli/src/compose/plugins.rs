//! The plugins of a command: verified, admitted by the lock, running under what they are granted.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use ss_authority::Authority;
use ss_capability_http::{Client, Endpoints};
use ss_config::System;
use ss_provider::{Description, Provider, Providers};
use ss_registry::{Admitted, Plugin, PluginName, Registries, Registry, Workspace};
use ss_runtime::{ComponentSource, Grant, HostServices, Notice, Runtime, RuntimeConfig};
use ss_secret::Scrubber;
use ss_vault::{Catalog, Vault};

use super::Environment;
use super::admission::{not_admitted, unusable};
use super::candidates::{Network, candidates, not_pinned};
use super::vault::{VaultGenerator, VaultKeyring};
use crate::error::CommandError;
use crate::home;
use crate::ui::Ui;

/// A plugin as `ss catalog` shows it.
pub struct Listing {
    /// The plugin.
    pub plugin: Plugin,
    /// What it says about itself.
    pub description: Description,
}

/// The plugins that a command may call: those that its system uses.
pub struct Plugins {
    used: BTreeMap<String, Arc<dyn Provider>>,
    /// Those that may start processes or touch files of this machine.
    here: BTreeSet<String>,
    /// Those among them that reach nothing else.
    local: BTreeSet<String>,
    /// What each may do, as sentences.
    grants: BTreeMap<String, Vec<String>>,
    /// Of all plugins there are, so that a misspelt one finds the one that was meant.
    names: Vec<String>,
}

impl Plugins {
    /// What each plugin may do, as sentences, by provider.
    pub fn grants(&self) -> BTreeMap<String, Vec<String>> {
        self.grants.clone()
    }

    /// Adds a provider that is no plugin. `may` says what it may do.
    pub fn add(&mut self, provider: Arc<dyn Provider>, may: &str) {
        let name = provider.description().provider.clone();
        self.grants.insert(name.clone(), vec![may.to_owned()]);
        self.names.push(name.clone());
        self.names.sort();
        self.used.insert(name, provider);
    }

    /// Those that reach nothing but processes and files of this machine.
    pub fn local(&self) -> BTreeSet<String> {
        self.local.clone()
    }
}

impl Providers for Plugins {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        self.used.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    fn acts_here(&self, name: &str) -> bool {
        self.here.contains(name)
    }
}

/// What plugins are lent, and by whom.
pub struct Host<'a> {
    pub ui: &'a Ui,
    pub home: PathBuf,
    pub scrubber: Arc<Scrubber>,
    pub environment: Environment,
    pub runtime: Runtime,
}

impl<'a> Host<'a> {
    /// A host whose compiled plugins are kept in this home.
    pub fn new(ui: &'a Ui, home: PathBuf, scrubber: Arc<Scrubber>, environment: Environment) -> Self {
        let (terminal, cache) = (ui.clone(), home.join("cache"));
        let runtime = Runtime::new(RuntimeConfig {
            cache_dir: Some(cache),
            notices: Some(Arc::new(move |notice: &Notice| match notice {
                Notice::Compiling { plugin } => {
                    terminal.note(&format!("compiling plugin `{plugin}` (the first time only)..."));
                }
                Notice::NotCached { reason } => {
                    terminal.warn(&format!("compiled plugins are not kept: {reason}"));
                }
            })),
            known: Some(ss_registry::official_description),
            ..RuntimeConfig::default()
        });
        Self { ui, home, scrubber, environment, runtime }
    }

    /// What a component of the person's own says about itself. It may do nothing but compute.
    pub async fn describe_unverified(
        &self,
        source: ComponentSource,
        authority: Authority,
    ) -> Result<Description, CommandError> {
        let granted = grant(authority, Endpoints::none());
        let provider = self.runtime.provider(source, granted, self.without_secrets()).await;
        provider.map(|provider| provider.description().clone()).map_err(|error| CommandError::of(&error))
    }

    /// Every plugin of the registry with its description, without any authority in use.
    pub async fn listings(&self, registry: &Registry) -> Result<Vec<Listing>, CommandError> {
        let mut plugins = Vec::new();
        for name in registry.plugins().map_err(|error| CommandError::of(&error))? {
            let loaded = registry.newest(&name).and_then(|version| registry.load(&name, &version));
            plugins.push(loaded.map_err(|error| CommandError::of(&error))?.into());
        }
        self.describe(plugins).await
    }

    /// Compiles the newest release of each plugin, unless that was done before.
    pub async fn compile(&self, registry: &Registry, names: &[PluginName]) -> Result<(), CommandError> {
        for name in names {
            let loaded = registry.newest(name).and_then(|version| registry.load(name, &version));
            let plugin = Plugin::from(loaded.map_err(|error| CommandError::of(&error))?);
            let granted = grant(plugin.requested().clone(), Endpoints::none());
            let made = self.runtime.plugin(plugin, granted, self.without_secrets()).await;
            let made = made.map_err(|error| unusable(name, &error))?;
            made.prepare().await.map_err(|error| unusable(name, &error))?;
        }
        Ok(())
    }

    /// The plugins with their descriptions. They may do nothing while they describe themselves.
    async fn describe(&self, plugins: Vec<Plugin>) -> Result<Vec<Listing>, CommandError> {
        let tasks: Vec<_> = plugins
            .into_iter()
            .map(|plugin| {
                let (runtime, services) = (self.runtime.clone(), self.without_secrets());
                tokio::spawn(async move {
                    let grant = grant(plugin.requested().clone(), Endpoints::none());
                    let provider = runtime.provider(plugin.clone(), grant, services).await;
                    (plugin, provider)
                })
            })
            .collect();
        let mut listings = Vec::new();
        for task in tasks {
            let (plugin, provider) = task
                .await
                .map_err(|error| CommandError::caused_by("a plugin could not be described", &error))?;
            let provider = provider.map_err(|error| unusable(plugin.name(), &error))?;
            listings.push(Listing { description: provider.description().clone(), plugin });
        }
        Ok(listings)
    }

    /// The plugins that the system uses, each admitted by the lock and given what it is granted. Of the
    /// others there are only the names: nobody granted them anything, so nothing can call them.
    pub async fn plugins(
        &self,
        registries: &Registries,
        workspace: &mut Workspace,
        system: &System,
        vault: &Vault,
        network: Network,
    ) -> Result<(Plugins, Arc<Catalog>), CommandError> {
        let locked = network == Network::Locked;
        let candidates = candidates(self.ui, registries, workspace, system, network).await?;
        // Of plugins that this binary does not vouch for nothing runs, not even a description, before a
        // person has approved them.
        let mut admitted = BTreeMap::new();
        for plugin in candidates.iter().filter(|plugin| !is_vouched_for(plugin)) {
            admitted.insert(plugin.name().clone(), admit(workspace, system, plugin.clone())?);
        }
        let listings = self.describe(candidates).await?;
        let (catalog, services) = self.lent(system, vault, &listings);
        let mut names: Vec<String> =
            listings.iter().map(|listing| listing.plugin.name().name().to_owned()).collect();
        names.sort();
        let made = makers(system, vault);
        let (mut used, mut grants) = (BTreeMap::new(), BTreeMap::new());
        let (mut here, mut local) = (BTreeSet::new(), BTreeSet::new());
        for Listing { plugin, description } in listings {
            if !is_used(system, &description) && !made.contains(&description.provider) {
                continue;
            }
            let name = plugin.name().clone();
            if locked && workspace.lock().get(&name).is_none() && !plugin.is_development() {
                return Err(not_pinned(&name));
            }
            let Admitted { plugin, granted } = match admitted.remove(&name) {
                Some(admitted) => admitted,
                None => admit(workspace, system, plugin)?,
            };
            if granted.process.is_some() {
                here.insert(name.name().to_owned());
                if granted.http.is_empty() {
                    local.insert(name.name().to_owned());
                }
            }
            grants.insert(name.name().to_owned(), granted.sentences());
            let granted = grant(granted, self.endpoints(workspace, system, &name)?);
            let provider = self
                .runtime
                .provider(plugin, granted, services.clone())
                .await
                .map_err(|error| unusable(&name, &error))?;
            used.insert(name.name().to_owned(), provider);
        }
        Ok((Plugins { used, here, local, grants, names }, catalog))
    }

    /// Where the operator, or else the file, sends the plugin's requests.
    fn endpoints(
        &self,
        workspace: &Workspace,
        system: &System,
        name: &PluginName,
    ) -> Result<Endpoints, CommandError> {
        let variable = Endpoints::variable(name.name());
        if let Some(text) = (self.environment)(&variable).filter(|text| !text.is_empty()) {
            return Endpoints::parse(&text)
                .map_err(|error| CommandError::caused_by(format!("`{variable}` is not usable"), &error));
        }
        let configured = system.plugins.iter().find(|plugin| plugin.provider() == name.name());
        let Some(text) = configured.and_then(|plugin| plugin.endpoint.as_ref()) else {
            return Ok(Endpoints::none());
        };
        let endpoints = Endpoints::parse(&text.value).map_err(|error| {
            CommandError::caused_by(format!("`plugins.{}.endpoint` is not usable", name.name()), &error)
        })?;
        if !endpoints.is_loopback() {
            workspace.check_endpoint(name, &text.value).map_err(|error| not_admitted(error, system))?;
        }
        self.ui.note(&format!("note: requests of `{}` go to {}", name.name(), text.value));
        Ok(endpoints)
    }

    /// What plugins of this system are lent.
    fn lent(&self, system: &System, vault: &Vault, listings: &[Listing]) -> (Arc<Catalog>, HostServices) {
        let descriptions = listings.iter().map(|listing| &listing.description);
        let ids = system.services.iter().map(|service| service.id.value.clone());
        let catalog = Arc::new(ss_engine::catalog(descriptions, ids));
        let scope = vault.scope(&system.project, &system.environment);
        let withheld: Vec<String> = listings
            .iter()
            .flat_map(|listing| &listing.description.vault_keys)
            .filter_map(|key| key.environment_variable.clone())
            .collect();
        let inherited =
            ss_capability_process::inherited_environment(|name| withheld.iter().any(|key| key == name));
        let keyring = VaultKeyring {
            vault: vault.clone(),
            catalog: Arc::clone(&catalog),
            scope: scope.clone(),
            environment: Arc::clone(&self.environment),
        };
        let services = HostServices {
            http: Client::new(),
            keyring: Arc::new(keyring),
            generator: Arc::new(VaultGenerator { scope }),
            scrubber: Arc::clone(&self.scrubber),
            log_dir: log_folder(&self.home, system),
            home: home::user_home(),
            environment: Arc::new(inherited),
        };
        (catalog, services)
    }

    /// What a plugin is lent that only describes itself: nothing.
    fn without_secrets(&self) -> HostServices {
        HostServices {
            http: Client::new(),
            keyring: Arc::new(NoVault),
            generator: Arc::new(NoVault),
            scrubber: Arc::clone(&self.scrubber),
            log_dir: self.home.join("logs"),
            home: None,
            environment: Arc::new(Vec::<(OsString, OsString)>::new()),
        }
    }
}

/// The folder of the services' log files: one per project folder and environment.
pub fn log_folder(home: &std::path::Path, system: &System) -> PathBuf {
    const SHORT: usize = 8;
    let folder = ss_registry::Digest::of(system.dir.as_os_str().as_encoded_bytes()).to_hex();
    home.join("logs").join(format!("{}-{}", system.project, &folder[..SHORT])).join(&system.environment)
}

struct NoVault;

impl ss_capability_vault::Keyring for NoVault {
    fn get(&self, _: &str) -> Result<Option<ss_secret::Secret>, String> {
        Ok(None)
    }

    fn set_provider_key(&self, _: &str, _: &str, _: &ss_secret::Secret) -> Result<(), String> {
        Err("a plugin that describes itself writes nothing".to_owned())
    }
}

impl ss_capability_secrets::Generator for NoVault {
    fn generated(
        &self,
        _: &str,
        _: &str,
        _: &mut dyn FnMut() -> Result<ss_secret::Secret, String>,
    ) -> Result<ss_secret::Secret, String> {
        Err("a plugin that describes itself writes nothing".to_owned())
    }
}

fn grant(authority: Authority, endpoints: Endpoints) -> Grant {
    Grant { authority: Arc::new(authority), endpoints: Arc::new(endpoints) }
}

/// The providers of what exists, which a destroy needs though the file may no longer name them. A vault
/// that cannot be read is the engine's to complain about.
fn makers(system: &System, vault: &Vault) -> BTreeSet<String> {
    let recorded = vault.scope(&system.project, &system.environment).states().unwrap_or_default();
    let stored = recorded.values().filter_map(|state| state.get("provider")?.as_str().map(str::to_owned));
    let written = system
        .services
        .iter()
        .filter_map(|service| service.state()?.get("provider")?.scalar_text().map(str::to_owned));
    stored.chain(written).collect()
}

/// Whether any service of the system may be routed to this provider.
fn is_used(system: &System, description: &Description) -> bool {
    let provider = description.provider.as_str();
    let names = |name: &str| name == provider || provider.strip_suffix("-local") == Some(name);
    system.services.iter().any(|service| match (service.target_type(), service.provider()) {
        (Some(name), _) | (None, Some(name)) => names(name.value),
        (None, None) => description
            .shapes
            .iter()
            .any(|shape| shape.kind == service.kind() && service.get(&shape.requires).is_some()),
    })
}

/// Whether using it needs no approval beyond running this program.
fn is_vouched_for(plugin: &Plugin) -> bool {
    matches!(plugin, Plugin::Release(release) if release.is_vouched_for())
}

fn admit(workspace: &mut Workspace, system: &System, plugin: Plugin) -> Result<Admitted, CommandError> {
    let admitted = match plugin {
        Plugin::Release(release) => workspace.admit_loaded(*release),
        Plugin::Development(development) => workspace.admit_development(*development),
    };
    admitted.map_err(|error| not_admitted(error, system))
}
