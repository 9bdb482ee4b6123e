//! Runs provider plugins as sandboxed WebAssembly components.
//!
//! The only crate that names wasmtime. A [`Runtime`] turns a [`ComponentSource`] and the [`Grant`] of its
//! authority into a [`Provider`](ss_provider::Provider), which is all that the engine sees of a plugin.
//!
//! What holds for every operation: a fresh store; no folders, variables, arguments or sockets; requests,
//! secrets, processes and files only through the capability crates' gates; every limit of [`Limits`] on;
//! an end within 100 ms of the deadline, in compute and in host calls; every answer checked.
//!
//! Here belongs what has to do with components: compiling, caching, linking, limiting, and the translation
//! between the contract's types and the host's (one `since_*` module for each released version). Here does
//! not belong what a grant allows (the `capability-*` crates) and who vouches for a component
//! (`ss-registry`).

mod cache;
mod clock;
mod compile;
mod contract;
mod engine;
mod error;
mod gates;
mod inspect;
mod limits;
mod log;
mod meter;
mod outbound;
mod plugin;
mod run;
mod runtime;
mod session;
mod since_v0_1_0;
mod source;
mod text;
mod ticker;
mod vet;

pub use cache::CacheError;
pub use error::{RuntimeError, Unfit};
pub use gates::{Grant, HostServices, log_file};
pub use limits::{Limits, Overrun};
pub use plugin::Plugin;
pub use runtime::{Notice, Notices, Pace, Runtime, RuntimeConfig};
pub use source::ComponentSource;
