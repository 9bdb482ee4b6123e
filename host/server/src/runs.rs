//! Runs under way: what is being worked on, who may stop it, and that the server does not end before them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rmcp::RoleServer;
use rmcp::model::{ProgressNotificationParam, ProgressToken};
use rmcp::service::Peer;
use ss_engine::{Event, Interrupt, Observer};
use tokio::sync::{Notify, mpsc};

/// How long after a cancellation what runs is given to finish before it is cancelled too.
const GRACE: Duration = Duration::from_secs(2);
/// Progress that waits to be sent; what comes beyond it is left out.
const WAITING: usize = 256;

/// The runs of this process.
#[derive(Default)]
pub(crate) struct Runs {
    state: Mutex<State>,
    ended: Notify,
}

#[derive(Default)]
struct State {
    next: u64,
    interrupts: BTreeMap<u64, Interrupt>,
    /// Environment and service of what is being worked on.
    working: BTreeSet<(String, String)>,
}

/// A run that has been told of; it is over when this is dropped.
pub(crate) struct Running {
    runs: Arc<Runs>,
    number: u64,
    /// Stops it.
    pub interrupt: Interrupt,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.runs.state().interrupts.remove(&self.number);
        self.runs.ended.notify_waiters();
    }
}

impl Runs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells of a run.
    pub fn begin(self: &Arc<Self>) -> Running {
        let interrupt = Interrupt::default();
        let mut state = self.state();
        state.next += 1;
        let number = state.next;
        state.interrupts.insert(number, interrupt.clone());
        drop(state);
        Running { runs: Arc::clone(self), number, interrupt }
    }

    /// Whether a run works on this service now.
    pub fn works_on(&self, environment: &str, service: &str) -> bool {
        self.state().working.contains(&(environment.to_owned(), service.to_owned()))
    }

    /// Stops every run and waits until each has recorded what it did.
    pub async fn wind_up(&self) {
        let interrupts: Vec<Interrupt> = self.state().interrupts.values().cloned().collect();
        for interrupt in &interrupts {
            interrupt.press();
        }
        if tokio::time::timeout(GRACE, self.all_ended()).await.is_err() {
            for interrupt in &interrupts {
                interrupt.press();
            }
            self.all_ended().await;
        }
    }

    async fn all_ended(&self) {
        loop {
            let ended = self.ended.notified();
            if self.state().interrupts.is_empty() {
                return;
            }
            ended.await;
        }
    }
}

/// Stops a run that its client has cancelled: first nothing more is started, then what runs is cancelled.
pub(crate) async fn stop(interrupt: Interrupt) {
    interrupt.press();
    tokio::time::sleep(GRACE).await;
    interrupt.press();
}

/// Watches a run: which services are being worked on, and how far it has come.
///
/// Its messages name services and say nothing that a provider said: progress has no place for a mark.
pub(crate) struct Watcher {
    runs: Arc<Runs>,
    environment: String,
    total: usize,
    progress: Option<mpsc::Sender<(bool, String)>>,
}

impl Watcher {
    /// Watches a run over so many services; tells the client if it wants to know.
    pub fn new(
        runs: Arc<Runs>,
        environment: &str,
        total: usize,
        client: Option<(Peer<RoleServer>, ProgressToken)>,
    ) -> Self {
        let progress = client.map(|(peer, token)| tell(peer, token, total));
        Self { runs, environment: environment.to_owned(), total, progress }
    }

    fn work(&self, service: &str, begins: bool, message: &str) {
        let key = (self.environment.clone(), service.to_owned());
        let mut state = self.runs.state();
        if begins {
            state.working.insert(key)
        } else {
            state.working.remove(&key)
        };
        drop(state);
        if let Some(progress) = &self.progress
            && self.total > 0
        {
            let _ = progress.try_send((!begins, format!("{service}: {message}")));
        }
    }
}

impl Observer for Watcher {
    fn event(&self, event: Event<'_>) {
        match event {
            Event::Started { service, .. } => self.work(service, true, "begun"),
            Event::Done { service, .. } => self.work(service, false, "done"),
            Event::Failed { service, .. } => self.work(service, false, "failed"),
            Event::Blocked { service, .. } => self.work(service, false, "not started"),
            _ => {}
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.runs.state().working.retain(|(environment, _)| *environment != self.environment);
    }
}

/// Sends progress to a client, in order, for as long as somebody reports it. It rises with every message, as
/// the protocol wants it: by one for a service that is done, by less for one that begins.
fn tell(peer: Peer<RoleServer>, token: ProgressToken, total: usize) -> mpsc::Sender<(bool, String)> {
    let (sender, mut receiver) = mpsc::channel::<(bool, String)>(WAITING);
    tokio::spawn(async move {
        let (mut done, mut begun) = (0.0, 0.0);
        let step = 0.5 / total.max(1) as f64;
        while let Some((is_done, message)) = receiver.recv().await {
            if is_done {
                done += 1.0;
                begun = 0.0;
            } else {
                begun = f64::min(begun + step, 0.9);
            }
            let progress = ProgressNotificationParam::new(token.clone(), done + begun)
                .with_total(total as f64)
                .with_message(message);
            if peer.notify_progress(progress).await.is_err() {
                return;
            }
        }
    });
    sender
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_server_waits_for_its_runs() {
        let runs = Arc::new(Runs::default());
        runs.wind_up().await;
        let running = runs.begin();
        let interrupt = running.interrupt.clone();
        let winding = tokio::spawn({
            let runs = Arc::clone(&runs);
            async move { runs.wind_up().await }
        });
        while !interrupt.stop().is_cancelled() {
            tokio::task::yield_now().await;
        }
        assert!(!winding.is_finished());
        drop(running);
        winding.await.unwrap();
    }

    #[test]
    fn what_is_worked_on_is_known_until_it_is_done() {
        let runs = Arc::new(Runs::default());
        let watcher = Watcher::new(Arc::clone(&runs), "local", 1, None);
        watcher.event(Event::Started { service: "db", provider: "p" });
        assert!(runs.works_on("local", "db") && !runs.works_on("prod", "db"));
        watcher.event(Event::Done { service: "db", summary: "", took: Duration::ZERO });
        assert!(!runs.works_on("local", "db"));
    }
}
