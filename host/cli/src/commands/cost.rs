//! What applying a plan costs, and whether a person has said yes to that.
//!
//! A plugin whose `provision` would spend money says so in its plan, as a change of the field `cost`. Such a plan is
//! applied only after a yes: on the terminal, or with `--accept-cost`. That a file allows it is not enough.

use std::io::IsTerminal as _;

use ss_engine::{Decision, SystemPlan};

use crate::error::CommandError;
use crate::ui::Ui;

/// The field of a plan that says what applying it costs.
const COST: &str = "cost";

/// Goes on if the plan costs nothing, or somebody says yes. `command` is what was typed.
///
/// # Errors
/// Approval is needed: nobody is there to ask, or the answer was no.
pub fn confirm(ui: &Ui, planned: &SystemPlan, accepted: bool, command: &str) -> Result<(), CommandError> {
    let costs = costs(planned);
    if costs.is_empty() || accepted {
        return Ok(());
    }
    for cost in &costs {
        ui.note(&format!("this costs money: {cost}"));
    }
    if ui.interactive() && std::io::stdin().is_terminal() {
        ui.note("type `yes` to pay for it; anything else changes nothing");
        let mut answer = String::new();
        let read = std::io::stdin().read_line(&mut answer);
        if read.is_ok() && answer.trim() == "yes" {
            return Ok(());
        }
    }
    Err(CommandError::failed(
        "applying this plan costs money, and nobody has said yes to that; nothing was changed",
    )
    .hint(format!("`{command} --accept-cost` says yes"))
    .needs_approval())
}

/// Every service that costs something: what it does, and for how much.
fn costs(planned: &SystemPlan) -> Vec<String> {
    let mut costs = Vec::new();
    for entry in &planned.entries {
        let Decision::Apply(plan) = &entry.decision else { continue };
        for change in plan.changes.iter().filter(|change| change.field == COST) {
            let amount =
                change.after.as_ref().and_then(|after| after.as_str()).unwrap_or("an unknown amount");
            costs.push(format!("{} ({}): {amount}", entry.service, plan.detail));
        }
    }
    costs
}
