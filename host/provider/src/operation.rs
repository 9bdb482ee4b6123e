//! Operations, and the trait that performs them.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use async_trait::async_trait;

use crate::{
    Change, Description, Effects, Failure, Health, Identity, Outcome, Plan, Progress, Service, State,
};

/// What an operation may know beside the service itself.
#[derive(Debug, Clone)]
pub struct Context {
    /// `name` of `starsystem.yaml`.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// Sealed token of the provider's primary key.
    pub api_key: Option<String>,
    /// The state of the last successful `provision`.
    pub existing: Option<State>,
    /// What an interrupted `provision` saved last.
    pub partial: Option<String>,
    /// Absolute directory of `starsystem.yaml`.
    pub config_dir: Option<PathBuf>,
    /// 32 hex digits: the same for every attempt at the same change.
    pub idempotency_key: String,
    /// 32 hex digits that change when any input changes, secrets included; none while one is not known.
    pub inputs_digest: Option<String>,
}

/// Whether an operation may change anything outside the sandbox.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// `plan`, `status`, `observe`, `find`: the gates let nothing through that could change anything.
    ReadOnly,
    /// `provision` and `destroy`.
    Mutating,
}

/// One call of a provider, with everything that it may use.
#[derive(Clone)]
pub struct Operation {
    /// What the plugin is told.
    pub context: Context,
    /// The service. The plugin sees it only where the contract says so; the gates always do.
    pub service: Arc<Service>,
    /// The secrets behind the sealed tokens in `context` and `service`; the gates add theirs.
    pub seals: Arc<ss_secret::Seals>,
    /// The journal.
    pub effects: Arc<dyn Effects>,
    /// The screen.
    pub progress: Arc<dyn Progress>,
    /// A person's wish to stop.
    pub cancel: Cancel,
}

/// A flag that many may wait for; once set it stays set.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<CancelState>);

#[derive(Debug, Default)]
struct CancelState {
    set: AtomicBool,
    wakers: Mutex<Vec<Waker>>,
}

impl Cancel {
    /// Sets the flag and wakes everyone who waits for it.
    pub fn cancel(&self) {
        self.0.set.store(true, Ordering::SeqCst);
        let wakers = std::mem::take(&mut *self.0.wakers.lock().unwrap_or_else(PoisonError::into_inner));
        for waker in wakers {
            waker.wake();
        }
    }

    /// Whether the flag is set.
    pub fn is_cancelled(&self) -> bool {
        self.0.set.load(Ordering::SeqCst)
    }

    /// Completes when the flag is set.
    pub fn cancelled(&self) -> Cancelled {
        Cancelled(self.clone())
    }
}

/// Future of [`Cancel::cancelled`].
#[derive(Debug)]
pub struct Cancelled(Cancel);

impl Future for Cancelled {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        let state = &self.0.0;
        if state.set.load(Ordering::SeqCst) {
            return Poll::Ready(());
        }
        let mut wakers = state.wakers.lock().unwrap_or_else(PoisonError::into_inner);
        if !wakers.iter().any(|known| known.will_wake(cx.waker())) {
            wakers.push(cx.waker().clone());
        }
        drop(wakers);
        // Set between the first look and the registration: nobody would wake us.
        if state.set.load(Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending }
    }
}

/// A provider of resources.
///
/// Every call stands alone: an implementation keeps nothing between two of them. Outside
/// [`provision`](Provider::provision) and [`destroy`](Provider::destroy) nothing outside may change.
#[async_trait]
pub trait Provider: Send + Sync {
    /// Which plugin this is.
    fn identity(&self) -> &Identity;

    /// What it says about itself.
    fn description(&self) -> &Description;

    /// Whether it takes a service whose shape it claimed.
    async fn can_provision(&self, service: &Service) -> Result<bool, Failure>;

    /// What [`provision`](Provider::provision) would do now.
    async fn plan(&self, operation: &Operation) -> Result<Plan, Failure>;

    /// Creates or converges.
    async fn provision(&self, operation: &Operation) -> Result<Outcome, Failure>;

    /// Whether the resource works now.
    async fn status(&self, operation: &Operation, state: &State) -> Result<Health, Failure>;

    /// What differs from what was provisioned.
    async fn observe(&self, operation: &Operation, state: &State) -> Result<Vec<Change>, Failure>;

    /// A resource that an interrupted `provision` may have left.
    async fn find(&self, operation: &Operation) -> Result<Option<State>, Failure>;

    /// Tears the resource down.
    async fn destroy(&self, operation: &Operation, state: &State) -> Result<(), Failure>;
}

/// The providers that a run may use.
pub trait Providers: Send + Sync {
    /// The provider of this name, or none if there is no such plugin.
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>>;

    /// All provider names, sorted.
    fn names(&self) -> Vec<String>;

    /// Whether this provider acts on the machine that `ss` runs on, rather than at a service elsewhere.
    fn acts_here(&self, _name: &str) -> bool {
        false
    }
}
