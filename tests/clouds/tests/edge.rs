//! The stand-ins for Cloudflare and Porkbun by scripted clients, and every exchange judged by the descriptions.

use serde_json::{Value, json};
use ss_clouds::cloudflare::{ACCOUNT, ZONE, ZONE_NAME};
use ss_clouds::porkbun::{OWNED, SECRET_KEY};
use ss_clouds::{Client, Cloud, Habits, Pace, Response, Running, spec};

fn cloudflare(habits: Habits) -> (Running, Client) {
    let cloud = Cloud::cloudflare(habits).start().expect("a free port");
    let client = cloud.client().host("api.cloudflare.com");
    (cloud, client)
}

fn send(client: &Client, method: &str, path: &str, body: Value) -> Response {
    let body = Some(body).filter(|body| !body.is_null());
    client.send(method, &format!("/client/v4{path}"), body.as_ref()).expect("an answer")
}

fn done(response: Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.text);
    response.json()["result"].clone()
}

fn code(response: &Response) -> u64 {
    response.json()["errors"][0]["code"].as_u64().unwrap_or_default()
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a string")
}

#[test]
fn a_zone_lives_by_the_description() {
    let (cloud, client) = cloudflare(Habits::default());
    let zone = format!("/zones/{ZONE}");
    assert_eq!(done(send(&client, "GET", &format!("/zones?name={ZONE_NAME}"), Value::Null))[0]["id"], ZONE);
    done(send(&client, "GET", "/accounts", Value::Null));
    let record =
        json!({ "type": "CNAME", "name": ZONE_NAME, "content": "Some.Host.", "ttl": 1, "proxied": true });
    let made = done(send(&client, "POST", &format!("{zone}/dns_records"), record.clone()));
    assert_eq!(made["content"], "some.host");
    assert_eq!(code(&send(&client, "POST", &format!("{zone}/dns_records"), record)), 81058);
    let beside = json!({ "type": "A", "name": ZONE_NAME, "content": "192.0.2.1", "ttl": 1 });
    assert_eq!(code(&send(&client, "POST", &format!("{zone}/dns_records"), beside)), 81053);
    let one = format!("{zone}/dns_records/{}", text(&made["id"]));
    let changed = json!({ "type": "CNAME", "name": ZONE_NAME, "content": "other.host", "ttl": 1 });
    assert_eq!(done(send(&client, "PATCH", &one, changed))["proxied"], true);
    assert_eq!(send(&client, "DELETE", &one, Value::Null).status, 200);
    assert_eq!(send(&client, "DELETE", &one, Value::Null).status, 404);

    let hostname = json!({ "hostname": "shop.customer.com", "ssl": { "type": "dv", "method": "txt" } });
    let made = done(send(&client, "POST", &format!("{zone}/custom_hostnames"), hostname.clone()));
    assert_eq!((&made["status"], &made["ssl"]["status"]), (&json!("pending"), &json!("initializing")));
    assert_eq!(code(&send(&client, "POST", &format!("{zone}/custom_hostnames"), hostname)), 1406);
    let one = format!("{zone}/custom_hostnames/{}", text(&made["id"]));
    let pending = loop {
        let seen = done(send(&client, "GET", &one, Value::Null));
        if seen["ssl"]["status"] == "pending_validation" {
            break seen;
        }
    };
    assert_eq!(pending["ssl"]["validation_records"][0]["txt_name"], "_acme-challenge.shop.customer.com");
    cloud.activate("shop.customer.com");
    assert_eq!(done(send(&client, "GET", &one, Value::Null))["ssl"]["status"], "active");
    send(&client, "DELETE", &one, Value::Null);
    assert_eq!(done(send(&client, "GET", &one, Value::Null))["status"], "pending_deletion", "it lingers");
    while send(&client, "GET", &one, Value::Null).status != 404 {}
    spec::assert_agrees(&cloud);
}

