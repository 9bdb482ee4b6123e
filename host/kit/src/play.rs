//! Playing operations: making them, cutting them short, and watching what comes out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use ss_capability_http::Endpoints;
use ss_provider::{Change, Failure, FailureKind, Health, Outcome, Plan, State};
use ss_secret::Secret;

use crate::cloud::{Census, Cloud, Declared, Forward, NoCloud, Recorder, Replay, Tape};
use crate::scenario::Scenario;
use crate::secrets::Secrets;
use crate::stage::{Attempt, Stage, Start, shorten};
use crate::subject::Subject;

/// Where requests go.
#[derive(Clone)]
pub(crate) enum Backing {
    /// To the scenario's own cloud.
    Scenario,
    /// To a stand-in.
    Endpoint(Endpoints),
    /// To a stand-in, or to the provider itself, and onto a tape.
    Recorded(Endpoints, Tape),
}

/// How an operation ended.
#[derive(Debug)]
pub(crate) enum Ended<T> {
    /// With an answer.
    Done(T),
    /// With a failure, its own or the host's.
    Failed(Failure),
    /// The plug was pulled.
    Cut,
}

/// An operation that has been played.
pub(crate) struct Ran<T> {
    pub(crate) ended: Ended<T>,
    pub(crate) attempt: Arc<Attempt>,
}

impl<T> Ran<T> {
    /// The answer.
    ///
    /// # Errors
    /// Why there is none, in one line.
    pub(crate) fn answer(&self) -> Result<&T, String> {
        match &self.ended {
            Ended::Done(answer) => Ok(answer),
            Ended::Failed(failure) => Err(sentence(failure)),
            Ended::Cut => Err("it was cut short".to_owned()),
        }
    }

    /// The failure, if it ended with one.
    pub(crate) fn failure(&self) -> Option<&Failure> {
        match &self.ended {
            Ended::Failed(failure) => Some(failure),
            Ended::Done(_) | Ended::Cut => None,
        }
    }

    /// Requests and screen, for a report.
    pub(crate) fn evidence(&self, secrets: &Secrets) -> Vec<String> {
        /// The end of the story is what matters.
        const LAST: usize = 6;
        let passed = self.attempt.passed();
        let skipped = passed.len().saturating_sub(LAST);
        let mut lines: Vec<String> = Vec::new();
        if skipped > 0 {
            lines.push(format!("… {skipped} requests before"));
        }
        lines.extend(passed[skipped..].iter().map(|passed| passed.shown(secrets)));
        lines.extend(
            self.attempt
                .screen
                .lines()
                .iter()
                .filter(|line| line.starts_with("error"))
                .take(3)
                .map(|line| format!("log: {}", secrets.scrub(&shorten(line)))),
        );
        lines
    }
}

/// A failure in one line: kind and message.
pub(crate) fn sentence(failure: &Failure) -> String {
    let kind = serde_json::to_value(&failure.kind).ok();
    let kind = kind.as_ref().and_then(|kind| kind.get("kind")).and_then(Value::as_str).unwrap_or("failed");
    format!("{kind}: {}", shorten(&failure.message))
}

/// What must not be in anything that any operation gives out, found wherever it happens.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) leaks: Vec<(String, Vec<String>)>,
    pub(crate) impure: Vec<(String, Vec<String>)>,
    pub(crate) overruns: Vec<(String, Vec<String>)>,
}

/// A plugin in a scenario.
pub(crate) struct Bench {
    pub(crate) subject: Subject,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) secrets: Secrets,
    pub(crate) watch: Mutex<Watch>,
    backing: Backing,
    scratch: PathBuf,
    vault: BTreeMap<String, String>,
    primary_key: Option<String>,
    cases: AtomicUsize,
}

/// What may change nothing says so when it is refused, in the words of the gates.
const IMPURE: [&str; 3] = [
    "only provision and destroy may",
    "by `provision` and `destroy` only",
    "only `provision` and `destroy` save partial states",
];

/// How a failure begins whose answer held a secret.
const HOLDS_SECRET: [&str; 2] = ["holds a secret", "holds the vault key"];

