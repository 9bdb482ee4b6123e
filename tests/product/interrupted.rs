//! Deploys that meet another, are interrupted, or end in doubt; and what the next run makes of it.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;
use ss_clouds::{Fault, Trouble};

use crate::operate::{deployed, fine, json_of, ss};
use crate::rehearsal::{NEON_KEY, OVERLAY, Rehearsal, immediate};

#[test]
fn two_checkouts_of_a_project_take_turns() {
    let rehearsal = Rehearsal::with_variables(immediate());
    let second = rehearsal.environment.root().join("second");
    std::fs::create_dir(&second).unwrap();
    for name in ["starsystem.yaml", OVERLAY] {
        std::fs::copy(rehearsal.environment.project().join(name), second.join(name)).unwrap();
    }
    let over = Duration::from_secs(3);
    rehearsal.neon.inject(Fault::of(Trouble::Slow { over }).on("POST", "projects"));
    let mut first = rehearsal.environment.command(&["deploy", "--env=prod"]).spawn().unwrap();
    while rehearsal.neon.requests().iter().all(|request| request.method != "POST") {
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut other = rehearsal.environment.command(&["deploy", "--env=prod"]);
    let other = rehearsal.environment.finish(&other.current_dir(&second).output().unwrap());
    assert_eq!(other.code, 1, "{}", other.raw);
    assert!(
        other.stderr.contains("another `ss` works on `my-app`, environment `prod` (pid "),
        "{}",
        other.raw
    );
    assert!(first.wait().unwrap().success());
    rehearsal.assert_whole();
}

#[test]
fn a_resource_that_a_person_knows_of_is_adopted() {
    let rehearsal = deployed();
    let id = rehearsal.project().id;
    let forgotten = fine(&rehearsal, "resolve", &["app-db", "--forget"]);
    assert!(forgotten.stdout.contains("nothing is recorded of `app-db` any more"), "{}", forgotten.raw);
    assert!(!rehearsal.overlay().contains("branch_id"));
    let wrong = ss(&rehearsal, "resolve", &["app-db", "--adopt=no-such-project-1"]);
    assert_eq!(wrong.code, 1, "{}", wrong.raw);
    fine(&rehearsal, "resolve", &["app-db", &format!("--adopt={id}")]);
    assert!(rehearsal.overlay().contains(&id), "{}", rehearsal.overlay());
    rehearsal.forget_requests();
    fine(&rehearsal, "deploy", &[]);
    rehearsal.assert_whole();
    let other = ss(&rehearsal, "resolve", &["app-db", "--adopt=another"]);
    assert!(other.stderr.contains("`app-db` is already recorded as"), "{}", other.raw);
    let nothing = ss(&rehearsal, "resolve", &["app-db", "--absent"]);
    assert!(nothing.stderr.contains("nothing about `app-db` is unfinished"), "{}", nothing.raw);
    assert!(fine(&rehearsal, "resolve", &[]).stdout.contains("Nothing is unfinished."));
}

#[test]
fn an_outcome_that_nobody_can_know_is_resolved_by_a_person() {
    // The creation's answer is lost, and from then on Neon says nothing any more.
    let lost = |reads: u32| {
        let rehearsal = Rehearsal::with_variables(immediate());
        rehearsal.neon.inject(Fault::of(Trouble::Lost { status: None }).on("POST", "projects"));
        rehearsal.neon.inject(Fault::of(Trouble::refused(500)).on("GET", "projects").after(reads).forever());
        let run = ss(&rehearsal, "deploy", &[]);
        (run.code == 1 && rehearsal.census() == (1, 0, 0)).then_some(rehearsal)
    };
    let rehearsal = (1..8).find_map(lost).expect("a creation whose answer is lost");
    let stuck = ss(&rehearsal, "deploy", &[]);
    assert_eq!(stuck.code, 1, "{}", stuck.raw);
    let shown = fine(&rehearsal, "resolve", &[]);
    for part in ["app-db (neon) was being made", "`POST https://console.neon.tech/api/v2/projects`"] {
        assert!(shown.stdout.contains(part), "`{part}` is missing in:\n{}", shown.raw);
    }
    rehearsal.neon.calm();
    // The person looks at the dashboard, deletes it there, and says so.
    let client = rehearsal.neon.client().header("authorization", &format!("Bearer {NEON_KEY}"));
    let path = format!("/api/v2/projects/{}", rehearsal.project().id);
    assert_eq!(client.send("DELETE", &path, None).unwrap().status, 200);
    fine(&rehearsal, "resolve", &["app-db", "--absent"]);
    fine(&rehearsal, "deploy", &[]);
    rehearsal.assert_whole();
}

/// Starts a deploy whose database takes seconds to answer, and waits until it was asked for.
fn slow_deploy(rehearsal: &Rehearsal) -> Child {
    let over = Duration::from_secs(3);
    rehearsal.neon.inject(Fault::of(Trouble::Slow { over }).on("POST", "projects"));
    let mut command = rehearsal.environment.command(&["deploy", "--env=prod"]);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    while rehearsal.neon.requests().iter().all(|request| request.method != "POST") {
        std::thread::sleep(Duration::from_millis(20));
    }
    child
}

fn interrupt(child: &Child) {
    let sent = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn ctrl_c_once_finishes_what_runs_and_records_it() {
    let rehearsal = Rehearsal::with_variables(immediate());
    let child = slow_deploy(&rehearsal);
    interrupt(&child);
    let output = rehearsal.environment.finish(&child.wait_with_output().unwrap());
    assert_eq!(output.code, 1, "{}", output.raw);
    assert!(output.stderr.contains("finishing what runs"), "{}", output.raw);
    assert!(output.stdout.contains("✗ Deploy incomplete: 1 provisioned, 1 not started"), "{}", output.raw);
    assert_eq!(rehearsal.census(), (1, 0, 0));
    let receipt = json_of(&rehearsal, "inspect", &[]);
    assert_eq!(
        (&receipt["status"], &receipt["services"][1]["outcome"]),
        (&json!("cancelled"), &json!("not-started"))
    );
    fine(&rehearsal, "deploy", &[]);
    rehearsal.assert_whole();
}

#[test]
fn ctrl_c_twice_cancels_and_the_next_run_knows_what_was_sent() {
    let rehearsal = Rehearsal::with_variables(immediate());
    let child = slow_deploy(&rehearsal);
    interrupt(&child);
    std::thread::sleep(Duration::from_millis(300));
    interrupt(&child);
    let output = rehearsal.environment.finish(&child.wait_with_output().unwrap());
    assert_eq!(output.code, 1, "{}", output.raw);
    assert!(output.stderr.contains("cancelling what runs"), "{}", output.raw);
    fine(&rehearsal, "deploy", &[]);
    rehearsal.assert_whole();
    fine(&rehearsal, "inspect", &["--verify"]);
}
