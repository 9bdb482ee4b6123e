//! The plugins of one system: its lock, and what this machine approves of it.

mod add;
mod approve;
pub mod audit;
mod consent;
mod list;
mod remove;
mod review;
mod update;
mod vendor;
mod verify;

use ss_config::{PluginConfig, Sources, System};
use ss_registry::{PluginName, Registries, Workspace};

use super::plugin_name;
use crate::args::{self, PinCommand, PinScope};
use crate::compose::{load_system, name_of, open_registries, open_workspace, seen, tokio_runtime};
use crate::error::CommandError;
use crate::home;
use crate::ui::Ui;

/// Runs the command.
pub fn run(ui: &Ui, command: &PinCommand) -> Result<(), CommandError> {
    tokio_runtime()?.block_on(async {
        match command {
            PinCommand::Add { plugin, registry, consent, scope } => {
                add::run(ui, plugin, registry.as_deref(), consent, scope).await
            }
            PinCommand::Update { plugins, dry_run, scope } => update::run(ui, plugins, *dry_run, scope).await,
            PinCommand::Remove { plugin, scope } => remove::run(ui, plugin, scope),
            PinCommand::List { scope } => list::run(ui, scope),
            PinCommand::Verify { scope } => verify::run(ui, scope),
            PinCommand::Approve { plugin, only, consent, scope } => {
                approve::run(ui, plugin.as_deref(), only, consent, scope).await
            }
            PinCommand::Audit { offline, scope } => audit::run(ui, *offline, scope).await,
            PinCommand::Vendor { folder, scope } => vendor::run(ui, folder, scope).await,
        }
    })
}

/// A system with its lock, open to be looked at and changed. No plugin runs.
pub struct Opened {
    pub sources: Sources,
    pub system: System,
    pub registries: Registries,
    pub workspace: Workspace,
}

impl Opened {
    fn new(ui: &Ui, scope: &PinScope) -> Result<Self, CommandError> {
        let arguments = args::System { file: scope.file.clone(), env: scope.env.clone() };
        let (sources, system, _) = load_system(ui, &arguments)?;
        let home = home::home()?;
        let workspace = open_workspace(&system, &home)?;
        let registries = open_registries(&home, workspace.lock())?;
        Ok(Self { sources, system, registries, workspace })
    }

    /// The entry of `plugins:` that a person names: by its key, or by the provider that it is.
    fn configured(&self, typed: &str) -> Option<&PluginConfig> {
        self.system.plugins.iter().find(|plugin| plugin.name.value == typed).or_else(|| {
            self.system.plugins.iter().find(|plugin| plugin.provider() == typed && !typed.contains('/'))
        })
    }

    /// The plugin that a person names.
    fn named(&self, typed: &str) -> Result<PluginName, CommandError> {
        match self.configured(typed) {
            Some(configured) => name_of(configured),
            None => plugin_name(typed),
        }
    }

    /// Records in the lock what was seen of the registry that a plugin comes from.
    fn see(&mut self, name: &PluginName) -> Result<(), CommandError> {
        if let Some((registry, pin)) = seen(&self.registries, name)? {
            self.workspace.see_registry(&registry, pin);
        }
        Ok(())
    }

    /// The entry of `plugins:` that a plugin stands for.
    fn entry_of(&self, name: &PluginName) -> Option<&PluginConfig> {
        self.system.plugins.iter().find(|plugin| name_of(plugin).is_ok_and(|known| known == *name))
    }
}

/// Parts a plugin's name from what stands behind its `@`.
fn split_version(typed: &str) -> (&str, Option<&str>) {
    typed.split_once('@').map_or((typed, None), |(name, version)| (name, Some(version)))
}
