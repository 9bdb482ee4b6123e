//! The vault itself: opening, reading entries, committing changes.
//!
//! Readers take no lock. They see one manifest, whole; if a writer has meanwhile dropped an object that it
//! names, they start again with the newer one. Writers take the lock, read, change and write one manifest.
//! The order on disk is objects, manifest, generation: a crash between two of them leaves at worst an
//! object that nothing names, or a generation that lags by one and admits the manifest all the same.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ss_durable::{FileError, WriterLock};
use ss_secret::Secret;
use zeroize::Zeroizing;

use crate::identity::{AskPassphrase, Place, Unlocked};
use crate::manifest::{Entry, Floor, Manifest, ScopeId};
use crate::object::{Objects, read_capped, sha256};
use crate::{Scope, VaultError};

/// Manifests above this size are refused: about 110 bytes per entry make this 600,000 services.
const MAX_MANIFEST: u64 = 64 * 1024 * 1024;
/// How long a writer waits for another. One commit takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a reader starts again because a writer was faster.
const MAX_REREADS: usize = 100;

/// Decrypted content of an object, wiped when the last holder lets go.
pub(crate) type Plaintext = Arc<Zeroizing<Vec<u8>>>;

/// A vault. Cheap to open and to clone; clones share what was already read.
#[derive(Clone)]
pub struct Vault(Arc<Store>);

struct Store {
    folder: PathBuf,
    objects: Objects,
    place: Place,
    ask: Option<Box<AskPassphrase>>,
    unlocked: Mutex<Option<Arc<Unlocked>>>,
    /// Manifests as last read, with the stamp of the file.
    manifests: Mutex<HashMap<ScopeId, (Stamp, Arc<Manifest>)>>,
    /// Decrypted objects by id; an id's content never changes.
    decrypted: Mutex<HashMap<String, Plaintext>>,
    /// Lets the writers of this process queue instead of polling the lock file.
    writing: Mutex<()>,
}

/// Identifies one version of a file: a replaced file is another inode with another time.
type Stamp = (u64, u64, i64, i64);

impl Vault {
    /// The vault below this home (`STARSYSTEM_HOME` or `~/.starsystem`).
    ///
    /// Touches nothing: a vault that does not exist reads as empty, and the first write makes it. `env`
    /// looks up environment variables ([`IDENTITY_ENV`](crate::IDENTITY_ENV),
    /// [`IDENTITY_FILE_ENV`](crate::IDENTITY_FILE_ENV)).
    pub fn open(home: &Path, env: &dyn Fn(&str) -> Option<String>) -> Self {
        Self::build(home, env, None)
    }

    /// As [`open`](Self::open), with a way to ask for the passphrase of a wrapped identity file. It is
    /// asked at most once, and only when something is to be decrypted or written.
    pub fn open_asking(
        home: &Path,
        env: &dyn Fn(&str) -> Option<String>,
        ask: impl Fn(&Path) -> io::Result<Secret> + Send + Sync + 'static,
    ) -> Self {
        Self::build(home, env, Some(Box::new(ask)))
    }

    fn build(home: &Path, env: &dyn Fn(&str) -> Option<String>, ask: Option<Box<AskPassphrase>>) -> Self {
        let folder = home.join("vault");
        Self(Arc::new(Store {
            objects: Objects::new(folder.join("objects")),
            place: Place::choose(&folder, env),
            ask,
            unlocked: Mutex::default(),
            manifests: Mutex::default(),
            decrypted: Mutex::default(),
            writing: Mutex::default(),
            folder,
        }))
    }

    /// The folder of the vault.
    pub fn folder(&self) -> &Path {
        &self.0.folder
    }

    /// The part that belongs to one project in one environment.
    pub fn scope(&self, project: &str, environment: &str) -> Scope {
        Scope::new(self.clone(), project, environment)
    }

    /// The public age recipient; none before the first write.
    ///
    /// # Errors
    /// If the identity cannot be used.
    pub fn recipient(&self) -> Result<Option<String>, VaultError> {
        Ok(self.unlock()?.map(|unlocked| unlocked.recipient()))
    }

