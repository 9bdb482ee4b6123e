//! Putting a release into a registry that lies in a folder.
//!
//! A release is verified with the client's own checks before the first byte is written, and its index line
//! is written last: a registry never names what it does not have.

use std::fs;
use std::path::{Path, PathBuf};

use semver::Version;
use ss_authority::{Manifest, ManifestError};

use crate::component::{self, Component, ComponentError};
use crate::contract::{self, Contract};
use crate::dsse::Envelope;
use crate::index::{Index, IndexError, Line};
use crate::key::{Delegation, SigningKey};
use crate::refusal::Refusal;
use crate::statement::{PAYLOAD_TYPE, Release, Source, Statement};
use crate::strict::Malformed;
use crate::verify::Wanted;
use crate::{BadName, Digest, PluginName, Timestamp, authority_digest, layout};

/// A release that is ready to be signed.
#[derive(Debug)]
pub struct Draft<'a> {
    /// Who publishes it.
    pub namespace: &'a str,
    /// The component file with its manifest inside.
    pub component: Vec<u8>,
    /// Digest of the sources that it was built from.
    pub source: Digest,
    /// When it is published.
    pub published: Timestamp,
}

/// What publishing did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// The release is new.
    Added,
    /// The release took the place of another of the same version.
    Replaced,
    /// The very same release was there already; nothing was written.
    Unchanged,
}

/// Why a release was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The component is no plugin component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The manifest inside it cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// The namespace is no name.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The statement cannot be written.
    #[error("the statement cannot be written: {0}")]
    Statement(Malformed),
    /// This `ss` does not know the contract, so it cannot say which one does.
    #[error("it is built against {contract}, which this ss does not know")]
    UnknownContract {
        /// Its contract.
        contract: Contract,
    },
    /// The plugin's index file is damaged.
    #[error("the index of `{plugin}` is damaged: {source}")]
    Index {
        /// The plugin.
        plugin: PluginName,
        /// What is wrong.
        source: IndexError,
    },
    /// This version was published already, from other sources or with other bytes.
    #[error(
        "`{plugin}` {version} is published already, from other sources; raise its version in `plugin.toml`"
    )]
    Taken {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        version: Version,
    },
    /// The version to replace is followed by others that name it.
    #[error("`{plugin}` {version} is not the newest release, so it cannot be replaced")]
    NotNewest {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        version: Version,
    },
    /// No client would accept it.
    #[error("no ss would accept it: {0}")]
    Refused(Box<Refusal>),
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
}

/// A registry in a folder, opened by its publisher.
#[derive(Debug)]
pub struct Publisher<'a> {
    /// The folder.
    pub root: &'a Path,
    /// The keys that sign, all of them.
    pub keys: &'a [&'a SigningKey],
    /// Whether the newest release may be replaced by another of the same version: only while it has not
    /// left this machine.
    pub replace: bool,
}

