//! The server over HTTP: stateless Streamable HTTP at `POST /mcp`.
//!
//! Threats and what stands against them:
//!
//! - *A web page* that the operator visits, by a request to loopback or by DNS rebinding: `Host` must be an
//!   address of this server, any `Origin` must be too, and the content type must be JSON (checked by the SDK).
//! - *A stranger on the network*: the server listens on loopback; any other address needs a token, which is
//!   compared by digest.
//! - *A flood*: so many connections, so many requests at once (the others wait, and are refused if that takes too
//!   long), a largest body, and a time within which head and body must have come.
//! - *A local program that pretends that a person said yes*: what a client says about a person counts only if the
//!   client showed the token.

use std::convert::Infallible;
use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use http::header::{ALLOW, AUTHORIZATION, CONTENT_TYPE, HOST, ORIGIN, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited, combinators::BoxBody};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rmcp::transport::streamable_http_server::session::never::NeverSessionManager;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use ss_registry::Digest;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tower_service::Service as _;

use crate::server::Server;

/// The one path.
const PATH: &str = "/mcp";
/// Largest body of a request, in bytes: a system's file and what is around it.
const MAX_BODY: usize = 16 * 1024 * 1024;
/// Connections at once; further ones are closed.
const MAX_CONNECTIONS: usize = 512;
/// Requests that are worked on at once; further ones wait.
const MAX_REQUESTS: usize = 16;
/// How long a request waits for its turn.
const MAX_WAIT: Duration = Duration::from_secs(30);
/// How long the head, and then the body, of a request may take.
const MAX_HEAD: Duration = Duration::from_secs(10);
const MAX_READ: Duration = Duration::from_secs(10);
/// Shortest token.
const MIN_TOKEN: usize = 32;

/// Where to listen, and for whom.
#[derive(Debug, Clone)]
pub struct HttpOptions {
    /// The address. Other than loopback it needs a token.
    pub address: SocketAddr,
    /// Further names in `Host` by which clients reach this server.
    pub hosts: Vec<String>,
    /// What a client must show as `Authorization: Bearer …`.
    pub token: Option<String>,
}

/// Why the server does not listen.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Strangers could reach it.
    #[error("`{address}` can be reached from other machines, so a token is needed")]
    TokenNeeded {
        /// The address.
        address: IpAddr,
    },
    /// The token could be guessed.
    #[error("the token has {length} characters; it needs {MIN_TOKEN} at least")]
    TokenTooShort {
        /// Its length.
        length: usize,
    },
    /// The address cannot be had.
    #[error("cannot listen on `{address}`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// A server that listens.
pub struct Listening {
    listener: TcpListener,
    door: Arc<Door>,
    server: Server,
}

type Answer = Response<BoxBody<Bytes, Infallible>>;

/// What every request has to pass.
struct Door {
    service: StreamableHttpService<Server, NeverSessionManager>,
    /// Names by which this server may be called, with and without its port.
    hosts: Vec<String>,
    token: Option<Digest>,
    requests: Semaphore,
}

/// Listens; nobody is served yet.
///
/// # Errors
/// [`HttpError`].
pub async fn listen(server: &Server, options: HttpOptions) -> Result<Listening, HttpError> {
    let HttpOptions { address, hosts, token } = options;
    if token.is_none() && !address.ip().is_loopback() {
        return Err(HttpError::TokenNeeded { address: address.ip() });
    }
    if let Some(token) = token.as_ref().filter(|token| token.len() < MIN_TOKEN) {
        return Err(HttpError::TokenTooShort { length: token.len() });
    }
    let failed = |source| HttpError::Listen { address, source };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let hosts = names(bound, hosts);
    let mine = if token.is_some() { server.clone() } else { server.for_strangers() };
    let config = StreamableHttpServerConfig::default()
        .with_legacy_session_mode(false)
        .with_json_response(true)
        .with_allowed_hosts(hosts.clone())
        .with_max_request_body_bytes(MAX_BODY)
        // Origins are judged at the door, by the same names.
        .disable_allowed_origins();
    let service = StreamableHttpService::new(
        move || Ok(mine.clone()),
        Arc::new(NeverSessionManager::default()),
        config,
    );
    let token = token.map(|token| Digest::of(token.as_bytes()));
    let door = Door { service, hosts, token, requests: Semaphore::new(MAX_REQUESTS) };
    Ok(Listening { listener, door: Arc::new(door), server: server.clone() })
}

/// The names of a server, with and without its port.
fn names(bound: SocketAddr, further: Vec<String>) -> Vec<String> {
    let mut names = vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "[::1]".to_owned()];
    if !bound.ip().is_loopback() && !bound.ip().is_unspecified() {
        names.push(match bound.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        });
    }
    let with_port: Vec<String> = names.iter().map(|name| format!("{name}:{}", bound.port())).collect();
    // The port must be this server's; a name given by the operator is taken as it is.
    with_port.into_iter().chain(further).collect()
}

