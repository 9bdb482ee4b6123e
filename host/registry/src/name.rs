//! Names of plugins: `<namespace>/<name>`, such as `official/neon`.
//!
//! Both parts keep the manifest's rule for names: ASCII lower case, digits, single inner hyphens. A name
//! becomes a path and a line that a person approves, so there is no case folding, no look-alike letter, no
//! `..`, nothing that a file system or a terminal reads in another way.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use ss_authority::is_plugin_name;

/// The namespace of the built-in plugins.
pub const OFFICIAL: &str = "official";
/// The namespace of plugins under development. No registry serves it.
pub const DEVELOPMENT: &str = "dev";

/// The name of a plugin with its namespace.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PluginName {
    /// Both parts and the one slash between them.
    text: Box<str>,
}

impl PluginName {
    /// The plugin `name` of `namespace`.
    ///
    /// # Errors
    /// If either part breaks the rules of names.
    pub fn new(namespace: &str, name: &str) -> Result<Self, BadName> {
        if is_plugin_name(namespace) && is_plugin_name(name) {
            Ok(Self { text: format!("{namespace}/{name}").into() })
        } else {
            Err(BadName)
        }
    }

    /// The built-in plugin `name`.
    ///
    /// # Errors
    /// If `name` breaks the rules of names.
    pub fn official(name: &str) -> Result<Self, BadName> {
        Self::new(OFFICIAL, name)
    }

    /// Who publishes it.
    pub fn namespace(&self) -> &str {
        self.text.split_once('/').map_or("", |(namespace, _)| namespace)
    }

    /// The provider name.
    pub fn name(&self) -> &str {
        self.text.split_once('/').map_or("", |(_, name)| name)
    }
}

/// Text that names no plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a plugin is named `<namespace>/<name>`; each part has 1 to 40 lower-case letters, digits and single \
     hyphens, and starts with a letter"
)]
pub struct BadName;

impl FromStr for PluginName {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let (namespace, name) = text.split_once('/').ok_or(BadName)?;
        Self::new(namespace, name)
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for PluginName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PluginName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_writes() {
        let name: PluginName = "official/local-process".parse().unwrap();
        assert_eq!((name.namespace(), name.name()), ("official", "local-process"));
        assert_eq!(name.to_string(), "official/local-process");
    }

    #[test]
    fn refuses_what_could_be_read_in_another_way() {
        let long = format!("official/{}", "a".repeat(41));
        for bad in [
            "neon",
            "official/",
            "/neon",
            "official/Neon",
            "official/../x",
            "official/a/b",
            "official/-a",
            "official/a-",
            "official/a--b",
            "official/1a",
            "official/nеon",
            "official/neon ",
            "official/a.b",
            "official/neon\n",
            &long,
        ] {
            assert_eq!(bad.parse::<PluginName>(), Err(BadName), "{bad:?}");
        }
    }
}
