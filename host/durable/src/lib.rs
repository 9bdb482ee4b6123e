//! Files that are whole or not there: atomic replacement, flushed appends, lock files.
//!
//! Every file that `ss` writes goes through here. A crash, a full disk or a second process may cost the
//! newest write; it never leaves half of one.

mod append;
mod fault;
mod lock;
mod replace;

pub use append::AppendFile;
pub use lock::{Holder, LockError, WriterLock, holder};
pub use replace::{create_private_dir, read_private, replace, replace_private};

/// A failed file operation, with the file it was about.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{path}`")]
pub struct FileError {
    /// What was tried, such as `write`.
    pub action: &'static str,
    /// The file.
    pub path: String,
    /// What the operating system said.
    #[source]
    pub source: std::io::Error,
}

impl FileError {
    /// An error of `action` on `path`.
    pub fn new(action: &'static str, path: &std::path::Path, source: std::io::Error) -> Self {
        Self { action, path: path.display().to_string(), source }
    }
}
