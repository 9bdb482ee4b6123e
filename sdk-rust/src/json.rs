//! The only way between JSON text and a plugin's types: through [`Value`].
//!
//! Reading types straight from text would be faster and would compile each of them once more; a component
//! is small first.

use serde::de::DeserializeOwned;
use serde_json::{Error, Value};

/// Reads a type from JSON text.
pub(crate) fn read<T: DeserializeOwned>(text: &[u8]) -> Result<T, Error> {
    serde_json::from_value(value(text)?)
}

/// Reads JSON text.
pub(crate) fn value(text: &[u8]) -> Result<Value, Error> {
    serde_json::from_slice(text)
}
