//! Receipts, destroying, comparing, rolling back, and a person's word for what became of an operation.

use std::sync::Arc;

use serde_json::json;
use ss_engine::{
    EngineError, Finding, History, Interrupt, Receipt, RunStatus, Scope, Selection, ServiceOutcome,
    Store as _, Verdict,
};
use ss_provider::{Cancel, Change, FailureKind};
use ss_secret::{Scrubber, Secret};

use crate::cloud::Manner;
use crate::world::{World, run};

const TWO: &str = "
name: app
services:
  db: { type: database, provision: { provider: cloudy, size: 1 } }
  api: { type: app, inject_from: { db: [URL] }, provision: { provider: cloudy } }
";

impl World {
    fn history(&self) -> History {
        History::new(&self.home(), "app", Some("prod"))
    }

    fn newest(&self) -> Receipt {
        self.history().find(None).unwrap()
    }

    async fn down(&self, selection: Selection) -> ss_engine::RunReport {
        let engine = self.engine();
        let plan = engine.plan_destroy(&selection).unwrap();
        engine.destroy(plan, self.watcher.clone(), Interrupt::default()).await.unwrap()
    }
}

#[test]
fn a_receipt_says_what_was_done_and_each_names_the_one_before() {
    run(async {
        let world = World::new(TWO);
        let first = world.up().await;
        world.cloud.failing.lock().unwrap().insert("db".into(), FailureKind::Quota);
        let second = world.up().await;
        let receipts = world.history().receipts().unwrap();
        let [newest, oldest] = &receipts[..] else { panic!("two receipts") };
        assert_eq!((oldest.run, oldest.number, oldest.status), (first.run, 1, RunStatus::Completed));
        assert_eq!((newest.run, newest.number, newest.status), (second.run, 2, RunStatus::Failed));
        assert_eq!((oldest.actor.as_str(), oldest.verb()), ("me@here", "provision"));
        let changes: Vec<_> =
            oldest.calls.iter().map(|call| (call.service.as_str(), &*call.method)).collect();
        assert_eq!(changes, [("db", "POST"), ("db", "PATCH"), ("api", "POST"), ("api", "PATCH")]);
        assert!(oldest.services.iter().all(|service| service.critical), "each waited for the other");
        assert_eq!(oldest.services[1].needs, ["db"]);
        assert_eq!(oldest.states["db"].resource_id, "db-1");
        let ServiceOutcome::Done { url, changed, .. } = &oldest.services[0].report.outcome else { panic!() };
        assert_eq!((url.as_deref(), *changed), (Some("cloudy://***@host"), true));
        assert!(matches!(newest.services[1].report.outcome, ServiceOutcome::Blocked { .. }));
        assert_eq!(newest.services[0].report.failure.as_ref().unwrap().kind, FailureKind::Quota);
        assert_eq!(world.history().verify().unwrap()[0].1.receipts, 2);
    });
}

#[test]
fn a_run_that_was_killed_gets_its_receipt_from_the_next() {
    run(async {
        let world = World::new(TWO);
        let killed = world.up().await.run;
        // As if it had been killed after its first request: the head says that it did not end.
        let folder = world.env_folder();
        let journal = folder.join(killed.to_string()).join("journal.jsonl");
        let text = std::fs::read_to_string(&journal).unwrap();
        let kept: Vec<&str> =
            text.lines().take_while(|line| !line.contains("\"record\":\"op-done\"")).collect();
        std::fs::write(&journal, kept.join("\n") + "\n").unwrap();
        std::fs::write(folder.join("head.json"), json!({"run": killed, "ended": false}).to_string()).unwrap();
        std::fs::remove_dir_all(folder.join("receipts")).unwrap();
        world.store.states.lock().unwrap().clear();
        world.cloud.resources.lock().unwrap().remove("api");

        assert_eq!(world.history().unsettled().unwrap()[0].run, killed);
        assert_eq!(world.up().await.status, RunStatus::Completed);
        let receipts = world.history().receipts().unwrap();
        let cut = receipts.iter().find(|receipt| receipt.run == killed).unwrap();
        assert_eq!(cut.status, RunStatus::Interrupted);
        assert!(matches!(cut.services[0].report.outcome, ServiceOutcome::Interrupted));
        assert!(matches!(cut.services[1].report.outcome, ServiceOutcome::NotStarted));
        assert_eq!(cut.calls[0].method, "POST");
        assert_eq!(receipts.len(), 2);
        world.history().verify().unwrap();
        assert_eq!((world.cloud.count("db"), world.cloud.count("api")), (1, 1));
    });
}

