//! The thread that makes epochs pass while guests run.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use wasmtime::Engine;

/// Time between two epochs: a tenth of what a runaway guest may overstay its deadline.
pub(crate) const TICK: Duration = Duration::from_millis(10);

/// Ticks without a guest after which the thread waits to be woken: guests come one after the other.
const LINGER: u32 = 50;

/// A clock that is cheap to read and as exact as a tick, while a guest runs.
#[derive(Debug)]
pub(crate) struct Ticks {
    origin: Instant,
    passed: AtomicU64,
}

impl Default for Ticks {
    fn default() -> Self {
        Self { origin: Instant::now(), passed: AtomicU64::new(0) }
    }
}

impl Ticks {
    /// Ticks since some moment.
    pub(crate) fn now(&self) -> u64 {
        self.passed.load(Ordering::Relaxed)
    }

    /// Takes the time anew. A late thread makes one late tick, not a slow clock.
    fn update(&self) {
        let passed = self.origin.elapsed().as_millis() / TICK.as_millis();
        self.passed.fetch_max(u64::try_from(passed).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    #[cfg(test)]
    pub(crate) fn advance_by(&self, ticks: u64) {
        self.passed.fetch_add(ticks, Ordering::Relaxed);
    }
}

/// Advances the engine's epoch while guests run; parked soon after the last one, and not even started
/// before the first.
pub(crate) struct Ticker {
    shared: Arc<Shared>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    engine: Engine,
    ticks: Arc<Ticks>,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    running: usize,
    /// Whether the thread waits to be woken.
    parked: bool,
    stopped: bool,
}

/// Keeps epochs passing until it is dropped.
pub(crate) struct Running(Arc<Shared>);

impl Ticker {
    pub(crate) fn new(engine: Engine) -> Self {
        let shared =
            Shared { engine, ticks: Arc::default(), state: Mutex::default(), changed: Condvar::new() };
        Self { shared: Arc::new(shared), thread: Mutex::new(None) }
    }

    pub(crate) fn ticks(&self) -> Arc<Ticks> {
        self.shared.ticks.clone()
    }

    /// Says that a guest runs.
    pub(crate) fn run(&self) -> std::io::Result<Running> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.is_none() {
            let shared = self.shared.clone();
            *thread =
                Some(std::thread::Builder::new().name("ss-epochs".into()).spawn(move || shared.tick())?);
        }
        drop(thread);
        self.shared.ticks.update();
        let mut state = self.shared.lock();
        state.running += 1;
        // Waking the thread costs more than starting the guest, so it is done only if need be.
        if state.parked {
            self.shared.changed.notify_one();
        }
        drop(state);
        Ok(Running(self.shared.clone()))
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().stopped = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.get_mut().unwrap_or_else(PoisonError::into_inner).take() {
            // A panic of that thread has no one left to matter to.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.lock().running -= 1;
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tick(&self) {
        let mut state = self.lock();
        let mut idle = 0;
        while !state.stopped {
            if idle == LINGER {
                state.parked = true;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                state.parked = false;
                idle = 0;
                continue;
            }
            let (woken, _) = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            idle = if state.running == 0 { idle + 1 } else { 0 };
            self.ticks.update();
            self.engine.increment_epoch();
        }
    }
}
