//! Atomic replacement of whole files.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use crate::{FileError, fault};

/// Mode of files that hold or protect secrets.
const PRIVATE_FILE: u32 = 0o600;
/// Mode of folders that hold such files.
const PRIVATE_DIR: u32 = 0o700;

/// Replaces a file, keeping its mode; a new file gets 0644 less the umask.
///
/// A symbolic link is followed: the file it names is replaced and the link stays.
///
/// # Errors
/// If the folder or the file cannot be written; the old content is then still there.
pub fn replace(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_then_rename(path, content, None).map_err(|source| FileError::new("write", path, source))
}

/// Replaces a file that only its owner may read (0600).
///
/// # Errors
/// As [`replace`].
pub fn replace_private(path: &Path, content: &[u8]) -> Result<(), FileError> {
    write_then_rename(path, content, Some(PRIVATE_FILE))
        .map_err(|source| FileError::new("write", path, source))
}

/// Makes a folder (and those above it) that only its owner may enter (0700).
///
/// # Errors
/// If it cannot be made.
pub fn create_private_dir(path: &Path) -> Result<(), FileError> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(PRIVATE_DIR)
        .create(path)
        .map_err(|source| FileError::new("create the folder", path, source))
}

/// Reads a file; none if it does not exist.
///
/// # Errors
/// If it exists and cannot be read.
pub fn read_private(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::new("read", path, source)),
    }
}

fn write_then_rename(path: &Path, content: &[u8], mode: Option<u32>) -> io::Result<()> {
    fault::step()?;
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = folder_of(&target);
    let mode = match mode {
        Some(mode) => mode,
        None => fs::metadata(&target).map_or(0o666, |known| known.permissions().mode() & 0o7777),
    };
    let mut temporary = tempfile::Builder::new()
        .prefix(".ss-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(&folder)?;
    temporary.write_all(content)?;
    temporary.as_file().sync_all()?;
    temporary.persist(&target).map_err(|error| error.error)?;
    // The rename is atomic without this, but not durable.
    File::open(&folder)?.sync_all()
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_the_mode_and_follows_links() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        let link = folder.path().join("link");
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();

        replace(&link, b"new").unwrap();

        assert_eq!(fs::read(&file).unwrap(), b"new");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o640);
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no temporary file is left");
    }

    #[test]
    fn private_files_are_private() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        replace_private(&file, b"x").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o600);
    }

    #[test]
    fn a_failed_write_says_which_file() {
        let error = replace(Path::new("/nonexistent/folder/file"), b"x").unwrap_err();
        assert_eq!(error.to_string(), "cannot write `/nonexistent/folder/file`");
    }
}
