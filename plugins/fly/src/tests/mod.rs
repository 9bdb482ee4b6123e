//! The provider against a small Fly in memory.

mod cloud;

use std::cell::RefCell;

use serde_json::{Value, json};
use ss_sdk::http::TransportError;
use ss_sdk::testing::{Crash, FakeHost, hostile_answers, json as answer, sealed_token};
use ss_sdk::{Action, Context, Failure, FailureKind, Outcome, Provider, Service, State, Variable};

use crate::Fly;
use crate::options::Options;
use cloud::Cloud;

const HEALTH: &str = "https://my-app-api.fly.dev/health";

fn service_with(changed: Value, token: u64) -> Service<Options> {
    let mut options = json!({
        "app": "my-app-api", "region": "iad", "image": "ghcr.io/me/my-app-api:latest", "port": 3000,
        "health_check_path": "/health", "env": {"NODE_ENV": "production", "WORKERS": 2},
    });
    let Value::Object(changed) = changed else { panic!("an object") };
    options.as_object_mut().expect("an object").extend(changed);
    Service {
        id: "api".into(),
        kind: "process".into(),
        name: None,
        command: None,
        options,
        options_path: "target".into(),
        env: vec![Variable { name: "DATABASE_URL".into(), value: sealed_token(token) }],
    }
    .parse()
    .expect("options")
}

fn walkthrough() -> Service<Options> {
    service_with(json!({}), 7)
}

fn host(cloud: &RefCell<Cloud>) -> FakeHost<'_> {
    FakeHost::with_cloud(|request| cloud.borrow_mut().answer(request))
}

fn next<'h>(host: &'h FakeHost<'_>, state: &State) -> Context<'h> {
    Context { existing: Some(state.clone()), ..host.context("api") }
}

fn provision(context: &Context<'_>, service: &Service<Options>) -> Outcome {
    Fly::provision(context, service).expect("provisioned")
}

fn failure(context: &Context<'_>, service: &Service<Options>) -> Failure {
    Fly::provision(context, service).expect_err("must fail")
}

fn provisioned(cloud: &RefCell<Cloud>) -> State {
    let host = host(cloud);
    provision(&host.context("api"), &walkthrough()).state
}

fn image(tag: &str) -> Service<Options> {
    service_with(json!({"image": format!("ghcr.io/me/my-app-api:{tag}")}), 7)
}

#[test]
fn the_walkthrough() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let context = host.context("api");
    let plan = Fly::plan(&context, &walkthrough()).expect("a plan");
    assert_eq!((plan.action, plan.detail.as_str()), (Action::Create, "Fly app + machine, region=iad"));
    assert_eq!(host.unsafe_requests(), [""; 0]);
    let outcome = provision(&context, &walkthrough());
    assert_eq!(
        host.steps(),
        ["App created: my-app-api", "Machine launched in iad", &format!("Health check passing at {HEALTH}")]
    );
    assert_eq!(
        host.unsafe_requests(),
        [
            "POST /v1/apps",
            "POST /v1/apps/my-app-api/ip_assignments",
            "POST /v1/apps/my-app-api/ip_assignments",
            "POST /v1/apps/my-app-api/machines",
        ]
    );
    let app =
        host.requests().into_iter().find(|request| !request.method.is_safe()).expect("a creation").json();
    assert_eq!(app, json!({"name": "my-app-api", "org_slug": "acme"}));
    let creation =
        host.requests().into_iter().rfind(|request| !request.method.is_safe()).expect("a creation").json();
    assert_eq!((creation["name"].as_str(), creation["region"].as_str()), (Some("api"), Some("iad")));
    let env = &creation["config"]["env"];
    assert_eq!(*env, json!({"DATABASE_URL": sealed_token(7), "NODE_ENV": "production", "WORKERS": "2"}));
    assert_eq!(creation["config"]["services"][0]["internal_port"], 3000);
    assert_eq!(creation["config"]["checks"]["health"]["path"], "/health");
    // Sealed tokens only where the manifest says that they may be resolved.
    let mut elsewhere = creation.clone();
    elsewhere["config"]["env"] = Value::Null;
    assert!(!elsewhere.to_string().contains("sealed1_"));
    assert_eq!(outcome.state.resource_id, "my-app-api");
    assert_eq!(outcome.state.metadata["url"], "https://my-app-api.fly.dev");
    assert!(!format!("{:?} {:?}", outcome.state, host.partial()).contains("sealed1_"));
    assert!(outcome.credentials.iter().any(|credential| credential.value == "https://my-app-api.fly.dev"));
    assert!(Fly::status(&context, &outcome.state).expect("a status").healthy);
}

