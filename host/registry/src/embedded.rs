//! The official registry as it was when this `ss` was built, and the official keys.
//!
//! The files are those of `registry-index/`, byte for byte. That they are in the binary vouches for them
//! no more than any mirror does: they pass the same verification.

use std::borrow::Cow;

use crate::key::{Delegation, PublicKey};
use crate::layout;
use crate::name::{OFFICIAL, PluginName};
use crate::source::{Source, SourceError};

/// Paths and contents, sorted by path.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/embedded.rs"));

/// The key that signs the releases of the official namespace.
const PUBLISHER: &str = include_str!("../../../registry-index/keys/official-publisher.pub");

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

/// Who may sign for the official namespace.
pub fn official_delegation() -> Delegation {
    #[expect(clippy::expect_used, reason = "the key is part of the program and a test reads it")]
    let publisher = PublicKey::from_hex(PUBLISHER).expect("the official key is 64 hex digits");
    Delegation { namespace: OFFICIAL.to_owned(), keys: vec![publisher], threshold: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_official_key_is_a_key() {
        assert_eq!(official_delegation().keys.len(), 1);
    }

    #[test]
    fn the_table_is_sorted() {
        assert!(FILES.is_sorted_by_key(|(path, _)| path));
        assert!(Embedded.read("config.json", 4096).unwrap().is_some());
        assert!(Embedded.read("no/such/file", 4096).unwrap().is_none());
        assert!(matches!(Embedded.read("config.json", 1), Err(SourceError::TooLarge { .. })));
    }
}
