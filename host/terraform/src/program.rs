//! Running Terraform: what only reads through pipes, what changes something into a file.
//!
//! An apply must not die with `ss`: on a broken pipe Terraform would end between making a resource and
//! noting it. So it prints into a file that is read while it grows, in a process group of its own, and is
//! asked to stop by the signal that it understands. It then finishes what it does and keeps its state.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::Read as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use ss_provider::{Cancel, Failure};
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, Command};

use crate::events::{Said, Transcript};
use crate::{failure, folder};

/// What it is called, in the order in which it is looked for.
const NAMES: [&str; 2] = ["terraform", "tofu"];
/// How often a growing output is looked at.
const LOOK: Duration = Duration::from_millis(50);
/// The most that is read of an answer. A state of ten thousand resources is about 20 MB.
const ANSWER: u64 = 256 << 20;
/// The most that is read of a complaint.
const COMPLAINT: u64 = 1 << 20;

/// The installed Terraform or OpenTofu.
pub(crate) struct Program(PathBuf);

/// One call of it.
pub(crate) struct Call<'a> {
    /// Its subcommand.
    pub step: &'static str,
    /// What follows it.
    pub arguments: Vec<OsString>,
    /// Folder of the root module.
    pub module: &'a Path,
    /// Its whole environment.
    pub environment: &'a [(OsString, OsString)],
}

impl Program {
    /// Looks for it in these folders.
    ///
    /// # Errors
    /// If it is in none.
    pub(crate) fn find(folders: Option<&OsStr>) -> Result<Self, Failure> {
        let folders: Vec<PathBuf> = folders.into_iter().flat_map(std::env::split_paths).collect();
        let candidates = NAMES.iter().flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
        candidates.into_iter().find(|file| file.is_file()).map(Self).ok_or_else(failure::missing)
    }

    /// Its name, for the journal.
    pub(crate) fn name(&self) -> String {
        self.0.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn command(&self, call: &Call<'_>) -> Command {
        let mut command = Command::new(&self.0);
        command
            .arg(crate::inputs::argument("-chdir=", call.module.as_os_str()))
            .arg(call.step)
            .args(&call.arguments)
            .env_clear()
            .envs(call.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }

    /// Runs what changes nothing, and returns what it prints.
    ///
    /// # Errors
    /// If it cannot be run or fails.
    pub(crate) async fn read(&self, call: Call<'_>) -> Result<Vec<u8>, Failure> {
        let mut command = self.command(&call);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failure::not_started(&error))?;
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let (answer, complaint, status) = tokio::join!(all(out, ANSWER), all(err, COMPLAINT), child.wait());
        let (answer, status) = match (answer, status) {
            (Ok(answer), Ok(status)) => (answer, status),
            (Err(error), _) | (_, Err(error)) => return Err(failure::not_started(&error)),
        };
        if status.success() {
            return Ok(answer);
        }
        let (answer, complaint) = (String::from_utf8_lossy(&answer), complaint.unwrap_or_default());
        let complaint = String::from_utf8_lossy(&complaint);
        let mut transcript = Transcript::default();
        // What a step prints before it fails says less than its events or its complaint.
        let events = answer.lines().filter(|line| complaint.trim().is_empty() || line.starts_with('{'));
        for line in events.chain(complaint.lines()) {
            transcript.take(line);
        }
        Err(failure::failed(call.step, &transcript.why()))
    }

    /// Runs what changes something. `output` is a file for what it prints, which is gone afterwards; `told`
    /// hears what a person wants to know.
    ///
    /// # Errors
    /// If it cannot be run, fails, or a person stopped it.
    pub(crate) async fn change(
        &self,
        call: Call<'_>,
        output: &Path,
        cancel: &Cancel,
        told: &(dyn Fn(Said) + Sync),
    ) -> Result<(), Failure> {
        let (writer, mut reader) = open(output).map_err(|error| folder::unusable(output, &error))?;
        let errors = writer.try_clone().map_err(|error| folder::unusable(output, &error))?;
        let mut command = self.command(&call);
        command.stdout(writer).stderr(errors).process_group(0);
        let mut child = command.spawn().map_err(|error| failure::not_started(&error))?;
        drop(command);
        let (mut transcript, mut lines, mut asked) = (Transcript::default(), Lines::default(), false);
        let status = loop {
            let ended = tokio::time::timeout(LOOK, child.wait()).await;
            lines.read(&mut reader, |line| transcript.take(line).into_iter().for_each(told));
            if let Ok(ended) = ended {
                break ended.map_err(|error| failure::not_started(&error))?;
            }
            if cancel.is_cancelled() && !asked {
                interrupt(&child);
                asked = true;
            }
        };
        lines.finish(|line| transcript.take(line).into_iter().for_each(told));
        // It holds nothing that is needed any more.
        let _ = std::fs::remove_file(output);
        match (status.success(), asked) {
            (true, _) => Ok(()),
            (false, true) => Err(failure::cancelled(call.step)),
            (false, false) => Err(failure::failed(call.step, &transcript.why())),
        }
    }
}

/// Asks it to stop, as Ctrl-C does: it finishes what it works on and keeps its state.
fn interrupt(child: &Child) {
    let pid = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::INT);
    }
}

fn open(output: &Path) -> std::io::Result<(File, File)> {
    let writer = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(output)?;
    Ok((writer, File::open(output)?))
}

async fn all(stream: Option<impl AsyncRead + Unpin>, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(stream) = stream {
        stream.take(most).read_to_end(&mut bytes).await?;
        if bytes.len() as u64 == most {
            return Err(std::io::Error::other("it prints too much"));
        }
    }
    Ok(bytes)
}

/// Whole lines of a file that grows.
#[derive(Default)]
struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    fn read(&mut self, from: &mut File, mut take: impl FnMut(&str)) {
        // What cannot be read now is read the next time; the exit status is what counts.
        let _ = from.take(COMPLAINT).read_to_end(&mut self.rest);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            take(String::from_utf8_lossy(&line).trim_end());
        }
        if self.rest.len() as u64 >= COMPLAINT {
            self.rest.clear();
        }
    }

    fn finish(self, mut take: impl FnMut(&str)) {
        if !self.rest.is_empty() {
            take(String::from_utf8_lossy(&self.rest).trim_end());
        }
    }
}
