//! Registries elsewhere: what a client accepts of them, and every way in which one may try to cheat. Each
//! attack stands for a row of the table in `docs/registry.md`; without its defence its test fails.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "helpers of tests")]

#[path = "../fixture/mod.rs"]
mod fixture;

mod attacks;
mod changes;
mod house;
mod limits;
mod list;
mod oci;
mod server;
