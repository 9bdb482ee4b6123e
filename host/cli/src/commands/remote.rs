//! `ss exec` and `ss ssh`: a command or a shell where a service runs.

use std::io::IsTerminal as _;
use std::sync::Arc;

use ss_secret::Scrubber;

use crate::args;
use crate::compose::{Project, Purpose, Whereabouts, fly, hand_over, tokio_runtime, whereabouts};
use crate::error::CommandError;
use crate::ui::Ui;

/// How a person gets `fly`.
pub const INSTALL_FLY: &str = "install Fly's command line: https://fly.io/docs/flyctl/install/";
/// How a person gets `ssh`.
pub const INSTALL_SSH: &str = "install an SSH client, such as OpenSSH";

/// Runs `ss exec`.
pub fn exec(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Exec) -> Result<(), CommandError> {
    let id = &arguments.service;
    // Both programs hand one line to a shell at the other end.
    let line = shlex::try_join(arguments.command.iter().map(String::as_str))
        .map_err(|_| CommandError::usage("the command holds a NUL byte"))?;
    match locate(ui, scrubber, &arguments.system, id, "ss exec")? {
        Whereabouts::Here { .. } => Err(on_this_machine(id)),
        Whereabouts::Fly { app, token } => {
            let mut command = fly(&app, token.as_ref(), &["ssh", "console"]);
            command.arg("--command").arg(line);
            hand_over(command, INSTALL_FLY)
        }
        Whereabouts::Host(host) => {
            let mut command = host.ssh(std::io::stdin().is_terminal());
            command.arg(line);
            hand_over(command, INSTALL_SSH)
        }
    }
}

/// Runs `ss ssh`.
pub fn ssh(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Ssh) -> Result<(), CommandError> {
    let id = &arguments.service;
    match locate(ui, scrubber, &arguments.system, id, "ss ssh")? {
        Whereabouts::Here { .. } => Err(on_this_machine(id)),
        Whereabouts::Fly { app, token } => {
            hand_over(fly(&app, token.as_ref(), &["ssh", "console"]), INSTALL_FLY)
        }
        Whereabouts::Host(host) => hand_over(host.ssh(true), INSTALL_SSH),
    }
}

/// Where the service of a command runs.
///
/// # Errors
/// If the system cannot be opened, or the service is nowhere to be looked at.
pub fn locate(
    ui: &Ui,
    scrubber: &Arc<Scrubber>,
    system: &args::System,
    service: &str,
    command: &'static str,
) -> Result<Whereabouts, CommandError> {
    tokio_runtime()?.block_on(async {
        let project = Project::open(ui, scrubber, system, Purpose::looking(command)).await?;
        whereabouts(&project, service)
    })
}

fn on_this_machine(id: &str) -> CommandError {
    CommandError::failed(format!("`{id}` runs on this machine"))
        .hint(format!("run the command itself; `ss logs {id}` shows what the service prints"))
}