impl Publisher<'_> {
    /// Signs a release and adds it to the registry.
    ///
    /// # Errors
    /// [`PublishError`]; the registry is then as it was, but for blobs that nothing names.
    pub fn publish(&self, draft: Draft<'_>) -> Result<(Line, Published), PublishError> {
        let manifest = Manifest::parse(component::outline(&draft.component)?.manifest)?;
        let plugin = PluginName::new(draft.namespace, &manifest.name)?;
        let index = self.index(&plugin)?;
        if let Some(known) = index.find(&manifest.version) {
            if known.digest == Digest::of(&draft.component)
                && self.states(known, &draft.source) != Some(false)
            {
                return Ok((known.clone(), Published::Unchanged));
            }
            self.check_replaceable(&plugin, &index, known)?;
        }
        let kept: Vec<_> = index.lines().iter().filter(|line| line.v != manifest.version).cloned().collect();
        let outcome = if kept.len() == index.lines().len() { Published::Added } else { Published::Replaced };

        let (line, statement) = self.sign(&plugin, manifest, &draft, kept.last())?;
        self.verify(&plugin, &line, &statement, &draft.component)
            .map_err(|r| PublishError::Refused(Box::new(r)))?;
        self.write(&layout::component(line.digest), &draft.component)?;
        self.write(&layout::statement(line.digest), &statement)?;
        let text: String = kept.iter().chain([&line]).map(|line| text_of(line) + "\n").collect();
        self.write(&layout::index(&plugin), text.as_bytes())?;
        self.drop_blobs(index.find(&line.v).filter(|old| old.digest != line.digest))?;
        Ok((line, outcome))
    }

    fn index(&self, plugin: &PluginName) -> Result<Index, PublishError> {
        let path = self.root.join(layout::index(plugin));
        let bytes = ss_durable::read_private(&path)?.unwrap_or_default();
        Index::parse(plugin, &bytes).map_err(|source| PublishError::Index { plugin: plugin.clone(), source })
    }

    fn check_replaceable(
        &self,
        plugin: &PluginName,
        index: &Index,
        known: &Line,
    ) -> Result<(), PublishError> {
        let (plugin, version) = (plugin.clone(), known.v.clone());
        if !self.replace {
            return Err(PublishError::Taken { plugin, version });
        }
        if index.lines().last() != Some(known) {
            return Err(PublishError::NotNewest { plugin, version });
        }
        Ok(())
    }

    /// Whether the published statement is signed by our keys and names these sources; none if it is not
    /// here, as in a copy of a registry that has the index only.
    fn states(&self, line: &Line, source: &Digest) -> Option<bool> {
        let path = self.root.join(layout::statement(line.digest));
        let file = ss_durable::read_private(&path).ok().flatten()?;
        let opened =
            Envelope::parse(&file).and_then(|file| file.open(PAYLOAD_TYPE, &self.delegation(&line.ns)));
        let Ok(signed) = opened else { return Some(false) };
        Some(Statement::parse(&signed.payload).is_ok_and(|stated| stated.release.source.digest == *source))
    }

    fn sign(
        &self,
        plugin: &PluginName,
        manifest: Manifest,
        draft: &Draft<'_>,
        previous: Option<&Line>,
    ) -> Result<(Line, Vec<u8>), PublishError> {
        let contract = Contract::provisioner(manifest.contract);
        let Some(min_ss) = contract::min_ss(&contract) else {
            return Err(PublishError::UnknownContract { contract });
        };
        let statement = Statement {
            component: Digest::of(&draft.component),
            release: Release {
                name: plugin.clone(),
                version: manifest.version,
                contract,
                description: manifest.description,
                requested: manifest.authority,
                min_ss,
                source: Source { digest: draft.source },
                published: draft.published.clone(),
            },
        };
        let file = statement.sign(self.keys).map_err(PublishError::Statement)?.to_bytes();
        let release = statement.release;
        let line = Line {
            n: plugin.name().to_owned(),
            ns: plugin.namespace().to_owned(),
            v: release.version,
            digest: statement.component,
            size: draft.component.len() as u64,
            world: release.contract,
            requested: authority_digest(&release.requested),
            min_ss: release.min_ss,
            published: release.published,
            statement_digest: Digest::of(&file),
            locations: vec![layout::component(statement.component)],
            prev: previous.map(|line| Digest::of(text_of(line).as_bytes())),
        };
        Ok((line, file))
    }

    fn verify(
        &self,
        plugin: &PluginName,
        line: &Line,
        statement: &[u8],
        bytes: &[u8],
    ) -> Result<(), Refusal> {
        let trusted = self.delegation(plugin.namespace());
        let (version, this) = (&line.v, &crate::this_ss());
        let wanted = Wanted { registry: "", vouched: false, name: plugin, version, trusted, this };
        let promise = wanted.statement(line, statement)?;
        wanted.component(line, promise, Component::new(bytes.to_vec())).map(|_| ())
    }

    fn delegation(&self, namespace: &str) -> Delegation {
        let keys: Vec<_> = self.keys.iter().map(|key| key.public()).collect();
        Delegation { namespace: namespace.to_owned(), threshold: keys.len(), keys }
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), PublishError> {
        Ok(write_file(self.root, path, bytes)?)
    }

    /// Deletes what a replaced release has left.
    fn drop_blobs(&self, replaced: Option<&Line>) -> Result<(), PublishError> {
        let Some(line) = replaced else { return Ok(()) };
        for path in [layout::component(line.digest), layout::statement(line.digest)] {
            let path: PathBuf = self.root.join(path);
            fs::remove_file(&path).map_err(|source| ss_durable::FileError::new("delete", &path, source))?;
        }
        Ok(())
    }
}

/// Writes a file of the registry in the folder `root`, with the folders above it.
pub(crate) fn write_file(root: &Path, path: &str, bytes: &[u8]) -> Result<(), ss_durable::FileError> {
    let path = root.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)
            .map_err(|source| ss_durable::FileError::new("create the folder", folder, source))?;
    }
    ss_durable::replace(&path, bytes)
}

/// A line as it stands in the file, without the newline.
fn text_of(line: &Line) -> String {
    #[expect(clippy::expect_used, reason = "strings, numbers and lists always serialise")]
    serde_json::to_string(line).expect("a line is JSON")
}
