//! Where connections go: rebinding, forbidden addresses, endpoints, TLS.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use ss_authority::{Authority, HttpRule};
use ss_capability_http::{Client, Endpoints, Policy, Resolve, Resolving, SendError, SystemResolver};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::support::{Server, World, answer, denied, get, request, soon};

/// Gives one list of addresses after the other; the last for ever.
struct Scripted {
    answers: Vec<Vec<&'static str>>,
    asked: AtomicUsize,
    names: Mutex<Vec<String>>,
}

impl Scripted {
    fn new(answers: &[&[&'static str]]) -> Arc<Self> {
        let answers = answers.iter().map(|answer| answer.to_vec()).collect();
        Arc::new(Self { answers, asked: AtomicUsize::new(0), names: Mutex::default() })
    }
}

impl Resolve for Scripted {
    fn resolve(&self, host: &str, port: u16) -> Resolving {
        self.names.lock().expect("not poisoned").push(host.to_owned());
        let index = self.asked.fetch_add(1, Ordering::SeqCst).min(self.answers.len() - 1);
        let addresses = self.answers[index].iter();
        let addresses = addresses.map(|ip| SocketAddr::new(ip.parse().expect("an address"), port)).collect();
        Box::pin(async move { Ok(addresses) })
    }
}

/// A world whose plugin may go to `http://rebind.example:<port>`, which resolves as scripted.
fn rebinding(port: u16, resolver: Arc<Scripted>) -> (World, http::Request<ss_capability_http::Bytes>) {
    let origin = format!("http://rebind.example:{port}");
    let rule = HttpRule {
        origin: origin.clone(),
        path: "/".to_owned(),
        methods: vec!["GET".to_owned()],
        reads: None,
        sealed_body: Vec::new(),
    };
    let mut world = World::new();
    let authority = Authority { http: vec![rule], ..Authority::default() };
    world.config.policy = Arc::new(Policy::compile("acme", &authority).expect("valid"));
    world.config.client = Client::with_resolver(resolver);
    (world, request("GET", &format!("{origin}/"), &[], ""))
}

#[tokio::test]
async fn a_granted_name_that_leads_home_is_denied() {
    let server = Server::always(answer(200, "", "internal")).await;
    for (address, network) in [
        ("127.0.0.1", "loopback"),
        ("::ffff:127.0.0.1", "IPv4-mapped"),
        ("::1", "loopback"),
        ("0.0.0.0", "unspecified"),
        ("169.254.169.254", "cloud metadata"),
        ("10.0.0.1", "private"),
        ("64:ff9b::7f00:1", "NAT64"),
    ] {
        let (world, request) = rebinding(server.port(), Scripted::new(&[&[address]]));
        let denial = denied(soon(world.gate().send(request)).await);
        assert!(denial.message.contains(network), "{}", denial.message);
    }
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn one_bad_address_among_good_ones_spoils_the_answer() {
    let server = Server::always(answer(200, "", "internal")).await;
    let (world, request) = rebinding(server.port(), Scripted::new(&[&["1.1.1.1", "127.0.0.1"]]));
    denied(soon(world.gate().send(request)).await);
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn a_name_is_resolved_once_per_connection() {
    let server = Server::always(answer(200, "", "ok")).await;
    // The operator's endpoint may go anywhere, so that this test stays on this machine; the way from the
    // resolver to the socket is the same.
    let resolver = Scripted::new(&[&["127.0.0.1"], &["192.0.2.1"]]);
    let mut world = World::new();
    world.config.client = Client::with_resolver(resolver.clone());
    let endpoint = format!("http://rebind.example:{}", server.port());
    world.config.endpoints = Arc::new(Endpoints::parse(&endpoint).unwrap());
    assert_eq!(soon(world.gate().send(get("/v1/apps"))).await.unwrap().status(), 200);
    assert_eq!(resolver.asked.load(Ordering::SeqCst), 1);
    assert_eq!(*resolver.names.lock().unwrap(), ["rebind.example"]);
}

#[tokio::test]
async fn an_operators_connection_serves_no_granted_name() {
    let server = Server::always(answer(200, "", "ok")).await;
    let resolver = Scripted::new(&[&["127.0.0.1"]]);
    let (granted, request) = rebinding(server.port(), resolver.clone());
    let mut operated = World::new();
    operated.config.client = granted.config.client.clone();
    let endpoint = format!("http://rebind.example:{}", server.port());
    operated.config.endpoints = Arc::new(Endpoints::parse(&endpoint).unwrap());
    // The operator's connection is open and idle now, under the same scheme, host and port.
    assert_eq!(soon(operated.gate().send(get("/v1/apps"))).await.unwrap().status(), 200);
    denied(soon(granted.gate().send(request)).await);
    assert_eq!(server.seen().len(), 1);
}

#[tokio::test]
async fn an_endpoint_changes_where_not_what() {
    let server = Server::always(answer(200, "", "ok")).await;
    let mut world = World::new();
    let list = format!("https://*.storage.acme.dev={0},https://api.acme.dev={0}", server.url());
    world.config.endpoints = Arc::new(Endpoints::parse(&list).unwrap());
    soon(world.gate().send(get("/v1/apps"))).await.unwrap();
    soon(world.gate().send(request("GET", "https://b.storage.acme.dev/k", &[], ""))).await.unwrap();
    let seen = server.seen();
    assert!(seen[0].contains("host: api.acme.dev\r\n") && seen[1].contains("host: b.storage.acme.dev\r\n"));
    // The plugin still speaks to real origins: the endpoint's own is not granted.
    assert!(world.gate().judge(&request("GET", &server.url(), &[], "")).is_err());
    assert!(world.gate().judge(&request("GET", "https://evil.example/", &[], "")).is_err());
}

/// A TLS server for `localhost`. `tls/` holds the certificate of an authority whose key is gone, one that it
/// issued for `localhost` only, and the latter's key, which is worth nothing.
async fn tls_server() -> u16 {
    let chain = vec![CertificateDer::from(include_bytes!("tls/localhost.der").to_vec())];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(include_bytes!("tls/localhost-key.der").to_vec()));
    let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider has them")
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .expect("a key of the certificate");
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            tokio::spawn(async move {
                use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
                let mut tls = acceptor.accept(tcp).await.ok()?;
                let _ = tls.read(&mut [0; 4096]).await.ok()?;
                tls.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.ok()?;
                tls.flush().await.ok()
            });
        }
    });
    port
}

