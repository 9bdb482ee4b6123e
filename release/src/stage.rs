//! A folder in which plugins are built: their sources and nothing else, under one workspace root.
//!
//! Cargo mixes the path of a crate into its symbols: relative to the workspace root if it lies inside,
//! absolute if not. Everything therefore lies inside, and the bytes do not depend on where the folder is.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use toml::Value;

use crate::Error;
use crate::sources::{LOCK, Sources, WORKSPACE};

/// A staged workspace.
#[derive(Debug)]
pub struct Stage {
    root: PathBuf,
}

impl Stage {
    /// Lays out the sources in `root`. What is there and unchanged keeps its time, so that cargo does not
    /// build it again; what no longer belongs there is deleted.
    ///
    /// # Errors
    /// If a file cannot be read or written.
    pub fn create(sources: &Sources, root: &Path) -> Result<Self, Error> {
        let mut files = sources.files().clone();
        files.remove(WORKSPACE);
        files.insert("Cargo.toml".to_owned(), workspace(sources)?);
        if let Some(lock) = files.remove(LOCK) {
            files.insert("Cargo.lock".to_owned(), lock);
        }
        clear(root, root, &files.keys().map(String::as_str).collect())?;
        for (path, content) in &files {
            write(&root.join(path), content)?;
        }
        Ok(Self { root: root.to_owned() })
    }

    /// The workspace root.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// The plugins' workspace as seen from one folder above.
fn workspace(sources: &Sources) -> Result<Vec<u8>, Error> {
    let mut settings = sources.toml(WORKSPACE)?;
    let members = sources.crates().into_iter().map(|name| Value::String(format!("plugins/{name}")));
    match settings.get_mut("workspace") {
        Some(Value::Table(workspace)) => {
            workspace.insert("members".to_owned(), members.collect::<Vec<_>>().into());
            // As seen from `plugins/`: a dependency, whose tests and features are none of the plugins' business.
            workspace.insert("exclude".to_owned(), vec![Value::String("sdk-rust".to_owned())].into());
        }
        _ => return Err(Error::invalid(WORKSPACE, "it is no workspace")),
    }
    Ok(settings.to_string().into_bytes())
}

/// Deletes the files under `folder` that are not wanted.
fn clear(root: &Path, folder: &Path, wanted: &BTreeSet<&str>) -> Result<(), Error> {
    let Ok(entries) = folder.read_dir() else { return Ok(()) };
    for entry in entries {
        let path =
            entry.map_err(|source| Error::File { action: "list", path: folder.to_owned(), source })?.path();
        let inner = path.strip_prefix(root).unwrap_or(&path).display().to_string();
        if path.is_dir() {
            clear(root, &path, wanted)?;
        } else if !wanted.contains(inner.as_str()) {
            fs::remove_file(&path).map_err(|source| Error::File { action: "delete", path, source })?;
        }
    }
    Ok(())
}

fn write(path: &Path, content: &[u8]) -> Result<(), Error> {
    if fs::read(path).is_ok_and(|known| known == content) {
        return Ok(());
    }
    let failed = |source| Error::File { action: "write", path: path.to_owned(), source };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    fs::write(path, content).map_err(failed)
}