    /// The scope's manifest as it is now.
    pub(crate) fn manifest(&self, scope: &ScopeId) -> Result<Arc<Manifest>, VaultError> {
        let path = self.manifest_path(scope);
        let stamp = match std::fs::metadata(&path) {
            Ok(metadata) => (metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return self.absent(scope),
            Err(source) => return Err(FileError::new("read", &path, source).into()),
        };
        if let Some((known, manifest)) = lock(&self.0.manifests).get(scope)
            && *known == stamp
        {
            return Ok(Arc::clone(manifest));
        }
        let Some(file) = read_capped(&path, MAX_MANIFEST)? else { return self.absent(scope) };
        let manifest = Arc::new(Manifest::decode(&file, &path, scope, &*self.require_unlocked()?)?);
        self.require_newest(scope, &manifest, &sha256(&file))?;
        lock(&self.0.manifests).insert(scope.clone(), (stamp, Arc::clone(&manifest)));
        Ok(manifest)
    }

    /// The decrypted entry of a scope; none if there is none.
    pub(crate) fn read(&self, scope: &ScopeId, name: &str) -> Result<Option<Plaintext>, VaultError> {
        let mut manifest = self.manifest(scope)?;
        for _ in 0..MAX_REREADS {
            let Some(entry) = manifest.entries.get(name) else { return Ok(None) };
            if let Some(plaintext) = self.plaintext(name, &entry.object)? {
                return Ok(Some(plaintext));
            }
            let newer = self.manifest(scope)?;
            if newer.generation == manifest.generation {
                return Err(self.0.objects.missing(name, &entry.object));
            }
            manifest = newer;
        }
        Err(VaultError::Manifest {
            path: self.manifest_path(scope),
            reason: "it changed faster than it could be read".to_owned(),
        })
    }

    /// Reads, changes and writes a scope as one step that no other writer can come between.
    ///
    /// Writes one new generation, or nothing if `change` changed nothing. On an error nothing is changed.
    pub(crate) fn commit<T>(
        &self,
        scope: &ScopeId,
        change: impl FnOnce(&mut Transaction<'_>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let _writer = self.begin_writing()?;
        let manifest = self.manifest(scope)?;
        let unlocked = self.unlock_or_create()?;
        let mut transaction = Transaction { vault: self, manifest, pending: BTreeMap::new() };
        let answer = change(&mut transaction)?;
        let Transaction { manifest, pending, .. } = transaction;
        let mut entries = manifest.entries.clone();
        for (name, wanted) in pending {
            match wanted {
                None => entries.remove(&name),
                Some(plaintext) => {
                    let current = entries.get(&name).map(|entry| self.plaintext(&name, &entry.object));
                    if matches!(current.transpose()?.flatten(), Some(known) if **known == **plaintext) {
                        continue;
                    }
                    let object = self.0.objects.put(&name, &unlocked, &plaintext)?;
                    lock(&self.0.decrypted).insert(object.clone(), plaintext);
                    entries.insert(name, Entry { object, generation: manifest.generation + 1 })
                }
            };
        }
        if entries != manifest.entries {
            self.advance(&manifest, entries, &unlocked)?;
        }
        Ok(answer)
    }

    /// Keeps the scope as it is now and returns the snapshot's id. The same state gives the same id.
    pub(crate) fn snapshot(&self, scope: &ScopeId) -> Result<String, VaultError> {
        let _writer = self.begin_writing()?;
        let mut manifest = self.manifest(scope)?;
        let unlocked = self.unlock_or_create()?;
        if manifest.generation == 0 {
            self.advance(&manifest, BTreeMap::new(), &unlocked)?;
            manifest = self.manifest(scope)?;
        }
        let file = read_capped(&self.manifest_path(scope), MAX_MANIFEST)?.unwrap_or_default();
        let id = format!("{}-{}", manifest.generation, sha256(&file));
        let folder = self.snapshot_folder(scope);
        ss_durable::create_private_dir(&folder)?;
        ss_durable::replace_private(&folder.join(&id), &file)?;
        Ok(id)
    }

    /// Makes the scope what it was at the snapshot, as a new generation.
    pub(crate) fn restore(&self, scope: &ScopeId, id: &str) -> Result<(), VaultError> {
        let _writer = self.begin_writing()?;
        let kept = self.kept(scope, id)?;
        let unlocked = self.require_unlocked()?;
        for (name, entry) in &kept.entries {
            if !self.0.objects.has(&entry.object) {
                return Err(self.0.objects.missing(name, &entry.object));
            }
        }
        let current = self.manifest(scope)?;
        if current.entries == kept.entries { Ok(()) } else { self.advance(&current, kept.entries, &unlocked) }
    }

    /// The entry as it was at a snapshot; none if there was none.
    pub(crate) fn read_at(
        &self,
        scope: &ScopeId,
        snapshot: &str,
        name: &str,
    ) -> Result<Option<Plaintext>, VaultError> {
        let kept = self.kept(scope, snapshot)?;
        let Some(entry) = kept.entries.get(name) else { return Ok(None) };
        let found = self.plaintext(name, &entry.object)?;
        found.map(Some).ok_or_else(|| self.0.objects.missing(name, &entry.object))
    }

    /// Names of the scope's entries at a snapshot.
    pub(crate) fn entries_at(&self, scope: &ScopeId, snapshot: &str) -> Result<Vec<String>, VaultError> {
        Ok(self.kept(scope, snapshot)?.entries.into_keys().collect())
    }

    /// What the scope held at a snapshot.
    fn kept(&self, scope: &ScopeId, id: &str) -> Result<Manifest, VaultError> {
        let refused = |reason: &str| VaultError::Snapshot { id: id.to_owned(), reason: reason.to_owned() };
        let hash = snapshot_hash(id).ok_or_else(|| refused("that is not the id of a snapshot"))?;
        let path = self.snapshot_folder(scope).join(id);
        let file =
            read_capped(&path, MAX_MANIFEST)?.ok_or_else(|| refused("there is no such snapshot here"))?;
        if sha256(&file) != hash {
            return Err(refused("its file is not what was kept"));
        }
        Manifest::decode(&file, &path, scope, &*self.require_unlocked()?)
    }

    /// Ids of the scope's snapshots, oldest first.
    pub(crate) fn snapshots(&self, scope: &ScopeId) -> Result<Vec<String>, VaultError> {
        let folder = self.snapshot_folder(scope);
        let files = match std::fs::read_dir(&folder) {
            Ok(files) => files,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(FileError::new("read", &folder, source).into()),
        };
        let mut ids: Vec<_> = files
            .filter_map(|file| file.ok()?.file_name().into_string().ok())
            .filter_map(|id| Some((snapshot_generation(&id)?, id)))
            .collect();
        ids.sort();
        Ok(ids.into_iter().map(|(_, id)| id).collect())
    }

    /// Writes the next generation and drops the objects that nothing needs any more.
    fn advance(
        &self,
        current: &Manifest,
        entries: BTreeMap<String, Entry>,
        unlocked: &Unlocked,
    ) -> Result<(), VaultError> {
        let scope = &current.scope;
        let path = self.manifest_path(scope);
        let previous = read_capped(&path, MAX_MANIFEST)?.map(|file| sha256(&file));
        let next = Manifest { scope: scope.clone(), generation: current.generation + 1, previous, entries };
        let file = next.encode(unlocked);
        ss_durable::replace_private(&path, &file)?;
        let floor = Floor { generation: next.generation, manifest: sha256(&file) };
        // The change is made. A floor that could not be raised only notices less.
        let _ = ss_durable::replace_private(&self.floor_path(scope), &floor.encode());
        self.drop_unneeded(current, &next);
        Ok(())
    }

    /// Drops what `old` names and `new` does not, unless a snapshot may name it: a snapshot names only
    /// objects that were written at its generation or before.
    fn drop_unneeded(&self, old: &Manifest, new: &Manifest) {
        let Ok(snapshots) = self.snapshots(&old.scope) else { return };
        let kept = snapshots.last().and_then(|id| snapshot_generation(id)).unwrap_or(0);
        for (name, entry) in &old.entries {
            if new.entries.get(name).is_none_or(|now| now.object != entry.object) {
                lock(&self.0.decrypted).remove(&entry.object);
                if entry.generation > kept {
                    self.0.objects.drop_unnamed(&entry.object);
                }
            }
        }
    }

    /// The decrypted object; none if its file is gone.
    fn plaintext(&self, entry: &str, object: &str) -> Result<Option<Plaintext>, VaultError> {
        if let Some(plaintext) = lock(&self.0.decrypted).get(object) {
            return Ok(Some(Arc::clone(plaintext)));
        }
        let Some(plaintext) = self.0.objects.get(entry, object, &*self.require_unlocked()?)? else {
            return Ok(None);
        };
        let plaintext = Arc::new(plaintext);
        lock(&self.0.decrypted).insert(object.to_owned(), Arc::clone(&plaintext));
        Ok(Some(plaintext))
    }

    /// The empty manifest, if the scope was never written to.
    fn absent(&self, scope: &ScopeId) -> Result<Arc<Manifest>, VaultError> {
        match self.floor(scope)? {
            None => Ok(Arc::new(Manifest::empty(scope.clone()))),
            // The first writer came between our two looks.
            Some(_) if self.manifest_path(scope).exists() => self.manifest(scope),
            Some(floor) => Err(self.rolled_back(scope, "missing".to_owned(), floor.generation)),
        }
    }

    fn require_newest(&self, scope: &ScopeId, manifest: &Manifest, hash: &str) -> Result<(), VaultError> {
        match self.floor(scope)? {
            Some(floor) if !floor.admits(manifest.generation, hash) => {
                // Unless a writer replaced both between our two reads.
                let now = read_capped(&self.manifest_path(scope), MAX_MANIFEST)?;
                if now.is_some_and(|file| sha256(&file) != hash) {
                    return Ok(());
                }
                Err(self.rolled_back(scope, format!("generation {}", manifest.generation), floor.generation))
            }
            _ => Ok(()),
        }
    }

    fn rolled_back(&self, scope: &ScopeId, found: String, floor: u64) -> VaultError {
        let (path, floor_path) = (self.manifest_path(scope), self.floor_path(scope));
        VaultError::RolledBack { path, found, floor, floor_path }
    }

    fn floor(&self, scope: &ScopeId) -> Result<Option<Floor>, VaultError> {
        Ok(read_capped(&self.floor_path(scope), 1024)?.and_then(|file| Floor::decode(&file)))
    }

    /// The identity; none if it does not exist yet.
    fn unlock(&self) -> Result<Option<Arc<Unlocked>>, VaultError> {
        let mut unlocked = lock(&self.0.unlocked);
        if unlocked.is_none() {
            *unlocked = self.0.place.load(self.0.ask.as_deref())?.map(Arc::new);
        }
        Ok(unlocked.clone())
    }

    fn require_unlocked(&self) -> Result<Arc<Unlocked>, VaultError> {
        let missing = || VaultError::IdentityMissing {
            path: self.0.place.own_path().unwrap_or(&self.0.folder).to_owned(),
        };
        self.unlock()?.ok_or_else(missing)
    }

    /// The identity, made now if this is a new vault. Only under the writer's lock.
    fn unlock_or_create(&self) -> Result<Arc<Unlocked>, VaultError> {
        if let Some(unlocked) = self.unlock()? {
            return Ok(unlocked);
        }
        let manifests = self.0.folder.join("manifests");
        if std::fs::read_dir(&manifests).is_ok_and(|mut files| files.next().is_some()) {
            return self.require_unlocked();
        }
        let unlocked = Arc::new(self.0.place.create()?);
        *lock(&self.0.unlocked) = Some(Arc::clone(&unlocked));
        Ok(unlocked)
    }

    fn begin_writing(&self) -> Result<Writer<'_>, VaultError> {
        let queue = lock(&self.0.writing);
        for folder in ["objects", "manifests", "generations", "snapshots"] {
            ss_durable::create_private_dir(&self.0.folder.join(folder))?;
        }
        let lock = WriterLock::take_within(&self.0.folder.join("lock"), "writing to the vault", PATIENCE)?;
        Ok(Writer { _lock: lock, _queue: queue })
    }

    fn manifest_path(&self, scope: &ScopeId) -> PathBuf {
        self.0.folder.join("manifests").join(scope.file_name())
    }

    fn floor_path(&self, scope: &ScopeId) -> PathBuf {
        self.0.folder.join("generations").join(scope.file_name())
    }

    fn snapshot_folder(&self, scope: &ScopeId) -> PathBuf {
        self.0.folder.join("snapshots").join(scope.file_name())
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Vault").field(&self.0.folder).finish()
    }
}

/// The right to write, in this process and among processes.
struct Writer<'a> {
    _lock: WriterLock,
    _queue: MutexGuard<'a, ()>,
}

