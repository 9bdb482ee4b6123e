//! The plugins of one workspace in one run: which version, whether the lock agrees, what is granted.
//!
//! The rules, in order:
//! 1. A plugin that is not pinned is pinned on first use, with what it requests, if this binary vouches for
//!    it. Any other waits for a person's approval.
//! 2. A pinned plugin is loaded at its pinned version and must agree with the pin in every field.
//! 3. What it is granted is what the lock grants *and* it requests. A lock that grants more than that, or
//!    grants anything to a plugin that this binary does not vouch for, counts only if this machine has
//!    approved exactly this lock's decisions of trust: it came with a repository, and a repository approves
//!    nothing.
//! 4. A plugin under development waits for approval too, and is refused in protected environments.
//! 5. Nothing goes beyond the ceiling that this machine's policy sets, approved or not.
//!
//! Nothing is written before [`Workspace::save`] or [`Workspace::approve`].

use std::path::{Path, PathBuf};

use semver::VersionReq;
use ss_authority::{Authority, Capability};

use crate::admit::{AdmitError, Admitted};
use crate::approvals::{self, Approvals, ApprovalsError};
use crate::grants::{intersection, union};
use crate::lock::{Lock, LockError, Pin, RegistryPin, Signer};
use crate::policy::{Candidate, Policy, PolicyError};
use crate::{DevelopmentPlugin, Digest, Plugin, PluginName, Registry, VerifiedPlugin};

/// Name of the lock file, beside `starsystem.yaml`.
pub const LOCK_FILE: &str = "starsystem.lock";

/// A workspace's lock, open for one run.
#[derive(Debug)]
pub struct Workspace {
    folder: PathBuf,
    home: PathBuf,
    lock: Lock,
    /// The lock as it was opened or last written.
    on_disk: Lock,
    approvals: Approvals,
    policy: Policy,
    /// The environment's name, if it is protected.
    protected: Option<String>,
    /// Whether this machine has approved the lock as it was opened.
    approved: bool,
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
    /// The policy of this machine.
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

/// What approving a plugin would change in the lock.
#[derive(Debug, Clone)]
pub struct Proposal {
    /// The plugin.
    pub plugin: Plugin,
    /// Its pin before, if there was one.
    pub before: Option<Pin>,
    /// What it was granted before.
    pub granted_before: Authority,
    /// What it would be granted.
    pub granted: Authority,
}

impl Proposal {
    /// The signer that it had before, if it is not the one that it has now.
    pub fn signer_before(&self) -> Option<&Signer> {
        let Plugin::Release(plugin) = &self.plugin else { return None };
        let before = &self.before.as_ref()?.signer;
        (*before != Signer::of(plugin)).then_some(before)
    }
}

impl Workspace {
    /// Opens the lock of the workspace in `folder`, with the approvals and the policy kept in `home`.
    ///
    /// # Errors
    /// If any of them is there and cannot be used.
    pub fn open(folder: &Path, home: &Path) -> Result<Self, WorkspaceError> {
        // One folder, one approval, however it is reached.
        let folder = std::fs::canonicalize(folder).unwrap_or_else(|_| folder.to_owned());
        let policy = Policy::read(home)?;
        let lock = Lock::read(&folder.join(LOCK_FILE))?;
        let approvals = Approvals::read(home)?;
        let approved = approvals.covers(&folder, lock.trust_digest());
        let on_disk = lock.clone();
        Ok(Self {
            folder,
            home: home.to_owned(),
            lock,
            on_disk,
            approvals,
            policy,
            protected: None,
            approved,
        })
    }

    /// The same, for an environment that the configuration protects, or that the policy does.
    #[must_use]
    pub fn in_environment(mut self, name: &str, protected: bool) -> Self {
        self.protected = (protected || self.policy.protects(name)).then(|| name.to_owned());
        self
    }

    /// The lock as it stands, with what this run has pinned.
    pub fn lock(&self) -> &Lock {
        &self.lock
    }

    /// Whether this machine has approved the lock as it was opened or last approved.
    pub fn is_approved(&self) -> bool {
        self.approved
    }

    /// Whether this run has changed anything that [`save`](Self::save) would write.
    pub fn is_changed(&self) -> bool {
        self.lock != self.on_disk
    }

