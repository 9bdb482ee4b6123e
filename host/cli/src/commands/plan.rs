//! `ss plan`: what `ss deploy` would do.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use ss_engine::{SavedPlan, Scope, Selection, SystemPlan};
use ss_secret::Scrubber;

use super::deploy::{require_environment, selection};
use crate::args;
use crate::compose::{Project, Purpose, engine_error, tokio_runtime};
use crate::error::CommandError;
use crate::render::{plan, preview};
use crate::ui::Ui;

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Plan) -> Result<(), CommandError> {
    require_environment(&arguments.system, "plan")?;
    tokio_runtime()?.block_on(async {
        let purpose = Purpose { scope: Scope::Deploy, calls: true, ..Purpose::looking("ss plan") };
        let project = Project::open(ui, scrubber, &arguments.system, purpose).await?;
        let selected: Selection = selection(arguments.service.as_deref());
        let planned = project.engine.plan(&selected).await.map_err(|error| engine_error(&error))?;
        preview::print(ui, &planned, &format!("ss provision{}", arguments.system.as_typed()));
        ui.document(&json!({ "plan": planned, "counts": planned.counts() }));
        plan::verdict(&planned)?;
        match &arguments.out {
            Some(path) => keep(ui, &project, arguments, &planned, path),
            None => Ok(()),
        }
    })
}

/// Keeps the plan, with all that it rests on.
fn keep(
    ui: &Ui,
    project: &Project,
    arguments: &args::Plan,
    planned: &SystemPlan,
    path: &Path,
) -> Result<(), CommandError> {
    let file = arguments.system.file.display().to_string();
    let saved: SavedPlan = project
        .engine
        .save(planned, &file, arguments.service.as_deref())
        .map_err(|error| engine_error(&error))?;
    let text = format!("{:#}\n", json!(saved));
    ss_durable::replace_private(path, text.as_bytes()).map_err(|error| CommandError::of(&error))?;
    ui.note(&format!(
        "next: `ss deploy {}` applies this plan, if nothing has moved until then",
        path.display()
    ));
    Ok(())
}
