//! The screen of one attempt: every line that the plugin shows or logs.

use std::sync::{Mutex, PoisonError};

use ss_provider::Progress;

/// Lines that are kept; a plugin that writes more has said enough.
const MAX_LINES: usize = 2_000;

/// A screen in memory.
#[derive(Default)]
pub(crate) struct Screen(Mutex<Vec<String>>);

impl Screen {
    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn push(&self, kind: &str, message: &str) {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() < MAX_LINES {
            lines.push(format!("{kind}: {message}"));
        }
    }
}

impl Progress for Screen {
    fn step(&self, message: &str) {
        self.push("step", message);
    }

    fn waiting(&self, message: &str) {
        self.push("waiting", message);
    }

    fn log(&self, level: &str, message: &str) {
        self.push(level, message);
    }
}
