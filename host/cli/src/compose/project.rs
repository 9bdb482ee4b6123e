//! A system with everything that a command needs to work on it.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ss_config::{Diagnostic, Loaded, MissingOverlay, Sources, System};
use ss_engine::{Engine, EngineConfig, Limits, Scope, VaultStore};
use ss_provider::Providers;
use ss_registry::{LockError, Registries, Workspace, WorkspaceError};
use ss_secret::Scrubber;
use ss_vault::{Keys, Vault};

use super::candidates::Network;
use super::plugins::{Host, log_folder};
use super::terraform::{self, terraform};
use super::{Environment, environment, files, open_registries, open_vault};
use crate::args;
use crate::error::CommandError;
use crate::home;
use crate::render::diagnostics;
use crate::ui::Ui;

/// The environment of a command that was given none.
pub const LOCAL: &str = "local";

/// What a system is opened for.
#[derive(Debug, Clone, Copy)]
pub struct Purpose {
    /// What other processes, the journal and the receipt are told.
    pub command: &'static str,
    /// Which services are the command's to handle.
    pub scope: Scope,
    /// How many services to work on at once.
    pub parallelism: usize,
    /// Fail rather than change the lock.
    pub locked: bool,
    /// Whether plugins will be asked or told something.
    pub calls: bool,
}

impl Purpose {
    /// To look at it, or at whatever exists of it.
    pub fn looking(command: &'static str) -> Self {
        Self { command, scope: Scope::Everything, parallelism: 1, locked: false, calls: false }
    }
}

/// A system whose plugins are admitted, ready to be planned.
pub struct Project {
    /// The file, as a person names it.
    pub file: String,
    pub sources: Sources,
    /// Warnings about the files, already shown.
    pub findings: Vec<Diagnostic>,
    pub system: Arc<System>,
    pub engine: Engine,
    pub workspace: Workspace,
    /// The providers that reach nothing but processes and files of this machine.
    pub local: BTreeSet<String>,
    /// The folder of the services' log files.
    logs: PathBuf,
}

/// A system as it was read, before plugins are loaded.
pub struct Parts {
    /// The file, as a person names it.
    pub file: String,
    pub sources: Sources,
    /// What is wrong with the files, none of it an error.
    pub findings: Vec<Diagnostic>,
    pub system: System,
    pub workspace: Workspace,
    pub vault: Vault,
    /// Where `ss` keeps its own files.
    pub home: PathBuf,
}

/// The environment that a command is about: the local one if none is named.
pub fn environment_of(arguments: &args::System) -> (&str, MissingOverlay) {
    let name = arguments.env.as_deref().unwrap_or(LOCAL);
    (name, if name == LOCAL { MissingOverlay::Allowed } else { MissingOverlay::Refused })
}

/// Reads the files of a system and prints what is wrong with them.
///
/// # Errors
/// If anything is.
pub fn load_system(
    ui: &Ui,
    arguments: &args::System,
) -> Result<(Sources, System, Vec<Diagnostic>), CommandError> {
    usable(ui, load(arguments))
}

fn load(arguments: &args::System) -> Loaded {
    let (name, missing) = environment_of(arguments);
    ss_config::load(&arguments.file, name, missing)
}

fn usable(ui: &Ui, loaded: Loaded) -> Result<(Sources, System, Vec<Diagnostic>), CommandError> {
    match loaded.system {
        Some(system) => Ok((loaded.sources, system, loaded.diagnostics)),
        None => {
            diagnostics::report(ui, &loaded.sources, &loaded.diagnostics)?;
            Err(CommandError::failed("the configuration cannot be read"))
        }
    }
}

impl Project {
    /// The file that holds what a local service prints.
    pub fn log_of(&self, service: &str) -> PathBuf {
        ss_runtime::log_file(&self.logs, service)
    }

    /// Opens a system for a command.
    ///
    /// # Errors
    /// If files, lock or plugins cannot be used.
    pub async fn open(
        ui: &Ui,
        scrubber: &Arc<Scrubber>,
        arguments: &args::System,
        purpose: Purpose,
    ) -> Result<Self, CommandError> {
        Self::open_loaded(ui, scrubber, load(arguments), &arguments.file, purpose).await
    }

