//! Whether what is published is what the sources give.

use std::path::Path;

use ss_registry::{Digest, Directory, NotADigest, PluginName, Registry, VerifiedPlugin};

use crate::repository::Repository;
use crate::sources::{Plugin, Sources};
use crate::{Error, compile};

/// The kind of machine that the published components are built on.
pub const REFERENCE_HOST: &str = "x86_64-unknown-linux-gnu";

/// Holds the published releases against the digests of the current sources. Needs no WebAssembly target.
///
/// # Errors
/// [`Error::Outdated`], with a line per plugin that is not published as it is.
pub fn sources(repository: &Repository, sources: &Sources, plugins: &[Plugin]) -> Result<(), Error> {
    let mut wrong = Vec::new();
    for plugin in plugins {
        let current = sources.digest(plugin)?;
        match published(repository, plugin) {
            Err(reason) => wrong.push(reason),
            Ok(release) if release.source_digest() != current => wrong.push(format!(
                "`{}` {} was published from other sources ({} then, {current} now); publish it again",
                plugin.name,
                plugin.manifest.version,
                release.source_digest(),
            )),
            Ok(_) => {}
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Outdated(wrong)) }
}

/// Builds the plugins in `folder` and holds the bytes against the published ones.
///
/// # Errors
/// [`Error::NoTarget`] where nothing can be built; [`Error::Outdated`], with a line per plugin that differs.
pub fn rebuild(
    repository: &Repository,
    sources: &Sources,
    plugins: &[Plugin],
    folder: &Path,
) -> Result<(), Error> {
    let components = compile::components(sources, plugins, folder)?;
    let mut wrong = Vec::new();
    for (plugin, built) in plugins.iter().zip(components) {
        match published(repository, plugin) {
            Err(reason) => wrong.push(reason),
            Ok(release) if release.digest() != Digest::of(&built) => wrong.push(format!(
                "`{}` {} builds to other bytes than the published ones ({} bytes here, {} published)",
                plugin.name,
                plugin.manifest.version,
                built.len(),
                release.component().size(),
            )),
            Ok(_) => {}
        }
    }
    if wrong.is_empty() { Ok(()) } else { Err(Error::Outdated(wrong)) }
}

/// The published release of the manifest's version, verified as a client would.
fn published(repository: &Repository, plugin: &Plugin) -> Result<VerifiedPlugin, String> {
    let folder = repository.registry();
    let root = std::fs::read_to_string(folder.join("keys/official-root.sha256"))
        .map_err(|error| error.to_string())?
        .trim()
        .parse::<Digest>()
        .map_err(|error: NotADigest| error.to_string())?;
    let registry = Registry::with_root("registry-index", Directory::new(&folder), root);
    let name = PluginName::official(&plugin.name).map_err(|error| error.to_string())?;
    registry.load(&name, &plugin.manifest.version).map_err(|error| error.to_string())
}