#[test]
fn things_of_the_account_live_by_the_description() {
    let (cloud, client) = cloudflare(Habits { page: 1, ..Habits::default() });
    let account = format!("/accounts/{ACCOUNT}");
    for (folder, body, member) in [
        ("r2/buckets", json!({ "name": "files" }), "name"),
        ("storage/kv/namespaces", json!({ "title": "cache" }), "id"),
        ("d1/database", json!({ "name": "rows" }), "uuid"),
        ("pages/projects", json!({ "name": "site", "production_branch": "main" }), "name"),
    ] {
        let path = format!("{account}/{folder}");
        let made = done(send(&client, "POST", &path, body.clone()));
        assert!(send(&client, "POST", &path, body).status >= 400, "{folder}: names are unique");
        let one = format!("{path}/{}", text(&made[member]));
        done(send(&client, "GET", &one, Value::Null));
        assert_eq!(send(&client, "DELETE", &one, Value::Null).status, 200);
        while send(&client, "GET", &one, Value::Null).status != 404 {}
    }
    for title in ["a", "b", "c"] {
        done(send(&client, "POST", &format!("{account}/storage/kv/namespaces"), json!({ "title": title })));
    }
    let second =
        send(&client, "GET", &format!("{account}/storage/kv/namespaces?page=2&per_page=1000"), Value::Null);
    assert_eq!(
        (second.json()["result"][0]["title"].clone(), second.json()["result_info"]["total_count"].clone()),
        (json!("b"), json!(3))
    );
    spec::assert_agrees(&cloud);
}

#[test]
fn no_secret_of_a_project_is_shown_and_its_domains_go_first() {
    let (cloud, client) = cloudflare(Habits { pace: Pace::Immediate, ..Habits::default() });
    let projects = format!("/accounts/{ACCOUNT}/pages/projects");
    let secret =
        json!({ "production": { "env_vars": { "KEY": { "type": "secret_text", "value": "s3cret" } } } });
    let wanted = json!({ "name": "site", "production_branch": "main", "deployment_configs": secret });
    done(send(&client, "POST", &projects, wanted));
    let shown = send(&client, "GET", &format!("{projects}/site"), Value::Null);
    assert!(!shown.text.contains("s3cret") && shown.text.contains("secret_text"));
    done(send(&client, "POST", &format!("{projects}/site/domains"), json!({ "name": "www.myapp.com" })));
    assert_eq!(send(&client, "DELETE", &format!("{projects}/site"), Value::Null).status, 409);
    let removed = json!({ "deployment_configs": { "production": { "env_vars": { "KEY": null } } } });
    assert!(!done(send(&client, "PATCH", &format!("{projects}/site"), removed)).to_string().contains("KEY"));
    spec::assert_agrees(&cloud);
}

#[test]
fn porkbun_wants_both_keys_and_does_nothing_twice() {
    let cloud = Cloud::porkbun(Habits::default()).start().expect("a free port");
    let client = cloud.client().host("api.porkbun.com");
    let post = |client: &Client, path: &str, mut body: Value| {
        body["apikey"] = json!("pk1_x");
        body["secretapikey"] = json!(SECRET_KEY);
        client.post(&format!("/api/json/v3{path}"), &body).expect("an answer")
    };
    let alone =
        client.post("/api/json/v3/domain/listAll", &json!({ "apikey": "pk1_x", "secretapikey": "wrong" }));
    assert_eq!(alone.expect("an answer").json()["code"], "INVALID_API_KEYS_001");
    assert_eq!(post(&client, "/domain/listAll", json!({})).json()["domains"][0]["domain"], OWNED);
    let keyed = client.clone().header("idempotency-key", "k1");
    let record = json!({ "name": "www", "type": "A", "content": "192.0.2.1" });
    let first = post(&keyed, &format!("/dns/create/{OWNED}"), record.clone()).json();
    let replayed = post(&keyed, &format!("/dns/create/{OWNED}"), record);
    assert_eq!(
        (replayed.json()["id"].clone(), replayed.header("idempotent-replayed")),
        (first["id"].clone(), Some("true"))
    );
    let other = json!({ "name": "api", "type": "A", "content": "192.0.2.1" });
    assert_eq!(post(&keyed, &format!("/dns/create/{OWNED}"), other).status, 409);
    let records = post(&client, &format!("/dns/retrieve/{OWNED}"), json!({})).json();
    assert_eq!(
        (&records["records"][0]["name"], &records["records"][0]["ttl"]),
        (&json!("www.myapp.com"), &json!("600"))
    );
    assert_eq!(post(&client, "/domain/checkDomain/new.app", json!({})).json()["response"]["price"], "11.08");
    assert_eq!(post(&client, "/domain/checkDomain/new.app", json!({})).json()["code"], "RATE_LIMIT_EXCEEDED");
    let low = post(&client, "/domain/create/new.app", json!({ "cost": 1, "agreeToTerms": "yes" }));
    assert_eq!(low.json()["status"], "ERROR");
    spec::assert_agrees(&cloud);
}
