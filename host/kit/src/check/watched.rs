//! What every operation of a scenario is watched for.

use std::sync::PoisonError;

use super::verdict;
use crate::play::Bench;
use crate::report::Finding;
use crate::rules::{LIMITS, PURE, SECRETS};

/// Judges the rules that hold for every operation, over all that were played.
pub(super) fn judge(bench: &Bench) -> Vec<Finding> {
    let mut watch = bench.watch.lock().unwrap_or_else(PoisonError::into_inner);
    let watch = std::mem::take(&mut *watch);
    vec![
        verdict(PURE, "over every plan, status, observe and find".to_owned(), watch.impure),
        verdict(SECRETS, "over every answer, failure, saved state and line of log".to_owned(), watch.leaks),
        verdict(LIMITS, "over every operation, cancelled ones too".to_owned(), watch.overruns),
    ]
}
