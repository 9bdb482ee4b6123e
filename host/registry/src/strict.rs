//! Reading JSON and TOML of strangers: a size limit first, then a shape that allows nothing unknown.
//!
//! The types read here are structs with `deny_unknown_fields` all the way down and hold no maps: serde
//! then refuses a duplicate key as well, so that no two readers can see two different values in one
//! signed text. Depth is bounded by the parsers (128 for JSON, 80 for TOML).

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use serde::de::DeserializeOwned;
use ss_durable::FileError;

/// Text that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// It is longer than anything honest.
    #[error("it has {size} bytes; the limit is {limit}")]
    TooLong {
        /// Its size in bytes.
        size: usize,
        /// The most it may have.
        limit: usize,
    },
    /// It is not of the expected shape.
    #[error("{0}")]
    Shape(String),
}

/// Reads one JSON document of at most `limit` bytes.
pub(crate) fn json<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, Malformed> {
    within(bytes, limit)?;
    serde_json::from_slice(bytes).map_err(|error| Malformed::Shape(error.to_string()))
}

/// Reads one TOML document of at most `limit` bytes.
pub(crate) fn toml<T: DeserializeOwned>(bytes: &[u8], limit: usize) -> Result<T, Malformed> {
    let text = text(bytes, limit)?;
    ::toml::from_str(text).map_err(|error| Malformed::Shape(error.to_string().trim_end().to_owned()))
}

/// Takes at most `limit` bytes of UTF-8.
pub(crate) fn text(bytes: &[u8], limit: usize) -> Result<&str, Malformed> {
    within(bytes, limit)?;
    std::str::from_utf8(bytes).map_err(|error| Malformed::Shape(error.to_string()))
}

fn within(bytes: &[u8], limit: usize) -> Result<(), Malformed> {
    if bytes.len() > limit { Err(Malformed::TooLong { size: bytes.len(), limit }) } else { Ok(()) }
}

/// Reads a file of at most `limit` bytes, and one more, so that a longer one is noticed; none if there is none.
pub(crate) fn file(path: &Path, limit: usize) -> Result<Option<Vec<u8>>, FileError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes));
    match read {
        Ok(_) => Ok(Some(bytes)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(source) => Err(FileError::new("read", path, source)),
    }
}
