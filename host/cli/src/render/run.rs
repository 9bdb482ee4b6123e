//! A run as it happens: its events on the screen, and Ctrl-C.

use std::future::Future;
use std::sync::Arc;

use ss_engine::{Event, Interrupt, Observer, RunReport, ServiceOutcome};
use ss_provider::{Action, FailureKind};

use super::failure;
use super::live::{Layout, Live};
use crate::args;
use crate::compose::has_logs;
use crate::ui::{Style, Ui};

/// Shows a run while it goes on; Ctrl-C once finishes what runs and records it, twice cancels it.
pub async fn watched<T, F: Future<Output = T>>(
    ui: &Ui,
    layout: Layout,
    run: impl FnOnce(Arc<dyn Observer>, Interrupt) -> F,
) -> T {
    let live = Arc::new(Live::new(ui.clone(), layout));
    let interrupt = Interrupt::default();
    let watching = tokio::spawn(watch_ctrl_c(Arc::clone(&live), interrupt.clone()));
    let result = run(Arc::new(Screen { live, verbose: ui.verbose }), interrupt).await;
    watching.abort();
    result
}

async fn watch_ctrl_c(live: Arc<Live>, interrupt: Interrupt) {
    while tokio::signal::ctrl_c().await.is_ok() {
        if interrupt.press() {
            live.note("cancelling what runs; what it did so far is recorded");
        } else {
            live.note("finishing what runs; press Ctrl-C again to cancel it");
        }
    }
}

/// Watches nothing but warnings: the result says the rest.
pub struct Warnings(pub Ui);

impl Observer for Warnings {
    fn event(&self, event: Event<'_>) {
        if let Event::Warning { message, .. } = event {
            self.0.warn(message);
        }
    }
}

/// Shows a run as it happens.
struct Screen {
    live: Arc<Live>,
    verbose: bool,
}

impl Observer for Screen {
    fn event(&self, event: Event<'_>) {
        let live = &self.live;
        match event {
            Event::Started { service, provider } => live.started(service, provider),
            Event::Step { service, message } => live.step(service, message),
            Event::Waiting { service, message } => live.waiting(service, message),
            Event::Log { service, level: "warn" | "error", message } => live.detail(service, message),
            Event::Log { service, level, message } if self.verbose => {
                live.detail(service, &format!("{level}: {message}"));
            }
            Event::Log { .. } | Event::Health { .. } => {}
            Event::Done { service, summary, .. } => live.done(service, summary),
            Event::Failed { service, failure, .. } => {
                live.failed(service, failure::headline(failure), &failure::lines(failure));
            }
            Event::Blocked { service, because } => {
                live.line(&format!("− {service} not started: it needs {}", because.join(", ")));
            }
            Event::Warning { service: Some(service), message } => {
                live.note(&format!("warning: {service}: {message}"));
            }
            Event::Warning { service: None, message } => live.note(&format!("warning: {message}")),
        }
    }
}

/// What a run did, counted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    pub created: usize,
    pub updated: usize,
    pub unchanged: usize,
    pub destroyed: usize,
    pub failed: usize,
    pub not_started: usize,
}

impl Counts {
    /// Of a run whose plan said this of each of its services.
    ///
    /// A service that the plan wanted to leave alone and that was changed all the same, such as by a secret
    /// that turned out to be rotated, counts as updated.
    pub fn of(report: &RunReport, planned: impl Fn(&str) -> Option<Action>) -> Self {
        let mut counts = Self::default();
        for service in &report.services {
            match &service.outcome {
                _ if service.failure.is_some() => counts.failed += 1,
                ServiceOutcome::Done { changed, .. } => match planned(&service.service) {
                    Some(Action::Create | Action::Replace) => counts.created += 1,
                    Some(Action::Update) => counts.updated += 1,
                    _ if *changed => counts.updated += 1,
                    _ => counts.unchanged += 1,
                },
                ServiceOutcome::Destroyed => counts.destroyed += 1,
                ServiceOutcome::Failed | ServiceOutcome::Interrupted => counts.failed += 1,
                ServiceOutcome::Blocked { .. } | ServiceOutcome::NotStarted => counts.not_started += 1,
                ServiceOutcome::Skipped { .. } | ServiceOutcome::Restored | ServiceOutcome::Forgotten => {}
            }
        }
        counts
    }

    /// Adds what went wrong, if anything did, to what went well.
    pub fn with_trouble(self, mut parts: Vec<String>) -> String {
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        if self.not_started > 0 {
            parts.push(format!("{} not started", self.not_started));
        }
        parts.join(", ")
    }
}

/// How long a run took.
pub fn seconds(report: &RunReport) -> f64 {
    (report.ended.as_millisecond() - report.started.as_millisecond()).max(0) as f64 / 1000.0
}

/// Says that the results are not where they belong yet, if they are not.
pub fn uncommitted(ui: &Ui, report: &RunReport) {
    let Some(failure) = &report.uncommitted else { return };
    ui.warn(&format!(
        "the results are in the journal and not yet in vault and overlay: {}",
        failure::headline(failure)
    ));
    failure::lines(failure).iter().for_each(|line| ui.note(&format!("  {line}")));
}

/// Says which command shows what a service said itself that did not become healthy.
pub fn logs(ui: &Ui, report: &RunReport, system: &args::System) {
    for service in &report.services {
        let unwell = service.failure.as_ref().is_some_and(|failure| failure.kind == FailureKind::Unavailable);
        if unwell && service.provider.as_deref().is_some_and(has_logs) {
            let (id, place) = (&service.service, system.as_typed());
            ui.note(&format!("next: `ss logs {id}{place}` shows what `{id}` says"));
        }
    }
}

/// The line that ends a run: `✓ Deploy complete: …`.
pub fn verdict(ui: &Ui, what: &str, fine: bool, counts: &str) {
    let (glyph, how) = if fine {
        (ui.paint(Style::Good, "✓"), "complete")
    } else {
        (ui.paint(Style::Bad, "✗"), "incomplete")
    };
    ui.line(&format!("{glyph} {what} {how}: {counts}"));
}

/// The first eight digits of a run's id: what a person types.
pub fn short(run: impl std::fmt::Display) -> String {
    run.to_string().chars().take(8).collect()
}
