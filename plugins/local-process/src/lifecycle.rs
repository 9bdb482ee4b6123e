//! Starting, checking, restarting and ending a process.

use std::time::Duration;

use ss_sdk::{Command, Context, Failure, FileError, Service, SpawnError};

use crate::definition::Definition;
use crate::options::Options;
use crate::record::Record;

/// How long a process may take to end after TERM.
const GRACE: Duration = Duration::from_secs(10);

/// How long a process without a health check must live to count as started.
const SETTLE: Duration = Duration::from_millis(300);

/// Lines of output that a failure quotes.
const QUOTED_LINES: u32 = 10;

/// What waiting for a process came to.
enum Verdict {
    Healthy,
    /// It is gone.
    Ended,
    /// It is there and had its time; why the health check does not pass.
    Unhealthy(String),
}

/// One service on its way to a healthy process.
pub struct Lifecycle<'a, 'h> {
    context: &'a Context<'h>,
    service: &'a Service<Options>,
    definition: &'a Definition,
}

impl<'a, 'h> Lifecycle<'a, 'h> {
    /// The way of this service to its definition.
    pub fn new(context: &'a Context<'h>, service: &'a Service<Options>, definition: &'a Definition) -> Self {
        Self { context, service, definition }
    }

    /// Makes sure that a healthy process of the definition runs. Returns it and a line about it.
    pub fn converge(&self) -> Result<(Record, String), Failure> {
        let file_changed = self.write_config()?;
        let running = Record::latest(self.context).filter(|record| self.is_alive(record));
        let Some(record) = running else {
            return self.started("started");
        };
        let current = !file_changed && self.definition.changes_since(&record, self.context).is_empty();
        if current && matches!(self.check(&record)?, Verdict::Healthy) {
            let record = self.refreshed(record);
            let summary = record.running();
            return Ok((record, summary));
        }
        terminate(self.context, &record)?;
        self.context.step(format!("stopped (pid {})", record.pid));
        self.started("restarted")
    }

    /// Starts the process. With a health check its start is a step, and the line says that it is healthy.
    fn started(&self, what: &str) -> Result<(Record, String), Failure> {
        let record = self.start()?;
        let summary = match record.health_check {
            Some(_) => record.running(),
            None => format!("{what} (pid {})", record.pid),
        };
        Ok((record, summary))
    }

    /// The record with what may change without a restart.
    fn refreshed(&self, record: Record) -> Record {
        Record {
            health_check: self.service.options.health_check.clone(),
            inputs: self.context.inputs_digest.clone().or(record.inputs),
            ..record
        }
    }

    fn write_config(&self) -> Result<bool, Failure> {
        let Some(file) = &self.definition.config else {
            return Ok(false);
        };
        self.context.files().write(&file.output, &file.text).map_err(|error| match error {
            FileError::NotFound(message) | FileError::NotGranted(message) | FileError::Failed(message) => {
                Failure::invalid_configuration(
                    self.service.option_path("generate_config.output"),
                    format!("the configuration file cannot be written: {message}"),
                )
            }
        })
    }

    fn start(&self) -> Result<Record, Failure> {
        self.refuse_if_taken()?;
        let directory = self.context.config_dir.clone();
        let command = Command {
            line: self.definition.command.clone(),
            directory: directory.ok_or_else(|| Failure::internal("there is no directory to start it in"))?,
            env: self.service.env.clone(),
        };
        let handle =
            self.context.processes().spawn_detached(&command).map_err(|error| self.not_started(error))?;
        let health_check = self.service.options.health_check.clone();
        let record = self.definition.record(handle, health_check, self.context.inputs_digest.clone());
        self.context.save_partial(&record)?;
        if record.health_check.is_some() {
            self.context.step(format!("started (pid {})", record.pid));
        } else {
            self.context.sleep(SETTLE);
        }
        match self.check(&record)? {
            Verdict::Healthy => Ok(record),
            Verdict::Ended => Err(self.ended(&record)),
            Verdict::Unhealthy(reason) => Err(self.unhealthy(&record, &reason)),
        }
    }

