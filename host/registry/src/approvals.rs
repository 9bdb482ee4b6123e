//! `approvals.toml` in the home of `ss`: what of which workspace this machine has approved.
//!
//! A lock comes with a repository; an approval never does. It names the workspace's folder and a digest:
//! of all [decisions of trust](crate::Lock::trust_digest) in its lock, or of what its files declare. What
//! was edited since is not approved any more.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use ss_durable::{FileError, LockError as HeldError, WriterLock};

use crate::Digest;
use crate::strict;

/// Version of the format.
const FORMAT: u32 = 1;
/// Largest file, in bytes.
const MAX_FILE: usize = 1024 * 1024;
/// Approvals kept per workspace, newest last: enough to switch between branches.
const MAX_PER_WORKSPACE: usize = 32;
/// How long to wait for another `ss` that is writing; it takes a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(5);

/// The approvals of this machine.
#[derive(Debug, Clone)]
pub struct Approvals {
    home: PathBuf,
    entries: Vec<Approval>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    workspace: String,
    grants: Digest,
}

#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    version: u32,
    #[serde(default, rename = "approval")]
    approvals: Vec<Approval>,
}

/// Why approvals cannot be read or kept.
#[derive(Debug, thiserror::Error)]
pub enum ApprovalsError {
    /// The file is damaged.
    #[error("`{path}` is not usable: {reason}; delete it to approve anew")]
    Malformed {
        /// Its path.
        path: String,
        /// What is wrong with it and where.
        reason: String,
    },
    /// It cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process holds it for too long.
    #[error(transparent)]
    Held(#[from] HeldError),
}

impl Approvals {
    /// Reads the approvals kept in `home`, the folder of `ss` (`~/.starsystem`); none if there is no file.
    ///
    /// # Errors
    /// [`ApprovalsError`].
    pub fn read(home: &Path) -> Result<Self, ApprovalsError> {
        let path = file_in(home);
        let malformed =
            |reason: String| ApprovalsError::Malformed { path: path.display().to_string(), reason };
        let Some(bytes) = strict::file(&path, MAX_FILE)? else {
            return Ok(Self { home: home.to_owned(), entries: Vec::new() });
        };
        let wire: Wire = strict::toml(&bytes, MAX_FILE).map_err(|error| malformed(error.to_string()))?;
        if wire.version != FORMAT {
            return Err(malformed(format!(
                "its version is {}; this ss reads version {FORMAT}",
                wire.version
            )));
        }
        Ok(Self { home: home.to_owned(), entries: wire.approvals })
    }

    /// Whether these grants of this workspace were approved.
    pub fn covers(&self, workspace: &Path, grants: Digest) -> bool {
        self.entries.contains(&Approval { workspace: workspace.display().to_string(), grants })
    }

    /// Records an approval, durably. What other processes record at the same time is kept.
    ///
    /// # Errors
    /// [`ApprovalsError`].
    pub fn record(&mut self, workspace: &Path, grants: Digest) -> Result<(), ApprovalsError> {
        let _writer = hold(&self.home)?;
        *self = Self::read(&self.home)?;
        self.record_held(workspace, grants)
    }

    /// Records an approval while [`hold`] is held.
    pub(crate) fn record_held(&mut self, workspace: &Path, grants: Digest) -> Result<(), ApprovalsError> {
        let new = Approval { workspace: workspace.display().to_string(), grants };
        self.entries.retain(|known| *known != new);
        let of_workspace = self.entries.iter().filter(|known| known.workspace == new.workspace).count();
        let mut surplus = (of_workspace + 1).saturating_sub(MAX_PER_WORKSPACE);
        self.entries.retain(|known| {
            let drop = surplus > 0 && known.workspace == new.workspace;
            surplus -= usize::from(drop);
            !drop
        });
        self.entries.push(new);
        let wire = Wire { version: FORMAT, approvals: self.entries.clone() };
        #[expect(clippy::expect_used, reason = "strings and numbers always have a form in TOML")]
        let text = toml::to_string_pretty(&wire).expect("approvals are plain data");
        Ok(ss_durable::replace_private(&file_in(&self.home), text.as_bytes())?)
    }
}

/// Keeps other processes from changing locks and approvals; makes `home` if need be.
pub(crate) fn hold(home: &Path) -> Result<WriterLock, ApprovalsError> {
    ss_durable::create_private_dir(home)?;
    Ok(WriterLock::take_within(&home.join("approvals.lock"), "ss (plugin approvals)", PATIENCE)?)
}

fn file_in(home: &Path) -> PathBuf {
    home.join("approvals.toml")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn are_kept_per_workspace_and_digest() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (Path::new("/here"), Path::new("/there"));
        let grants = Digest::of(b"grants");
        Approvals::read(home.path()).unwrap().record(here, grants).unwrap();

        let approvals = Approvals::read(home.path()).unwrap();
        assert!(approvals.covers(here, grants));
        assert!(!approvals.covers(there, grants));
        assert!(!approvals.covers(here, Digest::of(b"other")));
    }

    #[test]
    fn the_oldest_of_a_workspace_give_way() {
        let home = tempfile::tempdir().unwrap();
        let (here, there) = (Path::new("/here"), Path::new("/there"));
        let mut approvals = Approvals::read(home.path()).unwrap();
        approvals.record(there, Digest::of(&[0])).unwrap();
        for n in 0..34_u8 {
            approvals.record(here, Digest::of(&[n])).unwrap();
        }
        assert!(!approvals.covers(here, Digest::of(&[1])));
        assert!(approvals.covers(here, Digest::of(&[2])) && approvals.covers(here, Digest::of(&[33])));
        assert!(approvals.covers(there, Digest::of(&[0])), "those of other workspaces stay");
    }

    #[test]
    fn a_damaged_file_is_an_error_and_stays() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("approvals.toml");
        for text in
            ["version = 2", "version = 1\nextra = 1", "x", "version = 1\n[[approval]]\nworkspace = \"/\""]
        {
            std::fs::write(&file, text).unwrap();
            assert!(matches!(Approvals::read(home.path()), Err(ApprovalsError::Malformed { .. })), "{text}");
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
    }
}
