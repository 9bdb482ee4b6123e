//! Findings about the configuration, with the YAML underlined.

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
    ThemeCharacters, ThemeStyles,
};
use serde_json::{Value, json};
use ss_config::{Diagnostic, Severity, Sources};

use crate::ui::Ui;

/// Columns of text; wider terminals leave the rest empty.
const WIDTH: usize = 100;

/// Prints every finding.
pub fn print(ui: &Ui, sources: &Sources, findings: &[Diagnostic]) {
    let characters = ThemeCharacters::unicode();
    let styles = if ui.colour() { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(WIDTH)
        .with_links(false)
        .without_cause_chain();
    for finding in findings {
        let report = to_report(sources, finding);
        let mut text = String::new();
        if handler.render_report(&mut text, report.as_ref()).is_err() {
            text = finding.line(sources);
        }
        ui.note(text.trim_end_matches('\n').trim_start_matches('\n'));
        // A report shows one file; places in another follow as plain lines.
        let first = finding.source();
        for label in finding.labels.iter().filter(|label| Some(label.span.source) != first) {
            ui.note(&format!("  {}: {}", sources.describe(label.span), label.text));
        }
        ui.note("");
    }
}

/// A finding as JSON: file, line and column instead of byte ranges.
pub fn to_json(sources: &Sources, finding: &Diagnostic) -> Value {
    let places: Vec<Value> = finding
        .labels
        .iter()
        .map(|label| {
            let position = sources.position(label.span);
            json!({
                "file": sources.name(label.span.source),
                "line": position.line,
                "column": position.column,
                "text": label.text,
            })
        })
        .collect();
    json!({
        "severity": if finding.is_error() { "error" } else { "warning" },
        "code": finding.code,
        "message": finding.message,
        "places": places,
        "help": finding.help,
    })
}

fn to_report(sources: &Sources, finding: &Diagnostic) -> Report {
    let first = finding.source();
    let labels = finding.labels.iter().filter(|label| Some(label.span.source) == first).map(|label| {
        LabeledSpan::new_with_span(
            Some(label.text.clone()).filter(|text| !text.is_empty()),
            label.span.range(),
        )
    });
    let mut diagnostic = MietteDiagnostic::new(finding.message.clone())
        .with_severity(match finding.severity {
            Severity::Error => miette::Severity::Error,
            Severity::Warning => miette::Severity::Warning,
        })
        .with_code(finding.code)
        .with_labels(labels);
    if let Some(help) = &finding.help {
        diagnostic = diagnostic.with_help(help.clone());
    }
    match first {
        Some(source) => Report::new(diagnostic)
            .with_source_code(NamedSource::new(sources.name(source), sources.text(source).to_owned())),
        None => Report::new(diagnostic),
    }
}
