//! What a project keeps in one environment: credentials, generated secrets and states.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;

use serde_json::Value;
use ss_secret::Secret;

use crate::address::BARE;
use crate::document::ServiceDocument;
use crate::keys::{encode_for, malformed, read_service};
use crate::manifest::ScopeId;
use crate::store::{Plaintext, Transaction};
use crate::{Vault, VaultError};

/// The one entry for the states of all services, so that a plan opens a single object.
const STATES: &str = "states";
/// How the entry of a service's secrets begins.
const SERVICE: &str = "service/";

/// Where a project keeps secrets that no service offers: no service can have this id.
const APP: &str = "@secrets";

/// The entry of a service's secrets.
pub(crate) fn service_entry(service: &str) -> String {
    format!("{SERVICE}{service}")
}

/// The part of the vault that belongs to one project in one environment.
#[derive(Debug, Clone)]
pub struct Scope {
    vault: Vault,
    id: ScopeId,
}

/// Who may know a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Exposure {
    Secret,
    Public,
}

/// Changes that are written together, as one generation or not at all.
#[derive(Debug, Default)]
pub struct Changes {
    credentials: BTreeMap<String, Vec<(String, Secret, Exposure)>>,
    states: BTreeMap<String, Option<Value>>,
    removed: Vec<String>,
}

impl Changes {
    /// No changes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets credentials of a service; its others stay.
    #[must_use]
    pub fn credentials(mut self, service: &str, credentials: Vec<(String, Secret)>) -> Self {
        let secret = credentials.into_iter().map(|(name, value)| (name, value, Exposure::Secret));
        self.credentials.entry(service.to_owned()).or_default().extend(secret);
        self
    }

    /// Sets credentials of a service that anyone may know, such as an address; its others stay.
    #[must_use]
    pub fn public_credentials(mut self, service: &str, credentials: Vec<(String, Secret)>) -> Self {
        let public = credentials.into_iter().map(|(name, value)| (name, value, Exposure::Public));
        self.credentials.entry(service.to_owned()).or_default().extend(public);
        self
    }

    /// Sets the state of a service.
    #[must_use]
    pub fn state(mut self, service: &str, state: Value) -> Self {
        self.states.insert(service.to_owned(), Some(state));
        self
    }

    /// Removes the state of a service.
    #[must_use]
    pub fn no_state(mut self, service: &str) -> Self {
        self.states.insert(service.to_owned(), None);
        self
    }

    /// Removes all that is kept for a service: credentials, generated secrets and state.
    #[must_use]
    pub fn remove_service(mut self, service: &str) -> Self {
        self.removed.push(service.to_owned());
        self.no_state(service)
    }
}

impl Scope {
    pub(crate) fn new(vault: Vault, project: &str, environment: &str) -> Self {
        let id = ScopeId::Project { project: project.to_owned(), environment: environment.to_owned() };
        Self { vault, id }
    }

    /// Which project and environment.
    pub fn id(&self) -> &ScopeId {
        &self.id
    }

