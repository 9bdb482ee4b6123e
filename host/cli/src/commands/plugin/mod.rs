//! `ss plugin`: one file per command of it.

mod author;
mod compile;
mod info;
mod keygen;
pub mod pins;
mod publish;
mod search;
mod test;
mod yank;

use std::sync::Arc;

use ss_registry::{Index, MarkKind, PluginName, Registries};
use ss_secret::Scrubber;

use crate::args::{CheckCommand, Plugin, PluginCommand, RegistryCommand};
use crate::error::CommandError;
use crate::home;
use crate::ui::Ui;

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &Plugin) -> Result<(), CommandError> {
    match &arguments.command {
        PluginCommand::Author(command) => author::run(ui, scrubber, command),
        PluginCommand::Pins(command) => pins::run(ui, command),
        PluginCommand::Registry(command) => in_registries(ui, command),
        PluginCommand::Check(CheckCommand::Test(arguments)) => test::run(ui, arguments),
        PluginCommand::Check(CheckCommand::Compile { plugins }) => compile::run(ui, scrubber, plugins),
    }
}

fn in_registries(ui: &Ui, command: &RegistryCommand) -> Result<(), CommandError> {
    match command {
        RegistryCommand::Search { word } => search::run(ui, word.as_deref()),
        RegistryCommand::Info { plugin } => info::run(ui, plugin),
        RegistryCommand::Publish { component, keeper, namespace, source_digest } => {
            publish::run(ui, component, keeper, namespace.as_deref(), source_digest.as_deref())
        }
        RegistryCommand::Yank { plugin, version, keeper, reason, revoke, undo } => {
            let kind = match (undo, revoke) {
                (true, _) => None,
                (false, true) => Some(MarkKind::Revoked),
                (false, false) => Some(MarkKind::Yanked),
            };
            yank::run(ui, plugin, version, keeper, kind, reason)
        }
        RegistryCommand::Keygen { file } => keygen::run(ui, file),
    }
}

/// The registries of this machine.
pub fn registries() -> Result<Registries, CommandError> {
    Registries::open(&home::home()?).map_err(|error| CommandError::of(&error))
}

/// A plugin as a person names it: the namespace may be left out for official ones.
pub fn plugin_name(text: &str) -> Result<PluginName, CommandError> {
    let name = if text.contains('/') { text.parse() } else { PluginName::official(text) };
    name.map_err(|error| CommandError::usage(format!("`{text}` names no plugin: {error}")))
}

/// The newest release that was not taken back, or else the newest there is.
fn shown_version(registries: &Registries, plugin: &PluginName, index: &Index) -> Option<semver::Version> {
    let newest = registries.of(plugin).and_then(|registry| registry.newest(plugin)).ok();
    newest.or_else(|| index.lines().iter().map(|line| line.v.clone()).max())
}