#[test]
fn a_second_run_changes_nothing() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let host = host(&cloud);
    let context = next(&host, &state);
    // The token of the same secret is another one in every run.
    let service = service_with(json!({}), 8);
    let context = Context { idempotency_key: "9".repeat(32), ..context };
    assert_eq!(Fly::plan(&context, &service).expect("a plan").action, Action::Nothing);
    assert_eq!(Fly::observe(&context, &service, &state), Ok(Vec::new()));
    assert_eq!(provision(&context, &service).state, state);
    assert_eq!(host.unsafe_requests(), [""; 0]);
    assert_eq!(host.steps(), [format!("Health check passing at {HEALTH}")]);
}

#[test]
fn an_image_change_updates_the_machine_and_keeps_the_rest() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    cloud.borrow_mut().machines[0]["config"]["mounts"] = json!([{"volume": "vol_1", "path": "/data"}]);
    cloud.borrow_mut().machines[0]["config"]["metadata"]["team"] = json!("core");
    let host = host(&cloud);
    let context = next(&host, &state);
    let plan = Fly::plan(&context, &image("v2")).expect("a plan");
    assert_eq!((plan.action, plan.changes[0].field.as_str()), (Action::Update, "image"));
    let outcome = provision(&context, &image("v2"));
    assert_eq!(host.unsafe_requests(), ["POST /v1/apps/my-app-api/machines/90801"]);
    let config = cloud.borrow().machines[0]["config"].clone();
    assert_eq!(config["image"], "ghcr.io/me/my-app-api:v2");
    assert_eq!(config["mounts"][0]["volume"], "vol_1");
    assert_eq!(config["restart"]["policy"], "on-failure");
    assert_eq!(config["metadata"]["team"], "core");
    assert_eq!(outcome.state.provisioned_at, state.provisioned_at);
    assert_eq!(
        Fly::plan(&next(&host, &outcome.state), &image("v2")).expect("a plan").action,
        Action::Nothing
    );
}

#[test]
fn a_rival_update_is_noticed() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    cloud.borrow_mut().rivals = 2;
    let host = host(&cloud);
    provision(&next(&host, &state), &image("v2"));
    assert_eq!(host.unsafe_requests().len(), 3);
    cloud.borrow_mut().rivals = 9;
    assert_eq!(failure(&next(&host, &state), &image("v3")).kind, FailureKind::Conflict);
}

#[test]
fn environment_changes_are_seen_and_never_shown() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let host = host(&cloud);
    let fields = |context: &Context<'_>, service: &Service<Options>| -> Vec<String> {
        let changes = Fly::plan(context, service).expect("a plan").changes;
        assert!(
            changes
                .iter()
                .all(|change| change.sensitive && change.before.is_none() && change.after.is_none())
        );
        changes.into_iter().map(|change| change.field).collect()
    };
    let context = next(&host, &state);
    assert_eq!(
        fields(&context, &service_with(json!({"env": {"NODE_ENV": "test", "WORKERS": 2}}), 7)),
        ["env.NODE_ENV"]
    );
    assert_eq!(
        fields(&context, &service_with(json!({"env": {"NODE_ENV": "production"}}), 7)),
        ["env.WORKERS"]
    );
    // A changed secret shows in the digest of the inputs alone; the idempotency key is another one for every change.
    let marked = |mark: &str, state: &State| Context {
        inputs_digest: Some(mark.into()),
        idempotency_key: "2".repeat(32),
        ..next(&host, state)
    };
    provision(&marked("one", &state), &image("v2"));
    assert_eq!(fields(&marked("one", &state), &image("v2")), [""; 0]);
    assert_eq!(fields(&marked("two", &state), &image("v2")), ["env.DATABASE_URL"]);
    provision(&marked("two", &state), &image("v2"));
    assert_eq!(host.unsafe_requests().len(), 2);
    assert_eq!(fields(&marked("two", &state), &image("v2")), [""; 0]);
}

