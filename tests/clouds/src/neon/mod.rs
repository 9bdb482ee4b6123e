//! Neon: which request does what. The rules are in `projects` and `branches`, the shapes in `render`.
//!
//! Not played: recovery of deleted projects, branches from points in time, billing.

mod branches;
mod model;
mod projects;
mod render;

use http::Method;
use serde_json::{Value, json};

use crate::Habits;
use crate::call::{Answer, Call, Outcome};
use crate::clock::Clock;
use crate::dice::Dice;
use model::{Project, Scheduler};

/// The organisation that every key of this stand-in can use.
pub(crate) const ORGANIZATION: &str = "org-quiet-star-12345678";

/// The account, as Neon sees it.
#[derive(Debug)]
pub(crate) struct Neon {
    dice: Dice,
    scheduler: Scheduler,
    projects: Vec<Project>,
    /// Every password ever made, also of what is deleted.
    passwords: Vec<String>,
    next_database: i64,
    personal_key: bool,
    store_passwords: bool,
    page: usize,
}

/// A project, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct ProjectView {
    /// Neon's id.
    pub id: String,
    /// Display name; not unique.
    pub name: String,
    /// Such as `aws-us-east-2`.
    pub region: String,
    /// Major version of Postgres.
    pub pg_version: i64,
    /// `branch/database` of every database.
    pub databases: Vec<String>,
    /// `branch/role` of every role.
    pub roles: Vec<String>,
    /// Connection strings with passwords, the first role's of every database.
    pub connection_uris: Vec<String>,
}

/// Neon's error shape.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({ "code": "", "message": message }))
}

fn no_route() -> Answer {
    error(404, "This route does not exist.")
}

impl Neon {
    pub(crate) fn new(habits: &Habits) -> Self {
        Self {
            dice: Dice::new(habits.seed),
            scheduler: Scheduler::new(habits.seed, habits.failing_operations),
            projects: Vec::new(),
            passwords: Vec::new(),
            next_database: 1,
            personal_key: habits.personal_key,
            store_passwords: habits.store_passwords,
            page: habits.page.max(1),
        }
    }

    pub(crate) fn views(&self) -> Vec<ProjectView> {
        self.projects.iter().map(Project::view).collect()
    }

    pub(crate) fn passwords(&self) -> &[String] {
        &self.passwords
    }

    /// Answers a call whose key is good.
    pub(crate) fn answer(&mut self, call: &Call, clock: &Clock) -> Outcome {
        self.route(call, clock).map_err(|refusal| with_request_id(refusal, call))
    }

    fn route(&mut self, call: &Call, clock: &Clock) -> Outcome {
        if call.host != "console.neon.tech" && !call.is_direct() {
            return Err(error(421, "This host is not Neon's."));
        }
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let ["api", "v2", route @ ..] = segments.as_slice() else { return Err(no_route()) };
        match (&call.method, route) {
            (&Method::GET, ["auth"]) => Ok(Answer::json(200, self.auth())),
            (&Method::GET, ["regions"]) => Ok(Answer::json(200, render::regions())),
            (&Method::GET, ["users", "me"]) if self.personal_key => Ok(Answer::json(200, render::user())),
            (&Method::GET, ["users", ..]) if !self.personal_key => {
                Err(error(403, "This key belongs to an organisation, not to a person."))
            }
            (&Method::GET, ["users", "me", "organizations"]) => {
                Ok(Answer::json(200, json!({ "organizations": [render::organization()] })))
            }
            (&Method::GET, ["organizations", ORGANIZATION]) => Ok(Answer::json(200, render::organization())),
            (&Method::GET, ["projects"]) => self.list_projects(call, clock),
            (&Method::POST, ["projects"]) => self.create_project(call, clock),
            (_, ["projects", project, rest @ ..]) => self.project_route(call, clock, project, rest),
            _ => Err(no_route()),
        }
    }

    fn project_route(&mut self, call: &Call, clock: &Clock, id: &str, rest: &[&str]) -> Outcome {
        let index = self.projects.iter().position(|project| project.id == id);
        let index = index.ok_or_else(|| error(404, "The project does not exist."))?;
        let project = &mut self.projects[index];
        if call.method != Method::GET && project.is_busy(clock) {
            return Err(error(423, "The project has a running operation that conflicts with this request."));
        }
        match (&call.method, rest) {
            (&Method::GET, []) => project.get(clock),
            (&Method::PATCH, []) => project.patch(call, clock, &mut self.scheduler),
            (&Method::DELETE, []) => {
                let project = self.projects.remove(index);
                Ok(Answer::json(200, json!({ "project": render::project(&project) })))
            }
            (&Method::GET, ["operations"]) => Ok(Answer::json(200, project.list_operations(clock))),
            (&Method::GET, ["operations", operation]) => project.get_operation(operation, clock),
            (&Method::GET, ["connection_uri"]) => project.connection_uri(call),
            (&Method::GET, ["endpoints"]) => {
                Ok(Answer::json(200, json!({ "endpoints": project.render_endpoints(None, clock) })))
            }
            (&Method::GET, ["endpoints", endpoint]) => project.get_endpoint(endpoint, clock),
            (&Method::PATCH, ["endpoints", endpoint]) => {
                project.patch_endpoint(endpoint, call, clock, &mut self.scheduler)
            }
            (&Method::GET, ["branches"]) => Ok(Answer::json(200, project.list_branches(call, clock))),
            (_, ["branches", branch, rest @ ..]) => self.branch_route(call, clock, index, branch, rest),
            (&Method::POST, ["branches"]) => self.create_branch(call, clock, index),
            _ => Err(no_route()),
        }
    }

    fn auth(&self) -> Value {
        let method = if self.personal_key { "api_key_user" } else { "api_key_org" };
        json!({ "account_id": render::OWNER, "auth_method": method })
    }
}

/// Neon repeats an `X-Request-ID` in its errors.
fn with_request_id(mut refusal: Answer, call: &Call) -> Answer {
    if let (Some(id), Some(body)) = (call.header("x-request-id"), &mut refusal.body) {
        body["request_id"] = id.into();
    }
    refusal
}
