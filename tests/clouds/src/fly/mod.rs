//! Fly: which request does what. The rules are in `apps` and `machines`; `edge` plays the public apps.
//!
//! Not played: volumes, certificates, managed Postgres, machine metadata routes.

mod apps;
mod edge;
mod machines;
mod model;
mod render;

use http::Method;
use serde_json::{Value, json};

use crate::call::{Answer, Call, Outcome, Reply};
use crate::clock::Clock;
use crate::dice::Dice;
use crate::{Habits, Surface};
use model::App;

/// The organisation that every token of this stand-in can use.
const ORGANIZATION: &str = "personal";

/// The account, as Fly sees it.
#[derive(Debug)]
pub(crate) struct Fly {
    dice: Dice,
    apps: Vec<App>,
    taken_names: Vec<String>,
    broken_images: Vec<String>,
    full_regions: Vec<String>,
}

/// An app, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct AppView {
    /// The name, which is unique in all of Fly.
    pub name: String,
    /// Addresses, such as `v6` or `shared_v4`, by type.
    pub addresses: Vec<String>,
    /// Names of secrets.
    pub secrets: Vec<String>,
}

/// A machine, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct MachineView {
    /// Fly's id.
    pub id: String,
    /// Its app.
    pub app: String,
    /// Its name, which is unique in the app.
    pub name: String,
    /// Where it runs.
    pub region: String,
    /// Such as `started`.
    pub state: &'static str,
    /// How many configurations it has had.
    pub versions: usize,
    /// The whole configuration as it was sent.
    pub config: Value,
    /// Whether somebody holds its lease.
    pub leased: bool,
}

impl MachineView {
    /// A variable of its environment.
    pub fn env(&self, name: &str) -> Option<&str> {
        self.config["env"][name].as_str()
    }
}

/// Fly's error shape.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    error_of(status, "unknown", message)
}

/// An error with one of the codes that Fly documents.
fn error_of(status: u16, code: &str, message: &str) -> Answer {
    Answer::json(status, json!({ "error": message, "status": code }))
}

/// An app's public address, or the API.
pub(crate) fn surface(call: &Call) -> Surface {
    if edge::app_name(&call.host).is_some() { Surface::App } else { Surface::Api }
}

impl Fly {
    pub(crate) fn new(habits: &Habits) -> Self {
        Self {
            dice: Dice::new(habits.seed),
            apps: Vec::new(),
            taken_names: habits.taken_names.clone(),
            broken_images: habits.broken_images.clone(),
            full_regions: habits.full_regions.clone(),
        }
    }

    pub(crate) fn apps(&self, clock: &Clock) -> Vec<AppView> {
        self.apps.iter().filter(|app| app.exists(clock)).map(App::view).collect()
    }

    pub(crate) fn machines(&self, clock: &Clock) -> Vec<MachineView> {
        let apps = self.apps.iter().filter(|app| app.exists(clock));
        apps.flat_map(|app| app.machine_views(clock)).collect()
    }

    /// Answers a call whose token is good, or one to a public app.
    pub(crate) fn answer(&mut self, call: &Call, clock: &Clock) -> Reply {
        // What was deleted long enough ago is gone, so that its name is free.
        self.apps.retain(|app| app.exists(clock));
        if let Some(name) = edge::app_name(&call.host) {
            return Reply::Now(self.edge(name, call, clock));
        }
        if call.host != "api.machines.dev" && !call.is_direct() {
            return Reply::Now(error(421, "this host is not Fly's"));
        }
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        match (&call.method, segments.as_slice()) {
            (&Method::GET, ["v1", "tokens", "current"]) => Reply::Now(Answer::json(200, render::token())),
            (&Method::GET, ["v1", "platform", "regions"]) => Reply::Now(Answer::json(200, render::regions())),
            (&Method::GET, ["v1", "apps"]) => self.list_apps(call, clock).into(),
            (&Method::POST, ["v1", "apps"]) => self.create_app(call, clock).into(),
            (_, ["v1", "apps", app, "machines", machine, rest @ ..]) => {
                self.machine_route(call, clock, app, machine, rest)
            }
            (_, ["v1", "apps", app, rest @ ..]) => self.app_route(call, clock, app, rest).into(),
            _ => Reply::Now(no_route()),
        }
    }

    fn app_route(&mut self, call: &Call, clock: &Clock, app: &str, rest: &[&str]) -> Outcome {
        let index = self.find_app(app)?;
        let app = &mut self.apps[index];
        match (&call.method, rest) {
            (&Method::GET, []) => app.get(clock),
            (&Method::DELETE, []) => {
                app.deleted.get_or_insert_with(|| clock.now());
                Ok(Answer::empty(202))
            }
            (&Method::GET, ["ip_assignments"]) => Ok(Answer::json(200, render::addresses(app))),
            (&Method::POST, ["ip_assignments"]) => app.assign_address(call, &mut self.dice),
            (&Method::DELETE, ["ip_assignments", ip]) => app.release_address(ip),
            (&Method::GET, ["secrets"]) => Ok(Answer::json(200, render::secrets(app))),
            (&Method::POST, ["secrets"]) => app.set_secrets(call, &mut self.dice),
            (&Method::DELETE, ["secrets", name]) => app.delete_secret(name),
            (&Method::GET, ["machines"]) => Ok(Answer::json(200, app.list_machines(call, clock))),
            (&Method::POST, ["machines"]) => self.create_machine(call, clock, index),
            _ => Err(no_route()),
        }
    }

    fn find_app(&self, name: &str) -> Result<usize, Answer> {
        let index = self.apps.iter().position(|app| app.name == name);
        index.ok_or_else(|| error(404, "app not found"))
    }
}

fn no_route() -> Answer {
    error(404, "this route does not exist")
}
