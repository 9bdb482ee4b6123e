//! What an operation tells the host while it runs: effects for the journal, steps for the screen.

use serde::{Deserialize, Serialize};

/// An HTTP request as the journal and the receipt keep it: no query, no headers, no body, no secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestRecord {
    /// Upper-case method.
    pub method: String,
    /// Host of the real origin, with the port unless it is the scheme's own.
    pub host: String,
    /// Path without the query.
    pub path: String,
    /// SHA-256 of the body as the plugin sent it (sealed tokens unresolved), in hex; empty without a body.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body_digest: String,
    /// The grant that let it through, in words such as `GET https://api.example/things/**`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub grant: String,
}

/// Something outside the sandbox that is about to change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "effect")]
pub enum Effect {
    /// A request that may change something at a provider.
    Request(RequestRecord),
    /// A process is started.
    Spawn {
        /// Its program, without arguments.
        program: String,
    },
    /// A process is ended.
    Terminate {
        /// Its number.
        pid: u32,
    },
    /// A file is replaced.
    Write {
        /// Its absolute path.
        path: String,
    },
    /// A secret is written to the vault.
    VaultWrite {
        /// Its key.
        key: String,
    },
}

impl Effect {
    /// Whether it may have made something that doing it again would make twice. Without an outcome nobody
    /// knows how it ended.
    pub fn may_have_created(&self, outcome: Option<&EffectOutcome>) -> bool {
        match self {
            Self::Request(_) => !outcome.and_then(|outcome| outcome.status).is_some_and(refused),
            Self::Spawn { .. } => outcome.is_none_or(|outcome| outcome.error.is_none()),
            // Doing these twice is the same as once.
            Self::Terminate { .. } | Self::Write { .. } | Self::VaultWrite { .. } => false,
        }
    }
}

/// Whether the status says that the request was not carried out. A time-out (408) does not.
fn refused(status: u16) -> bool {
    (400..500).contains(&status) && status != 408
}

/// Number of an effect within its run.
pub type EffectId = u64;

/// How an effect ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectOutcome {
    /// HTTP status, if there was an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's own id of the request, for its support.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// Why there was no answer or no effect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Wall-clock time it took.
    pub duration_ms: u64,
}

/// The journal as a running operation sees it.
///
/// The calls block until the record is on disk; they are short (one append, one flush) and come before
/// work that takes far longer.
pub trait Effects: Send + Sync {
    /// Records, durably, that the effect is about to happen. If it fails the effect must not happen.
    fn begin(&self, effect: &Effect) -> std::io::Result<EffectId>;

    /// Records how the effect ended. Best effort: what matters is that it began.
    fn end(&self, id: EffectId, outcome: &EffectOutcome);

    /// Records a request that changes nothing. Not durable: it is for the receipt only.
    fn observe(&self, request: &RequestRecord, outcome: &EffectOutcome);

    /// Keeps the plugin's partial state. Returns once it is on disk.
    fn save_partial(&self, partial: &str) -> std::io::Result<()>;

    /// Id of the run that the operation belongs to, which is that of its receipt and its trace; none outside
    /// of one.
    fn run(&self) -> Option<String> {
        None
    }
}

/// The screen as a running operation sees it. All text is scrubbed before it gets here.
pub trait Progress: Send + Sync {
    /// A step is done.
    fn step(&self, message: &str);

    /// What is being waited for.
    fn waiting(&self, message: &str);

    /// A log line; `level` is `trace`, `debug`, `info`, `warn` or `error`.
    fn log(&self, level: &str, message: &str);
}

/// Does something that changes the outside, between its two records in the journal.
///
/// The inner result is what `act` returned.
///
/// # Errors
/// If the first record cannot be written; nothing was done then.
pub fn journalled<T, E: std::fmt::Display>(
    effects: &dyn Effects,
    effect: &Effect,
    act: impl FnOnce() -> Result<T, E>,
) -> std::io::Result<Result<T, E>> {
    let id = effects.begin(effect)?;
    let begun = std::time::Instant::now();
    let answer = act();
    let outcome = EffectOutcome {
        status: None,
        request_id: None,
        error: answer.as_ref().err().map(ToString::to_string),
        duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
    };
    effects.end(id, &outcome);
    Ok(answer)
}
