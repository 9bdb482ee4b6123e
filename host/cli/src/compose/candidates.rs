//! Which plugin stands for which provider of a system: built in, of another registry, or a file of the
//! user's own. Nothing is run here and nothing is granted.

use std::collections::HashSet;

use ss_capability_http::Client;
use ss_config::{PluginConfig, System};
use ss_registry::{
    DEVELOPMENT, DevelopmentError, DevelopmentPlugin, LoadError, OFFICIAL, Plugin, PluginName, Registries,
    Registry, Workspace,
};
use tokio::task::JoinHandle;

use super::admission::{not_admitted, typed};
use crate::error::CommandError;
use crate::ui::Ui;

/// Whether the network may be asked for what is not here yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// For releases that the lock pins, and for the newest ones.
    Asked,
    /// Only for releases that the lock pins, and only if they are not here.
    Locked,
    /// For nothing: what is not here is missing.
    Never,
}

/// The plugins that a system may use: those that `plugins:` names, and the built-in ones beside them.
///
/// # Errors
/// If one of them cannot be loaded or is not what the lock pins, or the lock pins what nobody knows.
pub async fn candidates(
    ui: &Ui,
    registries: &Registries,
    workspace: &Workspace,
    system: &System,
    network: Network,
) -> Result<Vec<Plugin>, CommandError> {
    // Hashing a component with an interpreter takes as long as verifying every built-in one, so it is done beside.
    let developed: Vec<_> =
        system.plugins.iter().map(|configured| start_reading(configured, system)).collect();
    let official = official(registries)?;
    let names = official.plugins().map_err(|error| CommandError::of(&error))?;
    let taken: HashSet<&str> = system.plugins.iter().map(PluginConfig::provider).collect();
    let built_in = names.iter().filter(|name| !taken.contains(name.name()));
    let built_in: Vec<_> = built_in.map(|name| workspace.load(official, name, None)).collect();

    let mut plugins = Vec::new();
    for (configured, developed) in system.plugins.iter().zip(developed) {
        plugins.push(match developed {
            Some(reading) => developed_plugin(reading, system).await?,
            None => candidate(registries, workspace, system, configured, network).await?,
        });
    }
    check_strays(ui, &names, workspace, &plugins)?;
    for loaded in built_in {
        plugins.push(loaded.map_err(|error| not_admitted(error, system))?.into());
    }
    plugins.sort_by(|a, b| provider_of(a).cmp(provider_of(b)));
    Ok(plugins)
}

/// The plugin that an entry of `plugins:` stands for.
///
/// # Errors
/// If it cannot be loaded, or is not what the lock pins.
pub async fn candidate(
    registries: &Registries,
    workspace: &Workspace,
    system: &System,
    configured: &PluginConfig,
    network: Network,
) -> Result<Plugin, CommandError> {
    if let Some(reading) = start_reading(configured, system) {
        return developed_plugin(reading, system).await;
    }
    let name = name_of(configured)?;
    let registry = registry_of(registries, configured, &name)?;
    let wanted = configured.version.as_ref().map(|version| &version.value);
    bring(registries, workspace, registry, &name, wanted, network).await?;
    let plugin = workspace.load(registry, &name, wanted).map_err(|error| not_admitted(error, system))?;
    Ok(plugin.into())
}

/// A component under development that is being read in another thread.
type Reading = JoinHandle<Result<DevelopmentPlugin, DevelopmentError>>;

/// Begins to read the component that an entry of `plugins:` names; none if the plugin comes from a registry.
fn start_reading(configured: &PluginConfig, system: &System) -> Option<Reading> {
    let (provider, folder) = (configured.provider().to_owned(), system.dir.clone());
    let path = configured.path.as_ref()?.value.clone();
    Some(tokio::task::spawn_blocking(move || DevelopmentPlugin::load(&provider, &path, &folder)))
}

async fn developed_plugin(reading: Reading, system: &System) -> Result<Plugin, CommandError> {
    let read = reading.await;
    let read = read.map_err(|error| CommandError::caused_by("a plugin could not be read", &error))?;
    Ok(read.map_err(|error| not_admitted(error.into(), system))?.into())
}

