//! The client side of the OCI distribution specification: manifests, blobs, and the token dance.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use serde::Deserialize;
use ss_capability_http::{Bytes, ChosenBy, Client};
use ss_secret::Secret;
use tokio::sync::Mutex;
use url::Url;

use super::MAX_MANIFEST;
use super::manifest::{INDEX, MANIFEST, Manifest};
use crate::Digest;
use crate::remote::location::is_loopback;
use crate::remote::{Patience, RemoteError, web};

/// Largest answer of a token server, in bytes.
const MAX_TOKEN: u64 = 64 * 1024;

/// Name and password at an OCI registry.
#[derive(Clone)]
pub struct Credentials {
    /// The name.
    pub username: String,
    /// The password or token.
    pub password: Secret,
}

impl Credentials {
    /// Those that `docker login` or `podman login` left for a host in this file (`config.json`,
    /// `auth.json`); none if it has none.
    pub fn from_docker_config(text: &str, host: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Config {
            auths: std::collections::BTreeMap<String, Auth>,
        }
        #[derive(Deserialize)]
        struct Auth {
            auth: Option<String>,
        }
        let config: Config = serde_json::from_str(text).ok()?;
        let encoded = config.auths.get(host)?.auth.as_ref()?;
        let decoded = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        Some(Self { username: username.to_owned(), password: Secret::new(password) })
    }

    fn basic(&self) -> Option<HeaderValue> {
        let password = self.password.expose_str()?;
        let value = STANDARD.encode(format!("{}:{password}", self.username));
        let mut header = HeaderValue::from_str(&format!("Basic {value}")).ok()?;
        header.set_sensitive(true);
        Some(header)
    }
}

/// A client of one OCI registry.
pub(super) struct OciClient {
    base: Option<Url>,
    client: Client,
    patience: Patience,
    credentials: Option<Credentials>,
    /// What the registry wants to see, once it has said so.
    authorization: Mutex<Option<HeaderValue>>,
}

/// A request that may have to be sent again with a token.
pub(super) struct Ask<'a> {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Bytes,
    /// What it is about, for messages.
    pub what: &'a str,
    pub limit: u64,
}

impl OciClient {
    pub(super) fn new(host: &str, client: Client, patience: Patience) -> Self {
        // As everywhere with OCI: this machine speaks plain HTTP, all others TLS.
        let base = Url::parse(&format!("http://{host}/"))
            .ok()
            .filter(is_loopback)
            .or_else(|| Url::parse(&format!("https://{host}/")).ok());
        let credentials = own_credentials(host);
        Self { base, client, patience, credentials, authorization: Mutex::new(None) }
    }

    /// The URL of something below `/v2/<repository>/`.
    pub(super) fn url(&self, repository: &str, rest: &str) -> Result<Url, RemoteError> {
        let path = format!("v2/{repository}/{rest}");
        self.base
            .as_ref()
            .and_then(|base| base.join(&path).ok())
            .ok_or_else(|| RemoteError::failed(&path, "its host is no host"))
    }

