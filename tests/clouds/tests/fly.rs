//! Fly's stand-in by scripted clients, and every exchange judged by Fly's own description.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ss_clouds::{Client, Cloud, Habits, Pace, Response, Running, spec};

fn fly(habits: Habits) -> (Running, Client) {
    let cloud = Cloud::fly(habits).start().expect("a free port");
    let client = cloud.client().host("api.machines.dev");
    (cloud, client)
}

fn send(client: &Client, method: &str, path: &str, body: Option<&Value>) -> Response {
    client.send(method, &format!("/v1{path}"), body).expect("an answer")
}

fn get(client: &Client, path: &str) -> Value {
    let response = send(client, "GET", path, None);
    assert_eq!(response.status, 200, "{path}: {}", response.text);
    response.json()
}

fn app(client: &Client) {
    let created = send(client, "POST", "/apps", Some(&json!({ "name": "my-app", "org_slug": "personal" })));
    assert_eq!(created.status, 201, "{}", created.text);
}

fn config(image: &str) -> Value {
    json!({
        "image": image,
        "env": { "DATABASE_URL": "postgresql://…" },
        "services": [{
            "protocol": "tcp", "internal_port": 3000,
            "ports": [{ "port": 443, "handlers": ["tls", "http"] }],
            "checks": [{ "type": "http", "port": 3000, "method": "GET", "path": "/up", "interval": "1s" }],
        }],
    })
}

