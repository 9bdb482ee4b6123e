//! One writer at a time, with a message that says who it is.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::FileError;

/// An exclusive advisory lock on a file of its own, released on drop and when the process ends.
#[derive(Debug)]
pub struct WriterLock {
    _file: File,
}

/// Who holds a lock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Number of its process.
    pub pid: u32,
    /// What it is doing, such as `ss provision`.
    pub what: String,
    /// How long it has held the lock.
    pub age: Duration,
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds it.
    #[error("`{}` is held by another process{}", path.display(), describe(holder.as_ref()))]
    Held {
        /// The lock file.
        path: PathBuf,
        /// Who holds it, if it has said so.
        holder: Option<Holder>,
    },
    /// The lock file cannot be used.
    #[error(transparent)]
    File(#[from] FileError),
}

fn describe(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |h| format!(" (pid {}, `{}`, for {} s)", h.pid, h.what, h.age.as_secs()))
}

impl WriterLock {
    /// Takes the lock, or fails at once if another process holds it. `what` is shown to the other.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take(path: &Path, what: &str) -> Result<Self, LockError> {
        Self::take_within(path, what, Duration::ZERO)
    }

    /// Takes the lock, waiting at most `patience` for another process to release it.
    ///
    /// # Errors
    /// [`LockError`].
    pub fn take_within(path: &Path, what: &str, patience: Duration) -> Result<Self, LockError> {
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|source| FileError::new("open", path, source))?;
        let deadline = Instant::now() + patience;
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(LockError::Held { path: path.to_owned(), holder: read_holder(&mut file) });
                }
                Err(TryLockError::Error(source)) => return Err(FileError::new("lock", path, source).into()),
            }
        }
        // Who holds the lock is a courtesy to the other process; without it the lock still holds.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs();
        let _ = file.set_len(0);
        let _ = file.rewind();
        let _ = write!(file, "{}\n{since}\n{what}\n", std::process::id());
        Ok(Self { _file: file })
    }
}

/// Who holds the lock now; none if nobody does, or if they have not said who they are.
///
/// A lock ends with its process, so that none is ever stale. Looking takes the lock for an instant, and only
/// if a process of the holder's number is there.
///
/// # Errors
/// If the file is there and cannot be read.
pub fn holder(path: &Path) -> Result<Option<Holder>, FileError> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(FileError::new("read", path, source)),
    };
    let Some(named) = read_holder(&mut file).filter(|holder| exists(holder.pid)) else { return Ok(None) };
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Ok(Some(named)),
        Ok(()) => Ok(None),
        Err(TryLockError::Error(source)) => Err(FileError::new("lock", path, source)),
    }
}

/// Whether there is a process of this number, as far as we may know.
fn exists(pid: u32) -> bool {
    let Some(pid) = i32::try_from(pid).ok().and_then(rustix::process::Pid::from_raw) else { return false };
    !matches!(rustix::process::test_kill_process(pid), Err(rustix::io::Errno::SRCH))
}

fn read_holder(file: &mut File) -> Option<Holder> {
    let mut text = String::new();
    file.take(1024).read_to_string(&mut text).ok()?;
    let mut lines = text.lines();
    let pid = lines.next()?.parse().ok()?;
    let since = SystemTime::UNIX_EPOCH + Duration::from_secs(lines.next()?.parse().ok()?);
    let what = lines.next()?.to_owned();
    Some(Holder { pid, what, age: SystemTime::now().duration_since(since).unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_taker_learns_who_holds_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let held = WriterLock::take(&path, "ss provision").unwrap();
        let Err(LockError::Held { holder: Some(holder), .. }) = WriterLock::take(&path, "ss deploy") else {
            panic!("the lock was given twice");
        };
        assert_eq!((holder.pid, holder.what.as_str()), (std::process::id(), "ss provision"));
        assert_eq!(super::holder(&path).unwrap().unwrap().what, "ss provision");
        drop(held);
        assert_eq!(super::holder(&path).unwrap(), None, "what it wrote stays, and is nobody's");
        assert_eq!(super::holder(&folder.path().join("none")).unwrap(), None);
        WriterLock::take(&path, "ss deploy").unwrap();
    }
}
