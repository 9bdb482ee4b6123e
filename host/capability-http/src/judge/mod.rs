//! Judging a request: everything that can be said without sending it.
//!
//! Pure and fast (about a microsecond), so that tests, fuzzers and benches can ask it directly. Threat:
//! the gate reads a request one way and the server another. What servers are known to read in different
//! ways is refused.

mod graphql;
mod head;
mod target;

use http::Request;
use hyper::body::Bytes;
use ss_authority::{Origin, Path, Reads, SAFE_METHODS};

use crate::denial::Refusal;
use crate::gate::Mode;
use crate::limits::Limits;
use crate::policy::{Granted, Policy, method_bit};
use crate::seal::SealedString;

pub(crate) use head::HOST_HEADERS;

/// Whether a request may change something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Safety {
    /// `GET`, `HEAD`, `OPTIONS`, and what the grant declares a read.
    Safe,
    /// Everything else: journalled, and only in provision and destroy.
    Unsafe,
}

/// A request that may leave.
#[derive(Debug)]
pub struct Verdict<'r> {
    /// The origin that the plugin named.
    pub origin: Origin<'r>,
    /// The path.
    pub path: Path<'r>,
    /// Whether it may change something.
    pub safety: Safety,
    /// The rule of the policy that allows it.
    pub(crate) rule: usize,
    /// Whether headers hold sealed tokens.
    pub(crate) sealed_headers: bool,
    /// Strings of the JSON body that hold sealed tokens.
    pub(crate) sealed_strings: Vec<SealedString>,
}

/// Judges everything but sealed tokens in headers and body, which `seal` adds.
pub(crate) fn judge<'r>(
    policy: &Policy,
    mode: Mode,
    limits: &Limits,
    request: &'r Request<Bytes>,
) -> Result<Verdict<'r>, Refusal> {
    let (origin, path) = target::read(request.uri())?;
    let method = request.method().as_str();
    if method_bit(method).is_none() {
        return Err(Refusal::Method(method.chars().take(20).collect()));
    }
    let (reads, granted_by) = match policy.granted(method, &origin, &path) {
        Granted::Yes { reads, rule } => (reads, rule),
        Granted::NoOrigin => {
            return Err(Refusal::OriginNotGranted {
                origin: origin.to_string(),
                allow: rule(method, &origin, &path),
            });
        }
        Granted::NoPath => return Err(Refusal::PathNotGranted { allow: rule(method, &origin, &path) }),
        Granted::NoMethod => return Err(Refusal::MethodNotGranted { allow: rule(method, &origin, &path) }),
    };
    let body = request.body();
    if body.len() > limits.request_body {
        return Err(Refusal::BodyTooLarge(limits.request_body));
    }
    head::check(request.headers(), &origin, body.len())?;
    let safe_method = SAFE_METHODS.contains(&method);
    if safe_method && !body.is_empty() {
        return Err(Refusal::BodyOfSafeMethod(method.to_owned()));
    }
    let safe = safe_method || (method == "POST" && is_read(reads, request));
    if !safe && mode == Mode::ReadOnly {
        return Err(Refusal::ReadOnly);
    }
    let safety = if safe { Safety::Safe } else { Safety::Unsafe };
    Ok(Verdict { origin, path, safety, rule: granted_by, sealed_headers: false, sealed_strings: Vec::new() })
}

/// Whether the grant declares this `POST` a read.
fn is_read(reads: Option<Reads>, request: &Request<Bytes>) -> bool {
    match reads {
        None => false,
        Some(Reads::Post) => true,
        // A query in the URL could be read instead of the one in the body.
        Some(Reads::Graphql) => {
            request.uri().query().is_none()
                && head::is_json(request.headers())
                && graphql::is_query(request.body())
        }
    }
}

/// The rule that would allow a request.
fn rule(method: &str, origin: &Origin<'_>, path: &Path<'_>) -> String {
    format!(
        r#"authority.http = [{{ origin = "{origin}", path = "{}", methods = ["{method}"] }}]"#,
        path.as_str()
    )
}

/// Whether the headers say that the body is JSON in UTF-8, uncompressed.
pub(crate) fn is_json(request: &Request<Bytes>) -> bool {
    head::is_json(request.headers())
}
