//! Fly's Machines API: the calls that this plugin makes, and what it reads of the answers.
//!
//! Answers hold far more than is read here; members that are missing or new do no harm.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ss_sdk::http::{Call, Client, Response};
use ss_sdk::{Context, Failure, FailureKind};

/// Where the API is.
const BASE: &str = "https://api.machines.dev/v1";

/// Seconds that one `wait` request asks for: under Fly's 60, and short enough to hear a person's Ctrl-C.
const WAIT_SECONDS: &str = "15";

/// How long a machine may take to start. Pulling a large image takes minutes.
const START_LIMIT: Duration = Duration::from_secs(600);

/// How long something is looked for that Fly has created, or may have, and does not show.
pub const UNSEEN_LIMIT: Duration = Duration::from_secs(20);

/// How long a deletion may take.
const DELETION_LIMIT: Duration = Duration::from_secs(180);

/// An app.
#[derive(Debug, Deserialize)]
pub struct App {
    #[serde(default)]
    pub organization: Organization,
}

/// The organisation of an app.
#[derive(Debug, Default, Deserialize)]
pub struct Organization {
    #[serde(default)]
    pub slug: String,
}

/// A machine.
#[derive(Debug, Clone, Deserialize)]
pub struct Machine {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub state: String,
    #[serde(default)]
    pub region: String,
    /// Its version: another after every update.
    #[serde(default)]
    pub instance_id: String,
    #[serde(default)]
    pub config: Value,
    #[serde(default)]
    pub checks: Option<Vec<Check>>,
}

impl Machine {
    /// A member of its metadata.
    pub fn metadata(&self, name: &str) -> Option<&str> {
        self.config.get("metadata")?.get(name)?.as_str()
    }

    /// Whether it is gone or going.
    pub fn is_gone(&self) -> bool {
        matches!(self.state.as_str(), "destroyed" | "destroying")
    }
}

/// A health check as Fly sees it.
#[derive(Debug, Clone, Deserialize)]
pub struct Check {
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub output: Option<String>,
}

#[derive(Deserialize)]
struct Addresses {
    #[serde(default)]
    ips: Option<Vec<Address>>,
}

/// An address of an app.
#[derive(Debug, Deserialize)]
pub struct Address {
    #[serde(default)]
    pub ip: String,
    #[serde(default)]
    pub egress: bool,
    /// Set for addresses on a private network only.
    #[serde(default)]
    pub network: Option<Value>,
}

#[derive(Deserialize)]
struct Tokens {
    #[serde(default)]
    tokens: Option<Vec<Token>>,
}

#[derive(Deserialize)]
struct Token {
    #[serde(default)]
    org_slug: Option<String>,
}

/// Fly's API with the key of this run.
pub struct Api<'c, 'h> {
    context: &'c Context<'h>,
    client: Client<'h>,
}

impl<'c, 'h> Api<'c, 'h> {
    /// The API. `options_path` is the block to blame when Fly finds a request invalid.
    ///
    /// Keys that start with `FlyV1 ` name their own scheme, others are bearer tokens. A sealed key does not
    /// tell, so the bearer form goes first.
    pub fn new(context: &'c Context<'h>, options_path: &str) -> Result<Self, Failure> {
        let key = context.api_key()?;
        let client = Client::new(context.host, "Fly", BASE)
            .with_header("authorization", format!("Bearer {key}"))
            .with_alternative("authorization", key);
        let client = if options_path.is_empty() { client } else { client.blaming(options_path) };
        Ok(Self { context, client })
    }

    /// Slugs of the organisations that the key is for.
    pub fn organizations(&self) -> Result<Vec<String>, Failure> {
        let call = self.client.get("/tokens/current").to("read what the key is for");
        let tokens: Option<Tokens> = call.fetch_optional()?;
        let tokens = tokens.and_then(|answer| answer.tokens).unwrap_or_default();
        let mut slugs: Vec<_> = tokens.into_iter().filter_map(|token| token.org_slug).collect();
        slugs.retain(|slug| !slug.is_empty());
        slugs.sort();
        slugs.dedup();
        Ok(slugs)
    }

