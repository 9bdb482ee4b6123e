//! The files gate: a plugin touches exactly the files that the user's own service names.
//!
//! The grant lists *options* ([`FilesAuthority`]), such as `generate_config.output`; the service in the
//! user's file gives them values; only a path that is written there may be used, and only as it is
//! written. So a path cannot be escaped: there is no folder to escape from.
//!
//! Threats: a plugin names another path, or another spelling of an allowed one; the file at the path is a
//! device, a pipe or huge; a plugin writes a secret it was not given. Calls block; they are short.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use ss_authority::FilesAuthority;
use ss_provider::{Denial, Effect, Effects, Phase, Service, journalled};
use ss_secret::{Seals, Source};

/// Largest file that a plugin may read or write, in bytes.
pub const MAX_FILE: u64 = 1024 * 1024;

/// The files that one operation may touch.
pub struct FilesGate {
    authority: Option<FilesAuthority>,
    service: Arc<Service>,
    /// Where relative paths start.
    config_dir: PathBuf,
    /// What `~` stands for.
    home: Option<PathBuf>,
    /// Files are written only where the operation may change something.
    phase: Phase,
    seals: Arc<Seals>,
    effects: Arc<dyn Effects>,
}

/// Why a file was not read or written.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// The grant does not cover it.
    #[error("{}", .0.message)]
    Denied(Denial),
    /// There is no such file.
    #[error("there is no file `{path}`")]
    NotFound {
        /// The path as the service names it.
        path: String,
    },
    /// It is not something that can be read or written here.
    #[error("cannot use `{path}`: {reason}")]
    Unusable {
        /// The path as the service names it.
        path: String,
        /// Why.
        reason: String,
    },
    /// The file system refused.
    #[error(transparent)]
    File(#[from] ss_durable::FileError),
}

impl FilesGate {
    /// The gate of one operation. Without `config_dir` relative paths are refused.
    pub fn new(
        authority: Option<FilesAuthority>,
        service: Arc<Service>,
        config_dir: Option<PathBuf>,
        home: Option<PathBuf>,
        phase: Phase,
        seals: Arc<Seals>,
        effects: Arc<dyn Effects>,
    ) -> Self {
        Self { authority, service, config_dir: config_dir.unwrap_or_default(), home, phase, seals, effects }
    }

    /// The text of a file.
    ///
    /// # Errors
    /// If the path is not granted, is no regular file of UTF-8 text, or is larger than [`MAX_FILE`].
    pub fn read(&self, path: &str) -> Result<String, FilesError> {
        let granted = self.authority.as_ref().map_or(&[][..], |grant| &grant.read_options);
        let file = self.granted_path(path, granted, "read", "read-options")?;
        let unusable =
            |reason: &str| FilesError::Unusable { path: path.to_owned(), reason: reason.to_owned() };
        let metadata = match std::fs::metadata(&file) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(FilesError::NotFound { path: path.to_owned() });
            }
            Err(source) => return Err(ss_durable::FileError::new("read", &file, source).into()),
        };
        if !metadata.is_file() {
            return Err(unusable("it is not a regular file"));
        }
        let mut content = Vec::new();
        std::fs::File::open(&file)
            .and_then(|opened| opened.take(MAX_FILE + 1).read_to_end(&mut content))
            .map_err(|source| ss_durable::FileError::new("read", &file, source))?;
        if content.len() as u64 > MAX_FILE {
            return Err(unusable("it is larger than 1 MiB"));
        }
        String::from_utf8(content).map_err(|_| unusable("it is not UTF-8 text"))
    }

    /// Replaces a file atomically (mode 0600), making its folders; sealed tokens become their secrets.
    /// Returns whether the content changed; an unchanged file is not touched.
    ///
    /// # Errors
    /// If the path is not granted, the content is larger than [`MAX_FILE`] or holds a token that may not
    /// go into a file, or the file system refuses. The old content is then still there.
    pub fn write(&self, path: &str, content: &str) -> Result<bool, FilesError> {
        let granted = self.authority.as_ref().map_or(&[][..], |grant| &grant.write_options);
        let file = self.granted_path(path, granted, "write", "write-options")?;
        if self.phase == Phase::ReadOnly {
            return Err(FilesError::Denied(Denial {
                capability: "files".to_owned(),
                message: "files are written by `provision` and `destroy` only".to_owned(),
                allow: None,
            }));
        }
        let unusable =
            |reason: &str| FilesError::Unusable { path: path.to_owned(), reason: reason.to_owned() };
        if content.len() as u64 > MAX_FILE {
            return Err(unusable("the new content is larger than 1 MiB"));
        }
        let resolved = self
            .seals
            .resolve(content, |source| matches!(source, Source::Injected(_) | Source::Generated(_)))
            .map_err(|_| unusable("the new content holds a sealed token that may not go into a file"))?;
        if std::fs::metadata(&file).is_ok_and(|known| !known.is_file()) {
            return Err(unusable("it is not a regular file"));
        }
        if std::fs::read(&file).is_ok_and(|known| known == resolved.expose()) {
            return Ok(false);
        }
        let effect = Effect::Write { path: file.display().to_string() };
        journalled(&*self.effects, &effect, || {
            make_folder(&file).and_then(|()| ss_durable::replace_private(&file, resolved.expose()))
        })
        .map_err(|error| unusable(&format!("the journal cannot be written: {error}")))??;
        Ok(true)
    }

    /// The text of an option.
    fn named(&self, option: &str) -> Option<&str> {
        self.service.option(option)?.as_str()
    }

    /// The file that the path means, if an option of the service names it literally.
    fn granted_path(
        &self,
        path: &str,
        options: &[String],
        verb: &str,
        list: &str,
    ) -> Result<PathBuf, FilesError> {
        if !options.iter().any(|option| self.named(option) == Some(path)) {
            let named = options.iter().find(|option| self.named(option).is_some());
            let allow = match named {
                Some(option) => format!("set `{option}` of service `{}` to this path", self.service.id),
                None => format!("[authority.files]\n{list} = [\"<option that names the file>\"]"),
            };
            return Err(FilesError::Denied(Denial {
                capability: "files".to_owned(),
                message: format!(
                    "the plugin may not {verb} `{}`: no granted option of service `{}` names it",
                    printable(path),
                    self.service.id
                ),
                allow: Some(allow),
            }));
        }
        if path.is_empty() || path.contains('\0') {
            return Err(FilesError::Unusable {
                path: printable(path),
                reason: "it is not a path".to_owned(),
            });
        }
        let expanded = match (path.strip_prefix("~/"), &self.home) {
            (Some(rest), Some(home)) => home.join(rest),
            _ => PathBuf::from(path),
        };
        if expanded.is_relative() && self.config_dir.as_os_str().is_empty() {
            return Err(FilesError::Unusable {
                path: path.to_owned(),
                reason: "a relative path needs the folder of `starsystem.yaml`".to_owned(),
            });
        }
        Ok(self.config_dir.join(expanded))
    }
}

fn make_folder(file: &Path) -> Result<(), ss_durable::FileError> {
    match file.parent() {
        Some(folder) => std::fs::create_dir_all(folder)
            .map_err(|source| ss_durable::FileError::new("create the folder", folder, source)),
        None => Ok(()),
    }
}

/// The path without control characters and of bounded length, for messages.
fn printable(path: &str) -> String {
    path.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests;
