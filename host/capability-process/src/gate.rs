//! The processes that one operation may start, watch and end.

use std::ffi::OsString;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ss_authority::ProcessAuthority;
use ss_provider::{Effect, Effects, Phase, Service};
use ss_secret::{Seals, Source};

use crate::policy::{Judged, denied, judge, judge_probe, printable};
use crate::spawn::{self, Prepared};
use crate::{Command, Completed, Handle, ProcessError, probe};

/// Processes that one operation may start. A service is one process and perhaps a helper or two; more is
/// a plugin gone wrong.
const MAX_SPAWNS: u32 = 16;
/// What a plugin may see of a log, in bytes.
const MAX_LOG_TAIL: u64 = 8 * 1024;
/// Longest that a plugin may wait for a process to end.
const MAX_GRACE: Duration = Duration::from_secs(60);

/// What a gate needs to know beside the grant.
pub struct ProcessConfig {
    /// The grant; none if there is none.
    pub authority: Option<ProcessAuthority>,
    /// The service of the user's file.
    pub service: Arc<Service>,
    /// Folder of `starsystem.yaml`, where commands run.
    pub config_dir: PathBuf,
    /// What `~` stands for.
    pub home: Option<PathBuf>,
    /// The service's log file.
    pub log: PathBuf,
    /// Environment that commands inherit, see [`crate::inherited_environment`].
    pub environment: Arc<Vec<(OsString, OsString)>>,
    /// Processes that the recorded state of this service names.
    pub known: Vec<Handle>,
    /// Processes are started and ended only where the operation may change something.
    pub phase: Phase,
    /// Secrets behind sealed tokens.
    pub seals: Arc<Seals>,
    /// The journal.
    pub effects: Arc<dyn Effects>,
}

/// The gate of one operation.
pub struct ProcessGate {
    config: ProcessConfig,
    own: Mutex<Vec<Handle>>,
    spawned: AtomicU32,
    /// Where the log of the process begins that this operation started, in bytes.
    log_start: AtomicU64,
}

impl ProcessGate {
    /// The gate of one operation.
    pub fn new(config: ProcessConfig) -> Self {
        Self {
            own: Mutex::new(config.known.clone()),
            config,
            spawned: AtomicU32::new(0),
            log_start: AtomicU64::new(0),
        }
    }

    /// Starts a process that outlives `ss`, its output appended to the service's log.
    ///
    /// # Errors
    /// If it is not granted, not found, or cannot be started. Nothing runs then.
    pub fn spawn_detached(&self, command: &Command) -> Result<Handle, ProcessError> {
        self.check_phase()?;
        let prepared = self.prepare(self.judge(command)?, command)?;
        self.journalled(&Effect::Spawn { program: prepared.words[0].clone() }, || {
            let (handle, log_start) = spawn::detached(&prepared, &self.config.log)?;
            self.log_start.store(log_start, Ordering::SeqCst);
            self.own.lock().unwrap_or_else(PoisonError::into_inner).push(handle.clone());
            Ok(handle)
        })
    }

    /// Runs a process to its end. One that the grant says only looks runs while planning too, and is not
    /// journalled: after a crash there is nothing to look for.
    ///
    /// # Errors
    /// As [`spawn_detached`](Self::spawn_detached), and if it takes longer than `timeout`; it is killed then.
    pub fn run(&self, command: &Command, timeout: Duration) -> Result<Completed, ProcessError> {
        let judged = self.judge(command)?;
        if judged.reads {
            return spawn::to_end(&self.prepare(judged, command)?, timeout);
        }
        self.check_phase()?;
        let prepared = self.prepare(judged, command)?;
        self.journalled(&Effect::Spawn { program: prepared.words[0].clone() }, || {
            spawn::to_end(&prepared, timeout)
        })
    }

    /// Whether this very process is alive. Processes that are not this service's count as dead.
    pub fn alive(&self, handle: &Handle) -> bool {
        self.is_own(handle) && handle.is_alive()
    }

    /// Ends the process and its group: TERM, then KILL after the grace (at most 60 s). True once nothing
    /// is left. A process that is already gone, or whose number is another's now, is left alone.
    ///
    /// # Errors
    /// If it is not this service's, or this operation may change nothing.
    pub fn terminate(&self, handle: &Handle, grace: Duration) -> Result<bool, ProcessError> {
        self.check_phase()?;
        if !self.is_own(handle) {
            return Err(denied(
                format!(
                    "the plugin may not end process {}: it is not of service `{}`",
                    handle.pid, self.config.service.id
                ),
                None,
            ));
        }
        if !handle.is_alive() {
            return Ok(true);
        }
        self.journalled(&Effect::Terminate { pid: handle.pid }, || {
            Ok(spawn::end_group(handle, grace.min(MAX_GRACE)))
        })
    }

