//! Looking after a workspace.

use clap::{Args, Subcommand};

use super::System;

#[derive(Debug, Args)]
pub struct Doctor {
    #[command(flatten)]
    pub system: System,
    /// Repair what needs no person; with an id, only that finding
    ///
    /// Runs the command that each finding names. None of them reaches a provider or approves anything. With
    /// an id, the exit code is about that finding alone.
    #[arg(long, value_name = "ID", num_args = 0..=1, require_equals = true, default_missing_value = "")]
    pub fix: Option<String>,
}

#[derive(Debug, Args)]
pub struct Workspace {
    #[command(subcommand)]
    pub command: WorkspaceCommand,
}

#[derive(Debug, Subcommand)]
pub enum WorkspaceCommand {
    /// The same as `ss doctor`
    Doctor(Doctor),
}
