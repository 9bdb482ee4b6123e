//! Handing a trace to a collector.

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request};
use ss_capability_http::{ChosenBy, Client, Limits, SendError};

use crate::settings::Settings;

/// The most that is read of a collector's answer.
const ANSWER: usize = 64 * 1024;

/// A trace did not arrive. Nothing else is affected.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The collector gave no answer.
    #[error("the trace could not be sent to `{endpoint}`")]
    Unreachable {
        /// The collector.
        endpoint: String,
        /// Why.
        #[source]
        source: SendError,
    },
    /// The collector took too long.
    #[error("`{endpoint}` did not take the trace within {} ms", patience.as_millis())]
    Slow {
        /// The collector.
        endpoint: String,
        /// The time that it had.
        patience: Duration,
    },
    /// The collector refused it.
    #[error("`{endpoint}` refused the trace with HTTP {status}")]
    Refused {
        /// The collector.
        endpoint: String,
        /// The status.
        status: u16,
    },
    /// The system gave no thread, or a header cannot be sent.
    #[error("the trace could not be sent: {reason}")]
    NotSent {
        /// Why.
        reason: String,
    },
}

/// Sends an encoded trace, once.
///
/// It goes from a thread of its own, which nobody waits for longer than [`Settings::patience`]: a name that
/// cannot be resolved would otherwise hold up the end of the program.
///
/// # Errors
/// If the collector has not accepted it in that time.
pub async fn export(settings: Settings, body: Vec<u8>) -> Result<(), ExportError> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let (endpoint, patience) = (endpoint(&settings), settings.patience);
    let not_sent = |reason: String| ExportError::NotSent { reason };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| not_sent(error.to_string()))?;
    std::thread::Builder::new()
        .name("telemetry".to_owned())
        .spawn(move || {
            // Nobody listens any more if it took too long.
            let _ = tell.send(runtime.block_on(send(&settings, body)));
        })
        .map_err(|error| not_sent(error.to_string()))?;
    match tokio::time::timeout(patience, told).await {
        Err(_) => Err(ExportError::Slow { endpoint, patience }),
        Ok(Err(_)) => Err(not_sent("its thread ended".to_owned())),
        Ok(Ok(sent)) => sent,
    }
}

async fn send(settings: &Settings, body: Vec<u8>) -> Result<(), ExportError> {
    let endpoint = endpoint(settings);
    let mut request = Request::new(body.into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = settings.endpoint.clone();
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"));
    for (name, value) in &settings.headers {
        let mut value = HeaderValue::from_bytes(value.expose())
            .map_err(|_| ExportError::NotSent { reason: format!("the header `{name}` is not one") })?;
        value.set_sensitive(true);
        headers.insert(name, value);
    }
    let limits = Limits { response_body: ANSWER, ..Limits::default() };
    match Client::new().direct(request, ChosenBy::Operator, &limits).await {
        Err(source) => Err(ExportError::Unreachable { endpoint, source }),
        Ok(answer) if answer.status().is_success() => Ok(()),
        Ok(answer) => Err(ExportError::Refused { endpoint, status: answer.status().as_u16() }),
    }
}

/// The collector, for people: its address may hold a key in its query.
fn endpoint(settings: &Settings) -> String {
    settings.endpoint.to_string().split('?').next().unwrap_or_default().to_owned()
}
