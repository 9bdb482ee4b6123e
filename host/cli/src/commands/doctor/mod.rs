//! `ss doctor`: what is wrong with the workspace, and what repairs it.

mod examine;
mod repair;

use std::sync::Arc;

use serde_json::json;
use ss_doctor::{Finding, Place, Report, Severity};
use ss_secret::Scrubber;

use crate::args::{self, WorkspaceCommand};
use crate::compose::tokio_runtime;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// How often `--fix` looks again for what its repairs have laid open.
const MOST_ROUNDS: usize = 4;

/// Runs `ss workspace`.
pub fn workspace(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Workspace) -> Result<(), CommandError> {
    let WorkspaceCommand::Doctor(doctor) = &arguments.command;
    run(ui, scrubber, doctor)
}

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Doctor) -> Result<(), CommandError> {
    let place = place_of(&arguments.system);
    let runtime = tokio_runtime()?;
    let examine = || runtime.block_on(examine::examine(ui, scrubber, &arguments.system, &place));
    let mut report = examine()?;
    let mut fixed = Vec::new();
    if let Some(only) = &arguments.fix {
        // What is behind a repair shows itself only after it: a vault that does not open hides the rest.
        for _ in 0..MOST_ROUNDS {
            let repaired = repair::repair(ui, &report, only);
            if repaired.is_empty() {
                break;
            }
            fixed.extend(repaired);
            report = examine()?;
        }
    }
    print(ui, &report);
    let mut document = json!(report);
    if arguments.fix.is_some() {
        document["fixed"] = json!(fixed);
    }
    ui.document(&document);
    let bad = match arguments.fix.as_deref() {
        // Whoever asks for one repair is told about that one.
        Some(only) if !only.is_empty() => report.findings.iter().any(|finding| finding.id == only),
        _ => report.has_errors(),
    };
    if bad { Err(CommandError::shown()) } else { Ok(()) }
}

fn place_of(system: &args::System) -> Place {
    let file = (system.file.as_os_str() != "starsystem.yaml").then(|| system.file.clone());
    Place { file, env: system.env.clone() }
}

fn print(ui: &Ui, report: &Report) {
    let name = report.workspace.as_deref().unwrap_or("this workspace");
    ui.line(&format!("{} — environment `{}`", ui.paint(Style::Bold, name), report.env));
    for finding in &report.findings {
        ui.line("");
        print_finding(ui, finding);
    }
    ui.line("");
    let counted = [(Severity::Error, "error"), (Severity::Warn, "warning"), (Severity::Info, "note")]
        .into_iter()
        .filter_map(|(severity, word)| match report.count(severity) {
            0 => None,
            1 => Some(format!("1 {word}")),
            n => Some(format!("{n} {word}s")),
        });
    let counted: Vec<String> = counted.collect();
    let checks = report.checks_run.join(", ");
    if counted.is_empty() {
        ui.line(&format!("{} nothing to object to (looked at: {checks})", ui.paint(Style::Good, "✓")));
    } else {
        ui.line(&format!("{} (looked at: {checks})", counted.join(", ")));
    }
    if report.findings.iter().any(|finding| finding.fix.is_some()) {
        ui.note("next: `ss doctor --fix` does all that is marked `repair`");
    }
}

fn print_finding(ui: &Ui, finding: &Finding) {
    let (mark, style) = match finding.severity {
        Severity::Error => ("✗", Style::Bad),
        Severity::Warn => ("!", Style::Warn),
        Severity::Info => ("·", Style::Hint),
    };
    ui.line(&format!("{} {}", ui.paint(style, mark), finding.message));
    let place = finding.location.as_ref().map(|location| match location.line {
        Some(line) => format!("{}:{line}", location.path),
        None => location.path.clone(),
    });
    let about = place.map_or_else(|| finding.id.clone(), |place| format!("{place}  {}", finding.id));
    ui.line(&format!("    {}", ui.paint(Style::Dim, &about)));
    if let Some(suggestion) = &finding.suggested_fix {
        ui.line(&format!("    → {suggestion}"));
    }
    if let Some(fix) = &finding.fix {
        ui.line(&format!("    repair: {}", ui.paint(Style::Hint, &fix.command())));
    }
}
