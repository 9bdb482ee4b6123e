//! A registry of a company with all its keys, and a machine that uses it.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use ss_capability_http::Client;
use ss_registry::{
    Custody, Delegate, Delegation, Digest, Draft, Line, LoadError, Location, MetadataFault, Patience,
    PluginName, PublicKey, Publisher, Registries, RegistriesError, RoleName, SigningKey, SyncError,
    Timestamp, VerifiedPlugin,
};

use crate::fixture::{AUTHORITY, draft, key, plugin_component, version};

/// When everything is signed, unless said otherwise.
pub const NOW: &str = "2026-11-21T00:00:00Z";

pub fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub fn alpha() -> PluginName {
    "acme/alpha".parse().unwrap()
}

/// A registry with the namespace `acme`.
pub struct House {
    folder: tempfile::TempDir,
    pub roles: Vec<(RoleName, SigningKey)>,
    pub publisher: SigningKey,
}

impl House {
    /// With nothing in it.
    pub fn empty() -> Self {
        Self::with_keys(10)
    }

    /// With other keys.
    pub fn with_keys(first: u8) -> Self {
        let roles =
            RoleName::ALL.into_iter().zip(first..).map(|(role, n)| (role, key(n))).collect::<Vec<_>>();
        let house = Self { folder: tempfile::tempdir().unwrap(), roles, publisher: key(first + 4) };
        let public: Vec<_> = house.roles.iter().map(|(role, key)| (*role, key.public())).collect();
        house.custody(NOW, &[]).found(&public).unwrap();
        house.delegate("acme", &[house.publisher.public()], &[]);
        fs::write(house.path("config.json"), "{\"version\":1,\"name\":\"acme\"}\n").unwrap();
        house
    }

    /// With `acme/alpha` 0.1.0.
    pub fn with_alpha() -> Self {
        let house = Self::empty();
        house.publish("alpha", "0.1.0");
        house
    }

