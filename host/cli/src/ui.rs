//! The terminal: the one place through which text leaves `ss`.
//!
//! Everything passes the scrubber. Results go to stdout; progress, warnings and errors go to stderr, so
//! that stdout stays one JSON document under `--json`.

use std::io::{BufRead as _, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ss_secret::Scrubber;

use crate::error::CommandError;

/// How a piece of text looks on a terminal that has colours.
#[derive(Debug, Clone, Copy)]
pub enum Style {
    /// Success.
    Good,
    /// Failure.
    Bad,
    /// A warning, or a change.
    Warn,
    /// A hint.
    Hint,
    /// Less important.
    Dim,
    /// A heading.
    Bold,
}

impl Style {
    fn code(self) -> &'static str {
        match self {
            Self::Good => "32",
            Self::Bad => "31",
            Self::Warn => "33",
            Self::Hint => "36",
            Self::Dim => "2",
            Self::Bold => "1",
        }
    }
}

/// The terminal of one command.
#[derive(Debug, Clone)]
pub struct Ui {
    /// Print a JSON document instead of text for people.
    pub json: bool,
    /// Show plugin logs.
    pub verbose: bool,
    colour: bool,
    interactive: bool,
    scrubber: Arc<Scrubber>,
    /// Whether the JSON document has been printed: there is one, whatever happens.
    documented: Arc<AtomicBool>,
    /// Where the document goes if not to stdout. Nothing is printed then.
    kept: Option<Arc<Mutex<Option<serde_json::Value>>>>,
}

impl Ui {
    /// The process's own terminal.
    pub fn new(json: bool, verbose: bool, scrubber: Arc<Scrubber>) -> Self {
        let wants = |stream_is_terminal: bool| {
            stream_is_terminal
                && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
                && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        };
        let terminal = std::io::stderr().is_terminal();
        Self {
            json,
            verbose,
            colour: wants(terminal && std::io::stdout().is_terminal()),
            interactive: wants(terminal),
            scrubber,
            documented: Arc::default(),
            kept: None,
        }
    }

    /// No terminal at all: the document is kept for the caller, and nothing is printed or asked.
    pub fn captured(scrubber: Arc<Scrubber>) -> Self {
        Self {
            json: true,
            verbose: false,
            colour: false,
            interactive: false,
            scrubber,
            documented: Arc::default(),
            kept: Some(Arc::default()),
        }
    }

    /// The document, where it was kept.
    pub fn captured_document(&self) -> Option<serde_json::Value> {
        self.kept.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether progress can be redrawn in place.
    pub fn interactive(&self) -> bool {
        self.interactive && !self.json
    }

    /// Whether colours may be used.
    pub fn colour(&self) -> bool {
        self.colour
    }

    /// The text in this style, or as it is where there are no colours.
    pub fn paint(&self, style: Style, text: &str) -> String {
        if self.colour { format!("\u{1b}[{}m{text}\u{1b}[0m", style.code()) } else { text.to_owned() }
    }

    /// Prints a line of the result. With `--json` it goes to stderr.
    pub fn line(&self, text: &str) {
        if self.json {
            self.note(text);
        } else {
            write_to(&mut std::io::stdout().lock(), &self.scrub(text));
        }
    }

    /// Prints a line of progress, a warning or a hint.
    pub fn note(&self, text: &str) {
        if self.kept.is_some() {
            return;
        }
        write_to(&mut std::io::stderr().lock(), &self.scrub(text));
    }

    /// Prints the JSON document, if that was asked for.
    pub fn document(&self, document: &serde_json::Value) {
        if self.json && !self.documented.swap(true, Ordering::SeqCst) {
            if let Some(kept) = &self.kept {
                *kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(document.clone());
                return;
            }
            let text = format!("{document:#}");
            write_to(&mut std::io::stdout().lock(), &self.scrub(&text));
        }
    }

    /// Prints a secret that a person asked for, unscrubbed.
    pub fn reveal(&self, secret: &ss_secret::Secret) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(secret.expose());
        let _ = out.write_all(b"\n");
    }

    /// Prints a warning.
    pub fn warn(&self, text: &str) {
        self.note(&format!("{} {text}", self.paint(Style::Warn, "warning:")));
    }

    /// Prints the error that ends the command; as a document too, if the command has printed none.
    pub fn failure(&self, error: &CommandError) {
        self.error(error);
        self.document(&error.to_json());
    }

    /// Whether a person can be asked: both ends are a terminal.
    pub fn can_ask(&self) -> bool {
        self.kept.is_none() && std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
    }

    /// Asks a person for a line; none if there is no more.
    pub fn ask(&self, question: &str) -> Option<String> {
        let _ = write!(std::io::stderr().lock(), "{} ", self.scrub(question));
        let mut answer = String::new();
        let read = std::io::stdin().lock().read_line(&mut answer).ok()?;
        (read > 0).then(|| answer.trim().to_owned())
    }

    /// Prints an error with its causes and hints.
    pub fn error(&self, error: &CommandError) {
        if let Some(message) = &error.message {
            self.note(&format!("{} {message}", self.paint(Style::Bad, "error:")));
        }
        for detail in &error.details {
            self.note(&format!("  {detail}"));
        }
        for cause in &error.causes {
            self.note(&format!("  because: {cause}"));
        }
        for hint in &error.hints {
            self.note(&format!("{} {hint}", self.paint(Style::Hint, "hint:")));
        }
    }

    /// Hides a secret in everything that is printed from now on.
    pub fn hide(&self, secret: &ss_secret::Secret) {
        self.scrubber.learn(secret);
    }

    /// The text with every known secret hidden.
    pub fn scrub(&self, text: &str) -> String {
        self.scrubber.scrub(text).into_owned()
    }
}

/// Writes the line; a reader that has gone away is no failure of ours.
fn write_to(out: &mut dyn std::io::Write, line: &str) {
    let _ = writeln!(out, "{line}");
}
