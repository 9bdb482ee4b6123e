//! Rolls back: credentials and recorded states become what they were after an earlier run.
//!
//! Nothing is sent to any provider (contract rows R29b, OPS-14): what runs there stays as it is, and the
//! next deploy makes it what the file says. What that would be is told by comparing the file with what it
//! said then, without asking anyone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use ss_provider::{Change, State};
use uuid::Uuid;

use crate::core::Core;
use crate::error::EngineError;
use crate::journal::{Flush, Record, Restore, RunStatus, Subject};
use crate::observer::Observer;
use crate::receipt::Receipt;
use crate::resolve::Declared;
use crate::run::{Committed, Intention, Interrupt, Run, ServiceOutcome, ServiceReport};

/// What a rollback came to.
#[derive(Debug, Clone, Serialize)]
pub struct RolledBack {
    /// The rollback's own run, which can be rolled back to.
    pub run: Uuid,
    /// The run that was gone back to.
    pub to: Uuid,
    /// Services whose recorded state is another now.
    pub states: Vec<String>,
    /// Credentials that were changed since. What is restored may no longer be accepted.
    pub rotated: Vec<Rotated>,
    /// What exists now and was not recorded then: no record is left of it.
    pub stranded: Vec<Recorded>,
    /// What was recorded then and has been destroyed since.
    pub revived: Vec<Recorded>,
    /// Where the file says something else than it did then: what a deploy would change.
    pub pending: Vec<Pending>,
    /// What a person should know and that stopped nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A credential that was changed since.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rotated {
    /// The service that offers it.
    pub service: String,
    /// Its name.
    pub name: String,
}

/// A resource that a state records.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// The service.
    pub service: String,
    /// The provider that made it.
    pub provider: String,
    /// The provider's id.
    pub resource_id: String,
}

/// A service whose file says something else now.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Pending {
    /// The service.
    pub service: String,
    /// Field by field: what the file said then, what it says now.
    pub changes: Vec<Change>,
}

/// Goes back to a run.
///
/// # Errors
/// If the run keeps no snapshot, another run is under way, or vault or overlay cannot be written. In the
/// last case the next run completes it.
pub(crate) fn rollback(
    core: &Arc<Core>,
    to: &Receipt,
    observer: Arc<dyn Observer>,
) -> Result<RolledBack, EngineError> {
    let not_restorable = |reason: &str| EngineError::NotRestorable { run: to.run, reason: reason.to_owned() };
    if to.environment != core.environment {
        return Err(not_restorable(&format!("it is of the environment `{}`", to.environment)));
    }
    let Some(snapshot) = to.snapshot.clone() else {
        return Err(not_restorable("the vault could not be read when it ended"));
    };
    let run = core.begin(intention(to), observer, Interrupt::default())?;
    let now = &run.known.states;
    let ids: BTreeSet<&String> = now.keys().chain(to.states.keys()).collect();
    let states = ids.iter().map(|id| ((*id).clone(), to.states.get(*id).cloned())).collect();
    let rotated = core.store.changed_since(&snapshot)?;
    let restore = Restore { run: to.run, snapshot, states };
    run.journal.append(Record::Restore(restore.clone()), Flush::Now)?;
    let committed = core.restore(&restore)?;
    for service in ids {
        run.note_restored(service, to.states.get(service));
    }
    let missing_from = |there: &BTreeMap<String, State>, here: &BTreeMap<String, State>| -> Vec<Recorded> {
        here.iter().filter(|(id, _)| !there.contains_key(*id)).map(recorded).collect()
    };
    let changed = restore.states.iter().filter(|(id, then)| now.get(*id) != then.as_ref());
    Ok(RolledBack {
        run: run.id,
        to: to.run,
        states: changed.map(|(id, _)| id.clone()).collect(),
        rotated: rotated.into_iter().map(|(service, name)| Rotated { service, name }).collect(),
        stranded: missing_from(&to.states, now),
        revived: missing_from(now, &to.states),
        pending: core.pending(to),
        warnings: run.end(&restore.states, committed, RunStatus::Completed),
    })
}

/// The rollback's receipt carries on what the file said then, so that it can be compared with as well.
fn intention(to: &Receipt) -> Intention {
    let subjects = to.services.iter().map(|service| Subject {
        service: service.report.service.clone(),
        declared: service.declared.clone(),
        plugin: None,
        needs: Vec::new(),
    });
    Intention { plan: Value::Null, subjects: subjects.collect(), calls: Vec::new() }
}

fn recorded((service, state): (&String, &State)) -> Recorded {
    let (provider, resource_id) = (state.provider.clone(), state.resource_id.clone());
    Recorded { service: service.clone(), provider, resource_id }
}

impl Core {
    /// Makes vault and overlay what they were. The same again changes nothing.
    pub(crate) fn restore(&self, restore: &Restore) -> Result<Committed, EngineError> {
        self.store.restore(&restore.snapshot)?;
        self.write_overlay(&restore.states)
    }

    /// Where the file says something else than it did at a run.
    fn pending(&self, to: &Receipt) -> Vec<Pending> {
        let differing = to.services.iter().filter_map(|service| {
            let then = service.declared.as_ref()?;
            let &at = self.index.get(&then.service)?;
            let now = &self.services[at].candidates.first()?.declared;
            let changes = self.differences(then, now);
            (!changes.is_empty()).then(|| Pending { service: then.service.clone(), changes })
        });
        differing.collect()
    }

    fn differences(&self, then: &Declared, now: &Declared) -> Vec<Change> {
        let (before, after) = (fields(then), fields(now));
        let names: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        let differing = names.into_iter().filter(|name| before.get(*name) != after.get(*name));
        differing
            .map(|name| {
                let mut change = Change {
                    field: name.clone(),
                    before: before.get(name).cloned(),
                    after: after.get(name).cloned(),
                    sensitive: false,
                };
                self.hide_in(&mut change);
                change
            })
            .collect()
    }
}

/// What a file says to a provider, by the dotted path at which a person finds it.
fn fields(declared: &Declared) -> BTreeMap<String, Value> {
    let mut fields = BTreeMap::new();
    for (name, value) in &declared.options {
        flatten(&declared.path_of(name), value, &mut fields);
    }
    for (name, value) in &declared.env {
        fields.insert(format!("env.{name}"), Value::from(value.as_str()));
    }
    for (name, source) in &declared.inject {
        fields.insert(format!("inject_from.{source}.{name}"), Value::from("injected"));
    }
    if let Some(command) = &declared.command {
        fields.insert("command".to_owned(), Value::from(command.as_str()));
    }
    fields.insert("provider".to_owned(), Value::from(declared.provider.as_str()));
    fields
}

fn flatten(path: &str, value: &Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (name, member) in members {
                flatten(&format!("{path}.{name}"), member, fields);
            }
        }
        value => drop(fields.insert(path.to_owned(), value.clone())),
    }
}

impl Run {
    /// Records for the receipt that a service's record was restored, or dropped.
    fn note_restored(&self, service: &str, state: Option<&State>) {
        let outcome = match state {
            Some(_) => ServiceOutcome::Restored,
            None => ServiceOutcome::Forgotten,
        };
        let provider = state.or_else(|| self.known.states.get(service)).map(|state| state.provider.clone());
        self.note(&ServiceReport {
            service: service.to_owned(),
            provider,
            outcome,
            failure: None,
            started: None,
            duration_ms: 0,
        });
    }
}
