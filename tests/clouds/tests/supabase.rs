//! The stand-in for Supabase: a project's life and its refusals, held against the description.

use serde_json::{Value, json};
use ss_clouds::{Client, Cloud, Habits, Pace, Running, spec};

const ORG: &str = "vsoazsxzqrcbuyxsfbtq";

fn supabase(habits: Habits) -> (Running, Client) {
    let cloud = Cloud::supabase(habits).start().expect("a free port");
    let client = cloud.client();
    (cloud, client)
}

fn create(client: &Client, name: &str) -> ss_clouds::Response {
    let region = json!({ "type": "smartGroup", "code": "emea" });
    let body = json!({
        "name": name, "organization_slug": ORG, "db_pass": "a-long-password", "region_selection": region,
        "desired_instance_size": "small",
    });
    client.post("/v1/projects", &body).expect("an answer")
}

fn get(client: &Client, path: &str) -> Value {
    let response = client.get(path).expect("an answer");
    assert_eq!(response.status, 200, "{path}: {}", response.text);
    response.json()
}

fn change(client: &Client, method: &str, path: &str, body: &Value, status: u16) -> Value {
    let response = client.send(method, path, Some(body)).expect("an answer");
    assert_eq!(response.status, status, "{method} {path}: {}", response.text);
    response.json()
}

#[test]
fn a_life_agrees_with_the_description() {
    let (cloud, client) = supabase(Habits { pace: Pace::Requests(4), ..Habits::default() });
    assert_eq!(get(&client, "/v1/organizations")[0]["slug"], ORG);
    let created = create(&client, "my-app");
    assert_eq!(created.status, 201);
    assert_eq!(created.json()["region"], "eu-central-1");
    let project = format!("/v1/projects/{}", created.json()["ref"].as_str().expect("a ref"));
    assert_eq!(client.send("DELETE", &project, None).expect("an answer").status, 400, "it is too young");
    assert_eq!(client.get(&format!("{project}/config/auth")).expect("an answer").status, 400);
    while get(&client, &project)["status"] != "ACTIVE_HEALTHY" {}
    let health = format!("{project}/health?services=db&services=auth&services=pooler");
    while get(&client, &health)[2]["status"] != "ACTIVE_HEALTHY" {}
    assert_eq!(get(&client, &format!("{project}/api-keys"))[3]["api_key"], "sb_secret_····");
    let keys = get(&client, &format!("{project}/api-keys?reveal=true"));
    assert_eq!(keys.as_array().map(Vec::len), Some(4));
    let pooler = get(&client, &format!("{project}/config/database/pooler"));
    assert!(pooler[0]["connection_string"].as_str().expect("a text").contains("[YOUR-PASSWORD]"));
    let auth = format!("{project}/config/auth");
    change(&client, "PATCH", &auth, &json!({ "site_url": "https://a.example" }), 200);
    assert_eq!(get(&client, &auth)["site_url"], "https://a.example");
    for (path, body) in [
        ("postgrest", json!({ "max_rows": 10 })),
        ("database/password", json!({ "password": "another-password" })),
        ("billing/addons", json!({ "addon_type": "compute_instance", "addon_variant": "ci_medium" })),
    ] {
        change(&client, "PATCH", &format!("{project}/{path}"), &body, 200);
    }
    while get(&client, &project)["status"] != "ACTIVE_HEALTHY" {}
    assert_eq!(
        get(&client, &format!("{project}/billing/addons"))["selected_addons"][0]["variant"]["id"],
        "ci_medium"
    );
    let tls = json!({ "requestedConfig": { "database": true } });
    change(&client, "PUT", &format!("{project}/ssl-enforcement"), &tls, 200);
    let networks = json!({ "dbAllowedCidrs": ["10.0.0.0/8"], "dbAllowedCidrsV6": [] });
    change(&client, "POST", &format!("{project}/network-restrictions/apply"), &networks, 201);
    let secrets = format!("{project}/secrets");
    change(&client, "POST", &secrets, &json!([{ "name": "A", "value": "1" }]), 201);
    change(&client, "POST", &secrets, &json!([{ "name": "A", "value": "2" }]), 201);
    assert_eq!(cloud.supabase_projects()[0].secrets, [("A".to_owned(), "2".to_owned())]);
    assert_eq!(get(&client, &secrets).as_array().map(Vec::len), Some(1));
    change(&client, "DELETE", &secrets, &json!(["A"]), 200);
    for path in ["ssl-enforcement", "network-restrictions", "postgrest"] {
        get(&client, &format!("{project}/{path}"));
    }
    change(&client, "PATCH", &project, &json!({ "name": "renamed" }), 200);
    assert_eq!(cloud.supabase_projects()[0].name, "renamed");
    assert_eq!(client.send("POST", &format!("{project}/pause"), None).expect("an answer").status, 200);
    assert_eq!(get(&client, &project)["status"], "INACTIVE");
    assert_eq!(client.send("POST", &format!("{project}/restore"), None).expect("an answer").status, 200);
    while get(&client, &project)["status"] != "ACTIVE_HEALTHY" {}
    assert_eq!(client.send("DELETE", &project, None).expect("an answer").status, 200);
    assert_eq!(get(&client, &project)["status"], "GOING_DOWN");
    while client.get(&project).expect("an answer").status != 404 {}
    assert!(cloud.supabase_projects().is_empty());
    spec::assert_agrees(&cloud);
}

#[test]
fn lists_come_in_pages_and_plans_are_used_up() {
    let (cloud, client) = supabase(Habits { page: 2, most_projects: 4, ..Habits::default() });
    for name in ["twin", "twin", "other", "my-twin"] {
        assert_eq!(create(&client, name).status, 201);
    }
    let refused = create(&client, "fifth");
    assert!(refused.status == 400 && refused.text.contains("maximum limits"), "{}", refused.text);
    let list = format!("/v1/organizations/{ORG}/projects?search=twin&limit=100");
    let (first, second) = (get(&client, &list), get(&client, &format!("{list}&offset=2")));
    assert_eq!(
        (&first["pagination"]["count"], &second["projects"][0]["name"]),
        (&json!(3), &json!("my-twin"))
    );
    let other = client.get("/v1/organizations/others/projects").expect("an answer");
    assert_eq!(other.status, 403);
    spec::assert_agrees(&cloud);
}
