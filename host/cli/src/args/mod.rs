//! The command line: clap types and nothing else. Doc comments here are the `--help` texts.

mod agents;
mod author;
mod daily;
mod doctor;
mod operate;
mod pins;
mod plugin;
mod registry;

pub use agents::{Approve, Server};
pub use author::{AuthorCommand, BuildPlugin, NewPlugin, PluginProject, RunPlugin, TemplateLanguage};
pub use daily::{
    Auth, DiagramFormat, Exec, Graph, GraphCommand, Logs, RenderGraph, Services, ServicesCommand, Ssh,
};
pub use doctor::{Doctor, Workspace, WorkspaceCommand};
pub use operate::{Deploy, Destroy, Drift, Inspect, Place, Plan, Resolve, Rollback};
pub use pins::{Consent, PinCommand, PinScope};
pub use plugin::{CheckCommand, Keeper, Plugin, PluginCommand, RegistryCommand, Test};
pub use registry::{RegistriesCommand, Registry, Role};

use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueHint};

/// The system's file, unless another is named.
const DEFAULT_FILE: &str = "starsystem.yaml";

/// Brings a system to life from one file: local processes, databases, apps, DNS.
///
/// `ss` reads `starsystem.yaml` and an overlay per environment, shows what it would do, and does it in
/// dependency order. Every provider is a signed, sandboxed WebAssembly component that can do only what
/// it was granted.
#[derive(Debug, Parser)]
#[command(name = "ss", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// Print one JSON document on stdout; everything else goes to stderr
    #[arg(long, global = true)]
    pub json: bool,
    /// Show the plugins' logs too
    #[arg(long, short, global = true)]
    pub verbose: bool,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Compare the file with what runs, and bring everything up in dependency order
    ///
    /// Prints the plan first, always. Running it again verifies what exists and creates nothing.
    Provision(Provision),
    /// Show what `ss deploy` would do, field by field, without changing anything
    Plan(Plan),
    /// Make the remote services of an environment what the file says, in dependency order
    ///
    /// Prints the plan first, always. Processes of this machine are left to `ss provision`.
    Deploy(Deploy),
    /// Show what a run did: timeline, state, every request that it made
    Inspect(Inspect),
    /// Find what was changed behind our back; exits with 3 if anything was
    ///
    /// Needs the committed `_state` and the providers' keys in variables, and no vault.
    Drift(Drift),
    /// Make credentials and recorded states what they were after an earlier run
    ///
    /// Sends nothing to any provider: what runs there stays as it is until the next `ss deploy`.
    Rollback(Rollback),
    /// Tear down what exists in an environment, in the reverse of dependency order
    Destroy(Destroy),
    /// Say what became of an operation whose outcome `ss` cannot know
    Resolve(Resolve),
    /// Check the file, its overlay and every provider's options, without changing anything
    Validate(Validate),
    /// Show the providers: what they need from the vault, their options, what they may do
    Catalog(Catalog),
    /// Keep provider keys and other secrets in the age-encrypted vault
    Vault(Vault),
    /// Find, pin, write and publish plugins
    Plugin(Plugin),
    /// Sign in to a provider: through the browser (`fly`), or by pasting a key
    Auth(Auth),
    /// Use other registries of plugins, or run one
    Registry(Registry),
    /// Find what is wrong with the workspace, and the command that repairs it; asks no provider
    ///
    /// Exits with 1 if anything found will make a run fail or leaves a secret open, with 0 otherwise.
    Doctor(Doctor),
    /// Look after the workspace: the folder with the system's files
    Workspace(Workspace),
    /// Show what the system consists of
    Services(Services),
    /// Draw the system
    Graph(Graph),
    /// Show the log of a service: its file, `fly logs`, or the journal of its host
    Logs(Logs),
    /// Run one command where a service runs
    Exec(Exec),
    /// Open a shell where a service runs
    Ssh(Ssh),
    /// Serve the system to agents, over the Model Context Protocol
    ///
    /// On stdin and stdout if a client has started it, and over HTTP at `POST /mcp` with `--port` or `--http`.
    Server(Server),
    /// Approve a plan that an agent wants to carry out; prints a token that is good for it once
    Approve(Approve),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the man pages into a folder
    #[command(hide = true)]
    Man {
        /// The folder; made if need be
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct System {
    /// The system's file
    #[arg(value_hint = ValueHint::FilePath, default_value = DEFAULT_FILE)]
    pub file: PathBuf,
    /// The environment: applies the overlay `starsystem.<env>.yaml` beside the file
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
}

impl System {
    /// The same for a command that has the file as an option.
    pub fn as_option(&self) -> String {
        Place { file: self.file.clone(), env: self.env.clone() }.as_typed()
    }

    /// What stands behind the command for the same system, with a blank in front; empty for the defaults.
    pub fn as_typed(&self) -> String {
        let mut text = String::new();
        if self.file != Path::new(DEFAULT_FILE) {
            text.push_str(&format!(" {}", self.file.display()));
        }
        if let Some(env) = &self.env {
            text.push_str(&format!(" --env={env}"));
        }
        text
    }
}

#[derive(Debug, Args)]
pub struct Provision {
    #[command(flatten)]
    pub system: System,
    /// Print the plan and stop
    #[arg(long, conflicts_with = "status")]
    pub dry_run: bool,
    /// Only this service
    #[arg(long, value_name = "ID")]
    pub service: Option<String>,
    /// Check the health of what is provisioned, instead of provisioning
    #[arg(long)]
    pub status: bool,
    /// How many services to work on at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallelism: u16,
    /// Fail rather than write or change `starsystem.lock`
    #[arg(long)]
    pub locked: bool,
    /// Say yes to what the plan costs, such as the price of a domain
    #[arg(long)]
    pub accept_cost: bool,
}

#[derive(Debug, Args)]
pub struct Validate {
    #[command(flatten)]
    pub system: System,
}

#[derive(Debug, Args)]
pub struct Catalog {
    /// Only this provider, in full
    pub provider: Option<String>,
}

#[derive(Debug, Args)]
pub struct Vault {
    #[command(subcommand)]
    pub command: VaultCommand,
}

/// Where a vault command looks for the services' own credentials.
#[derive(Debug, Args)]
pub struct VaultScope {
    /// The environment whose service credentials are meant
    #[arg(long, value_name = "NAME", default_value = "local")]
    pub env: String,
    /// The system's file, for the project's name and its service ids
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, default_value = DEFAULT_FILE)]
    pub file: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum VaultCommand {
    /// Store a value: `set neon.api_token V`, `set secrets CF_ZONE_ID V` or `set AWS_SECRET_ACCESS_KEY V`
    ///
    /// Without a value, or with `-`, it is read from a hidden prompt or from stdin, so that it stands in
    /// no shell history. After `--` everything is literal, as a value that begins with a dash needs it.
    Set {
        /// Address and value: `<a>.<b> [VALUE]`, `<namespace> <key> VALUE`, or `<KEY> [VALUE]`
        #[arg(required = true, num_args = 1..=3)]
        words: Vec<String>,
        #[command(flatten)]
        scope: VaultScope,
    },
    /// Store a provider's key: `set-key neon api_key V`
    SetKey {
        /// The provider
        provider: String,
        /// The key's name, as `ss catalog` shows it
        key: String,
        /// The value; read from a hidden prompt or from stdin if absent or `-`
        value: Option<String>,
    },
    /// Print a value: `get neon.api_token`
    Get {
        /// The address, in any spelling that `set` takes
        #[arg(required = true, num_args = 1..=2)]
        words: Vec<String>,
        #[command(flatten)]
        scope: VaultScope,
    },
    /// List the names of what is stored, never the values
    #[command(visible_alias = "list-secrets")]
    List {
        #[command(flatten)]
        scope: VaultScope,
    },
    /// Copy a value to a secret of one project and environment: `promote workos.api_key WORKOS_API_KEY`
    ///
    /// There it comes before the machine's secret of the same name, in templates too, and goes back with a
    /// rollback. Another value is replaced only after asking.
    Promote {
        /// What is copied: an address in any spelling that `set` takes
        source: String,
        /// The secret's name
        secret: String,
        /// The project; that of the file if absent
        #[arg(long, value_name = "PROJECT")]
        workspace: Option<String>,
        /// The environment that is copied from, where the source belongs to one; if absent, that of `--env`
        #[arg(long, value_name = "NAME")]
        from: Option<String>,
        /// Replace another value without asking
        #[arg(long, short)]
        yes: bool,
        #[command(flatten)]
        scope: VaultScope,
    },
    /// Remove a value under all its spellings
    Rm {
        /// The address, in any spelling that `set` takes
        #[arg(required = true, num_args = 1..=2)]
        words: Vec<String>,
        #[command(flatten)]
        scope: VaultScope,
    },
}
