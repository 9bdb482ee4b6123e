//! The metadata of a registry at one moment, verified from the pinned root down.

use std::collections::BTreeMap;

use jiff::Timestamp as Time;
use tough::TargetName;
use tough::schema::{Role, Root, Signed, Snapshot, Targets, Timestamp};

use super::error::{MetadataError, MetadataFault};
use super::step::{self, Pinned};
use super::{Floor, delegates, write};
use crate::key::Delegation;
use crate::source::{Source, SourceError};
use crate::{Digest, PluginName, layout};

/// Verified metadata.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    pub root: Signed<Root>,
    pub timestamp: Signed<Timestamp>,
    pub snapshot: Signed<Snapshot>,
    pub targets: Signed<Targets>,
    /// By namespace; only those that are here.
    pub roles: BTreeMap<String, Signed<Targets>>,
}

/// What signed metadata says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fact {
    /// Its size in bytes.
    pub length: u64,
    pub digest: Digest,
}

/// Why there is no chain.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ChainError {
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    #[error(transparent)]
    Source(#[from] SourceError),
}

impl Chain {
    /// Reads and verifies the metadata that a source has. Whether it is out of date is not asked.
    pub(crate) fn open(source: &dyn Source, pinned: &Pinned) -> Result<Self, ChainError> {
        let root = newest_root(source, pinned)?;
        let timestamp = step::read_timestamp(&root, &read(source, layout::TIMESTAMP, step::MAX_TIMESTAMP)?)?;
        let length = step::expect_snapshot(&timestamp)?.length;
        let snapshot = step::read_snapshot(&root, &timestamp, &read(source, layout::SNAPSHOT, length)?)?;
        let length = step::expect_targets(&snapshot, None)?.length;
        let targets = step::read_targets(&root, &snapshot, None, &read(source, layout::TARGETS, length)?)?;
        let mut chain = Self { root, timestamp, snapshot, targets, roles: BTreeMap::new() };
        for namespace in chain.namespaces() {
            if !chain.lists(&namespace) {
                continue;
            }
            let length = step::expect_targets(&chain.snapshot, Some(&namespace))?.length;
            if let Some(bytes) = source.read(&layout::delegated(&namespace), length)? {
                let role = step::read_targets(
                    &chain.root,
                    &chain.snapshot,
                    Some((&chain.targets, &namespace)),
                    &bytes,
                )?;
                chain.roles.insert(namespace, role);
            }
        }
        Ok(chain)
    }

    /// How new it is.
    pub(crate) fn floor(&self) -> Floor {
        Floor {
            root_version: self.root.signed.version.get(),
            snapshot_version: self.snapshot.signed.version.get(),
        }
    }

    /// The namespaces that are delegated, sorted.
    pub(crate) fn namespaces(&self) -> Vec<String> {
        let roles = self.targets.signed.delegations.iter().flat_map(|delegations| &delegations.roles);
        let mut names: Vec<_> =
            roles.filter_map(|role| layout::namespace_of_role(&role.name)).map(str::to_owned).collect();
        names.sort();
        names.dedup();
        names
    }

    /// Whether a namespace has metadata: a new one has none before its first release. One that had some
    /// may not lose it.
    pub(crate) fn lists(&self, namespace: &str) -> bool {
        self.snapshot.signed.meta.contains_key(&layout::delegated(namespace))
    }

    /// Who may sign releases of a namespace, if it is delegated: the keys that sign its role, and those
    /// that did in their time and were retired in good order.
    pub(crate) fn delegation(&self, namespace: &str) -> Result<Option<Delegation>, MetadataError> {
        delegates::delegation(&self.targets.signed, namespace)
    }

    /// The plugins that have an index, sorted; of the namespaces that are here.
    pub(crate) fn plugins(&self) -> Vec<PluginName> {
        let targets = self.roles.values().flat_map(|role| role.signed.targets.keys());
        let mut plugins: Vec<_> =
            targets.filter_map(|target| layout::plugin_of_index(target.raw())).collect();
        plugins.sort();
        plugins
    }

