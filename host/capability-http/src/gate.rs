//! The gate of one operation.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use http::header::{ACCEPT_ENCODING, HOST, USER_AGENT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri};
use http_body_util::Full;
use hyper::body::Bytes;
use ss_provider::{Cancel, Denial, Effects, Progress};
use ss_secret::{Scrubber, Seals};
use tokio::time::{sleep, timeout_at};

use crate::client::Client;
use crate::connect::Reach;
use crate::denial::Refusal;
use crate::endpoint::Endpoints;
use crate::error::SendError;
use crate::exchange::{Failed, exchange};
use crate::journal::{InFlight, record};
use crate::judge::{self, HOST_HEADERS, Safety, Verdict};
use crate::limits::Limits;
use crate::policy::Policy;
use crate::retry::{Retries, Wait};
use crate::seal;

/// What requests go as, unless the plugin says.
const DEFAULT_USER_AGENT: &str = concat!("starsystem/", env!("CARGO_PKG_VERSION"));

/// Whether an operation may change anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// `plan`, `status`, `observe`, `find`: safe requests only.
    ReadOnly,
    /// `provision`, `destroy`.
    Full,
}

/// Everything that a gate needs. All parts are shared, so that a gate costs next to nothing to make.
#[derive(Clone)]
pub struct GateConfig {
    /// The connections of this process.
    pub client: Client,
    /// What the plugin was granted.
    pub policy: Arc<Policy>,
    /// Whether the operation may change anything.
    pub mode: Mode,
    /// Where the operator lets its requests really go.
    pub endpoints: Arc<Endpoints>,
    /// The secrets of the operation.
    pub seals: Arc<Seals>,
    /// The journal.
    pub effects: Arc<dyn Effects>,
    /// The screen, for waits between attempts.
    pub progress: Arc<dyn Progress>,
    /// Cleans every text that leaves the gate.
    pub scrubber: Arc<Scrubber>,
    /// Caps.
    pub limits: Limits,
    /// A person's wish to stop. Once set, nothing more is sent, waits and safe requests end; an unsafe
    /// request that has left is waited for, because its answer says what exists.
    pub cancel: Cancel,
    /// When the operation ends whatever happens.
    pub deadline: Option<Instant>,
}

/// The gate of one operation of one plugin.
pub struct Gate {
    config: GateConfig,
    /// Requests sent so far, retries included.
    sent: AtomicU32,
}

impl Gate {
    /// Opens a gate for one operation.
    pub fn new(config: GateConfig) -> Self {
        Self { config, sent: AtomicU32::new(0) }
    }

    /// The caps, for whoever collects a request's body.
    pub fn limits(&self) -> &Limits {
        &self.config.limits
    }

