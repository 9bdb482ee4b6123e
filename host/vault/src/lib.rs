//! The vault: secrets in age files under authenticated manifests, and the spellings that address them.
//!
//! # Layout
//!
//! Everything is below `<home>/vault/` (folders 0700, files 0600), where `<home>` is `STARSYSTEM_HOME` or
//! `~/.starsystem`:
//!
//! | file | what it is |
//! |---|---|
//! | `identity.txt` | the X25519 identity, as `age-keygen` writes it; may be wrapped by `age -p` |
//! | `objects/<sha256>.age` | ciphertext, age v1, named by its own hash; never changed, only added and dropped |
//! | `manifests/<scope>` | one per scope: its generation, the hash of the manifest before, entry → object |
//! | `generations/<scope>` | the newest generation seen, and its manifest's hash |
//! | `snapshots/<scope>/<id>` | manifests that were kept; what they name is kept with them |
//! | `lock` | held by the one writer |
//!
//! A scope is the machine (one object per namespace: `providers:neon`, `secrets`, `hosting`) or a project
//! and environment (one object per service for its credentials, one for the states of all services).
//! Nothing is decrypted before it is asked for. `age -d -i identity.txt objects/<sha256>.age` opens any
//! object: it is a JSON object of text.
//!
//! # Threat
//!
//! age does not say who wrote a file: anyone who knows the public recipient can make a valid one. So each
//! manifest carries an HMAC-SHA-256 under a key derived (HKDF) from the age identity. The key is derived
//! and not stored because the identity is the one secret that a writer of files does not have, and because
//! a key kept as an age object could be swapped for another.
//!
//! Noticed, each with an error of its own: a truncated, swapped or replaced object (its hash is in the
//! manifest), an edited manifest, a manifest of another scope or another identity, and an older or
//! vanished manifest beside a newer file in `generations/`.
//!
//! Not noticed: the whole `vault` folder put back as it was at an earlier time, `generations/` included;
//! nothing on this machine remembers more than that folder. Not hidden: names of namespaces, services,
//! projects and environments, and sizes. Not defended against: who can read `identity.txt` can do all.
//! Secrets are wiped from memory where this crate holds them; swap and core dumps are not covered.
//!
//! # What belongs here
//!
//! Storage, addresses and lookup order. Not: which providers exist (the caller's [`Catalog`] says so),
//! prompts and printing (the command line), what a plugin may read (`capability-vault`).

mod address;
mod document;
mod error;
mod identity;
mod keys;
mod manifest;
mod object;
mod resolve;
mod scope;
mod store;

pub use address::{Address, Catalog, KeySpec, PRIMARY_ALIASES, Words};
pub use error::VaultError;
pub use identity::{IDENTITY_ENV, IDENTITY_FILE_ENV};
pub use keys::{Keys, Listed};
pub use manifest::ScopeId;
pub use resolve::{FoundIn, ResolvedKey};
pub use scope::{Changes, Scope};
pub use store::Vault;
