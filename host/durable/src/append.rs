//! Files that only grow, one flushed record at a time.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::{FileError, fault};

/// An append-only file, mode 0600.
#[derive(Debug)]
pub struct AppendFile {
    file: File,
    path: PathBuf,
}

impl AppendFile {
    /// Opens the file, making it if need be.
    ///
    /// # Errors
    /// If it can be neither opened nor made.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(path)
            .map_err(|source| FileError::new("open", path, source))?;
        Ok(Self { file, path: path.to_owned() })
    }

    /// Appends the bytes in one write and returns once they are on disk.
    ///
    /// # Errors
    /// If they could not be written or flushed; a part of them may then stand at the end of the file.
    pub fn append_durably(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.append(bytes)?;
        self.file.sync_data().map_err(|source| FileError::new("flush", &self.path, source))
    }

    /// Appends the bytes in one write; they reach the disk when the system likes.
    ///
    /// # Errors
    /// If they could not be written.
    pub fn append(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        fault::step()
            .and_then(|()| self.file.write_all(bytes))
            .map_err(|source| FileError::new("append to", &self.path, source))
    }
}
