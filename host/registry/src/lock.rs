//! `starsystem.lock`: exactly which plugins a workspace uses, and what each is granted.
//!
//! Format: TOML, one table per registry and per plugin, sorted by name, one trailing newline, so that
//! merges conflict only where they must. Nothing in it depends on the machine that wrote it: one digest
//! stands for every platform. It lies beside `starsystem.yaml` and is committed. Threat: it arrives with a
//! cloned repository, so it is attacker input: parsed strictly, held field by field against the verified
//! plugin, and its grants count only as far as [`Workspace`](crate::Workspace) lets them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use ss_authority::Authority;

use crate::name::DEVELOPMENT;
use crate::strict::{self, Malformed};
use crate::{Contract, DevelopmentPlugin, Digest, PluginName, VerifiedPlugin};

/// Version of the format.
const FORMAT: u32 = 1;
/// Largest lock, in bytes.
const MAX_LOCK: usize = 1024 * 1024;
/// Most plugins in it.
const MAX_PLUGINS: usize = 1000;
/// First line of the file.
const HEADER: &str = "# Written by `ss`. Commit it: it pins every plugin and what each may do.\n\n";

/// The plugins that a workspace uses.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Lock {
    registries: BTreeMap<String, RegistryPin>,
    pins: Vec<Pin>,
    developments: Vec<DevelopmentPin>,
}

/// A registry that plugins of the lock come from, and the oldest state of it that may still be believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegistryPin {
    /// Where it is.
    pub url: String,
    /// Digest of its first root: all trust in it starts there.
    pub root_sha256: Digest,
    /// The newest root that the team has seen.
    pub root_version: u64,
    /// The newest snapshot that the team has seen. An older one is a rollback.
    pub snapshot_version: u64,
}

/// A plugin under development, with what it may do. Its component changes with every build and is not pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DevelopmentPin {
    /// The plugin, in the namespace of plugins under development.
    pub name: PluginName,
    /// Its component file, as the configuration writes it.
    pub path: String,
    /// Where its requests go instead, if the workspace sends them elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// What it may do.
    #[serde(default)]
    pub granted: Authority,
}

/// One plugin, pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The plugin.
    pub name: PluginName,
    /// Which versions the configuration wanted when it was pinned; none if any would do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requirement: Option<VersionReq>,
    /// Its version.
    pub version: Version,
    /// Name of the registry that it comes from.
    pub registry: String,
    /// Digest of the component file; one for every platform.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The contract that it implements.
    pub contract: Contract,
    /// Digest of the statement that was accepted.
    pub statement: Digest,
    /// Digest of what it requested when it was pinned.
    pub requested: Digest,
    /// Where its requests go instead, if the workspace sends them elsewhere: that is authority too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Who signed it.
    pub signer: Signer,
    /// What it may do.
    #[serde(default)]
    pub granted: Authority,
}

/// Who signed a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signer {
    /// Kind of identity; `ed25519`.
    pub kind: String,
    /// Key ids, sorted.
    pub keys: Vec<String>,
}

impl Signer {
    /// Who signed the plugin.
    pub fn of(plugin: &VerifiedPlugin) -> Self {
        Self { kind: "ed25519".to_owned(), keys: plugin.signers().iter().map(ToString::to_string).collect() }
    }
}

impl fmt::Display for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.kind, self.keys.join(", "))
    }
}

/// A field of a pin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// `version`
    Version,
    /// `registry`
    Registry,
    /// `digest`
    Digest,
    /// `size`
    Size,
    /// `contract`
    Contract,
    /// `statement`
    Statement,
    /// `requested`
    Requested,
    /// `signer`
    Signer,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Version => "version",
            Self::Registry => "registry",
            Self::Digest => "digest",
            Self::Size => "size",
            Self::Contract => "contract",
            Self::Statement => "statement",
            Self::Requested => "requested",
            Self::Signer => "signer",
        })
    }
}

/// A plugin that is not the one the lock pins.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`starsystem.lock` pins `{plugin}` with {field} {expected}, but the registry has {found}")]
pub struct Mismatch {
    /// The plugin.
    pub plugin: PluginName,
    /// The first field that differs.
    pub field: Field,
    /// What the lock says.
    pub expected: String,
    /// What the verified plugin says.
    pub found: String,
}

