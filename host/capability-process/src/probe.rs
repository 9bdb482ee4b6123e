//! One look at a health address.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

/// How long a probe may take, from name look-up to status line.
const TIMEOUT: Duration = Duration::from_secs(5);
/// A status line is shorter than this (RFC 9112 asks recipients for at least 8000 bytes of a request line;
/// no server answers with more in its status line).
const MAX_STATUS_LINE: usize = 8 * 1024;

/// The HTTP status of a GET of the URL. Redirects are not followed; the body is not read.
pub(crate) fn status(url: &str) -> Result<u16, String> {
    let parsed = url::Url::parse(url).map_err(|error| format!("`{url}` is not a URL: {error}"))?;
    if parsed.scheme() != "http" {
        return Err(format!("`{url}` cannot be probed: only http:// addresses can"));
    }
    let host = parsed.host_str().ok_or_else(|| format!("`{url}` names no host"))?;
    let port = parsed.port_or_known_default().unwrap_or(80);
    let authority = parsed.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
    let deadline = Instant::now() + TIMEOUT;
    let addresses = (host.trim_matches(['[', ']']), port)
        .to_socket_addrs()
        .map_err(|error| format!("cannot look up `{host}`: {error}"))?;
    let mut last = format!("`{host}` has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, remaining(deadline)?) {
            Ok(stream) => return ask(stream, &parsed, &authority, deadline),
            Err(error) => last = format!("cannot connect to {address}: {error}"),
        }
    }
    Err(last)
}

fn ask(mut stream: TcpStream, url: &url::Url, authority: &str, deadline: Instant) -> Result<u16, String> {
    let failed = |error: std::io::Error| format!("no answer from {authority}: {error}");
    let query = url.query().map_or_else(String::new, |query| format!("?{query}"));
    stream.set_write_timeout(Some(remaining(deadline)?)).map_err(failed)?;
    let request = format!(
        "GET {}{query} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: ss\r\nAccept: */*\r\nConnection: close\r\n\r\n",
        url.path()
    );
    // In one piece: a server may answer, and close, as soon as it has seen a part.
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut line = Vec::new();
    let mut buffer = [0u8; 512];
    while !line.contains(&b'\n') {
        stream.set_read_timeout(Some(remaining(deadline)?)).map_err(failed)?;
        let read = stream.read(&mut buffer).map_err(failed)?;
        line.extend_from_slice(&buffer[..read]);
        if read == 0 || line.len() > MAX_STATUS_LINE {
            break;
        }
    }
    parse_status(&line).ok_or_else(|| format!("{authority} does not answer in HTTP"))
}

/// The code of `HTTP/1.1 200 OK`.
fn parse_status(line: &[u8]) -> Option<u16> {
    let line = std::str::from_utf8(line.split(|byte| *byte == b'\r' || *byte == b'\n').next()?).ok()?;
    let rest = line.strip_prefix("HTTP/1.")?;
    let code = rest.split(' ').nth(1)?;
    code.parse().ok().filter(|code| (100..600).contains(code))
}

fn remaining(deadline: Instant) -> Result<Duration, String> {
    deadline
        .checked_duration_since(Instant::now())
        .filter(|left| !left.is_zero())
        .ok_or_else(|| "no answer within 5 s".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(answer: &'static [u8]) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer);
        });
        format!("http://{address}/health?x=1")
    }

    #[test]
    fn tells_the_status_of_any_http_answer() {
        assert_eq!(status(&serve(b"HTTP/1.1 204 No Content\r\n\r\n")), Ok(204));
        assert_eq!(status(&serve(b"HTTP/1.0 503 x\r\n\r\n")), Ok(503));
    }

    #[test]
    fn an_answer_that_is_not_http_is_an_error() {
        for answer in [&b"SSH-2.0-x\r\n"[..], b"", b"HTTP/1.1 9999\r\n", b"HTTP/2 200\r\n"] {
            assert!(status(&serve(answer)).is_err());
        }
    }

    #[test]
    fn only_plain_http_can_be_probed() {
        assert!(status("file:///etc/passwd").is_err());
        assert!(status("https://127.0.0.1:1/").is_err());
    }
}
