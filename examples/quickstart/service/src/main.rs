//! A tiny HTTP service for the quickstart: `quickstart-service <store|api|web> --port=<n>`.
//!
//! `store` counts. `api` asks the store, whose address it finds in `STORE_URL`. `web` shows what the api
//! says, whose address it finds in `API_URL`. Each is healthy only if the next one answers, so that a
//! healthy quickstart proves the injected values. Only the standard library, only the loopback interface.

use std::env;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

/// The longest request head that is read, and the largest answer of another service.
const LIMIT: u64 = 4096;
/// How long a peer may take.
const PATIENCE: Duration = Duration::from_secs(2);

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// What a service does.
enum Role {
    /// Counts the questions.
    Store { asked: AtomicU64 },
    /// Speaks for the store at this address.
    Api { store: String },
    /// Shows what the api at this address says.
    Web { api: String },
}

impl Role {
    fn named(name: &str) -> Fallible<Self> {
        Ok(match name {
            "store" => Self::Store { asked: AtomicU64::new(0) },
            "api" => Self::Api { store: injected("STORE_URL")? },
            "web" => Self::Web { api: injected("API_URL")? },
            other => return Err(format!("`{other}` is none of: store, api, web").into()),
        })
    }

    /// The body for a path; none if there is nothing.
    fn answer(&self, path: &str) -> Fallible<Option<String>> {
        Ok(match (self, path) {
            (Self::Store { .. }, "/health") => Some("ok".to_owned()),
            (Self::Store { asked }, "/count") => {
                Some((asked.fetch_add(1, Ordering::Relaxed) + 1).to_string())
            }
            (Self::Api { store }, "/health") => Some(get(store, "/health")?),
            (Self::Api { store }, "/hello") => Some(format!("hello number {}", get(store, "/count")?)),
            (Self::Web { api }, "/health") => Some(get(api, "/health")?),
            (Self::Web { api }, "/") => Some(format!("web → api → store: {}\n", get(api, "/hello")?)),
            _ => None,
        })
    }
}

/// A value that `inject_from` put into the environment.
fn injected(name: &str) -> Fallible<String> {
    env::var(name).map_err(|_| format!("{name} is not set: `inject_from` gives it").into())
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The output of a process is its log, which `ss` quotes when a service does not come up.
            let _ = writeln!(std::io::stderr(), "quickstart-service: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Fallible<()> {
    let mut arguments = env::args().skip(1);
    let name = arguments.next().ok_or("usage: quickstart-service <store|api|web> --port=<n>")?;
    let port = arguments.next().and_then(|port| port.strip_prefix("--port=")?.parse().ok());
    let role = Arc::new(Role::named(&name)?);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port.ok_or("`--port=<n>` is missing")?))?;
    writeln!(std::io::stdout(), "{name} listens on {}", listener.local_addr()?)?;
    for stream in listener.incoming() {
        let role = Arc::clone(&role);
        // A client that breaks off is no reason to end.
        thread::spawn(move || stream.map_err(Into::into).and_then(|stream| serve(stream, &role)));
    }
    Ok(())
}

fn serve(mut stream: TcpStream, role: &Role) -> Fallible<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    // The whole head, since closing a connection with unread bytes would reset it.
    let head: Vec<String> = BufReader::new(&stream)
        .take(LIMIT)
        .lines()
        .take_while(|line| line.as_ref().is_ok_and(|line| !line.is_empty()))
        .collect::<Result<_, _>>()?;
    let path = head.first().and_then(|line| line.split(' ').nth(1)).unwrap_or_default();
    let (status, body) = match role.answer(path) {
        Ok(Some(body)) => ("200 OK", body),
        Ok(None) => ("404 Not Found", "not found".to_owned()),
        Err(error) => ("503 Service Unavailable", error.to_string()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all((head + &body).as_bytes())?;
    Ok(())
}

/// Asks another service. `url` is `http://host:port`.
fn get(url: &str, path: &str) -> Fallible<String> {
    let authority = url.strip_prefix("http://").ok_or("the address does not start with http://")?;
    let mut stream = TcpStream::connect(authority)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(LIMIT).read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => Err(format!("{url}{path} did not answer with 200").into()),
    }
}
