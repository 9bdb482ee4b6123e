//! What a run of the kit found, for people and for programs.

use std::fmt::Write as _;
use std::time::Duration;

use serde_json::{Value, json};
use ss_provider::Identity;

use crate::rules::Rule;

/// How a rule ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It holds.
    Passed,
    /// It does not.
    Failed,
    /// It could not be tried.
    NotRun,
}

impl Verdict {
    /// Its name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::NotRun => "not-run",
        }
    }
}

/// What was found about one rule.
#[derive(Debug, Clone)]
pub struct Finding {
    /// The rule.
    pub rule: &'static Rule,
    /// The scenario; none for what holds of the component itself.
    pub scenario: Option<String>,
    /// How it ended.
    pub verdict: Verdict,
    /// Why it failed or was not run, or what was tried. One line.
    pub reason: String,
    /// The requests, answers or bytes that show it, oldest first.
    pub evidence: Vec<String>,
    /// How long it took.
    pub took: Duration,
}

impl Finding {
    /// A finding of this rule.
    pub(crate) fn new(rule: &'static Rule, verdict: Verdict, reason: impl Into<String>) -> Self {
        let reason = reason.into();
        Self { rule, scenario: None, verdict, reason, evidence: Vec::new(), took: Duration::ZERO }
    }

    /// It holds; says what was tried.
    pub(crate) fn passed(rule: &'static Rule, tried: impl Into<String>) -> Self {
        Self::new(rule, Verdict::Passed, tried)
    }

    /// It does not hold.
    pub(crate) fn failed(rule: &'static Rule, reason: impl Into<String>) -> Self {
        Self::new(rule, Verdict::Failed, reason)
    }

    /// It could not be tried.
    pub(crate) fn not_run(rule: &'static Rule, reason: impl Into<String>) -> Self {
        Self::new(rule, Verdict::NotRun, reason)
    }

    /// Adds what shows it.
    pub(crate) fn showing(mut self, evidence: impl IntoIterator<Item = String>) -> Self {
        self.evidence.extend(evidence);
        self
    }
}

/// Everything that a run found.
#[derive(Debug, Clone)]
pub struct Report {
    /// The plugin.
    pub plugin: Identity,
    /// What was found, in the order of scenarios and rules.
    pub findings: Vec<Finding>,
    /// How long it took altogether.
    pub took: Duration,
}

impl Report {
    /// How many findings ended so.
    pub fn count(&self, verdict: &Verdict) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == *verdict).count()
    }

    /// Whether no rule failed and at least one was tried.
    pub fn passed(&self) -> bool {
        self.count(&Verdict::Failed) == 0 && self.count(&Verdict::Passed) > 0
    }

    /// The report as one JSON document.
    pub fn to_json(&self) -> Value {
        let findings: Vec<Value> = self
            .findings
            .iter()
            .map(|finding| {
                json!({
                    "rule": finding.rule.id,
                    "title": finding.rule.title,
                    "scenario": finding.scenario,
                    "verdict": finding.verdict.name(),
                    "reason": finding.reason,
                    "evidence": finding.evidence,
                    "fix": (finding.verdict == Verdict::Failed).then_some(finding.rule.fix),
                    "durationMs": millis(finding.took),
                })
            })
            .collect();
        json!({
            "plugin": self.plugin,
            "passed": self.count(&Verdict::Passed),
            "failed": self.count(&Verdict::Failed),
            "notRun": self.count(&Verdict::NotRun),
            "durationMs": millis(self.took),
            "findings": findings,
        })
    }

    /// The report as JUnit XML: a suite per scenario, a case per rule.
    pub fn to_junit(&self) -> String {
        let mut suites: Vec<(&str, Vec<&Finding>)> = Vec::new();
        for finding in &self.findings {
            let name = finding.scenario.as_deref().unwrap_or("component");
            match suites.iter_mut().find(|(known, _)| *known == name) {
                Some((_, cases)) => cases.push(finding),
                None => suites.push((name, vec![finding])),
            }
        }
        let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
        let _ = writeln!(
            xml,
            "<testsuites name=\"ss plugin test {}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
            escape(&self.plugin.name),
            self.findings.len(),
            self.count(&Verdict::Failed),
            self.count(&Verdict::NotRun),
            self.took.as_secs_f64()
        );
        for (name, cases) in suites {
            write_suite(&mut xml, name, &cases);
        }
        xml.push_str("</testsuites>\n");
        xml
    }
}

