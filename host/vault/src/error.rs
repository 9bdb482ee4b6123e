//! What can go wrong with the vault.

use std::path::PathBuf;

use ss_durable::{FileError, LockError};

/// Why the vault could not do what was asked. No variant ever holds a secret.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process is writing, or the lock file cannot be used.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The identity is there and cannot be used.
    #[error("the age identity in {place} cannot be used: {reason}")]
    Identity {
        /// The file or environment variable.
        place: String,
        /// What is wrong.
        reason: String,
    },
    /// The vault holds secrets and the identity that opens them is gone.
    #[error(
        "the vault holds secrets but `{}` is missing; put the file back, or name another with SS_AGE_IDENTITY_FILE",
        path.display()
    )]
    IdentityMissing {
        /// Where it should be.
        path: PathBuf,
    },
    /// The identity file can be read by others.
    #[error("`{}` can be read by others (mode {mode:04o}); run `chmod 600 {}`", path.display(), path.display())]
    IdentityExposed {
        /// The identity file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The manifest was made under another identity.
    #[error("`{}` belongs to the age recipient {expected}, but the identity at hand is {found}", path.display())]
    WrongIdentity {
        /// The manifest.
        path: PathBuf,
        /// The recipient that the manifest names.
        expected: String,
        /// The recipient of the identity at hand.
        found: String,
    },
    /// The manifest is damaged or was edited.
    #[error("`{}` is not as `ss` wrote it: {reason}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The manifest was made for another scope and copied here.
    #[error("`{}` was written for {found}, not for {expected}; it was copied from there", path.display())]
    WrongScope {
        /// The manifest.
        path: PathBuf,
        /// The scope that it names.
        found: String,
        /// The scope that it stands for.
        expected: String,
    },
    /// The manifest is not the newest that this machine has seen.
    #[error(
        "`{}` is {found}, but generation {floor} was seen before; an older copy was put back. \
         If that was on purpose, remove `{}`",
        path.display(), floor_path.display()
    )]
    RolledBack {
        /// The manifest.
        path: PathBuf,
        /// What is there instead, such as `generation 3`.
        found: String,
        /// The newest generation seen.
        floor: u64,
        /// The file that says so.
        floor_path: PathBuf,
    },
    /// An object is missing, damaged or not the one that the manifest names.
    #[error("the vault object `{}` of `{entry}` cannot be used: {reason}", path.display())]
    Object {
        /// The entry that names it, such as `providers:neon`.
        entry: String,
        /// The object.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// A snapshot cannot be restored.
    #[error("snapshot `{id}` cannot be restored: {reason}")]
    Snapshot {
        /// Its id.
        id: String,
        /// Why.
        reason: String,
    },
    /// The text does not address anything.
    #[error("`{text}` is not a vault address: {reason}")]
    Address {
        /// What was given.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// The address is of a service, and no project is at hand.
    #[error("`{address}` belongs to a service of a project; run this where its `starsystem.yaml` is")]
    NoProject {
        /// The address.
        address: String,
    },
    /// The value cannot be stored.
    #[error("the value for `{address}` cannot be stored: {reason}")]
    Value {
        /// Where it was to go.
        address: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Nothing is stored under any spelling of the key.
    #[error("no value for `{wanted}`; looked in {}", tried.join(", "))]
    MissingKey {
        /// The address that was asked for.
        wanted: String,
        /// Every place that was tried, in order.
        tried: Vec<String>,
        /// The command that stores it, without the value: it is asked for.
        fix: String,
    },
}

impl VaultError {
    /// The command that would help, if there is one.
    pub fn fix(&self) -> Option<&str> {
        match self {
            Self::MissingKey { fix, .. } => Some(fix),
            _ => None,
        }
    }
}
