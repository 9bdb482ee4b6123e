//! `ss registry add`: believes a registry, after its fingerprint was compared.

use std::io::{BufRead as _, IsTerminal as _};

use serde_json::json;
use ss_capability_http::Client;
use ss_registry::{Digest, Listed, MetadataFault, NotADigest, Offer, Registries, RegistriesError, SyncError};

use super::desk::location;
use crate::commands::plugin::registries;
use crate::compose::tokio_runtime;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Runs the command.
pub fn run(
    ui: &Ui,
    url: &str,
    root: Option<&str>,
    name: Option<&str>,
    namespaces: &[String],
) -> Result<(), CommandError> {
    let root: Option<Digest> = root
        .map(|text| {
            text.parse().map_err(|error: NotADigest| {
                CommandError::usage(format!("`--root-sha256 {text}` is no fingerprint: {error}"))
            })
        })
        .transpose()?;
    let mut registries = registries()?;
    let client = Client::new();
    let runtime = tokio_runtime()?;
    let offer =
        runtime.block_on(registries.look(&client, location(url)?, root)).map_err(|e| distrusted(&e))?;
    let name = name
        .or(offer.name.as_deref())
        .ok_or_else(|| {
            CommandError::usage("the registry does not say what it is called; name it with `--name`")
        })?
        .to_owned();
    if root.is_none() {
        confirm(ui, url, &offer)?;
    }
    let listed = runtime
        .block_on(registries.add(&client, &offer, &name, namespaces))
        .map_err(|error| refused(&error))?;
    show(ui, &registries, &listed)?;
    ui.note("next: `ss plugin search` lists what it has");
    ui.document(&document(&listed));
    Ok(())
}

/// Asks a person; anybody else has to know the fingerprint beforehand.
fn confirm(ui: &Ui, url: &str, offer: &Offer) -> Result<(), CommandError> {
    let shown = format!("the registry at {url} presents the root {}", offer.root_sha256);
    let unconfirmed = || {
        CommandError::failed(format!("nobody has said that {url} is the registry it claims to be; {shown}"))
            .hint("compare that with what whoever runs the registry has told you, then add it with `--root-sha256 <fingerprint>`")
            .needs_approval()
    };
    if !ui.interactive() || !std::io::stdin().is_terminal() {
        return Err(unconfirmed());
    }
    ui.note(&shown);
    ui.note("Compare it with what whoever runs the registry has told you. Is it the same? [y/N]");
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer).map_err(|_| unconfirmed())?;
    if matches!(answer.trim(), "y" | "Y" | "yes") { Ok(()) } else { Err(unconfirmed()) }
}

/// Shows a registry with those who sign in it.
pub fn show(ui: &Ui, registries: &Registries, listed: &Listed) -> Result<(), CommandError> {
    ui.line(&format!("{} {}", ui.paint(Style::Bold, &listed.name), listed.url));
    ui.line(&format!("  root        {} (version {})", listed.root_sha256, listed.root_version));
    let Some(registry) = registries.get(&listed.name) else { return Ok(()) };
    for namespace in &listed.namespaces {
        let signers = registry.signers_of(namespace).map_err(|error| CommandError::of(&error))?;
        let keys = signers.map_or_else(
            || "nobody".to_owned(),
            |signers| signers.keys.iter().map(|key| key.id().to_string()).collect::<Vec<_>>().join(", "),
        );
        ui.line(&format!(
            "  namespace   {namespace}  {}",
            ui.paint(Style::Dim, &format!("signed by ed25519 {keys}"))
        ));
    }
    Ok(())
}

/// A registry as JSON.
pub fn document(listed: &Listed) -> serde_json::Value {
    json!({
        "name": listed.name,
        "url": listed.url,
        "rootSha256": listed.root_sha256.to_string(),
        "rootVersion": listed.root_version,
        "namespaces": listed.namespaces,
    })
}

fn refused(error: &RegistriesError) -> CommandError {
    match error {
        RegistriesError::Sync(error) => distrusted(error),
        RegistriesError::Bound { registry, .. } => CommandError::of(error).hint(format!(
            "a namespace comes from one registry: leave it out with `--namespace`, or `ss registry remove {registry}` first"
        )),
        RegistriesError::Taken { name, .. } => CommandError::of(error)
            .hint(format!("`ss registry remove {name}` first, or choose another name with `--name`")),
        error => CommandError::of(error),
    }
}

/// Why a registry is not believed, and what to do.
pub fn distrusted(error: &SyncError) -> CommandError {
    let command_error = CommandError::of(error);
    let SyncError::Metadata { refused, .. } = error else { return command_error };
    match refused.fault {
        MetadataFault::Fingerprint { .. } => command_error
            .hint("ask whoever runs the registry for its fingerprint, and check that the address is right"),
        MetadataFault::Expired { .. } => command_error.hint(
            "whoever runs the registry signs it anew with `ss registry renew`; what is pinned and downloaded still works",
        ),
        MetadataFault::ClockWentBack { .. } => command_error.hint("set the clock of this machine"),
        MetadataFault::Missing => command_error.hint("check the address"),
        _ => command_error,
    }
}
