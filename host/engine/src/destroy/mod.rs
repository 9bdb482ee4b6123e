//! Tears down what exists, in the reverse of the order in which it was made.
//!
//! Journalled like an apply, so that a run that was cut short is gone on with by the next. State and
//! credentials of a service are dropped only once its provider has confirmed that it is gone (contract row
//! R36).

mod service;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::core::{Core, Known, Selection};
use crate::error::EngineError;
use crate::graph::Graph;
use crate::journal::Subject;
use crate::observer::Observer;
use crate::run::{Intention, Interrupt, RunReport, Task, finish, work};

/// What a destroy would tear down.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DestroyPlan {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// What exists, or may, in the order in which it would be torn down.
    pub entries: Vec<Doomed>,
    /// What a person should know before saying yes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A service that would be torn down.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Doomed {
    /// The service.
    pub service: String,
    /// The provider that made it.
    pub provider: String,
    /// The provider's id; none if a run was cut short before it was known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_id: Option<String>,
    /// Whether the file still has it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub orphaned: bool,
    /// The services that are torn down before it, because they need it.
    #[serde(skip)]
    needed_by: Vec<String>,
}

impl Task for Doomed {
    fn service(&self) -> &str {
        &self.service
    }

    fn provider(&self) -> Option<&str> {
        Some(&self.provider)
    }
}

/// What a destroy of the selected services would tear down. Asks no provider.
///
/// # Errors
/// If vault or journal cannot be read, or nothing is known of the selected service.
pub(crate) fn plan(core: &Core, selection: &Selection) -> Result<DestroyPlan, EngineError> {
    let known = core.known()?;
    let wanted = |service: &str| match selection {
        Selection::All => true,
        Selection::Service(id) => id == service,
    };
    let existing = existing(&known);
    if let Selection::Service(id) = selection
        && !existing.contains(id.as_str())
    {
        core.select(selection)?;
    }
    // Dependents first: the file's order of making, backwards. What the file no longer has comes first of
    // all, because something that it needed may be there still.
    let in_file = core.graph.order().iter().rev().map(|&at| core.services[at].id.as_str());
    let orphans = existing.iter().copied().filter(|id| !core.index.contains_key(*id));
    let ids = orphans.chain(in_file.filter(|id| existing.contains(id)));
    let entries: Vec<Doomed> = ids.filter(|id| wanted(id)).map(|id| doomed(core, &known, id)).collect();
    let mut warnings = known.warnings.clone();
    warnings.extend(entries.iter().flat_map(|entry| left_alone(&entries, entry, &existing)));
    Ok(DestroyPlan {
        project: core.project.clone(),
        environment: core.environment.clone(),
        entries,
        warnings,
    })
}

/// Ids of all services of which something exists or may.
fn existing(known: &Known) -> BTreeSet<&str> {
    let recorded = known.states.keys().map(String::as_str);
    let begun = known.open.iter().filter(|(_, open)| !open.left_nothing()).map(|(id, _)| id.as_str());
    recorded.chain(begun).collect()
}

fn doomed(core: &Core, known: &Known, id: &str) -> Doomed {
    let state = known.states.get(id);
    let begun = known.open.get(id).map(|open| open.intent.declared.provider.clone());
    let dependents = core.index.get(id).map(|&at| core.graph.dependents(at)).unwrap_or_default();
    Doomed {
        service: id.to_owned(),
        provider: state.map(|state| state.provider.clone()).or(begun).unwrap_or_default(),
        resource_id: state.map(|state| state.resource_id.clone()),
        orphaned: !core.index.contains_key(id),
        needed_by: dependents.iter().map(|&at| core.services[at].id.clone()).collect(),
    }
}

/// Services that stay and need one that goes.
fn left_alone(entries: &[Doomed], entry: &Doomed, existing: &BTreeSet<&str>) -> Option<String> {
    let stays =
        |id: &&String| existing.contains(id.as_str()) && !entries.iter().any(|entry| entry.service == **id);
    let staying: Vec<String> = entry.needed_by.iter().filter(stays).map(|id| format!("`{id}`")).collect();
    (!staying.is_empty())
        .then(|| format!("{} stays and needs `{}`, which goes", staying.join(", "), entry.service))
}

/// Tears down what the plan names.
///
/// # Errors
/// If the run could not begin. Once it has begun, all that goes wrong stands in the report.
pub(crate) async fn destroy(
    core: &Arc<Core>,
    plan: DestroyPlan,
    observer: Arc<dyn Observer>,
    interrupt: Interrupt,
) -> Result<RunReport, EngineError> {
    let run = Arc::new(core.begin(intention(core, &plan), observer, interrupt)?);
    let (names, graph) = backwards(&plan.entries);
    let services =
        work(
            &run,
            &graph,
            &names,
            plan.entries,
            |run, entries, n| async move { run.destroy(&entries[n]).await },
        )
        .await;
    Ok(finish(&run, services))
}

fn intention(core: &Core, plan: &DestroyPlan) -> Intention {
    let doomed: BTreeSet<&str> = plan.entries.iter().map(|entry| entry.service.as_str()).collect();
    let subjects = plan.entries.iter().map(|entry| {
        let ready = core.index.get(&entry.service).and_then(|&at| {
            core.services[at].candidates.iter().find(|ready| ready.declared.provider == entry.provider)
        });
        let provider = core.router.get(&entry.provider);
        Subject {
            service: entry.service.clone(),
            declared: ready.map(|ready| (*ready.declared).clone()),
            plugin: provider.map(|provider| provider.identity().clone()),
            needs: entry.needed_by.iter().filter(|id| doomed.contains(id.as_str())).cloned().collect(),
        }
    });
    let subjects = subjects.collect();
    // Only values with non-string keys have no JSON; a plan has none.
    let plan: Value = serde_json::to_value(plan).unwrap_or_default();
    Intention { plan, subjects, calls: Vec::new() }
}

/// The graph in which what needs a service comes before it.
fn backwards(entries: &[Doomed]) -> (Vec<String>, Graph) {
    let names: Vec<String> = entries.iter().map(|entry| entry.service.clone()).collect();
    let place: HashMap<&str, usize> = names.iter().enumerate().map(|(at, id)| (id.as_str(), at)).collect();
    let edges: Vec<Vec<usize>> = entries
        .iter()
        .map(|entry| entry.needed_by.iter().filter_map(|id| place.get(id.as_str()).copied()).collect())
        .collect();
    // The reverse of a graph without circles has none either.
    let graph = Graph::new(edges).unwrap_or_else(|_| Graph::unordered(names.len()));
    (names, graph)
}
