//! A registry: a source of files, and who is trusted to sign which of them.

use std::sync::{Arc, Mutex, PoisonError};

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};

use crate::component::MAX_COMPONENT;
use crate::dsse::MAX_ENVELOPE;
use crate::embedded::{self, Embedded};
use crate::index::{Index, IndexError, Line, MAX_INDEX, MarkKind, Marks};
use crate::key::{Delegation, KeyId};
use crate::metadata::{Chain, ChainError, Floor, MetadataError, MetadataFault, Pinned};
use crate::name::OFFICIAL;
use crate::refusal::{LoadError, Refusal};
use crate::source::{Source, SourceError};
use crate::statement::Release;
use crate::verify::{Promise, VerifiedPlugin, Wanted};
use crate::{Digest, PluginName, layout};

/// `config.json`: what kind of registry it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Version of the layout; 1.
    pub version: u32,
    /// What the registry calls itself.
    pub name: String,
}

/// A release as its publisher announced it. Who trusts it enough to run it [loads](Registry::load) it.
#[derive(Debug, Clone)]
pub struct Announcement {
    /// Its line in the index.
    pub line: Line,
    /// What the signed statement says.
    pub release: Release,
    /// The trusted keys that signed the statement, sorted.
    pub signers: Vec<KeyId>,
}

/// A registry of plugins.
pub struct Registry {
    name: String,
    source: Arc<dyn Source>,
    trust: Trust,
    vouched: bool,
    this: Version,
}

