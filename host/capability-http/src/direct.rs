//! Requests of the program itself, such as downloads from a registry. No plugin's request takes this way:
//! nothing is judged, sealed or written to a journal here.

use http::header::{HOST, USER_AGENT};
use http::{HeaderValue, Request, Response};
use http_body_util::Full;
use hyper::body::Bytes;

use crate::client::Client;
use crate::connect::Reach;
use crate::error::SendError;
use crate::exchange::{Failed, exchange};
use crate::limits::Limits;

/// Who chose the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChosenBy {
    /// The operator of this machine: it may be anywhere.
    Operator,
    /// Somebody else, such as a registry or a redirect: it has to be on the public internet.
    Stranger,
}

/// What this program calls itself.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("ss/", env!("CARGO_PKG_VERSION")));

impl Client {
    /// Sends a request of the program's own, once. A redirect is an answer like any other.
    ///
    /// # Errors
    /// If there is no whole answer within the limits, or the address is not one that the stranger may name.
    pub async fn direct(
        &self,
        request: Request<Bytes>,
        chosen_by: ChosenBy,
        limits: &Limits,
    ) -> Result<Response<Bytes>, SendError> {
        let (mut parts, body) = request.into_parts();
        let host = parts.uri.authority().map(|authority| authority.as_str().to_owned()).unwrap_or_default();
        let unreachable = |reason: String| SendError::Unreachable { host: host.clone(), reason };
        let header = HeaderValue::from_str(&host).map_err(|error| unreachable(error.to_string()))?;
        parts.headers.insert(HOST, header);
        parts.headers.insert(USER_AGENT, AGENT);
        let reach = match chosen_by {
            ChosenBy::Operator => Reach::Operator,
            ChosenBy::Stranger => Reach::Public,
        };
        let request = Request::from_parts(parts, Full::new(body));
        match exchange(self.pool(reach), request, &host, limits).await {
            Ok(response) => Ok(response),
            Err(Failed::Error(error)) => Err(error),
            Err(Failed::Refused(refusal)) => Err(unreachable(refusal.to_string())),
        }
    }
}
