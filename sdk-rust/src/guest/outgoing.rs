//! One exchange over `wasi:http`.

use super::bindings::wasi::http::outgoing_handler;
use super::bindings::wasi::http::types::{
    ErrorCode, Fields, FutureIncomingResponse, IncomingBody, IncomingResponse, Method as WasiMethod,
    OutgoingBody, OutgoingRequest, Scheme,
};
use super::bindings::wasi::io::streams::StreamError;
use crate::http::{Method, Request, Response, TransportError};

/// The most that `blocking-write-and-flush` takes at once.
const CHUNK: usize = 4096;

/// The most of an answer that is read; the host has a limit of its own.
const LONGEST_BODY: usize = 8 * 1024 * 1024;

pub(super) fn send(request: &Request) -> Result<Response, TransportError> {
    let outgoing = prepare(request).ok_or_else(|| {
        TransportError::NotSent(format!("`{}` is not a request that can be sent", request.url))
    })?;
    let body = outgoing.body().map_err(|()| TransportError::NotSent("the request has no body".into()))?;
    let future = outgoing_handler::handle(outgoing, None).map_err(before)?;
    write(body, request.body.as_deref().unwrap_or_default())?;
    let response = receive(&future)?;
    let headers = response.headers().entries().into_iter();
    Ok(Response {
        status: response.status(),
        headers: headers
            .map(|(name, value)| (name.to_ascii_lowercase(), String::from_utf8_lossy(&value).into_owned()))
            .collect(),
        body: read(&response)?,
    })
}

fn prepare(request: &Request) -> Option<OutgoingRequest> {
    let (scheme, rest) = request.url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let headers: Vec<(String, Vec<u8>)> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_bytes())).collect();
    let outgoing = OutgoingRequest::new(Fields::from_list(&headers).ok()?);
    outgoing.set_method(&method(request.method)).ok()?;
    let scheme = match scheme {
        "https" => Scheme::Https,
        "http" => Scheme::Http,
        _ => return None,
    };
    outgoing.set_scheme(Some(&scheme)).ok()?;
    outgoing.set_authority(Some(authority)).ok()?;
    outgoing.set_path_with_query(Some(if path.is_empty() { "/" } else { path })).ok()?;
    Some(outgoing)
}

fn method(method: Method) -> WasiMethod {
    match method {
        Method::Get => WasiMethod::Get,
        Method::Head => WasiMethod::Head,
        Method::Post => WasiMethod::Post,
        Method::Put => WasiMethod::Put,
        Method::Patch => WasiMethod::Patch,
        Method::Delete => WasiMethod::Delete,
    }
}

fn write(body: OutgoingBody, bytes: &[u8]) -> Result<(), TransportError> {
    if !bytes.is_empty() {
        let stream = body.write().map_err(|()| lost("the request could not be written"))?;
        for chunk in bytes.chunks(CHUNK) {
            stream.blocking_write_and_flush(chunk).map_err(|_| lost("the request could not be written"))?;
        }
    }
    OutgoingBody::finish(body, None).map_err(after)
}

fn receive(future: &FutureIncomingResponse) -> Result<IncomingResponse, TransportError> {
    loop {
        match future.get() {
            Some(Ok(result)) => return result.map_err(after),
            Some(Err(())) => return Err(lost("the answer was taken already")),
            None => future.subscribe().block(),
        }
    }
}

fn read(response: &IncomingResponse) -> Result<Vec<u8>, TransportError> {
    let body: IncomingBody = response.consume().map_err(|()| lost("the answer has no body"))?;
    let stream = body.stream().map_err(|()| lost("the answer has no body"))?;
    let mut bytes = Vec::new();
    loop {
        match stream.blocking_read(64 * 1024) {
            Ok(chunk) => bytes.extend_from_slice(&chunk),
            Err(StreamError::Closed) => return Ok(bytes),
            Err(StreamError::LastOperationFailed(_)) => return Err(lost("the answer broke off")),
        }
        if bytes.len() > LONGEST_BODY {
            return Err(lost("the answer is too long"));
        }
    }
}

fn lost(why: &str) -> TransportError {
    TransportError::Lost(why.into())
}

/// An error before anything was sent.
fn before(error: ErrorCode) -> TransportError {
    if is_denial(&error) { denied() } else { TransportError::NotSent(sentence(error)) }
}

/// An error of the exchange: only some of them say that nothing was sent.
fn after(error: ErrorCode) -> TransportError {
    if is_denial(&error) {
        denied()
    } else if is_before_sending(&error) {
        TransportError::NotSent(sentence(error))
    } else {
        TransportError::Lost(sentence(error))
    }
}

fn is_denial(error: &ErrorCode) -> bool {
    matches!(error, ErrorCode::HttpRequestDenied | ErrorCode::DestinationIpProhibited)
}

fn is_before_sending(error: &ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::DnsTimeout
            | ErrorCode::DnsError(_)
            | ErrorCode::DestinationNotFound
            | ErrorCode::DestinationUnavailable
            | ErrorCode::DestinationIpUnroutable
            | ErrorCode::ConnectionRefused
            | ErrorCode::ConnectionTimeout
            | ErrorCode::ConnectionLimitReached
            | ErrorCode::TlsProtocolError
            | ErrorCode::TlsCertificateError
            | ErrorCode::TlsAlertReceived(_)
            | ErrorCode::HttpRequestBodySize(_)
            | ErrorCode::ConfigurationError
    )
}

fn denied() -> TransportError {
    TransportError::Denied("the plugin's authority does not cover it".into())
}

/// What happened, for a person.
fn sentence(error: ErrorCode) -> String {
    match error {
        ErrorCode::InternalError(Some(why)) => return why,
        ErrorCode::DnsTimeout | ErrorCode::DnsError(_) | ErrorCode::DestinationNotFound => {
            "its name could not be resolved"
        }
        ErrorCode::DestinationUnavailable | ErrorCode::DestinationIpUnroutable => "it is not reachable",
        ErrorCode::ConnectionRefused => "the connection was refused",
        ErrorCode::ConnectionTimeout => "the connection timed out",
        ErrorCode::ConnectionTerminated | ErrorCode::HttpResponseIncomplete => "the connection broke off",
        ErrorCode::ConnectionReadTimeout | ErrorCode::HttpResponseTimeout => "no answer came in time",
        ErrorCode::TlsProtocolError | ErrorCode::TlsAlertReceived(_) => "TLS failed",
        ErrorCode::TlsCertificateError => "its certificate is not valid",
        ErrorCode::HttpRequestBodySize(_) => "the request is too large",
        ErrorCode::HttpResponseBodySize(_) => "the answer is too large",
        _ => "the exchange failed",
    }
    .into()
}
