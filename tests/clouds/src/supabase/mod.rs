//! Supabase: which request does what. Projects are in `projects`, what is set in them in `settings`.
//!
//! Not played: branches, read replicas, custom domains, SQL, functions themselves.

mod auth;
mod projects;
mod settings;

use http::Method;
use serde_json::{Map, Value, json};

use crate::Habits;
use crate::call::{Answer, Call, Outcome};
use crate::clock::{Clock, Moment};
use crate::dice::Dice;

/// The organisation that every key of this stand-in can use.
pub(crate) const ORGANIZATION: &str = "vsoazsxzqrcbuyxsfbtq";

/// The most projects on a page.
const PAGE: usize = 100;

/// The account, as Supabase sees it.
#[derive(Debug)]
pub(crate) struct Supabase {
    dice: Dice,
    projects: Vec<Project>,
    /// Every password and key ever made, also of what is deleted.
    secrets: Vec<String>,
    page: usize,
    /// The most projects of the plan.
    most: usize,
}

/// A project, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct SupabaseView {
    /// Supabase's id of it.
    pub reference: String,
    /// Display name.
    pub name: String,
    /// Such as `us-east-1`.
    pub region: String,
    /// As the API says it.
    pub status: String,
    /// The database password.
    pub password: String,
    /// Edge Function secrets, name and value.
    pub secrets: Vec<(String, String)>,
    /// `site_url` of the sign-in settings.
    pub site_url: String,
}

#[derive(Debug)]
struct Project {
    reference: String,
    name: String,
    region: String,
    password: String,
    keys: Vec<(&'static str, &'static str, String)>,
    created: Moment,
    created_at: String,
    state: State,
    auth: Map<String, Value>,
    rest: Map<String, Value>,
    cidrs: (Value, Value),
    enforces_tls: bool,
    size: Option<String>,
    secrets: Vec<(String, String)>,
}

/// What a project is doing.
#[derive(Debug, Clone, Copy)]
enum State {
    /// On its way to being up since then, under this name.
    Rising(&'static str, Moment),
    Paused,
    /// Deleted then; it stays visible for a while.
    Leaving(Moment),
}

impl Project {
    fn status(&self, clock: &Clock) -> &'static str {
        match self.state {
            State::Rising(_, begun) if clock.paces_since(begun) >= 1.0 => "ACTIVE_HEALTHY",
            State::Rising(name, _) => name,
            State::Paused => "INACTIVE",
            State::Leaving(_) => "GOING_DOWN",
        }
    }

    /// Whether its services answer: a while after it is up.
    fn serves(&self, clock: &Clock) -> bool {
        matches!(self.state, State::Rising(_, begun) if clock.paces_since(begun) >= 1.5)
    }

    fn is_gone(&self, clock: &Clock) -> bool {
        matches!(self.state, State::Leaving(begun) if clock.paces_since(begun) >= 1.0)
    }

    fn setting(&self, name: &str) -> String {
        self.auth.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
    }
}

/// Supabase's error shape.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    Answer::json(status, json!({ "message": message }))
}

impl Supabase {
    pub(crate) fn new(habits: &Habits) -> Self {
        Self {
            dice: Dice::new(habits.seed),
            projects: Vec::new(),
            secrets: Vec::new(),
            page: habits.page.clamp(1, PAGE),
            most: habits.most_projects,
        }
    }

    pub(crate) fn views(&self, clock: &Clock) -> Vec<SupabaseView> {
        let alive = self.projects.iter().filter(|project| !matches!(project.state, State::Leaving(_)));
        alive
            .map(|project| SupabaseView {
                reference: project.reference.clone(),
                name: project.name.clone(),
                region: project.region.clone(),
                status: project.status(clock).to_owned(),
                password: project.password.clone(),
                secrets: project.secrets.clone(),
                site_url: project.setting("site_url"),
            })
            .collect()
    }

    pub(crate) fn secrets(&self) -> &[String] {
        &self.secrets
    }

    /// Answers a call whose key is good.
    pub(crate) fn answer(&mut self, call: &Call, clock: &Clock) -> Outcome {
        if call.host != "api.supabase.com" && !call.is_direct() {
            return Err(error(421, "This host is not Supabase's."));
        }
        self.projects.retain(|project| !project.is_gone(clock));
        let limited = |answer: Answer| {
            answer.with("x-ratelimit-limit", "120".to_owned()).with("x-ratelimit-reset", "60".to_owned())
        };
        self.route(call, clock).map(limited).map_err(limited)
    }

    fn route(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let ["v1", route @ ..] = segments.as_slice() else { return Err(no_route(call)) };
        match (&call.method, route) {
            (&Method::GET, ["organizations"]) => Ok(Answer::json(
                200,
                json!([{ "id": ORGANIZATION, "slug": ORGANIZATION, "name": "My team" }]),
            )),
            (&Method::GET, ["organizations", ORGANIZATION, "projects"]) => self.list(call, clock),
            (_, ["organizations", ..]) => Err(error(403, "Forbidden resource")),
            (&Method::POST, ["projects"]) => self.create(call, clock),
            (_, ["projects", reference, rest @ ..]) => self.project_route(call, clock, reference, rest),
            _ => Err(no_route(call)),
        }
    }

    fn project_route(&mut self, call: &Call, clock: &Clock, reference: &str, rest: &[&str]) -> Outcome {
        let index = self.projects.iter().position(|project| project.reference == reference);
        let index = index.ok_or_else(|| error(404, "Project not found"))?;
        let project = &mut self.projects[index];
        match (&call.method, rest) {
            (&Method::GET, []) if !clock.shows(project.created) => Err(error(404, "Project not found")),
            (&Method::GET, []) => Ok(Answer::json(200, project.whole(clock))),
            (&Method::PATCH, []) => project.rename(call),
            (&Method::DELETE, []) => project.delete(clock),
            (&Method::POST, ["pause"]) => {
                project.state = State::Paused;
                Ok(Answer::empty(200))
            }
            (&Method::POST, ["restore"]) => project.restore(clock),
            (&Method::GET, ["health"]) => Ok(Answer::json(200, project.health(call, clock))),
            (&Method::PATCH, ["database", "password"]) => {
                let password = call.text("/password").unwrap_or_default().to_owned();
                self.secrets.push(password.clone());
                self.projects[index].set_password(password)
            }
            _ => project.settings(call, clock, rest),
        }
    }
}

fn no_route(call: &Call) -> Answer {
    error(404, &format!("Cannot {} {}", call.method, call.path))
}
