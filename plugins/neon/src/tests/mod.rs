//! The provider against a small Neon in memory.

mod cloud;

use std::cell::RefCell;

use serde_json::{Value, json};
use ss_sdk::http::{Response, TransportError};
use ss_sdk::testing::{Crash, FakeHost, hostile_answers, json as answer};
use ss_sdk::{Action, Context, Failure, FailureKind, Outcome, Provider, Service, State};

use crate::Neon;
use crate::options::Options;
use cloud::{Cloud, PASSWORD};

fn service(options: Value) -> Service<Options> {
    Service {
        id: "app-db".into(),
        kind: "database".into(),
        name: None,
        command: None,
        options,
        options_path: "target".into(),
        env: Vec::new(),
    }
    .parse()
    .expect("options")
}

fn walkthrough() -> Service<Options> {
    service(json!({"region": "us-east-2", "project_name": "my-app"}))
}

fn host(cloud: &RefCell<Cloud>) -> FakeHost<'_> {
    FakeHost::with_cloud(|request| cloud.borrow_mut().answer(request))
}

fn next<'h>(host: &'h FakeHost<'_>, state: &State) -> Context<'h> {
    Context { existing: Some(state.clone()), ..host.context("app-db") }
}

fn credential<'o>(outcome: &'o Outcome, name: &str) -> &'o str {
    &outcome.credentials.iter().find(|credential| credential.name == name).expect(name).value
}

/// A provisioned walkthrough.
fn provisioned(cloud: &RefCell<Cloud>) -> State {
    let host = host(cloud);
    Neon::provision(&host.context("app-db"), &walkthrough()).expect("provisioned").state
}

#[test]
fn the_walkthrough() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let context = host.context("app-db");
    let plan = Neon::plan(&context, &walkthrough()).expect("a plan");
    assert_eq!((plan.action, plan.detail.as_str()), (Action::Create, "Neon project + branch + role + db"));
    let outcome = Neon::provision(&context, &walkthrough()).expect("provisioned");
    assert_eq!(host.steps(), ["Project created: my-app-quiet-mountain-1", "DATABASE_URL written to vault"]);
    assert!(credential(&outcome, "DATABASE_URL").contains("neon.tech/neondb"));
    assert_eq!(credential(&outcome, "PGUSER"), "neondb_owner");
    assert_eq!(outcome.state.resource_id, "quiet-mountain-1");
    assert_eq!(outcome.state.region.as_deref(), Some("aws-us-east-2"));
    assert_eq!(
        outcome.state.metadata["url"],
        "postgresql://ep-quiet-mountain-1.us-east-2.aws.neon.tech/neondb"
    );
    let sent =
        host.requests().into_iter().find(|request| !request.method.is_safe()).expect("a creation").json();
    assert_eq!(sent, json!({"project": {"name": "my-app", "region_id": "aws-us-east-2", "org_id": "org-0"}}));
    for kept in [format!("{:?}", outcome.state), host.partial().expect("partial state"), outcome.summary] {
        assert!(!kept.contains(PASSWORD), "{kept}");
    }
}

#[test]
fn every_option_is_sent() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let service = service(json!({
        "region": "azure-eastus2", "pg_version": 17, "org_id": "org-x", "branch_name": "prod",
        "role_name": "alex", "database_name": "app", "history_retention_seconds": 3600,
        "autoscaling_limit_min_cu": 0.5, "autoscaling_limit_max_cu": 4, "suspend_timeout_seconds": -1,
    }));
    let outcome = Neon::provision(&host.context("app-db"), &service).expect("provisioned");
    let sent =
        host.requests().into_iter().find(|request| !request.method.is_safe()).expect("a creation").json();
    assert_eq!(
        sent["project"],
        json!({
            "name": "my-app-prod-app-db", "region_id": "azure-eastus2", "pg_version": 17, "org_id": "org-x",
            "branch": {"name": "prod", "role_name": "alex", "database_name": "app"},
            "default_endpoint_settings": {
                "autoscaling_limit_min_cu": 0.5, "autoscaling_limit_max_cu": 4.0, "suspend_timeout_seconds": -1,
            },
            "history_retention_seconds": 3600,
        })
    );
    assert_eq!((credential(&outcome, "PGUSER"), credential(&outcome, "PGDATABASE")), ("alex", "app"));
}

