//! The registries that this machine knows, and which of them a plugin comes from.
//!
//! A namespace belongs to exactly one registry: the same name in another registry is another plugin's, and
//! nobody is ever asked which one was meant. The namespace `official` belongs to the registry that is part
//! of this program.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use semver::Version;
use ss_authority::is_plugin_name;
use ss_capability_http::Client;
use ss_durable::{FileError, LockError as Busy};

use crate::embedded;
use crate::list::{LIST, Listed, folder, read_list, remove_folder, write_list};
use crate::metadata::{self, Floor, MetadataError, MetadataFault, Pinned};
use crate::mirror::Mirror;
use crate::name::{DEVELOPMENT, OFFICIAL};
use crate::refusal::LoadError;
use crate::remote::{BadLocation, Fetched, Location, Patience, Remote, RemoteError};
use crate::source::SourceError;
use crate::strict::{self, Malformed};
use crate::sync::Download;
use crate::{Config, Delegation, Digest, PluginName, Registry, Timestamp, layout};

/// Environment variable that names another place of the official registry, for rehearsals and company
/// mirrors. Its root stays the one that is built in.
pub const OFFICIAL_PLACE: &str = "STARSYSTEM_REGISTRY_OFFICIAL";
/// Largest `config.json`, in bytes.
const MAX_CONFIG: u64 = 4 * 1024;

/// The registries that this machine knows.
///
/// Reading ([`Registry`]) is synchronous and needs no network: it sees what is in the binary and in the
/// local copies. [`refresh`](Self::refresh) and [`fetch`](Self::fetch) are what brings copies up to date.
#[derive(Debug)]
pub struct Registries {
    home: Option<PathBuf>,
    /// The official one first, the others by name.
    all: Vec<Known>,
    patience: Patience,
    /// The time, where it is not the real one.
    now: Option<Timestamp>,
}

#[derive(Debug)]
struct Known {
    registry: Registry,
    namespaces: Vec<String>,
    pinned: Pinned,
    /// Where it is, and the local copy; none for what is only in the binary.
    elsewhere: Option<(Location, Arc<Mirror>)>,
    floor: Option<Floor>,
}

/// A registry that was looked at, to be added.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Where it is.
    pub location: Location,
    /// What it calls itself; nobody has signed that.
    pub name: Option<String>,
    /// Digest of its first root, or of the root that was asked for.
    pub root_sha256: Digest,
    /// Version of that root.
    pub root_version: u64,
}

