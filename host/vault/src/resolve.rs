//! The key that a provider is called with: where it may stand, in which order (R12, R13).

use ss_secret::Secret;

use crate::address::{Address, KeySpec, Words};
use crate::{Keys, VaultError};

/// A provider's key, and where it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolvedKey {
    /// The key.
    pub secret: Secret,
    /// Where it was found.
    pub found_in: FoundIn,
}

/// Where a provider's key was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FoundIn {
    /// In the process environment, under this name.
    Environment(String),
    /// In the vault, at this address.
    Vault(Address),
}

impl Keys<'_> {
    /// The key of a provider, from the first of these places that has one:
    /// the environment variable that `credential_env` names, the vault under that name, the vault under
    /// the provider's own names, the provider's conventional environment variable.
    ///
    /// Empty variables count as absent. The vault is not opened if the first place has the key.
    ///
    /// # Errors
    /// [`VaultError::MissingKey`] with every place tried; any other if the vault cannot be read.
    pub fn resolve_key(
        &self,
        provider: &str,
        key: &KeySpec,
        credential_env: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<ResolvedKey, VaultError> {
        let mut tried = Vec::new();
        let from_environment = |name: &str, tried: &mut Vec<String>| {
            tried.push(format!("the environment variable `{name}`"));
            let secret = Secret::new(env(name).filter(|value| !value.is_empty())?);
            Some(ResolvedKey { secret, found_in: FoundIn::Environment(name.to_owned()) })
        };
        let credential_env = credential_env.filter(|name| !name.is_empty());
        if let Some(found) = credential_env.and_then(|name| from_environment(name, &mut tried)) {
            return Ok(found);
        }
        let named = credential_env.map(|name| self.address(Words::Two("secrets", name))).transpose()?;
        let own = self.address(Words::ProviderKey(provider, &key.name))?;
        for address in named.into_iter().filter(|named| *named != own).chain([own.clone()]) {
            if let Some(secret) = self.get(&address)? {
                return Ok(ResolvedKey { secret, found_in: FoundIn::Vault(address) });
            }
            tried.extend(self.places(&address).into_iter().map(|place| format!("{place} in the vault")));
        }
        let conventional = key.environment_variable.as_deref().filter(|name| credential_env != Some(*name));
        if let Some(found) = conventional.and_then(|name| from_environment(name, &mut tried)) {
            return Ok(found);
        }
        Err(VaultError::MissingKey { wanted: own.to_string(), tried, fix: own.command() })
    }
}
