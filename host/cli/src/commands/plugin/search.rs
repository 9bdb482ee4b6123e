//! `ss plugin search`: what the registries of this machine have.

use serde_json::json;
use ss_capability_http::Client;
use ss_registry::{PluginName, Registries, Registry};

use super::registries;
use crate::compose::tokio_runtime;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// A plugin that was found.
struct Found {
    registry: String,
    plugin: PluginName,
    version: String,
    description: String,
}

/// Runs the command.
pub fn run(ui: &Ui, word: Option<&str>) -> Result<(), CommandError> {
    let registries = registries()?;
    refresh(ui, &registries)?;
    let mut found = Vec::new();
    for registry in registries.all() {
        match plugins(registry, &registries) {
            Ok(plugins) => found.extend(plugins),
            Err(error) => ui.warn(&format!("`{}` is left out: {error}", registry.name())),
        }
    }
    found.retain(|found| matches(word, found));
    if found.is_empty() {
        ui.note("no plugin matches");
    }
    for Found { registry, plugin, version, description } in &found {
        ui.line(&format!(
            "{} {version}  {description}  {}",
            ui.paint(Style::Bold, &plugin.to_string()),
            ui.paint(Style::Dim, &format!("({registry})"))
        ));
    }
    let plugins: Vec<_> = found
        .iter()
        .map(|found| {
            json!({
                "name": found.plugin.to_string(),
                "version": found.version,
                "description": found.description,
                "registry": found.registry,
            })
        })
        .collect();
    ui.document(&json!({ "plugins": plugins }));
    Ok(())
}

/// Brings every registry up to date; one that does not answer is shown as it was.
fn refresh(ui: &Ui, registries: &Registries) -> Result<(), CommandError> {
    let client = Client::new();
    tokio_runtime()?.block_on(async {
        for registry in registries.all() {
            if let Err(error) = registries.refresh_registry(&client, registry.name()).await {
                ui.warn(&format!("{error}; what was read before is shown"));
            }
        }
    });
    Ok(())
}

/// The plugins of the namespaces that are bound to a registry.
fn plugins(registry: &Registry, registries: &Registries) -> Result<Vec<Found>, ss_registry::LoadError> {
    let mut found = Vec::new();
    for plugin in registry.plugins()? {
        let bound = registries.of(&plugin).is_ok_and(|owner| owner.name() == registry.name());
        if let (true, Some((version, description))) = (bound, registry.summary(&plugin)?) {
            found.push(Found { registry: registry.name().to_owned(), plugin, version, description });
        }
    }
    Ok(found)
}

/// Case does not matter: people search, machines name.
fn matches(word: Option<&str>, found: &Found) -> bool {
    let Some(word) = word else { return true };
    let word = word.to_lowercase();
    found.plugin.to_string().contains(&word) || found.description.to_lowercase().contains(&word)
}
