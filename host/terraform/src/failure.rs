//! Why Terraform failed, in its own words.

use ss_provider::{Failure, FailureKind};

/// The most lines of Terraform's that a failure quotes.
const QUOTED: usize = 12;

/// Neither Terraform nor OpenTofu is installed.
pub(crate) fn missing() -> Failure {
    Failure::new(
        FailureKind::Unavailable,
        "`terraform` is not installed: neither `terraform` nor `tofu` is on the PATH",
    )
    .with_next_step("install Terraform or OpenTofu with your package manager, then run the command again")
}

/// It could not be started.
pub(crate) fn not_started(error: &std::io::Error) -> Failure {
    Failure::new(FailureKind::Unavailable, format!("`terraform` cannot be started: {error}"))
}

/// It ended badly. `said` are its complaints, of several lines each, or what it printed last.
pub(crate) fn failed(step: &str, said: &[String]) -> Failure {
    let mut lines =
        said.iter().flat_map(|text| text.lines()).map(str::trim_end).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or("it says nothing about why");
    let mut message = format!("`terraform {step}` failed: {first}");
    for line in lines.take(QUOTED) {
        message.push('\n');
        message.push_str(line);
    }
    Failure::new(FailureKind::Conflict, message)
}

/// A person stopped it.
pub(crate) fn cancelled(step: &str) -> Failure {
    Failure::new(
        FailureKind::Cancelled,
        format!("`terraform {step}` was interrupted; its state has what it did"),
    )
}
