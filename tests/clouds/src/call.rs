//! What passes between the HTTP front and a provider: a request that was read, and its answer.

use std::time::Instant;

use http::Method;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

/// A request, read and taken apart.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// As sent.
    pub(crate) path: String,
    /// Decoded.
    pub(crate) segments: Vec<String>,
    pub(crate) query: Vec<(String, String)>,
    /// Without the port.
    pub(crate) host: String,
    /// Lower-case names.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
    /// The body as it came.
    pub(crate) raw: Vec<u8>,
    pub(crate) received: Instant,
}

impl Call {
    /// The segments of a path, percent-decoded.
    pub(crate) fn segments(path: &str) -> Vec<String> {
        path.trim_matches('/')
            .split('/')
            .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
            .collect()
    }

    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether a flag of the query is on.
    pub(crate) fn flag(&self, name: &str) -> bool {
        self.query(name) == Some("true")
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// A member of the body by its path; null if it is not there.
    pub(crate) fn member(&self, pointer: &str) -> &Value {
        self.body.as_ref().and_then(|body| body.pointer(pointer)).unwrap_or(&Value::Null)
    }

    /// A string of the body by its path.
    pub(crate) fn text(&self, pointer: &str) -> Option<&str> {
        self.member(pointer).as_str()
    }

    /// The body as text.
    pub(crate) fn text_body(&self) -> String {
        String::from_utf8_lossy(&self.raw).into_owned()
    }

    /// Whether the request came straight to the stand-in, not by way of the provider's name.
    pub(crate) fn is_direct(&self) -> bool {
        matches!(self.host.as_str(), "127.0.0.1" | "localhost" | "[::1]")
    }

    /// Whether the request carries this key, or any if none is given.
    pub(crate) fn carries(&self, key: Option<&str>) -> bool {
        let Some(sent) = self.header("authorization") else { return false };
        // Fly's own tokens name their scheme: `FlyV1 …` may come alone.
        let token =
            sent.strip_prefix("Bearer ").unwrap_or(if sent.starts_with("FlyV1 ") { sent } else { "" });
        key.map_or(!token.is_empty(), |key| key == token)
    }
}

/// What the provider says.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Option<Value>,
    pub(crate) headers: Vec<(&'static str, String)>,
    /// The body is a string that is sent as it is.
    pub(crate) is_text: bool,
}

/// Header that says what a body is.
const CONTENT_TYPE: &str = "content-type";

impl Answer {
    pub(crate) fn json(status: u16, body: Value) -> Self {
        Self { status, body: Some(body), headers: Vec::new(), is_text: false }
    }

    pub(crate) fn empty(status: u16) -> Self {
        Self { status, body: None, headers: Vec::new(), is_text: false }
    }

    /// The body as it is sent.
    pub(crate) fn text_of_body(&self) -> Option<String> {
        match self.body.as_ref()? {
            Value::String(text) if self.is_text => Some(text.clone()),
            body => Some(body.to_string()),
        }
    }

    /// Whether the headers say already what the body is.
    pub(crate) fn names_its_kind(&self) -> bool {
        self.headers.iter().any(|(name, _)| *name == CONTENT_TYPE)
    }

    /// A body of XML.
    pub(crate) fn xml(status: u16, body: String) -> Self {
        Self::text(status, body).with(CONTENT_TYPE, "application/xml".to_owned())
    }

    /// A body that is sent as it is.
    pub(crate) fn text(status: u16, body: String) -> Self {
        Self { is_text: true, ..Self::json(status, body.into()) }
    }

    pub(crate) fn ok() -> Self {
        Self::json(200, json!({ "ok": true }))
    }

    pub(crate) fn with(mut self, header: &'static str, value: String) -> Self {
        self.headers.push((header, value));
        self
    }
}

/// A provider's reply to a call.
#[derive(Debug)]
pub(crate) enum Reply {
    /// This is it.
    Now(Answer),
    /// The call waits for something: ask again with the same call.
    Later,
}

/// What a handler gives: either side is an answer, so that `?` ends with a refusal.
pub(crate) type Outcome = Result<Answer, Answer>;

impl From<Outcome> for Reply {
    fn from(outcome: Outcome) -> Self {
        Self::Now(outcome.unwrap_or_else(|refusal| refusal))
    }
}
