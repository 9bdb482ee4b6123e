//! Files that this machine made for itself: compiled components and descriptions.
//!
//! Compiled code runs with all rights of the process, so loading a file that someone else made is loading
//! their program. Threats and walls:
//! - another user: the folder and its files must belong to this user and be closed to writing by others;
//! - a file copied from another machine, a restored backup, a file under another's name, a torn or
//!   corrupted file: each file ends with a keyed hash of its name and content, under a key that never leaves
//!   the folder and is bound to the key file's inode;
//! - another file in its place between check and use: what is used is the file that was checked, by its
//!   descriptor. Its content changes for nobody but this user, and not by `ss`, which replaces files whole.
//!
//! Layout of a file: content, 8 bytes [`MAGIC`], 32 bytes of BLAKE3 in its keyed mode; the content comes first, so that
//! compiled code can be mapped instead of copied, and interpreters are tens of megabytes of it, for which SHA-256 takes
//! most of a start. Whatever does not check is treated as absent and made again.
//!
//! Here does not belong: what the files mean.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use aws_lc_rs::hmac;
use memmap2::Mmap;
use rustix::fs::{Mode, OFlags};

const MAGIC: &[u8; 8] = b"ss-made2";
const TAG_LEN: usize = 32;
const TRAILER_LEN: usize = MAGIC.len() + TAG_LEN;
/// Length in bytes from which a hash is faster by every processor than by one.
const WORTH_SHARING: usize = 128 * 1024;
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
    key: [u8; KEY_LEN],
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
    pub(crate) fn load(&self, name: &str) -> Result<Option<Vec<u8>>, CacheError> {
        let found = self.check(name)?;
        Ok(found.map(|Checked { mapped, content, .. }| mapped[..content].to_vec()))
    }

    /// The same file, open. Its content is followed by a trailer.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn open_file(&self, name: &str) -> Result<Option<File>, CacheError> {
        Ok(self.check(name)?.map(|checked| checked.file))
    }

    /// Opens a file and checks it.
    fn check(&self, name: &str) -> Result<Option<Checked>, CacheError> {
        let path = self.folder.join(name);
        let Some(file) = open_no_follow(&path)? else { return Ok(None) };
        let unusable = |source| CacheError::Unusable { path: path.clone(), source };
        let metadata = file.metadata().map_err(unusable)?;
        check_private(&path, &metadata)?;
        if !(TRAILER_LEN as u64..=MAX_FILE).contains(&metadata.len()) {
            return Ok(None);
        }
        #[expect(
            unsafe_code,
            reason = "megabytes of compiled code are hashed at every start; reading would copy them"
        )]
        // SAFETY: the file belongs to this user alone, and `ss` changes no file in place.
        let mapped = unsafe { Mmap::map(&file) }.map_err(unusable)?;
        let Some((rest, tag)) = mapped.split_last_chunk::<TAG_LEN>() else { return Ok(None) };
        let Some((content, magic)) = rest.split_last_chunk() else { return Ok(None) };
        // Compared in constant time.
        if magic != MAGIC || self.tag(name, content) != *tag {
            return Ok(None);
        }
        let content = content.len();
        Ok(Some(Checked { file, mapped, content }))
    }

    /// Stores a file.
    pub(crate) fn store(&self, name: &str, content: &[u8]) -> Result<(), CacheError> {
        let tag = self.tag(name, content);
        write(&self.folder.join(name), &[content, MAGIC, tag.as_bytes()].concat())
    }

    /// The keyed hash of a name with its length, and a content.
    fn tag(&self, name: &str, content: &[u8]) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes());
        if content.len() < WORTH_SHARING {
            hasher.update(content);
        } else {
            hasher.update_rayon(content);
        }
        hasher.finalize()
    }
}

/// A file that has been checked.
struct Checked {
    file: File,
    mapped: Mmap,
    /// Length of its content, in bytes.
    content: usize,
}

fn load_key(path: &Path) -> Result<[u8; KEY_LEN], CacheError> {
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
fn read_key(path: &Path, file: File) -> Result<Option<[u8; KEY_LEN]>, CacheError> {
    let inode =
        file.metadata().map_err(|source| CacheError::Unusable { path: path.to_owned(), source })?.ino();
    let secret = read_private(path, file)?;
    // A copy of the folder has the same key in another inode: its compiled files are foreign here.
    let bound = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), &inode.to_le_bytes());
    Ok(bound.as_ref().try_into().ok().filter(|_| secret.len() == KEY_LEN))
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
        cache.load(name).unwrap()
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
    fn what_was_checked_is_what_is_used() {
        let (_folder, cache) = cache();
        cache.store("a", b"code").unwrap();
        let mut file = cache.open_file("a").unwrap().unwrap();
        cache.store("a", b"evil").unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        assert_eq!(&bytes[..4], b"code");
    }

    #[test]
    fn a_large_file_is_checked_to_its_last_byte() {
        let (folder, cache) = cache();
        let path = folder.path().join("cache/a");
        let code: Vec<u8> = (0..3 * WORTH_SHARING).map(|at| (at % 251) as u8).collect();
        cache.store("a", &code).unwrap();
        assert_eq!(load(&cache, "a").as_ref(), Some(&code));
        for at in [0, WORTH_SHARING, code.len() - 1] {
            let mut bad = fs::read(&path).unwrap();
            bad[at] ^= 1;
            fs::write(&path, bad).unwrap();
            assert_eq!(load(&cache, "a"), None, "byte {at}");
            cache.store("a", &code).unwrap();
        }
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
