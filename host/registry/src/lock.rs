//! `starsystem.lock`: exactly which plugins a workspace uses, and what each is granted.
//!
//! Format: TOML, one table per plugin, sorted by name, one trailing newline, so that merges conflict only
//! where they must. It lies beside `starsystem.yaml` and is committed. Threat: it arrives with a cloned
//! repository, so it is attacker input: parsed strictly, held field by field against the verified plugin,
//! and its grants count only as far as [`Workspace`](crate::Workspace) lets them.

use std::fmt;
use std::path::Path;

use semver::Version;
use serde::{Deserialize, Serialize};
use ss_authority::Authority;

use crate::strict::{self, Malformed};
use crate::{Contract, Digest, PluginName, VerifiedPlugin};

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
    pins: Vec<Pin>,
}

/// One plugin, pinned.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The plugin.
    pub name: PluginName,
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
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    #[serde(default, rename = "plugin")]
    plugins: Vec<Pin>,
}

impl Lock {
    /// Reads the text of a lock.
    ///
    /// # Errors
    /// Where it is not TOML of this shape, names a plugin twice, or holds an authority that breaks a rule.
    pub fn parse(bytes: &[u8]) -> Result<Self, Malformed> {
        let Wire { version, plugins: mut pins } = strict::toml(bytes, MAX_LOCK)?;
        if version != FORMAT {
            return Err(Malformed::Shape(format!(
                "its version is {version}; this ss reads version {FORMAT}"
            )));
        }
        if pins.len() > MAX_PLUGINS {
            return Err(Malformed::Shape(format!("it has more than {MAX_PLUGINS} plugins")));
        }
        pins.sort_by(|a, b| a.name.cmp(&b.name));
        if let Some(twice) = pins.windows(2).find(|two| two[0].name == two[1].name) {
            return Err(Malformed::Shape(format!("it pins `{}` twice", twice[0].name)));
        }
        for pin in &pins {
            pin.granted
                .validate()
                .map_err(|error| Malformed::Shape(format!("in `granted` of `{}`: {error}", pin.name)))?;
        }
        Ok(Self { pins })
    }

    /// The text of the lock.
    pub fn to_toml(&self) -> String {
        let wire = Wire { version: FORMAT, plugins: self.pins.clone() };
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

    /// Pins a plugin with what it is granted, in the place of an older pin, whose endpoint stays.
    pub fn pin(&mut self, plugin: &VerifiedPlugin, granted: Authority) {
        self.insert(Pin::of(plugin, granted));
    }

    pub(crate) fn insert(&mut self, mut pin: Pin) {
        match self.position(&pin.name) {
            Ok(position) => {
                pin.endpoint = pin.endpoint.or_else(|| self.pins[position].endpoint.take());
                self.pins[position] = pin;
            }
            Err(position) => self.pins.insert(position, pin),
        }
    }

    /// Digest over every grant of the lock: what a person approves.
    pub fn grants_digest(&self) -> Digest {
        let grants: Vec<_> =
            self.pins.iter().map(|pin| (&pin.name, pin.granted.digest(), &pin.endpoint)).collect();
        #[expect(clippy::expect_used, reason = "lists of strings always have a canonical form")]
        let canonical = serde_json_canonicalizer::to_vec(&grants).expect("grants are plain data");
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
            version: plugin.version().clone(),
            registry: plugin.registry().to_owned(),
            digest: plugin.digest(),
            size: plugin.bytes().len() as u64,
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
