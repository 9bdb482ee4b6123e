//! The life of a resource in a kind world: made, looked at, made again, changed by others, destroyed.

use ss_provider::{Action, FailureKind, Plan, State};

use super::{Baseline, counted, difference, verdict};
use crate::cloud::Census;
use crate::play::{Bench, Ended, is_overrun};
use crate::report::Finding;
use crate::rules::{DESTROY, DETERMINISTIC, DRIFT, GONE, IDEMPOTENT, SETTLED, WORKS};
use crate::stage::{Stage, Start};

/// Plans that are compared.
const PLANS: usize = 3;

/// Plan, provision, plan and status. The baseline is there only if all of it works.
pub(super) async fn works(bench: &Bench) -> (Vec<Finding>, Option<Baseline>) {
    match live(bench).await {
        Ok(lived) => lived,
        Err(reason) => (vec![Finding::failed(WORKS, reason)], None),
    }
}

async fn live(bench: &Bench) -> Result<(Vec<Finding>, Option<Baseline>), String> {
    let stage = bench.stage()?;
    let mut plans = Vec::new();
    for _ in 0..PLANS {
        let planned = bench.plan(&stage, &Start::default()).await?;
        match planned.ended {
            Ended::Done(plan) => plans.push(plan),
            _ => return Ok((vec![stopped(bench, &stage, "plan", &planned)], None)),
        }
    }
    let made = bench.provision(&stage, &Start::default()).await?;
    let Ended::Done(outcome) = &made.ended else {
        return Ok((vec![stopped(bench, &stage, "provision", &made)], None));
    };
    let state = &outcome.state;
    let census = bench.census(&stage);
    let healthy = bench.status(&stage, &Start::existing(state), state).await?;
    let works = match healthy.answer() {
        Ok(health) if health.healthy => nothing_made(census.as_ref()),
        Ok(health) => Some(format!("after `provision`, `status` says: {}", health.message)),
        Err(reason) => Some(format!("`status` failed: {reason}")),
    };
    if let Some(reason) = works {
        let failed = Finding::failed(WORKS, reason).showing(healthy.evidence(&bench.secrets));
        return Ok((vec![failed], None));
    }
    let requests = made.attempt.passed().iter().map(|passed| passed.call.is_safe()).collect();
    let baseline = Baseline { census, events: made.attempt.journal.events(), requests };
    let tried = format!("{} in `provision`", counted(baseline.events.len(), "host call"));
    let mut findings = vec![Finding::passed(WORKS, tried)];
    findings.push(settled(bench, &stage, state, &mut plans).await?);
    findings.push(deterministic(&plans));
    tidy(bench, &stage, state).await?;
    Ok((findings, Some(baseline)))
}

/// Why the scenario does not work. What another rule is about is not said twice.
fn stopped<T>(bench: &Bench, stage: &Stage, name: &str, ran: &crate::play::Ran<T>) -> Finding {
    let watched = bench.watch.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !watched.leaks.is_empty() && ran.failure().is_some_and(|failure| failure.message.contains("holds a")) {
        return Finding::not_run(WORKS, format!("the answer of `{name}` was refused, see `secrets/sealed`"));
    }
    if ran.failure().is_some_and(is_overrun) {
        return Finding::not_run(WORKS, format!("`{name}` was ended, see `limits/honoured`"));
    }
    if !watched.impure.is_empty() && name == "plan" {
        return Finding::not_run(WORKS, "`plan` was refused a request, see `plan/pure`");
    }
    let mut reason = match ran.failure() {
        Some(failure) => format!("`{name}` failed: {}", crate::play::sentence(failure)),
        None => format!("`{name}` did not end"),
    };
    if let Some(trouble) = stage.cloud.trouble() {
        reason.push_str(&format!(" ({trouble})"));
    }
    let failure = ran.failure();
    let denials =
        failure.into_iter().flat_map(|failure| &failure.denials).map(|d| format!("denied: {}", d.message));
    Finding::failed(WORKS, reason).showing(ran.evidence(&bench.secrets)).showing(denials)
}

fn nothing_made(census: Option<&Census>) -> Option<String> {
    let census = census?;
    (!census.is_empty() && census.values().all(|count| *count == 0))
        .then(|| "`provision` succeeded, and there is nothing".to_owned())
}

