//! The single steps of the TUF client workflow: bytes in, verified metadata out.
//!
//! Nothing here reads a file or a clock, and nothing remembers.

use std::collections::BTreeSet;

use serde::de::DeserializeOwned;
use tough::schema::key::Key;
use tough::schema::{Metafile, Role, Root, Signed, Snapshot, Targets, Timestamp};

use super::error::{MetadataError, MetadataFault};
use crate::{Digest, layout};

/// Largest root, in bytes. One with ten keys has three kilobytes.
pub(crate) const MAX_ROOT: u64 = 128 * 1024;
/// Most roots that are followed from the pinned one.
pub(crate) const MAX_ROOTS: u64 = 256;
/// Largest timestamp, in bytes.
pub(crate) const MAX_TIMESTAMP: u64 = 16 * 1024;
/// Largest other file of metadata, in bytes, whatever is signed for: a snapshot of 20,000 namespaces.
const MAX_OTHER: u64 = 4 * 1024 * 1024;

/// The root that a person or this program trusts to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pinned {
    /// Its version.
    pub version: u64,
    /// Digest of its file.
    pub digest: Digest,
}

/// What the metadata above a file says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Expected {
    pub version: u64,
    /// Its size in bytes.
    pub length: u64,
    pub digest: Digest,
}

/// Reads the pinned root.
pub(crate) fn pinned_root(bytes: &[u8], pinned: &Pinned) -> Result<Signed<Root>, MetadataError> {
    let file = layout::root(pinned.version);
    let found = Digest::of(bytes);
    if found != pinned.digest {
        return Err(
            MetadataFault::Fingerprint { expected: Box::new(pinned.digest), found: Box::new(found) }.of(file)
        );
    }
    let root: Signed<Root> = parse(&file, bytes, MAX_ROOT)?;
    check_root(&file, &root, &root, pinned.version)?;
    Ok(root)
}

/// Reads the root that follows `trusted`: signed by the keys of both.
pub(crate) fn read_root(trusted: &Signed<Root>, bytes: &[u8]) -> Result<Signed<Root>, MetadataError> {
    let version = trusted.signed.version.get().saturating_add(1);
    let file = layout::root(version);
    let root: Signed<Root> = parse(&file, bytes, MAX_ROOT)?;
    check_root(&file, trusted, &root, version)?;
    check_root(&file, &root, &root, version)?;
    Ok(root)
}

fn check_root(file: &str, by: &Signed<Root>, root: &Signed<Root>, version: u64) -> Result<(), MetadataError> {
    by.signed.verify_role(root).map_err(|error| unsigned(file, &error))?;
    check_version(file, version, root.signed.version.get())?;
    for keys in root.signed.roles.values() {
        distinct(file, keys.keyids.iter().filter_map(|id| root.signed.keys.get(id)))?;
    }
    Ok(())
}

/// Reads the timestamp.
pub(crate) fn read_timestamp(root: &Signed<Root>, bytes: &[u8]) -> Result<Signed<Timestamp>, MetadataError> {
    let timestamp: Signed<Timestamp> = parse(layout::TIMESTAMP, bytes, MAX_TIMESTAMP)?;
    root.signed.verify_role(&timestamp).map_err(|error| unsigned(layout::TIMESTAMP, &error))?;
    expect_snapshot(&timestamp)?;
    Ok(timestamp)
}

/// What the timestamp says of the snapshot.
pub(crate) fn expect_snapshot(timestamp: &Signed<Timestamp>) -> Result<Expected, MetadataError> {
    expected(layout::SNAPSHOT, timestamp.signed.meta.get(layout::SNAPSHOT))
}

/// Reads the snapshot that the timestamp names.
pub(crate) fn read_snapshot(
    root: &Signed<Root>,
    timestamp: &Signed<Timestamp>,
    bytes: &[u8],
) -> Result<Signed<Snapshot>, MetadataError> {
    let expected = expect_snapshot(timestamp)?;
    let snapshot: Signed<Snapshot> = parse_expected(layout::SNAPSHOT, bytes, &expected)?;
    root.signed.verify_role(&snapshot).map_err(|error| unsigned(layout::SNAPSHOT, &error))?;
    Ok(snapshot)
}

/// What the snapshot says of `targets.json` or of the role of a namespace.
pub(crate) fn expect_targets(
    snapshot: &Signed<Snapshot>,
    namespace: Option<&str>,
) -> Result<Expected, MetadataError> {
    let file = targets_file(namespace);
    expected(&file, snapshot.signed.meta.get(&file))
}