impl Bench {
    /// A bench; `keys` are vault keys beside those of the scenario.
    pub(crate) fn new(
        subject: Subject,
        scenario: Arc<Scenario>,
        backing: Backing,
        keys: BTreeMap<String, String>,
        scratch: PathBuf,
    ) -> Self {
        let secrets = Secrets::default();
        let mut vault = scenario.vault.clone();
        vault.extend(keys);
        let provider = &subject.description.provider;
        for key in &subject.description.vault_keys {
            let name = format!("providers:{provider}/{}", key.name);
            vault.entry(name.clone()).or_insert_with(|| secrets.named(&name));
        }
        for value in vault.values().chain(scenario.sealed.values()) {
            secrets.learn(&Secret::new(value.clone()));
        }
        let primary = subject.description.vault_keys.first();
        let primary_key = primary.map(|key| format!("providers:{provider}/{}", key.name));
        Self {
            subject,
            scenario,
            secrets,
            watch: Mutex::default(),
            backing,
            scratch,
            vault,
            primary_key,
            cases: AtomicUsize::new(0),
        }
    }

    /// Whether the world can be looked into and made anew at will.
    pub(crate) fn owns_cloud(&self) -> bool {
        matches!(self.backing, Backing::Scenario) && self.scenario.exchanges.is_empty()
    }

    /// Whether requests are answered from a recording.
    pub(crate) fn is_replay(&self) -> bool {
        matches!(self.backing, Backing::Scenario) && !self.scenario.exchanges.is_empty()
    }

    /// Whether requests are being recorded.
    pub(crate) fn is_recording(&self) -> bool {
        matches!(self.backing, Backing::Recorded(..))
    }

    /// The values that no recording may hold, with names for them.
    pub(crate) fn unprintable(&self) -> BTreeMap<String, String> {
        let keys = self.vault.iter().map(|(name, value)| (value.clone(), name.clone()));
        let sealed =
            self.scenario.sealed.iter().map(|(name, value)| (value.clone(), format!("sealed-{name}")));
        keys.chain(sealed).collect()
    }

    /// A fresh world, in which everything is played from now on.
    ///
    /// # Errors
    /// What is wrong with the scenario or the machine.
    pub(crate) fn stage(&self) -> Result<Arc<Stage>, String> {
        self.clear();
        let number = self.cases.fetch_add(1, Ordering::SeqCst);
        let case = match self.backing {
            // What is recorded in a world is replayed in the same one.
            Backing::Recorded(..) => format!("kit-{number}"),
            Backing::Scenario if self.is_replay() => format!("kit-{number}"),
            // Nothing of one world is seen in the next.
            Backing::Scenario => "kit".to_owned(),
            Backing::Endpoint(_) => format!("kit-{}-{number}", &self.subject.mark[..6]),
        };
        let stage = Stage::new(
            Arc::clone(&self.scenario),
            self.cloud(number)?,
            self.secrets.clone(),
            self.vault.clone(),
            self.primary_key.clone(),
            (&self.scratch, case),
        );
        let stage = Arc::new(stage.map_err(|error| format!("the kit cannot make a folder: {error}"))?);
        self.subject.switch.set(Some(Arc::clone(&stage)));
        Ok(stage)
    }

    fn cloud(&self, scene: usize) -> Result<Arc<dyn Cloud>, String> {
        let scenario = &*self.scenario;
        let forward = |endpoints: &Endpoints| {
            Forward::new(&self.subject.name, &self.subject.authority, endpoints.clone())
        };
        Ok(match &self.backing {
            Backing::Endpoint(endpoints) => Arc::new(forward(endpoints)?),
            Backing::Recorded(endpoints, tape) => {
                Arc::new(Recorder { inner: Arc::new(forward(endpoints)?), tape: tape.clone(), scene })
            }
            Backing::Scenario if self.is_replay() => {
                Arc::new(Replay::new(&scenario.exchanges, scene, &self.secrets)?)
            }
            Backing::Scenario if scenario.has_cloud() => {
                Arc::new(Declared::new(scenario, self.secrets.clone()))
            }
            Backing::Scenario => Arc::new(NoCloud),
        })
    }

