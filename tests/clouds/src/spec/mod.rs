//! Judges what stand-ins recorded by the providers' official descriptions, OpenAPI, GraphQL or botocore's
//! models of AWS.
//!
//! So stand-in and plugin cannot drift from the real API together. The descriptions are not part of this
//! repository: where they are absent, a check says so instead of passing in silence.
//!
//! A request is judged by its path and method, its parameters and its body; an answer by the schema of
//! its status. Beyond plain validation, a member that the description does not name is a violation, because
//! the descriptions hardly ever forbid one.

mod botocore;
mod document;
mod graphql;
mod schema;

use std::fmt;
use std::path::{Path, PathBuf};

use crate::{Provider, Recorded, Running, Surface};
use botocore::Model;
pub use document::{Document, DocumentError};
pub use graphql::GraphqlSchema;

/// The environment variable that names the folder of the descriptions.
pub const FOLDER_VARIABLE: &str = "SS_SPECS";

/// What does not agree with a description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// `POST /v1/apps → 201`.
    pub exchange: String,
    /// Where: `request`, `request /config/env`, `answer /project`, `query limit`.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.exchange, self.place, self.message)
    }
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checked {
    /// So many exchanges were judged, with these violations.
    Ran {
        /// Exchanges with the API.
        exchanges: usize,
        /// What was wrong with them.
        violations: Vec<Violation>,
    },
    /// There is no description at this path.
    DidNotRun {
        /// Where it was looked for.
        missing: PathBuf,
    },
}

/// The folder of the descriptions: `SS_SPECS`, or else `shared/specs` beside the checkout.
pub fn folder() -> PathBuf {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/specs");
    std::env::var_os(FOLDER_VARIABLE).map_or_else(beside, PathBuf::from)
}

/// Judges requests of one provider.
///
/// # Errors
/// If there is a description, but it cannot be used.
pub fn check(provider: Provider, requests: &[Recorded]) -> Result<Checked, DocumentError> {
    if provider == Provider::Aws {
        return check_aws(requests);
    }
    let speaks_graphql = provider == Provider::Railway;
    let path = folder().join(if speaks_graphql {
        format!("{provider}.graphql")
    } else {
        format!("{provider}.openapi.json")
    });
    if !path.is_file() {
        return Ok(Checked::DidNotRun { missing: path });
    }
    let api: Vec<&Recorded> = requests.iter().filter(|recorded| recorded.surface == Surface::Api).collect();
    let violations = if speaks_graphql {
        let schema = GraphqlSchema::read(&path)?;
        api.iter().flat_map(|recorded| schema.check(recorded)).collect()
    } else {
        let document = Document::read(&path)?;
        api.iter().flat_map(|recorded| document.check(recorded)).collect()
    };
    Ok(Checked::Ran { exchanges: api.len(), violations })
}

/// Judges requests to AWS, each by the model of its service.
fn check_aws(requests: &[Recorded]) -> Result<Checked, DocumentError> {
    let path = |service: &str| folder().join(format!("aws-{service}.botocore.json"));
    if let Some(missing) = ["s3", "cloudfront"].map(path).into_iter().find(|path| !path.is_file()) {
        return Ok(Checked::DidNotRun { missing });
    }
    let (s3, cloudfront) = (Model::read(&path("s3"))?, Model::read(&path("cloudfront"))?);
    let judge = |recorded: &Recorded| {
        if recorded.host.starts_with("cloudfront.") { cloudfront.check(recorded) } else { s3.check(recorded) }
    };
    Ok(Checked::Ran { exchanges: requests.len(), violations: requests.iter().flat_map(judge).collect() })
}

/// Panics if anything that a stand-in recorded disagrees with the description. For tests.
///
/// Says loudly on stderr if there is none to judge by.
///
/// # Panics
/// On violations, and if a description is there but cannot be used.
pub fn assert_agrees(running: &Running) {
    let provider = running.provider();
    match check(provider, &running.requests()) {
        Ok(Checked::Ran { violations, .. }) if violations.is_empty() => {}
        Ok(Checked::Ran { violations, .. }) => {
            let lines: Vec<String> = violations.iter().map(Violation::to_string).collect();
            panic!("{} disagreements with {provider}'s description:\n{}", lines.len(), lines.join("\n"));
        }
        Ok(Checked::DidNotRun { missing }) => announce(provider, &missing),
        Err(error) => panic!("{provider}'s description cannot be used: {error}"),
    }
}

#[expect(clippy::print_stderr, reason = "a check that did not run must not pass in silence")]
fn announce(provider: Provider, missing: &Path) {
    eprintln!(
        "\n*** THE SPEC CHECK FOR {provider} DID NOT RUN: there is no {} ({FOLDER_VARIABLE} names the folder) ***\n",
        missing.display()
    );
}
