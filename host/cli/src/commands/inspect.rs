//! `ss inspect`: what a run did.

use serde_json::json;
use ss_config::MissingOverlay;
use ss_engine::{History, Receipt};

use crate::args;
use crate::compose::engine_error;
use crate::error::CommandError;
use crate::home;
use crate::render::{diagnostics, receipt};
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, arguments: &args::Inspect) -> Result<(), CommandError> {
    let project = project_name(ui, &arguments.place)?;
    let history = History::new(&home::home()?, &project, arguments.place.env.as_deref());
    if arguments.verify {
        return verify(ui, &history);
    }
    for cut in history.unsettled().map_err(|error| engine_error(&error))? {
        ui.warn(&format!(
            "run {} (`{}`, environment `{}`) was cut short or is under way; the next run settles it and \
             writes its receipt",
            crate::render::run::short(cut.run),
            cut.command,
            cut.environment
        ));
    }
    if arguments.list {
        let receipts = history.receipts().map_err(|error| receipt::error(&error))?;
        receipt::print_list(ui, &receipts);
        ui.document(&json!({ "runs": receipts.iter().map(receipt::summary).collect::<Vec<_>>() }));
        return Ok(());
    }
    let found = history.find(arguments.id.as_deref()).map_err(|error| receipt::error(&error))?;
    print(ui, &found, arguments);
    ui.document(&json!(found));
    Ok(())
}

fn print(ui: &Ui, found: &Receipt, arguments: &args::Inspect) {
    receipt::print_head(ui, found);
    receipt::print_timeline(ui, found);
    if arguments.state {
        receipt::print_state(ui, found);
    }
    if arguments.calls {
        receipt::print_calls(ui, found);
    }
    receipt::print_next(ui, found);
}

fn verify(ui: &Ui, history: &History) -> Result<(), CommandError> {
    let verified = history.verify().map_err(|error| engine_error(&error))?;
    if verified.is_empty() {
        ui.line("There are no receipts yet.");
    }
    for (environment, chain) in &verified {
        ui.line(&format!(
            "{} {environment}: {} receipts, none changed, none missing; the newest is {}",
            ui.paint(Style::Good, "✓"),
            chain.receipts,
            chain.newest
        ));
    }
    let chains = verified.iter().map(|(environment, chain)| {
        json!({ "environment": environment, "receipts": chain.receipts, "newest": chain.newest })
    });
    ui.document(&json!({ "verified": true, "chains": chains.collect::<Vec<_>>() }));
    Ok(())
}

/// The project's name, by which its runs are kept.
///
/// # Errors
/// If the file cannot be read. Its findings have been shown.
pub fn project_name(ui: &Ui, place: &args::Place) -> Result<String, CommandError> {
    let environment = place.env.as_deref().unwrap_or("local");
    let loaded = ss_config::load(&place.file, environment, MissingOverlay::Allowed);
    match loaded.system {
        Some(system) => Ok(system.project),
        None => {
            diagnostics::report(ui, &loaded.sources, &loaded.diagnostics)?;
            Err(CommandError::failed("the configuration cannot be read"))
        }
    }
}