    /// The same for files that have been read already, such as a text that is not in any file yet.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_loaded(
        ui: &Ui,
        scrubber: &Arc<Scrubber>,
        loaded: Loaded,
        file: &Path,
        purpose: Purpose,
    ) -> Result<Self, CommandError> {
        let (sources, system, findings) = usable(ui, loaded)?;
        let home = home::home()?;
        let workspace = open_workspace(&system, &home)?;
        let registries = open_registries(&home, workspace.lock())?;
        let vault = open_vault(&home, &environment());
        let network = if purpose.locked { Network::Locked } else { Network::Asked };
        let parts = Parts { file: file_name(file), sources, findings, system, workspace, vault, home };
        let approval = |refused| Err(refused);
        let mut project = Self::compose(ui, scrubber, parts, &registries, purpose, network, approval).await?;
        project.findings.extend(project.engine.validate());
        project.findings.sort_by_key(|finding| {
            let place = finding.labels.first().map(|label| (label.span.source, label.span.start));
            (!finding.is_error(), place)
        });
        diagnostics::report(ui, &project.sources, &project.findings)?;
        Ok(project)
    }

    /// Puts a system that was read together with its plugins and its vault. `unapproved` is told if templates
    /// read provider keys and nobody approved that; if it accepts, they read none.
    ///
    /// # Errors
    /// If plugins cannot be used, or services need each other in a circle.
    pub async fn compose(
        ui: &Ui,
        scrubber: &Arc<Scrubber>,
        parts: Parts,
        registries: &Registries,
        purpose: Purpose,
        network: Network,
        unapproved: impl FnOnce(CommandError) -> Result<(), CommandError>,
    ) -> Result<Self, CommandError> {
        let Purpose { command, scope, parallelism, locked: _, calls } = purpose;
        let Parts { file, sources, findings, system, mut workspace, vault, home } = parts;
        let environment = environment();
        let host = Host::new(ui, home.clone(), Arc::clone(scrubber), Arc::clone(&environment));
        if calls {
            host.runtime.start();
        }
        let (mut plugins, catalog) =
            host.plugins(registries, &mut workspace, &system, &vault, network).await?;
        plugins.add(terraform(home.clone(), scrubber, command), terraform::RIGHTS);
        let own = vault.scope(&system.project, &system.environment);
        let keys = Keys::new(&vault, &catalog, Some(&own));
        let approved = match files::approved(&system, &sources, &keys, &workspace) {
            Ok(approved) => approved,
            Err(refused) => unapproved(refused).map(|()| false)?,
        };
        let logs = log_folder(&home, &system);
        let (grants, local) = (plugins.grants(), plugins.local());
        let system = Arc::new(system);
        let store = VaultStore::new(
            vault,
            (*catalog).clone(),
            &system.project,
            &system.environment,
            Arc::clone(&environment) as Environment,
        );
        let engine = Engine::new(EngineConfig {
            system: Arc::clone(&system),
            providers: Arc::new(plugins) as Arc<dyn Providers>,
            store: Arc::new(store),
            scrubber: Arc::clone(scrubber),
            home,
            user_home: home::user_home(),
            approved,
            command: command.to_owned(),
            scope,
            actor: home::actor(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            lock_digest: Some(workspace.lock().trust_digest().to_hex()),
            limits: Limits { applies: parallelism, ..Limits::default() },
        })
        .map_err(|error| engine_error(&error))?
        .granting(grants);
        Ok(Self { file, sources, findings, system, engine, workspace, local, logs })
    }
}

/// Opens the lock of a system, for the environment that is worked on.
///
/// # Errors
/// If lock, approvals or policy cannot be used.
pub fn open_workspace(system: &System, home: &Path) -> Result<Workspace, CommandError> {
    let workspace = Workspace::open(&system.dir, home).map_err(|error| unusable_lock(&error))?;
    Ok(workspace.in_environment(&system.environment, system.protected))
}

/// What to do about a lock that cannot be opened or saved.
pub fn unusable_lock(error: &WorkspaceError) -> CommandError {
    let command_error = CommandError::of(error);
    match error {
        WorkspaceError::Lock(LockError::Malformed { .. }) => command_error.hint(
            "restore it from version control; or delete it, and the next `ss provision` writes it anew",
        ),
        _ => command_error,
    }
}

/// The engine's error with its hint.
pub fn engine_error(error: &ss_engine::EngineError) -> CommandError {
    let command_error = CommandError::of(error);
    match error.help() {
        Some(help) => command_error.hint(help),
        None => command_error,
    }
}

pub fn file_name(file: &Path) -> String {
    file.file_name().map_or_else(|| file.display().to_string(), |name| name.to_string_lossy().into_owned())
}
