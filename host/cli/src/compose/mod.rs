//! Puts the libraries together: plugins under their grants, the vault behind them, the engine on top.

mod admission;
mod agents;
mod candidates;
pub mod files;
mod plugins;
mod project;
mod registries;
mod telemetry;
mod terraform;
mod vault;
mod whereabouts;

pub use admission::{again, not_admitted, typed};
pub use agents::Agents;
pub use candidates::{Network, candidate, name_of};
pub use plugins::{Host, Listing};
pub use project::{
    LOCAL, Parts, Project, Purpose, engine_error, environment_of, file_name, load_system, open_workspace,
};
pub use registries::{open_registries, seen};
pub use telemetry::trace;
pub use vault::open_vault;
pub use whereabouts::{Whereabouts, fly, hand_over, has_logs, whereabouts};

use std::sync::Arc;

/// Looks up environment variables.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// The process's own environment; variables that are not text count as unset.
pub fn environment() -> Environment {
    Arc::new(|name| std::env::var(name).ok())
}

/// The runtime of a command that talks to providers.
///
/// # Errors
/// If the system gives no threads.
pub fn tokio_runtime() -> Result<tokio::runtime::Runtime, crate::error::CommandError> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| crate::error::CommandError::caused_by("cannot start", &error))
}