#[test]
fn a_second_run_reads_and_changes_nothing() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let host = host(&cloud);
    let context = next(&host, &state);
    assert_eq!(Neon::plan(&context, &walkthrough()).expect("a plan").action, Action::Nothing);
    let outcome = Neon::provision(&context, &walkthrough()).expect("provisioned");
    assert_eq!(outcome.state, state);
    assert!(credential(&outcome, "DATABASE_URL").contains(PASSWORD));
    assert_eq!(host.unsafe_requests(), [""; 0]);
    assert_eq!(host.steps(), ["DATABASE_URL written to vault"]);
}

#[test]
fn reads_send_nothing_unsafe() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let host = host(&cloud);
    let context = next(&host, &state);
    let changed =
        service(json!({"project_name": "other", "autoscaling_limit_max_cu": 8, "database_name": "more"}));
    let plan = Neon::plan(&context, &changed).expect("a plan");
    assert_eq!(plan.action, Action::Update);
    let fields: Vec<_> = plan.changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["project_name", "autoscaling_limit_max_cu", "database_name"]);
    assert!(Neon::status(&context, &state).expect("a status").healthy);
    assert_eq!(Neon::observe(&context, &walkthrough(), &state), Ok(Vec::new()));
    let found = Neon::find(&host.context("app-db"), &walkthrough()).expect("looked").expect("found");
    assert_eq!(found.resource_id, state.resource_id);
    assert_eq!(host.unsafe_requests(), [""; 0]);
}

#[test]
fn changes_are_made_in_place() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    cloud.borrow_mut().locked = 1;
    let host = host(&cloud);
    let changed = service(json!({
        "project_name": "renamed", "history_retention_seconds": 60, "autoscaling_limit_max_cu": 8,
        "database_name": "more", "role_name": "kim",
    }));
    let outcome = Neon::provision(&next(&host, &state), &changed).expect("provisioned");
    assert_eq!(
        host.unsafe_requests(),
        [
            "PATCH /api/v2/projects/quiet-mountain-1",
            "PATCH /api/v2/projects/quiet-mountain-1",
            "PATCH /api/v2/projects/quiet-mountain-1/endpoints/ep-cool-1",
            "POST /api/v2/projects/quiet-mountain-1/branches/br-main-1/roles",
            "POST /api/v2/projects/quiet-mountain-1/branches/br-main-1/databases",
        ]
    );
    assert_eq!((credential(&outcome, "PGUSER"), credential(&outcome, "PGDATABASE")), ("kim", "more"));
    assert_eq!(outcome.state.metadata["name"], "renamed");
    let context = next(&host, &outcome.state);
    assert_eq!(Neon::plan(&context, &changed).expect("a plan").action, Action::Nothing);
}

#[test]
fn region_and_version_cannot_change() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let host = host(&cloud);
    let context = next(&host, &state);
    for (option, value) in [("region", json!("eu-central-1")), ("pg_version", json!(16))] {
        let service = service(json!({"project_name": "my-app", option: value}));
        for failure in [Neon::plan(&context, &service).err(), Neon::provision(&context, &service).err()] {
            let failure = failure.expect("must fail");
            assert_eq!(failure.kind, FailureKind::InvalidConfiguration(format!("target.{option}")));
        }
        assert_eq!(Neon::observe(&context, &service, &state).expect("observed")[0].field, option);
    }
    assert_eq!(host.unsafe_requests(), [""; 0]);
}

#[test]
fn a_name_is_matched_exactly_over_all_pages_and_must_be_unique() {
    let cloud = RefCell::new(Cloud::new());
    for name in ["my-app-2", "my-app-3", "not-my-app", "my-app"] {
        cloud.borrow_mut().create(&json!({ "name": name, "region_id": "aws-us-east-2" })).expect("made");
    }
    let host = host(&cloud);
    let context = host.context("app-db");
    let found = Neon::find(&context, &walkthrough()).expect("looked").expect("found");
    assert_eq!(found.resource_id, "quiet-mountain-4");
    cloud.borrow_mut().create(&json!({"name": "my-app"})).expect("made");
    for failure in
        [Neon::plan(&context, &walkthrough()).err(), Neon::provision(&context, &walkthrough()).err()]
    {
        let failure = failure.expect("must fail");
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("quiet-mountain-4, quiet-mountain-5"), "{}", failure.message);
    }
    assert_eq!(host.unsafe_requests(), [""; 0]);
}

