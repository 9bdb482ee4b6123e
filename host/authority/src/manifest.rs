//! `plugin.toml`: what a plugin says of itself and asks for.
//!
//! The file comes from strangers: its size is capped before it is parsed, unknown members are errors, and
//! every value is checked before anyone sees it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Authority;

/// Largest manifest in bytes; the largest of ours is a twentieth of it.
const MAX_BYTES: usize = 64 * 1024;
/// Longest description in characters.
const MAX_DESCRIPTION: usize = 200;
/// Longest plugin name in bytes.
const MAX_NAME: usize = 40;
/// How much of a bad value an error shows.
const SHOWN: usize = 60;

/// The manifest of a plugin, embedded in its component and repeated in its signed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Manifest {
    /// Plugin name, which is its provider name: lower case, digits, hyphens; 1 to 40 characters.
    pub name: String,
    /// Its version.
    pub version: semver::Version,
    /// The version of `starsystem:provisioner` it is built against.
    pub contract: semver::Version,
    /// One line.
    pub description: String,
    /// What it asks for.
    #[serde(default)]
    pub authority: Authority,
}

impl Manifest {
    /// Parses and checks the text of a `plugin.toml`.
    ///
    /// # Errors
    /// Where it is not TOML of this shape, or the first value that is not allowed.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        if text.len() > MAX_BYTES {
            return Err(ManifestError::TooLarge { bytes: text.len(), most: MAX_BYTES });
        }
        let manifest: Self =
            toml::from_str(text).map_err(|error| ManifestError::Syntax(error.to_string()))?;
        manifest.validate()?;
        Ok(manifest)
    }

    /// Checks every value.
    ///
    /// # Errors
    /// The first value that is not allowed.
    pub fn validate(&self) -> Result<(), ManifestError> {
        if !is_plugin_name(&self.name) {
            let reason = format!(
                "is not 1 to {MAX_NAME} lower-case letters, digits and single hyphens, starting with a letter"
            );
            return Err(ManifestError::Value(InvalidValue::new("name", &self.name, reason)));
        }
        let length = self.description.chars().count();
        if length == 0 || length > MAX_DESCRIPTION || self.description.chars().any(char::is_control) {
            let reason = format!("is not one line of 1 to {MAX_DESCRIPTION} characters");
            return Err(ManifestError::Value(InvalidValue::new("description", &self.description, reason)));
        }
        self.authority.validate().map_err(|invalid| ManifestError::Value(invalid.inside("authority")))
    }

    /// The text of a `plugin.toml` that parses to this manifest.
    ///
    /// # Panics
    /// Never: a manifest is strings, lists and booleans, which always have a form in TOML.
    pub fn to_toml(&self) -> String {
        #[expect(clippy::expect_used, reason = "strings, lists and booleans always serialise")]
        toml::to_string_pretty(self).expect("a manifest is plain data")
    }
}

/// Whether this can be the name of a plugin.
pub fn is_plugin_name(name: &str) -> bool {
    name.len() <= MAX_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.split('-').all(|word| {
            !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
}

/// A value that is not allowed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` ({value}) is not valid: {reason}")]
pub struct InvalidValue {
    /// Dotted path of the value.
    pub field: String,
    /// The value as far as it can be shown on one line.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

impl InvalidValue {
    pub(crate) fn new(field: impl Into<String>, value: &str, reason: impl fmt::Display) -> Self {
        let shown: String = value.chars().take(SHOWN).collect();
        let dots = if shown.len() < value.len() { "…" } else { "" };
        Self { field: field.into(), value: format!("{shown:?}{dots}"), reason: reason.to_string() }
    }

    /// The same with a longer path.
    fn inside(mut self, parent: &str) -> Self {
        self.field = format!("{parent}.{}", self.field);
        self
    }
}

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is larger than any manifest has reason to be.
    #[error("`plugin.toml` has {bytes} bytes, at most {most} are read")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The largest size that is read.
        most: usize,
    },
    /// It is not TOML of the expected shape; the text says where.
    #[error("`plugin.toml` cannot be read: {0}")]
    Syntax(String),
    /// A value is not allowed.
    #[error("in `plugin.toml`: {0}")]
    Value(InvalidValue),
}
