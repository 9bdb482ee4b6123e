//! `ss plugin new | build | run | stand-in`: one file per command.

mod build;
mod new;
mod run;
mod stand_in;

use std::sync::Arc;

use ss_scaffold::{Project, ProjectError};
use ss_secret::Scrubber;

use crate::args::{AuthorCommand, PluginProject};
use crate::error::CommandError;
use crate::ui::Ui;

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, command: &AuthorCommand) -> Result<(), CommandError> {
    match command {
        AuthorCommand::New(arguments) => new::run(ui, arguments),
        AuthorCommand::Build(arguments) => build::run(ui, scrubber, arguments),
        AuthorCommand::Run(arguments) => run::run(ui, arguments),
        AuthorCommand::StandIn { port } => stand_in::run(ui, *port),
    }
}

/// The project that the arguments name.
pub fn open(arguments: &PluginProject) -> Result<Project, CommandError> {
    Project::open(&arguments.dir).map_err(|error| {
        let command_error = CommandError::of(&error);
        match error {
            ProjectError::NoManifest { .. } => command_error.hint(
                "run it in the plugin's folder, or name that with `--dir`; `ss plugin new NAME` starts one",
            ),
            _ => command_error,
        }
    })
}
