//! The `plugins:` section: where a provider's plugin comes from, and where it is pointed to.
//!
//! ```yaml
//! plugins:
//!   neon:                      # a built-in provider, sent through a proxy
//!     endpoint: https://proxy.example.com
//!   acme/tunnel:               # a plugin of another registry
//!     version: "^1.2"
//!     registry: acme
//!   greeter:                   # a component under development
//!     path: plugins/greeter/greeter.wasm
//! ```
//!
//! What belongs here: the shape of that section. What does not: what any of it permits. That is decided by
//! the lock and by what this machine has approved.

use std::collections::HashMap;

use semver::VersionReq;

use super::fields::{Fields, wrong_type};
use crate::diagnostic::{Diagnostic, Findings};
use crate::node::Entry;
use crate::source::{Span, Spanned};

const KNOWN: &[&str] = &["version", "registry", "endpoint", "path"];
/// Longest part of a plugin's name, in bytes.
const MAX_PART: usize = 40;

/// What `plugins.<name>` says. Nothing here is authority: the lock and this machine's approval are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginConfig {
    /// The plugin's name: `<namespace>/<provider>`, or `<provider>` for a built-in one or one with a `path`.
    pub name: Spanned<String>,
    /// The versions wanted: `^1.2`, `=1.2.3`, `>=1, <3`. `1.2` means `^1.2`.
    pub version: Option<Spanned<VersionReq>>,
    /// The registry that it comes from.
    pub registry: Option<Spanned<String>>,
    /// Where its requests go instead of the provider's own origins.
    pub endpoint: Option<Spanned<String>>,
    /// A component file to use instead of a registry's, relative to the folder of the base file.
    pub path: Option<Spanned<String>>,
}

impl PluginConfig {
    /// The provider that it is: the last part of its name.
    pub fn provider(&self) -> &str {
        self.name.value.rsplit('/').next().unwrap_or_default()
    }

    /// Reads the section.
    pub(super) fn read_all(entries: &[Entry], findings: &mut Findings) -> Vec<Self> {
        let mut providers: HashMap<String, Span> = HashMap::new();
        let mut plugins = Vec::new();
        for entry in entries {
            let Some(plugin) = Self::read(entry, findings) else { continue };
            if let Some(first) = providers.insert(plugin.provider().to_owned(), plugin.name.span) {
                let message = format!("two plugins are to be the provider `{}`", plugin.provider());
                findings.push(
                    Diagnostic::error("duplicate-provider", message)
                        .label(plugin.name.span, "the second")
                        .label(first, "the first")
                        .help("keep one of them"),
                );
            }
            plugins.push(plugin);
        }
        plugins
    }

    fn read(entry: &Entry, findings: &mut Findings) -> Option<Self> {
        let name = entry.key.clone();
        if !is_plugin_name(&name.value) {
            findings.push(
                Diagnostic::error("bad-name", format!("`{}` is no name for a plugin", name.value))
                    .label(name.span, "")
                    .help("write `<provider>` or `<namespace>/<provider>`, in lower-case letters, digits and single hyphens"),
            );
            return None;
        }
        let path = format!("plugins.{}", name.value);
        let Some(entries) = entry.value.as_map() else {
            // `neon:` with nothing behind it asks for the plugin and says nothing about it.
            if !entry.value.is_null() {
                findings.push(wrong_type(&path, "a map", &entry.value));
                return None;
            }
            return Some(Self { name, version: None, registry: None, endpoint: None, path: None });
        };
        let fields = Fields { path: &path, entries };
        fields.unknown(KNOWN, findings);
        let plugin = Self {
            version: requirement(&fields, findings),
            registry: fields.text("registry", findings),
            endpoint: fields.text("endpoint", findings),
            path: fields.text("path", findings),
            name,
        };
        plugin.check_path(&path, findings);
        Some(plugin)
    }

    /// A component file is what it is: it has no registry to choose a version from.
    fn check_path(&self, at: &str, findings: &mut Findings) {
        let Some(path) = &self.path else { return };
        let others = [
            self.version.as_ref().map(|version| ("version", version.span)),
            self.registry.as_ref().map(|registry| ("registry", registry.span)),
        ];
        for (key, span) in others.into_iter().flatten() {
            let message = format!("`{at}` has both `path` and `{key}`");
            findings.push(
                Diagnostic::error("path-and-registry", message)
                    .label(span, "means nothing beside `path`")
                    .label(path.span, "this file is the plugin")
                    .help(format!("remove `path` to use a registry's plugin, or `{key}` to use the file")),
            );
        }
    }
}

fn requirement(fields: &Fields<'_>, findings: &mut Findings) -> Option<Spanned<VersionReq>> {
    let written = fields.literal("version", findings)?;
    match VersionReq::parse(&written.value) {
        Ok(value) => Some(Spanned { value, span: written.span }),
        Err(error) => {
            let message = format!("`{}.version` is no version requirement: {error}", fields.path);
            findings.push(
                Diagnostic::error("bad-version", message)
                    .label(written.span, "")
                    .help("write for example `\"^1.2\"`, `\"~1.2.3\"`, `\"=1.2.3\"` or `\">=1, <3\"`"),
            );
            None
        }
    }
}

/// `[<namespace>/]<provider>`: lower-case letters, digits and single inner hyphens, beginning with a letter.
fn is_plugin_name(text: &str) -> bool {
    let part = |part: &str| {
        part.len() <= MAX_PART
            && part.starts_with(|first: char| first.is_ascii_lowercase())
            && part.split('-').all(|word| {
                !word.is_empty()
                    && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
            })
    };
    text.splitn(2, '/').all(part)
}