#[test]
fn drift_is_observed() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    cloud.borrow_mut().machines[0]["config"]["image"] = json!("evil:latest");
    cloud.borrow_mut().machines[0]["config"]["env"]["EXTRA"] = json!("1");
    let host = host(&cloud);
    let changes = Fly::observe(&host.context("api"), &walkthrough(), &state).expect("observed");
    assert_eq!(
        changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(),
        ["image", "env.EXTRA"]
    );
    cloud.borrow_mut().machines.clear();
    let changes = Fly::observe(&host.context("api"), &walkthrough(), &state).expect("observed");
    assert_eq!(changes[0].field, "machine");
    assert!(!Fly::status(&host.context("api"), &state).expect("a status").healthy);
    assert_eq!(host.unsafe_requests(), [""; 0]);
}

#[test]
fn a_region_change_replaces_the_machine() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let host = host(&cloud);
    let moved = service_with(json!({"region": "ams"}), 7);
    let plan = Fly::plan(&next(&host, &state), &moved).expect("a plan");
    assert_eq!((plan.action, plan.changes[0].field.as_str()), (Action::Replace, "region"));
    let outcome = provision(&next(&host, &state), &moved);
    assert_eq!(cloud.borrow().machines.len(), 1);
    assert_eq!(cloud.borrow().machines[0]["region"], "ams");
    assert_eq!(outcome.state.region.as_deref(), Some("ams"));
    // A machine with a volume stays where its data is.
    cloud.borrow_mut().machines[0]["config"]["mounts"] = json!([{"volume": "vol_1"}]);
    let failure = failure(&next(&host, &outcome.state), &walkthrough());
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("target.region".into()));
    assert_eq!(cloud.borrow().machines.len(), 1);
}

#[test]
fn a_taken_name_is_explained() {
    let cloud = RefCell::new(Cloud { taken: vec!["my-app-api".into()], ..Cloud::new() });
    let host = host(&cloud);
    let failure = failure(&host.context("api"), &walkthrough());
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.message.contains("`my-app-api` is taken"), "{}", failure.message);
    assert!(failure.next_step.is_some_and(|step| step.contains("target.app")));
}

#[test]
fn an_app_cannot_be_renamed() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let host = host(&cloud);
    let failure = failure(&next(&host, &state), &service_with(json!({"app": "other"}), 7));
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("target.app".into()));
    assert!(host.requests().is_empty());
}

#[test]
fn no_room_in_a_region_is_a_quota() {
    let cloud = RefCell::new(Cloud::new());
    let host = FakeHost::with_cloud(|request| {
        if request.method == ss_sdk::http::Method::Post && request.path().ends_with("/machines") {
            return Ok(answer(503, &json!({"error": "no room", "status": "insufficient_capacity"})));
        }
        cloud.borrow_mut().answer(request)
    });
    let failure = failure(&host.context("api"), &walkthrough());
    assert_eq!(failure.kind, FailureKind::Quota);
    assert!(failure.next_step.is_some_and(|step| step.contains("region")));
}

