//! Endpoints: where the operator lets a provider's requests really go.
//!
//! The text is the value of `STARSYSTEM_ENDPOINT_<NAME>` or of `plugins.<name>.endpoint`: one URL that
//! stands in for every origin, or `origin=replacement` pairs with commas between, origins with wildcards
//! as in a grant. Requests are judged against the origin that the plugin named; only the connection goes
//! elsewhere, to any address, because the operator says so.

use ss_authority::{Origin, OriginPattern, Scheme};
use url::{Host, Url};

/// Longest text.
const MAX_TEXT: usize = 4096;

/// A replacement: scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    scheme: Scheme,
    /// Host and port, as in a URL.
    authority: String,
    loopback: bool,
}

impl Endpoint {
    fn parse(text: &str) -> Result<Self, EndpointError> {
        let invalid = |reason: &str| EndpointError { text: text.to_owned(), reason: reason.to_owned() };
        let url = Url::parse(text).map_err(|error| invalid(&error.to_string()))?;
        let scheme =
            Scheme::parse(url.scheme()).ok_or_else(|| invalid("it is not an `http` or `https` URL"))?;
        if !url.username().is_empty() || url.password().is_some() {
            // The text may hold a password: it is not repeated.
            return Err(EndpointError {
                text: "…".to_owned(), reason: "it has user information".to_owned()
            });
        }
        if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
            return Err(invalid("it has more than scheme, host and port"));
        }
        let host = url.host().ok_or_else(|| invalid("it has no host"))?;
        let loopback = match &host {
            Host::Ipv4(address) => address.is_loopback(),
            Host::Ipv6(address) => address.is_loopback(),
            Host::Domain(name) => *name == "localhost",
        };
        let authority = match url.port() {
            Some(port) => format!("{host}:{port}"),
            None => host.to_string(),
        };
        Ok(Self { scheme, authority, loopback })
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn authority(&self) -> &str {
        &self.authority
    }
}

/// An endpoint that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the endpoint `{text}` is not valid: {reason}; write `http://127.0.0.1:9001` or `https://api.example.com=http://127.0.0.1:9001,…`"
)]
pub struct EndpointError {
    /// The part that is wrong.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

/// The replacements of one provider.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoints {
    /// The first that matches wins; none stands for every origin.
    routes: Vec<(Option<OriginPattern>, Endpoint)>,
}

impl Endpoints {
    /// No replacements.
    pub fn none() -> Self {
        Self::default()
    }

    /// Parses the operator's text.
    ///
    /// # Errors
    /// The first part that is wrong.
    pub fn parse(text: &str) -> Result<Self, EndpointError> {
        if text.len() > MAX_TEXT {
            let reason = format!("it is longer than {MAX_TEXT} bytes");
            return Err(EndpointError { text: "…".to_owned(), reason });
        }
        if !text.contains('=') {
            return Ok(Self { routes: vec![(None, Endpoint::parse(text.trim())?)] });
        }
        let routes = text.split(',').map(|pair| parse_pair(pair.trim())).collect::<Result<_, _>>()?;
        Ok(Self { routes })
    }

    /// The environment variable that names the endpoint of this provider.
    pub fn variable(provider: &str) -> String {
        format!("STARSYSTEM_ENDPOINT_{}", provider.to_ascii_uppercase().replace('-', "_"))
    }

    /// Whether every replacement is on this machine: such an endpoint sends secrets nowhere.
    pub fn is_loopback(&self) -> bool {
        self.routes.iter().all(|(_, endpoint)| endpoint.loopback)
    }

    /// The replacement of this origin, if it has one.
    pub fn route(&self, origin: &Origin<'_>) -> Option<&Endpoint> {
        let stands_for =
            |pattern: &Option<OriginPattern>| pattern.as_ref().is_none_or(|pattern| pattern.matches(origin));
        self.routes.iter().find(|(pattern, _)| stands_for(pattern)).map(|(_, endpoint)| endpoint)
    }
}

fn parse_pair(pair: &str) -> Result<(Option<OriginPattern>, Endpoint), EndpointError> {
    let invalid = |reason: String| EndpointError { text: pair.to_owned(), reason };
    let (origin, replacement) =
        pair.split_once('=').ok_or_else(|| invalid("it is not `origin=replacement`".to_owned()))?;
    let pattern = OriginPattern::parse(origin).map_err(|error| invalid(error.to_string()))?;
    Ok((Some(pattern), Endpoint::parse(replacement)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(text: &str, origin: &str) -> Option<String> {
        let endpoints = Endpoints::parse(text).unwrap();
        let endpoint = endpoints.route(&Origin::parse(origin).unwrap())?;
        Some(format!("{}://{}", endpoint.scheme.as_str(), endpoint.authority))
    }

    #[test]
    fn one_url_stands_in_for_every_origin() {
        for origin in ["https://console.neon.tech", "http://a.b:81"] {
            assert_eq!(route("http://127.0.0.1:9001/", origin).as_deref(), Some("http://127.0.0.1:9001"));
        }
        assert_eq!(route("https://[::1]", "https://a.b").as_deref(), Some("https://[::1]"));
    }

    #[test]
    fn a_list_picks_one_by_one() {
        let text = "https://api.fly.io=http://localhost:1, https://*.fly.dev=http://localhost:2";
        assert_eq!(route(text, "https://api.fly.io").as_deref(), Some("http://localhost:1"));
        assert_eq!(route(text, "https://my-app.fly.dev").as_deref(), Some("http://localhost:2"));
        assert_eq!(route(text, "https://api.machines.dev"), None);
    }

    #[test]
    fn refuses_other_texts() {
        for text in [
            "",
            "127.0.0.1:9001",
            "ftp://a.b",
            "http://u:p@a.b",
            "http://a.b/path",
            "http://a.b?x",
            "https://a.b=",
            "a.b=http://c.d",
            "https://a.b=http://c.d,",
        ] {
            assert!(Endpoints::parse(text).is_err(), "{text}");
        }
        assert!(!Endpoints::parse("http://u:hunter2@a.b").unwrap_err().to_string().contains("hunter2"));
    }

    #[test]
    fn knows_what_stays_on_this_machine() {
        let loopback = |text| Endpoints::parse(text).unwrap().is_loopback();
        assert!(
            loopback("http://127.0.0.1:1") && loopback("http://[::1]:1") && loopback("http://localhost:1")
        );
        assert!(!loopback("http://192.168.0.1") && !loopback("http://localhost.evil.example"));
        assert!(!loopback("https://a.b=http://localhost,https://c.d=http://e.f"));
        assert_eq!(Endpoints::variable("local-process"), "STARSYSTEM_ENDPOINT_LOCAL_PROCESS");
    }
}
