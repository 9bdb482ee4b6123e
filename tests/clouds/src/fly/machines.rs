//! Machines: creation, whole-config updates, leases, waiting, the end.

use std::time::Duration;

use http::Method;
use serde_json::{Value, json};

use super::model::{App, Course, Lease, Machine, timestamp};
use super::{Fly, error, error_of, no_route, render};
use crate::call::{Answer, Call, Outcome, Reply};
use crate::clock::Clock;
use crate::dice::Dice;

/// The header that names a lease.
const NONCE: &str = "fly-machine-lease-nonce";
/// The longest that `wait` blocks, and what it blocks without a `timeout`.
const LONGEST_WAIT: u64 = 60;

impl Fly {
    pub(super) fn machine_route(
        &mut self,
        call: &Call,
        clock: &Clock,
        app: &str,
        id: &str,
        rest: &[&str],
    ) -> Reply {
        let found = self.find_machine(app, id);
        let (app, index) = match found {
            Ok(found) => found,
            Err(refusal) => return Reply::Now(refusal),
        };
        let machine = &mut self.apps[app].machines[index];
        if call.method == Method::GET && rest == ["wait"] {
            return machine.wait(call, clock);
        }
        let outcome = match (&call.method, rest) {
            (&Method::GET, []) => machine.get(clock),
            (&Method::POST, []) => self.update_machine(call, clock, app, index),
            (&Method::DELETE, []) => machine.destroy(call, clock),
            (&Method::POST, ["start"]) => machine.steer(call, Course::Launch, clock),
            (&Method::POST, ["restart"]) => machine.steer(call, Course::Launch, clock),
            (&Method::POST, ["stop"]) => machine.steer(call, Course::Stop, clock),
            (&Method::GET, ["lease"]) => machine.show_lease(),
            (&Method::POST, ["lease"]) => machine.take_lease(call, &mut self.dice),
            (&Method::DELETE, ["lease"]) => machine.release_lease(call),
            _ => Err(no_route()),
        };
        outcome.into()
    }

    fn find_machine(&self, app: &str, id: &str) -> Result<(usize, usize), Answer> {
        let app = self.find_app(app)?;
        let index = self.apps[app].machines.iter().position(|machine| machine.id == id);
        Ok((app, index.ok_or_else(|| error(404, "machine not found"))?))
    }

    pub(super) fn create_machine(&mut self, call: &Call, clock: &Clock, app: usize) -> Outcome {
        let config = config(call)?;
        let broken = self.is_broken(&config);
        let region = call.text("/region").unwrap_or("iad").to_owned();
        if self.full_regions.contains(&region) {
            return Err(error_of(422, "insufficient_capacity", "no room for another machine in this region"));
        }
        let dice = &mut self.dice;
        let app = &mut self.apps[app];
        app.check_secrets_version(call)?;
        let id = dice.hex(14);
        let name = call.text("/name").map_or_else(|| dice.pair(), str::to_owned);
        let alive = |other: &&Machine| other.course != Course::Destroy;
        if let Some(other) = app.machines.iter().filter(alive).find(|other| other.name == name) {
            let message = format!("unique machine name violation: {} has the name already", other.id);
            return Err(error(409, &message));
        }
        let mut machine = Machine {
            id,
            name,
            region,
            config,
            versions: vec![dice.ulid()],
            private_ip: format!("fdaa:0:{}:a7b::2", dice.hex(4)),
            created: clock.now(),
            created_at: timestamp(),
            updated_at: timestamp(),
            course: if call.member("/skip_launch") == true { Course::Rest } else { Course::Launch },
            since: clock.now(),
            broken,
            lease: None,
        };
        let mut shown = render::machine(&machine, clock);
        if let Some(seconds) = call.member("/lease_ttl").as_i64() {
            let lease = machine.lend(seconds, "", dice);
            shown["nonce"] = lease.nonce.as_str().into();
        }
        app.machines.push(machine);
        Ok(Answer::json(200, shown))
    }

    fn update_machine(&mut self, call: &Call, clock: &Clock, app: usize, index: usize) -> Outcome {
        let config = config(call)?;
        let broken = self.is_broken(&config);
        let app = &mut self.apps[app];
        app.check_secrets_version(call)?;
        let machine = &mut app.machines[index];
        machine.check_lease(call)?;
        if machine.course == Course::Destroy {
            return Err(error(400, "the machine is destroyed"));
        }
        if call.text("/current_version").is_some_and(|version| version != machine.version()) {
            return Err(error(409, "current_version is not the machine's current version"));
        }
        machine.config = config;
        machine.broken = broken;
        machine.versions.push(self.dice.ulid());
        let course = if call.member("/skip_launch") == true { Course::Rest } else { Course::Replace };
        machine.set_course(course, clock);
        Ok(Answer::json(200, render::machine(machine, clock)))
    }

    fn is_broken(&self, config: &Value) -> bool {
        self.broken_images.iter().any(|image| config["image"] == image.as_str())
    }
}

