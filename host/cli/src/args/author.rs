//! `ss plugin new | build | run | stand-in`: writing a plugin.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

/// What a plugin's author does before anyone else has the plugin.
#[derive(Debug, Subcommand)]
pub enum AuthorCommand {
    /// Start a plugin: a project that builds, passes `ss plugin test` and runs as it is
    New(NewPlugin),
    /// Build the plugin's component with the tools of its language, and check what it asks for
    ///
    /// Runs cargo, componentize-js, componentize-py or clang; wraps what is still a core module; puts
    /// `plugin.toml` inside; holds the imports against the contract and the manifest. The result is
    /// `dist/<name>.wasm`.
    Build(BuildPlugin),
    /// Build the plugin and provision its own example with it, for development
    ///
    /// The example runs with a home of its own, `.starsystem/` in the project, so that the person's vault,
    /// approvals and state are not touched. With `--watch` it does so again after each change of a source.
    Run(RunPlugin),
    /// Pretend to be the API of a new plugin: collections of JSON objects, in memory, on loopback
    StandIn {
        /// The port
        #[arg(long, value_name = "PORT")]
        port: u16,
    },
}

/// A language that there is a template for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TemplateLanguage {
    /// With the SDK; the smallest and fastest components
    Rust,
    /// Through componentize-js of npm
    #[value(alias = "js")]
    Javascript,
    /// Through componentize-py of PyPI
    Python,
    /// Through clang and wasi-libc
    C,
}

#[derive(Debug, Args)]
pub struct NewPlugin {
    /// Its name, which is what `provider:` and `target.type` will say
    pub name: String,
    /// What it is written in
    #[arg(long, value_enum, default_value = "rust")]
    pub lang: TemplateLanguage,
    /// Where the project is made; a folder of the plugin's name if absent
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// The project that is meant.
#[derive(Debug, Clone, Args)]
pub struct PluginProject {
    /// The plugin's project
    #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath, default_value = ".")]
    pub dir: PathBuf,
}

#[derive(Debug, Args)]
pub struct BuildPlugin {
    #[command(flatten)]
    pub project: PluginProject,
    /// Take this component or core module, made by other tools, instead of running the language's own
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub from: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct RunPlugin {
    #[command(flatten)]
    pub project: PluginProject,
    /// Send the plugin's requests there instead, such as `http://127.0.0.1:9001`
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// Run again after each change, until Ctrl-C
    #[arg(long)]
    pub watch: bool,
}
