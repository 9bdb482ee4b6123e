//! The test host itself.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use super::fake_process::FakeProcesses;
use super::sealed_token;
use crate::http::{Request, Response, TransportError};
use crate::{
    Alphabet, Command, Completed, Context, Denial, FileError, Host, Level, ProcessHandle, SpawnError,
};

/// When the test host crashes within a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// Before the call has its effect.
    Before,
    /// After its effect, before the plugin hears of it.
    After,
}

/// The payload of the unwinding that plays a crash.
struct Crashed;

type Cloud<'c> = Box<dyn FnMut(&Request) -> Result<Response, TransportError> + 'c>;
type Prober<'c> = Box<dyn FnMut(&str, bool) -> Result<u16, String> + 'c>;

/// Plays the commands that are run to their end.
type Runner<'c> = Box<dyn FnMut(&Command) -> Result<Completed, SpawnError> + 'c>;

/// A host that plays every import in memory and keeps what happened.
pub struct FakeHost<'c> {
    inner: RefCell<Inner>,
    cloud: RefCell<Cloud<'c>>,
    prober: RefCell<Prober<'c>>,
    runner: RefCell<Runner<'c>>,
}

#[derive(Default)]
struct Inner {
    calls: usize,
    crash: Option<(usize, Crash)>,
    clock: Duration,
    cancelled: bool,
    requests: Vec<Request>,
    steps: Vec<String>,
    logs: Vec<(String, String)>,
    partial: Option<String>,
    vault: BTreeMap<String, String>,
    files: BTreeMap<String, String>,
    processes: FakeProcesses,
    spawned_processes_die: bool,
    missing_programs: Vec<String>,
    log_tail: String,
}

impl<'c> FakeHost<'c> {
    /// A host whose gate refuses every request.
    pub fn new() -> Self {
        Self::with_cloud(|_| Err(TransportError::Denied("no cloud in this test".into())))
    }

    /// A host whose requests are answered by `cloud`.
    pub fn with_cloud(cloud: impl FnMut(&Request) -> Result<Response, TransportError> + 'c) -> Self {
        Self {
            inner: RefCell::default(),
            cloud: RefCell::new(Box::new(cloud)),
            prober: RefCell::new(Box::new(|_, any_alive| {
                if any_alive { Ok(200) } else { Err("connection refused".into()) }
            })),
            runner: RefCell::new(Box::new(|_| {
                Ok(Completed { code: Some(0), stdout: String::new(), stderr: String::new() })
            })),
        }
    }

    /// Answers probes by `prober`, which is told whether any process is alive. By default a probe gets 200
    /// while one is, and no answer otherwise.
    pub fn set_prober(&self, prober: impl FnMut(&str, bool) -> Result<u16, String> + 'c) {
        *self.prober.borrow_mut() = Box::new(prober);
    }

    /// Answers commands that are run to their end by `runner`. By default they succeed and say nothing.
    pub fn set_runner(&self, runner: impl FnMut(&Command) -> Result<Completed, SpawnError> + 'c) {
        *self.runner.borrow_mut() = Box::new(runner);
    }

