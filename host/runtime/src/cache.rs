//! Files that this machine made for itself: compiled components and descriptions.
//!
//! Compiled code runs with all rights of the process, so loading a file that someone else made is loading
//! their program. Threats and walls:
//! - another user: the folder and its files must belong to this user and be closed to writing by others;
//! - a file copied from another machine, a restored backup, a file under another's name, a torn or
//!   corrupted file: each file begins with an HMAC over its name and content, under a key that never leaves
//!   the folder and is bound to the key file's inode;
//! - a change between check and use: the bytes that are checked are the bytes that are used.
//!
//! Layout of a file: 8 bytes [`MAGIC`], 32 bytes HMAC-SHA-256, content. Whatever does not check is treated
//! as absent and made again.
//!
//! Here does not belong: what the files mean.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use rustix::fs::{Mode, OFlags};

const MAGIC: &[u8; 8] = b"ss-made1";
const TAG_LEN: usize = 32;
const HEADER_LEN: usize = MAGIC.len() + TAG_LEN;
const KEY_LEN: usize = 32;
/// Name of the key's file. No cached file can have it: their names hold a digest.
const KEY_FILE: &str = "key";
/// Bits of a mode that let others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// Largest file that is read back.
const MAX_FILE: u64 = 1 << 30;

/// Why the cache cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// Others could have written to it.
    #[error("the cache `{}` is not private: {reason}", path.display())]
    NotPrivate {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It cannot be read or written.
    #[error("the cache `{}` cannot be used", path.display())]
    Unusable {
        /// The folder or file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
}

/// A private folder of authenticated files.
pub(crate) struct Cache {
    folder: PathBuf,
    key: hmac::Key,
}

impl Cache {
    /// Opens the folder, making it and its key if need be.
    pub(crate) fn open(folder: &Path) -> Result<Self, CacheError> {
        ss_durable::create_private_dir(folder)
            .map_err(|error| CacheError::Unusable { path: folder.to_owned(), source: error.source })?;
        let metadata = fs::metadata(folder)
            .map_err(|source| CacheError::Unusable { path: folder.to_owned(), source })?;
        check_private(folder, &metadata)?;
        let key = load_key(&folder.join(KEY_FILE))?;
        Ok(Self { folder: folder.to_owned(), key })
    }

    /// The content of a file that this cache stored under this name; none if there is no such file or it
    /// does not check.
    ///
    /// # Errors
    /// If others could have written the file.
    pub(crate) fn load(&self, name: &str) -> Result<Option<Content>, CacheError> {
        let path = self.folder.join(name);
        let Some(file) = open_no_follow(&path)? else { return Ok(None) };
        let bytes = read_private(&path, file)?;
        if bytes.len() < HEADER_LEN || &bytes[..MAGIC.len()] != MAGIC {
            return Ok(None);
        }
        let (header, content) = bytes.split_at(HEADER_LEN);
        if hmac::verify(&self.key, &authenticated(name, content), &header[MAGIC.len()..]).is_err() {
            return Ok(None);
        }
        Ok(Some(Content(bytes)))
    }

    /// Stores a file.
    pub(crate) fn store(&self, name: &str, content: &[u8]) -> Result<(), CacheError> {
        let tag = hmac::sign(&self.key, &authenticated(name, content));
        let mut bytes = Vec::with_capacity(HEADER_LEN + content.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(tag.as_ref());
        bytes.extend_from_slice(content);
        write(&self.folder.join(name), &bytes)
    }
}

/// Content that has been checked.
pub(crate) struct Content(Vec<u8>);

impl std::ops::Deref for Content {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0[HEADER_LEN..]
    }
}

/// The tag covers a digest of the content, so that the content is not copied to stand behind the name.
fn authenticated(name: &str, content: &[u8]) -> Vec<u8> {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, content);
    [digest.as_ref(), name.as_bytes()].concat()
}

fn load_key(path: &Path) -> Result<hmac::Key, CacheError> {
    if let Some(file) = open_no_follow(path)?
        && let Some(key) = read_key(path, file)?
    {
        return Ok(key);
    }
    let unusable = |source| CacheError::Unusable { path: path.to_owned(), source };
    let mut secret = [0u8; KEY_LEN];
    getrandom::fill(&mut secret).map_err(|_| unusable(io::Error::other("no random numbers")))?;
    write(path, &secret)?;
    let file = open_no_follow(path)?.ok_or_else(|| unusable(io::ErrorKind::NotFound.into()))?;
    read_key(path, file)?.ok_or_else(|| unusable(io::ErrorKind::InvalidData.into()))
}

/// The key in the file; none if the file is damaged.
fn read_key(path: &Path, file: File) -> Result<Option<hmac::Key>, CacheError> {
    let inode =
        file.metadata().map_err(|source| CacheError::Unusable { path: path.to_owned(), source })?.ino();
    let secret = read_private(path, file)?;
    // A copy of the folder has the same key in another inode: its compiled files are foreign here.
    let bound = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &inode.to_le_bytes());
    Ok((secret.len() == KEY_LEN).then(|| hmac::Key::new(hmac::HMAC_SHA256, bound.as_ref())))
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), CacheError> {
    ss_durable::replace_private(path, bytes)
        .map_err(|error| CacheError::Unusable { path: path.to_owned(), source: error.source })
}

