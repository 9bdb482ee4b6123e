//! The commands that deploy a system and look after it.

use std::path::{Path, PathBuf};

use clap::{Args, ValueHint};

use super::{DEFAULT_FILE, System};

#[derive(Debug, Args)]
pub struct Plan {
    #[command(flatten)]
    pub system: System,
    /// Only this service
    #[arg(long, value_name = "ID")]
    pub service: Option<String>,
    /// Keep the plan in a file; `ss deploy FILE` applies it, if nothing has moved until then
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Deploy {
    /// The system's file; or a plan that `ss plan --out` kept
    #[arg(value_name = "FILE", value_hint = ValueHint::FilePath, default_value = DEFAULT_FILE)]
    pub file: PathBuf,
    /// The environment: applies the overlay `starsystem.<env>.yaml` beside the file
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// Only this service
    #[arg(long, value_name = "ID")]
    pub service: Option<String>,
    /// Print the plan and stop
    #[arg(long)]
    pub dry_run: bool,
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
pub struct Destroy {
    #[command(flatten)]
    pub system: System,
    /// Only this service
    #[arg(long, value_name = "ID")]
    pub service: Option<String>,
    /// Do not ask
    #[arg(long, short)]
    pub yes: bool,
    /// How many services to work on at once
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(1..=256))]
    pub parallelism: u16,
}

#[derive(Debug, Args)]
pub struct Drift {
    #[command(flatten)]
    pub system: System,
    /// Only this service
    #[arg(long, value_name = "ID")]
    pub service: Option<String>,
}

/// Which system a command is about whose own argument is something else.
#[derive(Debug, Clone, Args)]
pub struct Place {
    /// The environment
    #[arg(long, value_name = "NAME")]
    pub env: Option<String>,
    /// The system's file
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath, default_value = DEFAULT_FILE)]
    pub file: PathBuf,
}

impl Place {
    /// The same for a command whose argument is the system's file.
    pub fn system(&self) -> System {
        System { file: self.file.clone(), env: self.env.clone() }
    }

    /// What stands behind the command for the same system, with a blank in front; empty for the defaults.
    pub fn as_typed(&self) -> String {
        let mut text = String::new();
        if let Some(env) = &self.env {
            text.push_str(&format!(" --env={env}"));
        }
        if self.file != Path::new(DEFAULT_FILE) {
            text.push_str(&format!(" --file={}", self.file.display()));
        }
        text
    }
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// The run: its id, or how that begins; the newest if absent
    pub id: Option<String>,
    #[command(flatten)]
    pub place: Place,
    /// List the runs, newest first
    #[arg(long, conflicts_with_all = ["id", "state", "calls", "verify"])]
    pub list: bool,
    /// Show the state of every service after the run
    #[arg(long)]
    pub state: bool,
    /// Show every request that the run made
    #[arg(long)]
    pub calls: bool,
    /// Check that no receipt was changed and none is missing
    #[arg(long, conflicts_with = "id")]
    pub verify: bool,
}

#[derive(Debug, Args)]
#[group(id = "what", required = true, multiple = false, args = ["list", "to"])]
pub struct Rollback {
    #[command(flatten)]
    pub place: Place,
    /// List the runs that can be gone back to, newest first
    #[arg(long)]
    pub list: bool,
    /// The run to go back to: its id, or how that begins
    #[arg(long, value_name = "ID")]
    pub to: Option<String>,
}

#[derive(Debug, Args)]
#[group(id = "verdict", multiple = false, args = ["adopt", "absent", "forget"])]
pub struct Resolve {
    /// The service; without one, everything that is unfinished is shown
    pub service: Option<String>,
    #[command(flatten)]
    pub place: Place,
    /// It made the resource with this id at the provider: go on with that one
    #[arg(long, value_name = "ID", requires = "service")]
    pub adopt: Option<String>,
    /// It made nothing: the next run may make it
    #[arg(long, requires = "service")]
    pub absent: bool,
    /// Drop all that is recorded of the service; what exists at the provider stays
    #[arg(long, requires = "service")]
    pub forget: bool,
}
