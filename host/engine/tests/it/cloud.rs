//! A cloud in memory, and a provider that makes things in it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde_json::{Value, json};
use ss_provider::{
    Action, Change, Credential, Description, Effect, EffectOutcome, Failure, FailureKind, Health, Identity,
    Operation, Outcome, Plan, Provider, Providers, RequestRecord, Service, Shape, State, VaultKey,
};
use ss_secret::Secret;

/// What exists, and how it behaves.
#[derive(Default)]
pub struct Cloud {
    /// Ids of the resources by service.
    pub resources: Mutex<BTreeMap<String, Vec<String>>>,
    /// When a resource made late becomes visible.
    pub late: Mutex<Vec<(Instant, String)>>,
    /// Services whose provision fails, before it asks for anything.
    pub failing: Mutex<BTreeMap<String, FailureKind>>,
    /// Services whose provision fails once, after its create.
    pub failing_late: Mutex<BTreeSet<String>>,
    /// Services that went on from a partial state.
    pub resumed: Mutex<Vec<String>>,
    /// Services whose create succeeds at the cloud and fails at the plugin.
    pub lost_answers: Mutex<BTreeSet<String>>,
    /// `find` cannot answer.
    pub unreachable: Mutex<bool>,
    /// Services in the order in which their provision began.
    pub began: Mutex<Vec<String>>,
    /// What each provision was given as environment, tokens resolved.
    pub environments: Mutex<BTreeMap<String, BTreeMap<String, String>>>,
    /// Services in the order in which they were torn down.
    pub destroyed: Mutex<Vec<String>>,
    /// What `observe` says of a service.
    pub drifted: Mutex<BTreeMap<String, Change>>,
    /// Idempotency keys of the creates.
    pub keys: Mutex<Vec<String>>,
}

impl Cloud {
    pub fn create(&self, service: &str) -> String {
        let mut resources = self.resources.lock().unwrap();
        let ids = resources.entry(service.to_owned()).or_default();
        ids.push(format!("{service}-{}", ids.len() + 1));
        ids.last().unwrap().clone()
    }

    /// Makes what was under way until now.
    pub fn arrive(&self) {
        let now = Instant::now();
        let due: Vec<String> = {
            let mut late = self.late.lock().unwrap();
            let (due, rest): (Vec<_>, Vec<_>) = late.drain(..).partition(|(at, _)| *at <= now);
            *late = rest;
            due.into_iter().map(|(_, service)| service).collect()
        };
        for service in due {
            self.create(&service);
        }
    }

    pub fn count(&self, service: &str) -> usize {
        self.resources.lock().unwrap().get(service).map_or(0, Vec::len)
    }
}

/// How the provider goes about it.
#[derive(Clone)]
pub struct Manner {
    pub name: &'static str,
    pub requires_key: bool,
    pub saves_partial: bool,
    pub schema: Value,
    pub shapes: Vec<Shape>,
    pub takes_shape: bool,
    pub pause: Duration,
    /// Puts this into its state.
    pub metadata: fn(&Service) -> Value,
    /// Stays in its call until cancelled.
    pub hangs: bool,
    /// Says its credential wherever it may say something.
    pub blabs: bool,
    /// Works on this machine, as a plugin does that was granted `process`.
    pub here: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            name: "cloudy",
            requires_key: false,
            saves_partial: true,
            schema: json!({"type": "object"}),
            shapes: vec![],
            takes_shape: true,
            pause: Duration::ZERO,
            metadata: |_| json!({}),
            hangs: false,
            blabs: false,
            here: false,
        }
    }
}

pub struct Fake {
    cloud: Arc<Cloud>,
    manner: Manner,
    identity: Identity,
    description: Description,
}