#[test]
fn old_journals_go_and_receipts_stay() {
    run(async {
        let world = World::new("name: app\nservices:\n  a: { provision: { provider: cloudy } }\n");
        for _ in 0..20 {
            world.up().await;
        }
        let journals = std::fs::read_dir(world.env_folder()).unwrap().flatten();
        let journals = journals.filter(|entry| entry.path().join("journal.jsonl").exists()).count();
        assert_eq!((journals, world.history().receipts().unwrap().len()), (17, 20));
        world.history().verify().unwrap();
    });
}

#[test]
fn a_destroy_goes_backwards_and_forgets_only_what_is_confirmed() {
    run(async {
        let world = World::new(TWO);
        world.up().await;
        world.cloud.failing.lock().unwrap().insert("api".into(), FailureKind::Unavailable);
        let report = world.down(Selection::All).await;
        assert_eq!(report.status, RunStatus::Failed);
        assert_eq!((world.cloud.count("api"), world.cloud.count("db")), (1, 1), "what it needs stays too");
        assert_eq!(world.store.states.lock().unwrap().len(), 2);
        world.cloud.failing.lock().unwrap().clear();
        assert_eq!(world.down(Selection::All).await.status, RunStatus::Completed);
        assert_eq!(*world.cloud.destroyed.lock().unwrap(), ["api", "db"]);
        assert!(world.store.states.lock().unwrap().is_empty());
        let receipt = world.newest();
        assert!(receipt.states.is_empty());
        assert_eq!(receipt.services[1].needs, ["api"]);
        assert!(world.engine().plan_destroy(&Selection::All).unwrap().entries.is_empty());
    });
}

#[test]
fn a_destroy_finds_what_an_interrupted_create_left() {
    run(async {
        for saves_partial in [true, false] {
            let world = World::new("name: app\nservices:\n  a: { provision: { provider: cloudy } }\n")
                .manner(Manner { saves_partial, ..Manner::default() });
            world.cloud.lost_answers.lock().unwrap().insert("a".into());
            assert_eq!(world.up().await.status, RunStatus::Failed);
            assert_eq!(world.cloud.count("a"), 1);
            let plan = world.engine().plan_destroy(&Selection::All).unwrap();
            assert_eq!((plan.entries.len(), &plan.entries[0].resource_id), (1, &None));
            // Nobody can say what is there: nothing is forgotten.
            *world.cloud.unreachable.lock().unwrap() = true;
            let report = world.down(Selection::All).await;
            assert_eq!(report.services[0].failure.as_ref().unwrap().kind, FailureKind::OutcomeUnknown);
            *world.cloud.unreachable.lock().unwrap() = false;
            assert_eq!(world.down(Selection::All).await.status, RunStatus::Completed);
            assert_eq!(world.cloud.count("a"), 0);
            assert!(world.engine().unfinished().unwrap().is_empty());
        }
    });
}

#[test]
fn what_the_file_no_longer_has_is_destroyed_too() {
    run(async {
        let mut world = World::new(TWO);
        world.up().await;
        world.base = "name: app\nservices:\n  db: { provision: { provider: cloudy } }\n".into();
        let plan = world.engine().plan_destroy(&Selection::All).unwrap();
        let names: Vec<_> =
            plan.entries.iter().map(|entry| (entry.service.as_str(), entry.orphaned)).collect();
        assert_eq!(names, [("api", true), ("db", false)]);
        assert_eq!(world.down(Selection::All).await.status, RunStatus::Completed);
        assert_eq!((world.cloud.count("api"), world.cloud.count("db")), (0, 0));
    });
}

#[test]
fn drift_tells_clean_changed_and_unknown_apart() {
    run(async {
        let world = World::new(TWO);
        world.up().await;
        let drift = || async { world.engine().drift(&Selection::All, Cancel::default()).await.unwrap() };
        let clean = drift().await;
        assert!(!clean.drifted && clean.complete, "{clean:?}");
        let change =
            Change { field: "size".into(), before: Some(2.into()), after: Some(1.into()), sensitive: false };
        world.cloud.drifted.lock().unwrap().insert("db".into(), change.clone());
        let found = drift().await;
        assert_eq!(found.services[0].finding, Finding::Drifted { changes: vec![change] });
        assert_eq!(found.services[1].finding, Finding::Clean);
    });
}

