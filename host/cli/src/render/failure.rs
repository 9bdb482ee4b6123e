//! A failed service: why, what the gates refused, and what to do.

use ss_provider::{Failure, FailureKind};

/// What failed, in one line.
pub fn headline(failure: &Failure) -> &str {
    failure.message.lines().next().unwrap_or_default()
}

/// The lines below a failed service's headline. Each is marked, so that none passes for one of `ss` itself.
pub fn lines(failure: &Failure) -> Vec<String> {
    let mut lines: Vec<String> = failure.message.lines().skip(1).map(|line| format!("│ {line}")).collect();
    for denial in &failure.denials {
        lines.push(format!("denied ({}): {}", denial.capability, denial.message));
        if let Some(allow) = &denial.allow {
            lines.push("this line would allow it:".to_owned());
            lines.extend(allow.lines().map(|line| format!("  {line}")));
        }
    }
    if let FailureKind::RateLimited { retry_after: Some(seconds) } = &failure.kind {
        lines.push(format!("the provider asks to wait {seconds} s"));
    }
    if let Some(step) = &failure.next_step {
        lines.push(format!("→ {step}"));
    }
    lines
}
