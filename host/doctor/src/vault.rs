//! Whether the vault opens.

use ss_vault::{Catalog, Keys, Scope, Vault, VaultError};

use crate::finding::Severity::Error;
use crate::{Finding, Fix};

/// Whether identity and vault belong together, are private, and can be read in this project and environment.
/// Nothing is made: a vault that is not there yet is fine.
pub fn vault(vault: &Vault, scope: Option<&Scope>) -> Option<Finding> {
    let catalog = Catalog::default();
    let listed = || Keys::new(vault, &catalog, scope).list().map(drop);
    let states = || scope.map_or(Ok(()), |scope| scope.states().map(drop));
    let read = vault.recipient().and_then(|_| listed()).and_then(|()| states());
    read.err().map(|error| finding(vault, &error))
}

fn finding(vault: &Vault, error: &VaultError) -> Finding {
    let folder = vault.folder().display().to_string();
    let found = |kind: &str, subject: &str| Finding::new(Error, kind, subject, error.to_string());
    match error {
        VaultError::IdentityExposed { path, mode } => {
            let shown = path.display().to_string();
            let message = format!("the vault's identity can be read by others (mode {mode:04o})");
            let fix = Fix::Program(vec!["chmod".to_owned(), "600".to_owned(), shown.clone()]);
            Finding::new(Error, "vault.identity-exposed", "identity.txt", message)
                .at(&shown)
                .suggest("make it private; if others may have read it, replace every key that it protects")
                .fixed_by(fix)
        }
        VaultError::IdentityMissing { path } => found("vault.identity-missing", "identity.txt")
            .at(path.display().to_string())
            .suggest("put the file back from a backup, or name another with SS_AGE_IDENTITY_FILE"),
        VaultError::Identity { .. } => found("vault.identity-unusable", "identity.txt").at(folder),
        VaultError::WrongIdentity { path, .. } => found("vault.wrong-identity", "identity.txt")
            .at(path.display().to_string())
            .suggest("name the identity that the vault was made with, with SS_AGE_IDENTITY_FILE"),
        VaultError::RolledBack { path, .. } => {
            found("vault.rolled-back", "manifest").at(path.display().to_string())
        }
        _ => found("vault.unreadable", "vault").at(folder).suggest("restore the folder from a backup"),
    }
}
