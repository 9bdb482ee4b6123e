//! `ss registry list` and `ss registry remove`.

use serde_json::json;
use ss_registry::RegistriesError;

use super::add::{document, show};
use crate::commands::plugin::registries;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Shows the registries of this machine.
pub fn run(ui: &Ui) -> Result<(), CommandError> {
    let registries = registries()?;
    let names: Vec<String> = registries.all().map(|registry| registry.name().to_owned()).collect();
    let listed: Vec<_> = names.iter().filter_map(|name| registries.listed(name)).collect();
    for entry in &listed {
        show(ui, &registries, entry)?;
    }
    ui.document(&json!({ "registries": listed.iter().map(document).collect::<Vec<_>>() }));
    Ok(())
}

/// Stops using a registry.
pub fn remove(ui: &Ui, name: &str) -> Result<(), CommandError> {
    let mut registries = registries()?;
    let removed = registries.remove(name).map_err(|error| {
        let command_error = CommandError::of(&error);
        match error {
            RegistriesError::Unknown { .. } => command_error.hint("`ss registry list` shows them"),
            _ => command_error,
        }
    })?;
    ui.line(&format!(
        "{} {name} removed; plugins that a lock pins from it no longer load",
        ui.paint(Style::Good, "✓")
    ));
    ui.document(&document(&removed));
    Ok(())
}
