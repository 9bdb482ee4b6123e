//! The connections that all gates of a process share.

use std::sync::Arc;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::Bytes;
use hyper_util::client::legacy;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::CertificateDer;

use crate::connect::{Connector, Reach, Resolve, SystemResolver, Tls};

/// Largest head of an answer in bytes.
const MAX_HEAD: usize = 64 * 1024;
/// Most headers of an answer.
const MAX_HEADERS: usize = 128;
/// How long an idle connection is kept; servers close theirs after about a minute.
const IDLE: Duration = Duration::from_secs(30);

pub(crate) type Pool = legacy::Client<Connector, Full<Bytes>>;

/// The connections that all gates of a process share. Cheap to clone, and to make: nothing is opened,
/// read or resolved before the first request.
#[derive(Clone)]
pub struct Client {
    /// Two pools: a connection that the operator's endpoint made must not serve a granted name of the
    /// same spelling, whose addresses would then not have been checked.
    public: Pool,
    operator: Pool,
}

impl Client {
    /// Uses the resolver of the operating system.
    pub fn new() -> Self {
        Self::with_resolver(Arc::new(SystemResolver))
    }

    /// Uses another resolver. Its answers are checked as any other's.
    pub fn with_resolver(resolver: Arc<dyn Resolve>) -> Self {
        Self::build(resolver, Tls::default())
    }

    /// Trusts further TLS roots, such as those of a stand-in.
    pub fn with_roots(resolver: Arc<dyn Resolve>, roots: Vec<CertificateDer<'static>>) -> Self {
        Self::build(resolver, Tls::with_roots(roots))
    }

    fn build(resolver: Arc<dyn Resolve>, tls: Tls) -> Self {
        let tls = Arc::new(tls);
        let pool = |reach| pool(Connector { reach, resolver: resolver.clone(), tls: tls.clone() });
        Self { public: pool(Reach::Public), operator: pool(Reach::Operator) }
    }

    pub(crate) fn pool(&self, reach: Reach) -> &Pool {
        match reach {
            Reach::Public => &self.public,
            Reach::Operator => &self.operator,
        }
    }
}

impl Default for Client {
    fn default() -> Self {
        Self::new()
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Client")
    }
}

fn pool(connector: Connector) -> Pool {
    // hyper by itself sends a request again only if it handed the request back unsent because an idle
    // connection had closed; that is no second attempt, so it stays on.
    legacy::Client::builder(TokioExecutor::new())
        .http1_max_buf_size(MAX_HEAD)
        .http1_max_headers(MAX_HEADERS)
        .pool_idle_timeout(IDLE)
        .pool_timer(TokioTimer::new())
        .set_host(false)
        .build(connector)
}
