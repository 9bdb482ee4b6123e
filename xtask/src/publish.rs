//! Signing built plugins into the official registry.
//!
//! The private key is read from the folder that the environment names, used, and dropped: it is never
//! printed, copied or part of an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ss_registry::{Draft, Line, OFFICIAL, PublicKey, Published, Publisher, SigningKey, Timestamp};

use crate::Error;
use crate::compile;
use crate::repository::{Repository, hold, read_text};
use crate::sources::Sources;

/// Environment variable that names the folder of the publisher's keys.
pub const KEYS: &str = "SS_KEYS";
/// Seed of the key that signs releases.
const SEED: &str = "official-publisher.seed";
/// Its public key, in the registry.
const PUBLIC: &str = "keys/official-publisher.pub";

/// How to publish.
#[derive(Debug)]
pub struct Options {
    /// The folder of the publisher's keys: what [`KEYS`] names.
    pub keys: Option<PathBuf>,
    /// When; the time of the last commit if not given, so that the same commit gives the same files.
    pub published: Option<Timestamp>,
    /// Whether a release of the same version may be replaced.
    pub replace: bool,
}

/// A published plugin.
#[derive(Debug)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its line in the index.
    pub line: Line,
    /// What happened.
    pub outcome: Published,
}

/// Builds, signs and publishes plugins.
///
/// # Errors
/// If the key is missing, a build fails, or a release is refused.
pub fn publish(repository: &Repository, names: &[String], options: &Options) -> Result<Vec<Release>, Error> {
    let registry = repository.registry();
    let sources = Sources::read(repository)?;
    let plugins = sources.plugins(names)?;
    let key = publisher_key(&registry, options.keys.as_deref())?;
    let published = options.published.clone().map_or_else(|| commit_time(repository), Ok)?;
    let components = compile::components(&sources, &plugins, &repository.scratch())?;
    let _only = hold(&repository.scratch().join("publish"))?;
    let publisher = Publisher { root: &registry, key: &key, replace: options.replace };
    let mut releases = Vec::new();
    for (plugin, component) in plugins.iter().zip(components) {
        let source = sources.digest(plugin)?;
        let draft = Draft { namespace: OFFICIAL, component, source, published: published.clone() };
        let (line, outcome) = publisher
            .publish(draft)
            .map_err(|source| Error::Publish { plugin: plugin.name.clone(), source: Box::new(source) })?;
        releases.push(Release { name: plugin.name.clone(), line, outcome });
    }
    Ok(releases)
}

/// The publisher's key, if it is the one whose public half the registry ships.
fn publisher_key(registry: &Path, folder: Option<&Path>) -> Result<SigningKey, Error> {
    let missing = |reason: String| Error::Key { file: SEED, reason };
    let folder = folder.ok_or_else(|| {
        missing(format!("set {KEYS} to the folder that holds it; building and checking need none"))
    })?;
    let seed = fs::read_to_string(folder.join(SEED))
        .map_err(|error| missing(format!("it cannot be read from the folder that {KEYS} names: {error}")))?;
    let key = SigningKey::from_seed_hex(&seed).map_err(|error| missing(error.to_string()))?;
    let path = registry.join(PUBLIC);
    let public = PublicKey::from_hex(&read_text(&path)?).map_err(|error| Error::invalid(&path, error))?;
    if key.public() != public {
        return Err(missing(format!("it is not the key whose public half is `{PUBLIC}`")));
    }
    Ok(key)
}

/// The time of the last commit.
fn commit_time(repository: &Repository) -> Result<Timestamp, Error> {
    let mut git = Command::new("git");
    git.current_dir(repository.root()).env("TZ", "UTC").args([
        "show",
        "--no-patch",
        "--format=%cd",
        "--date=format-local:%Y-%m-%dT%H:%M:%SZ",
        "HEAD",
    ]);
    let text = compile::output(&mut git)?;
    text.trim().parse().map_err(|error: ss_registry::NotATimestamp| Error::Program {
        program: "git show".to_owned(),
        reason: error.to_string(),
    })
}
