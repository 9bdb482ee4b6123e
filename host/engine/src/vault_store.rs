//! The vault as the engine's store.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use ss_provider::{Credential, Description, State, VaultKey};
use ss_secret::Secret;
use ss_vault::{Address, Catalog, Changes, KeySpec, Keys, Scope, Vault, VaultError, Words};

use crate::store::{Found, Lookup, StateChanges, Store, StoreError};

/// Looks up environment variables.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The vault, seen from one project and environment.
pub struct VaultStore {
    vault: Vault,
    catalog: Catalog,
    scope: Scope,
    environment: Environment,
    /// Once read.
    inputs_key: OnceLock<Secret>,
}

/// Where the engine's own key is kept: no service can have this id.
const KEY_OWNER: &str = "@engine";
/// Name of the key of input digests.
const INPUTS_KEY: &str = "inputs-key";

/// 256 random bits, in hex because the vault keeps text.
fn random_key() -> Secret {
    let mut random = [0u8; 32];
    #[expect(clippy::expect_used, reason = "without random numbers no secret can be kept")]
    getrandom::fill(&mut random).expect("the operating system gives random numbers");
    Secret::new(hex::encode(random))
}

impl VaultStore {
    /// The part of the vault that belongs to this project and environment, with the provider keys.
    pub fn new(
        vault: Vault,
        catalog: Catalog,
        project: &str,
        environment: &str,
        variables: Environment,
    ) -> Self {
        let scope = vault.scope(project, environment);
        Self { vault, catalog, scope, environment: variables, inputs_key: OnceLock::new() }
    }

    fn keys(&self) -> Keys<'_> {
        Keys::new(&self.vault, &self.catalog, Some(&self.scope))
    }
}

/// What the vault must know to understand addresses: these providers' keys, and these services.
///
/// A key's conventional environment variable is also a name under which people store it.
pub fn catalog<'a>(
    descriptions: impl IntoIterator<Item = &'a Description>,
    services: impl IntoIterator<Item = String>,
) -> Catalog {
    let mut catalog = Catalog { services: services.into_iter().collect(), ..Catalog::default() };
    for description in descriptions {
        catalog.add_provider(&description.provider, description.vault_keys.iter().map(key_spec).collect());
    }
    catalog
}

fn key_spec(key: &VaultKey) -> KeySpec {
    let (bare, aliases): (Vec<String>, Vec<String>) =
        key.aliases.iter().cloned().partition(|alias| alias.chars().all(is_variable_character));
    let mut bare_names = bare;
    bare_names.extend(key.environment_variable.iter().filter(|name| !key.aliases.contains(name)).cloned());
    KeySpec {
        name: key.name.clone(),
        aliases,
        environment_variable: key.environment_variable.clone(),
        bare_names,
    }
}

fn is_variable_character(c: char) -> bool {
    c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'
}

impl Store for VaultStore {
    fn states(&self) -> Result<BTreeMap<String, State>, StoreError> {
        let mut states = BTreeMap::new();
        for (service, value) in self.scope.states()? {
            let state = serde_json::from_value(value).map_err(|error| StoreError {
                message: format!("the vault's state of `{service}` has an unknown form: {error}"),
                help: Some("a newer `ss` may have written it; use that one".into()),
            })?;
            states.insert(service, state);
        }
        Ok(states)
    }

    fn put_states(&self, changes: &StateChanges) -> Result<(), StoreError> {
        let mut wanted = Changes::new();
        for (service, state) in changes {
            wanted = match state {
                Some(state) => wanted.state(service, json(state)?),
                None => wanted.remove_service(service),
            };
        }
        Ok(self.scope.commit(wanted)?)
    }

    fn credential(&self, service: &str, name: &str) -> Result<Option<Credential>, StoreError> {
        let Some(value) = self.scope.credential(service, name)? else { return Ok(None) };
        let sensitive = !self.scope.is_public(service, name)?;
        Ok(Some(Credential { name: name.to_owned(), value, sensitive }))
    }

    fn put_credentials(&self, service: &str, credentials: &[Credential]) -> Result<(), StoreError> {
        let (secret, public): (Vec<_>, Vec<_>) =
            credentials.iter().partition(|credential| credential.sensitive);
        let pairs = |some: Vec<&Credential>| -> Vec<(String, Secret)> {
            some.into_iter().map(|credential| (credential.name.clone(), credential.value.clone())).collect()
        };
        let changes =
            Changes::new().credentials(service, pairs(secret)).public_credentials(service, pairs(public));
        Ok(self.scope.commit(changes)?)
    }

    fn inputs_key(&self, make: bool) -> Result<Option<Secret>, StoreError> {
        if let Some(known) = self.inputs_key.get() {
            return Ok(Some(known.clone()));
        }
        let key = if make {
            Some(self.scope.generated(KEY_OWNER, INPUTS_KEY, random_key)?)
        } else {
            self.scope.generated_known(KEY_OWNER, INPUTS_KEY)?
        };
        Ok(key.map(|key| self.inputs_key.get_or_init(|| key).clone()))
    }

    fn snapshot(&self) -> Result<Option<String>, StoreError> {
        Ok(Some(self.scope.snapshot()?))
    }

    fn restore(&self, snapshot: &str) -> Result<(), StoreError> {
        Ok(self.scope.restore(snapshot)?)
    }

    fn changed_since(&self, snapshot: &str) -> Result<Vec<(String, String)>, StoreError> {
        Ok(self.scope.credentials_changed_since(snapshot)?)
    }

    fn lookup(&self, address: &str) -> Result<Lookup, StoreError> {
        let keys = self.keys();
        let address = keys.address(Words::One(address))?;
        Ok(Lookup {
            canonical: address.to_string(),
            is_provider_key: matches!(address, Address::Provider { .. }),
            value: found(keys.require(&address))?,
        })
    }

    fn provider_key(
        &self,
        provider: &str,
        key: &VaultKey,
        credential_env: Option<&str>,
    ) -> Result<Found, StoreError> {
        let variables = |name: &str| (self.environment)(name);
        let resolved = self.keys().resolve_key(provider, &key_spec(key), credential_env, &variables);
        found(resolved.map(|resolved| resolved.secret))
    }
}

fn json(state: &State) -> Result<serde_json::Value, StoreError> {
    serde_json::to_value(state).map_err(|error| StoreError { message: error.to_string(), help: None })
}

fn found(value: Result<Secret, VaultError>) -> Result<Found, StoreError> {
    match value {
        Ok(value) => Ok(Found::Value(value)),
        Err(VaultError::MissingKey { tried, fix, .. }) => Ok(Found::Missing { tried, fix }),
        Err(error) => Err(error.into()),
    }
}

impl From<VaultError> for StoreError {
    fn from(error: VaultError) -> Self {
        let help = error.fix().map(|fix| format!("run `{fix}`"));
        Self { message: crate::error::with_causes(&error), help }
    }
}
