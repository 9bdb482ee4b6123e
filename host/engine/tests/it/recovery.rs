//! Runs that were cut anywhere, and what the next one makes of them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use ss_engine::{EngineError, Interrupt, JournalError, RunStatus};
use ss_provider::FailureKind;

use crate::cloud::Manner;
use crate::world::{World, run};

const TWO: &str = "
services:
  api: { type: app, inject_from: { db: [URL] }, provision: { provider: cloudy, size: 1 } }
  db: { type: database, provision: { provider: cloudy } }
";

fn journal_of(folder: &Path) -> PathBuf {
    let head: Value = serde_json::from_slice(&std::fs::read(folder.join("head.json")).unwrap()).unwrap();
    folder.join(head["run"].as_str().unwrap()).join("journal.jsonl")
}

/// Makes the newest run one that was killed when its journal had come so far.
fn cut(folder: &Path, journal: &[u8]) {
    let path = folder.join("head.json");
    let mut head: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    head["ended"] = false.into();
    head.as_object_mut().unwrap().remove("open");
    std::fs::write(&path, head.to_string()).unwrap();
    std::fs::write(journal_of(folder), journal).unwrap();
}

/// The services whose create had been announced, and those whose create had been answered.
fn creates(lines: &[&str]) -> (BTreeSet<String>, BTreeSet<String>) {
    let (mut announced, mut answered) = (BTreeSet::new(), BTreeSet::new());
    let mut services: BTreeMap<u64, String> = BTreeMap::new();
    let mut posts: BTreeMap<u64, String> = BTreeMap::new();
    for line in lines {
        let record: Value = serde_json::from_str(line).unwrap();
        let op = record["op"].as_u64().unwrap_or_default();
        match record["record"].as_str().unwrap() {
            "op-intent" => {
                services.insert(op, record["declared"]["service"].as_str().unwrap().to_owned());
            }
            "effect-begin" if record["effect"]["method"] == "POST" => {
                announced.insert(services[&op].clone());
                posts.insert(record["id"].as_u64().unwrap(), services[&op].clone());
            }
            "effect-end" => {
                answered.extend(posts.get(&record["id"].as_u64().unwrap()).cloned());
            }
            _ => {}
        }
    }
    (announced, answered)
}

fn every_prefix(saves_partial: bool, changed: bool) {
    run(async {
        let manner = Manner { saves_partial, ..Manner::default() };
        let first = World::new(TWO).manner(manner.clone());
        first.up().await;
        let journal = std::fs::read_to_string(journal_of(&first.env_folder())).unwrap();
        let lines: Vec<&str> = journal.lines().collect();
        assert!(lines.len() >= 14, "{}", lines.len());
        for kept in 1..=lines.len() {
            let (announced, answered) = creates(&lines[..kept]);
            for torn in [false, true] {
                // A create that was announced and not answered may have happened or not.
                for happened in BTreeSet::from([announced.clone(), answered.clone()]) {
                    let mut world = World::new(TWO).manner(manner.clone());
                    if changed {
                        world.base = TWO.replace("size: 1", "size: 2");
                    }
                    for service in &happened {
                        world.cloud.create(service);
                    }
                    // Makes the folder of this world's runs.
                    drop(world.try_up(&stopped()).await.unwrap());
                    if lines[..kept].iter().any(|line| line.contains("\"record\":\"commit\"")) {
                        let states = first.store.states.lock().unwrap().clone();
                        *world.store.states.lock().unwrap() = states;
                    }
                    let mut text = lines[..kept].join("\n") + "\n";
                    if torn {
                        text.push_str(lines.get(kept).map_or("{\"seq\":", |next| &next[..next.len() / 2]));
                    }
                    cut(&world.env_folder(), text.as_bytes());

                    let report = world.up().await;
                    let context = format!("{kept} lines, torn {torn}, {happened:?}: {report:?}");
                    assert_eq!(report.status, RunStatus::Completed, "{context}");
                    for service in ["api", "db"] {
                        assert_eq!(world.cloud.count(service), 1, "{service}, {context}");
                    }
                    assert_eq!(world.store.states.lock().unwrap().len(), 2, "{context}");
                }
            }
        }
    });
}

fn stopped() -> Interrupt {
    let interrupt = Interrupt::default();
    interrupt.press();
    interrupt
}

#[test]
fn every_prefix_of_a_journal_leads_to_one_resource_each() {
    every_prefix(true, false);
}

#[test]
fn also_if_the_plugin_saves_no_partial_state() {
    every_prefix(false, false);
}

#[test]
fn also_if_the_file_was_changed_meanwhile() {
    every_prefix(true, true);
    every_prefix(false, true);
}

#[test]
fn a_lost_answer_is_looked_for_and_adopted() {
    run(async {
        let world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        world.cloud.lost_answers.lock().unwrap().insert("a".into());
        let report = world.up().await;
        assert_eq!(report.services[0].failure.as_ref().unwrap().kind, FailureKind::OutcomeUnknown);
        assert_eq!(world.cloud.count("a"), 1);
        assert!(world.plan().await.entries[0].interrupted);

        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!(world.cloud.count("a"), 1);
        assert_eq!(world.store.states.lock().unwrap()["a"].resource_id, "a-1");
        assert!(!world.plan().await.entries[0].interrupted);
    });
}

#[test]
fn every_attempt_at_a_change_has_the_same_key_and_another_change_another() {
    run(async {
        let world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        world.cloud.lost_answers.lock().unwrap().insert("a".into());
        world.up().await;
        world.cloud.resources.lock().unwrap().clear();
        world.up().await;
        world.cloud.resources.lock().unwrap().clear();
        world.store.states.lock().unwrap().clear();
        world.up().await;
        let keys = world.cloud.keys.lock().unwrap().clone();
        assert_eq!(keys.len(), 3);
        assert_eq!(keys[0], keys[1]);
        assert_ne!(keys[1], keys[2]);
    });
}

