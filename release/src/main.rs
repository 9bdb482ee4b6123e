//! The command line of the release tool, which `cargo xtask` starts.

use std::env;
use std::fs;
use std::io::{self, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use ss_registry::{Published, Timestamp};
use ss_release::publish::{KEYS, Options, publish};
use ss_release::repository::Repository;
use ss_release::sources::Sources;
use ss_release::{Error, check, compile};

/// Builds, signs and publishes the built-in plugins.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    after_help = "`cargo xtask test` checks format and lints and runs every test."
)]
struct Cli {
    #[command(subcommand)]
    command: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Build plugins into `target/plugins/<name>.wasm`, the same bytes on every machine.
    BuildPlugins {
        /// Plugins; all if none is named.
        names: Vec<String>,
    },
    /// Print the digest of the sources that plugins are built from.
    SourceDigest {
        /// Plugins; all if none is named.
        names: Vec<String>,
    },
    /// Build plugins, sign them with the key in the folder that `SS_KEYS` names, add them to `registry-index/`.
    Publish {
        /// Plugins; all if none is named.
        names: Vec<String>,
        /// When, as `2026-11-21T09:30:00Z`; the time of the last commit if not given.
        #[arg(long, value_name = "TIME")]
        published: Option<Timestamp>,
        /// Replace a release of the same version. Only while no one else has it.
        #[arg(long)]
        replace: bool,
    },
    /// Check that the published plugins are those of the current sources.
    CheckPlugins {
        /// Plugins; all if none is named.
        names: Vec<String>,
    },
}

fn main() -> ExitCode {
    let mut out = io::stdout().lock();
    match run(Cli::parse().command, &mut out) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task, out: &mut impl io::Write) -> Result<(), Error> {
    let repository = Repository::of_this_program();
    match task {
        Task::BuildPlugins { names } => build(&repository, &names, out),
        Task::SourceDigest { names } => {
            let sources = Sources::read(&repository)?;
            for plugin in sources.plugins(&names)? {
                say(out, format_args!("{} {}", plugin.name, sources.digest(&plugin)?));
            }
            Ok(())
        }
        Task::Publish { names, published, replace } => {
            let keys = env::var_os(KEYS).map(PathBuf::from);
            let options = Options { keys, published, replace };
            for release in publish(&repository, &names, &options)? {
                let what = match release.outcome {
                    Published::Added => "published",
                    Published::Replaced => "replaced",
                    Published::Unchanged => "unchanged",
                };
                let line = release.line;
                say(
                    out,
                    format_args!("{what} {} {} ({} bytes, {})", release.name, line.v, line.size, line.digest),
                );
            }
            Ok(())
        }
        Task::CheckPlugins { names } => check_plugins(&repository, &names, out),
    }
}

fn build(repository: &Repository, names: &[String], out: &mut impl io::Write) -> Result<(), Error> {
    let sources = Sources::read(repository)?;
    let plugins = sources.plugins(names)?;
    let components = compile::components(&sources, &plugins, &repository.scratch())?;
    for (plugin, component) in plugins.iter().zip(components) {
        let path = repository.scratch().join(format!("{}.wasm", plugin.name));
        fs::write(&path, &component).map_err(|source| Error::File {
            action: "write",
            path: path.clone(),
            source,
        })?;
        say(out, format_args!("{} ({} bytes)", path.display(), component.len()));
    }
    Ok(())
}

fn check_plugins(repository: &Repository, names: &[String], out: &mut impl io::Write) -> Result<(), Error> {
    let sources = Sources::read(repository)?;
    let plugins = sources.plugins(names)?;
    check::sources(repository, &sources, &plugins)?;
    say(out, format_args!("the published plugins are built from these sources"));
    if !compile::can_build(repository) {
        say(out, format_args!("not rebuilt: {}", Error::NoTarget));
        return Ok(());
    }
    check::rebuild(repository, &sources, &plugins, &repository.scratch())?;
    say(out, format_args!("built again, they are the same bytes"));
    Ok(())
}

/// Prints a line. Who closes the output early does not want the rest.
fn say(out: &mut impl io::Write, line: std::fmt::Arguments<'_>) {
    let _ = writeln!(out, "{line}");
}
