//! The real host: every call goes to an import of the component.

use std::time::Duration;

use super::bindings::starsystem::provisioner::{files, journal, process, progress, secrets, timer, vault};
use super::bindings::wasi::clocks::{monotonic_clock, wall_clock};
use super::convert::variable_out;
use super::outgoing;
use crate::http::{Request, Response, TransportError};
use crate::{Alphabet, Command, Completed, Denial, FileError, Host, Level, ProcessHandle, SpawnError};

/// The imports of the component.
#[derive(Debug)]
pub struct Imports;

impl Host for Imports {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        outgoing::send(request)
    }

    fn vault_get(&self, key: &str) -> Result<Option<String>, Denial> {
        vault::get(key).map_err(denial)
    }

    fn set_provider_key(&self, provider: &str, name: &str, value: &str) -> Result<(), Denial> {
        vault::set_provider_key(provider, name, value).map_err(denial)
    }

    fn derive(&self, key: &str, prefix: &str, data: &[u8]) -> Result<String, Denial> {
        secrets::derive(key, prefix, data).map_err(denial)
    }

    fn hmac(&self, key: &str, data: &[u8]) -> Result<Vec<u8>, Denial> {
        secrets::hmac(key, data).map_err(denial)
    }

    fn generate(&self, name: &str, length: u32, alphabet: Alphabet) -> Result<String, Denial> {
        let alphabet = match alphabet {
            Alphabet::Alphanumeric => secrets::Alphabet::Alphanumeric,
            Alphabet::Hexadecimal => secrets::Alphabet::Hexadecimal,
        };
        secrets::generate(name, length, alphabet).map_err(denial)
    }

    fn reveal(&self, token: &str) -> Result<String, Denial> {
        secrets::reveal(token).map_err(denial)
    }

    fn save_partial_state(&self, partial: &str) -> Result<(), String> {
        journal::save_partial_state(partial)
    }

    fn step(&self, message: &str) {
        progress::step(message);
    }

    fn waiting(&self, message: &str) {
        progress::waiting(message);
    }

    fn log(&self, level: Level, message: &str) {
        let level = match level {
            Level::Trace => progress::Level::Trace,
            Level::Debug => progress::Level::Debug,
            Level::Info => progress::Level::Info,
            Level::Warn => progress::Level::Warn,
            Level::Error => progress::Level::Error,
        };
        progress::log(level, message);
    }

    fn sleep(&self, duration: Duration) -> bool {
        timer::sleep(milliseconds(duration))
    }

    fn wall_clock(&self) -> Duration {
        let now = wall_clock::now();
        Duration::new(now.seconds, now.nanoseconds.min(999_999_999))
    }

    fn monotonic_clock(&self) -> Duration {
        Duration::from_nanos(monotonic_clock::now())
    }

    fn spawn_detached(&self, command: &Command) -> Result<ProcessHandle, SpawnError> {
        let handle = process::spawn_detached(&command_out(command)).map_err(spawn_error)?;
        Ok(ProcessHandle { pid: handle.pid, started: handle.started })
    }

    fn run(&self, command: &Command, timeout: Duration) -> Result<Completed, SpawnError> {
        let completed = process::run(&command_out(command), milliseconds(timeout)).map_err(spawn_error)?;
        Ok(Completed { code: completed.code, stdout: completed.stdout, stderr: completed.stderr })
    }

    fn alive(&self, handle: &ProcessHandle) -> bool {
        process::alive(&handle_out(handle))
    }

    fn terminate(&self, handle: &ProcessHandle, grace: Duration) -> Result<bool, SpawnError> {
        process::terminate(&handle_out(handle), milliseconds(grace)).map_err(spawn_error)
    }

    fn log_tail(&self, lines: u32) -> String {
        process::log_tail(lines)
    }

    fn probe(&self, url: &str) -> Result<u16, String> {
        process::probe(url)
    }

    fn read_file(&self, path: &str) -> Result<String, FileError> {
        files::read(path).map_err(file_error)
    }

    fn write_file(&self, path: &str, content: &str) -> Result<bool, FileError> {
        files::write(path, content).map_err(file_error)
    }
}

fn milliseconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

fn command_out(command: &Command) -> process::Command {
    process::Command {
        line: command.line.clone(),
        directory: command.directory.clone(),
        env: command.env.iter().map(variable_out).collect(),
    }
}

fn handle_out(handle: &ProcessHandle) -> process::Handle {
    process::Handle { pid: handle.pid, started: handle.started.clone() }
}

fn denial(denial: vault::Denial) -> Denial {
    match denial {
        vault::Denial::NotGranted(message) => Denial::NotGranted(message),
        vault::Denial::Unavailable(message) => Denial::Unavailable(message),
    }
}

fn spawn_error(error: process::SpawnError) -> SpawnError {
    match error {
        process::SpawnError::NotGranted(message) => SpawnError::NotGranted(message),
        process::SpawnError::ProgramNotFound(program) => SpawnError::ProgramNotFound(program),
        process::SpawnError::Malformed(message) => SpawnError::Malformed(message),
        process::SpawnError::Failed(message) => SpawnError::Failed(message),
    }
}

fn file_error(error: files::FileError) -> FileError {
    match error {
        files::FileError::NotGranted(message) => FileError::NotGranted(message),
        files::FileError::NotFound(message) => FileError::NotFound(message),
        files::FileError::Failed(message) => FileError::Failed(message),
    }
}
