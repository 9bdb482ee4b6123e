//! What a plugin is built from: every file, and a digest over all of them.
//!
//! Per plugin: its crate, the SDK, the WIT folder of its contract, the toolchain file, the settings of the
//! plugins' workspace, and the locked versions of what it depends on. Settings and versions count only as
//! far as they concern this plugin: another plugin beside it changes neither its bytes nor its digest.
//! Tests, benchmarks, examples and prose are left out; they are not staged either, so that the build cannot
//! depend on them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ss_authority::Manifest;
use ss_registry::Digest;
use toml::{Table, Value};

use crate::Error;
use crate::repository::{Repository, read};

/// Source files by their path in the repository, `/` between folders.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Settings of the workspace that the plugins are built in.
pub(crate) const WORKSPACE: &str = "plugins/Cargo.toml";
/// Locked versions of everything that they depend on.
pub(crate) const LOCK: &str = "plugins/Cargo.lock";
/// The compiler that builds them.
const TOOLCHAIN: &str = "rust-toolchain.toml";

/// The sources of all plugins as they were at one moment. What is built, what is digested and what is
/// embedded is this, so that a file edited meanwhile cannot come between them.
#[derive(Debug)]
pub struct Sources {
    files: Files,
}

/// A plugin: a crate under `plugins/` with a `plugin.toml`.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// Its name: of the folder, the crate and the manifest.
    pub name: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// The manifest's text, as it is embedded.
    pub manifest_text: String,
}

impl Sources {
    /// Reads the sources.
    ///
    /// # Errors
    /// If a file cannot be read.
    pub fn read(repository: &Repository) -> Result<Self, Error> {
        let mut files = Files::new();
        for part in ["plugins", "sdk-rust", "wit", TOOLCHAIN, LOCK] {
            collect(repository.root(), part, &mut files)?;
        }
        Ok(Self { files })
    }

    /// Every source file.
    pub(crate) fn files(&self) -> &Files {
        &self.files
    }

    /// Names of the crates under `plugins/`, sorted.
    pub(crate) fn crates(&self) -> Vec<String> {
        let name =
            |path: &String| Some(path.strip_prefix("plugins/")?.strip_suffix("/Cargo.toml")?.to_owned());
        self.files.keys().filter_map(name).filter(|name| !name.contains('/')).collect()
    }

    /// The plugins of these names; all of them if none is named.
    ///
    /// # Errors
    /// If a name is unknown or a manifest cannot be used.
    pub fn plugins(&self, names: &[String]) -> Result<Vec<Plugin>, Error> {
        let available: Vec<_> =
            self.crates().into_iter().filter(|name| self.files.contains_key(&manifest_path(name))).collect();
        if let Some(name) = names.iter().find(|name| !available.contains(name)) {
            return Err(Error::UnknownPlugin { name: name.clone(), available });
        }
        let wanted = if names.is_empty() { &available } else { names };
        wanted.iter().map(|name| self.plugin(name)).collect()
    }

    fn plugin(&self, name: &str) -> Result<Plugin, Error> {
        let path = manifest_path(name);
        let manifest_text = self.text(&path)?.to_owned();
        let manifest = Manifest::parse(&manifest_text).map_err(|error| Error::invalid(&path, error))?;
        if manifest.name != name {
            return Err(Error::invalid(
                &path,
                format!("its name is `{}`; the folder's is `{name}`", manifest.name),
            ));
        }
        Ok(Plugin { name: name.to_owned(), manifest, manifest_text })
    }

    /// SHA-256 over one line per source of the plugin, sorted by path: the path, a space, the digest of its
    /// content.
    ///
    /// # Errors
    /// If the settings or the lock cannot be read, or the lock lacks a package.
    pub fn digest(&self, plugin: &Plugin) -> Result<Digest, Error> {
        let folders = [
            format!("plugins/{}/", plugin.name),
            "sdk-rust/".into(),
            format!("wit/{}/", plugin.manifest.contract),
        ];
        let is_its = |path: &str| path == TOOLCHAIN || folders.iter().any(|folder| path.starts_with(folder));
        let mut lines: BTreeMap<&str, Digest> = self
            .files
            .iter()
            .filter(|(path, _)| is_its(path))
            .map(|(path, content)| (path.as_str(), Digest::of(content)))
            .collect();
        lines.insert(WORKSPACE, Digest::of(&self.settings()?));
        lines.insert(LOCK, Digest::of(&self.locked(&plugin.name)?));
        let list: String = lines.into_iter().map(|(path, digest)| format!("{path} {digest}\n")).collect();
        Ok(Digest::of(list.as_bytes()))
    }

