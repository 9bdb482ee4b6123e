//! The journal: written before an unsafe request leaves, and always told how it ended.

use std::time::Duration;

use ss_capability_http::{NOT_SENT, SendError};

use crate::support::{Reply, Server, World, answer, get, post, request, soon};

#[tokio::test]
async fn an_unsafe_request_is_journalled_before_and_after() {
    let server = Server::always(answer(201, "fly-request-id: 01ABC\r\n", "{}")).await;
    let world = World::towards(&server);
    soon(world.gate().send(post("/v1/apps?x=1", "{}"))).await.unwrap();
    soon(world.gate().send(get("/v1/apps?x=1"))).await.unwrap();
    assert_eq!(
        world.journal.events(),
        // The first digits of SHA-256 of `{}`.
        [
            "begin POST api.acme.dev/v1/apps 44136fa3",
            "end 1 201 01ABC",
            "observe GET api.acme.dev/v1/apps 201 01ABC"
        ]
    );
}

#[tokio::test]
async fn without_a_journal_nothing_leaves() {
    let server = Server::always(answer(200, "", "")).await;
    let world = World::towards(&server);
    *world.journal.broken.lock().unwrap() = true;
    let result = soon(world.gate().send(post("/v1/apps", "{}"))).await;
    assert!(matches!(&result, Err(SendError::Journal { .. })), "{result:?}");
    assert!(!result.unwrap_err().may_have_arrived());
    assert!(server.seen().is_empty());
    // Reads are not held up.
    assert!(soon(world.gate().send(get("/v1/apps"))).await.is_ok());
}

#[tokio::test]
async fn the_digest_is_of_what_the_plugin_sent() {
    let server = Server::always(answer(200, "", "")).await;
    let world = World::towards(&server);
    let source = ss_secret::Source::VaultKey("providers:acme/secret_key".to_owned());
    let token = world.config.seals.seal(ss_secret::Secret::new("real"), source);
    let body = format!(r#"{{"secretapikey":"{token}"}}"#);
    soon(world.gate().send(post("/v1/apps", &body))).await.unwrap();
    let digest = hex::encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes()));
    assert!(world.journal.events()[0].ends_with(&digest[..8]));
}

#[tokio::test]
async fn a_request_without_an_answer_is_told_apart_from_one_that_never_left() {
    let server = Server::always(Reply::HangUp).await;
    let world = World::towards(&server);
    let error = soon(world.gate().send(post("/v1/apps", "{}"))).await.unwrap_err();
    assert!(error.may_have_arrived(), "{error:?}");
    let events = world.journal.events();
    assert_eq!(events.len(), 2, "{events:?}");
    assert!(events[1].starts_with("end 1 the connection to `api.acme.dev` broke"), "{events:?}");

    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let mut world = World::new();
    world.config.endpoints = std::sync::Arc::new(ss_capability_http::Endpoints::parse(&gone).unwrap());
    world.config.limits.connect_retries = 0;
    let error = soon(world.gate().send(post("/v1/apps", "{}"))).await.unwrap_err();
    assert!(!error.may_have_arrived(), "{error:?}");
    assert!(world.journal.events()[1].starts_with(&format!("end 1 {NOT_SENT}")));
}

#[tokio::test]
async fn an_abandoned_request_is_recorded() {
    let server = Server::always(Reply::Silence).await;
    let world = World::towards(&server);
    let gate = world.gate();
    let sending = gate.send(post("/v1/apps", "{}"));
    assert!(tokio::time::timeout(Duration::from_millis(300), sending).await.is_err());
    assert_eq!(world.journal.events()[1], "end 1 the operation ended before the answer came");
}

#[tokio::test]
async fn a_denied_request_is_not_journalled() {
    let world = World::new();
    let result = soon(world.gate().send(request("PUT", "https://evil.example/", &[], ""))).await;
    assert!(matches!(result, Err(SendError::Denied(_))));
    assert!(world.journal.events().is_empty());
}
