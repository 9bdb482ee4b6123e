//! What `config` and the engine say about the files, as findings.

use ss_config::{Diagnostic, Severity as Level, Sources};

use crate::{Finding, Severity};

/// The diagnostics of the files as findings of `check`.
pub fn diagnosed(check: &str, sources: &Sources, diagnostics: &[Diagnostic]) -> Vec<Finding> {
    diagnostics.iter().map(|diagnostic| finding(check, sources, diagnostic)).collect()
}

fn finding(check: &str, sources: &Sources, diagnostic: &Diagnostic) -> Finding {
    let severity = match diagnostic.severity {
        Level::Error => Severity::Error,
        Level::Warning => Severity::Warn,
    };
    let place = diagnostic.labels.first();
    let subject = place.map_or_else(
        || "files".to_owned(),
        |label| format!("{}:{}", sources.name(label.span.source), sources.position(label.span)),
    );
    let kind = format!("{check}.{}", diagnostic.code);
    let mut finding = Finding::new(severity, &kind, &subject, &diagnostic.message);
    if let Some(label) = place {
        finding = finding.at_span(sources, label.span);
        if !label.text.is_empty() {
            finding.message = format!("{}: {}", diagnostic.message, label.text);
        }
    }
    match &diagnostic.help {
        Some(help) => finding.suggest(help),
        None => finding,
    }
}
