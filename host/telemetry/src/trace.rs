//! The tree of spans of a run.

use aws_lc_rs::digest;
use ss_engine::{CallPhase, CallReceipt, Receipt, RunStatus, ServiceOutcome, ServiceReceipt};
use uuid::Uuid;

/// A run, as spans.
#[derive(Debug, Clone, PartialEq)]
pub struct Trace {
    /// Its id: that of the run.
    pub id: [u8; 16],
    /// The span that all others stand under.
    pub root: Span,
}

/// Something that took time.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its id: the first eight bytes of the SHA-256 of the run's id and its own path in the tree.
    pub id: [u8; 8],
    /// What it is, such as `ss.deploy.service.api`.
    pub name: String,
    /// On which side of a request it stands.
    pub kind: SpanKind,
    /// When it began, in nanoseconds since 1970.
    pub start: u64,
    /// When it ended, in nanoseconds since 1970.
    pub end: u64,
    /// What is known of it, by OpenTelemetry's names where there is one.
    pub attributes: Vec<(&'static str, Value)>,
    /// Why it failed, if it did.
    pub error: Option<String>,
    /// What it consists of.
    pub children: Vec<Span>,
}

/// On which side of a request a span stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// On neither.
    Internal,
    /// It sent the request.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text.
    Text(String),
    /// A number.
    Number(i64),
    /// Yes or no.
    Flag(bool),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

/// The W3C `traceparent` of a program that a provider starts for a service: a child of the provider's span.
///
/// `command` is the run's, such as `ss deploy`.
pub fn traceparent(run: Uuid, command: &str, service: &str, provider: &str) -> String {
    let verb = verb(command);
    let path = [root_name(verb), run_name(verb), service_name(verb, service), provider_name(verb, provider)];
    let id: String = span_id(run, &path.join("/")).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("00-{}-{id}-01", run.simple())
}

impl Trace {
    /// The trace of the run that this receipt is of.
    pub fn of(receipt: &Receipt) -> Self {
        let builder = Builder { receipt };
        Self { id: *receipt.run.as_bytes(), root: builder.root() }
    }
}

/// `deploy` of `ss deploy`.
fn verb(command: &str) -> &str {
    command.rsplit(' ').next().unwrap_or(command)
}

fn root_name(verb: &str) -> String {
    format!("ss.cli.{verb}")
}

fn run_name(verb: &str) -> String {
    format!("ss.{verb}")
}

fn service_name(verb: &str, service: &str) -> String {
    format!("ss.{verb}.service.{service}")
}

/// Whatever a run is called, what it has a provider do is one of two things.
fn provider_name(verb: &str, provider: &str) -> String {
    let operation = if verb == "destroy" { "destroy" } else { "provision" };
    format!("ss.{operation}.{provider}")
}

fn span_id(run: Uuid, path: &str) -> [u8; 8] {
    let mut context = digest::Context::new(&digest::SHA256);
    context.update(run.as_bytes());
    context.update(path.as_bytes());
    let mut id = [0; 8];
    id.copy_from_slice(&context.finish().as_ref()[..8]);
    id
}

struct Builder<'a> {
    receipt: &'a Receipt,
}