fn open_no_follow(path: &Path) -> Result<Option<File>, CacheError> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    match rustix::fs::open(path, flags, Mode::empty()) {
        Ok(file) => Ok(Some(file.into())),
        Err(rustix::io::Errno::NOENT) => Ok(None),
        Err(rustix::io::Errno::LOOP) => {
            Err(CacheError::NotPrivate { path: path.to_owned(), reason: "it is a symbolic link" })
        }
        Err(errno) => Err(CacheError::Unusable { path: path.to_owned(), source: errno.into() }),
    }
}

fn read_private(path: &Path, file: File) -> Result<Vec<u8>, CacheError> {
    let unusable = |source| CacheError::Unusable { path: path.to_owned(), source };
    let metadata = file.metadata().map_err(unusable)?;
    check_private(path, &metadata)?;
    let mut bytes = Vec::with_capacity(usize::try_from(metadata.len().min(MAX_FILE)).unwrap_or_default());
    file.take(MAX_FILE).read_to_end(&mut bytes).map_err(unusable)?;
    Ok(bytes)
}

fn check_private(path: &Path, metadata: &fs::Metadata) -> Result<(), CacheError> {
    let not_private = |reason| Err(CacheError::NotPrivate { path: path.to_owned(), reason });
    if metadata.uid() != rustix::process::geteuid().as_raw() {
        return not_private("it belongs to another user");
    }
    if metadata.permissions().mode() & WRITABLE_BY_OTHERS != 0 {
        return not_private("other users may write to it (`chmod go-w` closes it)");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::open(&folder.path().join("cache")).unwrap();
        (folder, cache)
    }

    fn load(cache: &Cache, name: &str) -> Option<Vec<u8>> {
        cache.load(name).unwrap().map(|content| content.to_vec())
    }

    #[test]
    fn what_is_stored_comes_back_in_the_next_process() {
        let (folder, cache) = cache();
        cache.store("a", b"code").unwrap();
        drop(cache);
        let again = Cache::open(&folder.path().join("cache")).unwrap();
        assert_eq!(load(&again, "a"), Some(b"code".to_vec()));
        assert_eq!(load(&again, "b"), None);
    }

    #[test]
    fn a_changed_truncated_or_swapped_file_is_absent() {
        let (folder, cache) = cache();
        let path = folder.path().join("cache/a");
        cache.store("a", b"code").unwrap();
        cache.store("b", b"other code").unwrap();
        let good = fs::read(&path).unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            assert_eq!(load(&cache, "a"), None, "byte {at}");
            fs::write(&path, &good[..at]).unwrap();
            assert_eq!(load(&cache, "a"), None, "length {at}");
        }
        fs::copy(folder.path().join("cache/b"), &path).unwrap();
        assert_eq!(load(&cache, "a"), None, "the file of another name");
    }

    #[test]
    fn a_copied_cache_is_foreign() {
        let (folder, cache) = cache();
        cache.store("a", b"code").unwrap();
        let copy = folder.path().join("copy");
        ss_durable::create_private_dir(&copy).unwrap();
        for name in [KEY_FILE, "a"] {
            fs::copy(folder.path().join("cache").join(name), copy.join(name)).unwrap();
        }
        assert_eq!(load(&Cache::open(&copy).unwrap(), "a"), None);
    }

    #[test]
    fn a_cache_that_others_may_write_is_refused() {
        let (folder, cache) = cache();
        cache.store("a", b"code").unwrap();
        let path = folder.path().join("cache/a");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        assert!(matches!(cache.load("a"), Err(CacheError::NotPrivate { .. })));
        fs::set_permissions(folder.path().join("cache"), fs::Permissions::from_mode(0o770)).unwrap();
        assert!(matches!(Cache::open(&folder.path().join("cache")), Err(CacheError::NotPrivate { .. })));
    }

    #[test]
    fn a_link_is_not_followed() {
        let (folder, cache) = cache();
        cache.store("a", b"code").unwrap();
        std::os::unix::fs::symlink("a", folder.path().join("cache/b")).unwrap();
        assert!(matches!(cache.load("b"), Err(CacheError::NotPrivate { .. })));
    }

    #[test]
    fn a_damaged_key_is_replaced() {
        let (folder, cache) = cache();
        cache.store("a", b"code").unwrap();
        fs::write(folder.path().join("cache").join(KEY_FILE), b"short").unwrap();
        let again = Cache::open(&folder.path().join("cache")).unwrap();
        assert_eq!(load(&again, "a"), None);
        again.store("a", b"code").unwrap();
        assert_eq!(load(&again, "a"), Some(b"code".to_vec()));
    }
}
