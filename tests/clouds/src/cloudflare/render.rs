//! The shapes in which Cloudflare shows things.

use serde_json::{Value, json};

use super::{ACCOUNT, Item, ZONE, ZONE_NAME};
use crate::clock::Clock;
use crate::dice::Dice;

fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

pub(super) fn account() -> Value {
    json!({ "id": ACCOUNT, "name": "Someone's Account", "type": "standard", "created_on": now() })
}

pub(super) fn zone() -> Value {
    json!({
        "id": ZONE, "name": ZONE_NAME, "status": "active", "type": "full", "paused": false, "development_mode": 0,
        "account": { "id": ACCOUNT, "name": "Someone's Account" },
        "owner": { "id": ACCOUNT, "name": "Someone", "type": "user" },
        "meta": { "step": 4, "page_rule_quota": 3, "custom_certificate_quota": 0 },
        "name_servers": ["bob.ns.cloudflare.com", "lola.ns.cloudflare.com"],
        "original_name_servers": null, "original_registrar": null, "original_dnshost": null,
        "created_on": now(), "modified_on": now(), "activated_on": now(),
        "plan": { "id": ZONE, "name": "Free Website" },
    })
}

/// A record as Cloudflare keeps it: texts in quotes, host names without a dot at the end, data as content.
pub(super) fn record(wanted: &Value, kind: &str, name: &str, id: Option<&str>, dice: &mut Dice) -> Value {
    let mut record = wanted.clone();
    record["id"] = id.map_or_else(|| dice.hex(32), str::to_owned).into();
    record["name"] = name.to_ascii_lowercase().into();
    let content = wanted["content"].as_str().unwrap_or_default();
    let content = match kind {
        "TXT" if !content.starts_with('"') => format!("\"{content}\""),
        "CNAME" | "MX" | "NS" => content.trim_end_matches('.').to_ascii_lowercase(),
        _ => match wanted["data"].as_object() {
            Some(data) => data.values().map(plain).collect::<Vec<_>>().join(" "),
            None => content.to_owned(),
        },
    };
    record["content"] = content.into();
    let proxiable = matches!(kind, "A" | "AAAA" | "CNAME");
    record["proxiable"] = proxiable.into();
    if !wanted["proxied"].is_boolean() {
        record["proxied"] = false.into();
    }
    if record["proxied"] == true {
        record["ttl"] = 1.into();
    }
    for (member, default) in [("settings", json!({})), ("meta", json!({})), ("tags", json!([]))] {
        if record[member].is_null() {
            record[member] = default;
        }
    }
    record["created_on"] = now().into();
    record["modified_on"] = now().into();
    record
}

