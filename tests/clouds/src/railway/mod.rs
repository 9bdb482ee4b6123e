//! Railway: which field does what. Documents are read in `document`; the rules are in `queries` and
//! `mutations`, what there is in `model`.
//!
//! Not played: staged changes, templates, buckets, logs, builds from repositories beyond their states.

mod document;
mod model;
mod mutations;
mod queries;

use http::Method;
use serde_json::{Map, Value, json};

use crate::Habits;
use crate::call::{Answer, Call, Outcome};
use crate::clock::Clock;
use crate::dice::Dice;
use document::Field;
use model::Project;

/// The workspace of every key of this stand-in.
pub(crate) const WORKSPACE: &str = "4a4c0f1e-91f7-4c0e-a7a3-4c1d3c8e0f11";

/// The account, as Railway sees it.
#[derive(Debug)]
pub(crate) struct Railway {
    dice: Dice,
    projects: Vec<Project>,
    /// Every value ever given to a variable that is named as a secret.
    secrets: Vec<String>,
    broken_images: Vec<String>,
    page: usize,
}

/// A project, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct RailwayView {
    /// Railway's id of it.
    pub id: String,
    /// Display name; not unique.
    pub name: String,
    /// What is in it.
    pub services: Vec<RailwayServiceView>,
}

/// A service of a project, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct RailwayServiceView {
    /// Railway's id of it.
    pub id: String,
    /// Unique in its project.
    pub name: String,
    /// `image` or `repo`.
    pub source: Value,
    /// Variables with their values.
    pub variables: Map<String, Value>,
    /// Mount paths of its volumes.
    pub volumes: Vec<String>,
    /// Railway's domains and one's own.
    pub domains: Vec<String>,
    /// Ports that are open over plain TCP.
    pub tcp_ports: Vec<i64>,
    /// Deployments that were started, whatever became of them.
    pub deployments: usize,
    /// The state of the latest one.
    pub status: String,
}

/// A refusal: its words, and Railway's code for it.
#[derive(Debug)]
struct Refusal(&'static str, String);

impl Refusal {
    fn input(message: impl Into<String>) -> Self {
        Self("BAD_USER_INPUT", message.into())
    }

    /// Railway says this of what is not there, too.
    fn not_authorized() -> Self {
        Self("INTERNAL_SERVER_ERROR", "Not Authorized".to_owned())
    }

    fn not_found(what: &str) -> Self {
        Self("INTERNAL_SERVER_ERROR", format!("{what} not found"))
    }
}

/// Railway's error shape. A key that is no good is told with status 200.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    let (status, message) = if status == 401 { (200, "Not Authorized") } else { (status, message) };
    Answer::json(status, json!({ "errors": [{ "message": message }], "data": null }))
}

impl Railway {
    pub(crate) fn new(habits: &Habits) -> Self {
        Self {
            dice: Dice::new(habits.seed),
            projects: Vec::new(),
            secrets: Vec::new(),
            broken_images: habits.broken_images.clone(),
            page: habits.page.max(1),
        }
    }

    pub(crate) fn views(&self, clock: &Clock) -> Vec<RailwayView> {
        let alive = self.projects.iter().filter(|project| project.deleted.is_none());
        alive.map(|project| project.view(clock, &self.broken_images)).collect()
    }

    pub(crate) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Answers a call whose key is good.
    pub(crate) fn answer(&mut self, call: &Call, clock: &Clock) -> Outcome {
        if call.host != "backboard.railway.com" && !call.is_direct() {
            return Err(error(421, "This host is not Railway's."));
        }
        if (&call.method, call.path.as_str()) != (&Method::POST, "/graphql/v2") {
            return Err(error(404, "Not found"));
        }
        let body = call.body.as_ref().unwrap_or(&Value::Null);
        let operation = document::read(body).map_err(|message| error(400, &message))?;
        self.projects.retain(|project| project.deleted.is_none_or(|at| clock.paces_since(at) < 1.0));
        let mut data = Map::new();
        for field in &operation.fields {
            let value = self.resolve(field, operation.mutates, clock).and_then(|value| {
                document::select(&value, &field.fields)
                    .map_err(|message| Refusal("GRAPHQL_VALIDATION_FAILED", message))
            });
            match value {
                Ok(value) => drop(data.insert(field.key.clone(), value)),
                Err(Refusal(code, message)) => {
                    let refusal = json!({
                        "message": message, "path": [field.key], "locations": [{ "line": 1, "column": 1 }],
                        "extensions": { "code": code },
                    });
                    return Ok(Answer::json(200, json!({ "errors": [refusal], "data": null })));
                }
            }
        }
        Ok(Answer::json(200, json!({ "data": data })))
    }

    fn resolve(&mut self, field: &Field, mutates: bool, clock: &Clock) -> Result<Value, Refusal> {
        if mutates { self.mutate(field, clock) } else { self.query(field, clock) }
    }

    fn project(&mut self, id: &str) -> Result<&mut Project, Refusal> {
        let project = self.projects.iter_mut().find(|project| project.id == id);
        project.ok_or_else(Refusal::not_authorized)
    }
}
