//! Hostile answers: every operation, every request of it, one broken answer at a time.

use std::sync::Arc;

use ss_provider::State;

use super::{Baseline, counted, crash, life, verdict};
use crate::fault::{Fault, HOSTILE};
use crate::play::{Bench, Ended, Ran, is_crash};
use crate::report::Finding;
use crate::rules::HOSTILE as RULE;
use crate::stage::{Stage, Start};

/// Requests of one operation that are struck.
const MAX_REQUESTS: usize = 24;
/// Faults that a request other than the first gets, in turns, unless every combination is wanted.
const SHARE: usize = 3;

/// What went wrong, and what shows it.
type Wrong = (String, Vec<String>);

/// Strikes every operation.
pub(super) async fn answers(
    bench: &Bench,
    baseline: &Baseline,
    thorough: bool,
) -> Result<Vec<Finding>, String> {
    let mut trial = Trial { bench, baseline, thorough, struck: 0, failures: Vec::new() };
    trial.provision().await?;
    trial.reading().await?;
    trial.destroy().await?;
    let Trial { struck, failures, .. } = trial;
    if struck == 0 {
        return Ok(vec![Finding::not_run(RULE, "the plugin sends no requests in this scenario")]);
    }
    Ok(vec![verdict(
        RULE,
        format!("{} of {} kinds", counted(struck, "broken answer"), HOSTILE.len()),
        failures,
    )])
}

struct Trial<'b> {
    bench: &'b Bench,
    baseline: &'b Baseline,
    thorough: bool,
    struck: usize,
    failures: Vec<Wrong>,
}

impl Trial<'_> {
    /// Request numbers and what befalls them, for an operation of so many requests.
    fn strikes(&self, requests: usize) -> Vec<(usize, Fault)> {
        let count = if self.thorough { requests } else { requests.min(MAX_REQUESTS) };
        (0..count)
            .flat_map(|at| {
                let share = if at == 0 || self.thorough { HOSTILE.len() } else { SHARE };
                HOSTILE.iter().cycle().skip(at * SHARE).take(share).map(move |fault| (at, *fault))
            })
            .collect()
    }

    async fn provision(&mut self) -> Result<(), String> {
        for (at, fault) in self.strikes(self.baseline.requests.len()) {
            let stage = self.bench.stage()?;
            let ran = self.bench.provision(&stage, &Start::default().struck(at, fault)).await?;
            self.judge("provision", fault, &ran);
            match &ran.ended {
                Ended::Done(outcome) => {
                    let state = outcome.state.clone();
                    self.expect_there(&stage, fault, &ran);
                    life::tidy(self.bench, &stage, &state).await?;
                }
                _ => self.forget(&stage, &ran).await?,
            }
        }
        Ok(())
    }

    /// A success must be one.
    fn expect_there<T>(&mut self, stage: &Stage, fault: Fault, ran: &Ran<T>) {
        let census = self.bench.census(stage);
        if let Some(found) = super::difference(self.baseline.census.as_ref(), census.as_ref()) {
            let reason = format!("`provision` met {fault}, claimed success, and there are {found}");
            self.failures.push((reason, ran.evidence(&self.bench.secrets)));
        }
    }

    /// Removes what a failed case may have left at an endpoint.
    async fn forget<T>(&self, stage: &Arc<Stage>, ran: &Ran<T>) -> Result<(), String> {
        let something = ran.attempt.passed().iter().any(|passed| !passed.call.is_safe());
        if self.bench.owns_cloud() || !something {
            return Ok(());
        }
        let partial = ran.attempt.journal.partials().pop();
        let found = match partial {
            Some(_) => None,
            None => self.bench.find(stage, &Start::default()).await?.answer().ok().cloned().flatten(),
        };
        if partial.is_none() && found.is_none() {
            return Ok(());
        }
        crash::clean_up_after(self.bench, stage, Start { partial, existing: found, ..Start::default() }).await
    }

    /// `plan`, `status`, `observe` and `find` change nothing, so one world serves them all.
    async fn reading(&mut self) -> Result<(), String> {
        let stage = self.bench.stage()?;
        let made = self.bench.provision(&stage, &Start::default()).await?;
        let Ok(outcome) = made.answer() else { return Ok(()) };
        let state = outcome.state.clone();
        for operation in ["plan", "status", "observe", "find"] {
            let calm = self.read(&stage, operation, &state, None).await?;
            for strike in self.strikes(calm) {
                self.read(&stage, operation, &state, Some(strike)).await?;
            }
        }
        life::tidy(self.bench, &stage, &state).await
    }

    /// Plays one of them; says how many requests it sent.
    async fn read(
        &mut self,
        stage: &Stage,
        operation: &str,
        state: &State,
        strike: Option<(usize, Fault)>,
    ) -> Result<usize, String> {
        let with = |start: Start| match strike {
            Some((at, fault)) => start.struck(at, fault),
            None => start,
        };
        let known = with(Start::existing(state));
        macro_rules! play {
            ($call:expr) => {{
                let ran = $call.await?;
                if let Some((_, fault)) = strike {
                    self.judge(operation, fault, &ran);
                }
                ran.attempt.passed().len()
            }};
        }
        Ok(match operation {
            "plan" => play!(self.bench.plan(stage, &known)),
            "status" => play!(self.bench.status(stage, &known, state)),
            "observe" => play!(self.bench.observe(stage, &known, state)),
            _ => play!(self.bench.find(stage, &with(Start::default()))),
        })
    }

    async fn destroy(&mut self) -> Result<(), String> {
        let stage = self.bench.stage()?;
        let made = self.bench.provision(&stage, &Start::default()).await?;
        let Ok(outcome) = made.answer() else { return Ok(()) };
        let calm = self.bench.destroy(&stage, &Start::existing(&outcome.state), &outcome.state).await?;
        for (at, fault) in self.strikes(calm.attempt.passed().len()) {
            let stage = self.bench.stage()?;
            let made = self.bench.provision(&stage, &Start::default()).await?;
            let Ok(outcome) = made.answer() else { continue };
            let state = &outcome.state;
            let ran = self.bench.destroy(&stage, &Start::existing(state).struck(at, fault), state).await?;
            self.judge("destroy", fault, &ran);
            let left =
                self.bench.census(&stage).is_some_and(|census| census.values().any(|count| *count > 0));
            if matches!(ran.ended, Ended::Done(())) {
                if left {
                    let reason = format!(
                        "`destroy` met {fault}, claimed success, and left what it should have removed"
                    );
                    self.failures.push((reason, ran.evidence(&self.bench.secrets)));
                }
            } else {
                life::tidy(self.bench, &stage, state).await?;
            }
        }
        Ok(())
    }

    fn judge<T>(&mut self, operation: &str, fault: Fault, ran: &Ran<T>) {
        self.struck += 1;
        if let Some(failure) = ran.failure()
            && is_crash(failure)
        {
            let reason = format!("`{operation}` met {fault} and fell over: {}", failure.message);
            self.failures.push((reason, ran.evidence(&self.bench.secrets)));
        }
    }
}