    /// A credential of a service; none if there is none.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn credential(&self, service: &str, name: &str) -> Result<Option<Secret>, VaultError> {
        Ok(self.document(service)?.credentials.0.remove(name))
    }

    /// Whether anyone may know a credential of a service. One that is not there is secret.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn is_public(&self, service: &str, name: &str) -> Result<bool, VaultError> {
        Ok(self.document(service)?.public.contains(name))
    }

    /// All credentials of a service, by name.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn credentials(&self, service: &str) -> Result<BTreeMap<String, Secret>, VaultError> {
        Ok(self.document(service)?.credentials.0)
    }

    /// A secret of the project itself in this environment, which comes before the machine's of the same name;
    /// none if there is none.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn secret(&self, name: &str) -> Result<Option<Secret>, VaultError> {
        self.credential(APP, name)
    }

    /// Sets a secret of the project itself. The same value again writes nothing.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn put_secret(&self, name: &str, value: &Secret) -> Result<(), VaultError> {
        self.put_credentials(APP, &[(name.to_owned(), value.clone())])
    }

    /// Removes a secret of the project itself; false if there was none.
    pub(crate) fn remove_secret(&self, name: &str) -> Result<bool, VaultError> {
        Ok(self.secret(name)?.is_some() && self.remove_credential(APP, name)?)
    }

    /// The states of all services, by id.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn states(&self) -> Result<BTreeMap<String, Value>, VaultError> {
        read_states(self.vault.read(&self.id, STATES)?)
    }

    /// Writes changes together; returns when they are on disk. Changes that change nothing write nothing.
    ///
    /// # Errors
    /// If the vault cannot be written, or a value is not text; nothing is changed then.
    pub fn commit(&self, changes: Changes) -> Result<(), VaultError> {
        let Changes { credentials, states, removed } = changes;
        self.vault.commit(&self.id, |transaction| {
            for service in removed {
                transaction.remove(&service_entry(&service));
            }
            for (service, credentials) in credentials {
                change_service(transaction, &service, |document| {
                    for (name, value, exposure) in credentials {
                        match exposure {
                            Exposure::Public => document.public.insert(name.clone()),
                            Exposure::Secret => document.public.remove(&name),
                        };
                        document.credentials.0.insert(name, value);
                    }
                })?;
            }
            change_states(transaction, states)
        })
    }

    /// Sets credentials of a service; its others stay.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn put_credentials(&self, service: &str, credentials: &[(String, Secret)]) -> Result<(), VaultError> {
        self.commit(Changes::new().credentials(service, credentials.to_vec()))
    }

    /// Sets states; those of services that are not named stay.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn put_states(&self, states: impl IntoIterator<Item = (String, Value)>) -> Result<(), VaultError> {
        let states = states.into_iter().map(|(service, state)| (service, Some(state))).collect();
        self.commit(Changes { states, ..Changes::default() })
    }

    /// Removes all that is kept for a service: credentials, generated secrets and state.
    ///
    /// # Errors
    /// As [`commit`](Self::commit).
    pub fn remove_service(&self, service: &str) -> Result<(), VaultError> {
        self.commit(Changes::new().remove_service(service))
    }

    /// The secret of this name that was made for a service; none if none was made.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn generated_known(&self, service: &str, name: &str) -> Result<Option<Secret>, VaultError> {
        Ok(self.document(service)?.generated.0.remove(name))
    }

    /// The secret of this name that was made for a service, made and stored now if there is none.
    ///
    /// Two callers at the same time get the same secret, and `make` runs for one of them.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); the secret is only returned once it is on disk.
    pub fn generated(
        &self,
        service: &str,
        name: &str,
        make: impl FnOnce() -> Secret,
    ) -> Result<Secret, VaultError> {
        let made = self.try_generated(service, name, || Ok::<_, Infallible>(make()))?;
        Ok(made.unwrap_or_else(|never| match never {}))
    }

    /// As [`generated`](Self::generated), where making may fail, such as when the journal cannot record it.
    /// The inner result is what `make` returned; if it failed, nothing is stored.
    ///
    /// `make` runs while the vault is locked for writing, so it must not write to the vault itself.
    ///
    /// # Errors
    /// As [`commit`](Self::commit); the secret is only returned once it is on disk.
    pub fn try_generated<E>(
        &self,
        service: &str,
        name: &str,
        make: impl FnOnce() -> Result<Secret, E>,
    ) -> Result<Result<Secret, E>, VaultError> {
        if let Some(known) = self.generated_known(service, name)? {
            return Ok(Ok(known));
        }
        self.vault.commit(&self.id, |transaction| {
            change_service(transaction, service, |document| {
                match document.generated.0.entry(name.to_owned()) {
                    Entry::Occupied(known) => Ok(known.get().clone()),
                    Entry::Vacant(place) => make().map(|secret| place.insert(secret).clone()),
                }
            })
        })
    }

    /// Keeps everything as it is now, so that it can be restored. The same content gives the same id.
    ///
    /// # Errors
    /// If the vault cannot be read or written.
    pub fn snapshot(&self) -> Result<String, VaultError> {
        self.vault.snapshot(&self.id)
    }

    /// Makes everything what it was at the snapshot; the generation still goes up.
    ///
    /// # Errors
    /// [`VaultError::Snapshot`] if there is no such snapshot of this project and environment; any other
    /// if the vault cannot be read or written.
    pub fn restore(&self, snapshot: &str) -> Result<(), VaultError> {
        self.vault.restore(&self.id, snapshot)
    }

    /// Service and name of every credential whose value now differs from that at the snapshot, sorted.
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    pub fn credentials_changed_since(&self, snapshot: &str) -> Result<Vec<(String, String)>, VaultError> {
        let manifest = self.vault.manifest(&self.id)?;
        let then = self.vault.entries_at(&self.id, snapshot)?;
        let entries: BTreeSet<&str> = then
            .iter()
            .chain(manifest.entries.keys())
            .filter_map(|entry| entry.strip_prefix(SERVICE))
            .collect();
        let mut changed = Vec::new();
        for service in entries {
            let now = self.document(service)?.credentials.0;
            let kept = self.vault.read_at(&self.id, snapshot, &service_entry(service))?;
            let then = read_service(kept, service)?.credentials.0;
            let names: BTreeSet<&String> = now.keys().chain(then.keys()).collect();
            let differing = names.into_iter().filter(|name| now.get(*name) != then.get(*name));
            changed.extend(differing.map(|name| (owner(service), name.clone())));
        }
        Ok(changed)
    }

    /// Ids of the snapshots, oldest first.
    ///
    /// # Errors
    /// If the vault cannot be read.
    pub fn snapshots(&self) -> Result<Vec<String>, VaultError> {
        self.vault.snapshots(&self.id)
    }

    /// Service and name of every credential, sorted; the project's own secrets stand under `secrets`.
    pub(crate) fn credential_names(&self) -> Result<Vec<(String, String)>, VaultError> {
        let manifest = self.vault.manifest(&self.id)?;
        let mut names = Vec::new();
        for service in manifest.entries.keys().filter_map(|entry| entry.strip_prefix(SERVICE)) {
            let credentials = self.credentials(service)?;
            names.extend(credentials.into_keys().map(|name| (owner(service), name)));
        }
        Ok(names)
    }

    /// Removes one credential; false if there was none.
    pub(crate) fn remove_credential(&self, service: &str, name: &str) -> Result<bool, VaultError> {
        self.vault.commit(&self.id, |transaction| {
            change_service(transaction, service, |document| document.credentials.0.remove(name).is_some())
        })
    }

    fn document(&self, service: &str) -> Result<ServiceDocument, VaultError> {
        read_service(self.vault.read(&self.id, &service_entry(service))?, service)
    }
}

