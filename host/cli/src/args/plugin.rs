//! `ss plugin …`: one group of commands per concern, all on one level for the person who types them.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};

use super::{AuthorCommand, PinCommand};

#[derive(Debug, Args)]
pub struct Plugin {
    #[command(subcommand)]
    pub command: PluginCommand,
}

/// Each group is a type of its own, in the order in which `--help` lists them.
#[derive(Debug, Subcommand)]
pub enum PluginCommand {
    #[command(flatten)]
    Author(AuthorCommand),
    #[command(flatten)]
    Pins(PinCommand),
    #[command(flatten)]
    Registry(RegistryCommand),
    #[command(flatten)]
    Check(CheckCommand),
}

/// What judges a plugin, or makes it ready.
#[derive(Debug, Subcommand)]
pub enum CheckCommand {
    /// Prove a plugin against scenarios: idempotence, crashes, drift, hostile answers, secrets
    ///
    /// Black-box and offline, for a component in any language. Each rule says what it tried, or what broke
    /// it and what to change. Exits with 1 if a rule failed.
    Test(Box<Test>),
    /// Compile built-in plugins now, so that no later run has to: for images and CI
    Compile {
        /// Plugins; all built-in ones if none is named
        plugins: Vec<String>,
    },
}

#[derive(Debug, Clone, Args)]
pub struct Test {
    /// The component file, a plugin's project, or the name of a plugin of a registry
    #[arg(value_hint = ValueHint::AnyPath, default_value = ".")]
    pub component: PathBuf,
    /// Scenario files, or folders of them; otherwise the folder `scenarios` beside the plugin's manifest
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    pub scenarios: Vec<PathBuf>,
    /// Only rules whose ids begin like this, such as `plan/`
    #[arg(long, value_name = "ID")]
    pub rule: Vec<String>,
    /// Where scenarios without a cloud of their own send requests: a stand-in on this machine
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Record the first scenario into this file: at `--endpoint`, or without it at the provider itself
    ///
    /// Without `--endpoint` real resources are made, and destroyed again; the keys are taken from the
    /// environment variables that `ss catalog` names. Keys, passwords and tokens are not written.
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["replay", "rule", "thorough"])]
    pub record: Option<PathBuf>,
    /// Play a recording instead of the scenarios
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, conflicts_with_all = ["scenarios", "endpoint"])]
    pub replay: Option<PathBuf>,
    /// `plugin.toml`, for a component that has none inside
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub manifest: Option<PathBuf>,
    /// Give every request every kind of broken answer, which takes longer
    #[arg(long)]
    pub thorough: bool,
    /// Write the report as JUnit XML too
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub junit: Option<PathBuf>,
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
    /// Sign a component and add it to a registry
    ///
    /// The component is checked as every client will check it. A version that is there is never changed.
    Publish {
        /// The component file, with its manifest inside
        #[arg(value_hint = ValueHint::FilePath)]
        component: PathBuf,
        #[command(flatten)]
        keeper: Keeper,
        /// The namespace; the one that the key signs for if not given
        #[arg(long)]
        namespace: Option<String>,
        /// Digest of the sources that it was built from, for the statement; that of the component itself if
        /// not given
        #[arg(long, value_name = "DIGEST")]
        source_digest: Option<String>,
    },
    /// Take a release back: nobody starts to use it, who has it pinned may go on
    Yank {
        /// The plugin: `<namespace>/<name>`
        plugin: String,
        /// The version
        #[arg(id = "release", value_name = "VERSION")]
        version: String,
        #[command(flatten)]
        keeper: Keeper,
        /// Why, for those who use it
        #[arg(long, default_value = "withdrawn by its publisher", conflicts_with = "undo")]
        reason: String,
        /// Nobody may use it any more, pinned or not. For good
        #[arg(long, conflicts_with = "undo")]
        revoke: bool,
        /// Take the yank back
        #[arg(long)]
        undo: bool,
    },
    /// Make a key that signs releases
    Keygen {
        /// The file for the private key; the public one goes beside it as `.pub`
        #[arg(value_hint = ValueHint::FilePath)]
        file: PathBuf,
    },
}

/// A registry to be changed, and the keys for it.
#[derive(Debug, Args)]
pub struct Keeper {
    /// The registry: a folder, or `oci://host/repository`
    #[arg(long)]
    pub to: String,
    /// The file of a key that signs for the namespace; more than one where the registry wants that
    #[arg(long = "key", value_name = "FILE", value_hint = ValueHint::FilePath, required = true)]
    pub keys: Vec<PathBuf>,
    /// The folder with the registry's own keys; that of the first key if not given
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub registry_keys: Option<PathBuf>,
}
