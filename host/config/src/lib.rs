//! `starsystem.yaml` and its overlays: reading, merging, checking, and writing back recorded state.
//!
//! [`load`] gives a [`System`] in which every value has its file, line and column, or [`Diagnostic`]s that say
//! where, why and what to do. What the files may hold is described in [`read`], how an overlay is laid over the
//! base in [`merge`], templates in [`template`]. [`write_states`] puts state into an overlay and changes no other
//! byte of it.
//!
//! What belongs here: the documented keys and their rules. What does not: any provider by name, the vault, the
//! terminal. The crate reads the two files and replaces the overlay; it touches nothing else.

mod diagnostic;
mod load;
pub mod merge;
mod node;
pub mod path;
mod plugins;
pub mod read;
mod services;
mod source;
mod state;
mod system;
pub mod template;

pub use diagnostic::{Diagnostic, Label, Severity, closest};
pub use load::{Loaded, MissingOverlay, environments, load, load_bytes, overlay_path};
pub use node::{Entry, Node, NodeValue};
pub use plugins::{EditError, add_plugin, remove_plugin};
pub use read::{MAX_BYTES, Parsed, parse_str};
pub use services::{AddServiceError, add_service};
pub use source::{Position, SourceId, Sources, Span, Spanned};
pub use state::{StateError, Written, edit_states, remove_state, write_state, write_states};
pub use system::{
    EnvVariable, Injection, Orphan, PluginConfig, ServiceConfig, System, VaultReference, is_name,
    options_to_json,
};
