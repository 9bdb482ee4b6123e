//! Whole-product tests: the real `ss` binary, in an environment of its own, against stand-in clouds.
//!
//! One module per subject. All of them are in one binary, so that it links once.

mod environment;
mod canary;
mod vault;

pub use environment::{Output, TestEnvironment};