#[test]
fn lost_creations_are_looked_up_and_not_repeated() {
    let lost = || Err(TransportError::Lost("no answer came in time".into()));
    let broken = || Ok(answer(500, &json!({"error": "oops"})));
    for trouble in [lost, broken] {
        let cloud =
            RefCell::new(Cloud { creation_troubles: (0..4).map(|_| trouble()).collect(), ..Cloud::new() });
        let host = host(&cloud);
        provision(&host.context("api"), &walkthrough());
        let cloud = cloud.borrow();
        assert_eq!((cloud.apps.len(), cloud.addresses.len(), cloud.machines.len()), (1, 2, 1));
        assert_eq!(host.unsafe_requests().len(), 4);
    }
}

#[test]
fn what_is_not_shown_yet_is_waited_for() {
    let cloud = RefCell::new(Cloud { new_unseen_for: 5, ..Cloud::new() });
    let first = host(&cloud);
    let state = provision(&first.context("api"), &walkthrough()).state;
    assert_eq!(first.unsafe_requests().len(), 4);
    // Nor does a second run take it for gone.
    let partial = Some(json!({"app": "my-app-api", "machine_id": state.metadata["machine_id"]}).to_string());
    for (existing, partial) in [(Some(state.clone()), None), (None, partial)] {
        cloud.borrow_mut().unseen_for = 7;
        let again = host(&cloud);
        let context = Context { existing, partial, ..again.context("api") };
        assert_eq!(provision(&context, &walkthrough()).state.metadata, state.metadata);
        let machines = again.unsafe_requests().iter().filter(|sent| sent.contains("machines")).count();
        assert_eq!(machines, 0, "{:?}", again.unsafe_requests());
        assert_eq!(cloud.borrow().machines.len(), 1);
    }
}

#[test]
fn a_crash_at_any_call_leaves_one_app_and_one_machine() {
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = RefCell::new(Cloud::new());
            let first = host(&cloud);
            first.crash_at(call, crash);
            let context = first.context("api");
            if first.attempt(|| provision(&context, &walkthrough())).is_some() {
                break;
            }
            let second = host(&cloud);
            let again = Context { partial: first.partial(), ..second.context("api") };
            let found = Fly::find(&again, &walkthrough()).expect("looked");
            assert_eq!(found.is_some(), !cloud.borrow().apps.is_empty());
            let outcome = provision(&again, &walkthrough());
            let cloud = cloud.borrow();
            assert_eq!(
                (cloud.apps.len(), cloud.addresses.len(), cloud.machines.len()),
                (1, 2, 1),
                "call {call} {crash:?}"
            );
            assert_eq!(cloud.machines[0]["id"], outcome.state.metadata["machine_id"]);
        }
    }
}

#[test]
fn a_crash_in_an_update_ends_with_the_new_image() {
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = RefCell::new(Cloud::new());
            let state = provisioned(&cloud);
            let first = host(&cloud);
            first.crash_at(call, crash);
            let context = next(&first, &state);
            let done = first.attempt(|| provision(&context, &image("v2"))).is_some();
            if !done {
                let second = host(&cloud);
                provision(&Context { partial: first.partial(), ..next(&second, &state) }, &image("v2"));
            }
            assert_eq!(cloud.borrow().machines.len(), 1);
            assert_eq!(cloud.borrow().machines[0]["config"]["image"], "ghcr.io/me/my-app-api:v2");
            if done {
                break;
            }
        }
    }
}

#[test]
fn an_unhealthy_app_says_why() {
    let cloud = RefCell::new(Cloud { failing_checks: u32::MAX, ..Cloud::new() });
    let first = host(&cloud);
    let unhealthy = failure(&first.context("api"), &walkthrough());
    assert_eq!(
        unhealthy.message,
        "`my-app-api` is not healthy after 180 s: check `health` is critical: connection refused"
    );
    cloud.borrow_mut().failing_checks = 0;
    cloud.borrow_mut().visitors_get = 503;
    let second = host(&cloud);
    let again = Context { partial: first.partial(), ..second.context("api") };
    assert!(failure(&again, &walkthrough()).message.ends_with(&format!("{HEALTH} answers 503")));
}

