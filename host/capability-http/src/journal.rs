//! What the journal and the receipt keep of each request.

use std::sync::Arc;
use std::time::Instant;

use aws_lc_rs::digest::{SHA256, digest};
use http::{HeaderMap, Request, Response};
use hyper::body::Bytes;
use ss_provider::{Effect, EffectId, EffectOutcome, Effects, RequestRecord};
use ss_secret::Scrubber;

use crate::error::SendError;
use crate::judge::{Safety, Verdict};
use crate::policy::Policy;

/// How the error of an unsafe request's outcome begins when it provably did not leave.
pub const NOT_SENT: &str = "not sent: ";

/// Headers in which providers give the id of a request.
const REQUEST_IDS: [&str; 7] = [
    "x-request-id",
    "request-id",
    "fly-request-id",
    "x-railway-request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "cf-ray",
];
/// Longest request id that is kept.
const MAX_REQUEST_ID: usize = 128;

/// What is kept of a request.
pub(crate) fn record(
    request: &Request<Bytes>,
    verdict: &Verdict<'_>,
    policy: &Policy,
    scrubber: &Scrubber,
) -> RequestRecord {
    let body = request.body();
    RequestRecord {
        method: request.method().to_string(),
        host: verdict.origin.authority(),
        path: scrubber.scrub(verdict.path.as_str()).into_owned(),
        body_digest: if body.is_empty() { String::new() } else { hex::encode(digest(&SHA256, body)) },
        grant: policy.words(verdict.rule).to_owned(),
    }
}

/// A request on its way, which is recorded however it ends.
pub(crate) struct InFlight {
    effects: Arc<dyn Effects>,
    scrubber: Arc<Scrubber>,
    record: RequestRecord,
    /// Its number in the journal, if it may change something.
    id: Option<EffectId>,
    started: Instant,
    ended: bool,
}

impl InFlight {
    /// Records that a request is about to leave; durably, if it may change something.
    pub(crate) async fn begin(
        effects: &Arc<dyn Effects>,
        scrubber: &Arc<Scrubber>,
        record: &RequestRecord,
        safety: Safety,
    ) -> Result<Self, SendError> {
        let id = match safety {
            Safety::Safe => None,
            Safety::Unsafe => Some(begin_effect(effects.clone(), record.clone()).await?),
        };
        Ok(Self {
            effects: effects.clone(),
            scrubber: scrubber.clone(),
            record: record.clone(),
            id,
            started: Instant::now(),
            ended: false,
        })
    }

    /// Records how it ended.
    pub(crate) fn end(mut self, result: &Result<Response<Bytes>, SendError>) {
        let (status, request_id, error) = match result {
            Ok(response) => (Some(response.status().as_u16()), request_id(response.headers()), None),
            Err(error) => {
                let proven = self.id.is_some() && !error.may_have_arrived();
                let prefix = if proven { NOT_SENT } else { "" };
                (None, None, Some(format!("{prefix}{error}")))
            }
        };
        let request_id = request_id.map(|id| self.scrubber.scrub(&id).into_owned());
        self.finish(status, request_id, error);
    }

    fn finish(&mut self, status: Option<u16>, request_id: Option<String>, error: Option<String>) {
        self.ended = true;
        let duration_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let outcome = EffectOutcome { status, request_id, error, duration_ms };
        match self.id {
            Some(id) => self.effects.end(id, &outcome),
            None => self.effects.observe(&self.record, &outcome),
        }
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if !self.ended {
            self.finish(None, None, Some("the operation ended before the answer came".to_owned()));
        }
    }
}

/// The journal blocks until its record is on disk; other services go on meanwhile.
async fn begin_effect(effects: Arc<dyn Effects>, record: RequestRecord) -> Result<EffectId, SendError> {
    tokio::task::spawn_blocking(move || effects.begin(&Effect::Request(record)))
        .await
        .unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
        .map_err(|source| SendError::Journal { source })
}

fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = REQUEST_IDS.iter().find_map(|name| headers.get(*name))?.to_str().ok()?;
    Some(value.chars().take(MAX_REQUEST_ID).collect())
}
