//! Every check that can be made: one that fails does not keep the others from being made.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use ss_config::System;
use ss_doctor::{Finding, Place, Report, Severity, Stored, StoredKey};
use ss_registry::LOCK_FILE;
use ss_secret::Scrubber;
use ss_vault::{Address, Catalog, Keys, Vault};

use crate::args;
use crate::commands::plugin::pins::{Opened, audit};
use crate::compose::{
    Network, Parts, Project, Purpose, again, environment, environment_of, file_name, files, open_registries,
    open_vault, open_workspace,
};
use crate::error::{CommandError, ExitCode};
use crate::home;
use crate::ui::Ui;

/// Looks at everything, as far as it can be opened.
///
/// # Errors
/// If it is not even known where `ss` keeps its files.
pub async fn examine(
    ui: &Ui,
    scrubber: &Arc<Scrubber>,
    arguments: &args::System,
    place: &Place,
) -> Result<Report, CommandError> {
    let (name, missing) = environment_of(arguments);
    let mut report = Report::new(name);
    let loaded = ss_config::load(&arguments.file, name, missing);
    report.add("config", ss_doctor::diagnosed("config", &loaded.sources, &loaded.diagnostics));
    // One that is no folder is a finding, and nothing else can be kept there.
    let home = home::place()?;
    let folder = loaded.system.as_ref().map_or_else(|| PathBuf::from("."), |system| system.dir.clone());
    report.add("home", ss_doctor::home(&home, &folder));
    let vault = vault(ui, &home);
    let scope = loaded.system.as_ref().map(|system| vault.scope(&system.project, &system.environment));
    let locked_up = ss_doctor::vault(&vault, scope.as_ref());
    let vault_opens = locked_up.is_none();
    report.add("vault", locked_up);
    let Some(system) = loaded.system else {
        report.add("clock", ss_doctor::clock(&[&vault.folder().join("manifests")], SystemTime::now()));
        return Ok(report);
    };
    report.workspace = Some(system.project.clone());
    let runs = home.join("runs").join(&system.project).join(&system.environment);
    let written = [vault.folder().join("manifests"), runs, system.dir.clone()];
    let written: Vec<&Path> = written.iter().map(PathBuf::as_path).collect();
    report.add("clock", ss_doctor::clock(&written, SystemTime::now()));
    report.add("secrets", ss_doctor::literal_secrets(&system, &loaded.sources));
    report.add("gitignore", ss_doctor::unprotected(&system, &home, place));
    let opened = open_workspace(&system, &home)
        .and_then(|workspace| Ok((open_registries(&home, workspace.lock())?, workspace)));
    let (registries, workspace) = match opened {
        Ok(opened) => opened,
        Err(error) => {
            report.add("lock", [told("lock.unusable", LOCK_FILE, &error)]);
            return Ok(report);
        }
    };
    let opened = Opened { sources: loaded.sources, system, registries, workspace };
    report.add("lock", audited(ui, &opened).await);
    report.add("lock", unpinned(&opened.system, &opened.workspace));
    if !vault_opens {
        return Ok(report);
    }
    let Opened { sources, system, registries, workspace } = opened;
    let stored = Stored { keys: stored_keys(&vault)?, approved: workspace.covers(files::digest(&system)) };
    let file = file_name(&arguments.file);
    let parts = Parts { file, sources, findings: Vec::new(), system, workspace, vault, home };
    let mut unapproved = None;
    let composed = {
        let accept = |refused| {
            unapproved = Some(refused);
            Ok(())
        };
        let purpose = Purpose::looking("ss doctor");
        Project::compose(ui, scrubber, parts, &registries, purpose, Network::Never, accept).await
    };
    let refused = unapproved.map(|refused| told("files.not-approved", "templates", &refused));
    report.add("plugins", refused);
    match composed {
        Ok(project) => services(&mut report, &project, &stored, place),
        Err(error) => report.add("plugins", [told("plugin.unusable", "system", &error)]),
    }
    Ok(report)
}