    /// The workspace's settings without its list of members, as canonical JSON.
    fn settings(&self) -> Result<Vec<u8>, Error> {
        let mut settings = self.toml(WORKSPACE)?;
        if let Some(Value::Table(workspace)) = settings.get_mut("workspace") {
            workspace.remove("members");
        }
        serde_json_canonicalizer::to_vec(&settings).map_err(|error| Error::invalid(WORKSPACE, error))
    }

    /// The locked packages that the plugin can reach: one line each, sorted.
    fn locked(&self, plugin: &str) -> Result<Vec<u8>, Error> {
        let lock = self.toml(LOCK)?;
        let no_packages = Vec::new();
        let packages = lock.get("package").and_then(Value::as_array).unwrap_or(&no_packages);
        let packages: Vec<&Table> = packages.iter().filter_map(Value::as_table).collect();

        let mut lines = BTreeSet::new();
        let mut waiting = vec![plugin.to_owned()];
        while let Some(wanted) = waiting.pop() {
            let package = packages
                .iter()
                .find(|package| is_package(package, &wanted))
                .ok_or_else(|| Error::invalid(LOCK, format!("there is no package `{wanted}`; update it")))?;
            let line = ["name", "version", "source", "checksum"].map(|field| text(package, field)).join(" ");
            if lines.insert(line + "\n") {
                let dependencies = package.get("dependencies").and_then(Value::as_array);
                waiting
                    .extend(dependencies.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
            }
        }
        Ok(lines.into_iter().collect::<String>().into_bytes())
    }

    pub(crate) fn toml(&self, path: &str) -> Result<Table, Error> {
        self.text(path)?.parse().map_err(|error| Error::invalid(path, error))
    }

    fn text(&self, path: &str) -> Result<&str, Error> {
        let content = self.files.get(path).ok_or_else(|| Error::invalid(path, "it is missing"))?;
        std::str::from_utf8(content).map_err(|error| Error::invalid(path, error))
    }
}

fn manifest_path(plugin: &str) -> String {
    format!("plugins/{plugin}/plugin.toml")
}

/// Whether a lock's reference (`name`, `name version` or `name version (source)`) means this package.
fn is_package(package: &Table, reference: &str) -> bool {
    let mut words = reference.split(' ');
    words.next() == Some(text(package, "name"))
        && words.next().is_none_or(|version| version == text(package, "version"))
}

fn text<'a>(table: &'a Table, field: &str) -> &'a str {
    table.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// Adds a file, or the files of a folder that belong to a build.
fn collect(root: &Path, path: &str, files: &mut Files) -> Result<(), Error> {
    let full = root.join(path);
    if !full.is_dir() {
        files.insert(path.to_owned(), read(&full)?);
        return Ok(());
    }
    let failed = |source| Error::File { action: "list", path: full.clone(), source };
    for entry in full.read_dir().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name().display().to_string();
        if belongs_to_build(&name) {
            collect(root, &format!("{path}/{name}"), files)?;
        }
    }
    Ok(())
}

fn belongs_to_build(name: &str) -> bool {
    let left_out = ["target", "tests", "tests.rs", "benches", "examples", "Cargo.lock"];
    !name.starts_with('.') && !name.ends_with(".md") && !left_out.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_and_tests_are_no_sources() {
        for name in ["README.md", "tests", "tests.rs", "target", ".DS_Store", "Cargo.lock"] {
            assert!(!belongs_to_build(name), "{name}");
        }
        for name in ["src", "lib.rs", "Cargo.toml", "plugin.toml", "options.schema.json", "testing"] {
            assert!(belongs_to_build(name), "{name}");
        }
    }

    #[test]
    fn a_lock_reference_may_leave_out_what_is_clear() {
        let package: Table = "name = \"serde\"\nversion = \"1.0.0\"".parse().unwrap();
        assert!(is_package(&package, "serde"));
        assert!(is_package(&package, "serde 1.0.0"));
        assert!(is_package(&package, "serde 1.0.0 (registry+https://example.org)"));
        assert!(!is_package(&package, "serde 2.0.0"));
        assert!(!is_package(&package, "serde_json"));
    }
}