    /// Loads a plugin, verified, agreed with the lock, and with what it is granted.
    ///
    /// # Errors
    /// [`AdmitError`]. Nothing of the plugin has run.
    pub fn admit(&mut self, registry: &Registry, name: &PluginName) -> Result<Admitted, AdmitError> {
        let plugin = self.load(registry, name, None)?;
        self.admit_loaded(plugin)
    }

    /// Loads the release that this workspace uses: the pinned one, held against its pin, or else the newest
    /// within `wanted`. To be looked at; before it is used it has to be [admitted](Self::admit_loaded).
    ///
    /// # Errors
    /// [`AdmitError::Load`], [`AdmitError::Mismatch`], [`AdmitError::Requirement`].
    pub fn load(
        &self,
        registry: &Registry,
        name: &PluginName,
        wanted: Option<&VersionReq>,
    ) -> Result<VerifiedPlugin, AdmitError> {
        let Some(pin) = self.lock.get(name) else {
            return Ok(registry.load(name, &registry.newest_of(name, wanted)?)?);
        };
        if let Some(wanted) = wanted.filter(|wanted| !wanted.matches(&pin.version)) {
            let (plugin, wanted, pinned) = (name.clone(), wanted.clone(), pin.version.clone());
            return Err(AdmitError::Requirement { plugin, wanted, pinned });
        }
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
        let granted = intersection(&pin.granted, requested);
        self.check_policy(&plugin, &granted)?;
        if !self.approved {
            let excess = if plugin.is_vouched_for() {
                requested.covers(&pin.granted).err()
            } else {
                // Even what asks for nothing must be approved: its results go to other services.
                Some(Authority::default().covers(&pin.granted).err().unwrap_or_default())
            };
            if let Some(excess) = excess {
                return Err(AdmitError::NotApproved { plugin: pin.name.clone(), excess });
            }
        }
        Ok(Admitted { granted, plugin: plugin.into() })
    }

    /// Takes a plugin for the first time.
    fn admit_new(&mut self, plugin: VerifiedPlugin) -> Result<Admitted, AdmitError> {
        let granted = plugin.manifest().authority.normalized();
        self.check_policy(&plugin, &granted)?;
        if !plugin.is_vouched_for() {
            let (requested, version) = (granted.sentences(), plugin.version().clone());
            return Err(AdmitError::NotVouched { plugin: plugin.name().clone(), version, requested });
        }
        self.lock.pin(&plugin, granted.clone());
        Ok(Admitted { plugin: plugin.into(), granted })
    }

    /// Says what a plugin under development is granted.
    ///
    /// # Errors
    /// [`AdmitError`]. Nothing of the plugin has run.
    pub fn admit_development(&mut self, plugin: DevelopmentPlugin) -> Result<Admitted, AdmitError> {
        let (name, requested) = (plugin.name().clone(), plugin.manifest().authority.normalized());
        self.check_development(&name, &requested)?;
        let Some(pin) = self.lock.development(&name).filter(|pin| pin.path == plugin.path()) else {
            let (requested, version) = (requested.sentences(), plugin.manifest().version.clone());
            return Err(AdmitError::NotVouched { plugin: name, version, requested });
        };
        if !self.approved {
            let excess = Authority::default().covers(&pin.granted).err().unwrap_or_default();
            return Err(AdmitError::NotApproved { plugin: name, excess });
        }
        if pin.granted.covers(&requested).is_err() {
            return Err(AdmitError::Grown { plugin: name, difference: pin.granted.difference(&requested) });
        }
        Ok(Admitted { granted: intersection(&pin.granted, &requested), plugin: plugin.into() })
    }

