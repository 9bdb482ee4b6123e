//! The plugins of one workspace in one run: which version, whether the lock agrees, what is granted.
//!
//! The rules, in order:
//! 1. A plugin that is not pinned is pinned on first use, with what it requests, if this binary vouches for
//!    it. Any other waits for a person's approval.
//! 2. A pinned plugin is loaded at its pinned version and must agree with the pin in every field.
//! 3. What it is granted is what the lock grants *and* it requests. A lock that grants more than that, or
//!    grants anything to a plugin that this binary does not vouch for, counts only if this machine has
//!    approved exactly these grants: it came with a repository, and a repository approves nothing.
//!
//! Nothing is written before [`Workspace::save`].

use std::path::{Path, PathBuf};

use semver::Version;
use ss_authority::{Authority, Excess};

use crate::approvals::{self, Approvals, ApprovalsError};
use crate::grants::intersection;
use crate::lock::{Lock, LockError, Mismatch, Signer};
use crate::refusal::LoadError;
use crate::{PluginName, Registry, VerifiedPlugin};

/// Name of the lock file, beside `starsystem.yaml`.
pub const LOCK_FILE: &str = "starsystem.lock";

/// A workspace's lock, open for one run.
#[derive(Debug)]
pub struct Workspace {
    folder: PathBuf,
    home: PathBuf,
    lock: Lock,
    approvals: Approvals,
    /// Whether this machine has approved the grants of the lock as it was opened.
    approved: bool,
    /// Plugins pinned in this run and not saved yet.
    fresh: Vec<PluginName>,
}

/// A verified plugin that the lock agrees with, and what it may do.
#[derive(Debug)]
pub struct Admitted {
    /// The plugin.
    pub plugin: VerifiedPlugin,
    /// What it may do: the only authority that may be enforced for it.
    pub granted: Authority,
}

/// Why a plugin was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// It could not be loaded, or did not pass a check.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// It is not the plugin that the lock pins.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The lock grants what nobody on this machine has approved.
    #[error("`starsystem.lock` grants `{plugin}` what nobody approved on this machine: {}", list(excess))]
    NotApproved {
        /// The plugin.
        plugin: PluginName,
        /// What the lock grants beyond what needs no approval.
        excess: Vec<Excess>,
    },
    /// A plugin that this binary does not vouch for is used for the first time.
    #[error(
        "`{plugin}` {version} is not part of ss and nobody has approved it on this machine; it asks to: {}",
        list(requested)
    )]
    NotVouched {
        /// The plugin.
        plugin: PluginName,
        /// Its version.
        version: Version,
        /// Everything that it asks for.
        requested: Vec<Excess>,
    },
    /// A newer version asks for more than the lock grants.
    #[error("`{plugin}` {to} asks for more than `starsystem.lock` grants {from}: {}", list(excess))]
    Exceeds {
        /// The plugin.
        plugin: PluginName,
        /// The pinned version.
        from: Box<Version>,
        /// The version that asks for more.
        to: Box<Version>,
        /// What it asks for beyond the grant.
        excess: Vec<Excess>,
    },
    /// A newer version is signed by somebody else.
    #[error("`{plugin}` {to} is signed by {found}; the lock pins {expected}")]
    OtherSigner {
        /// The plugin.
        plugin: PluginName,
        /// The version that somebody else signed.
        to: Version,
        /// The pinned signer.
        expected: String,
        /// Who signed it.
        found: String,
    },
    /// The configuration sends the plugin's requests, and with them secrets, to a place nobody approved.
    #[error(
        "the configuration sends the requests of `{plugin}` to `{endpoint}`, which nobody approved on this machine"
    )]
    Endpoint {
        /// The plugin.
        plugin: PluginName,
        /// Where they would go.
        endpoint: String,
    },
}