fn machine(client: &Client, name: &str) -> Value {
    let wanted = json!({ "name": name, "region": "iad", "config": config("ghcr.io/me/app:v1") });
    let created = send(client, "POST", "/apps/my-app/machines", Some(&wanted));
    assert_eq!(created.status, 200, "{}", created.text);
    created.json()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

#[test]
fn a_whole_life_agrees_with_the_description() {
    let (cloud, client) = fly(Habits { pace: Pace::Requests(4), ..Habits::default() });
    get(&client, "/tokens/current");
    get(&client, "/platform/regions");
    get(&client, "/apps?org_slug=personal");
    assert_eq!(send(&client, "GET", "/apps/my-app", None).status, 404);
    app(&client);
    let again = send(&client, "POST", "/apps", Some(&json!({ "name": "my-app", "org_slug": "personal" })));
    assert_eq!((again.status, text(&again.json()["status"])), (422, "name_taken"));
    get(&client, "/apps/my-app");

    for kind in ["shared_v4", "shared_v4", "v6"] {
        let wanted = json!({ "type": kind });
        assert_eq!(send(&client, "POST", "/apps/my-app/ip_assignments", Some(&wanted)).status, 200);
    }
    assert_eq!(cloud.apps()[0].addresses, ["shared_v4", "v6"], "the shared address is one");
    let addresses = get(&client, "/apps/my-app/ip_assignments");
    let secrets = send(&client, "POST", "/apps/my-app/secrets", Some(&json!({ "values": { "TOKEN": "t" } })));
    assert_eq!(secrets.json()["version"], 1);
    assert!(!get(&client, "/apps/my-app/secrets").to_string().contains("\"t\""));

    let created = machine(&client, "web");
    let path = format!("/apps/my-app/machines/{}", text(&created["id"]));
    assert_eq!(text(&created["state"]), "created");
    let wait = format!("{path}/wait?state=started&timeout=10&version={}", text(&created["instance_id"]));
    assert_eq!(get(&client, &wait)["ok"], true);
    let shown = get(&client, &path);
    assert_eq!(text(&shown["image_ref"]["tag"]), "v1");
    assert_eq!(get(&client, "/apps/my-app/machines").as_array().expect("a list").len(), 1);
    let twin = json!({ "name": "web", "config": config("other") });
    assert_eq!(send(&client, "POST", "/apps/my-app/machines", Some(&twin)).status, 409);

    let update = json!({ "config": config("ghcr.io/me/app:v2"), "current_version": created["instance_id"] });
    let updated = send(&client, "POST", &path, Some(&update));
    assert_eq!((updated.status, text(&updated.json()["state"])), (200, "replacing"));
    assert_eq!(send(&client, "POST", &path, Some(&update)).status, 409, "the version has moved on");
    get(&client, &format!("{path}/wait?timeout=10"));
    assert_eq!(
        (cloud.machines()[0].versions, cloud.machines()[0].env("DATABASE_URL")),
        (2, Some("postgresql://…"))
    );

    assert_eq!(send(&client, "DELETE", &path, None).status, 412, "only a stopped machine goes without force");
    assert_eq!(send(&client, "DELETE", &format!("{path}?force=true"), None).status, 200);
    get(&client, &format!("{path}/wait?state=destroyed&timeout=10"));
    assert!(cloud.machines().is_empty());
    for address in addresses["ips"].as_array().expect("a list") {
        let path = format!("/apps/my-app/ip_assignments/{}", text(&address["ip"]));
        assert_eq!(send(&client, "DELETE", &path, None).status, 204);
    }
    assert_eq!(send(&client, "DELETE", "/apps/my-app/secrets/TOKEN", None).status, 200);
    assert_eq!(send(&client, "DELETE", "/apps/my-app", None).status, 202);
    assert_eq!(send(&client, "GET", "/apps/my-app", None).status, 200, "an app lingers");
    while send(&client, "GET", "/apps/my-app", None).status != 404 {}
    assert!(cloud.apps().is_empty());
    spec::assert_agrees(&cloud);
}

#[test]
fn a_lease_keeps_others_out() {
    let (cloud, client) = fly(Habits { pace: Pace::Immediate, ..Habits::default() });
    app(&client);
    let path = format!("/apps/my-app/machines/{}", text(&machine(&client, "web")["id"]));
    let lease = send(&client, "POST", &format!("{path}/lease"), Some(&json!({ "ttl": 60 })));
    assert_eq!(lease.status, 201);
    get(&client, &format!("{path}/lease"));
    let update = json!({ "config": config("v2") });
    assert_eq!(send(&client, "POST", &path, Some(&update)).status, 409);
    assert_eq!(send(&client, "POST", &format!("{path}/stop"), None).status, 409);
    assert_eq!(send(&client, "POST", &format!("{path}/lease"), Some(&json!({ "ttl": 60 }))).status, 409);
    let holder = client.clone().header("fly-machine-lease-nonce", text(&lease.json()["nonce"]));
    assert_eq!(send(&holder, "POST", &path, Some(&update)).status, 200);
    assert_eq!(send(&holder, "DELETE", &format!("{path}/lease"), None).status, 200);
    assert_eq!(send(&client, "POST", &format!("{path}/stop"), None).status, 200);
    assert_eq!(cloud.machines()[0].state, "stopped");
    assert!(!cloud.machines()[0].leased);
    spec::assert_agrees(&cloud);
}

#[test]
fn an_update_replaces_the_whole_configuration() {
    let (cloud, client) = fly(Habits { pace: Pace::Immediate, ..Habits::default() });
    app(&client);
    let path = format!("/apps/my-app/machines/{}", text(&machine(&client, "web")["id"]));
    send(&client, "POST", &path, Some(&json!({ "config": { "image": "v2" } })));
    let machine = &cloud.machines()[0];
    assert_eq!((machine.env("DATABASE_URL"), &machine.config["services"]), (None, &Value::Null));
    assert_eq!(machine.config["guest"]["memory_mb"], 256, "Fly fills its own defaults in");
}

#[test]
fn waiting_times_out_as_often_as_it_must() {
    let (cloud, client) = fly(Habits { pace: Pace::Time(Duration::from_millis(2500)), ..Habits::default() });
    app(&client);
    let path = format!("/apps/my-app/machines/{}", text(&machine(&client, "web")["id"]));
    let begun = Instant::now();
    assert_eq!(send(&client, "GET", &format!("{path}/wait?timeout=1"), None).status, 408);
    assert!(begun.elapsed() >= Duration::from_secs(1));
    assert_eq!(send(&client, "GET", &format!("{path}/wait?timeout=20"), None).status, 200);
    spec::assert_agrees(&cloud);
}

#[test]
fn the_public_app_answers_once_its_checks_pass() {
    let habits = Habits { broken_images: vec!["broken:v2".to_owned()], ..Habits::default() };
    let (cloud, client) = fly(habits);
    let public = client.clone().host("my-app.fly.dev");
    let status = |path: &str| public.get(path).expect("an answer").status;
    assert_eq!(status("/up"), 404);
    app(&client);
    let path = format!("/apps/my-app/machines/{}", text(&machine(&client, "web")["id"]));
    assert_eq!(status("/up"), 503, "no address yet");
    send(&client, "POST", "/apps/my-app/ip_assignments", Some(&json!({ "type": "v6" })));
    let mut tries = 0;
    while status("/up") != 200 {
        tries += 1;
        assert!(tries < 10, "{:?}", cloud.machines());
    }
    assert_eq!(text(&get(&client, &path)["checks"][0]["status"]), "passing");
    assert_eq!(status("/elsewhere"), 404);
    send(&client, "POST", &path, Some(&json!({ "config": config("broken:v2") })));
    for _ in 0..10 {
        assert_eq!(status("/up"), 503);
    }
    assert_eq!(text(&get(&client, &path)["checks"][0]["status"]), "critical");
    spec::assert_agrees(&cloud);
}

#[test]
fn names_of_others_are_taken_and_tokens_come_in_two_forms() {
    let habits = Habits {
        taken_names: vec!["theirs".to_owned()],
        key: Some("FlyV1 abc".to_owned()),
        ..Habits::default()
    };
    let (_cloud, client) = fly(habits);
    for (token, status) in
        [("Bearer FlyV1 abc", 200), ("FlyV1 abc", 200), ("Bearer abc", 401), ("FlyV1 x", 401)]
    {
        let client = client.clone().header("authorization", token);
        assert_eq!(send(&client, "GET", "/tokens/current", None).status, status, "{token}");
    }
    let client = client.header("authorization", "FlyV1 abc");
    assert_eq!(send(&client, "GET", "/apps/theirs", None).status, 404);
    let taken = send(&client, "POST", "/apps", Some(&json!({ "name": "theirs", "org_slug": "personal" })));
    assert_eq!(text(&taken.json()["status"]), "name_taken");
}

#[test]
fn a_full_region_takes_no_machine() {
    let (cloud, client) = fly(Habits { full_regions: vec!["iad".to_owned()], ..Habits::default() });
    app(&client);
    let wanted = json!({ "region": "iad", "config": config("v1") });
    let refused = send(&client, "POST", "/apps/my-app/machines", Some(&wanted));
    assert_eq!((refused.status, text(&refused.json()["status"])), (422, "insufficient_capacity"));
    let wanted = json!({ "region": "fra", "config": config("v1") });
    assert_eq!(send(&client, "POST", "/apps/my-app/machines", Some(&wanted)).status, 200);
    spec::assert_agrees(&cloud);
}