    pub fn path(&self, inner: &str) -> PathBuf {
        self.folder.path().join(inner)
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn url(&self) -> String {
        Location::Folder(self.folder.path().to_owned()).to_string()
    }

    pub fn key(&self, role: RoleName) -> &SigningKey {
        &self.roles.iter().find(|(known, _)| *known == role).unwrap().1
    }

    /// The registry with all of its own keys and these.
    pub fn custody<'a>(&'a self, now: &str, more: &[&'a SigningKey]) -> Custody<'a> {
        let keys = self.roles.iter().map(|(_, key)| key).chain([&self.publisher]);
        Custody {
            folder: self.folder.path(),
            keys: keys.chain(more.iter().copied()).collect(),
            now: time(now),
        }
    }

    pub fn delegate(&self, namespace: &str, keys: &[PublicKey], retired: &[PublicKey]) {
        let delegation =
            Delegation { namespace: namespace.to_owned(), keys: keys.to_vec(), threshold: keys.len() };
        let delegate = Delegate { delegation, retired: retired.to_vec() };
        let others: Vec<SigningKey> = (100..110).map(key).collect();
        self.custody(NOW, &others.iter().collect::<Vec<_>>()).delegate(&delegate).unwrap();
    }

    pub fn publish(&self, name: &str, at: &str) -> Line {
        self.publish_by(&self.publisher, plugin_component(name, at, AUTHORITY), false)
    }

    pub fn publish_by(&self, key: &SigningKey, component: Vec<u8>, replace: bool) -> Line {
        let draft = Draft { namespace: "acme", ..draft(component) };
        let line = Publisher { root: self.folder.path(), keys: &[key], replace }.publish(draft).unwrap().0;
        self.custody(NOW, &[key]).seal().unwrap();
        line
    }

    pub fn fingerprint(&self) -> Digest {
        self.custody(NOW, &[]).fingerprint().unwrap()
    }

    /// A copy of everything, to be put back later.
    pub fn save(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_all(self.folder.path(), copy.path());
        copy
    }

    /// Puts one file, or everything, back as it was.
    pub fn restore(&self, saved: &tempfile::TempDir, inner: &str) {
        let (from, to) = (saved.path().join(inner), self.path(inner));
        if from.is_dir() {
            copy_all(&from, &to);
        } else {
            fs::copy(from, to).unwrap();
        }
    }

    /// Writes a file of metadata as a thief of these keys would.
    pub fn forge(&self, path: &str, keys: &[&SigningKey], change: impl FnOnce(&mut Value)) {
        let mut file: Value = serde_json::from_slice(&fs::read(self.path(path)).unwrap()).unwrap();
        change(&mut file["signed"]);
        file["signatures"] = keys.iter().map(|key| signature(key, &file["signed"])).collect();
        fs::write(self.path(path), file.to_string()).unwrap();
    }

    /// Makes snapshot and timestamp agree with a forged file, with the thief's keys.
    pub fn cover_up(&self, path: &str, version: u64, snapshot: &SigningKey, timestamp: &SigningKey) {
        let describe = |path: &str, version: u64| {
            let bytes = fs::read(self.path(path)).unwrap();
            json!({ "version": version, "length": bytes.len(), "hashes": { "sha256": Digest::of(&bytes).to_hex() } })
        };
        let mut next = 0;
        self.forge("snapshot.json", &[snapshot], |signed| {
            next = signed["version"].as_u64().unwrap() + 1;
            signed["version"] = json!(next);
            signed["meta"][path] = describe(path, version);
        });
        self.forge("timestamp.json", &[timestamp], |signed| {
            signed["version"] = json!(signed["version"].as_u64().unwrap() + 1);
            signed["meta"]["snapshot.json"] = describe("snapshot.json", next);
        });
    }
}

/// A TUF signature over canonical JSON; for what stands in these files that is RFC 8785.
fn signature(key: &SigningKey, signed: &Value) -> Value {
    let message = serde_json_canonicalizer::to_vec(signed).unwrap();
    json!({ "keyid": key_id(&key.public()), "sig": hex::encode(key.sign(&message)) })
}

/// The identity of a key in TUF metadata.
pub fn key_id(key: &PublicKey) -> String {
    Digest::of(&serde_json_canonicalizer::to_vec(&tuf_key(key)).unwrap()).to_hex()
}

pub fn tuf_key(key: &PublicKey) -> Value {
    json!({ "keytype": "ed25519", "scheme": "ed25519", "keyval": { "public": key.to_hex() } })
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_all(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A person's machine.
pub struct Machine {
    home: tempfile::TempDir,
    client: Client,
    pub patience: Patience,
}

impl Machine {
    pub fn new() -> Self {
        Self { home: tempfile::tempdir().unwrap(), client: Client::new(), patience: Patience::default() }
    }

    /// That has added the registry.
    pub fn with(house: &House) -> Self {
        let machine = Self::new();
        machine.add(&house.url(), Some(house.fingerprint()), "acme", &[]).unwrap();
        machine
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn registries(&self, now: &str) -> Registries {
        Registries::open_with(self.home.path(), None).unwrap().at(time(now)).patient(self.patience)
    }

    pub fn add(
        &self,
        url: &str,
        root: Option<Digest>,
        name: &str,
        namespaces: &[&str],
    ) -> Result<(), RegistriesError> {
        let namespaces: Vec<String> = namespaces.iter().map(|name| (*name).to_owned()).collect();
        block_on(async {
            let mut registries = self.registries(NOW);
            let location = url.parse()?;
            let offer = registries.look(&self.client, location, root).await.map_err(Box::new)?;
            registries.add(&self.client, &offer, name, &namespaces).await.map(|_| ())
        })
    }

    pub fn refresh(&self) -> Result<(), SyncError> {
        self.refresh_at(NOW)
    }

    pub fn refresh_at(&self, now: &str) -> Result<(), SyncError> {
        block_on(self.registries(now).refresh(&self.client, &[alpha()]))
    }

    pub fn refresh_with(&self, registries: &Registries) -> Result<(), SyncError> {
        block_on(registries.refresh(&self.client, &[alpha()]))
    }

    /// Downloads what is missing of a release and loads it.
    pub fn load(&self, at: &str) -> Result<VerifiedPlugin, SyncError> {
        self.load_at(at, NOW)
    }

    pub fn load_at(&self, at: &str, now: &str) -> Result<VerifiedPlugin, SyncError> {
        let registries = self.registries(now);
        block_on(registries.fetch(&self.client, &alpha(), &version(at)))?;
        Ok(self.read(&registries, at)?)
    }

    fn read(&self, registries: &Registries, at: &str) -> Result<VerifiedPlugin, LoadError> {
        registries.of(&alpha())?.load(&alpha(), &version(at))
    }

    pub fn newest(&self) -> String {
        self.registries(NOW).of(&alpha()).unwrap().newest(&alpha()).unwrap().to_string()
    }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

/// What was wrong with which file.
pub fn fault<T: std::fmt::Debug>(result: Result<T, SyncError>) -> (String, MetadataFault) {
    match result {
        Err(SyncError::Metadata { refused, .. } | SyncError::Load(LoadError::Metadata { refused, .. })) => {
            (refused.file, refused.fault)
        }
        other => panic!("not refused for its metadata: {other:?}"),
    }
}
