//! The host's side of what a plugin imports: each call goes to its gate.
//!
//! A guest without gates (while it describes itself or looks at a shape) is refused everything. Gates block;
//! those that touch a disk or wait do so in a thread of their own, so that the deadline ends the waiting.

use std::time::{Duration, Instant};

use ss_capability_files::FilesError;
use ss_capability_process::{Command, Handle, ProcessError};
use ss_capability_secrets::{Alphabet, SecretsError};
use ss_capability_vault::VaultError;

use super::bindings::starsystem::provisioner::{
    files, journal, process, progress, secrets, timer, types, vault,
};
use crate::gates::Gates;
use crate::log::Line;
use crate::session::Session;

/// Longest key, name or path in a call.
const MAX_NAME: usize = 4 << 10;
/// Why a guest without gates is refused.
const NO_GATES: &str = "a plugin that describes itself may use nothing of the host";

impl types::Host for Session {}

impl Session {
    /// Time until the deadline.
    fn remaining(&self) -> Duration {
        self.end.deadline.saturating_duration_since(Instant::now())
    }

    /// Does blocking work with the gates, in a thread for it, so that the deadline can end the waiting.
    /// Without gates, or if the arguments are too long, the guest is refused.
    async fn gated<T, E>(
        &mut self,
        arguments: Result<(), String>,
        refuse: impl FnOnce(String) -> E,
        work: impl FnOnce(&Gates) -> Result<T, E> + Send + 'static,
    ) -> wasmtime::Result<Result<T, E>>
    where
        T: Send + 'static,
        E: Send + 'static,
    {
        let gates = match (arguments, &self.gates) {
            (Ok(()), Some(gates)) => gates.clone(),
            (Err(reason), _) => return Ok(Err(refuse(reason))),
            (Ok(()), None) => return Ok(Err(refuse(NO_GATES.to_owned()))),
        };
        let done = tokio::task::spawn_blocking(move || work(&gates)).await;
        done.map_err(|_| wasmtime::Error::msg("the host failed in a plugin's call"))
    }

    /// Does work with the gates that neither blocks nor takes long.
    fn at_once<T>(&self, work: impl FnOnce(&Gates) -> Result<T, vault::Denial>) -> Result<T, vault::Denial> {
        match &self.gates {
            Some(gates) => work(gates),
            None => Err(vault::Denial::NotGranted(NO_GATES.to_owned())),
        }
    }
}

/// Refuses texts that are too long to be looked at.
fn short(texts: &[&str]) -> Result<(), String> {
    if texts.iter().all(|text| text.len() <= MAX_NAME) {
        return Ok(());
    }
    Err(format!("a key, name or path has at most {MAX_NAME} bytes"))
}

impl vault::Host for Session {
    async fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, vault::Denial>> {
        self.gated(short(&[&key]), vault::Denial::NotGranted, move |gates| {
            gates.vault.get(&key).map_err(|error| gates.vault_error(error))
        })
        .await
    }

    async fn set_provider_key(
        &mut self,
        provider: String,
        name: String,
        value: String,
    ) -> wasmtime::Result<Result<(), vault::Denial>> {
        self.gated(short(&[&provider, &name]), vault::Denial::NotGranted, move |gates| {
            let stored = gates.vault.set_provider_key(&provider, &name, &value);
            stored.map_err(|error| gates.vault_error(error))
        })
        .await
    }
}

impl secrets::Host for Session {
    async fn derive(
        &mut self,
        key: String,
        prefix: String,
        data: Vec<u8>,
    ) -> wasmtime::Result<Result<String, vault::Denial>> {
        Ok(self.at_once(|gates| {
            gates.secrets.derive(&key, &prefix, &data).map_err(|error| gates.secrets_error(error))
        }))
    }

    async fn hmac(&mut self, key: String, data: Vec<u8>) -> wasmtime::Result<Result<Vec<u8>, vault::Denial>> {
        Ok(self.at_once(|gates| gates.secrets.hmac(&key, &data).map_err(|error| gates.secrets_error(error))))
    }

