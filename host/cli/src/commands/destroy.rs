//! `ss destroy`: tears down what exists in an environment.

use std::sync::Arc;

use serde_json::json;
use ss_engine::{DestroyPlan, RunReport};
use ss_secret::Scrubber;

use super::deploy::selection;
use crate::args;
use crate::compose::{Project, Purpose, engine_error, tokio_runtime, trace};
use crate::error::CommandError;
use crate::render::live::Layout;
use crate::render::run::{Counts, Warnings, seconds, short, uncommitted, verdict, watched};
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Destroy) -> Result<(), CommandError> {
    tokio_runtime()?.block_on(async {
        let parallelism = usize::from(arguments.parallelism);
        let purpose = Purpose { parallelism, calls: true, ..Purpose::looking("ss destroy") };
        let project = Project::open(ui, scrubber, &arguments.system, purpose).await?;
        let selected = selection(arguments.service.as_deref());
        let planned = project.engine.plan_destroy(&selected).map_err(|error| engine_error(&error))?;
        print(ui, &project.file, &planned);
        if planned.entries.is_empty() {
            // The run that saw to that may have been cut short before it forgot what is gone.
            project.engine.settle(&Warnings(ui.clone())).map_err(|error| engine_error(&error))?;
            ui.document(&json!({ "plan": planned, "run": null }));
            return Ok(());
        }
        if !arguments.yes {
            confirm(ui, &planned, arguments)?;
        }
        let report = watched(ui, Layout::Compact, |observer, interrupt| {
            project.engine.destroy(planned.clone(), observer, interrupt)
        })
        .await
        .map_err(|error| engine_error(&error))?;
        ui.document(&json!({ "plan": planned, "run": report }));
        let verdict = summarise(ui, arguments, &report);
        trace(ui, &project, report.run).await;
        verdict
    })
}

fn print(ui: &Ui, file: &str, plan: &DestroyPlan) {
    ui.line(&format!("Starsystem — {file}"));
    if plan.entries.is_empty() {
        ui.line(&format!("Nothing exists in the environment `{}`.", plan.environment));
    } else {
        ui.line("To destroy:");
    }
    for entry in &plan.entries {
        let what = entry.resource_id.as_deref().unwrap_or("what an interrupted run left");
        let note = if entry.orphaned { ", no longer in the file" } else { "" };
        let glyph = ui.paint(Style::Bad, "-");
        ui.line(&format!("  {glyph} {} {} · {what}{note}", entry.service, entry.provider));
    }
    for warning in &plan.warnings {
        ui.warn(warning);
    }
}

/// Has a person type the name of what goes.
fn confirm(ui: &Ui, plan: &DestroyPlan, arguments: &args::Destroy) -> Result<(), CommandError> {
    if !ui.can_ask() {
        return Err(CommandError::failed("nobody is there to confirm; nothing was destroyed")
            .hint(format!("run `ss destroy{} --yes` if that is what you want", arguments.system.as_typed()))
            .needs_approval());
    }
    let (what, name) = match &arguments.service {
        Some(service) => ("service", service.as_str()),
        None => ("project", plan.project.as_str()),
    };
    let count = plan.entries.len();
    let services = if count == 1 { "service" } else { "services" };
    ui.note("");
    ui.note(&format!(
        "This destroys {count} {services} of `{}` in the environment `{}`, with their data.",
        plan.project, plan.environment
    ));
    let answer = ui.ask(&format!("Type the name of the {what}, `{name}`, to go on:"));
    if answer.as_deref() == Some(name) {
        return Ok(());
    }
    Err(CommandError::failed("not confirmed; nothing was destroyed"))
}

fn summarise(ui: &Ui, arguments: &args::Destroy, report: &RunReport) -> Result<(), CommandError> {
    let counts = Counts::of(report, |_| None);
    let fine = counts.failed + counts.not_started == 0 && report.uncommitted.is_none();
    let parts = counts.with_trouble(vec![format!("{} destroyed", counts.destroyed)]);
    ui.line("");
    verdict(ui, "Destroy", fine, &format!("{parts} in {:.1}s", seconds(report)));
    let place = arguments.system.env.as_ref().map(|env| format!(" --env={env}")).unwrap_or_default();
    ui.note(&format!("next: `ss inspect {}{place}` shows what was done", short(report.run)));
    if fine {
        return Ok(());
    }
    uncommitted(ui, report);
    let command = format!("ss destroy{}", arguments.system.as_typed());
    ui.note(&format!("next: run `{command}` again; it goes on from here"));
    Err(CommandError::shown())
}
