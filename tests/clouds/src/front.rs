//! The HTTP front: reads a request, lets it meet its trouble, and sends what is left of the answer.
//!
//! On hyper itself, because only there a service can close a connection without any answer.

use std::convert::Infallible;
use std::io;
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::stream;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use crate::Trouble;
use crate::call::{Answer, Call, Reply};
use crate::clock::LOOK_AGAIN;
use crate::state::{State, lock};

/// The largest request body that is read.
const MAX_BODY: usize = 4 << 20;

type Body = UnsyncBoxBody<Bytes, Infallible>;

/// Why a connection ends without an answer.
#[derive(Debug, thiserror::Error)]
enum Hangup {
    /// A fault wants it so.
    #[error("the connection closes on purpose")]
    OnPurpose,
    /// The request could not be read.
    #[error("the request could not be read")]
    Unreadable,
    /// The answer could not be put together.
    #[error(transparent)]
    Response(#[from] http::Error),
}

/// Serves until told to stop. Open connections are cut then.
pub(crate) fn serve(
    listener: TcpListener,
    shared: Arc<Mutex<State>>,
    mut stopped: oneshot::Receiver<()>,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener)?;
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                _ = &mut stopped => return Ok(()),
                Some(_) = connections.join_next() => {}
                accepted = listener.accept() => {
                    let Ok((stream, _)) = accepted else { continue };
                    let shared = Arc::clone(&shared);
                    connections.spawn(async move {
                        let service = service_fn(|request| handle(Arc::clone(&shared), request));
                        // A client that leaves, or a hangup on purpose: both are everyday here.
                        let _ = hyper::server::conn::http1::Builder::new()
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            }
        }
    })
}

async fn handle(shared: Arc<Mutex<State>>, request: Request<Incoming>) -> Result<Response<Body>, Hangup> {
    let call = read(request).await?;
    let latency = lock(&shared).latency();
    tokio::time::sleep(latency).await;

    let (number, trouble) = lock(&shared).admit(&call);
    let answer = match &trouble {
        Some(trouble) if !trouble.carries_out() => None,
        _ => Some(answer(&shared, &call).await),
    };
    let mut state = lock(&shared);
    let sent = send(&state, trouble, answer.as_ref());
    state.conclude(number, answer.as_ref(), sent.as_ref().ok().map(|response| response.status().as_u16()));
    sent
}

async fn answer(shared: &Mutex<State>, call: &Call) -> Answer {
    loop {
        let reply = lock(shared).reply(call);
        match reply {
            Reply::Now(answer) => return answer,
            Reply::Later => tokio::time::sleep(LOOK_AGAIN).await,
        }
    }
}

async fn read(request: Request<Incoming>) -> Result<Call, Hangup> {
    let (head, body) = request.into_parts();
    let body = Limited::new(body, MAX_BODY).collect().await.map_err(|_| Hangup::Unreadable)?.to_bytes();
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name).to_owned();
    let query = head.uri.query().unwrap_or_default();
    Ok(Call {
        segments: Call::segments(head.uri.path()),
        path: head.uri.path().to_owned(),
        query: url::form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        host,
        headers: headers(&head.headers),
        body: parse(&body),
        raw: body.to_vec(),
        method: head.method,
        received: Instant::now(),
    })
}

fn headers(map: &HeaderMap) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    map.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn parse(body: &[u8]) -> Option<Value> {
    if body.is_empty() {
        return None;
    }
    Some(serde_json::from_slice(body).unwrap_or_else(|_| String::from_utf8_lossy(body).into()))
}

fn send(state: &State, trouble: Option<Trouble>, done: Option<&Answer>) -> Result<Response<Body>, Hangup> {
    match (trouble, done) {
        (Some(Trouble::Refused { status, retry_after }), _) => {
            let mut refusal = state.error(status, "Not now.");
            if let Some(retry_after) = retry_after {
                refusal = refusal.with(RETRY_AFTER.as_str(), retry_after);
            }
            json(&refusal, None)
        }
        (Some(Trouble::Lost { status: Some(status) }), _) => json(&state.error(status, "Bad gateway."), None),
        (Some(Trouble::Html { status }), _) => Ok(Response::builder()
            .status(status)
            .header(CONTENT_TYPE, "text/html; charset=utf-8")
            .body(whole("<!doctype html><title>Error</title><h1>Something went wrong</h1>".into()))?),
        (Some(Trouble::Truncated), Some(answer)) => json(answer, Some(Deform::Half)),
        (Some(Trouble::Slow { over }), Some(answer)) => json(answer, Some(Deform::Slow(over))),
        (None, Some(answer)) => json(answer, None),
        (_, _) => Err(Hangup::OnPurpose),
    }
}

/// What happens to a body that is sent.
enum Deform {
    Half,
    Slow(Duration),
}

fn json(answer: &Answer, deform: Option<Deform>) -> Result<Response<Body>, Hangup> {
    let mut response = Response::builder().status(answer.status);
    for (name, value) in &answer.headers {
        response = response.header(*name, value);
    }
    let Some(text) = answer.text_of_body() else {
        return Ok(response.body(whole(Bytes::new()))?);
    };
    if !answer.names_its_kind() {
        response = response.header(CONTENT_TYPE, "application/json");
    }
    Ok(match deform {
        None => response.body(whole(text.into()))?,
        Some(Deform::Half) => response.body(whole(text.as_bytes()[..text.len() / 2].to_vec().into()))?,
        Some(Deform::Slow(over)) => {
            response.header(CONTENT_LENGTH, text.len()).body(trickle(&text.into(), over))?
        }
    })
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes).boxed_unsync()
}

/// The body in eight parts, one after the other.
fn trickle(bytes: &Bytes, over: Duration) -> Body {
    let size = bytes.len().div_ceil(8).max(1);
    let parts: Vec<Bytes> = bytes.chunks(size).map(Bytes::copy_from_slice).collect();
    let pause = over / 8;
    let frames = stream::unfold(parts.into_iter(), move |mut parts| async move {
        let part = parts.next()?;
        tokio::time::sleep(pause).await;
        Some((Ok(Frame::data(part)), parts))
    });
    StreamBody::new(frames).boxed_unsync()
}
