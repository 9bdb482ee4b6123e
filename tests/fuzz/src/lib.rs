//! What must hold for everything that is parsed from outside, whatever the bytes.
//!
//! Each function takes any bytes and panics if a promise is broken: that a parser answers at all, that it
//! points into the text that it was given, that what it read survives being written. An error is a good answer.
//! [`TARGETS`] lists the functions with a valid text of each format; `tests/near.rs` plays them with bytes near those
//! texts on every build, and the programs in `targets/` under libFuzzer, for as long as one likes:
//!
//! ```text
//! cargo +nightly fuzz run --fuzz-dir tests/fuzz --features libfuzzer lock
//! ```
//!
//! What belongs here: one function per format. What does not: which bytes a format refuses, which its own crate tests.

mod configuration;
mod plugins;

pub use configuration::{scenario, yaml};
pub use plugins::{component, envelope, index, lock, manifest, marks, statement};

/// A format that comes from outside.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// Its name, which is that of the program in `targets/` too.
    pub name: &'static str,
    /// Plays any bytes; panics if a promise is broken.
    pub check: fn(&[u8]),
    /// A valid text, to begin from.
    pub seed: &'static [u8],
}

/// Every format.
pub const TARGETS: &[Target] = &[
    Target { name: "component", check: component, seed: plugins::COMPONENT },
    Target { name: "envelope", check: envelope, seed: plugins::ENVELOPE },
    Target { name: "index", check: index, seed: plugins::LINE },
    Target { name: "lock", check: lock, seed: plugins::LOCK },
    Target { name: "manifest", check: manifest, seed: plugins::MANIFEST },
    Target { name: "marks", check: marks, seed: plugins::MARK },
    Target { name: "scenario", check: scenario, seed: configuration::SCENARIO },
    Target { name: "statement", check: statement, seed: plugins::STATEMENT },
    Target { name: "yaml", check: yaml, seed: configuration::SYSTEM },
];