    async fn generate(
        &mut self,
        name: String,
        length: u32,
        alphabet: secrets::Alphabet,
    ) -> wasmtime::Result<Result<String, vault::Denial>> {
        let alphabet = match alphabet {
            secrets::Alphabet::Alphanumeric => Alphabet::Alphanumeric,
            secrets::Alphabet::Hexadecimal => Alphabet::Hexadecimal,
        };
        self.gated(short(&[&name]), vault::Denial::NotGranted, move |gates| {
            let generated = gates.secrets.generate(&name, length, alphabet);
            generated.map_err(|error| gates.secrets_error(error))
        })
        .await
    }

    async fn reveal(&mut self, token: String) -> wasmtime::Result<Result<String, vault::Denial>> {
        Ok(self.at_once(|gates| gates.secrets.reveal(&token).map_err(|error| gates.secrets_error(error))))
    }
}

impl journal::Host for Session {
    async fn save_partial_state(&mut self, partial: String) -> wasmtime::Result<Result<(), String>> {
        self.gated(Ok(()), |reason| reason, move |gates| gates.save_partial(&partial)).await
    }
}

impl progress::Host for Session {
    fn step(&mut self, message: String) -> wasmtime::Result<()> {
        self.log.line(Line::Step, &message);
        Ok(())
    }

    fn waiting(&mut self, message: String) -> wasmtime::Result<()> {
        self.log.line(Line::Waiting, &message);
        Ok(())
    }

    fn log(&mut self, level: progress::Level, message: String) -> wasmtime::Result<()> {
        let level = match level {
            progress::Level::Trace => "trace",
            progress::Level::Debug => "debug",
            progress::Level::Info => "info",
            progress::Level::Warn => "warn",
            progress::Level::Error => "error",
        };
        self.log.line(Line::Log(level), &message);
        Ok(())
    }
}

impl timer::Host for Session {
    async fn sleep(&mut self, milliseconds: u32) -> wasmtime::Result<bool> {
        let time = Duration::from_millis(milliseconds.into());
        // What would outlast the deadline is not begun: the plugin still has time to say where things stand.
        if self.end.cancel.is_cancelled() || self.remaining().saturating_sub(self.clock.ahead()) <= time {
            return Ok(false);
        }
        let woken = tokio::select! {
            () = self.clock.sleep(time) => true,
            () = self.end.cancel.cancelled() => false,
        };
        Ok(woken)
    }
}

impl process::Host for Session {
    async fn spawn_detached(
        &mut self,
        command: process::Command,
    ) -> wasmtime::Result<Result<process::Handle, process::SpawnError>> {
        self.gated(short(&[&command.line]), process::SpawnError::NotGranted, move |gates| {
            let spawned = gates.process().and_then(|gate| gate.spawn_detached(&self::command(command)));
            spawned
                .map(|handle| process::Handle { pid: handle.pid, started: handle.started })
                .map_err(|error| gates.spawn_error(error))
        })
        .await
    }

    async fn run(
        &mut self,
        command: process::Command,
        timeout_milliseconds: u32,
    ) -> wasmtime::Result<Result<process::Completed, process::SpawnError>> {
        // The process, and the thread that waits for it, end with the operation.
        let timeout = Duration::from_millis(timeout_milliseconds.into()).min(self.remaining());
        self.gated(short(&[&command.line]), process::SpawnError::NotGranted, move |gates| {
            let run = gates.process().and_then(|gate| gate.run(&self::command(command), timeout));
            run.map(|done| process::Completed { code: done.code, stdout: done.stdout, stderr: done.stderr })
                .map_err(|error| gates.spawn_error(error))
        })
        .await
    }

    async fn alive(&mut self, handle: process::Handle) -> wasmtime::Result<bool> {
        let alive = self
            .gated(
                short(&[&handle.started]),
                |_| (),
                move |gates| gates.process().map(|gate| gate.alive(&self::handle(handle))).map_err(|_| ()),
            )
            .await?;
        Ok(alive.unwrap_or(false))
    }