    /// A health check that passes before the start would pass for somebody else's process.
    fn refuse_if_taken(&self) -> Result<(), Failure> {
        let Some(url) = &self.service.options.health_check else {
            return Ok(());
        };
        if probe(self.context, url).is_err() {
            return Ok(());
        }
        Err(Failure::conflict(format!(
            "something already answers at {url} although `{}` is not running",
            self.service.id
        ))
        .with_next_step("end the process that uses that address, or give this service another one"))
    }

    fn not_started(&self, error: SpawnError) -> Failure {
        match error {
            SpawnError::ProgramNotFound(program) => {
                let failure =
                    Failure::invalid_configuration("command", format!("`{program}` was not found on PATH"));
                let hint = self.service.options.install_hint.clone();
                failure.with_next_step(
                    hint.unwrap_or_else(|| format!("install `{program}`, or correct the command")),
                )
            }
            SpawnError::Malformed(message) => Failure::invalid_configuration("command", message),
            SpawnError::NotGranted(message) => Failure::internal(message),
            SpawnError::Failed(message) => {
                Failure::unavailable(format!("the process did not start: {message}"))
            }
        }
    }

    /// Waits until the process is healthy, has ended, or has had its time.
    fn check(&self, record: &Record) -> Result<Verdict, Failure> {
        let Some(url) = &self.service.options.health_check else {
            return Ok(if self.is_alive(record) { Verdict::Healthy } else { Verdict::Ended });
        };
        let mut reason = String::new();
        let wait =
            self.context.wait(format!("the health check at {url}"), self.service.options.health_timeout());
        let wait = wait.pausing(Duration::from_millis(100), Duration::from_secs(1));
        let verdict = wait.within_limit(|| {
            if !self.is_alive(record) {
                return Ok(Some(Verdict::Ended));
            }
            match probe(self.context, url) {
                Ok(()) => Ok(Some(Verdict::Healthy)),
                Err(why) => {
                    reason = why;
                    Ok(None)
                }
            }
        })?;
        Ok(verdict.unwrap_or(Verdict::Unhealthy(reason)))
    }

    fn is_alive(&self, record: &Record) -> bool {
        self.context.processes().alive(&record.handle())
    }

    /// A conflict, not `unavailable`: asking again later does not bring the process back.
    fn ended(&self, record: &Record) -> Failure {
        Failure::conflict(self.with_output(format!(
            "`{}` (pid {}) ended before it was healthy",
            self.definition.program(),
            record.pid
        )))
    }

    fn unhealthy(&self, record: &Record, reason: &str) -> Failure {
        let seconds = self.service.options.health_timeout().as_secs();
        Failure::unavailable(
            self.with_output(format!("pid {} runs, but after {seconds} s {reason}", record.pid)),
        )
        .with_next_step("correct `health_check`, or allow more time with `health_timeout`")
    }

    /// The message with the last output of the process under it.
    fn with_output(&self, message: String) -> String {
        let output = self.context.processes().log_tail(QUOTED_LINES);
        let output = output.trim_end();
        if output.is_empty() { message } else { format!("{message}; its last output:\n{output}") }
    }
}

/// Asks a health check once. The reason says what was wrong.
pub fn probe(context: &Context<'_>, url: &str) -> Result<(), String> {
    match context.processes().probe(url) {
        Ok(200..=399) => Ok(()),
        Ok(status) => Err(format!("the health check at {url} answers {status}")),
        Err(why) => Err(format!("the health check at {url} does not answer: {why}")),
    }
}

/// Ends a process. One that is gone already is fine.
pub fn terminate(context: &Context<'_>, record: &Record) -> Result<(), Failure> {
    match context.processes().terminate(&record.handle(), GRACE) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::conflict(format!("pid {} did not end", record.pid))),
        Err(SpawnError::NotGranted(message)) => Err(Failure::internal(message)),
        Err(
            SpawnError::Failed(message)
            | SpawnError::Malformed(message)
            | SpawnError::ProgramNotFound(message),
        ) => Err(Failure::conflict(format!("pid {} could not be ended: {message}", record.pid))),
    }
}
