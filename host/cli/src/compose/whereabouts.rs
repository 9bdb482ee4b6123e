//! Where a service runs, for a person who wants to look at it there.

use std::path::PathBuf;
use std::process::Command;

use ss_config::{Node, ServiceConfig};
use ss_engine::Standing;
use ss_secret::Secret;

use super::{Project, engine_error};
use crate::error::CommandError;

/// Where a service runs.
pub enum Whereabouts {
    /// On this machine; what it prints is in this file.
    Here {
        /// The log file. There is none before the first start.
        log: PathBuf,
    },
    /// On Fly Machines.
    Fly {
        /// The app.
        app: String,
        /// The key, if there is one; else `fly` has its own.
        token: Option<Secret>,
    },
    /// On a machine that is reached over SSH.
    Host(Host),
}

/// A machine that is reached over SSH, and the service's unit there.
#[derive(Debug)]
pub struct Host {
    destination: String,
    port: Option<String>,
    /// The systemd unit.
    pub unit: String,
}

/// Finds out where a service runs.
///
/// # Errors
/// If there is no such service, it has not been deployed yet, or nobody can look at where it runs.
pub fn whereabouts(project: &Project, id: &str) -> Result<Whereabouts, CommandError> {
    let overview = project.engine.overview().map_err(|error| engine_error(&error))?;
    let Some(service) = overview.services.iter().find(|service| service.id == id) else {
        let close = ss_config::closest(id, overview.services.iter().map(|service| service.id.as_str()));
        let error = CommandError::failed(format!("there is no service `{id}`"));
        return Err(match close {
            Some(close) => error.hint(format!("did you mean `{close}`?")),
            None => error.hint("`ss services list` lists them"),
        });
    };
    let config = project.system.service(id);
    if let Some(host) = config.and_then(|config| host(config, id)) {
        return host.map(Whereabouts::Host);
    }
    match (service.provider.as_deref(), &service.state) {
        (Some("local-process"), _) => Ok(Whereabouts::Here { log: project.log_of(id) }),
        (Some("fly"), Some(state)) => Ok(Whereabouts::Fly {
            app: state.resource_id.clone(),
            token: project.engine.provider_key("fly").map_err(|error| engine_error(&error))?,
        }),
        // A machine that never became healthy has no state, and its log is what tells why.
        (Some("fly"), None) if service.standing == Standing::Unfinished => Ok(Whereabouts::Fly {
            app: config
                .and_then(|config| config.target().or_else(|| config.provision()))
                .and_then(|block| block.get("app"))
                .and_then(Node::scalar_text)
                .map_or_else(|| id.to_owned(), str::to_owned),
            token: project.engine.provider_key("fly").map_err(|error| engine_error(&error))?,
        }),
        (Some("fly"), None) => Err(CommandError::failed(format!("`{id}` has not been deployed yet"))
            .hint(format!("`ss deploy --env={}` deploys it", overview.environment))),
        (Some(provider), _) => Err(CommandError::failed(format!(
            "`{id}` is provisioned by `{provider}`, which has neither logs nor shells that `ss` can reach"
        ))
        .hint("the provider's own console shows more")),
        (None, _) => Err(CommandError::failed(format!("`{id}` is not provisioned by `ss`"))
            .hint("give it a `target` with a `host` that SSH can reach")),
    }
}

/// Whether `ss logs` can show what a service of this provider says.
pub fn has_logs(provider: &str) -> bool {
    matches!(provider, "fly" | "local-process")
}

/// The host that `target.host` names.
fn host(config: &ServiceConfig, id: &str) -> Option<Result<Host, CommandError>> {
    let target = config.target()?;
    let text = |node: &Node, key: &str| node.get(key).and_then(Node::scalar_text).map(str::to_owned);
    let host = text(target, "host")?;
    let destination = match text(target, "user") {
        Some(user) => format!("{user}@{host}"),
        None => host,
    };
    let port = text(target, "port");
    let unit = config.get("_systemd").and_then(|systemd| text(systemd, "unit"));
    let unit = unit.unwrap_or_else(|| id.to_owned());
    // `ssh` reads a destination that begins with a dash as an option, whatever stands before it.
    if destination.starts_with('-') || destination.contains(char::is_whitespace) {
        let error = CommandError::failed(format!("`{destination}` is not a host that SSH can reach"));
        return Some(Err(error.hint(format!("correct `services.{id}.target.host`"))));
    }
    Some(Ok(Host { destination, port, unit }))
}

impl Host {
    /// `ssh` to the host; with a terminal if it is for a person.
    pub fn ssh(&self, terminal: bool) -> Command {
        let mut ssh = Command::new("ssh");
        if terminal {
            ssh.arg("-t");
        }
        if let Some(port) = &self.port {
            ssh.args(["-p", port]);
        }
        ssh.arg("--").arg(&self.destination);
        ssh
    }
}

/// `fly` for an app, with the vault's key.
pub fn fly(app: &str, token: Option<&Secret>, words: &[&str]) -> Command {
    let mut fly = Command::new("fly");
    fly.args(words).args(["--app", app]);
    if let Some(token) = token.and_then(Secret::expose_str) {
        fly.env("FLY_API_TOKEN", token);
    }
    fly
}

/// Runs a program that has the terminal to itself.
///
/// # Errors
/// If it is not there, or fails.
pub fn hand_over(mut command: Command, install: &str) -> Result<(), CommandError> {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| {
        let failed = CommandError::caused_by(format!("cannot run `{name}`"), &error);
        if error.kind() == std::io::ErrorKind::NotFound { failed.hint(install) } else { failed }
    })?;
    if status.success() {
        return Ok(());
    }
    Err(CommandError::failed(match status.code() {
        Some(code) => format!("`{name}` ended with exit code {code}"),
        None => format!("`{name}` was ended by a signal"),
    }))
}
