//! Writing the metadata of a registry that lies in a folder.
//!
//! A file is written only if what it says has changed, and everything in it follows from the files, the
//! keys and the time that was given: the same input gives the same bytes. The order is from the inside
//! out, the timestamp last: it is what makes a new state the current one.

use std::collections::HashMap;
use std::num::NonZeroU64;
use std::path::Path;

use jiff::{SignedDuration, Timestamp as Time};
use serde::Serialize;
use serde_json::{Value, json};
use tough::TargetName;
use tough::schema::decoded::{Decoded, Hex};
use tough::schema::key::Key;
use tough::schema::{
    DelegatedRole, Hashes, Metafile, Role, RoleKeys, RoleType, Root, Signature, Signed, Snapshot, Target,
    Targets, Timestamp as TimestampRole,
};

use super::chain::Chain;
use super::delegates;
use super::error::{MetadataFault, WriteError};
use super::step::Pinned;
use crate::dsse::{Envelope, MAX_ENVELOPE};
use crate::index::{Index, MAX_INDEX, Marks};
use crate::key::{Delegation, PublicKey, SigningKey};
use crate::source::{Directory, Source as _};
use crate::statement::{PAYLOAD_TYPE, Statement};
use crate::{Digest, PluginName, Timestamp, layout};

/// Version of the TUF specification.
const SPEC: &str = "1.0.0";
/// Field of a target's `custom`: the newest version that was not taken back.
pub(super) const NEWEST: &str = "newest";
/// Field of a target's `custom`: the description of that version.
pub(super) const DESCRIPTION: &str = "description";

/// How long each file is in date. Everything but the timestamp is signed by people when something changes;
/// the timestamp says that nothing has, and bounds how long a newer state can be held back.
mod lifetime {
    use jiff::SignedDuration;

    const fn days(days: i64) -> SignedDuration {
        SignedDuration::from_hours(24 * days)
    }
    pub(super) const ROOT: SignedDuration = days(3 * 365);
    pub(super) const TARGETS: SignedDuration = days(2 * 365);
    pub(super) const NAMESPACE: SignedDuration = days(2 * 365);
    pub(super) const SNAPSHOT: SignedDuration = days(365);
    pub(super) const TIMESTAMP: SignedDuration = days(90);
}

/// A role of the registry itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RoleName {
    /// Says which keys the others have; offline.
    Root,
    /// Says which keys each namespace has; offline.
    Targets,
    /// Says which state of each namespace belongs together.
    Snapshot,
    /// Says which snapshot is the current one.
    Timestamp,
}

impl RoleName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Root, Self::Targets, Self::Snapshot, Self::Timestamp];

    /// Its name in the metadata.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Root => "root",
            Self::Targets => "targets",
            Self::Snapshot => "snapshot",
            Self::Timestamp => "timestamp",
        }
    }

    fn kind(self) -> RoleType {
        match self {
            Self::Root => RoleType::Root,
            Self::Targets => RoleType::Targets,
            Self::Snapshot => RoleType::Snapshot,
            Self::Timestamp => RoleType::Timestamp,
        }
    }
}

/// Who signs for a namespace.
#[derive(Debug, Clone)]
pub struct Delegate {
    /// The keys, and how many of them must sign.
    pub delegation: Delegation,
    /// Keys that signed in their time and do so no longer; releases of then stay good.
    pub retired: Vec<PublicKey>,
}

/// What writing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// There is a new state.
    Changed,
    /// Nothing had changed, so nothing was written.
    Unchanged,
}

/// A registry in a folder, with the keys that whoever works on it holds. Which of them signs what, the
/// metadata says.
#[derive(Debug)]
pub struct Custody<'a> {
    /// The folder.
    pub folder: &'a Path,
    /// The keys at hand.
    pub keys: Vec<&'a SigningKey>,
    /// The time: of signing, and from which the files are in date.
    pub now: Timestamp,
}