async fn settled(
    bench: &Bench,
    stage: &Stage,
    state: &State,
    plans: &mut Vec<Plan>,
) -> Result<Finding, String> {
    let start = Start::existing(state);
    let planned = bench.plan(stage, &start).await?;
    let again = bench.plan(stage, &start).await?;
    if let (Ok(first), Ok(second)) = (planned.answer(), again.answer())
        && first != second
    {
        // Told by the rule of determinism: the second stands in for a plan of the same world.
        plans.push(second.clone());
    }
    Ok(match planned.answer() {
        Ok(plan) if plan.action == Action::Nothing => {
            Finding::passed(SETTLED, "plan with the state that `provision` returned")
        }
        Ok(plan) => {
            let changes = plan.changes.iter().map(|change| {
                let text = serde_json::to_string(change).unwrap_or_default();
                bench.secrets.scrub(&format!("change: {text}"))
            });
            let reason = format!("right after `provision` the plan wants `{}`", action(plan.action));
            Finding::failed(SETTLED, reason).showing(changes).showing(planned.evidence(&bench.secrets))
        }
        Err(reason) => Finding::failed(SETTLED, format!("`plan` failed: {reason}"))
            .showing(planned.evidence(&bench.secrets)),
    })
}

fn action(action: Action) -> &'static str {
    match action {
        Action::Create => "create",
        Action::Update => "update",
        Action::Replace => "replace",
        Action::Nothing => "nothing",
    }
}

fn deterministic(plans: &[Plan]) -> Finding {
    let Some(first) = plans.first() else { return Finding::not_run(DETERMINISTIC, "there is no plan") };
    let Some(other) = plans.iter().find(|plan| *plan != first) else {
        return Finding::passed(DETERMINISTIC, format!("{PLANS} plans of the same world"));
    };
    let shown = |plan: &Plan| serde_json::to_string(plan).unwrap_or_default();
    Finding::failed(DETERMINISTIC, "two plans of the same world differ")
        .showing([format!("first: {}", shown(first)), format!("then: {}", shown(other))])
}

/// `provision` again, with its own state.
pub(super) async fn idempotent(bench: &Bench, baseline: &Baseline) -> Result<Vec<Finding>, String> {
    let stage = bench.stage()?;
    let made = bench.provision(&stage, &Start::default()).await?;
    let Ok(outcome) = made.answer() else { return Ok(vec![inconstant(bench, IDEMPOTENT, &made)]) };
    let state = &outcome.state;
    let again = bench.provision(&stage, &Start::existing(state)).await?;
    let census = bench.census(&stage);
    let evidence = again.evidence(&bench.secrets);
    let reason = match again.answer() {
        Err(reason) => Some(format!("the second `provision` failed: {reason}")),
        Ok(second) if second.state.resource_id != state.resource_id => Some(format!(
            "the second `provision` returned the resource `{}` instead of `{}`",
            second.state.resource_id, state.resource_id
        )),
        Ok(_) => difference(baseline.census.as_ref(), census.as_ref())
            .map(|difference| format!("after the second `provision` there are {difference}"))
            .or_else(|| created_blindly(baseline.census.as_ref(), &again)),
    };
    let found = match reason {
        Some(reason) => Finding::failed(IDEMPOTENT, reason).showing(evidence),
        None => {
            let sent = again.attempt.passed().iter().filter(|passed| !passed.call.is_safe()).count();
            Finding::passed(IDEMPOTENT, format!("the second one sent {}", counted(sent, "unsafe request")))
        }
    };
    // What an endpoint keeps is not left behind.
    tidy(bench, &stage, state).await?;
    Ok(vec![found])
}

/// Where nothing is counted: a creation by its status.
fn created_blindly(census: Option<&Census>, ran: &crate::play::Ran<ss_provider::Outcome>) -> Option<String> {
    if census.is_some() {
        return None;
    }
    let passed = ran.attempt.passed();
    let made = passed.iter().find(|passed| passed.call.method == "POST" && passed.status == Some(201))?;
    Some(format!("the second `provision` created something: POST {}", made.call.path()))
}

/// A provision that worked once and then did not.
fn inconstant<T>(bench: &Bench, rule: &'static crate::rules::Rule, ran: &crate::play::Ran<T>) -> Finding {
    let reason = ran.failure().map(crate::play::sentence).unwrap_or_default();
    Finding::failed(rule, format!("`provision` worked before and now failed in a fresh world: {reason}"))
        .showing(ran.evidence(&bench.secrets))
}

/// Removes what a case has made where worlds are not thrown away.
pub(super) async fn tidy(bench: &Bench, stage: &Stage, state: &State) -> Result<(), String> {
    if !bench.owns_cloud() && !bench.is_replay() {
        bench.destroy(stage, &Start::existing(state), state).await?;
    }
    Ok(())
}

