//! What a plugin's author needs: a project to start from, and a component out of it.
//!
//! [`create`] writes a project of a [`Language`] from templates inside the binary, with everything that the
//! language's tools need of us: the contract's WIT, and for Rust the SDK. [`build`] drives those tools, wraps
//! what is still a core module, puts the manifest inside and holds the component against contract and
//! manifest. [`StandIn`] pretends to be the API that a new plugin speaks to.
//!
//! Here belongs what happens before a component is run by anyone. Here does not belong running it (the
//! runtime), judging it (the conformance kit) and publishing it (the registry). The projects are the
//! person's own: their build scripts run with the person's rights, as `cargo build` and `npm install` do.

mod bindings;
mod build;
mod check;
mod create;
mod error;
mod language;
mod project;
mod stand_in;
mod template;
mod tools;
mod wrap;

pub use build::{Built, build};
pub use check::Checked;
pub use create::{NewProject, create};
pub use error::{BuildError, CreateError, ProjectError};
pub use language::Language;
pub use project::Project;
pub use stand_in::StandIn;
pub use wrap::{WrapError, is_core_module, wrap};
