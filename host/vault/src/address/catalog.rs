//! What the caller knows of providers and services.

use std::collections::{BTreeMap, BTreeSet};

/// Names that mean the primary key of any provider.
pub const PRIMARY_ALIASES: [&str; 3] = ["api_key", "api_token", "token"];

/// The providers with their keys, and the services of the current project.
///
/// The vault knows no provider by name; the caller fills this from the plugins' descriptions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Provider name → its keys, the primary one first.
    pub providers: BTreeMap<String, Vec<KeySpec>>,
    /// Ids of the services of the current project; empty outside a project.
    pub services: BTreeSet<String>,
}

/// A key that a provider needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeySpec {
    /// Canonical name, such as `api_key`.
    pub name: String,
    /// Other names under the provider's namespace. The primary key has [`PRIMARY_ALIASES`] without saying so.
    pub aliases: Vec<String>,
    /// The conventional environment variable, such as `NEON_API_KEY`.
    pub environment_variable: Option<String>,
    /// Names under which people store it without a namespace, such as `AWS_SECRET_ACCESS_KEY`.
    pub bare_names: Vec<String>,
}

impl KeySpec {
    /// A key without other names.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds another name under the provider's namespace.
    #[must_use]
    pub fn alias(mut self, alias: impl Into<String>) -> Self {
        self.aliases.push(alias.into());
        self
    }

    /// Sets the conventional environment variable.
    #[must_use]
    pub fn environment(mut self, variable: impl Into<String>) -> Self {
        self.environment_variable = Some(variable.into());
        self
    }

    /// Adds a name without a namespace.
    #[must_use]
    pub fn bare(mut self, name: impl Into<String>) -> Self {
        self.bare_names.push(name.into());
        self
    }

    fn is_called(&self, name: &str) -> bool {
        self.name == name || self.aliases.iter().chain(&self.bare_names).any(|other| other == name)
    }
}

impl Catalog {
    /// Adds a provider; the first key is its primary one.
    pub fn add_provider(&mut self, name: impl Into<String>, keys: Vec<KeySpec>) {
        self.providers.insert(name.into(), keys);
    }

    /// The key of a known provider that a name means.
    pub fn spec(&self, provider: &str, name: &str) -> Option<&KeySpec> {
        let keys = self.providers.get(provider)?;
        let named = keys.iter().find(|key| key.is_called(name));
        named.or_else(|| keys.first().filter(|_| PRIMARY_ALIASES.contains(&name)))
    }

    /// The canonical name of a provider's key.
    pub(crate) fn canonical<'a>(&'a self, provider: &str, name: &'a str) -> &'a str {
        match self.spec(provider, name) {
            Some(spec) => &spec.name,
            None if !self.has_keys(provider) && PRIMARY_ALIASES.contains(&name) => PRIMARY_ALIASES[0],
            None => name,
        }
    }

    /// Every name under which a provider's key may stand in its namespace, the canonical one first.
    pub(crate) fn names<'a>(&'a self, provider: &str, canonical: &'a str) -> Vec<&'a str> {
        let mut names = vec![canonical];
        let keys = self.providers.get(provider).map_or(&[][..], Vec::as_slice);
        if let Some(spec) = keys.iter().find(|spec| spec.name == canonical) {
            names.extend(spec.aliases.iter().chain(&spec.bare_names).map(String::as_str));
        }
        let primary = keys.first().map_or(PRIMARY_ALIASES[0], |spec| &spec.name);
        if canonical == primary {
            let free = |alias: &&str| !keys.iter().skip(1).any(|spec| spec.is_called(alias));
            names.extend(PRIMARY_ALIASES.into_iter().filter(free));
        }
        let mut seen = BTreeSet::new();
        names.retain(|name| seen.insert(*name));
        names
    }

    /// The provider and key that claim a name without a namespace.
    pub(crate) fn claimed(&self, bare: &str) -> Option<(&str, &KeySpec)> {
        self.providers.iter().find_map(|(provider, keys)| {
            let spec = keys.iter().find(|spec| spec.bare_names.iter().any(|name| name == bare))?;
            Some((provider.as_str(), spec))
        })
    }

    /// The names without a namespace of a provider's key.
    pub(crate) fn bare_names(&self, provider: &str, canonical: &str) -> &[String] {
        let keys = self.providers.get(provider).map_or(&[][..], Vec::as_slice);
        keys.iter().find(|spec| spec.name == canonical).map_or(&[], |spec| &spec.bare_names)
    }

    fn has_keys(&self, provider: &str) -> bool {
        self.providers.get(provider).is_some_and(|keys| !keys.is_empty())
    }
}
