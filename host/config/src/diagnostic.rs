//! Findings as data: what is wrong, where, and what to do. Rendering is the command line's.

use crate::source::{SourceId, Sources, Span};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// The configuration cannot be used.
    Error,
    /// It can be used, and is probably not what was meant.
    Warning,
}

/// A place that a finding is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// What is there; may be empty.
    pub text: String,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// How bad it is.
    pub severity: Severity,
    /// Stable name of the kind of finding, such as `unknown-dependency`.
    pub code: &'static str,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// The places, the most important one first. Empty if the finding is about a whole file.
    pub labels: Vec<Label>,
    /// What to do, if that is known.
    pub help: Option<String>,
}

impl Diagnostic {
    /// A finding that makes the configuration unusable.
    pub fn error(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Error, code, message: message.into(), labels: Vec::new(), help: None }
    }

    /// A finding that a person should know of.
    pub fn warning(code: &'static str, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, message) }
    }

    /// Adds a place.
    #[must_use]
    pub fn label(mut self, span: Span, text: impl Into<String>) -> Self {
        self.labels.push(Label { span, text: text.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Whether the configuration cannot be used.
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// The file of the first label.
    pub fn source(&self) -> Option<SourceId> {
        self.labels.first().map(|label| label.span.source)
    }

    /// One line: place, severity, message and code.
    pub fn line(&self, sources: &Sources) -> String {
        let place = self.labels.first().map(|label| format!("{}: ", sources.describe(label.span)));
        let severity = if self.is_error() { "error" } else { "warning" };
        format!("{}{severity}: {} [{}]", place.unwrap_or_default(), self.message, self.code)
    }
}

/// Findings as they come, bounded: a hostile file can hold a million of them.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    list: Vec<Diagnostic>,
    errors: usize,
    omitted: usize,
}

/// Findings that are kept; nobody reads more.
const MAX_FINDINGS: usize = 500;
/// Findings that get a suggestion. Each costs a comparison with every candidate.
const MAX_SUGGESTIONS: usize = 20;

impl Findings {
    pub(crate) fn push(&mut self, finding: Diagnostic) {
        self.errors += usize::from(finding.is_error());
        if self.list.len() < MAX_FINDINGS {
            self.list.push(finding);
        } else {
            self.omitted += 1;
        }
    }

    pub(crate) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// `did you mean …?` if one of the candidates is close enough to be meant.
    pub(crate) fn suggestion<'a>(
        &self,
        word: &str,
        candidates: impl Iterator<Item = &'a str>,
    ) -> Option<String> {
        if self.list.len() >= MAX_SUGGESTIONS {
            return None;
        }
        closest(word, candidates).map(|found| format!("did you mean `{found}`?"))
    }

    /// All findings: errors first, otherwise in the order of the files.
    pub(crate) fn into_vec(mut self) -> Vec<Diagnostic> {
        self.list.sort_by_key(|finding| {
            let place = finding.labels.first().map(|label| (label.span.source, label.span.start));
            (!finding.is_error(), place)
        });
        if self.omitted > 0 {
            let message = format!("{} more findings are not shown", self.omitted);
            let last = Diagnostic::warning("more-findings", message);
            // An omitted error must not leave the list without one.
            let shown = self.list.iter().any(Diagnostic::is_error);
            let severity = if self.errors > 0 && !shown { Severity::Error } else { Severity::Warning };
            self.list.push(Diagnostic { severity, ..last });
        }
        self.list
    }
}

/// Longest word, in characters, that is looked up; the comparison is quadratic.
const MAX_WORD: usize = 64;

/// The candidate that a mistyped word most probably stands for.
///
/// A third of the letters may differ, and at least one.
pub fn closest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = word.chars().count();
    if length > MAX_WORD {
        return None;
    }
    let allowed = (length / 3).max(1);
    candidates
        .filter(|candidate| candidate.chars().count().abs_diff(length) <= allowed && *candidate != word)
        .map(|candidate| (strsim::osa_distance(&word.to_lowercase(), &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_only_what_is_close() {
        let known = ["depends_on", "description", "command"];
        assert_eq!(closest("depend_on", known.into_iter()), Some("depends_on"));
        assert_eq!(closest("Command", known.into_iter()), Some("command"));
        assert_eq!(closest("image", known.into_iter()), None);
        assert_eq!(closest("é", ["e"].into_iter()), Some("e"));
    }

    #[test]
    fn a_flood_is_cut_and_stays_an_error() {
        let mut findings = Findings::default();
        for _ in 0..MAX_FINDINGS {
            findings.push(Diagnostic::warning("w", "w"));
        }
        findings.push(Diagnostic::error("e", "e"));
        let list = findings.into_vec();
        assert_eq!(list.len(), MAX_FINDINGS + 1);
        assert!(list.iter().any(Diagnostic::is_error));
    }
}
