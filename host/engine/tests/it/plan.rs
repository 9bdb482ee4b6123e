//! What a plan says, and that it says the same twice.

use serde_json::{Value, json};
use ss_engine::{Decision, SkipReason};
use ss_provider::{FailureKind, Shape};

use crate::cloud::Manner;
use crate::world::{World, run};

#[test]
fn the_plan_is_the_same_for_the_same_world() {
    run(async {
        let world = World::new(
            "services:\n  db: { provision: { provider: cloudy } }\n  api: { inject_from: { db: [URL] }, provision: { provider: cloudy } }\n",
        );
        let (one, two) = (world.plan().await, world.plan().await);
        assert_eq!(one, two);
        assert_eq!(one.digest(), two.digest());
        let json = serde_json::to_value(&one).unwrap();
        assert_eq!(
            json["entries"][1],
            json!({
                "service": "api", "provider": "cloudy", "exists": false, "decision": "apply", "action": "create",
                "detail": "a thing",
                "changes": [{"field": "env.URL", "after": "[sealed]", "sensitive": true}],
            })
        );
        world.up().await;
        let later = world.plan().await;
        assert_ne!(one.digest(), later.digest());
        assert!(later.entries.iter().all(|entry| entry.exists));
    });
}

#[test]
fn planning_writes_nothing() {
    run(async {
        let world = World::new("services:\n  db: { provision: { provider: cloudy } }\n");
        world.plan().await;
        assert!(!world.home().exists());
        assert_eq!(world.cloud.count("db"), 0);
    });
}

#[test]
fn a_missing_key_is_a_problem_that_says_where_it_was_looked_for() {
    run(async {
        let world = World::new("services:\n  db: { target: { type: cloudy, credential_env: MY_KEY } }\n")
            .manner(Manner { requires_key: true, ..Manner::default() });
        let plan = world.plan().await;
        let (_, failure) = plan.problems().next().unwrap();
        assert_eq!(failure.kind, FailureKind::Authentication);
        assert!(failure.message.contains("`MY_KEY`"), "{failure}");
        assert!(failure.next_step.as_ref().unwrap().contains("ss vault set"), "{failure:?}");
        world.up().await;
        assert!(world.cloud.began.lock().unwrap().is_empty());
        world.store.set("providers:cloudy/api_key", "cloudy-key-0123456789");
        assert_eq!(world.plan().await.problems().count(), 0);
    });
}

#[test]
fn a_missing_template_value_lists_every_spelling() {
    run(async {
        let world = World::new(
            "services:\n  db: { provision: { provider: cloudy, zone: \"{{ vault('hosting.zone') }}\" } }\n",
        );
        let plan = world.plan().await;
        let (_, failure) = plan.problems().next().unwrap();
        assert_eq!(failure.kind, FailureKind::InvalidConfiguration { path: "provision.zone".into() });
        assert!(failure.message.contains("needs `hosting.zone`, which is not in the vault"), "{failure}");
        world.up().await;
        assert!(world.cloud.began.lock().unwrap().is_empty());
    });
}

#[test]
fn a_wrong_option_names_its_path() {
    run(async {
        let schema = json!({"properties": {"size": {"type": "integer"}}, "additionalProperties": false});
        let world = World::new("services:\n  db: { target: { type: cloudy, size: big } }\n")
            .manner(Manner { schema, ..Manner::default() });
        let plan = world.plan().await;
        let (_, failure) = plan.problems().next().unwrap();
        assert_eq!(failure.kind, FailureKind::InvalidConfiguration { path: "target.size".into() });
    });
}

#[test]
fn a_plugin_has_the_last_word_on_a_shape() {
    run(async {
        let shapes = vec![Shape { kind: "process".into(), requires: "command".into() }];
        let file = "services:\n  a: { type: process, command: sleep 1 }\n  b: { type: process }\n";
        let takes = World::new(file).manner(Manner { shapes: shapes.clone(), ..Manner::default() });
        let decisions: Vec<bool> = takes.plan().await.entries.iter().map(|e| e.provider.is_some()).collect();
        assert_eq!(decisions, [true, false]);
        let declines = World::new(file).manner(Manner { shapes, takes_shape: false, ..Manner::default() });
        for entry in declines.plan().await.entries {
            assert_eq!(entry.decision, Decision::Skip { reason: SkipReason::NoProvisioner });
        }
    });
}

#[test]
fn a_skip_says_why() {
    run(async {
        let world = World::new(
            "services:\n  db: { target: { type: clody } }\n  tf: { target: { type: terraform } }\n",
        );
        let plan = serde_json::to_value(world.plan().await).unwrap();
        let reasons: Vec<&Value> = plan["entries"].as_array().unwrap().iter().collect();
        assert_eq!(reasons[0]["reason"], "unknown-provider");
        assert_eq!(reasons[0]["did_you_mean"], "cloudy");
        assert_eq!(reasons[1]["reason"], "terraform");
        assert_eq!(world.up().await.status, ss_engine::RunStatus::Completed, "a skip is no error");
    });
}
