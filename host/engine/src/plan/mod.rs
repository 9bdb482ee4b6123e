//! The plan: what an apply would do to each service, and why some are left out.

mod run;
mod saved;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use ss_provider::{Action, EffectOutcome, Failure, Plan, RequestRecord};

use crate::resolve::digest_of;
use crate::route::SkipReason;

pub(crate) use run::plan;
pub use saved::{SAVED_PLAN, SavedPlan};

/// The field of a plan that says what applying it costs.
const COST: &str = "cost";

/// What an apply would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SystemPlan {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// One entry per selected service, in file order.
    pub entries: Vec<PlanEntry>,
    /// What a person should know and that stops nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// The requests that were made for it.
    #[serde(skip)]
    pub(crate) calls: Vec<Call>,
}

/// How many services of a plan each thing would be done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PlanCounts {
    /// Made.
    pub create: usize,
    /// Changed in place.
    pub update: usize,
    /// Deleted and made anew.
    pub replace: usize,
    /// Left as they are.
    pub unchanged: usize,
    /// Nobody's to handle.
    pub skip: usize,
    /// Not to be planned.
    pub problems: usize,
}

/// A request that changed nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The service that it was for.
    pub service: String,
    /// When it ended.
    pub ended: Timestamp,
    /// What was asked.
    pub request: RequestRecord,
    /// How it ended.
    pub outcome: EffectOutcome,
}

/// What an apply would do to one service.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PlanEntry {
    /// The service.
    pub service: String,
    /// Its provider; none if it is skipped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Whether the provider's plugin is under development: nobody signed it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub development: bool,
    /// Whether an earlier run provisioned it.
    pub exists: bool,
    /// Whether an earlier run was cut short while it worked on it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub interrupted: bool,
    /// What would be done.
    #[serde(flatten)]
    pub decision: Decision,
}

/// What would be done to a service.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "lowercase", tag = "decision")]
pub enum Decision {
    /// The provider would be called.
    Apply(Plan),
    /// No provider applies. Never an error.
    Skip {
        /// Why.
        #[serde(flatten)]
        reason: SkipReason,
    },
    /// It cannot be planned, and an apply would fail.
    Problem {
        /// Why.
        #[serde(flatten)]
        failure: Failure,
    },
}

impl SystemPlan {
    /// SHA-256 in hex of the plan's canonical JSON.
    pub fn digest(&self) -> String {
        digest_of(self)
    }

    /// How many services each thing would be done to.
    pub fn counts(&self) -> PlanCounts {
        let mut counts = PlanCounts::default();
        for entry in &self.entries {
            *match &entry.decision {
                Decision::Skip { .. } => &mut counts.skip,
                Decision::Problem { .. } => &mut counts.problems,
                Decision::Apply(plan) => match plan.action {
                    Action::Create => &mut counts.create,
                    Action::Update => &mut counts.update,
                    Action::Replace => &mut counts.replace,
                    Action::Nothing => &mut counts.unchanged,
                },
            } += 1;
        }
        counts
    }

    /// What applying it costs: every service that costs something, what is done to it, and for how much.
    ///
    /// A plugin whose `provision` would spend money says so as a change of the field `cost`.
    pub fn costs(&self) -> Vec<String> {
        let mut costs = Vec::new();
        for entry in &self.entries {
            let Decision::Apply(plan) = &entry.decision else { continue };
            for change in plan.changes.iter().filter(|change| change.field == COST) {
                let amount =
                    change.after.as_ref().and_then(|after| after.as_str()).unwrap_or("an unknown amount");
                costs.push(format!("{} ({}): {amount}", entry.service, plan.detail));
            }
        }
        costs
    }

    /// The services that an apply could not provision.
    pub fn problems(&self) -> impl Iterator<Item = (&PlanEntry, &Failure)> {
        self.entries.iter().filter_map(|entry| match &entry.decision {
            Decision::Problem { failure } => Some((entry, failure)),
            _ => None,
        })
    }
}
