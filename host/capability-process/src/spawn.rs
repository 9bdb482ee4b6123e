//! Starting processes: detached ones that outlive `ss`, and short ones that are waited for.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command as OsCommand, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::{Handle, ProcessError, identity};

/// A log larger than this is set aside (as `.1`) when its service is started again, in bytes.
const MAX_LOG: u64 = 10 * 1024 * 1024;
/// What is kept of each output of a command that is waited for, in bytes.
const MAX_OUTPUT: u64 = 1024 * 1024;
/// How often an ended process is looked for.
const POLL: Duration = Duration::from_millis(10);

/// A command that has been judged, with its secrets in place.
pub(crate) struct Prepared {
    pub program: PathBuf,
    pub words: Vec<String>,
    pub directory: PathBuf,
    pub env: Vec<(OsString, OsString)>,
}

/// How a process that ran to its end ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completed {
    /// Exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// At most 1 MiB of standard output.
    pub stdout: String,
    /// At most 1 MiB of standard error.
    pub stderr: String,
}

impl Prepared {
    fn command(&self) -> OsCommand {
        let mut command = OsCommand::new(&self.program);
        command
            .arg0(&self.words[0])
            .args(&self.words[1..])
            .current_dir(&self.directory)
            .env_clear()
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

/// The file that the first word means: looked up on the PATH unless it has a slash.
pub(crate) fn find_program(
    word: &str,
    directory: &Path,
    path: Option<&OsString>,
) -> Result<PathBuf, ProcessError> {
    let executable = |file: &Path| {
        std::fs::metadata(file).is_ok_and(|known| known.is_file() && known.permissions().mode() & 0o111 != 0)
    };
    let found = if word.contains('/') {
        Some(directory.join(word)).filter(|file| executable(file))
    } else {
        path.and_then(|path| {
            std::env::split_paths(path).map(|folder| folder.join(word)).find(|file| executable(file))
        })
    };
    found.ok_or_else(|| ProcessError::ProgramNotFound { program: word.to_owned() })
}

/// Starts the process in a session of its own, so that no terminal's end reaches it. Says also where in the
/// log its output begins.
pub(crate) fn detached(prepared: &Prepared, log: &Path) -> Result<(Handle, u64), ProcessError> {
    let output = open_log(log)?;
    let log_start = output.metadata().map_or(0, |known| known.len());
    let errors =
        output.try_clone().map_err(|error| ProcessError::failed(format!("cannot use the log: {error}")))?;
    let mut command = prepared.command();
    command.stdout(output).stderr(errors);
    #[expect(unsafe_code, reason = "std has no stable way to ask for a new session")]
    // SAFETY: the closure runs between fork and exec; it makes one system call, which is
    // async-signal-safe, and touches no memory of the parent.
    unsafe {
        command.pre_exec(|| {
            rustix::process::setsid()?;
            Ok(())
        });
    }
    let child = command.spawn().map_err(|error| {
        ProcessError::failed(format!("cannot start `{}`: {error}", prepared.program.display()))
    })?;
    let handle = Handle::of(child.id());
    identity::adopt(child);
    handle
        .map(|handle| (handle, log_start))
        .ok_or_else(|| ProcessError::failed("the process has vanished before it could be recorded"))
}

fn open_log(log: &Path) -> Result<File, ProcessError> {
    let failed = |error: std::io::Error| {
        ProcessError::failed(format!("cannot open the log `{}`: {error}", log.display()))
    };
    if let Some(folder) = log.parent() {
        ss_durable::create_private_dir(folder).map_err(|error| ProcessError::failed(error.to_string()))?;
    }
    if std::fs::metadata(log).is_ok_and(|known| known.len() > MAX_LOG) {
        std::fs::rename(log, log.with_extension("log.1")).map_err(failed)?;
    }
    OpenOptions::new().create(true).append(true).mode(0o600).open(log).map_err(failed)
}

/// Runs the process to its end; after the timeout its whole group is killed.
pub(crate) fn to_end(prepared: &Prepared, timeout: Duration) -> Result<Completed, ProcessError> {
    let deadline = Instant::now() + timeout;
    let mut child =
        prepared.command().stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0).spawn().map_err(
            |error| ProcessError::failed(format!("cannot start `{}`: {error}", prepared.program.display())),
        )?;
    let stdout = collect(child.stdout.take());
    let stderr = collect(child.stderr.take());
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(POLL),
            Ok(None) => {
                kill(&mut child);
                return Err(ProcessError::failed(format!(
                    "`{}` did not end within {} s",
                    prepared.words.join(" "),
                    timeout.as_secs()
                )));
            }
            Err(error) => return Err(ProcessError::failed(format!("cannot wait for a process: {error}"))),
        }
    };
    // A grandchild may hold the pipes open; what has come until now is what there is.
    let grace = Duration::from_millis(500);
    Ok(Completed {
        code: status.code(),
        stdout: stdout.recv_timeout(grace).unwrap_or_default(),
        stderr: stderr.recv_timeout(grace).unwrap_or_default(),
    })
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            let _ = pipe.by_ref().take(MAX_OUTPUT).read_to_end(&mut bytes);
            let _ = sender.send(String::from_utf8_lossy(&bytes).into_owned());
            // Keep reading, so that the process does not hang on a full pipe.
            let _ = std::io::copy(&mut pipe, &mut std::io::sink());
        }
    });
    receiver
}

fn kill(child: &mut Child) {
    if let Some(group) = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw) {
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.wait();
}

/// Ends the process group: TERM, then KILL after the grace. True once nothing is left of it.
pub(crate) fn end_group(handle: &Handle, grace: Duration) -> bool {
    use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
    let Some(group) = i32::try_from(handle.pid).ok().and_then(Pid::from_raw) else { return true };
    let gone = || {
        identity::reap(handle.pid);
        test_kill_process_group(group).is_err()
    };
    for (signal, patience) in [(Signal::TERM, grace), (Signal::KILL, Duration::from_secs(5))] {
        let _ = kill_process_group(group, signal);
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if gone() || !handle.is_alive() && only_zombies_left(handle) {
                return true;
            }
            std::thread::sleep(POLL);
        }
    }
    gone()
}

/// Whether the group's leader has ended and nobody of the group runs: zombies of a foreign parent stay
/// until that parent looks.
fn only_zombies_left(handle: &Handle) -> bool {
    Handle::of(handle.pid).is_some_and(|known| known == *handle) && !group_runs(handle.pid)
}

/// Whether any process of the group runs.
#[cfg(target_os = "linux")]
fn group_runs(group: u32) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.flatten().any(|entry| {
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { return false };
        let Some(end) = stat.rfind(')') else { return false };
        let mut fields = stat[end + 1..].split_ascii_whitespace();
        let state = fields.next();
        let process_group = fields.nth(1).and_then(|text| text.parse::<u32>().ok());
        process_group == Some(group) && !matches!(state, Some("Z" | "X"))
    })
}

/// Whether any process of the group runs: unknown here, so the group counts as running until it is gone.
#[cfg(not(target_os = "linux"))]
fn group_runs(_group: u32) -> bool {
    true
}
