//! Neon's stand-in by scripted clients, and every exchange judged by Neon's own description.

use std::collections::HashSet;

use serde_json::{Value, json};
use ss_clouds::{Client, Cloud, Habits, Pace, Response, Running, spec};

const ORG: &str = "org-quiet-star-12345678";

fn neon(habits: Habits) -> (Running, Client) {
    let cloud = Cloud::neon(habits).start().expect("a free port");
    let client = cloud.client().host("console.neon.tech");
    (cloud, client)
}

fn create(client: &Client, name: &str) -> Response {
    let project = json!({ "name": name, "region_id": "aws-us-east-2", "pg_version": 17, "org_id": ORG,
        "branch": { "name": "main", "role_name": "owner", "database_name": "neondb" } });
    client.post("/api/v2/projects", &json!({ "project": project })).expect("an answer")
}

fn get(client: &Client, path: &str) -> Value {
    let response = client.get(&format!("/api/v2{path}")).expect("an answer");
    assert_eq!(response.status, 200, "{path}: {}", response.text);
    response.json()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

/// Polls until the project has no open operation; gives every status seen.
fn settle(client: &Client, project: &str) -> HashSet<String> {
    let mut seen = HashSet::new();
    loop {
        let operations = get(client, &format!("/projects/{project}/operations"));
        let statuses: Vec<&str> =
            operations["operations"].as_array().expect("a list").iter().map(|o| text(&o["status"])).collect();
        seen.extend(statuses.iter().map(|&status| status.to_owned()));
        if statuses.iter().all(|status| *status == "finished") {
            return seen;
        }
    }
}

#[test]
fn a_whole_life_agrees_with_the_description() {
    let (cloud, client) = neon(Habits { pace: Pace::Requests(4), ..Habits::default() });
    for path in ["/users/me", "/users/me/organizations", "/auth", "/regions"] {
        get(&client, path);
    }
    get(&client, &format!("/organizations/{ORG}"));

    let created = create(&client, "my-app");
    assert_eq!(created.status, 201);
    let created = created.json();
    let id = text(&created["project"]["id"]).to_owned();
    let branch = text(&created["branch"]["id"]).to_owned();
    let endpoint = text(&created["endpoints"][0]["id"]).to_owned();
    let operation = text(&created["operations"][0]["id"]).to_owned();
    assert!(text(&created["connection_uris"][0]["connection_uri"]).contains(".neon.tech/neondb"));

    // Nothing may be changed while an operation runs.
    let rename = json!({ "project": { "name": "other" } });
    let locked = client.send("PATCH", &format!("/api/v2/projects/{id}"), Some(&rename)).expect("an answer");
    assert_eq!(locked.status, 423);
    assert!(locked.json()["message"].is_string());
    assert!(settle(&client, &id).contains("running"));
    get(&client, &format!("/projects/{id}/operations/{operation}"));

    let database = json!({ "database": { "name": "extra", "owner_name": "owner" } });
    let path = format!("/api/v2/projects/{id}/branches/{branch}/databases");
    assert_eq!(client.post(&path, &database).expect("an answer").status, 201);
    settle(&client, &id);
    assert_eq!(client.post(&path, &database).expect("an answer").status, 409, "names are unique in a branch");
    let role = json!({ "role": { "name": "reader" } });
    let path = format!("/api/v2/projects/{id}/branches/{branch}/roles");
    assert_eq!(client.post(&path, &role).expect("an answer").status, 201);
    settle(&client, &id);

    let query = "database_name=extra&role_name=reader&pooled=true";
    let uri = get(&client, &format!("/projects/{id}/connection_uri?{query}&branch_id={branch}"));
    assert!(text(&uri["uri"]).contains("-pooler."));
    let password = get(&client, &format!("/projects/{id}/branches/{branch}/roles/reader/reveal_password"));
    assert!(text(&uri["uri"]).contains(text(&password["password"])));
    let reset = format!("/api/v2/projects/{id}/branches/{branch}/roles/reader/reset_password");
    assert_eq!(client.send("POST", &reset, None).expect("an answer").status, 200);
    settle(&client, &id);

    for path in ["", "/branches", "/endpoints"] {
        get(&client, &format!("/projects/{id}{path}"));
    }
    for path in ["", "/databases", "/databases/extra", "/roles", "/roles/owner", "/endpoints"] {
        get(&client, &format!("/projects/{id}/branches/{branch}{path}"));
    }
    let size = json!({ "endpoint": { "autoscaling_limit_max_cu": 2, "suspend_timeout_seconds": 60 } });
    let path = format!("/api/v2/projects/{id}/endpoints/{endpoint}");
    assert_eq!(client.send("PATCH", &path, Some(&size)).expect("an answer").status, 200);
    settle(&client, &id);
    assert_eq!(
        get(&client, &format!("/projects/{id}/endpoints/{endpoint}"))["endpoint"]["autoscaling_limit_max_cu"],
        2
    );
    let another = json!({ "branch": { "name": "dev" }, "endpoints": [{ "type": "read_write" }] });
    assert_eq!(
        client.post(&format!("/api/v2/projects/{id}/branches"), &another).expect("an answer").status,
        201
    );
    settle(&client, &id);
    assert_eq!(cloud.projects()[0].databases, ["main/neondb", "main/extra", "dev/neondb", "dev/extra"]);

    let rename = json!({ "project": { "name": "renamed", "history_retention_seconds": 3600 } });
    let path = format!("/api/v2/projects/{id}");
    assert_eq!(client.send("PATCH", &path, Some(&rename)).expect("an answer").status, 200);
    settle(&client, &id);
    assert_eq!(cloud.projects()[0].name, "renamed");
    assert_eq!(client.send("DELETE", &path, None).expect("an answer").status, 200);
    assert_eq!(client.get(&path).expect("an answer").status, 404);
    assert!(cloud.projects().is_empty());
    spec::assert_agrees(&cloud);
}

#[test]
fn names_are_not_unique_and_lists_come_in_pages() {
    let (cloud, client) = neon(Habits { page: 2, ..Habits::default() });
    for name in ["twin", "twin", "other", "my-twin"] {
        assert_eq!(create(&client, name).status, 201);
    }
    let mut found = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = get(&client, &format!("/projects?org_id={ORG}&search=twin&limit=400{cursor}"));
        let projects = page["projects"].as_array().expect("a list");
        if projects.is_empty() {
            break;
        }
        found.extend(projects.iter().map(|project| text(&project["name"]).to_owned()));
        cursor = format!("&cursor={}", text(&page["pagination"]["cursor"]));
    }
    assert_eq!(found, ["twin", "twin", "my-twin"]);
    spec::assert_agrees(&cloud);
}

