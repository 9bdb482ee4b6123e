//! Origins: scheme, host and port, in exactly one spelling each.
//!
//! Threat: two programs read the same text as two hosts. So there is nothing to normalise here: a host is
//! a full DNS name in lower-case ASCII without a trailing dot, and every other spelling (upper case,
//! Unicode, user information, numeric addresses in any notation) is refused with its reason.

use std::fmt;

/// Longest DNS name.
const MAX_HOST: usize = 253;
/// Longest label of a DNS name.
const MAX_LABEL: usize = 63;
/// The label of a pattern that stands for any.
const WILDCARD: &str = "*";
/// Most labels of a pattern that are any: a name and a region.
const MAX_WILDCARDS: usize = 2;
/// Labels at the end of a pattern that are never any.
const PLAIN_LABELS: usize = 2;

/// The scheme of an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// `http`, port 80.
    Http,
    /// `https`, port 443.
    Https,
}

impl Scheme {
    /// The scheme of this lower-case name.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "http" => Some(Self::Http),
            "https" => Some(Self::Https),
            _ => None,
        }
    }

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that an origin of this scheme has unless it names another.
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }
}

/// Why a text is not an origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// No scheme, or one that is not spoken here.
    #[error("an origin starts with `https://` or `http://`")]
    Scheme,
    /// `user@` or `user:password@`.
    #[error("user information (`…@`) may not stand before a host")]
    UserInfo,
    /// The port is empty, zero, too large or has leading zeros.
    #[error("the port is not a number from 1 to 65535 without leading zeros")]
    Port,
    /// There is no host.
    #[error("the host is missing")]
    NoHost,
    /// Upper-case letters.
    #[error("the host has to be in lower case")]
    UpperCase,
    /// Unicode.
    #[error("the host has to be in ASCII (international names as punycode, `xn--…`)")]
    NotAscii,
    /// A dot at the end.
    #[error("the host may not end in a dot")]
    TrailingDot,
    /// An address in any notation.
    #[error("the host is a numeric address; only DNS names can be granted")]
    Address,
    /// A name such as `metadata`, which depends on the machine's search list.
    #[error("the host is not a full DNS name")]
    SingleLabel,
    /// Something that no DNS name has.
    #[error("the host is not a DNS name")]
    Malformed,
    /// `*` as a part of a label, more than twice, or before fewer than two labels.
    #[error("`*` may only be a whole label, at most twice, before a name of at least two labels")]
    Wildcard,
}

/// A checked origin of a request, borrowed from its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin<'a> {
    scheme: Scheme,
    host: &'a str,
    port: u16,
}

impl<'a> Origin<'a> {
    /// Parses `https://api.example.com` or `https://api.example.com:8443`.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &'a str) -> Result<Self, OriginError> {
        let (scheme, authority) = split_scheme(text)?;
        Self::from_authority(scheme, authority)
    }

    /// Parses the authority of a URL whose scheme is known.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn from_authority(scheme: Scheme, authority: &'a str) -> Result<Self, OriginError> {
        if authority.contains('@') {
            return Err(OriginError::UserInfo);
        }
        if authority.starts_with('[') {
            return Err(OriginError::Address);
        }
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) => (host, parse_port(port)?),
            None => (authority, scheme.default_port()),
        };
        check_host(host)?;
        Ok(Self { scheme, host, port })
    }

    /// Its scheme.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Its host: a lower-case DNS name.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as a `Host` header has them: the port only where it is not the scheme's own.
    /// (A default port in `Host` breaks AWS signatures.)
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_owned()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.host)?;
        if self.port == self.scheme.default_port() { Ok(()) } else { write!(f, ":{}", self.port) }
    }
}

/// Origins that a grant names: one, or all that differ from it in the labels that are `*` only.
///
/// The last two labels are always plain, so that whoever owns that domain owns every origin it stands for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OriginPattern {
    scheme: Scheme,
    /// Labels with dots between; `*` is a label of its own.
    host: String,
    port: u16,
}

