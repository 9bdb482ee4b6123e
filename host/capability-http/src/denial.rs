//! Why a request is refused, in words, and the manifest line that would allow it.

use std::fmt;

use http::Request;
use hyper::body::Bytes;
use ss_authority::{OriginError, PathError};
use ss_provider::Denial;
use ss_secret::{Scrubber, Source};

/// How much of a refused URL is shown.
const SHOWN_URL: usize = 200;

/// Why a request is refused. Each text follows "…: ".
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    #[error("the URL is not absolute")]
    NotAbsolute,
    #[error("the URL is longer than {0} bytes")]
    UrlTooLong(usize),
    #[error(transparent)]
    Origin(#[from] OriginError),
    #[error(transparent)]
    Path(#[from] PathError),
    #[error("the query {0}")]
    Query(&'static str),
    #[error("`{0}` is not a method that can be granted")]
    Method(String),
    #[error("nothing at `{origin}` is granted")]
    OriginNotGranted { origin: String, allow: String },
    #[error("this path is not granted")]
    PathNotGranted { allow: String },
    #[error("this method is not granted here")]
    MethodNotGranted { allow: String },
    #[error(
        "it may change something, which plan, status, observe and find may not; only provision and destroy may"
    )]
    ReadOnly,
    #[error("header `{name}` {why}")]
    Header { name: String, why: &'static str },
    #[error("there are more than {0} headers")]
    TooManyHeaders(usize),
    #[error("the headers have more than {0} bytes")]
    HeadersTooLarge(usize),
    #[error("a {0} request has no body")]
    BodyOfSafeMethod(String),
    #[error("the body has more than {0} bytes")]
    BodyTooLarge(usize),
    #[error("a sealed token stands in {place}, where no secret may go")]
    TokenOutOfPlace { place: String },
    #[error("a sealed token in {place} belongs to no secret of this operation")]
    UnknownToken { place: String },
    #[error("{} may not go to `{origin}` in {place}", described(.source_of))]
    SecretNotGranted { source_of: Source, origin: String, place: String, allow: Option<String> },
    #[error("the body with a sealed token {0}")]
    SealedBody(&'static str),
    #[error("{} does not fit into {place}: {why}", described(.source_of))]
    SecretDoesNotFit { source_of: Source, place: String, why: &'static str },
    #[error("the name leads to where plugins may not go: {0}")]
    Address(String),
    #[error("this operation has sent {0} requests, which is the most it may")]
    TooManyRequests(u32),
}

impl Refusal {
    /// The line of `plugin.toml` that would allow it, if one could.
    fn allow(&self) -> Option<&str> {
        match self {
            Self::OriginNotGranted { allow, .. }
            | Self::PathNotGranted { allow }
            | Self::MethodNotGranted { allow } => Some(allow),
            Self::SecretNotGranted { allow, .. } => allow.as_deref(),
            _ => None,
        }
    }

    /// The denial that people see, free of secrets.
    pub(crate) fn into_denial(self, plugin: &str, request: &Request<Bytes>, scrubber: &Scrubber) -> Denial {
        let message = format!("`{plugin}` may not {} {}: {self}", request.method(), ShownUrl(request));
        let allow = self.allow().map(|line| {
            format!("{line} # in plugin.toml of `{plugin}`; a person then grants it with `ss plugin approve {plugin}`")
        });
        Denial {
            capability: "http".to_owned(),
            message: scrubber.scrub(&message).into_owned(),
            allow: allow.map(|line| scrubber.scrub(&line).into_owned()),
        }
    }
}

/// Names a secret by where it came from.
pub(crate) fn described(source: &Source) -> String {
    match source {
        Source::VaultKey(key) => format!("vault key `{key}`"),
        Source::Injected(name) => format!("the injected secret `{name}`"),
        Source::Generated(name) => format!("the generated secret `{name}`"),
        Source::Derived(key) => format!("a key derived from `{key}`"),
    }
}

/// The URL as far as it can be shown: no user information, no query, plain text, not too long.
struct ShownUrl<'a>(&'a Request<Bytes>);

impl fmt::Display for ShownUrl<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let uri = self.0.uri();
        let authority = uri.authority().map_or("", |authority| authority.as_str());
        let host = authority.rsplit('@').next().unwrap_or_default();
        let scheme = uri.scheme_str().unwrap_or("?");
        for c in format!("{scheme}://{host}{}", uri.path()).chars().take(SHOWN_URL) {
            if c.is_ascii_graphic() { write!(f, "{c}")? } else { write!(f, "{}", c.escape_unicode())? }
        }
        Ok(())
    }
}
