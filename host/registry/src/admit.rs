//! Why a plugin is not admitted to a workspace: one variant per rule.

use std::fmt;

use semver::{Version, VersionReq};
use ss_authority::{Difference, Excess};

use crate::development::DevelopmentError;
use crate::lock::Mismatch;
use crate::policy::Forbidden;
use crate::refusal::LoadError;
use crate::{Plugin, PluginName};
use ss_authority::Authority;

/// A plugin that the lock agrees with, and what it may do.
#[derive(Debug, Clone)]
pub struct Admitted {
    /// The plugin.
    pub plugin: Plugin,
    /// What it may do: the only authority that may be enforced for it.
    pub granted: Authority,
}

/// Why a plugin was not admitted.
#[derive(Debug, thiserror::Error)]
pub enum AdmitError {
    /// It could not be loaded, or did not pass a check.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// Its component file cannot be used.
    #[error(transparent)]
    Development(#[from] DevelopmentError),
    /// It is not the plugin that the lock pins.
    #[error(transparent)]
    Mismatch(#[from] Mismatch),
    /// The policy of this machine does not allow it. No approval helps.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// The lock pins a version that the configuration does not want.
    #[error("the configuration wants `{plugin}` within `{wanted}`; `starsystem.lock` pins {pinned}")]
    Requirement {
        /// The plugin.
        plugin: PluginName,
        /// What the configuration wants.
        wanted: VersionReq,
        /// What the lock pins.
        pinned: Version,
    },
    /// It is under development, and the environment is protected.
    #[error("`{plugin}` is under development, and the environment `{environment}` is protected")]
    Protected {
        /// The plugin.
        plugin: PluginName,
        /// The environment.
        environment: String,
    },
    /// The lock grants what nobody on this machine has approved.
    #[error("`starsystem.lock` grants `{plugin}` what nobody approved on this machine")]
    NotApproved {
        /// The plugin.
        plugin: PluginName,
        /// What the lock grants beyond what needs no approval.
        excess: Vec<Excess>,
    },
    /// A plugin that this binary does not vouch for is used for the first time.
    #[error("`{plugin}` {version} is {}, and nobody approved it on this machine", origin(plugin))]
    NotVouched {
        /// The plugin.
        plugin: PluginName,
        /// Its version.
        version: Version,
        /// Everything that it asks for, as sentences.
        requested: Vec<String>,
    },
    /// A newer version asks for more than the lock grants.
    #[error("`{plugin}` {to} asks for more than `starsystem.lock` grants {from}")]
    Exceeds {
        /// The plugin.
        plugin: PluginName,
        /// The pinned version.
        from: Box<Version>,
        /// The version that asks for more.
        to: Box<Version>,
        /// What it would gain and lose.
        difference: Difference,
    },
    /// A plugin under development asks for more than the lock grants.
    #[error("`{plugin}` asks for more than `starsystem.lock` grants it")]
    Grown {
        /// The plugin.
        plugin: PluginName,
        /// What it would gain and lose.
        difference: Difference,
    },
    /// A newer version is signed by somebody else.
    #[error("`{plugin}` {to} is signed by {found}; the lock pins {expected}")]
    OtherSigner {
        /// The plugin.
        plugin: PluginName,
        /// The version that somebody else signed.
        to: Version,
        /// The pinned signer.
        expected: String,
        /// Who signed it.
        found: String,
    },
    /// The configuration sends the plugin's requests, and with them secrets, to a place nobody approved.
    #[error(
        "the configuration sends the requests of `{plugin}` to `{endpoint}`, which nobody approved on this machine"
    )]
    Endpoint {
        /// The plugin.
        plugin: PluginName,
        /// Where they would go.
        endpoint: String,
    },
}

impl AdmitError {
    /// Whether a person's approval is what is missing: exit code 4.
    pub fn needs_approval(&self) -> bool {
        match self {
            Self::NotApproved { .. }
            | Self::NotVouched { .. }
            | Self::Exceeds { .. }
            | Self::Grown { .. }
            | Self::OtherSigner { .. }
            | Self::Endpoint { .. } => true,
            Self::Load(_)
            | Self::Development(_)
            | Self::Mismatch(_)
            | Self::Forbidden(_)
            | Self::Requirement { .. }
            | Self::Protected { .. } => false,
        }
    }

    /// What an approval would allow, one line each: `+ may …`, and `− may …` for what is given up.
    pub fn details(&self) -> Vec<String> {
        match self {
            Self::NotApproved { excess, .. } => {
                excess.iter().map(|excess| gained(&format!("may {excess}"))).collect()
            }
            Self::NotVouched { requested, .. } if requested.is_empty() => {
                vec!["it asks for nothing beyond running in the sandbox".to_owned()]
            }
            Self::NotVouched { requested, .. } => requested.iter().map(|sentence| gained(sentence)).collect(),
            Self::Exceeds { difference, .. } | Self::Grown { difference, .. } => {
                difference.to_string().lines().map(str::to_owned).collect()
            }
            _ => Vec::new(),
        }
    }

    /// The plugin, if an approval of it would help, and the version to approve if it is not the pinned one.
    pub fn to_approve(&self) -> Option<(&PluginName, Option<&Version>)> {
        match self {
            Self::Exceeds { plugin, to, .. } => Some((plugin, Some(to))),
            Self::OtherSigner { plugin, to, .. } => Some((plugin, Some(to))),
            Self::NotApproved { plugin, .. }
            | Self::NotVouched { plugin, .. }
            | Self::Grown { plugin, .. }
            | Self::Endpoint { plugin, .. } => Some((plugin, None)),
            _ => None,
        }
    }
}

fn gained(what: &str) -> String {
    format!("+ {what}")
}

/// What a plugin is that nobody vouches for.
fn origin(plugin: &PluginName) -> impl fmt::Display {
    if plugin.namespace() == crate::name::DEVELOPMENT { "under development" } else { "not part of ss" }
}
