//! Why metadata was refused, or not written.

use super::chain::ChainError;
use crate::Digest;
use crate::source::SourceError;

/// A file of metadata that was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` is refused: {fault}")]
pub struct MetadataError {
    /// Its path in the registry.
    pub file: String,
    /// What is wrong.
    pub fault: MetadataFault,
}

/// What is wrong with a file of metadata.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MetadataFault {
    /// It is not there.
    #[error("the registry does not have it")]
    Missing,
    /// It is larger than anything honest.
    #[error("it has more than {limit} bytes")]
    TooLarge {
        /// The most it may have.
        limit: u64,
    },
    /// It is not of the expected shape.
    #[error("{reason}")]
    Malformed {
        /// What is wrong.
        reason: String,
    },
    /// It is not the root that was pinned.
    #[error("its fingerprint is {found}, not {expected}: this is not the registry that was added")]
    Fingerprint {
        /// The pinned one.
        expected: Box<Digest>,
        /// What was served.
        found: Box<Digest>,
    },
    /// Too few of the keys that must sign it have.
    #[error("too few of the keys that must sign it have: {reason}")]
    Signatures {
        /// In detail.
        reason: String,
    },
    /// One public key stands under two identities, so that it would count twice.
    #[error("it names one public key under two identities")]
    SharedKey,
    /// A namespace is signed with a kind of key that releases cannot be signed with.
    #[error("it delegates `{namespace}` to a key that is not Ed25519")]
    KeyKind {
        /// The namespace.
        namespace: String,
    },
    /// It is not the version that the metadata above it names.
    #[error(
        "it is version {found}, and version {expected} was signed for: files of different states are mixed"
    )]
    Version {
        /// The version signed for.
        expected: u64,
        /// Its own.
        found: u64,
    },
    /// Its bytes are not those that the metadata above it names.
    #[error(
        "its bytes are not those that were signed for: files of different states are mixed, or it was changed"
    )]
    Digest,
    /// The metadata above it does not name it, or does not say its size and digest.
    #[error("the metadata above it does not say its version, size and digest")]
    Unlisted,
    /// It is older than what this machine, or the lock, has seen.
    #[error("it offers version {offered}, and version {seen} was seen before: somebody serves an old state")]
    Older {
        /// Version that was seen.
        seen: u64,
        /// Version that is offered.
        offered: u64,
    },
    /// A role that was listed before is gone.
    #[error("it no longer lists `{role}`, which it listed before")]
    Dropped {
        /// File of the role.
        role: String,
    },
    /// It is out of date.
    #[error(
        "it expired on {at}: the registry is no longer maintained, or somebody holds back its newer state"
    )]
    Expired {
        /// When.
        at: String,
    },
    /// A role lists a file that is not of its namespace.
    #[error("it lists `{path}`, which is not a file of the namespace `{namespace}`")]
    Foreign {
        /// The namespace.
        namespace: String,
        /// The file.
        path: String,
    },
    /// There are more new roots than anything honest has.
    #[error("there are more than {limit} newer roots")]
    TooManyRoots {
        /// The most that are followed.
        limit: u64,
    },
    /// The index file does not continue the copy that was seen before.
    #[error("it does not continue the releases that were seen before: a line was changed or removed")]
    Rewritten,
    /// The clock of this machine shows an earlier time than when the registry was last read.
    #[error("the clock of this machine shows {now}, and the registry was last read at {seen}")]
    ClockWentBack {
        /// The clock now.
        now: String,
        /// The clock then.
        seen: String,
    },
}

impl MetadataFault {
    /// The fault of a file.
    pub(crate) fn of(self, file: impl Into<String>) -> MetadataError {
        MetadataError { file: file.into(), fault: self }
    }
}

/// Why metadata was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// What is there does not hold together.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// A file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
    /// A key that must sign is not among those given.
    #[error("`{file}` must be signed with {needed} of the keys of `{role}`; {found} of them were given")]
    MissingKey {
        /// The file.
        file: String,
        /// Whose keys.
        role: String,
        /// How many must sign.
        needed: u64,
        /// How many were given.
        found: u64,
    },
    /// The registry delegates no such namespace.
    #[error("the registry has no namespace `{namespace}`")]
    NoNamespace {
        /// The namespace.
        namespace: String,
    },
    /// There is a registry already.
    #[error("there is a registry already")]
    Exists,
    /// Something that was made here cannot be encoded.
    #[error("`{file}` cannot be written: {reason}")]
    Encode {
        /// The file.
        file: String,
        /// Why.
        reason: String,
    },
}

impl WriteError {
    pub(super) fn encode(file: &str, error: &dyn std::error::Error) -> Self {
        Self::Encode { file: file.to_owned(), reason: error.to_string() }
    }
}

impl From<ChainError> for WriteError {
    fn from(error: ChainError) -> Self {
        match error {
            ChainError::Metadata(error) => error.into(),
            ChainError::Source(error) => error.into(),
        }
    }
}