    async fn terminate(
        &mut self,
        handle: process::Handle,
        grace_milliseconds: u32,
    ) -> wasmtime::Result<Result<bool, process::SpawnError>> {
        let grace = Duration::from_millis(grace_milliseconds.into()).min(self.remaining());
        self.gated(short(&[&handle.started]), process::SpawnError::NotGranted, move |gates| {
            let ended = gates.process().and_then(|gate| gate.terminate(&self::handle(handle), grace));
            ended.map_err(|error| gates.spawn_error(error))
        })
        .await
    }

    async fn log_tail(&mut self, lines: u32) -> wasmtime::Result<String> {
        let tail = self
            .gated(
                Ok(()),
                |_| (),
                move |gates| gates.process().map(|gate| gate.log_tail(lines)).map_err(|_| ()),
            )
            .await?;
        Ok(tail.unwrap_or_default())
    }

    async fn probe(&mut self, url: String) -> wasmtime::Result<Result<u16, String>> {
        self.gated(
            short(&[&url]),
            |reason| reason,
            move |gates| {
                let status = gates.process().and_then(|gate| gate.probe(&url));
                status.map_err(|error| match error {
                    ProcessError::Denied(denial) => gates.deny(denial),
                    other => other.to_string(),
                })
            },
        )
        .await
    }
}

fn command(command: process::Command) -> Command {
    let env = command.env.into_iter();
    Command {
        line: command.line,
        directory: command.directory.into(),
        env: env
            .map(|variable| ss_provider::Variable { name: variable.name, value: variable.value })
            .collect(),
    }
}

fn handle(handle: process::Handle) -> Handle {
    Handle { pid: handle.pid, started: handle.started }
}

impl files::Host for Session {
    async fn read(&mut self, path: String) -> wasmtime::Result<Result<String, files::FileError>> {
        self.gated(short(&[&path]), files::FileError::NotGranted, move |gates| {
            gates.files.read(&path).map_err(|error| gates.file_error(error))
        })
        .await
    }

    async fn write(
        &mut self,
        path: String,
        content: String,
    ) -> wasmtime::Result<Result<bool, files::FileError>> {
        self.gated(short(&[&path]), files::FileError::NotGranted, move |gates| {
            gates.files.write(&path, &content).map_err(|error| gates.file_error(error))
        })
        .await
    }
}

impl Gates {
    fn vault_error(&self, error: VaultError) -> vault::Denial {
        match error {
            VaultError::Denied(denial) => vault::Denial::NotGranted(self.deny(denial)),
            VaultError::Unavailable { reason } => vault::Denial::Unavailable(reason),
        }
    }

    fn secrets_error(&self, error: SecretsError) -> vault::Denial {
        match error {
            SecretsError::Denied(denial) => vault::Denial::NotGranted(self.deny(denial)),
            SecretsError::Unavailable { reason } => vault::Denial::Unavailable(reason),
        }
    }

    fn spawn_error(&self, error: ProcessError) -> process::SpawnError {
        match error {
            ProcessError::Denied(denial) => process::SpawnError::NotGranted(self.deny(denial)),
            ProcessError::ProgramNotFound { program } => process::SpawnError::ProgramNotFound(program),
            ProcessError::Malformed { line } => process::SpawnError::Malformed(line),
            ProcessError::Failed { reason } => process::SpawnError::Failed(reason),
        }
    }

    fn file_error(&self, error: FilesError) -> files::FileError {
        match error {
            FilesError::Denied(denial) => files::FileError::NotGranted(self.deny(denial)),
            FilesError::NotFound { path } => files::FileError::NotFound(path),
            FilesError::Unusable { .. } => files::FileError::Failed(error.to_string()),
            FilesError::File(file) => files::FileError::Failed(format!("{file}: {}", file.source)),
        }
    }
}
