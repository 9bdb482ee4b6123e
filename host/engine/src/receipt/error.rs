//! Why a receipt cannot be read, written or trusted.

use std::path::PathBuf;

use uuid::Uuid;

/// A fault of the receipts.
#[derive(Debug, thiserror::Error)]
pub enum ReceiptError {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
    /// A file is no receipt, or not one that this `ss` can read.
    #[error("`{}` is not a receipt that this `ss` can read: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A receipt was changed, or one is missing.
    #[error("the receipts are not what was written: {reason} (`{}`)", path.display())]
    Broken {
        /// Where the chain breaks.
        path: PathBuf,
        /// How.
        reason: String,
    },
    /// A receipt holds a secret.
    #[error("a receipt was refused because it holds a secret")]
    Secret,
    /// No run has this id.
    #[error("no run has an id that begins with `{id}`")]
    Unknown {
        /// As typed.
        id: String,
    },
    /// Several runs have ids that begin like this.
    #[error("several runs have an id that begins with `{id}`: {}", list(runs))]
    Ambiguous {
        /// As typed.
        id: String,
        /// Those runs, the newest first.
        runs: Vec<Uuid>,
    },
    /// Nothing has been run yet.
    #[error("nothing has been run here yet")]
    Empty,
}

fn list(runs: &[Uuid]) -> String {
    runs.iter().map(Uuid::to_string).collect::<Vec<_>>().join(", ")
}

impl ReceiptError {
    /// What a person can do about it.
    pub fn help(&self) -> Option<String> {
        match self {
            Self::Unknown { .. } => Some("`ss inspect --list` shows the runs".into()),
            Self::Ambiguous { .. } => Some("type more of the id".into()),
            Self::Empty => Some("`ss deploy --env=<name>` or `ss provision` writes the first receipt".into()),
            Self::Broken { .. } => Some(
                "compare the folder with a backup; what the receipts say from there on cannot be trusted"
                    .into(),
            ),
            Self::File(_) | Self::Malformed { .. } | Self::Secret => None,
        }
    }
}
