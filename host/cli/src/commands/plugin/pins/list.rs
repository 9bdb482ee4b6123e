//! `ss plugin list`: the plugins of a system, what each may do, and whether that counts here.

use serde_json::{Value, json};
use ss_authority::Authority;

use super::Opened;
use crate::args::PinScope;
use crate::compose::{files, name_of, typed};
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// A line of the list, and what belongs under it.
struct Row {
    name: String,
    version: Option<String>,
    from: String,
    /// Word for word: `approved`, `not approved`, `part of ss`, `not pinned`.
    standing: &'static str,
    development: bool,
    endpoint: Option<String>,
    signer: Option<String>,
    digest: Option<String>,
    granted: Authority,
}

/// Runs the command.
pub fn run(ui: &Ui, scope: &PinScope) -> Result<(), CommandError> {
    let opened = Opened::new(ui, scope)?;
    let rows = rows(&opened)?;
    for row in &rows {
        let version = row.version.as_ref().map_or_else(String::new, |version| format!(" {version}"));
        let standing = match row.standing {
            "approved" | "part of ss" => ui.paint(Style::Good, row.standing),
            other => ui.paint(Style::Warn, other),
        };
        ui.line(&format!("{}{version}  {}  {standing}", ui.paint(Style::Bold, &row.name), row.from));
        for sentence in row.granted.sentences() {
            ui.line(&format!("  {sentence}"));
        }
        if let Some(endpoint) = &row.endpoint {
            ui.line(&format!("  sends its requests to {endpoint}"));
        }
    }
    if rows.is_empty() {
        ui.line("no plugin is pinned yet; the first `ss provision` pins the built-in ones that it uses");
    }
    let files = files::to_approve(&opened.system, &opened.sources);
    let waiting = rows.iter().any(|row| matches!(row.standing, "not approved" | "not pinned"))
        || files.is_some_and(|digest| !opened.workspace.covers(digest));
    if waiting {
        ui.note("next: `ss plugin approve` shows what waits for approval and asks you");
    }
    ui.document(&json!({
        "approved": opened.workspace.is_approved(),
        "plugins": rows.iter().map(to_json).collect::<Vec<_>>(),
    }));
    Ok(())
}

fn rows(opened: &Opened) -> Result<Vec<Row>, CommandError> {
    let (lock, approved) = (opened.workspace.lock(), opened.workspace.is_approved());
    let mut rows = Vec::new();
    for pin in lock.pins() {
        let registry = opened.registries.of(&pin.name).ok();
        let free = registry
            .filter(|registry| registry.vouches_for(&pin.name))
            .and_then(|registry| registry.announcement(&pin.name, &pin.version).ok())
            .map(|found| found.release.requested);
        let standing = match free {
            Some(free) if free.covers(&pin.granted).is_ok() => "part of ss",
            _ if approved => "approved",
            _ => "not approved",
        };
        rows.push(Row {
            name: pin.name.to_string(),
            version: Some(pin.version.to_string()),
            from: format!("registry `{}`", pin.registry),
            standing,
            development: false,
            endpoint: pin.endpoint.clone(),
            signer: Some(pin.signer.to_string()),
            digest: Some(pin.digest.to_string()),
            granted: pin.granted.clone(),
        });
    }
    for pin in lock.developments() {
        rows.push(Row {
            name: typed(&pin.name),
            version: None,
            from: format!("`{}`, under development, unsigned", pin.path),
            standing: if approved { "approved" } else { "not approved" },
            development: true,
            endpoint: pin.endpoint.clone(),
            signer: None,
            digest: None,
            granted: pin.granted.clone(),
        });
    }
    for entry in &opened.system.plugins {
        let name = name_of(entry)?;
        if lock.get(&name).is_none() && lock.development(&name).is_none() && !is_free(opened, &name) {
            rows.push(Row {
                name: entry.name.value.clone(),
                version: None,
                from: entry.path.as_ref().map_or_else(
                    || "no release yet".to_owned(),
                    |path| format!("`{}`, under development, unsigned", path.value),
                ),
                standing: "not pinned",
                development: entry.path.is_some(),
                endpoint: None,
                signer: None,
                digest: None,
                granted: Authority::default(),
            });
        }
    }
    Ok(rows)
}

/// Whether the first use pins it without asking anybody.
fn is_free(opened: &Opened, name: &ss_registry::PluginName) -> bool {
    opened.registries.of(name).is_ok_and(|registry| registry.vouches_for(name))
}

fn to_json(row: &Row) -> Value {
    json!({
        "name": row.name,
        "version": row.version,
        "from": row.from,
        "standing": row.standing,
        "development": row.development,
        "endpoint": row.endpoint,
        "signer": row.signer,
        "digest": row.digest,
        "may": row.granted.sentences(),
        "authority": row.granted,
    })
}
