//! The repository: where things are.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ss_durable::WriterLock;

use crate::Error;

/// How long to wait for another release tool in the same checkout: a cold build of every plugin.
const PATIENCE: Duration = Duration::from_secs(15 * 60);

/// A checkout of this repository.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The repository that this program was built from.
    pub fn of_this_program() -> Self {
        Self::at(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")))
    }

    /// The repository in a folder.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The official registry.
    pub fn registry(&self) -> PathBuf {
        self.root.join("registry-index")
    }

    /// Where the tool may write: under cargo's own output folder.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("target/plugins")
    }
}

/// Keeps other release tools out of a folder; makes the folder if need be.
///
/// # Errors
/// If the folder cannot be made, or another process holds it for too long.
pub(crate) fn hold(folder: &Path) -> Result<WriterLock, Error> {
    fs::create_dir_all(folder).map_err(|source| Error::File {
        action: "create the folder",
        path: folder.to_owned(),
        source,
    })?;
    WriterLock::take_within(&folder.join(".lock"), "cargo xtask", PATIENCE)
        .map_err(|error| Error::invalid(folder, error))
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })
}

pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|error| Error::invalid(path, error))
}
