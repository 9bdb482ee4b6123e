//! Real components in the real sandbox: a friendly one, and a hostile one that tries every way out.
//!
//! The guests are in `tests/guests` and are built here once. One test binary for all: linking wasmtime
//! takes longer than running these.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "in a test, a surprise is a failure")]

mod answers;
mod cache;
mod capabilities;
mod floods;
mod friendly;
mod http;
mod official;
mod sandbox;
mod support;
