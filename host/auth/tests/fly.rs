//! Signing in to what stands in for Fly, with a browser that a test plays.

#![allow(clippy::unwrap_used, reason = "tests fail so")]

use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use ss_auth::{Fly, SignInError};
use ss_capability_http::{ChosenBy, Client, Limits};
use url::Url;

/// What stands in for Fly's API.
struct StandIn {
    pkce: bool,
    page: Option<String>,
    /// Answers of `GET` before there is a token.
    pending: usize,
    opened: Value,
    requests: Vec<(String, Value)>,
}

type Shared = Arc<Mutex<StandIn>>;

async fn stand_in(pkce: bool, page: Option<&str>) -> (Url, Shared) {
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let url: Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    let page = page.map(str::to_owned);
    let shared =
        Arc::new(Mutex::new(StandIn { pkce, page, pending: 2, opened: Value::Null, requests: vec![] }));
    let (serving, base) = (shared.clone(), url.clone());
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let (shared, base) = (serving.clone(), base.clone());
            tokio::spawn(async move {
                let service = service_fn(move |request| answer(shared.clone(), base.clone(), request));
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (url, shared)
}

async fn answer(
    shared: Shared,
    base: Url,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let line = format!("{} {}", request.method(), request.uri().path());
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let body: Value = serde_json::from_slice(&body).unwrap_or(Value::Null);
    let mut state = shared.lock().unwrap();
    state.requests.push((line.clone(), body.clone()));
    let (status, reply) = match line.as_str() {
        "POST /api/v1/cli_sessions" => {
            state.opened = body;
            let page = state.page.clone().unwrap_or_else(|| format!("{base}app/auth/cli/s1"));
            (201, json!({ "id": "s1", "auth_url": page, "pkce": state.pkce }))
        }
        "POST /api/v1/cli_sessions/s1/redeem" if body["code"] == "the-code" => {
            (200, json!({ "access_token": "fo1_from_redeem" }))
        }
        "POST /api/v1/cli_sessions/s1/redeem" => (422, json!({ "error": "invalid code\u{1b}[2J" })),
        "GET /api/v1/cli_sessions/s1" if state.pending == 0 => {
            (200, json!({ "access_token": "fo1_from_poll" }))
        }
        "GET /api/v1/cli_sessions/s1" => {
            state.pending -= 1;
            (404, json!({}))
        }
        _ => (500, json!({})),
    };
    Ok(Response::builder().status(status).body(Full::from(reply.to_string())).unwrap())
}

/// The page in the browser calls the loopback address; returns status and CORS origin.
async fn browse(port: u64, query: &str) -> (u16, String) {
    let request = http::Request::get(format!("http://127.0.0.1:{port}/callback?{query}"));
    let request = request.body(Bytes::new()).unwrap();
    let answer = Client::new().direct(request, ChosenBy::Operator, &Limits::default()).await.unwrap();
    let origin = answer.headers()["access-control-allow-origin"].to_str().unwrap().to_owned();
    (answer.status().as_u16(), origin)
}

fn fly(url: &Url) -> Fly {
    let times = (Duration::from_secs(5), Duration::from_millis(5));
    Fly::new(Client::new(), Some(url.clone())).with_times(times.0, times.1)
}

#[tokio::test]
async fn a_code_is_redeemed_with_its_verifier() {
    let (url, shared) = stand_in(true, None).await;
    let session = fly(&url).begin("my machine").await.unwrap();
    assert_eq!(session.page.path(), "/app/auth/cli/s1");
    let opened = shared.lock().unwrap().opened.clone();
    assert_eq!((&opened["name"], &opened["code_challenge_method"]), (&json!("my machine"), &json!("S256")));
    let (port, state) =
        (opened["redirect_port"].as_u64().unwrap(), opened["state"].as_str().unwrap().to_owned());
    let browser = tokio::spawn(async move {
        assert_eq!(browse(port, "code=the-code&state=wrong").await.0, 403, "another attempt's answer");
        assert_eq!(browse(port, "code=the-code").await.0, 403, "no state at all");
        browse(port, &format!("code=the-code&state={state}")).await
    });
    let token = session.token().await.unwrap();
    assert_eq!(token.expose_str(), Some("fo1_from_redeem"));
    let (status, origin) = browser.await.unwrap();
    assert_eq!((status, origin), (200, url.origin().ascii_serialization()));
    let requests = shared.lock().unwrap().requests.clone();
    assert_eq!(requests.len(), 2, "{requests:?}");
    assert_eq!(requests[1].1["code_verifier"].as_str().unwrap().len(), 43);
}

#[tokio::test]
async fn without_pkce_it_is_asked_until_there_is_a_token() {
    let (url, shared) = stand_in(false, None).await;
    let token = fly(&url).begin("m").await.unwrap().token().await.unwrap();
    assert_eq!(token.expose_str(), Some("fo1_from_poll"));
    assert_eq!(shared.lock().unwrap().requests.len(), 4);
}

#[tokio::test]
async fn a_wrong_code_and_a_refusal_are_told() {
    for (query, expected) in [
        ("code=other", "answered with HTTP 422: invalid code[2J"),
        ("error=access_denied&error_description=no", "declined in the browser: no"),
    ] {
        let (url, shared) = stand_in(true, None).await;
        let session = fly(&url).begin("m").await.unwrap();
        let opened = shared.lock().unwrap().opened.clone();
        let query = format!("{query}&state={}", opened["state"].as_str().unwrap());
        let port = opened["redirect_port"].as_u64().unwrap();
        let browser = tokio::spawn(async move { browse(port, &query).await });
        let error = session.token().await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
        browser.await.unwrap();
    }
}

#[tokio::test]
async fn a_page_of_somebody_else_is_not_opened() {
    let (url, _) = stand_in(true, Some("https://evil.example/")).await;
    let error = fly(&url).begin("m").await.err().unwrap();
    assert!(matches!(error, SignInError::Answer { .. }), "{error}");
}

#[tokio::test]
async fn nobody_agrees() {
    let (url, shared) = stand_in(false, None).await;
    shared.lock().unwrap().pending = usize::MAX;
    let fly = fly(&url).with_times(Duration::from_millis(50), Duration::from_millis(5));
    let error = fly.begin("m").await.unwrap().token().await.unwrap_err();
    assert!(matches!(error, SignInError::Late { .. }), "{error}");
}
