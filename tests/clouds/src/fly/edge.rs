//! The public side: what `https://<app>.fly.dev` answers.

use serde_json::{Value, json};

use super::Fly;
use super::model::{App, Machine};
use crate::call::{Answer, Call};
use crate::clock::Clock;

/// The app that a host name stands for.
pub(super) fn app_name(host: &str) -> Option<&str> {
    host.strip_suffix(".fly.dev").filter(|name| !name.is_empty() && !name.contains('.'))
}

impl Fly {
    /// An app answers its health path once it has an address, a service and a machine whose checks pass.
    pub(super) fn edge(&self, name: &str, call: &Call, clock: &Clock) -> Answer {
        let Ok(index) = self.find_app(name) else { return page(404, "no such app") };
        let app = &self.apps[index];
        if app.addresses.is_empty() {
            // In the world outside the name would not even resolve.
            return page(503, "the app has no address");
        }
        let mut serving = app.machines.iter().filter(|machine| serves(machine, clock));
        if serving.any(|machine| health_paths(machine).contains(&call.path.as_str())) {
            return page(200, "ok");
        }
        if app.machines.iter().any(|machine| serves(machine, clock)) {
            return page(404, "not found");
        }
        page(503, why_not(app, clock))
    }
}

fn why_not(app: &App, clock: &Clock) -> &'static str {
    match app.machines.iter().any(|machine| machine.state(clock) == "started") {
        true => "no machine has a service whose checks pass",
        false => "no machine is started",
    }
}

fn page(status: u16, text: &str) -> Answer {
    Answer::json(status, json!({ "status": text }))
}

/// Whether the proxy sends requests to a machine.
fn serves(machine: &Machine, clock: &Clock) -> bool {
    machine.is_well(clock) && !services(machine).is_empty()
}

fn services(machine: &Machine) -> &[Value] {
    machine.config["services"].as_array().map_or(&[], Vec::as_slice)
}

/// The paths of every HTTP check, `/health` and `/`.
fn health_paths(machine: &Machine) -> Vec<&str> {
    let of_machine = machine.config["checks"].as_object().into_iter().flat_map(|checks| checks.values());
    let of_services = services(machine).iter().filter_map(|service| service["checks"].as_array()).flatten();
    let paths = of_machine.chain(of_services).filter_map(|check| check["path"].as_str());
    paths.chain(["/health", "/"]).collect()
}
