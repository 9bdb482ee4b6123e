//! The loopback address that a page in the browser hands its code to.

use std::convert::Infallible;
use std::sync::Arc;

use aws_lc_rs::constant_time;
use http::header::{
    ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, CACHE_CONTROL, CONTENT_TYPE, VARY,
};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ss_secret::Secret;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Connections at the same time: a browser opens a few.
const CONNECTIONS: usize = 16;
const PATH: &str = "/callback";

/// What the page said.
#[derive(Debug)]
pub(crate) enum Said {
    /// The person agreed; the code.
    Code(Secret),
    /// The person did not.
    Declined(Option<String>),
}

/// Waits for the browser.
pub(crate) struct Callback {
    listener: TcpListener,
    port: u16,
}

struct Expected {
    state: String,
    /// The origin of the page that asks, for CORS.
    origin: HeaderValue,
    said: mpsc::Sender<Said>,
}

impl Callback {
    pub(crate) async fn open() -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let port = listener.local_addr()?.port();
        Ok(Self { listener, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The first answer with the right state. Never returns without one.
    pub(crate) async fn answer(&self, state: &str, origin: HeaderValue) -> Said {
        let (said, mut heard) = mpsc::channel(1);
        let expected = Arc::new(Expected { state: state.to_owned(), origin, said });
        let mut connections = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                Some(said) = heard.recv() => {
                    // The page is told before the address closes.
                    let last = async { while connections.join_next().await.is_some() {} };
                    let _ = tokio::time::timeout(std::time::Duration::from_millis(200), last).await;
                    return said;
                }
                Some(_) = connections.join_next() => {}
                accepted = self.listener.accept(), if connections.len() < CONNECTIONS => {
                    let Ok((stream, _)) = accepted else { continue };
                    let expected = Arc::clone(&expected);
                    connections.spawn(async move {
                        let service = service_fn(move |request| {
                            let expected = Arc::clone(&expected);
                            async move { Ok::<_, Infallible>(respond(&expected, &request)) }
                        });
                        // A browser that goes away is no news.
                        let _ = hyper::server::conn::http1::Builder::new()
                            .keep_alive(false)
                            .serve_connection(TokioIo::new(stream), service)
                            .await;
                    });
                }
            }
        }
    }
}

fn respond(expected: &Expected, request: &Request<Incoming>) -> Response<Full<Bytes>> {
    let mut response = match (request.method(), request.uri().path()) {
        (&Method::OPTIONS, PATH) => Response::new(Full::default()),
        (&Method::GET, PATH) => {
            let (status, text) = take(expected, request.uri().query().unwrap_or_default());
            let mut response = Response::new(Full::from(text));
            *response.status_mut() = status;
            response
        }
        _ => {
            let mut response = Response::new(Full::from("There is nothing here."));
            *response.status_mut() = StatusCode::NOT_FOUND;
            response
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(VARY, HeaderValue::from_static("origin"));
    headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, expected.origin.clone());
    headers.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET"));
    headers.insert("access-control-allow-private-network", HeaderValue::from_static("true"));
    response
}

fn take(expected: &Expected, query: &str) -> (StatusCode, &'static str) {
    let find = |wanted: &str| {
        url::form_urlencoded::parse(query.as_bytes())
            .find(|(name, _)| name == wanted)
            .map(|(_, value)| value.into_owned())
    };
    let state = find("state").unwrap_or_default();
    if constant_time::verify_slices_are_equal(state.as_bytes(), expected.state.as_bytes()).is_err() {
        return (StatusCode::FORBIDDEN, "This is not the sign-in that `ss` waits for.");
    }
    let (said, text) = match (find("code").filter(|code| !code.is_empty()), find("error")) {
        (Some(code), None) => (Said::Code(Secret::new(code)), "Signed in. You can close this page."),
        (_, error) => {
            let reason = find("error_description").or(error);
            (Said::Declined(reason), "Not signed in. You can close this page.")
        }
    };
    // A second answer finds the first one waiting.
    let _ = expected.said.try_send(said);
    (StatusCode::OK, text)
}
