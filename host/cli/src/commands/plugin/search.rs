//! `ss plugin search`: what the registries of this machine have.

use serde_json::json;
use ss_registry::{Announcement, PluginName};

use super::{registries, shown_version};
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, word: Option<&str>) -> Result<(), CommandError> {
    let registries = registries()?;
    let mut found: Vec<(String, PluginName, Announcement)> = Vec::new();
    for registry in registries.all() {
        for plugin in registry.plugins().map_err(|error| CommandError::of(&error))? {
            let index = registry.index(&plugin).map_err(|error| CommandError::of(&error))?;
            let Some(version) = shown_version(&registries, &plugin, &index) else { continue };
            let announced =
                registry.announcement(&plugin, &version).map_err(|error| CommandError::of(&error))?;
            if matches(word, &plugin, &announced.release.description) {
                found.push((registry.name().to_owned(), plugin, announced));
            }
        }
    }
    if found.is_empty() {
        ui.note("no plugin matches");
    }
    for (registry, plugin, announced) in &found {
        let release = &announced.release;
        ui.line(&format!(
            "{} {}  {}  {}",
            ui.paint(Style::Bold, &plugin.to_string()),
            release.version,
            release.description,
            ui.paint(Style::Dim, &format!("({registry})"))
        ));
    }
    let plugins: Vec<_> = found
        .iter()
        .map(|(registry, plugin, announced)| {
            json!({
                "name": plugin.to_string(),
                "version": announced.release.version.to_string(),
                "description": announced.release.description,
                "registry": registry,
            })
        })
        .collect();
    ui.document(&json!({ "plugins": plugins }));
    Ok(())
}

/// Case does not matter: people search, machines name.
fn matches(word: Option<&str>, plugin: &PluginName, description: &str) -> bool {
    let Some(word) = word else { return true };
    let word = word.to_lowercase();
    plugin.to_string().contains(&word) || description.to_lowercase().contains(&word)
}
