//! Cloudflare's API v4: envelopes, pages, refusals, and requests that may be sent again.
//!
//! Every answer is `{success, errors, result, result_info}` and is judged by `success`, not by its status alone.
//! Answers are read member by member as JSON: they hold far more than is read, and missing members do no harm.

use std::time::Duration;

use serde_json::Value;
use ss_sdk::http::{Call, Client, Page, Response, pages};
use ss_sdk::{Context, Failure, FailureKind};

use crate::options::Kind;

/// Where the API is.
const BASE: &str = "https://api.cloudflare.com/client/v4";

/// How often a request is sent whose outcome is unknown and that may be sent again.
const ATTEMPTS: u32 = 5;

/// How long something is looked for that Cloudflare has created, or may have, and does not show.
pub const UNSEEN_LIMIT: Duration = Duration::from_secs(20);

/// How long something is looked for that a creation of unknown outcome may have left. Short: names are unique,
/// so that creating again makes nothing twice.
const LOST_LIMIT: Duration = Duration::from_secs(2);

/// How long a deletion may take.
pub const DELETION_LIMIT: Duration = Duration::from_secs(120);

/// Cloudflare's API with the token of this run.
pub struct Api<'c, 'h> {
    pub context: &'c Context<'h>,
    client: Client<'h>,
    permission: &'static str,
    jurisdiction: String,
}

impl<'c, 'h> Api<'c, 'h> {
    /// The API for a kind of resource. `options_path` is the block to blame when Cloudflare finds a request
    /// invalid.
    pub fn new(context: &'c Context<'h>, kind: Kind, options_path: &str) -> Result<Self, Failure> {
        let key = context.api_key()?;
        let client = Client::new(context.host, "Cloudflare", BASE)
            .with_header("authorization", format!("Bearer {key}"));
        let client = if options_path.is_empty() { client } else { client.blaming(options_path) };
        Ok(Self { context, client, permission: kind.permission(), jurisdiction: String::new() })
    }

    /// The same for buckets of a jurisdiction, which R2 wants to hear with every request.
    #[must_use]
    pub fn within(mut self, jurisdiction: &str) -> Self {
        if !jurisdiction.is_empty() {
            self.client = self.client.with_header("cf-r2-jurisdiction", jurisdiction);
        }
        self.jurisdiction = jurisdiction.to_owned();
        self
    }

    /// The same with one more header.
    pub fn with_header(&self, name: &str, value: &str) -> Self {
        Self {
            context: self.context,
            client: self.client.clone().with_header(name, value),
            permission: self.permission,
            jurisdiction: self.jurisdiction.clone(),
        }
    }

    /// Something that must be there.
    pub fn get(&self, path: &str, purpose: &'static str) -> Result<Value, Failure> {
        self.result(&self.client.get(path).to(purpose))
    }

