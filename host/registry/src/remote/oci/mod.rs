//! A registry inside an OCI registry.
//!
//! Format: the OCI distribution and image specifications 1.1.
//! - `<repository>:starsystem-registry` is an artifact with one layer per file of metadata, index and
//!   marks; its title is the file's path. Moving the tag makes a new state current in one step.
//! - `<repository>/<namespace>/<name>:<version>` is the component: one layer `application/wasm`, so that
//!   its digest is the component's.
//! - Its signed statement refers to it (`subject`): found through the referrers API, or, in registries
//!   without that, through the tag `sha256-<digest>`.
//!
//! Reading needs no more than the index, which names component and statement by digest.

mod client;
mod manifest;
mod push;

use std::fmt;

use ss_capability_http::Client;
use tokio::sync::OnceCell;

pub use client::Credentials;
use client::OciClient;
use manifest::Manifest;
pub use push::PushError;

use super::{Fetched, Patience, RemoteError};
use crate::{Digest, PluginName};

/// Tag of the registry's own files.
const TAG: &str = "starsystem-registry";
/// Largest manifest, in bytes: what the distribution specification lets registries refuse.
const MAX_MANIFEST: u64 = 4 * 1024 * 1024;

/// A repository of an OCI registry: `host/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OciRepository {
    host: String,
    path: String,
}

impl OciRepository {
    /// Reads `host[:port]/path`, without a tag.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (host, path) = text.split_once('/')?;
        let component = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
                && part.starts_with(|c: char| c.is_ascii_alphanumeric())
                && part.ends_with(|c: char| c.is_ascii_alphanumeric())
        };
        let named =
            !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
        (named && path.split('/').all(component) && path.len() < 200)
            .then(|| Self { host: host.to_owned(), path: path.to_owned() })
    }

    /// The repository of a plugin.
    fn of(&self, plugin: &PluginName) -> String {
        format!("{}/{plugin}", self.path)
    }
}

impl fmt::Display for OciRepository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.path)
    }
}

/// A registry in an OCI registry, as it was when it was first asked.
pub(crate) struct OciRegistry {
    repository: OciRepository,
    client: OciClient,
    files: OnceCell<Option<Manifest>>,
}

impl OciRegistry {
    pub(crate) fn new(repository: OciRepository, client: Client, patience: Patience) -> Self {
        let client = OciClient::new(&repository.host, client, patience);
        Self { repository, client, files: OnceCell::new() }
    }

    /// A file of metadata or of the index. Its tag is the digest of its layer.
    pub(super) async fn get(
        &self,
        path: &str,
        limit: u64,
        etag: Option<&str>,
    ) -> Result<Fetched, RemoteError> {
        let files = self.files.get_or_try_init(|| self.client.manifest(&self.repository.path, TAG)).await?;
        let Some(manifest) = files else { return Ok(Fetched::Missing) };
        let Some(layer) = manifest.layer(path) else { return Ok(Fetched::Missing) };
        let tag = layer.digest.to_string();
        if etag == Some(&tag) {
            return Ok(Fetched::Unchanged);
        }
        if layer.size > limit {
            return Err(RemoteError::TooLarge { file: path.to_owned(), limit });
        }
        let blob = self.client.blob(&self.repository.path, layer.digest, limit).await?;
        Ok(blob.map_or(Fetched::Missing, |bytes| Fetched::New { bytes, etag: Some(tag) }))
    }

    /// A component or statement, by its digest.
    pub(super) async fn blob(
        &self,
        plugin: &PluginName,
        digest: Digest,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RemoteError> {
        self.client.blob(&self.repository.of(plugin), digest, limit).await
    }
}
