//! What the program that hosts this server does for it: putting the libraries together.

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::{Value, json};
use ss_config::System;
use ss_engine::{Engine, EngineError, Scope};
use ss_registry::Workspace;

/// Opens systems and makes the reports that need more than the engine.
#[async_trait]
pub trait Composition: Send + Sync + 'static {
    /// Opens the system for a tool, its plugins admitted.
    ///
    /// # Errors
    /// If files, lock or plugins cannot be used.
    async fn open(&self, opening: Opening) -> Result<Opened, Refusal>;

    /// Checks a text as the system's file, with the overlay that there is: `{valid, findings}`.
    ///
    /// # Errors
    /// If it cannot be checked. What is wrong with the text is no error.
    async fn check(&self, environment: &str, yaml: String) -> Result<Value, Refusal>;

    /// The document of a report. Changes nothing.
    ///
    /// # Errors
    /// As the report has it.
    async fn report(&self, environment: &str, report: Report) -> Result<Value, Refusal>;
}

/// What a system is opened for.
#[derive(Debug, Clone)]
pub struct Opening {
    /// The environment.
    pub environment: String,
    /// What journal and receipt are told.
    pub command: &'static str,
    /// Which services are the tool's to handle.
    pub scope: Scope,
}

/// A system, opened.
pub struct Opened {
    /// The system as its files have it.
    pub system: Arc<System>,
    /// The engine on top.
    pub engine: Engine,
    /// Its lock, which is saved before anything is provisioned.
    pub workspace: Workspace,
    /// The providers that reach nothing but processes and files of this machine.
    pub local: BTreeSet<String>,
}

/// A document that a command of the program makes too.
#[derive(Debug, Clone)]
pub enum Report {
    /// Every provider in short, or one in full.
    Catalog {
        /// The provider.
        provider: Option<String>,
    },
    /// Plugins whose name or description has this word; all without one.
    PluginSearch {
        /// The word.
        word: Option<String>,
    },
    /// What a plugin is and asks for.
    PluginInfo {
        /// Its name.
        plugin: String,
    },
    /// Every pinned plugin, checked again.
    PluginVerify,
    /// The names of what the vault holds.
    VaultKeys,
    /// The last lines that a service of this machine printed.
    Logs {
        /// The service.
        service: String,
        /// How many lines.
        lines: u32,
    },
    /// The system as a Mermaid diagram.
    Graph,
    /// What stands in the way of the next run, and what repairs it.
    Doctor,
    /// The runs, newest first.
    Receipts,
    /// One run; the newest without an id.
    Receipt {
        /// Its id, or how that begins.
        run: Option<String>,
    },
    /// Whether every receipt is as it was written.
    VerifyReceipts,
}

/// Why a tool did not do its work.
#[derive(Debug, Clone, Default)]
pub struct Refusal {
    /// What failed, in one sentence.
    pub message: String,
    /// What belongs to it, a line each.
    pub details: Vec<String>,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do.
    pub hints: Vec<String>,
    /// What is known beyond that, such as the findings about a file.
    pub document: Option<Box<Value>>,
}

impl Refusal {
    /// A refusal of this server's own.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), ..Self::default() }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    /// Adds what is known beyond the message.
    #[must_use]
    pub fn with(mut self, document: Value) -> Self {
        self.document = Some(Box::new(document));
        self
    }

    /// The error with the chain that led to it.
    pub fn of(error: &dyn std::error::Error) -> Self {
        let causes = std::iter::successors(error.source(), |cause| cause.source());
        Self { causes: causes.map(ToString::to_string).collect(), ..Self::new(error.to_string()) }
    }

    /// As JSON, unmarked.
    pub(crate) fn to_json(&self) -> Value {
        json!({ "error": {
            "message": self.message,
            "details": self.details,
            "causes": self.causes,
            "hints": self.hints,
        }, "document": self.document })
    }
}

impl From<EngineError> for Refusal {
    fn from(error: EngineError) -> Self {
        let refusal = Self::of(&error);
        match error.help() {
            Some(help) => refusal.hint(help),
            None => refusal,
        }
    }
}
