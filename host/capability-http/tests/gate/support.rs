//! A gate to test, a server that does as it is told, and recorders for what the gate tells others.

use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http::{Request, Response};
use ss_authority::{Authority, Manifest};
use ss_capability_http::{Bytes, Client, Endpoints, Gate, GateConfig, Limits, Mode, Policy, SendError};
use ss_provider::{Cancel, Denial, Effect, EffectId, EffectOutcome, Effects, Progress, RequestRecord};
use ss_secret::{Scrubber, Seals};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// What the plugin of these tests was granted.
pub const GRANT: &str = r#"
name = "acme"
version = "1.0.0"
contract = "0.1.0"
description = "A provider that exists in tests only"

[[authority.http]]
origin = "https://api.acme.dev"
path = "/v1/"
methods = ["GET", "HEAD", "POST", "DELETE"]
sealed-body = ["config.env.*", "list.*.value"]

[[authority.http]]
origin = "https://api.acme.dev"
path = "/graphql"
methods = ["POST"]
reads = "graphql"

[[authority.http]]
origin = "https://api.acme.dev"
path = "/search"
methods = ["POST"]
reads = "post"

[[authority.http]]
origin = "https://api.acme.dev"
path = "/zones/*/records/"
methods = ["GET", "POST"]

[[authority.http]]
origin = "https://*.storage.acme.dev"
path = "/"
methods = ["GET", "PUT"]

[[authority.http]]
origin = "https://*.blob.*.acme.dev"
path = "/"
methods = ["GET"]

[[authority.http]]
origin = "https://other.acme.dev:8443"
path = "/"
methods = ["GET", "POST"]

[[authority.vault.read]]
key = "providers:acme/api_key"
origins = ["https://api.acme.dev"]
headers = ["authorization", "x-acme-key"]

[[authority.vault.read]]
key = "providers:acme/secret_key"
origins = ["https://api.acme.dev"]
body = ["secretapikey"]
"#;

pub fn grant() -> Authority {
    Manifest::parse(GRANT).expect("the grant is valid").authority
}

/// The parts of a gate, to be changed by a test before the gate is made.
pub struct World {
    pub config: GateConfig,
    pub journal: Arc<Journal>,
    pub screen: Arc<Screen>,
}

impl World {
    pub fn new() -> Self {
        let journal = Arc::new(Journal::default());
        let screen = Arc::new(Screen::default());
        let config = GateConfig {
            client: Client::new(),
            policy: Arc::new(Policy::compile("acme", &grant()).expect("the grant is valid")),
            mode: Mode::Full,
            endpoints: Arc::new(Endpoints::none()),
            seals: Arc::new(Seals::new()),
            effects: journal.clone(),
            progress: screen.clone(),
            scrubber: Arc::new(Scrubber::new()),
            limits: Limits::default(),
            cancel: Cancel::default(),
            deadline: None,
        };
        Self { config, journal, screen }
    }

    pub fn read_only() -> Self {
        let mut world = Self::new();
        world.config.mode = Mode::ReadOnly;
        world
    }

    /// Everything goes to this server.
    pub fn towards(server: &Server) -> Self {
        let mut world = Self::new();
        world.config.endpoints = Arc::new(Endpoints::parse(&server.url()).expect("a URL"));
        world
    }

    pub fn gate(&self) -> Gate {
        Gate::new(self.config.clone())
    }

    /// The denial of a request; panics if it is allowed.
    pub fn denial(&self, request: &Request<Bytes>) -> Denial {
        match self.gate().judge(request) {
            Err(denial) => denial,
            Ok(verdict) => panic!("allowed: {request:?} as {verdict:?}"),
        }
    }
}

pub fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Request<Bytes> {
    let mut builder = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    builder.body(Bytes::from(body.to_owned())).expect("a request that can be built")
}

pub fn get(path: &str) -> Request<Bytes> {
    request("GET", &format!("https://api.acme.dev{path}"), &[], "")
}

pub fn post(path: &str, body: &str) -> Request<Bytes> {
    request("POST", &format!("https://api.acme.dev{path}"), &[("content-type", "application/json")], body)
}

pub fn denied(result: Result<Response<Bytes>, SendError>) -> Denial {
    match result {
        Err(SendError::Denied(denial)) => denial,
        other => panic!("not denied: {other:?}"),
    }
}

/// A journal in memory.
#[derive(Default)]
pub struct Journal {
    pub events: Mutex<Vec<String>>,
    pub broken: Mutex<bool>,
}

impl Journal {
    pub fn events(&self) -> Vec<String> {
        self.events.lock().expect("not poisoned").clone()
    }

