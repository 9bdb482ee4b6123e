//! From a service of the configuration to what its provider is told.

use std::collections::BTreeMap;

use serde_json::Value;
use ss_config::ServiceConfig;
use ss_provider::Metadata;

use super::Declared;
use crate::route::Block;

/// Keys of a block that are the engine's and not the provider's. `provision.type` is the provider's: some
/// choose the kind of resource by it.
const ENGINE_KEYS: &[&str] = &["_state", "credential_env"];

impl Declared {
    /// What the service says to this provider, options from this block.
    pub(crate) fn new(service: &ServiceConfig, provider: &str, block: &Block) -> Self {
        let block = block_name(service, block);
        let mut options = options_of(service, block);
        let credential_env = match service.get(block).and_then(|block| block.get("credential_env")) {
            Some(node) => node.as_str().map(str::to_owned),
            None => None,
        };
        let mut env: BTreeMap<String, String> =
            service.env.iter().map(|entry| (entry.name.value.clone(), entry.value.value.clone())).collect();
        env.extend(take_env(&mut options));
        Self {
            service: service.id.value.clone(),
            kind: service.kind().to_owned(),
            name: service.name.as_ref().map(|name| name.value.clone()),
            command: service.command.as_ref().map(|command| command.value.clone()),
            provider: provider.to_owned(),
            block: if service.get(block).is_some() { block.to_owned() } else { String::new() },
            options,
            env,
            inject: injections(service),
            credential_env,
        }
    }
}

fn block_name<'a>(service: &ServiceConfig, block: &'a Block) -> &'a str {
    match block {
        Block::Target => "target",
        Block::Provision => "provision",
        Block::Shape(key) if service.get(key).is_some_and(|node| node.as_map().is_some()) => key,
        Block::Shape(_) => "provision",
    }
}

fn options_of(service: &ServiceConfig, block: &str) -> Metadata {
    let own = match block {
        "target" => Some("type"),
        "provision" => Some("provider"),
        _ => None,
    };
    let entries = service.get(block).and_then(|node| node.as_map()).unwrap_or_default();
    entries
        .iter()
        .filter(|entry| {
            !ENGINE_KEYS.contains(&entry.key.value.as_str()) && Some(entry.key.value.as_str()) != own
        })
        .map(|entry| (entry.key.value.clone(), entry.value.to_json()))
        .collect()
}

/// Takes the block's own `env`, which belongs to the service's environment, out of the options. An `env`
/// that is no map of plain values is some option of the provider and stays.
fn take_env(options: &mut Metadata) -> BTreeMap<String, String> {
    let Some(Value::Object(fields)) = options.get("env") else { return BTreeMap::new() };
    let texts: Option<BTreeMap<String, String>> =
        fields.iter().map(|(name, value)| Some((name.clone(), plain_text(value)?))).collect();
    match texts {
        Some(texts) => {
            options.remove("env");
            texts
        }
        None => BTreeMap::new(),
    }
}

fn plain_text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    }
}

/// Name to source; where two sources offer the same name, the last one wins, as `ss-config` warns.
fn injections(service: &ServiceConfig) -> BTreeMap<String, String> {
    let mut inject = BTreeMap::new();
    for from in &service.inject_from {
        for name in &from.names {
            inject.insert(name.value.clone(), from.service.value.clone());
        }
    }
    inject
}
