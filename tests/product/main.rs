//! Whole-product tests: the real `ss` binary, in an environment of its own, against stand-in clouds.
//!
//! One module per subject. All of them are in one binary, so that it links once.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests fail and speak so")]

mod agents;
mod agents_http;
mod agents_inspector;
mod agents_python;
mod agents_questions;
mod authoring;
mod aws;
mod backends;
mod caddy;
mod canary;
mod configuration;
mod conformance;
mod crash;
mod daily;
mod doctor;
mod documents;
mod edge;
mod environment;
mod home;
mod interrupted;
mod local;
mod moto;
mod nine;
mod operate;
mod pins;
mod prism;
mod processes;
mod reference;
mod registry;
mod rehearsal;
mod schemas;
mod supply_chain;
mod telemetry;
mod terraform;
mod terraform_backend;
mod threats;
mod trouble;
mod upgrade;
mod vault;
mod walkthrough;

pub use environment::{Output, TestEnvironment};