    /// Moves a pinned plugin to the newest version within `wanted`, with no more than it is granted.
    ///
    /// What it no longer asks for is taken from the grant. A plugin that is not pinned is taken as by
    /// [`admit`](Self::admit).
    ///
    /// # Errors
    /// [`AdmitError::Exceeds`] if it asks for more, [`AdmitError::OtherSigner`] if somebody else signed it;
    /// the pin then stays as it is.
    pub fn upgrade(
        &mut self,
        registry: &Registry,
        name: &PluginName,
        wanted: Option<&VersionReq>,
    ) -> Result<Admitted, AdmitError> {
        let current = self.load(registry, name, None)?;
        let Admitted { plugin: current, granted } = self.admit_loaded(current)?;
        let newest = registry.newest_of(name, wanted)?;
        let version = current.manifest().version.clone();
        let plugin = if newest > version || wanted.is_some_and(|wanted| !wanted.matches(&version)) {
            registry.load(name, &newest)?
        } else {
            self.lock.set_requirement(name, wanted.cloned());
            return Ok(Admitted { plugin: current, granted });
        };
        let found = Signer::of(&plugin);
        if let Some(expected) = self.lock.get(name).map(|pin| &pin.signer).filter(|pinned| **pinned != found)
        {
            let (expected, found) = (expected.to_string(), found.to_string());
            return Err(AdmitError::OtherSigner { plugin: name.clone(), to: newest, expected, found });
        }
        let requested = plugin.manifest().authority.normalized();
        if granted.covers(&requested).is_err() {
            let (from, to) = (Box::new(version), Box::new(newest));
            let difference = granted.difference(&requested);
            return Err(AdmitError::Exceeds { plugin: name.clone(), from, to, difference });
        }
        self.check_policy(&plugin, &requested)?;
        self.lock.pin(&plugin, requested.clone());
        self.lock.set_requirement(name, wanted.cloned());
        Ok(Admitted { plugin: plugin.into(), granted: requested })
    }

    /// Pins a plugin with everything that it asks for, or with what it has been granted and asks for still and
    /// `only` these kinds of the rest, as a person may approve it. Nothing of that counts before
    /// [`approve`](Self::approve). A plugin under development is granted what it asks for as a whole.
    ///
    /// # Errors
    /// [`AdmitError::Forbidden`] if the policy does not allow it, [`AdmitError::Protected`].
    pub fn propose(
        &mut self,
        plugin: Plugin,
        wanted: Option<VersionReq>,
        only: Option<&[Capability]>,
    ) -> Result<Proposal, AdmitError> {
        let name = plugin.name().clone();
        let requested = plugin.requested().normalized();
        let before = self.lock.get(&name).cloned();
        let granted_before = match (&before, self.lock.development(&name)) {
            (Some(pin), _) => pin.granted.clone(),
            (None, Some(pin)) => pin.granted.clone(),
            (None, None) => Authority::default(),
        };
        let granted = match only {
            Some(kinds) if !plugin.is_development() => {
                let kept = intersection(&granted_before, &requested);
                requested.parts(kinds).iter().fold(kept, |granted, part| union(&granted, part))
            }
            _ => requested,
        };
        match &plugin {
            Plugin::Release(release) => {
                self.check_policy(release, &granted)?;
                self.lock.pin(release, granted.clone());
                self.lock.set_requirement(&name, wanted);
            }
            Plugin::Development(development) => {
                self.check_development(&name, &granted)?;
                self.lock.pin_development(development, &granted);
            }
        }
        Ok(Proposal { plugin, before, granted_before, granted })
    }

    /// Records where the configuration sends the requests of a pinned plugin. Counts once it is
    /// [approved](Self::approve).
    ///
    /// # Errors
    /// [`AdmitError::Forbidden`].
    pub fn propose_endpoint(&mut self, name: &PluginName, endpoint: Option<&str>) -> Result<(), AdmitError> {
        if let Some(endpoint) = endpoint {
            self.policy.check_endpoint(name, endpoint)?;
        }
        self.lock.set_endpoint(name, endpoint.map(str::to_owned));
        Ok(())
    }

    /// Whether the configuration may send the requests of a plugin to `endpoint`. Ask for every endpoint
    /// that a file of the workspace names and that is not on this machine.
    ///
    /// # Errors
    /// [`AdmitError::Endpoint`] unless the lock has it and this machine has approved the lock;
    /// [`AdmitError::Forbidden`] if the policy does not allow it.
    pub fn check_endpoint(&self, name: &PluginName, endpoint: &str) -> Result<(), AdmitError> {
        self.policy.check_endpoint(name, endpoint)?;
        if self.approved && self.lock.endpoint(name) == Some(endpoint) {
            Ok(())
        } else {
            Err(AdmitError::Endpoint { plugin: name.clone(), endpoint: endpoint.to_owned() })
        }
    }

