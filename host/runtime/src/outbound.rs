//! `wasi:http/outgoing-handler`, led through the HTTP gate.
//!
//! wasmtime-wasi-http is built without a send path of its own, so this hook is the only way out. It
//! collects the request's body, hands the whole to the gate, and hands the gate's answer back. Threats: a
//! body without end, many requests at once, answers that pile up unread, a body that the guest gave up
//! halfway and that must not be sent.
//!
//! Here does not belong: which requests may leave. That is the gate's.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use http_body_util::BodyExt as _;
use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::Semaphore;
use wasmtime_wasi_http::{Error, ForbiddenHeaderFilter, RequestOptions, WasiBody, WasiHttpHooks};

use crate::gates::Gates;
use crate::limits::Limits;

/// Bytes of a request's body that one write may carry; two such writes are held per request.
const BODY_CHUNK: usize = 64 << 10;

type Io = Box<dyn Future<Output = Result<(), Error>> + Send>;
type Sending = Box<dyn Future<Output = Result<(http::Response<WasiBody>, Io), Error>> + Send>;

/// The way out of one operation.
pub(crate) struct Outbound {
    gates: Option<Arc<Gates>>,
    slots: Arc<Semaphore>,
    max_request: usize,
    unread: Unread,
}

impl Outbound {
    pub(crate) fn new(limits: &Limits, gates: Option<Arc<Gates>>) -> Self {
        Self {
            gates,
            slots: Arc::new(Semaphore::new(limits.requests_at_once)),
            max_request: limits.request_bytes,
            unread: Unread { bytes: Arc::default(), limit: limits.unread_response_bytes },
        }
    }
}

impl WasiHttpHooks for Outbound {
    /// Hop-by-hop headers belong to the connection, which is the gate's. `Host` and `Authorization` pass:
    /// the gate judges them, and says so when it refuses.
    fn forbidden_header_filter(&mut self) -> ForbiddenHeaderFilter {
        Arc::new(|name| {
            *name != http::header::HOST && wasmtime_wasi_http::DEFAULT_FORBIDDEN_HEADERS.contains(name)
        })
    }

    /// The gate sets it, once it has compared the guest's own with the authority.
    fn set_host_header(&mut self) -> bool {
        false
    }

    fn p2_outgoing_body_chunk_size(&mut self) -> usize {
        BODY_CHUNK
    }

    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Sending {
        let (slots, unread, max) = (self.slots.clone(), self.unread.clone(), self.max_request);
        let gates = self.gates.clone();
        Box::new(async move {
            let gates = gates.ok_or(Error::HttpRequestDenied)?;
            let _slot = slots.acquire_owned().await.map_err(|_| Error::HttpRequestDenied)?;
            let (parts, body) = request.into_parts();
            let body = collect(body, max).await?;
            let response = gates.send(http::Request::from_parts(parts, body)).await?;
            let (parts, body) = response.into_parts();
            let body = unread.hold(body)?.map_err(|never| match never {}).boxed_unsync();
            Ok((http::Response::from_parts(parts, body), Box::new(std::future::ready(Ok(()))) as Io))
        })
    }
}

/// The whole body; an error if it is too large or the guest gave it up.
async fn collect(mut body: WasiBody, max: usize) -> Result<Bytes, Error> {
    let mut whole = Vec::new();
    while let Some(frame) = body.frame().await {
        // Trailers have no place in a request that is judged as a whole.
        if let Ok(data) = frame?.into_data() {
            if whole.len() + data.len() > max {
                return Err(Error::HttpRequestBodySize(Some(max as u64)));
            }
            whole.extend_from_slice(&data);
        }
    }
    Ok(whole.into())
}

/// Counts bytes of responses that the guest has not read yet.
#[derive(Clone)]
struct Unread {
    bytes: Arc<AtomicUsize>,
    limit: usize,
}

impl Unread {
    fn hold(&self, bytes: Bytes) -> Result<Held, Error> {
        let size = bytes.len();
        let held = Held { unread: self.bytes.clone(), size, bytes: Some(bytes) };
        if self.bytes.fetch_add(size, Ordering::Relaxed) + size > self.limit {
            return Err(Error::HttpResponseBodySize(Some(size as u64)));
        }
        Ok(held)
    }
}

/// A response's body; counted until it is read or dropped.
struct Held {
    unread: Arc<AtomicUsize>,
    size: usize,
    bytes: Option<Bytes>,
}

impl Body for Held {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(self.bytes.take().filter(|bytes| !bytes.is_empty()).map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.as_ref().is_none_or(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, Bytes::len) as u64)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.unread.fetch_sub(self.size, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::Full;

    fn body(bytes: &'static [u8]) -> WasiBody {
        Full::new(Bytes::from_static(bytes)).map_err(|never| match never {}).boxed_unsync()
    }

    #[tokio::test]
    async fn a_body_is_collected_up_to_its_limit() {
        assert_eq!(collect(body(b"12345"), 5).await.unwrap(), "12345");
        assert!(matches!(collect(body(b"123456"), 5).await, Err(Error::HttpRequestBodySize(Some(5)))));
    }

    #[test]
    fn unread_answers_are_limited_and_come_free_again() {
        let unread = Unread { bytes: Arc::default(), limit: 10 };
        let first = unread.hold(Bytes::from_static(b"123456")).unwrap();
        assert!(unread.hold(Bytes::from_static(b"123456")).is_err());
        drop(first);
        assert!(unread.hold(Bytes::from_static(b"123456")).is_ok());
        assert_eq!(unread.bytes.load(Ordering::Relaxed), 0);
    }
}