impl Builder<'_> {
    fn root(&self) -> Span {
        let receipt = self.receipt;
        let name = root_name(verb(&receipt.command));
        let mut run = self.span(&name, run_name(verb(&receipt.command)), self.range());
        run.children.extend(self.planning(&name, &run.name));
        let path = format!("{name}/{}", run.name);
        run.children.extend(receipt.services.iter().filter_map(|service| self.service(&path, service)));
        let mut root = self.span("", name, self.range());
        root.attributes = vec![
            ("starsystem.project", receipt.project.as_str().into()),
            ("deployment.environment.name", receipt.environment.as_str().into()),
            ("starsystem.run", receipt.run.to_string().as_str().into()),
            ("starsystem.plan.digest", receipt.plan_digest.as_str().into()),
        ];
        if receipt.status != RunStatus::Completed {
            root.error = Some("the run did not reach its goal".to_owned());
            run.error.clone_from(&root.error);
        }
        root.children.push(run);
        root
    }

    /// The requests that were made to see what there is to do.
    fn planning(&self, above: &str, run: &str) -> Option<Span> {
        let calls: Vec<&CallReceipt> =
            self.receipt.calls.iter().filter(|call| call.phase == CallPhase::Plan).collect();
        let start = calls.iter().map(|call| nanoseconds(call.at.as_nanosecond())).min()?;
        let end = calls.iter().map(|call| call_range(call).1).max()?;
        let path = format!("{above}/{run}");
        let mut span = self.span(&path, "ss.plan".to_owned(), (start, end));
        span.children = self.calls(&format!("{path}/ss.plan"), &calls);
        Some(span)
    }

    fn service(&self, above: &str, service: &ServiceReceipt) -> Option<Span> {
        let (report, verb) = (&service.report, verb(&self.receipt.command));
        let start = nanoseconds(report.started?.as_nanosecond());
        let range = (start, start.saturating_add(report.duration_ms.saturating_mul(1_000_000)));
        let name = service_name(verb, &report.service);
        let path = format!("{above}/{name}");
        let calls: Vec<&CallReceipt> = self
            .receipt
            .calls
            .iter()
            .filter(|call| call.phase == CallPhase::Apply && call.service == report.service)
            .collect();
        let mut span = self.span(above, name, range);
        span.attributes = vec![
            ("starsystem.service", report.service.as_str().into()),
            ("starsystem.outcome", outcome(&report.outcome).into()),
            ("starsystem.critical", Value::Flag(service.critical)),
        ];
        span.error = report.failure.as_ref().map(|failure| failure.message.clone());
        match &report.provider {
            Some(provider) => {
                let mut child = self.span(&path, provider_name(verb, provider), range);
                child.attributes = vec![("starsystem.provider", provider.as_str().into())];
                if let Some(plugin) = self.receipt.plugins.get(provider) {
                    child.attributes.push(("starsystem.plugin.version", plugin.version.as_str().into()));
                    child.attributes.push(("starsystem.plugin.digest", plugin.digest.as_str().into()));
                }
                child.error.clone_from(&span.error);
                child.children = self.calls(&format!("{path}/{}", child.name), &calls);
                span.children.push(child);
            }
            None => span.children = self.calls(&path, &calls),
        }
        Some(span)
    }

    fn calls(&self, above: &str, calls: &[&CallReceipt]) -> Vec<Span> {
        // The number keeps requests of the same method apart.
        let numbered = calls.iter().enumerate();
        numbered.map(|(at, call)| self.call(&format!("{above}/{at}"), call)).collect()
    }

    /// One request: names and attributes as OpenTelemetry's conventions for HTTP clients have them.
    fn call(&self, above: &str, call: &CallReceipt) -> Span {
        let mut span = self.span(above, call.method.clone(), call_range(call));
        span.kind = SpanKind::Client;
        span.attributes = vec![
            ("http.request.method", call.method.as_str().into()),
            ("server.address", call.host.as_str().into()),
            ("url.path", call.path.as_str().into()),
            ("starsystem.service", call.service.as_str().into()),
            ("starsystem.request.unsafe", Value::Flag(call.changes)),
        ];
        if !call.grant.is_empty() {
            span.attributes.push(("starsystem.grant", call.grant.as_str().into()));
        }
        match &call.outcome {
            Some(outcome) => {
                if let Some(status) = outcome.status {
                    span.attributes.push(("http.response.status_code", Value::Number(status.into())));
                    if status >= 400 {
                        span.error = Some(format!("HTTP {status}"));
                    }
                }
                if let Some(error) = &outcome.error {
                    span.error = Some(error.clone());
                }
            }
            None => span.error = Some("nobody knows how it ended".to_owned()),
        }
        span
    }

    fn span(&self, above: &str, name: String, (start, end): (u64, u64)) -> Span {
        let path = if above.is_empty() { name.clone() } else { format!("{above}/{name}") };
        Span {
            id: span_id(self.receipt.run, &path),
            name,
            kind: SpanKind::Internal,
            start,
            end: end.max(start),
            attributes: Vec::new(),
            error: None,
            children: Vec::new(),
        }
    }

    fn range(&self) -> (u64, u64) {
        let receipt = self.receipt;
        (nanoseconds(receipt.started.as_nanosecond()), nanoseconds(receipt.ended.as_nanosecond()))
    }
}

fn call_range(call: &CallReceipt) -> (u64, u64) {
    let start = nanoseconds(call.at.as_nanosecond());
    let milliseconds = call.outcome.as_ref().map_or(0, |outcome| outcome.duration_ms);
    (start, start.saturating_add(milliseconds.saturating_mul(1_000_000)))
}

/// A moment before 1970 counts as 1970: OTLP has no earlier one.
fn nanoseconds(since_1970: i128) -> u64 {
    u64::try_from(since_1970).unwrap_or(0)
}