/// Makes sure that the release which the workspace uses is on this machine.
async fn bring(
    registries: &Registries,
    workspace: &Workspace,
    registry: &Registry,
    name: &PluginName,
    wanted: Option<&semver::VersionReq>,
    network: Network,
) -> Result<(), CommandError> {
    if name.namespace() == OFFICIAL || network == Network::Never {
        return Ok(());
    }
    let client = Client::new();
    let version = match workspace.lock().get(name) {
        Some(pin) => pin.version.clone(),
        None if network != Network::Asked => return Err(not_pinned(name)),
        None => {
            let asked = registries.refresh(&client, std::slice::from_ref(name)).await;
            asked.map_err(|error| CommandError::of(&error))?;
            registry.newest_of(name, wanted).map_err(|error| CommandError::of(&error))?
        }
    };
    registries.fetch(&client, name, &version).await.map_err(|error| CommandError::of(&error))
}

/// The plugin's name with its namespace.
///
/// # Errors
/// If it cannot be one.
pub fn name_of(configured: &PluginConfig) -> Result<PluginName, CommandError> {
    let written = configured.name.value.as_str();
    let name = match (&configured.path, written.contains('/')) {
        (Some(_), _) => PluginName::new(DEVELOPMENT, configured.provider()),
        (None, true) => written.parse(),
        (None, false) => PluginName::official(written),
    };
    name.map_err(|error| CommandError::failed(format!("`plugins.{written}`: {error}")))
}

/// The one registry that the plugin comes from. A file may say which one it expects; it cannot choose.
fn registry_of<'a>(
    registries: &'a Registries,
    configured: &PluginConfig,
    name: &PluginName,
) -> Result<&'a Registry, CommandError> {
    let registry = registries.of(name).map_err(|error| no_registry(&error, configured))?;
    match &configured.registry {
        Some(expected) if expected.value != registry.name() => Err(CommandError::failed(format!(
            "`plugins.{}` expects the registry `{}`; on this machine the namespace `{}` belongs to `{}`",
            configured.name.value,
            expected.value,
            name.namespace(),
            registry.name()
        ))
        .hint("a namespace belongs to one registry; `ss registry list` shows which")),
        _ => Ok(registry),
    }
}

fn no_registry(error: &LoadError, configured: &PluginConfig) -> CommandError {
    let named = configured.registry.as_ref().map_or("<name>", |registry| registry.value.as_str());
    CommandError::of(error).hint(format!(
        "`ss registry add <url> --name {named} --root-sha256 <fingerprint>` makes a registry known"
    ))
}

/// The registry of the built-in plugins.
fn official(registries: &Registries) -> Result<&Registry, CommandError> {
    registries
        .get(OFFICIAL)
        .ok_or_else(|| CommandError::failed("this `ss` was built without its own plugins"))
}

/// A pin that stands for no plugin protects nobody: it is a slip of the pen, or an attempt. One that another
/// environment's overlay may name is only worth a word.
fn check_strays(
    ui: &Ui,
    official: &[PluginName],
    workspace: &Workspace,
    plugins: &[Plugin],
) -> Result<(), CommandError> {
    let known: HashSet<&PluginName> = plugins.iter().map(Plugin::name).chain(official).collect();
    let lock = workspace.lock();
    let pinned = lock.pins().iter().map(|pin| &pin.name);
    let developed = lock.developments().iter().map(|pin| &pin.name);
    for name in pinned.chain(developed).filter(|name| !known.contains(name)) {
        let remedy = format!("`ss plugin remove {}` takes it out", typed(name));
        if name.namespace() == OFFICIAL {
            let message = format!("`starsystem.lock` pins `{name}`, and there is no such plugin");
            return Err(CommandError::failed(message).hint(format!("correct its name in the lock; {remedy}")));
        }
        ui.warn(&format!("`starsystem.lock` pins `{name}`, which `plugins:` does not name; {remedy}"));
    }
    Ok(())
}

/// A plugin that `--locked` would have to pin.
pub fn not_pinned(name: &PluginName) -> CommandError {
    CommandError::failed(format!("`{name}` is not in `starsystem.lock`, and --locked forbids adding it"))
        .hint("run the command once without --locked, and commit `starsystem.lock`")
}

fn provider_of(plugin: &Plugin) -> &str {
    plugin.name().name()
}
