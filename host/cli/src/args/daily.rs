//! Looking at what runs, day by day: services, diagram, logs, shells.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum, ValueHint};

use super::System;

#[derive(Debug, Args)]
pub struct Services {
    #[command(subcommand)]
    pub command: ServicesCommand,
}

#[derive(Debug, Subcommand)]
pub enum ServicesCommand {
    /// List the services with their providers and how far each has come, asking nobody
    List {
        #[command(flatten)]
        system: System,
    },
}

#[derive(Debug, Args)]
pub struct Graph {
    #[command(subcommand)]
    pub command: GraphCommand,
}

#[derive(Debug, Subcommand)]
pub enum GraphCommand {
    /// Print the system as a diagram: services, what needs what, and how far each has come
    Render(RenderGraph),
}

#[derive(Debug, Args)]
pub struct RenderGraph {
    #[command(flatten)]
    pub system: System,
    /// Only the services, not grouped by their providers
    #[arg(long)]
    pub services: bool,
    /// The notation
    #[arg(long, value_enum, default_value_t = DiagramFormat::Mermaid)]
    pub format: DiagramFormat,
    /// Write to a file rather than to stdout
    #[arg(long, short, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub out: Option<PathBuf>,
}

/// The notation of a diagram.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DiagramFormat {
    /// Mermaid, for Markdown
    Mermaid,
    /// DOT, for Graphviz
    Dot,
    /// A picture
    Svg,
}

#[derive(Debug, Args)]
pub struct Logs {
    /// The service
    pub service: String,
    #[command(flatten)]
    pub system: System,
    /// Go on showing what is written, until Ctrl-C
    #[arg(long, short)]
    pub follow: bool,
    /// How many of the last lines to begin with
    #[arg(long, short = 'n', value_name = "N", default_value_t = 100)]
    pub lines: u32,
    /// Only what was written since then, such as `10m`, `2h` or `2026-11-21 09:30`; where the source knows times
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
}

#[derive(Debug, Args)]
pub struct Ssh {
    /// The service
    pub service: String,
    #[command(flatten)]
    pub system: System,
}

#[derive(Debug, Args)]
pub struct Exec {
    /// The service
    pub service: String,
    #[command(flatten)]
    pub system: System,
    /// The command and its arguments, after `--`
    #[arg(last = true, required = true)]
    pub command: Vec<String>,
}

#[derive(Debug, Args)]
pub struct Auth {
    /// The provider
    pub provider: String,
    /// Ask for a key to paste, also where the browser could be used
    #[arg(long)]
    pub paste: bool,
}
