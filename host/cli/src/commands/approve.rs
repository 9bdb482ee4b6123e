//! `ss approve`: a person's yes to a plan that an agent wants to carry out.

use ss_server::approval::{ApprovalError, Approvals, Offer};

use crate::args;
use crate::error::CommandError;
use crate::home;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, arguments: &args::Approve) -> Result<(), CommandError> {
    let approvals = Approvals::new(&home::home()?);
    let offer = approvals.find(&arguments.digest).map_err(|error| unknown(&error))?;
    print(ui, &offer);
    if !ui.can_ask() {
        return Err(CommandError::failed("nobody is there to approve it; nothing was approved")
            .hint("run `ss approve` at a terminal")
            .needs_approval());
    }
    let project = &offer.project;
    let answer = ui.ask(&format!("Type the name of the project, `{project}`, to approve exactly this:"));
    if answer.as_deref() != Some(project) {
        return Err(CommandError::failed("not approved; nothing was changed"));
    }
    let token = approvals.approve(&offer).map_err(|error| CommandError::of(&error))?;
    ui.note("");
    ui.note("Give the agent this token. It is good for this plan only, once, within the hour:");
    ui.line(&token);
    Ok(())
}

fn unknown(error: &ApprovalError) -> CommandError {
    let told = CommandError::of(error);
    match error {
        ApprovalError::NoOffer { .. } => told.hint(
            "have the agent call its tool again: the plan may be another by now, or an hour has passed",
        ),
        ApprovalError::Ambiguous { .. } => told.hint("give more digits"),
        _ => told,
    }
}

fn print(ui: &Ui, offer: &Offer) {
    ui.note(&format!(
        "An agent wants to change `{}` in the environment `{}` ({}), with {}:",
        visible(&offer.project),
        visible(&offer.environment),
        visible(&offer.file),
        visible(&offer.tool),
    ));
    ui.note("");
    for line in &offer.lines {
        ui.note(&format!("  {}", visible(line)));
    }
    for cost in &offer.costs {
        ui.note(&format!("  {} {}", ui.paint(Style::Warn, "this costs money:"), visible(cost)));
    }
    ui.note("");
}

/// Providers wrote parts of a plan: nothing in it may move the cursor or hide what is above.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_cannot_draw_on_the_terminal() {
        assert_eq!(visible("\u{1b}[2Jfine\r\n"), "\u{fffd}[2Jfine\u{fffd}\u{fffd}");
    }
}
