//! `ss plugin remove`: out of the lock, and out of `plugins:`.

use super::Opened;
use crate::args::PinScope;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, plugin: &str, scope: &PinScope) -> Result<(), CommandError> {
    let mut opened = Opened::new(ui, scope)?;
    let name = opened.named(plugin)?;
    let key = opened.entry_of(&name).map(|entry| entry.name.value.clone());
    let written =
        key.is_some_and(|key| ss_config::remove_plugin(&opened.system.base, &key).is_ok_and(|gone| gone));
    let pinned = opened.workspace.remove(&name);
    opened.workspace.save().map_err(|error| CommandError::of(&error))?;
    if !written && opened.entry_of(&name).is_some() {
        ui.warn(&format!("`plugins:` still names `{name}`; take it out by hand"));
    }
    if !pinned && !written {
        return Err(CommandError::failed(format!("this system has no plugin `{name}`"))
            .hint("`ss plugin list` shows those that it has"));
    }
    ui.line(&format!("{} {name} removed", ui.paint(Style::Good, "✓")));
    ui.document(&serde_json::json!({ "removed": name.to_string() }));
    Ok(())
}
