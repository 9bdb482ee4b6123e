//! The budgets of single steps: `cargo bench -p ss-benches [-- <noun>]`. Whole processes are measured by
//! `side-by-side.sh`.
//!
//! One file for each noun; its comment names the budget.

#![allow(missing_docs, clippy::unwrap_used, reason = "a bench")]

mod compile;
mod config;
mod gate;
mod instantiate;
mod plan;
mod vault;
mod verify;

criterion::criterion_group!(
    budgets,
    config::config,
    plan::plan,
    gate::gate,
    vault::vault,
    verify::verify,
    compile::compile,
    instantiate::instantiate
);
criterion::criterion_main!(budgets);
