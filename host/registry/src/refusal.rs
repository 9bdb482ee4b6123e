//! Why a release was refused: one variant per check, so that nobody has to read a message to know which.

use semver::{Version, VersionReq};

use crate::component::ComponentError;
use crate::contract;
use crate::dsse::EnvelopeError;
use crate::index::IndexError;
use crate::metadata::MetadataError;
use crate::source::SourceError;
use crate::strict::Malformed;
use crate::{Contract, Digest, PluginName};

/// A check that a release did not pass. Nothing of it has run.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// There is no statement beside the component.
    #[error("it is not signed: the registry has no statement for it")]
    Unsigned,
    /// The statement file is not the one that the index names.
    #[error("its statement was changed: the index says {expected}, the file has {found}")]
    StatementTampered {
        /// Digest in the index.
        expected: Digest,
        /// Digest of the file.
        found: Digest,
    },
    /// Nobody is trusted to sign for its namespace.
    #[error("nobody is trusted to sign for the namespace `{namespace}`")]
    NoDelegation {
        /// The namespace.
        namespace: String,
    },
    /// The envelope is damaged, unsigned, or not signed by who must.
    #[error("its statement is refused: {0}")]
    Envelope(#[from] EnvelopeError),
    /// What was signed is not a release statement.
    #[error("its statement is not a plugin release: {0}")]
    Statement(Malformed),
    /// The statement is of another plugin or another version.
    #[error("its statement is of `{name}` {version}")]
    OtherRelease {
        /// The plugin that the statement names.
        name: PluginName,
        /// The version that it names.
        version: Version,
    },
    /// The index and the signed statement disagree.
    #[error("the index and the signed statement disagree on `{field}`")]
    IndexDiffers {
        /// Field of the index line.
        field: &'static str,
    },
    /// It is built against a contract that this `ss` cannot run.
    #[error(
        "it is built against {contract}, which this ss does not know (it knows {}); it needs ss >= {min_ss}",
        contract::known()
    )]
    UnknownContract {
        /// Its contract.
        contract: Contract,
        /// The oldest `ss` that can run it.
        min_ss: Version,
    },
    /// It asks for a newer `ss`.
    #[error("it needs ss >= {min_ss}; this is ss {this}")]
    NeedsNewerSs {
        /// What it needs.
        min_ss: Version,
        /// What this is.
        this: Version,
    },
    /// The registry does not have the component.
    #[error("the registry has no component {digest}")]
    ComponentMissing {
        /// Its digest.
        digest: Digest,
    },
    /// The component is shorter or longer than the index says.
    #[error("its component has {found} bytes instead of {expected}: it was cut short or replaced")]
    Size {
        /// Size in the index.
        expected: u64,
        /// Size of the file.
        found: u64,
    },
    /// The component is not the one that was signed.
    #[error("its component was changed: {expected} was signed, the file has {found}")]
    Tampered {
        /// Digest in the statement.
        expected: Digest,
        /// Digest of the file.
        found: Digest,
    },
    /// The signed bytes are no plugin component.
    #[error(transparent)]
    Component(#[from] ComponentError),
    /// The component implements another contract than its statement says.
    #[error("its statement says {stated}, the component implements {found}")]
    OtherContract {
        /// Contract of the statement.
        stated: Contract,
        /// Contract of the component.
        found: Contract,
    },
    /// The component imports what its contract does not have.
    #[error("it imports `{import}`, which is not part of {contract}")]
    Import {
        /// The import.
        import: String,
        /// Its contract.
        contract: Contract,
    },
    /// The manifest inside the component cannot be used.
    #[error("the manifest inside the component is refused: {0}")]
    Manifest(#[from] ss_authority::ManifestError),
    /// The manifest inside the component and the signed statement disagree.
    #[error("the manifest inside the component and the signed statement disagree on `{field}`")]
    ManifestDiffers {
        /// Field of the manifest.
        field: &'static str,
    },
    /// The publisher took the release back.
    #[error("it was revoked: {reason}")]
    Revoked {
        /// Why.
        reason: String,
    },
}

/// Why a plugin could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its namespace is bound to no registry that this machine knows.
    #[error("no registry is known for the namespace `{}` of `{plugin}`", plugin.namespace())]
    NoRegistry {
        /// The plugin.
        plugin: PluginName,
    },
    /// The registry has no such plugin.
    #[error("the registry `{registry}` has no plugin `{plugin}`")]
    UnknownPlugin {
        /// Name of the registry.
        registry: String,
        /// The plugin.
        plugin: PluginName,
    },
    /// The registry has the plugin, and not this version.
    #[error("the registry `{registry}` has no version {version} of `{plugin}`; it has: {}", list(available))]
    UnknownVersion {
        /// Name of the registry.
        registry: String,
        /// The plugin.
        plugin: PluginName,
        /// The version asked for.
        version: Version,
        /// What there is.
        available: Vec<Version>,
    },
    /// Every version was yanked, revoked, or needs a newer `ss`.
    #[error("no version of `{plugin}`{} can be used with this ss; there are: {}", within(wanted.as_ref()), list(available))]
    NoUsableVersion {
        /// The plugin.
        plugin: PluginName,
        /// Which versions were wanted; none if any would do.
        wanted: Option<VersionReq>,
        /// What there is.
        available: Vec<Version>,
    },
    /// Its metadata is refused.
    #[error("the registry `{registry}` is not to be trusted: {refused}")]
    Metadata {
        /// Name of the registry.
        registry: String,
        /// Which file, and why.
        refused: MetadataError,
    },
    /// The registry has the plugin, and its index was not downloaded yet.
    #[error("`{plugin}` of the registry `{registry}` was not downloaded yet")]
    NotHere {
        /// Name of the registry.
        registry: String,
        /// The plugin.
        plugin: PluginName,
    },
    /// The index file of the plugin is damaged.
    #[error("the index of `{plugin}` in the registry `{registry}` is refused: {source}")]
    Index {
        /// Name of the registry.
        registry: String,
        /// The plugin.
        plugin: PluginName,
        /// What is wrong with it.
        source: IndexError,
    },
    /// The registry cannot be read.
    #[error("the registry `{registry}` cannot be read: {source}")]
    Source {
        /// Name of the registry.
        registry: String,
        /// What failed.
        source: SourceError,
    },
    /// The release did not pass a check.
    #[error("`{plugin}` {version} is refused: {refusal}")]
    Refused {
        /// The plugin.
        plugin: PluginName,
        /// The version.
        version: Version,
        /// The check.
        refusal: Box<Refusal>,
    },
}

fn within(wanted: Option<&VersionReq>) -> String {
    wanted.map_or_else(String::new, |wanted| format!(" within `{wanted}`"))
}

fn list(versions: &[Version]) -> String {
    let texts: Vec<_> = versions.iter().map(Version::to_string).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}
