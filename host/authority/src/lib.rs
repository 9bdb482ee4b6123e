//! What a plugin may do: the manifest that asks, the grant that allows, and how they compare.
//!
//! Policy only. Enforcement is in the `capability-*` crates, which take an [`Authority`] (the *granted*
//! one, never the requested one) and ask it. Everything here is parsed from files of strangers:
//! unknown members are errors, every string is checked when it is read.

mod authority;
mod manifest;

pub use authority::{
    Authority, FilesAuthority, HttpRule, ProcessAuthority, SecretsAuthority, VaultAuthority, VaultRead,
};
pub use manifest::{Manifest, ManifestError};
