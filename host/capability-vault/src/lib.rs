//! The vault gate: a plugin gets tokens for the keys it was granted, and nothing else.
//!
//! Threats: a plugin asks for another provider's key, for another spelling of one, or learns from the
//! answer whether a key that it may not read exists; a plan writes to the vault. Keys are compared byte by
//! byte with the grant before the vault is asked at all. Calls block.

use std::sync::Arc;

use ss_authority::VaultAuthority;
use ss_provider::{Denial, Effect, Effects, Phase, journalled};
use ss_secret::{Scrubber, Seals, Secret, Source, Token};

/// Largest value that a plugin may write, in bytes.
const MAX_VALUE: usize = 64 * 1024;

/// The vault as this gate needs it.
pub trait Keyring: Send + Sync {
    /// The value at `<namespace>/<name>`; none if there is none.
    ///
    /// # Errors
    /// A sentence for a person, if the vault cannot be read.
    fn get(&self, key: &str) -> Result<Option<Secret>, String>;

    /// Stores a provider's key and returns once it is on disk.
    ///
    /// # Errors
    /// A sentence for a person, if the vault cannot be written.
    fn set_provider_key(&self, provider: &str, name: &str, value: &Secret) -> Result<(), String>;
}

/// Why the vault was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// The grant does not cover it.
    #[error("{}", .0.message)]
    Denied(Denial),
    /// The vault cannot be used.
    #[error("the vault cannot be used: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
}

/// The vault keys of one operation.
pub struct VaultGate {
    /// The grant.
    pub authority: VaultAuthority,
    /// The vault.
    pub keyring: Arc<dyn Keyring>,
    /// Where tokens are made.
    pub seals: Arc<Seals>,
    /// Learns every value that is read.
    pub scrubber: Arc<Scrubber>,
    /// The journal.
    pub effects: Arc<dyn Effects>,
    /// Keys are written only where the operation may change something.
    pub phase: Phase,
}

impl VaultGate {
    /// A sealed token for the value at `<namespace>/<name>`; none if there is none.
    ///
    /// # Errors
    /// If the key is not granted, whether or not it exists, or the vault cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<Token>, VaultError> {
        if !self.authority.read.iter().any(|grant| grant.key == key) {
            return Err(denied(
                format!("the plugin may not read vault key `{}`", printable(key)),
                Some(format!("[[authority.vault.read]]\nkey = \"{}\"", printable(key))),
            ));
        }
        let secret = self.keyring.get(key).map_err(|reason| VaultError::Unavailable { reason })?;
        Ok(secret.map(|secret| {
            self.scrubber.learn(&secret);
            self.seals.seal(secret, Source::VaultKey(key.to_owned()))
        }))
    }

    /// Stores a provider's key, such as a refreshed token.
    ///
    /// # Errors
    /// If the key is not granted, the operation may change nothing, the value holds a sealed token that is
    /// not this operation's to pass on, or the vault cannot be written.
    pub fn set_provider_key(&self, provider: &str, name: &str, value: &str) -> Result<(), VaultError> {
        let key = format!("providers:{provider}/{name}");
        if !self.authority.write.contains(&key) || provider.contains('/') {
            return Err(denied(
                format!("the plugin may not write vault key `{}`", printable(&key)),
                Some(format!("[authority.vault]\nwrite = [\"{}\"]", printable(&key))),
            ));
        }
        if self.phase == Phase::ReadOnly {
            return Err(denied("keys are written by `provision` and `destroy` only".to_owned(), None));
        }
        let unavailable = |reason: String| VaultError::Unavailable { reason };
        if value.len() > MAX_VALUE {
            return Err(unavailable("the value is larger than 64 KiB".to_owned()));
        }
        // A token in the value would copy one secret to another name, out of its own grant.
        let secret = self
            .seals
            .resolve(value, |source| matches!(source, Source::Generated(_)))
            .map_err(|_| unavailable("the value holds a sealed token that may not be stored".to_owned()))?;
        self.scrubber.learn(&secret);
        let effect = Effect::VaultWrite { key };
        journalled(&*self.effects, &effect, || self.keyring.set_provider_key(provider, name, &secret))
            .map_err(|error| unavailable(format!("the journal cannot be written: {error}")))?
            .map_err(unavailable)
    }
}

fn denied(message: String, allow: Option<String>) -> VaultError {
    VaultError::Denied(Denial { capability: "vault".to_owned(), message, allow })
}

/// The text without control characters and of bounded length, for messages.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(120).collect()
}

#[cfg(test)]
mod tests;
