//! The repository: where things are, and which plugins there are.

use std::fs;
use std::path::{Path, PathBuf};

use ss_authority::Manifest;

use crate::Error;

/// A checkout of this repository.
#[derive(Debug, Clone)]
pub struct Repository {
    root: PathBuf,
}

/// A plugin crate under `plugins/`.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Its name: of the folder, the crate and the manifest.
    pub name: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// The manifest's text, as it is embedded.
    pub manifest_text: String,
}

impl Repository {
    /// The repository that this program was built from.
    pub fn of_this_program() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        Self::at(root)
    }

    /// The repository in a folder.
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// The top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The official registry.
    pub fn registry(&self) -> PathBuf {
        self.root.join("registry-index")
    }

    /// Where the tool may write: under cargo's own output folder.
    pub fn scratch(&self) -> PathBuf {
        self.root.join("target/plugins")
    }

    /// The plugins of these names; all of them if none is named.
    ///
    /// # Errors
    /// If a name is unknown or a manifest cannot be used.
    pub fn plugins(&self, names: &[String]) -> Result<Vec<Plugin>, Error> {
        let available = self.plugin_names()?;
        if let Some(name) = names.iter().find(|name| !available.contains(name)) {
            return Err(Error::UnknownPlugin { name: name.clone(), available });
        }
        let wanted = if names.is_empty() { &available } else { names };
        wanted.iter().map(|name| self.plugin(name)).collect()
    }

    /// Folders of `plugins/` that hold a plugin, sorted.
    fn plugin_names(&self) -> Result<Vec<String>, Error> {
        let folder = self.root.join("plugins");
        let failed = |source| Error::File { action: "list", path: folder.clone(), source };
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            if entry.path().join("plugin.toml").is_file() {
                names.push(entry.file_name().display().to_string());
            }
        }
        names.sort();
        Ok(names)
    }

    fn plugin(&self, name: &str) -> Result<Plugin, Error> {
        let path = self.root.join("plugins").join(name).join("plugin.toml");
        let manifest_text = read_text(&path)?;
        let manifest = Manifest::parse(&manifest_text).map_err(|error| Error::invalid(&path, error))?;
        if manifest.name != name {
            return Err(Error::invalid(
                &path,
                format!("its name is `{}`; the folder's is `{name}`", manifest.name),
            ));
        }
        Ok(Plugin { name: name.to_owned(), manifest, manifest_text })
    }
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Error> {
    fs::read(path).map_err(|source| Error::File { action: "read", path: path.to_owned(), source })
}

pub(crate) fn read_text(path: &Path) -> Result<String, Error> {
    String::from_utf8(read(path)?).map_err(|error| Error::invalid(path, error))
}

pub(crate) fn read_toml(path: &Path) -> Result<toml::Table, Error> {
    read_text(path)?.parse().map_err(|error| Error::invalid(path, error))
}
