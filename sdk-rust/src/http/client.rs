//! A client for JSON APIs that turns answers into values and refusals into typed failures.

use std::cell::Cell;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{Method, Request, Response, TransportError, percent_encode};
use crate::{Failure, FailureKind, Host, HostRef};

/// How often an unsafe request that met 429 is sent again. The gate repeats safe requests by itself.
const RATE_LIMIT_RETRIES: u32 = 5;

/// The longest pause that a `Retry-After` may ask for before the failure goes to the engine instead.
const LONGEST_RETRY_AFTER: u64 = 60;

/// Longest part of a provider's message that is quoted.
const LONGEST_QUOTE: usize = 300;

/// A client of one API.
#[derive(Clone)]
pub struct Client<'h> {
    host: HostRef<'h>,
    provider: &'static str,
    base: String,
    headers: Vec<(String, String)>,
    alternative: Option<(String, String)>,
    alternative_works: Cell<bool>,
    blame: Option<String>,
}

impl<'h> Client<'h> {
    /// A client for the API of `provider` (its name for people) at `base`, such as
    /// `https://console.neon.tech/api/v2`.
    pub fn new(host: HostRef<'h>, provider: &'static str, base: impl Into<String>) -> Self {
        let agent = concat!("starsystem/", env!("CARGO_PKG_VERSION"));
        Self {
            host,
            provider,
            base: base.into(),
            headers: vec![("accept".into(), "application/json".into()), ("user-agent".into(), agent.into())],
            alternative: None,
            alternative_works: Cell::new(false),
            blame: None,
        }
    }

    /// Sets a header of every request, such as `authorization`. The name is lower case.
    #[must_use]
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.retain(|(known, _)| known != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    /// A second value of a header, tried once when the provider answers 401 and kept if that helps: for
    /// providers whose keys come in two forms that a sealed token does not tell apart.
    #[must_use]
    pub fn with_alternative(mut self, name: &str, value: impl Into<String>) -> Self {
        self.alternative = Some((name.to_owned(), value.into()));
        self
    }

    /// The path of the configuration to blame when the provider finds a request invalid (400, 422).
    #[must_use]
    pub fn blaming(mut self, path: impl Into<String>) -> Self {
        self.blame = Some(path.into());
        self
    }

    /// A read.
    pub fn get(&self, path: &str) -> Call<'_, 'h> {
        self.call(Method::Get, path)
    }

    /// A creation or an action.
    pub fn post(&self, path: &str) -> Call<'_, 'h> {
        self.call(Method::Post, path)
    }

    /// A replacement.
    pub fn put(&self, path: &str) -> Call<'_, 'h> {
        self.call(Method::Put, path)
    }

    /// A partial change.
    pub fn patch(&self, path: &str) -> Call<'_, 'h> {
        self.call(Method::Patch, path)
    }

    /// A removal.
    pub fn delete(&self, path: &str) -> Call<'_, 'h> {
        self.call(Method::Delete, path)
    }

    fn call(&self, method: Method, path: &str) -> Call<'_, 'h> {
        Call {
            client: self,
            request: Request {
                method,
                url: format!("{}{path}", self.base),
                headers: self.headers.clone(),
                body: None,
            },
            purpose: "",
        }
    }
}

/// One request in the making.
pub struct Call<'c, 'h> {
    client: &'c Client<'h>,
    request: Request,
    purpose: &'static str,
}

impl Call<'_, '_> {
    /// What the request is for, as a verb phrase for messages: `create the project`.
    #[must_use]
    pub fn to(mut self, purpose: &'static str) -> Self {
        self.purpose = purpose;
        self
    }

    /// Adds a query parameter.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let separator = if self.request.url.contains('?') { '&' } else { '?' };
        self.request.url.push(separator);
        self.request.url.push_str(name);
        self.request.url.push('=');
        self.request.url.push_str(&percent_encode(value));
        self
    }

