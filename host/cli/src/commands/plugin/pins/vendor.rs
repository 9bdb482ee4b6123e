//! `ss plugin vendor`: the pinned plugins in a folder, for places without a network.

use std::collections::BTreeMap;
use std::path::Path;

use semver::Version;
use serde_json::json;
use ss_capability_http::Client;
use ss_registry::{OFFICIAL, PluginName};

use super::Opened;
use crate::args::PinScope;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub async fn run(ui: &Ui, folder: &Path, scope: &PinScope) -> Result<(), CommandError> {
    let opened = Opened::new(ui, scope)?;
    let mut releases: BTreeMap<String, Vec<(PluginName, Version)>> = BTreeMap::new();
    for pin in opened.workspace.lock().pins().iter().filter(|pin| pin.name.namespace() != OFFICIAL) {
        let fetched = opened.registries.fetch(&Client::new(), &pin.name, &pin.version).await;
        fetched.map_err(|error| CommandError::of(&error))?;
        let registry = opened.registries.of(&pin.name).map_err(|error| CommandError::of(&error))?;
        // What is copied is what is pinned.
        opened
            .workspace
            .load(registry, &pin.name, None)
            .map_err(|error| crate::compose::not_admitted(error, &opened.system))?;
        releases.entry(registry.name().to_owned()).or_default().push((pin.name.clone(), pin.version.clone()));
    }
    if releases.is_empty() {
        ui.line("every pinned plugin is part of `ss` itself: nothing to copy");
    }
    let mut document = Vec::new();
    for (name, releases) in &releases {
        let (Some(registry), Some(listed)) = (opened.registries.get(name), opened.registries.listed(name))
        else {
            continue;
        };
        let to = folder.join(name);
        registry
            .vendor(releases, listed.root_version, &to)
            .map_err(|error| CommandError::caused_by(format!("`{name}` was not copied"), &error))?;
        let url = std::path::absolute(&to).unwrap_or_else(|_| to.clone());
        ui.line(&format!(
            "{} {} of `{name}` in {}",
            ui.paint(Style::Good, "✓"),
            plugins(releases.len()),
            to.display()
        ));
        ui.note(&format!(
            "next: where there is no network, `ss registry add file://{} --name {name} --root-sha256 {}`",
            url.display(),
            listed.root_sha256
        ));
        document.push(json!({
            "registry": name,
            "folder": to.display().to_string(),
            "rootSha256": listed.root_sha256.to_string(),
            "plugins": releases.iter().map(|(name, version)| format!("{name}@{version}")).collect::<Vec<_>>(),
        }));
    }
    ui.document(&json!({ "vendored": document }));
    Ok(())
}

fn plugins(count: usize) -> String {
    if count == 1 { "1 plugin".to_owned() } else { format!("{count} plugins") }
}
