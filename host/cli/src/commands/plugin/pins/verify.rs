//! `ss plugin verify`: every check again, from the files of this machine alone.

use serde_json::json;
use ss_registry::{AdmitError, DevelopmentPlugin};

use super::Opened;
use crate::args::PinScope;
use crate::compose::not_admitted;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, scope: &PinScope) -> Result<(), CommandError> {
    let opened = Opened::new(ui, scope)?;
    let lock = opened.workspace.lock();
    let mut results = Vec::new();
    for pin in lock.pins() {
        let checked = opened
            .registries
            .of(&pin.name)
            .map_err(AdmitError::from)
            .and_then(|registry| opened.workspace.load(registry, &pin.name, None))
            .map(|plugin| format!("{} {}, signed by {}", pin.version, plugin.digest(), pin.signer));
        results.push((pin.name.to_string(), checked));
    }
    for pin in lock.developments() {
        let checked = DevelopmentPlugin::load(pin.name.name(), &pin.path, &opened.system.dir)
            .map(|plugin| format!("{}, under development, unsigned", plugin.identity().digest))
            .map_err(AdmitError::from);
        results.push((pin.name.to_string(), checked));
    }
    if results.is_empty() {
        ui.line("no plugin is pinned");
    }
    let mut document = Vec::new();
    let mut failed = 0;
    for (name, checked) in results {
        match checked {
            Ok(what) => {
                ui.line(&format!("{} {name} {what}", ui.paint(Style::Good, "✓")));
                document.push(json!({ "plugin": name, "verified": true }));
            }
            Err(error) => {
                failed += 1;
                let error = not_admitted(error, &opened.system);
                ui.line(&format!("{} {name}", ui.paint(Style::Bad, "✗")));
                ui.error(&error);
                document.push(json!({ "plugin": name, "verified": false, "reason": error.message }));
            }
        }
    }
    ui.document(&json!({ "plugins": document, "approved": opened.workspace.is_approved() }));
    if failed > 0 { Err(CommandError::shown()) } else { Ok(()) }
}
