//! The HTTP gate of one operation, and its errors as a guest of `wasi:http` sees them.

use std::time::Instant;

use hyper::body::Bytes;
use ss_capability_http::{Gate, GateConfig, Limits, Mode, SendError};
use ss_provider::{Operation, Phase};
use wasmtime_wasi_http::Error;

use super::{Gates, Granted, HostServices};

pub(super) fn open(
    grant: &Granted,
    services: &HostServices,
    operation: &Operation,
    phase: Phase,
    deadline: Instant,
    limits: Limits,
) -> Gate {
    Gate::new(GateConfig {
        client: services.http.clone(),
        policy: grant.policy.clone(),
        mode: match phase {
            Phase::ReadOnly => Mode::ReadOnly,
            Phase::Mutating => Mode::Full,
        },
        endpoints: grant.endpoints.clone(),
        seals: operation.seals.clone(),
        effects: operation.effects.clone(),
        progress: operation.progress.clone(),
        scrubber: services.scrubber.clone(),
        limits,
        cancel: operation.cancel.clone(),
        deadline: Some(deadline),
    })
}

impl Gates {
    /// Sends a request of the guest through the gate.
    pub(crate) async fn send(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Error> {
        if self.is_closed() {
            return Err(Error::HttpRequestDenied);
        }
        self.http.send(request).await.map_err(|error| match error {
            SendError::Denied(denial) => {
                self.deny(denial);
                Error::HttpRequestDenied
            }
            // These two say for certain that nothing arrived, the others that something may have: a plugin
            // decides by that whether an outcome is unknown.
            SendError::Unreachable { .. } => Error::ConnectionRefused,
            SendError::Journal { .. } | SendError::Cancelled => Error::DestinationUnavailable,
            SendError::Interrupted { .. } => Error::ConnectionTerminated,
            SendError::Timeout { .. } => Error::ConnectionReadTimeout,
            SendError::TooLarge { limit, .. } => Error::HttpResponseBodySize(Some(limit as u64)),
        })
    }
}
