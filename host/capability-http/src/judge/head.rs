//! Headers of a request: which may pass, and what they may say.
//!
//! Threat: request smuggling (two readers see two ends of one request), rerouting behind the first
//! server, and headers that turn one method into another.

use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue};
use ss_authority::Origin;

use crate::denial::Refusal;

/// Most headers.
const MAX_HEADERS: usize = 64;
/// Most bytes of all names and values.
const MAX_BYTES: usize = 32 * 1024;

/// Checks all headers.
pub(super) fn check(headers: &HeaderMap, origin: &Origin<'_>, body: usize) -> Result<(), Refusal> {
    if headers.len() > MAX_HEADERS {
        return Err(Refusal::TooManyHeaders(MAX_HEADERS));
    }
    let mut bytes = 0;
    let mut singles = Singles::default();
    for (name, value) in headers {
        bytes += name.as_str().len() + value.len();
        let why = match forbidden(name.as_str()) {
            Some(why) => Some(why),
            None => misused(name, value, origin, body).or_else(|| singles.twice(name)),
        };
        if let Some(why) = why {
            return Err(Refusal::Header { name: name.to_string(), why });
        }
    }
    if bytes > MAX_BYTES { Err(Refusal::HeadersTooLarge(MAX_BYTES)) } else { Ok(()) }
}

/// Why no request may have this header.
fn forbidden(name: &str) -> Option<&'static str> {
    match name {
        "connection" | "keep-alive" | "te" | "trailer" | "transfer-encoding" | "upgrade"
        | "http2-settings" | "expect" => Some("belongs to the connection, which is the host's"),
        "cookie" | "cookie2" => Some("carries a session, and plugins have none"),
        "forwarded" | "x-host" | "x-http-host-override" => Some("reroutes the request"),
        "x-http-method" | "x-method" => Some("overrides the method"),
        _ if name.contains("method-override") => Some("overrides the method"),
        _ if has_prefix(name, &["proxy-"]) => Some("belongs to a proxy"),
        _ if has_prefix(name, &["x-forwarded-", "x-original-", "x-rewrite-", "x-envoy-"]) => {
            Some("reroutes the request")
        }
        // Servers turn `_` into `-`, and other characters of a token into anything.
        _ if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') => {
            Some("has a character other than letters, digits and `-` in its name")
        }
        _ => None,
    }
}

fn has_prefix(name: &str, prefixes: &[&str]) -> bool {
    prefixes.iter().any(|prefix| name.starts_with(prefix))
}

/// Why a header that may stand there may not say this.
fn misused(name: &HeaderName, value: &HeaderValue, origin: &Origin<'_>, body: usize) -> Option<&'static str> {
    let Ok(text) = value.to_str() else { return Some("has a value that is not printable ASCII") };
    if *name == HOST {
        (text != origin.authority()).then_some("differs from the host of the URL")
    } else if *name == CONTENT_LENGTH {
        (text != body.to_string()).then_some("differs from the length of the body")
    } else if *name == CONTENT_ENCODING {
        (text != "identity").then_some("hides the body from the gate")
    } else {
        None
    }
}

/// Headers of which a second one is read by some servers and ignored by others.
#[derive(Default)]
struct Singles([bool; 5]);

impl Singles {
    fn twice(&mut self, name: &HeaderName) -> Option<&'static str> {
        let index = match name.as_str() {
            "host" => 0,
            "content-length" => 1,
            "content-type" => 2,
            "content-encoding" => 3,
            "authorization" => 4,
            _ => return None,
        };
        std::mem::replace(&mut self.0[index], true).then_some("stands there twice")
    }
}

/// Whether the body is JSON in UTF-8. A charset that servers honour would let them read another text.
pub(super) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else { return false };
    let mut parts = value.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let json = essence.eq_ignore_ascii_case("application/json")
        || (essence.starts_with("application/") && essence.ends_with("+json"));
    json && parts.all(|parameter| {
        parameter.eq_ignore_ascii_case("charset=utf-8") || parameter.eq_ignore_ascii_case("charset=\"utf-8\"")
    })
}

/// Headers that the host sets itself, whatever the plugin said.
pub(crate) const HOST_HEADERS: [HeaderName; 3] = [HOST, CONTENT_LENGTH, ACCEPT_ENCODING];