#[test]
fn what_cannot_be_looked_for_is_not_made_again() {
    run(async {
        let world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        world.cloud.lost_answers.lock().unwrap().insert("a".into());
        world.up().await;
        *world.cloud.unreachable.lock().unwrap() = true;
        for _ in 0..2 {
            let report = world.up().await;
            let failure = report.services[0].failure.clone().unwrap();
            assert_eq!(failure.kind, FailureKind::OutcomeUnknown);
            assert!(
                failure.message.contains("`POST https://api.cloudy.example/things/a` (at 20"),
                "{failure}"
            );
            assert!(failure.message.contains("no route to the cloud"), "{failure}");
            assert_eq!(world.cloud.count("a"), 1);
        }
        *world.cloud.unreachable.lock().unwrap() = false;
        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!(world.cloud.count("a"), 1);
    });
}

#[test]
fn a_request_still_under_way_is_waited_for() {
    run(async {
        let mut world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        world.cloud.lost_answers.lock().unwrap().insert("a".into());
        world.up().await;
        // The create has not arrived yet; it will.
        world.cloud.resources.lock().unwrap().clear();
        world.cloud.late.lock().unwrap().push((Instant::now() + Duration::from_millis(150), "a".into()));
        world.limits.settle = Duration::from_millis(600);
        assert_eq!(world.up().await.status, RunStatus::Completed);
        tokio::time::sleep(Duration::from_millis(200)).await;
        world.cloud.arrive();
        assert_eq!(world.cloud.count("a"), 1);
    });
}

#[test]
fn a_partial_state_outlives_attempts_that_fail_earlier() {
    run(async {
        let world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        world.cloud.failing_late.lock().unwrap().insert("a".into());
        assert_eq!(world.up().await.status, RunStatus::Failed);
        world.cloud.failing.lock().unwrap().insert("a".into(), FailureKind::Authentication);
        assert_eq!(world.up().await.status, RunStatus::Failed);
        world.cloud.failing.lock().unwrap().clear();
        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!(*world.cloud.resumed.lock().unwrap(), ["a"]);
        assert_eq!(world.cloud.count("a"), 1);
    });
}

#[test]
fn what_was_found_once_need_not_be_found_again() {
    run(async {
        let world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        world.cloud.lost_answers.lock().unwrap().insert("a".into());
        world.up().await;
        world.cloud.failing.lock().unwrap().insert("a".into(), FailureKind::Quota);
        assert_eq!(world.up().await.services[0].failure.as_ref().unwrap().kind, FailureKind::Quota);
        world.cloud.failing.lock().unwrap().clear();
        *world.cloud.unreachable.lock().unwrap() = true;
        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!(world.cloud.count("a"), 1);
    });
}

#[test]
fn it_is_looked_for_under_the_name_that_it_had() {
    run(async {
        let mut world = World::new("services:\n  a: { provision: { provider: cloudy, thing: old } }\n");
        world.cloud.lost_answers.lock().unwrap().insert("a".into());
        world.up().await;
        world.base = world.base.replace("old", "new");
        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!((world.cloud.count("old"), world.cloud.count("new")), (1, 0));
        assert_eq!(world.store.states.lock().unwrap()["a"].resource_id, "old-1");
    });
}

#[test]
fn an_open_operation_at_another_provider_is_not_forgotten() {
    run(async {
        let mut world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        world.manners.push(Manner { name: "foggy", ..Manner::default() });
        world.cloud.lost_answers.lock().unwrap().insert("a".into());
        world.up().await;
        world.base = world.base.replace("cloudy", "foggy");
        let failure = world.up().await.services[0].failure.clone().unwrap();
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("at `cloudy`"), "{failure}");
        assert_eq!(world.cloud.count("a"), 1);
    });
}

#[test]
fn what_one_run_leaves_open_a_run_about_something_else_does_not_forget() {
    run(async {
        let world = World::new(TWO);
        world.cloud.lost_answers.lock().unwrap().insert("api".into());
        world.up().await;
        let engine = world.engine();
        let db = ss_engine::Selection::Service("db".into());
        for _ in 0..2 {
            let plan = engine.plan(&db).await.unwrap();
            engine.apply(plan, world.watcher.clone(), Interrupt::default()).await.unwrap();
        }
        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!(world.cloud.count("api"), 1);
    });
}

#[test]
fn a_journal_damaged_in_the_middle_stops_everything() {
    run(async {
        let world = World::new(TWO);
        world.up().await;
        let folder = world.env_folder();
        let mut journal = std::fs::read(journal_of(&folder)).unwrap();
        let at = journal.len() / 2;
        journal[at] ^= 1;
        cut(&folder, &journal);
        let error = world.try_up(&Interrupt::default()).await.unwrap_err();
        assert!(matches!(error, EngineError::Journal(JournalError::Damaged { .. })), "{error}");
        assert!(error.help().is_some());
    });
}

#[test]
fn the_journal_is_private() {
    use std::os::unix::fs::PermissionsExt as _;
    run(async {
        let world = World::new(TWO);
        world.up().await;
        let folder = world.env_folder();
        for (path, mode) in [(journal_of(&folder), 0o600), (folder.join("head.json"), 0o600), (folder, 0o700)]
        {
            assert_eq!(
                std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                mode,
                "{}",
                path.display()
            );
        }
    });
}
