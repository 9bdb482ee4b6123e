//! A plugin project on disk.

use std::path::{Path, PathBuf};

use ss_authority::Manifest;
use ss_durable::FileError;

use crate::error::ProjectError;
use crate::language::Language;

/// The manifest's file.
pub(crate) const MANIFEST: &str = "plugin.toml";

/// A folder with a `plugin.toml`.
#[derive(Debug, Clone)]
pub struct Project {
    /// The folder.
    pub root: PathBuf,
    /// What the plugin is and asks for.
    pub manifest: Manifest,
    /// The manifest's text, which is put inside the component as it is.
    pub manifest_text: String,
    /// What it is written in; none if no file says so.
    pub language: Option<Language>,
}

impl Project {
    /// Opens the project in a folder.
    ///
    /// # Errors
    /// If there is no manifest, or it cannot be used.
    pub fn open(root: &Path) -> Result<Self, ProjectError> {
        let path = root.join(MANIFEST);
        if !path.is_file() {
            return Err(ProjectError::NoManifest { folder: root.to_owned() });
        }
        let manifest_text =
            std::fs::read_to_string(&path).map_err(|source| FileError::new("read", &path, source))?;
        let manifest = Manifest::parse(&manifest_text)?;
        let language = Language::of_folder(root);
        Ok(Self { root: root.to_owned(), manifest, manifest_text, language })
    }

    /// Where the component lies once it is built.
    pub fn component(&self) -> PathBuf {
        // `./dist/…` reads worse than `dist/…`.
        let root = self.root.strip_prefix(".").unwrap_or(&self.root);
        root.join("dist").join(format!("{}.wasm", self.manifest.name))
    }

    /// The system that shows the plugin in use, if the project has one.
    pub fn example(&self) -> Option<PathBuf> {
        Some(self.root.join("example/starsystem.yaml")).filter(|path| path.is_file())
    }
}
