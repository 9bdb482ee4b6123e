//! Tokens in headers, plain and inside the credentials of basic authentication.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use ss_secret::Seals;

use crate::denial::Refusal;
use crate::seal::{resolved, source_in};

/// The text of a header that holds tokens.
pub(super) enum Sealed<'a> {
    Plain(&'a str),
    /// Decoded credentials of `Basic …`.
    Basic(String),
}

impl Sealed<'_> {
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Plain(text) => text,
            Self::Basic(text) => text,
        }
    }
}

/// The text of this header, if it may hold tokens.
pub(super) fn sealed_text<'a>(name: &HeaderName, value: &'a HeaderValue) -> Option<Sealed<'a>> {
    let text = value.to_str().ok()?;
    if let Some(encoded) = basic_credentials(name, text)
        && let Some(credentials) =
            STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok())
        && Seals::may_hold_token(credentials.as_bytes())
    {
        return Some(Sealed::Basic(credentials));
    }
    Seals::may_hold_token(text.as_bytes()).then_some(Sealed::Plain(text))
}

fn basic_credentials<'a>(name: &HeaderName, text: &'a str) -> Option<&'a str> {
    let (scheme, encoded) = text.split_once(' ')?;
    (name == AUTHORIZATION && scheme.eq_ignore_ascii_case("basic")).then_some(encoded)
}

/// How messages name a header.
pub(super) fn place(name: &HeaderName) -> String {
    format!("header `{name}`")
}

/// All headers, with the secrets in place and marked as secret.
pub(super) fn fill(seals: &Seals, headers: &HeaderMap) -> Result<HeaderMap, Refusal> {
    let mut filled = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        let value = match sealed_text(name, value) {
            None => value.clone(),
            Some(sealed) => filled_value(seals, name, &sealed)?,
        };
        filled.append(name.clone(), value);
    }
    Ok(filled)
}

fn filled_value(seals: &Seals, name: &HeaderName, sealed: &Sealed<'_>) -> Result<HeaderValue, Refusal> {
    let secret = resolved(seals, sealed.text(), &place(name))?;
    let does_not_fit = |why| Refusal::SecretDoesNotFit {
        source_of: source_in(seals, sealed.text()),
        place: place(name),
        why,
    };
    if secret.expose().iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return Err(does_not_fit("it has a line break; store it again without"));
    }
    if secret.expose().iter().any(u8::is_ascii_control) {
        return Err(does_not_fit("it has a control character; store it again without"));
    }
    let value = match sealed {
        Sealed::Plain(_) => HeaderValue::from_bytes(secret.expose()),
        Sealed::Basic(_) => HeaderValue::from_str(&format!("Basic {}", STANDARD.encode(secret.expose()))),
    };
    let mut value = value.map_err(|_| does_not_fit("it is not text that a header can hold"))?;
    value.set_sensitive(true);
    Ok(value)
}
