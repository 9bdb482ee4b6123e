//! A plan that is kept to be applied later, and what has moved since.
//!
//! Here belongs what "the same" means; files do not.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::SystemPlan;
use crate::core::Core;
use crate::error::EngineError;
use crate::resolve::digest_of;

/// What a saved plan calls itself.
pub const SAVED_PLAN: &str = "starsystem-plan/1";

/// A plan that is kept to be applied later. No secret stands in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// [`SAVED_PLAN`].
    pub format: String,
    /// Version of `ss`.
    pub version: String,
    /// The system's file, as it was named.
    pub file: String,
    /// The environment.
    pub environment: String,
    /// The one service that it is about, if it is not about all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// Digest of the lockfile's grants.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<String>,
    /// Digest of what the file says, by service.
    pub declared: BTreeMap<String, String>,
    /// Digest of the recorded state, by service.
    pub states: BTreeMap<String, String>,
    /// The plan.
    pub plan: Value,
}

impl Core {
    /// The plan with all that it rests on.
    pub(crate) fn save(
        &self,
        plan: &SystemPlan,
        file: &str,
        service: Option<&str>,
    ) -> Result<SavedPlan, EngineError> {
        let known = self.known()?;
        let declared = plan.entries.iter().filter_map(|entry| {
            let ready = self.chosen(entry)?;
            Some((entry.service.clone(), digest_of(&*ready.declared)))
        });
        let states = plan
            .entries
            .iter()
            .filter_map(|entry| Some((entry.service.clone(), digest_of(known.states.get(&entry.service)?))));
        Ok(SavedPlan {
            format: SAVED_PLAN.to_owned(),
            version: self.version.clone(),
            file: file.to_owned(),
            environment: self.environment.clone(),
            service: service.map(str::to_owned),
            lock: self.lock_digest.clone(),
            declared: declared.collect(),
            states: states.collect(),
            // Only values with non-string keys have no JSON; a plan has none.
            plan: serde_json::to_value(plan).unwrap_or_default(),
        })
    }

    /// What has moved since a plan was saved, each in a sentence.
    pub(crate) fn moved_since(
        &self,
        saved: &SavedPlan,
        now: &SystemPlan,
    ) -> Result<Vec<String>, EngineError> {
        let now = self.save(now, &saved.file, saved.service.as_deref())?;
        let mut moved = Vec::new();
        if saved.lock != now.lock {
            moved.push("`starsystem.lock` grants something else".to_owned());
        }
        let mut compare = |then: &BTreeMap<String, String>, now: &BTreeMap<String, String>, what: &str| {
            let all = then.keys().chain(now.keys().filter(|id| !then.contains_key(*id)));
            for id in all.filter(|id| then.get(*id) != now.get(*id)) {
                moved.push(format!("`{id}`: {what}"));
            }
        };
        compare(&saved.declared, &now.declared, "its file says something else");
        compare(&saved.states, &now.states, "its recorded state is another");
        if moved.is_empty() && saved.plan != now.plan {
            moved.extend(differing(&saved.plan, &now.plan));
        }
        Ok(moved)
    }
}

/// The services whose entries differ.
fn differing(then: &Value, now: &Value) -> Vec<String> {
    let entries = |plan: &Value| plan.get("entries").and_then(Value::as_array).cloned().unwrap_or_default();
    let (then, now) = (entries(then), entries(now));
    let id = |entry: &Value| entry.get("service").and_then(Value::as_str).unwrap_or_default().to_owned();
    let differing = now.iter().filter(|entry| !then.contains(entry));
    let mut moved: Vec<String> =
        differing.map(|entry| format!("`{}`: its provider says something else", id(entry))).collect();
    if moved.is_empty() {
        moved.push("the services are others".to_owned());
    }
    moved
}
