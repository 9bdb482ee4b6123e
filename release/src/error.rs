//! What can go wrong with a release.

use std::path::PathBuf;

/// Why the release tool stopped.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("cannot {action} `{path}`: {source}")]
    File {
        /// What was tried, such as `read`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("`{path}`: {reason}")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// There is no such plugin crate.
    #[error("there is no plugin `{name}` in `plugins/`; there are: {}", available.join(", "))]
    UnknownPlugin {
        /// The name asked for.
        name: String,
        /// What there is.
        available: Vec<String>,
    },
    /// A program could not be run or failed.
    #[error("`{program}` failed: {reason}")]
    Program {
        /// The command line, shortened.
        program: String,
        /// How it ended.
        reason: String,
    },
    /// The WebAssembly target is not installed.
    #[error("the target `{}` is not installed; run `rustup target add {}`", crate::TARGET, crate::TARGET)]
    NoTarget,
    /// A key is needed and not there.
    #[error("publishing needs the key `{file}`: {reason}")]
    Key {
        /// Its file name.
        file: &'static str,
        /// Where it was looked for and what to do. Never the key.
        reason: String,
    },
    /// A component is no plugin component.
    #[error("the component of `{plugin}` is refused: {source}")]
    Component {
        /// The plugin.
        plugin: String,
        /// Why.
        source: ss_registry::ComponentError,
    },
    /// A component is too large to be shipped.
    #[error("the component of `{plugin}` has {size} bytes; the budget is {budget}")]
    TooLarge {
        /// The plugin.
        plugin: String,
        /// Its size in bytes.
        size: usize,
        /// The most it may have.
        budget: usize,
    },
    /// The release was not published.
    #[error("`{plugin}` is not published: {source}")]
    Publish {
        /// The plugin.
        plugin: String,
        /// Why.
        source: Box<ss_registry::PublishError>,
    },
    /// The registry's metadata was not written.
    #[error("the metadata of the registry is not written: {0}")]
    Metadata(#[from] ss_registry::WriteError),
    /// What is published is not what the sources give.
    #[error("{}", .0.join("\n"))]
    Outdated(Vec<String>),
}

impl Error {
    pub(crate) fn invalid(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Invalid { path: path.into(), reason: reason.to_string() }
    }
}
