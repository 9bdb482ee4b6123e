//! Passing requests on: to a stand-in on this machine, or, while recording, to the provider itself.
//!
//! The way out is a gate under the plugin's own grant: nothing that the plugin may not send is sent, names
//! and addresses are checked, and TLS is the product's. By now sealed tokens are resolved, so the gate has
//! no seals.

use std::sync::{Arc, Mutex, PoisonError};

use ss_authority::{Authority, Origin, OriginPattern, Scheme};
use ss_capability_http::{Bytes, Client, Endpoints, Gate, GateConfig, Limits, Mode, Policy};
use ss_provider::{Cancel, Effect, EffectId, EffectOutcome, Effects, Progress, RequestRecord};

use super::{Answer, Call, Census, Cloud};

/// Headers that belong to the connection between plugin and kit, or that the gate sets.
const DROPPED: [&str; 5] = ["host", "connection", "content-length", "accept-encoding", "transfer-encoding"];

/// Passes requests on through a gate.
pub(crate) struct Forward {
    gate: Gate,
    /// Origins of the grant, for the scheme that the plugin named.
    origins: Vec<OriginPattern>,
    /// Why the last request got no answer.
    trouble: Mutex<Option<String>>,
}

impl Forward {
    /// A way out under this grant, to the origins themselves or to what stands in for them.
    ///
    /// # Errors
    /// If the grant is not one that could be enforced.
    pub(crate) fn new(plugin: &str, authority: &Authority, endpoints: Endpoints) -> Result<Self, String> {
        let policy = Policy::compile(plugin, authority).map_err(|error| error.to_string())?;
        let origins = authority.http.iter().map(|rule| OriginPattern::parse(&rule.origin));
        let origins = origins.collect::<Result<_, _>>().map_err(|error| error.to_string())?;
        let gate = Gate::new(GateConfig {
            client: Client::new(),
            policy: Arc::new(policy),
            mode: Mode::Full,
            endpoints: Arc::new(endpoints),
            seals: Arc::default(),
            effects: Arc::new(Unrecorded),
            progress: Arc::new(Unrecorded),
            scrubber: Arc::default(),
            // The plugin's own gate counts; this one serves a whole run of the kit.
            limits: Limits { requests: u32::MAX, retries: 0, connect_retries: 0, ..Limits::default() },
            cancel: Cancel::default(),
            deadline: None,
        });
        Ok(Self { gate, origins, trouble: Mutex::default() })
    }

    fn request(&self, call: &Call) -> Option<http::Request<Bytes>> {
        let scheme = [Scheme::Https, Scheme::Http].into_iter().find(|scheme| {
            let origin = Origin::from_authority(*scheme, &call.host);
            origin.is_ok_and(|origin| self.origins.iter().any(|pattern| pattern.matches(&origin)))
        })?;
        let uri = format!("{}://{}{}", scheme.as_str(), call.host, call.target);
        let mut request = http::Request::builder().method(call.method.as_str()).uri(uri);
        for (name, value) in call.headers.iter().filter(|(name, _)| !DROPPED.contains(&name.as_str())) {
            request = request.header(name, value);
        }
        request.body(Bytes::from(call.body.clone())).ok()
    }
}

#[async_trait::async_trait]
impl Cloud for Forward {
    async fn answer(&self, call: &Call) -> Option<Answer> {
        match self.gate.send(self.request(call)?).await {
            Ok(response) => {
                let (parts, body) = response.into_parts();
                let headers = parts.headers.iter().filter(|(name, _)| *name != http::header::CONTENT_LENGTH);
                Some(Answer {
                    status: parts.status.as_u16(),
                    headers: headers
                        .map(|(name, value)| {
                            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                        })
                        .collect(),
                    body: body.to_vec(),
                })
            }
            Err(error) => {
                *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                None
            }
        }
    }

    fn census(&self) -> Option<Census> {
        None
    }

    fn trouble(&self) -> Option<String> {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The plugin's own journal and screen have it all.
struct Unrecorded;

impl Effects for Unrecorded {
    fn begin(&self, _: &Effect) -> std::io::Result<EffectId> {
        Ok(0)
    }

    fn end(&self, _: EffectId, _: &EffectOutcome) {}

    fn observe(&self, _: &RequestRecord, _: &EffectOutcome) {}

    fn save_partial(&self, _: &str) -> std::io::Result<()> {
        Ok(())
    }
}

impl Progress for Unrecorded {
    fn step(&self, _: &str) {}

    fn waiting(&self, _: &str) {}

    fn log(&self, _: &str, _: &str) {}
}
