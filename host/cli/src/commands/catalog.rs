//! `ss catalog`: what each provider needs, takes and may do.

use serde_json::{Value, json};
use ss_provider::VaultKey;
use ss_registry::Registry;

use crate::args;
use crate::compose::{Host, Listing, environment, tokio_runtime};
use crate::error::CommandError;
use crate::home;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(
    ui: &Ui,
    scrubber: &std::sync::Arc<ss_secret::Scrubber>,
    arguments: &args::Catalog,
) -> Result<(), CommandError> {
    let host = Host::new(ui, home::home()?, std::sync::Arc::clone(scrubber), environment());
    let listings = tokio_runtime()?.block_on(host.listings(&Registry::official()))?;
    let Some(wanted) = &arguments.provider else {
        listings.iter().for_each(|listing| print_short(ui, listing));
        ui.note("next: `ss catalog <provider>` shows options, an example and what the plugin may do");
        ui.document(&json!({ "providers": listings.iter().map(to_json).collect::<Vec<_>>() }));
        return Ok(());
    };
    let Some(listing) = listings.iter().find(|listing| listing.description.provider == *wanted) else {
        let error = CommandError::failed(format!("there is no provider `{wanted}`"));
        let names = listings.iter().map(|listing| listing.description.provider.as_str());
        return Err(match ss_config::closest(wanted, names) {
            Some(close) => error.hint(format!("did you mean `{close}`?")),
            None => error.hint("`ss catalog` lists the providers"),
        });
    };
    print_full(ui, listing);
    ui.document(&to_json(listing));
    Ok(())
}

fn print_short(ui: &Ui, listing: &Listing) {
    let description = &listing.description;
    ui.line(&format!("{}  {}", ui.paint(Style::Bold, &description.provider), description.summary));
    print_keys(ui, listing);
}

fn print_keys(ui: &Ui, listing: &Listing) {
    let description = &listing.description;
    if description.vault_keys.is_empty() {
        ui.line("  needs no key");
    }
    for key in &description.vault_keys {
        let need = if key.required { "" } else { " (optional)" };
        ui.line(&format!("  {}{need}", set_command(&description.provider, key)));
        let variable = key.environment_variable.as_ref().map(|name| format!("or the variable {name}; "));
        ui.line(&format!(
            "    {}",
            ui.paint(Style::Dim, &format!("{}{}", variable.unwrap_or_default(), key.obtain))
        ));
    }
}

fn print_full(ui: &Ui, listing: &Listing) {
    let (description, manifest) = (&listing.description, listing.plugin.manifest());
    ui.line(&format!(
        "{} {}  {}",
        ui.paint(Style::Bold, &description.provider),
        manifest.version,
        description.summary
    ));
    ui.line("");
    ui.line("Keys");
    print_keys(ui, listing);
    ui.line("");
    ui.line("Options");
    print_options(ui, &description.options_schema, 1);
    ui.line("");
    ui.line("May do");
    for sentence in manifest.authority.sentences() {
        ui.line(&format!("  {sentence}"));
    }
    ui.line("");
    ui.line("Example");
    for line in description.example.lines() {
        ui.line(&format!("  {line}"));
    }
}

/// One line per option: name, type, whether it is required, what it means.
fn print_options(ui: &Ui, schema: &Value, depth: usize) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    let required: Vec<&str> = schema
        .get("required")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    for (name, property) in properties {
        let kind = property.get("type").and_then(Value::as_str).unwrap_or("any");
        let need = if required.contains(&name.as_str()) { ", required" } else { "" };
        let meaning = property.get("description").and_then(Value::as_str).unwrap_or_default();
        ui.line(&format!("{}{name} ({kind}{need})  {meaning}", "  ".repeat(depth)));
        print_options(ui, property, depth + 1);
    }
}

fn to_json(listing: &Listing) -> Value {
    let (description, plugin) = (&listing.description, &listing.plugin);
    json!({
        "provider": description.provider,
        "summary": description.summary,
        "version": plugin.manifest().version.to_string(),
        "digest": plugin.identity().digest,
        "vaultKeys": description.vault_keys,
        "optionsSchema": description.options_schema,
        "shapes": description.shapes,
        "authority": plugin.manifest().authority,
        "example": description.example,
    })
}

/// The command that stores a key, without its value.
fn set_command(provider: &str, key: &VaultKey) -> String {
    format!("ss vault set-key {provider} {}", key.name)
}
