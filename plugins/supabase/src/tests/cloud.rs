//! A Supabase of a few lines: enough of its habits for this plugin's tests. The stand-in of `tests/clouds`
//! knows more of them.

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
    /// How often a project is seen coming up, and is too young for its deletion.
    pub coming_up: u32,
    /// What a project comes to that does not come up.
    pub ends_as: Option<&'static str>,
    pub made: u32,
}

impl Cloud {
    pub fn new() -> Self {
        Self { organizations: 1, coming_up: 2, ..Self::default() }
    }

    pub fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        if request.header("authorization").is_none_or(|value| !value.starts_with("Bearer sealed1_")) {
            return Ok(answer(401, &json!({"message": "Unauthorized"})));
        }
        let path = request.path().to_owned();
        let parts: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        Ok(match (request.method, parts.as_slice()) {
            (Method::Get, ["v1", "organizations"]) => {
                let list: Vec<_> = (0..self.organizations)
                    .map(|n| json!({"id": "x", "slug": format!("org-{n}"), "name": "Mine"}))
                    .collect();
                answer(200, &json!(list))
            }
            (Method::Get, ["v1", "organizations", _, "projects"]) => self.list(request),
            (Method::Post, ["v1", "projects"]) => return self.create(&request.json()),
            (method, ["v1", "projects", reference, rest @ ..]) => {
                self.in_project(method, reference, rest, request)
            }
            _ => not_found(),
        })
    }

    /// Two projects a page, partial names match.
    fn list(&self, request: &Request) -> Response {
        let search = request.query("search").expect("a search");
        let from: usize = request.query("offset").map_or(0, |offset| offset.parse().expect("a number"));
        let found: Vec<_> =
            self.projects.iter().filter(|project| text(&project["name"]).contains(&search)).collect();
        let page: Vec<_> = found.iter().skip(from).take(2).collect();
        let pagination = json!({"count": found.len(), "limit": 2, "offset": from});
        answer(200, &json!({"projects": page, "pagination": pagination}))
    }

    pub fn create(&mut self, wanted: &Value) -> Result<Response, TransportError> {
        assert!(text(&wanted["db_pass"]).starts_with("sealed1_"), "the password is the host's");
        self.made += 1;
        let reference = format!("{:a>20}", ["b", "c", "d", "e", "f", "g"][self.made as usize - 1]);
        let region = wanted["region_selection"]["code"].as_str().unwrap_or("us-east-1");
        let project = json!({
            "id": reference, "ref": reference, "name": wanted["name"], "region": region,
            "organization_slug": wanted["organization_slug"], "status": "COMING_UP",
            "database": {"host": format!("db.{reference}.supabase.co")},
            "x-auth": {"site_url": "http://localhost:3000", "uri_allow_list": "", "disable_signup": false, "jwt_exp": 3600},
            "x-rest": {"db_schema": "public,graphql_public", "max_rows": 1000},
            "x-ssl": false,
            "x-cidrs": {"dbAllowedCidrs": ["0.0.0.0/0"], "dbAllowedCidrsV6": ["::/0"]},
            "x-size": wanted["desired_instance_size"].as_str().map(|size| format!("ci_{size}")),
            "x-secrets": {},
        });
        self.projects.push(project.clone());
        if self.creation_troubles.is_empty() {
            Ok(answer(201, &project))
        } else {
            self.creation_troubles.remove(0)
        }
    }

    fn in_project(&mut self, method: Method, reference: &str, rest: &[&str], request: &Request) -> Response {
        let Some(at) = self.projects.iter().position(|project| project["ref"] == reference) else {
            return not_found();
        };
        let young = self.coming_up > 0;
        if rest.is_empty() {
            self.coming_up = self.coming_up.saturating_sub(1);
        }
        let project = &mut self.projects[at];
        if !young && project["status"] == "COMING_UP" {
            project["status"] = self.ends_as.unwrap_or("ACTIVE_HEALTHY").into();
        }
        match (method, rest) {
            (Method::Get, []) => answer(200, project),
            (Method::Patch, []) => {
                project["name"] = request.json()["name"].clone();
                answer(200, &json!({"id": 1, "ref": reference, "name": project["name"]}))
            }
            (Method::Delete, []) if young => {
                answer(400, &json!({"message": "Project not ready for deletion."}))
            }
            (Method::Delete, []) => answer(200, &self.projects.remove(at)),
            (Method::Post, ["restore"]) => {
                project["status"] = "COMING_UP".into();
                answer(200, &json!({}))
            }
            (Method::Get, ["health"]) => {
                assert!(request.url.contains("services=db&services=auth"), "{}", request.url);
                answer(200, &json!([{"name": "db", "healthy": true, "status": "ACTIVE_HEALTHY"}]))
            }
            (Method::Get, ["api-keys"]) => answer(
                200,
                &json!([
                    {"name": "anon", "type": "legacy", "api_key": "anon-key"},
                    {"name": "service_role", "type": "legacy", "api_key": SERVICE_KEY},
                    {"name": "default", "type": "publishable", "api_key": "sb_publishable_x"},
                    {"name": "default", "type": "secret", "api_key": "sb_secret_x"},
                    {"name": "other", "type": "secret", "api_key": "sb_secret_y"},
                ]),
            ),
            (Method::Get, ["config", "database", "pooler"]) => answer(
                200,
                &json!([{
                    "database_type": "PRIMARY", "db_user": format!("postgres.{reference}"),
                    "db_host": "aws-0-us-east-1.pooler.supabase.com", "db_port": 6543, "db_name": "postgres",
                    "connection_string": "postgresql://x:[YOUR-PASSWORD]@y:6543/postgres",
                }]),
            ),
            (Method::Patch, ["database", "password"]) => {
                project["x-password"] = request.json()["password"].clone();
                answer(200, &json!({"message": "ok"}))
            }
            _ => settings(project, method, rest, request),
        }
    }
}