#[test]
fn a_lost_creation_is_looked_up_and_not_repeated() {
    let troubles: [Result<Response, TransportError>; 4] = [
        Err(TransportError::Lost("no answer came in time".into())),
        Ok(answer(500, &json!({"message": "oops"}))),
        Ok(Response { status: 201, headers: Vec::new(), body: b"{\"project\": {\"id\"".to_vec() }),
        Ok(answer(201, &json!({"project": {"id": "", "name": ""}, "branch": {"id": ""}}))),
    ];
    for trouble in troubles {
        let cloud = RefCell::new(Cloud { creation_troubles: vec![trouble], ..Cloud::new() });
        let host = host(&cloud);
        let outcome = Neon::provision(&host.context("app-db"), &walkthrough()).expect("provisioned");
        assert_eq!(outcome.state.resource_id, "quiet-mountain-1");
        assert_eq!(cloud.borrow().projects.len(), 1);
        assert_eq!(host.unsafe_requests().len(), 1);
    }
}

#[test]
fn a_creation_that_stays_lost_says_so() {
    let host = FakeHost::with_cloud(|request| {
        Ok(match request.method {
            ss_sdk::http::Method::Get if request.path().ends_with("organizations") => answer(404, &json!({})),
            ss_sdk::http::Method::Get => answer(200, &json!({"projects": []})),
            _ => answer(502, &json!({})),
        })
    });
    let failure = Neon::provision(&host.context("app-db"), &walkthrough()).expect_err("must fail");
    assert_eq!(failure.kind, FailureKind::OutcomeUnknown);
    assert!(failure.next_step.is_some());
    assert_eq!(host.unsafe_requests().len(), 1);
}

#[test]
fn a_crash_at_any_call_leaves_one_project() {
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = RefCell::new(Cloud::new());
            let first = host(&cloud);
            first.crash_at(call, crash);
            let context = first.context("app-db");
            if first.attempt(|| Neon::provision(&context, &walkthrough())).is_some() {
                break;
            }
            let second = host(&cloud);
            let again = Context { partial: first.partial(), ..second.context("app-db") };
            let outcome = Neon::provision(&again, &walkthrough()).expect("provisioned");
            assert_eq!(cloud.borrow().projects.len(), 1, "call {call} {crash:?}");
            assert_eq!(cloud.borrow().projects[0]["id"], outcome.state.resource_id);
            assert!(credential(&outcome, "DATABASE_URL").contains(PASSWORD));
        }
    }
}

#[test]
fn a_known_project_that_is_not_shown_yet_is_not_created_again() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    let partial = Some(json!({"project_id": state.resource_id}).to_string());
    for (existing, partial) in [(Some(state.clone()), None), (None, partial)] {
        cloud.borrow_mut().unseen_for = 12;
        let host = host(&cloud);
        let context = Context { existing, partial, ..host.context("app-db") };
        let outcome = Neon::provision(&context, &walkthrough()).expect("provisioned");
        assert_eq!(outcome.state.resource_id, state.resource_id);
        assert_eq!(host.unsafe_requests(), [""; 0]);
    }
}

#[test]
fn a_project_that_somebody_deleted_is_created_anew() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    cloud.borrow_mut().projects.clear();
    let host = host(&cloud);
    let context = next(&host, &state);
    assert!(!Neon::status(&context, &state).expect("a status").healthy);
    assert_eq!(Neon::observe(&context, &walkthrough(), &state).expect("observed")[0].field, "project");
    assert_eq!(Neon::plan(&context, &walkthrough()).expect("a plan").action, Action::Create);
    let outcome = Neon::provision(&context, &walkthrough()).expect("provisioned");
    assert_eq!(outcome.state.resource_id, "quiet-mountain-2");
}

