//! HTTP as a plugin sees it: requests and answers, a [`Client`] for JSON APIs, and [`pages`].
//!
//! Every request passes the host's gate, which checks it against the grant, puts secrets in the place of
//! sealed tokens, and repeats safe requests that a provider turned away for the moment.

mod client;
mod encode;
mod paginate;

pub use client::{Call, Client};
pub use encode::{percent_decode, percent_encode};
pub use paginate::{Page, pages};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::json;

/// A request method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Reads.
    Get,
    /// Reads, without a body in the answer.
    Head,
    /// Creates, or does.
    Post,
    /// Replaces.
    Put,
    /// Changes in part.
    Patch,
    /// Removes.
    Delete,
}

impl Method {
    /// Upper-case name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// Whether it changes nothing.
    pub fn is_safe(self) -> bool {
        matches!(self, Self::Get | Self::Head)
    }
}

/// A request as the host sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Scheme, authority, path and query.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body, if it has one.
    pub body: Option<Vec<u8>>,
}

impl Request {
    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// The body as JSON; null without one.
    pub fn json(&self) -> Value {
        self.body.as_deref().and_then(|body| json::value(body).ok()).unwrap_or(Value::Null)
    }

    /// The path without origin and query.
    pub fn path(&self) -> &str {
        let rest = self.url.split_once("://").map_or(self.url.as_str(), |(_, rest)| rest);
        let path = rest.find('/').map_or("/", |start| &rest[start..]);
        path.split(['?', '#']).next().unwrap_or(path)
    }

    /// The decoded value of a query parameter.
    pub fn query(&self, name: &str) -> Option<String> {
        let (_, query) = self.url.split_once('?')?;
        query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| percent_decode(value))
    }
}

/// An answer, read whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Its body.
    pub body: Vec<u8>,
}

impl Response {
    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of this lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        find_header(&self.headers, name)
    }

    /// The body as JSON.
    ///
    /// # Errors
    ///
    /// It is not JSON of this shape. The message quotes nothing of the body.
    pub fn parse<T: DeserializeOwned>(&self) -> Result<T, serde_json::Error> {
        json::read(&self.body)
    }

    /// The body as JSON of whatever shape; null if it is none.
    pub fn json(&self) -> Value {
        json::value(&self.body).unwrap_or(Value::Null)
    }

    /// `Retry-After` in seconds; a date counts as none.
    pub fn retry_after(&self) -> Option<u64> {
        self.header("retry-after")?.trim().parse().ok()
    }
}

fn find_header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}

/// Why no answer came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransportError {
    /// The gate refused the request.
    Denied(String),
    /// It never reached the provider.
    NotSent(String),
    /// It may have reached the provider.
    Lost(String),
}
