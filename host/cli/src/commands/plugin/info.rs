//! `ss plugin info`: what a plugin is, who says so, and what it would be allowed to do.

use serde_json::{Value, json};
use ss_capability_http::Client;
use ss_registry::{Announcement, Index, LoadError, Mark, MarkKind, Marks, PluginName};

use super::{plugin_name, registries, shown_version};
use crate::compose::tokio_runtime;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(ui: &Ui, plugin: &str) -> Result<(), CommandError> {
    let plugin = plugin_name(plugin)?;
    let registries = registries()?;
    let unknown = |error: LoadError| {
        CommandError::of(&error).hint("`ss plugin search` lists the plugins of all registries")
    };
    let registry = registries.of(&plugin).map_err(unknown)?;
    let (client, runtime) = (Client::new(), tokio_runtime()?);
    if let Err(error) = runtime.block_on(registries.refresh(&client, std::slice::from_ref(&plugin))) {
        ui.warn(&format!("{error}; what was read before is shown"));
    }
    let index = registry.index(&plugin).map_err(unknown)?;
    let marks = registry.marks(&plugin).map_err(|error| CommandError::of(&error))?;
    let version = shown_version(&registries, &plugin, &index)
        .ok_or_else(|| CommandError::failed(format!("`{plugin}` has no release")))?;
    runtime
        .block_on(registries.fetch_statement(&client, &plugin, &version))
        .map_err(|error| CommandError::of(&error))?;
    let announced = registry.announcement(&plugin, &version).map_err(|error| CommandError::of(&error))?;
    print(ui, &plugin, registry.name(), &announced, &index, &marks);
    ui.document(&document(&plugin, registry.name(), &announced, &index, &marks));
    Ok(())
}

fn print(
    ui: &Ui,
    plugin: &PluginName,
    registry: &str,
    announced: &Announcement,
    index: &Index,
    marks: &Marks,
) {
    let Announcement { line, release, signers } = announced;
    ui.line(&format!(
        "{} {}  {}",
        ui.paint(Style::Bold, &plugin.to_string()),
        release.version,
        release.description
    ));
    let signers: Vec<String> = signers.iter().map(ToString::to_string).collect();
    for (what, value) in [
        ("registry", registry.to_owned()),
        ("published", release.published.to_string()),
        ("signed by", format!("ed25519 {}", signers.join(", "))),
        ("digest", line.digest.to_string()),
        ("size", format!("{} bytes", line.size)),
        ("contract", release.contract.to_string()),
        ("needs", format!("ss >= {}", release.min_ss)),
    ] {
        ui.line(&format!("  {what:<10} {value}"));
    }
    ui.line("");
    ui.line("It asks for");
    let sentences = release.requested.sentences();
    if sentences.is_empty() {
        ui.line("  nothing");
    }
    sentences.iter().for_each(|sentence| ui.line(&format!("  {sentence}")));
    ui.line("");
    ui.line("Versions");
    for line in index.lines().iter().rev() {
        let mark = marks.on(&line.v).map_or_else(String::new, |mark| {
            ui.paint(Style::Warn, &format!("  {}: {}", word(mark), mark.reason))
        });
        ui.line(&format!("  {}  {}{mark}", line.v, line.published));
    }
}

fn word(mark: &Mark) -> &'static str {
    match mark.mark {
        MarkKind::Yanked => "yanked",
        MarkKind::Revoked => "revoked",
    }
}

fn document(
    plugin: &PluginName,
    registry: &str,
    announced: &Announcement,
    index: &Index,
    marks: &Marks,
) -> Value {
    let Announcement { line, release, signers } = announced;
    let versions: Vec<_> = index
        .lines()
        .iter()
        .rev()
        .map(|line| {
            let mark = marks.on(&line.v);
            json!({
                "version": line.v.to_string(),
                "digest": line.digest.to_string(),
                "published": line.published.to_string(),
                "mark": mark.map(word),
                "reason": mark.map(|mark| &mark.reason),
            })
        })
        .collect();
    json!({
        "name": plugin.to_string(),
        "registry": registry,
        "version": release.version.to_string(),
        "description": release.description,
        "published": release.published.to_string(),
        "signers": signers.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "digest": line.digest.to_string(),
        "size": line.size,
        "contract": release.contract.to_string(),
        "minSs": release.min_ss.to_string(),
        "authority": release.requested,
        "sentences": release.requested.sentences(),
        "versions": versions,
    })
}
