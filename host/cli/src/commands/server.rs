//! `ss server`: the system for agents, over the Model Context Protocol.
//!
//! Whoever launched this and waits at the other end of stdin is served there; a port is served besides (R27).

use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::Path;
use std::sync::Arc;

use ss_secret::Scrubber;
use ss_server::http::{HttpError, HttpOptions, Listening, listen};
use ss_server::{Config, Refusal, Server, serve_stdio};

use crate::args;
use crate::compose::{Agents, LOCAL, tokio_runtime};
use crate::error::CommandError;
use crate::home;
use crate::ui::Ui;

/// The documented port.
const PORT: u16 = 7700;
/// Where a token may stand.
const TOKEN: &str = "STARSYSTEM_SERVER_TOKEN";

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Server) -> Result<(), CommandError> {
    let environment = arguments.system.env.clone().unwrap_or_else(|| LOCAL.to_owned());
    let file = std::path::absolute(&arguments.system.file)
        .map_err(|error| CommandError::caused_by("the system's file has no usable path", &error))?;
    let server = Server::new(Config {
        composition: Arc::new(Agents::new(file.clone(), Arc::clone(scrubber))),
        scrubber: Arc::clone(scrubber),
        home: home::home()?,
        file,
        environment,
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    let on_stdio = !arguments.http && a_client_waits();
    let on_port = arguments.http || arguments.port.is_some() || !on_stdio;
    tokio_runtime()?.block_on(async {
        let listening = if on_port { open(ui, &server, arguments, on_stdio).await? } else { None };
        serve(server, listening, on_stdio).await
    })
}

/// Listens. Where a client waits on stdin as well, a port that is taken is no failure: a second client of the
/// same configuration starts a second server.
async fn open(
    ui: &Ui,
    server: &Server,
    arguments: &args::Server,
    on_stdio: bool,
) -> Result<Option<Listening>, CommandError> {
    let options = HttpOptions {
        address: SocketAddr::new(arguments.host, arguments.port.unwrap_or(PORT)),
        hosts: arguments.allow_host.clone(),
        token: token(arguments.token_file.as_deref())?,
    };
    match listen(server, options).await {
        Ok(listening) => {
            if let Ok(address) = listening.address() {
                ui.note(&format!("MCP at http://{address}/mcp"));
            }
            Ok(Some(listening))
        }
        Err(error @ HttpError::Listen { .. }) if on_stdio => {
            ui.warn(&format!("{error}; only the client on stdin is served"));
            Ok(None)
        }
        Err(error) => {
            let told = CommandError::of(&error);
            Err(match error {
                HttpError::TokenNeeded { .. } | HttpError::TokenTooShort { .. } => told.hint(format!(
                    "`--token-file=<FILE>` or `{TOKEN}` names one, such as that of `openssl rand -hex 32`"
                )),
                HttpError::Listen { .. } => told.hint("choose another port: `ss server --port=<N>`"),
            })
        }
    }
}

async fn serve(server: Server, listening: Option<Listening>, on_stdio: bool) -> Result<(), CommandError> {
    let (over, is_over) = tokio::sync::watch::channel(false);
    tokio::spawn(async move {
        ended().await;
        let _ = over.send(true);
    });
    let wait = |mut is_over: tokio::sync::watch::Receiver<bool>| async move {
        let _ = is_over.wait_for(|over| *over).await;
    };
    match (listening, on_stdio) {
        (Some(listening), true) => {
            let (gone, is_gone) = tokio::sync::oneshot::channel::<()>();
            let http = tokio::spawn(listening.serve(async {
                let _ = is_gone.await;
            }));
            let served = serve_stdio(&server, wait(is_over.clone())).await;
            // A pipe that nobody ever spoke through does not end the server on the port.
            if matches!(served, Ok(false)) {
                wait(is_over).await;
            }
            drop(gone);
            let _ = http.await;
            served.map(drop).map_err(refused)
        }
        (Some(listening), false) => {
            listening.serve(wait(is_over)).await;
            Ok(())
        }
        (None, _) => serve_stdio(&server, wait(is_over)).await.map(drop).map_err(refused),
    }
}

/// Waits for Ctrl-C or a polite end.
async fn ended() {
    use tokio::signal::unix::{SignalKind, signal};
    match signal(SignalKind::terminate()) {
        Ok(mut terminate) => {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
        }
        Err(_) => {
            let _ = tokio::signal::ctrl_c().await;
        }
    }
}

fn refused(refusal: Refusal) -> CommandError {
    let mut error = CommandError::failed(refusal.message);
    error.causes = refusal.causes;
    error.hint("start it from an MCP client; docs/mcp.md shows how")
}

/// Whether something other than a person or nothing at all is at the other end of stdin.
fn a_client_waits() -> bool {
    let Ok(kind) = std::fs::metadata("/dev/stdin").map(|found| found.file_type()) else { return false };
    kind.is_fifo() || kind.is_socket() || kind.is_file()
}

fn token(file: Option<&Path>) -> Result<Option<String>, CommandError> {
    let text = match file {
        Some(file) => std::fs::read_to_string(file).map_err(|error| {
            CommandError::caused_by(format!("cannot read the token in `{}`", file.display()), &error)
        })?,
        None => std::env::var(TOKEN).unwrap_or_default(),
    };
    let token = text.trim();
    if token.is_empty() && file.is_some() {
        return Err(CommandError::failed("the token's file is empty"));
    }
    Ok(Some(token.to_owned()).filter(|token| !token.is_empty()))
}
