//! Where a component comes from: the registry, verified, or a developer's own machine.

use bytes::Bytes;
use ss_provider::Identity;
use ss_registry::{Component, DevelopmentPlugin, VerifiedPlugin};

/// A component that may be run.
///
/// There are two ways to one: a [`VerifiedPlugin`], which only the registry makes, and a component under
/// development, which says so wherever it is shown.
#[derive(Debug, Clone)]
pub struct ComponentSource(Origin);

#[derive(Debug, Clone)]
enum Origin {
    Verified(Box<VerifiedPlugin>),
    Development { identity: Identity, component: Component },
}

impl From<VerifiedPlugin> for ComponentSource {
    fn from(plugin: VerifiedPlugin) -> Self {
        Self(Origin::Verified(Box::new(plugin)))
    }
}

impl From<DevelopmentPlugin> for ComponentSource {
    fn from(plugin: DevelopmentPlugin) -> Self {
        let (identity, component) = (plugin.identity().clone(), plugin.component().clone());
        Self(Origin::Development { identity, component })
    }
}

impl From<ss_registry::Plugin> for ComponentSource {
    fn from(plugin: ss_registry::Plugin) -> Self {
        match plugin {
            ss_registry::Plugin::Release(plugin) => (*plugin).into(),
            ss_registry::Plugin::Development(plugin) => (*plugin).into(),
        }
    }
}

impl ComponentSource {
    /// A component that nobody has vouched for: for `ss plugin test` and for tests of `ss` itself. It runs
    /// in the same sandbox, under the same grant.
    pub fn unverified_for_development(
        name: impl Into<String>,
        version: impl Into<String>,
        bytes: impl Into<Bytes>,
    ) -> Self {
        let component = Component::new(bytes);
        let identity = Identity {
            name: name.into(),
            version: version.into(),
            digest: component.digest().to_string(),
            development: true,
        };
        Self(Origin::Development { identity, component })
    }

    /// Which plugin it is.
    pub fn identity(&self) -> &Identity {
        match &self.0 {
            Origin::Verified(plugin) => plugin.identity(),
            Origin::Development { identity, .. } => identity,
        }
    }

    pub(crate) fn component(&self) -> &Component {
        match &self.0 {
            Origin::Verified(plugin) => plugin.component(),
            Origin::Development { component, .. } => component,
        }
    }

    /// The digest's hex digits: a name for files about this component.
    pub(crate) fn hex_digest(&self) -> &str {
        let digest = &self.identity().digest;
        digest.strip_prefix("sha256:").unwrap_or(digest)
    }
}