/// No drift, then drift.
pub(super) async fn drift(bench: &Bench) -> Result<Vec<Finding>, String> {
    let stage = bench.stage()?;
    let made = bench.provision(&stage, &Start::default()).await?;
    let Ok(outcome) = made.answer() else { return Ok(vec![inconstant(bench, DRIFT, &made)]) };
    let state = &outcome.state;
    let start = Start::existing(state);
    let mut failures = Vec::new();
    let mut tried = vec!["no change"];
    let calm = bench.observe(&stage, &start, state).await?;
    match calm.answer() {
        Ok(changes) if changes.is_empty() => {}
        Ok(changes) => failures.push((
            format!("right after `provision` it sees drift of `{}`", changes[0].field),
            calm.evidence(&bench.secrets),
        )),
        Err(reason) => failures.push((format!("`observe` failed: {reason}"), calm.evidence(&bench.secrets))),
    }
    if let Some(change) = &bench.scenario.change
        && stage.cloud.change(change.resource.as_deref(), &change.set)
    {
        tried.push("the scenario's change");
        failures.extend(unseen(bench, &stage, state, "changed").await?);
    }
    if remove(bench, &stage, state).await? {
        tried.push("a resource that is gone");
        failures.extend(unseen(bench, &stage, state, "removed").await?);
    }
    Ok(vec![verdict(DRIFT, tried.join(", "), failures)])
}

/// Whether `observe` says nothing of what somebody has done.
async fn unseen(
    bench: &Bench,
    stage: &Stage,
    state: &State,
    done: &str,
) -> Result<Option<(String, Vec<String>)>, String> {
    let seen = bench.observe(stage, &Start::existing(state), state).await?;
    Ok(match &seen.ended {
        Ended::Done(changes) if !changes.is_empty() => None,
        Ended::Failed(failure) if failure.kind == FailureKind::NotFound => None,
        Ended::Failed(failure) => Some((
            format!(
                "`observe` of a resource that was {done} by somebody else failed: {}",
                crate::play::sentence(failure)
            ),
            seen.evidence(&bench.secrets),
        )),
        _ => Some((
            format!("the resource was {done} by somebody else, and `observe` sees no drift"),
            seen.evidence(&bench.secrets),
        )),
    })
}

/// Removes the resource behind the plugin's back, or else with its own `destroy`; false if it cannot be.
async fn remove(bench: &Bench, stage: &Stage, state: &State) -> Result<bool, String> {
    if stage.cloud.wipe() {
        return Ok(true);
    }
    if bench.scenario.service.command.is_some() && crate::processes::sweep(&bench.subject.mark) {
        return Ok(true);
    }
    let destroyed = bench.destroy(stage, &Start::existing(state), state).await?;
    Ok(destroyed.answer().is_ok())
}

/// Destroy, and destroy again.
pub(super) async fn destroy(bench: &Bench) -> Result<Vec<Finding>, String> {
    let stage = bench.stage()?;
    let made = bench.provision(&stage, &Start::default()).await?;
    let Ok(outcome) = made.answer() else { return Ok(vec![inconstant(bench, DESTROY, &made)]) };
    let state = outcome.state.clone();
    let start = Start::existing(&state);
    let destroyed = bench.destroy(&stage, &start, &state).await?;
    if let Err(reason) = destroyed.answer() {
        let failed = Finding::failed(DESTROY, format!("`destroy` failed: {reason}"));
        return Ok(vec![
            failed.showing(destroyed.evidence(&bench.secrets)),
            Finding::not_run(GONE, "`destroy` does not work"),
        ]);
    }
    let left = bench.census(&stage).map(|census| {
        census
            .into_iter()
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{count} of `{name}`"))
            .collect()
    });
    let first = match left {
        None => Finding::passed(DESTROY, "it succeeded; nothing is counted in this scenario"),
        Some(left) => leftovers(left, destroyed.evidence(&bench.secrets)),
    };
    let mut failures = Vec::new();
    let again = bench.destroy(&stage, &start, &state).await?;
    if let Err(reason) = again.answer() {
        failures.push((format!("the second `destroy` failed: {reason}"), again.evidence(&bench.secrets)));
    }
    let mut tried = "after `destroy`".to_owned();
    if let Some(failure) = removed_by_others(bench).await? {
        tried.push_str(", and after somebody else's");
        failures.extend(failure);
    }
    Ok(vec![first, verdict(GONE, tried, failures)])
}

fn leftovers(left: Vec<String>, evidence: Vec<String>) -> Finding {
    if left.is_empty() {
        Finding::passed(DESTROY, "nothing is left")
    } else {
        Finding::failed(DESTROY, format!("`destroy` succeeded and left {}", left.join(", ")))
            .showing(evidence)
    }
}

/// Destroy of what somebody else has removed; none where nobody can.
async fn removed_by_others(bench: &Bench) -> Result<Option<Option<(String, Vec<String>)>>, String> {
    if !bench.owns_cloud() {
        return Ok(None);
    }
    let stage = bench.stage()?;
    let made = bench.provision(&stage, &Start::default()).await?;
    let Ok(outcome) = made.answer() else { return Ok(None) };
    if !stage.cloud.wipe() {
        return Ok(None);
    }
    let state = &outcome.state;
    let destroyed = bench.destroy(&stage, &Start::existing(state), state).await?;
    Ok(Some(destroyed.answer().err().map(|reason| {
        let evidence = destroyed.evidence(&bench.secrets);
        (format!("`destroy` of what somebody else had removed failed: {reason}"), evidence)
    })))
}