impl OriginPattern {
    /// Parses an origin in whose host up to two labels may be `*`: `https://*.fly.dev`,
    /// `https://*.s3.*.amazonaws.com`.
    ///
    /// # Errors
    /// The first rule that the text breaks.
    pub fn parse(text: &str) -> Result<Self, OriginError> {
        let (scheme, authority) = split_scheme(text)?;
        if !authority.contains('*') {
            let Origin { scheme, host, port } = Origin::from_authority(scheme, authority)?;
            return Ok(Self { scheme, host: host.to_owned(), port });
        }
        // Judged as an origin with some name in the place of each `*`.
        let stand_in = authority.replace(WILDCARD, "x");
        let origin = Origin::from_authority(scheme, &stand_in).map_err(|error| match error {
            OriginError::SingleLabel => OriginError::Wildcard,
            error => error,
        })?;
        let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
        let labels: Vec<&str> = host.split('.').collect();
        let (wild, plain) = labels.split_at(labels.len().saturating_sub(PLAIN_LABELS));
        let stars = wild.iter().filter(|label| **label == WILDCARD).count();
        let whole = wild.iter().all(|label| *label == WILDCARD || !label.contains(WILDCARD));
        if !whole || stars > MAX_WILDCARDS || plain.iter().any(|label| label.contains(WILDCARD)) {
            return Err(OriginError::Wildcard);
        }
        Ok(Self { scheme, host: host.to_owned(), port: origin.port })
    }

    /// The scheme of every origin it stands for.
    pub fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Whether it stands for this origin. A `*` stands for one plain label: not for none, not for two, and
    /// not for punycode, whose look-alikes nobody reviews.
    pub fn matches(&self, origin: &Origin<'_>) -> bool {
        self.scheme == origin.scheme && self.port == origin.port && self.stands_for(origin.host)
    }

    /// Whether it stands for every origin that `other` stands for.
    pub fn covers(&self, other: &Self) -> bool {
        self.scheme == other.scheme && self.port == other.port && self.stands_for(&other.host)
    }

    // A `*` of another pattern is covered by a `*` alone, so one test serves both.
    fn stands_for(&self, host: &str) -> bool {
        let mut labels = host.split('.');
        let fits = |mine: &str| {
            labels
                .next()
                .is_some_and(|label| mine == label || (mine == WILDCARD && !label.starts_with("xn--")))
        };
        self.host.split('.').all(fits) && labels.next().is_none()
    }
}

impl fmt::Display for OriginPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Origin { scheme: self.scheme, host: &self.host, port: self.port }.fmt(f)
    }
}

fn split_scheme(text: &str) -> Result<(Scheme, &str), OriginError> {
    let (scheme, authority) = text.split_once("://").ok_or(OriginError::Scheme)?;
    Ok((Scheme::parse(scheme).ok_or(OriginError::Scheme)?, authority))
}

fn parse_port(text: &str) -> Result<u16, OriginError> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && !text.starts_with('0');
    if !plain {
        return Err(OriginError::Port);
    }
    text.parse().map_err(|_| OriginError::Port)
}

