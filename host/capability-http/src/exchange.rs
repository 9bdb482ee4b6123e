//! One exchange: the request goes out, the answer comes in, under caps of size and time.
//!
//! Threat: a server that answers slowly, endlessly, or with a length that is not true. The answer is never
//! decompressed (nothing that compresses was asked for) and a redirect is an answer like any other.

use std::error::Error as _;
use std::time::Duration;

use http::header::{CONNECTION, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper_util::client::legacy;
use tokio::time::timeout;

use crate::client::Pool;
use crate::connect::ConnectError;
use crate::denial::Refusal;
use crate::error::SendError;
use crate::limits::Limits;

/// Headers of an answer that say something about the connection, which ends at the host.
const HOP_BY_HOP: [HeaderName; 6] = [
    CONNECTION,
    TRANSFER_ENCODING,
    TRAILER,
    UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Why an exchange has no answer: an error, or a refusal that needs the request to be told.
pub(crate) enum Failed {
    Error(SendError),
    Refused(Refusal),
}

impl From<SendError> for Failed {
    fn from(error: SendError) -> Self {
        Self::Error(error)
    }
}

/// Sends a request and reads its answer.
pub(crate) async fn exchange(
    pool: &Pool,
    request: Request<Full<Bytes>>,
    host: &str,
    limits: &Limits,
) -> Result<Response<Bytes>, Failed> {
    let whole = async {
        let answer = timeout(limits.answer, pool.request(request));
        let response = match answer.await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => return Err(failed(error, host)),
            Err(_) => return Err(timed_out(host, "its answer", limits.answer).into()),
        };
        Ok(read(response, host, limits).await?)
    };
    match timeout(limits.total, whole).await {
        Ok(result) => result,
        Err(_) => Err(timed_out(host, "the end of its answer", limits.total).into()),
    }
}

async fn read(
    response: Response<Incoming>,
    host: &str,
    limits: &Limits,
) -> Result<Response<Bytes>, SendError> {
    let (mut parts, mut body) = response.into_parts();
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        let reason = "it switches to a protocol that nobody asked for".to_owned();
        return Err(SendError::Interrupted { host: host.to_owned(), reason });
    }
    let too_large = || SendError::TooLarge { host: host.to_owned(), limit: limits.response_body };
    let cap = u64::try_from(limits.response_body).unwrap_or(u64::MAX);
    if body.size_hint().lower() > cap {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    while let Some(frame) = timeout(limits.idle, body.frame())
        .await
        .map_err(|_| timed_out(host, "the next part of its answer", limits.idle))?
    {
        let frame =
            frame.map_err(|error| SendError::Interrupted { host: host.to_owned(), reason: chain(&error) })?;
        // Trailers are dropped: nobody declared them.
        let Ok(data) = frame.into_data() else { continue };
        if bytes.len() + data.len() > limits.response_body {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
    }
    for name in HOP_BY_HOP {
        parts.headers.remove(name);
    }
    Ok(Response::from_parts(parts, Bytes::from(bytes)))
}

fn timed_out(host: &str, awaited: &'static str, limit: Duration) -> SendError {
    SendError::Timeout { host: host.to_owned(), awaited, limit }
}

/// Tells what went wrong before the head of the answer was there.
fn failed(error: legacy::Error, host: &str) -> Failed {
    let host = host.to_owned();
    if let Some(connect) = cause::<ConnectError>(&error) {
        return match connect {
            ConnectError::Forbidden { .. } | ConnectError::Host { .. } => {
                Failed::Refused(Refusal::Address(connect.to_string()))
            }
            _ => Failed::Error(SendError::Unreachable { host, reason: connect.to_string() }),
        };
    }
    if error.is_connect() {
        return Failed::Error(SendError::Unreachable { host, reason: chain(&error) });
    }
    // Also a head that is too large ends here.
    Failed::Error(SendError::Interrupted { host, reason: chain(&error) })
}

/// The first cause of this type.
fn cause<T: std::error::Error + 'static>(error: &legacy::Error) -> Option<&T> {
    let mut next = error.source();
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

/// An error with its causes, on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text.push_str(": ");
        text.push_str(&error.to_string());
        next = error.source();
    }
    text
}
