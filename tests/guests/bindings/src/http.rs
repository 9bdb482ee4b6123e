//! One HTTP request over `wasi:http`, with nothing checked on the way.

use crate::wasi::http::outgoing_handler::handle;
use crate::wasi::http::types::{Fields, IncomingResponse, Method, OutgoingBody, OutgoingRequest, Scheme};
use crate::wasi::io::streams::StreamError;

/// A request as the attacker wants it.
#[derive(Default)]
pub struct Request {
    /// Such as `GET`.
    pub method: String,
    /// Scheme, authority and path with query, split by hand: nothing normalises them.
    pub url: String,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// Body, if any.
    pub body: Option<Vec<u8>>,
}

/// Status, headers and the start of the body of a response.
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Headers.
    pub headers: Vec<(String, String)>,
    /// At most `limit` bytes of the body.
    pub body: Vec<u8>,
}

/// Sends a request and reads at most `limit` bytes of the answer.
pub fn send(request: &Request, limit: usize) -> Result<Response, String> {
    let response = start(request)?;
    let headers = response
        .headers()
        .entries()
        .into_iter()
        .map(|(name, value)| (name, String::from_utf8_lossy(&value).into_owned()))
        .collect();
    let status = response.status();
    let incoming = response.consume().map_err(|()| "the body is taken")?;
    let stream = incoming.stream().map_err(|()| "the stream is taken")?;
    let mut body = Vec::new();
    while body.len() < limit {
        match stream.blocking_read(64 * 1024) {
            Ok(chunk) => body.extend_from_slice(&chunk),
            Err(StreamError::Closed) => break,
            Err(StreamError::LastOperationFailed(error)) => return Err(error.to_debug_string()),
        }
    }
    Ok(Response { status, headers, body })
}

/// Builds a request and never sends it.
pub fn build(request: &Request) -> Result<OutgoingRequest, String> {
    let headers = Fields::new();
    for (name, value) in &request.headers {
        headers.append(name, value.as_bytes()).map_err(|error| format!("header `{name}`: {error:?}"))?;
    }
    let outgoing = OutgoingRequest::new(headers);
    let (scheme, rest) = request.url.split_once("://").ok_or("no scheme")?;
    let scheme = match scheme {
        "http" => Scheme::Http,
        "https" => Scheme::Https,
        other => Scheme::Other(other.into()),
    };
    let at = rest.find('/').unwrap_or(rest.len());
    let method = match request.method.as_str() {
        "" | "GET" => Method::Get,
        "POST" => Method::Post,
        "PUT" => Method::Put,
        "DELETE" => Method::Delete,
        "CONNECT" => Method::Connect,
        other => Method::Other(other.into()),
    };
    outgoing.set_method(&method).map_err(|()| "method")?;
    outgoing.set_scheme(Some(&scheme)).map_err(|()| "scheme")?;
    outgoing.set_authority(Some(&rest[..at])).map_err(|()| "authority")?;
    outgoing.set_path_with_query(Some(&rest[at..])).map_err(|()| "path")?;
    Ok(outgoing)
}

fn start(request: &Request) -> Result<IncomingResponse, String> {
    let outgoing = build(request)?;
    let body = outgoing.body().map_err(|()| "the body is taken")?;
    let pending = handle(outgoing, None).map_err(|error| format!("{error:?}"))?;
    if let Some(bytes) = &request.body {
        let stream = body.write().map_err(|()| "the stream is taken")?;
        for chunk in bytes.chunks(4096) {
            stream.blocking_write_and_flush(chunk).map_err(|error| format!("{error:?}"))?;
        }
        drop(stream);
    }
    OutgoingBody::finish(body, None).map_err(|error| format!("{error:?}"))?;
    pending.subscribe().block();
    let answer = pending.get().ok_or("no answer")?.map_err(|()| "the answer is taken")?;
    answer.map_err(|error| format!("{error:?}"))
}
