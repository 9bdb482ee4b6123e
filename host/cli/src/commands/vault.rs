//! `ss vault`: keys and other secrets in the age-encrypted vault.

mod promote;

use std::io::{IsTerminal as _, Read as _};
use std::sync::Arc;

use serde_json::json;
use ss_config::MissingOverlay;
use ss_registry::Registry;
use ss_secret::{Scrubber, Secret};
use ss_vault::{Address, Catalog, Keys, Scope, Vault, VaultError, Words};

use crate::args::{self, VaultCommand, VaultScope};
use crate::compose::{Host, environment, open_vault, tokio_runtime};
use crate::error::CommandError;
use crate::home;
use crate::ui::{Style, Ui};

/// Largest value that is read from stdin, in bytes.
const MAX_INPUT: u64 = 1024 * 1024;

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Vault) -> Result<(), CommandError> {
    match &arguments.command {
        VaultCommand::Set { words, scope } => {
            let opened = Opened::new(ui, scrubber, Some(scope))?;
            let (words, value) = split_value(words)?;
            opened.set(ui, words, value)
        }
        VaultCommand::SetKey { provider, key, value } => {
            let opened = Opened::new(ui, scrubber, None)?;
            opened.check_provider(ui, provider);
            opened.set(ui, Words::ProviderKey(provider, key), value.as_deref())
        }
        VaultCommand::Get { words, scope } => {
            let opened = Opened::new(ui, scrubber, Some(scope))?;
            let address = opened.address(address_words(words))?;
            let secret = opened.keys().require(&address).map_err(vault_error)?;
            ui.reveal(&secret);
            Ok(())
        }
        VaultCommand::Promote { source, secret, workspace, from, yes, scope } => {
            let opened = Opened::new(ui, scrubber, Some(scope))?;
            let promotion = promote::Promotion {
                source,
                secret,
                project: workspace.as_deref(),
                environment: &scope.env,
                from: from.as_deref(),
                yes: *yes,
            };
            promote::run(ui, &opened, &promotion)
        }
        VaultCommand::List { scope } => Opened::new(ui, scrubber, Some(scope))?.list(ui),
        VaultCommand::Rm { words, scope } => {
            let opened = Opened::new(ui, scrubber, Some(scope))?;
            let address = opened.address(address_words(words))?;
            let removed = opened.keys().remove(&address).map_err(vault_error)?;
            ui.line(&if removed {
                format!("{} {address} removed", ui.paint(Style::Good, "✓"))
            } else {
                format!("{address} was not in the vault")
            });
            Ok(())
        }
    }
}

/// The vault with what is needed to understand addresses.
pub struct Opened {
    vault: Vault,
    catalog: Catalog,
    scope: Option<Scope>,
}

impl Opened {
    /// Opens the vault for a command.
    ///
    /// # Errors
    /// If plugins cannot be described.
    pub fn new(ui: &Ui, scrubber: &Arc<Scrubber>, place: Option<&VaultScope>) -> Result<Self, CommandError> {
        let environment = environment();
        let home = home::home()?;
        let vault = open_vault(&home, &environment);
        let host = Host::new(ui, home, Arc::clone(scrubber), environment);
        let listings = tokio_runtime()?.block_on(host.listings(&Registry::official()))?;
        let descriptions = listings.iter().map(|listing| &listing.description);
        // Outside a project there are no services; a file with errors has none that can be trusted.
        let system = place
            .filter(|place| place.file.exists())
            .and_then(|place| ss_config::load(&place.file, &place.env, MissingOverlay::Allowed).system);
        let services =
            system.iter().flat_map(|system| &system.services).map(|service| service.id.value.clone());
        let catalog = ss_engine::catalog(descriptions, services);
        let scope = system.map(|system| vault.scope(&system.project, &system.environment));
        Ok(Self { vault, catalog, scope })
    }

