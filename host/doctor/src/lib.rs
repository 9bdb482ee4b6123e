//! Finds what is wrong with a workspace, and what to do about it.
//!
//! Each module is one check: a function from what the libraries know to [`Finding`]s. A check reads files,
//! the vault's record and this machine; it asks no provider, runs no plugin, opens no connection and changes
//! nothing. What repairs a finding without a person is a [`Fix`].
//!
//! Here belongs what a person can be told before a run fails. Not: the checks themselves where a library makes
//! them already (findings about the files are `config`'s, those about services the engine's), composing the
//! libraries, or printing.
//!
//! Threat: files and locks may come from a stranger. So no finding holds a value that it found suspicious, and
//! no fix approves anything, sends a request to a provider, or contains text of the files that a shell reads.

mod clock;
mod files;
mod finding;
mod fix;
mod home;
mod ignore;
mod literals;
mod services;
mod tools;
mod vault;

pub use clock::clock;
pub use files::diagnosed;
pub use finding::{Finding, Location, Report, Severity};
pub use fix::{Fix, add_line};
pub use home::home;
pub use ignore::unprotected;
pub use literals::literal_secrets;
pub use services::{Stored, StoredKey, services};
pub use tools::tools;
pub use vault::vault;

use std::path::PathBuf;

use ss_config::System;

/// The workspace as a person names it, for commands that go on with it.
#[derive(Debug, Clone)]
pub struct Place {
    /// The system's file, as it was named; none if it is the usual one.
    pub file: Option<PathBuf>,
    /// The environment, as it was named; none if none was.
    pub env: Option<String>,
}

impl Place {
    /// A command whose argument is the system's file.
    pub fn command(&self, words: &[&str]) -> Vec<String> {
        let mut command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        command.extend(self.file.as_ref().map(|file| file.display().to_string()));
        command.extend(self.env.as_ref().map(|env| format!("--env={env}")));
        command
    }

    /// A command that has the system's file as an option.
    pub fn command_about(&self, words: &[&str]) -> Vec<String> {
        let mut command: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        command.extend(self.file.as_ref().map(|file| format!("--file={}", file.display())));
        command.extend(self.env.as_ref().map(|env| format!("--env={env}")));
        command
    }

    /// The command that provisions or goes on with a system: `ss deploy` in an environment that is not the
    /// local one.
    pub(crate) fn run_again(&self, system: &System) -> String {
        let verb = if system.environment == "local" { "provision" } else { "deploy" };
        Fix::Ss(self.command(&[verb])).command()
    }
}