    /// Ends what the last world has left on this machine.
    pub(crate) fn clear(&self) {
        self.subject.switch.set(None);
        if self.subject.authority.process.is_some() {
            let _ = crate::processes::sweep(&self.subject.mark);
        }
    }

    pub(crate) fn census(&self, stage: &Stage) -> Option<Census> {
        stage.census(&self.subject.mark)
    }

    pub(crate) async fn plan(&self, stage: &Stage, start: &Start) -> Result<Ran<Plan>, String> {
        let (operation, attempt) = stage.operation(start)?;
        let call = self.subject.provider(start.is_slow()).plan(&operation);
        Ok(self.played("plan", true, attempt, call).await)
    }

    pub(crate) async fn provision(&self, stage: &Stage, start: &Start) -> Result<Ran<Outcome>, String> {
        let (operation, attempt) = stage.operation(start)?;
        let call = self.subject.provider(start.is_slow()).provision(&operation);
        Ok(self.played("provision", false, attempt, call).await)
    }

    pub(crate) async fn status(
        &self,
        stage: &Stage,
        start: &Start,
        state: &State,
    ) -> Result<Ran<Health>, String> {
        let (operation, attempt) = stage.operation(start)?;
        let call = self.subject.provider(start.is_slow()).status(&operation, state);
        Ok(self.played("status", true, attempt, call).await)
    }

    pub(crate) async fn observe(
        &self,
        stage: &Stage,
        start: &Start,
        state: &State,
    ) -> Result<Ran<Vec<Change>>, String> {
        let (operation, attempt) = stage.operation(start)?;
        let call = self.subject.provider(start.is_slow()).observe(&operation, state);
        Ok(self.played("observe", true, attempt, call).await)
    }

    pub(crate) async fn find(&self, stage: &Stage, start: &Start) -> Result<Ran<Option<State>>, String> {
        let (operation, attempt) = stage.operation(start)?;
        let call = self.subject.provider(start.is_slow()).find(&operation);
        Ok(self.played("find", true, attempt, call).await)
    }

    pub(crate) async fn destroy(
        &self,
        stage: &Stage,
        start: &Start,
        state: &State,
    ) -> Result<Ran<()>, String> {
        let (operation, attempt) = stage.operation(start)?;
        let call = self.subject.provider(start.is_slow()).destroy(&operation, state);
        Ok(self.played("destroy", false, attempt, call).await)
    }

    async fn played<T: Shown>(
        &self,
        name: &str,
        read_only: bool,
        attempt: Arc<Attempt>,
        call: impl Future<Output = Result<T, Failure>>,
    ) -> Ran<T> {
        let result = tokio::select! {
            biased;
            () = attempt.journal.died() => None,
            result = call => Some(result),
        };
        let ended = match result {
            _ if attempt.journal.is_dead() => Ended::Cut,
            Some(Ok(answer)) => Ended::Done(answer),
            Some(Err(failure)) => Ended::Failed(failure),
            None => Ended::Cut,
        };
        let ran = Ran { ended, attempt };
        self.watch(name, read_only, &ran);
        ran
    }

