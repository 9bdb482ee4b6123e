//! Where a registry is: `file:///path`, `https://host/path/`, `oci://host/repository`.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::str::FromStr;

use url::{Host, Url};

use super::oci::OciRepository;

/// Where a registry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// In a folder.
    Folder(PathBuf),
    /// On a web server; the URL ends in a slash.
    Web(Url),
    /// In an OCI registry.
    Oci(OciRepository),
}

/// Text that is no place of a registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not the address of a registry: {reason}")]
pub struct BadLocation {
    text: String,
    reason: &'static str,
}

impl FromStr for Location {
    type Err = BadLocation;

    fn from_str(text: &str) -> Result<Self, BadLocation> {
        let bad = |reason| BadLocation { text: text.to_owned(), reason };
        let mut url =
            Url::parse(text).map_err(|_| bad("it begins with `file://`, `https://` or `oci://`"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(bad("a name or password does not belong there"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(bad("it has no query and no fragment"));
        }
        match url.scheme() {
            "file" => url.to_file_path().map(Self::Folder).map_err(|()| bad("a folder is `file:///path`")),
            "http" if !is_loopback(&url) => Err(bad("`http://` is for this machine only; use `https://`")),
            "http" | "https" => {
                if !url.path().ends_with('/') {
                    url.set_path(&format!("{}/", url.path()));
                }
                Ok(Self::Web(url))
            }
            "oci" => OciRepository::parse(text.trim_start_matches("oci://"))
                .map(Self::Oci)
                .ok_or_else(|| bad("it is written `oci://host/repository`, in lower case, without a tag")),
            _ => Err(bad("it begins with `file://`, `https://` or `oci://`")),
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => match Url::from_file_path(folder) {
                Ok(url) => url.fmt(f),
                Err(()) => write!(f, "file://{}", folder.display()),
            },
            Self::Web(url) => url.fmt(f),
            Self::Oci(repository) => write!(f, "oci://{repository}"),
        }
    }
}

/// Whether a URL leads to this machine, whatever a resolver says.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_one_spelling() {
        for (text, shown) in [
            ("https://plugins.example.com", "https://plugins.example.com/"),
            ("https://example.com/a/b", "https://example.com/a/b/"),
            ("http://127.0.0.1:8080/x/", "http://127.0.0.1:8080/x/"),
            ("http://[::1]:8080", "http://[::1]:8080/"),
            ("file:///srv/plugins", "file:///srv/plugins"),
            ("oci://ghcr.example.com/acme/plugins", "oci://ghcr.example.com/acme/plugins"),
            ("oci://127.0.0.1:5000/plugins", "oci://127.0.0.1:5000/plugins"),
        ] {
            assert_eq!(text.parse::<Location>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn refuses_what_would_send_plain_text_or_passwords_elsewhere() {
        for bad in [
            "http://example.com/",
            "http://127.0.0.1.example.com/",
            "https://user:pw@example.com/",
            "https://example.com/?token=1",
            "https://example.com/#x",
            "ftp://example.com/",
            "example.com",
            "/srv/plugins",
            "oci://example.com",
            "oci://example.com/UPPER",
            "oci://example.com/a:latest",
            "oci://example.com/a@sha256:00",
            "oci://example.com/a//b",
            "",
        ] {
            assert!(bad.parse::<Location>().is_err(), "{bad}");
        }
    }
}