impl Mismatch {
    /// What a person can do about it.
    pub fn next_step(&self) -> String {
        format!(
            "restore `starsystem.lock` from version control; or, if this plugin is the one you want, delete the \
             `[[plugin]]` table of `{}` from it and run again",
            self.plugin
        )
    }
}

/// A lock that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// It is not a lock, or not of this format.
    #[error("`{path}` is not a usable lock: {reason}")]
    Malformed {
        /// Its path.
        path: String,
        /// What is wrong with it and where.
        reason: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
    /// Another process changed it meanwhile.
    #[error("`{path}` was changed by another process, which pinned another `{plugin}`; run again")]
    Changed {
        /// Its path.
        path: String,
        /// The plugin.
        plugin: PluginName,
    },
    /// Another process changed it while a person was reading what to approve.
    #[error("`{path}` was changed by another process meanwhile; nothing was approved, run again")]
    ChangedMeanwhile {
        /// Its path.
        path: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    registries: BTreeMap<String, RegistryPin>,
    #[serde(default, rename = "plugin", skip_serializing_if = "Vec::is_empty")]
    plugins: Vec<Pin>,
    #[serde(default, rename = "development", skip_serializing_if = "Vec::is_empty")]
    developments: Vec<DevelopmentPin>,
}

impl Lock {
    /// Reads the text of a lock.
    ///
    /// # Errors
    /// Where it is not TOML of this shape, names a plugin twice, or holds an authority that breaks a rule.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let Wire { version, registries, plugins: mut pins, mut developments } =
            strict::toml(bytes, MAX_LOCK)?;
        if version != FORMAT {
            return Err(Malformed::Shape(format!(
                "its version is {version}; this ss reads version {FORMAT}"
            )));
        }
        if pins.len() + developments.len() + registries.len() > MAX_PLUGINS {
            return Err(Malformed::Shape(format!("it has more than {MAX_PLUGINS} plugins")));
        }
        pins.sort_by(|a, b| a.name.cmp(&b.name));
        developments.sort_by(|a, b| a.name.cmp(&b.name));
        let granted = pins
            .iter()
            .map(|pin| (&pin.name, &pin.granted))
            .chain(developments.iter().map(|pin| (&pin.name, &pin.granted)));
        let mut names: Vec<_> = granted.clone().map(|(name, _)| name).collect();
        names.sort();
        if let Some(twice) = names.windows(2).find(|two| two[0] == two[1]) {
            return Err(Malformed::Shape(format!("it pins `{}` twice", twice[0])));
        }
        for (name, granted) in granted {
            granted
                .validate()
                .map_err(|error| Malformed::Shape(format!("in `granted` of `{name}`: {error}")))?;
        }
        let misplaced = |name: &&PluginName| name.namespace() == DEVELOPMENT;
        if let Some(name) = pins.iter().map(|pin| &pin.name).find(misplaced) {
            return Err(Malformed::Shape(format!("`{name}` is under development, and no registry has it")));
        }
        if let Some(name) = developments.iter().map(|pin| &pin.name).find(|name| !misplaced(name)) {
            return Err(Malformed::Shape(format!("`{name}` is no plugin under development")));
        }
        if let Some(name) = registries.keys().find(|name| !ss_authority::is_plugin_name(name)) {
            return Err(Malformed::Shape(format!("{name:?} cannot be the name of a registry")));
        }
        Ok(Self { registries, pins, developments })
    }

    /// The text of the lock.
    pub fn to_toml(&self) -> String {
        let wire = Wire {
            version: FORMAT,
            registries: self.registries.clone(),
            plugins: self.pins.clone(),
            developments: self.developments.clone(),
        };
        #[expect(
            clippy::expect_used,
            reason = "strings, numbers, lists and tables always have a form in TOML"
        )]
        let text = toml::to_string_pretty(&wire).expect("a lock is plain data");
        format!("{HEADER}{}\n", text.trim_end())
    }

    /// Reads a lock file; an empty lock if there is none.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn read(path: &Path) -> Result<Self, LockError> {
        let Some(bytes) = strict::file(path, MAX_LOCK)? else { return Ok(Self::default()) };
        Self::parse(&bytes).map_err(|error| LockError::Malformed {
            path: path.display().to_string(),
            reason: error.to_string(),
        })
    }

    /// The pins, sorted by name.
    pub fn pins(&self) -> &[Pin] {
        &self.pins
    }

    /// The plugins under development, sorted by name.
    pub fn developments(&self) -> &[DevelopmentPin] {
        &self.developments
    }

    /// The registries that plugins come from, by name.
    pub fn registries(&self) -> &BTreeMap<String, RegistryPin> {
        &self.registries
    }

    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        self.registries.is_empty() && self.pins.is_empty() && self.developments.is_empty()
    }

    /// The plugin under development of this name.
    pub fn development(&self, name: &PluginName) -> Option<&DevelopmentPin> {
        self.developments.iter().find(|pin| pin.name == *name)
    }

    /// Where the workspace sends the requests of a plugin, as the lock has it.
    pub fn endpoint(&self, name: &PluginName) -> Option<&str> {
        let of_release = self.get(name).and_then(|pin| pin.endpoint.as_deref());
        of_release.or_else(|| self.development(name).and_then(|pin| pin.endpoint.as_deref()))
    }

    /// The pin of a plugin.
    pub fn get(&self, name: &PluginName) -> Option<&Pin> {
        self.position(name).ok().map(|position| &self.pins[position])
    }

    /// Holds a verified plugin against its pin, field by field.
    ///
    /// # Errors
    /// The first field that differs. A plugin that is not pinned is no mismatch.
    pub fn check(&self, plugin: &VerifiedPlugin) -> Result<(), Mismatch> {
        let Some(pin) = self.get(plugin.name()) else { return Ok(()) };
        let current = Pin::of(plugin, Authority::default());
        pin.agrees(Field::Registry, &pin.registry, &current.registry)?;
        pin.agrees(Field::Version, &pin.version, &current.version)?;
        pin.agrees(Field::Digest, &pin.digest, &current.digest)?;
        pin.agrees(Field::Size, &pin.size, &current.size)?;
        pin.agrees(Field::Contract, &pin.contract, &current.contract)?;
        pin.agrees(Field::Signer, &pin.signer, &current.signer)?;
        pin.agrees(Field::Statement, &pin.statement, &current.statement)?;
        pin.agrees(Field::Requested, &pin.requested, &current.requested)
    }

    /// Pins a plugin with what it is granted, in the place of an older pin, whose endpoint and requirement
    /// stay.
    pub fn pin(&mut self, plugin: &VerifiedPlugin, granted: Authority) {
        self.insert(Pin::of(plugin, granted));
    }

    /// Pins a plugin under development with what it is granted.
    pub fn pin_development(&mut self, plugin: &DevelopmentPlugin, granted: &Authority) {
        let endpoint = self.development(plugin.name()).and_then(|old| old.endpoint.clone());
        self.insert_development(DevelopmentPin {
            name: plugin.name().clone(),
            path: plugin.path().to_owned(),
            endpoint,
            granted: granted.normalized(),
        });
    }

    /// Takes a plugin out. Whether there was one.
    pub fn remove(&mut self, name: &PluginName) -> bool {
        let before = self.pins.len() + self.developments.len();
        self.pins.retain(|pin| pin.name != *name);
        self.developments.retain(|pin| pin.name != *name);
        let used = |registry: &String| self.pins.iter().any(|pin| pin.registry == *registry);
        self.registries.retain(|registry, _| used(registry));
        self.pins.len() + self.developments.len() < before
    }

    /// Records a registry, and the state of it that has been seen. A floor never sinks.
    pub fn see_registry(&mut self, name: &str, seen: RegistryPin) {
        match self.registries.get_mut(name) {
            Some(known) if known.url == seen.url && known.root_sha256 == seen.root_sha256 => {
                // Snapshots count only under the same root.
                let newer =
                    (known.root_version, known.snapshot_version) < (seen.root_version, seen.snapshot_version);
                if newer {
                    *known = seen;
                }
            }
            _ => {
                self.registries.insert(name.to_owned(), seen);
            }
        }
    }

    /// Records which versions of a pinned plugin the configuration wants.
    pub(crate) fn set_requirement(&mut self, name: &PluginName, requirement: Option<VersionReq>) {
        if let Ok(position) = self.position(name) {
            self.pins[position].requirement = requirement;
        }
    }

    /// Records where the requests of a pinned plugin go.
    pub(crate) fn set_endpoint(&mut self, name: &PluginName, endpoint: Option<String>) {
        if let Ok(position) = self.position(name) {
            self.pins[position].endpoint = endpoint;
        } else if let Some(pin) = self.developments.iter_mut().find(|pin| pin.name == *name) {
            pin.endpoint = endpoint;
        }
    }

    pub(crate) fn insert(&mut self, mut pin: Pin) {
        match self.position(&pin.name) {
            Ok(position) => {
                let old = &mut self.pins[position];
                pin.endpoint = pin.endpoint.or_else(|| old.endpoint.take());
                pin.requirement = pin.requirement.or_else(|| old.requirement.take());
                *old = pin;
            }
            Err(position) => self.pins.insert(position, pin),
        }
    }

    pub(crate) fn insert_development(&mut self, pin: DevelopmentPin) {
        self.developments.retain(|other| other.name != pin.name);
        let position = self.developments.partition_point(|other| other.name < pin.name);
        self.developments.insert(position, pin);
    }

    /// This lock with everything that differs between `before` and `after`.
    ///
    /// # Errors
    /// The plugin that was meanwhile pinned otherwise than `after` pins it.
    pub(crate) fn merged(mut self, before: &Self, after: &Self) -> Result<Self, PluginName> {
        for pin in &after.pins {
            let (old, now) = (before.get(&pin.name), self.get(&pin.name));
            if old == Some(pin) {
                continue;
            }
            if now != old && now.is_some_and(|now| now != pin && now.version >= pin.version) {
                return Err(pin.name.clone());
            }
            self.remove(&pin.name);
            self.insert(pin.clone());
        }
        for pin in after.developments.iter().filter(|pin| before.development(&pin.name) != Some(pin)) {
            self.insert_development(pin.clone());
        }
        for (name, seen) in &after.registries {
            if before.registries.get(name) != Some(seen) {
                self.see_registry(name, seen.clone());
            }
        }
        let gone = |name: &PluginName| after.get(name).is_none() && after.development(name).is_none();
        let names = before.pins.iter().map(|pin| &pin.name);
        for name in names.chain(before.developments.iter().map(|pin| &pin.name)).filter(|name| gone(name)) {
            self.remove(name);
        }
        Ok(self)
    }

    /// Digest over everything in the lock that is a decision of trust, and that a person therefore approves:
    /// who is trusted for which plugin, what it may do, where its requests go. Versions and digests are not
    /// in it: they are held against what the trusted publisher signed.
    pub fn trust_digest(&self) -> Digest {
        let registries: Vec<_> =
            self.registries.iter().map(|(name, pin)| (name, &pin.url, &pin.root_sha256)).collect();
        let plugins: Vec<_> = self
            .pins
            .iter()
            .map(|pin| (&pin.name, &pin.registry, &pin.signer, pin.granted.digest(), &pin.endpoint))
            .collect();
        let developments: Vec<_> = self
            .developments
            .iter()
            .map(|pin| (&pin.name, &pin.path, pin.granted.digest(), &pin.endpoint))
            .collect();
        #[expect(clippy::expect_used, reason = "lists of strings always have a canonical form")]
        let canonical = serde_json_canonicalizer::to_vec(&(registries, plugins, developments))
            .expect("trust is plain data");
        Digest::of(&canonical)
    }

    fn position(&self, name: &PluginName) -> Result<usize, usize> {
        self.pins.binary_search_by(|pin| pin.name.cmp(name))
    }
}

impl Pin {
    fn of(plugin: &VerifiedPlugin, granted: Authority) -> Self {
        Self {
            name: plugin.name().clone(),
            requirement: None,
            version: plugin.version().clone(),
            registry: plugin.registry().to_owned(),
            digest: plugin.digest(),
            size: plugin.component().size(),
            contract: plugin.contract().clone(),
            statement: plugin.statement_digest(),
            requested: plugin.requested_digest(),
            endpoint: None,
            signer: Signer::of(plugin),
            granted: granted.normalized(),
        }
    }

    /// Whether it was pinned from this registry: a namespace belongs to one registry only.
    pub(crate) fn comes_from(&self, registry: &str) -> Result<(), Mismatch> {
        self.agrees(Field::Registry, self.registry.as_str(), registry)
    }

    fn agrees<T: PartialEq + fmt::Display + ?Sized>(
        &self,
        field: Field,
        expected: &T,
        found: &T,
    ) -> Result<(), Mismatch> {
        if expected == found {
            return Ok(());
        }
        let (expected, found) = (expected.to_string(), found.to_string());
        Err(Mismatch { plugin: self.name.clone(), field, expected, found })
    }
}
