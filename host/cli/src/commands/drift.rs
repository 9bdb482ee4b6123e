//! `ss drift`: what was changed behind our back.

use std::sync::Arc;

use serde_json::json;
use ss_engine::{Finding, ServiceDrift, SystemDrift};
use ss_provider::Cancel;
use ss_secret::Scrubber;

use super::deploy::selection;
use crate::args;
use crate::compose::{Project, Purpose, engine_error, tokio_runtime};
use crate::error::CommandError;
use crate::render::{failure, plan};
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Drift) -> Result<(), CommandError> {
    tokio_runtime()?.block_on(async {
        let purpose = Purpose { calls: true, ..Purpose::looking("ss drift") };
        let project = Project::open(ui, scrubber, &arguments.system, purpose).await?;
        let selected = selection(arguments.service.as_deref());
        let drift =
            project.engine.drift(&selected, Cancel::default()).await.map_err(|error| engine_error(&error))?;
        print(ui, &drift);
        ui.document(&json!(drift));
        verdict(ui, arguments, &drift)
    })
}

fn print(ui: &Ui, drift: &SystemDrift) {
    for warning in &drift.warnings {
        ui.warn(warning);
    }
    if drift.services.is_empty() {
        ui.line("nothing is provisioned yet");
    }
    for service in &drift.services {
        print_service(ui, service);
    }
    if !drift.missing.is_empty() {
        ui.note(&format!("not provisioned: {}", drift.missing.join(", ")));
    }
}

fn print_service(ui: &Ui, ServiceDrift { service, provider, resource_id, finding }: &ServiceDrift) {
    let line = |style: Style, glyph: &str, text: &str| {
        ui.line(&format!("  {} {service} {provider} · {text}", ui.paint(style, glyph)));
    };
    match finding {
        Finding::Clean => line(Style::Good, "✓", &format!("as deployed ({resource_id})")),
        Finding::Drifted { changes } => {
            line(Style::Warn, "~", &format!("drifted ({resource_id})"));
            ui.line(&format!("      {}", ui.paint(Style::Dim, "field: as it is → as it was deployed")));
            changes.iter().for_each(|change| ui.line(&plan::describe(change)));
        }
        Finding::Unknown { failure } => {
            line(Style::Bad, "✗", &format!("cannot tell: {}", failure::headline(failure)));
            failure::lines(failure).iter().for_each(|line| ui.line(&format!("      {line}")));
        }
    }
}

fn verdict(ui: &Ui, arguments: &args::Drift, drift: &SystemDrift) -> Result<(), CommandError> {
    let count = |which: fn(&Finding) -> bool| drift.services.iter().filter(|s| which(&s.finding)).count();
    let drifted = count(|finding| matches!(finding, Finding::Drifted { .. }));
    let unknown = count(|finding| matches!(finding, Finding::Unknown { .. }));
    let clean = drift.services.len() - drifted - unknown;
    ui.line("");
    ui.line(&format!("Drift: {drifted} drifted, {clean} as deployed, {unknown} unknown."));
    if drifted > 0 {
        let command = format!("ss deploy{}", arguments.system.as_typed());
        ui.note(&format!(
            "next: `{command}` makes it what the file says; or write into the file what is right now"
        ));
        ui.note(&format!(
            "if nobody of yours changed it: `ss inspect{} --calls` shows all that `ss` sent; the rest is in the \
             provider's dashboard",
            arguments.system.as_option()
        ));
        return Err(CommandError::drift());
    }
    if unknown > 0 { Err(CommandError::shown()) } else { Ok(()) }
}
