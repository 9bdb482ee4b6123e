//! What a plugin is built from: every file, and a digest over all of them.
//!
//! Per plugin: its crate, the SDK, the WIT folder of its contract, the toolchain file, the settings of the
//! plugins' workspace, and the locked versions of what it depends on. Settings and versions count only as
//! far as they concern this plugin: another plugin beside it changes neither its bytes nor its digest.
//! Tests, benchmarks, examples and prose are left out; they are not staged either, so that the build cannot
//! depend on them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ss_registry::Digest;
use toml::{Table, Value};

use crate::Error;
use crate::repository::{Plugin, Repository, read, read_toml};

/// Source files by their path in the repository, `/` between folders.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Settings of the workspace that the plugins are built in.
pub(crate) const WORKSPACE: &str = "plugins/Cargo.toml";
/// Locked versions of everything that they depend on.
pub(crate) const LOCK: &str = "plugins/Cargo.lock";

/// The source files of a plugin, without workspace settings and lock.
///
/// # Errors
/// If a file cannot be read.
pub fn files(repository: &Repository, plugin: &Plugin) -> Result<Files, Error> {
    let mut files = Files::new();
    let contract = format!("wit/{}", plugin.manifest.contract);
    let parts =
        [format!("plugins/{}", plugin.name), "sdk-rust".into(), contract, "rust-toolchain.toml".into()];
    for part in &parts {
        collect(repository.root(), part, &mut files)?;
    }
    Ok(files)
}

/// SHA-256 over one line per source, sorted by path: the path, a space, the digest of its content.
///
/// # Errors
/// If a file cannot be read, or the lock lacks a package.
pub fn digest(repository: &Repository, plugin: &Plugin) -> Result<Digest, Error> {
    let mut files = files(repository, plugin)?;
    files.insert(WORKSPACE.to_owned(), settings(repository)?);
    files.insert(LOCK.to_owned(), locked(repository, &plugin.name)?);
    let list: String =
        files.iter().map(|(path, content)| format!("{path} {}\n", Digest::of(content))).collect();
    Ok(Digest::of(list.as_bytes()))
}

/// The workspace's settings without its list of members, as canonical JSON.
fn settings(repository: &Repository) -> Result<Vec<u8>, Error> {
    let path = repository.root().join(WORKSPACE);
    let mut settings = read_toml(&path)?;
    if let Some(Value::Table(workspace)) = settings.get_mut("workspace") {
        workspace.remove("members");
    }
    serde_json_canonicalizer::to_vec(&settings).map_err(|error| Error::invalid(&path, error))
}

/// The locked packages that the plugin can reach: one line each, sorted.
fn locked(repository: &Repository, plugin: &str) -> Result<Vec<u8>, Error> {
    let path = repository.root().join(LOCK);
    let lock = read_toml(&path)?;
    let no_packages = Vec::new();
    let packages = lock.get("package").and_then(Value::as_array).unwrap_or(&no_packages);
    let packages: Vec<&Table> = packages.iter().filter_map(Value::as_table).collect();

    let mut lines = BTreeSet::new();
    let mut waiting = vec![plugin.to_owned()];
    while let Some(wanted) = waiting.pop() {
        let package = packages
            .iter()
            .find(|package| is_package(package, &wanted))
            .ok_or_else(|| Error::invalid(&path, format!("there is no package `{wanted}`; update it")))?;
        let line = ["name", "version", "source", "checksum"].map(|field| text(package, field)).join(" ");
        if lines.insert(line + "\n") {
            let dependencies = package.get("dependencies").and_then(Value::as_array);
            waiting.extend(dependencies.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
        }
    }
    Ok(lines.into_iter().collect::<String>().into_bytes())
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
