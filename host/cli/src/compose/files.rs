//! The files of a system as something that is approved: their templates may then read provider keys.

use ss_config::{Sources, System, VaultReference};
use ss_registry::{Digest, Workspace};
use ss_vault::{Address, Keys, Words};

use super::admission::again;
use crate::error::CommandError;

/// What is approved of a system's files in one environment: everything that they declare. Comments and
/// recorded states do not count. None if no template reads the vault, so that nothing needs approval.
pub fn to_approve(system: &System, sources: &Sources) -> Option<Digest> {
    (!readers(system, sources).is_empty()).then(|| digest(system))
}

/// Digest of everything that the files declare.
pub fn digest(system: &System) -> Digest {
    Digest::of(format!("starsystem files\n{}", system.declared()).as_bytes())
}

/// Each place where a template reads the vault, as a sentence.
pub fn readers(system: &System, sources: &Sources) -> Vec<String> {
    let references = references(system, sources);
    references.iter().map(|(service, reference)| sentence(sources, service, reference)).collect()
}

/// Whether this machine has approved the files, so that their templates may read provider keys.
///
/// # Errors
/// Exit code 4 if they read any and nobody has approved that.
pub fn approved(
    system: &System,
    sources: &Sources,
    keys: &Keys<'_>,
    workspace: &Workspace,
) -> Result<bool, CommandError> {
    let of_provider = |key: &str| matches!(keys.address(Words::One(key)), Ok(Address::Provider { .. }));
    let reading: Vec<String> = references(system, sources)
        .iter()
        .filter(|(_, reference)| of_provider(&reference.key))
        .map(|(service, reference)| sentence(sources, service, reference))
        .collect();
    if reading.is_empty() {
        return Ok(false);
    }
    if workspace.covers(digest(system)) {
        return Ok(true);
    }
    Err(CommandError::failed("templates of this system read provider keys, which nobody approved on this machine")
        .details(reading)
        .hint(format!(
            "`ss plugin approve{}` shows what the files want and asks you; every later edit of them needs it again",
            again(system)
        ))
        .hint("or store the value under a name of its own, with `ss vault set secrets.<NAME>`, and use that")
        .needs_approval())
}

fn references(system: &System, sources: &Sources) -> Vec<(String, VaultReference)> {
    let of = |service: &ss_config::ServiceConfig| {
        let id = service.id.value.clone();
        system.vault_references(service, sources).into_iter().map(move |reference| (id.clone(), reference))
    };
    system.services.iter().flat_map(of).collect()
}

fn sentence(sources: &Sources, service: &str, reference: &VaultReference) -> String {
    let place = sources.describe(reference.span);
    format!("`services.{service}.{}` may read `{}` from the vault ({place})", reference.path, reference.key)
}
