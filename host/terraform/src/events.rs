//! What Terraform prints with `-json`: one event a line.
//!
//! Threat: lines come from Terraform's providers too. What is no event is kept for a failure to quote, and
//! everything is capped.

use std::collections::VecDeque;

use serde::Deserialize;

/// The most that is kept of what Terraform printed.
const LINES: usize = 20;
/// The most complaints that are kept.
const COMPLAINTS: usize = 5;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    #[serde(rename = "@message", default)]
    message: String,
    diagnostic: Option<Diagnostic>,
    hook: Option<Hook>,
}

#[derive(Deserialize)]
struct Diagnostic {
    severity: String,
    summary: String,
    #[serde(default)]
    detail: String,
    address: Option<String>,
    range: Option<Range>,
}

#[derive(Deserialize)]
struct Range {
    filename: String,
    start: Start,
}

#[derive(Deserialize)]
struct Start {
    line: u64,
}

#[derive(Deserialize)]
struct Hook {
    resource: Option<Resource>,
    #[serde(default)]
    action: String,
}

#[derive(Deserialize)]
struct Resource {
    addr: String,
}

/// What a line says to a person who watches.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Said {
    /// A resource is being worked on.
    Waiting(String),
    /// A resource is done.
    Step(String),
    /// Something to know.
    Warning(String),
}

/// What Terraform has said so far.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    complaints: Vec<String>,
    last: VecDeque<String>,
}

impl Transcript {
    /// Takes a line; returns what a person wants to know of it.
    pub(crate) fn take(&mut self, line: &str) -> Option<Said> {
        let Ok(event) = serde_json::from_str::<Event>(line) else {
            self.remember(line);
            return None;
        };
        let resource = event.hook.as_ref().and_then(|hook| Some((hook.resource.as_ref()?, &hook.action)));
        match (event.kind.as_str(), resource, event.diagnostic) {
            ("apply_start", Some((resource, action)), _) => {
                Some(Said::Waiting(format!("{}: {}", resource.addr, gerund(action))))
            }
            ("apply_complete", Some((resource, action)), _) => {
                Some(Said::Step(format!("{} {}", resource.addr, participle(action))))
            }
            ("diagnostic", _, Some(diagnostic)) if diagnostic.severity == "error" => {
                if self.complaints.len() < COMPLAINTS {
                    self.complaints.push(sentence(&diagnostic));
                }
                None
            }
            // How the state is kept is not the person's choice here.
            ("diagnostic", _, Some(diagnostic)) if diagnostic.summary.contains("Deprecated flag") => None,
            ("diagnostic", _, Some(diagnostic)) => Some(Said::Warning(diagnostic.summary)),
            _ => {
                self.remember(&event.message);
                None
            }
        }
    }

    /// Why it failed: its complaints, else what it printed last.
    pub(crate) fn why(self) -> Vec<String> {
        if self.complaints.is_empty() { self.last.into() } else { self.complaints }
    }

    fn remember(&mut self, line: &str) {
        if self.last.len() == LINES {
            self.last.pop_front();
        }
        self.last.push_back(line.to_owned());
    }
}

/// The complaint, where it stands, and what Terraform adds to it.
fn sentence(diagnostic: &Diagnostic) -> String {
    let mut places = Vec::new();
    places.extend(diagnostic.address.clone());
    places.extend(diagnostic.range.as_ref().map(|range| format!("{}:{}", range.filename, range.start.line)));
    let place = if places.is_empty() { String::new() } else { format!(" ({})", places.join(", ")) };
    format!("{}{place}\n{}", diagnostic.summary, diagnostic.detail)
}

fn gerund(action: &str) -> &'static str {
    match action {
        "create" => "creating",
        "update" => "updating",
        "delete" => "destroying",
        "read" => "reading",
        _ => "working",
    }
}

fn participle(action: &str) -> &'static str {
    match action {
        "create" => "created",
        "update" => "updated",
        "delete" => "destroyed",
        "read" => "read",
        _ => "done",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_and_complaints_are_kept() {
        let mut transcript = Transcript::default();
        let hook = |kind: &str| {
            format!(
                r#"{{"type":"{kind}","hook":{{"resource":{{"addr":"aws_s3_bucket.a"}},"action":"create"}}}}"#
            )
        };
        assert_eq!(
            transcript.take(&hook("apply_start")),
            Some(Said::Waiting("aws_s3_bucket.a: creating".into()))
        );
        assert_eq!(
            transcript.take(&hook("apply_complete")),
            Some(Said::Step("aws_s3_bucket.a created".into()))
        );
        let error = r#"{"type":"diagnostic","diagnostic":{"severity":"error","summary":"Bad","detail":"Why.",
            "address":"a.b","range":{"filename":"main.tf","start":{"line":3}}}}"#;
        assert_eq!(transcript.take(&error.replace('\n', " ")), None);
        assert_eq!(transcript.take("panic: oh"), None);
        assert_eq!(transcript.why(), ["Bad (a.b, main.tf:3)\nWhy."]);
    }

    #[test]
    fn without_a_complaint_the_last_lines_say_why() {
        let mut transcript = Transcript::default();
        for line in 0..LINES + 3 {
            transcript.take(&format!("line {line}"));
        }
        let why = transcript.why();
        assert_eq!((why.len(), why[0].as_str()), (LINES, "line 3"));
    }
}