#[test]
fn a_rollback_restores_states_and_credentials_and_asks_nobody() {
    run(async {
        let mut world = World::new(TWO);
        world.overlay = Some("services:\n  db:\n    description: of these tests\n".into());
        world.up().await;
        let a = world.newest();
        let (states, overlay) =
            (world.store.states.lock().unwrap().clone(), std::fs::read(world.overlay_path()).unwrap());
        world.store.put_credentials("db", &[credential("cloudy://user:another@host")]).unwrap();
        world.base = TWO.replace("size: 1", "size: 2") + "  more: { provision: { provider: cloudy } }\n";
        world.up().await;
        let b = world.newest();
        world.store.put_credentials("db", &[credential("cloudy://user:another@host")]).unwrap();
        let began = world.cloud.began.lock().unwrap().len();

        let done = world.engine().rollback(&a, world.watcher.clone()).unwrap();
        assert_eq!(world.cloud.began.lock().unwrap().len(), began);
        assert_eq!(*world.store.states.lock().unwrap(), states);
        assert_eq!(std::fs::read(world.overlay_path()).unwrap(), overlay);
        assert_eq!((done.states.as_slice(), done.stranded.len()), (&["more".to_owned()][..], 1));
        assert_eq!((done.rotated[0].service.as_str(), done.rotated[0].name.as_str()), ("db", "URL"));
        let change = &done.pending[0].changes[0];
        assert_eq!(
            (change.field.as_str(), &change.before, &change.after),
            ("provision.size", &Some(1.into()), &Some(2.into()))
        );
        assert_eq!(world.newest().restored, Some(a.run));

        let engine = world.engine();
        engine.rollback(&b, world.watcher.clone()).unwrap();
        assert_eq!(world.store.states.lock().unwrap().len(), 3);
        assert!(matches!(
            engine.rollback(&Receipt { environment: "dev".into(), ..a }, world.watcher.clone()),
            Err(EngineError::NotRestorable { .. })
        ));
        world.history().verify().unwrap();
    });
}

fn credential(value: &str) -> ss_provider::Credential {
    ss_provider::Credential { name: "URL".into(), value: Secret::new(value), sensitive: true }
}

#[test]
fn a_persons_word_settles_what_nobody_else_can() {
    run(async {
        let one = "name: app\nservices:\n  a: { provision: { provider: cloudy } }\n";
        for verdict in [Verdict::Absent, Verdict::Forget, Verdict::Adopt("a-1".into())] {
            let world = World::new(one).manner(Manner { saves_partial: false, ..Manner::default() });
            world.cloud.lost_answers.lock().unwrap().insert("a".into());
            world.up().await;
            *world.cloud.unreachable.lock().unwrap() = true;
            let stuck = world.up().await;
            assert_eq!(stuck.services[0].failure.as_ref().unwrap().kind, FailureKind::OutcomeUnknown);
            let unfinished = world.engine().unfinished().unwrap();
            assert!(
                unfinished[0].sent[0].contains("POST https://api.cloudy.example/things/a"),
                "{unfinished:?}"
            );
            world.engine().resolve("a", verdict.clone(), world.watcher.clone()).await.unwrap();
            assert!(world.engine().unfinished().unwrap().is_empty());
            assert_eq!(world.up().await.status, RunStatus::Completed, "{verdict:?}");
            let expected = if matches!(verdict, Verdict::Adopt(_)) { 1 } else { 2 };
            assert_eq!(world.cloud.count("a"), expected, "{verdict:?}: a person's word counts");
        }
    });
}

#[test]
fn the_scope_of_a_command_says_what_is_left_to_another() {
    run(async {
        let mut world = World::new(
            "name: app\nservices:\n  named: { provision: { provider: cloudy } }\n  \
             shaped: { type: thing, key: 1 }\n  tf: { target: { type: terraform } }\n",
        )
        .manner(Manner {
            shapes: vec![ss_provider::Shape { kind: "thing".into(), requires: "key".into() }],
            ..Manner::default()
        });
        for (scope, handled) in [(Scope::Provision, 2), (Scope::Deploy, 1), (Scope::Everything, 2)] {
            world.scope = scope;
            let counts = world.plan().await.counts();
            assert_eq!((counts.create, counts.skip), (handled, 3 - handled), "{scope:?}");
        }
    });
}

/// Everything that a run with a provider that tells all it knows wrote and showed.
fn everything_said(scrubber: Scrubber) -> String {
    run(async {
        let mut world = World::new(TWO).manner(Manner { blabs: true, ..Manner::default() });
        world.scrubber = Arc::new(scrubber);
        world.up().await;
        let mut text = world.watcher.lines().join("\n");
        let mut folders = vec![world.home()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().flatten() {
                match entry.file_type().unwrap().is_dir() {
                    true => folders.push(entry.path()),
                    false => text.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap())),
                }
            }
        }
        assert!(text.contains("thing api-1"), "{text}");
        text
    })
}

#[test]
fn a_provider_that_tells_all_it_knows_is_hushed() {
    let told = |text: &str| {
        let secret = "cloudy://user:pass-of-db@host";
        text.contains(secret) || text.contains(&hex::encode(secret))
    };
    assert!(!told(&everything_said(Scrubber::new())));
    // The search can fail: without the scrubber it finds what was told.
    assert!(told(&everything_said(Scrubber::blind())));
}
