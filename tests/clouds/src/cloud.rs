//! Starting, watching and stopping a stand-in.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::call::{Answer, Call, Reply};
use crate::clock::Clock;
use crate::dice::Dice;
use crate::fly::{AppView, Fly, MachineView};
use crate::front;
use crate::neon::{Neon, ProjectView};
use crate::{Client, Fault, Habits, Provider, Recorded, Surface, Trouble};

/// A stand-in that does not run yet.
#[derive(Debug, Clone)]
pub struct Cloud {
    provider: Provider,
    habits: Habits,
    port: u16,
}

impl Cloud {
    /// Of a provider by its name.
    pub fn of(provider: Provider, habits: Habits) -> Self {
        Self { provider, habits, port: 0 }
    }

    /// Neon.
    pub fn neon(habits: Habits) -> Self {
        Self::of(Provider::Neon, habits)
    }

    /// Fly: the Machines API and every `<app>.fly.dev`.
    pub fn fly(habits: Habits) -> Self {
        Self::of(Provider::Fly, habits)
    }

    /// On this port instead of a free one.
    #[must_use]
    pub fn port(mut self, port: u16) -> Self {
        self.port = port;
        self
    }

    /// Starts it on the loopback interface, on a thread of its own, so that it serves synchronous and
    /// asynchronous tests alike.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn start(self) -> io::Result<Running> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, self.port))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(State::new(self.provider, self.habits)));
        let (stop, stopped) = oneshot::channel();
        let serving = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(format!("{} stand-in", self.provider))
            .spawn(move || front::serve(listener, serving, stopped))?;
        Ok(Running { provider: self.provider, address, shared, stop: Some(stop), thread: Some(thread) })
    }
}

/// A stand-in at work. It stops when this is dropped.
#[derive(Debug)]
pub struct Running {
    provider: Provider,
    address: SocketAddr,
    shared: Arc<Mutex<State>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Which provider it plays.
    pub fn provider(&self) -> Provider {
        self.provider
    }

    /// `http://127.0.0.1:<port>`: the value for `STARSYSTEM_ENDPOINT_<NAME>`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A client that speaks to it as another person would: the dashboard, or an intruder.
    pub fn client(&self) -> Client {
        Client::new(self.address)
    }