fn settings(project: &mut Value, method: Method, rest: &[&str], request: &Request) -> Response {
    let mut merge = |member: &str| {
        for (name, value) in request.json().as_object().expect("an object") {
            project[member][name] = value.clone();
        }
        answer(200, &project[member])
    };
    match (method, rest) {
        (Method::Patch, ["config", "auth"]) => merge("x-auth"),
        (Method::Get, ["config", "auth"]) => answer(200, &project["x-auth"]),
        (Method::Patch, ["postgrest"]) => merge("x-rest"),
        (Method::Get, ["postgrest"]) => answer(200, &project["x-rest"]),
        (Method::Post, ["network-restrictions", "apply"]) => {
            merge("x-cidrs");
            answer(201, &json!({}))
        }
        (Method::Get, ["network-restrictions"]) => {
            answer(200, &json!({"entitlement": "allowed", "status": "applied", "config": project["x-cidrs"]}))
        }
        (Method::Put, ["ssl-enforcement"]) => {
            project["x-ssl"] = request.json()["requestedConfig"]["database"].clone();
            answer(200, &json!({}))
        }
        (Method::Get, ["ssl-enforcement"]) => {
            let current = json!({"database": project["x-ssl"]});
            answer(200, &json!({"currentConfig": current, "appliedSuccessfully": true}))
        }
        (Method::Get, ["billing", "addons"]) => {
            let size = project["x-size"].as_str().into_iter();
            let selected: Vec<_> =
                size.map(|id| json!({"type": "compute_instance", "variant": {"id": id}})).collect();
            answer(200, &json!({"selected_addons": selected, "available_addons": []}))
        }
        (Method::Patch, ["billing", "addons"]) => {
            project["x-size"] = request.json()["addon_variant"].clone();
            answer(200, &json!({}))
        }
        (Method::Delete, ["billing", "addons", _]) => {
            project["x-size"] = Value::Null;
            answer(200, &json!({}))
        }
        (Method::Get, ["secrets"]) => {
            let names = project["x-secrets"].as_object().expect("an object").keys();
            answer(200, &names.map(|name| json!({"name": name, "value": "a digest"})).collect())
        }
        (Method::Post, ["secrets"]) => {
            for secret in request.json().as_array().expect("a list") {
                project["x-secrets"][text(&secret["name"])] = secret["value"].clone();
            }
            answer(201, &Value::Null)
        }
        (Method::Delete, ["secrets"]) => {
            for name in request.json().as_array().expect("a list") {
                project["x-secrets"].as_object_mut().expect("an object").remove(text(name));
            }
            answer(200, &Value::Null)
        }
        _ => not_found(),
    }
}

/// What must never be kept or shown.
pub const SERVICE_KEY: &str = "a-service-role-key";

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn not_found() -> Response {
    answer(404, &json!({"message": "Not Found"}))
}