/// A scope in the hands of its one writer.
pub(crate) struct Transaction<'a> {
    vault: &'a Vault,
    manifest: Arc<Manifest>,
    pending: BTreeMap<String, Option<Plaintext>>,
}

impl Transaction<'_> {
    /// The entry as it would be after the commit.
    pub(crate) fn read(&self, name: &str) -> Result<Option<Plaintext>, VaultError> {
        if let Some(pending) = self.pending.get(name) {
            return Ok(pending.clone());
        }
        let Some(entry) = self.manifest.entries.get(name) else { return Ok(None) };
        match self.vault.plaintext(name, &entry.object)? {
            Some(plaintext) => Ok(Some(plaintext)),
            None => Err(self.vault.0.objects.missing(name, &entry.object)),
        }
    }

    /// Sets the entry.
    pub(crate) fn write(&mut self, name: &str, plaintext: Zeroizing<Vec<u8>>) {
        self.pending.insert(name.to_owned(), Some(Arc::new(plaintext)));
    }

    /// Removes the entry, if it is there.
    pub(crate) fn remove(&mut self, name: &str) {
        self.pending.insert(name.to_owned(), None);
    }
}

/// The generation in a snapshot's id (`<generation>-<sha256>`); none if it is no such id.
fn snapshot_generation(id: &str) -> Option<u64> {
    snapshot_hash(id)?;
    id.split_once('-')?.0.parse().ok()
}

fn snapshot_hash(id: &str) -> Option<&str> {
    let (generation, hash) = id.split_once('-')?;
    let digits = !generation.is_empty() && generation.bytes().all(|byte| byte.is_ascii_digit());
    let hex = hash.len() == 64 && hash.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    (digits && hex).then_some(hash)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
