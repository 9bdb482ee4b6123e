//! Manifests: what a scope holds, and the proof that `ss` wrote it.
//!
//! A manifest is a file of two parts. Line 1 is `starsystem-vault-manifest/1`, the age recipient and an
//! HMAC-SHA-256 in hex, separated by spaces; the rest is a JSON object. The HMAC covers the first word, a
//! line feed and the JSON bytes, and is checked before the JSON is parsed. The recipient is not covered:
//! it only serves to tell a wrong identity from an edited file.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::VaultError;
use crate::identity::Unlocked;
use crate::object::sha256;

const FORMAT: &str = "starsystem-vault-manifest/1";

/// A part of the vault that is versioned on its own.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum ScopeId {
    /// Provider keys and plain namespaces.
    Machine,
    /// Credentials and states of one project in one environment.
    Project {
        /// `name` of `starsystem.yaml`.
        project: String,
        /// Such as `local` or `prod`.
        environment: String,
    },
}

impl ScopeId {
    /// A file name that is its own and nothing else's, whatever the project is called.
    pub(crate) fn file_name(&self) -> String {
        match self {
            Self::Machine => "machine".to_owned(),
            Self::Project { project, environment } => {
                let name = sha256(format!("{}\n{project}{environment}", project.len()).as_bytes());
                format!("project-{}", &name[..32])
            }
        }
    }
}

impl fmt::Display for ScopeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Machine => f.write_str("this machine"),
            Self::Project { project, environment } => {
                write!(f, "project `{project}`, environment `{environment}`")
            }
        }
    }
}

/// What an entry points to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// Hash, and so the name, of the object.
    pub(crate) object: String,
    /// The generation that wrote it, which says whether a snapshot may need it.
    pub(crate) generation: u64,
}

/// What a scope holds at one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The scope that it was written for.
    pub(crate) scope: ScopeId,
    /// One more than the manifest before; 0 is the empty manifest that no file holds.
    pub(crate) generation: u64,
    /// SHA-256 of the manifest file before.
    pub(crate) previous: Option<String>,
    /// Entry name → object.
    pub(crate) entries: BTreeMap<String, Entry>,
}

impl Manifest {
    /// A scope that nothing was ever written to.
    pub(crate) fn empty(scope: ScopeId) -> Self {
        Self { scope, generation: 0, previous: None, entries: BTreeMap::new() }
    }

    /// The bytes of the manifest file.
    pub(crate) fn encode(&self, unlocked: &Unlocked) -> Vec<u8> {
        #[expect(clippy::expect_used, reason = "strings and numbers always have a JSON form")]
        let body = serde_json::to_vec(self).expect("a manifest is JSON");
        let tag = hmac::sign(unlocked.authenticator(), &covered(&body));
        let mut file = format!("{FORMAT} {} {}\n", unlocked.recipient(), hex::encode(tag)).into_bytes();
        file.extend_from_slice(&body);
        file
    }

    /// Checks and reads the bytes of a manifest file that stands for `scope`.
    pub(crate) fn decode(
        file: &[u8],
        path: &Path,
        scope: &ScopeId,
        unlocked: &Unlocked,
    ) -> Result<Self, VaultError> {
        let damaged =
            |reason: &str| VaultError::Manifest { path: path.to_owned(), reason: reason.to_owned() };
        let end = file.iter().position(|byte| *byte == b'\n').ok_or_else(|| damaged("it is truncated"))?;
        let (header, body) = (&file[..end], &file[end + 1..]);
        let header = std::str::from_utf8(header).map_err(|_| damaged("its first line is not text"))?;
        let [format, recipient, tag] = header.split(' ').collect::<Vec<_>>()[..] else {
            return Err(damaged("its first line is not that of a manifest"));
        };
        if format != FORMAT {
            return Err(damaged(&format!("its format is not `{FORMAT}`; it may need a newer `ss`")));
        }
        let tag = hex::decode(tag).map_err(|_| damaged("its authenticator is not hex"))?;
        if hmac::verify(unlocked.authenticator(), &covered(body), &tag).is_err() {
            let found = unlocked.recipient();
            return Err(if recipient == found {
                damaged("its authenticator does not match; it was edited or damaged")
            } else {
                VaultError::WrongIdentity { path: path.to_owned(), expected: recipient.to_owned(), found }
            });
        }
        if recipient != unlocked.recipient() {
            return Err(damaged("its first line names another recipient than its content was written for"));
        }
        let manifest: Self = serde_json::from_slice(body).map_err(|error| damaged(&error.to_string()))?;
        if manifest.scope != *scope {
            let (found, expected) = (manifest.scope.to_string(), scope.to_string());
            return Err(VaultError::WrongScope { path: path.to_owned(), found, expected });
        }
        Ok(manifest)
    }
}

/// What the authenticator covers.
fn covered(body: &[u8]) -> Vec<u8> {
    [FORMAT.as_bytes(), b"\n", body].concat()
}

/// The newest generation of a scope that this machine has seen, kept beside the manifest so that an older
/// manifest is noticed. It is not authenticated: who can edit it can also remove it, and removing it is
/// the way to accept an older manifest on purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Floor {
    /// The generation.
    pub(crate) generation: u64,
    /// SHA-256 of its manifest file.
    pub(crate) manifest: String,
}

impl Floor {
    /// The bytes of the file.
    pub(crate) fn encode(&self) -> Vec<u8> {
        format!("{} {}\n", self.generation, self.manifest).into_bytes()
    }

    /// Reads the file; none if it makes no sense.
    pub(crate) fn decode(file: &[u8]) -> Option<Self> {
        let (generation, manifest) = std::str::from_utf8(file).ok()?.trim_end().split_once(' ')?;
        Some(Self { generation: generation.parse().ok()?, manifest: manifest.to_owned() })
    }

    /// Whether a manifest of this generation and hash is the newest seen or newer.
    pub(crate) fn admits(&self, generation: u64, manifest: &str) -> bool {
        generation > self.generation || (generation == self.generation && manifest == self.manifest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_do_not_share_files() {
        let project = |project: &str, environment: &str| ScopeId::Project {
            project: project.to_owned(),
            environment: environment.to_owned(),
        };
        let names = [
            ScopeId::Machine,
            project("a", "bc"),
            project("ab", "c"),
            project("abc", ""),
            project("machine", ""),
        ]
        .map(|scope| scope.file_name());
        let distinct: std::collections::BTreeSet<_> = names.iter().collect();
        assert_eq!(distinct.len(), names.len());
    }

    #[test]
    fn the_floor_admits_the_same_and_newer_only() {
        let floor = Floor::decode(&Floor { generation: 3, manifest: "aa".into() }.encode()).unwrap();
        assert!(floor.admits(3, "aa") && floor.admits(4, "bb"));
        assert!(!floor.admits(3, "bb") && !floor.admits(2, "aa"));
    }
}