/// Why a registry is believed.
enum Trust {
    /// Because whoever opened it says who signs. Nothing says which files are the current ones.
    Keys(Vec<Delegation>),
    /// Because its metadata leads back to a pinned root.
    Root { pinned: Pinned, verified: Mutex<Option<(u64, Arc<Chain>)>> },
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Registry {
    /// The official registry as it is embedded in this binary.
    pub fn official() -> Self {
        Self::rooted(OFFICIAL, Arc::new(Embedded), embedded::official_root()).vouched()
    }

    /// A registry called `name` whose namespaces are signed for as the delegations say; without metadata,
    /// so that nothing says whether its index is the current one.
    pub fn new(name: &str, source: impl Source + 'static, delegations: Vec<Delegation>) -> Self {
        Self::trusting(name, Arc::new(source), Trust::Keys(delegations))
    }

    /// A registry called `name` whose metadata leads back to its first root, the file of this digest.
    /// Whether the metadata is out of date is not asked: whoever has a copy may go on using it.
    pub fn with_root(name: &str, source: impl Source + 'static, root: Digest) -> Self {
        Self::rooted(name, Arc::new(source), Pinned { version: 1, digest: root })
    }

    pub(crate) fn rooted(name: &str, source: Arc<dyn Source>, pinned: Pinned) -> Self {
        Self::trusting(name, source, Trust::Root { pinned, verified: Mutex::new(None) })
    }

    fn trusting(name: &str, source: Arc<dyn Source>, trust: Trust) -> Self {
        Self { name: name.to_owned(), source, trust, vouched: false, this: crate::this_ss() }
    }

    /// The same registry, whose official plugins need no approval beyond running this program: for the
    /// registry that is part of it.
    #[must_use]
    pub fn vouched(mut self) -> Self {
        self.vouched = true;
        self
    }

    /// Whether using the plugin needs no approval beyond running this program.
    pub fn vouches_for(&self, plugin: &PluginName) -> bool {
        self.vouched && plugin.namespace() == OFFICIAL
    }

    /// What this machine calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The plugins that it has, sorted.
    ///
    /// # Errors
    /// [`LoadError::Source`].
    pub fn plugins(&self) -> Result<Vec<PluginName>, LoadError> {
        match self.chain()? {
            Some(chain) => Ok(chain.plugins()),
            None => self.source.plugins().map_err(|source| self.unreadable(source)),
        }
    }

    /// How new its metadata is; none if it has none.
    ///
    /// # Errors
    /// If the metadata is refused.
    pub fn floor(&self) -> Result<Option<Floor>, LoadError> {
        Ok(self.chain()?.map(|chain| chain.floor()))
    }

    /// The namespaces that its metadata delegates, sorted.
    ///
    /// # Errors
    /// If the metadata is refused.
    pub fn namespaces(&self) -> Result<Vec<String>, LoadError> {
        Ok(match &self.trust {
            Trust::Keys(delegations) => delegations.iter().map(|known| known.namespace.clone()).collect(),
            Trust::Root { .. } => self.chain()?.map(|chain| chain.namespaces()).unwrap_or_default(),
        })
    }

    /// Newest version and description of a plugin, as its namespace announces them to people who search.
    /// Only [`announcement`](Self::announcement) holds them against the release.
    ///
    /// # Errors
    /// If the metadata is refused.
    pub fn summary(&self, plugin: &PluginName) -> Result<Option<(String, String)>, LoadError> {
        let chain = self.chain()?;
        let summary = chain.as_ref().and_then(|chain| chain.summary(plugin));
        Ok(summary.map(|(version, description)| (version.to_owned(), description.to_owned())))
    }

    /// The releases of a plugin.
    ///
    /// # Errors
    /// If there is no such plugin, or its index is damaged.
    pub fn index(&self, plugin: &PluginName) -> Result<Index, LoadError> {
        let bytes = self.listed(plugin, &layout::index(plugin))?.ok_or_else(|| LoadError::UnknownPlugin {
            registry: self.name.clone(),
            plugin: plugin.clone(),
        })?;
        Index::parse(plugin, &bytes).map_err(|source| self.bad_index(plugin, source))
    }

    /// The newest version that was not taken back and that this `ss` can run. Pre-releases come only where
    /// there is nothing else.
    ///
    /// # Errors
    /// If there is none.
    pub fn newest(&self, plugin: &PluginName) -> Result<Version, LoadError> {
        self.newest_of(plugin, None)
    }

    /// The newest usable version among those that are wanted. The same on every machine that sees the same
    /// registry: nothing of the machine enters into it but the version of `ss`.
    ///
    /// # Errors
    /// If there is none.
    pub fn newest_of(&self, plugin: &PluginName, wanted: Option<&VersionReq>) -> Result<Version, LoadError> {
        let index = self.index(plugin)?;
        let marks = self.marks(plugin)?;
        let usable = |line: &Line| {
            marks.on(&line.v).is_none()
                && line.min_ss <= self.this
                && crate::contract::is_known(&line.world)
                && wanted.is_none_or(|wanted| wanted.matches(&line.v))
        };
        index.newest(usable).map(|line| line.v.clone()).ok_or_else(|| LoadError::NoUsableVersion {
            plugin: plugin.clone(),
            wanted: wanted.cloned(),
            available: versions(&index),
        })
    }

    /// Loads and verifies a release.
    ///
    /// A yanked release still loads, for those whose lock names it; a revoked one does not.
    ///
    /// # Errors
    /// [`LoadError`]; [`LoadError::Refused`] says which check it did not pass.
    pub fn load(&self, plugin: &PluginName, version: &Version) -> Result<VerifiedPlugin, LoadError> {
        let refused = |refusal| refused(plugin, version, refusal);
        let line = self.line(plugin, version)?;
        if let Some(mark) = self.marks(plugin)?.on(version).filter(|mark| mark.mark == MarkKind::Revoked) {
            return Err(refused(Refusal::Revoked { reason: mark.reason.clone() }));
        }
        let (wanted, promise) = self.promise(plugin, version, &line)?;
        let component = self
            .source
            .component(&layout::component(line.digest), MAX_COMPONENT)
            .map_err(|source| self.unreadable(source))?
            .ok_or_else(|| refused(Refusal::ComponentMissing { digest: line.digest }))?;
        wanted.component(&line, promise, component).map_err(refused)
    }

    /// What is announced of a release: its index line and its verified statement. The component is not
    /// looked at, and need not be here; a release that was taken back is described too.
    ///
    /// # Errors
    /// [`LoadError`], as for [`load`](Self::load).
    pub fn announcement(&self, plugin: &PluginName, version: &Version) -> Result<Announcement, LoadError> {
        let line = self.line(plugin, version)?;
        let (_, promise) = self.promise(plugin, version, &line)?;
        let (release, signers) = promise.into_parts();
        Ok(Announcement { line, release, signers })
    }

    /// What was said of a plugin's releases after they were published.
    ///
    /// # Errors
    /// If the file of marks cannot be read or is damaged.
    pub fn marks(&self, plugin: &PluginName) -> Result<Marks, LoadError> {
        let bytes = self.listed(plugin, &layout::marks(plugin))?.unwrap_or_default();
        Marks::parse(&bytes).map_err(|source| self.bad_index(plugin, source))
    }

    pub(crate) fn line(&self, plugin: &PluginName, version: &Version) -> Result<Line, LoadError> {
        let index = self.index(plugin)?;
        index.find(version).cloned().ok_or_else(|| LoadError::UnknownVersion {
            registry: self.name.clone(),
            plugin: plugin.clone(),
            version: version.clone(),
            available: versions(&index),
        })
    }

    /// The verified statement of a release, and what it was held against.
    fn promise<'a>(
        &'a self,
        plugin: &'a PluginName,
        version: &'a Version,
        line: &Line,
    ) -> Result<(Wanted<'a>, Promise), LoadError> {
        let refused = |refusal| refused(plugin, version, refusal);
        let trusted = self
            .delegation(plugin.namespace())?
            .ok_or_else(|| refused(Refusal::NoDelegation { namespace: plugin.namespace().to_owned() }))?;
        let vouched = self.vouches_for(plugin);
        let wanted =
            Wanted { registry: &self.name, vouched, name: plugin, version, trusted, this: &self.this };
        let statement = self
            .read(&layout::statement(line.digest), MAX_ENVELOPE as u64)?
            .ok_or_else(|| refused(Refusal::Unsigned))?;
        let promise = wanted.statement(line, &statement).map_err(refused)?;
        Ok((wanted, promise))
    }

