//! What applying a plan costs, and whether a person has said yes to that.
//!
//! A plugin whose `provision` would spend money says so in its plan, as a change of the field `cost`. Such a plan is
//! applied only after a yes: on the terminal, or with `--accept-cost`. That a file allows it is not enough.

use std::io::IsTerminal as _;

use ss_engine::SystemPlan;

use crate::error::CommandError;
use crate::ui::Ui;

/// Goes on if the plan costs nothing, or somebody says yes. `command` is what was typed.
///
/// # Errors
/// Approval is needed: nobody is there to ask, or the answer was no.
pub fn confirm(ui: &Ui, planned: &SystemPlan, accepted: bool, command: &str) -> Result<(), CommandError> {
    let costs = planned.costs();
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