/// Reads `targets.json`, or the role that it delegates a namespace to.
pub(crate) fn read_targets(
    root: &Signed<Root>,
    snapshot: &Signed<Snapshot>,
    delegated: Option<(&Signed<Targets>, &str)>,
    bytes: &[u8],
) -> Result<Signed<Targets>, MetadataError> {
    let namespace = delegated.map(|(_, namespace)| namespace);
    let file = targets_file(namespace);
    let expected = expect_targets(snapshot, namespace)?;
    let targets: Signed<Targets> = parse_expected(&file, bytes, &expected)?;
    let verified = match (delegated.and_then(|(above, _)| above.signed.delegations.as_ref()), namespace) {
        (_, None) => root.signed.verify_role(&targets),
        (Some(delegations), Some(namespace)) => delegations.verify_role(&targets, &layout::role(namespace)),
        (None, Some(_)) => return Err(MetadataFault::Unlisted.of(file)),
    };
    verified.map_err(|error| unsigned(&file, &error))?;
    match namespace {
        None => check_delegations(&file, &targets.signed)?,
        Some(namespace) => check_paths(&file, namespace, &targets.signed)?,
    }
    Ok(targets)
}

/// Each key of a namespace counts once.
fn check_delegations(file: &str, targets: &Targets) -> Result<(), MetadataError> {
    let Some(delegations) = &targets.delegations else { return Ok(()) };
    delegations
        .roles
        .iter()
        .try_for_each(|role| distinct(file, role.keyids.iter().filter_map(|id| delegations.keys.get(id))))
}

/// A role says something about the files of its own namespace and nothing else, and delegates nothing. The
/// patterns of the delegation say the same; these are stricter, as `*` there matches a slash too.
fn check_paths(file: &str, namespace: &str, targets: &Targets) -> Result<(), MetadataError> {
    for target in targets.targets.keys() {
        let plugin = layout::plugin_of_index(target.raw()).or_else(|| layout::plugin_of_marks(target.raw()));
        if plugin.is_none_or(|plugin| plugin.namespace() != namespace) {
            let (namespace, path) = (namespace.to_owned(), target.raw().to_owned());
            return Err(MetadataFault::Foreign { namespace, path }.of(file));
        }
    }
    if targets.delegations.as_ref().is_some_and(|delegations| !delegations.roles.is_empty()) {
        let reason = "it delegates further, which a namespace may not".to_owned();
        return Err(MetadataFault::Malformed { reason }.of(file));
    }
    Ok(())
}

/// `tough` counts identities, and an identity covers more than the key itself.
fn distinct<'a>(file: &str, keys: impl Iterator<Item = &'a Key>) -> Result<(), MetadataError> {
    let mut seen = BTreeSet::new();
    for key in keys {
        let public: &[u8] = match key {
            Key::Ed25519 { keyval, .. } => &keyval.public,
            Key::Rsa { keyval, .. } => &keyval.public,
            Key::Ecdsa { keyval, .. } | Key::EcdsaOld { keyval, .. } => &keyval.public,
        };
        if !seen.insert(public) {
            return Err(MetadataFault::SharedKey.of(file));
        }
    }
    Ok(())
}

fn expected(file: &str, meta: Option<&Metafile>) -> Result<Expected, MetadataError> {
    let full = meta.and_then(|meta| {
        let digest = Digest::from_hex(&hex::encode(&meta.hashes.as_ref()?.sha256))?;
        Some(Expected { version: meta.version.get(), length: meta.length?, digest })
    });
    let expected = full.ok_or_else(|| MetadataFault::Unlisted.of(file))?;
    if expected.length > MAX_OTHER {
        return Err(MetadataFault::TooLarge { limit: MAX_OTHER }.of(file));
    }
    Ok(expected)
}

fn parse_expected<T: DeserializeOwned + Role>(
    file: &str,
    bytes: &[u8],
    expected: &Expected,
) -> Result<Signed<T>, MetadataError> {
    if bytes.len() as u64 != expected.length || Digest::of(bytes) != expected.digest {
        return Err(MetadataFault::Digest.of(file));
    }
    let signed: Signed<T> = parse(file, bytes, MAX_OTHER)?;
    check_version(file, expected.version, signed.signed.version().get())?;
    Ok(signed)
}

fn check_version(file: &str, expected: u64, found: u64) -> Result<(), MetadataError> {
    if expected == found { Ok(()) } else { Err(MetadataFault::Version { expected, found }.of(file)) }
}

fn parse<T: DeserializeOwned>(file: &str, bytes: &[u8], limit: u64) -> Result<T, MetadataError> {
    if bytes.len() as u64 > limit {
        return Err(MetadataFault::TooLarge { limit }.of(file));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| MetadataFault::Malformed { reason: error.to_string() }.of(file))
}

fn unsigned(file: &str, error: &tough::schema::Error) -> MetadataError {
    MetadataFault::Signatures { reason: error.to_string() }.of(file)
}

fn targets_file(namespace: Option<&str>) -> String {
    namespace.map_or_else(|| layout::TARGETS.to_owned(), layout::delegated)
}
