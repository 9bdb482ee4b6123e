//! Key files: 64 hex digits, readable by their owner alone. No message ever shows what is in one.

use std::path::{Path, PathBuf};

use ss_registry::{PublicKey, SigningKey};
use ss_secret::Secret;

use crate::error::CommandError;

/// What the file of a private key ends in.
const SEED: &str = "seed";

/// Makes a key, and the file of its public half beside it. A file that is there is never replaced.
pub fn make(file: &Path) -> Result<PublicKey, CommandError> {
    if file.exists() {
        return Err(CommandError::failed(format!("`{}` is there already", file.display()))
            .hint("a key is never replaced; name another file"));
    }
    let (key, seed) = SigningKey::generate().map_err(|error| CommandError::of(&error))?;
    if let Some(folder) = file.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        ss_durable::create_private_dir(folder).map_err(|error| CommandError::of(&error))?;
    }
    write(file, &key.public(), &seed)?;
    Ok(key.public())
}

/// Makes a key that takes the place of the one in the file, which moves aside as `.old`.
pub fn replace(
    file: &Path,
    with: impl FnOnce(&SigningKey) -> Result<(), CommandError>,
) -> Result<PublicKey, CommandError> {
    let (key, seed) = SigningKey::generate().map_err(|error| CommandError::of(&error))?;
    // Kept before it is used: a registry with a key that nobody has is lost.
    let fresh = file.with_extension("seed.new");
    write(&fresh, &key.public(), &seed)?;
    with(&key)?;
    let moved = |from: &Path, to: &Path| {
        std::fs::rename(from, to)
            .map_err(|error| CommandError::caused_by(format!("cannot rename `{}`", from.display()), &error))
    };
    if file.exists() {
        moved(file, &file.with_extension("seed.old"))?;
    }
    moved(&fresh, file)?;
    let _ = std::fs::rename(public_file(&fresh), public_file(file));
    Ok(key.public())
}

fn write(file: &Path, public: &PublicKey, seed: &Secret) -> Result<(), CommandError> {
    let line = Secret::from_bytes([seed.expose(), b"\n"].concat());
    ss_durable::replace_private(file, line.expose()).map_err(|error| CommandError::of(&error))?;
    let text = format!("{}\n", public.to_hex());
    ss_durable::replace(&public_file(file), text.as_bytes()).map_err(|error| CommandError::of(&error))
}

/// The file of the public key that belongs to a private one.
pub fn public_file(file: &Path) -> PathBuf {
    file.with_extension("pub")
}

/// Reads a private key.
pub fn read(file: &Path) -> Result<SigningKey, CommandError> {
    let unusable = |reason: String| {
        CommandError::failed(format!("the key `{}` cannot be used: {reason}", file.display()))
            .hint("`ss plugin keygen <file>` makes a key")
    };
    let bytes = std::fs::read(file).map(Secret::from_bytes).map_err(|error| unusable(error.to_string()))?;
    let text = bytes.expose_str().ok_or_else(|| unusable("it is not text".to_owned()))?;
    SigningKey::from_seed_hex(text).map_err(|error| unusable(error.to_string()))
}

/// Every private key in a folder.
pub fn all_in(folder: &Path) -> Result<Vec<SigningKey>, CommandError> {
    let entries = std::fs::read_dir(folder).map_err(|error| {
        CommandError::caused_by(format!("cannot read the folder of keys `{}`", folder.display()), &error)
    })?;
    let mut files: Vec<PathBuf> = entries
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == SEED))
        .collect();
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

/// A public key: its digits, or the file that holds them.
pub fn public(text: &str) -> Result<PublicKey, CommandError> {
    if let Ok(key) = PublicKey::from_hex(text) {
        return Ok(key);
    }
    let content = std::fs::read_to_string(text).map_err(|_| {
        CommandError::usage(format!("`{text}` is neither a public key of 64 hex digits nor a file with one"))
    })?;
    PublicKey::from_hex(&content)
        .map_err(|error| CommandError::usage(format!("`{text}` holds no public key: {error}")))
}
