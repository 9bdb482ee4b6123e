//! Signed requests to AWS: keys, where a service is reached, and patience with throttling.
//!
//! Everything that this plugin writes is idempotent (replacements, names that are taken once, references
//! that the caller chose), so that a request without a usable answer is simply sent again.

use std::cell::RefCell;
use std::time::Duration;

use ss_sdk::http::{Method, Request, Response, TransportError, percent_encode};
use ss_sdk::{Context, Failure, Host, rfc3339};

use crate::refusal::Refusal;
use crate::signature::{Scope, Signable, sha256_base64, sha256_hex};

/// How often a request that AWS had no time for is sent again.
const RETRIES: u32 = 6;
/// The longest pause between two of them, in seconds.
const LONGEST_PAUSE: u64 = 20;
/// The longest pause that a `Retry-After` may ask for.
const LONGEST_RETRY_AFTER: u64 = 60;

/// AWS with the keys of this run.
pub struct Aws<'c, 'h> {
    pub context: &'c Context<'h>,
    /// The block of the configuration to blame when AWS finds a request invalid.
    pub blame: String,
    access_key: String,
    secret_key: String,
    session: Option<Session>,
    /// The signing key made last, and its scope without the time of day.
    signing_key: RefCell<Option<(String, String)>>,
}

/// A session token: as it is sent, and as it is hashed.
struct Session {
    sealed: String,
    revealed: String,
}

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Name in signatures: `s3` or `cloudfront`.
    pub service: &'static str,
    /// The service's name for people.
    pub shown: &'static str,
    /// Region in signatures.
    pub region: String,
    /// Host.
    pub host: String,
    /// What stands before every path, percent-encoded and without a `/` at its end.
    pub base: String,
}

impl<'c, 'h> Aws<'c, 'h> {
    /// AWS with the keys that the host gives.
    pub fn new(context: &'c Context<'h>, blame: &str) -> Result<Self, Failure> {
        let access_key = context.api_key()?.to_owned();
        let vault = context.vault();
        let secret_key = vault.get("providers:aws/secret_access_key")?.ok_or_else(|| {
            Failure::authentication("there is no secret access key for `aws`").with_next_step(
                "run `ss vault set AWS_SECRET_ACCESS_KEY`, or set the environment variables AWS_ACCESS_KEY_ID and \
                 AWS_SECRET_ACCESS_KEY together",
            )
        })?;
        let session = match vault.get("providers:aws/session_token")? {
            Some(sealed) => Some(Session { revealed: context.secrets().reveal(&sealed)?, sealed }),
            None => None,
        };
        let signing_key = RefCell::default();
        Ok(Self { context, blame: blame.to_owned(), access_key, secret_key, session, signing_key })
    }

    /// A request in the making; `path` is percent-encoded and starts with `/`.
    pub fn call<'a>(
        &'a self,
        method: Method,
        place: &Place,
        path: &str,
        purpose: &'static str,
    ) -> Call<'a, 'c, 'h> {
        Call {
            aws: self,
            method,
            path: format!("{}{path}", place.base),
            place: place.clone(),
            query: Vec::new(),
            headers: Vec::new(),
            body: Vec::new(),
            purpose,
        }
    }

    fn signing_key(&self, scope: &Scope) -> Result<String, Failure> {
        let credential = scope.credential();
        if let Some((of, key)) = &*self.signing_key.borrow()
            && *of == credential
        {
            return Ok(key.clone());
        }
        let key = scope.key(&self.context.secrets(), &self.secret_key)?;
        *self.signing_key.borrow_mut() = Some((credential, key.clone()));
        Ok(key)
    }
}

