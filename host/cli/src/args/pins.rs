//! `ss plugin add | update | remove | list | verify | approve | audit | vendor`: the plugins of a system.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueHint};
use ss_authority::Capability;

use super::DEFAULT_FILE;

/// The system whose plugins are meant.
#[derive(Debug, Clone, Args)]
pub struct PinScope {
    /// The system's file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, default_value = DEFAULT_FILE)]
    pub file: PathBuf,
    /// The environment whose overlay counts too
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
}

/// How something is approved where nobody can be asked.
#[derive(Debug, Clone, Args)]
pub struct Consent {
    /// Approve exactly what has this digest, as a person has seen it: the only way without a terminal
    #[arg(long, value_name = "DIGEST", visible_alias = "digest")]
    pub expect: Option<String>,
}

/// What pins the plugins of a system, and looks after the pins.
#[derive(Debug, Subcommand)]
pub enum PinCommand {
    /// Pin a plugin of a registry, show what it may do, and ask before anything of it runs
    Add {
        /// The plugin: `<namespace>/<name>`, with `@<versions>` for other than the newest, as `acme/tunnel@^1.2`
        plugin: String,
        /// The registry that it must come from
        #[arg(long, value_name = "NAME")]
        registry: Option<String>,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        scope: PinScope,
    },
    /// Move pins to the newest wanted versions, as long as these ask for nothing new
    ///
    /// A version that asks for more, or that somebody else has signed, stays out with the difference shown
    /// and exit code 4; `ss plugin approve <name>@<version>` is the only way on.
    Update {
        /// Only these plugins; all if absent
        plugins: Vec<String>,
        /// Show what would change and stop
        #[arg(long)]
        dry_run: bool,
        #[command(flatten)]
        scope: PinScope,
    },
    /// Take a plugin out of the lock and out of `plugins:`
    Remove {
        /// The plugin
        plugin: String,
        #[command(flatten)]
        scope: PinScope,
    },
    /// Show the plugins of the system: version, registry, what each may do, whether that is approved here
    List {
        #[command(flatten)]
        scope: PinScope,
    },
    /// Check every pinned plugin again: signature, digest, manifest, lock; without any network
    Verify {
        #[command(flatten)]
        scope: PinScope,
    },
    /// Approve what the lock and the files want, after showing it in sentences
    ///
    /// Without a name: the lock as it stands, new plugins, endpoints, and templates that read the vault.
    /// With a name: grants this plugin what it asks for; with `@<version>`, moves the pin there first. It
    /// asks on the terminal. Without one, and in CI, `--expect` must name the digest that a person has seen.
    Approve {
        /// Only this plugin: a name, or `<name>@<version>`
        plugin: Option<String>,
        /// Of what it asks for beyond its grant, only these kinds; the rest is denied at run time
        ///
        /// Of: http, vault-read, vault-write, secrets, reveal, process, files.
        #[arg(long, value_name = "KIND", value_delimiter = ',', requires = "plugin")]
        only: Vec<Capability>,
        #[command(flatten)]
        consent: Consent,
        #[command(flatten)]
        scope: PinScope,
    },
    /// Look for yanked, revoked, forbidden, over-granted and unused plugins
    Audit {
        /// Judge by what was seen last, without asking any registry
        #[arg(long)]
        offline: bool,
        #[command(flatten)]
        scope: PinScope,
    },
    /// Copy the pinned plugins into a folder that serves as a registry where there is no network
    Vendor {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath, default_value = "vendor/plugins")]
        folder: PathBuf,
        #[command(flatten)]
        scope: PinScope,
    },
}
