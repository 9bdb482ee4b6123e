//! Why the journal cannot be used.

use std::path::PathBuf;

/// A fault of the journal.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
    /// A line that is not the last is damaged, so what follows cannot be trusted.
    #[error("the journal `{}` is damaged in line {line}: {reason}", path.display())]
    Damaged {
        /// The journal.
        path: PathBuf,
        /// From 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// The record of where the last run stands is damaged.
    #[error("`{}`, which says where the last run stands, is damaged: {reason}", path.display())]
    DamagedHead {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is larger than any run makes it.
    #[error("`{}` is larger than {limit} bytes, more than any run writes", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// The most that is read.
        limit: u64,
    },
    /// A journal does not say whose it is.
    #[error("a journal has no beginning")]
    NoBeginning,
    /// A record holds a secret.
    #[error("a journal record was refused because it holds a secret")]
    Secret,
    /// An earlier write failed; the end of the file is unknown.
    #[error("the journal `{}` cannot be written since an earlier write failed: {reason}", path.display())]
    Closed {
        /// The journal.
        path: PathBuf,
        /// Why that write failed.
        reason: String,
    },
    /// A record cannot be put into words.
    #[error("a journal record cannot be written as JSON: {reason}")]
    Unwritable {
        /// Why.
        reason: String,
    },
}

impl From<JournalError> for std::io::Error {
    fn from(error: JournalError) -> Self {
        std::io::Error::other(error)
    }
}
