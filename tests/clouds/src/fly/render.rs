//! The shapes in which Fly shows things.

use serde_json::{Value, json};

use super::ORGANIZATION;
use super::model::{Address, App, Lease, Machine};
use crate::clock::Clock;

/// Regions and their names.
const REGIONS: [(&str, &str); 6] = [
    ("ams", "Amsterdam, Netherlands"),
    ("fra", "Frankfurt, Germany"),
    ("iad", "Ashburn, Virginia (US)"),
    ("lhr", "London, United Kingdom"),
    ("nrt", "Tokyo, Japan"),
    ("sjc", "San Jose, California (US)"),
];

pub(super) fn regions() -> Value {
    let region = |(code, name): &(&str, &str)| json!({ "code": code, "name": name, "gateway_available": true, "deprecated": false });
    json!({ "nearest": "iad", "regions": REGIONS.iter().map(region).collect::<Vec<_>>() })
}

pub(super) fn token() -> Value {
    let token = json!({
        "token_id": "tok_1", "organization": "Someone", "org_slug": ORGANIZATION, "apps": [],
        "user": "someone",
    });
    json!({ "tokens": [token] })
}

pub(super) fn app(app: &App) -> Value {
    json!({
        "id": app.id,
        "name": app.name,
        "network": app.network,
        "status": if app.machines.is_empty() { "pending" } else { "deployed" },
        "machine_count": app.machines.len(),
        "volume_count": 0,
        "organization": { "name": "Someone", "slug": ORGANIZATION },
    })
}

pub(super) fn address(address: &Address) -> Value {
    json!({
        "ip": address.ip,
        "region": "global",
        "shared": address.kind == "shared_v4",
        "created_at": address.created_at,
    })
}

pub(super) fn addresses(app: &App) -> Value {
    json!({ "ips": app.addresses.iter().map(address).collect::<Vec<_>>() })
}

pub(super) fn secrets(app: &App) -> Value {
    let secret = |(name, digest): (&String, &String)| json!({ "name": name, "digest": digest });
    json!({ "secrets": app.secrets.iter().map(secret).collect::<Vec<_>>() })
}

pub(super) fn lease(lease: &Lease, version: &str) -> Value {
    json!({
        "nonce": lease.nonce,
        "description": lease.description,
        "expires_at": lease.expires_at,
        "owner": "someone@example.com",
        "version": version,
    })
}

pub(super) fn machine(machine: &Machine, clock: &Clock) -> Value {
    // The document has no `version` here: a machine's version is its `instance_id`.
    json!({
        "id": machine.id,
        "name": machine.name,
        "state": machine.state(clock),
        "region": machine.region,
        "instance_id": machine.version(),
        "private_ip": machine.private_ip,
        "config": machine.config,
        "image_ref": image_ref(&machine.config),
        "created_at": machine.created_at,
        "updated_at": machine.updated_at,
        "host_status": "ok",
        "cordoned": false,
        "events": [],
        "checks": checks(machine, clock),
    })
}

fn checks(machine: &Machine, clock: &Clock) -> Vec<Value> {
    let (status, output) = match machine.is_well(clock) {
        true => ("passing", "200 OK"),
        false => ("critical", "connection refused"),
    };
    let of_machine =
        machine.config["checks"].as_object().into_iter().flat_map(|checks| checks.keys().cloned());
    let of_services = machine.config["services"].as_array().into_iter().flatten().flat_map(|service| {
        let checks = service["checks"].as_array().map_or(0, Vec::len);
        let port = service["internal_port"].as_i64().unwrap_or_default();
        (0..checks).map(move |index| format!("servicecheck-{index:02}-http-{port}"))
    });
    let check = |name: String| json!({ "name": name, "status": status, "output": output, "updated_at": machine.updated_at });
    of_machine.chain(of_services).map(check).collect()
}

/// `registry/repository:tag`, taken apart.
fn image_ref(config: &Value) -> Value {
    let image = config["image"].as_str().unwrap_or_default();
    let (registry, rest) = match image.split_once('/') {
        Some((registry, rest)) if registry.contains(['.', ':']) => (registry, rest),
        _ => ("docker-hub-mirror.fly.io", image),
    };
    let (repository, tag) = rest.rsplit_once(':').unwrap_or((rest, "latest"));
    json!({ "registry": registry, "repository": repository, "tag": tag })
}