    /// A context of project `my-app`, environment `prod` and the given service, with a sealed API key.
    pub fn context(&self, service_id: &str) -> Context<'_> {
        Context {
            project: "my-app".into(),
            environment: "prod".into(),
            service_id: service_id.into(),
            api_key: Some(sealed_token(1)),
            config_dir: Some("/srv/my-app".into()),
            idempotency_key: "00000000000000000000000000000001".into(),
            inputs_digest: Some("00000000000000000000000000000001".into()),
            ..Context::new(self)
        }
    }

    /// Crashes at the host call of this number, counted from 0. See [`FakeHost::attempt`].
    pub fn crash_at(&self, call: usize, crash: Crash) {
        self.inner.borrow_mut().crash = Some((call, crash));
    }

    /// Runs `operation`; none if the host crashed under it.
    pub fn attempt<T>(&self, operation: impl FnOnce() -> T) -> Option<T> {
        match catch_unwind(AssertUnwindSafe(operation)) {
            Ok(value) => Some(value),
            Err(payload) if payload.is::<Crashed>() => None,
            Err(payload) => resume_unwind(payload),
        }
    }

    /// Every wait from now on asks the plugin to wind up.
    pub fn cancel(&self) {
        self.inner.borrow_mut().cancelled = true;
    }

    /// Puts a file there.
    pub fn put_file(&self, path: &str, content: &str) {
        self.inner.borrow_mut().files.insert(path.into(), content.into());
    }

    /// The content of a file.
    pub fn file(&self, path: &str) -> Option<String> {
        self.inner.borrow().files.get(path).cloned()
    }

    /// Puts a value into the vault.
    pub fn put_vault(&self, key: &str, token: &str) {
        self.inner.borrow_mut().vault.insert(key.into(), token.into());
    }

    /// Processes started from now on are dead at once, and this is what they wrote.
    pub fn spawned_processes_die(&self, last_output: &str) {
        let mut inner = self.inner.borrow_mut();
        inner.spawned_processes_die = true;
        inner.log_tail = last_output.into();
    }

    /// Ends a process from outside.
    pub fn end_process(&self, pid: u32) {
        self.inner.borrow_mut().processes.end(pid);
    }

    /// A program that is not installed.
    pub fn remove_program(&self, program: &str) {
        self.inner.borrow_mut().missing_programs.push(program.into());
    }

    /// Commands started so far.
    pub fn commands(&self) -> Vec<Command> {
        self.inner.borrow().processes.commands()
    }

    /// Numbers of the processes alive.
    pub fn alive_processes(&self) -> Vec<u32> {
        self.inner.borrow().processes.alive()
    }

    /// Requests sent so far.
    pub fn requests(&self) -> Vec<Request> {
        self.inner.borrow().requests.clone()
    }

    /// Requests sent so far that may have changed something, as `POST /path`.
    pub fn unsafe_requests(&self) -> Vec<String> {
        let inner = self.inner.borrow();
        let unsafe_requests = inner.requests.iter().filter(|request| !request.method.is_safe());
        unsafe_requests.map(|request| format!("{} {}", request.method.as_str(), request.path())).collect()
    }

    /// Steps told so far.
    pub fn steps(&self) -> Vec<String> {
        self.inner.borrow().steps.clone()
    }

    /// Log lines so far, with their level.
    pub fn logs(&self) -> Vec<(String, String)> {
        self.inner.borrow().logs.clone()
    }

    /// The partial state kept last.
    pub fn partial(&self) -> Option<String> {
        self.inner.borrow().partial.clone()
    }

    /// Counts a call, crashes if it is the one, and lets it have its effect.
    fn call<T>(&self, effect: impl FnOnce() -> T) -> T {
        let crash = {
            let mut inner = self.inner.borrow_mut();
            let number = inner.calls;
            inner.calls += 1;
            inner.crash.filter(|(at, _)| *at == number).map(|(_, crash)| crash)
        };
        if crash == Some(Crash::Before) {
            resume_unwind(Box::new(Crashed));
        }
        let value = effect();
        if crash == Some(Crash::After) {
            resume_unwind(Box::new(Crashed));
        }
        value
    }

    /// A call that needs the host's memory only.
    fn with<T>(&self, effect: impl FnOnce(&mut Inner) -> T) -> T {
        self.call(|| effect(&mut self.inner.borrow_mut()))
    }
}

impl Default for FakeHost<'_> {
    fn default() -> Self {
        Self::new()
    }
}

