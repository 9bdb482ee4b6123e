//! GraphQL over HTTP as Railway speaks it: refusals come with status 200 and say in words what is wrong.

use serde_json::{Value, json};
use ss_sdk::http::Client;
use ss_sdk::{Context, Failure, FailureKind};

/// Where the API is.
const BASE: &str = "https://backboard.railway.com";

/// The one path.
const PATH: &str = "/graphql/v2";

/// Longest part of Railway's message that is quoted.
const LONGEST_QUOTE: usize = 300;

/// A client of Railway's API.
pub struct Graphql<'h> {
    client: Client<'h>,
    /// The block to blame when Railway finds a request invalid.
    blame: Option<String>,
}

impl<'h> Graphql<'h> {
    /// A client with the key of this run.
    pub fn new(context: &Context<'h>, options_path: &str) -> Result<Self, Failure> {
        let client = Client::new(context.host, "Railway", BASE)
            .with_header("authorization", format!("Bearer {}", context.api_key()?));
        let blame = (!options_path.is_empty()).then(|| options_path.to_owned());
        Ok(Self { client, blame })
    }

    /// Sends a document and reads the member of the answer's data.
    pub fn ask(
        &self,
        purpose: &'static str,
        document: &'static str,
        variables: &Value,
        member: &str,
    ) -> Result<Value, Failure> {
        let mutates = document.starts_with("mutation");
        let call = self.client.post(PATH).to(purpose);
        let call = call.json(&json!({ "query": document, "variables": variables }));
        let response = call.send().map_err(|failure| settled(failure, mutates))?;
        let mut body = response.json();
        if let Some(error) = body["errors"].as_array().and_then(|errors| errors.first()) {
            return Err(self.refusal(purpose, error, mutates));
        }
        if !response.is_success() {
            return Err(settled(call.refusal(&response), mutates));
        }
        let data = body.get_mut("data").and_then(|data| data.get_mut(member)).map(Value::take);
        let data = data.unwrap_or_default();
        if data.is_null() {
            return Err(misunderstood(purpose, mutates, "there is no data in it"));
        }
        Ok(data)
    }

    /// Sends a mutation whose answer says nothing.
    pub fn tell(
        &self,
        purpose: &'static str,
        document: &'static str,
        variables: &Value,
        member: &str,
    ) -> Result<(), Failure> {
        self.ask(purpose, document, variables, member).map(|_| ())
    }

    /// What an error of GraphQL means. Railway's codes are few and general; its words tell more.
    fn refusal(&self, purpose: &str, error: &Value, mutates: bool) -> Failure {
        let text = error["message"].as_str().unwrap_or_default().trim().trim_end_matches('.');
        let code = error["extensions"]["code"].as_str().unwrap_or_default();
        let words = text.to_lowercase();
        let says = |some: &[&str]| some.iter().any(|part| words.contains(part));
        let kind = if code == "UNAUTHENTICATED" || says(&["not authorized", "unauthorized", "invalid token"])
        {
            FailureKind::Authentication
        } else if says(&["rate limit", "ratelimit", "too many requests"]) {
            FailureKind::RateLimited(None)
        } else if says(&["not found", "does not exist"]) {
            FailureKind::NotFound
        } else if says(&["already"]) {
            FailureKind::Conflict
        } else if says(&["limit", "upgrade", "your plan", "trial", "quota"]) {
            FailureKind::Quota
        } else if code == "INTERNAL_SERVER_ERROR" || says(&["problem processing", "internal"]) {
            if mutates { FailureKind::OutcomeUnknown } else { FailureKind::Unavailable }
        } else {
            self.blame.clone().map_or(FailureKind::Internal, FailureKind::InvalidConfiguration)
        };
        let line: String = text.lines().next().unwrap_or_default().chars().take(LONGEST_QUOTE).collect();
        let failure = Failure::new(kind, format!("Railway refused to {purpose}: {line}"));
        if failure.kind == FailureKind::Authentication {
            return failure.with_next_step(
                "check that the key is an account or workspace token, and that it may do this",
            );
        }
        failure
    }
}

/// A query changes nothing, whatever method carries it.
fn settled(failure: Failure, mutates: bool) -> Failure {
    match failure.kind {
        FailureKind::OutcomeUnknown if !mutates => Failure { kind: FailureKind::Unavailable, ..failure },
        _ => failure,
    }
}

/// An answer of another shape than Railway documents.
pub fn misunderstood(purpose: &str, mutates: bool, why: &str) -> Failure {
    let message =
        format!("Railway answered the request to {purpose} in a way this plugin does not understand: {why}");
    if mutates { Failure::outcome_unknown(message) } else { Failure::internal(message) }
}
