//! The tap: a server on loopback through which every request of the plugin passes.
//!
//! Format: HTTP/1.1 as the product's own gate writes it, one request per connection, bodies with a length.
//! Written by hand because answers must be able to be wrong in ways that no HTTP library lets one write.
//! Threat: whoever else finds the port; what they send is capped, and answered like anything else.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use crate::cloud::{Answer, Call};
use crate::fault::Wire;

/// Largest head of a request.
const MAX_HEAD: usize = 64 << 10;
/// Largest body of a request; the gate lets no larger one through.
const MAX_BODY: usize = 8 << 20;
/// Pause between two bytes of an answer that trickles in.
const DRIP: Duration = Duration::from_millis(20);

/// What decides about an arriving request.
#[async_trait::async_trait]
pub(crate) trait Handler: Send + Sync {
    /// What to write back.
    async fn handle(&self, call: Call) -> Wire;
}

/// A running server. It stops when this is dropped.
pub(crate) struct Tap {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Tap {
    /// Listens on a free port of the loopback interface.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) async fn open(handler: Arc<dyn Handler>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let task = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { continue };
                let handler = Arc::clone(&handler);
                // A client that leaves early is everyday here.
                tokio::spawn(async move { serve(stream, &*handler).await });
            }
        });
        Ok(Self { address, task })
    }

    /// `http://127.0.0.1:<port>`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, handler: &dyn Handler) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let Some(call) = read(&mut stream).await? else { return Ok(()) };
    let head_only = call.method == "HEAD";
    match handler.handle(call).await {
        Wire::Whole(answer) => {
            let length = answer.body.len();
            write(&mut stream, &answer, if head_only { 0 } else { length }).await?;
        }
        Wire::Part(answer, sent) => write(&mut stream, &answer, if head_only { 0 } else { sent }).await?,
        Wire::Drip(answer) => {
            stream.write_all(&head(&answer)).await?;
            // Bytes until the reader gives up: a short body is filled up, its length announced beyond reach.
            for byte in answer.body.iter().copied().chain(std::iter::repeat_n(b' ', 4096)) {
                stream.write_all(&[byte]).await?;
                tokio::time::sleep(DRIP).await;
            }
        }
        Wire::Raw(bytes) => stream.write_all(&bytes).await?,
        Wire::Hangup => return Ok(()),
    }
    stream.shutdown().await
}

async fn write(stream: &mut TcpStream, answer: &Answer, sent: usize) -> io::Result<()> {
    let mut bytes = head(answer);
    bytes.extend_from_slice(&answer.body[..sent.min(answer.body.len())]);
    stream.write_all(&bytes).await
}

fn head(answer: &Answer) -> Vec<u8> {
    let reason = http::StatusCode::from_u16(answer.status).ok().and_then(|status| status.canonical_reason());
    let mut text = format!("HTTP/1.1 {} {}\r\n", answer.status, reason.unwrap_or("Unknown"));
    for (name, value) in answer.headers.iter().filter(|(name, _)| is_own(name)) {
        let clean: String = value.chars().filter(|c| !c.is_control()).collect();
        text.push_str(&format!("{name}: {clean}\r\n"));
    }
    // 204 and 304 have no body and no length (RFC 9110, section 8.6).
    if !matches!(answer.status, 204 | 304) {
        text.push_str(&format!("content-length: {}\r\n", answer.body.len()));
    }
    text.push_str("connection: close\r\n\r\n");
    text.into_bytes()
}

/// Whether a header is the cloud's and not the connection's.
fn is_own(name: &str) -> bool {
    !["connection", "content-length", "transfer-encoding", "keep-alive"]
        .iter()
        .any(|hop| name.eq_ignore_ascii_case(hop))
}

async fn read(stream: &mut TcpStream) -> io::Result<Option<Call>> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if bytes.len() > MAX_HEAD || stream.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let text = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let mut body = bytes.split_off(end + 4);
    let Some((mut call, length)) = parse(&text) else { return Ok(None) };
    if length > MAX_BODY {
        return Ok(None);
    }
    while body.len() < length {
        if stream.read_buf(&mut body).await? == 0 {
            return Ok(None);
        }
    }
    body.truncate(length);
    call.body = body;
    Ok(Some(call))
}

fn parse(head: &str) -> Option<(Call, usize)> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let find =
        |wanted: &str| headers.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let length = find("content-length").map_or(Some(0), |text| text.parse().ok())?;
    let host = find("host").unwrap_or_default().to_owned();
    Some((Call { method, host, target, headers, body: Vec::new() }, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Echo;

    #[async_trait::async_trait]
    impl Handler for Echo {
        async fn handle(&self, call: Call) -> Wire {
            match call.path() {
                "/hangup" => Wire::Hangup,
                "/part" => Wire::Part(Answer::error(200, "xxxxxxxx"), 3),
                _ => Wire::Whole(Answer {
                    status: 201,
                    headers: vec![("x-a".into(), "1\r\nx-b: 2".into())],
                    body: [call.host.as_bytes(), b" ", &call.body].concat(),
                }),
            }
        }
    }

    async fn ask(tap: &Tap, request: &str) -> String {
        let mut stream = TcpStream::connect(tap.address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn serves_what_the_gate_writes() {
        let tap = Tap::open(Arc::new(Echo)).await.unwrap();
        let answer = ask(&tap, "POST /x HTTP/1.1\r\nHost: a.b\r\ncontent-length: 2\r\n\r\nhi").await;
        assert!(answer.starts_with("HTTP/1.1 201 Created\r\n"), "{answer}");
        assert!(answer.ends_with("\r\n\r\na.b hi"), "{answer}");
        assert!(!answer.contains("\r\nx-b"), "{answer}");
        assert_eq!(ask(&tap, "GET /hangup HTTP/1.1\r\n\r\n").await, "");
        let part = ask(&tap, "GET /part HTTP/1.1\r\n\r\n").await;
        let announced: usize =
            part.split("content-length: ").nth(1).unwrap().split('\r').next().unwrap().parse().unwrap();
        assert!(part.split("\r\n\r\n").nth(1).unwrap().len() < announced);
        assert!(ask(&tap, "HEAD /x HTTP/1.1\r\n\r\n").await.ends_with("\r\n\r\n"));
    }
}
