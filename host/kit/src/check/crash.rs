//! Runs that are cut short: by a crash, by a lost answer, by a person.

use std::sync::Arc;

use ss_provider::{FailureKind, State};

use super::{Baseline, counted, difference, life, verdict};
use crate::fault::Fault;
use crate::journal::Event;
use crate::play::{Bench, Ended, Ran};
use crate::report::Finding;
use crate::rules::{FIND, RESUME};
use crate::stage::{Stage, Start};

/// Cuts of one scenario. Providers of today need a third of it.
const MAX_CUTS: usize = 90;
/// Cancellations of one scenario.
const MAX_CANCELS: usize = 8;

/// What went wrong, and what shows it.
type Wrong = (String, Vec<String>);

/// Cuts `provision` after each host call, and runs it again as `ss` would.
pub(super) async fn resume(bench: &Bench, baseline: &Baseline) -> Result<Vec<Finding>, String> {
    let cuts = cuts(&baseline.events);
    let mut failures = Vec::new();
    let mut unseen = 0;
    for cut in cuts.iter().copied().take(MAX_CUTS) {
        match cut_and_resume(bench, baseline, cut).await? {
            Resumed::Fine => {}
            Resumed::Unseen => unseen += 1,
            Resumed::Wrong(wrong) => failures.push(wrong),
        }
    }
    let mut tried = format!("killed after each of {}", counted(cuts.len().min(MAX_CUTS), "host call"));
    if cuts.len() > MAX_CUTS {
        tried.push_str(&format!(" (the first of {})", cuts.len()));
    }
    if unseen > 0 {
        tried.push_str(&format!("; {unseen} not judged, because `find` saw nothing of what had been made"));
    }
    Ok(vec![verdict(RESUME, tried, failures)])
}

/// The numbers of the events to cut after: all but repetitions of a request that only reads.
fn cuts(events: &[Event]) -> Vec<usize> {
    let repeats = |at: usize| at > 0 && events[at].repeats && events[at] == events[at - 1];
    (0..events.len()).filter(|at| !repeats(*at)).map(|at| at + 1).collect()
}

enum Resumed {
    Fine,
    /// Something was made, nothing was saved and `find` does not see it: the business of [`find`].
    Unseen,
    Wrong(Wrong),
}

async fn cut_and_resume(bench: &Bench, baseline: &Baseline, cut: usize) -> Result<Resumed, String> {
    let stage = bench.stage()?;
    let killed = bench.provision(&stage, &Start { cut: Some(cut), ..Start::default() }).await?;
    let what = killed.attempt.journal.events().last().map_or_else(String::new, |event| event.what.clone());
    let Some(start) = start_after(bench, &stage, &killed).await? else {
        return Ok(Resumed::Unseen);
    };
    let how = match (&start.partial, &start.existing) {
        (Some(_), _) => "with the saved state",
        (None, Some(_)) => "with what `find` found",
        (None, None) => "from the beginning",
    };
    let resumed = bench.provision(&stage, &start).await?;
    let at = format!("killed after host call {cut}, {what}, and run again {how}");
    let outcome = match resumed.answer() {
        Ok(outcome) => outcome,
        Err(reason) => {
            let evidence = story(bench, &killed, &resumed);
            return Ok(Resumed::Wrong((format!("{at}, `provision` failed: {reason}"), evidence)));
        }
    };
    let found = difference(baseline.census.as_ref(), bench.census(&stage).as_ref());
    let resumed_well = match found {
        None => Resumed::Fine,
        Some(found) => Resumed::Wrong((format!("{at}, there are {found}"), story(bench, &killed, &resumed))),
    };
    life::tidy(bench, &stage, &outcome.state).await?;
    Ok(resumed_well)
}

/// What the next run starts from, as `ss` decides it; none if `find` does not see what is there.
async fn start_after<T>(bench: &Bench, stage: &Arc<Stage>, cut: &Ran<T>) -> Result<Option<Start>, String> {
    let journal = &cut.attempt.journal;
    if let Some(partial) = journal.partials().pop() {
        return Ok(Some(Start { partial: Some(partial), ..Start::default() }));
    }
    if !journal.sent().iter().any(|sent| sent.effect.may_have_created(sent.outcome.as_ref())) {
        return Ok(Some(Start::default()));
    }
    let found = bench.find(stage, &Start::default()).await?;
    Ok(match found.ended {
        Ended::Done(Some(state)) => Some(Start { existing: Some(state), ..Start::default() }),
        Ended::Done(None) if !is_there(bench, stage) => Some(Start::default()),
        _ => None,
    })
}

fn is_there(bench: &Bench, stage: &Stage) -> bool {
    bench.census(stage).is_some_and(|census| census.values().any(|count| *count > 0))
}

fn story<T, U>(bench: &Bench, first: &Ran<T>, second: &Ran<U>) -> Vec<String> {
    let mut lines = vec!["the first run:".to_owned()];
    lines.extend(first.evidence(&bench.secrets));
    lines.push("the next run:".to_owned());
    lines.extend(second.evidence(&bench.secrets));
    lines
}

/// Loses the answer of each request that may change something.
pub(super) async fn find(bench: &Bench, baseline: &Baseline) -> Result<Vec<Finding>, String> {
    let unsafe_requests: Vec<usize> =
        (0..baseline.requests.len()).filter(|at| !baseline.requests[*at]).collect();
    if unsafe_requests.is_empty() {
        return Ok(vec![Finding::not_run(FIND, "`provision` sends no request that may change something")]);
    }
    if baseline.census.is_none() {
        return Ok(vec![Finding::not_run(
            FIND,
            "the scenario does not say how resources are counted (`[[count]]`)",
        )]);
    }
    let mut failures: Vec<Wrong> = found_in_vain(bench).await?.into_iter().collect();
    let mut lost = 0;
    for at in unsafe_requests {
        match lose(bench, baseline, at).await? {
            Lost::NotJudged => {}
            Lost::Found => lost += 1,
            Lost::Wrong(wrong) => {
                lost += 1;
                failures.push(wrong);
            }
        }
    }
    let tried = format!("{} lost, and a world without anything", counted(lost, "answer"));
    Ok(vec![verdict(FIND, tried, failures)])
}

