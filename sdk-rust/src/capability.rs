//! The host's capabilities as a plugin uses them: each a view of the [`Context`], refusals as [`Failure`].

use std::time::Duration;

use crate::{
    Alphabet, Command, Completed, Context, Failure, FileError, Host, HostRef, ProcessHandle, SpawnError,
};

/// The vault. Values are [sealed tokens](crate::sealed).
#[derive(Clone, Copy)]
pub struct Vault<'h>(HostRef<'h>);

/// What can be done with a secret without seeing it.
#[derive(Clone, Copy)]
pub struct Secrets<'h>(HostRef<'h>);

/// Processes on this machine.
#[derive(Clone, Copy)]
pub struct Processes<'h>(HostRef<'h>);

/// Files that the service's own options name.
#[derive(Clone, Copy)]
pub struct Files<'h>(HostRef<'h>);

impl<'h> Context<'h> {
    /// The vault.
    pub fn vault(&self) -> Vault<'h> {
        Vault(self.host)
    }

    /// What can be done with a secret without seeing it.
    pub fn secrets(&self) -> Secrets<'h> {
        Secrets(self.host)
    }

    /// Processes on this machine.
    pub fn processes(&self) -> Processes<'h> {
        Processes(self.host)
    }

    /// Files that the service's own options name.
    pub fn files(&self) -> Files<'h> {
        Files(self.host)
    }
}

// Calls name the trait: on `wasm32` the host is a type, elsewhere a trait object.

impl Vault<'_> {
    /// A sealed token for the value at `<namespace>/<name>`, or none.
    ///
    /// # Errors
    ///
    /// Not granted, or the vault cannot be read.
    pub fn get(&self, key: &str) -> Result<Option<String>, Failure> {
        Ok(Host::vault_get(self.0, key)?)
    }

    /// Writes a provider key, such as a refreshed token. Returns once it is on disk.
    ///
    /// # Errors
    ///
    /// Not granted, or the vault cannot be written.
    pub fn set_provider_key(&self, provider: &str, name: &str, value: &str) -> Result<(), Failure> {
        Ok(Host::set_provider_key(self.0, provider, name, value)?)
    }
}

impl Secrets<'_> {
    /// HMAC-SHA-256 of `data` under `prefix` and the sealed secret, as a new sealed token.
    ///
    /// # Errors
    ///
    /// Not granted.
    pub fn derive(&self, key: &str, prefix: &str, data: &[u8]) -> Result<String, Failure> {
        Ok(Host::derive(self.0, key, prefix, data)?)
    }

    /// HMAC-SHA-256 of `data` under the sealed secret: 32 bytes.
    ///
    /// # Errors
    ///
    /// Not granted.
    pub fn hmac(&self, key: &str, data: &[u8]) -> Result<Vec<u8>, Failure> {
        Ok(Host::hmac(self.0, key, data)?)
    }

    /// A secret of `length` characters, sealed. The same service and name give the same secret again.
    ///
    /// # Errors
    ///
    /// Not granted, or the vault cannot be written.
    pub fn generate(&self, name: &str, length: u32, alphabet: Alphabet) -> Result<String, Failure> {
        Ok(Host::generate(self.0, name, length, alphabet)?)
    }

    /// The secret itself. People see that the plugin asks for this.
    ///
    /// # Errors
    ///
    /// Not granted.
    pub fn reveal(&self, token: &str) -> Result<String, Failure> {
        Ok(Host::reveal(self.0, token)?)
    }
}

impl Processes<'_> {
    /// Starts a process that outlives `ss`, its output appended to the service's log file.
    ///
    /// # Errors
    ///
    /// It was not started.
    pub fn spawn_detached(&self, command: &Command) -> Result<ProcessHandle, SpawnError> {
        Host::spawn_detached(self.0, command)
    }

    /// Runs a process to its end.
    ///
    /// # Errors
    ///
    /// It was not started, or did not end in time.
    pub fn run(&self, command: &Command, timeout: Duration) -> Result<Completed, SpawnError> {
        Host::run(self.0, command, timeout)
    }

    /// Whether this very process is alive.
    pub fn alive(&self, handle: &ProcessHandle) -> bool {
        Host::alive(self.0, handle)
    }

    /// Ends the process group: TERM, then KILL after the grace. True if nothing is left of it.
    ///
    /// # Errors
    ///
    /// Not granted, or it cannot be ended.
    pub fn terminate(&self, handle: &ProcessHandle, grace: Duration) -> Result<bool, SpawnError> {
        Host::terminate(self.0, handle, grace)
    }

    /// The last lines of the service's log file, at most 8 KiB.
    pub fn log_tail(&self, lines: u32) -> String {
        Host::log_tail(self.0, lines)
    }

    /// HTTP status of a URL that the service's own options name. Redirects are not followed.
    ///
    /// # Errors
    ///
    /// Not granted, or nobody answered.
    pub fn probe(&self, url: &str) -> Result<u16, String> {
        Host::probe(self.0, url)
    }
}

impl Files<'_> {
    /// The text of a file, at most 1 MiB. A relative path starts at the configuration's directory.
    ///
    /// # Errors
    ///
    /// Not granted, not there, or not readable.
    pub fn read(&self, path: &str) -> Result<String, FileError> {
        Host::read_file(self.0, path)
    }

    /// Replaces a file atomically, mode 0600; sealed tokens are resolved. Whether its content changed.
    ///
    /// # Errors
    ///
    /// Not granted, or not writable.
    pub fn write(&self, path: &str, content: &str) -> Result<bool, FileError> {
        Host::write_file(self.0, path, content)
    }
}