/// The configuration of a create or update: always the whole one, with Fly's defaults for what it leaves out.
fn config(call: &Call) -> Result<Value, Answer> {
    let config = call.member("/config");
    if config["image"].as_str().is_none_or(str::is_empty) {
        return Err(error(400, "config.image is required"));
    }
    let mut config = config.clone();
    for (member, default) in [
        ("init", json!({})),
        ("guest", json!({ "cpu_kind": "shared", "cpus": 1, "memory_mb": 256 })),
        ("restart", json!({ "policy": "on-failure", "max_retries": 10 })),
    ] {
        if config[member].is_null() {
            config[member] = default;
        }
    }
    Ok(config)
}

impl App {
    pub(super) fn list_machines(&self, call: &Call, clock: &Clock) -> Value {
        let wanted = |machine: &&Machine| {
            clock.shows(machine.created)
                && (call.flag("include_deleted") || machine.state(clock) != "destroyed")
                && call.query("region").is_none_or(|region| region == machine.region)
                && call.query("state").is_none_or(|state| state == machine.state(clock))
        };
        let machines = self.machines.iter().filter(wanted);
        machines.map(|machine| render::machine(machine, clock)).collect::<Vec<_>>().into()
    }

    fn check_secrets_version(&self, call: &Call) -> Result<(), Answer> {
        match call.member("/min_secrets_version").as_i64() {
            Some(version) if version > self.secrets_version => {
                Err(error(400, "min_secrets_version is newer than the app's secrets"))
            }
            _ => Ok(()),
        }
    }
}

impl Machine {
    fn get(&self, clock: &Clock) -> Outcome {
        if !clock.shows(self.created) {
            return Err(error(404, "machine not found"));
        }
        Ok(Answer::json(200, render::machine(self, clock)))
    }

    /// Blocks until the machine is in the wanted state.
    fn wait(&self, call: &Call, clock: &Clock) -> Reply {
        let version = call.query("version").or(call.query("instance_id"));
        if version.is_some_and(|version| !self.versions.iter().any(|known| known == version)) {
            return Reply::Now(error(400, "version is not one of this machine's"));
        }
        let state = self.state(clock);
        let wanted = call.query("state").unwrap_or("started");
        let settled = wanted == "settled" && ["started", "stopped", "destroyed"].contains(&state);
        if settled || wanted.split(',').any(|wanted| wanted == state) {
            let body = json!({ "ok": true, "state": state, "version": self.version() });
            return Reply::Now(Answer::json(200, body));
        }
        if version.is_some_and(|version| version != self.version()) {
            return Reply::Now(error(400, "the machine has a newer version"));
        }
        let Some(timeout) = call.query("timeout").map_or(Some(LONGEST_WAIT), |text| text.parse().ok()) else {
            return Reply::Now(error(400, "timeout is not a number of seconds"));
        };
        if call.received.elapsed() >= Duration::from_secs(timeout.min(LONGEST_WAIT)) {
            return Reply::Now(error(408, "request timed out"));
        }
        Reply::Later
    }

    fn steer(&mut self, call: &Call, course: Course, clock: &Clock) -> Outcome {
        self.check_lease(call)?;
        if self.course == Course::Destroy {
            return Err(error(412, "the machine is destroyed"));
        }
        self.set_course(course, clock);
        Ok(Answer::ok())
    }

    fn destroy(&mut self, call: &Call, clock: &Clock) -> Outcome {
        self.check_lease(call)?;
        if self.course == Course::Destroy {
            return Err(error(404, "machine not found"));
        }
        if !call.flag("force") && self.state(clock) != "stopped" {
            return Err(error(412, "the machine is not stopped"));
        }
        self.set_course(Course::Destroy, clock);
        Ok(Answer::ok())
    }

    /// Whoever changes a leased machine must name the lease.
    fn check_lease(&self, call: &Call) -> Result<(), Answer> {
        match self.lease() {
            Some(lease) if call.header(NONCE) != Some(&lease.nonce) => {
                Err(error(409, "somebody else holds the lease of the machine"))
            }
            _ => Ok(()),
        }
    }

    fn lend(&mut self, seconds: i64, description: &str, dice: &mut Dice) -> &Lease {
        self.lease.insert(Lease {
            nonce: dice.hex(12),
            description: description.to_owned(),
            expires_at: jiff::Timestamp::now().as_second() + seconds,
        })
    }

    fn take_lease(&mut self, call: &Call, dice: &mut Dice) -> Outcome {
        self.check_lease(call)?;
        let seconds = call.member("/ttl").as_i64().unwrap_or(60);
        let description = call.text("/description").unwrap_or_default().to_owned();
        self.lend(seconds, &description, dice);
        self.show_lease().map(|lease| Answer { status: 201, ..lease })
    }

    fn show_lease(&self) -> Outcome {
        let lease = self.lease().ok_or_else(|| error(404, "the machine has no lease"))?;
        Ok(Answer::json(200, render::lease(lease, self.version())))
    }

    fn release_lease(&mut self, call: &Call) -> Outcome {
        self.lease().ok_or_else(|| error(404, "the machine has no lease"))?;
        self.check_lease(call)?;
        self.lease = None;
        Ok(Answer::ok())
    }
}
