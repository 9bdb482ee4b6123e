//! Fly's sign-in: a session that any program may open, agreed to in the browser.
//!
//! `POST /api/v1/cli_sessions` opens it and names a page. If the session uses PKCE the page hands a code to the
//! loopback address, and `POST /api/v1/cli_sessions/{id}/redeem` turns it into a token; else
//! `GET /api/v1/cli_sessions/{id}` is asked until it has one. The form is that of Fly's own command line
//! (August 2026).

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, StatusCode};
use serde_json::{Value, json};
use ss_capability_http::{ChosenBy, Client, Limits};
use ss_secret::Secret;
use url::Url;

use crate::SignInError;
use crate::callback::{Callback, Said};
use crate::pkce::Proof;

/// Where Fly's API is.
const API: &str = "https://api.fly.io";
/// Whose pages may be opened.
const PAGES: &str = "fly.io";
/// How long a person has, in minutes.
const PATIENCE: u64 = 15;
/// Time between two questions whether there is a token.
const POLL: Duration = Duration::from_secs(1);

/// Fly's sign-in.
#[derive(Debug)]
pub struct Fly {
    client: Client,
    api: Url,
    /// Somebody else stands in for Fly, on this machine's operator's word.
    stand_in: bool,
    patience: Duration,
    poll: Duration,
}

/// A sign-in that waits for a person.
pub struct FlySession {
    fly: Fly,
    id: String,
    /// The page where the person agrees.
    pub page: Url,
    proof: Proof,
    /// None if the session does not use PKCE.
    callback: Option<Callback>,
}

impl Fly {
    /// Signs in to Fly itself, or to what stands in for it.
    pub fn new(client: Client, stand_in: Option<Url>) -> Self {
        let patience = Duration::from_secs(PATIENCE * 60);
        let is_stand_in = stand_in.is_some();
        #[expect(clippy::expect_used, reason = "a constant that a test parses")]
        let api = stand_in.unwrap_or_else(|| API.parse().expect("the address of Fly's API"));
        Self { client, api, stand_in: is_stand_in, patience, poll: POLL }
    }

    /// With other times, for tests.
    #[must_use]
    pub fn with_times(mut self, patience: Duration, poll: Duration) -> Self {
        (self.patience, self.poll) = (patience, poll);
        self
    }

    /// Opens a session; `machine` is what Fly calls it in its list.
    ///
    /// # Errors
    /// If Fly cannot be reached or gives no session that can be used.
    pub async fn begin(self, machine: &str) -> Result<FlySession, SignInError> {
        let proof = Proof::new().map_err(SignInError::Machine)?;
        let callback = Callback::open().await.map_err(SignInError::Machine)?;
        let body = json!({
            "name": machine,
            "signup": false,
            "code_challenge": proof.challenge,
            "code_challenge_method": "S256",
            "state": proof.state,
            "redirect_port": callback.port(),
        });
        let (status, answer) = self.send(Method::POST, "api/v1/cli_sessions", Some(&body)).await?;
        if !status.is_success() {
            return Err(self.refused(status, &answer));
        }
        let id = answer["id"].as_str().filter(|id| is_id(id)).ok_or_else(|| self.answer("it has no id"))?;
        let page = answer["auth_url"].as_str().and_then(|page| Url::parse(page).ok());
        let page = page
            .filter(|page| self.may_open(page))
            .ok_or_else(|| self.answer("its page is not one of Fly"))?;
        let uses_pkce = answer["pkce"].as_bool().unwrap_or(false);
        Ok(FlySession { id: id.to_owned(), page, proof, callback: uses_pkce.then_some(callback), fly: self })
    }