impl Custody<'_> {
    /// Starts a registry: the keys of each role, one must sign.
    ///
    /// # Errors
    /// [`WriteError`]; nothing current is changed.
    pub fn found(&self, roles: &[(RoleName, PublicKey)]) -> Result<(), WriteError> {
        if self.folder.join(layout::root(1)).exists() {
            return Err(WriteError::Exists);
        }
        let mut root = Root {
            spec_version: SPEC.to_owned(),
            consistent_snapshot: false,
            version: NonZeroU64::MIN,
            expires: self.until(lifetime::ROOT),
            keys: HashMap::new(),
            roles: HashMap::new(),
            _extra: HashMap::new(),
        };
        for (role, key) in roles {
            set_role(&mut root, *role, &[*key])?;
        }
        let targets = self.sign(
            layout::TARGETS,
            self.targets(1, lifetime::TARGETS),
            &root_role(&root, RoleName::Targets),
        )?;
        let root = self.sign(&layout::root(1), root.clone(), &root_role(&root, RoleName::Root))?;
        let mut pending = Pending::default();
        pending.add(&layout::root(1), &root)?;
        pending.add(layout::TARGETS, &targets)?;
        self.sign_current(&root, &targets, None, false, &mut pending)?;
        self.write(pending).map(|_| ())
    }

    /// Says who signs for a namespace.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn delegate(&self, delegate: &Delegate) -> Result<Written, WriteError> {
        let chain = self.chain()?;
        let mut targets = chain.targets.signed.clone();
        delegates::set_delegate(&mut targets, delegate)?;
        if targets == chain.targets.signed {
            return self.seal();
        }
        targets.version = next(targets.version);
        targets.expires = self.until(lifetime::TARGETS);
        let targets =
            self.sign(layout::TARGETS, targets, &root_role(&chain.root.signed, RoleName::Targets))?;
        let mut pending = Pending::default();
        pending.add(layout::TARGETS, &targets)?;
        self.sign_current(&chain.root, &targets, Some(&chain), false, &mut pending)?;
        self.write(pending)
    }

    /// Gives a role of the registry other keys: a new root, signed by the old and the new.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn rotate(&self, role: RoleName, keys: &[PublicKey]) -> Result<(), WriteError> {
        let chain = self.chain()?;
        let old = &chain.root.signed;
        let mut root = old.clone();
        set_role(&mut root, role, keys)?;
        root.version = next(root.version);
        root.expires = self.until(lifetime::ROOT);
        let file = layout::root(root.version.get());
        let mut signed = self.sign(&file, root.clone(), &root_role(old, RoleName::Root))?;
        let by_new = self.sign(&file, root.clone(), &root_role(&root, RoleName::Root))?;
        for signature in by_new.signatures {
            if !signed.signatures.contains(&signature) {
                signed.signatures.push(signature);
            }
        }
        let targets = if role == RoleName::Targets {
            let mut targets = chain.targets.signed.clone();
            targets.version = next(targets.version);
            self.sign(layout::TARGETS, targets, &root_role(&root, RoleName::Targets))?
        } else {
            chain.targets.clone()
        };
        let mut pending = Pending::default();
        if role == RoleName::Targets {
            pending.add(layout::TARGETS, &targets)?;
        }
        // The root last: what it no longer trusts is signed anew by then.
        self.sign_current(&signed, &targets, Some(&chain), false, &mut pending)?;
        pending.add(&file, &signed)?;
        self.write(pending).map(|_| ())
    }

    /// Brings the metadata in line with the index files and the marks.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn seal(&self) -> Result<Written, WriteError> {
        self.bring_up_to_date(false)
    }

    /// Signs the timestamp anew, so that it stays in date though nothing has changed.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn renew(&self) -> Result<Written, WriteError> {
        self.bring_up_to_date(true)
    }

    fn bring_up_to_date(&self, afresh: bool) -> Result<Written, WriteError> {
        let chain = self.chain()?;
        let mut pending = Pending::default();
        self.sign_current(&chain.root, &chain.targets, Some(&chain), afresh, &mut pending)?;
        self.write(pending)
    }

    /// Whether the keys at hand can make a change of a namespace the current state. To be asked before any
    /// file of it is changed: clients refuse index files that the metadata does not describe.
    ///
    /// # Errors
    /// [`WriteError::MissingKey`], [`WriteError::NoNamespace`], or what is wrong with the metadata.
    pub fn check_keys(&self, namespace: &str) -> Result<(), WriteError> {
        let chain = self.chain()?;
        let root = &chain.root.signed;
        self.signers(layout::SNAPSHOT, &root_role(root, RoleName::Snapshot))?;
        self.signers(layout::TIMESTAMP, &root_role(root, RoleName::Timestamp))?;
        let mut roles = chain.targets.signed.delegations.iter().flat_map(|delegations| &delegations.roles);
        let role = roles
            .find(|role| role.name == layout::role(namespace))
            .ok_or_else(|| WriteError::NoNamespace { namespace: namespace.to_owned() })?;
        self.signers(&layout::delegated(namespace), &Holders::of(role)).map(|_| ())
    }

    /// Fingerprint of the first root: what clients pin.
    ///
    /// # Errors
    /// If there is none.
    pub fn fingerprint(&self) -> Result<Digest, WriteError> {
        fingerprint(&Directory::new(self.folder))
    }

    /// The metadata as it is, held to its own first root.
    fn chain(&self) -> Result<Chain, WriteError> {
        let directory = Directory::new(self.folder);
        let pinned = Pinned { version: 1, digest: fingerprint(&directory)? };
        Ok(Chain::open(&directory, &pinned)?)
    }

    /// Signs roles, snapshot and timestamp where they say something new; the timestamp even where it does
    /// not, if it is wanted `afresh`.
    fn sign_current(
        &self,
        root: &Signed<Root>,
        targets: &Signed<Targets>,
        before: Option<&Chain>,
        afresh: bool,
        pending: &mut Pending,
    ) -> Result<(), WriteError> {
        let mut meta = HashMap::new();
        meta.insert(layout::TARGETS.to_owned(), describe(layout::TARGETS, targets)?);
        for role in targets.signed.delegations.iter().flat_map(|delegations| &delegations.roles) {
            let Some(namespace) = layout::namespace_of_role(&role.name) else { continue };
            let Some(signed) = self.role(namespace, role, &targets.signed, before, pending)? else {
                continue;
            };
            let file = layout::delegated(namespace);
            meta.insert(file.clone(), describe(&file, &signed)?);
        }
        let old = before.map(|chain| &chain.snapshot);
        let current = |snapshot: &Signed<Snapshot>| {
            snapshot.signed.meta == meta && root.signed.verify_role(snapshot).is_ok()
        };
        let snapshot = match old {
            Some(old) if current(old) => old.clone(),
            _ => {
                let version = old.map_or(NonZeroU64::MIN, |old| next(old.signed.version));
                let mut snapshot = Snapshot::new(SPEC.to_owned(), version, self.until(lifetime::SNAPSHOT));
                snapshot.meta = meta;
                let snapshot =
                    self.sign(layout::SNAPSHOT, snapshot, &root_role(&root.signed, RoleName::Snapshot))?;
                pending.add(layout::SNAPSHOT, &snapshot)?;
                snapshot
            }
        };
        let meta = HashMap::from([(layout::SNAPSHOT.to_owned(), describe(layout::SNAPSHOT, &snapshot)?)]);
        let old = before.map(|chain| &chain.timestamp);
        if let Some(old) = old
            && old.signed.meta == meta
            && root.signed.verify_role(old).is_ok()
            && !afresh
        {
            return Ok(());
        }
        let version = old.map_or(NonZeroU64::MIN, |old| next(old.signed.version));
        let mut timestamp = TimestampRole::new(SPEC.to_owned(), version, self.until(lifetime::TIMESTAMP));
        timestamp.meta = meta;
        let timestamp =
            self.sign(layout::TIMESTAMP, timestamp, &root_role(&root.signed, RoleName::Timestamp))?;
        pending.add(layout::TIMESTAMP, &timestamp)
    }

    /// The role of a namespace: as it is if it says what the files say, or else signed anew. None for a new
    /// namespace whose key is not at hand: whoever has it signs the role with the first release.
    fn role(
        &self,
        namespace: &str,
        delegated: &DelegatedRole,
        targets: &Targets,
        before: Option<&Chain>,
        pending: &mut Pending,
    ) -> Result<Option<Signed<Targets>>, WriteError> {
        let old = before.and_then(|chain| chain.roles.get(namespace));
        let now = self.files(namespace, targets, old)?;
        let delegations = targets.delegations.as_ref();
        let still_signed = |old: &Signed<Targets>| {
            delegations.is_some_and(|delegations| delegations.verify_role(old, &delegated.name).is_ok())
        };
        if let Some(old) = old.filter(|old| old.signed.targets == now && still_signed(old)) {
            return Ok(Some(old.clone()));
        }
        let file = layout::delegated(namespace);
        let holders = Holders::of(delegated);
        if old.is_none() && now.is_empty() && self.signers(&file, &holders).is_err() {
            return Ok(None);
        }
        let version = old.map_or(1, |old| old.signed.version.get() + 1);
        let mut role = self.targets(version, lifetime::NAMESPACE);
        role.targets = now;
        let signed = self.sign(&file, role, &holders)?;
        pending.add(&file, &signed)?;
        Ok(Some(signed))
    }

    /// What the folder has of a namespace.
    fn files(
        &self,
        namespace: &str,
        targets: &Targets,
        old: Option<&Signed<Targets>>,
    ) -> Result<HashMap<TargetName, Target>, WriteError> {
        let directory = Directory::new(self.folder);
        let mut files = HashMap::new();
        for plugin in directory.plugins()?.into_iter().filter(|plugin| plugin.namespace() == namespace) {
            for path in [layout::index(&plugin), layout::marks(&plugin)] {
                let Some(bytes) = directory.read(&path, MAX_INDEX as u64)? else { continue };
                let name = target_name(&path)?;
                let mut target = Target {
                    length: bytes.len() as u64,
                    hashes: hashes(&bytes),
                    custom: HashMap::new(),
                    _extra: HashMap::new(),
                };
                if path == layout::index(&plugin) {
                    let known = old.and_then(|old| old.signed.targets.get(&name)).map(|old| &old.custom);
                    target.custom = self
                        .summary(&directory, &plugin, targets)
                        .or_else(|| known.cloned())
                        .unwrap_or_default();
                }
                files.insert(name, target);
            }
        }
        Ok(files)
    }

    /// What people who search are told. None if the newest release cannot be read here.
    fn summary(
        &self,
        directory: &Directory,
        plugin: &PluginName,
        targets: &Targets,
    ) -> Option<HashMap<String, Value>> {
        let read = |path: String, limit: usize| directory.read(&path, limit as u64).ok().flatten();
        let index = Index::parse(plugin, &read(layout::index(plugin), MAX_INDEX)?).ok()?;
        let marks = Marks::parse(&read(layout::marks(plugin), MAX_INDEX).unwrap_or_default()).ok()?;
        let line = index.newest(|line| marks.on(&line.v).is_none())?;
        let envelope = Envelope::parse(&read(layout::statement(line.digest), MAX_ENVELOPE)?).ok()?;
        let signed =
            envelope.open(PAYLOAD_TYPE, &delegates::delegation(targets, plugin.namespace()).ok()??).ok()?;
        let release = Statement::parse(&signed.payload).ok()?.release;
        Some(HashMap::from([
            (NEWEST.to_owned(), json!(release.version.to_string())),
            (DESCRIPTION.to_owned(), json!(release.description)),
        ]))
    }

    fn targets(&self, version: u64, lifetime: SignedDuration) -> Targets {
        let version = NonZeroU64::new(version).unwrap_or(NonZeroU64::MIN);
        Targets::new(SPEC.to_owned(), version, self.until(lifetime))
    }

    fn until(&self, lifetime: SignedDuration) -> Time {
        let now = self.now.to_time();
        now.checked_add(lifetime).unwrap_or(now)
    }

    /// Signs with every key at hand that the role has.
    fn sign<T: Role + Clone>(&self, file: &str, role: T, holders: &Holders) -> Result<Signed<T>, WriteError> {
        let message = role.canonical_form().map_err(|error| WriteError::encode(file, &error))?;
        let signers = self.signers(file, holders)?.into_iter();
        let signatures =
            signers.map(|(key, keyid)| Signature { keyid, sig: key.sign(&message).into() }).collect();
        Ok(Signed { signed: role, signatures })
    }

    /// The keys at hand that may sign a file, with their identities: enough of them.
    fn signers(&self, file: &str, holders: &Holders) -> Result<Vec<(&SigningKey, Decoded<Hex>)>, WriteError> {
        let mut signers: Vec<(&SigningKey, Decoded<Hex>)> = Vec::new();
        for key in self.keys.iter().copied() {
            let id = key_id(&key.public())?;
            if holders.keyids.contains(&id) && signers.iter().all(|(_, known)| *known != id) {
                signers.push((key, id));
            }
        }
        let found = signers.len() as u64;
        if found < holders.threshold {
            let (file, role) = (file.to_owned(), holders.name.clone());
            return Err(WriteError::MissingKey { file, role, needed: holders.threshold, found });
        }
        Ok(signers)
    }

    /// Writes what has been signed, in its order: the timestamp is behind what it makes current.
    fn write(&self, pending: Pending) -> Result<Written, WriteError> {
        if pending.0.is_empty() {
            return Ok(Written::Unchanged);
        }
        for (path, bytes) in &pending.0 {
            crate::publish::write_file(self.folder, path, bytes)?;
        }
        Ok(Written::Changed)
    }
}

