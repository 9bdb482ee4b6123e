//! Bringing the local copy of a registry up to date.
//!
//! The order is that of the TUF client workflow: roots, timestamp, snapshot, targets, the namespaces that
//! matter, the index files that matter. Each file is verified before the next is asked for, none is larger
//! than what was signed for it, and nothing replaces the copy before all of it has passed.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::SignedDuration;
use ss_durable::WriterLock;
use tough::schema::{Root, Signed};

use crate::component::MAX_COMPONENT;
use crate::dsse::MAX_ENVELOPE;
use crate::index::{Index, Line, MAX_INDEX};
use crate::metadata::{self, Chain, Fact, Floor, MetadataError, MetadataFault, Pinned};
use crate::mirror::{Mirror, Staged, State};
use crate::refusal::LoadError;
use crate::registries::SyncError;
use crate::remote::{Fetched, Remote};
use crate::source::{Source as _, SourceError};
use crate::{Digest, PluginName, Registry, Timestamp, layout};

/// How far a clock may be set back without a word: what network time corrects.
const CLOCK_SLACK: SignedDuration = SignedDuration::from_mins(10);
/// How long another process that reads the same registry is waited for.
const PATIENCE_WITH_OTHERS: Duration = Duration::from_secs(60);
/// Wait before a registry is read again that was being changed.
const SETTLE: Duration = Duration::from_millis(400);

/// A download into a local copy.
pub(crate) struct Download<'a> {
    pub registry: &'a Registry,
    pub remote: &'a Remote,
    pub mirror: &'a Mirror,
    pub pinned: &'a Pinned,
    pub floor: Option<Floor>,
    pub now: Timestamp,
}

