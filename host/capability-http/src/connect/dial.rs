//! The connector: the only place that opens a socket for a plugin.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use http::Uri;
use hyper_util::rt::TokioIo;
use ss_authority::{Origin, Scheme};
use tokio::net::TcpStream;
use tower_service::Service;

use crate::address::forbidden;
use crate::connect::{Resolve, Stream, Tls};

/// Time to resolve a name, connect and agree on TLS.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Time that one address gets while another is left.
const PER_ADDRESS: Duration = Duration::from_secs(3);

/// Where a connector may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reach {
    /// Names of the public internet: what plugins are granted.
    Public,
    /// Anywhere: what the operator wrote as an endpoint.
    Operator,
}

/// Why there is no connection. Nothing of the request has left.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    /// The name leads to where plugins may not go.
    #[error("`{host}` resolves to {address} ({network}), where a plugin may not go")]
    Forbidden { host: String, address: IpAddr, network: &'static str },
    /// The host is not a name in its one spelling.
    #[error("`{host}` is not a DNS name")]
    Host { host: String },
    /// The name has no address.
    #[error("`{host}` cannot be resolved: {reason}")]
    Unresolved { host: String, reason: String },
    /// No address answered.
    #[error("cannot connect to {address}: {source}")]
    Refused { address: SocketAddr, source: io::Error },
    /// The server did not prove who it is, or does not speak TLS.
    #[error("TLS with `{host}` failed: {source}")]
    Tls { host: String, source: io::Error },
    /// It took too long.
    #[error("no connection to `{host}` within {} s", limit.as_secs())]
    TimedOut { host: String, limit: Duration },
}

/// Makes connections.
#[derive(Clone)]
pub(crate) struct Connector {
    pub(crate) reach: Reach,
    pub(crate) resolver: Arc<dyn Resolve>,
    pub(crate) tls: Arc<Tls>,
}

impl Connector {
    async fn connect(self, uri: Uri) -> Result<TokioIo<Stream>, ConnectError> {
        let host = uri.host().unwrap_or_default().to_owned();
        match tokio::time::timeout(TIMEOUT, self.connect_in_time(&uri, &host)).await {
            Ok(connection) => connection.map(TokioIo::new),
            Err(_) => Err(ConnectError::TimedOut { host, limit: TIMEOUT }),
        }
    }

    async fn connect_in_time(&self, uri: &Uri, host: &str) -> Result<Stream, ConnectError> {
        let scheme = uri
            .scheme_str()
            .and_then(Scheme::parse)
            .ok_or_else(|| ConnectError::Host { host: host.to_owned() })?;
        let port = uri.port_u16().unwrap_or(scheme.default_port());
        let tcp = dial(&self.addresses(host, port).await?, host).await?;
        // Requests are small and one at a time; waiting to fill packets only costs.
        let _ = tcp.set_nodelay(true);
        match scheme {
            Scheme::Http => Ok(Stream::Plain(tcp)),
            Scheme::Https => match self.tls.handshake(unbracketed(host), tcp).await {
                Ok(tls) => Ok(Stream::Tls(Box::new(tls))),
                Err(source) => Err(ConnectError::Tls { host: host.to_owned(), source }),
            },
        }
    }

    /// The addresses of a host, every one checked. One bad address spoils the whole answer: an honest
    /// name has none, and a rebinding name has good ones too.
    async fn addresses(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        let addresses = match unbracketed(host).parse::<IpAddr>() {
            Ok(address) => vec![SocketAddr::new(address, port)],
            Err(_) => self.resolve(host, port).await?,
        };
        if self.reach == Reach::Public {
            for address in &addresses {
                if let Some(network) = forbidden(address.ip()) {
                    return Err(ConnectError::Forbidden {
                        host: host.to_owned(),
                        address: address.ip(),
                        network,
                    });
                }
            }
        }
        Ok(addresses)
    }

    async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, ConnectError> {
        // The system's resolver reads `127.1` and `0x7f000001` as addresses; no such name is passed on.
        if self.reach == Reach::Public && Origin::from_authority(Scheme::Https, host).is_err() {
            return Err(ConnectError::Host { host: host.to_owned() });
        }
        let unresolved = |reason| ConnectError::Unresolved { host: host.to_owned(), reason };
        let addresses =
            self.resolver.resolve(host, port).await.map_err(|error| unresolved(error.to_string()))?;
        if addresses.is_empty() { Err(unresolved("it has no address".to_owned())) } else { Ok(addresses) }
    }
}

/// Tries the addresses in the resolver's order.
async fn dial(addresses: &[SocketAddr], host: &str) -> Result<TcpStream, ConnectError> {
    let mut failure =
        ConnectError::Unresolved { host: host.to_owned(), reason: "it has no address".to_owned() };
    for (index, &address) in addresses.iter().enumerate() {
        let connecting = TcpStream::connect(address);
        let result = if index + 1 < addresses.len() {
            tokio::time::timeout(PER_ADDRESS, connecting)
                .await
                .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        } else {
            connecting.await
        };
        match result {
            Ok(tcp) => return Ok(tcp),
            Err(source) => failure = ConnectError::Refused { address, source },
        }
    }
    Err(failure)
}

fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
}

impl Service<Uri> for Connector {
    type Response = TokioIo<Stream>;
    type Error = ConnectError;
    type Future = Pin<Box<dyn Future<Output = Result<TokioIo<Stream>, ConnectError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(self.clone().connect(uri))
    }
}
