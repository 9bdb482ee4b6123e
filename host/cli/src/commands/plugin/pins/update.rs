//! `ss plugin update`: to the newest wanted versions, and not an inch of authority further.

use serde_json::{Value, json};
use ss_capability_http::Client;
use ss_registry::{OFFICIAL, PluginName};

use super::Opened;
use crate::args::PinScope;
use crate::compose::not_admitted;
use crate::error::{CommandError, ExitCode};
use crate::ui::{Style, Ui};

/// Runs the command.
pub async fn run(ui: &Ui, named: &[String], dry_run: bool, scope: &PinScope) -> Result<(), CommandError> {
    let mut opened = Opened::new(ui, scope)?;
    let names = match named {
        [] => opened.workspace.lock().pins().iter().map(|pin| pin.name.clone()).collect(),
        named => named.iter().map(|typed| opened.named(typed)).collect::<Result<Vec<_>, _>>()?,
    };
    if names.is_empty() {
        ui.line("no plugin is pinned");
    }
    let mut outcomes = Vec::new();
    let mut refused: Option<ExitCode> = None;
    for name in names {
        match opened.update(&name).await {
            Ok((from, to)) => {
                let moved = from != to;
                let what =
                    if moved { format!("{from} → {to}") } else { format!("{to} is the newest wanted") };
                ui.line(&format!("{} {name} {what}", ui.paint(Style::Good, "✓")));
                outcomes.push(json!({ "plugin": name.to_string(), "from": from, "to": to, "moved": moved }));
            }
            Err(error) => {
                ui.line(&format!("{} {name} stays as it is", ui.paint(Style::Bad, "✗")));
                ui.error(&error);
                outcomes.push(refusal(&name, &error));
                // Approval helps with one of them: that says what to do next.
                refused = match (refused, error.exit) {
                    (Some(ExitCode::ApprovalNeeded), _) | (_, ExitCode::ApprovalNeeded) => {
                        Some(ExitCode::ApprovalNeeded)
                    }
                    (_, other) => Some(other),
                };
            }
        }
    }
    if dry_run {
        ui.note("nothing was written");
    } else {
        opened.workspace.save().map_err(|error| CommandError::of(&error))?;
    }
    ui.document(&json!({ "plugins": outcomes, "written": !dry_run }));
    match refused {
        None => Ok(()),
        Some(exit) => Err(CommandError { exit, ..CommandError::shown() }),
    }
}

impl Opened {
    /// Moves one pin. The version before and after.
    async fn update(&mut self, name: &PluginName) -> Result<(String, String), CommandError> {
        let told = |error: &dyn std::error::Error| CommandError::of(error);
        let Some(pin) = self.workspace.lock().get(name) else {
            return Err(CommandError::failed(format!("`{name}` is not pinned, so there is nothing to move"))
                .hint("`ss plugin add` pins a plugin of a registry"));
        };
        let from = pin.version.clone();
        let wanted =
            self.entry_of(name).and_then(|entry| entry.version.as_ref()).map(|version| version.value.clone());
        let registry = self.registries.of(name).map_err(|error| told(&error))?;
        if name.namespace() != OFFICIAL {
            let client = Client::new();
            let asked = self.registries.refresh(&client, std::slice::from_ref(name)).await;
            asked.map_err(|error| told(&error))?;
            let newest = registry.newest_of(name, wanted.as_ref()).map_err(|error| told(&error))?;
            for version in [&from, &newest] {
                self.registries.fetch(&client, name, version).await.map_err(|error| told(&error))?;
            }
        }
        let admitted = self
            .workspace
            .upgrade(registry, name, wanted.as_ref())
            .map_err(|error| not_admitted(error, &self.system))?;
        let to = admitted.plugin.manifest().version.to_string();
        self.see(name)?;
        Ok((from.to_string(), to))
    }
}

fn refusal(name: &PluginName, error: &CommandError) -> Value {
    json!({
        "plugin": name.to_string(),
        "refused": error.message,
        "changes": error.details,
        "needsApproval": error.exit == ExitCode::ApprovalNeeded,
        "hints": error.hints,
    })
}