    /// A page that is opened in a person's browser must be Fly's own: `https`, on its domain.
    fn may_open(&self, page: &Url) -> bool {
        if self.stand_in && page.origin() == self.api.origin() {
            return true;
        }
        let host = page.host_str().unwrap_or_default();
        let ours = host == PAGES || host.strip_suffix(PAGES).is_some_and(|rest| rest.ends_with('.'));
        page.scheme() == "https" && ours && page.username().is_empty() && page.port().is_none()
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<(StatusCode, Value), SignInError> {
        let url = self.api.join(path).map_err(|error| self.answer(&error.to_string()))?;
        let mut request = Request::new(body.map(|body| body.to_string().into()).unwrap_or_default());
        *request.method_mut() = method;
        *request.uri_mut() = url.as_str().parse().map_err(|_| self.answer("its address cannot be asked"))?;
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let chosen_by = if self.stand_in { ChosenBy::Operator } else { ChosenBy::Stranger };
        let limits = Limits { response_body: 64 * 1024, ..Limits::default() };
        let sent = self.client.direct(request, chosen_by, &limits).await;
        let answer = sent.map_err(|source| SignInError::Unreachable { host: self.host(), source })?;
        Ok((answer.status(), serde_json::from_slice(answer.body()).unwrap_or(Value::Null)))
    }

    fn host(&self) -> String {
        self.api.host_str().unwrap_or_default().to_owned()
    }

    fn answer(&self, reason: &str) -> SignInError {
        SignInError::Answer { host: self.host(), reason: reason.to_owned() }
    }

    fn refused(&self, status: StatusCode, answer: &Value) -> SignInError {
        let reason = answer["error"].as_str().map(printable);
        SignInError::Refused { host: self.host(), status: status.as_u16(), reason }
    }
}

impl FlySession {
    /// Waits for the person, and returns the token.
    ///
    /// # Errors
    /// If nobody agrees in time, or Fly cannot be asked.
    pub async fn token(self) -> Result<Secret, SignInError> {
        let patience = self.fly.patience;
        let waiting = async {
            match &self.callback {
                Some(callback) => self.redeem(callback).await,
                None => self.ask().await,
            }
        };
        let late = SignInError::Late { minutes: patience.as_secs() / 60 };
        tokio::time::timeout(patience, waiting).await.unwrap_or(Err(late))
    }

    async fn redeem(&self, callback: &Callback) -> Result<Secret, SignInError> {
        let origin = self.page.origin().ascii_serialization();
        let origin = HeaderValue::from_str(&origin).map_err(|_| self.fly.answer("its page has no origin"))?;
        let code = match callback.answer(&self.proof.state, origin).await {
            Said::Code(code) => code,
            Said::Declined(reason) => {
                return Err(SignInError::Declined { reason: reason.as_deref().map(printable) });
            }
        };
        let body = json!({
            "code": code.expose_str().unwrap_or_default(),
            "code_verifier": self.proof.verifier.expose_str().unwrap_or_default(),
        });
        let path = format!("api/v1/cli_sessions/{}/redeem", self.id);
        let (status, answer) = self.fly.send(Method::POST, &path, Some(&body)).await?;
        if !status.is_success() {
            return Err(self.fly.refused(status, &answer));
        }
        token(&answer).ok_or_else(|| self.fly.answer("it has no token"))
    }

    /// Fly answers with an error while nobody has agreed yet, and with a token afterwards.
    async fn ask(&self) -> Result<Secret, SignInError> {
        let path = format!("api/v1/cli_sessions/{}", self.id);
        loop {
            let (status, answer) = self.fly.send(Method::GET, &path, None).await?;
            if let Some(token) = token(&answer).filter(|_| status.is_success()) {
                return Ok(token);
            }
            if status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN {
                return Err(self.fly.refused(status, &answer));
            }
            tokio::time::sleep(self.fly.poll).await;
        }
    }
}

fn token(answer: &Value) -> Option<Secret> {
    answer["access_token"].as_str().filter(|token| !token.is_empty()).map(Secret::new)
}

/// An id becomes part of a path.
fn is_id(id: &str) -> bool {
    !id.is_empty() && id.len() <= 128 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
}

/// Text from outside, for a terminal.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_pages_of_fly_are_opened() {
        let fly = Fly::new(Client::new(), None);
        let may = |page: &str| Url::parse(page).is_ok_and(|page| fly.may_open(&page));
        assert!(may("https://fly.io/app/auth/cli/abc") && may("https://auth.fly.io/x"));
        for page in [
            "http://fly.io/app/auth",
            "https://evilfly.io/",
            "https://fly.io.evil.com/",
            "https://fly.io@evil.com/",
            "https://user@fly.io/",
            "https://fly.io:8443/",
            "file:///etc/passwd",
            "javascript:alert(1)",
        ] {
            assert!(!may(page), "{page}");
        }
    }

    #[test]
    fn an_id_stays_one_segment_of_a_path() {
        assert!(is_id("f3b2-9_a"));
        for id in ["", "../tokens", "a/b", "a?b", "a%2fb"] {
            assert!(!is_id(id), "{id}");
        }
    }
}
