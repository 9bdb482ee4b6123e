//! `ss logs`: what a service prints, from where it runs.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use ss_secret::Scrubber;

use super::remote::{INSTALL_FLY, INSTALL_SSH, locate};
use crate::args;
use crate::compose::{Whereabouts, fly, hand_over};
use crate::error::CommandError;
use crate::ui::Ui;

/// Most of a log file that is read to find its last lines.
const MAX_TAIL: u64 = 8 << 20;
/// How often a file that is followed is looked at.
const POLL: Duration = Duration::from_millis(200);

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &args::Logs) -> Result<(), CommandError> {
    let id = &arguments.service;
    let place = locate(ui, scrubber, &arguments.system, id, "ss logs")?;
    if ui.json && (arguments.follow || !matches!(place, Whereabouts::Here { .. })) {
        return Err(CommandError::usage("`--json` prints one document, so it needs a log that has an end")
            .hint("leave out `--json`, or `--follow`"));
    }
    let untimed = |what: &str| {
        CommandError::usage(format!("{what} has no times that `--since` could be compared with"))
            .hint("leave out `--since`; `--lines` says how much to show")
    };
    match place {
        Whereabouts::Here { .. } if arguments.since.is_some() => Err(untimed("the log file of a process")),
        Whereabouts::Here { log } => local(ui, &log, arguments),
        Whereabouts::Fly { .. } if arguments.since.is_some() => Err(untimed("`fly logs`")),
        Whereabouts::Fly { app, token } => {
            let mut command = fly(&app, token.as_ref(), &["logs"]);
            if !arguments.follow {
                command.arg("--no-tail");
            }
            hand_over(command, INSTALL_FLY)
        }
        Whereabouts::Host(host) => {
            let lines = arguments.lines.to_string();
            let mut words = vec!["journalctl", "--no-pager", "-u", &host.unit, "-n", &lines];
            let since = arguments.since.as_deref().map(relative);
            if let Some(since) = &since {
                words.extend(["--since", since]);
            }
            if arguments.follow {
                words.push("--follow");
            }
            // `ssh` hands one line to a shell at the other end.
            let line = shlex::try_join(words).map_err(|_| CommandError::usage("a NUL byte in `--since`"))?;
            let mut command = host.ssh(false);
            command.arg(line);
            hand_over(command, INSTALL_SSH)
        }
    }
}

/// `10m` as journalctl has it: `-10m`. Anything else as it is.
fn relative(since: &str) -> String {
    let unit = since.trim_end_matches(char::is_alphabetic);
    let is_span = !unit.is_empty() && unit.len() < since.len() && unit.bytes().all(|b| b.is_ascii_digit());
    if is_span { format!("-{since}") } else { since.to_owned() }
}

fn local(ui: &Ui, log: &Path, arguments: &args::Logs) -> Result<(), CommandError> {
    let id = &arguments.service;
    let unreadable = |error: std::io::Error| {
        CommandError::caused_by(format!("cannot read the log of `{id}`, `{}`", log.display()), &error)
    };
    let mut file = match File::open(log) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(CommandError::failed(format!("`{id}` has no log yet"))
                .hint("it gets one when `ss provision` starts it"));
        }
        Err(error) => return Err(unreadable(error)),
    };
    let text = last_lines(&mut file, arguments.lines as usize).map_err(unreadable)?;
    if !text.is_empty() {
        ui.line(&text);
    }
    ui.document(&json!({ "service": id, "lines": text.lines().collect::<Vec<_>>() }));
    if arguments.follow {
        follow(ui, log, file).map_err(unreadable)?;
    }
    Ok(())
}

/// The last lines, without the final line end; the reader stands behind them.
fn last_lines(file: &mut File, lines: usize) -> std::io::Result<String> {
    let length = file.metadata()?.len();
    let start = length.saturating_sub(MAX_TAIL);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length - start).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    // The first line may be cut.
    let whole = if start > 0 { text.split_once('\n').map_or("", |(_, rest)| rest) } else { &text };
    let all: Vec<&str> = whole.lines().collect();
    Ok(all[all.len().saturating_sub(lines)..].join("\n"))
}

/// Shows whole lines as they are written, until the process is ended. A file that became shorter was begun
/// anew.
fn follow(ui: &Ui, log: &Path, mut file: File) -> std::io::Result<()> {
    let mut pending = Vec::new();
    loop {
        file.read_to_end(&mut pending)?;
        if let Some(end) = pending.iter().rposition(|&byte| byte == b'\n') {
            let whole: Vec<u8> = pending.drain(..=end).collect();
            ui.line(String::from_utf8_lossy(&whole).trim_end_matches('\n'));
        }
        std::thread::sleep(POLL);
        if std::fs::metadata(log).is_ok_and(|found| found.len() < file.stream_position().unwrap_or(0)) {
            file = File::open(log)?;
            pending.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_count_backwards() {
        assert_eq!(relative("10m"), "-10m");
        assert_eq!(relative("2026-11-21 09:30"), "2026-11-21 09:30");
        assert_eq!(relative("yesterday"), "yesterday");
    }
}
