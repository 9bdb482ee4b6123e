//! The engine against providers and a cloud made of plain Rust.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod apply;
mod checkup;
mod cloud;
mod operate;
mod plan;
mod recovery;
mod routing;
mod scale;
mod secrets;
mod world;
