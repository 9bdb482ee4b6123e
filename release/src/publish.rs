//! Signing built plugins into the official registry.
//!
//! The private key is read from the folder that the environment names, used, and dropped: it is never
//! printed, copied or part of an error.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ss_registry::{
    Custody, Delegate, Delegation, Draft, Line, OFFICIAL, PublicKey, Published, Publisher, RoleName,
    SigningKey, Timestamp, layout,
};

use crate::Error;
use crate::compile;
use crate::repository::{Repository, hold, read_text};
use crate::sources::Sources;

/// Environment variable that names the folder of the publisher's keys.
pub const KEYS: &str = "SS_KEYS";
/// Seed of the key that signs releases and the official namespace.
const SEED: &str = "official-publisher.seed";
/// Its public key, in the registry.
const PUBLIC: &str = "keys/official-publisher.pub";
/// Digest of the first root, in the registry: what `ss` is built with.
const ROOT: &str = "keys/official-root.sha256";

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
    let roles = role_keys(options.keys.as_deref())?;
    let published = options.published.clone().map_or_else(|| commit_time(repository), Ok)?;
    let components = compile::components(&sources, &plugins, &repository.scratch())?;
    let _only = hold(&repository.scratch().join("publish"))?;
    let publisher = Publisher { root: &registry, keys: &[&key], replace: options.replace };
    let mut releases = Vec::new();
    for (plugin, component) in plugins.iter().zip(components) {
        let source = sources.digest(plugin)?;
        let draft = Draft { namespace: OFFICIAL, component, source, published: published.clone() };
        let (line, outcome) = publisher
            .publish(draft)
            .map_err(|source| Error::Publish { plugin: plugin.name.clone(), source: Box::new(source) })?;
        releases.push(Release { name: plugin.name.clone(), line, outcome });
    }
    seal(&registry, &key, &roles, published)?;
    Ok(releases)
}

/// Brings the metadata in line with the index; starts the registry if there is no root yet. What says the
/// same as before stays as it is.
fn seal(
    registry: &Path,
    publisher: &SigningKey,
    roles: &[(RoleName, SigningKey)],
    now: Timestamp,
) -> Result<(), Error> {
    let keys = roles.iter().map(|(_, key)| key).chain([publisher]).collect();
    let custody = Custody { folder: registry, keys, now };
    if !registry.join(layout::root(1)).exists() {
        let public: Vec<_> = roles.iter().map(|(role, key)| (*role, key.public())).collect();
        custody.found(&public)?;
    }
    let keys = vec![publisher.public()];
    let delegation = Delegation { namespace: OFFICIAL.to_owned(), keys, threshold: 1 };
    custody.delegate(&Delegate { delegation, retired: Vec::new() })?;
    let pin = registry.join(ROOT);
    let text = format!("{}\n", custody.fingerprint()?);
    if read_text(&pin)? == text {
        return Ok(());
    }
    fs::write(&pin, text).map_err(|source| Error::File { action: "write", path: pin, source })
}

/// The keys of the registry's own roles.
fn role_keys(folder: Option<&Path>) -> Result<Vec<(RoleName, SigningKey)>, Error> {
    RoleName::ALL.into_iter().map(|role| Ok((role, read_key(folder, role_seed(role))?))).collect()
}

fn role_seed(role: RoleName) -> &'static str {
    match role {
        RoleName::Root => "official-root.seed",
        RoleName::Targets => "official-targets.seed",
        RoleName::Snapshot => "official-snapshot.seed",
        RoleName::Timestamp => "official-timestamp.seed",
    }
}

/// The publisher's key, if it is the one whose public half the registry ships.
fn publisher_key(registry: &Path, folder: Option<&Path>) -> Result<SigningKey, Error> {
    let key = read_key(folder, SEED)?;
    let path = registry.join(PUBLIC);
    let public = PublicKey::from_hex(&read_text(&path)?).map_err(|error| Error::invalid(&path, error))?;
    if key.public() != public {
        let reason = format!("it is not the key whose public half is `{PUBLIC}`");
        return Err(Error::Key { file: SEED, reason });
    }
    Ok(key)
}

fn read_key(folder: Option<&Path>, file: &'static str) -> Result<SigningKey, Error> {
    let missing = |reason: String| Error::Key { file, reason };
    let folder = folder.ok_or_else(|| {
        missing(format!("set {KEYS} to the folder that holds it; building and checking need none"))
    })?;
    let seed = fs::read_to_string(folder.join(file))
        .map_err(|error| missing(format!("it cannot be read from the folder that {KEYS} names: {error}")))?;
    SigningKey::from_seed_hex(&seed).map_err(|error| missing(error.to_string()))
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
