//! Why a plugin cannot be run at all. What goes wrong while it runs is a [`ss_provider::Failure`].

use std::time::Duration;

use ss_authority::InvalidValue;

use crate::cache::CacheError;

/// A plugin, or this machine's cache, that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// wasmtime does not start on this machine.
    #[error("the plugin runtime does not start: {reason}")]
    Engine {
        /// What wasmtime said.
        reason: String,
    },
    /// The cache is open to others, so nothing in it can be trusted.
    #[error(transparent)]
    Cache(#[from] CacheError),
    /// The file is not a plugin that this `ss` can run.
    #[error("plugin `{plugin}` cannot be run: {reason}")]
    Unfit {
        /// Its name.
        plugin: String,
        /// Why.
        reason: Unfit,
    },
    /// The grant is not one that could ever be enforced.
    #[error("the grant of plugin `{plugin}` is not valid")]
    Grant {
        /// Its name.
        plugin: String,
        /// What is wrong with it.
        #[source]
        reason: InvalidValue,
    },
    /// It did not say what it is.
    #[error("plugin `{plugin}` does not describe itself: {reason}")]
    Undescribed {
        /// Its name.
        plugin: String,
        /// What went wrong.
        reason: String,
    },
}

/// Why a file is not a plugin that this `ss` can run. Found before anything of it runs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It has another header, or none.
    #[error("the file is not WebAssembly")]
    NotWasm,
    /// It is a module of core WebAssembly.
    #[error("the file is a core module, not a component (build it for `wasm32-wasip2`)")]
    CoreModule,
    /// It is damaged.
    #[error("the component is malformed: {reason}")]
    Malformed {
        /// What the parser said.
        reason: String,
    },
    /// It could be read once and not again, or is another one by now.
    #[error("the component cannot be read: {reason}")]
    Unreadable {
        /// What the operating system said.
        reason: String,
    },
    /// It is too large.
    #[error("the component has {size} bytes; {limit} are allowed")]
    TooLarge {
        /// Its size in bytes.
        size: usize,
        /// The allowed size in bytes.
        limit: usize,
    },
    /// It exports no adapter.
    #[error("the component exports no `starsystem:provisioner/adapter`, so it is not a provisioner plugin")]
    NoAdapter,
    /// It mixes versions of the contract.
    #[error("the component mixes versions {first} and {second} of `starsystem:provisioner`")]
    MixedContracts {
        /// A version it uses.
        first: String,
        /// Another one.
        second: String,
    },
    /// It needs another `ss`. A contract has the version of the `ss` that first ran it.
    #[error("it is built for contract {contract} and needs ss {contract} or later; this is ss {ours}")]
    UnknownContract {
        /// The contract's version.
        contract: String,
        /// Version of this `ss`.
        ours: &'static str,
    },
    /// It imports something that no plugin has.
    #[error("it imports `{import}`, which is not part of the contract")]
    ForeignImport {
        /// The import.
        import: String,
    },
    /// It imports a capability that it was not granted.
    #[error("it imports `{capability}`, which it was not granted")]
    NotGranted {
        /// The capability.
        capability: &'static str,
    },
    /// It does not fit the contract's types.
    #[error("it does not fit contract {contract}: {reason}")]
    Mismatch {
        /// The contract's version.
        contract: &'static str,
        /// What wasmtime said.
        reason: String,
    },
    /// It does not compile.
    #[error("it does not compile: {reason}")]
    Compile {
        /// What wasmtime said.
        reason: String,
    },
    /// It takes too long to compile.
    #[error("it did not compile within {} s", limit.as_secs_f32())]
    CompileTime {
        /// The allowed time.
        limit: Duration,
    },
}

/// The error with what caused it, in one line.
pub(crate) fn with_causes(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line = format!("{line}: {error}");
        cause = error.source();
    }
    line
}
