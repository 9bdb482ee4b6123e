//! TUF metadata over a registry: who may say what, and which files are the current ones.
//!
//! Format: The Update Framework 1.0 (<https://theupdateframework.github.io/specification/latest>), with
//! `root/N.root.json`, `timestamp.json`, `snapshot.json`, `targets.json` and one delegated role per
//! namespace in `delegated/<namespace>.json`. Targets are the index files and the marks; a component needs
//! no entry of its own, because its index line holds its digest and size. Types, canonical form and
//! thresholds are those of the crate `tough`.
//!
//! Threat: whoever serves the files, or sits in between, and whoever has stolen some of the keys. What is
//! refused: metadata that the pinned root does not lead to, older than what was seen before, mixed from
//! different states, out of date, larger than was signed; a namespace signed by another namespace's key;
//! a role that lists files outside its namespace; one key that counts twice towards a threshold.
//!
//! Why not `tough`'s own repository loader: it fetches every delegation, writes its data store piece by
//! piece, and needs a run time and a folder even for what lies in the binary. Here each step is a pure
//! function from bytes to verified metadata; the embedded registry, a local copy and a download all take
//! the same steps. A test lets the loader of `tough` read what is written here.

mod chain;
mod delegates;
mod error;
mod step;
mod write;

pub(crate) use chain::{Chain, ChainError, Fact};
pub use error::{MetadataError, MetadataFault, WriteError};
pub(crate) use step::{
    MAX_ROOT, MAX_ROOTS, MAX_TIMESTAMP, Pinned, expect_snapshot, expect_targets, pinned_root, read_root,
    read_snapshot, read_targets, read_timestamp,
};
pub use write::{Custody, Delegate, RoleName, Written};

/// How new metadata is: what a lock keeps, so that a machine that sees a registry for the first time is
/// not shown an older state than the team has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Floor {
    /// Version of the root.
    pub root_version: u64,
    /// Version of the snapshot. It counts only under the same root: a newer root may start again, which is
    /// how a registry recovers from versions that a thief has pushed up.
    pub snapshot_version: u64,
}

impl Floor {
    /// Whether metadata of these versions is older.
    pub fn forbids(&self, offered: &Self) -> bool {
        (offered.root_version, offered.snapshot_version) < (self.root_version, self.snapshot_version)
    }
}