fn check_host(host: &str) -> Result<(), OriginError> {
    if host.is_empty() {
        return Err(OriginError::NoHost);
    }
    if !host.is_ascii() {
        return Err(OriginError::NotAscii);
    }
    if host.bytes().any(|b| b.is_ascii_uppercase()) {
        return Err(OriginError::UpperCase);
    }
    if host.ends_with('.') {
        return Err(OriginError::TrailingDot);
    }
    if host.len() > MAX_HOST || !host.split('.').all(is_label) {
        return Err(OriginError::Malformed);
    }
    // No top-level domain starts with a digit; URL parsers read a host that ends so as an IPv4 address, in
    // decimal, octal or hexadecimal and with any number of parts.
    let last = host.rsplit('.').next().unwrap_or(host);
    if last.starts_with(|c: char| c.is_ascii_digit()) {
        return Err(OriginError::Address);
    }
    if last.len() == host.len() {
        return Err(OriginError::SingleLabel);
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    !label.is_empty()
        && label.len() <= MAX_LABEL
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_one_spelling_of_an_origin() {
        for text in ["https://console.neon.tech", "http://a.b", "https://x-1.xn--bcher-kva.example:8443"] {
            assert_eq!(Origin::parse(text).unwrap().to_string(), text);
            assert_eq!(OriginPattern::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Origin::parse("https://a.b:443").unwrap().authority(), "a.b");
        assert_eq!(Origin::parse("https://a.b:444").unwrap().authority(), "a.b:444");
    }

    #[test]
    fn refuses_every_other_spelling() {
        for (text, error) in [
            ("console.neon.tech", OriginError::Scheme),
            ("ftp://a.b", OriginError::Scheme),
            ("HTTPS://a.b", OriginError::Scheme),
            ("https://u@a.b", OriginError::UserInfo),
            ("https://a.b@evil.example", OriginError::UserInfo),
            ("https://a.b:", OriginError::Port),
            ("https://a.b:0", OriginError::Port),
            ("https://a.b:0443", OriginError::Port),
            ("https://a.b:65536", OriginError::Port),
            ("https://a.b:+443", OriginError::Port),
            ("https://", OriginError::NoHost),
            ("https://:443", OriginError::NoHost),
            ("https://A.b", OriginError::UpperCase),
            ("https://bücher.example", OriginError::NotAscii),
            ("https://a。b", OriginError::NotAscii),
            ("https://a.b.", OriginError::TrailingDot),
            ("https://localhost", OriginError::SingleLabel),
            ("https://a..b", OriginError::Malformed),
            ("https://.a.b", OriginError::Malformed),
            ("https://-a.b", OriginError::Malformed),
            ("https://a_b.c", OriginError::Malformed),
            ("https://a.b/", OriginError::Malformed),
            ("https://a.b\\c.d", OriginError::Malformed),
            ("https://a%2eb.c", OriginError::Malformed),
            ("https://127.0.0.1", OriginError::Address),
            ("https://2130706433", OriginError::Address),
            ("https://0x7f000001", OriginError::Address),
            ("https://0177.0.0.01", OriginError::Address),
            ("https://127.1", OriginError::Address),
            ("https://a.0x7f", OriginError::Address),
            ("https://[::1]", OriginError::Address),
            ("https://[::ffff:127.0.0.1]:80", OriginError::Address),
        ] {
            assert_eq!(Origin::parse(text), Err(error), "{text}");
            assert_eq!(OriginPattern::parse(text), Err(error), "{text}");
        }
        for text in [
            "https://*.com",
            "https://a.*.com",
            "https://*.*.com",
            "https://a.b.*",
            "https://**.a.b",
            "https://a*.b.c",
            "https://a.*b.c.d",
            "https://*.*.*.a.b",
        ] {
            assert_eq!(OriginPattern::parse(text), Err(OriginError::Wildcard), "{text}");
            assert!(Origin::parse(text).is_err());
        }
        for text in ["https://*", "https://*@a.b.c", "https://*.a.b:0", "https://*.A.b", "https://*.a.b."] {
            assert!(OriginPattern::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_wildcard_stands_for_exactly_one_plain_label() {
        let pattern = OriginPattern::parse("https://*.example.com").unwrap();
        let matches = |text| pattern.matches(&Origin::parse(text).unwrap());
        assert!(matches("https://a.example.com"));
        for text in [
            "https://example.com",
            "https://a.b.example.com",
            "https://aexample.com",
            "https://a.example.com.evil.test",
            "https://xn--a.example.com",
            "http://a.example.com",
            "https://a.example.com:8443",
        ] {
            assert!(!matches(text), "{text}");
        }
    }
    #[test]
    fn a_wildcard_within_a_name_stands_for_exactly_one_plain_label() {
        let pattern = OriginPattern::parse("https://*.s3.*.amazonaws.com").unwrap();
        assert_eq!(pattern.to_string(), "https://*.s3.*.amazonaws.com");
        let matches = |text| pattern.matches(&Origin::parse(text).unwrap());
        assert!(matches("https://my-bucket.s3.eu-west-1.amazonaws.com"));
        for text in [
            "https://s3.eu-west-1.amazonaws.com",
            "https://my-bucket.s3.amazonaws.com",
            "https://my-bucket.s3.eu-west-1.x.amazonaws.com",
            "https://my.bucket.s3.eu-west-1.amazonaws.com",
            "https://my-bucket.sts.eu-west-1.amazonaws.com",
            "https://my-bucket.s3.eu-west-1.amazonaws.com.evil.test",
            "https://my-bucket.s3.eu-west-1.evil.com",
            "https://my-bucket.s3.xn--a.amazonaws.com",
            "http://my-bucket.s3.eu-west-1.amazonaws.com",
            "https://my-bucket.s3.eu-west-1.amazonaws.com:8443",
        ] {
            assert!(!matches(text), "{text}");
        }
    }

    #[test]
    fn a_pattern_covers_what_is_narrower() {
        let covers =
            |wide, narrow| OriginPattern::parse(wide).unwrap().covers(&OriginPattern::parse(narrow).unwrap());
        for narrow in ["https://*.s3.*.b.c", "https://x.s3.*.b.c", "https://*.s3.r.b.c", "https://x.s3.r.b.c"]
        {
            assert!(covers("https://*.s3.*.b.c", narrow), "{narrow}");
            assert_eq!(covers(narrow, "https://*.s3.*.b.c"), narrow == "https://*.s3.*.b.c", "{narrow}");
        }
        assert!(!covers("https://*.s3.*.b.c", "https://*.s3.b.c"));
        assert!(!covers("https://*.b.c", "https://*.*.b.c"));
        assert!(!covers("https://x.s3.*.b.c", "https://*.s3.r.b.c"));
    }
}