impl Fake {
    pub fn new(cloud: &Arc<Cloud>, manner: Manner) -> Self {
        let key = VaultKey {
            name: "api_key".into(),
            aliases: vec![],
            environment_variable: Some("CLOUDY_API_KEY".into()),
            required: manner.requires_key,
            obtain: "https://cloudy.example/keys".into(),
        };
        let identity = Identity {
            name: manner.name.into(),
            version: "1.0.0".into(),
            digest: format!("sha256:{:064}", 0),
            development: false,
        };
        let description = Description {
            provider: manner.name.into(),
            summary: String::new(),
            requires_api_key: manner.requires_key,
            vault_keys: vec![key],
            options_schema: manner.schema.clone(),
            shapes: manner.shapes.clone(),
            example: String::new(),
        };
        Self { cloud: cloud.clone(), manner, identity, description }
    }

    fn state(&self, service: &Service, id: &str) -> State {
        State {
            provider: self.manner.name.into(),
            resource_id: id.into(),
            provisioned_at: "2026-11-21T10:00:00Z".into(),
            region: None,
            metadata: (self.manner.metadata)(service).as_object().cloned().unwrap_or_default(),
        }
    }
}

fn request(method: &str, service: &Service) -> Effect {
    Effect::Request(RequestRecord {
        method: method.into(),
        host: "api.cloudy.example".into(),
        path: format!("/things/{}", service.id),
        body_digest: String::new(),
        grant: String::new(),
    })
}

/// The name that the cloud knows a service's thing by.
fn thing_of(service: &Service) -> &str {
    service.options["thing"].as_str().unwrap_or(&service.id)
}

fn answered(status: u16) -> EffectOutcome {
    EffectOutcome { status: Some(status), request_id: Some("req-1".into()), error: None, duration_ms: 1 }
}

fn unrecorded(error: std::io::Error) -> Failure {
    Failure::new(FailureKind::Unavailable, error.to_string())
}

#[async_trait]
impl Provider for Fake {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn description(&self) -> &Description {
        &self.description
    }

    async fn can_provision(&self, _service: &Service) -> Result<bool, Failure> {
        Ok(self.manner.takes_shape)
    }

    async fn plan(&self, operation: &Operation) -> Result<Plan, Failure> {
        let action = if operation.context.existing.is_some() { Action::Nothing } else { Action::Create };
        let env = &operation.service.env;
        let changes = env
            .iter()
            .map(|variable| Change {
                field: format!("env.{}", variable.name),
                before: None,
                after: Some(variable.value.clone().into()),
                sensitive: false,
            })
            .collect();
        Ok(Plan { action, detail: "a thing".into(), changes })
    }

    async fn provision(&self, operation: &Operation) -> Result<Outcome, Failure> {
        let Operation { service, effects, context, seals, .. } = operation;
        self.cloud.began.lock().unwrap().push(service.id.clone());
        if self.manner.hangs {
            operation.cancel.cancelled().await;
            return Err(Failure::new(FailureKind::Cancelled, "cancelled"));
        }
        let env = service.env.iter().map(|variable| {
            let value = seals.resolve(&variable.value, |_| true).unwrap();
            (variable.name.clone(), value.expose_str().unwrap().to_owned())
        });
        self.cloud.environments.lock().unwrap().insert(service.id.clone(), env.collect());
        if let Some(kind) = self.cloud.failing.lock().unwrap().get(&service.id) {
            return Err(Failure::new(kind.clone(), "the cloud says no"));
        }
        tokio::time::sleep(self.manner.pause).await;
        let state = match (&context.existing, &context.partial) {
            (Some(state), _) => state.clone(),
            (None, Some(partial)) => {
                self.cloud.resumed.lock().unwrap().push(service.id.clone());
                let partial: Value = serde_json::from_str(partial).unwrap();
                self.state(service, partial["id"].as_str().unwrap())
            }
            (None, None) => {
                self.cloud.keys.lock().unwrap().push(context.idempotency_key.clone());
                let effect = effects.begin(&request("POST", service)).map_err(unrecorded)?;
                let id = self.cloud.create(thing_of(service));
                if self.cloud.lost_answers.lock().unwrap().remove(&service.id) {
                    return Err(Failure::new(FailureKind::OutcomeUnknown, "the connection was reset"));
                }
                effects.end(effect, &answered(201));
                if self.manner.saves_partial {
                    effects.save_partial(&json!({"id": id}).to_string()).map_err(unrecorded)?;
                }
                if self.cloud.failing_late.lock().unwrap().remove(&service.id) {
                    return Err(Failure::new(FailureKind::Unavailable, "the thing does not start"));
                }
                let effect = effects.begin(&request("PATCH", service)).map_err(unrecorded)?;
                effects.end(effect, &answered(200));
                self.state(service, &id)
            }
        };
        operation.progress.step("Thing created");
        let url = Secret::new(format!("cloudy://user:pass-of-{}@host", service.id));
        let mut summary = format!("thing {}", state.resource_id);
        if self.manner.blabs {
            // What it was given, it tells: others' secrets in its environment, in the summary of its own.
            for variable in &service.env {
                let value = seals.resolve(&variable.value, |_| true).unwrap();
                let value = value.expose_str().unwrap();
                operation.progress.step(&format!("connecting to {value}"));
                operation.progress.log("info", &format!("in base64: {}", hex::encode(value)));
                summary.push_str(&format!(" with {value}"));
            }
        }
        Ok(Outcome {
            summary,
            state,
            credentials: vec![Credential { name: "URL".into(), value: url, sensitive: true }],
        })
    }

