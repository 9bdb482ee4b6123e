//! The local copy of a registry, under the home of the person.
//!
//! ```text
//! registries/<name>/state.json             which file has which content; replaced in one step
//! registries/<name>/files/<sha256>         contents of metadata and index files
//! registries/<name>/blobs/sha256/…         components and statements that were needed, as in the registry
//! ```
//!
//! A copy is whole at every moment: new contents are written beside the old ones, then `state.json` takes
//! them all at once. What is read from it is verified like any registry's; it only saves the network.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use serde::{Deserialize, Serialize};
use ss_durable::FileError;

use crate::component::Component;
use crate::embedded::Embedded;
use crate::source::{Directory, Source, SourceError};
use crate::{Digest, PluginName, Timestamp, layout, strict};

/// Largest `state.json`, in bytes.
const MAX_STATE: usize = 16 * 1024 * 1024;

/// What a copy consists of.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct State {
    /// Path in the registry, and digest of its content; sorted by path.
    pub files: Vec<FileState>,
    /// The latest time at which the registry was asked.
    pub read_at: Option<Timestamp>,
    /// Version of the snapshot.
    pub snapshot: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct FileState {
    pub path: String,
    pub digest: Digest,
    /// The server's tag of this content.
    pub etag: Option<String>,
}

impl State {
    pub(crate) fn get(&self, path: &str) -> Option<&FileState> {
        let position = self.files.binary_search_by(|file| file.path.as_str().cmp(path)).ok()?;
        self.files.get(position)
    }
}

/// The local copy of a registry.
#[derive(Debug)]
pub(crate) struct Mirror {
    folder: PathBuf,
    state: RwLock<State>,
    /// Counts replacements of the state.
    epoch: AtomicU64,
    /// Whether the registry in the binary stands in for what is not here.
    embedded: bool,
    /// A state up to this snapshot is older than what the binary has.
    least: u64,
}

impl Mirror {
    /// The copy in a folder; an empty one if there is none.
    pub(crate) fn open(folder: PathBuf) -> Result<Self, SourceError> {
        let state = read_state(&folder)?.unwrap_or_default();
        Ok(Self { folder, state: RwLock::new(state), epoch: AtomicU64::new(0), embedded: false, least: 0 })
    }

