//! The machine as the service wants it, and how an existing one differs.
//!
//! Secrets reach this plugin as tokens that differ in every run, and Fly may write what it is sent in
//! another way. So the machine carries, in its metadata, a digest of the definition that it was made from
//! (sealed values masked) and the host's digest of all inputs, which differs when a secret was rotated and is
//! looked at only where there are secrets. What people change at Fly behind our back shows in the members that
//! Fly gives back as they were sent.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use ss_sdk::{Change, Context, Service, digest, sealed};

use crate::api::Machine;
use crate::options::{self, Options};

/// Whose machine it is: project, environment and service.
pub const OWNER: &str = "starsystem_service";
/// Digest of the definition.
const DEFINITION: &str = "starsystem_definition";
/// Digest of all inputs, the values of secrets included.
const INPUTS: &str = "starsystem_inputs";

/// Name of the machine's health check.
pub const CHECK: &str = "health";

/// Members of the configuration that Fly gives back as they were sent, by option.
const COMPARED: [(&str, &str); 6] = [
    ("image", "/image"),
    ("port", "/services/0/internal_port"),
    ("health_check_path", "/checks/health/path"),
    ("cpu_kind", "/guest/cpu_kind"),
    ("cpus", "/guest/cpus"),
    ("memory_mb", "/guest/memory_mb"),
];

/// The machine as the service wants it.
#[derive(Debug)]
pub struct Desired {
    env: BTreeMap<String, String>,
    config: Map<String, Value>,
    definition: String,
    inputs: Option<String>,
}

impl Desired {
    /// The machine of a service.
    pub fn of(context: &Context<'_>, service: &Service<Options>) -> Self {
        let options = &service.options;
        let env = options::environment(service);
        let mut config = Map::new();
        config.insert("image".into(), json!(options.image));
        config.insert("env".into(), json!(env));
        config.insert(
            "guest".into(),
            json!({"cpu_kind": options.cpu_kind, "cpus": options.cpus, "memory_mb": options.memory_mb}),
        );
        config.insert("services".into(), json!([http_service(options)]));
        config.insert("checks".into(), json!({ CHECK: check(options) }));
        let definition = digest([sealed::mask(&json!(config).to_string()).as_str()]);
        let mut metadata = json!({OWNER: context.owner(), DEFINITION: definition});
        if let Some(inputs) = &context.inputs_digest {
            metadata[INPUTS] = json!(inputs);
        }
        config.insert("metadata".into(), metadata);
        Self { env, config, definition, inputs: context.inputs_digest.clone() }
    }

    /// The configuration of a new machine.
    pub fn config(&self) -> Value {
        Value::Object(self.config.clone())
    }

    /// The configuration of an existing machine with what the service wants put in: an update replaces the
    /// whole, and what others set (mounts, files, restart policy) must stay.
    pub fn merged_into(&self, current: &Value) -> Value {
        let mut merged = current.as_object().cloned().unwrap_or_default();
        for (name, wanted) in &self.config {
            // The environment and the services are the service's alone; the rest is shared with others.
            let shared = !matches!(name.as_str(), "env" | "services");
            match (merged.get_mut(name).and_then(Value::as_object_mut), wanted) {
                (Some(present), Value::Object(wanted)) if shared => present.extend(wanted.clone()),
                _ => {
                    merged.insert(name.clone(), wanted.clone());
                }
            }
        }
        Value::Object(merged)
    }

    /// What an update would change. Empty if the machine is as wanted.
    pub fn changes(&self, machine: &Machine) -> Vec<Change> {
        let mut changes = self.drift(machine);
        if changes.is_empty() && machine.metadata(DEFINITION) != Some(self.definition.as_str()) {
            changes.push(Change::sensitive("config"));
        }
        let rotated =
            matches!((machine.metadata(INPUTS), &self.inputs), (Some(then), Some(now)) if then != now);
        if changes.is_empty() && rotated {
            let secrets = self.env.iter().filter(|(_, value)| sealed::contains(value));
            changes.extend(secrets.map(|(name, _)| Change::sensitive(format!("env.{name}"))));
        }
        changes
    }

    /// What visibly differs.
    pub fn drift(&self, machine: &Machine) -> Vec<Change> {
        let wanted = self.config();
        let mut changes = Vec::new();
        for (field, pointer) in COMPARED {
            let (is, wanted) = (machine.config.pointer(pointer), wanted.pointer(pointer));
            if is != wanted {
                changes.push(Change::new(field, is.cloned(), wanted.cloned()));
            }
        }
        let none = Map::new();
        let current = machine.config.get("env").and_then(Value::as_object).unwrap_or(&none);
        let mut names: Vec<&String> = self.env.keys().chain(current.keys()).collect();
        names.sort();
        names.dedup();
        let differs = |name: &&String| match (current.get(*name).and_then(Value::as_str), self.env.get(*name))
        {
            (Some(is), Some(wanted)) => is != wanted && !sealed::contains(wanted),
            (is, wanted) => is.is_some() || wanted.is_some(),
        };
        changes
            .extend(names.into_iter().filter(differs).map(|name| Change::sensitive(format!("env.{name}"))));
        changes
    }
}

fn http_service(options: &Options) -> Value {
    json!({
        "protocol": "tcp",
        "internal_port": options.port,
        "autostop": options.autostop,
        "autostart": true,
        "ports": [
            {"port": 80, "handlers": ["http"], "force_https": true},
            {"port": 443, "handlers": ["tls", "http"]},
        ],
    })
}

fn check(options: &Options) -> Value {
    let mut check = json!({
        "type": "tcp",
        "port": options.port,
        "interval": "15s",
        "timeout": "5s",
        "grace_period": "10s",
    });
    if let Some(path) = &options.health_check_path {
        check["type"] = json!("http");
        check["method"] = json!("GET");
        check["path"] = json!(path);
    }
    check
}