    /// The last lines of the service's log, at most 8 KiB. After a start only what was written since: what
    /// an earlier process said explains nothing about this one.
    pub fn log_tail(&self, lines: u32) -> String {
        let tail = || -> std::io::Result<String> {
            let mut file = std::fs::File::open(&self.config.log)?;
            let length = file.metadata()?.len();
            let start = length.saturating_sub(MAX_LOG_TAIL).max(self.log_start.load(Ordering::SeqCst));
            file.seek(SeekFrom::Start(start))?;
            let mut bytes = Vec::new();
            file.take(MAX_LOG_TAIL).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        };
        let text = tail().unwrap_or_default();
        let wanted = usize::try_from(lines).unwrap_or(usize::MAX);
        let skip = text.lines().count().saturating_sub(wanted);
        text.lines().skip(skip).collect::<Vec<_>>().join("\n")
    }

    /// The HTTP status of one GET of a URL that the service's options name.
    ///
    /// # Errors
    /// If no granted option names it, or there is no HTTP answer within 5 s.
    pub fn probe(&self, url: &str) -> Result<u16, ProcessError> {
        judge_probe(self.config.authority.as_ref(), &self.config.service, url)?;
        probe::status(url).map_err(ProcessError::failed)
    }

    fn judge(&self, command: &Command) -> Result<Judged, ProcessError> {
        let config = &self.config;
        judge(config.authority.as_ref(), &config.service, &config.config_dir, command)
    }

    fn prepare(&self, judged: Judged, command: &Command) -> Result<Prepared, ProcessError> {
        let config = &self.config;
        if self.spawned.fetch_add(1, Ordering::SeqCst) >= MAX_SPAWNS {
            return Err(denied(format!("the plugin may not start more than {MAX_SPAWNS} processes"), None));
        }
        let words: Vec<String> = judged.words.into_iter().map(|word| self.expand(word)).collect();
        let path = config.environment.iter().find(|(name, _)| name == "PATH").map(|(_, value)| value);
        let program = spawn::find_program(&words[0], &config.config_dir, path)?;
        let mut env: Vec<(OsString, OsString)> = config.environment.to_vec();
        for variable in &command.env {
            let value = config
                .seals
                .resolve(&variable.value, |source| {
                    matches!(source, Source::Injected(_) | Source::Generated(_))
                })
                .map_err(|_| {
                    ProcessError::failed(format!(
                        "the variable `{}` holds a sealed token that may not go into an environment",
                        printable(&variable.name)
                    ))
                })?;
            env.retain(|(name, _)| name != variable.name.as_str());
            let value = <OsString as std::os::unix::ffi::OsStringExt>::from_vec(value.expose().to_vec());
            env.push((OsString::from(&variable.name), value));
        }
        Ok(Prepared { program, words, directory: config.config_dir.clone(), env })
    }

    /// `~` at the start of a word, and behind the `=` of an option, is the home folder.
    fn expand(&self, word: String) -> String {
        let Some(home) = self.config.home.as_ref().and_then(|home| home.to_str()) else { return word };
        if word == "~" {
            return home.to_owned();
        }
        if let Some(rest) = word.strip_prefix("~/") {
            return format!("{home}/{rest}");
        }
        match word.split_once("=~/") {
            Some((option, rest)) if option.starts_with('-') => format!("{option}={home}/{rest}"),
            _ => word,
        }
    }

    fn is_own(&self, handle: &Handle) -> bool {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).contains(handle)
    }

    fn check_phase(&self) -> Result<(), ProcessError> {
        if self.config.phase == Phase::Mutating {
            return Ok(());
        }
        Err(denied("processes are started and ended by `provision` and `destroy` only".to_owned(), None))
    }

    fn journalled<T>(
        &self,
        effect: &Effect,
        act: impl FnOnce() -> Result<T, ProcessError>,
    ) -> Result<T, ProcessError> {
        ss_provider::journalled(&*self.config.effects, effect, act)
            .map_err(|error| ProcessError::failed(format!("the journal cannot be written: {error}")))?
    }
}

#[cfg(test)]
mod tests;