/// Files that are signed and not written yet: if one signature cannot be had, none of them is.
#[derive(Default)]
struct Pending(Vec<(String, Vec<u8>)>);

impl Pending {
    fn add<T: Serialize>(&mut self, path: &str, signed: &Signed<T>) -> Result<(), WriteError> {
        self.0.push((path.to_owned(), encode(path, signed)?));
        Ok(())
    }
}

/// Who may sign a file.
struct Holders {
    name: String,
    keyids: Vec<Decoded<Hex>>,
    threshold: u64,
}

impl Holders {
    fn of(role: &DelegatedRole) -> Self {
        Self { name: role.name.clone(), keyids: role.keyids.clone(), threshold: role.threshold.get() }
    }
}

fn root_role(root: &Root, role: RoleName) -> Holders {
    let keys = root.roles.get(&role.kind());
    Holders {
        name: role.as_str().to_owned(),
        keyids: keys.map(|keys| keys.keyids.clone()).unwrap_or_default(),
        threshold: keys.map_or(1, |keys| keys.threshold.get()),
    }
}

fn set_role(root: &mut Root, role: RoleName, keys: &[PublicKey]) -> Result<(), WriteError> {
    let mut keyids = Vec::new();
    for key in keys {
        let id = key_id(key)?;
        root.keys.insert(id.clone(), tuf_key(key)?);
        keyids.push(id);
    }
    root.roles.insert(role.kind(), RoleKeys { keyids, threshold: NonZeroU64::MIN, _extra: HashMap::new() });
    // A key that no role has any more is not listed either.
    let used: Vec<_> = root.roles.values().flat_map(|keys| keys.keyids.clone()).collect();
    root.keys.retain(|id, _| used.contains(id));
    Ok(())
}