    /// Looks for what no operation may do or give out.
    fn watch<T: Shown>(&self, name: &str, read_only: bool, ran: &Ran<T>) {
        let mut seen: Vec<(String, String)> = Vec::new();
        match &ran.ended {
            Ended::Done(answer) => answer.texts(&self.secrets, &mut seen),
            Ended::Failed(failure) => {
                seen.push(("failure".to_owned(), failure.message.clone()));
                seen.extend(failure.next_step.clone().map(|step| ("failure.next-step".to_owned(), step)));
            }
            Ended::Cut => {}
        }
        let lines = ran.attempt.screen.lines();
        seen.extend(lines.iter().map(|line| ("log".to_owned(), line.clone())));
        seen.extend(
            ran.attempt.journal.partials().into_iter().map(|text| ("partial state".to_owned(), text)),
        );
        let mut watch = self.watch.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, text) in seen {
            let refused = place == "failure" && HOLDS_SECRET.iter().any(|words| text.contains(words));
            if refused || self.secrets.stand_in(&text) {
                let text = format!("{name}, {place}: {}", self.secrets.scrub(&shorten(&text)));
                watch.leaks.push((
                    format!("a secret or a sealed token stands in the {place} of `{name}`"),
                    vec![text],
                ));
            }
        }
        if read_only {
            let refused = ran.failure().into_iter().flat_map(|failure| &failure.denials);
            let refused = refused.map(|denial| denial.message.clone());
            for line in lines.into_iter().chain(refused) {
                if IMPURE.iter().any(|words| line.contains(words)) {
                    let line = line.trim_start_matches("warn: ").to_owned();
                    watch.impure.push((format!("`{name}` tried to change something"), vec![line]));
                }
            }
        }
        if let Some(failure) = ran.failure()
            && is_overrun(failure)
        {
            let evidence = ran.evidence(&self.secrets);
            watch.overruns.push((format!("`{name}`: {}", shorten(&failure.message)), evidence));
        }
    }
}

/// Whether the host ended the operation because of a limit. Crashes say "crashed" or "exited".
pub(crate) fn is_overrun(failure: &Failure) -> bool {
    matches!(failure.kind, FailureKind::Terminated | FailureKind::Cancelled)
        && [
            "it needed more",
            "it held more",
            "it called the host",
            "it computed",
            "it took longer",
            "it was cancelled and did not",
            "it used up its stack",
            "it broke a limit",
        ]
        .iter()
        .any(|words| failure.message.contains(words))
}

/// Whether the plugin itself fell over.
pub(crate) fn is_crash(failure: &Failure) -> bool {
    failure.kind == FailureKind::Terminated && !is_overrun(failure)
}

/// What an operation gives out, for the search for secrets.
pub(crate) trait Shown {
    /// Every text, with its place. Learns the credentials that are secret first.
    fn texts(&self, secrets: &Secrets, into: &mut Vec<(String, String)>);
}

fn push(into: &mut Vec<(String, String)>, place: &str, text: impl Into<String>) {
    into.push((place.to_owned(), text.into()));
}

impl Shown for Plan {
    fn texts(&self, secrets: &Secrets, into: &mut Vec<(String, String)>) {
        push(into, "plan", self.detail.clone());
        self.changes.texts(secrets, into);
    }
}

impl Shown for Vec<Change> {
    fn texts(&self, _: &Secrets, into: &mut Vec<(String, String)>) {
        for change in self {
            push(into, "changes", change.field.clone());
            // Sensitive values are shown to nobody.
            for value in [&change.before, &change.after].into_iter().flatten().filter(|_| !change.sensitive) {
                push(into, "changes", value.to_string());
            }
        }
    }
}

impl Shown for Outcome {
    fn texts(&self, secrets: &Secrets, into: &mut Vec<(String, String)>) {
        for credential in &self.credentials {
            let text = credential.value.expose_str().unwrap_or_default();
            if credential.sensitive {
                secrets.learn(&credential.value);
            } else if secrets.stand_in(text) {
                push(
                    into,
                    &format!("credential `{}`, which is not marked as sensitive,", credential.name),
                    text,
                );
            }
        }
        Some(self.state.clone()).texts(secrets, into);
        push(into, "summary", self.summary.clone());
    }
}

impl Shown for Option<State> {
    fn texts(&self, _: &Secrets, into: &mut Vec<(String, String)>) {
        if let Some(state) = self {
            push(into, "state", serde_json::to_string(state).unwrap_or_default());
        }
    }
}

impl Shown for Health {
    fn texts(&self, _: &Secrets, into: &mut Vec<(String, String)>) {
        push(into, "health", self.message.clone());
        into.extend(self.raw.iter().map(|raw| ("health".to_owned(), raw.to_string())));
    }
}

impl Shown for () {
    fn texts(&self, _: &Secrets, _: &mut Vec<(String, String)>) {}
}
