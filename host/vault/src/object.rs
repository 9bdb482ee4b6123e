//! Immutable ciphertext, named by its own hash.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use ss_durable::FileError;
use zeroize::Zeroizing;

use crate::VaultError;
use crate::identity::Unlocked;

/// Objects above this size are refused. The largest real one holds the states of every service of a
/// project: about 300 bytes each, so this is room for 200,000 services.
const MAX_OBJECT: u64 = 64 * 1024 * 1024;

/// The folder of objects.
pub(crate) struct Objects {
    folder: PathBuf,
}

impl Objects {
    /// Objects in this folder; nothing is touched.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// Encrypts, writes and names an object.
    pub(crate) fn put(
        &self,
        entry: &str,
        unlocked: &Unlocked,
        plaintext: &[u8],
    ) -> Result<String, VaultError> {
        let ciphertext = unlocked.encrypt(plaintext).map_err(|reason| self.unusable(entry, "new", reason))?;
        let id = sha256(&ciphertext);
        ss_durable::replace_private(&self.path(&id), &ciphertext)?;
        Ok(id)
    }

    /// Reads, checks and decrypts an object; none if there is no such file.
    pub(crate) fn get(
        &self,
        entry: &str,
        id: &str,
        unlocked: &Unlocked,
    ) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        let Some(ciphertext) = read_capped(&self.path(id), MAX_OBJECT)? else { return Ok(None) };
        if sha256(&ciphertext) != id {
            let reason = "its content is not what was stored (truncated, damaged or swapped)".to_owned();
            return Err(self.unusable(entry, id, reason));
        }
        unlocked.decrypt(&ciphertext).map(Some).map_err(|reason| self.unusable(entry, id, reason))
    }

    /// Whether the object is there.
    pub(crate) fn has(&self, id: &str) -> bool {
        self.path(id).exists()
    }

    /// Drops an object that nothing names any more. One that stays behind costs only its space.
    pub(crate) fn drop_unnamed(&self, id: &str) {
        let _ = std::fs::remove_file(self.path(id));
    }

    /// The error of an object that the manifest names and that is not there.
    pub(crate) fn missing(&self, entry: &str, id: &str) -> VaultError {
        self.unusable(entry, id, "it is missing".to_owned())
    }

    fn path(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.age"))
    }

    fn unusable(&self, entry: &str, id: &str, reason: String) -> VaultError {
        VaultError::Object { entry: entry.to_owned(), path: self.path(id), reason }
    }
}

/// SHA-256 in hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest::digest(&digest::SHA256, bytes))
}

/// Reads a file of at most `limit` bytes; none if it does not exist.
pub(crate) fn read_capped(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, VaultError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FileError::new("read", path, source).into()),
    };
    let size = file.metadata().map_or(0, |metadata| metadata.len()).min(limit);
    let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or_default() + 1);
    file.take(limit + 1).read_to_end(&mut content).map_err(|source| FileError::new("read", path, source))?;
    if content.len() as u64 > limit {
        let source = io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {limit} bytes"));
        return Err(FileError::new("read", path, source).into());
    }
    Ok(Some(content))
}
