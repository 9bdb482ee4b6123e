//! TLS, set up when the first `https` connection is made: reading the roots takes milliseconds that a run
//! without network should not pay.

use std::io;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::sync::OnceCell;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// The TLS side of connections: Mozilla's roots and those of this machine (company proxies need them).
#[derive(Default)]
pub(crate) struct Tls {
    connector: OnceCell<TlsConnector>,
    /// More roots to trust.
    extra: Vec<CertificateDer<'static>>,
}

impl Tls {
    /// Trusts these roots too.
    pub(crate) fn with_roots(extra: Vec<CertificateDer<'static>>) -> Self {
        Self { connector: OnceCell::new(), extra }
    }

    /// Agrees on TLS with a server that has to prove to be `host`.
    pub(crate) async fn handshake(&self, host: &str, tcp: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
        let connector = self.connector.get_or_try_init(|| build(self.extra.clone())).await?;
        connector.connect(name, tcp).await
    }
}

async fn build(extra: Vec<CertificateDer<'static>>) -> io::Result<TlsConnector> {
    let config = tokio::task::spawn_blocking(|| client_config(extra)).await.map_err(io::Error::other)??;
    Ok(TlsConnector::from(Arc::new(config)))
}

fn client_config(extra: Vec<CertificateDer<'static>>) -> io::Result<ClientConfig> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    // A machine without readable roots of its own still has Mozilla's.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots.add_parsable_certificates(extra);
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}