    /// Holds a release, with what the lock grants it, against the ceiling of this machine.
    ///
    /// # Errors
    /// [`AdmitError::Forbidden`].
    pub fn check_ceiling(&self, plugin: &VerifiedPlugin) -> Result<(), AdmitError> {
        let requested = &plugin.manifest().authority;
        let granted = self.lock.get(plugin.name()).map_or(requested, |pin| &pin.granted);
        self.check_policy(plugin, granted)
    }

    /// Records the state of a registry that was seen: the lock never accepts an older one again.
    pub fn see_registry(&mut self, name: &str, seen: RegistryPin) {
        self.lock.see_registry(name, seen);
    }

    /// Takes a plugin out of the lock. Whether it was there.
    pub fn remove(&mut self, name: &PluginName) -> bool {
        self.lock.remove(name)
    }

    /// Whether this machine has approved what a digest stands for, such as the files of this workspace.
    pub fn covers(&self, digest: Digest) -> bool {
        self.approvals.covers(&self.folder, digest)
    }

    /// Writes what this run has pinned to the lock. Nothing was pinned: nothing is written.
    ///
    /// The new lock counts as approved on this machine if the old one did or if there was none: what this
    /// run adds needs no approval, or was admitted under one. Whatever else came with a repository stays
    /// unapproved.
    ///
    /// # Errors
    /// If a file cannot be written, or another process has changed the lock meanwhile.
    pub fn save(&mut self) -> Result<(), WorkspaceError> {
        if !self.is_changed() {
            return Ok(());
        }
        let _writer = approvals::hold(&self.home)?;
        let now = self.on_disk_now()?;
        self.approvals = Approvals::read(&self.home)?;
        let approved = now.is_empty() || self.approvals.covers(&self.folder, now.trust_digest());
        self.write(now, approved, &[])
    }

    /// Writes the lock and records that this machine approves it, and what the digests stand for.
    ///
    /// # Errors
    /// As [`save`](Self::save).
    pub fn approve(&mut self, also: &[Digest]) -> Result<(), WorkspaceError> {
        let _writer = approvals::hold(&self.home)?;
        let now = self.on_disk_now()?;
        self.approvals = Approvals::read(&self.home)?;
        if now != self.on_disk && now.trust_digest() != self.on_disk.trust_digest() {
            // What the person has read is no longer what would be approved.
            return Err(LockError::ChangedMeanwhile { path: self.path().display().to_string() }.into());
        }
        self.write(now, true, also)
    }

    fn write(&mut self, now: Lock, approved: bool, also: &[Digest]) -> Result<(), WorkspaceError> {
        let path = self.path();
        let merged = now
            .clone()
            .merged(&self.on_disk, &self.lock)
            .map_err(|plugin| LockError::Changed { path: path.display().to_string(), plugin })?;
        if merged != now {
            ss_durable::replace(&path, merged.to_toml().as_bytes()).map_err(LockError::from)?;
        }
        if approved {
            self.approvals.record_held(&self.folder, merged.trust_digest())?;
        }
        for digest in also {
            self.approvals.record_held(&self.folder, *digest)?;
        }
        self.approved |= approved;
        self.on_disk = merged.clone();
        self.lock = merged;
        Ok(())
    }

    fn on_disk_now(&self) -> Result<Lock, LockError> {
        Lock::read(&self.path())
    }

    fn path(&self) -> PathBuf {
        self.folder.join(LOCK_FILE)
    }

    fn check_policy(&self, plugin: &VerifiedPlugin, granted: &Authority) -> Result<(), AdmitError> {
        let signer = Signer::of(plugin);
        let registry = Some(plugin.registry());
        Ok(self.policy.check(Candidate { name: plugin.name(), registry, signer: Some(&signer), granted })?)
    }

    fn check_development(&self, name: &PluginName, granted: &Authority) -> Result<(), AdmitError> {
        if let Some(environment) = self.protected.clone() {
            return Err(AdmitError::Protected { plugin: name.clone(), environment });
        }
        Ok(self.policy.check(Candidate { name, registry: None, signer: None, granted })?)
    }
}
