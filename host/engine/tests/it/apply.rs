//! Order, isolation of failures, idempotence, stopping.

use std::time::{Duration, Instant};

use ss_engine::{EngineError, Interrupt, RunStatus, Selection, ServiceOutcome};
use ss_provider::{Cancel, FailureKind};

use crate::cloud::Manner;
use crate::world::{World, run};

const CHAIN: &str = "
services:
  web: { type: app, depends_on: [api], provision: { provider: cloudy } }
  api: { type: app, inject_from: { db: [URL] }, env: { URL: overridden, MODE: fast }, provision: { provider: cloudy } }
  db: { type: database, provision: { provider: cloudy } }
  docs: { type: app, provision: { provider: cloudy } }
  notes: { type: external }
";

#[test]
fn dependencies_come_first_and_their_credentials_arrive() {
    run(async {
        let world = World::new(CHAIN);
        let report = world.up().await;
        assert_eq!(report.status, RunStatus::Completed, "{report:?}");
        let began = world.cloud.began.lock().unwrap().clone();
        let at = |service: &str| began.iter().position(|id| id == service).unwrap();
        assert!(at("db") < at("api") && at("api") < at("web"), "{began:?}");
        let api = &world.cloud.environments.lock().unwrap()["api"];
        assert_eq!(api["URL"], "cloudy://user:pass-of-db@host", "what is injected beats what is set");
        assert_eq!(api["MODE"], "fast");
        let lines = world.watcher.lines();
        assert!(
            lines.contains(&"db via cloudy".to_owned()) && lines.contains(&"db done thing db-1".to_owned())
        );
        assert!(matches!(report.services[4].outcome, ServiceOutcome::Skipped { .. }));
    });
}

#[test]
fn a_second_run_makes_nothing_new() {
    run(async {
        let world = World::new(CHAIN);
        world.up().await;
        assert_eq!(world.up().await.status, RunStatus::Completed);
        for service in ["db", "api", "web", "docs"] {
            assert_eq!(world.cloud.count(service), 1);
        }
    });
}

#[test]
fn a_failure_blocks_its_dependents_and_nothing_else() {
    run(async {
        let world = World::new(CHAIN);
        world.cloud.failing.lock().unwrap().insert("api".into(), FailureKind::Quota);
        let report = world.up().await;
        assert_eq!(report.status, RunStatus::Failed);
        let outcomes: Vec<&str> = report
            .services
            .iter()
            .map(|service| match &service.outcome {
                ServiceOutcome::Done { .. } => "done",
                ServiceOutcome::Failed => "failed",
                ServiceOutcome::Skipped { .. } => "skipped",
                ServiceOutcome::Blocked { because } if because == &["api"] => "blocked by api",
                _ => "other",
            })
            .collect();
        assert_eq!(outcomes, ["blocked by api", "failed", "done", "done", "skipped"]);
        assert_eq!(world.store.states.lock().unwrap().len(), 2, "what was achieved is committed");
        assert!(world.watcher.lines().contains(&"api failed the cloud says no".to_owned()));

        world.cloud.failing.lock().unwrap().clear();
        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!(world.cloud.count("api"), 1);
    });
}

#[test]
fn independent_services_take_the_time_of_one() {
    run(async {
        let services: String =
            (0..6).map(|n| format!("  s{n}: {{ type: app, provision: {{ provider: cloudy }} }}\n")).collect();
        let manner = Manner { pause: Duration::from_millis(200), ..Manner::default() };
        let world = World::new(&format!("services:\n{services}")).manner(manner);
        let began = Instant::now();
        world.up().await;
        assert!(began.elapsed() < Duration::from_millis(900), "{:?}", began.elapsed());
    });
}

#[test]
fn one_service_alone_needs_its_dependencies_credentials() {
    run(async {
        let world = World::new(CHAIN);
        let engine = world.engine();
        let api = Selection::Service("api".into());
        let plan = engine.plan(&api).await.unwrap();
        let (_, failure) = plan.problems().next().unwrap();
        assert!(failure.message.contains("`db.URL`"), "{failure}");
        let report = engine.apply(plan, world.watcher.clone(), Interrupt::default()).await.unwrap();
        assert_eq!(report.services.len(), 1);
        assert_eq!(world.cloud.count("api") + world.cloud.count("db"), 0);

        let db = engine.plan(&Selection::Service("db".into())).await.unwrap();
        engine.apply(db, world.watcher.clone(), Interrupt::default()).await.unwrap();
        let plan = engine.plan(&api).await.unwrap();
        let report = engine.apply(plan, world.watcher.clone(), Interrupt::default()).await.unwrap();
        assert_eq!(report.status, RunStatus::Completed);
        assert_eq!(world.cloud.count("web"), 0);
        let unknown = engine.plan(&Selection::Service("dbb".into())).await.unwrap_err();
        assert_eq!(unknown.help().unwrap(), "did you mean `db`?");
    });
}

