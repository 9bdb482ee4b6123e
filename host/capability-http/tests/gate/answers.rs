//! Servers that misbehave: slow, endless, lying, redirecting.

use std::time::{Duration, Instant};

use ss_capability_http::{Limits, SendError};

use crate::support::{Reply, Server, World, answer, get, post, request, soon};

fn impatient(server: &Server) -> World {
    let mut world = World::towards(server);
    world.config.limits = Limits {
        answer: Duration::from_millis(300),
        idle: Duration::from_millis(300),
        total: Duration::from_millis(900),
        response_body: 1000,
        retries: 0,
        ..Limits::default()
    };
    world
}

async fn error(world: &World) -> SendError {
    let started = Instant::now();
    let error = soon(world.gate().send(get("/v1/apps"))).await.expect_err("no answer");
    assert!(started.elapsed() < Duration::from_secs(3), "{error:?} took {:?}", started.elapsed());
    error
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let server = Server::always(Reply::Silence).await;
    assert!(matches!(error(&impatient(&server)).await, SendError::Timeout { awaited: "its answer", .. }));
}

#[tokio::test]
async fn a_head_that_drips() {
    let drip = Reply::Forever("HTTP/1.1 200 OK\r\n".into(), "x: y\r\n".into(), Duration::from_millis(50));
    let server = Server::always(drip).await;
    assert!(matches!(error(&impatient(&server)).await, SendError::Timeout { awaited: "its answer", .. }));
}