    /// Adds a query parameter if there is a value.
    #[must_use]
    pub fn query_opt(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.query(name, value),
            None => self,
        }
    }

    /// Sets the body.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.request.body = Some(body.to_string().into_bytes());
        self.request.headers.push(("content-type".into(), "application/json".into()));
        self
    }

    /// Sets the body to the JSON of a type of the plugin's.
    ///
    /// ```
    /// # use ss_sdk::{http::Client, testing::{FakeHost, json}};
    /// #[derive(serde::Serialize)]
    /// struct NewWidget<'a> {
    ///     name: &'a str,
    /// }
    /// # let host = FakeHost::with_cloud(|request| {
    /// #     assert_eq!(request.json()["name"], "first");
    /// #     Ok(json(201, &request.json()))
    /// # });
    /// # let client = Client::new(&host, "Acme", "https://api.acme.example");
    /// client.post("/widgets").body(&NewWidget { name: "first" }).success()?;
    /// # Ok::<(), ss_sdk::Failure>(())
    /// ```
    #[must_use]
    pub fn body(self, body: &impl Serialize) -> Self {
        // A type that has no JSON (a map with keys that are no text) is sent as null, which providers refuse.
        self.json(&serde_json::to_value(body).unwrap_or_default())
    }

    /// Sends it and hands back whatever the provider answered.
    ///
    /// An unsafe request that meets 429 has changed nothing: it is sent again after `Retry-After`.
    ///
    /// # Errors
    ///
    /// No answer came: unavailable, or outcome unknown if the request may have changed something.
    pub fn send(&self) -> Result<Response, Failure> {
        let mut attempt = 0;
        loop {
            let response = self.send_authorized().map_err(|error| self.no_answer(error))?;
            let pause = response.retry_after().unwrap_or(1 << attempt);
            let again = response.status == 429
                && !self.request.method.is_safe()
                && attempt < RATE_LIMIT_RETRIES
                && pause <= LONGEST_RETRY_AFTER;
            if !again || !Host::sleep(self.client.host, Duration::from_secs(pause)) {
                return Ok(response);
            }
            attempt += 1;
        }
    }

    /// A 401 changed nothing, so that the request may be sent with the other form of the key.
    fn send_authorized(&self) -> Result<Response, TransportError> {
        let client = self.client;
        let Some((name, value)) = &client.alternative else {
            return Host::send(client.host, &self.request);
        };
        let with_alternative = || {
            let mut request = self.request.clone();
            request.headers.retain(|(known, _)| known != name);
            request.headers.push((name.clone(), value.clone()));
            Host::send(client.host, &request)
        };
        if client.alternative_works.get() {
            return with_alternative();
        }
        let response = Host::send(client.host, &self.request)?;
        if response.status != 401 {
            return Ok(response);
        }
        let second = with_alternative()?;
        client.alternative_works.set(second.status != 401);
        Ok(second)
    }

    /// Sends it and hands back the answer if it is a success.
    ///
    /// # Errors
    ///
    /// No answer came, or the provider refused: see [`Call::refusal`].
    pub fn success(&self) -> Result<Response, Failure> {
        let response = self.send()?;
        if response.is_success() { Ok(response) } else { Err(self.refusal(&response)) }
    }

    /// Sends it and reads the answer.
    ///
    /// # Errors
    ///
    /// As [`Call::success`]; an answer of another shape is internal, or outcome unknown if the request may
    /// have changed something.
    pub fn fetch<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        self.read(&self.success()?)
    }

    /// Sends it and reads the answer; none if the provider answered 404.
    ///
    /// # Errors
    ///
    /// As [`Call::fetch`].
    pub fn fetch_optional<T: DeserializeOwned>(&self) -> Result<Option<T>, Failure> {
        let response = self.send()?;
        match response.status {
            404 => Ok(None),
            _ if response.is_success() => self.read(&response).map(Some),
            _ => Err(self.refusal(&response)),
        }
    }

    /// Reads an answer to this request.
    ///
    /// # Errors
    ///
    /// As [`Call::fetch`].
    pub fn read<T: DeserializeOwned>(&self, response: &Response) -> Result<T, Failure> {
        response.parse().map_err(|error| {
            let message = format!(
                "{} answered the request to {} in a way this plugin does not understand: {error}",
                self.client.provider,
                self.purpose()
            );
            if self.request.method.is_safe() {
                Failure::internal(message)
            } else {
                Failure::outcome_unknown(message)
            }
        })
    }

    /// The failure that a refusal means.
    ///
    /// 400 and 422 blame the configuration if the client [knows](Client::blaming) which; 401 and 403 are
    /// authentication; 402 quota; 404 and 410 not found; 409, 412 and 423 conflict; 429 rate limited; 5xx
    /// unavailable, or outcome unknown if the request may have changed something.
    pub fn refusal(&self, response: &Response) -> Failure {
        let kind = match (response.status, &self.client.blame) {
            (400 | 422, Some(path)) => FailureKind::InvalidConfiguration(path.clone()),
            (401 | 403, _) => FailureKind::Authentication,
            (402, _) => FailureKind::Quota,
            (404 | 410, _) => FailureKind::NotFound,
            (409 | 412 | 423, _) => FailureKind::Conflict,
            (429, _) => FailureKind::RateLimited(response.retry_after()),
            (500.., _) if self.request.method.is_safe() => FailureKind::Unavailable,
            (500.., _) => FailureKind::OutcomeUnknown,
            _ => FailureKind::Internal,
        };
        let said = explanation(response).map_or_else(String::new, |text| format!(": {text}"));
        let provider = self.client.provider;
        let message = format!("{provider} refused to {}{said} (HTTP {})", self.purpose(), response.status);
        match kind {
            FailureKind::Authentication if response.status == 401 => Failure::new(kind, message)
                .with_next_step("check the key in the vault: it may be wrong, expired or revoked"),
            FailureKind::Authentication => Failure::new(kind, message)
                .with_next_step("check that the key may do this, and that the resource is in its account"),
            _ => Failure::new(kind, message),
        }
    }

    fn no_answer(&self, error: TransportError) -> Failure {
        let provider = self.client.provider;
        let purpose = self.purpose();
        match error {
            TransportError::Denied(why) => {
                Failure::internal(format!("the request to {purpose} was not allowed: {why}"))
            }
            TransportError::Lost(why) if !self.request.method.is_safe() => Failure::outcome_unknown(format!(
                "the request to {purpose} was sent to {provider}, and no answer came: {why}"
            )),
            TransportError::NotSent(why) | TransportError::Lost(why) => {
                Failure::unavailable(format!("{provider} could not be reached to {purpose}: {why}"))
            }
        }
    }

    fn purpose(&self) -> &str {
        if self.purpose.is_empty() { self.request.path() } else { self.purpose }
    }
}

