//! Setting, getting, removing and listing by address: what `ss vault` does.

use std::collections::BTreeMap;

use ss_secret::Secret;

use crate::address::{Address, BARE, Catalog, PROVIDERS, Words, resolve};
use crate::document::{Secrets, ServiceDocument, encode};
use crate::manifest::ScopeId;
use crate::scope::service_entry;
use crate::store::{Plaintext, Transaction};
use crate::{Scope, Vault, VaultError};

/// Values above this size are refused: the largest real one is a certificate chain.
const MAX_VALUE: usize = 1024 * 1024;

/// The vault as someone sees it who knows these providers and stands in this project.
#[derive(Debug, Clone, Copy)]
pub struct Keys<'a> {
    vault: &'a Vault,
    catalog: &'a Catalog,
    scope: Option<&'a Scope>,
}

/// A stored key, without its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Listed {
    /// Where it belongs.
    pub scope: ScopeId,
    /// How it is addressed there.
    pub address: Address,
}

/// A place where a value may stand.
struct Location {
    namespace: String,
    key: String,
}

impl<'a> Keys<'a> {
    /// A view of the vault. Without a scope, addresses of services cannot be used.
    pub fn new(vault: &'a Vault, catalog: &'a Catalog, scope: Option<&'a Scope>) -> Self {
        Self { vault, catalog, scope }
    }

    /// The one place that a spelling means.
    ///
    /// # Errors
    /// [`VaultError::Address`] if it means none; any other if the vault cannot be read.
    pub fn address(&self, words: Words<'_>) -> Result<Address, VaultError> {
        let manifest = self.vault.manifest(&ScopeId::Machine)?;
        resolve(words, self.catalog, &|name| manifest.entries.contains_key(&format!("{PROVIDERS}{name}")))
    }

    /// Stores a value. It replaces what stands under any alias of the address. A secret of the machine is
    /// stored beside one of the project, see [`Scope::put_secret`], which still comes first.
    ///
    /// # Errors
    /// If the value is empty, not text or over 1 MiB, or the vault cannot be written.
    pub fn set(&self, address: &Address, value: &Secret) -> Result<(), VaultError> {
        let refused =
            |reason: &str| VaultError::Value { address: address.to_string(), reason: reason.to_owned() };
        match value.expose_str() {
            None => return Err(refused("it is not UTF-8 text")),
            Some("") => return Err(refused("it is empty; to remove the key, use `ss vault rm`")),
            Some(text) if text.len() > MAX_VALUE => return Err(refused("it is over 1 MiB")),
            Some(_) => {}
        }
        if let Address::Service { service, name } = address {
            return self.project(address)?.put_credentials(service, &[(name.clone(), value.clone())]);
        }
        let locations = self.locations(address);
        self.vault.commit(&ScopeId::Machine, |transaction| {
            let mut namespaces = Namespaces::default();
            for location in &locations {
                namespaces.of(transaction, &location.namespace)?.remove(&location.key);
            }
            if let Some(first) = locations.first() {
                namespaces.of(transaction, &first.namespace)?.insert(first.key.clone(), value.clone());
            }
            namespaces.write(transaction)
        })
    }

    /// The value at an address; none if there is none under any alias.
    ///
    /// # Errors
    /// If the vault cannot be read, or a service's address is used outside a project.
    pub fn get(&self, address: &Address) -> Result<Option<Secret>, VaultError> {
        if let Address::Service { service, name } = address {
            return self.project(address)?.credential(service, name);
        }
        if let Some((scope, name)) = self.of_project(address)
            && let Some(secret) = scope.secret(name)?
        {
            return Ok(Some(secret));
        }
        for location in self.locations(address) {
            let plaintext = self.vault.read(&ScopeId::Machine, &location.namespace)?;
            if let Some(secret) = read_namespace(plaintext, &location.namespace)?.remove(&location.key) {
                return Ok(Some(secret));
            }
        }
        Ok(None)
    }

    /// As [`get`](Self::get), where a missing value is an error that says how to store it.
    ///
    /// # Errors
    /// [`VaultError::MissingKey`] with every place tried; any other as [`get`](Self::get).
    pub fn require(&self, address: &Address) -> Result<Secret, VaultError> {
        self.get(address)?.ok_or_else(|| VaultError::MissingKey {
            wanted: address.to_string(),
            tried: self.places(address),
            fix: address.command(),
        })
    }

    /// Removes a value under every alias; false if there was none. A secret of the project goes first, and
    /// the machine's of the same name stays.
    ///
    /// # Errors
    /// If the vault cannot be written, or a service's address is used outside a project.
    pub fn remove(&self, address: &Address) -> Result<bool, VaultError> {
        if self.get(address)?.is_none() {
            return Ok(false);
        }
        if let Address::Service { service, name } = address {
            return self.project(address)?.remove_credential(service, name);
        }
        if let Some((scope, name)) = self.of_project(address)
            && scope.remove_secret(name)?
        {
            return Ok(true);
        }
        self.vault.commit(&ScopeId::Machine, |transaction| {
            let (mut namespaces, mut removed) = (Namespaces::default(), false);
            for location in self.locations(address) {
                let namespace = namespaces.of(transaction, &location.namespace)?;
                removed |= namespace.remove(&location.key).is_some();
            }
            namespaces.write(transaction)?;
            Ok(removed)
        })
    }

