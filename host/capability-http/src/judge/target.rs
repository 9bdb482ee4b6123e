//! Where a request goes: the URL.

use http::Uri;
use ss_authority::{Origin, Path, Scheme};
use ss_secret::Seals;

use crate::denial::Refusal;

/// Longest path and query together.
const MAX_URL: usize = 8 * 1024;

/// Names of query parameters by which frameworks let a request change its own method.
const METHOD_PARAMETERS: [&str; 4] =
    ["_method", "x-http-method-override", "x-http-method", "x-method-override"];

/// Reads a URL that has exactly one reading.
pub(super) fn read(uri: &Uri) -> Result<(Origin<'_>, Path<'_>), Refusal> {
    let scheme = uri.scheme_str().ok_or(Refusal::NotAbsolute)?;
    let authority = uri.authority().ok_or(Refusal::NotAbsolute)?;
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    if target.len() > MAX_URL {
        return Err(Refusal::UrlTooLong(MAX_URL));
    }
    let scheme = Scheme::parse(scheme).ok_or(ss_authority::OriginError::Scheme)?;
    let origin = Origin::from_authority(scheme, authority.as_str())?;
    let path = Path::parse(uri.path())?;
    if let Some(query) = uri.query() {
        check_query(query)?;
    }
    if let Some(place) = in_query_or_path(uri) {
        return Err(Refusal::TokenOutOfPlace { place: place.to_owned() });
    }
    Ok((origin, path))
}

/// Which part of the URL has a sealed token.
fn in_query_or_path(uri: &Uri) -> Option<&'static str> {
    if Seals::may_hold_token(uri.path().as_bytes()) {
        Some("the URL's path")
    } else if uri.query().is_some_and(|query| Seals::may_hold_token(query.as_bytes())) {
        Some("the URL's query")
    } else {
        None
    }
}

fn check_query(query: &str) -> Result<(), Refusal> {
    let bytes = query.as_bytes();
    for (index, &byte) in bytes.iter().enumerate() {
        match byte {
            b'%' => check_escape(bytes.get(index + 1..index + 3).unwrap_or_default())?,
            b'#' | b'"' | b'<' | b'>' | b'\\' | b'`' => {
                return Err(Refusal::Query("has a character that has to be escaped"));
            }
            0x21..=0x7e => {}
            _ => return Err(Refusal::Query("has a character that is not printable ASCII")),
        }
    }
    // Only these can be, or hide, one of the names.
    let suspicious = query.contains('%') || bytes.windows(5).any(|part| part.eq_ignore_ascii_case(b"ethod"));
    if suspicious { check_parameter_names(query) } else { Ok(()) }
}

/// Line breaks and NUL split what proxies and logs read.
fn check_escape(digits: &[u8]) -> Result<(), Refusal> {
    match digits {
        [b'0', b'0' | b'a' | b'A' | b'd' | b'D'] => Err(Refusal::Query("has an escaped line break or NUL")),
        [high, low] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => Ok(()),
        _ => Err(Refusal::Query("has a `%` that is not an escape")),
    }
}

fn check_parameter_names(query: &str) -> Result<(), Refusal> {
    let names = url::form_urlencoded::parse(query.as_bytes()).map(|(name, _)| name.to_ascii_lowercase());
    // `;` separates parameters for some servers.
    let others =
        query.split(['&', ';']).map(|pair| pair.split('=').next().unwrap_or_default().to_ascii_lowercase());
    if names.chain(others).any(|name| METHOD_PARAMETERS.contains(&name.as_str())) {
        return Err(Refusal::Query("has a parameter that overrides the method"));
    }
    Ok(())
}