    /// Something, if it is there.
    pub fn find(&self, path: &str, purpose: &'static str) -> Result<Option<Value>, Failure> {
        match self.get(path, purpose) {
            Ok(Value::Null) => Ok(None),
            Ok(found) => Ok(Some(found)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// A whole list, page by page.
    pub fn list(
        &self,
        path: &str,
        query: &[(&str, &str)],
        per_page: usize,
        purpose: &'static str,
    ) -> Result<Vec<Value>, Failure> {
        pages(|cursor| {
            let number: usize = cursor.and_then(|cursor| cursor.parse().ok()).unwrap_or(1);
            let mut call = self.client.get(path).to(purpose);
            for (name, value) in query {
                call = call.query(name, value);
            }
            let call = call.query("page", &number.to_string()).query("per_page", &per_page.to_string());
            let mut body = self.answer(&call)?;
            let items = match body["result"].take() {
                Value::Array(items) => items,
                Value::Null => Vec::new(),
                _ => return Err(misunderstood(purpose)),
            };
            let info = &body["result_info"];
            let size = info["per_page"].as_u64().filter(|size| *size > 0);
            let seen = size.unwrap_or(per_page as u64).saturating_mul(number as u64);
            let more = match (info["total_pages"].as_u64(), info["total_count"].as_u64()) {
                (Some(total), _) => (number as u64) < total,
                (None, Some(total)) => seen < total,
                (None, None) => items.len() >= per_page,
            };
            Ok(Page { items, cursor: more.then(|| (number + 1).to_string()) })
        })
    }

    /// Creates something that cannot exist twice. Gives it, and whether this call made it.
    ///
    /// After an answer that leaves the outcome open, or that somebody has the name, it is looked for. What is
    /// not found after an open outcome is sent again: Cloudflare refuses a second one.
    pub fn create(
        &self,
        path: &str,
        body: &Value,
        purpose: &'static str,
        look: &dyn Fn() -> Result<Option<Value>, Failure>,
    ) -> Result<(Value, bool), Failure> {
        let call = self.client.post(path).json(body).to(purpose);
        let mut open = false;
        let mut attempt = 0;
        loop {
            attempt += 1;
            let failure = match self.result(&call) {
                Ok(made) if made.is_object() => return Ok((made, true)),
                Ok(_) => Failure::outcome_unknown(format!(
                    "Cloudflare answered the request to {purpose} without a result"
                )),
                Err(failure) => failure,
            };
            let unknown = failure.kind == FailureKind::OutcomeUnknown;
            let refused = matches!(
                failure.kind,
                FailureKind::Conflict | FailureKind::InvalidConfiguration(_) | FailureKind::Internal
            );
            if !unknown && !refused {
                return Err(failure);
            }
            open |= unknown;
            if unknown {
                self.context.warn(format!("{failure}; looking whether it was done"));
            }
            let limit = match () {
                () if unknown => LOST_LIMIT,
                () if open => UNSEEN_LIMIT,
                () => Duration::ZERO,
            };
            let wait = self.context.wait("what was created to appear", limit);
            if let Some(found) = wait.within_limit(look)? {
                return Ok((found, open));
            }
            if !unknown || attempt >= ATTEMPTS {
                return Err(failure);
            }
            self.pause(attempt)?;
        }
    }

    /// Replaces something.
    pub fn put(&self, path: &str, body: &Value, purpose: &'static str) -> Result<Value, Failure> {
        self.repeatable(&self.client.put(path).json(body).to(purpose))
    }

    /// Changes something. Sent twice it changes nothing more.
    pub fn patch(&self, path: &str, body: Option<&Value>, purpose: &'static str) -> Result<Value, Failure> {
        let call = self.client.patch(path).to(purpose);
        self.repeatable(&match body {
            Some(body) => call.json(body),
            None => call,
        })
    }

    /// Deletes something, which may be gone already.
    pub fn delete(&self, path: &str, purpose: &'static str) -> Result<(), Failure> {
        match self.repeatable(&self.client.delete(path).to(purpose)) {
            Err(failure) if failure.kind != FailureKind::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    /// Deletes something and waits until it is gone.
    pub fn delete_and_wait(&self, path: &str, purpose: &'static str, what: &str) -> Result<(), Failure> {
        self.delete(path, purpose)?;
        self.context
            .wait(format!("{what} to be gone"), DELETION_LIMIT)
            .until(|| Ok(self.find(path, "see whether it is gone")?.is_none().then_some(())))
    }

    fn repeatable(&self, call: &Call<'_, '_>) -> Result<Value, Failure> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            match self.result(call) {
                Err(failure) if failure.kind == FailureKind::OutcomeUnknown && attempt < ATTEMPTS => {
                    self.context.warn(format!("{failure}; sending it again, which changes nothing twice"));
                    self.pause(attempt)?;
                }
                result => return result,
            }
        }
    }

    fn pause(&self, attempt: u32) -> Result<(), Failure> {
        if self.context.sleep(Duration::from_secs(1 << (attempt - 1).min(4))) {
            return Ok(());
        }
        Err(Failure::unavailable("stopped before a request was sent again"))
    }

    fn result(&self, call: &Call<'_, '_>) -> Result<Value, Failure> {
        Ok(self.answer(call)?["result"].take())
    }

    /// The whole envelope of a success.
    fn answer(&self, call: &Call<'_, '_>) -> Result<Value, Failure> {
        let response = call.send()?;
        let body = response.json();
        if !response.is_success() || body["success"] == false {
            return Err(self.refusal(call, &response, &body));
        }
        // An answer that is no envelope is none of Cloudflare's API.
        if body.is_object() {
            Ok(body)
        } else {
            call.read::<Value>(&response).and(Err(misunderstood("go on")))
        }
    }

    /// Cloudflare says in `errors[0].code` what the HTTP status does not.
    fn refusal(&self, call: &Call<'_, '_>, response: &Response, body: &Value) -> Failure {
        let failure = call.refusal(response);
        let kind = match body["errors"][0]["code"].as_u64() {
            // Not verified: the numbers are general knowledge.
            Some(1000 | 6003 | 6111 | 9109 | 10000 | 10001) => FailureKind::Authentication,
            Some(7003) if response.status >= 400 => FailureKind::NotFound,
            Some(1406 | 7502 | 8_000_002 | 10004 | 10014 | 81053 | 81054 | 81057 | 81058) => {
                FailureKind::Conflict
            }
            _ => failure.kind.clone(),
        };
        let failure = Failure { kind, ..failure };
        match failure.kind {
            FailureKind::Authentication => {
                let next = format!(
                    "check that the token is right and has the permission `{}` for this zone or account",
                    self.permission
                );
                failure.with_next_step(next)
            }
            _ => failure,
        }
    }
}

fn misunderstood(purpose: &str) -> Failure {
    Failure::internal(format!(
        "Cloudflare answered the request to {purpose} in a way this plugin does not understand"
    ))
}

/// A name or id as a path segment. State is kept in files that people edit, and an empty or odd name would be
/// another resource.
pub fn segment(name: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if (1..=255).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.') {
        Ok(name)
    } else {
        Err(Failure::internal(format!("`{name}` is not a name or id of Cloudflare")))
    }
}

/// A text member; empty without one.
pub fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}