    /// An app, if it exists and the key may see it.
    pub fn app(&self, app: &str) -> Result<Option<App>, Failure> {
        self.client.get(&app_path(app, "")?).to("read the app").fetch_optional()
    }

    /// Creates an app. False if its name is taken.
    pub fn create_app(&self, app: &str, org: &str) -> Result<bool, Failure> {
        let call =
            self.client.post("/apps").json(&json!({"name": app, "org_slug": org})).to("create the app");
        let response = call.send()?;
        if response.is_success() {
            return Ok(true);
        }
        if response.status == 422 && status_of(&response).as_deref() == Some("name_taken") {
            return Ok(false);
        }
        Err(refusal(&call, &response))
    }

    /// Deletes an app, and waits until it is gone.
    pub fn delete_app(&self, app: &str) -> Result<(), Failure> {
        let call = self.client.delete(&app_path(app, "")?).to("delete the app");
        done_or_gone(&call)?;
        self.context
            .wait("the app to be gone", DELETION_LIMIT)
            .until(|| Ok(self.app(app)?.is_none().then_some(())))
    }

    /// The addresses of an app. None if there is no such app.
    pub fn addresses(&self, app: &str) -> Result<Option<Vec<Address>>, Failure> {
        let call = self.client.get(&app_path(app, "/ip_assignments")?).to("list the addresses");
        let addresses: Option<Addresses> = call.fetch_optional()?;
        Ok(addresses.map(|addresses| addresses.ips.unwrap_or_default()))
    }

    /// Assigns an address of this kind to an app.
    pub fn assign_address(&self, app: &str, kind: &str) -> Result<(), Failure> {
        let call = self.client.post(&app_path(app, "/ip_assignments")?).json(&json!({ "type": kind }));
        succeed(&call.to("assign an address"))
    }

    /// The machines of an app, without those that are gone. None if there is no such app.
    pub fn machines(&self, app: &str) -> Result<Option<Vec<Machine>>, Failure> {
        let call = self.client.get(&app_path(app, "/machines")?).to("list the machines");
        let machines: Option<Vec<Machine>> = call.fetch_optional()?;
        Ok(machines.map(|mut machines| {
            machines.retain(|machine| !machine.is_gone());
            machines
        }))
    }

    /// A machine, if it exists.
    pub fn machine(&self, app: &str, id: &str) -> Result<Option<Machine>, Failure> {
        Ok(self.remembered_machine(app, id)?.filter(|machine| !machine.is_gone()))
    }

    /// A machine, also one that is gone as long as Fly remembers it.
    pub fn remembered_machine(&self, app: &str, id: &str) -> Result<Option<Machine>, Failure> {
        self.client.get(&machine_path(app, id, "")?).to("read the machine").fetch_optional()
    }

    /// A machine that is known to have been created.
    ///
    /// # Errors
    ///
    /// It is gone: Fly says so, or has not shown it for a while. It may not show a new one at once.
    pub fn created_machine(&self, app: &str, id: &str) -> Result<Machine, Failure> {
        let wait = self.context.wait("the machine to appear", UNSEEN_LIMIT);
        let seen = wait.within_limit(|| self.remembered_machine(app, id))?;
        seen.filter(|machine| !machine.is_gone())
            .ok_or_else(|| Failure::not_found(format!("machine {id} is gone")))
    }

    /// Creates a machine.
    pub fn create_machine(
        &self,
        app: &str,
        name: &str,
        region: &str,
        config: &Value,
    ) -> Result<Machine, Failure> {
        let call = self.client.post(&app_path(app, "/machines")?);
        let call = call.json(&json!({"name": name, "region": region, "config": config}));
        machine_of(&call.to("create the machine"))
    }

    /// Replaces the configuration of a machine that is still of the version that was read.
    pub fn update_machine(&self, app: &str, machine: &Machine, config: &Value) -> Result<Machine, Failure> {
        let mut body = json!({ "config": config });
        if !machine.instance_id.is_empty() {
            body["current_version"] = json!(machine.instance_id);
        }
        let call = self.client.post(&machine_path(app, &machine.id, "")?).json(&body);
        machine_of(&call.to("update the machine"))
    }

