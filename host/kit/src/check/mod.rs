//! Judging the rules: what to play, and what must come of it.
//!
//! One module per group of rules. A check plays operations on fresh stages and returns findings; what every
//! operation is watched for (leaks, changes where none may be, limits) is judged last, over all of them.

mod contract;
mod crash;
mod hostile;
mod life;
mod watched;

use std::time::Instant;

pub(crate) use contract::{contract, unusable};

use crate::journal::Event;
use crate::play::Bench;
use crate::report::{Finding, Verdict};
use crate::rules::{self, RULES, Rule};

/// Which rules are wanted, by the beginnings of their ids; none is all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wanted(pub(crate) Vec<String>);

impl Wanted {
    pub(crate) fn is(&self, rule: &Rule) -> bool {
        self.0.is_empty() || self.0.iter().any(|wanted| rule.id.starts_with(wanted.as_str()))
    }
}

/// What a provision in a kind world does: what the other checks are measured by.
pub(crate) struct Baseline {
    /// How many resources there are afterwards.
    pub(crate) census: Option<crate::cloud::Census>,
    /// Its host calls.
    pub(crate) events: Vec<Event>,
    /// Its requests: whether each is safe by its method.
    pub(crate) requests: Vec<bool>,
}

/// Judges every wanted rule in one scenario.
pub(crate) async fn scenario(bench: &Bench, wanted: &Wanted, thorough: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(contract::options(bench));
    let begun = Instant::now();
    let (found, baseline) = life::works(bench).await;
    findings.extend(timed(begun, found));
    if let Some(baseline) = &baseline {
        judge(bench, wanted, thorough, baseline, &mut findings).await;
    }
    bench.clear();
    findings.extend(watched::judge(bench));
    let judged: Vec<&str> = findings.iter().map(|finding| finding.rule.id).collect();
    let left = scenario_rules().filter(|rule| !judged.contains(&rule.id));
    let left: Vec<Finding> =
        left.map(|rule| Finding::not_run(rule, "`provision` does not work in this scenario")).collect();
    findings.extend(left);
    finish(bench, wanted, findings)
}

async fn judge(
    bench: &Bench,
    wanted: &Wanted,
    thorough: bool,
    baseline: &Baseline,
    findings: &mut Vec<Finding>,
) {
    macro_rules! check {
        ($rule:expr, $check:expr) => {
            if wanted.is($rule) && !bench.scenario.skip.contains_key($rule.id) {
                let begun = Instant::now();
                let found = $check.await.unwrap_or_else(|reason| vec![Finding::failed($rule, reason)]);
                findings.extend(timed(begun, found));
            }
        };
    }
    check!(rules::IDEMPOTENT, life::idempotent(bench, baseline));
    check!(rules::DRIFT, life::drift(bench));
    check!(rules::DESTROY, life::destroy(bench));
    if bench.is_replay() || bench.is_recording() {
        let reason = "a recording cannot say what other requests would have been answered";
        let rules = [rules::RESUME, rules::FIND, rules::HOSTILE];
        findings.extend(rules.map(|rule| Finding::not_run(rule, reason)));
        return;
    }
    check!(rules::RESUME, crash::resume(bench, baseline));
    check!(rules::FIND, crash::find(bench, baseline));
    check!(rules::HOSTILE, hostile::answers(bench, baseline, thorough));
    check!(rules::LIMITS, crash::cancel(bench, baseline));
}

/// The rules that are judged in scenarios.
fn scenario_rules() -> impl Iterator<Item = &'static Rule> {
    RULES.iter().copied().filter(|rule| !rule.id.starts_with("contract/"))
}

/// Names the scenario, applies what it skips and what is wanted, and puts the findings in order.
fn finish(bench: &Bench, wanted: &Wanted, findings: Vec<Finding>) -> Vec<Finding> {
    let place = |finding: &Finding| RULES.iter().position(|rule| rule.id == finding.rule.id);
    let mut findings: Vec<Finding> = findings
        .into_iter()
        .filter(|finding| wanted.is(finding.rule))
        .map(|finding| match bench.scenario.skip.get(finding.rule.id) {
            Some(reason) => Finding::not_run(finding.rule, format!("skipped by the scenario: {reason}")),
            None => finding,
        })
        .map(|finding| Finding { scenario: Some(bench.scenario.name.clone()), ..finding })
        .collect();
    findings.sort_by_key(place);
    findings
}

/// Shares the time since `begun` among the findings.
fn timed(begun: Instant, findings: Vec<Finding>) -> Vec<Finding> {
    let share = begun.elapsed() / u32::try_from(findings.len().max(1)).unwrap_or(1);
    findings.into_iter().map(|finding| Finding { took: share, ..finding }).collect()
}

/// What is not as in the baseline: `2 things instead of 1`.
pub(crate) fn difference(
    wanted: Option<&crate::cloud::Census>,
    found: Option<&crate::cloud::Census>,
) -> Option<String> {
    let (wanted, found) = (wanted?, found?);
    let names = wanted.keys().chain(found.keys()).collect::<std::collections::BTreeSet<_>>();
    let count = |census: &crate::cloud::Census, name: &String| census.get(name).copied().unwrap_or_default();
    let differing: Vec<String> = names
        .into_iter()
        .filter(|name| count(wanted, name) != count(found, name))
        .map(|name| format!("{} of `{name}` instead of {}", count(found, name), count(wanted, name)))
        .collect();
    (!differing.is_empty()).then(|| differing.join(", "))
}

/// `1 request`, `2 requests`.
pub(crate) fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// A finding that failed for the first of these reasons, and says how many more there are.
pub(crate) fn verdict(rule: &'static Rule, tried: String, failures: Vec<(String, Vec<String>)>) -> Finding {
    let more = failures.len().saturating_sub(1);
    match failures.into_iter().next() {
        None => Finding::passed(rule, tried),
        Some((reason, evidence)) => {
            let others = if more == 0 { String::new() } else { format!(" (and {more} more)") };
            Finding {
                verdict: Verdict::Failed,
                ..Finding::failed(rule, format!("{reason}{others}")).showing(evidence)
            }
        }
    }
}
