//! The `plugins:` section: where a provider's plugin comes from, and where it is pointed to.

use super::fields::{Fields, wrong_type};
use crate::diagnostic::Findings;
use crate::node::Entry;
use crate::source::Spanned;

const KNOWN: &[&str] = &["version", "registry", "endpoint", "path"];

/// What `plugins.<name>` says. Nothing here is authority: the lock and this machine's approval are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginConfig {
    /// The plugin's name.
    pub name: Spanned<String>,
    /// The version wanted, as written.
    pub version: Option<Spanned<String>>,
    /// The registry that it comes from.
    pub registry: Option<Spanned<String>>,
    /// Where its requests go instead of the provider's own origins.
    pub endpoint: Option<Spanned<String>>,
    /// A component file to use instead of a registry's, as written.
    pub path: Option<Spanned<String>>,
}

impl PluginConfig {
    /// Reads the section.
    pub(super) fn read_all(entries: &[Entry], findings: &mut Findings) -> Vec<Self> {
        entries.iter().filter_map(|entry| Self::read(entry, findings)).collect()
    }

    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let path = format!("plugins.{}", entry.key.value);
        let Some(entries) = entry.value.as_map() else {
            // `neon:` with nothing behind it asks for the plugin and says nothing about it.
            if !entry.value.is_null() {
                findings.push(wrong_type(&path, "a map", &entry.value));
                return None;
            }
            return Some(Self {
                name: entry.key.clone(),
                version: None,
                registry: None,
                endpoint: None,
                path: None,
            });
        };
        let fields = Fields { path: &path, entries };
        fields.unknown(KNOWN, findings);
        Some(Self {
            name: entry.key.clone(),
            version: fields.literal("version", findings),
            registry: fields.text("registry", findings),
            endpoint: fields.text("endpoint", findings),
            path: fields.text("path", findings),
        })
    }
}
