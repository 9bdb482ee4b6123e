//! `ss plugin compile`: pays for the first use of the built-in plugins ahead of it.

use std::sync::Arc;

use serde_json::json;
use ss_registry::{PluginName, Registry};
use ss_secret::Scrubber;

use super::plugin_name;
use crate::compose::{Host, environment, tokio_runtime};
use crate::error::CommandError;
use crate::home;
use crate::ui::Ui;

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, plugins: &[String]) -> Result<(), CommandError> {
    let registry = Registry::official();
    let known = registry.plugins().map_err(|error| CommandError::of(&error))?;
    let named = plugins.iter().map(|plugin| plugin_name(plugin)).collect::<Result<Vec<_>, _>>()?;
    if let Some(unknown) = named.iter().find(|name| !known.contains(name)) {
        return Err(CommandError::failed(format!("`{unknown}` is not built in"))
            .hint("`ss catalog` lists the built-in plugins; others are compiled when they are added"));
    }
    let names: Vec<PluginName> = if named.is_empty() { known } else { named };
    let host = Host::new(ui, home::home()?, Arc::clone(scrubber), environment());
    tokio_runtime()?.block_on(host.compile(&registry, &names))?;
    ui.line(&format!("✓ {} plugins are compiled", names.len()));
    ui.document(&json!({ "compiled": names.iter().map(ToString::to_string).collect::<Vec<_>>() }));
    Ok(())
}