    fn push(&self, event: String) -> u64 {
        let mut events = self.events.lock().expect("not poisoned");
        events.push(event);
        events.len() as u64
    }
}

fn shown(request: &RequestRecord) -> String {
    format!("{} {}{}", request.method, request.host, request.path)
}

fn ended(outcome: &EffectOutcome) -> String {
    let error = outcome.error.as_deref().unwrap_or_default();
    let status = outcome.status.map(|status| status.to_string()).unwrap_or_default();
    let id = outcome.request_id.as_deref().unwrap_or_default();
    [status.as_str(), id, error].iter().filter(|part| !part.is_empty()).copied().collect::<Vec<_>>().join(" ")
}

impl Effects for Journal {
    fn begin(&self, effect: &Effect) -> io::Result<EffectId> {
        if *self.broken.lock().expect("not poisoned") {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        let Effect::Request(request) = effect else { panic!("not a request") };
        Ok(self.push(format!(
            "begin {} {}",
            shown(request),
            &request.body_digest.get(..8).unwrap_or_default()
        )))
    }

    fn end(&self, id: EffectId, outcome: &EffectOutcome) {
        self.push(format!("end {id} {}", ended(outcome)));
    }

    fn observe(&self, request: &RequestRecord, outcome: &EffectOutcome) {
        self.push(format!("observe {} {}", shown(request), ended(outcome)));
    }

    fn save_partial(&self, _: &str) -> io::Result<()> {
        Ok(())
    }
}

/// A screen in memory.
#[derive(Default)]
pub struct Screen(pub Mutex<Vec<String>>);

impl Progress for Screen {
    fn step(&self, _: &str) {}

    fn waiting(&self, message: &str) {
        self.0.lock().expect("not poisoned").push(message.to_owned());
    }

    fn log(&self, _: &str, _: &str) {}
}

/// What a server does with a request.
#[derive(Clone)]
pub enum Reply {
    /// Sends this.
    Text(String),
    /// Sends this, and then this for ever, with pauses between.
    Forever(String, String, Duration),
    /// Says nothing.
    Silence,
    /// Hangs up.
    HangUp,
}

/// An answer with a body and its length.
pub fn answer(status: u16, headers: &str, body: &str) -> Reply {
    Reply::Text(format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len()))
}

/// A server on this machine that does as it is told.
pub struct Server {
    port: u16,
    seen: Arc<Mutex<Vec<String>>>,
    accepting: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Answers the n-th request (from 0) with what `reply` says.
    pub async fn start(reply: impl Fn(usize, &str) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("bound").port();
        let seen = Arc::new(Mutex::new(Vec::new()));
        let accepting = tokio::spawn(accept(listener, seen.clone(), Arc::new(reply)));
        Self { port, seen, accepting }
    }

    /// Answers every request with this.
    pub async fn always(reply: Reply) -> Self {
        Self::start(move |_, _| reply.clone()).await
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Every request as it came in.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("not poisoned").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

type Replying = Arc<dyn Fn(usize, &str) -> Reply + Send + Sync>;

async fn accept(listener: TcpListener, seen: Arc<Mutex<Vec<String>>>, reply: Replying) {
    while let Ok((stream, _)) = listener.accept().await {
        tokio::spawn(serve(stream, seen.clone(), reply.clone()));
    }
}

async fn serve(mut stream: TcpStream, seen: Arc<Mutex<Vec<String>>>, reply: Replying) -> Option<()> {
    loop {
        let request = read_request(&mut stream).await?;
        let index = {
            let mut seen = seen.lock().expect("not poisoned");
            seen.push(request.clone());
            seen.len() - 1
        };
        match reply(index, &request) {
            Reply::Text(text) => stream.write_all(text.as_bytes()).await.ok()?,
            Reply::Forever(head, piece, pause) => {
                stream.write_all(head.as_bytes()).await.ok()?;
                loop {
                    stream.write_all(piece.as_bytes()).await.ok()?;
                    tokio::time::sleep(pause).await;
                }
            }
            Reply::Silence => std::future::pending().await,
            Reply::HangUp => return None,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "))
                .map_or(0, |length| length.parse().expect("a number"));
            if body.len() >= length {
                return Some(text);
            }
        }
        let mut buffer = [0; 4096];
        let read = stream.read(&mut buffer).await.ok()?;
        if read == 0 {
            return None;
        }
        bytes.extend_from_slice(&buffer[..read]);
    }
}

/// Fails a test that would hang.
pub async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("the gate ends by itself")
}
