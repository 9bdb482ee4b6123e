//! What the engine needs of the vault.
//!
//! One project and one environment. The vault itself implements it (see [`crate::VaultStore`]); tests do
//! over a map. Here does not belong: how addresses are spelled, or how anything is encrypted.

use std::collections::BTreeMap;

use ss_provider::{Credential, State, VaultKey};
use ss_secret::Secret;

/// States by service; none where a service has been destroyed.
pub type StateChanges = BTreeMap<String, Option<State>>;

/// The vault cannot be used. Holds a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct StoreError {
    /// What failed and why.
    pub message: String,
    /// What a person can do about it.
    pub help: Option<String>,
}

/// The answer to a template's reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lookup {
    /// The address in its canonical form.
    pub canonical: String,
    /// Whether it addresses a key of a provider.
    pub is_provider_key: bool,
    /// The value, if there is one.
    pub value: Found,
}

/// A value of the vault, or where it was looked for in vain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The value.
    Value(Secret),
    /// It is not there.
    Missing {
        /// Every place that was tried, in order, in words.
        tried: Vec<String>,
        /// The command that stores it.
        fix: String,
    },
}

/// The part of the vault that belongs to a project and environment, and the provider keys.
pub trait Store: Send + Sync {
    /// The states of all services.
    ///
    /// # Errors
    /// [`StoreError`].
    fn states(&self) -> Result<BTreeMap<String, State>, StoreError>;

    /// Writes these states, all or none, and leaves others alone. The same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_states(&self, changes: &StateChanges) -> Result<(), StoreError>;

    /// A credential that a service offers.
    ///
    /// # Errors
    /// [`StoreError`].
    fn credential(&self, service: &str, name: &str) -> Result<Option<Credential>, StoreError>;

    /// Writes the credentials of a service, all or none; returns once they are on disk.
    ///
    /// # Errors
    /// [`StoreError`].
    fn put_credentials(&self, service: &str, credentials: &[Credential]) -> Result<(), StoreError>;

    /// The key of input digests over secrets; none if there is none yet and `make` is false.
    ///
    /// # Errors
    /// [`StoreError`].
    fn inputs_key(&self, make: bool) -> Result<Option<Secret>, StoreError>;

    /// Keeps credentials and states as they are now; returns the name under which they are kept. None if
    /// nothing is kept here.
    ///
    /// # Errors
    /// [`StoreError`].
    fn snapshot(&self) -> Result<Option<String>, StoreError>;

    /// Makes credentials and states what they were at a snapshot. The same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    fn restore(&self, snapshot: &str) -> Result<(), StoreError>;

    /// The credentials, by service and name, whose values now differ from those at a snapshot.
    ///
    /// # Errors
    /// [`StoreError`].
    fn changed_since(&self, snapshot: &str) -> Result<Vec<(String, String)>, StoreError>;

    /// What `{{ vault('address') }}` stands for.
    ///
    /// # Errors
    /// [`StoreError`].
    fn lookup(&self, address: &str) -> Result<Lookup, StoreError>;

    /// A key of a provider: the variable or secret named `credential_env`, then the vault, then the
    /// provider's conventional variable (contract rows R12 and R13).
    ///
    /// # Errors
    /// [`StoreError`].
    fn provider_key(
        &self,
        provider: &str,
        key: &VaultKey,
        credential_env: Option<&str>,
    ) -> Result<Found, StoreError>;
}
