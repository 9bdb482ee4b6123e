//! `ss provision`: plan, apply, health.

use std::sync::Arc;

use serde_json::json;
use ss_engine::{Event, Interrupt, Observer, RunReport, Selection, ServiceOutcome, SystemHealth, SystemPlan};
use ss_provider::{Action, Cancel};
use ss_secret::Scrubber;

use crate::args;
use crate::commands::cost;
use crate::compose::{Project, engine_error, tokio_runtime};
use crate::error::CommandError;
use crate::render::live::Live;
use crate::render::{failure, plan};
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Provision) -> Result<(), CommandError> {
    tokio_runtime()?.block_on(async {
        let parallelism = usize::from(arguments.parallelism);
        let mut project =
            Project::open(ui, scrubber, &arguments.system, "ss provision", parallelism, arguments.locked)
                .await?;
        let selection = arguments.service.clone().map_or(Selection::All, Selection::Service);
        if arguments.status {
            return status(ui, &project, arguments, &selection).await;
        }
        let planned = project.engine.plan(&selection).await.map_err(|error| engine_error(&error))?;
        plan::print(ui, &project.file, &planned);
        if arguments.dry_run {
            ui.document(&json!({ "plan": planned }));
            return Ok(());
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
    let live = Arc::new(Live::new(ui.clone()));
    let observer = Arc::new(Screen { live: Arc::clone(&live), verbose: ui.verbose });
    let interrupt = Interrupt::default();
    let watching = tokio::spawn(watch_ctrl_c(Arc::clone(&live), interrupt.clone()));
    let plan = json!(planned);
    let report = project.engine.apply(planned.clone(), observer, interrupt).await;
    watching.abort();
    let report = report.map_err(|error| engine_error(&error))?;
    ui.document(&json!({ "plan": plan, "run": report }));
    summarise(ui, arguments, &planned, &report)
}

/// Ctrl-C once finishes what runs and records it; twice cancels it.
async fn watch_ctrl_c(live: Arc<Live>, interrupt: Interrupt) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if interrupt.press() {
            live.note("cancelling what runs; what it did so far is recorded");
        } else {
            live.note("finishing what runs; press Ctrl-C again to cancel it");
        }
    }
}

fn summarise(
    ui: &Ui,
    arguments: &args::Provision,
    planned: &SystemPlan,
    report: &RunReport,
) -> Result<(), CommandError> {
    let (mut created, mut updated, mut verified, mut failed, mut unfinished) = (0, 0, 0, 0, 0);
    for (service, entry) in report.services.iter().zip(&planned.entries) {
        let action = match &entry.decision {
            ss_engine::Decision::Apply(plan) => Some(plan.action),
            _ => None,
        };
        match &service.outcome {
            _ if service.failure.is_some() => failed += 1,
            ServiceOutcome::Done { .. } => match action {
                Some(Action::Create | Action::Replace) => created += 1,
                Some(Action::Update) => updated += 1,
                _ => verified += 1,
            },
            ServiceOutcome::Failed => failed += 1,
            ServiceOutcome::Blocked { .. } | ServiceOutcome::NotStarted => unfinished += 1,
            ServiceOutcome::Skipped { .. } => {}
        }
    }
    let seconds = (report.ended.as_millisecond() - report.started.as_millisecond()).max(0) as f64 / 1000.0;
    let mut counts = vec![format!("{created} created"), format!("{verified} verified")];
    if updated > 0 {
        counts.insert(1, format!("{updated} updated"));
    }
    let command = format!("ss provision{}", arguments.system.as_typed());
    if failed + unfinished == 0 && report.uncommitted.is_none() {
        ui.line("");
        ui.line(&format!(
            "{} Provision complete: {} in {seconds:.1}s",
            ui.paint(Style::Good, "✓"),
            counts.join(", ")
        ));
        if created + updated + verified > 0 {
            ui.note(&format!("next: `{command} --status` checks health"));
        }
        return Ok(());
    }
    if failed > 0 {
        counts.push(format!("{failed} failed"));
    }
    if unfinished > 0 {
        counts.push(format!("{unfinished} not started"));
    }
    ui.line("");
    ui.line(&format!(
        "{} Provision incomplete: {} in {seconds:.1}s",
        ui.paint(Style::Bad, "✗"),
        counts.join(", ")
    ));
    if let Some(failure) = &report.uncommitted {
        ui.warn(&format!(
            "the results are in the journal and not yet in vault and overlay: {}",
            failure::headline(failure)
        ));
        failure::lines(failure).iter().for_each(|line| ui.note(&format!("  {line}")));
    }
    let first = if failed > 0 { "fix what failed and " } else { "" };
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
        .status(selection, Arc::new(Quiet), cancel)
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

/// Watches nothing: the result says it all.
struct Quiet;

impl Observer for Quiet {
    fn event(&self, _: Event<'_>) {}
}

/// Shows a run as it happens.
struct Screen {
    live: Arc<Live>,
    verbose: bool,
}

impl Observer for Screen {
    fn event(&self, event: Event<'_>) {
        let live = &self.live;
        match event {
            Event::Started { service, provider } => live.started(service, provider),
            Event::Step { service, message } => live.step(service, message),
            Event::Waiting { service, message } => live.waiting(service, message),
            Event::Log { service, level: "warn" | "error", message } => live.detail(service, message),
            Event::Log { service, level, message } if self.verbose => {
                live.detail(service, &format!("{level}: {message}"));
            }
            Event::Log { .. } | Event::Health { .. } => {}
            Event::Done { service, summary, .. } => live.done(service, summary),
            Event::Failed { service, failure, .. } => {
                live.failed(service, failure::headline(failure), &failure::lines(failure));
            }
            Event::Blocked { service, because } => {
                live.line(&format!("− {service} not started: it needs {}", because.join(", ")));
            }
            Event::Warning { service: Some(service), message } => {
                live.note(&format!("warning: {service}: {message}"));
            }
            Event::Warning { service: None, message } => live.note(&format!("warning: {message}")),
        }
    }
}