/// What the provider says about a refusal, from the members that APIs use for it.
fn explanation(response: &Response) -> Option<String> {
    let body = response.json();
    let error = body.get("error");
    let first = body.pointer("/errors/0/message");
    let text = [body.get("message"), error, error.and_then(|error| error.get("message")), first]
        .into_iter()
        .flatten()
        .find_map(Value::as_str)?;
    let line = text.lines().next()?.trim().trim_end_matches('.');
    (!line.is_empty()).then(|| line.chars().take(LONGEST_QUOTE).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{FakeHost, json};
    use serde_json::json;

    fn client<'h>(host: &'h FakeHost<'_>) -> Client<'h> {
        Client::new(host, "Acme", "https://api.acme.test/v1").with_header("authorization", "Bearer x")
    }

    fn kind_of(status: u16, method: Method, blame: bool) -> FailureKind {
        let host = FakeHost::with_cloud(move |_| Ok(json(status, &json!({"message": "no"}))));
        let client = if blame { client(&host).blaming("target.region") } else { client(&host) };
        client.call(method, "/x").success().expect_err("refused").kind
    }

    #[test]
    fn refusals_have_kinds() {
        use FailureKind::{
            Authentication, Conflict, Internal, InvalidConfiguration, NotFound, OutcomeUnknown, Quota,
            Unavailable,
        };
        for (status, expected) in [
            (401, Authentication),
            (403, Authentication),
            (402, Quota),
            (404, NotFound),
            (410, NotFound),
            (409, Conflict),
            (412, Conflict),
            (423, Conflict),
            (429, FailureKind::RateLimited(None)),
            (500, Unavailable),
            (503, Unavailable),
            (400, Internal),
            (302, Internal),
        ] {
            assert_eq!(kind_of(status, Method::Get, false), expected, "{status}");
        }
        assert_eq!(kind_of(502, Method::Post, false), OutcomeUnknown);
        assert_eq!(kind_of(422, Method::Post, true), InvalidConfiguration("target.region".into()));
    }

    #[test]
    fn the_message_quotes_the_provider() {
        let host = FakeHost::with_cloud(|_| Ok(json(404, &json!({"error": "no such widget."}))));
        let failure = client(&host).get("/w").to("read the widget").success().expect_err("refused");
        assert_eq!(failure.message, "Acme refused to read the widget: no such widget (HTTP 404)");
    }

    #[test]
    fn the_first_of_several_errors_is_quoted() {
        let body =
            json!({"errors": [{"code": 7003, "message": "no route"}, {"message": "x"}], "message": null});
        let host = FakeHost::with_cloud(move |_| Ok(json(400, &body)));
        let failure = client(&host).get("/w").to("read").success().expect_err("refused");
        assert_eq!(failure.message, "Acme refused to read: no route (HTTP 400)");
    }

    #[test]
    fn a_lost_unsafe_request_has_an_unknown_outcome() {
        let host = FakeHost::with_cloud(|_| Err(TransportError::Lost("timed out".into())));
        let kind = |call: Call<'_, '_>| call.send().expect_err("lost").kind;
        assert_eq!(kind(client(&host).post("/w")), FailureKind::OutcomeUnknown);
        assert_eq!(kind(client(&host).get("/w")), FailureKind::Unavailable);
    }

    #[test]
    fn an_unsafe_request_waits_for_the_rate_limit() {
        let mut left = 2;
        let host = FakeHost::with_cloud(move |_| {
            left -= 1;
            let mut response = json(if left >= 0 { 429 } else { 201 }, &json!({}));
            response.headers.push(("retry-after".into(), "7".into()));
            Ok(response)
        });
        assert_eq!(client(&host).post("/w").send().expect("an answer").status, 201);
        assert_eq!(host.monotonic_clock(), Duration::from_secs(14));
        assert_eq!(host.requests().len(), 3);
    }

    #[test]
    fn a_distant_retry_after_goes_to_the_engine() {
        let host = FakeHost::with_cloud(|_| {
            let mut response = json(429, &json!({}));
            response.headers.push(("retry-after".into(), "3600".into()));
            Ok(response)
        });
        let failure = client(&host).post("/w").success().expect_err("limited");
        assert_eq!(failure.kind, FailureKind::RateLimited(Some(3600)));
        assert_eq!(host.requests().len(), 1);
    }

    #[test]
    fn the_other_form_of_a_key_is_tried_and_kept() {
        let host = FakeHost::with_cloud(|request| {
            let raw = request.header("authorization") == Some("FlyV1 x");
            Ok(json(if raw { 200 } else { 401 }, &json!({})))
        });
        let client = client(&host).with_alternative("authorization", "FlyV1 x");
        client.post("/w").success().expect("accepted");
        client.get("/w").success().expect("accepted");
        assert_eq!(host.requests().len(), 3);
        let wrong = Client::new(&host, "Acme", "https://a.test").with_alternative("authorization", "no");
        assert_eq!(wrong.get("/w").success().expect_err("refused").kind, FailureKind::Authentication);
    }

    #[test]
    fn requests_carry_query_headers_and_body() {
        let host = FakeHost::with_cloud(|_| Ok(json(200, &json!({}))));
        let body = json!({"a": 1});
        client(&host).post("/w").query("q", "a b&c").query("n", "1").json(&body).success().expect("sent");
        let request = host.requests().remove(0);
        assert_eq!(request.url, "https://api.acme.test/v1/w?q=a%20b%26c&n=1");
        assert_eq!(request.path(), "/v1/w");
        assert_eq!(request.query("q").as_deref(), Some("a b&c"));
        assert_eq!(request.header("authorization"), Some("Bearer x"));
        assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("starsystem/")));
        assert_eq!(request.json(), body);
    }
}
