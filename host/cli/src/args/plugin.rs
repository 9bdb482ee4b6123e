//! `ss plugin …`: one group of commands per concern, all on one level for the person who types them.

use clap::{Args, Subcommand};

use super::pins::PinCommand;

#[derive(Debug, Args)]
pub struct Plugin {
    #[command(subcommand)]
    pub command: PluginCommand,
}

/// Each group is a type of its own, in the order in which `--help` lists them.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    #[command(flatten)]
    Pins(PinCommand),
    #[command(flatten)]
    Registry(RegistryCommand),
}

/// What asks a registry, or changes one.
#[derive(Debug, Subcommand)]
pub enum RegistryCommand {
    /// Find plugins in the registries by name or description
    Search {
        /// Part of a name or a description; everything if absent
        word: Option<String>,
    },
    /// Show a plugin: who signed it, what it asks for, its versions
    Info {
        /// The plugin: `<namespace>/<name>`, or the name of an official one
        plugin: String,
    },
}
