//! Asking a person, and what stands for an answer where there is none to ask.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use ss_registry::Digest;

use crate::args::Consent;
use crate::error::CommandError;
use crate::ui::Ui;

/// Whether what has been shown is approved. `command` is what a person would run where they can be asked.
///
/// A terminal alone is not enough: CI systems may give one, and nobody sits before it.
///
/// # Errors
/// Exit code 4 unless a person says yes, or `--expect` names this very digest.
pub fn ask(ui: &Ui, digest: Digest, consent: &Consent, command: &str) -> Result<(), CommandError> {
    if let Some(expected) = &consent.expect {
        if *expected == digest.to_string() {
            return Ok(());
        }
        return Err(CommandError::failed(format!(
            "what would be approved has the digest {digest}, and --expect names {expected}"
        ))
        .hint("nothing was approved; look at what has changed since the digest was noted")
        .needs_approval());
    }
    if is_ci() || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(CommandError::failed("nobody can be asked here, and nothing is approved without")
            .hint(format!("run `{command}` in a terminal"))
            .hint(format!("in CI, give the digest that a person has approved: `{command} --expect {digest}`"))
            .needs_approval());
    }
    if yes(ui)? { Ok(()) } else { Err(CommandError::failed("nothing was approved").needs_approval()) }
}

fn yes(ui: &Ui) -> Result<bool, CommandError> {
    let mut out = std::io::stderr().lock();
    let failed = |error: std::io::Error| CommandError::caused_by("the answer cannot be read", &error);
    write!(out, "{}", ui.scrub("Approve this? [y/N] ")).and_then(|()| out.flush()).map_err(failed)?;
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(failed)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The variable that CI systems set.
fn is_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false" && value != "0")
}