    /// What is signed of a file of a namespace.
    pub(crate) fn fact(&self, namespace: &str, path: &str) -> Option<Fact> {
        let name = TargetName::new(path).ok()?;
        let target = self.roles.get(namespace)?.signed.targets.get(&name)?;
        let digest = Digest::from_hex(&hex::encode(&target.hashes.sha256))?;
        Some(Fact { length: target.length, digest })
    }

    /// What the namespace says of a plugin beside its index: for people who search.
    pub(crate) fn summary(&self, plugin: &PluginName) -> Option<(&str, &str)> {
        let name = TargetName::new(layout::index(plugin)).ok()?;
        let custom = &self.roles.get(plugin.namespace())?.signed.targets.get(&name)?.custom;
        Some((custom.get(write::NEWEST)?.as_str()?, custom.get(write::DESCRIPTION)?.as_str()?))
    }

    /// Whether all of it is still in date at this time.
    pub(crate) fn check_fresh(&self, now: Time) -> Result<(), MetadataError> {
        let newest_root = layout::root(self.root.signed.version.get());
        fresh(&newest_root, &self.root.signed, now)?;
        fresh(layout::TIMESTAMP, &self.timestamp.signed, now)?;
        fresh(layout::SNAPSHOT, &self.snapshot.signed, now)?;
        fresh(layout::TARGETS, &self.targets.signed, now)?;
        self.roles
            .iter()
            .try_for_each(|(namespace, role)| fresh(&layout::delegated(namespace), &role.signed, now))
    }

    /// Whether it may take the place of what was seen before. What the keys of today would not have signed
    /// is no longer believed, versions included: so a registry recovers from a thief who pushed them up.
    pub(crate) fn check_succeeds(&self, seen: &Self) -> Result<(), MetadataError> {
        not_older(
            &layout::root(self.root.signed.version.get()),
            seen.root.signed.version.get(),
            self.root.signed.version.get(),
        )?;
        if self.root.signed.verify_role(&seen.timestamp).is_ok() {
            let (old, new) = (&seen.timestamp.signed, &self.timestamp.signed);
            not_older(layout::TIMESTAMP, old.version.get(), new.version.get())?;
        }
        if self.root.signed.verify_role(&seen.snapshot).is_err() {
            return Ok(());
        }
        let (old, new) = (&seen.snapshot.signed, &self.snapshot.signed);
        not_older(layout::SNAPSHOT, old.version.get(), new.version.get())?;
        for (role, before) in &old.meta {
            let now = new
                .meta
                .get(role)
                .ok_or_else(|| MetadataFault::Dropped { role: role.clone() }.of(layout::SNAPSHOT))?;
            not_older(role, before.version.get(), now.version.get())?;
        }
        Ok(())
    }
}

fn newest_root(source: &dyn Source, pinned: &Pinned) -> Result<Signed<Root>, ChainError> {
    let mut root = step::pinned_root(&read(source, &layout::root(pinned.version), step::MAX_ROOT)?, pinned)?;
    for _ in 0..step::MAX_ROOTS {
        let next = layout::root(root.signed.version.get().saturating_add(1));
        match source.read(&next, step::MAX_ROOT)? {
            Some(bytes) => root = step::read_root(&root, &bytes)?,
            None => return Ok(root),
        }
    }
    let file = layout::root(root.signed.version.get());
    Err(MetadataFault::TooManyRoots { limit: step::MAX_ROOTS }.of(file).into())
}

fn read(source: &dyn Source, path: &str, limit: u64) -> Result<Vec<u8>, ChainError> {
    match source.read(path, limit) {
        Ok(Some(bytes)) => Ok(bytes.into_owned()),
        Ok(None) => Err(MetadataFault::Missing.of(path).into()),
        Err(SourceError::TooLarge { path, limit }) => Err(MetadataFault::TooLarge { limit }.of(path).into()),
        Err(error) => Err(error.into()),
    }
}

fn fresh(file: &str, role: &impl Role, now: Time) -> Result<(), MetadataError> {
    if role.expires() > now {
        return Ok(());
    }
    Err(MetadataFault::Expired { at: role.expires().to_string() }.of(file))
}

fn not_older(file: &str, seen: u64, offered: u64) -> Result<(), MetadataError> {
    if offered >= seen { Ok(()) } else { Err(MetadataFault::Older { seen, offered }.of(file)) }
}
