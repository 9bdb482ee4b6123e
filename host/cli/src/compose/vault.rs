//! The vault as commands and plugins reach it.

use std::path::Path;
use std::sync::Arc;

use ss_capability_secrets::Generator;
use ss_capability_vault::Keyring;
use ss_secret::Secret;
use ss_vault::{Address, Catalog, Keys, Scope, Vault, VaultError, Words};

use super::Environment;

/// Opens the vault; a wrapped identity's passphrase is asked for on the terminal, once.
pub fn open_vault(home: &Path, environment: &Environment) -> Vault {
    Vault::open_asking(home, &|name| environment(name), |identity| {
        let prompt = format!("Passphrase of `{}`: ", identity.display());
        rpassword::prompt_password(prompt).map(Secret::new)
    })
}

/// The provider keys that plugins may ask for.
pub struct VaultKeyring {
    pub vault: Vault,
    pub catalog: Arc<Catalog>,
    pub scope: Scope,
    pub environment: Environment,
}

impl VaultKeyring {
    /// A further key of a provider, from its conventional environment variable.
    ///
    /// Only where the vault has no primary key of the provider: the keys of a pair come from one place, so
    /// that a session token left in somebody's shell is not sent along with a key of the vault.
    fn conventional(&self, keys: &Keys<'_>, address: &Address) -> Result<Option<Secret>, VaultError> {
        let Address::Provider { provider, key } = address else { return Ok(None) };
        let Some(variable) =
            self.catalog.spec(provider, key).and_then(|spec| spec.environment_variable.as_deref())
        else {
            return Ok(None);
        };
        if let Some(primary) = self.catalog.providers.get(provider).and_then(|keys| keys.first())
            && primary.name != *key
            && keys.get(&keys.address(Words::ProviderKey(provider, &primary.name))?)?.is_some()
        {
            return Ok(None);
        }
        Ok((self.environment)(variable).filter(|value| !value.is_empty()).map(Secret::new))
    }
}

impl Keyring for VaultKeyring {
    fn get(&self, key: &str) -> Result<Option<Secret>, String> {
        let keys = Keys::new(&self.vault, &self.catalog, Some(&self.scope));
        let address = keys.address(Words::One(key)).map_err(sentence)?;
        match keys.get(&address).map_err(sentence)? {
            Some(secret) => Ok(Some(secret)),
            None => self.conventional(&keys, &address).map_err(sentence),
        }
    }

    fn set_provider_key(&self, provider: &str, name: &str, value: &Secret) -> Result<(), String> {
        let keys = Keys::new(&self.vault, &self.catalog, Some(&self.scope));
        keys.address(Words::ProviderKey(provider, name))
            .and_then(|address| keys.set(&address, value))
            .map_err(sentence)
    }
}

/// The secrets that the host makes for plugins.
pub struct VaultGenerator {
    pub scope: Scope,
}

impl Generator for VaultGenerator {
    fn generated(
        &self,
        service: &str,
        name: &str,
        make: &mut dyn FnMut() -> Result<Secret, String>,
    ) -> Result<Secret, String> {
        self.scope.try_generated(service, name, make).map_err(sentence)?
    }
}

fn sentence(error: VaultError) -> String {
    error.to_string()
}
