//! What a plugin may do: the manifest that asks, the grant that allows, and how they compare.
//!
//! Policy only. Enforcement is in the `capability-*` crates, which take an [`Authority`] (the *granted*
//! one, never the requested one) and ask it. Everything here is parsed from files of strangers:
//! unknown members are errors, every string is checked when it is read.

mod authority;
mod capability;
mod compare;
mod digest;
mod manifest;
mod origin;
mod path;
mod permission;
mod place;
mod sentences;
mod validate;

pub use authority::{
    Authority, FilesAuthority, HttpRule, ProcessAuthority, SecretsAuthority, VaultAuthority, VaultRead,
};
pub use capability::{Capability, UnknownCapability};
pub use compare::{Difference, Excess};
pub use manifest::{InvalidValue, Manifest, ManifestError, is_plugin_name};
pub use origin::{Origin, OriginError, OriginPattern, Scheme};
pub use path::{MAX_PATH, Path, PathError, PathPattern};
pub use permission::{METHODS, Reads, SAFE_METHODS};
pub use place::{Place, PlaceError, Step};
