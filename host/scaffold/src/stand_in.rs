//! A pretend API for a plugin that has none yet: collections of JSON objects, in memory.
//!
//! | request | answer |
//! |---|---|
//! | `GET /v1/widgets?name=a` | `{"widgets": [...]}`, those whose members have these values |
//! | `POST /v1/widgets` with an object | 201 and the object with an `id` |
//! | `GET`, `PATCH`, `PUT`, `DELETE /v1/widgets/<id>` | the object, or 404 |
//! | `GET /` | 200: it is up |
//!
//! Any name will do for a collection. It listens on loopback only, speaks HTTP/1.1 with one request per
//! connection, and keeps nothing when it ends. Threat: any program of this machine may connect, so sizes,
//! counts and times are capped.

use std::collections::BTreeMap;
use std::io::{self, BufRead as _, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Map, Value, json};

/// Longest line and largest number of lines of a request's head.
const MAX_LINE: u64 = 8 * 1024;
const MAX_LINES: usize = 100;
/// Largest body.
const MAX_BODY: usize = 1024 * 1024;
/// Most objects of a collection, and most collections.
const MAX_OBJECTS: usize = 10_000;
const MAX_COLLECTIONS: usize = 100;
/// How long a peer may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// A pretend API, listening.
#[derive(Debug)]
pub struct StandIn {
    listener: TcpListener,
    store: Arc<Mutex<Store>>,
}

impl StandIn {
    /// Listens on a loopback port; 0 takes a free one.
    ///
    /// # Errors
    /// If the port is taken.
    pub fn bind(port: u16) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        Ok(Self { listener, store: Arc::default() })
    }

    /// Where it listens, such as `http://127.0.0.1:42017`.
    ///
    /// # Errors
    /// If the system does not say.
    pub fn url(&self) -> io::Result<String> {
        Ok(format!("http://{}", self.listener.local_addr()?))
    }

    /// Answers requests until the process ends, telling `watch` each with its status.
    ///
    /// # Errors
    /// If no connection can be accepted any more.
    pub fn serve(&self, watch: impl Fn(&str) + Send + Sync + 'static) -> io::Result<()> {
        let watch = Arc::new(watch);
        loop {
            let (stream, _) = self.listener.accept()?;
            let (store, watch) = (Arc::clone(&self.store), Arc::clone(&watch));
            let spawned = std::thread::Builder::new().name("stand-in".to_owned()).spawn(move || {
                if let Ok(line) = converse(stream, &store) {
                    watch(&line);
                }
            });
            drop(spawned);
        }
    }
}

/// Reads one request and answers it; what was asked and answered, in one line.
fn converse(stream: TcpStream, store: &Mutex<Store>) -> io::Result<String> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut reader = BufReader::new(&stream);
    let answered = Request::read(&mut reader);
    let (line, status, body) = match answered {
        Ok(request) => {
            let (status, body) = store.lock().unwrap_or_else(PoisonError::into_inner).answer(&request);
            (format!("{} {}", request.method, request.target), status, body)
        }
        Err(reason) => ("a malformed request".to_owned(), 400, json!({ "message": reason })),
    };
    let text = if status == 204 { String::new() } else { body.to_string() };
    write!(
        &stream,
        "HTTP/1.1 {status} {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{text}",
        phrase(status),
        text.len()
    )?;
    Ok(format!("{line} → {status}"))
}

fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        400 => "Bad Request",
        404 => "Not Found",
        405 => "Method Not Allowed",
        _ => "Insufficient Storage",
    }
}

/// A request as far as it matters.
#[derive(Debug)]
struct Request {
    method: String,
    target: String,
    body: Option<Map<String, Value>>,
}

