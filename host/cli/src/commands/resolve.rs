//! `ss resolve`: what became of an operation whose outcome only a person can know.

use std::sync::Arc;

use serde_json::json;
use ss_engine::{Unfinished, Verdict};
use ss_secret::Scrubber;

use crate::args;
use crate::compose::{Project, Purpose, engine_error, tokio_runtime};
use crate::error::CommandError;
use crate::render::run::Warnings;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Resolve) -> Result<(), CommandError> {
    tokio_runtime()?.block_on(async {
        let system = arguments.place.system();
        let project = Project::open(ui, scrubber, &system, Purpose::looking("ss resolve")).await?;
        let (Some(service), Some(verdict)) = (&arguments.service, verdict(arguments)) else {
            let mut unfinished = project.engine.unfinished().map_err(|error| engine_error(&error))?;
            if let Some(service) = &arguments.service {
                unfinished.retain(|operation| operation.service == *service);
            }
            show(ui, arguments, &unfinished);
            ui.document(&json!({ "unfinished": unfinished }));
            return Ok(());
        };
        let adopted = project
            .engine
            .resolve(service, verdict.clone(), Arc::new(Warnings(ui.clone())))
            .await
            .map_err(|error| engine_error(&error))?;
        let done = match verdict {
            Verdict::Adopt(id) => format!("`{service}` is `{id}` from now on"),
            Verdict::Absent => format!("nothing of `{service}` exists; the next run may make it"),
            Verdict::Forget => format!("nothing is recorded of `{service}` any more; what exists stays"),
        };
        ui.line(&format!("{} {done}", ui.paint(Style::Good, "✓")));
        ui.document(&json!({ "service": service, "adopted": adopted }));
        Ok(())
    })
}

fn verdict(arguments: &args::Resolve) -> Option<Verdict> {
    match (&arguments.adopt, arguments.absent, arguments.forget) {
        (Some(id), _, _) => Some(Verdict::Adopt(id.clone())),
        (None, true, _) => Some(Verdict::Absent),
        (None, false, true) => Some(Verdict::Forget),
        (None, false, false) => None,
    }
}

fn show(ui: &Ui, arguments: &args::Resolve, unfinished: &[Unfinished]) {
    if unfinished.is_empty() {
        ui.line("Nothing is unfinished.");
        return;
    }
    for operation in unfinished {
        let what = if operation.destroying { "being destroyed" } else { "being made" };
        ui.line(&format!(
            "{} ({}) was {what} when a run was cut short, {}",
            operation.service,
            operation.provider,
            operation.began.strftime("%Y-%m-%d %H:%M:%S UTC")
        ));
        for sent in &operation.sent {
            ui.line(&format!("  {sent}"));
        }
        if operation.sent.is_empty() {
            ui.line("  nothing was sent");
        }
    }
    let command = format!("ss resolve <service>{}", arguments.place.as_typed());
    ui.note("next: run the command that was cut short again; it settles what it can by itself");
    ui.note(&format!("where it cannot: `{command}` with --adopt=<id>, --absent or --forget"));
}