fn over_tls(endpoint: &str, trusted: bool) -> World {
    let root = CertificateDer::from(include_bytes!("tls/authority.der").to_vec());
    let mut world = World::new();
    let resolver = Scripted::new(&[&["127.0.0.1"]]);
    world.config.client =
        if trusted { Client::with_roots(resolver, vec![root]) } else { Client::with_resolver(resolver) };
    world.config.endpoints = Arc::new(Endpoints::parse(endpoint).expect("valid"));
    world.config.limits.connect_retries = 0;
    world
}

#[tokio::test]
async fn tls_wants_a_certificate_of_a_trusted_authority_for_the_right_name() {
    let port = tls_server().await;
    let world = over_tls(&format!("https://localhost:{port}"), true);
    assert_eq!(soon(world.gate().send(get("/v1/apps"))).await.unwrap().body().as_ref(), b"ok");

    for (endpoint, trusted) in
        [(format!("https://localhost:{port}"), false), (format!("https://other.example:{port}"), true)]
    {
        let error = soon(over_tls(&endpoint, trusted).gate().send(get("/v1/apps"))).await.unwrap_err();
        let SendError::Unreachable { reason, .. } = error else { panic!("{error:?}") };
        assert!(reason.contains("certificate"), "{reason}");
    }
}

#[tokio::test]
async fn tls_is_not_given_up() {
    let server = Server::always(answer(200, "", "in clear")).await;
    let world = over_tls(&format!("https://127.0.0.1:{}", server.port()), true);
    assert!(matches!(soon(world.gate().send(get("/v1/apps"))).await, Err(SendError::Unreachable { .. })));
}

#[tokio::test]
async fn the_systems_resolver_is_checked_too() {
    // Every system knows this name; it leads home.
    let addresses = SystemResolver.resolve("localhost", 80).await.unwrap();
    assert!(addresses.iter().all(|address| ss_capability_http::forbidden(address.ip()).is_some()));
}
