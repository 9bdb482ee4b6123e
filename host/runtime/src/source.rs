//! Where a component comes from: the registry, verified, or a developer's own machine.

use bytes::Bytes;
use ss_provider::Identity;
use ss_registry::{DevelopmentPlugin, VerifiedPlugin};

/// A component that may be run.
///
/// There are two ways to one: a [`VerifiedPlugin`], which only the registry makes, and a component under
/// development, which says so wherever it is shown.
#[derive(Debug, Clone)]
pub struct ComponentSource(Origin);

#[derive(Debug, Clone)]
enum Origin {
    Verified(Box<VerifiedPlugin>),
    Development { identity: Identity, bytes: Bytes },
}

impl From<VerifiedPlugin> for ComponentSource {
    fn from(plugin: VerifiedPlugin) -> Self {
        Self(Origin::Verified(Box::new(plugin)))
    }
}

impl From<DevelopmentPlugin> for ComponentSource {
    fn from(plugin: DevelopmentPlugin) -> Self {
        let (identity, bytes) = (plugin.identity().clone(), plugin.bytes().clone());
        Self(Origin::Development { identity, bytes })
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
        let bytes = bytes.into();
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        let identity = Identity {
            name: name.into(),
            version: version.into(),
            digest: format!("sha256:{}", hex::encode(digest)),
            development: true,
        };
        Self(Origin::Development { identity, bytes })
    }

    /// Which plugin it is.
    pub fn identity(&self) -> &Identity {
        match &self.0 {
            Origin::Verified(plugin) => plugin.identity(),
            Origin::Development { identity, .. } => identity,
        }
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.0 {
            Origin::Verified(plugin) => plugin.bytes(),
            Origin::Development { bytes, .. } => bytes,
        }
    }

    /// The digest's hex digits: a name for files about this component.
    pub(crate) fn hex_digest(&self) -> &str {
        let digest = &self.identity().digest;
        digest.strip_prefix("sha256:").unwrap_or(digest)
    }
}
