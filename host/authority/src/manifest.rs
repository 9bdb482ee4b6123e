//! `plugin.toml`: what a plugin says of itself and asks for.

use serde::{Deserialize, Serialize};

use crate::Authority;

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

/// A manifest that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// It is not TOML of the expected shape.
    #[error("`plugin.toml` is not valid: {0}")]
    Syntax(String),
    /// A value is not allowed.
    #[error("`{field}` in `plugin.toml` is not valid: {reason}")]
    Value {
        /// Dotted path of the value.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
}
