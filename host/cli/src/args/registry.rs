//! `ss registry …`: which registries this machine uses, and running one.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

#[derive(Debug, Args)]
pub struct Registry {
    #[command(subcommand)]
    pub command: RegistriesCommand,
}

#[derive(Debug, Subcommand)]
pub enum RegistriesCommand {
    /// Use a registry: its namespaces come from there and from nowhere else
    ///
    /// Everything in a registry is held to the fingerprint of its root. Have it from whoever runs the
    /// registry, not from the registry. Without it, a terminal shows what the registry presents and asks;
    /// elsewhere the command stops.
    Add {
        /// Where it is: `https://…`, `oci://host/repository` or `file:///folder`
        url: String,
        /// Fingerprint of its root: `sha256:` and 64 hex digits
        #[arg(long, value_name = "FINGERPRINT")]
        root_sha256: Option<String>,
        /// What to call it; what it calls itself if not given
        #[arg(long)]
        name: Option<String>,
        /// A namespace to take from it; all that it has if none is named
        #[arg(long = "namespace", value_name = "NAMESPACE")]
        namespaces: Vec<String>,
    },
    /// Show the registries, their fingerprints and namespaces
    List,
    /// Stop using a registry, and delete its local copy
    Remove {
        /// Its name
        name: String,
    },
    /// Start a registry in a folder, with new keys in another
    Init {
        /// The folder of the registry: what a web server will serve
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// The private folder for its keys; made if need be
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        keys: PathBuf,
        /// What it calls itself, and its first namespace
        #[arg(long)]
        namespace: String,
    },
    /// Say who signs for a namespace: starts one, or changes its keys
    Delegate {
        /// The registry: a folder, or `oci://host/repository`
        to: String,
        /// The namespace
        namespace: String,
        /// A public key that signs for it: 64 hex digits, or the file of a public key
        #[arg(long = "public-key", value_name = "KEY", required = true)]
        keys: Vec<String>,
        /// How many of the keys must sign; all if not given
        #[arg(long)]
        threshold: Option<usize>,
        /// A public key that signed in its time: its releases stay good. Leave a stolen one out
        #[arg(long = "retired", value_name = "KEY")]
        retired: Vec<String>,
        /// The folder with the registry's keys
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        registry_keys: PathBuf,
    },
    /// Give one of the registry's own roles a new key
    Rotate {
        /// The registry: a folder, or `oci://host/repository`
        to: String,
        /// The role
        role: Role,
        /// The folder with the registry's keys; the new one takes the old one's place there
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        registry_keys: PathBuf,
    },
    /// Sign the timestamp anew, so that the registry stays in date
    Renew {
        /// The registry: a folder, or `oci://host/repository`
        to: String,
        /// The folder with the registry's keys; only the timestamp's is needed
        #[arg(long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
        registry_keys: PathBuf,
    },
    /// Write a registry that lies in a folder into an OCI registry
    Push {
        /// The folder
        #[arg(value_hint = ValueHint::DirPath)]
        folder: PathBuf,
        /// Where to: `oci://host/repository`
        to: String,
    },
}

/// A role of the registry itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    /// Says which keys the others have
    Root,
    /// Says which keys each namespace has
    Targets,
    /// Says which files belong together
    Snapshot,
    /// Says which state is the current one
    Timestamp,
}
