//! Whether a request is signed as Signature Version 4 says: made anew from what arrived.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::call::Call;

/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// How far a signature's time may be off.
const TOLERANCE_SECONDS: i64 = 15 * 60;

/// Why a request is refused before anybody looks at what it asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unsigned {
    Missing,
    Skewed,
    UnknownKey,
    Wrong,
}

/// Judges a request's signature. `key` is `<access key id>:<secret access key>`; without one, any key is good
/// and the signature is not computed.
pub(crate) fn check(call: &Call, key: Option<&str>, now: Timestamp) -> Result<(), Unsigned> {
    let header = call.header("authorization").ok_or(Unsigned::Missing)?;
    let rest = header.strip_prefix("AWS4-HMAC-SHA256 ").ok_or(Unsigned::Missing)?;
    let part =
        |name: &str| rest.split(", ").find_map(|part| part.strip_prefix(name)).ok_or(Unsigned::Missing);
    let (credential, names, signature) = (part("Credential=")?, part("SignedHeaders=")?, part("Signature=")?);
    let (access_key, scope) = credential.split_once('/').ok_or(Unsigned::Missing)?;
    let time = call.header("x-amz-date").ok_or(Unsigned::Missing)?;
    let sent = jiff::civil::DateTime::strptime("%Y%m%dT%H%M%SZ", time).map_err(|_| Unsigned::Missing)?;
    let sent = sent.to_zoned(jiff::tz::TimeZone::UTC).map_err(|_| Unsigned::Missing)?.timestamp();
    if (now.as_second() - sent.as_second()).abs() > TOLERANCE_SECONDS {
        return Err(Unsigned::Skewed);
    }
    let Some((known, secret)) = key.and_then(|key| key.split_once(':')) else { return Ok(()) };
    if access_key != known {
        return Err(Unsigned::UnknownKey);
    }
    // Every header of AWS's own has to be signed, and so has the host.
    let signed: Vec<&str> = names.split(';').collect();
    let own = call.headers.iter().filter(|(name, _)| name.starts_with("x-amz-"));
    if !signed.contains(&"host") || own.clone().any(|(name, _)| !signed.contains(&name.as_str())) {
        return Err(Unsigned::Wrong);
    }
    let payload = hex::encode(digest(&SHA256, &call.raw));
    if call.header("x-amz-content-sha256") != Some(&payload) {
        return Err(Unsigned::Wrong);
    }
    let canonical = canonical(call, &signed, &payload);
    let to_sign =
        format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{}", hex::encode(digest(&SHA256, canonical.as_bytes())));
    let mut key = format!("AWS4{secret}").into_bytes();
    for link in scope.split('/') {
        key = mac(&key, link);
    }
    if hex::encode(mac(&key, &to_sign)) == signature { Ok(()) } else { Err(Unsigned::Wrong) }
}

fn canonical(call: &Call, signed: &[&str], payload: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(text, UNRESERVED).to_string();
    let mut query: Vec<String> =
        call.query.iter().map(|(name, value)| format!("{}={}", encode(name), encode(value))).collect();
    query.sort();
    let headers: Vec<String> = signed
        .iter()
        .map(|name| {
            let value = call.header(name).unwrap_or_default();
            format!("{name}:{}\n", value.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect();
    format!(
        "{}\n{}\n{}\n{}\n{}\n{payload}",
        call.method,
        call.path,
        query.join("&"),
        headers.concat(),
        signed.join(";")
    )
}

fn mac(key: &[u8], data: &str) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), data.as_bytes()).as_ref().to_vec()
}