impl Listening {
    /// Where it listens.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn address(&self) -> std::io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Serves until `ended` does; then stops what runs and waits until it has been recorded.
    pub async fn serve(self, ended: impl Future<Output = ()>) {
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        tokio::pin!(ended);
        loop {
            let stream = tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, _)) => stream,
                    Err(_) => {
                        // No more files: somebody else has to close one first.
                        tokio::time::sleep(Duration::from_millis(50)).await;
                        continue;
                    }
                },
                () = &mut ended => break,
            };
            let Ok(permit) = Arc::clone(&connections).try_acquire_owned() else { continue };
            let door = Arc::clone(&self.door);
            tokio::spawn(async move {
                let _permit = permit;
                converse(door, stream).await;
            });
        }
        drop(self.listener);
        self.server.wind_up().await;
    }
}

/// One connection, request by request.
async fn converse(door: Arc<Door>, stream: TcpStream) {
    let service = service_fn(move |request| {
        let door = Arc::clone(&door);
        async move { Ok::<_, Infallible>(door.answer(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), service);
    // A client that breaks off is no failure of ours.
    let _ = connection.await;
}

impl Door {
    async fn answer(&self, request: Request<Incoming>) -> Answer {
        match self.admit(request).await {
            Ok(answer) | Err(answer) => answer,
        }
    }

    async fn admit(&self, request: Request<Incoming>) -> Result<Answer, Answer> {
        self.judge(request.headers()).map_err(|answer| *answer)?;
        if request.uri().path() != PATH {
            return Err(plain(StatusCode::NOT_FOUND, "the server is at /mcp"));
        }
        if request.method() != Method::POST {
            let mut answer = plain(StatusCode::METHOD_NOT_ALLOWED, "only POST: there are no sessions");
            answer.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
            return Err(answer);
        }
        let too_large = || plain(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large");
        let declared = request.headers().get(http::header::CONTENT_LENGTH);
        let declared = declared.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        if declared.is_some_and(|length| length > MAX_BODY as u64) {
            return Err(too_large());
        }
        let turn = tokio::time::timeout(MAX_WAIT, self.requests.acquire()).await;
        let Ok(Ok(_turn)) = turn else {
            let mut answer = plain(StatusCode::SERVICE_UNAVAILABLE, "too many requests at once");
            answer.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("5"));
            return Err(answer);
        };
        let (head, body) = request.into_parts();
        let body = tokio::time::timeout(MAX_READ, Limited::new(body, MAX_BODY).collect()).await;
        let body = match body {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
            Ok(Err(_)) => return Err(plain(StatusCode::BAD_REQUEST, "the body broke off")),
            Err(_) => return Err(plain(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
        };
        let request = Request::from_parts(head, Full::new(body));
        match self.service.clone().call(request).await {
            Ok(answer) => Ok(answer),
            Err(never) => match never {},
        }
    }

    /// Whether a request may come in at all, by its head.
    fn judge(&self, headers: &HeaderMap) -> Result<(), Box<Answer>> {
        let hosts: Vec<_> = headers.get_all(HOST).iter().collect();
        let known = |name: &str| self.hosts.iter().any(|host| host.eq_ignore_ascii_case(name));
        if !matches!(&hosts[..], [host] if host.to_str().is_ok_and(known)) {
            return Err(Box::new(plain(StatusCode::FORBIDDEN, "`Host` names another server")));
        }
        let is_mine = |origin: &HeaderValue| {
            let origin = origin.to_str().unwrap_or_default();
            origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).is_some_and(known)
        };
        if !headers.get_all(ORIGIN).iter().all(is_mine) {
            return Err(Box::new(plain(StatusCode::FORBIDDEN, "`Origin` names another site")));
        }
        let Some(token) = &self.token else { return Ok(()) };
        let shown = headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        // Digests are compared, so how long it takes tells nothing about the token.
        if shown.is_some_and(|shown| Digest::of(shown.trim().as_bytes()) == *token) {
            return Ok(());
        }
        let mut answer = plain(StatusCode::UNAUTHORIZED, "a token is needed: `Authorization: Bearer …`");
        answer.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        Err(Box::new(answer))
    }
}

fn plain(status: StatusCode, text: &'static str) -> Answer {
    let mut answer = Response::new(Full::new(Bytes::from_static(text.as_bytes())).boxed());
    *answer.status_mut() = status;
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_known_by_its_own_names_and_port() {
        let bound: SocketAddr = "127.0.0.1:7700".parse().unwrap();
        let names = names(bound, vec!["agents.example".to_owned()]);
        assert!(names.contains(&"localhost:7700".to_owned()) && names.contains(&"agents.example".to_owned()));
        assert!(!names.contains(&"localhost".to_owned()) && !names.contains(&"localhost:80".to_owned()));
    }
}