    /// Whether this request may leave, without sending it.
    ///
    /// # Errors
    /// Why not, and which line would allow it.
    pub fn judge<'r>(&self, request: &'r Request<Bytes>) -> Result<Verdict<'r>, Denial> {
        self.verdict(request).map_err(|refusal| self.denial(refusal, request))
    }

    /// Sends a request and returns its answer, whatever its status. Redirects are not followed.
    ///
    /// # Errors
    /// Why there is no answer; [`SendError::may_have_arrived`] says whether anything can have changed.
    pub async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, SendError> {
        let prepared = self.prepare(&request).map_err(|refusal| self.denied(refusal, &request))?;
        let mut retries = Retries::default();
        loop {
            let result = self.attempt(&prepared, &request).await;
            let host = &prepared.record.host;
            match retries.next_wait(&result, prepared.safety, host, &self.config.limits) {
                Some(wait) if self.wait(&wait).await => {}
                _ => return result,
            }
        }
    }

    fn verdict<'r>(&self, request: &'r Request<Bytes>) -> Result<Verdict<'r>, Refusal> {
        let GateConfig { policy, mode, limits, seals, .. } = &self.config;
        let mut verdict = judge::judge(policy, *mode, limits, request)?;
        seal::check(policy, seals, request, &mut verdict)?;
        Ok(verdict)
    }

    /// Judges a request and makes what really leaves.
    fn prepare(&self, request: &Request<Bytes>) -> Result<Prepared, Refusal> {
        let verdict = self.verdict(request)?;
        let (mut headers, body) = seal::fill(&self.config.seals, request, &verdict)?;
        set_host_headers(&mut headers, &verdict)?;
        let endpoint = self.config.endpoints.route(&verdict.origin);
        let reach = if endpoint.is_some() { Reach::Operator } else { Reach::Public };
        let (scheme, authority) = match endpoint {
            Some(endpoint) => (endpoint.scheme(), endpoint.authority().to_owned()),
            None => (verdict.origin.scheme(), verdict.origin.authority()),
        };
        let target = request.uri().path_and_query().map_or("/", |target| target.as_str());
        let uri = Uri::builder().scheme(scheme.as_str()).authority(authority).path_and_query(target).build();
        Ok(Prepared {
            method: request.method().clone(),
            uri: uri.map_err(|_| Refusal::NotAbsolute)?,
            headers,
            body,
            reach,
            safety: verdict.safety,
            record: record(request, &verdict, &self.config.policy, &self.config.scrubber),
        })
    }

    /// Sends a prepared request once, journalled.
    async fn attempt(
        &self,
        prepared: &Prepared,
        request: &Request<Bytes>,
    ) -> Result<Response<Bytes>, SendError> {
        let GateConfig { effects, scrubber, limits, cancel, deadline, .. } = &self.config;
        if cancel.is_cancelled() || deadline.is_some_and(|deadline| Instant::now() >= deadline) {
            return Err(SendError::Cancelled);
        }
        if self.sent.fetch_add(1, Ordering::Relaxed) >= limits.requests {
            return Err(self.denied(Refusal::TooManyRequests(limits.requests), request));
        }
        let in_flight = InFlight::begin(effects, scrubber, &prepared.record, prepared.safety).await?;
        let result = match self.exchange(prepared).await {
            Ok(response) => Ok(response),
            Err(Failed::Error(error)) => Err(error),
            Err(Failed::Refused(refusal)) => Err(self.denied(refusal, request)),
        };
        in_flight.end(&result);
        result
    }

    async fn exchange(&self, prepared: &Prepared) -> Result<Response<Bytes>, Failed> {
        let GateConfig { client, limits, cancel, deadline, .. } = &self.config;
        let host = &prepared.record.host;
        let exchange = exchange(client.pool(prepared.reach), prepared.request(), host, limits);
        let in_time = async {
            let Some(deadline) = *deadline else { return exchange.await };
            timeout_at(deadline.into(), exchange).await.unwrap_or_else(|_| {
                let error =
                    SendError::Timeout { host: host.clone(), awaited: "the operation", limit: limits.total };
                Err(error.into())
            })
        };
        match prepared.safety {
            Safety::Unsafe => in_time.await,
            Safety::Safe => tokio::select! {
                biased;
                result = in_time => result,
                () = cancel.cancelled() => Err(SendError::Cancelled.into()),
            },
        }
    }

    /// Waits before another attempt; false if there is no time or no will for it.
    async fn wait(&self, wait: &Wait) -> bool {
        if self.config.deadline.is_some_and(|deadline| Instant::now() + wait.duration >= deadline) {
            return false;
        }
        self.config.progress.waiting(&wait.message);
        // What is waited for is taken back when it is over; that a run was slowed down stays to be read.
        self.config.progress.log("warn", &wait.message);
        tokio::select! {
            () = sleep(wait.duration) => true,
            () = self.config.cancel.cancelled() => false,
        }
    }

    fn denial(&self, refusal: Refusal, request: &Request<Bytes>) -> Denial {
        refusal.into_denial(self.config.policy.plugin(), request, &self.config.scrubber)
    }

    fn denied(&self, refusal: Refusal, request: &Request<Bytes>) -> SendError {
        SendError::Denied(self.denial(refusal, request))
    }
}

impl std::fmt::Debug for Gate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gate").field("policy", &self.config.policy).field("mode", &self.config.mode).finish()
    }
}

/// A judged request as it really leaves.
struct Prepared {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
    reach: Reach,
    safety: Safety,
    record: ss_provider::RequestRecord,
}

impl Prepared {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        request.method_mut().clone_from(&self.method);
        request.uri_mut().clone_from(&self.uri);
        request.headers_mut().clone_from(&self.headers);
        request
    }
}

/// Sets what the host says itself: the host of the origin that the plugin named, also where an endpoint
/// stands in for it, and that answers come uncompressed, so that none is a decompression bomb.
fn set_host_headers(headers: &mut HeaderMap, verdict: &Verdict<'_>) -> Result<(), Refusal> {
    for name in HOST_HEADERS {
        headers.remove(name);
    }
    let host = HeaderValue::try_from(verdict.origin.authority()).map_err(|_| Refusal::NotAbsolute)?;
    headers.insert(HOST, host);
    headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(DEFAULT_USER_AGENT));
    Ok(())
}