impl Host for FakeHost<'_> {
    fn send(&self, request: &Request) -> Result<Response, TransportError> {
        self.call(|| {
            self.inner.borrow_mut().requests.push(request.clone());
            (self.cloud.borrow_mut())(request)
        })
    }

    fn vault_get(&self, key: &str) -> Result<Option<String>, Denial> {
        self.with(|inner| Ok(inner.vault.get(key).cloned()))
    }

    fn set_provider_key(&self, provider: &str, name: &str, value: &str) -> Result<(), Denial> {
        self.with(|inner| {
            inner.vault.insert(format!("providers:{provider}/{name}"), value.into());
            Ok(())
        })
    }

    fn derive(&self, _key: &str, _prefix: &str, data: &[u8]) -> Result<String, Denial> {
        self.with(|_| Ok(sealed_token(1000 + data.len() as u64)))
    }

    fn hmac(&self, _key: &str, _data: &[u8]) -> Result<Vec<u8>, Denial> {
        self.with(|_| Ok(vec![0; 32]))
    }

    fn generate(&self, name: &str, _length: u32, _alphabet: Alphabet) -> Result<String, Denial> {
        self.with(|inner| {
            let number = 2000 + inner.vault.len() as u64;
            Ok(inner.vault.entry(format!("generated/{name}")).or_insert_with(|| sealed_token(number)).clone())
        })
    }

    fn reveal(&self, _token: &str) -> Result<String, Denial> {
        self.with(|_| Err(Denial::NotGranted("`reveal` is not granted".into())))
    }

    fn save_partial_state(&self, partial: &str) -> Result<(), String> {
        self.with(|inner| {
            inner.partial = Some(partial.into());
            Ok(())
        })
    }

    fn step(&self, message: &str) {
        self.with(|inner| inner.steps.push(message.into()));
    }

    fn waiting(&self, _message: &str) {}

    fn log(&self, level: Level, message: &str) {
        self.with(|inner| inner.logs.push((format!("{level:?}").to_lowercase(), message.into())));
    }

    fn sleep(&self, duration: Duration) -> bool {
        self.with(|inner| {
            inner.clock += duration;
            !inner.cancelled
        })
    }

    fn wall_clock(&self) -> Duration {
        // 2026-04-27T12:00:00Z, the documented example.
        Duration::from_secs(1_777_291_200) + self.inner.borrow().clock
    }

    fn monotonic_clock(&self) -> Duration {
        self.inner.borrow().clock
    }

    fn spawn_detached(&self, command: &Command) -> Result<ProcessHandle, SpawnError> {
        self.with(|inner| {
            let program = command.line.split_whitespace().next().unwrap_or_default();
            if inner.missing_programs.iter().any(|missing| missing == program) {
                return Err(SpawnError::ProgramNotFound(program.into()));
            }
            Ok(inner.processes.spawn(command, !inner.spawned_processes_die))
        })
    }

    fn run(&self, command: &Command, _timeout: Duration) -> Result<Completed, SpawnError> {
        self.call(|| (self.runner.borrow_mut())(command))
    }

    fn alive(&self, handle: &ProcessHandle) -> bool {
        self.with(|inner| inner.processes.is_alive(handle))
    }

    fn terminate(&self, handle: &ProcessHandle, _grace: Duration) -> Result<bool, SpawnError> {
        self.with(|inner| {
            if inner.processes.is_alive(handle) {
                inner.processes.end(handle.pid);
            }
            Ok(true)
        })
    }

    fn log_tail(&self, _lines: u32) -> String {
        self.with(|inner| inner.log_tail.clone())
    }

    fn probe(&self, url: &str) -> Result<u16, String> {
        self.call(|| {
            let any_alive = self.inner.borrow().processes.any_alive();
            (self.prober.borrow_mut())(url, any_alive)
        })
    }

    fn read_file(&self, path: &str) -> Result<String, FileError> {
        self.with(|inner| {
            inner
                .files
                .get(path)
                .cloned()
                .ok_or_else(|| FileError::NotFound(format!("`{path}` does not exist")))
        })
    }

    fn write_file(&self, path: &str, content: &str) -> Result<bool, FileError> {
        self.with(|inner| Ok(inner.files.insert(path.into(), content.into()).as_deref() != Some(content)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Failure, Wait};

    #[test]
    fn a_crash_before_has_no_effect_and_one_after_has() {
        for (crash, kept) in [(Crash::Before, None), (Crash::After, Some("{}"))] {
            let host = FakeHost::new();
            host.crash_at(1, crash);
            let result = host.attempt(|| {
                host.step("first");
                let _ = host.save_partial_state("{}");
            });
            assert_eq!(result, None);
            assert_eq!(host.partial().as_deref(), kept);
            assert_eq!(host.steps(), ["first"]);
        }
    }

    #[test]
    fn waits_end_with_an_answer_a_deadline_or_a_cancel() {
        let host = FakeHost::new();
        let wait = Wait::new(&host, "the moon", Duration::from_secs(60));
        let mut looks = 0;
        let found = wait.until(|| {
            looks += 1;
            Ok((looks == 4).then_some("full"))
        });
        assert_eq!(found, Ok("full"));
        let late = wait.until(|| Ok(None::<()>)).expect_err("late");
        assert_eq!(late.message, "gave up waiting for the moon after 60 s");
        let down = wait.until(|| Err::<Option<()>, _>(Failure::unavailable("clouds"))).expect_err("down");
        assert_eq!(down.message, "clouds");
        host.cancel();
        assert_eq!(
            wait.until(|| Ok(None::<()>)).expect_err("cancelled").message,
            "stopped while waiting for the moon"
        );
    }
}
