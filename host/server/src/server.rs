//! The server: what all its connections share.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;
use ss_config::is_name;
use ss_engine::Scope;
use ss_registry::Policy;
use ss_secret::Scrubber;

use crate::approval::{Approvals, random};
use crate::composition::{Composition, Opened, Opening, Refusal};
use crate::runs::Runs;

/// Questions that wait for a client's answer; beyond it the oldest are forgotten.
const MAX_QUESTIONS: usize = 256;

/// What a server works on.
pub struct Config {
    /// Puts the libraries together.
    pub composition: Arc<dyn Composition>,
    /// Knows every secret of this process.
    pub scrubber: Arc<Scrubber>,
    /// The folder of `ss`.
    pub home: PathBuf,
    /// The system's file. No tool can name another.
    pub file: PathBuf,
    /// The environment of a call that names none.
    pub environment: String,
    /// The version of `ss`.
    pub version: String,
}

/// The MCP server of one system.
#[derive(Clone)]
pub struct Server {
    pub(crate) shared: Arc<Shared>,
    /// Whether the client is the operator's own, so that what it says a person answered counts.
    pub(crate) trusts_client: bool,
}

pub(crate) struct Shared {
    pub config: Config,
    pub approvals: Approvals,
    pub runs: Arc<Runs>,
    /// One edit of the file at a time.
    pub editing: tokio::sync::Mutex<()>,
    questions: Mutex<BTreeMap<String, (u64, String)>>,
}

impl Server {
    /// A server for clients that run as the operator's own, on stdio. Nothing is read yet.
    pub fn new(config: Config) -> Self {
        let approvals = Approvals::new(&config.home);
        let shared = Shared {
            config,
            approvals,
            runs: Arc::default(),
            editing: tokio::sync::Mutex::default(),
            questions: Mutex::default(),
        };
        Self { shared: Arc::new(shared), trusts_client: true }
    }

    /// The same server for clients that nobody vouches for.
    pub(crate) fn for_strangers(&self) -> Self {
        Self { trusts_client: false, ..self.clone() }
    }

    /// Stops what runs and waits until it has been recorded.
    pub async fn wind_up(&self) {
        self.shared.runs.wind_up().await;
    }
}

impl Shared {
    /// The environment that a call names, or else the server's own.
    pub fn environment(&self, named: Option<&str>) -> Result<String, Refusal> {
        match named {
            None => Ok(self.config.environment.clone()),
            Some(name) if is_name(name) => Ok(name.to_owned()),
            Some(_) => Err(Refusal::new("`environment` is no name of an environment")
                .hint("starsystem_environments lists them")),
        }
    }

    /// Opens the system.
    pub async fn open(
        &self,
        environment: &str,
        command: &'static str,
        scope: Scope,
    ) -> Result<Opened, Refusal> {
        let opening = Opening { environment: environment.to_owned(), command, scope };
        self.config.composition.open(opening).await
    }

    /// The operator's policy, as it is now.
    pub fn policy(&self) -> Result<Policy, Refusal> {
        Policy::read(&self.config.home).map_err(|error| Refusal::of(&error))
    }

    /// The text of the system's file.
    pub fn read_file(&self) -> Result<String, Refusal> {
        let file = &self.config.file;
        let failed = |error: std::io::Error| Refusal {
            causes: vec![error.to_string()],
            ..Refusal::new("the system's file cannot be read")
        };
        let length = std::fs::metadata(file).map_err(failed)?.len();
        if length > ss_config::MAX_BYTES {
            return Err(Refusal::new("the system's file is too large"));
        }
        std::fs::read_to_string(file).map_err(failed)
    }

    /// A question about a plan, to be answered once; returns what its answer must bring along.
    pub fn ask(&self, digest: &str) -> String {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        let number = questions.values().map(|(number, _)| number + 1).max().unwrap_or_default();
        if questions.len() >= MAX_QUESTIONS
            && let Some(oldest) = questions.iter().min_by_key(|(_, (number, _))| *number)
        {
            let oldest = oldest.0.clone();
            questions.remove(&oldest);
        }
        let nonce = random();
        questions.insert(nonce.clone(), (number, digest.to_owned()));
        nonce
    }

    /// Whether this was asked about this plan and has not been answered.
    pub fn answered(&self, nonce: &str, digest: &str) -> bool {
        let mut questions = self.questions.lock().unwrap_or_else(PoisonError::into_inner);
        questions.remove(nonce).is_some_and(|(_, asked)| asked == digest)
    }
}

/// SHA-256 of a value's canonical JSON, in hex.
pub(crate) fn digest_of(value: &Value) -> String {
    let canonical = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    ss_registry::Digest::of(&canonical).to_hex()
}