impl Request {
    fn read(reader: &mut impl io::BufRead) -> Result<Self, &'static str> {
        let first = line(reader)?;
        let mut words = first.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err("the request line is not one of HTTP");
        };
        let length = body_length(reader)?;
        let mut body = vec![0; length];
        reader.read_exact(&mut body).map_err(|_| "the body is cut short")?;
        let body = if body.is_empty() {
            None
        } else {
            match serde_json::from_slice(&body) {
                Ok(Value::Object(object)) => Some(object),
                _ => return Err("the body is no JSON object"),
            }
        };
        Ok(Self { method: method.to_owned(), target: target.to_owned(), body })
    }

    /// The collection and the id that the path names.
    fn place(&self) -> Option<(&str, Option<String>)> {
        let path = self.target.split('?').next()?.strip_prefix("/v1/")?;
        match path.split_once('/') {
            None if !path.is_empty() => Some((path, None)),
            Some((collection, id)) if !collection.is_empty() && !id.is_empty() && !id.contains('/') => {
                Some((collection, Some(decode(id))))
            }
            _ => None,
        }
    }

    /// The members that a list is asked for.
    fn query(&self) -> Vec<(String, String)> {
        let query = self.target.split_once('?').map_or("", |(_, query)| query);
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .map(|(a, b)| (decode(a), decode(b)))
            .collect()
    }
}

/// Reads the header fields; how long the body is.
fn body_length(reader: &mut impl io::BufRead) -> Result<usize, &'static str> {
    let mut length = 0;
    for _ in 0..MAX_LINES {
        let field = line(reader)?;
        if field.is_empty() {
            return Ok(length);
        }
        let Some((name, value)) = field.split_once(':') else { return Err("a header field has no colon") };
        if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err("a body needs a length");
        }
        if name.eq_ignore_ascii_case("content-length") {
            length = value
                .trim()
                .parse()
                .ok()
                .filter(|length| *length <= MAX_BODY)
                .ok_or("the body is too long")?;
        }
    }
    Err("there are too many header fields")
}

fn line(reader: &mut impl io::BufRead) -> Result<String, &'static str> {
    let mut text = String::new();
    reader.by_ref().take(MAX_LINE).read_line(&mut text).map_err(|_| "the request cannot be read")?;
    let text = text.strip_suffix('\n').ok_or("a line is too long or cut short")?;
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}

/// Decodes percent escapes; a malformed one stays.
fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut decoded, mut at) = (Vec::with_capacity(bytes.len()), 0);
    while at < bytes.len() {
        let escape = text.get(at + 1..at + 3).filter(|_| bytes[at] == b'%');
        let byte = escape.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        decoded.push(byte.unwrap_or(bytes[at]));
        at += if byte.is_some() { 3 } else { 1 };
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// The collections and what is in them, by id.
#[derive(Debug, Default)]
struct Store {
    collections: BTreeMap<String, BTreeMap<String, Map<String, Value>>>,
    made: u64,
}

impl Store {
    fn answer(&mut self, request: &Request) -> (u16, Value) {
        if request.target == "/" {
            return (200, json!({ "pretends": "an API" }));
        }
        let Some((collection, id)) = request.place() else { return missing() };
        match (request.method.as_str(), id) {
            ("GET", None) => (200, self.list(collection, &request.query())),
            ("POST", None) => self.create(collection, request.body.clone().unwrap_or_default()),
            ("GET" | "PATCH" | "PUT" | "DELETE", Some(id)) => self.one(collection, &id, request),
            _ => (405, json!({ "message": "no such method here" })),
        }
    }

    fn list(&self, collection: &str, query: &[(String, String)]) -> Value {
        let fits = |object: &&Map<String, Value>| {
            query.iter().all(|(name, wanted)| match object.get(name) {
                Some(Value::String(text)) => text == wanted,
                Some(other) => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *other),
                None => false,
            })
        };
        let objects = self.collections.get(collection).into_iter().flat_map(BTreeMap::values);
        let found: Vec<_> = objects.filter(fits).collect();
        json!({ collection: found })
    }

    fn create(&mut self, collection: &str, mut object: Map<String, Value>) -> (u16, Value) {
        let known = self.collections.get(collection).map_or(0, BTreeMap::len);
        if known >= MAX_OBJECTS || (known == 0 && self.collections.len() >= MAX_COLLECTIONS) {
            return (507, json!({ "message": "it pretends to be no larger" }));
        }
        self.made += 1;
        let id = format!("{}-{}", collection.chars().next().unwrap_or('x'), self.made);
        object.insert("id".to_owned(), id.clone().into());
        self.collections.entry(collection.to_owned()).or_default().insert(id, object.clone());
        (201, object.into())
    }

    fn one(&mut self, collection: &str, id: &str, request: &Request) -> (u16, Value) {
        let Some(objects) = self.collections.get_mut(collection) else { return missing() };
        if request.method == "DELETE" {
            return if objects.remove(id).is_some() { (204, Value::Null) } else { missing() };
        }
        let Some(object) = objects.get_mut(id) else { return missing() };
        let body = request.body.clone().unwrap_or_default();
        match request.method.as_str() {
            "PUT" => *object = body,
            "PATCH" => object.extend(body),
            _ => {}
        }
        object.insert("id".to_owned(), id.into());
        (200, object.clone().into())
    }
}

