//! Attacks through the capabilities: further than the grant reaches.

use guest_bindings::http::{self, Request};
use guest_bindings::process::{Command, Handle};
use guest_bindings::types::Variable;
use guest_bindings::{files, journal, process, secrets, vault};

use crate::Arguments;

pub(crate) fn request(arguments: &Arguments) -> Result<String, String> {
    let body = arguments.text("body");
    let mut request = Request {
        method: arguments.text("method"),
        url: arguments.text("url"),
        headers: arguments.members("headers"),
        body: (!body.is_empty()).then(|| body.into_bytes()),
    };
    let mut response = http::send(&request, 1 << 30)?;
    if arguments.text("follow") == "yes" {
        // As a careless client would: to wherever it is sent, with the same headers.
        if let Some((_, location)) = response.headers.iter().find(|(name, _)| name == "location") {
            request.url = location.clone();
            response = http::send(&request, 1 << 30)?;
        }
    }
    Ok(format!("HTTP {} with {} bytes", response.status, response.body.len()))
}

pub(crate) fn vault(arguments: &Arguments) -> Result<String, String> {
    let token = vault::get(&arguments.text("name")).map_err(|denial| format!("{denial:?}"))?;
    Ok(token.unwrap_or_else(|| "nothing".into()))
}

pub(crate) fn vault_write(arguments: &Arguments) -> Result<String, String> {
    vault::set_provider_key(&arguments.text("provider"), &arguments.text("name"), "mine")
        .map_err(|denial| format!("{denial:?}"))?;
    Ok("written".into())
}

pub(crate) fn reveal(arguments: &Arguments) -> Result<String, String> {
    secrets::reveal(&arguments.text("text")).map_err(|denial| format!("{denial:?}"))
}

pub(crate) fn hmac(arguments: &Arguments) -> Result<String, String> {
    let mac = secrets::hmac(&arguments.text("text"), b"data").map_err(|denial| format!("{denial:?}"))?;
    Ok(format!("{} bytes", mac.len()))
}

pub(crate) fn read_file(arguments: &Arguments) -> Result<String, String> {
    files::read(&arguments.text("path")).map_err(|error| format!("{error:?}"))
}

pub(crate) fn write_file(arguments: &Arguments) -> Result<String, String> {
    let changed = files::write(&arguments.text("path"), &arguments.text("text"));
    changed.map(|_| "written".into()).map_err(|error| format!("{error:?}"))
}

fn command(arguments: &Arguments) -> Command {
    let env = arguments.members("env").into_iter().map(|(name, value)| Variable { name, value }).collect();
    Command { line: arguments.text("line"), directory: arguments.text("directory"), env }
}

pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let completed = process::run(&command(arguments), 60_000).map_err(|error| format!("{error:?}"))?;
    Ok(completed.stdout)
}

pub(crate) fn spawn(arguments: &Arguments) -> Result<String, String> {
    let handle = process::spawn_detached(&command(arguments)).map_err(|error| format!("{error:?}"))?;
    Ok(handle.pid.to_string())
}

/// Starts processes until it is stopped, and says how many it got.
pub(crate) fn fork_bomb(arguments: &Arguments) -> Result<String, String> {
    let command = command(arguments);
    for started in 0..10_000 {
        if let Err(error) = process::spawn_detached(&command) {
            return Err(format!("after {started}: {error:?}"));
        }
    }
    Ok("10000 processes".into())
}

pub(crate) fn terminate(arguments: &Arguments) -> Result<String, String> {
    let handle = Handle {
        pid: u32::try_from(arguments.number("pid")).unwrap_or(1),
        started: arguments.text("started"),
    };
    let gone = process::terminate(&handle, 10).map_err(|error| format!("{error:?}"))?;
    Ok(format!("terminated: {gone}"))
}

pub(crate) fn probe(arguments: &Arguments) -> Result<String, String> {
    process::probe(&arguments.text("url")).map(|status| status.to_string())
}

pub(crate) fn partial(arguments: &Arguments) -> Result<String, String> {
    let text = match arguments.number("bytes") {
        0 => arguments.text("text"),
        n => format!("\"{}\"", "x".repeat(usize::try_from(n).unwrap_or_default())),
    };
    journal::save_partial_state(&text)?;
    Ok("saved".into())
}
