//! Findings as data.

use serde::{Serialize, Serializer};
use ss_config::{Sources, Span};

use crate::Fix;

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The next run will fail, or a secret lies open.
    Error,
    /// Something is probably not as it was meant.
    Warn,
    /// Worth knowing.
    Info,
}

/// Where a finding is.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Location {
    /// The file or folder.
    pub path: String,
    /// The line, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
}

/// Something that a person or an agent should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// `<check>.<variant>:<subject>`: the same finding has the same id in every run.
    pub id: String,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong, in one sentence without a full stop. Holds no secret.
    pub message: String,
    /// Where.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What a person can do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggested_fix: Option<String>,
    /// What repairs it without a person. As JSON: a line for a shell, safe to run as it is and again.
    #[serde(
        rename = "autoFixCommand",
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_command"
    )]
    pub fix: Option<Fix>,
}

impl Finding {
    /// A finding about `subject`, such as `vault.missing-key` about `neon.api_key`.
    pub fn new(severity: Severity, kind: &str, subject: &str, message: impl Into<String>) -> Self {
        Self {
            id: format!("{kind}:{subject}"),
            severity,
            message: message.into(),
            location: None,
            suggested_fix: None,
            fix: None,
        }
    }

    /// Says in which file or folder.
    #[must_use]
    pub fn at(mut self, path: impl Into<String>) -> Self {
        self.location = Some(Location { path: path.into(), line: None });
        self
    }

    /// Says at which line of a configuration file.
    #[must_use]
    pub fn at_span(mut self, sources: &Sources, span: Span) -> Self {
        let line = Some(sources.position(span).line);
        self.location = Some(Location { path: sources.name(span.source).to_owned(), line });
        self
    }

    /// Says what a person can do.
    #[must_use]
    pub fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggested_fix = Some(suggestion.into());
        self
    }

    /// Says what repairs it without a person.
    #[must_use]
    pub fn fixed_by(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}

fn as_command<S: Serializer>(fix: &Option<Fix>, serializer: S) -> Result<S::Ok, S::Error> {
    match fix {
        Some(fix) => serializer.serialize_str(&fix.command()),
        None => serializer.serialize_none(),
    }
}

/// Everything that was looked at and found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The project's name; none if its file cannot be read.
    pub workspace: Option<String>,
    /// The environment.
    pub env: String,
    /// The checks that could be made, in order.
    pub checks_run: Vec<&'static str>,
    /// The findings, the worst first.
    pub findings: Vec<Finding>,
}

impl Report {
    /// A report before the first check.
    pub fn new(env: &str) -> Self {
        Self { workspace: None, env: env.to_owned(), checks_run: Vec::new(), findings: Vec::new() }
    }

    /// Adds what a check found. A check may come in parts.
    pub fn add(&mut self, check: &'static str, findings: impl IntoIterator<Item = Finding>) {
        if !self.checks_run.contains(&check) {
            self.checks_run.push(check);
        }
        for finding in findings {
            if !self.findings.iter().any(|known| known.id == finding.id) {
                self.findings.push(finding);
            }
        }
        self.findings.sort_by(|a, b| (a.severity, &a.id).cmp(&(b.severity, &b.id)));
    }

    /// Whether anything found will make a run fail or leaves a secret open.
    pub fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    /// How many findings are this bad.
    pub fn count(&self, severity: Severity) -> usize {
        self.findings.iter().filter(|finding| finding.severity == severity).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_reported_once_and_the_worst_stands_first() {
        let mut report = Report::new("local");
        let warning = Finding::new(Severity::Warn, "a.b", "c", "w");
        let error = Finding::new(Severity::Error, "z.b", "c", "e");
        report.add("a", [warning.clone(), warning.clone()]);
        report.add("a", [error.clone()]);
        assert_eq!(report.checks_run, ["a"]);
        assert_eq!(report.findings, [error, warning]);
        assert!(report.has_errors());
    }

    #[test]
    fn a_fix_is_a_line_for_a_shell() {
        let fix = Fix::Program(vec!["chmod".into(), "600".into(), "/a b/it's".into()]);
        let finding = Finding::new(Severity::Warn, "a.b", "c", "m").fixed_by(fix);
        let json = serde_json::to_value(&finding).unwrap();
        assert_eq!(json["autoFixCommand"], "chmod 600 \"/a b/it's\"");
        assert_eq!(json.as_object().unwrap().len(), 4, "what is not known is left out: {json}");
    }
}
