//! Sending again: what, when, and who is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use ss_capability_http::{Endpoints, SendError};

use crate::support::{Reply, Server, World, answer, denied, get, post, soon};

/// Fails the first `failures` requests, then works.
async fn recovering(failures: usize, failure: Reply) -> Server {
    Server::start(move |index, _| if index < failures { failure.clone() } else { answer(200, "", "ok") })
        .await
}

#[tokio::test]
async fn a_rate_limited_read_waits_as_long_as_asked_and_says_so() {
    let server = recovering(1, answer(429, "retry-after: 1\r\n", "")).await;
    let world = World::towards(&server);
    let started = Instant::now();
    let response = soon(world.gate().send(get("/v1/apps"))).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(started.elapsed() >= Duration::from_secs(1));
    assert_eq!(*world.screen.0.lock().unwrap(), ["rate limited by api.acme.dev, waiting 1 s"]);
    assert_eq!(world.journal.events().len(), 2);
}

#[tokio::test]
async fn a_rate_limited_change_is_sent_again_and_journalled_each_time() {
    let server = recovering(1, answer(429, "retry-after: 1\r\n", "")).await;
    let world = World::towards(&server);
    assert_eq!(soon(world.gate().send(post("/v1/apps", "{}"))).await.unwrap().status(), 200);
    let events = world.journal.events();
    let kinds: Vec<_> = events.iter().map(|event| event.split(' ').next().unwrap_or_default()).collect();
    assert_eq!(kinds, ["begin", "end", "begin", "end"]);
}

#[tokio::test]
async fn a_change_that_may_have_happened_is_never_sent_again() {
    for failure in
        [answer(502, "", ""), answer(503, "retry-after: 1\r\n", ""), answer(504, "", ""), Reply::HangUp]
    {
        let server = recovering(1, failure).await;
        let world = World::towards(&server);
        let _ = soon(world.gate().send(post("/v1/apps", "{}"))).await;
        assert_eq!(server.seen().len(), 1);
    }
}

#[tokio::test]
async fn a_read_is_sent_again_after_a_broken_connection_or_a_5xx() {
    for failure in [answer(502, "", ""), answer(503, "", ""), Reply::HangUp] {
        let server = recovering(1, failure).await;
        let world = World::towards(&server);
        assert_eq!(soon(world.gate().send(get("/v1/apps"))).await.unwrap().status(), 200);
        assert_eq!(server.seen().len(), 2);
    }
}

#[tokio::test]
async fn an_answer_that_asks_for_too_much_patience_goes_to_the_plugin() {
    let server = Server::always(answer(429, "retry-after: 3600\r\n", "")).await;
    let world = World::towards(&server);
    let response = soon(world.gate().send(get("/v1/apps"))).await.unwrap();
    assert_eq!(response.status(), 429);
    assert_eq!(response.headers()["retry-after"], "3600");
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn no_wait_goes_past_the_deadline() {
    let server = Server::always(answer(429, "retry-after: 30\r\n", "")).await;
    let mut world = World::towards(&server);
    world.config.deadline = Some(Instant::now() + Duration::from_secs(5));
    assert_eq!(soon(world.gate().send(get("/v1/apps"))).await.unwrap().status(), 429);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn a_person_can_end_a_wait() {
    let server = Server::always(answer(429, "retry-after: 30\r\n", "")).await;
    let world = World::towards(&server);
    let cancel = world.config.cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(200)).await;
        cancel.cancel();
    });
    let gate = world.gate();
    assert_eq!(soon(gate.send(get("/v1/apps"))).await.unwrap().status(), 429);
    assert!(matches!(soon(gate.send(get("/v1/apps"))).await, Err(SendError::Cancelled)));
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn stopping_ends_a_read_but_not_a_change_that_has_left() {
    let server = Server::always(Reply::Silence).await;
    let mut world = World::towards(&server);
    world.config.limits.answer = Duration::from_millis(600);
    let cancel = world.config.cancel.clone();
    let gate = world.gate();
    let (read, change, ()) = soon(async {
        tokio::join!(gate.send(get("/v1/apps")), gate.send(post("/v1/apps", "{}")), async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            cancel.cancel();
        })
    })
    .await;
    assert!(matches!(read, Err(SendError::Cancelled)), "{read:?}");
    assert!(matches!(change, Err(SendError::Timeout { .. })), "{change:?}");
}

#[tokio::test]
async fn an_operation_has_a_number_of_requests_retries_included() {
    let server =
        Server::start(|index, _| if index == 0 { answer(503, "", "") } else { answer(200, "", "") }).await;
    let mut world = World::towards(&server);
    world.config.limits.requests = 3;
    let gate = world.gate();
    for _ in 0..2 {
        assert_eq!(soon(gate.send(get("/v1/apps"))).await.unwrap().status(), 200);
    }
    let denial = denied(soon(gate.send(get("/v1/apps"))).await);
    assert!(denial.message.contains("has sent 3 requests"), "{}", denial.message);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn a_server_that_comes_late_is_reached() {
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let mut world = World::new();
    world.config.endpoints = Arc::new(Endpoints::parse(&format!("http://{address}")).unwrap());
    let error = soon(world.gate().send(post("/v1/apps", "{}"))).await.unwrap_err();
    assert!(matches!(error, SendError::Unreachable { .. }), "{error:?}");
    // One attempt and two more, each journalled.
    assert_eq!(world.journal.events().len(), 6);
    assert!(world.screen.0.lock().unwrap()[0].starts_with("cannot reach api.acme.dev, waiting"));
}
