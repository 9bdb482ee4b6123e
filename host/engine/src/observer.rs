//! What a run tells whoever watches it, as it happens.

use std::sync::Arc;
use std::time::Duration;

use ss_provider::{Failure, Health, Progress};
use ss_secret::Scrubber;

/// Something that happened. All texts are scrubbed.
#[derive(Debug, Clone, Copy)]
pub enum Event<'a> {
    /// A service is being worked on.
    Started {
        /// The service.
        service: &'a str,
        /// The provider's name.
        provider: &'a str,
    },
    /// The provider completed a step.
    Step {
        /// The service.
        service: &'a str,
        /// What was done, in one line.
        message: &'a str,
    },
    /// The provider waits for something; replaces the last such line.
    Waiting {
        /// The service.
        service: &'a str,
        /// What for, in one line.
        message: &'a str,
    },
    /// A line for the log.
    Log {
        /// The service.
        service: &'a str,
        /// `trace`, `debug`, `info`, `warn` or `error`.
        level: &'a str,
        /// The line.
        message: &'a str,
    },
    /// A service is as described.
    Done {
        /// The service.
        service: &'a str,
        /// One line of the provider.
        summary: &'a str,
        /// How long it took.
        took: Duration,
    },
    /// A service failed.
    Failed {
        /// The service.
        service: &'a str,
        /// Why.
        failure: &'a Failure,
        /// How long it took.
        took: Duration,
    },
    /// A service was not tried because others, which it needs, failed.
    Blocked {
        /// The service.
        service: &'a str,
        /// The services that failed, in file order.
        because: &'a [String],
    },
    /// The health of a service.
    Health {
        /// The service.
        service: &'a str,
        /// The provider's name.
        provider: &'a str,
        /// The verdict.
        health: &'a Health,
    },
    /// Something that a person should know and that stops nothing.
    Warning {
        /// The service, if it is about one.
        service: Option<&'a str>,
        /// The warning, in one sentence.
        message: &'a str,
    },
}

/// Watches a run. Called from many threads at once; must return quickly.
pub trait Observer: Send + Sync {
    /// Takes note of an event.
    fn event(&self, event: Event<'_>);
}

/// The screen as the operation of one service sees it.
pub(crate) struct ServiceProgress {
    pub service: String,
    pub observer: Arc<dyn Observer>,
    pub scrubber: Arc<Scrubber>,
}

impl Progress for ServiceProgress {
    fn step(&self, message: &str) {
        self.observer.event(Event::Step { service: &self.service, message: &self.scrubber.scrub(message) });
    }

    fn waiting(&self, message: &str) {
        self.observer
            .event(Event::Waiting { service: &self.service, message: &self.scrubber.scrub(message) });
    }

    fn log(&self, level: &str, message: &str) {
        let message = &*self.scrubber.scrub(message);
        self.observer.event(Event::Log { service: &self.service, level, message });
    }
}

/// Watches nothing: planning has no audience.
#[derive(Debug)]
pub(crate) struct Unobserved;

impl Progress for Unobserved {
    fn step(&self, _message: &str) {}

    fn waiting(&self, _message: &str) {}

    fn log(&self, level: &str, message: &str) {
        tracing::debug!(level, message, "plugin");
    }
}