    async fn status(&self, operation: &Operation, state: &State) -> Result<Health, Failure> {
        let healthy = self.cloud.count(&operation.service.id) == 1;
        Ok(Health { healthy, message: format!("thing {} looked at", state.resource_id), raw: None })
    }

    async fn observe(&self, operation: &Operation, _state: &State) -> Result<Vec<Change>, Failure> {
        Ok(self.cloud.drifted.lock().unwrap().get(&operation.service.id).cloned().into_iter().collect())
    }

    async fn find(&self, operation: &Operation) -> Result<Option<State>, Failure> {
        if *self.cloud.unreachable.lock().unwrap() {
            return Err(Failure::new(FailureKind::Unavailable, "no route to the cloud"));
        }
        self.cloud.arrive();
        let resources = self.cloud.resources.lock().unwrap();
        match resources.get(thing_of(&operation.service)).map(Vec::as_slice) {
            Some([id]) => Ok(Some(self.state(&operation.service, id))),
            Some([_, ..]) => Err(Failure::new(FailureKind::Conflict, "more than one thing of this name")),
            _ => Ok(None),
        }
    }

    async fn destroy(&self, operation: &Operation, state: &State) -> Result<(), Failure> {
        let Operation { service, effects, .. } = operation;
        if let Some(kind) = self.cloud.failing.lock().unwrap().get(&service.id) {
            return Err(Failure::new(kind.clone(), "the cloud says no"));
        }
        let effect = effects.begin(&request("DELETE", service)).map_err(unrecorded)?;
        self.cloud.destroyed.lock().unwrap().push(service.id.clone());
        if let Some(ids) = self.cloud.resources.lock().unwrap().get_mut(thing_of(service)) {
            ids.retain(|id| *id != state.resource_id);
        }
        effects.end(effect, &answered(204));
        Ok(())
    }
}

/// Providers by name.
#[derive(Default)]
pub struct Fakes {
    providers: BTreeMap<String, Arc<dyn Provider>>,
    here: BTreeSet<String>,
}

impl Fakes {
    pub fn with(mut self, cloud: &Arc<Cloud>, manner: Manner) -> Self {
        if manner.here {
            self.here.insert(manner.name.into());
        }
        self.providers.insert(manner.name.into(), Arc::new(Fake::new(cloud, manner)));
        self
    }
}

impl Providers for Fakes {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        self.providers.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.providers.keys().cloned().collect()
    }

    fn acts_here(&self, name: &str) -> bool {
        self.here.contains(name)
    }
}
