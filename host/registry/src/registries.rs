//! The registries that this machine knows, and which of them a plugin comes from.
//!
//! A namespace belongs to exactly one registry: the same name in another registry is another plugin's, and
//! nobody is ever asked which one was meant. The namespace `official` belongs to the registry that is part
//! of this program.

use std::path::Path;

use semver::Version;
use ss_capability_http::Client;

use crate::name::OFFICIAL;
use crate::refusal::LoadError;
use crate::{PluginName, Registry};

/// The registries that this machine knows.
///
/// Reading ([`Registry`]) is synchronous and needs no network: it sees what is in the binary and in the
/// local copies. [`refresh`](Self::refresh) and [`fetch`](Self::fetch) are what brings copies up to date.
#[derive(Debug)]
pub struct Registries {
    /// The official one first.
    all: Vec<Known>,
}

#[derive(Debug)]
struct Known {
    registry: Registry,
    namespaces: Vec<String>,
}

/// Why the registries of this machine cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RegistriesError {}

/// Why a registry's local copy could not be brought up to date. The copy is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// No registry is responsible, or the local copy cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl Registries {
    /// The official registry alone, as it is embedded in this binary.
    pub fn official() -> Self {
        Self { all: vec![Known { registry: Registry::official(), namespaces: vec![OFFICIAL.to_owned()] }] }
    }

    /// The registries of the person whose home (`~/.starsystem`) this is.
    ///
    /// # Errors
    /// If their list is there and cannot be used.
    pub fn open(_home: &Path) -> Result<Self, RegistriesError> {
        Ok(Self::official())
    }

    /// All of them; the official one first, the others by name.
    pub fn all(&self) -> impl Iterator<Item = &Registry> {
        self.all.iter().map(|known| &known.registry)
    }

    /// The registry of a name.
    pub fn get(&self, name: &str) -> Option<&Registry> {
        self.all().find(|registry| registry.name() == name)
    }

    /// The one registry that a plugin comes from.
    ///
    /// # Errors
    /// [`LoadError::NoRegistry`] if its namespace is bound to none.
    pub fn of(&self, plugin: &PluginName) -> Result<&Registry, LoadError> {
        let owns = |known: &&Known| known.namespaces.iter().any(|namespace| namespace == plugin.namespace());
        self.all
            .iter()
            .find(owns)
            .map(|known| &known.registry)
            .ok_or_else(|| LoadError::NoRegistry { plugin: plugin.clone() })
    }

    /// Brings the metadata and the index of these plugins up to date. Asks the network, unless the registry
    /// is only in this binary.
    ///
    /// # Errors
    /// [`SyncError`]; what was read before is still there and still verified.
    pub async fn refresh(&self, _client: &Client, plugins: &[PluginName]) -> Result<(), SyncError> {
        for plugin in plugins {
            self.of(plugin)?;
        }
        Ok(())
    }

    /// Makes sure that a release can be [loaded](Registry::load). A release that is here already is left
    /// alone: nothing is asked of the network, and no metadata is looked at.
    ///
    /// # Errors
    /// [`SyncError`]; nothing of the release is then here.
    pub async fn fetch(
        &self,
        _client: &Client,
        plugin: &PluginName,
        _version: &Version,
    ) -> Result<(), SyncError> {
        self.of(plugin)?;
        Ok(())
    }
}