#[test]
fn a_stopped_machine_is_started() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    cloud.borrow_mut().machines[0]["state"] = json!("stopped");
    let host = host(&cloud);
    assert!(!Fly::status(&host.context("api"), &state).expect("a status").healthy);
    provision(&next(&host, &state), &walkthrough());
    assert_eq!(host.unsafe_requests(), ["POST /v1/apps/my-app-api/machines/90801/start"]);
}

#[test]
fn destroying_removes_machine_and_app_and_may_be_repeated() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let host = host(&cloud);
    Fly::destroy(&host.context("api"), &state).expect("destroyed");
    assert!(cloud.borrow().apps.is_empty());
    Fly::destroy(&host.context("api"), &state).expect("gone already");
}

#[test]
fn destroying_leaves_the_machines_of_others() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    cloud.borrow_mut().machines.push(json!({"id": "7", "name": "worker", "state": "started", "config": {}}));
    let host = host(&cloud);
    Fly::destroy(&host.context("api"), &state).expect("destroyed");
    assert_eq!(cloud.borrow().apps, ["my-app-api"]);
    assert_eq!(cloud.borrow().machines[0]["id"], "7");
}

#[test]
fn a_name_that_would_be_something_else_is_refused() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    for app in ["", "..", "a/b", "A", "a?b"] {
        let state = host.context("api").state("fly", app);
        Fly::destroy(&host.context("api"), &state).expect_err("refused");
    }
    assert!(host.requests().is_empty());
}

#[test]
fn keys_of_both_forms_work() {
    let cloud = RefCell::new(Cloud { own_scheme: true, ..Cloud::new() });
    let host = host(&cloud);
    provision(&host.context("api"), &walkthrough());
    let unauthorised = host
        .requests()
        .iter()
        .filter(|request| request.header("authorization").is_some_and(|value| value.starts_with("Bearer ")))
        .count();
    assert_eq!(unauthorised, 1, "the form that works is kept");
}

#[test]
fn a_default_name_fits() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let service: Service<Options> = service_with(json!({"app": null}), 7);
    let name = |project: &str| {
        let context = Context { project: project.into(), ..host.context("api") };
        service.options.app_name(&context)
    };
    assert_eq!(name("My App"), "my-app-prod-api");
    let long = name(&"x".repeat(80));
    assert!(long.len() <= 63 && long != name(&"x".repeat(81)), "{long}");
}

/// Whatever Fly answers, at whichever request: a typed failure or a success, never a panic, and no wait
/// without an end.
#[test]
fn hostile_answers_never_panic() {
    for hostile in hostile_answers() {
        for at in 0..12 {
            let cloud = RefCell::new(Cloud::new());
            let mut number = 0;
            let host = FakeHost::with_cloud(|request| {
                number += 1;
                if number == at + 1 { Ok(hostile.clone()) } else { cloud.borrow_mut().answer(request) }
            });
            let context = host.context("api");
            let _ = Fly::provision(&context, &walkthrough());
            let state = context.state("fly", "my-app-api").with_metadata(&json!({"machine_id": "90801"}));
            let _ = Fly::plan(&context, &walkthrough());
            let _ = Fly::status(&context, &state);
            let _ = Fly::observe(&context, &walkthrough(), &state);
            let _ = Fly::find(&context, &walkthrough());
            let _ = Fly::destroy(&context, &state);
        }
    }
}

#[test]
fn the_schema_and_the_manifest_agree_with_the_description() {
    let description = Fly::describe();
    let schema: Value = serde_json::from_str(&description.options_schema).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(schema["properties"]["env"]["additionalProperties"]["x-sealed"], true);
    let manifest = include_str!("../../plugin.toml");
    assert!(manifest.contains(&format!("name = \"{}\"", description.provider)));
    assert!(manifest.contains("config.env.*"));
}
