//! Who signs for a namespace, as `targets.json` says it.
//!
//! TUF knows the keys that sign today. Releases are signed once and stay, so `targets.json` also lists, in
//! a field of its own, keys that were retired in good order: they open old statements and sign no role.

use std::num::NonZeroU64;

use serde_json::{Value, json};
use tough::schema::key::Key;
use tough::schema::{DelegatedRole, PathPattern, PathSet, Targets};

use super::error::{MetadataError, MetadataFault, WriteError};
use super::write::{Delegate, key_id, tuf_key};
use crate::key::{Delegation, PublicKey};
use crate::layout;

/// Field of `targets.json` with the retired keys of each namespace.
const RETIRED: &str = "x-starsystem-retired";

/// Who may sign releases of a namespace, if it is delegated.
pub(super) fn delegation(targets: &Targets, namespace: &str) -> Result<Option<Delegation>, MetadataError> {
    let Some(delegations) = &targets.delegations else { return Ok(None) };
    let Some(role) = delegations.roles.iter().find(|role| role.name == layout::role(namespace)) else {
        return Ok(None);
    };
    let mut keys = Vec::new();
    for key in role.keyids.iter().filter_map(|id| delegations.keys.get(id)) {
        let public = match key {
            Key::Ed25519 { keyval, .. } => PublicKey::from_bytes(&keyval.public),
            _ => None,
        };
        let namespace = || namespace.to_owned();
        keys.push(
            public.ok_or_else(|| MetadataFault::KeyKind { namespace: namespace() }.of(layout::TARGETS))?,
        );
    }
    keys.extend(retired(targets, namespace));
    let threshold = usize::try_from(role.threshold.get()).unwrap_or(usize::MAX);
    Ok(Some(Delegation { namespace: namespace.to_owned(), keys, threshold }))
}

/// The retired keys of a namespace.
fn retired(targets: &Targets, namespace: &str) -> Vec<PublicKey> {
    let keys = targets._extra.get(RETIRED).and_then(|all| all.get(namespace)).and_then(Value::as_array);
    keys.into_iter().flatten().filter_map(|key| PublicKey::from_hex(key.as_str()?).ok()).collect()
}

/// Says who signs for a namespace from now on.
pub(super) fn set_delegate(targets: &mut Targets, delegate: &Delegate) -> Result<(), WriteError> {
    let namespace = &delegate.delegation.namespace;
    let mut delegations = targets.delegations.take().unwrap_or_default();
    let mut keyids = Vec::new();
    for key in &delegate.delegation.keys {
        let id = key_id(key)?;
        delegations.keys.insert(id.clone(), tuf_key(key)?);
        keyids.push(id);
    }
    let threshold = NonZeroU64::new(delegate.delegation.threshold as u64).unwrap_or(NonZeroU64::MIN);
    let role = DelegatedRole {
        name: layout::role(namespace),
        keyids,
        threshold,
        paths: PathSet::Paths(patterns(namespace)?),
        terminating: true,
        targets: None,
    };
    delegations.roles.retain(|known| known.name != role.name);
    delegations.roles.push(role);
    delegations.roles.sort_by(|a, b| a.name.cmp(&b.name));
    let used: Vec<_> = delegations.roles.iter().flat_map(|role| role.keyids.clone()).collect();
    delegations.keys.retain(|id, _| used.contains(id));
    targets.delegations = Some(delegations);
    set_retired(targets, namespace, &delegate.retired);
    Ok(())
}

fn set_retired(targets: &mut Targets, namespace: &str, keys: &[PublicKey]) {
    let mut all = targets._extra.remove(RETIRED).unwrap_or_else(|| json!({}));
    let Some(map) = all.as_object_mut() else { return };
    map.remove(namespace);
    if !keys.is_empty() {
        map.insert(namespace.to_owned(), keys.iter().map(PublicKey::to_hex).collect());
    }
    if !map.is_empty() {
        targets._extra.insert(RETIRED.to_owned(), all);
    }
}

/// The files of a namespace as TUF patterns, for other TUF clients: below one folder, or below two.
fn patterns(namespace: &str) -> Result<Vec<PathPattern>, WriteError> {
    let mut patterns = Vec::new();
    for kind in ["index", "marks"] {
        for folders in ["*", "*/*"] {
            let pattern = PathPattern::new(format!("{kind}/{folders}/{namespace}/*"));
            patterns.push(pattern.map_err(|error| WriteError::encode(layout::TARGETS, &error))?);
        }
    }
    Ok(patterns)
}