    pub(crate) fn delegation(&self, namespace: &str) -> Result<Option<Delegation>, LoadError> {
        match &self.trust {
            Trust::Keys(delegations) => {
                Ok(delegations.iter().find(|delegation| delegation.namespace == namespace).cloned())
            }
            Trust::Root { .. } => match self.chain()? {
                Some(chain) => chain.delegation(namespace).map_err(|error| self.distrusted(error)),
                None => Ok(None),
            },
        }
    }

    /// A file of a plugin that the metadata lists, as the metadata says it is; none if it lists none.
    fn listed(
        &self,
        plugin: &PluginName,
        path: &str,
    ) -> Result<Option<std::borrow::Cow<'static, [u8]>>, LoadError> {
        let Some(chain) = self.chain()? else { return self.read(path, MAX_INDEX as u64) };
        let Some(fact) = chain.fact(plugin.namespace(), path) else { return Ok(None) };
        let limit = fact.length.min(MAX_INDEX as u64);
        let bytes = self
            .read(path, limit)?
            .ok_or_else(|| LoadError::NotHere { registry: self.name.clone(), plugin: plugin.clone() })?;
        if Digest::of(&bytes) != fact.digest {
            return Err(self.distrusted(MetadataFault::Digest.of(path)));
        }
        Ok(Some(bytes))
    }

    /// The verified metadata; none if it is not metadata that makes this registry believed.
    pub(crate) fn chain(&self) -> Result<Option<Arc<Chain>>, LoadError> {
        let Trust::Root { pinned, verified } = &self.trust else { return Ok(None) };
        let state = self.source.state();
        let mut verified = verified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, chain)) = verified.as_ref().filter(|(at, _)| *at == state) {
            return Ok(Some(Arc::clone(chain)));
        }
        let chain = Chain::open(self.source.as_ref(), pinned).map_err(|error| match error {
            ChainError::Metadata(error) => self.distrusted(error),
            ChainError::Source(error) => self.unreadable(error),
        })?;
        let chain = Arc::new(chain);
        *verified = Some((state, Arc::clone(&chain)));
        Ok(Some(chain))
    }

    fn distrusted(&self, refused: MetadataError) -> LoadError {
        LoadError::Metadata { registry: self.name.clone(), refused }
    }

    pub(crate) fn read(
        &self,
        path: &str,
        limit: u64,
    ) -> Result<Option<std::borrow::Cow<'static, [u8]>>, LoadError> {
        self.source.read(path, limit).map_err(|source| self.unreadable(source))
    }

    fn unreadable(&self, source: SourceError) -> LoadError {
        LoadError::Source { registry: self.name.clone(), source }
    }

    fn bad_index(&self, plugin: &PluginName, source: IndexError) -> LoadError {
        LoadError::Index { registry: self.name.clone(), plugin: plugin.clone(), source }
    }
}

fn refused(plugin: &PluginName, version: &Version, refusal: Refusal) -> LoadError {
    LoadError::Refused { plugin: plugin.clone(), version: version.clone(), refusal: Box::new(refusal) }
}

fn versions(index: &Index) -> Vec<Version> {
    index.lines().iter().map(|line| line.v.clone()).collect()
}
