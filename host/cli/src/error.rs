//! The one error that commands return: a message, its causes, and what to do about it.

use std::error::Error;

use crate::home;

/// Exit codes, as documented in `docs/cli.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExitCode {
    /// Something failed or is unhealthy, or the configuration is invalid.
    Failed = 1,
    /// The command line cannot be understood.
    Usage = 2,
    /// Something was changed behind our back.
    Drift = 3,
    /// A person must approve first.
    ApprovalNeeded = 4,
}

/// Why a command failed. Library errors become one of these here, and nowhere else gain their hints.
#[derive(Debug)]
pub struct CommandError {
    /// How the process ends.
    pub exit: ExitCode,
    /// What failed, in one sentence without a full stop; none if it has been shown already.
    pub message: Option<String>,
    /// What belongs to it, a line each, such as what an approval would allow.
    pub details: Vec<String>,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do, each a sentence or a command.
    pub hints: Vec<String>,
}

impl CommandError {
    /// A failure of the command itself.
    pub fn failed(message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..Self::shown() }
    }

    /// A mistake on the command line.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { exit: ExitCode::Usage, ..Self::failed(message) }
    }

    /// A failure that needs no more words: the output has said it all.
    pub fn shown() -> Self {
        Self {
            exit: ExitCode::Failed,
            message: None,
            details: Vec::new(),
            causes: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Something was changed behind our back; the output has said what.
    pub fn drift() -> Self {
        Self { exit: ExitCode::Drift, ..Self::shown() }
    }

    /// The document that stands for it where the command has printed none.
    pub fn to_json(&self) -> serde_json::Value {
        let message = self.message.as_deref().unwrap_or("failed");
        serde_json::json!({ "error": {
            "message": message,
            "causes": self.causes,
            "hints": self.hints,
            "exit": self.exit as u8,
        } })
    }

    /// A failure with the chain of errors that led to it.
    pub fn caused_by(message: impl Into<String>, error: &dyn Error) -> Self {
        let Self { exit, message: cause, details, causes, hints } = Self::of(error);
        let causes = cause.into_iter().chain(causes).collect();
        Self { exit, message: Some(message.into()), details, causes, hints }
    }

    /// The error itself as the message, its sources as the causes.
    pub fn of(error: &dyn Error) -> Self {
        let mut this = Self::failed(error.to_string());
        let mut next = error.source();
        let mut refused_by_system = false;
        while let Some(cause) = next {
            refused_by_system |= cause.is::<std::io::Error>();
            this.causes.push(cause.to_string());
            next = cause.source();
        }
        match home::home() {
            Ok(home) if refused_by_system && error.to_string().contains(&*home.to_string_lossy()) => this
                .hint(format!(
                    "`ss` keeps vault, journals and cache in `{}`; `STARSYSTEM_HOME` names another folder",
                    home.display()
                )),
            _ => this,
        }
    }

    /// Adds lines that belong to the message.
    #[must_use]
    pub fn details(mut self, details: Vec<String>) -> Self {
        self.details.extend(details);
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Says that a person must approve first.
    #[must_use]
    pub fn needs_approval(mut self) -> Self {
        self.exit = ExitCode::ApprovalNeeded;
        self
    }
}
