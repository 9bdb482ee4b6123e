//! The vault as commands and plugins reach it.

use std::path::Path;
use std::sync::Arc;

use ss_capability_secrets::Generator;
use ss_capability_vault::Keyring;
use ss_secret::Secret;
use ss_vault::{Catalog, Keys, Scope, Vault, VaultError, Words};

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
}

impl Keyring for VaultKeyring {
    fn get(&self, key: &str) -> Result<Option<Secret>, String> {
        let keys = Keys::new(&self.vault, &self.catalog, Some(&self.scope));
        keys.address(Words::One(key)).and_then(|address| keys.get(&address)).map_err(sentence)
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
