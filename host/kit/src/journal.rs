//! The journal of one attempt, which can pull the plug after any host call.

use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use ss_provider::{Cancel, Effect, EffectId, EffectOutcome, Effects, RequestRecord};

/// A host call that has ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Event {
    /// What it was, such as `POST https://api.example.com/v1/things (201)`.
    pub(crate) what: String,
    /// Whether the same call twice in a row leaves nothing new, as a request that only reads.
    pub(crate) repeats: bool,
}

/// What an effect was and how it ended.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) effect: Effect,
    pub(crate) outcome: Option<EffectOutcome>,
}

/// A journal in memory. After the event of number `cut` it is dead: nothing is recorded, nothing begins.
pub(crate) struct Journal {
    cut: Option<usize>,
    dead: Cancel,
    /// After this event the operation is cancelled, as a person would.
    cancel: Option<(usize, Cancel)>,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    events: Vec<Event>,
    sent: Vec<Sent>,
    partials: Vec<String>,
}

impl Journal {
    /// A journal that is cut after so many events, or never.
    pub(crate) fn new(cut: Option<usize>, cancel: Option<(usize, Cancel)>) -> Self {
        Self { cut, dead: Cancel::default(), cancel, inner: Mutex::default() }
    }

    /// Whether the plug has been pulled.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.is_cancelled()
    }

    /// Completes when the plug is pulled.
    pub(crate) fn died(&self) -> ss_provider::Cancelled {
        self.dead.cancelled()
    }

    pub(crate) fn events(&self) -> Vec<Event> {
        self.lock().events.clone()
    }

    pub(crate) fn sent(&self) -> Vec<Sent> {
        self.lock().sent.clone()
    }

    /// All that was saved, oldest first.
    pub(crate) fn partials(&self) -> Vec<String> {
        self.lock().partials.clone()
    }

    /// A host call other than those of [`Effects`] has ended.
    pub(crate) fn note(&self, what: String) {
        self.event(&mut self.lock(), Event { what, repeats: false });
    }

    /// # Errors
    /// If the plug has been pulled.
    pub(crate) fn alive(&self) -> io::Result<()> {
        if self.is_dead() { Err(io::Error::other("the kit has ended this run")) } else { Ok(()) }
    }

    fn event(&self, inner: &mut Inner, event: Event) {
        if self.is_dead() {
            return;
        }
        inner.events.push(event);
        let count = inner.events.len();
        if self.cut == Some(count) {
            self.dead.cancel();
        }
        if let Some((at, cancel)) = &self.cancel
            && *at == count
        {
            cancel.cancel();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Effects for Journal {
    fn begin(&self, effect: &Effect) -> io::Result<EffectId> {
        self.alive()?;
        let sent = &mut self.lock().sent;
        sent.push(Sent { effect: effect.clone(), outcome: None });
        Ok(sent.len() as EffectId - 1)
    }

    fn end(&self, id: EffectId, outcome: &EffectOutcome) {
        let inner = &mut *self.lock();
        if self.is_dead() {
            return;
        }
        let Some(sent) = usize::try_from(id).ok().and_then(|id| inner.sent.get_mut(id)) else { return };
        sent.outcome = Some(outcome.clone());
        let what = describe(&sent.effect, outcome);
        self.event(inner, Event { what, repeats: false });
    }

    fn observe(&self, request: &RequestRecord, outcome: &EffectOutcome) {
        let what = describe(&Effect::Request(request.clone()), outcome);
        self.event(&mut self.lock(), Event { what, repeats: true });
    }

    fn save_partial(&self, partial: &str) -> io::Result<()> {
        let inner = &mut *self.lock();
        self.alive()?;
        inner.partials.push(partial.to_owned());
        self.event(inner, Event { what: "save-partial-state".to_owned(), repeats: false });
        Ok(())
    }
}

fn describe(effect: &Effect, outcome: &EffectOutcome) -> String {
    let what = match effect {
        Effect::Request(request) => format!("{} {}{}", request.method, request.host, request.path),
        Effect::Spawn { program } => format!("start of `{program}`"),
        Effect::Terminate { pid } => format!("end of process {pid}"),
        Effect::Write { path } => {
            let name = std::path::Path::new(path).file_name().unwrap_or_default();
            format!("file `{}`", name.to_string_lossy())
        }
        Effect::VaultWrite { key } => format!("vault key `{key}`"),
    };
    match (outcome.status, &outcome.error) {
        (Some(status), _) => format!("{what} ({status})"),
        (None, Some(_)) => format!("{what} (no answer)"),
        (None, None) => what,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome() -> EffectOutcome {
        EffectOutcome { status: Some(201), request_id: None, error: None, duration_ms: 1 }
    }

    fn post() -> RequestRecord {
        RequestRecord {
            method: "POST".into(),
            host: "a.b".into(),
            path: "/x".into(),
            body_digest: String::new(),
            grant: String::new(),
        }
    }

    #[test]
    fn nothing_happens_after_the_cut() {
        let journal = Journal::new(Some(1), None);
        let id = journal.begin(&Effect::Request(post())).unwrap();
        assert!(!journal.is_dead());
        journal.end(id, &outcome());
        assert!(journal.is_dead());
        assert!(journal.begin(&Effect::Request(post())).is_err());
        assert!(journal.save_partial("{}").is_err());
        assert_eq!(journal.events(), [Event { what: "POST a.b/x (201)".into(), repeats: false }]);
        assert!(journal.partials().is_empty());
    }

    #[test]
    fn a_person_may_stop_it() {
        let cancel = Cancel::default();
        let journal = Journal::new(None, Some((2, cancel.clone())));
        journal.observe(&post(), &outcome());
        assert!(!cancel.is_cancelled());
        journal.save_partial("{}").unwrap();
        assert!(cancel.is_cancelled() && !journal.is_dead());
    }
}
