//! `ss`: the command line of Starsystem.
//!
//! The only crate that prints, prompts or reads the terminal. A command is a file in `commands/`; it
//! composes the libraries, renders what they return, and fails with one
//! [`CommandError`](error::CommandError).

mod args;
mod commands;
mod compose;
mod error;
mod home;
mod render;
mod ui;

use std::process::ExitCode;
use std::sync::Arc;

use clap::Parser as _;
use ss_secret::Scrubber;

use crate::args::{Cli, Command};
use crate::ui::Ui;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    let scrubber = Arc::new(Scrubber::new());
    let ui = Ui::new(cli.global.json, cli.global.verbose, Arc::clone(&scrubber));
    hide_secrets_in_panics(Arc::clone(&scrubber));
    let result = match cli.command {
        Command::Provision(arguments) => commands::provision::run(&ui, &scrubber, &arguments),
        Command::Plan(arguments) => commands::plan::run(&ui, &scrubber, &arguments),
        Command::Deploy(arguments) => commands::deploy::run(&ui, &scrubber, &arguments),
        Command::Inspect(arguments) => commands::inspect::run(&ui, &arguments),
        Command::Drift(arguments) => commands::drift::run(&ui, &scrubber, &arguments),
        Command::Rollback(arguments) => commands::rollback::run(&ui, &scrubber, &arguments),
        Command::Destroy(arguments) => commands::destroy::run(&ui, &scrubber, &arguments),
        Command::Resolve(arguments) => commands::resolve::run(&ui, &scrubber, &arguments),
        Command::Validate(arguments) => commands::validate::run(&ui, &scrubber, &arguments),
        Command::Catalog(arguments) => commands::catalog::run(&ui, &scrubber, &arguments),
        Command::Vault(arguments) => commands::vault::run(&ui, &scrubber, &arguments),
        Command::Plugin(arguments) => commands::plugin::run(&ui, &scrubber, &arguments),
        Command::Auth(arguments) => commands::auth::run(&ui, &scrubber, &arguments),
        Command::Registry(arguments) => commands::registry::run(&ui, &arguments),
        Command::Doctor(arguments) => commands::doctor::run(&ui, &scrubber, &arguments),
        Command::Workspace(arguments) => commands::doctor::workspace(&ui, &scrubber, &arguments),
        Command::Services(arguments) => commands::services::run(&ui, &scrubber, &arguments),
        Command::Graph(arguments) => commands::graph::run(&ui, &scrubber, &arguments),
        Command::Logs(arguments) => commands::logs::run(&ui, &scrubber, &arguments),
        Command::Exec(arguments) => commands::remote::exec(&ui, &scrubber, &arguments),
        Command::Ssh(arguments) => commands::remote::ssh(&ui, &scrubber, &arguments),
        Command::Server(arguments) => commands::server::run(&ui, &scrubber, &arguments),
        Command::Approve(arguments) => commands::approve::run(&ui, &arguments),
        Command::Completions { shell } => commands::reference::completions(shell),
        Command::Man { folder } => commands::reference::man_pages(&folder),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            ui.failure(&error);
            ExitCode::from(error.exit as u8)
        }
    }
}

/// Help, the version, or a mistake on the command line, which is a JSON document too if one was asked for.
fn not_understood(error: &clap::Error) -> ExitCode {
    let _ = error.print();
    if error.use_stderr() && std::env::args_os().any(|argument| argument == "--json") {
        let text = error.to_string();
        let message = text.trim_start_matches("error: ").lines().next().unwrap_or_default();
        let ui = Ui::new(true, false, Arc::new(Scrubber::new()));
        ui.document(&error::CommandError::usage(message).to_json());
    }
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(1))
}

/// Panics tell a person what to do, and pass the scrubber like everything else.
fn hide_secrets_in_panics(scrubber: Arc<Scrubber>) {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let text = scrubber.scrub(&panic.to_string()).into_owned();
        if std::env::var_os("RUST_BACKTRACE").is_some() && !scrubber.leaks(&panic.to_string()) {
            default(panic);
        }
        let mut err = std::io::stderr().lock();
        let _ = std::io::Write::write_fmt(
            &mut err,
            format_args!(
                "error: `ss` has a bug and had to stop: {text}\nhint: what was done so far is recorded; run the command again\n"
            ),
        );
    }));
}
