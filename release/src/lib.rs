//! The release tool: builds the built-in plugins reproducibly, signs and publishes them.
//!
//! A plugin's component must come out byte for byte the same on every machine, so that anyone can check
//! that what is published was built from these sources. [`sources`] says what those are, [`stage`] lays
//! them out where nothing else can leak in, [`compile`] builds them there, [`publish`] signs the result
//! into `registry-index/`, [`check`] repeats it all and compares.
//!
//! Here does not belong anything that a user of `ss` runs.

pub mod check;
pub mod compile;
pub mod error;
pub mod publish;
pub mod repository;
pub mod sources;
pub mod stage;

pub use error::Error;

/// The target that plugins are built for.
pub const TARGET: &str = "wasm32-wasip2";
