//! Runs that are killed, or find the disk full, at every durable step; and what the next run makes of it.
//!
//! A durable step is a file that is replaced or a record that is appended (see `ss-durable`): between two
//! of them a crash changes nothing that the next run could see, except for what a provider did meanwhile,
//! and every request that may change something stands between two of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::rehearsal::{NEON_KEY, OVERLAY, Rehearsal, immediate, without_state};
use crate::{Output, TestEnvironment};

/// How many cases run at once.
const WORKERS: usize = 2;
/// More steps than any run has.
const MANY: u64 = 500;
/// How often the command may be needed again.
const MOST_RUNS: usize = 2;

/// What a system's clouds held when a run ended: projects, apps, machines; or three other kinds of things.
pub type Census = (usize, usize, usize);

/// How a case ended: the run with the fault, what there was then, and how many runs were needed after it.
pub struct Case {
    pub point: u64,
    pub census: Census,
    pub runs: usize,
}

/// Plays a case for every step, until a run ends without having met its fault. A case gets the number of its
/// step, and returns none if there is no such step. Prints what came of it; panics if anything was violated.
pub fn at_every_step(what: &str, case: impl Fn(u64) -> Option<Case> + Sync) -> Vec<Case> {
    let (next, end) = (AtomicU64::new(1), AtomicU64::new(MANY));
    let (cases, violations) = (Mutex::new(Vec::new()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let point = next.fetch_add(1, Ordering::SeqCst);
                    if point >= end.load(Ordering::SeqCst) {
                        return;
                    }
                    match catch_unwind(AssertUnwindSafe(|| case(point))) {
                        Ok(Some(case)) => cases.lock().unwrap().push(case),
                        Ok(None) => drop(end.fetch_min(point, Ordering::SeqCst)),
                        Err(_) => violations.lock().unwrap().push(point),
                    }
                }
            });
        }
    });
    let (mut cases, violations) = (cases.into_inner().unwrap(), violations.into_inner().unwrap());
    cases.sort_by_key(|case| case.point);
    let most = cases.iter().map(|case| case.runs).max().unwrap_or_default();
    eprintln!(
        "{what}: {} points, {} violations, at most {most} runs to recover",
        cases.len() + violations.len(),
        violations.len()
    );
    assert!(violations.is_empty(), "{what}: violated at the steps {violations:?}");
    assert!(end.into_inner() < MANY, "{what}: no run was without its fault");
    cases
}

/// Plays a case for every step of some other system, until it says that its run ended without having met its fault.
pub fn steps_of(what: &str, case: impl Fn(u64) -> bool + Sync) {
    at_every_step(what, |point| case(point).then_some(Case { point, census: Census::default(), runs: 1 }));
}

/// The durable step of a case: every one with `SS_EXHAUSTIVE=1`, otherwise one of so many.
pub fn sampled(case: u64, stride: u64) -> u64 {
    if std::env::var_os("SS_EXHAUSTIVE").is_some() { case } else { case * stride - stride / 2 }
}

/// Provisions until that succeeds; returns how many runs it took.
fn recover(rehearsal: &Rehearsal, outputs: &mut Vec<Output>) -> usize {
    for run in 1..=MOST_RUNS {
        outputs.push(rehearsal.provision(&[]));
        if outputs.last().is_some_and(|output| output.code == 0) {
            return run;
        }
    }
    panic!("it does not recover:\n{}", outputs.iter().map(|output| output.raw.as_str()).collect::<String>());
}

/// Insists that everything is there once, that all who know of it agree, and that nothing is left to do.
fn assert_settled(rehearsal: &Rehearsal, mut outputs: Vec<Output>) {
    rehearsal.assert_whole();
    rehearsal.forget_requests();
    outputs.push(rehearsal.provision(&["--status"]));
    outputs.push(rehearsal.provision(&[]));
    for output in outputs.iter().rev().take(2) {
        assert_eq!(output.code, 0, "{}", output.raw);
    }
    assert_eq!(rehearsal.unsafe_requests(), [""; 0], "a further run changed something");
    // The vault alone knows as much as the overlay says.
    rehearsal.environment.write(OVERLAY, &Rehearsal::delivered_overlay());
    let status = rehearsal.provision(&["--status"]);
    assert_eq!((status.code, status.stdout.matches('✓').count()), (0, 2), "{}", status.raw);
    assert_eq!(temporary_files(&rehearsal.environment), [""; 0]);
    rehearsal.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
}

