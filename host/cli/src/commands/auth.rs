//! `ss auth`: a provider's keys into the vault, through the browser where the provider allows it.

use std::process::{Command, Stdio};
use std::sync::Arc;

use ss_auth::Fly;
use ss_capability_http::Client;
use ss_provider::VaultKey;
use ss_registry::Registry;
use ss_secret::{Scrubber, Secret};

use super::vault::Opened;
use crate::args;
use crate::compose::{Host, environment, tokio_runtime};
use crate::error::CommandError;
use crate::home;
use crate::ui::{Style, Ui};

/// The one provider whose sign-in needs no client id that is not ours.
const FLY: &str = "fly";
/// Stands in for Fly, as it does for its plugin.
const FLY_ENDPOINT: &str = "STARSYSTEM_ENDPOINT_FLY";

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Auth) -> Result<(), CommandError> {
    let provider = &arguments.provider;
    let keys = keys_of(ui, scrubber, provider)?;
    let Some(primary) = keys.first() else {
        ui.line(&format!("`{provider}` needs no key"));
        return Ok(());
    };
    let opened = Opened::new(ui, scrubber, None)?;
    if provider == FLY && !arguments.paste {
        let token = sign_in_to_fly(ui)?;
        scrubber.learn(&token);
        opened.store(ui, provider, &primary.name, &token)?;
    } else {
        // Those that are optional, such as a session's, are for `ss vault set-key`.
        for key in keys.iter().filter(|key| key.required || key.name == primary.name) {
            ui.note(&format!("{}: {}", ui.paint(Style::Bold, &key.name), key.obtain));
            let value = opened.ask(provider, &key.name)?;
            opened.store(ui, provider, &key.name, &value)?;
        }
    }
    ui.note(&format!("next: `ss catalog {provider}` shows what the plugin may do with it"));
    Ok(())
}

fn keys_of(ui: &Ui, scrubber: &Arc<Scrubber>, provider: &str) -> Result<Vec<VaultKey>, CommandError> {
    let host = Host::new(ui, home::home()?, Arc::clone(scrubber), environment());
    let listings = tokio_runtime()?.block_on(host.listings(&Registry::official()))?;
    let names: Vec<&str> = listings.iter().map(|listing| listing.description.provider.as_str()).collect();
    match listings.iter().find(|listing| listing.description.provider == provider) {
        Some(listing) => Ok(listing.description.vault_keys.clone()),
        None => {
            let error = CommandError::failed(format!("there is no provider `{provider}`"));
            Err(match ss_config::closest(provider, names.into_iter()) {
                Some(close) => error.hint(format!("did you mean `{close}`?")),
                None => error.hint("`ss catalog` lists the providers"),
            })
        }
    }
}

fn sign_in_to_fly(ui: &Ui) -> Result<Secret, CommandError> {
    let stand_in =
        match environment()(FLY_ENDPOINT).filter(|address| !address.is_empty()) {
            Some(address) => Some(address.parse().map_err(|error| {
                CommandError::usage(format!("`{FLY_ENDPOINT}` is not an address: {error}"))
            })?),
            None => None,
        };
    let failed = |error: ss_auth::SignInError| {
        CommandError::of(&error).hint("`ss auth fly --paste` takes a token that `fly tokens create org` made")
    };
    tokio_runtime()?.block_on(async {
        let session = Fly::new(Client::new(), stand_in).begin(&machine()).await.map_err(failed)?;
        ui.note(&format!("opening {} in your browser", session.page));
        if !open(session.page.as_str()) {
            ui.note("no browser could be started; open the address yourself");
        }
        ui.note("waiting until you agree there...");
        session.token().await.map_err(failed)
    })
}

/// What Fly calls this machine in its list of sessions.
fn machine() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
    let name = name.map(|name| name.trim().to_owned()).filter(|name| !name.is_empty());
    name.map_or_else(|| "ss".to_owned(), |name| format!("ss on {name}"))
}

/// Opens a page in the program that `BROWSER` names, or in the system's own.
fn open(page: &str) -> bool {
    let named = environment()("BROWSER").filter(|program| !program.is_empty());
    let system = if cfg!(target_os = "macos") { "open" } else { "xdg-open" };
    let mut command = Command::new(named.as_deref().unwrap_or(system));
    command.arg(page).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
