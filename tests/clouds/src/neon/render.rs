//! The shapes in which Neon shows things. Facts that the stand-in does not play have fixed values.

use serde_json::{Map, Value, json};

use super::ORGANIZATION;
use super::model::{Branch, Database, Endpoint, Operation, Project, Role};
use crate::clock::Clock;

/// The id of the account.
pub(super) const OWNER: &str = "a0a0a0a0-0000-4000-a000-000000000001";

/// Regions and their names.
pub(super) const REGIONS: [(&str, &str); 6] = [
    ("aws-us-east-1", "AWS US East 1 (N. Virginia)"),
    ("aws-us-east-2", "AWS US East 2 (Ohio)"),
    ("aws-us-west-2", "AWS US West 2 (Oregon)"),
    ("aws-eu-central-1", "AWS Europe Central 1 (Frankfurt)"),
    ("aws-eu-west-2", "AWS Europe West 2 (London)"),
    ("azure-eastus2", "Azure East US 2 (Virginia)"),
];

pub(super) fn regions() -> Value {
    let region = |(id, name): &(&str, &str)| {
        json!({
            "region_id": id, "name": name, "default": *id == "aws-us-east-2",
            "geo_lat": "0", "geo_long": "0",
        })
    };
    json!({ "regions": REGIONS.iter().map(region).collect::<Vec<_>>() })
}

pub(super) fn user() -> Value {
    json!({
        "active_seconds_limit": 0,
        "auth_accounts": [],
        "email": "someone@example.com",
        "id": OWNER,
        "image": "",
        "login": "someone",
        "name": "Some",
        "last_name": "One",
        "projects_limit": 100,
        "branches_limit": 10,
        "max_autoscaling_limit": 8.0,
        "plan": "free_v3",
    })
}

pub(super) fn organization() -> Value {
    json!({
        "id": ORGANIZATION,
        "name": "Some organisation",
        "handle": "some-organisation",
        "plan": "free_v3",
        "created_at": "2026-01-01T00:00:00Z",
        "updated_at": "2026-01-01T00:00:00Z",
        "managed_by": "console",
    })
}

/// What a project shows alone and in lists.
fn project_core(project: &Project) -> Map<String, Value> {
    let core = json!({
        "id": project.id,
        "platform_id": project.region.split('-').next(),
        "region_id": project.region,
        "name": project.name,
        "provisioner": "k8s-neonvm",
        "default_endpoint_settings": project.endpoint_settings,
        "settings": project.settings,
        "pg_version": project.pg_version,
        "proxy_host": project.domain(),
        "branch_logical_size_limit": 512,
        "branch_logical_size_limit_bytes": 512 << 20,
        "store_passwords": project.store_passwords,
        "cpu_used_sec": 0,
        "creation_source": "console",
        "history_retention_seconds": project.retention_seconds,
        "created_at": project.created_at,
        "updated_at": project.updated_at,
        "owner_id": OWNER,
        "org_id": ORGANIZATION,
    });
    match core {
        Value::Object(core) => core,
        _ => Map::new(),
    }
}

pub(super) fn project_in_list(project: &Project) -> Value {
    let mut item = project_core(project);
    item.insert("active_time".to_owned(), json!(0));
    item.into()
}

pub(super) fn project(project: &Project) -> Value {
    let mut whole = project_core(project);
    for member in [
        "data_storage_bytes_hour",
        "data_transfer_bytes",
        "written_data_bytes",
        "compute_time_seconds",
        "active_time_seconds",
    ] {
        whole.insert(member.to_owned(), json!(0));
    }
    whole.insert("consumption_period_start".to_owned(), json!("2026-01-01T00:00:00Z"));
    whole.insert("consumption_period_end".to_owned(), json!("2026-02-01T00:00:00Z"));
    whole.into()
}

pub(super) fn operation(operation: &Operation, project: &str, clock: &Clock) -> Value {
    let status = operation.status(clock);
    let mut shown = json!({
        "id": operation.id,
        "project_id": project,
        "branch_id": operation.branch,
        "action": operation.action,
        "status": status,
        "failures_count": i32::from(status == "error"),
        "created_at": operation.created_at,
        "updated_at": operation.created_at,
        "total_duration_ms": 0,
    });
    if let Some(endpoint) = &operation.endpoint {
        shown["endpoint_id"] = endpoint.as_str().into();
    }
    if status == "error" {
        shown["error"] = "the stand-in was told to fail".into();
    }
    shown
}

pub(super) fn branch(project: &Project, branch: &Branch, clock: &Clock) -> Value {
    let mut shown = json!({
        "id": branch.id,
        "project_id": project.id,
        "name": branch.name,
        "current_state": if project.is_busy(clock) { "init" } else { "ready" },
        "state_changed_at": branch.created_at,
        "creation_source": "console",
        "primary": branch.parent.is_none(),
        "default": branch.parent.is_none(),
        "protected": false,
        "cpu_used_sec": 0,
        "compute_time_seconds": 0,
        "active_time_seconds": 0,
        "written_data_bytes": 0,
        "data_transfer_bytes": 0,
        "created_at": branch.created_at,
        "updated_at": branch.created_at,
    });
    if let Some(parent) = &branch.parent {
        shown["parent_id"] = parent.as_str().into();
    }
    if project.is_busy(clock) {
        shown["pending_state"] = "ready".into();
    }
    shown
}

pub(super) fn role(role: &Role, branch: &str, with_password: bool) -> Value {
    let mut shown = json!({
        "branch_id": branch,
        "name": role.name,
        "protected": false,
        "created_at": role.created_at,
        "updated_at": role.created_at,
    });
    if with_password {
        shown["password"] = role.password.as_str().into();
    }
    shown
}

pub(super) fn database(database: &Database, branch: &str) -> Value {
    json!({
        "id": database.id,
        "branch_id": branch,
        "name": database.name,
        "owner_name": database.owner,
        "created_at": database.created_at,
        "updated_at": database.created_at,
    })
}

pub(super) fn endpoint(project: &Project, endpoint: &Endpoint, clock: &Clock) -> Value {
    let mut shown = json!({
        "host": project.host(endpoint, false),
        "id": endpoint.id,
        "project_id": project.id,
        "branch_id": endpoint.branch,
        "autoscaling_limit_min_cu": 0.25,
        "autoscaling_limit_max_cu": 0.25,
        "region_id": project.region,
        "type": "read_write",
        "current_state": if project.is_busy(clock) { "init" } else { "active" },
        "settings": {},
        "pooler_enabled": false,
        "pooler_mode": "transaction",
        "disabled": false,
        "passwordless_access": true,
        "creation_source": "console",
        "created_at": endpoint.created_at,
        "updated_at": endpoint.created_at,
        "proxy_host": project.domain(),
        "suspend_timeout_seconds": 0,
        "provisioner": "k8s-neonvm",
    });
    for (member, value) in &endpoint.settings {
        shown[member] = value.clone();
    }
    shown
}

pub(super) fn connection(project: &Project, endpoint: &Endpoint, role: &Role, database: &Database) -> Value {
    json!({
        "connection_uri": project.uri(endpoint, role, &database.name, false),
        "connection_parameters": {
            "database": database.name,
            "password": role.password,
            "role": role.name,
            "host": project.host(endpoint, false),
            "pooler_host": project.host(endpoint, true),
        },
    })
}
