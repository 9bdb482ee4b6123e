//! What people are told about a plugin that was not admitted.

use ss_config::System;
use ss_registry::{AdmitError, DEVELOPMENT, DevelopmentError, LoadError, OFFICIAL, PluginName};
use ss_runtime::{RuntimeError, Unfit};

use crate::error::CommandError;

/// A plugin as a person types it.
pub fn typed(name: &PluginName) -> String {
    match name.namespace() {
        OFFICIAL | DEVELOPMENT => name.name().to_owned(),
        _ => name.to_string(),
    }
}

/// The options that name the system again, with a blank in front; empty for the defaults.
pub fn again(system: &System) -> String {
    let mut text = String::new();
    if system.base.file_name().is_none_or(|name| name != "starsystem.yaml") {
        text.push_str(&format!(" --file={}", system.base.display()));
    }
    if system.overlay.is_some() {
        text.push_str(&format!(" --env={}", system.environment));
    }
    text
}

/// The error with what to do about it.
pub fn not_admitted(error: AdmitError, system: &System) -> CommandError {
    let told = CommandError::of(&error).details(error.details());
    if let Some((plugin, version)) = error.to_approve() {
        let version = version.map_or_else(String::new, |version| format!("@{version}"));
        let command = format!("ss plugin approve {}{version}{}", typed(plugin), again(system));
        return told
            .hint(format!("`{command}` shows what it may do and asks you; nothing of it runs before"))
            .needs_approval();
    }
    match &error {
        AdmitError::Mismatch(mismatch) => told.hint(mismatch.next_step()),
        AdmitError::Requirement { plugin, .. } => {
            told.hint(format!("`ss plugin update {}{}` moves the pin", typed(plugin), again(system)))
        }
        AdmitError::Protected { plugin, .. } => told.hint(format!(
            "publish `{0}` and pin its release: `ss plugin publish`, then `ss plugin add <namespace>/{0}`",
            plugin.name()
        )),
        AdmitError::Forbidden(_) => {
            told.hint("ask whoever keeps that file; `ss plugin approve` cannot go beyond it")
        }
        AdmitError::Development(DevelopmentError::Missing { .. }) => {
            told.hint("build it first: `ss plugin build` in its folder")
        }
        AdmitError::Load(LoadError::UnknownVersion { plugin, .. }) => told.hint(format!(
            "`starsystem.lock` pins that version; restore the lock from version control, or delete the \
             `[[plugin]]` table of `{plugin}` from it"
        )),
        _ => told,
    }
}

/// A plugin that was admitted and cannot be run.
pub fn unusable(name: &PluginName, error: &RuntimeError) -> CommandError {
    let told = CommandError::of(error);
    match error {
        RuntimeError::Unfit { reason: Unfit::NotGranted { .. }, .. } => told.hint(format!(
            "`starsystem.lock` grants it less than it needs; `ss plugin approve {}` grants what it asks for",
            typed(name)
        )),
        _ => told,
    }
}