impl AdmitError {
    /// Whether a person's approval is what is missing: exit code 4.
    pub fn needs_approval(&self) -> bool {
        match self {
            Self::NotApproved { .. }
            | Self::NotVouched { .. }
            | Self::Exceeds { .. }
            | Self::OtherSigner { .. }
            | Self::Endpoint { .. } => true,
            Self::Load(_) | Self::Mismatch(_) => false,
        }
    }
}

fn list(excess: &[Excess]) -> String {
    if excess.is_empty() {
        return "nothing".to_owned();
    }
    excess.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// Why a workspace's lock cannot be opened or saved.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// The lock itself.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The approvals of this machine.
    #[error(transparent)]
    Approvals(#[from] ApprovalsError),
}

impl Workspace {
    /// Opens the lock of the workspace in `folder`, with the approvals kept in `home`.
    ///
    /// # Errors
    /// If either is there and cannot be used.
    pub fn open(folder: &Path, home: &Path) -> Result<Self, WorkspaceError> {
        // One folder, one approval, however it is reached.
        let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let lock = Lock::read(&folder.join(LOCK_FILE))?;
        let approvals = Approvals::read(home)?;
        let approved = approvals.covers(&folder, lock.grants_digest());
        Ok(Self { folder, home: home.to_owned(), lock, approvals, approved, fresh: Vec::new() })
    }

    /// The lock as it stands, with what this run has pinned.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Loads a plugin, verified, agreed with the lock, and with what it is granted.
    ///
    /// # Errors
    /// [`AdmitError`]. Nothing of the plugin has run.
    pub fn admit(&mut self, registry: &Registry, name: &PluginName) -> Result<Admitted, AdmitError> {
        let plugin = self.load(registry, name)?;
        self.admit_loaded(plugin)
    }

    /// Loads the release that this workspace uses: the pinned one, held against its pin, or the newest. To
    /// be looked at; before it is used it has to be [admitted](Self::admit_loaded).
    ///
    /// # Errors
    /// [`AdmitError::Load`] and [`AdmitError::Mismatch`].
    pub fn load(&self, registry: &Registry, name: &PluginName) -> Result<VerifiedPlugin, AdmitError> {
        let Some(pin) = self.lock.get(name) else { return Ok(registry.load(name, &registry.newest(name)?)?) };
        pin.comes_from(registry.name())?;
        let plugin = registry.load(name, &pin.version)?;
        self.lock.check(&plugin)?;
        Ok(plugin)
    }

    /// Says what a [loaded](Self::load) plugin is granted; pins it if it was not pinned.
    ///
    /// # Errors
    /// [`AdmitError`]. Nothing of the plugin has run.
    pub fn admit_loaded(&mut self, plugin: VerifiedPlugin) -> Result<Admitted, AdmitError> {
        self.lock.check(&plugin)?;
        let requested = &plugin.manifest().authority;
        let Some(pin) = self.lock.get(plugin.name()) else { return self.admit_new(plugin) };
        let free = if plugin.is_vouched_for() { requested } else { &Authority::default() };
        match free.covers(&pin.granted) {
            Err(excess) if !self.approved => {
                Err(AdmitError::NotApproved { plugin: pin.name.clone(), excess })
            }
            _ => Ok(Admitted { granted: intersection(&pin.granted, requested), plugin }),
        }
    }

    /// Takes a plugin for the first time.
    fn admit_new(&mut self, plugin: VerifiedPlugin) -> Result<Admitted, AdmitError> {
        let granted = plugin.manifest().authority.normalized();
        if !plugin.is_vouched_for() {
            let requested = Authority::default().covers(&granted).err().unwrap_or_default();
            let version = plugin.version().clone();
            return Err(AdmitError::NotVouched { plugin: plugin.name().clone(), version, requested });
        }
        self.pin(&plugin, granted.clone());
        Ok(Admitted { plugin, granted })
    }

    /// Moves a pinned plugin to the newest version, with no more than it is granted.
    ///
    /// What it no longer asks for is taken from the grant. A plugin that is not pinned is taken as by
    /// [`admit`](Self::admit).
    ///
    /// # Errors
    /// [`AdmitError::Exceeds`] if it asks for more, [`AdmitError::OtherSigner`] if somebody else signed it;
    /// the pin then stays as it is.
    pub fn upgrade(&mut self, registry: &Registry, name: &PluginName) -> Result<Admitted, AdmitError> {
        let Admitted { plugin: current, granted } = self.admit(registry, name)?;
        let newest = registry.newest(name)?;
        if newest <= *current.version() {
            return Ok(Admitted { plugin: current, granted });
        }
        let plugin = registry.load(name, &newest)?;
        let (expected, found) = (Signer::of(&current), Signer::of(&plugin));
        if expected != found {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(AdmitError::OtherSigner { plugin: name.clone(), to: newest, expected, found });
        }
        let requested = plugin.manifest().authority.normalized();
        if let Err(excess) = granted.covers(&requested) {
            let (from, to) = (Box::new(current.version().clone()), Box::new(newest));
            return Err(AdmitError::Exceeds { plugin: name.clone(), from, to, excess });
        }
        self.pin(&plugin, requested.clone());
        Ok(Admitted { plugin, granted: requested })
    }

    /// Whether the configuration may send the requests of a plugin to `endpoint`. Ask for every endpoint
    /// that a file of the workspace names and that is not on this machine.
    ///
    /// # Errors
    /// [`AdmitError::Endpoint`] unless the lock has it and this machine has approved the lock.
    pub fn check_endpoint(&self, name: &PluginName, endpoint: &str) -> Result<(), AdmitError> {
        let pinned = self.lock.get(name).and_then(|pin| pin.endpoint.as_deref()) == Some(endpoint);
        if pinned && self.approved {
            Ok(())
        } else {
            Err(AdmitError::Endpoint { plugin: name.clone(), endpoint: endpoint.to_owned() })
        }
    }

    /// Writes what this run has pinned to the lock. Nothing was pinned: nothing is written.
    ///
    /// The new lock counts as approved on this machine if the old one did or if there was none: what this
    /// run adds, this binary vouches for. Whatever else came with a repository stays unapproved.
    ///
    /// # Errors
    /// If a file cannot be written, or another process has pinned another release meanwhile.
    pub fn save(&mut self) -> Result<(), WorkspaceError> {
        if self.fresh.is_empty() {
            return Ok(());
        }
        let path = self.folder.join(LOCK_FILE);
        let _writer = approvals::hold(&self.home)?;
        let on_disk = Lock::read(&path)?;
        self.approvals = Approvals::read(&self.home)?;
        let approved =
            on_disk.pins().is_empty() || self.approvals.covers(&self.folder, on_disk.grants_digest());
        let merged = self.merge(on_disk, &path)?;
        ss_durable::replace(&path, merged.to_toml().as_bytes()).map_err(LockError::from)?;
        if approved {
            self.approvals.record_held(&self.folder, merged.grants_digest())?;
        }
        self.lock = merged;
        self.fresh.clear();
        Ok(())
    }

    /// The lock on disk with what this run has pinned.
    fn merge(&self, mut on_disk: Lock, path: &Path) -> Result<Lock, LockError> {
        for name in &self.fresh {
            let Some(pin) = self.lock.get(name) else { continue };
            match on_disk.get(name) {
                Some(other) if other != pin && other.version >= pin.version => {
                    return Err(LockError::Changed {
                        path: path.display().to_string(),
                        plugin: name.clone(),
                    });
                }
                _ => on_disk.insert(pin.clone()),
            }
        }
        Ok(on_disk)
    }

    fn pin(&mut self, plugin: &VerifiedPlugin, granted: Authority) {
        self.lock.pin(plugin, granted);
        self.fresh.push(plugin.name().clone());
    }
}