    /// The copy of the official registry, over the one in the binary: whichever is newer.
    pub(crate) fn over_embedded(folder: PathBuf, embedded_snapshot: u64) -> Result<Self, SourceError> {
        let mut mirror = Self { embedded: true, least: embedded_snapshot, ..Self::open(folder)? };
        let state = mirror.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if state.snapshot <= embedded_snapshot {
            *state = State { read_at: state.read_at.take(), ..State::default() };
        }
        Ok(mirror)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it consists of now.
    pub(crate) fn snapshot(&self) -> State {
        self.state.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether metadata can be read from it.
    pub(crate) fn has_metadata(&self) -> bool {
        self.embedded || !self.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.state.read().unwrap_or_else(PoisonError::into_inner).files.is_empty()
    }

    /// Takes the state that another process may have left since this one was opened: what that has seen
    /// must not be forgotten.
    pub(crate) fn reload(&self) -> Result<(), SourceError> {
        let Some(found) = read_state(&self.folder)? else { return Ok(()) };
        let mut current = self.state.write().unwrap_or_else(PoisonError::into_inner);
        if *current != found && found.snapshot >= current.snapshot && found.snapshot > self.least {
            *current = found;
            self.epoch.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }

    /// Whether a component or statement is here: of this size, if that is known, so that one that was cut
    /// short is fetched again.
    pub(crate) fn has_blob(&self, path: &str, size: Option<u64>) -> bool {
        let here = fs::metadata(self.folder.join(path))
            .is_ok_and(|found| found.is_file() && size.is_none_or(|size| size == found.len()));
        here || self.embedded && matches!(Embedded.read(path, u64::MAX), Ok(Some(_)))
    }

    /// Keeps a component or statement.
    pub(crate) fn keep_blob(&self, path: &str, bytes: &[u8]) -> Result<(), FileError> {
        crate::publish::write_file(&self.folder, path, bytes)
    }

    /// Takes a new state in one step; `contents` are those that are not here yet.
    pub(crate) fn replace(&self, state: State, contents: &[Vec<u8>]) -> Result<(), FileError> {
        let files = self.folder.join("files");
        ss_durable::create_private_dir(&files)?;
        for content in contents {
            let file = files.join(Digest::of(content).to_hex());
            if !file.exists() {
                ss_durable::replace(&file, content)?;
            }
        }
        #[expect(clippy::expect_used, reason = "strings, numbers and lists always serialise")]
        let text = serde_json::to_vec(&state).expect("a state is JSON");
        ss_durable::replace(&self.folder.join("state.json"), &text)?;
        let mut current = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *current, state);
        self.epoch.fetch_add(1, Ordering::Release);
        // What neither this state nor the last one has: another process may still read the last one.
        let kept: Vec<String> =
            before.files.iter().chain(&current.files).map(|file| file.digest.to_hex()).collect();
        for entry in fs::read_dir(&files).into_iter().flatten().flatten() {
            if !kept.iter().any(|name| entry.file_name() == name.as_str()) {
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }
}

impl Source for Mirror {
    fn read(&self, path: &str, limit: u64) -> Result<Option<Cow<'static, [u8]>>, SourceError> {
        if path.starts_with("blobs/") {
            return match Directory::new(&self.folder).read(path, limit)? {
                None if self.embedded => Embedded.read(path, limit),
                found => Ok(found),
            };
        }
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if state.files.is_empty() && self.embedded {
            return Embedded.read(path, limit);
        }
        let Some(file) = state.get(path) else { return Ok(None) };
        let content = format!("files/{}", file.digest.to_hex());
        Directory::new(&self.folder).read(&content, limit)
    }

    fn component(&self, path: &str, limit: u64) -> Result<Option<Component>, SourceError> {
        match Directory::new(&self.folder).component(path, limit)? {
            None if self.embedded => Embedded.component(path, limit),
            found => Ok(found),
        }
    }

    fn plugins(&self) -> Result<Vec<PluginName>, SourceError> {
        if self.is_empty() && self.embedded {
            return Embedded.plugins();
        }
        let state = self.snapshot();
        let mut found: Vec<_> =
            state.files.iter().filter_map(|file| layout::plugin_of_index(&file.path)).collect();
        found.sort();
        Ok(found)
    }

    fn state(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }
}

fn read_state(folder: &Path) -> Result<Option<State>, SourceError> {
    let path = folder.join("state.json");
    let io = |source| SourceError::Io { path: path.display().to_string(), source };
    let bytes = strict::file(&path, MAX_STATE).map_err(|error| io(std::io::Error::other(error)))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let state: State = strict::json(&bytes, MAX_STATE).map_err(|error| io(std::io::Error::other(error)))?;
    if !state.files.is_sorted_by(|a, b| a.path < b.path) {
        return Err(io(std::io::Error::other("its files are not sorted")));
    }
    Ok(Some(state))
}

/// What a download has found: files to become the next [`State`].
#[derive(Debug, Default)]
pub(crate) struct Staged {
    pub files: BTreeMap<String, (Vec<u8>, Option<String>)>,
}

impl Staged {
    pub(crate) fn add(&mut self, path: impl Into<String>, bytes: Vec<u8>, etag: Option<String>) {
        self.files.insert(path.into(), (bytes, etag));
    }

    /// The state that these files make, and their contents.
    pub(crate) fn into_state(self, read_at: Timestamp, snapshot: u64) -> (State, Vec<Vec<u8>>) {
        let mut state = State { files: Vec::new(), read_at: Some(read_at), snapshot };
        let mut contents = Vec::new();
        for (path, (bytes, etag)) in self.files {
            state.files.push(FileState { path, digest: Digest::of(&bytes), etag });
            contents.push(bytes);
        }
        (state, contents)
    }
}
