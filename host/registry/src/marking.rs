//! Taking releases back, in a registry that lies in a folder.
//!
//! A mark is a line of the plugin's own file of marks; the metadata says which state of it is current. A
//! yank can be undone. A revocation cannot: who has seen it must be able to rely on it.

use std::path::Path;

use semver::Version;

use crate::index::{Index, IndexError, MAX_INDEX, Mark, MarkKind, Marks};
use crate::source::{Directory, Source as _, SourceError};
use crate::{PluginName, Timestamp, layout};

/// Why a release was not marked.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// There is no such release.
    #[error("`{plugin}` has no version {version}; it has: {}", available.iter().map(Version::to_string).collect::<Vec<_>>().join(", "))]
    UnknownVersion {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        version: Version,
        /// What there is.
        available: Vec<Version>,
    },
    /// A revocation is for good.
    #[error("`{plugin}` {version} was revoked, which is for good; publish a new version")]
    Revoked {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        version: Version,
    },
    /// The index or the marks are damaged.
    #[error("`{path}` is damaged: {source}")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong.
        source: IndexError,
    },
    /// A file cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file cannot be written.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
}

/// Marks a release, or takes its yank away (`kind` is none). Whether there was anything to do is returned.
/// The metadata is not touched: [`Custody::seal`](crate::Custody::seal) makes the new state the current one.
///
/// # Errors
/// [`MarkError`]; nothing was changed.
pub fn mark(
    folder: &Path,
    plugin: &PluginName,
    version: &Version,
    kind: Option<MarkKind>,
    reason: &str,
    now: &Timestamp,
) -> Result<bool, MarkError> {
    let directory = Directory::new(folder);
    let read = |path: &str| directory.read(path, MAX_INDEX as u64).map(Option::unwrap_or_default);
    let damaged = |path: &str| {
        let path = path.to_owned();
        move |source| MarkError::Damaged { path, source }
    };
    let (index_path, path) = (layout::index(plugin), layout::marks(plugin));
    let index = Index::parse(plugin, &read(&index_path)?).map_err(damaged(&index_path))?;
    if index.find(version).is_none() {
        let available = index.lines().iter().map(|line| line.v.clone()).collect();
        return Err(MarkError::UnknownVersion {
            plugin: plugin.clone(),
            version: version.clone(),
            available,
        });
    }
    let marks = Marks::parse(&read(&path)?).map_err(damaged(&path))?;
    let known = marks.on(version).map(|mark| mark.mark);
    if known == kind {
        return Ok(false);
    }
    if known == Some(MarkKind::Revoked) {
        return Err(MarkError::Revoked { plugin: plugin.clone(), version: version.clone() });
    }
    let mut all = marks.all().to_vec();
    match kind {
        Some(mark) => {
            all.push(Mark { v: version.clone(), mark, reason: reason.to_owned(), published: now.clone() });
        }
        None => all.retain(|mark| mark.v != *version),
    }
    #[expect(clippy::expect_used, reason = "strings always serialise")]
    let line = |mark: &Mark| serde_json::to_string(mark).expect("a mark is JSON") + "\n";
    let text: String = all.iter().map(line).collect();
    crate::publish::write_file(folder, &path, text.as_bytes())?;
    Ok(true)
}
