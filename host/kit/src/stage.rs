//! A stage: one world, fresh, in which operations of the plugin are played one after another.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use ss_provider::{Cancel, Context, Operation, Service, State, Variable};
use ss_secret::{Seals, Secret, Source};

use crate::cloud::{Answer, Call, Census, Cloud, Counter};
use crate::fault::{Fault, Wire};
use crate::journal::Journal;
use crate::scenario::Scenario;
use crate::screen::Screen;
use crate::secrets::Secrets;
use crate::template;

/// Longest part of a body that a report shows.
const SHOWN: usize = 300;

/// A request as a report shows it.
#[derive(Debug, Clone)]
pub(crate) struct Passed {
    pub(crate) call: Call,
    pub(crate) answer: Option<Answer>,
    pub(crate) status: Option<u16>,
    pub(crate) fault: Option<Fault>,
}

/// A fault for the request of this number, the first being 0.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Planned {
    pub(crate) at: usize,
    pub(crate) fault: Fault,
}

/// One attempt at an operation: everything that was seen of it.
pub(crate) struct Attempt {
    pub(crate) journal: Journal,
    pub(crate) screen: Screen,
    planned: Option<Planned>,
    requests: AtomicUsize,
    passed: Mutex<Vec<Passed>>,
}

impl Attempt {
    pub(crate) fn passed(&self) -> Vec<Passed> {
        self.passed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What an attempt starts from, and what befalls it.
#[derive(Default, Clone)]
pub(crate) struct Start {
    pub(crate) existing: Option<State>,
    pub(crate) partial: Option<String>,
    /// The plug is pulled after so many events.
    pub(crate) cut: Option<usize>,
    /// A person cancels after so many events.
    pub(crate) cancel: Option<usize>,
    pub(crate) fault: Option<Planned>,
}

impl Start {
    pub(crate) fn existing(state: &State) -> Self {
        Self { existing: Some(state.clone()), ..Self::default() }
    }

    pub(crate) fn struck(mut self, at: usize, fault: Fault) -> Self {
        self.fault = Some(Planned { at, fault });
        self
    }

    /// Whether slow answers are part of it.
    pub(crate) fn is_slow(&self) -> bool {
        self.fault.is_some_and(|planned| planned.fault == Fault::Slow)
    }
}

/// One world.
pub(crate) struct Stage {
    pub(crate) cloud: Arc<dyn Cloud>,
    pub(crate) secrets: Secrets,
    scenario: Arc<Scenario>,
    counter: Counter,
    folder: tempfile::TempDir,
    /// What `{{case}}` stands for.
    case: String,
    port: u16,
    primary_key: Option<String>,
    vault: Mutex<BTreeMap<String, String>>,
    attempt: Mutex<Option<Arc<Attempt>>>,
}

impl Stage {
    /// A fresh world.
    ///
    /// # Errors
    /// If its folder cannot be made or its files cannot be written.
    pub(crate) fn new(
        scenario: Arc<Scenario>,
        cloud: Arc<dyn Cloud>,
        secrets: Secrets,
        vault: BTreeMap<String, String>,
        primary_key: Option<String>,
        (scratch, case): (&Path, String),
    ) -> std::io::Result<Self> {
        let folder = tempfile::Builder::new().prefix("case-").tempdir_in(scratch)?;
        for (name, text) in &scenario.files {
            let path = folder.path().join(name);
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent)?;
            }
            std::fs::write(path, text)?;
        }
        Ok(Self {
            counter: Counter::new(&scenario.counts),
            port: free_port()?,
            scenario,
            cloud,
            secrets,
            folder,
            case,
            primary_key,
            vault: Mutex::new(vault),
            attempt: Mutex::default(),
        })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// An operation, and the attempt that it is.
    ///
    /// # Errors
    /// A template of the scenario that means nothing.
    pub(crate) fn operation(&self, start: &Start) -> Result<(Operation, Arc<Attempt>), String> {
        let seals = Seals::new();
        let service = self.service(&seals)?;
        let api_key = self.primary_key.as_ref().and_then(|key| {
            let value = lock(&self.vault).get(key)?.clone();
            Some(seals.seal(Secret::new(value), Source::VaultKey(key.clone())))
        });
        let cancel = Cancel::default();
        let attempt = Arc::new(Attempt {
            journal: Journal::new(start.cut, start.cancel.map(|at| (at, cancel.clone()))),
            screen: Screen::default(),
            planned: start.fault,
            requests: AtomicUsize::new(0),
            passed: Mutex::default(),
        });
        *lock(&self.attempt) = Some(Arc::clone(&attempt));
        let operation = Operation {
            context: Context {
                project: self.scenario.context.project.clone(),
                environment: self.scenario.context.environment.clone(),
                api_key,
                existing: start.existing.clone(),
                partial: start.partial.clone(),
                config_dir: Some(self.folder().to_owned()),
                idempotency_key: digest(&["change", &self.case]),
                inputs_digest: Some(digest(&["inputs", &self.case])),
            },
            service: Arc::new(service),
            seals: Arc::new(seals),
            effects: Arc::new(AttemptEffects(Arc::clone(&attempt))),
            progress: Arc::new(AttemptScreen(Arc::clone(&attempt))),
            cancel,
        };
        Ok((operation, attempt))
    }

    /// The scenario's service as the plugin gets it.
    ///
    /// # Errors
    /// A template that means nothing.
    pub(crate) fn service(&self, seals: &Seals) -> Result<Service, String> {
        let spec = &self.scenario.service;
        let look = |name: &str| self.look(name, seals);
        let env = spec.env.iter().map(|(name, value)| {
            Ok(Variable { name: name.clone(), value: template::fill_text(value, &look)? })
        });
        Ok(Service {
            id: spec.id.clone(),
            kind: spec.kind.clone(),
            name: spec.name.clone(),
            command: spec.command.as_ref().map(|line| template::fill_text(line, &look)).transpose()?,
            options: Value::Object(template::fill_members(&spec.options, &look)?),
            options_path: spec.options_path.clone(),
            env: env.collect::<Result<_, String>>()?,
        })
    }

    fn look(&self, name: &str, seals: &Seals) -> Option<Value> {
        match name.split_once('.') {
            None if name == "case" => Some(json!(self.case)),
            None if name == "dir" => Some(json!(self.folder().display().to_string())),
            None if name == "port" => Some(json!(self.port)),
            Some(("sealed", name)) => {
                let value = Secret::new(self.scenario.sealed.get(name)?.clone());
                self.secrets.learn(&value);
                Some(json!(seals.seal(value, Source::Injected(format!("scenario.{name}")))))
            }
            _ => None,
        }
    }

    /// How many resources there are; none if nobody can know.
    pub(crate) fn census(&self, mark: &str) -> Option<Census> {
        let mut census = self.counter.census(self.folder()).or_else(|| self.cloud.census());
        if self.scenario.service.command.is_some() {
            let processes = crate::processes::marked(mark)?.len();
            census.get_or_insert_default().insert("process".to_owned(), processes);
        }
        census
    }

    /// Answers a request of the plugin.
    pub(crate) async fn handle(&self, call: Call) -> Wire {
        let Some(attempt) = lock(&self.attempt).clone() else { return Wire::Hangup };
        if attempt.journal.is_dead() {
            return Wire::Hangup;
        }
        let number = attempt.requests.fetch_add(1, Ordering::SeqCst);
        let fault = attempt.planned.filter(|planned| planned.at == number).map(|planned| planned.fault);
        let carried_out = fault.is_none_or(Fault::carries_out);
        let answer = if carried_out { self.cloud.answer(&call).await } else { None };
        if let Some(answer) = &answer {
            self.counter.observe(&call, answer);
        }
        let wire = match (fault, &answer) {
            (Some(fault), _) => fault.strike(answer.clone()),
            (None, Some(answer)) => Wire::Whole(answer.clone()),
            (None, None) => Wire::Hangup,
        };
        let status = wire.status();
        lock(&attempt.passed).push(Passed { call, answer, status, fault });
        wire
    }

    pub(crate) fn vault_key(&self, key: &str) -> Result<Option<Secret>, String> {
        self.host_call(format!("vault.get {key}"))?;
        Ok(lock(&self.vault).get(key).map(Secret::new))
    }

    pub(crate) fn set_vault_key(&self, key: String, value: &Secret) -> Result<(), String> {
        self.host_call(format!("vault.set {key}"))?;
        self.secrets.learn(value);
        lock(&self.vault).insert(key, value.expose_str().unwrap_or_default().to_owned());
        Ok(())
    }

    pub(crate) fn generated(
        &self,
        service: &str,
        name: &str,
        make: &mut dyn FnMut() -> Result<Secret, String>,
    ) -> Result<Secret, String> {
        let key = format!("{service}/{name}");
        let known = lock(&self.vault).get(&key).map(Secret::new);
        let secret = match known {
            Some(secret) => secret,
            None => make()?,
        };
        self.secrets.learn(&secret);
        lock(&self.vault).insert(key, secret.expose_str().unwrap_or_default().to_owned());
        self.host_call(format!("secrets.generate {name}"))?;
        Ok(secret)
    }

    /// Notes a call that has ended; refuses it if the run has been cut.
    fn host_call(&self, what: String) -> Result<(), String> {
        let Some(attempt) = lock(&self.attempt).clone() else { return Ok(()) };
        attempt.journal.alive().map_err(|error| error.to_string())?;
        attempt.journal.note(what);
        Ok(())
    }
}

impl Passed {
    /// The request and its answer in a few lines, without secrets.
    pub(crate) fn shown(&self, secrets: &Secrets) -> String {
        let Call { method, host, target, .. } = &self.call;
        let status = self.status.map_or_else(|| "no answer".to_owned(), |status| status.to_string());
        let mut text = format!("{method} https://{host}{target} → {status}");
        if let Some(fault) = &self.fault {
            text.push_str(&format!(" (on purpose: {fault})"));
        }
        for (what, body) in [("sent", Some(&self.call.body)), ("got", self.answer.as_ref().map(|a| &a.body))]
        {
            if let Some(body) = body.filter(|body| !body.is_empty()) {
                text.push_str(&format!("\n  {what}: {}", shorten(&String::from_utf8_lossy(body))));
            }
        }
        secrets.scrub(&text)
    }
}

/// The text as far as a report shows it, on one line.
pub(crate) fn shorten(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut short: String = clean.take(SHOWN).collect();
    if text.chars().nth(SHOWN).is_some() {
        short.push('…');
    }
    short
}

fn digest(parts: &[&str]) -> String {
    let mut hex = ss_registry::Digest::of(parts.join("\0").as_bytes()).to_hex();
    hex.truncate(32);
    hex
}

fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind((std::net::Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An attempt's journal as an operation holds it.
struct AttemptEffects(Arc<Attempt>);

impl ss_provider::Effects for AttemptEffects {
    fn begin(&self, effect: &ss_provider::Effect) -> std::io::Result<ss_provider::EffectId> {
        self.0.journal.begin(effect)
    }

    fn end(&self, id: ss_provider::EffectId, outcome: &ss_provider::EffectOutcome) {
        self.0.journal.end(id, outcome);
    }

    fn observe(&self, request: &ss_provider::RequestRecord, outcome: &ss_provider::EffectOutcome) {
        self.0.journal.observe(request, outcome);
    }

    fn save_partial(&self, partial: &str) -> std::io::Result<()> {
        self.0.journal.save_partial(partial)
    }
}

/// An attempt's screen as an operation holds it.
struct AttemptScreen(Arc<Attempt>);

impl ss_provider::Progress for AttemptScreen {
    fn step(&self, message: &str) {
        self.0.screen.step(message);
    }

    fn waiting(&self, message: &str) {
        self.0.screen.waiting(message);
    }

    fn log(&self, level: &str, message: &str) {
        self.0.screen.log(level, message);
    }
}
