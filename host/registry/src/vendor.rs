//! Copying pinned releases out of a registry, into a folder that is a registry itself.
//!
//! The copy holds the registry's own metadata and the files of the pinned plugins, byte for byte, so that
//! whoever reads it checks it against the same root. It stays good as long as the metadata is in date;
//! releases that were read from it once load without it.

use std::path::Path;

use semver::Version;
use ss_durable::FileError;

use crate::component::MAX_COMPONENT;
use crate::dsse::MAX_ENVELOPE;
use crate::index::MAX_INDEX;
use crate::refusal::LoadError;
use crate::{PluginName, Registry, layout};

/// Largest file of metadata, in bytes.
const MAX_METADATA: u64 = 16 * 1024 * 1024;

/// Why a registry was not copied.
#[derive(Debug, thiserror::Error)]
pub enum VendorError {
    /// A release cannot be loaded, or a file not be read.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The copy cannot be written.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Registry {
    /// Copies these releases into `folder`, with all that is needed to verify them from the root of version
    /// `root` on. What is there of an earlier copy is replaced.
    ///
    /// # Errors
    /// [`VendorError`]. A release that does not verify is not copied.
    pub fn vendor(
        &self,
        releases: &[(PluginName, Version)],
        root: u64,
        folder: &Path,
    ) -> Result<(), VendorError> {
        let mut files: Vec<(String, u64)> = Vec::new();
        for (plugin, version) in releases {
            let release = self.load(plugin, version)?;
            files.push((layout::component(release.digest()), MAX_COMPONENT));
            files.push((layout::statement(release.digest()), MAX_ENVELOPE as u64));
            files.push((layout::index(plugin), MAX_INDEX as u64));
            files.push((layout::marks(plugin), MAX_INDEX as u64));
            files.push((layout::delegated(plugin.namespace()), MAX_METADATA));
        }
        for path in [layout::CONFIG, layout::TARGETS, layout::SNAPSHOT] {
            files.push((path.to_owned(), MAX_METADATA));
        }
        let newest = self.floor()?.map_or(root, |floor| floor.root_version);
        files.extend((root..=newest).map(|version| (layout::root(version), MAX_METADATA)));
        // The timestamp comes last: it makes the copy current.
        files.push((layout::TIMESTAMP.to_owned(), MAX_METADATA));
        for (path, limit) in files {
            let Some(bytes) = self.read(&path, limit)? else { continue };
            let to = folder.join(&path);
            if let Some(parent) = to.parent() {
                std::fs::create_dir_all(parent)
                    .map_err(|source| FileError::new("create the folder", parent, source))?;
            }
            ss_durable::replace(&to, &bytes)?;
        }
        Ok(())
    }
}
