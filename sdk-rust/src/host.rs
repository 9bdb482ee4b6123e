//! Everything that a plugin can reach outside its own memory: the imports of the contract as one trait.
//!
//! A component runs against the real imports, tests against `testing::FakeHost`. Provider code
//! reaches it through [`Context`](crate::Context) and [`http::Client`](crate::http::Client).

use std::time::Duration;

use crate::http::{Request, Response, TransportError};
use crate::{Failure, Variable};

/// The imports of the contract. What each does is said in `host.wit`.
pub trait Host {
    /// Sends a request and reads the whole answer. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// No answer came; the error says whether the request may have been acted upon.
    fn send(&self, request: &Request) -> Result<Response, TransportError>;

    /// A sealed token for the value at `<namespace>/<name>`, or none.
    ///
    /// # Errors
    ///
    /// Not granted, or the vault cannot be read.
    fn vault_get(&self, key: &str) -> Result<Option<String>, Denial>;

    /// Writes a provider key. Returns once it is on disk.
    ///
    /// # Errors
    ///
    /// Not granted, or the vault cannot be written.
    fn set_provider_key(&self, provider: &str, name: &str, value: &str) -> Result<(), Denial>;

    /// HMAC-SHA-256 of `data` under `prefix` and the sealed secret, as a new sealed token.
    ///
    /// # Errors
    ///
    /// Not granted.
    fn derive(&self, key: &str, prefix: &str, data: &[u8]) -> Result<String, Denial>;

    /// HMAC-SHA-256 of `data` under the sealed secret.
    ///
    /// # Errors
    ///
    /// Not granted.
    fn hmac(&self, key: &str, data: &[u8]) -> Result<Vec<u8>, Denial>;

    /// A secret of `length` characters, kept in the vault under this service and `name`.
    ///
    /// # Errors
    ///
    /// Not granted, or the vault cannot be written.
    fn generate(&self, name: &str, length: u32, alphabet: Alphabet) -> Result<String, Denial>;

    /// The secret itself.
    ///
    /// # Errors
    ///
    /// Not granted.
    fn reveal(&self, token: &str) -> Result<String, Denial>;

    /// Keeps JSON of the plugin's own shape for the next attempt. Returns once it is on disk.
    ///
    /// # Errors
    ///
    /// The journal cannot be written.
    fn save_partial_state(&self, partial: &str) -> Result<(), String>;

    /// A step is done.
    fn step(&self, message: &str);

    /// What is being waited for.
    fn waiting(&self, message: &str);

    /// A line for the plugin's log.
    fn log(&self, level: Level, message: &str);

    /// Waits; false at once if the operation should wind up.
    fn sleep(&self, duration: Duration) -> bool;

    /// Time since the Unix epoch.
    fn wall_clock(&self) -> Duration;

    /// Time since some fixed point, never running back.
    fn monotonic_clock(&self) -> Duration;

    /// Starts a process that outlives `ss`.
    ///
    /// # Errors
    ///
    /// It was not started.
    fn spawn_detached(&self, command: &Command) -> Result<ProcessHandle, SpawnError>;

    /// Runs a process to its end.
    ///
    /// # Errors
    ///
    /// It was not started, or did not end in time.
    fn run(&self, command: &Command, timeout: Duration) -> Result<Completed, SpawnError>;

    /// Whether this very process is alive.
    fn alive(&self, handle: &ProcessHandle) -> bool;

    /// Ends the process group: TERM, then KILL after the grace. True if nothing is left of it.
    ///
    /// # Errors
    ///
    /// Not granted, or it cannot be ended.
    fn terminate(&self, handle: &ProcessHandle, grace: Duration) -> Result<bool, SpawnError>;

    /// The last lines of the service's log file.
    fn log_tail(&self, lines: u32) -> String;

    /// HTTP status of a URL that the service's own options name.
    ///
    /// # Errors
    ///
    /// Not granted, or nobody answered.
    fn probe(&self, url: &str) -> Result<u16, String>;

    /// The text of a file that the service's own options name.
    ///
    /// # Errors
    ///
    /// Not granted, not there, or not readable.
    fn read_file(&self, path: &str) -> Result<String, FileError>;

    /// Replaces a file atomically; sealed tokens are resolved. Whether its content changed.
    ///
    /// # Errors
    ///
    /// Not granted, or not writable.
    fn write_file(&self, path: &str, content: &str) -> Result<bool, FileError>;
}

/// The host that an operation acts through.
///
/// In a component it is the one real host, known by its type: what a plugin does not call is then not
/// imported by its component. Elsewhere it is any [`Host`].
#[cfg(target_arch = "wasm32")]
pub type HostRef<'h> = &'h crate::guest::Imports;

/// The host that an operation acts through.
///
/// In a component it is the one real host, known by its type: what a plugin does not call is then not
/// imported by its component. Elsewhere it is any [`Host`].
#[cfg(not(target_arch = "wasm32"))]
pub type HostRef<'h> = &'h dyn Host;

/// Why the vault refused, as a sentence for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denial {
    /// The plugin was not granted this.
    NotGranted(String),
    /// The vault cannot be read or written.
    Unavailable(String),
}

impl From<Denial> for Failure {
    fn from(denial: Denial) -> Self {
        match denial {
            Denial::NotGranted(message) => Self::internal(message),
            Denial::Unavailable(message) => Self::unavailable(message),
        }
    }
}

/// Characters of a generated secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alphabet {
    /// A-Z, a-z, 0-9.
    Alphanumeric,
    /// 0-9, a-f.
    Hexadecimal,
}

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Every detail.
    Trace,
    /// For the plugin's author.
    Debug,
    /// For a curious person.
    Info,
    /// Something is off, and the operation goes on.
    Warn,
    /// Something is broken.
    Error,
}

/// Identifies a process beyond the reuse of its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessHandle {
    /// Its number.
    pub pid: u32,
    /// Opaque mark of its start.
    pub started: String,
}

/// A command to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command {
    /// Shell-like words. No shell runs them; `~` at the start of a word is expanded.
    pub line: String,
    /// Absolute working directory.
    pub directory: String,
    /// Environment; sealed tokens in values are resolved at spawn.
    pub env: Vec<Variable>,
}

/// Why a process was not started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpawnError {
    /// The plugin was not granted this command.
    NotGranted(String),
    /// The program is not on `PATH` or not executable; holds its name.
    ProgramNotFound(String),
    /// The command line is not well formed.
    Malformed(String),
    /// Anything else.
    Failed(String),
}

/// How a process that ran to its end ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub stdout: String,
    /// What it wrote to standard error.
    pub stderr: String,
}

/// Why a file was not read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileError {
    /// The plugin was not granted this file.
    NotGranted(String),
    /// It does not exist.
    NotFound(String),
    /// Anything else.
    Failed(String),
}
