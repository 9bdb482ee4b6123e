//! Reaching a registry that is not in the binary: a folder, a web server, an OCI registry.
//!
//! What comes from here is bytes and nothing more; it is verified by whoever asked. Threat: a server that
//! answers endlessly, slowly, with redirects to somewhere else, or not at all. Sizes are bounded by what
//! was signed, times by [`Patience`], and a redirect may only lead to the public internet.

mod location;
mod oci;
mod web;

use ss_capability_http::{Client, Limits};

pub use location::{BadLocation, Location};
pub use oci::{Credentials, OciRepository, PushError};

use crate::source::{Directory, Source as _, SourceError};
use crate::{Digest, PluginName};

/// How long is waited for a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Caps of time of every request.
    pub limits: Limits,
}

impl Default for Patience {
    fn default() -> Self {
        use std::time::Duration;
        let limits = Limits {
            answer: Duration::from_secs(30),
            idle: Duration::from_secs(15),
            total: Duration::from_secs(120),
            ..Limits::default()
        };
        Self { limits }
    }
}

/// An answer of a registry.
#[derive(Debug)]
pub(crate) enum Fetched {
    /// It has no such file.
    Missing,
    /// The file is as it was when it had that tag.
    Unchanged,
    /// The file, and a tag that tells this state from others.
    New { bytes: Vec<u8>, etag: Option<String> },
}

/// Why a registry did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteError {
    /// The file is larger than what was signed, or than anything honest.
    #[error("`{file}` has more than the {limit} bytes that it may have")]
    TooLarge {
        /// Its path.
        file: String,
        /// The most it may have.
        limit: u64,
    },
    /// It was not had.
    #[error("cannot read `{file}`: {reason}")]
    Failed {
        /// Its path.
        file: String,
        /// Why.
        reason: String,
    },
}

impl RemoteError {
    fn failed(file: &str, reason: impl std::fmt::Display) -> Self {
        Self::Failed { file: file.to_owned(), reason: reason.to_string() }
    }
}

/// A registry somewhere else.
pub(crate) enum Remote {
    Folder(Directory),
    Web(Box<web::Web>),
    Oci(Box<oci::OciRegistry>),
}

impl Remote {
    pub(crate) fn open(location: &Location, client: &Client, patience: Patience) -> Self {
        match location {
            Location::Folder(folder) => Self::Folder(Directory::new(folder)),
            Location::Web(base) => Self::Web(Box::new(web::Web::new(base.clone(), client.clone(), patience))),
            Location::Oci(repository) => {
                Self::Oci(Box::new(oci::OciRegistry::new(repository.clone(), client.clone(), patience)))
            }
        }
    }

    /// A file of metadata or of the index.
    pub(crate) async fn get(
        &self,
        path: &str,
        limit: u64,
        etag: Option<&str>,
    ) -> Result<Fetched, RemoteError> {
        match self {
            Self::Folder(folder) => match folder.read(path, limit) {
                Ok(Some(bytes)) => Ok(Fetched::New { bytes: bytes.into_owned(), etag: None }),
                Ok(None) => Ok(Fetched::Missing),
                Err(SourceError::TooLarge { path, limit }) => {
                    Err(RemoteError::TooLarge { file: path, limit })
                }
                Err(SourceError::Io { path, source }) => Err(RemoteError::failed(&path, source)),
            },
            Self::Web(web) => web.get(path, limit, etag).await,
            Self::Oci(oci) => oci.get(path, limit, etag).await,
        }
    }

    /// A file of a release: at its path, or wherever its digest leads.
    pub(crate) async fn blob(
        &self,
        plugin: &PluginName,
        path: &str,
        digest: Digest,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RemoteError> {
        if let Self::Oci(oci) = self {
            return oci.blob(plugin, digest, limit).await;
        }
        match self.get(path, limit, None).await? {
            Fetched::New { bytes, .. } => Ok(Some(bytes)),
            Fetched::Missing | Fetched::Unchanged => Ok(None),
        }
    }
}