    /// The manifest of a tag or digest; none if there is none.
    pub(super) async fn manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<Manifest>, RemoteError> {
        let what = format!("{repository}:{reference}");
        let Some(bytes) = self.raw_manifest(repository, reference).await? else { return Ok(None) };
        serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|error| RemoteError::failed(&what, format_args!("it is no manifest: {error}")))
    }

    /// The bytes of a manifest or an index.
    pub(super) async fn raw_manifest(
        &self,
        repository: &str,
        reference: &str,
    ) -> Result<Option<Bytes>, RemoteError> {
        let what = format!("{repository}:{reference}");
        let mut headers = HeaderMap::new();
        headers.append(ACCEPT, HeaderValue::from_static(MANIFEST));
        headers.append(ACCEPT, HeaderValue::from_static(INDEX));
        let url = self.url(repository, &format!("manifests/{reference}"))?;
        let answer = self
            .send(Ask {
                method: Method::GET,
                url,
                headers,
                body: Bytes::new(),
                what: &what,
                limit: MAX_MANIFEST,
            })
            .await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.into_body())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(RemoteError::failed(&what, format_args!("the registry answers {status}"))),
        }
    }

    /// A blob; none if there is none. Registries send to where they keep them; no token goes along.
    pub(super) async fn blob(
        &self,
        repository: &str,
        digest: Digest,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, RemoteError> {
        let what = format!("{repository}@{digest}");
        let url = self.url(repository, &format!("blobs/{digest}"))?;
        let ask = Ask {
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            what: &what,
            limit,
        };
        let answer = self.send(ask).await?;
        match answer.status() {
            StatusCode::OK => Ok(Some(answer.into_body().into())),
            StatusCode::NOT_FOUND => Ok(None),
            status => Err(RemoteError::failed(&what, format_args!("the registry answers {status}"))),
        }
    }

    /// Sends a request; a second time, with a token, if the registry asks for one.
    pub(super) async fn send(&self, ask: Ask<'_>) -> Result<Response<Bytes>, RemoteError> {
        let known = self.authorization.lock().await.clone();
        let answer = self.send_with(&ask, known).await?;
        if answer.status() != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let challenge = answer.headers().get(WWW_AUTHENTICATE).and_then(|header| header.to_str().ok());
        let Some(header) = self.answer_challenge(challenge.unwrap_or_default(), &ask).await? else {
            return Err(RemoteError::failed(
                ask.what,
                "the registry wants a login; `docker login` or `podman login` stores one",
            ));
        };
        *self.authorization.lock().await = Some(header.clone());
        self.send_with(&ask, Some(header)).await
    }

    async fn send_with(
        &self,
        ask: &Ask<'_>,
        authorization: Option<HeaderValue>,
    ) -> Result<Response<Bytes>, RemoteError> {
        let mut headers = ask.headers.clone();
        if let Some(header) = authorization {
            headers.insert(AUTHORIZATION, header);
        }
        let url = ask.url.clone();
        if ask.method == Method::GET {
            return web::get(&self.client, url, headers, ask.what, ask.limit, self.patience).await;
        }
        let (method, body) = (ask.method.clone(), ask.body.clone());
        let by = ChosenBy::Operator;
        web::send(&self.client, method, &url, headers, body, by, ask.what, ask.limit, self.patience).await
    }

    /// What to answer to `WWW-Authenticate`; none if there is nothing to answer with.
    async fn answer_challenge(
        &self,
        challenge: &str,
        ask: &Ask<'_>,
    ) -> Result<Option<HeaderValue>, RemoteError> {
        let basic = self.credentials.as_ref().and_then(Credentials::basic);
        let Some(parameters) = strip_scheme(challenge, "Bearer") else {
            return Ok(basic.filter(|_| strip_scheme(challenge, "Basic").is_some()));
        };
        let failed = |reason: &str| RemoteError::failed(ask.what, reason);
        let realm = parameter(parameters, "realm").ok_or_else(|| failed("its login has no address"))?;
        let mut url = Url::parse(realm).map_err(|_| failed("its login has no address"))?;
        if url.scheme() != "https" && !is_loopback(&url) {
            return Err(failed("its login is not https"));
        }
        for name in ["service", "scope"] {
            if let Some(value) = parameter(parameters, name) {
                url.query_pairs_mut().append_pair(name, value);
            }
        }
        let mut headers = HeaderMap::new();
        if let Some(basic) = basic {
            headers.insert(AUTHORIZATION, basic);
        }
        let answer = web::get(&self.client, url, headers, ask.what, MAX_TOKEN, self.patience).await?;
        Ok(token(answer.body()))
    }
}

/// The token in the answer of a token server, as a header.
fn token(answer: &[u8]) -> Option<HeaderValue> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<Secret0>,
        access_token: Option<Secret0>,
    }
    #[derive(Deserialize)]
    struct Secret0(String);
    let answer: Answer = serde_json::from_slice(answer).ok()?;
    let Secret0(token) = answer.token.or(answer.access_token)?;
    let mut header = HeaderValue::from_str(&format!("Bearer {token}")).ok()?;
    header.set_sensitive(true);
    Some(header)
}

/// What follows an authentication scheme.
fn strip_scheme<'a>(challenge: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = challenge.split_once(' ')?;
    found.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// A parameter of a challenge: `name="value"`.
fn parameter<'a>(parameters: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = parameters;
    loop {
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = after.split_once('"')?;
        if key.trim_start_matches([',', ' ']) == name {
            return Some(value);
        }
        rest = after;
    }
}

/// The header of a body.
pub(super) fn content_type(media_type: &'static str) -> HeaderMap {
    HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(media_type))])
}

/// The person's own login at a host, where `docker` or `podman` keep it.
fn own_credentials(host: &str) -> Option<Credentials> {
    let folder = |variable: &str| std::env::var_os(variable).map(std::path::PathBuf::from);
    let docker = folder("DOCKER_CONFIG").or_else(|| Some(folder("HOME")?.join(".docker")));
    let podman = folder("XDG_RUNTIME_DIR").map(|folder| folder.join("containers/auth.json"));
    docker
        .map(|folder| folder.join("config.json"))
        .into_iter()
        .chain(podman)
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .find_map(|text| Credentials::from_docker_config(&text, host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_challenge() {
        let challenge = r#"Bearer realm="https://auth.example.com/token",service="reg, istry",scope="repository:a/b:pull,push""#;
        let parameters = strip_scheme(challenge, "Bearer").unwrap();
        assert_eq!(parameter(parameters, "realm"), Some("https://auth.example.com/token"));
        assert_eq!(parameter(parameters, "service"), Some("reg, istry"));
        assert_eq!(parameter(parameters, "scope"), Some("repository:a/b:pull,push"));
        assert_eq!(parameter(parameters, "other"), None);
        assert_eq!(strip_scheme("Basic realm=\"x\"", "Bearer"), None);
    }

    #[test]
    fn reads_what_a_login_left() {
        let text = r#"{"auths":{"example.com":{"auth":"bWU6cHc6eA=="},"other":{}}}"#;
        let found = Credentials::from_docker_config(text, "example.com").unwrap();
        assert_eq!((found.username.as_str(), found.password.expose()), ("me", b"pw:x".as_slice()));
        assert!(Credentials::from_docker_config(text, "other").is_none());
        assert!(Credentials::from_docker_config(text, "third").is_none());
    }
}
