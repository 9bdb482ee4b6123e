//! The server on standard input and output. Nothing but JSON-RPC is written there.

use std::future::Future;

use rmcp::ServiceExt as _;
use rmcp::transport::io::stdio_pipes;

use crate::composition::Refusal;
use crate::server::Server;

/// Serves the client at the other end until it goes away or `ended` does; what runs then is stopped and recorded.
/// Whether there was a client at all.
///
/// # Errors
/// If the other end does not speak the protocol.
pub async fn serve_stdio(server: &Server, ended: impl Future<Output = ()>) -> Result<bool, Refusal> {
    let running = match server.clone().serve(stdio_pipes()).await {
        Ok(running) => running,
        // Nobody said anything: there is nothing to complain about.
        Err(rmcp::service::ServerInitializeError::ConnectionClosed(_)) => return Ok(false),
        Err(error) => return Err(Refusal::of(&error)),
    };
    let stop = running.cancellation_token();
    let waiting = running.waiting();
    tokio::pin!(waiting);
    tokio::select! {
        _ = &mut waiting => {}
        () = ended => {
            server.wind_up().await;
            stop.cancel();
            let _ = waiting.await;
        }
    }
    server.wind_up().await;
    Ok(true)
}