#[test]
fn bad_requests_are_refused_in_neons_shape() {
    let (cloud, client) = neon(Habits { key: Some("right".to_owned()), ..Habits::default() });
    let wrong = client.clone().header("authorization", "Bearer wrong");
    assert_eq!(wrong.get("/api/v2/projects").expect("an answer").status, 401);
    let client = client.header("authorization", "Bearer right").header("x-request-id", "mine");
    let refused = |project: Value, status: u16| {
        let refusal = client.post("/api/v2/projects", &json!({ "project": project })).expect("an answer");
        assert_eq!(refusal.status, status, "{}", refusal.text);
        assert_eq!(refusal.json()["request_id"], "mine");
    };
    refused(json!({ "name": "a" }), 400);
    refused(json!({ "name": "a", "org_id": "org-of-others" }), 404);
    refused(json!({ "name": "a", "org_id": ORG, "region_id": "aws-moon-1" }), 400);
    refused(json!({ "name": "a", "org_id": ORG, "pg_version": 12 }), 400);
    let elsewhere = client.host("api.machines.dev").get("/api/v2/projects").expect("an answer");
    assert_eq!(elsewhere.status, 421);
    assert!(cloud.requests()[0].headers.iter().all(|(name, _)| name != "authorization"));
    assert!(!cloud.requests()[0].authorized);
}

#[test]
fn passwords_that_are_not_stored_cannot_be_revealed() {
    let (cloud, client) = neon(Habits { store_passwords: false, pace: Pace::Immediate, ..Habits::default() });
    let created = create(&client, "a").json();
    let (id, branch) = (text(&created["project"]["id"]), text(&created["branch"]["id"]));
    let path = format!("/api/v2/projects/{id}/branches/{branch}/roles/owner/reveal_password");
    assert_eq!(client.get(&path).expect("an answer").status, 412);
    spec::assert_agrees(&cloud);
}

#[test]
fn operations_can_end_in_an_error() {
    let (cloud, client) = neon(Habits { failing_operations: 1, ..Habits::default() });
    let created = create(&client, "a").json();
    let id = text(&created["project"]["id"]);
    let first = text(&created["operations"][0]["id"]);
    let path = format!("/projects/{id}/operations/{first}");
    let mut operation = get(&client, &path);
    while text(&operation["operation"]["status"]) != "error" {
        operation = get(&client, &path);
    }
    let path = format!("/api/v2/projects/{id}");
    assert_eq!(
        client.send("DELETE", &path, None).expect("an answer").status,
        200,
        "it locks nothing any more"
    );
    spec::assert_agrees(&cloud);
}