fn missing() -> (u16, Value) {
    (404, json!({ "message": "there is nothing here" }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(store: &mut Store, method: &str, target: &str, body: Value) -> (u16, Value) {
        let body = body.as_object().cloned();
        store.answer(&Request { method: method.to_owned(), target: target.to_owned(), body })
    }

    #[test]
    fn an_object_lives_from_its_creation_to_its_removal() {
        let mut store = Store::default();
        let (status, made) = ask(&mut store, "POST", "/v1/widgets", json!({"name": "a b", "size": 1}));
        assert_eq!((status, &made["id"]), (201, &json!("w-1")));
        let (_, listed) = ask(&mut store, "GET", "/v1/widgets?name=a%20b&size=1", Value::Null);
        assert_eq!(listed["widgets"], json!([made]));
        assert_eq!(ask(&mut store, "GET", "/v1/widgets?name=other", Value::Null).1["widgets"], json!([]));
        let (status, changed) = ask(&mut store, "PATCH", "/v1/widgets/w-1", json!({"size": 2, "id": "mine"}));
        assert_eq!((status, &changed["size"], &changed["id"]), (200, &json!(2), &json!("w-1")));
        assert_eq!(ask(&mut store, "DELETE", "/v1/widgets/w-1", Value::Null).0, 204);
        assert_eq!(ask(&mut store, "DELETE", "/v1/widgets/w-1", Value::Null).0, 404);
    }

    #[test]
    fn what_is_no_place_is_missing() {
        let mut store = Store::default();
        for target in ["/v1/", "/v2/widgets", "/v1/a/b/c", "/v1/a/", "*", ""] {
            assert_eq!(ask(&mut store, "GET", target, Value::Null).0, 404, "{target}");
        }
        assert_eq!(ask(&mut store, "DELETE", "/v1/widgets", Value::Null).0, 405);
    }

    #[test]
    fn malformed_requests_are_refused() {
        for text in [
            "",
            "GET\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "POST /v1/a HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n",
            "POST /v1/a HTTP/1.1\r\ncontent-length: 5\r\n\r\n{}",
            "POST /v1/a HTTP/1.1\r\ncontent-length: 2\r\n\r\n[]",
            "POST /v1/a HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n",
        ] {
            assert!(Request::read(&mut text.as_bytes()).is_err(), "{text:?}");
        }
        let endless = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(100_000));
        assert!(Request::read(&mut endless.as_bytes()).is_err());
    }

    #[test]
    fn it_answers_over_a_socket() {
        let stand_in = StandIn::bind(0).unwrap();
        let url = stand_in.url().unwrap();
        std::thread::spawn(move || stand_in.serve(|_| {}));
        let mut stream = TcpStream::connect(url.strip_prefix("http://").unwrap()).unwrap();
        stream.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    }
}
