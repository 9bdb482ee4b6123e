//! The Supabase CLI: its commands as this plugin runs them, and what their output means.
//!
//! The CLI has no error codes: what is wrong is told by words, in which versions differ. Words that are not
//! known count as a stack that does not run; starting it then says what is wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;
use ss_sdk::{Command, Completed, Context, Failure, Host, SpawnError, Variable};

/// How long a command may take that starts nothing.
const SHORT: Duration = Duration::from_secs(60);

/// How long a start may take: the first one fetches gigabytes of images.
const START_LIMIT: Duration = Duration::from_secs(25 * 60);

/// How long a stop may take.
const STOP_LIMIT: Duration = Duration::from_secs(5 * 60);

/// How to install the CLI, where the file does not say.
const INSTALL_HINT: &str =
    "install the Supabase CLI: `brew install supabase/tap/supabase`, or `npm install --global supabase`";

/// Longest part of the CLI's output that is quoted.
const LONGEST_QUOTE: usize = 400;

/// What the CLI says of the stack.
pub enum Stack {
    /// It runs; its addresses and keys under the CLI's own names.
    Running(BTreeMap<String, Value>),
    /// It does not run, in the CLI's words.
    Stopped(String),
}

/// The CLI, in the folder of one stack.
pub struct Cli<'a, 'h> {
    context: &'a Context<'h>,
    workdir: Option<&'a str>,
    install_hint: Option<&'a str>,
}

impl<'a, 'h> Cli<'a, 'h> {
    /// The CLI for the stack in this folder.
    pub fn new(context: &'a Context<'h>, workdir: Option<&'a str>, install_hint: Option<&'a str>) -> Self {
        Self { context, workdir, install_hint }
    }

    /// Whether the stack runs.
    ///
    /// # Errors
    ///
    /// The CLI or Docker is not there, or the folder is not.
    pub fn status(&self) -> Result<Stack, Failure> {
        let done = self.run("supabase status -o json", SHORT)?;
        if done.code == Some(0)
            && let Some(values) = object(&done.stdout)
        {
            return Ok(Stack::Running(values));
        }
        let said = said(&done);
        self.obstacle(&said).map_or(Ok(Stack::Stopped(said)), Err)
    }

    /// Starts the stack, without these containers. Sets the folder up if it never was.
    ///
    /// # Errors
    ///
    /// It did not start, in the CLI's words.
    pub fn start(&self, exclude: &[String]) -> Result<(), Failure> {
        let without = if exclude.is_empty() { String::new() } else { format!(" -x {}", exclude.join(",")) };
        let line = format!("supabase start{without}");
        let what = "waiting for the Supabase stack to start; the first time it fetches its images";
        Host::waiting(self.context.host, what);
        let mut done = self.run(&line, START_LIMIT)?;
        if done.code != Some(0) && is_not_set_up(&said(&done)) {
            self.expect(&self.run("supabase init", SHORT)?, "set up the folder")?;
            self.context.step("supabase/config.toml created");
            Host::waiting(self.context.host, what);
            done = self.run(&line, START_LIMIT)?;
        }
        self.expect(&done, "start the stack")
    }

    /// Stops the stack; with `forget`, deletes its data too.
    ///
    /// # Errors
    ///
    /// It did not stop, in the CLI's words.
    pub fn stop(&self, forget: bool) -> Result<(), Failure> {
        let line = if forget { "supabase stop --no-backup" } else { "supabase stop" };
        self.expect(&self.run(line, STOP_LIMIT)?, "stop the stack")
    }

    fn run(&self, line: &str, limit: Duration) -> Result<Completed, Failure> {
        let workdir = self.workdir.map(|folder| format!(" --workdir {}", quoted(folder))).unwrap_or_default();
        let directory = self.context.config_dir.clone();
        let command = Command {
            line: format!("{line}{workdir}"),
            directory: directory.ok_or_else(|| Failure::internal("there is no directory to run it in"))?,
            env: vec![Variable { name: "DO_NOT_TRACK".into(), value: "1".into() }],
        };
        self.context.processes().run(&command, limit).map_err(|error| self.not_run(error))
    }

    fn not_run(&self, error: SpawnError) -> Failure {
        match error {
            SpawnError::ProgramNotFound(program) => {
                Failure::conflict(format!("the Supabase CLI is not installed: `{program}` is not on PATH"))
                    .with_next_step(self.install_hint.unwrap_or(INSTALL_HINT))
            }
            SpawnError::NotGranted(message) | SpawnError::Malformed(message) => Failure::internal(message),
            SpawnError::Failed(message) => Failure::conflict(format!("the Supabase CLI failed: {message}")),
        }
    }

    fn expect(&self, done: &Completed, purpose: &str) -> Result<(), Failure> {
        if done.code == Some(0) {
            return Ok(());
        }
        let said = said(done);
        let failed = || Failure::conflict(format!("the Supabase CLI could not {purpose}: {said}"));
        Err(self.obstacle(&said).unwrap_or_else(failed))
    }

    /// What stands in the way of every command.
    fn obstacle(&self, said: &str) -> Option<Failure> {
        let words = said.to_lowercase();
        if words.contains("docker daemon") || words.contains("docker desktop is a prerequisite") {
            return Some(
                Failure::conflict(format!("the Supabase CLI needs Docker: {said}"))
                    .with_next_step("install Docker, or start it, and run again"),
            );
        }
        if words.contains("failed to change workdir") {
            let folder = self.workdir.unwrap_or(".");
            return Some(
                Failure::conflict(format!(
                    "the folder `{folder}` of the Supabase stack is not there: {said}"
                ))
                .with_next_step("correct `workdir`, or create the folder"),
            );
        }
        None
    }
}

fn is_not_set_up(said: &str) -> bool {
    let words = said.to_lowercase();
    words.contains("supabase init") || (words.contains("config.toml") && words.contains("no such file"))
}

/// The last lines of what a command said, on one line; of standard error if it said anything there.
fn said(done: &Completed) -> String {
    let text = if done.stderr.trim().is_empty() { &done.stdout } else { &done.stderr };
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.contains("--debug"));
    let line = lines.collect::<Vec<_>>().join(" ");
    let skipped = line.chars().count().saturating_sub(LONGEST_QUOTE);
    if line.is_empty() { "it said nothing".to_owned() } else { line.chars().skip(skipped).collect() }
}

/// The JSON object in an output that may have other lines around it.
fn object(stdout: &str) -> Option<BTreeMap<String, Value>> {
    let start = stdout.find('{')?;
    let end = stdout.rfind('}')?;
    let text = stdout.get(start..=end)?;
    let values: BTreeMap<String, Value> = serde_json::from_str(text).ok()?;
    (!values.is_empty()).then_some(values)
}

/// One word of a command line, whatever stands in it.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}
