//! The engine: routes services to providers, plans, applies in dependency order, journals, and recovers.
//!
//! A system goes through it like this: [`route`](SkipReason) says who takes each service, *resolve* turns
//! what its file declares into what its provider is given, *plan* asks the providers what they would do,
//! *apply* has them do it in the graph's order with the journal written first, and *recovery* settles what
//! an earlier run left unfinished. Providers are reached through [`ss_provider::Provider`] alone.
//!
//! Here does not belong: WebAssembly, the terminal, YAML, encryption, or any provider by name.

mod apply;
mod checkup;
mod core;
mod destroy;
mod drift;
mod engine;
mod error;
mod graph;
mod journal;
mod observer;
mod overview;
mod plan;
mod receipt;
mod recovery;
mod resolve;
mod rollback;
mod route;
mod run;
mod status;
mod store;
mod unfinished;
mod validate;
mod vault_store;

pub use checkup::{Checkup, Local, Missing, Needed};
pub use core::{Limits, Scope, Selection};
pub use destroy::{DestroyPlan, Doomed};
pub use drift::{Finding, ServiceDrift, SystemDrift};
pub use engine::{Engine, EngineConfig};
pub use error::EngineError;
pub use journal::{JournalError, RunStatus};
pub use observer::{Event, Observer};
pub use overview::{InjectionOverview, ServiceOverview, Standing, SystemOverview};
pub use plan::{Decision, PlanCounts, PlanEntry, SAVED_PLAN, SavedPlan, SystemPlan};
pub use receipt::{
    CallPhase, CallReceipt, EffectReceipt, History, Receipt, ReceiptError, ServiceReceipt, Unsettled,
    Verified,
};
pub use resolve::Declared;
pub use rollback::{Pending, Recorded, RolledBack, Rotated};
pub use route::SkipReason;
pub use run::{Interrupt, RunReport, ServiceOutcome, ServiceReport};
pub use status::{ServiceHealth, SystemHealth};
pub use store::{Found, Lookup, StateChanges, Store, StoreError};
pub use unfinished::{Unfinished, Verdict};
pub use vault_store::{Environment, VaultStore, catalog};
