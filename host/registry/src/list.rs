//! The list of registries that a person has added.
//!
//! Format: `registries.toml` in the home of the person, one `[[registry]]` table each, sorted by name.
//! Threat: none of its own, for who can write it is the person; it is read as strictly as anything else, so
//! that a slip of the pen does not bind a namespace elsewhere.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use ss_durable::FileError;

use crate::Digest;
use crate::registries::RegistriesError;
use crate::strict::{self, Malformed};

/// Name of the list.
pub(crate) const LIST: &str = "registries.toml";
/// Largest list, in bytes.
const MAX_LIST: usize = 256 * 1024;

/// A registry in the list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// What this machine calls it.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// Digest of the root that everything in it is held to.
    pub root_sha256: Digest,
    /// Version of that root.
    pub root_version: u64,
    /// The namespaces that come from it, sorted.
    pub namespaces: Vec<String>,
}

/// The list.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct List {
    version: u32,
    #[serde(default)]
    pub(crate) registry: Vec<Listed>,
}

/// Where the local copy of a registry lies.
pub(crate) fn folder(home: &Path, name: &str) -> PathBuf {
    home.join("registries").join(name)
}

/// Deletes a copy; none is fine.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), FileError> {
    match std::fs::remove_dir_all(folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
            Err(FileError::new("delete", folder, source))
        }
        _ => Ok(()),
    }
}

/// Reads the list; an empty one if there is none.
pub(crate) fn read_list(home: &Path) -> Result<List, RegistriesError> {
    let path = home.join(LIST);
    let Some(bytes) = strict::file(&path, MAX_LIST)? else {
        return Ok(List { version: 1, ..List::default() });
    };
    let malformed = |reason| RegistriesError::Malformed { path: path.display().to_string(), reason };
    let list: List = strict::toml(&bytes, MAX_LIST).map_err(malformed)?;
    if list.version != 1 {
        let reason = Malformed::Shape(format!("its version is {}; this ss knows version 1", list.version));
        return Err(malformed(reason));
    }
    Ok(list)
}

/// Changes the list.
pub(crate) fn write_list(home: &Path, change: impl FnOnce(&mut Vec<Listed>)) -> Result<(), RegistriesError> {
    ss_durable::create_private_dir(home)?;
    let path = home.join(LIST);
    let mut list = read_list(home)?;
    change(&mut list.registry);
    list.registry.sort_by(|a, b| a.name.cmp(&b.name));
    #[expect(clippy::expect_used, reason = "strings, numbers and lists always serialise")]
    let text = toml::to_string(&list).expect("a list is TOML");
    Ok(ss_durable::replace(&path, text.as_bytes())?)
}
