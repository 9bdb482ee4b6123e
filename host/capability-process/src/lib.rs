//! The process gate: a plugin runs the user's own command, or one that its grant spells out.
//!
//! What may run is judged in [`policy`]; how it runs is in [`spawn`], [`identity`] and [`probe`].
//!
//! Threats: a plugin runs another program (directly, through a shell, a changed working directory, a
//! variable such as `LD_PRELOAD` or `PATH`), floods the machine with processes, ends processes of others,
//! mistakes a reused process number for its own, or reaches a network service through `probe`. Against
//! them: no shell, exact comparison with the user's file, the configuration's folder as the only working
//! directory, only the variables that the user's file names, a cap on spawns, and process handles that
//! carry a start mark and must be this service's own. Calls block.

mod gate;
mod identity;
mod policy;
mod probe;
mod spawn;

pub use gate::{ProcessConfig, ProcessGate};
pub use identity::Handle;
pub use policy::inherited_environment;
pub use spawn::Completed;

use ss_provider::Denial;

/// A command that a plugin wants to run.
#[derive(Debug, Clone)]
pub struct Command {
    /// Words as a shell would split them; no shell runs them.
    pub line: String,
    /// Working directory, absolute.
    pub directory: std::path::PathBuf,
    /// Variables, sealed tokens in the values.
    pub env: Vec<ss_provider::Variable>,
}

/// Why a process operation was not done.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The grant does not cover it.
    #[error("{}", .0.message)]
    Denied(Denial),
    /// The program is not there, or not executable.
    #[error("`{program}` is not on PATH")]
    ProgramNotFound {
        /// As the command names it.
        program: String,
    },
    /// The command line has no words, or an open quote.
    #[error("the command `{line}` is not well formed")]
    Malformed {
        /// The command line.
        line: String,
    },
    /// The operating system refused, or something took too long.
    #[error("{reason}")]
    Failed {
        /// Why.
        reason: String,
    },
}

impl ProcessError {
    fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into() }
    }
}
