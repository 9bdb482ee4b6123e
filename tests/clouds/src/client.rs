//! A small HTTP client for the stand-ins' own tests and for scripts that play another person.

use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// Speaks to one stand-in, a connection per request.
#[derive(Debug, Clone)]
pub struct Client {
    address: SocketAddr,
    host: String,
    headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Lower-case names.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub text: String,
}

impl Response {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        let headers = vec![("authorization".to_owned(), "Bearer any-key".to_owned())];
        Self { address, host: address.to_string(), headers }
    }

    /// The same with another `Host`.
    #[must_use]
    pub fn host(mut self, host: &str) -> Self {
        host.clone_into(&mut self.host);
        self
    }

    /// The same with a header set, which replaces one of that name.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(key, _)| key != name);
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// `GET`.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub fn get(&self, path: &str) -> io::Result<Response> {
        self.send("GET", path, None)
    }

    /// `POST` with a JSON body.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub fn post(&self, path: &str, body: &Value) -> io::Result<Response> {
        self.send("POST", path, Some(body))
    }

    /// Any request.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Response> {
        self.exchange(self.request(method, path, body))
    }

    fn exchange(&self, request: String) -> io::Result<Response> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(90)))?;
        stream.write_all(request.as_bytes())?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        parse(&bytes).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Any request with a body as it is, such as XML.
    ///
    /// # Errors
    /// If no whole answer comes.
    pub fn send_text(&self, method: &str, path: &str, body: &str) -> io::Result<Response> {
        let head = self.head(method, path);
        self.exchange(format!("{head}content-length: {}\r\n\r\n{body}", body.len()))
    }

    fn head(&self, method: &str, path: &str) -> String {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n", self.host);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head
    }

    fn request(&self, method: &str, path: &str, body: Option<&Value>) -> String {
        let mut request = self.head(method, path);
        match body {
            None => request.push_str("\r\n"),
            Some(body) => {
                let body = body.to_string();
                let head =
                    format!("content-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
                request.push_str(&head);
                request.push_str(&body);
            }
        }
        request
    }
}

fn parse(bytes: &[u8]) -> Option<Response> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.lines();
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let response = Response { status, headers, text: body.to_owned() };
    let length = response.header("content-length").and_then(|length| length.parse().ok()).unwrap_or(0);
    (response.text.len() >= length).then_some(response)
}