    fn keys(&self) -> Keys<'_> {
        Keys::new(&self.vault, &self.catalog, self.scope.as_ref())
    }

    fn address(&self, words: Words<'_>) -> Result<Address, CommandError> {
        self.keys().address(words).map_err(vault_error)
    }

    fn set(&self, ui: &Ui, words: Words<'_>, value: Option<&str>) -> Result<(), CommandError> {
        let address = self.address(words)?;
        let value = read_value(&address, value)?;
        self.keep(ui, &address, &value)
    }

    /// Asks for a provider's key, hidden, or reads it from stdin.
    ///
    /// # Errors
    /// If there is none.
    pub fn ask(&self, provider: &str, key: &str) -> Result<Secret, CommandError> {
        read_value(&self.address(Words::ProviderKey(provider, key))?, None)
    }

    /// Stores a provider's key.
    ///
    /// # Errors
    /// If the vault cannot be written.
    pub fn store(&self, ui: &Ui, provider: &str, key: &str, value: &Secret) -> Result<(), CommandError> {
        let address = self.address(Words::ProviderKey(provider, key))?;
        self.keep(ui, &address, value)
    }

    fn keep(&self, ui: &Ui, address: &Address, value: &Secret) -> Result<(), CommandError> {
        self.keys().set(address, value).map_err(vault_error)?;
        if let (Address::Namespace { key, .. }, Some(scope)) = (address, &self.scope)
            && self.keys().get(address).map_err(vault_error)?.is_some_and(|read| read != *value)
        {
            ui.warn(&format!("{} has a secret `{key}` of its own, which comes first", scope.id()));
        }
        ui.line(&format!("{} {address} stored", ui.paint(Style::Good, "✓")));
        Ok(())
    }

    /// A mistyped provider would be stored where nobody looks.
    fn check_provider(&self, ui: &Ui, provider: &str) {
        if self.catalog.providers.contains_key(provider) {
            return;
        }
        let close = ss_config::closest(provider, self.catalog.providers.keys().map(String::as_str));
        let hint = close.map_or_else(String::new, |close| format!("; did you mean `{close}`?"));
        ui.warn(&format!("no plugin provides `{provider}`{hint}"));
    }

    fn list(&self, ui: &Ui) -> Result<(), CommandError> {
        let listed = self.keys().list().map_err(vault_error)?;
        for key in &listed {
            ui.line(&format!("{}  {}", key.address, ui.paint(Style::Dim, &format!("({})", key.scope))));
        }
        if listed.is_empty() {
            ui.note("the vault is empty");
        }
        let secrets: Vec<_> = listed
            .iter()
            .map(|key| json!({ "address": key.address.to_string(), "scope": key.scope.to_string() }))
            .collect();
        ui.document(&json!({ "secrets": secrets }));
        Ok(())
    }
}

/// Address and value of `ss vault set`: the number of words decides (R6).
fn split_value(words: &[String]) -> Result<(Words<'_>, Option<&str>), CommandError> {
    match words {
        [one] => Ok((Words::One(one), None)),
        [one, value] => Ok((Words::One(one), Some(value))),
        [namespace, key, value] => Ok((Words::Two(namespace, key), Some(value))),
        _ => Err(CommandError::usage("`ss vault set` takes an address and a value")),
    }
}

fn address_words(words: &[String]) -> Words<'_> {
    match words {
        [namespace, key] => Words::Two(namespace, key),
        [one, ..] => Words::One(one),
        [] => Words::One(""),
    }
}

/// The value as given, or from a hidden prompt or stdin.
fn read_value(address: &Address, given: Option<&str>) -> Result<Secret, CommandError> {
    if let Some(value) = given.filter(|value| *value != "-") {
        return Ok(Secret::new(value));
    }
    let failed = |error: std::io::Error| CommandError::caused_by("no value could be read", &error);
    if std::io::stdin().is_terminal() {
        let value = rpassword::prompt_password(format!("Value of {address} (hidden): ")).map_err(failed)?;
        return Ok(Secret::new(value));
    }
    let mut text = String::new();
    std::io::stdin().lock().take(MAX_INPUT).read_to_string(&mut text).map_err(failed)?;
    // A line break at the end belongs to `echo`, not to the secret.
    let value = text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
    if value.is_empty() {
        return Err(CommandError::usage(format!("no value for `{address}`"))
            .hint("give it as the last argument, on stdin, or run the command on a terminal to be asked"));
    }
    Ok(Secret::new(value))
}

fn vault_error(error: VaultError) -> CommandError {
    let command_error = CommandError::of(&error);
    match error.fix() {
        Some(fix) => command_error.hint(format!("store it with `{fix}`")),
        None => command_error,
    }
}