/// `find` where there is nothing.
async fn found_in_vain(bench: &Bench) -> Result<Option<Wrong>, String> {
    let stage = bench.stage()?;
    let found = bench.find(&stage, &Start::default()).await?;
    let reason = match found.answer() {
        Ok(None) => return Ok(None),
        Ok(Some(state)) => format!("`find` found `{}` where nothing is", state.resource_id),
        Err(reason) => format!("`find` failed where nothing is: {reason}"),
    };
    Ok(Some((reason, found.evidence(&bench.secrets))))
}

enum Lost {
    /// Nothing was made, or the plugin saved how far it got: no need to find anything.
    NotJudged,
    Found,
    Wrong(Wrong),
}

async fn lose(bench: &Bench, baseline: &Baseline, at: usize) -> Result<Lost, String> {
    let stage = bench.stage()?;
    let cut = bench.provision(&stage, &Start::default().struck(at, Fault::Lost)).await?;
    let Some(what) = cut.attempt.passed().into_iter().find(|passed| passed.fault.is_some()) else {
        return Ok(Lost::NotJudged);
    };
    let what = format!("{} {}", what.call.method, what.call.path());
    if let Ended::Done(outcome) = &cut.ended {
        // It has looked for itself.
        let found = difference(baseline.census.as_ref(), bench.census(&stage).as_ref());
        life::tidy(bench, &stage, &outcome.state).await?;
        return Ok(found.map_or(Lost::Found, |found| {
            let reason = format!("the answer to {what} was lost, `provision` went on, and there are {found}");
            Lost::Wrong((reason, cut.evidence(&bench.secrets)))
        }));
    }
    if let Some(partial) = cut.attempt.journal.partials().pop() {
        clean_up_after(bench, &stage, Start { partial: Some(partial), ..Start::default() }).await?;
        return Ok(Lost::NotJudged);
    }
    if !is_there(bench, &stage) {
        return Ok(Lost::NotJudged);
    }
    if let Some(failure) = cut.failure()
        && matches!(failure.kind, FailureKind::Unavailable | FailureKind::RateLimited { .. })
    {
        let reason = format!(
            "the answer to {what} was lost, and the failure is {}, which says that nothing was changed; it is `outcome-unknown`",
            crate::play::sentence(failure)
        );
        return Ok(Lost::Wrong((reason, cut.evidence(&bench.secrets))));
    }
    let found = bench.find(&stage, &Start::default()).await?;
    let state = match found.answer() {
        Ok(Some(state)) => state,
        Ok(None) => {
            let reason = format!("the answer to {what} was lost, and `find` does not see what it made");
            return Ok(Lost::Wrong((reason, story(bench, &cut, &found))));
        }
        Err(reason) => {
            let reason = format!("the answer to {what} was lost, and `find` failed: {reason}");
            return Ok(Lost::Wrong((reason, story(bench, &cut, &found))));
        }
    };
    adopt(bench, baseline, &stage, state, &what).await
}

/// `provision` with what `find` found.
async fn adopt(
    bench: &Bench,
    baseline: &Baseline,
    stage: &Arc<Stage>,
    state: &State,
    what: &str,
) -> Result<Lost, String> {
    let adopted = bench.provision(stage, &Start::existing(state)).await?;
    let outcome = match adopted.answer() {
        Ok(outcome) => outcome,
        Err(reason) => {
            let reason = format!(
                "the answer to {what} was lost, and `provision` with what `find` found failed: {reason}"
            );
            return Ok(Lost::Wrong((reason, adopted.evidence(&bench.secrets))));
        }
    };
    let lost = match difference(baseline.census.as_ref(), bench.census(stage).as_ref()) {
        None => Lost::Found,
        Some(found) => Lost::Wrong((
            format!("the answer to {what} was lost, and after the next run there are {found}"),
            adopted.evidence(&bench.secrets),
        )),
    };
    life::tidy(bench, stage, &outcome.state).await?;
    Ok(lost)
}

/// Finishes and removes what an endpoint keeps.
pub(super) async fn clean_up_after(bench: &Bench, stage: &Arc<Stage>, start: Start) -> Result<(), String> {
    if bench.owns_cloud() {
        return Ok(());
    }
    if let Ok(outcome) = bench.provision(stage, &start).await?.answer() {
        life::tidy(bench, stage, &outcome.state).await?;
    }
    Ok(())
}

/// Cancels `provision` after some of its host calls, as a person would. What is watched judges it.
pub(super) async fn cancel(bench: &Bench, baseline: &Baseline) -> Result<Vec<Finding>, String> {
    let cuts = cuts(&baseline.events);
    let step = cuts.len().div_ceil(MAX_CANCELS).max(1);
    for at in cuts.into_iter().step_by(step) {
        let stage = bench.stage()?;
        let cancelled = bench.provision(&stage, &Start { cancel: Some(at), ..Start::default() }).await?;
        if let Ended::Done(outcome) = &cancelled.ended {
            life::tidy(bench, &stage, &outcome.state).await?;
        } else if let Some(start) = start_after(bench, &stage, &cancelled).await? {
            clean_up_after(bench, &stage, start).await?;
        }
    }
    Ok(Vec::new())
}