fn outcome(outcome: &ServiceOutcome) -> &'static str {
    match outcome {
        ServiceOutcome::Done { .. } => "done",
        ServiceOutcome::Destroyed => "destroyed",
        ServiceOutcome::Failed => "failed",
        ServiceOutcome::Skipped { .. } => "skipped",
        ServiceOutcome::Blocked { .. } => "blocked",
        ServiceOutcome::NotStarted => "not-started",
        ServiceOutcome::Interrupted => "interrupted",
        ServiceOutcome::Restored => "restored",
        ServiceOutcome::Forgotten => "forgotten",
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::{Value as Json, json};

    use super::*;

    const RUN: &str = "ed060a44-6a3b-4d5e-9b0c-1f2e3d4c5b6a";

    fn call(service: &str, phase: &str, method: &str, outcome: Json) -> Json {
        json!({ "service": service, "phase": phase, "at": "2026-05-02T14:00:01Z", "method": method,
            "host": "api.example", "path": "/things", "changes": method != "GET",
            "grant": format!("{method} https://api.example/things/**"), "outcome": outcome })
    }

    fn receipt(command: &str, status: &str) -> Receipt {
        let failure = json!({ "kind": "unavailable", "message": "nobody answers" });
        serde_json::from_value(json!({
            "form": 1, "number": 1, "previous": "0", "run": RUN, "command": command, "version": "0.1.0",
            "actor": "me@here", "project": "my-app", "environment": "prod", "status": status,
            "started": "2026-05-02T14:00:00Z", "ended": "2026-05-02T14:00:09Z", "plan_digest": "abc",
            "plugins": { "clody": { "name": "clody", "version": "1.2.3", "digest": "sha256:00" } },
            "services": [
                { "service": "db", "provider": "clody", "outcome": "failed", "failure": failure,
                  "started": "2026-05-02T14:00:01Z", "duration_ms": 2500, "critical": true },
                { "service": "doc", "outcome": "skipped", "reason": "no-provisioner",
                  "duration_ms": 0 },
            ],
            "calls": [
                call("db", "plan", "GET", json!({ "status": 200, "duration_ms": 20 })),
                call("db", "apply", "POST", json!({ "status": 409, "duration_ms": 30 })),
                call("db", "apply", "POST", Json::Null),
            ],
        }))
        .unwrap()
    }

    fn flat(span: &Span) -> Vec<&Span> {
        std::iter::once(span).chain(span.children.iter().flat_map(flat)).collect()
    }

    #[test]
    fn the_tree_is_the_documented_one() {
        let trace = Trace::of(&receipt("ss deploy", "failed"));
        let root = &trace.root;
        assert_eq!(root.name, "ss.cli.deploy");
        assert_eq!(root.children.iter().map(|span| &span.name).collect::<Vec<_>>(), ["ss.deploy"]);
        let run = &root.children[0];
        let names: Vec<_> = run.children.iter().map(|span| span.name.as_str()).collect();
        assert_eq!(names, ["ss.plan", "ss.deploy.service.db"], "what was skipped took no time");
        let provider = &run.children[1].children[0];
        assert_eq!(provider.name, "ss.provision.clody");
        assert_eq!(provider.end - provider.start, 2_500_000_000);
        let [refused, unknown] = &provider.children[..] else { panic!("{:?}", provider.children) };
        assert_eq!(refused.kind, SpanKind::Client);
        for attribute in [
            ("http.request.method", "POST".into()),
            ("server.address", "api.example".into()),
            ("http.response.status_code", Value::Number(409)),
            ("starsystem.grant", "POST https://api.example/things/**".into()),
        ] {
            assert!(refused.attributes.contains(&attribute), "{attribute:?}");
        }
        assert_eq!(refused.error.as_deref(), Some("HTTP 409"));
        assert!(unknown.error.is_some());
        assert_eq!(run.children[1].error.as_deref(), Some("nobody answers"));
        assert!(root.error.is_some() && run.error.is_some());
        assert_eq!(Trace::of(&receipt("ss deploy", "completed")).root.error, None);
    }

    #[test]
    fn other_commands_have_spans_of_their_own_names() {
        for (command, root, provider) in [
            ("ss provision", "ss.cli.provision", "ss.provision.clody"),
            ("ss destroy", "ss.cli.destroy", "ss.destroy.clody"),
        ] {
            let trace = Trace::of(&receipt(command, "completed"));
            assert_eq!(trace.root.name, root);
            assert!(flat(&trace.root).iter().any(|span| span.name == provider), "{provider}");
        }
    }

    #[test]
    fn ids_are_the_runs_own_and_each_is_another() {
        let (once, again) = (receipt("ss deploy", "failed"), receipt("ss deploy", "failed"));
        let trace = Trace::of(&once);
        assert_eq!(trace, Trace::of(&again), "a receipt has one trace");
        assert_eq!(trace.id, *once.run.as_bytes());
        let spans = flat(&trace.root);
        assert_eq!(spans.iter().map(|span| span.id).collect::<BTreeSet<_>>().len(), spans.len());
    }

    #[test]
    fn a_program_that_a_run_starts_knows_its_parent_before_the_run_has_ended() {
        let receipt = receipt("ss deploy", "completed");
        let trace = Trace::of(&receipt);
        let parent = flat(&trace.root).into_iter().find(|span| span.name == "ss.provision.clody").unwrap().id;
        let parent: String = parent.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            traceparent(receipt.run, "ss deploy", "db", "clody"),
            format!("00-{}-{parent}-01", RUN.replace('-', ""))
        );
    }
}
