//! A Neon of a few lines: enough of its habits for this plugin's tests. The stand-in of `tests/clouds` knows
//! more of them.

use serde_json::{Value, json};
use ss_sdk::http::{Method, Request, Response, TransportError};
use ss_sdk::testing::json as answer;

/// One account.
#[derive(Default)]
pub struct Cloud {
    pub projects: Vec<Value>,
    pub organizations: usize,
    /// Answers to the next creations, given after the project was made.
    pub creation_troubles: Vec<Result<Response, TransportError>>,
    /// How often a change is turned away as locked.
    pub locked: u32,
    /// How often an operation is seen running.
    pub operations_take: u32,
    pub operation_status: Option<&'static str>,
    /// For how many requests what exists is not shown.
    pub unseen_for: u32,
    pub made: u32,
}

impl Cloud {
    pub fn new() -> Self {
        Self { organizations: 1, operations_take: 2, ..Self::default() }
    }

    pub fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        if request.header("authorization").is_none_or(|value| !value.starts_with("Bearer sealed1_")) {
            return Ok(answer(
                401,
                &json!({"code": "", "message": "supplied credentials do not pass authentication"}),
            ));
        }
        let path = request.path().strip_prefix("/api/v2").expect("the API's prefix").to_owned();
        let unseen = self.unseen_for > 0;
        self.unseen_for = self.unseen_for.saturating_sub(1);
        if unseen && request.method.is_safe() && path.starts_with("/projects/") {
            return Ok(not_found());
        }
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        Ok(match (request.method, parts.as_slice()) {
            (Method::Get, ["users", "me", "organizations"]) => {
                let list: Vec<_> = (0..self.organizations)
                    .map(|n| json!({"id": format!("org-{n}"), "name": "Mine"}))
                    .collect();
                answer(200, &json!({ "organizations": list }))
            }
            (Method::Get, ["projects"]) if unseen => answer(200, &json!({"projects": []})),
            (Method::Get, ["projects"]) => self.list(request),
            (Method::Post, ["projects"]) => return self.create(&request.json()["project"]),
            (method, ["projects", id, rest @ ..]) => self.in_project(method, id, rest, request),
            _ => not_found(),
        })
    }

    /// Two projects a page, partial names match, the last page has a cursor too.
    fn list(&self, request: &Request) -> Response {
        assert_eq!(request.query("limit").as_deref(), Some("400"));
        let search = request.query("search").expect("a search");
        let from: usize = request.query("cursor").map_or(0, |cursor| cursor.parse().expect("our cursor"));
        let found = self.projects.iter().filter(|project| text(&project["name"]).contains(&search));
        let page: Vec<_> = found.skip(from).take(2).collect();
        answer(200, &json!({"projects": page, "pagination": {"cursor": (from + page.len()).to_string()}}))
    }

    pub fn create(&mut self, wanted: &Value) -> Result<Response, TransportError> {
        self.made += 1;
        let id = format!("quiet-mountain-{}", self.made);
        let database = wanted["branch"]["database_name"].as_str().unwrap_or("neondb").to_owned();
        let role =
            wanted["branch"]["role_name"].as_str().map_or_else(|| format!("{database}_owner"), str::to_owned);
        let endpoint = json!({
            "id": "ep-cool-1", "branch_id": "br-main-1", "type": "read_write", "host": host(&id),
            "autoscaling_limit_min_cu": wanted["default_endpoint_settings"]["autoscaling_limit_min_cu"].as_f64().unwrap_or(0.25),
            "autoscaling_limit_max_cu": wanted["default_endpoint_settings"]["autoscaling_limit_max_cu"].as_f64().unwrap_or(2.0),
            "suspend_timeout_seconds": 0,
        });
        let project = json!({
            "id": id,
            "name": wanted["name"],
            "region_id": wanted["region_id"].as_str().unwrap_or("aws-us-east-1"),
            "pg_version": wanted["pg_version"].as_u64().unwrap_or(18),
            "org_id": wanted["org_id"],
            "history_retention_seconds": wanted["history_retention_seconds"].as_i64().unwrap_or(86400),
            "x-branch": {"id": "br-main-1", "name": wanted["branch"]["name"].as_str().unwrap_or("main"), "default": true, "current_state": "ready"},
            "x-databases": [{"name": database, "owner_name": role}],
            "x-roles": [{"name": role}],
            "x-endpoint": endpoint,
        });
        self.projects.push(project.clone());
        if !self.creation_troubles.is_empty() {
            return self.creation_troubles.remove(0);
        }
        Ok(answer(
            201,
            &json!({
                "project": project,
                "branch": project["x-branch"],
                "connection_uris": [{"connection_uri": uri(&id, &role, &database), "connection_parameters": {}}],
                "operations": [{"id": "op-1", "action": "create_timeline", "status": "running"}, {"id": "op-2", "action": "start_compute", "status": "scheduling"}],
            }),
        ))
    }

    fn in_project(&mut self, method: Method, id: &str, rest: &[&str], request: &Request) -> Response {
        let Some(at) = self.projects.iter().position(|project| project["id"] == id) else {
            return not_found();
        };
        if !method.is_safe() && self.locked > 0 {
            self.locked -= 1;
            return answer(423, &json!({"code": "", "message": "project already has running operations"}));
        }
        let operations = json!([{"id": "op-3", "action": "apply_config", "status": "scheduling"}]);
        let project = &mut self.projects[at];
        match (method, rest) {
            (Method::Get, []) => answer(200, &json!({ "project": project })),
            (Method::Patch, []) => {
                for (name, value) in request.json()["project"].as_object().expect("a project") {
                    project[name] = value.clone();
                }
                answer(200, &json!({"project": project, "operations": operations}))
            }
            (Method::Delete, []) => {
                let gone = self.projects.remove(at);
                answer(200, &json!({ "project": gone }))
            }
            (Method::Get, ["operations"]) => answer(200, &json!({"operations": operations})),
            (Method::Get, ["operations", operation]) => self.operation(operation),
            (Method::Get, ["branches"]) => answer(200, &json!({"branches": [project["x-branch"]]})),
            (Method::Get, ["branches", "br-main-1"]) => answer(200, &json!({"branch": project["x-branch"]})),
            (Method::Get, ["branches", "br-main-1", list]) => {
                answer(200, &json!({*list: project[format!("x-{list}")]}))
            }
            (Method::Post, ["branches", "br-main-1", list]) => {
                let one = request.json()[list.trim_end_matches('s')].clone();
                project[format!("x-{list}")].as_array_mut().expect("a list").push(one);
                answer(201, &json!({ "operations": operations }))
            }
            (Method::Get, ["endpoints"]) => answer(200, &json!({"endpoints": [project["x-endpoint"]]})),
            (Method::Patch, ["endpoints", "ep-cool-1"]) => {
                for (name, value) in request.json()["endpoint"].as_object().expect("an endpoint") {
                    project["x-endpoint"][name] = value.clone();
                }
                answer(200, &json!({"endpoint": project["x-endpoint"], "operations": operations}))
            }
            (Method::Get, ["connection_uri"]) => {
                let (role, database) = (request.query("role_name"), request.query("database_name"));
                let known = project["x-databases"]
                    .as_array()
                    .expect("a list")
                    .iter()
                    .any(|d| d["name"].as_str() == database.as_deref());
                match (role, database) {
                    (Some(role), Some(database)) if known => {
                        answer(200, &json!({"uri": uri(id, &role, &database)}))
                    }
                    _ => not_found(),
                }
            }
            _ => not_found(),
        }
    }

    fn operation(&mut self, id: &str) -> Response {
        let running = self.operations_take > 0;
        self.operations_take = self.operations_take.saturating_sub(1);
        let status = self.operation_status.unwrap_or(if running { "running" } else { "finished" });
        answer(
            200,
            &json!({"operation": {"id": id, "action": "start_compute", "status": status, "error": "no capacity"}}),
        )
    }
}

pub const PASSWORD: &str = "npg_s3cret";

fn uri(project: &str, role: &str, database: &str) -> String {
    format!("postgresql://{role}:{PASSWORD}@{}/{database}?sslmode=require", host(project))
}

fn host(project: &str) -> String {
    format!("ep-{project}.us-east-2.aws.neon.tech")
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn not_found() -> Response {
    answer(404, &json!({"code": "", "message": "not found"}))
}
