//! Findings about the configuration, with the YAML underlined.

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report,
    ThemeCharacters, ThemeStyles,
};
use serde_json::{Value, json};
use ss_config::{Diagnostic, Severity, SourceId, Sources, Span};

use crate::error::CommandError;
use crate::ui::Ui;

/// Columns of text; wider terminals leave the rest empty.
const WIDTH: usize = 100;

/// Longest line that is drawn, in bytes. A finding in a longer one is told without it.
const MAX_LINE: usize = 240;

/// Most findings that are drawn: past a screenful nobody reads them one by one.
const MOST: usize = 20;

/// Prints the findings, and fails if one of them is an error.
///
/// # Errors
/// If the configuration cannot be used. With `--json` the document that says so has been printed.
pub fn report(ui: &Ui, sources: &Sources, findings: &[Diagnostic]) -> Result<(), CommandError> {
    print(ui, sources, findings);
    if !findings.iter().any(Diagnostic::is_error) {
        return Ok(());
    }
    ui.document(&document(sources, findings));
    Err(CommandError::shown())
}

/// The findings as the JSON document of `ss validate`.
pub fn document(sources: &Sources, findings: &[Diagnostic]) -> Value {
    let valid = !findings.iter().any(Diagnostic::is_error);
    let findings: Vec<Value> = findings.iter().map(|finding| to_json(sources, finding)).collect();
    json!({ "valid": valid, "findings": findings })
}

fn print(ui: &Ui, sources: &Sources, findings: &[Diagnostic]) {
    let characters = ThemeCharacters::unicode();
    let styles = if ui.colour() { ThemeStyles::ansi() } else { ThemeStyles::none() };
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme { characters, styles })
        .with_width(WIDTH)
        .with_links(false)
        .without_cause_chain();
    let mut drawn_first: Vec<&Diagnostic> = findings.iter().collect();
    if findings.len() > MOST {
        // What stops a run is not what is left out.
        drawn_first.sort_by_key(|finding| !finding.is_error());
    }
    for finding in drawn_first.into_iter().take(MOST) {
        let report = to_report(sources, finding);
        let mut text = String::new();
        if handler.render_report(&mut text, report.as_ref()).is_err() {
            text = finding.line(sources);
        }
        ui.note(text.trim_end_matches('\n').trim_start_matches('\n'));
        // A report shows one file; places in another follow as plain lines.
        let drawn = drawn(sources, finding);
        for label in finding.labels.iter().filter(|label| Some(label.span.source) != drawn) {
            ui.note(&format!("  {}: {}", sources.describe(label.span), label.text));
        }
        ui.note("");
    }
    if let Some(more) = findings.len().checked_sub(MOST).filter(|more| *more > 0) {
        ui.note(&format!("and {more} more; `ss validate --json` lists them all"));
    }
}

/// A finding as JSON: file, line and column instead of byte ranges.
fn to_json(sources: &Sources, finding: &Diagnostic) -> Value {
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

/// The file whose lines a report draws; none if they are too long for that.
fn drawn(sources: &Sources, finding: &Diagnostic) -> Option<SourceId> {
    let first = finding.source()?;
    let mut labels = finding.labels.iter().filter(|label| label.span.source == first);
    labels.all(|label| is_drawable(sources.text(first), label.span)).then_some(first)
}

/// Whether no line of the span, nor the lines around it, is too long.
fn is_drawable(text: &str, span: Span) -> bool {
    let range = span.range();
    let before = text[..range.start].rsplit('\n').take(2).map(str::len);
    let after = text[range.end..].split('\n').take(2).map(str::len);
    let within = text[range.clone()].split('\n').map(str::len);
    before.chain(after).chain(within).all(|length| length <= MAX_LINE)
}

fn to_report(sources: &Sources, finding: &Diagnostic) -> Report {
    let first = drawn(sources, finding);
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