/// A record as it is shown: what has parts is shown by its parts.
pub(super) fn shown_record(record: &Value) -> Value {
    let mut shown = record.clone();
    if shown["data"].is_object() {
        shown.as_object_mut().map(|members| members.remove("content"));
    }
    shown
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

pub(super) fn new_hostname(name: &str, ssl: &Value, dice: &mut Dice) -> Value {
    json!({
        "id": dice.uuid(), "hostname": name, "created_at": now(),
        "ssl": if ssl.is_object() { ssl.clone() } else { json!({ "type": "dv", "method": "http" }) },
        "token": dice.text("abcdefghijklmnopqrstuvwxyz0123456789", 24), "ssl_id": dice.uuid(),
    })
}

/// A hostname on its way: for a pace nothing is asked for, then records are, until somebody has added them.
pub(super) fn hostname(item: &Item, clock: &Clock) -> Value {
    let (name, token) = (plain(&item.value["hostname"]), plain(&item.value["token"]));
    let paces = clock.paces_since(item.since);
    let (status, ssl_status) = match () {
        () if item.deleted.is_some() => ("pending_deletion", "pending_deletion"),
        () if item.activated && paces >= 1.0 => ("active", "active"),
        () if paces >= 1.0 => ("pending", "pending_validation"),
        () => ("pending", "initializing"),
    };
    let mut ssl = item.value["ssl"].clone();
    ssl["id"] = item.value["ssl_id"].clone();
    ssl["status"] = ssl_status.into();
    if ssl["wildcard"].is_null() {
        ssl["wildcard"] = false.into();
    }
    let mut shown = json!({
        "id": item.value["id"], "hostname": name, "created_at": item.value["created_at"], "status": status, "ssl": ssl,
    });
    if status == "pending" {
        shown["ownership_verification"] = json!({ "type": "txt", "name": format!("_cf-custom-hostname.{name}"), "value": format!("own-{token}") });
    }
    if ssl_status == "pending_validation" {
        let record = match shown["ssl"]["method"].as_str() {
            Some("http") => json!({
                "http_url": format!("http://{name}/.well-known/acme-challenge/{token}"), "http_body": format!("dcv-{token}"),
            }),
            _ => {
                json!({ "txt_name": format!("_acme-challenge.{name}"), "txt_value": format!("dcv-{token}") })
            }
        };
        shown["ssl"]["validation_records"] = json!([record]);
    }
    shown
}

pub(super) fn new_fallback(origin: &str) -> Value {
    json!({ "origin": origin, "created_at": now(), "updated_at": now(), "errors": [] })
}

pub(super) fn fallback(item: &Item, clock: &Clock) -> Value {
    let mut shown = item.value.clone();
    let paces = clock.paces_since(item.since);
    shown["status"] = match () {
        () if item.deleted.is_some() => "pending_deletion",
        () if paces >= 1.0 => "active",
        () if paces >= 0.5 => "pending_deployment",
        () => "initializing",
    }
    .into();
    shown
}

pub(super) fn new_project(wanted: &Value, dice: &mut Dice) -> Value {
    let config = json!({
        "env_vars": null, "fail_open": true, "always_use_latest_compatibility_date": false,
        "compatibility_date": "2026-11-01", "compatibility_flags": [], "build_image_major_version": 3,
        "usage_model": "standard",
    });
    let name = wanted["name"].as_str().unwrap_or_default();
    let mut project = json!({
        "id": dice.uuid(), "name": name, "subdomain": format!("{name}.pages.dev"), "created_on": now(),
        "production_branch": "main", "production_script_name": format!("pages-worker--{}-production", dice.hex(6)),
        "preview_script_name": format!("pages-worker--{}-preview", dice.hex(6)),
        "latest_deployment": null, "canonical_deployment": null, "uses_functions": false,
        "framework": "", "framework_version": "",
        "build_config": { "web_analytics_tag": null, "web_analytics_token": null },
        "deployment_configs": { "production": config, "preview": config },
    });
    patch_project(&mut project, wanted);
    project
}

/// Puts what is given in the place of what is; null removes a variable.
pub(super) fn patch_project(project: &mut Value, wanted: &Value) {
    match (project.as_object_mut(), wanted.as_object()) {
        (Some(members), Some(wanted)) => {
            for (name, value) in wanted {
                patch_project(members.entry(name.clone()).or_insert(Value::Null), value);
                if name == "env_vars" || value.is_null() {
                    members.entry(name.clone()).and_modify(remove_nulls);
                }
            }
        }
        _ => project.clone_from(wanted),
    }
}

fn remove_nulls(value: &mut Value) {
    if let Some(members) = value.as_object_mut() {
        members.retain(|_, member| !member.is_null());
    }
}

/// A project; no secret of its environment is ever shown.
pub(super) fn project(item: &Item) -> Value {
    let mut shown = item.value.clone();
    for environment in ["production", "preview"] {
        let variables = shown["deployment_configs"][environment]["env_vars"].as_object_mut();
        for variable in variables.into_iter().flat_map(serde_json::Map::values_mut) {
            if variable["type"] == "secret_text" {
                variable["value"] = "".into();
            }
        }
    }
    let subdomain = shown["subdomain"].clone();
    let own = item.parts.iter().map(|domain| domain.value["name"].clone());
    shown["domains"] = std::iter::once(subdomain).chain(own).collect();
    shown
}

pub(super) fn new_domain(name: &str, dice: &mut Dice) -> Value {
    json!({ "id": dice.uuid(), "domain_id": dice.uuid(), "name": name, "created_on": now(), "zone_tag": "" })
}

pub(super) fn domain(item: &Item, clock: &Clock) -> Value {
    let mut shown = item.value.clone();
    let paces = clock.paces_since(item.since);
    let status = match () {
        () if item.activated && paces >= 1.0 => "active",
        () if paces >= 1.0 => "pending",
        () => "initializing",
    };
    shown["status"] = status.into();
    shown["certificate_authority"] = "google".into();
    shown["validation_data"] = json!({ "status": status, "method": "http" });
    let verification = if status == "active" { "active" } else { "pending" };
    shown["verification_data"] = json!({ "status": verification });
    shown
}

pub(super) fn new_bucket(wanted: &Value, jurisdiction: &str) -> Value {
    let location = wanted["locationHint"].as_str().unwrap_or("weur");
    let class = wanted["storageClass"].as_str().unwrap_or("Standard");
    json!({
        "name": wanted["name"], "creation_date": now(), "jurisdiction": jurisdiction, "location": location,
        "storage_class": class,
    })
}

pub(super) fn new_database(wanted: &Value, dice: &mut Dice) -> Value {
    json!({
        "uuid": dice.uuid(), "name": wanted["name"], "created_at": now(), "version": "production",
        "jurisdiction": wanted["jurisdiction"], "num_tables": 0, "file_size": 12288,
        "read_replication": { "mode": "disabled" },
    })
}

/// A database; lists leave out what is in it and how it is replicated.
pub(super) fn database(value: &Value, whole: bool) -> Value {
    let mut shown = value.clone();
    if !whole {
        for hidden in ["num_tables", "file_size", "read_replication"] {
            shown.as_object_mut().map(|members| members.remove(hidden));
        }
    }
    shown
}