#[test]
fn an_old_project_that_is_not_there_is_gone_without_a_wait() {
    let cloud = RefCell::new(Cloud::new());
    let state = State { provisioned_at: "2020-01-01T00:00:00Z".into(), ..provisioned(&cloud) };
    cloud.borrow_mut().projects.clear();
    let host = host(&cloud);
    let outcome = Neon::provision(&next(&host, &state), &walkthrough()).expect("provisioned");
    assert_eq!(outcome.state.resource_id, "quiet-mountain-2");
    assert!(host.requests().len() < 10, "it was looked for again and again: {:?}", host.requests());
}

#[test]
fn destroying_waits_for_locks_and_may_be_repeated() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud);
    cloud.borrow_mut().locked = 2;
    let host = host(&cloud);
    Neon::destroy(&host.context("app-db"), &state).expect("destroyed");
    assert!(cloud.borrow().projects.is_empty());
    Neon::destroy(&host.context("app-db"), &state).expect("gone already");
}

#[test]
fn an_id_that_would_name_something_else_is_refused() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    for id in ["", "..", "a/b", "A", "a?b", &"a".repeat(61)] {
        let state = host.context("app-db").state("neon", id);
        Neon::destroy(&host.context("app-db"), &state).expect_err("refused");
    }
    assert!(host.requests().is_empty());
}

#[test]
fn a_failed_operation_is_a_failure() {
    let cloud = RefCell::new(Cloud { operation_status: Some("error"), ..Cloud::new() });
    let host = host(&cloud);
    let failure = Neon::provision(&host.context("app-db"), &walkthrough()).expect_err("must fail");
    assert_eq!(failure.message, "Neon failed to start compute: no capacity");
    assert!(host.partial().is_some_and(|partial| partial.contains("quiet-mountain-1")));
}

#[test]
fn several_organisations_need_a_choice() {
    let cloud = RefCell::new(Cloud { organizations: 2, ..Cloud::new() });
    let host = host(&cloud);
    let failure = Neon::provision(&host.context("app-db"), &walkthrough()).expect_err("must fail");
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("target.org_id".into()));
    assert_eq!(host.unsafe_requests(), [""; 0]);
}

#[test]
fn a_wrong_key_is_an_authentication_failure() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let context = Context { api_key: Some("wrong".into()), ..host.context("app-db") };
    let kind = |result: Result<(), Failure>| result.expect_err("must fail").kind;
    assert_eq!(kind(Neon::plan(&context, &walkthrough()).map(|_| ())), FailureKind::Authentication);
    let without = Context { api_key: None, ..host.context("app-db") };
    assert_eq!(kind(Neon::provision(&without, &walkthrough()).map(|_| ())), FailureKind::Authentication);
}

/// Whatever Neon answers, at whichever request: a typed failure or a success, never a panic, and no wait
/// without an end.
#[test]
fn hostile_answers_never_panic() {
    for hostile in hostile_answers() {
        for at in 0..12 {
            let cloud = RefCell::new(Cloud::new());
            let mut number = 0;
            let host = FakeHost::with_cloud(|request| {
                number += 1;
                let answer = cloud.borrow_mut().answer(request);
                if number == at + 1 { Ok(hostile.clone()) } else { answer }
            });
            let context = host.context("app-db");
            let _ = Neon::provision(&context, &walkthrough());
            let state = context
                .state("neon", "quiet-mountain-1")
                .with_metadata(&json!({"name": "x", "branch_id": "br-main-1", "role": "r", "database": "d"}));
            let _ = Neon::plan(&context, &walkthrough());
            let _ = Neon::status(&context, &state);
            let _ = Neon::observe(&context, &walkthrough(), &state);
            let _ = Neon::find(&context, &walkthrough());
            let _ = Neon::destroy(&context, &state);
        }
    }
}

#[test]
fn the_schema_and_the_manifest_agree_with_the_description() {
    let description = Neon::describe();
    let schema: Value = serde_json::from_str(&description.options_schema).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(description.vault_keys[0].aliases, ["api_token", "token"]);
    let manifest = include_str!("../../plugin.toml");
    assert!(manifest.contains(&format!("name = \"{}\"", description.provider)));
}
