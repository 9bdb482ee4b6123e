//! What a plugin prints or logs: line by line to the run's progress, cleaned and at most so much.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use hyper::body::Bytes;
use ss_provider::Progress;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamError};

use crate::text::Cleaner;

/// Longest line that is kept; the rest of it is dropped.
const MAX_LINE: usize = 8 << 10;
/// Bytes that one write to standard output or standard error may carry.
const WRITE_PERMIT: usize = 64 << 10;

/// The log of one operation.
#[derive(Clone)]
pub(crate) struct Log(Arc<Mutex<State>>);

struct State {
    progress: Option<Arc<dyn Progress>>,
    cleaner: Cleaner,
    /// Bytes that may still be written.
    left: usize,
    /// The last line of standard error, which says why a guest panicked.
    last_error: Option<String>,
}

/// Kind of line.
pub(crate) enum Line {
    Step,
    Waiting,
    Log(&'static str),
}

impl Log {
    /// A log of at most `limit` bytes. Without a progress its lines go nowhere.
    pub(crate) fn new(progress: Option<Arc<dyn Progress>>, cleaner: Cleaner, limit: usize) -> Self {
        Self(Arc::new(Mutex::new(State { progress, cleaner, left: limit, last_error: None })))
    }

    /// Writes a line, unless the log is full.
    pub(crate) fn line(&self, kind: Line, text: &str) {
        let mut state = self.lock();
        let Some(left) = state.spend(text.len()) else { return };
        state.left = left;
        let text = state.cleaner.line(text, MAX_LINE);
        let progress = state.progress.clone();
        drop(state);
        if let Some(progress) = progress {
            match kind {
                Line::Step => progress.step(&text),
                Line::Waiting => progress.waiting(&text),
                Line::Log(level) => progress.log(level, &text),
            }
        }
    }

    /// The guest's standard output or standard error, logged at this level.
    pub(crate) fn stream(&self, level: &'static str) -> Printed {
        Printed { log: self.clone(), level, line: Arc::default() }
    }

    /// The last line that the guest wrote to standard error.
    pub(crate) fn last_error(&self) -> Option<String> {
        self.lock().last_error.take()
    }

    fn printed(&self, level: &'static str, text: &str) {
        if level == "error" {
            let mut state = self.lock();
            if state.left > 0 {
                let clean = state.cleaner.line(text, 500);
                // The panic message is followed by a hint at `RUST_BACKTRACE`, which no plugin has.
                if !clean.is_empty() && !clean.starts_with("note: ") {
                    state.last_error = Some(clean);
                }
            }
        }
        self.line(Line::Log(level), text);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// What is left after this many bytes; none if the log is full. Says so once.
    fn spend(&mut self, bytes: usize) -> Option<usize> {
        if self.left == 0 {
            return None;
        }
        // An empty line costs something too.
        let left = self.left.checked_sub(bytes + 1);
        if left.is_none() {
            self.left = 0;
            if let Some(progress) = &self.progress {
                progress.log("warn", "the plugin's log is full; the rest is dropped");
            }
        }
        left
    }
}

/// Standard output or standard error of a guest.
#[derive(Clone)]
pub(crate) struct Printed {
    log: Log,
    level: &'static str,
    /// The line that is not complete yet. A longer one than is kept is cut here.
    line: Arc<Mutex<Vec<u8>>>,
}

impl Printed {
    fn print(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for part in bytes.split_inclusive(|&byte| byte == b'\n') {
            let room = (MAX_LINE + 1).saturating_sub(line.len());
            line.extend_from_slice(&part[..part.len().min(room)]);
            if part.ends_with(b"\n") {
                let whole = std::mem::take(&mut *line);
                if whole.len() > MAX_LINE {
                    // Its end is gone, and a secret across the cut would not be recognised.
                    self.log.printed(self.level, "[a long line was dropped]");
                } else {
                    self.log.printed(self.level, String::from_utf8_lossy(&whole).trim_end());
                }
            }
        }
    }
}

impl IsTerminal for Printed {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printed {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait::async_trait]
impl Pollable for Printed {
    async fn ready(&mut self) {}
}

impl OutputStream for Printed {
    fn write(&mut self, bytes: Bytes) -> Result<(), StreamError> {
        self.print(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, StreamError> {
        Ok(WRITE_PERMIT)
    }
}

impl AsyncWrite for Printed {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<std::io::Result<usize>> {
        self.print(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ss_secret::{Scrubber, Secret};

    #[derive(Default)]
    struct Recorder(Mutex<Vec<String>>);

    impl Progress for Recorder {
        fn step(&self, message: &str) {
            self.0.lock().unwrap().push(format!("step {message}"));
        }
        fn waiting(&self, message: &str) {
            self.0.lock().unwrap().push(format!("waiting {message}"));
        }
        fn log(&self, level: &str, message: &str) {
            self.0.lock().unwrap().push(format!("{level} {message}"));
        }
    }

    fn log(limit: usize) -> (Arc<Recorder>, Log) {
        let recorder = Arc::new(Recorder::default());
        let scrubber = Scrubber::new();
        scrubber.learn(&Secret::new("hunter2hunter2"));
        let log = Log::new(Some(recorder.clone()), Cleaner::new(Arc::new(scrubber)), limit);
        (recorder, log)
    }

    #[test]
    fn printed_bytes_become_clean_lines() {
        let (recorder, log) = log(1000);
        let out = log.stream("info");
        out.print(b"one\ntw");
        out.print(b"o hunter2");
        out.print(b"hunter2\nnot ended");
        assert_eq!(*recorder.0.lock().unwrap(), ["info one", "info two [secret]"]);
    }

    #[test]
    fn a_line_without_end_costs_no_memory() {
        let (recorder, log) = log(1000);
        let out = log.stream("info");
        for _ in 0..100 {
            out.print(&[b'x'; 60_000]);
        }
        assert!(out.line.lock().unwrap().len() <= MAX_LINE + 1);
        out.print(b"\n");
        assert_eq!(*recorder.0.lock().unwrap(), ["info [a long line was dropped]"]);
    }

    #[test]
    fn a_full_log_says_so_once() {
        let (recorder, log) = log(20);
        for _ in 0..100 {
            log.line(Line::Log("info"), "0123456789");
        }
        assert_eq!(
            *recorder.0.lock().unwrap(),
            ["info 0123456789", "warn the plugin's log is full; the rest is dropped"]
        );
    }
}
