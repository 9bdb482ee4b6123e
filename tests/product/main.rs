//! Whole-product tests: the real `ss` binary, in an environment of its own, against stand-in clouds.
//!
//! One module per subject. All of them are in one binary, so that it links once.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests fail and speak so")]

mod canary;
mod crash;
mod environment;
mod rehearsal;
mod vault;
mod walkthrough;

pub use environment::{Output, TestEnvironment};