/// One request in the making.
pub struct Call<'a, 'c, 'h> {
    pub aws: &'a Aws<'c, 'h>,
    pub method: Method,
    pub place: Place,
    /// What the request is for, as a verb phrase for messages: `create the bucket`.
    pub purpose: &'static str,
    path: String,
    query: Vec<(String, String)>,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Call<'_, '_, '_> {
    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds a header, which is signed. The name is lower case.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, kind: &'static str, body: Vec<u8>) -> Self {
        self.body = body;
        self.header("content-type", kind)
    }

    /// Sends it until it has an answer that stands: a success, or a refusal for the caller to judge.
    ///
    /// # Errors
    ///
    /// No answer came, or AWS kept asking for patience.
    pub fn send(&self) -> Result<Result<Response, Refusal>, Failure> {
        let host = self.aws.context.host;
        let mut attempt = 0;
        loop {
            let result = Host::send(host, &self.signed()?);
            let refusal = match &result {
                Ok(response) if response.is_success() => None,
                Ok(response) => Some(Refusal::read(response)),
                Err(_) => None,
            };
            let Some(pause) = self.pause(&result, refusal.as_ref(), attempt) else {
                let response = result.map_err(|error| self.no_answer(error))?;
                return Ok(match refusal {
                    Some(refusal) => Err(refusal),
                    None => Ok(response),
                });
            };
            Host::waiting(host, &format!("{} asks for patience, waiting {pause} s", self.place.shown));
            if !Host::sleep(host, Duration::from_secs(pause)) {
                return Err(Failure::unavailable(format!("stopped while waiting to {}", self.purpose)));
            }
            attempt += 1;
        }
    }

    /// Sends it and hands back the answer if it is a success.
    ///
    /// # Errors
    ///
    /// As [`Call::send`], or AWS refused.
    pub fn success(&self) -> Result<Response, Failure> {
        self.send()?.map_err(|refusal| refusal.failure(self))
    }

    /// Sends it; none if AWS refused with one of these codes.
    ///
    /// # Errors
    ///
    /// As [`Call::success`].
    pub fn unless(&self, codes: &[&str]) -> Result<Option<Response>, Failure> {
        match self.send()? {
            Ok(response) => Ok(Some(response)),
            Err(refusal) if refusal.is(codes) => Ok(None),
            Err(refusal) => Err(refusal.failure(self)),
        }
    }

    /// Seconds to wait before it is sent again; none if the result stands. The gate has repeated reads that
    /// met 429 or 502 to 504, and everything that met 429, before the result came here.
    fn pause(
        &self,
        result: &Result<Response, TransportError>,
        refusal: Option<&Refusal>,
        attempt: u32,
    ) -> Option<u64> {
        let safe = self.method.is_safe();
        let again = match (result, refusal) {
            (Ok(Response { status: 429, .. }), _) => false,
            (Ok(Response { status: 502..=504, .. }), _) => !safe,
            (Ok(response), refusal) => response.status == 500 || refusal.is_some_and(Refusal::is_throttled),
            (Err(TransportError::Lost(_)), _) => !safe,
            (Err(_), _) => false,
        };
        let asked = result.as_ref().ok().and_then(Response::retry_after);
        let pause = asked.unwrap_or_else(|| (1 << attempt.min(6)).min(LONGEST_PAUSE));
        (again && attempt < RETRIES && pause <= LONGEST_RETRY_AFTER).then_some(pause)
    }

    /// The request with its signature, which holds for some minutes.
    fn signed(&self) -> Result<Request, Failure> {
        let Place { service, region, host, .. } = &self.place;
        let now = rfc3339(Host::wall_clock(self.aws.context.host));
        let scope = Scope { time: now.replace(['-', ':'], ""), region: region.clone(), service };
        let payload = sha256_hex(&self.body);
        let checksum = sha256_base64(&self.body);
        let mut headers: Vec<(&str, &str)> =
            self.headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        headers.extend([("x-amz-content-sha256", payload.as_str()), ("x-amz-date", &scope.time)]);
        // Making a bucket is the one request with a body for which S3 names no checksum.
        if *service == "s3" && !self.body.is_empty() && !self.query.is_empty() {
            headers.extend([
                ("x-amz-checksum-sha256", checksum.as_str()),
                ("x-amz-sdk-checksum-algorithm", "SHA256"),
            ]);
        }
        let mut signed = headers.clone();
        signed.push(("host", host));
        if let Some(session) = &self.aws.session {
            headers.push((TOKEN_HEADER, &session.sealed));
            signed.push((TOKEN_HEADER, &session.revealed));
        }
        let signable = Signable {
            method: self.method.as_str(),
            path: &self.path,
            query: &self.query,
            headers: signed,
            payload: &payload,
        };
        let key = self.aws.signing_key(&scope)?;
        let secrets = self.aws.context.secrets();
        let authorization = signable.authorization(&secrets, &scope, &self.aws.access_key, &key)?;
        headers.push(("authorization", &authorization));
        headers.push(("user-agent", USER_AGENT));
        Ok(Request {
            method: self.method,
            url: format!("https://{host}{}{}", self.path, self.sent_query()),
            headers: headers.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            body: if self.body.is_empty() { None } else { Some(self.body.clone()) },
        })
    }

    fn sent_query(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.query {
            text.push(if text.is_empty() { '?' } else { '&' });
            text.push_str(&percent_encode(name));
            if !value.is_empty() {
                text.push('=');
                text.push_str(&percent_encode(value));
            }
        }
        text
    }

    fn no_answer(&self, error: TransportError) -> Failure {
        let (shown, purpose) = (self.place.shown, self.purpose);
        match error {
            TransportError::Denied(why) => {
                Failure::internal(format!("the request to {purpose} was not allowed: {why}"))
            }
            TransportError::Lost(why) if !self.method.is_safe() => Failure::outcome_unknown(format!(
                "the request to {purpose} was sent to {shown}, and no answer came: {why}"
            )),
            TransportError::NotSent(why) | TransportError::Lost(why) => {
                Failure::unavailable(format!("{shown} could not be reached to {purpose}: {why}"))
            }
        }
    }
}

/// Carries a session token.
const TOKEN_HEADER: &str = "x-amz-security-token";

/// What requests go as.
const USER_AGENT: &str = concat!("starsystem/", env!("CARGO_PKG_VERSION"));
