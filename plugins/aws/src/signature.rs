//! AWS Signature Version 4, over keys that this plugin never sees.
//!
//! The secret key stays sealed: the host derives the signing key from it, link by link, and makes the
//! signature. What is hashed here is public but for a session token, which AWS wants among what is signed.

use sha2::{Digest as _, Sha256};
use ss_sdk::http::percent_encode;
use ss_sdk::{Failure, Secrets};

use crate::order::sort;

/// The scheme's name, in the header and in what is signed.
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// HMAC-SHA-256 under sealed keys.
pub trait Hmac {
    /// The HMAC as a new sealed key.
    fn derive(&self, key: &str, prefix: &str, data: &str) -> Result<String, Failure>;
    /// The HMAC itself.
    fn sign(&self, key: &str, data: &str) -> Result<Vec<u8>, Failure>;
}

impl Hmac for Secrets<'_> {
    fn derive(&self, key: &str, prefix: &str, data: &str) -> Result<String, Failure> {
        Secrets::derive(self, key, prefix, data.as_bytes())
    }

    fn sign(&self, key: &str, data: &str) -> Result<Vec<u8>, Failure> {
        Secrets::hmac(self, key, data.as_bytes())
    }
}

/// When, where and for what a signature holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `20130524T000000Z`.
    pub time: String,
    /// Such as `eu-west-1`.
    pub region: String,
    /// Such as `s3`.
    pub service: &'static str,
}

impl Scope {
    /// `20130524`.
    pub fn date(&self) -> &str {
        self.time.get(..8).unwrap_or(&self.time)
    }

    /// `20130524/us-east-1/s3/aws4_request`.
    pub fn credential(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date(), self.region, self.service)
    }

    /// The sealed key that signs in this scope.
    pub fn key(&self, hmac: &impl Hmac, secret: &str) -> Result<String, Failure> {
        let date = hmac.derive(secret, "AWS4", self.date())?;
        let region = hmac.derive(&date, "", &self.region)?;
        let service = hmac.derive(&region, "", self.service)?;
        hmac.derive(&service, "", "aws4_request")
    }
}

/// What is signed of a request.
pub struct Signable<'a> {
    pub method: &'a str,
    /// Percent-encoded, as it is sent.
    pub path: &'a str,
    /// Decoded.
    pub query: &'a [(String, String)],
    /// Lower-case names, with `host`.
    pub headers: Vec<(&'a str, &'a str)>,
    /// SHA-256 of the body in hexadecimal digits.
    pub payload: &'a str,
}

impl Signable<'_> {
    /// The canonical form, and the names of the headers in it.
    fn canonical(&self) -> (String, String) {
        let mut headers = self.headers.clone();
        sort(&mut headers);
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let mut text = format!("{}\n{}\n{}\n", self.method, self.path, canonical_query(self.query));
        for (name, value) in headers {
            text.push_str(name);
            text.push(':');
            text.push_str(&value.split_ascii_whitespace().collect::<Vec<_>>().join(" "));
            text.push('\n');
        }
        text.push('\n');
        text.push_str(&names);
        text.push('\n');
        text.push_str(self.payload);
        (text, names)
    }

    /// The value of the `authorization` header. `access_key` may be sealed: it is no part of what is signed.
    pub fn authorization(
        &self,
        hmac: &impl Hmac,
        scope: &Scope,
        access_key: &str,
        signing_key: &str,
    ) -> Result<String, Failure> {
        let (canonical, names) = self.canonical();
        let credential = scope.credential();
        let to_sign =
            format!("{ALGORITHM}\n{}\n{credential}\n{}", scope.time, sha256_hex(canonical.as_bytes()));
        let signature = hex(&hmac.sign(signing_key, &to_sign)?);
        Ok(format!(
            "{ALGORITHM} Credential={access_key}/{credential}, SignedHeaders={names}, Signature={signature}"
        ))
    }
}

fn canonical_query(query: &[(String, String)]) -> String {
    let mut pairs: Vec<(String, String)> =
        query.iter().map(|(name, value)| (percent_encode(name), percent_encode(value))).collect();
    sort(&mut pairs);
    let pairs: Vec<String> = pairs.into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// SHA-256 in hexadecimal digits.
pub fn sha256_hex(data: &[u8]) -> String {
    hex(&Sha256::digest(data))
}

/// SHA-256 in base 64, as S3's checksum headers want it.
pub fn sha256_base64(data: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digest = Sha256::digest(data);
    let mut text = String::with_capacity(44);
    for part in digest.chunks(3) {
        let bits =
            part.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte)) << (8 * (3 - part.len()));
        for digit in 0..4 {
            let index = (bits >> (18 - 6 * digit)) & 63;
            text.push(if digit <= part.len() { char::from(DIGITS[index as usize]) } else { '=' });
        }
    }
    text
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 15)]).collect()
}

#[cfg(test)]
mod tests;
