//! What a stand-in remembers of every request.

use std::fmt;
use std::time::Instant;

use serde_json::Value;

use crate::Trouble;

/// Which provider a stand-in plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Provider {
    /// Cloudflare, a network with things on it.
    Cloudflare,
    /// Porkbun, a registrar.
    Porkbun,
    /// Neon, serverless Postgres.
    Neon,
    /// Fly, apps on machines.
    Fly,
    /// Railway, services and databases.
    Railway,
    /// Supabase, Postgres with APIs around it.
    Supabase,
    /// AWS: S3 and CloudFront.
    Aws,
}

impl Provider {
    /// The name that `ss` uses, which is also that of its description's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cloudflare => "cloudflare",
            Self::Porkbun => "porkbun",
            Self::Neon => "neon",
            Self::Fly => "fly",
            Self::Railway => "railway",
            Self::Supabase => "supabase",
            Self::Aws => "aws",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What a request was for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Surface {
    /// The provider's API.
    Api,
    /// A customer's own app, such as `https://my-app.fly.dev`.
    App,
}

/// One request and what became of it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// When it arrived.
    pub received: Instant,
    /// API or app.
    pub surface: Surface,
    /// Upper case.
    pub method: String,
    /// As sent, still percent-encoded.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// The `Host` header.
    pub host: String,
    /// Whether the request carried the key that this stand-in accepts.
    pub authorized: bool,
    /// Lower-case names; the value of `authorization` is left out.
    pub headers: Vec<(String, String)>,
    /// The body: JSON if it is, a string if it is not, none if it is empty.
    pub body: Option<Value>,
    /// The status that was sent; none if the connection closed without an answer.
    pub status: Option<u16>,
    /// What the provider answered, whatever trouble did to it on the way.
    pub answer: Option<Value>,
    /// What went wrong, if anything did.
    pub trouble: Option<Trouble>,
    /// Whether the stand-in is done with it; a request that waits, or whose client left, is not.
    pub finished: bool,
}

impl Recorded {
    /// The first value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Whether it may have changed something: another method than the safe ones, and no GraphQL query.
    pub fn is_unsafe(&self) -> bool {
        let document = self.body.as_ref().and_then(|body| body["query"].as_str());
        let is_query = document.is_some_and(|text| !text.trim_start().starts_with("mutation"));
        !matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS") && !is_query
    }

    /// `POST /v1/apps`, for messages.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}