    /// Every stored key of the machine and of the current project and environment, sorted, without values.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn list(&self) -> Result<Vec<Listed>, VaultError> {
        let mut listed = Vec::new();
        for namespace in self.vault.manifest(&ScopeId::Machine)?.entries.keys() {
            let plaintext = self.vault.read(&ScopeId::Machine, namespace)?;
            for key in read_namespace(plaintext, namespace)?.into_keys() {
                let address = match namespace.strip_prefix(PROVIDERS) {
                    Some(provider) => Address::Provider { provider: provider.to_owned(), key },
                    None => Address::Namespace { namespace: namespace.clone(), key },
                };
                listed.push(Listed { scope: ScopeId::Machine, address });
            }
        }
        if let Some(scope) = self.scope {
            for (service, name) in scope.credential_names()? {
                let address = match service == BARE && !self.catalog.services.contains(BARE) {
                    true => Address::Namespace { namespace: service, key: name },
                    false => Address::Service { service, name },
                };
                listed.push(Listed { scope: scope.id().clone(), address });
            }
        }
        listed.sort();
        Ok(listed)
    }

    /// The places of an address, in the order in which they are read, as people write them.
    pub(crate) fn places(&self, address: &Address) -> Vec<String> {
        if let (Address::Service { .. }, Some(scope)) = (address, self.scope) {
            return vec![format!("`{address}` ({})", scope.id())];
        }
        if let Address::Namespace { namespace, key } = address
            && namespace == BARE
        {
            return vec![format!("`{key}`"), format!("`{namespace}.{key}`")];
        }
        let place = |location: Location| {
            if location.namespace == BARE {
                format!("`{}`", location.key)
            } else {
                format!("`{}.{}`", location.namespace, location.key)
            }
        };
        self.locations(address).into_iter().map(place).collect()
    }

    /// Where the value of a machine-wide address may stand; the first is where it is written.
    fn locations(&self, address: &Address) -> Vec<Location> {
        let location =
            |namespace: &str, key: &str| Location { namespace: namespace.to_owned(), key: key.to_owned() };
        match address {
            Address::Provider { provider, key } => {
                let names = self.catalog.names(provider, key);
                let prefixed = format!("{PROVIDERS}{provider}");
                let provided = names.iter().map(|name| location(&prefixed, name));
                let plain = names.iter().map(|name| location(provider, name));
                let bare = self.catalog.bare_names(provider, key).iter().map(|name| location(BARE, name));
                provided.chain(plain).chain(bare).collect()
            }
            Address::Namespace { namespace, key } => vec![location(namespace, key)],
            Address::Service { .. } => Vec::new(),
        }
    }

    /// Scope and name of an address that a project may have a secret of its own for.
    fn of_project<'b>(&self, address: &'b Address) -> Option<(&'a Scope, &'b str)> {
        match address {
            Address::Namespace { namespace, key } if namespace == BARE => Some((self.scope?, key)),
            _ => None,
        }
    }

    fn project(&self, address: &Address) -> Result<&'a Scope, VaultError> {
        self.scope.ok_or_else(|| VaultError::NoProject { address: address.to_string() })
    }
}

/// Namespaces of the machine scope that a transaction changes.
#[derive(Default)]
struct Namespaces(BTreeMap<String, Secrets>);

impl Namespaces {
    fn of(
        &mut self,
        transaction: &Transaction<'_>,
        namespace: &str,
    ) -> Result<&mut BTreeMap<String, Secret>, VaultError> {
        if !self.0.contains_key(namespace) {
            let stored = read_namespace(transaction.read(namespace)?, namespace)?;
            self.0.insert(namespace.to_owned(), Secrets(stored));
        }
        Ok(&mut self.0.entry(namespace.to_owned()).or_default().0)
    }

    fn write(self, transaction: &mut Transaction<'_>) -> Result<(), VaultError> {
        for (namespace, secrets) in self.0 {
            if secrets.0.is_empty() {
                transaction.remove(&namespace);
            } else {
                transaction.write(&namespace, encode_for(&namespace, &secrets)?);
            }
        }
        Ok(())
    }
}

/// The secrets of a namespace's object; empty if there is none.
fn read_namespace(
    plaintext: Option<Plaintext>,
    namespace: &str,
) -> Result<BTreeMap<String, Secret>, VaultError> {
    let Some(plaintext) = plaintext else { return Ok(BTreeMap::new()) };
    let secrets: Secrets =
        serde_json::from_slice(&plaintext).map_err(|error| malformed(namespace, &error))?;
    Ok(secrets.0)
}

/// The document of a service's object; empty if there is none.
pub(crate) fn read_service(
    plaintext: Option<Plaintext>,
    service: &str,
) -> Result<ServiceDocument, VaultError> {
    let Some(plaintext) = plaintext else { return Ok(ServiceDocument::default()) };
    serde_json::from_slice(&plaintext).map_err(|error| malformed(&service_entry(service), &error))
}

/// The bytes of a document that is to stand under `entry`.
pub(crate) fn encode_for(
    entry: &str,
    document: &impl serde::Serialize,
) -> Result<zeroize::Zeroizing<Vec<u8>>, VaultError> {
    encode(document)
        .map_err(|error| VaultError::Value { address: entry.to_owned(), reason: error.to_string() })
}

/// The error of an object whose content is authentic and makes no sense: a newer `ss` wrote it.
pub(crate) fn malformed(entry: &str, error: &serde_json::Error) -> VaultError {
    VaultError::Value {
        address: entry.to_owned(),
        reason: format!("what is stored there has an unknown form; it may need a newer `ss` ({error})"),
    }
}
