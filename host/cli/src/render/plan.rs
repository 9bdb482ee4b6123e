//! The plan of `ss provision`, as documented: what is created, verified, skipped.

use serde_json::Value;
use ss_engine::{Decision, PlanEntry, SkipReason, SystemPlan};
use ss_provider::{Action, Change};

use crate::error::CommandError;

use super::failure;
use crate::ui::{Style, Ui};

/// Skipped services that are named one by one; more are only counted.
const NAMED_SKIPS: usize = 20;
/// Longest value of a change that is shown, in characters.
const MAX_VALUE: usize = 60;

/// Prints the plan under the name of its file.
pub fn print(ui: &Ui, file: &str, plan: &SystemPlan) {
    ui.line(&format!("Starsystem — {file}"));
    section(ui, "To create:", plan, |entry| !entry.exists && !is_skip(entry));
    section(ui, "To verify:", plan, |entry| entry.exists && !is_skip(entry));
    skips(ui, plan);
    for warning in &plan.warnings {
        ui.warn(warning);
    }
}

/// Fails if something of the plan could not be carried out; the plan has said why.
///
/// # Errors
/// If there is a problem.
pub fn verdict(plan: &SystemPlan) -> Result<(), CommandError> {
    plan.problems().next().map_or(Ok(()), |_| Err(CommandError::shown()))
}

/// What the plan says would be done to a service.
pub fn action(plan: &SystemPlan, service: &str) -> Option<Action> {
    let entry = plan.entries.iter().find(|entry| entry.service == service)?;
    match &entry.decision {
        Decision::Apply(planned) => Some(planned.action),
        _ => None,
    }
}

fn section(ui: &Ui, heading: &str, plan: &SystemPlan, belongs: impl Fn(&PlanEntry) -> bool) {
    let entries: Vec<&PlanEntry> = plan.entries.iter().filter(|entry| belongs(entry)).collect();
    if entries.is_empty() {
        return;
    }
    ui.line(heading);
    for entry in entries {
        print_entry(ui, entry);
    }
}

fn print_entry(ui: &Ui, entry: &PlanEntry) {
    let provider = entry.provider.as_deref().unwrap_or("unknown");
    let (glyph, style) = if entry.exists { ("~", Style::Warn) } else { ("+", Style::Good) };
    let note = match &entry.decision {
        Decision::Apply(plan) if entry.exists => match plan.action {
            Action::Nothing => String::new(),
            Action::Create => format!(" · will create again ({})", plan.detail),
            Action::Update => format!(" · will update ({})", plan.detail),
            Action::Replace => format!(" · will REPLACE, its data is lost ({})", plan.detail),
        },
        _ if entry.interrupted => {
            " · an earlier run did not finish it; this one goes on from there".to_owned()
        }
        _ => String::new(),
    };
    let mark = if entry.development { ", under development, unsigned" } else { "" };
    ui.line(&format!("  {} {} ({provider}{mark}){note}", ui.paint(style, glyph), entry.service));
    match &entry.decision {
        Decision::Apply(plan) if entry.exists => {
            plan.changes.iter().for_each(|change| ui.line(&describe(change)));
        }
        Decision::Problem { failure: problem } => {
            ui.line(&format!("      {} {}", ui.paint(Style::Bad, "✗"), failure::headline(problem)));
            for line in failure::lines(problem) {
                ui.line(&format!("        {line}"));
            }
        }
        _ => {}
    }
}

/// A change of one field: what it is, what it will be.
pub fn describe(change: &Change) -> String {
    if change.sensitive {
        return format!("      {}: (sensitive)", change.field);
    }
    format!("      {}: {} → {}", change.field, shown(change.before.as_ref()), shown(change.after.as_ref()))
}

fn shown(value: Option<&Value>) -> String {
    let text = match value {
        None => "−".to_owned(),
        Some(Value::String(text)) => text.clone(),
        Some(value) => value.to_string(),
    };
    if text.chars().count() <= MAX_VALUE {
        return text;
    }
    text.chars().take(MAX_VALUE).chain(['…']).collect()
}

fn skips(ui: &Ui, plan: &SystemPlan) {
    let skipped: Vec<(&str, &SkipReason)> = plan
        .entries
        .iter()
        .filter_map(|entry| match &entry.decision {
            Decision::Skip { reason } => Some((entry.service.as_str(), reason)),
            _ => None,
        })
        .collect();
    if skipped.is_empty() {
        return;
    }
    ui.line(&format!("Skipping {} services (no provisioner)", skipped.len()));
    for (service, reason) in skipped.iter().take(NAMED_SKIPS) {
        let why = match (reason, reason.hint()) {
            (SkipReason::NoProvisioner, _) => String::new(),
            (reason, None) => format!(" ({})", reason.message()),
            (reason, Some(hint)) => format!(" ({}; {hint})", reason.message()),
        };
        ui.line(&format!("  {} {service}{why}", ui.paint(Style::Dim, "−")));
    }
    if skipped.len() > NAMED_SKIPS {
        ui.line(&format!("  … and {} more", skipped.len() - NAMED_SKIPS));
    }
}

fn is_skip(entry: &PlanEntry) -> bool {
    matches!(entry.decision, Decision::Skip { .. })
}