/// Why the registries of this machine cannot be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum RegistriesError {
    /// The list cannot be read.
    #[error("`{path}` is not a list of registries: {reason}")]
    Malformed {
        /// The file.
        path: String,
        /// What is wrong.
        reason: Malformed,
    },
    /// An entry of the list cannot be used.
    #[error("the registry `{name}` in `{path}` cannot be used: {reason}")]
    Entry {
        /// The file.
        path: String,
        /// The registry.
        name: String,
        /// What is wrong.
        reason: String,
    },
    /// The address is none.
    #[error(transparent)]
    Location(#[from] BadLocation),
    /// The name is none.
    #[error(
        "`{name}` is not a name for a registry: 1 to 40 lower-case letters, digits and single hyphens, a letter first"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// There is a registry of this name.
    #[error("there is a registry `{name}` already: {url}")]
    Taken {
        /// The name.
        name: String,
        /// Where that is.
        url: String,
    },
    /// A namespace belongs to another registry.
    #[error("the namespace `{namespace}` belongs to the registry `{registry}`")]
    Bound {
        /// The namespace.
        namespace: String,
        /// The registry that it belongs to.
        registry: String,
    },
    /// The namespace of plugins under development, which come from no registry.
    #[error("the namespace `{DEVELOPMENT}` is for plugins under development, which come from no registry")]
    Reserved,
    /// The registry delegates no such namespace.
    #[error("the registry has no namespace `{namespace}`; it has: {}", if available.is_empty() { "none".to_owned() } else { available.join(", ") })]
    NoNamespace {
        /// The namespace.
        namespace: String,
        /// What there is.
        available: Vec<String>,
    },
    /// There is no registry of this name.
    #[error("there is no registry `{name}`")]
    Unknown {
        /// The name.
        name: String,
    },
    /// The official registry is part of this program.
    #[error("the official registry is part of this program and cannot be removed")]
    Official,
    /// The registry could not be read.
    #[error(transparent)]
    Sync(#[from] Box<SyncError>),
    /// A local copy cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Why a registry's local copy could not be brought up to date. The copy is as it was.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// No registry is responsible, or the local copy cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What the registry serves is refused.
    #[error("the registry `{registry}` is not to be trusted: {refused}")]
    Metadata {
        /// Name of the registry.
        registry: String,
        /// Which file, and why.
        refused: MetadataError,
    },
    /// The registry did not answer.
    #[error("the registry `{registry}` cannot be reached: {failed}")]
    Remote {
        /// Name of the registry.
        registry: String,
        /// Which file, and why.
        failed: RemoteError,
    },
    /// Another process works on the same copy.
    #[error(transparent)]
    Busy(#[from] Busy),
    /// The local copy cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Registries {
    /// The official registry alone, as it is embedded in this binary.
    pub fn official() -> Self {
        let official = Known {
            registry: Registry::official(),
            namespaces: vec![OFFICIAL.to_owned()],
            pinned: embedded::official_root(),
            elsewhere: None,
            floor: None,
        };
        Self { home: None, all: vec![official], patience: Patience::default(), now: None }
    }

    /// The registries of the person whose home (`~/.starsystem`) this is. The variable [`OFFICIAL_PLACE`]
    /// of the environment says where else the official one is.
    ///
    /// # Errors
    /// If their list is there and cannot be used.
    pub fn open(home: &Path) -> Result<Self, RegistriesError> {
        let place = std::env::var(OFFICIAL_PLACE).ok().filter(|place| !place.is_empty());
        Self::open_with(home, place.as_deref())
    }

    /// As [`open`](Self::open), with the official registry at this place.
    ///
    /// # Errors
    /// If the list is there and cannot be used, or the place is none.
    pub fn open_with(home: &Path, official: Option<&str>) -> Result<Self, RegistriesError> {
        let mut this = Self { home: Some(home.to_owned()), ..Self::official() };
        if let Some(place) = official {
            let location = place.parse()?;
            let folder = folder(home, OFFICIAL);
            let mirror = Arc::new(Mirror::over_embedded(folder, embedded::official_snapshot())?);
            let registry = Registry::rooted(OFFICIAL, mirror.clone(), embedded::official_root()).vouched();
            this.all[0].registry = registry;
            this.all[0].elsewhere = Some((location, mirror));
        }
        for listed in read_list(home)?.registry {
            let known = Self::known(home, &listed).map_err(|error| RegistriesError::Entry {
                path: home.join(LIST).display().to_string(),
                name: listed.name.clone(),
                reason: error.to_string(),
            })?;
            this.check_free(&listed.name, &listed.namespaces)?;
            this.all.push(known);
        }
        Ok(this)
    }

    fn known(home: &Path, listed: &Listed) -> Result<Known, RegistriesError> {
        if !is_plugin_name(&listed.name) {
            return Err(RegistriesError::Name { name: listed.name.clone() });
        }
        let location: Location = listed.url.parse()?;
        let mirror = Arc::new(Mirror::open(folder(home, &listed.name))?);
        let pinned = Pinned { version: listed.root_version, digest: listed.root_sha256 };
        Ok(Known {
            registry: Registry::rooted(&listed.name, mirror.clone(), pinned),
            namespaces: listed.namespaces.clone(),
            pinned,
            elsewhere: Some((location, mirror)),
            floor: None,
        })
    }

    /// The same registries with another patience.
    #[must_use]
    pub fn patient(mut self, patience: Patience) -> Self {
        self.patience = patience;
        self
    }

    /// The same registries at another time.
    #[must_use]
    pub fn at(mut self, now: Timestamp) -> Self {
        self.now = Some(now);
        self
    }

    /// Refuses metadata of a registry that is older than this: what a lock has seen.
    pub fn require(&mut self, registry: &str, floor: Floor) {
        if let Some(known) = self.all.iter_mut().find(|known| known.registry.name() == registry) {
            known.floor = Some(floor);
        }
    }

    /// All of them; the official one first, the others by name.
    pub fn all(&self) -> impl Iterator<Item = &Registry> {
        self.all.iter().map(|known| &known.registry)
    }

    /// The registry of a name.
    pub fn get(&self, name: &str) -> Option<&Registry> {
        self.all().find(|registry| registry.name() == name)
    }

    /// What is known of a registry: its place, its root, its namespaces.
    pub fn listed(&self, name: &str) -> Option<Listed> {
        self.all.iter().find(|known| known.registry.name() == name).map(|known| Listed {
            name: name.to_owned(),
            url: known
                .elsewhere
                .as_ref()
                .map_or_else(|| "embedded".to_owned(), |(location, _)| location.to_string()),
            root_sha256: known.pinned.digest,
            root_version: known.pinned.version,
            namespaces: known.namespaces.clone(),
        })
    }

    /// The one registry that a plugin comes from.
    ///
    /// # Errors
    /// [`LoadError::NoRegistry`] if its namespace is bound to none.
    pub fn of(&self, plugin: &PluginName) -> Result<&Registry, LoadError> {
        self.known_of(plugin).map(|known| &known.registry)
    }

    fn known_of(&self, plugin: &PluginName) -> Result<&Known, LoadError> {
        let owns = |known: &&Known| known.namespaces.iter().any(|namespace| namespace == plugin.namespace());
        self.all.iter().find(owns).ok_or_else(|| LoadError::NoRegistry { plugin: plugin.clone() })
    }

    /// Brings the metadata and the index of these plugins up to date. Asks the network, unless the registry
    /// is only in this binary.
    ///
    /// # Errors
    /// [`SyncError`]; what was read before is still there and still verified.
    pub async fn refresh(&self, client: &Client, plugins: &[PluginName]) -> Result<(), SyncError> {
        for plugin in plugins {
            self.of(plugin)?;
        }
        for known in &self.all {
            let mine: Vec<PluginName> = plugins
                .iter()
                .filter(|plugin| known.namespaces.iter().any(|own| own == plugin.namespace()))
                .cloned()
                .collect();
            if !mine.is_empty() {
                self.refresh_known(client, known, &mine).await?;
            }
        }
        Ok(())
    }

    /// Brings the metadata of one registry up to date, of all namespaces that are bound to it.
    ///
    /// # Errors
    /// [`SyncError`]; what was read before is still there and still verified.
    pub async fn refresh_registry(&self, client: &Client, name: &str) -> Result<(), SyncError> {
        match self.all.iter().find(|known| known.registry.name() == name) {
            Some(known) => self.refresh_known(client, known, &[]).await,
            None => Ok(()),
        }
    }

    async fn refresh_known(
        &self,
        client: &Client,
        known: &Known,
        plugins: &[PluginName],
    ) -> Result<(), SyncError> {
        let Some((location, mirror)) = &known.elsewhere else { return Ok(()) };
        let remote = Remote::open(location, client, self.patience);
        self.download(known, &remote, mirror).refresh(plugins, &known.namespaces).await
    }

    /// Makes sure that a release can be [loaded](Registry::load). A release that is here already is left
    /// alone: nothing is asked of the network, and no metadata is looked at.
    ///
    /// # Errors
    /// [`SyncError`]; nothing of the release is then here.
    pub async fn fetch(
        &self,
        client: &Client,
        plugin: &PluginName,
        version: &Version,
    ) -> Result<(), SyncError> {
        self.bring(client, plugin, version, true).await
    }

    /// Makes sure that a release can be [described](Registry::announcement); its component is left where
    /// it is.
    ///
    /// # Errors
    /// [`SyncError`].
    pub async fn fetch_statement(
        &self,
        client: &Client,
        plugin: &PluginName,
        version: &Version,
    ) -> Result<(), SyncError> {
        self.bring(client, plugin, version, false).await
    }

    async fn bring(
        &self,
        client: &Client,
        plugin: &PluginName,
        version: &Version,
        whole: bool,
    ) -> Result<(), SyncError> {
        let known = self.known_of(plugin)?;
        let Some((location, mirror)) = &known.elsewhere else { return Ok(()) };
        let here = match known.registry.index(plugin) {
            Ok(index) => index.find(version).cloned(),
            Err(LoadError::UnknownPlugin { .. } | LoadError::NotHere { .. } | LoadError::Metadata { .. }) => {
                None
            }
            Err(error) => return Err(error.into()),
        };
        let line = match here {
            Some(line) => line,
            None => {
                self.refresh_known(client, known, std::slice::from_ref(plugin)).await?;
                known.registry.line(plugin, version)?
            }
        };
        let remote = Remote::open(location, client, self.patience);
        let download = self.download(known, &remote, mirror);
        if whole { download.release(plugin, &line).await } else { download.statement(plugin, &line).await }
    }

    fn download<'a>(&self, known: &'a Known, remote: &'a Remote, mirror: &'a Mirror) -> Download<'a> {
        let now = self.now.clone().unwrap_or_else(Timestamp::now);
        Download { registry: &known.registry, remote, mirror, pinned: &known.pinned, floor: known.floor, now }
    }

    /// Looks at a registry that is not in the list: its root of this digest, or else its first one.
    /// Nothing is trusted yet.
    ///
    /// # Errors
    /// If it does not answer, or has no such root.
    pub async fn look(
        &self,
        client: &Client,
        location: Location,
        root: Option<Digest>,
    ) -> Result<Offer, SyncError> {
        let remote = Remote::open(&location, client, self.patience);
        let registry = location.to_string();
        let unreachable = |failed| SyncError::Remote { registry: registry.clone(), failed };
        let mut first = None;
        for version in 1..=metadata::MAX_ROOTS {
            let path = layout::root(version);
            let Fetched::New { bytes, .. } =
                remote.get(&path, metadata::MAX_ROOT, None).await.map_err(unreachable)?
            else {
                break;
            };
            let found = Digest::of(&bytes);
            first.get_or_insert(found);
            if root.is_none_or(|wanted| wanted == found) {
                let config = remote.get(layout::CONFIG, MAX_CONFIG, None).await.map_err(unreachable)?;
                let name = match config {
                    Fetched::New { bytes, .. } => strict::json::<Config>(&bytes, MAX_CONFIG as usize).ok(),
                    Fetched::Missing | Fetched::Unchanged => None,
                };
                let name = name.map(|config| config.name).filter(|name| is_plugin_name(name));
                return Ok(Offer { location, name, root_sha256: found, root_version: version });
            }
        }
        let file = layout::root(1);
        let refused = match (root, first) {
            (Some(expected), Some(found)) => {
                MetadataFault::Fingerprint { expected: Box::new(expected), found: Box::new(found) }.of(file)
            }
            _ => MetadataFault::Missing.of(file),
        };
        Err(SyncError::Metadata { registry, refused })
    }

    /// Adds a registry that was looked at, under a name, for these namespaces; for all that it has, if none
    /// is given. Its metadata is downloaded and verified first.
    ///
    /// # Errors
    /// If it is refused, or a name or a namespace is taken; nothing was added.
    pub async fn add(
        &mut self,
        client: &Client,
        offer: &Offer,
        name: &str,
        namespaces: &[String],
    ) -> Result<Listed, RegistriesError> {
        let home = self.home.clone().ok_or(RegistriesError::Official)?;
        self.check_free(name, namespaces)?;
        let mut listed = Listed {
            name: name.to_owned(),
            url: offer.location.to_string(),
            root_sha256: offer.root_sha256,
            root_version: offer.root_version,
            namespaces: namespaces.to_vec(),
        };
        // What another registry of that name may have left says nothing about this one.
        remove_folder(&folder(&home, name))?;
        let mut known = Self::known(&home, &listed)?;
        let result = async {
            self.refresh_known(client, &known, &[]).await.map_err(Box::new)?;
            let available = known.registry.namespaces().map_err(|error| Box::new(error.into()))?;
            if namespaces.is_empty() {
                listed.namespaces = available;
            } else if let Some(missing) = namespaces.iter().find(|name| !available.contains(name)) {
                return Err(RegistriesError::NoNamespace { namespace: missing.clone(), available });
            }
            listed.namespaces.sort();
            listed.namespaces.dedup();
            self.check_free(name, &listed.namespaces)?;
            known.namespaces.clone_from(&listed.namespaces);
            self.refresh_known(client, &known, &[]).await.map_err(Box::new)?;
            write_list(&home, |list| list.push(listed.clone()))
        }
        .await;
        if let Err(error) = result {
            remove_folder(&folder(&home, name))?;
            return Err(error);
        }
        self.all.push(known);
        self.all[1..].sort_by(|a, b| a.registry.name().cmp(b.registry.name()));
        Ok(listed)
    }

    /// Takes a registry out of the list and deletes its copy.
    ///
    /// # Errors
    /// If there is none, or it is the official one.
    pub fn remove(&mut self, name: &str) -> Result<Listed, RegistriesError> {
        if name == OFFICIAL {
            return Err(RegistriesError::Official);
        }
        let (Some(home), Some(listed)) = (self.home.clone(), self.listed(name)) else {
            return Err(RegistriesError::Unknown { name: name.to_owned() });
        };
        write_list(&home, |list| list.retain(|known| known.name != name))?;
        remove_folder(&folder(&home, name))?;
        self.all.retain(|known| known.registry.name() != name);
        Ok(listed)
    }

    fn check_free(&self, name: &str, namespaces: &[String]) -> Result<(), RegistriesError> {
        if !is_plugin_name(name) {
            return Err(RegistriesError::Name { name: name.to_owned() });
        }
        if let Some(taken) = self.listed(name) {
            return Err(RegistriesError::Taken { name: taken.name, url: taken.url });
        }
        if namespaces.iter().any(|namespace| namespace == DEVELOPMENT) {
            return Err(RegistriesError::Reserved);
        }
        for known in &self.all {
            if let Some(namespace) = namespaces.iter().find(|name| known.namespaces.contains(name)) {
                let (namespace, registry) = (namespace.clone(), known.registry.name().to_owned());
                return Err(RegistriesError::Bound { namespace, registry });
            }
        }
        Ok(())
    }
}

impl Registry {
    /// Who signs for a namespace, for people who ask; none if it is not delegated.
    ///
    /// # Errors
    /// If the metadata is refused.
    pub fn signers_of(&self, namespace: &str) -> Result<Option<Delegation>, LoadError> {
        self.delegation(namespace)
    }
}
