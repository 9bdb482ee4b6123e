//! Porkbun's API v3: keys in the body, `status` in the answer, and requests that may be sent again.
//!
//! Everything is a `POST`. What changes something carries an `Idempotency-Key`, under which Porkbun does it once
//! however often it is sent within a day.

use std::time::Duration;

use serde_json::{Map, Value, json};
use ss_sdk::http::{Client, Response};
use ss_sdk::{Context, Failure, FailureKind, digest};

/// Where the API is.
const BASE: &str = "https://api.porkbun.com/api/json/v3";

/// The second key, beside the primary one.
const SECRET_KEY: &str = "providers:porkbun/secret_api_key";

/// How often a request is sent that was refused for now or whose outcome is unknown.
const ATTEMPTS: u32 = 6;

/// The longest pause that Porkbun may ask for before the failure goes to the engine instead.
const LONGEST_PAUSE: u64 = 60;

/// The pause between two looks whether a domain can be had.
const CHECK_PAUSE: u64 = 10;

/// Porkbun's API with the keys of this run.
pub struct Api<'c, 'h> {
    context: &'c Context<'h>,
    client: Client<'h>,
    keys: Map<String, Value>,
}

impl<'c, 'h> Api<'c, 'h> {
    /// The API. `options_path` is the block to blame when Porkbun finds a request invalid.
    pub fn new(context: &'c Context<'h>, options_path: &str) -> Result<Self, Failure> {
        let secret = context.vault().get(SECRET_KEY)?.ok_or_else(|| {
            Failure::authentication("Porkbun needs two keys, and there is no secret API key")
                .with_next_step("`ss vault set PORKBUN_SECRET_KEY` stores it")
        })?;
        let mut keys = Map::new();
        keys.insert("apikey".into(), json!(context.api_key()?));
        keys.insert("secretapikey".into(), json!(secret));
        let client = Client::new(context.host, "Porkbun", BASE);
        let client = if options_path.is_empty() { client } else { client.blaming(options_path) };
        Ok(Self { context, client, keys })
    }

    /// Reads something.
    pub fn read(&self, path: &str, body: Value, purpose: &'static str) -> Result<Value, Failure> {
        self.send(path, body, None, purpose).map_err(|failure| match failure.kind {
            // A read that was lost changed nothing.
            FailureKind::OutcomeUnknown => Failure { kind: FailureKind::Unavailable, ..failure },
            _ => failure,
        })
    }

    /// Changes something. The same change of the same service is done once, however often it is sent.
    pub fn change(&self, path: &str, body: Value, purpose: &'static str) -> Result<Value, Failure> {
        let key = format!("{}-{}", self.context.idempotency_key, digest([path, &body.to_string()]));
        self.send(path, body, Some(&key), purpose)
    }

    /// Deletes a record, which may be gone already.
    pub fn delete_record(&self, domain: &str, id: &str) -> Result<(), Failure> {
        let path = format!("/dns/delete/{}/{}", segment(domain)?, segment(id)?);
        match self.change(&path, json!({}), "delete the DNS record") {
            Err(failure) if failure.kind != FailureKind::NotFound => Err(failure),
            _ => Ok(()),
        }
    }

    fn send(
        &self,
        path: &str,
        body: Value,
        idempotency_key: Option<&str>,
        purpose: &'static str,
    ) -> Result<Value, Failure> {
        let mut body = body;
        if let Some(members) = body.as_object_mut() {
            members.extend(self.keys.clone());
        }
        let client = match idempotency_key {
            Some(key) => self.client.clone().with_header("idempotency-key", key),
            None => self.client.clone(),
        };
        let call = client.post(path).json(&body).to(purpose);
        let mut attempt = 0;
        loop {
            attempt += 1;
            let response = call.send();
            let failure = match response {
                Ok(response) => {
                    let answer = response.json();
                    if response.is_success() && answer["status"] == "SUCCESS" {
                        return Ok(answer);
                    }
                    if response.is_success() && !answer["status"].is_string() {
                        // An answer that is none of Porkbun's API.
                        Failure::outcome_unknown(format!(
                            "Porkbun answered the request to {purpose} in a way this plugin does not understand"
                        ))
                    } else {
                        refusal(call.refusal(&response), &response, &answer)
                    }
                }
                Err(failure) => failure,
            };
            let again = match failure.kind {
                FailureKind::RateLimited(seconds) => {
                    Some(seconds.unwrap_or(CHECK_PAUSE)).filter(|seconds| *seconds <= LONGEST_PAUSE)
                }
                FailureKind::Unavailable => Some(1 << (attempt - 1).min(4)),
                // Nothing is done twice: it only reads, or it carries its key.
                FailureKind::OutcomeUnknown => Some(1 << (attempt - 1).min(4)),
                _ => None,
            };
            let Some(pause) = again.filter(|_| attempt < ATTEMPTS) else { return Err(failure) };
            self.context.warn(format!("{failure}; trying again in {pause} s"));
            if !self.context.sleep(Duration::from_secs(pause.max(1))) {
                return Err(failure);
            }
        }
    }
}

/// Porkbun says in `code` what the HTTP status does not, which may be 200 or 400 for anything.
fn refusal(failure: Failure, response: &Response, answer: &Value) -> Failure {
    let next = |failure: Failure, kind: FailureKind, step: &str| {
        let failure = Failure { kind, ..failure };
        if step.is_empty() { failure } else { failure.with_next_step(step) }
    };
    let code = text(answer, "code");
    match code {
        "INVALID_API_KEYS_001" | "API_KEY_REQUIRED" => next(
            failure,
            FailureKind::Authentication,
            "check both keys: `providers:porkbun.api_key` and `PORKBUN_SECRET_KEY`",
        ),
        "RATE_LIMIT_EXCEEDED" => {
            let seconds = answer["ttlRemaining"].as_u64().or_else(|| response.retry_after());
            next(failure, FailureKind::RateLimited(seconds), "")
        }
        "IDEMPOTENCY_KEY_IN_USE" => next(failure, FailureKind::Unavailable, ""),
        "DOMAIN_NOT_AVAILABLE" | "IDEMPOTENCY_KEY_MISMATCH" => next(failure, FailureKind::Conflict, ""),
        "INSUFFICIENT_FUNDS" => {
            next(failure, FailureKind::Quota, "add credit to the account; registrations are paid from it")
        }
        "INVALID_RECORD_ID" => next(failure, FailureKind::NotFound, ""),
        _ if response.status == 403 => next(
            failure,
            FailureKind::Authentication,
            "check that the keys may do this; an account may also ask for a two-factor code, which `ss` cannot give",
        ),
        _ => failure,
    }
}

/// A domain or an id as a path segment.
pub fn segment(name: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    if (1..=253).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.') {
        Ok(name)
    } else {
        Err(Failure::internal(format!("`{name}` is not a domain or id of Porkbun")))
    }
}

/// A text member; empty without one.
pub fn text<'v>(value: &'v Value, member: &str) -> &'v str {
    value[member].as_str().unwrap_or_default()
}
