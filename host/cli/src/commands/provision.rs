//! `ss provision`: plan, apply, health.

use std::sync::Arc;

use serde_json::json;
use ss_engine::{RunReport, Scope, Selection, SystemHealth, SystemPlan};
use ss_provider::Cancel;
use ss_secret::Scrubber;

use crate::args;
use crate::commands::cost;
use crate::compose::{Project, Purpose, engine_error, tokio_runtime, trace};
use crate::error::CommandError;
use crate::render::live::Layout;
use crate::render::plan;
use crate::render::run::{Counts, Warnings, logs, seconds, uncommitted, verdict, watched};
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Provision) -> Result<(), CommandError> {
    tokio_runtime()?.block_on(async {
        let purpose = Purpose {
            command: "ss provision",
            scope: Scope::Provision,
            parallelism: usize::from(arguments.parallelism),
            locked: arguments.locked,
            calls: true,
        };
        let mut project = Project::open(ui, scrubber, &arguments.system, purpose).await?;
        let selection = arguments.service.clone().map_or(Selection::All, Selection::Service);
        if arguments.status {
            return status(ui, &project, arguments, &selection).await;
        }
        let planned = project.engine.plan(&selection).await.map_err(|error| engine_error(&error))?;
        plan::print(ui, &project.file, &planned);
        if arguments.dry_run {
            ui.document(&json!({ "plan": planned }));
            return plan::verdict(&planned);
        }
        let typed = format!("ss provision{}", arguments.system.as_typed());
        cost::confirm(ui, &planned, arguments.accept_cost, &typed)?;
        if !arguments.locked {
            project.workspace.save().map_err(|error| CommandError::of(&error))?;
        }
        apply(ui, &project, arguments, planned).await
    })
}

async fn apply(
    ui: &Ui,
    project: &Project,
    arguments: &args::Provision,
    planned: SystemPlan,
) -> Result<(), CommandError> {
    let plan = json!(planned);
    let report = watched(ui, Layout::Compact, |observer, interrupt| {
        project.engine.apply(planned.clone(), observer, interrupt)
    })
    .await
    .map_err(|error| engine_error(&error))?;
    ui.document(&json!({ "plan": plan, "run": report }));
    let verdict = summarise(ui, arguments, &planned, &report);
    trace(ui, project, report.run).await;
    verdict
}

fn summarise(
    ui: &Ui,
    arguments: &args::Provision,
    planned: &SystemPlan,
    report: &RunReport,
) -> Result<(), CommandError> {
    let counts = Counts::of(report, |service| plan::action(planned, service));
    let mut parts = vec![format!("{} created", counts.created), format!("{} verified", counts.unchanged)];
    if counts.updated > 0 {
        parts.insert(1, format!("{} updated", counts.updated));
    }
    let command = format!("ss provision{}", arguments.system.as_typed());
    let fine = counts.failed + counts.not_started == 0 && report.uncommitted.is_none();
    ui.line("");
    verdict(ui, "Provision", fine, &format!("{} in {:.1}s", counts.with_trouble(parts), seconds(report)));
    if fine {
        if counts.created + counts.updated + counts.unchanged > 0 {
            ui.note(&format!("next: `{command} --status` checks health"));
        }
        return Ok(());
    }
    uncommitted(ui, report);
    logs(ui, report, &arguments.system);
    let first = if counts.failed > 0 { "fix what failed and " } else { "" };
    ui.note(&format!("next: {first}run `{command}` again; it goes on from here"));
    Err(CommandError::shown())
}

async fn status(
    ui: &Ui,
    project: &Project,
    arguments: &args::Provision,
    selection: &Selection,
) -> Result<(), CommandError> {
    let cancel = Cancel::default();
    let health = project
        .engine
        .status(selection, Arc::new(Warnings(ui.clone())), cancel)
        .await
        .map_err(|error| engine_error(&error))?;
    ui.line(&format!("Service status {}", project.file));
    print_health(ui, &health);
    ui.document(&json!({ "status": health }));
    let command = format!("ss provision{}", arguments.system.as_typed());
    if !health.missing.is_empty() {
        ui.note(&format!("not provisioned: {}; `{command}` creates them", health.missing.join(", ")));
    }
    if health.is_healthy() {
        return Ok(());
    }
    ui.note(&format!("next: `{command}` attempts a fix"));
    Err(CommandError::shown())
}

fn print_health(ui: &Ui, health: &SystemHealth) {
    for warning in &health.warnings {
        ui.warn(warning);
    }
    if health.services.is_empty() {
        ui.line("  nothing is provisioned yet");
    }
    for service in &health.services {
        let glyph =
            if service.health.healthy { ui.paint(Style::Good, "✓") } else { ui.paint(Style::Bad, "✗") };
        ui.line(&format!("  {glyph} {} {} {}", service.service, service.provider, service.health.message));
        if let Some(step) = &service.next_step {
            ui.line(&format!("      → {step}"));
        }
    }
}