    /// Every request so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        lock(&self.shared).requests.clone()
    }

    /// Gives the requests so far and forgets them; what exists stays.
    pub fn take_requests(&self) -> Vec<Recorded> {
        let mut state = lock(&self.shared);
        let everything = state.requests.len();
        state.take(everything)
    }

    /// The same up to the first request that is not finished.
    pub fn take_finished(&self) -> Vec<Recorded> {
        let mut state = lock(&self.shared);
        let finished = state.requests.iter().take_while(|recorded| recorded.finished).count();
        state.take(finished)
    }

    /// Adds trouble.
    pub fn inject(&self, fault: Fault) {
        lock(&self.shared).habits.faults.push(fault);
    }

    /// Ends all trouble that was injected or came with the habits.
    pub fn calm(&self) {
        let mut state = lock(&self.shared);
        state.habits.faults.clear();
        state.habits.storm = 0;
        state.habits.rate_limit = None;
    }

    /// Neon's projects that exist.
    pub fn projects(&self) -> Vec<ProjectView> {
        match &lock(&self.shared).world {
            World::Neon(neon) => neon.views(),
            World::Fly(_) => Vec::new(),
        }
    }

    /// Fly's apps that exist.
    pub fn apps(&self) -> Vec<AppView> {
        let state = lock(&self.shared);
        match &state.world {
            World::Fly(fly) => fly.apps(&state.clock),
            World::Neon(_) => Vec::new(),
        }
    }

    /// Fly's machines that exist.
    pub fn machines(&self) -> Vec<MachineView> {
        let state = lock(&self.shared);
        match &state.world {
            World::Fly(fly) => fly.machines(&state.clock),
            World::Neon(_) => Vec::new(),
        }
    }

    /// Every password it ever made, to search logs and files for.
    pub fn secrets(&self) -> Vec<String> {
        match &lock(&self.shared).world {
            World::Neon(neon) => neon.passwords().to_vec(),
            World::Fly(_) => Vec::new(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended by itself; then nobody listens.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Everything a stand-in knows.
#[derive(Debug)]
pub(crate) struct State {
    world: World,
    clock: Clock,
    habits: Habits,
    storm: Dice,
    answered: u64,
    requests: Vec<Recorded>,
    forgotten: usize,
}

/// The lock, whoever panicked while holding it.
pub(crate) fn lock(shared: &Mutex<State>) -> MutexGuard<'_, State> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    fn new(provider: Provider, habits: Habits) -> Self {
        let world = match provider {
            Provider::Neon => World::Neon(Neon::new(&habits)),
            Provider::Fly => World::Fly(Fly::new(&habits)),
        };
        let clock = Clock::new(habits.pace, habits.unseen_for);
        let storm = Dice::new(habits.seed ^ 0x0057_04a4);
        Self { world, clock, habits, storm, answered: 0, requests: Vec::new(), forgotten: 0 }
    }

    /// Gives the first requests and forgets them.
    fn take(&mut self, requests: usize) -> Vec<Recorded> {
        self.forgotten += requests;
        self.requests.drain(..requests).collect()
    }

    /// How long every request waits first.
    pub(crate) fn latency(&self) -> std::time::Duration {
        self.habits.latency
    }

    /// Takes a request in: time passes, it is recorded, and it may meet trouble. Gives its number.
    pub(crate) fn admit(&mut self, call: &Call) -> (usize, Option<Trouble>) {
        self.clock.advance();
        let surface = self.world.surface(call);
        let trouble = self.trouble(call, surface);
        self.requests.push(Recorded {
            surface,
            method: call.method.to_string(),
            path: call.path.clone(),
            query: call.query.clone(),
            host: call.host.clone(),
            authorized: call.carries(self.habits.key.as_deref()),
            headers: call.headers.iter().filter(|(name, _)| name != "authorization").cloned().collect(),
            body: call.body.clone(),
            status: None,
            answer: None,
            trouble: trouble.clone(),
            finished: false,
        });
        (self.forgotten + self.requests.len() - 1, trouble)
    }

    fn trouble(&mut self, call: &Call, surface: Surface) -> Option<Trouble> {
        let method = call.method.as_str();
        if let Some(trouble) =
            self.habits.faults.iter_mut().find_map(|fault| fault.strike(method, &call.path))
        {
            return Some(trouble);
        }
        if surface == Surface::App {
            return None;
        }
        let number = self.answered;
        self.answered += 1;
        match self.habits.rate_limit {
            Some(limit) if limit.refuses(number) => {
                Some(Trouble::Refused { status: 429, retry_after: Some(limit.retry_after.to_string()) })
            }
            _ => self.lightning(),
        }
    }

    fn lightning(&mut self) -> Option<Trouble> {
        if self.habits.storm == 0 || self.storm.below(100) >= u64::from(self.habits.storm) {
            return None;
        }
        Some(match self.storm.below(7) {
            0 => Trouble::refused(503),
            1 => Trouble::Refused { status: 429, retry_after: Some("0".to_owned()) },
            2 => Trouble::Closed,
            3 => Trouble::Lost { status: Some(502) },
            4 => Trouble::Lost { status: None },
            5 => Trouble::Truncated,
            _ => Trouble::Html { status: 502 },
        })
    }

    /// The provider's reply. A call that has to wait lets time pass.
    pub(crate) fn reply(&mut self, call: &Call) -> Reply {
        let surface = self.world.surface(call);
        if surface == Surface::Api && !call.carries(self.habits.key.as_deref()) {
            return Reply::Now(self.world.error(401, "This key is not valid."));
        }
        let reply = self.world.answer(call, &self.clock);
        if matches!(reply, Reply::Later) {
            self.clock.advance();
        }
        reply
    }

    /// A refusal in the provider's own shape.
    pub(crate) fn error(&self, status: u16, message: &str) -> Answer {
        self.world.error(status, message)
    }

    /// Notes what the provider answered and which status went out.
    pub(crate) fn conclude(&mut self, number: usize, answer: Option<&Answer>, status: Option<u16>) {
        // The record may have been forgotten meanwhile.
        let index = number.checked_sub(self.forgotten);
        if let Some(recorded) = index.and_then(|index| self.requests.get_mut(index)) {
            recorded.answer = answer.and_then(|answer| answer.body.clone());
            recorded.status = status;
            recorded.finished = true;
        }
    }
}

/// What a stand-in plays.
#[derive(Debug)]
enum World {
    Neon(Neon),
    Fly(Fly),
}

impl World {
    fn answer(&mut self, call: &Call, clock: &Clock) -> Reply {
        match self {
            Self::Neon(neon) => neon.answer(call, clock).into(),
            Self::Fly(fly) => fly.answer(call, clock),
        }
    }

    fn error(&self, status: u16, message: &str) -> Answer {
        match self {
            Self::Neon(_) => crate::neon::error(status, message),
            Self::Fly(_) => crate::fly::error(status, message),
        }
    }

    fn surface(&self, call: &Call) -> Surface {
        match self {
            Self::Neon(_) => Surface::Api,
            Self::Fly(_) => crate::fly::surface(call),
        }
    }
}