fn describe<T: Role>(file: &str, signed: &Signed<T>) -> Result<Metafile, WriteError> {
    let bytes = encode(file, signed)?;
    Ok(Metafile {
        length: Some(bytes.len() as u64),
        hashes: Some(hashes(&bytes)),
        version: signed.signed.version(),
        _extra: HashMap::new(),
    })
}

/// A file of metadata: canonical JSON, because the maps of `tough` have no order, and a newline.
fn encode<T: Serialize>(file: &str, signed: &Signed<T>) -> Result<Vec<u8>, WriteError> {
    let mut bytes =
        serde_json_canonicalizer::to_vec(signed).map_err(|error| WriteError::encode(file, &error))?;
    bytes.push(b'\n');
    Ok(bytes)
}

fn hashes(bytes: &[u8]) -> Hashes {
    Hashes { sha256: Digest::of(bytes).as_bytes().to_vec().into(), _extra: HashMap::new() }
}

fn target_name(path: &str) -> Result<TargetName, WriteError> {
    TargetName::new(path).map_err(|error| WriteError::encode(path, &error))
}

pub(super) fn tuf_key(key: &PublicKey) -> Result<Key, WriteError> {
    key.to_hex()
        .parse()
        .map_err(|error: tough::schema::key::KeyParseError| WriteError::encode("a key", &error))
}

pub(super) fn key_id(key: &PublicKey) -> Result<Decoded<Hex>, WriteError> {
    tuf_key(key)?.key_id().map_err(|error| WriteError::encode("a key", &error))
}

fn next(version: NonZeroU64) -> NonZeroU64 {
    version.saturating_add(1)
}

fn fingerprint(directory: &Directory) -> Result<Digest, WriteError> {
    let file = layout::root(1);
    let bytes =
        directory.read(&file, super::step::MAX_ROOT)?.ok_or_else(|| MetadataFault::Missing.of(file))?;
    Ok(Digest::of(&bytes))
}
