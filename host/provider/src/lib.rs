//! The contract in Rust terms: the one trait through which the engine talks to providers.
//!
//! The types mirror `wit/0.1.0/types.wit`, with JSON text parsed and numbers given their units. The
//! engine sees nothing else of a plugin; the runtime implements [`Provider`] over a component, tests
//! implement it over a struct.
//!
//! Here belongs what both sides of that boundary must agree on. Here does not belong: anything about
//! WebAssembly, YAML, files or terminals.

mod effects;
mod failure;
mod model;
mod operation;
#[cfg(feature = "testing")]
pub mod testing;

pub use effects::{Effect, EffectId, EffectOutcome, Effects, Progress, RequestRecord, journalled};
pub use failure::{Denial, Failure, FailureKind};
pub use model::{
    Action, Change, Credential, Description, Health, Identity, Metadata, Outcome, Plan, Service, Shape,
    State, Variable, VaultKey,
};
pub use operation::{Cancel, Cancelled, Context, Operation, Phase, Provider, Providers};