fn write_suite(xml: &mut String, name: &str, cases: &[&Finding]) {
    let count = |verdict: &Verdict| cases.iter().filter(|case| case.verdict == *verdict).count();
    let time: Duration = cases.iter().map(|case| case.took).sum();
    let _ = writeln!(
        xml,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" skipped=\"{}\" time=\"{:.3}\">",
        escape(name),
        cases.len(),
        count(&Verdict::Failed),
        count(&Verdict::NotRun),
        time.as_secs_f64()
    );
    for case in cases {
        let _ = write!(
            xml,
            "    <testcase classname=\"{}\" name=\"{}\" time=\"{:.3}\"",
            escape(name),
            escape(case.rule.id),
            case.took.as_secs_f64()
        );
        let reason = escape(&case.reason);
        let _ = match case.verdict {
            Verdict::Passed => writeln!(xml, "/>"),
            Verdict::NotRun => writeln!(xml, "><skipped message=\"{reason}\"/></testcase>"),
            Verdict::Failed => writeln!(
                xml,
                "><failure message=\"{reason}\">{}</failure></testcase>",
                escape(&format!("{}\nfix: {}", case.evidence.join("\n"), case.rule.fix))
            ),
        };
    }
    xml.push_str("  </testsuite>\n");
}

/// Text for XML 1.0, which has no place for most control characters at all.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\n' => escaped.push('\n'),
            c if c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}') => escaped.push('\u{fffd}'),
            c => escaped.push(c),
        }
    }
    escaped
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{DRIFT, GONE, WORKS};

    fn report() -> Report {
        let failed = Finding {
            scenario: Some("basic".into()),
            ..Finding::failed(DRIFT, "no <drift> & \"none\"\u{1b}").showing(["GET /x → 200".to_owned()])
        };
        Report {
            plugin: Identity {
                name: "p".into(),
                version: "1.0.0".into(),
                digest: "sha256:00".into(),
                development: true,
            },
            findings: vec![Finding::passed(WORKS, ""), failed, Finding::not_run(GONE, "no cloud")],
            took: Duration::from_millis(1500),
        }
    }

    #[test]
    fn one_failure_fails_the_report() {
        let mut report = report();
        assert!(!report.passed());
        report.findings.remove(1);
        assert!(report.passed());
        report.findings.clear();
        assert!(!report.passed(), "nothing tried is nothing proved");
    }

    #[test]
    fn junit_is_escaped_and_counts() {
        let xml = report().to_junit();
        assert!(xml.contains("tests=\"3\" failures=\"1\" skipped=\"1\" time=\"1.500\""), "{xml}");
        assert!(xml.contains("no &lt;drift&gt; &amp; &quot;none&quot;\u{fffd}"), "{xml}");
        assert!(xml.contains("<testsuite name=\"basic\" tests=\"1\" failures=\"1\""), "{xml}");
    }

    #[test]
    fn json_says_how_to_fix_what_failed() {
        let json = report().to_json();
        assert_eq!(json["findings"][1]["rule"], "observe/drift");
        assert_eq!(json["findings"][1]["fix"], DRIFT.fix);
        assert_eq!(json["findings"][0]["fix"], Value::Null);
        assert_eq!((&json["passed"], &json["failed"], &json["notRun"]), (&1.into(), &1.into(), &1.into()));
    }
}
