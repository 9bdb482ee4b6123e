//! Where plugins come from: index, signed statements, verified components, the lock.
//!
//! A [`Registry`] hands out a [`VerifiedPlugin`] only after every check: what was asked for, the signed
//! statement, the index, the bytes and the inside of the component all agree. A [`Workspace`] holds it
//! against `starsystem.lock` and says which authority it is granted. Beside releases there are only
//! components [under development](DevelopmentPlugin), which say so. Nothing else may be run.
//!
//! Here belongs everything that a plugin passes on its way from a stranger to the runtime. Here does not
//! belong what a grant means (`authority`) and how a component runs (`runtime`). Everything read here is
//! hostile until its check has passed.

mod admit;
mod agents;
mod approvals;
mod component;
mod contract;
mod development;
mod digest;
mod dsse;
mod embedded;
mod grants;
mod index;
mod key;
pub mod layout;
mod list;
mod lock;
mod marking;
mod metadata;
mod mirror;
mod name;
mod policy;
mod publish;
mod refusal;
mod registries;
mod registry;
mod remote;
mod source;
mod statement;
mod strict;
mod sync;
mod timestamp;
mod vendor;
mod verify;
mod workspace;

pub use admit::{AdmitError, Admitted};
pub use agents::{AgentAnswer, AgentChange};
pub use approvals::{Approvals, ApprovalsError};
pub use component::{
    Component, ComponentError, MANIFEST_SECTION, MAX_COMPONENT, Outline, embed_manifest, outline as inspect,
};
pub use contract::{
    Contract, NotAContract, allows_import, is_known as is_known_contract, known as known_contracts,
};
pub use development::{DevelopmentError, DevelopmentPlugin, Plugin};
pub use digest::{Digest, NotADigest};
pub use dsse::{Envelope, EnvelopeError, MAX_ENVELOPE, Signed, pae};
pub use embedded::{Embedded, official_description};
pub use index::{Index, IndexError, Line, MAX_INDEX, Mark, MarkKind, Marks};
pub use key::{BadKey, Delegation, KeyId, NoRandomness, PublicKey, SigningKey};
pub use list::Listed;
pub use lock::{DevelopmentPin, Field, Lock, LockError, Mismatch, Pin, RegistryPin, Signer};
pub use marking::{MarkError, mark};
pub use metadata::{Custody, Delegate, Floor, MetadataError, MetadataFault, RoleName, WriteError, Written};
pub use name::{BadName, DEVELOPMENT, OFFICIAL, PluginName};
pub use policy::{Forbidden, ForbiddenReason, POLICY_FILE, Policy, PolicyError};
pub use publish::{Draft, PublishError, Published, Publisher};
pub use refusal::{LoadError, Refusal};
pub use registries::{OFFICIAL_PLACE, Offer, Registries, RegistriesError, SyncError};
pub use registry::{Announcement, Config, Registry};
pub use remote::{BadLocation, Credentials, Location, OciRepository, Patience, PushError, RemoteError};
pub use source::{Directory, Source, SourceError};
pub use statement::{PAYLOAD_TYPE, Release, Source as BuiltFrom, Statement};
pub use strict::Malformed;
pub use timestamp::{NotATimestamp, Timestamp};
pub use vendor::VendorError;
pub use verify::VerifiedPlugin;
pub use workspace::{LOCK_FILE, Proposal, Workspace, WorkspaceError};

/// The version of this `ss`: all crates of the workspace share it.
pub fn this_ss() -> semver::Version {
    #[expect(clippy::expect_used, reason = "cargo accepts nothing but a semantic version there")]
    semver::Version::parse(env!("CARGO_PKG_VERSION")).expect("the package has a version")
}

/// Digest of an authority: over its canonical JSON, whatever order its lists were written in.
pub fn authority_digest(authority: &ss_authority::Authority) -> Digest {
    #[expect(
        clippy::expect_used,
        reason = "ss-authority writes digests in the one spelling that is read here"
    )]
    authority.digest().parse().expect("an authority's digest is a digest")
}
