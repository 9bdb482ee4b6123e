//! A receipt, as documented: head, timeline, state, requests, what to do next.

use serde_json::{Value, json};
use ss_engine::{CallReceipt, Receipt, ReceiptError, RunStatus, ServiceOutcome, ServiceReceipt};
use ss_provider::{Effect, State};

use super::failure;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// How times look.
const TIME: &str = "%Y-%m-%d %H:%M:%S UTC";

/// The error with its hint.
pub fn error(error: &ReceiptError) -> CommandError {
    let command_error = match error {
        ReceiptError::Ambiguous { id, runs } => {
            let mut listed = CommandError::failed(format!("several runs have an id that begins with `{id}`"));
            listed.causes = runs.iter().map(ToString::to_string).collect();
            listed
        }
        error => CommandError::of(error),
    };
    match error.help() {
        Some(help) => command_error.hint(help),
        None => command_error,
    }
}

/// Which run it was and how it went.
pub fn print_head(ui: &Ui, receipt: &Receipt) {
    ui.line(&format!("ss inspect {}", receipt.run));
    ui.line("");
    ui.line(&format!("status: {}", status(ui, receipt.status)));
    ui.line(&format!("duration: {:.1}s", receipt.seconds()));
    ui.line(&format!("started: {}", receipt.started.strftime(TIME)));
    ui.line(&format!("ended: {}", receipt.ended.strftime(TIME)));
    let restored = receipt.restored.map(|run| format!(" to {}", super::run::short(run)));
    let (command, environment) = (&receipt.command, &receipt.environment);
    ui.line(&format!(
        "command: {command}{} (environment {environment}, by {})",
        restored.unwrap_or_default(),
        receipt.actor
    ));
    if !receipt.trace.is_empty() {
        ui.line(&format!("trace: {}", receipt.trace));
    }
}

fn status(ui: &Ui, status: RunStatus) -> String {
    let (style, glyph, word) = match status {
        RunStatus::Completed => (Style::Good, "✓", "completed"),
        RunStatus::Failed => (Style::Bad, "✗", "failed"),
        RunStatus::Cancelled => (Style::Bad, "✗", "cancelled"),
        RunStatus::Interrupted => (Style::Bad, "✗", "interrupted"),
    };
    format!("{} {word}", ui.paint(style, glyph))
}

/// What was done with each service, and how long it took.
pub fn print_timeline(ui: &Ui, receipt: &Receipt) {
    heading(ui, "Timeline");
    // Where everything had to wait for everything, the mark would say nothing.
    let telling =
        receipt.services.iter().any(|service| service.report.started.is_some() && !service.critical);
    for service in &receipt.services {
        print_service(ui, receipt, service, telling);
    }
    if receipt.services.is_empty() {
        ui.line("  no service");
    }
}

fn print_service(ui: &Ui, receipt: &Receipt, service: &ServiceReceipt, telling: bool) {
    let report = &service.report;
    let name = format!("ss.{}.service.{}", receipt.verb(), report.service);
    let (glyph, note) = match &report.outcome {
        ServiceOutcome::Skipped { reason } => (ui.paint(Style::Dim, "−"), reason.message()),
        ServiceOutcome::Blocked { because } => {
            (ui.paint(Style::Bad, "−"), format!("not started: it needs {}", because.join(", ")))
        }
        ServiceOutcome::NotStarted => (ui.paint(Style::Dim, "−"), "not started".to_owned()),
        ServiceOutcome::Interrupted => (ui.paint(Style::Bad, "✗"), "cut short".to_owned()),
        ServiceOutcome::Restored => (ui.paint(Style::Good, "✓"), "record restored".to_owned()),
        ServiceOutcome::Forgotten => (ui.paint(Style::Warn, "✓"), "record dropped".to_owned()),
        _ => {
            let style = if report.failure.is_some() { (Style::Bad, "✗") } else { (Style::Good, "✓") };
            (ui.paint(style.0, style.1), format!("{:.1}s", seconds(report.duration_ms)))
        }
    };
    let critical = if telling && service.critical { "  critical path" } else { "" };
    ui.line(&format!("  {glyph} {name} ({note}){critical}"));
    if let Some(why) = &report.failure {
        ui.line(&format!("      {}", failure::headline(why)));
    }
}

fn seconds(milliseconds: u64) -> f64 {
    milliseconds as f64 / 1000.0
}

/// The state of every service after the run.
pub fn print_state(ui: &Ui, receipt: &Receipt) {
    heading(ui, "State");
    if receipt.states.is_empty() {
        ui.line("  nothing exists");
    }
    // In file order, then what the run was not about.
    let place = |id: &str| receipt.services.iter().position(|service| service.report.service == id);
    let mut states: Vec<_> = receipt.states.iter().collect();
    states.sort_by_key(|(id, _)| place(id).unwrap_or(usize::MAX));
    for (service, state) in states {
        ui.line(&format!("  {service} ({})", state.provider));
        print_fields(ui, state, url_of(receipt, service, state));
    }
}