/// Files that a replacement left behind.
fn temporary_files(environment: &TestEnvironment) -> Vec<String> {
    let mut folders = vec![environment.project(), environment.ss_home()];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if entry.file_name().to_string_lossy().starts_with(".ss-") {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

/// Whether the run was killed; if its fault did not come due, it must have succeeded.
pub fn met_its_fault(output: &Output) -> bool {
    assert!(matches!(output.code, 0 | -1), "neither killed nor done:\n{}", output.raw);
    output.code == -1
}

fn killed(rehearsal: &Rehearsal, point: u64) -> Output {
    rehearsal.provision_with_fault(&format!("abort@{point}"))
}

/// A run that could not write must say so, and leave the files whole.
fn assert_said_so(rehearsal: &Rehearsal, output: &Output) {
    if output.code != 0 {
        assert_eq!(output.code, 1, "{}", output.raw);
        assert!(output.raw.contains("no storage space"), "it does not say why:\n{}", output.raw);
    }
    assert!(
        output.raw.matches("no storage space").count() <= 2,
        "it says so again and again:\n{}",
        output.raw
    );
    assert!(!output.raw.contains("has a bug"), "{}", output.raw);
    assert_eq!(without_state(&rehearsal.overlay()), Rehearsal::delivered_overlay());
    assert_eq!(rehearsal.environment.run(&["validate", "--env=prod"]).code, 0);
}

#[test]
fn a_run_killed_at_any_step_is_finished_by_the_next() {
    let cases = at_every_step("killed", |point| {
        let rehearsal = Rehearsal::with_variables(immediate());
        let mut outputs = vec![killed(&rehearsal, point)];
        if !met_its_fault(&outputs[0]) {
            return None;
        }
        let census = rehearsal.census();
        let runs = recover(&rehearsal, &mut outputs);
        assert_settled(&rehearsal, outputs);
        Some(Case { point, census, runs })
    });
    // The kills fell where they matter: before anything, between the creations, and after all of them.
    let mut seen: Vec<Census> = cases.iter().map(|case| case.census).collect();
    seen.dedup();
    assert_eq!(seen, [(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)]);
    for census in seen {
        let first = cases.iter().find(|case| case.census == census).expect("it was seen");
        kill_the_recovery_too(first.point, census);
    }
}

/// Kills a run at the point, and the run after it at every step.
fn kill_the_recovery_too(point: u64, census: Census) {
    at_every_step(&format!("killed at step {point} with {census:?}, and again"), |again| {
        let rehearsal = Rehearsal::with_variables(immediate());
        let mut outputs = vec![killed(&rehearsal, point), killed(&rehearsal, again)];
        if !met_its_fault(&outputs[1]) {
            return None;
        }
        let census = rehearsal.census();
        let runs = recover(&rehearsal, &mut outputs);
        assert_settled(&rehearsal, outputs);
        Some(Case { point: again, census, runs })
    });
}

#[test]
fn an_update_killed_at_any_step_is_made_once() {
    at_every_step("killed in a deploy's update", |point| {
        let rehearsal = Rehearsal::with_variables(immediate());
        rehearsal.environment.succeed(&DEPLOY);
        let changed = rehearsal.overlay().replace("my-app-api:latest", "my-app-api:v2");
        rehearsal.environment.write(OVERLAY, &changed);
        rehearsal.forget_requests();
        let mut outputs = vec![rehearsal.environment.run_with_fault(&DEPLOY, &format!("abort@{point}"))];
        if !met_its_fault(&outputs[0]) {
            return None;
        }
        let census = rehearsal.census();
        let runs = insist(&rehearsal, &DEPLOY, &mut outputs);
        let machine = rehearsal.machine();
        assert_eq!(machine.config["image"], "ghcr.io/me/my-app-api:v2");
        let update = format!("POST /v1/apps/my-app-api/machines/{}", machine.id);
        assert_eq!(rehearsal.unsafe_requests(), [update]);
        rehearsal.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
        Some(Case { point, census, runs })
    });
}

#[test]
fn a_disk_that_is_full_for_a_moment_costs_nothing() {
    fill_the_disk("disk full at one step", "");
}

#[test]
fn a_disk_that_stays_full_costs_nothing() {
    fill_the_disk("disk full from a step on", "+");
}

fn fill_the_disk(what: &str, stays: &str) {
    // Some writes may fail without harm, and then the run succeeds: the steps of a whole run are counted.
    let steps = AtomicU64::new(MANY);
    at_every_step(what, |point| {
        let rehearsal = Rehearsal::with_variables(immediate());
        if point > steps.load(Ordering::SeqCst) {
            return None;
        }
        let mut outputs = vec![rehearsal.provision_with_fault(&format!("enospc@{point}{stays}"))];
        assert_said_so(&rehearsal, &outputs[0]);
        if outputs[0].code == 0 && !met_its_fault(&killed(&Rehearsal::with_variables(immediate()), point)) {
            steps.fetch_min(point, Ordering::SeqCst);
            return None;
        }
        let census = rehearsal.census();
        let runs = recover(&rehearsal, &mut outputs);
        assert_settled(&rehearsal, outputs);
        Some(Case { point, census, runs })
    });
}

#[test]
fn storing_a_key_is_all_or_nothing() {
    at_every_step("killed while a key is stored", |point| {
        let rehearsal = Rehearsal::without_keys(immediate());
        let store = |fault: &str| {
            rehearsal.environment.run_with_fault(&["vault", "set", "neon.api_key", NEON_KEY], fault)
        };
        if !met_its_fault(&store(&format!("abort@{point}"))) {
            return None;
        }
        let read = || rehearsal.environment.run(&["vault", "get", "neon.api_key"]);
        let left = read();
        assert!(left.code == 1 || left.raw.trim_end() == NEON_KEY, "{}", left.raw);
        let stored = store("none");
        assert_eq!(stored.code, 0, "{}", stored.raw);
        assert_eq!(read().raw.trim_end(), NEON_KEY);
        rehearsal.assert_no_secret(&[&stored]);
        Some(Case { point, census: rehearsal.census(), runs: 1 })
    });
}

const DEPLOY: [&str; 2] = ["deploy", "--env=prod"];
const DESTROY: [&str; 3] = ["destroy", "--env=prod", "--yes"];

/// Runs a command until it succeeds; returns how many runs it took.
fn insist(rehearsal: &Rehearsal, arguments: &[&str], outputs: &mut Vec<Output>) -> usize {
    for run in 1..=MOST_RUNS {
        outputs.push(rehearsal.environment.run(arguments));
        if outputs.last().is_some_and(|output| output.code == 0) {
            return run;
        }
    }
    panic!("it does not recover:\n{}", outputs.iter().map(|output| output.raw.as_str()).collect::<String>());
}

/// Insists that nothing is there and nothing is known any more, and that every receipt is.
fn assert_gone(rehearsal: &Rehearsal, outputs: &[Output]) {
    assert_eq!(rehearsal.census(), (0, 0, 0), "projects, apps, machines");
    assert_eq!(rehearsal.overlay(), Rehearsal::delivered_overlay());
    let stored = rehearsal.environment.run(&["vault", "get", "app-db.DATABASE_URL", "--env=prod"]);
    assert_eq!(stored.code, 1, "a credential is left");
    rehearsal.environment.succeed(&["inspect", "--verify", "--env=prod"]);
    assert_eq!(temporary_files(&rehearsal.environment), [""; 0]);
    rehearsal.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
}

fn provisioned() -> Rehearsal {
    let rehearsal = Rehearsal::with_variables(immediate());
    assert_eq!(rehearsal.provision(&[]).code, 0);
    rehearsal
}

#[test]
fn a_destroy_killed_at_any_step_is_finished_by_the_next() {
    let cases = at_every_step("killed in a destroy", |point| {
        let rehearsal = provisioned();
        let mut outputs = vec![rehearsal.environment.run_with_fault(&DESTROY, &format!("abort@{point}"))];
        if !met_its_fault(&outputs[0]) {
            return None;
        }
        let census = rehearsal.census();
        let runs = insist(&rehearsal, &DESTROY, &mut outputs);
        assert_gone(&rehearsal, &outputs);
        Some(Case { point, census, runs })
    });
    let mut seen: Vec<Census> = cases.iter().map(|case| case.census).collect();
    seen.dedup();
    assert_eq!((seen[0], seen[seen.len() - 1]), ((1, 1, 1), (0, 0, 0)));
    let halfway = cases.iter().find(|case| case.census == (1, 0, 0)).expect("it was seen").point;
    at_every_step("killed halfway in a destroy, and again", |again| {
        let rehearsal = provisioned();
        let mut outputs = vec![rehearsal.environment.run_with_fault(&DESTROY, &format!("abort@{halfway}"))];
        outputs.push(rehearsal.environment.run_with_fault(&DESTROY, &format!("abort@{again}")));
        if !met_its_fault(&outputs[1]) {
            return None;
        }
        let census = rehearsal.census();
        let runs = insist(&rehearsal, &DESTROY, &mut outputs);
        assert_gone(&rehearsal, &outputs);
        Some(Case { point: again, census, runs })
    });
}

#[test]
fn a_destroy_killed_at_any_step_can_be_changed_ones_mind_about() {
    at_every_step("killed in a destroy, then deployed", |case| {
        let point = sampled(case, 3);
        let rehearsal = provisioned();
        let mut outputs = vec![rehearsal.environment.run_with_fault(&DESTROY, &format!("abort@{point}"))];
        if !met_its_fault(&outputs[0]) {
            return None;
        }
        let census = rehearsal.census();
        let runs = insist(&rehearsal, &["deploy", "--env=prod"], &mut outputs);
        rehearsal.assert_whole();
        rehearsal.environment.succeed(&["inspect", "--verify", "--env=prod"]);
        rehearsal.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
        Some(Case { point, census, runs })
    });
}

#[test]
fn a_destroy_on_a_full_disk_forgets_nothing() {
    let steps = AtomicU64::new(MANY);
    at_every_step("disk full in a destroy", |case| {
        let point = sampled(case, 5);
        if point > steps.load(Ordering::SeqCst) {
            return None;
        }
        let rehearsal = provisioned();
        let mut outputs = vec![rehearsal.environment.run_with_fault(&DESTROY, &format!("enospc@{point}+"))];
        if outputs[0].code == 0
            && !met_its_fault(&provisioned().environment.run_with_fault(&DESTROY, &format!("abort@{point}")))
        {
            steps.fetch_min(point, Ordering::SeqCst);
            return None;
        }
        let census = rehearsal.census();
        let runs = insist(&rehearsal, &DESTROY, &mut outputs);
        assert_gone(&rehearsal, &outputs);
        Some(Case { point, census, runs })
    });
}

#[test]
fn a_rollback_killed_at_any_step_is_finished_by_the_next() {
    at_every_step("killed in a rollback", |point| {
        let rehearsal = provisioned();
        let before = rehearsal.overlay();
        let listed = rehearsal.environment.succeed(&["inspect", "--list", "--env=prod"]);
        let first = listed.stdout[..8].to_owned();
        let changed =
            before.replace("image: ghcr.io/me/my-app-api:latest", "image: ghcr.io/me/my-app-api:v2");
        rehearsal.environment.write(OVERLAY, &changed);
        assert_eq!(rehearsal.provision(&[]).code, 0);
        rehearsal.forget_requests();
        let back = ["rollback", "--env=prod", "--to", &first];
        let mut outputs = vec![rehearsal.environment.run_with_fault(&back, &format!("abort@{point}"))];
        if !met_its_fault(&outputs[0]) {
            return None;
        }
        let census = rehearsal.census();
        let runs = insist(&rehearsal, &back, &mut outputs);
        assert_eq!(rehearsal.overlay(), changed, "the states are those of the first run");
        assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());
        rehearsal.environment.succeed(&["inspect", "--verify", "--env=prod"]);
        outputs.push(rehearsal.environment.succeed(&["deploy", "--env=prod"]));
        assert_eq!(rehearsal.census(), (1, 1, 1), "projects, apps, machines");
        assert_eq!(rehearsal.machine().config["image"], "ghcr.io/me/my-app-api:v2");
        rehearsal.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
        Some(Case { point, census, runs })
    });
}
