//! Agents: the MCP server, and what a person says about their plans.

use std::net::IpAddr;
use std::path::PathBuf;

use clap::{Args, ValueHint};

use super::System;

#[derive(Debug, Args)]
pub struct Server {
    #[command(flatten)]
    pub system: System,
    /// Serve HTTP alone, also where a client waits at the other end of stdin
    #[arg(long)]
    pub http: bool,
    /// Serve HTTP at this port; 7700 if only `--http` is given
    #[arg(long, value_name = "N")]
    pub port: Option<u16>,
    /// The address to listen on; one that other machines can reach needs a token
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// A further name, with its port if it is not 80 or 443, by which HTTP clients reach the server
    #[arg(long, value_name = "NAME")]
    pub allow_host: Vec<String>,
    /// A file with the token that HTTP clients must show; or set `STARSYSTEM_SERVER_TOKEN`
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    pub token_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct Approve {
    /// Digest of the plan, or how it begins, as the agent shows it
    pub digest: String,
}
