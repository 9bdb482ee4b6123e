//! `ss rollback`: credentials and recorded states as they were after an earlier run.

use std::sync::Arc;

use serde_json::json;
use ss_engine::{History, Receipt, RolledBack};
use ss_secret::Scrubber;

use crate::args;
use crate::compose::{Project, Purpose, engine_error, tokio_runtime, trace};
use crate::error::CommandError;
use crate::home;
use crate::render::run::Warnings;
use crate::render::{plan, receipt};
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Rollback) -> Result<(), CommandError> {
    let Some(id) = &arguments.to else { return list(ui, arguments) };
    tokio_runtime()?.block_on(async {
        let system = arguments.place.system();
        let project = Project::open(ui, scrubber, &system, Purpose::looking("ss rollback")).await?;
        let (name, environment) = (&project.system.project, &project.system.environment);
        let to = History::new(&home::home()?, name, Some(environment))
            .find(Some(id))
            .map_err(|error| receipt::error(&error))?;
        let done = project
            .engine
            .rollback(&to, Arc::new(Warnings(ui.clone())))
            .map_err(|error| engine_error(&error))?;
        print(ui, &to, &done, &system);
        ui.document(&json!({ "rollback": done }));
        trace(ui, &project, done.run).await;
        Ok(())
    })
}

fn list(ui: &Ui, arguments: &args::Rollback) -> Result<(), CommandError> {
    let project = super::inspect::project_name(ui, &arguments.place)?;
    let environment = arguments.place.env.as_deref().unwrap_or("local");
    let history = History::new(&home::home()?, &project, Some(environment));
    let mut receipts = history.receipts().map_err(|error| receipt::error(&error))?;
    receipts.retain(|receipt| receipt.snapshot.is_some());
    receipt::print_list(ui, &receipts);
    ui.document(&json!({ "runs": receipts.iter().map(receipt::summary).collect::<Vec<_>>() }));
    ui.note(&format!("next: `ss rollback{} --to=<id>`", arguments.place.as_typed()));
    Ok(())
}

fn print(ui: &Ui, to: &Receipt, done: &RolledBack, system: &args::System) {
    ui.line(&format!(
        "{} Rolled back to deploy {} — credentials and overlay state restored.",
        ui.paint(Style::Good, "✓"),
        to.short()
    ));
    ui.line("Re-deploy services that depend on rolled-back credentials.");
    for rotated in &done.rotated {
        ui.warn(&format!(
            "`{}.{}` was changed since; what is restored may no longer be accepted",
            rotated.service, rotated.name
        ));
    }
    for left in &done.stranded {
        ui.warn(&format!(
            "`{}` was made since and is no longer recorded; `{}` still exists at {}",
            left.service, left.resource_id, left.provider
        ));
    }
    for gone in &done.revived {
        ui.warn(&format!(
            "`{}` was destroyed since; `{}` is recorded again and may not exist at {}",
            gone.service, gone.resource_id, gone.provider
        ));
    }
    let command = format!("ss deploy{}", system.as_typed());
    if done.pending.is_empty() {
        ui.line("The file says what it said then.");
    } else {
        ui.line("");
        ui.line(&format!(
            "The file says something else than it did then (then → now); `{command}` makes it so:"
        ));
    }
    for pending in &done.pending {
        ui.line(&format!("  {} {}", ui.paint(Style::Warn, "~"), pending.service));
        pending.changes.iter().for_each(|change| ui.line(&plan::describe(change)));
    }
    ui.note(&format!("next: `{command}`; nothing was sent to any provider until now"));
}
