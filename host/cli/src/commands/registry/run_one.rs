//! Running a registry: start it, give out namespaces, change keys, keep it in date.

use std::path::Path;

use serde_json::json;
use ss_capability_http::Client;
use ss_registry::{Config, Custody, Delegate, Delegation, Location, Patience, RoleName, Timestamp};

use super::desk::{Desk, location, unwritten};
use super::keys;
use crate::args::Role;
use crate::compose::tokio_runtime;
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// Starts a registry.
pub fn init(ui: &Ui, folder: &Path, private: &Path, namespace: &str) -> Result<(), CommandError> {
    let publisher = private.join(format!("{namespace}.seed"));
    ss_registry::PluginName::new(namespace, "name")
        .map_err(|error| CommandError::usage(format!("`{namespace}` is not a namespace: {error}")))?;
    if folder.join("root/1.root.json").exists() {
        return Err(unwritten(&ss_registry::WriteError::Exists));
    }
    let files = RoleName::ALL.map(|role| (role, private.join(format!("{}.seed", role.as_str()))));
    let mut public = Vec::new();
    for (role, file) in &files {
        public.push((*role, keys::make(file)?));
    }
    let publisher_key = keys::make(&publisher)?;
    let own = keys::all_in(private)?;
    let custody = Custody { folder, keys: own.iter().collect(), now: Timestamp::now() };
    custody.found(&public).map_err(|error| unwritten(&error))?;
    let config = Config { version: 1, name: namespace.to_owned() };
    let text = serde_json::to_vec(&config).unwrap_or_default();
    ss_durable::replace(&folder.join("config.json"), &[text.as_slice(), b"\n"].concat())
        .map_err(|error| CommandError::of(&error))?;
    let delegation = Delegation { namespace: namespace.to_owned(), keys: vec![publisher_key], threshold: 1 };
    custody.delegate(&Delegate { delegation, retired: Vec::new() }).map_err(|error| unwritten(&error))?;
    let root = custody.fingerprint().map_err(|error| unwritten(&error))?;

    ui.line(&format!("{} registry in {}", ui.paint(Style::Good, "✓"), folder.display()));
    ui.line(&format!("  root        {root}"));
    ui.line(&format!("  namespace   {namespace}"));
    ui.line(&format!("  keys        {} (private; keep root and targets off line)", private.display()));
    ui.note(&format!(
        "next: `ss plugin publish <component> --to {} --key {}`, and on other machines `ss registry add <url> --root-sha256 {root}`",
        folder.display(),
        publisher.display()
    ));
    ui.document(&json!({ "rootSha256": root.to_string(), "namespace": namespace }));
    Ok(())
}

/// Says who signs for a namespace.
pub fn delegate(
    ui: &Ui,
    to: &str,
    registry_keys: &Path,
    namespace: &str,
    public: &[String],
    threshold: Option<usize>,
    retired: &[String],
) -> Result<(), CommandError> {
    let read = |texts: &[String]| texts.iter().map(|text| keys::public(text)).collect::<Result<Vec<_>, _>>();
    let (public, retired) = (read(public)?, read(retired)?);
    ss_registry::PluginName::new(namespace, "name")
        .map_err(|error| CommandError::usage(format!("`{namespace}` is not a namespace: {error}")))?;
    let threshold = threshold.unwrap_or(public.len());
    if threshold == 0 || threshold > public.len() {
        return Err(CommandError::usage(format!(
            "`--threshold {threshold}` is not between 1 and the number of keys, {}",
            public.len()
        )));
    }
    let desk = Desk::open_with(to, keys::all_in(registry_keys)?, Vec::new())?;
    let delegation = Delegation { namespace: namespace.to_owned(), keys: public.clone(), threshold };
    desk.custody(Timestamp::now())
        .delegate(&Delegate { delegation, retired })
        .map_err(|error| unwritten(&error))?;
    desk.finish()?;
    ui.line(&format!(
        "{} {namespace}: {threshold} of {} keys sign for it",
        ui.paint(Style::Good, "✓"),
        public.len()
    ));
    ui.document(&json!({
        "namespace": namespace,
        "threshold": threshold,
        "keys": public.iter().map(|key| key.id().to_string()).collect::<Vec<_>>(),
    }));
    Ok(())
}

/// Gives a role of the registry a new key.
pub fn rotate(ui: &Ui, to: &str, registry_keys: &Path, role: Role) -> Result<(), CommandError> {
    let role = match role {
        Role::Root => RoleName::Root,
        Role::Targets => RoleName::Targets,
        Role::Snapshot => RoleName::Snapshot,
        Role::Timestamp => RoleName::Timestamp,
    };
    let desk = Desk::open_with(to, keys::all_in(registry_keys)?, Vec::new())?;
    let file = registry_keys.join(format!("{}.seed", role.as_str()));
    let public = keys::replace(&file, |new| {
        let mut custody = desk.custody(Timestamp::now());
        custody.keys.push(new);
        custody.rotate(role, &[new.public()]).map_err(|error| unwritten(&error))
    })?;
    desk.finish()?;
    ui.line(&format!("{} {} has a new key: {}", ui.paint(Style::Good, "✓"), role.as_str(), public.id()));
    ui.note(&format!(
        "the old key is kept as `{}.seed.old`; delete it when every copy is up to date",
        role.as_str()
    ));
    ui.document(&json!({ "role": role.as_str(), "id": public.id().to_string() }));
    Ok(())
}

/// Signs the timestamp anew.
pub fn renew(ui: &Ui, to: &str, registry_keys: &Path) -> Result<(), CommandError> {
    let desk = Desk::open_with(to, keys::all_in(registry_keys)?, Vec::new())?;
    desk.custody(Timestamp::now()).renew().map_err(|error| unwritten(&error))?;
    desk.finish()?;
    ui.line(&format!("{} {to} is in date again", ui.paint(Style::Good, "✓")));
    ui.document(&json!({ "renewed": to }));
    Ok(())
}

/// Writes a registry into an OCI registry.
pub fn push(ui: &Ui, folder: &Path, to: &str) -> Result<(), CommandError> {
    let Location::Oci(repository) = location(to)? else {
        return Err(CommandError::usage(format!("`{to}` is not `oci://host/repository`"))
            .hint("to copy a registry to a web server or another folder, copy its files"));
    };
    tokio_runtime()?
        .block_on(repository.push_from(folder, &Client::new(), Patience::default()))
        .map_err(|error| CommandError::caused_by(format!("`{to}` is not changed"), &error))?;
    ui.line(&format!("{} {} written to {to}", ui.paint(Style::Good, "✓"), folder.display()));
    ui.document(&json!({ "pushed": to }));
    Ok(())
}
