//! The plan of `ss plan` and `ss deploy`, as documented: one line per service, then the counts.

use ss_engine::{Decision, PlanEntry, SkipReason, SystemPlan};
use ss_provider::Action;

use super::{failure, plan};
use crate::ui::{Style, Ui};

/// Prints the plan. `provision` is the command that handles what this one does not.
pub fn print(ui: &Ui, plan: &SystemPlan, provision: &str) {
    for entry in &plan.entries {
        print_entry(ui, entry, provision);
    }
    if !plan.entries.is_empty() {
        ui.line("");
    }
    let counts = plan.counts();
    ui.line(&format!(
        "Plan: {} to create, {} to update, {} unchanged.",
        counts.create, counts.update, counts.unchanged
    ));
    if counts.replace > 0 {
        ui.line(&format!("{} to REPLACE: deleted and made anew, with loss of data.", counts.replace));
    }
    if counts.problems > 0 {
        ui.line(&format!("{} cannot be planned.", counts.problems));
    }
    for warning in &plan.warnings {
        ui.warn(warning);
    }
}

fn print_entry(ui: &Ui, entry: &PlanEntry, provision: &str) {
    let provider = entry.provider.as_deref().unwrap_or("unknown");
    let service = &entry.service;
    let line = |style: Style, glyph: &str, text: String| {
        ui.line(&format!("  {} {service} {provider} · {text}", ui.paint(style, glyph)));
    };
    match &entry.decision {
        Decision::Apply(planned) => {
            let detail = &planned.detail;
            match planned.action {
                Action::Create if entry.interrupted => {
                    line(
                        Style::Good,
                        "+",
                        format!("will go on from where an earlier run stopped ({detail})"),
                    );
                }
                Action::Create if entry.exists => {
                    line(Style::Good, "+", format!("will create again: it is gone ({detail})"));
                }
                Action::Create => line(Style::Good, "+", format!("will create ({detail})")),
                Action::Update => line(Style::Warn, "~", format!("will update ({detail})")),
                Action::Replace => {
                    line(Style::Bad, "~", format!("will REPLACE, its data is lost ({detail})"));
                }
                Action::Nothing => line(Style::Dim, "=", "unchanged".to_owned()),
            }
            if planned.action != Action::Create {
                planned.changes.iter().for_each(|change| ui.line(&plan::describe(change)));
            }
        }
        Decision::Problem { failure } => {
            line(Style::Bad, "✗", failure::headline(failure).to_owned());
            failure::lines(failure).iter().for_each(|line| ui.line(&format!("      {line}")));
        }
        Decision::Skip { reason } => {
            let why = why(reason, provision);
            ui.line(&format!("  {} {service} · skip ({why})", ui.paint(Style::Dim, "−")));
        }
    }
}

fn why(reason: &SkipReason, provision: &str) -> String {
    match (reason, reason.hint()) {
        (SkipReason::LeftToProvision, _) => format!("`{provision}` handles it"),
        (reason, Some(hint)) => format!("{}; {hint}", reason.message()),
        (reason, None) => reason.message(),
    }
}
