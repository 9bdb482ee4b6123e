//! The official registry as it was when this `ss` was built, and the root that it is held to.
//!
//! The files are those of `registry-index/`, byte for byte. That they are in the binary vouches for them
//! no more than any mirror does: they pass the same verification.

use std::borrow::Cow;

use crate::layout;
use crate::metadata::Pinned;
use crate::name::PluginName;
use crate::source::{Source, SourceError};

/// Paths and contents, sorted by path.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// Digest of the official registry's first root: everything official is believed because of it.
const ROOT: &str = include_str!("../../../registry-index/keys/official-root.sha256");

/// Files inside the binary.
#[derive(Debug, Clone, Copy)]
pub struct Embedded;

impl Source for Embedded {
    fn read(&self, path: &str, limit: u64) -> Result<Option<Cow<'static, [u8]>>, SourceError> {
        let Ok(position) = FILES.binary_search_by_key(&path, |(name, _)| name) else { return Ok(None) };
        let bytes = FILES[position].1;
        if bytes.len() as u64 > limit {
            return Err(SourceError::TooLarge { path: path.to_owned(), limit });
        }
        Ok(Some(Cow::Borrowed(bytes)))
    }

    fn plugins(&self) -> Result<Vec<PluginName>, SourceError> {
        let mut found: Vec<_> = FILES.iter().filter_map(|(path, _)| layout::plugin_of_index(path)).collect();
        found.sort();
        Ok(found)
    }
}

/// The root of the official registry.
pub(crate) fn official_root() -> Pinned {
    #[expect(clippy::expect_used, reason = "the digest is part of the program and a test reads it")]
    let digest = ROOT.trim().parse().expect("the official root has a digest");
    Pinned { version: 1, digest }
}

/// What a built-in plugin says about itself, by its component's digest in hexadecimal: JSON, as the runtime writes
/// descriptions; none for any other component.
///
/// Part of this program like its code, and so believed without a signature: it saves the compilation of every
/// built-in plugin before the first run. A test asks each plugin and compares.
pub fn official_description(digest: &str) -> Option<&'static [u8]> {
    let path = format!("descriptions/{digest}.json");
    let position = FILES.binary_search_by_key(&path.as_str(), |(name, _)| name).ok()?;
    Some(FILES[position].1)
}

/// Version of the embedded snapshot, as it says itself: only to choose the newer of two copies, each of
/// which is verified whole.
pub(crate) fn official_snapshot() -> u64 {
    let text = Embedded.read(layout::SNAPSHOT, u64::MAX).ok().flatten().unwrap_or_default();
    let snapshot: Option<serde_json::Value> = serde_json::from_slice(&text).ok();
    snapshot.and_then(|snapshot| snapshot.pointer("/signed/version")?.as_u64()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_root_is_pinned() {
        let root = Embedded.read(&layout::root(1), 1 << 20).unwrap().unwrap();
        assert_eq!(official_root().digest, crate::Digest::of(&root));
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(FILES.is_sorted_by_key(|(path, _)| path));
        assert!(Embedded.read("config.json", 4096).unwrap().is_some());
        assert!(Embedded.read("no/such/file", 4096).unwrap().is_none());
        assert!(matches!(Embedded.read("config.json", 1), Err(SourceError::TooLarge { .. })));
    }
}