#[tokio::test]
async fn a_body_that_stops() {
    let server = Server::always(Reply::Text("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc".into())).await;
    let error = error(&impatient(&server)).await;
    assert!(matches!(error, SendError::Timeout { awaited: "the next part of its answer", .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_that_drips_for_ever() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n";
    let server = Server::always(Reply::Forever(head.into(), "x".into(), Duration::from_millis(50))).await;
    let error = error(&impatient(&server)).await;
    assert!(matches!(error, SendError::Timeout { awaited: "the end of its answer", .. }), "{error:?}");
}

#[tokio::test]
async fn a_body_without_end() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    let piece = format!("64\r\n{}\r\n", "x".repeat(100));
    let server = Server::always(Reply::Forever(head.into(), piece, Duration::from_millis(1))).await;
    let error = error(&impatient(&server)).await;
    assert!(matches!(error, SendError::TooLarge { limit: 1000, .. }), "{error:?}");
}

#[tokio::test]
async fn a_length_that_is_too_large() {
    let server = Server::always(Reply::Text("HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n".into())).await;
    assert!(matches!(error(&impatient(&server)).await, SendError::TooLarge { .. }));
}

#[tokio::test]
async fn a_length_that_lies_short_hides_nothing() {
    // What follows the declared length must not be taken for the answer to the next request.
    let smuggled =
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nabHTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";
    let server =
        Server::start(
            move |index, _| {
                if index == 0 { Reply::Text(smuggled.into()) } else { answer(200, "", "good") }
            },
        )
        .await;
    let world = impatient(&server);
    let gate = world.gate();
    assert_eq!(soon(gate.send(get("/v1/a"))).await.unwrap().body().as_ref(), b"ab");
    tokio::time::sleep(Duration::from_millis(50)).await;
    assert_eq!(soon(gate.send(get("/v1/b"))).await.unwrap().body().as_ref(), b"good");
}

#[tokio::test]
async fn a_length_that_lies_long() {
    let server = Server::start(|_, _| {
        Reply::Text("HTTP/1.1 200 OK\r\ncontent-length: 10\r\nconnection: close\r\n\r\nab".into())
    })
    .await;
    let world = impatient(&server);
    // The server keeps the connection open, so this ends by the idle limit, not with half an answer.
    assert!(soon(world.gate().send(get("/v1/a"))).await.is_err());
}

#[tokio::test]
async fn two_lengths() {
    let text = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 4\r\n\r\nabcd";
    let server = Server::always(Reply::Text(text.into())).await;
    assert!(matches!(error(&impatient(&server)).await, SendError::Interrupted { .. }));
}

#[tokio::test]
async fn headers_without_end() {
    let head = "HTTP/1.1 200 OK\r\n";
    let line = format!("x-{}: {}\r\n", "a".repeat(50), "b".repeat(4000));
    let server = Server::always(Reply::Forever(head.into(), line, Duration::from_micros(100))).await;
    let error = error(&impatient(&server)).await;
    assert!(
        matches!(&error, SendError::Interrupted { reason, .. } if reason.contains("too large")),
        "{error:?}"
    );
}

#[tokio::test]
async fn too_many_headers() {
    let headers: String = (0..200).map(|index| format!("x-{index}: 1\r\n")).collect();
    let server = Server::always(answer(200, &headers, "")).await;
    assert!(matches!(error(&impatient(&server)).await, SendError::Interrupted { .. }));
}

#[tokio::test]
async fn an_answer_that_is_not_http() {
    for text in ["SSH-2.0-OpenSSH\r\n\r\n", "HTTP/0.9 hello\r\n\r\n", "\r\n\r\n\r\n\r\nxxxx\r\n"] {
        let server = Server::always(Reply::Text(text.into())).await;
        assert!(matches!(
            error(&impatient(&server)).await,
            SendError::Interrupted { .. } | SendError::Timeout { .. }
        ));
    }
}

#[tokio::test]
async fn an_upgrade_that_nobody_asked_for() {
    let text = "HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: evil\r\n\r\n";
    let server = Server::always(Reply::Text(text.into())).await;
    assert!(matches!(error(&impatient(&server)).await, SendError::Interrupted { .. }));
}

#[tokio::test]
async fn a_redirect_is_an_answer_like_any_other() {
    let other = Server::always(answer(200, "", "stolen")).await;
    let location = format!("location: {}/steal\r\n", other.url());
    let server = Server::start(move |_, _| answer(307, &location, "")).await;
    let world = World::towards(&server);
    let source = ss_secret::Source::VaultKey("providers:acme/api_key".to_owned());
    let token = world.config.seals.seal(ss_secret::Secret::new("real-key"), source);
    let request = request("GET", "https://api.acme.dev/v1/apps", &[("authorization", &token)], "");
    let response = soon(world.gate().send(request)).await.unwrap();
    assert_eq!(response.status(), 307);
    assert!(response.headers()["location"].to_str().unwrap().ends_with("/steal"));
    assert!(other.seen().is_empty());
    // Following it by hand is a new request, judged like any other.
    let followed = crate::support::request(
        "GET",
        response.headers()["location"].to_str().unwrap(),
        &[("authorization", &token)],
        "",
    );
    assert!(world.gate().judge(&followed).is_err());
    let _ = soon(world.gate().send(post("/v1/apps", "{}"))).await.unwrap();
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_compressed_answer_is_not_inflated() {
    let server = Server::always(answer(200, "content-encoding: gzip\r\n", "not really gzip")).await;
    let world = World::towards(&server);
    let response = soon(world.gate().send(get("/v1/apps"))).await.unwrap();
    assert_eq!(response.body().as_ref(), b"not really gzip");
    assert_eq!(response.headers()["content-encoding"], "gzip");
}

#[tokio::test]
async fn the_operation_ends_at_its_deadline() {
    let server = Server::always(Reply::Silence).await;
    let mut world = World::towards(&server);
    world.config.deadline = Some(Instant::now() + Duration::from_millis(300));
    let started = Instant::now();
    let error = soon(world.gate().send(post("/v1/apps", "{}"))).await.unwrap_err();
    assert!(matches!(error, SendError::Timeout { .. }) && error.may_have_arrived(), "{error:?}");
    assert!(started.elapsed() < Duration::from_millis(400), "{:?}", started.elapsed());
    assert!(matches!(soon(world.gate().send(get("/v1/a"))).await, Err(SendError::Cancelled)));
}