impl Download<'_> {
    /// Brings metadata and the index of these plugins up to date; what the copy has of others too.
    pub(crate) async fn refresh(
        &self,
        plugins: &[PluginName],
        namespaces: &[String],
    ) -> Result<(), SyncError> {
        ss_durable::create_private_dir(self.mirror.folder())?;
        let _alone = WriterLock::take_within(&self.mirror.folder().join("lock"), "ss", PATIENCE_WITH_OTHERS)?;
        self.mirror.reload().map_err(|source| self.unreadable(source))?;
        match self.attempt(plugins, namespaces).await {
            // A registry of plain files changes file by file; who reads meanwhile sees two states.
            Err(SyncError::Metadata { refused, .. }) if is_mixed(&refused.fault) => {
                tokio::time::sleep(SETTLE).await;
                self.attempt(plugins, namespaces).await
            }
            result => result,
        }
    }

    async fn attempt(&self, plugins: &[PluginName], namespaces: &[String]) -> Result<(), SyncError> {
        let state = self.mirror.snapshot();
        let seen = if self.mirror.has_metadata() { self.registry.chain()? } else { None };
        self.check_clock(&state)?;
        let mut staged = Staged::default();
        let root = self.roots(seen.as_deref(), &mut staged).await?;
        let distrusted = |error| self.distrusted(error);

        let bytes = self.current(&state, layout::TIMESTAMP, metadata::MAX_TIMESTAMP, &mut staged).await?;
        let timestamp = metadata::read_timestamp(&root, &bytes).map_err(distrusted)?;
        let expected = metadata::expect_snapshot(&timestamp).map_err(distrusted)?;
        let fact = |length, digest| Fact { length, digest };
        let bytes =
            self.file(&state, layout::SNAPSHOT, fact(expected.length, expected.digest), &mut staged).await?;
        let snapshot = metadata::read_snapshot(&root, &timestamp, &bytes).map_err(distrusted)?;
        let expected = metadata::expect_targets(&snapshot, None).map_err(distrusted)?;
        let bytes =
            self.file(&state, layout::TARGETS, fact(expected.length, expected.digest), &mut staged).await?;
        let targets = metadata::read_targets(&root, &snapshot, None, &bytes).map_err(distrusted)?;
        let mut chain = Chain { root, timestamp, snapshot, targets, roles: Default::default() };

        for namespace in self.wanted_namespaces(&chain, seen.as_deref(), plugins, namespaces) {
            let expected = metadata::expect_targets(&chain.snapshot, Some(&namespace)).map_err(distrusted)?;
            let path = layout::delegated(&namespace);
            let bytes = self.file(&state, &path, fact(expected.length, expected.digest), &mut staged).await?;
            let above = Some((&chain.targets, namespace.as_str()));
            let role =
                metadata::read_targets(&chain.root, &chain.snapshot, above, &bytes).map_err(distrusted)?;
            chain.roles.insert(namespace, role);
        }
        if let Some(seen) = &seen {
            chain.check_succeeds(seen).map_err(distrusted)?;
        }
        self.check_floor(&chain)?;
        chain.check_fresh(self.now.to_time()).map_err(distrusted)?;
        for plugin in self.wanted_plugins(plugins)? {
            self.index(&state, &chain, &plugin, &mut staged).await?;
        }
        let (state, contents) = staged.into_state(self.latest_time(&state), chain.floor().snapshot_version);
        self.mirror.replace(state, &contents)?;
        Ok(())
    }

    /// The roots from the pinned one to the newest.
    async fn roots(&self, seen: Option<&Chain>, staged: &mut Staged) -> Result<Signed<Root>, SyncError> {
        let distrusted = |error| self.distrusted(error);
        let mut root = match seen {
            Some(seen) => {
                for version in self.pinned.version..=seen.root.signed.version.get() {
                    let path = layout::root(version);
                    let bytes = self.kept(&path)?;
                    staged.add(path, bytes, None);
                }
                seen.root.clone()
            }
            None => {
                let path = layout::root(self.pinned.version);
                let bytes = self.download(&path, metadata::MAX_ROOT, None).await?;
                let root = metadata::pinned_root(&bytes, self.pinned).map_err(distrusted)?;
                staged.add(path, bytes, None);
                root
            }
        };
        for _ in 0..metadata::MAX_ROOTS {
            let path = layout::root(root.signed.version.get().saturating_add(1));
            let Fetched::New { bytes, .. } = self.ask(&path, metadata::MAX_ROOT, None).await? else {
                return Ok(root);
            };
            root = metadata::read_root(&root, &bytes).map_err(distrusted)?;
            staged.add(path, bytes, None);
        }
        let limit = metadata::MAX_ROOTS;
        Err(self
            .distrusted(MetadataFault::TooManyRoots { limit }.of(layout::root(root.signed.version.get()))))
    }

    /// Index and marks of a plugin, if its namespace lists them.
    async fn index(
        &self,
        state: &State,
        chain: &Chain,
        plugin: &PluginName,
        staged: &mut Staged,
    ) -> Result<(), SyncError> {
        for path in [layout::index(plugin), layout::marks(plugin)] {
            let Some(fact) = chain.fact(plugin.namespace(), &path) else { continue };
            if fact.length > MAX_INDEX as u64 {
                return Err(self.distrusted(MetadataFault::TooLarge { limit: MAX_INDEX as u64 }.of(path)));
            }
            let bytes = self.file(state, &path, fact, staged).await?;
            if path == layout::index(plugin) {
                self.check_continues(plugin, &bytes)?;
            }
        }
        Ok(())
    }

    /// A release never changes: the copy that was seen before is the beginning of this one.
    fn check_continues(&self, plugin: &PluginName, bytes: &[u8]) -> Result<(), SyncError> {
        let path = layout::index(plugin);
        let parse = |bytes: &[u8]| {
            Index::parse(plugin, bytes).map_err(|source| {
                SyncError::from(LoadError::Index {
                    registry: self.registry.name().to_owned(),
                    plugin: plugin.clone(),
                    source,
                })
            })
        };
        let new = parse(bytes)?;
        let seen = self.mirror.read(&path, MAX_INDEX as u64).map_err(|source| self.unreadable(source))?;
        match seen {
            Some(seen) if !new.continues(&parse(&seen)?) => {
                Err(self.distrusted(MetadataFault::Rewritten.of(path)))
            }
            _ => Ok(()),
        }
    }

    fn wanted_namespaces(
        &self,
        chain: &Chain,
        seen: Option<&Chain>,
        plugins: &[PluginName],
        namespaces: &[String],
    ) -> BTreeSet<String> {
        let there = chain.namespaces();
        let asked = plugins.iter().map(|plugin| plugin.namespace().to_owned());
        let kept = seen.into_iter().flat_map(|seen| seen.roles.keys().cloned());
        asked
            .chain(kept)
            .chain(namespaces.iter().cloned())
            .filter(|name| there.contains(name) && chain.lists(name))
            .collect()
    }

    fn wanted_plugins(&self, plugins: &[PluginName]) -> Result<BTreeSet<PluginName>, SyncError> {
        let kept = self.mirror.plugins().map_err(|source| self.unreadable(source))?;
        Ok(plugins.iter().cloned().chain(kept).collect())
    }

    /// Makes a release loadable.
    pub(crate) async fn release(&self, plugin: &PluginName, line: &Line) -> Result<(), SyncError> {
        let (statement, component) = (layout::statement(line.digest), layout::component(line.digest));
        if !self.mirror.has_blob(&statement, None) {
            self.blob(plugin, &statement, line.statement_digest, MAX_ENVELOPE as u64).await?;
        }
        if !self.mirror.has_blob(&component, Some(line.size)) {
            self.blob(plugin, &component, line.digest, line.size.min(MAX_COMPONENT)).await?;
        }
        Ok(())
    }

    /// Brings the statement of a release, without its component.
    pub(crate) async fn statement(&self, plugin: &PluginName, line: &Line) -> Result<(), SyncError> {
        let path = layout::statement(line.digest);
        if self.mirror.has_blob(&path, None) {
            return Ok(());
        }
        self.blob(plugin, &path, line.statement_digest, MAX_ENVELOPE as u64).await
    }

    async fn blob(
        &self,
        plugin: &PluginName,
        path: &str,
        digest: Digest,
        limit: u64,
    ) -> Result<(), SyncError> {
        let found = self.remote.blob(plugin, path, digest, limit).await.map_err(|e| self.unreachable(e))?;
        let bytes = found.ok_or_else(|| self.distrusted(MetadataFault::Missing.of(path)))?;
        if Digest::of(&bytes) != digest {
            return Err(self.distrusted(MetadataFault::Digest.of(path)));
        }
        Ok(self.mirror.keep_blob(path, &bytes)?)
    }

    /// A file whose content is signed for: from the copy if that has it, or else from the registry.
    async fn file(
        &self,
        state: &State,
        path: &str,
        fact: Fact,
        staged: &mut Staged,
    ) -> Result<Vec<u8>, SyncError> {
        let here = state.get(path).filter(|file| file.digest == fact.digest);
        let bytes = match here {
            Some(_) => self.kept(path)?,
            None => self.download(path, fact.length, None).await?,
        };
        if Digest::of(&bytes) != fact.digest {
            return Err(self.distrusted(MetadataFault::Digest.of(path)));
        }
        staged.add(path, bytes.clone(), None);
        Ok(bytes)
    }

    /// The one file that nothing else announces; its tag saves sending it again.
    async fn current(
        &self,
        state: &State,
        path: &str,
        limit: u64,
        staged: &mut Staged,
    ) -> Result<Vec<u8>, SyncError> {
        let known = state.get(path);
        let etag = known.and_then(|file| file.etag.clone());
        let (bytes, etag) = match self.ask(path, limit, etag.as_deref()).await? {
            Fetched::New { bytes, etag } => (bytes, etag),
            Fetched::Unchanged => (self.kept(path)?, etag),
            Fetched::Missing => return Err(self.distrusted(MetadataFault::Missing.of(path))),
        };
        staged.add(path, bytes.clone(), etag);
        Ok(bytes)
    }

    async fn download(&self, path: &str, limit: u64, etag: Option<&str>) -> Result<Vec<u8>, SyncError> {
        match self.ask(path, limit, etag).await? {
            Fetched::New { bytes, .. } => Ok(bytes),
            Fetched::Missing | Fetched::Unchanged => Err(self.distrusted(MetadataFault::Missing.of(path))),
        }
    }

    async fn ask(&self, path: &str, limit: u64, etag: Option<&str>) -> Result<Fetched, SyncError> {
        self.remote.get(path, limit, etag).await.map_err(|error| self.unreachable(error))
    }

    /// A file of the copy.
    fn kept(&self, path: &str) -> Result<Vec<u8>, SyncError> {
        let read = self.mirror.read(path, MAX_INDEX as u64).map_err(|source| self.unreadable(source))?;
        read.map(std::borrow::Cow::into_owned).ok_or_else(|| self.distrusted(MetadataFault::Missing.of(path)))
    }

    fn check_floor(&self, chain: &Chain) -> Result<(), SyncError> {
        match self.floor {
            Some(floor) if floor.forbids(&chain.floor()) => {
                let (seen, offered) = (floor.snapshot_version, chain.floor().snapshot_version);
                Err(self.distrusted(MetadataFault::Older { seen, offered }.of(layout::SNAPSHOT)))
            }
            _ => Ok(()),
        }
    }

    /// A clock that is set back would make old metadata look fresh.
    fn check_clock(&self, state: &State) -> Result<(), SyncError> {
        let Some(seen) = &state.read_at else { return Ok(()) };
        let latest = self.now.to_time().checked_add(CLOCK_SLACK).unwrap_or(self.now.to_time());
        if latest < seen.to_time() {
            let (now, seen) = (self.now.to_string(), seen.to_string());
            return Err(self.distrusted(MetadataFault::ClockWentBack { now, seen }.of(layout::TIMESTAMP)));
        }
        Ok(())
    }

    fn latest_time(&self, state: &State) -> Timestamp {
        state.read_at.clone().filter(|seen| *seen > self.now).unwrap_or_else(|| self.now.clone())
    }

    fn distrusted(&self, refused: MetadataError) -> SyncError {
        SyncError::Metadata { registry: self.registry.name().to_owned(), refused }
    }

    fn unreadable(&self, source: SourceError) -> SyncError {
        LoadError::Source { registry: self.registry.name().to_owned(), source }.into()
    }

    fn unreachable(&self, failed: crate::remote::RemoteError) -> SyncError {
        SyncError::Remote { registry: self.registry.name().to_owned(), failed }
    }
}

/// Whether a fault may come from reading while the registry was being changed.
fn is_mixed(fault: &MetadataFault) -> bool {
    matches!(fault, MetadataFault::Digest | MetadataFault::Version { .. } | MetadataFault::Missing)
}
