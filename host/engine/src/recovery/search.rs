//! Asks a provider what an interrupted operation left.

use std::time::Duration;

use jiff::Timestamp;
use ss_provider::{Effect, Failure, FailureKind, Operation, Provider, State};

use super::standing::may_have_created;
use crate::journal::{OpenOp, Sent};

/// What the provider has of the operation, or why that cannot be known.
///
/// "Nothing" is believed only if the provider says so `settle` after the last request left: one that was
/// under way when `ss` died may take effect a moment later, and lists lag behind.
///
/// # Errors
/// If the provider cannot say. The failure tells what was sent, and when.
pub(crate) async fn search(
    open: &OpenOp,
    provider: &dyn Provider,
    operation: &Operation,
    settle: Duration,
) -> Result<Option<State>, Failure> {
    let stopped = |failure: Failure| stop(open, &failure);
    if let Some(state) = provider.find(operation).await.map_err(stopped)? {
        return Ok(Some(state));
    }
    let rest = rest_of(settle, open, Timestamp::now());
    if rest.is_zero() {
        return Ok(None);
    }
    operation.progress.waiting("waiting to see what an interrupted run left");
    let cancelled = operation.cancel.cancelled();
    if tokio::time::timeout(rest, cancelled).await.is_ok() {
        return Err(Failure::new(
            FailureKind::Cancelled,
            "cancelled before it was clear what an interrupted run left",
        ));
    }
    provider.find(operation).await.map_err(stopped)
}

/// What is left of `settle` since the last effect that may have created something.
fn rest_of(settle: Duration, open: &OpenOp, now: Timestamp) -> Duration {
    let last = open.effects.iter().filter(|sent| may_have_created(sent)).map(|sent| sent.at).max();
    let age = last.map_or(settle, |at| Duration::try_from(now.duration_since(at)).unwrap_or_default());
    settle.saturating_sub(age)
}

/// The failure that stops a service whose provider cannot say what is there.
pub(crate) fn stop(open: &OpenOp, why: &Failure) -> Failure {
    let provider = &open.intent.declared.provider;
    let sent: Vec<String> =
        open.effects.iter().filter(|sent| may_have_created(sent)).map(described).collect();
    let message = format!(
        "an interrupted run sent {} and it is not known what came of it; `{provider}` could not be asked: {}",
        sent.join(", then "),
        why.message,
    );
    Failure {
        kind: FailureKind::OutcomeUnknown,
        message,
        next_step: Some(why.next_step.clone().unwrap_or_else(|| {
            format!("run the command again when `{provider}` can be asked; nothing is created until then")
        })),
        denials: why.denials.clone(),
    }
}

/// An effect as a person needs it to look for its trace: what, when, and how it ended.
pub(crate) fn described(sent: &Sent) -> String {
    let what = match &sent.effect {
        Effect::Request(request) => format!("`{} https://{}{}`", request.method, request.host, request.path),
        Effect::Spawn { program } => format!("the start of `{program}`"),
        Effect::Terminate { pid } => format!("the end of process {pid}"),
        Effect::Write { path } => format!("the file `{path}`"),
        Effect::VaultWrite { key } => format!("the vault key `{key}`"),
    };
    let outcome = sent.outcome.as_ref();
    let mut notes = vec![format!("at {:.0}", sent.at)];
    match outcome.and_then(|outcome| outcome.status) {
        Some(status) => notes.push(format!("answered with {status}")),
        None => notes.push("no answer recorded".to_owned()),
    }
    if let Some(id) = outcome.and_then(|outcome| outcome.request_id.as_deref()) {
        notes.push(format!("request id {id}"));
    }
    format!("{what} ({})", notes.join(", "))
}
