//! A Fly of a few lines: enough of its habits for this plugin's tests. The stand-in of `tests/clouds` knows
//! more of them.

use serde_json::{Value, json};
use ss_sdk::http::{Method, Request, Response, TransportError};
use ss_sdk::testing::json as answer;

type Answer = Result<Response, TransportError>;

/// One account, and what the world sees of it.
#[derive(Default)]
pub struct Cloud {
    pub apps: Vec<String>,
    /// Apps of other people.
    pub taken: Vec<String>,
    pub addresses: Vec<Value>,
    pub machines: Vec<Value>,
    /// Answers to the next creations, given after the thing was made.
    pub creation_troubles: Vec<Answer>,
    /// How often the machine is seen starting, and its check failing.
    pub starting: u32,
    pub failing_checks: u32,
    /// What a visitor gets.
    pub visitors_get: u16,
    /// Somebody else updates the machine this often, just before we do.
    pub rivals: u32,
    /// Keys are of the form that names its own scheme.
    pub own_scheme: bool,
    pub made: u32,
    /// For how many requests something new is not shown, and for how many more.
    pub new_unseen_for: u32,
    pub unseen_for: u32,
}

impl Cloud {
    pub fn new() -> Self {
        Self { starting: 2, failing_checks: 2, visitors_get: 200, ..Self::default() }
    }

    pub fn answer(&mut self, request: &Request) -> Answer {
        if request.url.starts_with("https://my-app-api.fly.dev/") {
            assert_eq!(request.header("authorization"), None, "a visitor has no key");
            return Ok(answer(self.visitors_get, &json!({"status": "ok"})));
        }
        let path = request.url.strip_prefix("https://api.machines.dev/v1/").expect("the API").to_owned();
        let prefix = if self.own_scheme { "sealed1_" } else { "Bearer sealed1_" };
        if !request.header("authorization").is_some_and(|value| value.starts_with(prefix)) {
            return Ok(answer(401, &json!({"error": "unauthorized"})));
        }
        let path = path.split('?').next().unwrap_or_default().to_owned();
        if request.method.is_safe() && self.unseen_for > 0 && path != "tokens/current" {
            self.unseen_for -= 1;
            let list = path.ends_with("/machines");
            return Ok(if list { answer(200, &json!([])) } else { not_found() });
        }
        let parts: Vec<&str> = path.split('/').collect();
        match (request.method, parts.as_slice()) {
            (Method::Get, ["tokens", "current"]) => {
                Ok(answer(200, &json!({"tokens": [{"org_slug": "acme"}]})))
            }
            (Method::Post, ["apps"]) => self.create_app(&request.json()),
            (method, ["apps", app, rest @ ..]) if self.apps.iter().any(|known| known == app) => {
                self.in_app(method, app, rest, request)
            }
            _ => Ok(not_found()),
        }
    }

    fn trouble(&mut self, otherwise: Response) -> Answer {
        self.unseen_for = self.new_unseen_for;
        if self.creation_troubles.is_empty() { Ok(otherwise) } else { self.creation_troubles.remove(0) }
    }

    fn create_app(&mut self, body: &Value) -> Answer {
        let name = body["name"].as_str().expect("a name").to_owned();
        if self.taken.contains(&name) || self.apps.contains(&name) {
            return Ok(answer(422, &json!({"error": "Name has already been taken", "status": "name_taken"})));
        }
        self.apps.push(name.clone());
        self.trouble(answer(201, &json!({"id": name, "created_at": 1})))
    }

    fn in_app(&mut self, method: Method, app: &str, rest: &[&str], request: &Request) -> Answer {
        Ok(match (method, rest) {
            (Method::Get, []) => {
                answer(200, &json!({"name": app, "organization": {"slug": "acme"}, "status": "pending"}))
            }
            (Method::Delete, []) => {
                self.apps.retain(|known| known != app);
                self.machines.clear();
                answer(202, &json!({}))
            }
            (Method::Get, ["ip_assignments"]) => answer(200, &json!({"ips": self.addresses})),
            (Method::Post, ["ip_assignments"]) => {
                let address = match request.json()["type"].as_str().expect("a type") {
                    "shared_v4" => json!({"ip": "66.241.125.1", "shared": true}),
                    "v6" => json!({"ip": "2a09:8280:1::1"}),
                    other => panic!("unexpected address {other}"),
                };
                self.addresses.push(address.clone());
                return self.trouble(answer(200, &address));
            }
            (Method::Get, ["machines"]) => answer(200, &json!(self.machines)),
            (Method::Post, ["machines"]) => {
                self.made += 1;
                let body = request.json();
                assert!(
                    !self.machines.iter().any(|machine| machine["name"] == body["name"]),
                    "machine names are unique"
                );
                let machine = json!({
                    "id": format!("9080{}", self.made), "name": body["name"], "region": body["region"],
                    "config": resolved(&body["config"]), "state": "created", "instance_id": format!("v{}", self.made),
                });
                self.machines.push(machine.clone());
                return self.trouble(answer(200, &machine));
            }
            (method, ["machines", id, rest @ ..]) => {
                match self.machines.iter().position(|machine| machine["id"] == *id) {
                    Some(at) => self.at_machine(method, at, rest, request),
                    None => not_found(),
                }
            }
            _ => not_found(),
        })
    }

    fn at_machine(&mut self, method: Method, at: usize, rest: &[&str], request: &Request) -> Response {
        let machine = &mut self.machines[at];
        match (method, rest) {
            (Method::Get, []) => {
                let passing = self.failing_checks == 0;
                self.failing_checks = self.failing_checks.saturating_sub(1);
                let status = if passing { "passing" } else { "critical" };
                machine["checks"] =
                    json!([{"name": "health", "status": status, "output": "connection refused"}]);
                answer(200, machine)
            }
            (Method::Get, ["wait"]) => {
                if self.starting > 0 {
                    self.starting -= 1;
                    return answer(408, &json!({"error": "request timed out"}));
                }
                assert_eq!(request.query("version").as_deref(), machine["instance_id"].as_str());
                machine["state"] = json!("started");
                answer(200, &json!({"ok": true}))
            }
            (Method::Post, []) => {
                let body = request.json();
                if self.rivals > 0 {
                    self.rivals -= 1;
                    machine["instance_id"] = json!(format!("rival{}", self.rivals));
                }
                if body["current_version"] != machine["instance_id"] {
                    return answer(409, &json!({"error": "the machine has changed"}));
                }
                self.made += 1;
                machine["config"] = resolved(&body["config"]);
                machine["instance_id"] = json!(format!("v{}", self.made));
                machine["state"] = json!("replacing");
                answer(200, machine)
            }
            (Method::Post, ["start"]) => {
                machine["state"] = json!("starting");
                answer(200, &json!({}))
            }
            (Method::Delete, []) => {
                assert_eq!(request.query("force").as_deref(), Some("true"));
                self.machines.remove(at);
                answer(200, &json!({}))
            }
            _ => not_found(),
        }
    }
}

/// The configuration as Fly keeps it: the gate has put the secrets in.
fn resolved(config: &Value) -> Value {
    let mut config = config.clone();
    for (_, value) in config["env"].as_object_mut().expect("an environment") {
        if value.as_str().is_some_and(|value| value.starts_with("sealed1_")) {
            *value = json!("a real secret");
        }
    }
    // What Fly adds on its own.
    config["restart"] = json!({"policy": "on-failure"});
    config["services"][0]["autostop"] = json!(false);
    config
}

fn not_found() -> Response {
    answer(404, &json!({"error": "not found"}))
}
