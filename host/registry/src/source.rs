//! Where the files of a registry are read from.
//!
//! A source hands out bytes by path and says nothing of their worth: everything is verified after it. A
//! web server or an OCI registry is one more implementation.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::component::Component;
use crate::layout;
use crate::name::PluginName;

/// A place that holds the files of a registry.
pub trait Source: Send + Sync {
    /// The file at a path of [`layout`](crate::layout), of at most `limit` bytes; none if there is none.
    ///
    /// # Errors
    /// If it is there and cannot be read, or is larger.
    fn read(&self, path: &str, limit: u64) -> Result<Option<Cow<'static, [u8]>>, SourceError>;

    /// The component at a path of [`layout`](crate::layout), of at most `limit` bytes; none if there is none.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn component(&self, path: &str, limit: u64) -> Result<Option<Component>, SourceError> {
        let component = |bytes| match bytes {
            Cow::Borrowed(bytes) => Component::new(Bytes::from_static(bytes)),
            Cow::Owned(bytes) => Component::new(bytes),
        };
        Ok(self.read(path, limit)?.map(component))
    }

    /// The plugins that it has an index file of, sorted.
    ///
    /// # Errors
    /// If they cannot be listed.
    fn plugins(&self) -> Result<Vec<PluginName>, SourceError>;

    /// A number that changes when the files do, for sources whose files change while they are open.
    fn state(&self) -> u64 {
        0
    }
}

/// A file of a registry that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// It is larger than anything honest.
    #[error("`{path}` has more than {limit} bytes")]
    TooLarge {
        /// Its path in the registry.
        path: String,
        /// The most it may have.
        limit: u64,
    },
    /// The file system says no.
    #[error("cannot read `{path}`")]
    Io {
        /// Its path.
        path: String,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

/// A registry in a folder, such as a checkout, a mounted share or a copy for a place without a network.
#[derive(Debug, Clone)]
pub struct Directory {
    root: PathBuf,
}

impl Directory {
    /// The registry in the folder `root`.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The namespaces that it has metadata of, sorted.
    pub(crate) fn namespaces(&self) -> Result<Vec<String>, SourceError> {
        let path = self.root.join("delegated");
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(io_error(&path, error)),
        };
        let mut found = Vec::new();
        for entry in entries {
            let name = entry.map_err(|error| io_error(&path, error))?.file_name();
            let role = name.to_str().and_then(|name| name.strip_suffix(".json"));
            found.extend(role.filter(|role| ss_authority::is_plugin_name(role)).map(str::to_owned));
        }
        found.sort();
        Ok(found)
    }

    fn list(&self, folder: &str, found: &mut Vec<PluginName>) -> Result<(), SourceError> {
        let path = self.root.join(folder);
        let failed = |source| io_error(&path, source);
        let entries = match std::fs::read_dir(&path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let inner = format!("{folder}/{}", entry.file_name().display());
            // A link is neither: an index has none, and following them need not end.
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                self.list(&inner, found)?;
            } else if kind.is_file() {
                found.extend(layout::plugin_of_index(&inner));
            }
        }
        Ok(())
    }
}

impl Source for Directory {
    fn read(&self, path: &str, limit: u64) -> Result<Option<Cow<'static, [u8]>>, SourceError> {
        let file = self.root.join(path);
        let found = there(&file, read_file(&file, limit))?;
        within(found, |bytes| bytes.len() as u64, path, limit).map(|bytes| bytes.map(Cow::Owned))
    }

    fn component(&self, path: &str, limit: u64) -> Result<Option<Component>, SourceError> {
        let file = self.root.join(path);
        let found = there(&file, Component::open(&file, limit))?;
        within(found, Component::size, path, limit)
    }

    fn plugins(&self) -> Result<Vec<PluginName>, SourceError> {
        let mut found = Vec::new();
        self.list("index", &mut found)?;
        found.sort();
        Ok(found)
    }
}

/// What was read; none if there is no such file.
fn there<T>(file: &Path, read: io::Result<T>) -> Result<Option<T>, SourceError> {
    match read {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io_error(file, error)),
    }
}

/// Refuses what is larger than it may be.
fn within<T>(
    found: Option<T>,
    size: impl Fn(&T) -> u64,
    path: &str,
    limit: u64,
) -> Result<Option<T>, SourceError> {
    match found {
        Some(content) if size(&content) > limit => {
            Err(SourceError::TooLarge { path: path.to_owned(), limit })
        }
        found => Ok(found),
    }
}

/// Reads a file, which may be anything; one byte more than the limit says that there is more.
///
/// Interpreters are megabytes: room for all of it is made at once, because growing would copy it again and again.
pub(crate) fn read_file(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    let most = limit.saturating_add(1);
    let expected = file.metadata()?.len().saturating_add(1).min(most);
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or_default());
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn io_error(path: &Path, source: io::Error) -> SourceError {
    SourceError::Io { path: path.display().to_string(), source }
}