/// What needs the plugins' descriptions and the engine.
fn services(report: &mut Report, project: &Project, stored: &Stored, place: &Place) {
    let Project { engine, sources, system, .. } = project;
    report.add("services", ss_doctor::diagnosed("services", sources, &engine.validate()));
    match engine.checkup(sources) {
        Ok(checkup) => report.add("state", ss_doctor::services(&checkup, stored, system, sources, place)),
        Err(error) => {
            let error = crate::compose::engine_error(&error);
            report.add("state", [told("state.unreadable", &system.environment, &error)]);
        }
    }
    if let Ok(overview) = engine.overview() {
        let path = environment()("PATH").unwrap_or_default();
        let user_home = home::user_home();
        report.add("tools", ss_doctor::tools(system, &overview, sources, &path, user_home.as_deref()));
    }
}

/// The vault; a person is asked for a passphrase only where one is there.
fn vault(ui: &Ui, home: &Path) -> Vault {
    let environment = environment();
    if ui.can_ask() { open_vault(home, &environment) } else { Vault::open(home, &|name| environment(name)) }
}

/// The provider keys in the vault, by name.
fn stored_keys(vault: &Vault) -> Result<Vec<StoredKey>, CommandError> {
    let listed = Keys::new(vault, &Catalog::default(), None).list();
    let listed = listed.map_err(|error| CommandError::of(&error))?;
    let keys = listed.into_iter().filter_map(|listed| match listed.address {
        Address::Provider { provider, key } => Some(StoredKey { provider, key }),
        _ => None,
    });
    Ok(keys.collect())
}

/// What is to be said about the pinned plugins, judged by what is on this machine.
async fn audited(ui: &Ui, opened: &Opened) -> Vec<Finding> {
    let findings = opened.audited(ui, true).await;
    let finding = |found: audit::Finding| {
        let severity = match found.kind {
            "development" | "unused" => Severity::Info,
            "yanked" => Severity::Warn,
            _ => Severity::Error,
        };
        let message = format!("`{}`: {}", found.plugin, found.message);
        let kind = format!("plugin.{}", found.kind);
        let subject = found.plugin.replace(' ', "@");
        Finding::new(severity, &kind, &subject, message).at(LOCK_FILE).suggest(found.remedy)
    };
    findings.into_iter().map(finding).collect()
}

/// A system whose plugins nobody pinned runs with whatever the next `ss` brings.
fn unpinned(system: &System, workspace: &ss_registry::Workspace) -> Option<Finding> {
    let uses_plugins = !system.plugins.is_empty()
        || system.services.iter().any(|service| {
            service.provider().is_some() || service.target_type().is_some() || service.command.is_some()
        });
    if !workspace.lock().is_empty() || !uses_plugins {
        return None;
    }
    let message =
        format!("there is no `{LOCK_FILE}`: which plugins are used, and what they may do, is not pinned");
    let verb = if system.environment == "local" { "provision" } else { "deploy" };
    let again = again(system);
    let again = again.trim_start().trim_start_matches("--file=");
    let run = format!("ss {verb} {again}");
    let finding = Finding::new(Severity::Info, "lock.missing", LOCK_FILE, message).at(LOCK_FILE);
    Some(finding.suggest(format!("`{}` writes it; commit it with the system's files", run.trim_end())))
}

/// A library's error as a finding: its hints are the suggestion.
fn told(kind: &str, subject: &str, error: &CommandError) -> Finding {
    let message = error.message.clone().unwrap_or_else(|| "it cannot be used".to_owned());
    let because = error.details.iter().chain(&error.causes).map(String::as_str);
    let message = std::iter::once(message.as_str()).chain(because).collect::<Vec<_>>().join("; ");
    let kind = if error.exit == ExitCode::ApprovalNeeded && kind == "plugin.unusable" {
        "plugin.not-approved"
    } else {
        kind
    };
    let finding = Finding::new(Severity::Error, kind, subject, message);
    if error.hints.is_empty() { finding } else { finding.suggest(error.hints.join("; ")) }
}