fn print_fields(ui: &Ui, state: &State, url: Option<String>) {
    let line = |name: &str, value: &str| ui.line(&format!("    {name}: {value}"));
    line("resourceId", &state.resource_id);
    if let Some(region) = &state.region {
        line("region", region);
    }
    line("provisionedAt", &state.provisioned_at);
    if let Some(url) = url {
        line("url", &url);
    }
    for (name, value) in state.metadata.iter().filter(|(name, _)| *name != "url") {
        match value {
            Value::String(text) => line(name, text),
            other => line(name, &other.to_string()),
        }
    }
}

/// Where a service can be reached: what its run found out, else what its state says.
fn url_of(receipt: &Receipt, service: &str, state: &State) -> Option<String> {
    let found = receipt.services.iter().find(|receipt| receipt.report.service == service);
    let found = found.and_then(|receipt| match &receipt.report.outcome {
        ServiceOutcome::Done { url, .. } => url.clone(),
        _ => None,
    });
    let recorded = || state.metadata.get("url").and_then(Value::as_str).map(str::to_owned);
    let host = || {
        let host = state.metadata.get("host").and_then(Value::as_str)?;
        Some(format!("//{host}"))
    };
    found.or_else(recorded).or_else(host)
}

/// Every request that the run made, and what else it changed.
pub fn print_calls(ui: &Ui, receipt: &Receipt) {
    heading(ui, "Calls");
    let width = receipt.calls.iter().map(|call| call.service.chars().count()).max().unwrap_or_default();
    for call in &receipt.calls {
        ui.line(&describe(call, width));
    }
    if receipt.calls.is_empty() {
        ui.line("  none");
    }
    if !receipt.effects.is_empty() {
        heading(ui, "Changes on this machine");
    }
    for effect in &receipt.effects {
        let what = match &effect.effect {
            Effect::Spawn { program } => format!("started {program}"),
            Effect::Terminate { pid } => format!("ended process {pid}"),
            Effect::Write { path } => format!("wrote {path}"),
            Effect::VaultWrite { key } => format!("stored {key} in the vault"),
            Effect::Request(request) => format!("{} {}{}", request.method, request.host, request.path),
        };
        let failed = effect.outcome.as_ref().and_then(|outcome| outcome.error.as_deref());
        let failed = failed.map(|error| format!(" · failed: {error}")).unwrap_or_default();
        ui.line(&format!("  {} {what}{failed}", effect.service));
    }
    if !receipt.grants.is_empty() {
        heading(ui, "Grants used");
    }
    for (provider, grants) in &receipt.grants {
        for grant in grants {
            ui.line(&format!("  {provider} · {grant}"));
        }
    }
}

/// One request: who, when, what, how it ended.
fn describe(call: &CallReceipt, width: usize) -> String {
    let outcome = call.outcome.as_ref();
    let result = match outcome.and_then(|outcome| outcome.status) {
        Some(status) => status.to_string(),
        None => outcome.and_then(|outcome| outcome.error.clone()).unwrap_or_else(|| "no answer".to_owned()),
    };
    let took = outcome.map(|outcome| format!(" ({} ms)", outcome.duration_ms)).unwrap_or_default();
    let (service, method, phase) = (&call.service, &call.method, call.phase.name());
    format!("  {service:<width$} {phase:<5} {method:<6} https://{}{} → {result}{took}", call.host, call.path)
}

/// What a person may want to do now.
pub fn print_next(ui: &Ui, receipt: &Receipt) {
    heading(ui, "Next actions");
    let env = match receipt.environment.as_str() {
        "local" => String::new(),
        environment => format!(" --env={environment}"),
    };
    let again = if receipt.command == "ss provision" { "provision" } else { "deploy" };
    let line = |what: &str, command: String| ui.line(&format!("  {what:<14}{command}"));
    line("Check drift", format!("ss drift{env}"));
    line("Re-deploy", format!("ss {again}{env}"));
    line("List deploys", format!("ss inspect --list{env}"));
}

/// The runs, newest first.
pub fn print_list(ui: &Ui, receipts: &[Receipt]) {
    if receipts.is_empty() {
        ui.line("Nothing has been run here yet.");
    }
    for receipt in receipts {
        let done = receipt.services.iter().filter(|service| service.report.is_fine()).count();
        let restored = receipt.restored.map(|run| format!(" to {}", super::run::short(run)));
        ui.line(&format!(
            "{}  {}  {:<12}  {}  {}{}  {done}/{} services, {:.1}s",
            receipt.short(),
            receipt.started.strftime(TIME),
            receipt.environment,
            status(ui, receipt.status),
            receipt.command,
            restored.unwrap_or_default(),
            receipt.services.len(),
            receipt.seconds()
        ));
    }
}

/// What a list says of a receipt, for JSON.
pub fn summary(receipt: &Receipt) -> Value {
    json!({
        "run": receipt.run,
        "number": receipt.number,
        "environment": receipt.environment,
        "command": receipt.command,
        "status": receipt.status,
        "started": receipt.started,
        "ended": receipt.ended,
        "restored": receipt.restored,
        "services": receipt.services.iter().map(|service| &service.report.service).collect::<Vec<_>>(),
    })
}

fn heading(ui: &Ui, text: &str) {
    ui.line("");
    ui.line(&format!("── {text} ──"));
}