/// Whose credentials these are, as people address them.
fn owner(service: &str) -> String {
    if service == APP { BARE.to_owned() } else { service.to_owned() }
}

fn change_service<T>(
    transaction: &mut Transaction<'_>,
    service: &str,
    change: impl FnOnce(&mut ServiceDocument) -> T,
) -> Result<T, VaultError> {
    let entry = service_entry(service);
    let mut document = read_service(transaction.read(&entry)?, service)?;
    let answer = change(&mut document);
    if document == ServiceDocument::default() {
        transaction.remove(&entry);
    } else {
        transaction.write(&entry, encode_for(&entry, &document)?);
    }
    Ok(answer)
}

fn change_states(
    transaction: &mut Transaction<'_>,
    changes: BTreeMap<String, Option<Value>>,
) -> Result<(), VaultError> {
    if changes.is_empty() {
        return Ok(());
    }
    let mut states = read_states(transaction.read(STATES)?)?;
    for (service, state) in changes {
        match state {
            Some(state) => states.insert(service, state),
            None => states.remove(&service),
        };
    }
    if states.is_empty() {
        transaction.remove(STATES);
    } else {
        transaction.write(STATES, encode_for(STATES, &states)?);
    }
    Ok(())
}

fn read_states(plaintext: Option<Plaintext>) -> Result<BTreeMap<String, Value>, VaultError> {
    let Some(plaintext) = plaintext else { return Ok(BTreeMap::new()) };
    serde_json::from_slice(&plaintext).map_err(|error| malformed(STATES, &error))
}
