//! A registry on a web server: a GET per file.

use http::header::{ETAG, IF_NONE_MATCH, LOCATION};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use ss_capability_http::{Bytes, ChosenBy, Client, Limits, SendError};
use url::Url;

use super::location::is_loopback;
use super::{Fetched, Patience, RemoteError};

/// Most redirects that one request follows.
const MAX_REDIRECTS: usize = 4;
/// Longest tag that is kept.
const MAX_ETAG: usize = 256;

/// A registry on a web server.
pub(crate) struct Web {
    base: Url,
    client: Client,
    patience: Patience,
}

impl Web {
    pub(super) fn new(base: Url, client: Client, patience: Patience) -> Self {
        Self { base, client, patience }
    }

    pub(super) async fn get(
        &self,
        path: &str,
        limit: u64,
        etag: Option<&str>,
    ) -> Result<Fetched, RemoteError> {
        let url = self.base.join(path).map_err(|error| RemoteError::failed(path, error))?;
        let mut headers = HeaderMap::new();
        if let Some(etag) = etag.and_then(|etag| etag.parse().ok()) {
            headers.insert(IF_NONE_MATCH, etag);
        }
        let answer = get(&self.client, url, headers, path, limit, self.patience).await?;
        match answer.status() {
            StatusCode::OK => {
                let etag = answer.headers().get(ETAG).and_then(|etag| etag.to_str().ok());
                let etag = etag.filter(|etag| etag.len() <= MAX_ETAG).map(str::to_owned);
                Ok(Fetched::New { bytes: answer.into_body().into(), etag })
            }
            StatusCode::NOT_MODIFIED if etag.is_some() => Ok(Fetched::Unchanged),
            StatusCode::NOT_FOUND | StatusCode::GONE => Ok(Fetched::Missing),
            status => Err(RemoteError::failed(path, format_args!("the server answers {status}"))),
        }
    }
}

/// A GET that follows redirects: from `https` only to `https`, and to nothing that the public could not
/// reach either. Headers go to the first server alone.
pub(super) async fn get(
    client: &Client,
    mut url: Url,
    headers: HeaderMap,
    file: &str,
    limit: u64,
    patience: Patience,
) -> Result<Response<Bytes>, RemoteError> {
    let mut chosen_by = ChosenBy::Operator;
    let mut headers = Some(headers);
    for _ in 0..=MAX_REDIRECTS {
        let headers = headers.take().unwrap_or_default();
        let answer =
            send(client, Method::GET, &url, headers, Bytes::new(), chosen_by, file, limit, patience).await?;
        let Some(next) = redirect(&answer, &url) else { return Ok(answer) };
        let next = next.map_err(|reason| RemoteError::failed(file, reason))?;
        // A server on this machine may send elsewhere on this machine: the operator runs both.
        let stays = is_loopback(&url) && is_loopback(&next) || next.origin() == url.origin();
        if !stays {
            if next.scheme() != "https" {
                return Err(RemoteError::failed(
                    file,
                    format_args!("it redirects to {next}, which is not https"),
                ));
            }
            chosen_by = ChosenBy::Stranger;
        }
        url = next;
    }
    Err(RemoteError::failed(file, format_args!("more than {MAX_REDIRECTS} redirects")))
}

fn redirect(answer: &Response<Bytes>, from: &Url) -> Option<Result<Url, String>> {
    if !answer.status().is_redirection() || answer.status() == StatusCode::NOT_MODIFIED {
        return None;
    }
    let target = answer.headers().get(LOCATION).and_then(|target| target.to_str().ok());
    Some(match target.map(|target| from.join(target)) {
        Some(Ok(url)) => Ok(url),
        _ => Err("it redirects to nowhere".to_owned()),
    })
}

/// One request, whose answer has at most `limit` bytes.
#[expect(clippy::too_many_arguments, reason = "each is one thing about one request")]
pub(super) async fn send(
    client: &Client,
    method: Method,
    url: &Url,
    headers: HeaderMap,
    body: Bytes,
    chosen_by: ChosenBy,
    file: &str,
    limit: u64,
    patience: Patience,
) -> Result<Response<Bytes>, RemoteError> {
    let mut request = Request::builder()
        .method(method)
        .uri(url.as_str())
        .body(body)
        .map_err(|error| RemoteError::failed(file, error))?;
    *request.headers_mut() = headers;
    let limits = Limits { response_body: usize::try_from(limit).unwrap_or(usize::MAX), ..patience.limits };
    client.direct(request, chosen_by, &limits).await.map_err(|error| match error {
        SendError::TooLarge { .. } => RemoteError::TooLarge { file: file.to_owned(), limit },
        error => RemoteError::failed(file, error),
    })
}