    /// Starts a machine that is stopped.
    pub fn start_machine(&self, app: &str, id: &str) -> Result<(), Failure> {
        succeed(&self.client.post(&machine_path(app, id, "/start")?).to("start the machine"))
    }

    /// Deletes a machine, running or not, and waits until it is gone.
    pub fn delete_machine(&self, app: &str, id: &str) -> Result<(), Failure> {
        let call = self.client.delete(&machine_path(app, id, "")?).query("force", "true");
        done_or_gone(&call.to("delete the machine"))?;
        self.context
            .wait("the machine to be gone", DELETION_LIMIT)
            .until(|| Ok(self.machine(app, id)?.is_none().then_some(())))
    }

    /// Waits until this version of the machine has started.
    pub fn wait_until_started(&self, app: &str, machine: &Machine) -> Result<(), Failure> {
        let version = (!machine.instance_id.is_empty()).then_some(machine.instance_id.as_str());
        let call = self.client.get(&machine_path(app, &machine.id, "/wait")?).query("state", "started");
        let call =
            call.query_opt("version", version).query("timeout", WAIT_SECONDS).to("wait for the machine");
        self.context.wait("the machine to start", START_LIMIT).until(|| {
            if call.send()?.is_success() {
                return Ok(Some(()));
            }
            // Not yet (408), or an answer that only the machine itself explains.
            let now = self.created_machine(app, &machine.id)?;
            if now.state == "failed" {
                return Err(Failure::conflict(format!("machine {} failed to start", machine.id))
                    .with_next_step(format!("look at what it says with `fly logs -a {app}`")));
            }
            Ok((now.state == "started").then_some(()))
        })
    }
}

/// The machine that a creation or update answers with.
fn machine_of(call: &Call<'_, '_>) -> Result<Machine, Failure> {
    let machine: Machine = expect(call)?;
    if machine.id.is_empty() {
        return Err(Failure::outcome_unknown("Fly answered without the id of the machine"));
    }
    Ok(machine)
}

fn expect<T: DeserializeOwned>(call: &Call<'_, '_>) -> Result<T, Failure> {
    let response = call.send()?;
    if response.is_success() { call.read(&response) } else { Err(refusal(call, &response)) }
}

fn succeed(call: &Call<'_, '_>) -> Result<(), Failure> {
    let response = call.send()?;
    if response.is_success() { Ok(()) } else { Err(refusal(call, &response)) }
}

fn done_or_gone(call: &Call<'_, '_>) -> Result<(), Failure> {
    let response = call.send()?;
    if response.is_success() || response.status == 404 { Ok(()) } else { Err(refusal(call, &response)) }
}

/// Fly says in `status` what the HTTP status does not.
fn refusal(call: &Call<'_, '_>, response: &Response) -> Failure {
    let failure = call.refusal(response);
    if status_of(response).as_deref() == Some("insufficient_capacity") {
        return Failure { kind: FailureKind::Quota, ..failure }.with_next_step(
            "this region has no room for such a machine now: choose another `region`, or a smaller size",
        );
    }
    failure
}

fn status_of(response: &Response) -> Option<String> {
    response.json().get("status")?.as_str().map(str::to_owned)
}

fn app_path(app: &str, rest: &str) -> Result<String, Failure> {
    Ok(format!("/apps/{}{rest}", segment(app)?))
}

fn machine_path(app: &str, id: &str, rest: &str) -> Result<String, Failure> {
    app_path(app, &format!("/machines/{}{rest}", segment(id)?))
}

/// A name or id as a path segment. State is kept in files that people edit, and an empty or odd name would
/// be another resource.
fn segment(name: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=63).contains(&name.len()) && name.bytes().all(plain) {
        Ok(name)
    } else {
        Err(Failure::internal(format!("`{name}` is not a name or id of Fly")))
    }
}