#[test]
fn the_first_interrupt_finishes_what_runs_and_the_second_cancels_it() {
    run(async {
        let two = "services:\n  a: { provision: { provider: cloudy } }\n  b: { depends_on: [a], provision: { provider: cloudy } }\n";
        let manner = Manner { pause: Duration::from_millis(150), ..Manner::default() };
        let world = World::new(two).manner(manner);
        let interrupt = Interrupt::default();
        let pressing = interrupt.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            pressing.press();
        });
        let report = world.up_with(&interrupt).await;
        assert_eq!(report.status, RunStatus::Cancelled);
        assert!(matches!(report.services[0].outcome, ServiceOutcome::Done { .. }), "{report:?}");
        assert!(matches!(report.services[1].outcome, ServiceOutcome::NotStarted));
        assert_eq!(world.store.states.lock().unwrap().len(), 1, "what was finished is recorded");

        let world = World::new(two).manner(Manner { hangs: true, ..Manner::default() });
        let interrupt = Interrupt::default();
        let pressing = interrupt.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            pressing.press();
            pressing.press();
        });
        let report = world.up_with(&interrupt).await;
        assert_eq!(report.status, RunStatus::Cancelled);
        assert_eq!(report.services[0].failure.as_ref().unwrap().kind, FailureKind::Cancelled);
    });
}

#[test]
fn a_second_writer_is_told_who_the_first_is() {
    run(async {
        let manner = Manner { hangs: true, ..Manner::default() };
        let world = World::new("services:\n  a: { provision: { provider: cloudy } }\n").manner(manner);
        let interrupt = Interrupt::default();
        let engine = world.engine();
        let plan = engine.plan(&Selection::All).await.unwrap();
        let first = tokio::spawn({
            let (engine, plan, watcher, interrupt) =
                (engine.clone(), plan.clone(), world.watcher.clone(), interrupt.clone());
            async move { engine.apply(plan, watcher, interrupt).await }
        });
        while world.cloud.began.lock().unwrap().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let error = engine.apply(plan, world.watcher.clone(), Interrupt::default()).await.unwrap_err();
        assert!(matches!(error, EngineError::Busy { holder: Some(_), .. }));
        let text = error.to_string();
        assert!(text.contains(&format!("pid {}, `ss provision`", std::process::id())), "{text}");
        interrupt.press();
        interrupt.press();
        first.await.unwrap().unwrap();
    });
}

#[test]
fn what_cannot_be_committed_is_committed_by_the_next_run() {
    run(async {
        let world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        *world.store.full.lock().unwrap() = true;
        let report = world.up().await;
        assert_eq!(report.status, RunStatus::Failed);
        assert!(report.uncommitted.unwrap().message.contains("disk is full"));
        let failure = report.services[0].failure.as_ref().unwrap();
        assert!(failure.message.contains("credentials cannot be stored"), "{failure}");
        assert_eq!(world.cloud.count("a"), 1);

        *world.store.full.lock().unwrap() = false;
        assert!(world.plan().await.entries[0].exists, "the journal counts until it is committed");
        let stopped = Interrupt::default();
        stopped.press();
        assert_eq!(world.up_with(&stopped).await.status, RunStatus::Cancelled);
        assert_eq!(world.store.states.lock().unwrap().len(), 1, "committed before anything else is done");
        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!(world.cloud.count("a"), 1);
        assert_eq!(world.store.states.lock().unwrap().len(), 1);
        assert_eq!(world.store.credentials.lock().unwrap().len(), 1);
    });
}

#[test]
fn states_go_to_the_overlay_and_every_other_byte_stays() {
    run(async {
        let mut world = World::new("services:\n  a: { type: app }\n");
        let overlay = "# keep me\nservices:\n  a:\n    target:\n      type: cloudy # here\n";
        world.overlay = Some(overlay.into());
        world.up().await;
        let text = std::fs::read_to_string(world.overlay_path()).unwrap();
        assert!(text.starts_with(overlay), "{text}");
        assert!(text.contains("resourceId: a-1"), "{text}");
        // On another machine, with an empty vault, the overlay alone says what exists.
        world.store.states.lock().unwrap().clear();
        world.up().await;
        assert_eq!(world.cloud.count("a"), 1);
        assert_eq!(std::fs::read_to_string(world.overlay_path()).unwrap(), text);
    });
}

#[test]
fn status_asks_what_has_been_provisioned() {
    run(async {
        let world = World::new(CHAIN);
        world.cloud.failing.lock().unwrap().insert("api".into(), FailureKind::Quota);
        world.up().await;
        world.cloud.resources.lock().unwrap().remove("docs");
        let health =
            world.engine().status(&Selection::All, world.watcher.clone(), Cancel::default()).await.unwrap();
        let lines: Vec<(&str, bool)> = health
            .services
            .iter()
            .map(|service| (service.service.as_str(), service.health.healthy))
            .collect();
        assert_eq!(lines, [("db", true), ("docs", false)]);
        assert!(!health.is_healthy());
    });
}

#[test]
fn another_provider_does_not_take_over_what_the_first_made() {
    run(async {
        let mut world = World::new("services:\n  a: { provision: { provider: cloudy } }\n");
        world.manners.push(Manner { name: "foggy", ..Manner::default() });
        world.up().await;
        world.base = "services:\n  a: { provision: { provider: foggy } }\n".into();
        let report = world.up().await;
        let failure = report.services[0].failure.as_ref().unwrap();
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("was provisioned by `cloudy`"), "{failure}");
        assert_eq!(world.cloud.count("a"), 1);
    });
}
