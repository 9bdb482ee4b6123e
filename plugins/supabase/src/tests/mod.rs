//! The plugin against a Supabase of a few lines.

mod cloud;

use std::cell::RefCell;

use cloud::{Cloud, SERVICE_KEY};
use serde_json::{Value, json};
use ss_sdk::http::{Response, TransportError};
use ss_sdk::testing::{Crash, FakeHost, hostile_answers, json as answer, sealed_token};
use ss_sdk::{Action, Context, Failure, FailureKind, Outcome, Provider, Service, State, Variable};

use crate::Supabase;
use crate::options::Options;

const REF: &str = "aaaaaaaaaaaaaaaaaaab";

fn service(options: Value) -> Service<Options> {
    Service {
        id: "backend".into(),
        kind: "database".into(),
        name: None,
        command: None,
        options: serde_json::from_value(options).expect("valid options"),
        options_path: "provision".into(),
        env: Vec::new(),
    }
}

fn sample() -> Service<Options> {
    service(json!({"region": "us-east-1", "project_name": "my-app"}))
}

fn with_env(names: &[&str]) -> Service<Options> {
    let variable = |(name, n): (&&str, u64)| Variable { name: (*name).into(), value: sealed_token(70 + n) };
    Service { env: names.iter().zip(0..).map(variable).collect(), ..sample() }
}

fn host<'c>(cloud: &'c RefCell<Cloud>) -> FakeHost<'c> {
    FakeHost::with_cloud(|request| cloud.borrow_mut().answer(request))
}

fn next<'h>(host: &'h FakeHost<'_>, state: &State) -> Context<'h> {
    Context { existing: Some(state.clone()), ..host.context("backend") }
}

fn provisioned(cloud: &RefCell<Cloud>, service: &Service<Options>) -> State {
    let host = host(cloud);
    Supabase::provision(&host.context("backend"), service).expect("provisioned").state
}

fn credential<'o>(outcome: &'o Outcome, name: &str) -> &'o str {
    let found = outcome.credentials.iter().find(|credential| credential.name == name);
    &found.unwrap_or_else(|| panic!("no {name}")).value
}

fn fields(changes: &[ss_sdk::Change]) -> Vec<&str> {
    changes.iter().map(|change| change.field.as_str()).collect()
}

#[test]
fn a_project_from_nothing() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let context = host.context("backend");
    assert_eq!(Supabase::plan(&context, &sample()).expect("a plan").action, Action::Create);
    assert_eq!(host.unsafe_requests(), [""; 0]);
    let outcome = Supabase::provision(&context, &sample()).expect("provisioned");
    assert_eq!(host.steps()[0], format!("Project created: my-app ({REF})"));
    assert_eq!(outcome.state.resource_id, REF);
    assert_eq!(outcome.state.region.as_deref(), Some("us-east-1"));
    assert_eq!(credential(&outcome, "SUPABASE_URL"), format!("https://{REF}.supabase.co"));
    assert_eq!(credential(&outcome, "SUPABASE_ANON_KEY"), "anon-key");
    assert_eq!(credential(&outcome, "SUPABASE_SECRET_KEY"), "sb_secret_x");
    let password = credential(&outcome, "PGPASSWORD");
    assert!(password.starts_with("sealed1_"));
    assert_eq!(
        credential(&outcome, "DATABASE_URL"),
        format!("postgresql://postgres:{password}@db.{REF}.supabase.co:5432/postgres")
    );
    assert_eq!(
        credential(&outcome, "DATABASE_URL_POOLED"),
        format!("postgresql://postgres.{REF}:{password}@aws-0-us-east-1.pooler.supabase.com:6543/postgres")
    );
    let sent = host.requests().into_iter().find(|request| !request.method.is_safe()).expect("one").json();
    assert_eq!(
        sent,
        json!({
            "name": "my-app", "organization_slug": "org-0", "db_pass": password,
            "region_selection": {"type": "specific", "code": "us-east-1"},
        })
    );
    for kept in
        [format!("{:?}", outcome.state), host.partial().expect("partial state"), outcome.summary.clone()]
    {
        assert!(!kept.contains(SERVICE_KEY) && !kept.contains("sealed1_"), "{kept}");
    }
    // Again: nothing is sent that could change something.
    let again = host.unsafe_requests().len();
    let context = next(&host, &outcome.state);
    assert_eq!(Supabase::plan(&context, &sample()).expect("a plan").action, Action::Nothing);
    assert_eq!(Supabase::provision(&context, &sample()).expect("provisioned").state, outcome.state);
    assert_eq!(Supabase::observe(&context, &sample(), &outcome.state), Ok(Vec::new()));
    assert!(Supabase::status(&context, &outcome.state).expect("a status").healthy);
    assert_eq!(host.unsafe_requests().len(), again);
}

#[test]
fn each_field_is_one_write() {
    let every = [
        ("project_name", json!("renamed"), "PATCH", ""),
        ("instance_size", json!("small"), "PATCH", "/billing/addons"),
        ("site_url", json!("https://a.example"), "PATCH", "/config/auth"),
        ("redirect_urls", json!(["https://a.example/*", "https://b.example"]), "PATCH", "/config/auth"),
        ("disable_signup", json!(true), "PATCH", "/config/auth"),
        ("jwt_expiry", json!(60), "PATCH", "/config/auth"),
        ("exposed_schemas", json!(["public", "api"]), "PATCH", "/postgrest"),
        ("max_rows", json!(10), "PATCH", "/postgrest"),
        ("enforce_ssl", json!(true), "PUT", "/ssl-enforcement"),
        ("allowed_cidrs", json!(["10.0.0.0/8", "fd00::/8"]), "POST", "/network-restrictions/apply"),
    ];
    for (option, value, method, path) in every {
        let cloud = RefCell::new(Cloud::new());
        let state = provisioned(&cloud, &sample());
        let host = host(&cloud);
        let mut options = json!({"region": "us-east-1", "project_name": "my-app"});
        options[option] = value.clone();
        let changed = service(options);
        let context = next(&host, &state);
        let plan = Supabase::plan(&context, &changed).expect("a plan");
        assert_eq!((plan.action, fields(&plan.changes)), (Action::Update, vec![option]));
        assert_eq!(plan.changes[0].after.as_ref(), Some(&value));
        let outcome = Supabase::provision(&context, &changed).expect("provisioned");
        assert_eq!(host.unsafe_requests(), [format!("{method} /v1/projects/{REF}{path}")]);
        let context = next(&host, &outcome.state);
        assert_eq!(Supabase::plan(&context, &changed).expect("a plan").action, Action::Nothing, "{option}");
        // Somebody sets it back.
        let before = cloud.borrow().projects[0].clone();
        cloud.borrow_mut().projects.clear();
        let fresh = provisioned(&cloud, &sample());
        let mut reset = cloud.borrow().projects[0].clone();
        (reset["ref"], reset["id"]) = (before["ref"].clone(), before["id"].clone());
        cloud.borrow_mut().projects = vec![reset];
        assert_ne!(fresh.resource_id, state.resource_id);
        let drift = Supabase::observe(&context, &changed, &outcome.state).expect("observed");
        assert_eq!(fields(&drift), [option]);
    }
}

#[test]
fn the_environment_becomes_secrets_of_functions() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &with_env(&["A", "B"]));
    assert_eq!(cloud.borrow().projects[0]["x-secrets"]["A"], sealed_token(70));
    assert_eq!(state.metadata["secrets"], json!(["A", "B"]));
    let host = host(&cloud);
    // Rotated: the host says that an input has changed.
    let digest = Some("00000000000000000000000000000002".into());
    let rotated = Context { inputs_digest: digest.clone(), ..next(&host, &state) };
    let plan = Supabase::plan(&rotated, &with_env(&["A", "B"])).expect("a plan");
    assert!(plan.changes.iter().all(|change| change.sensitive));
    assert_eq!(fields(&plan.changes), ["env.A", "env.B"]);
    let state = Supabase::provision(&rotated, &with_env(&["A", "B"])).expect("provisioned").state;
    assert_eq!(host.unsafe_requests(), [format!("POST /v1/projects/{REF}/secrets")]);
    // One is taken away, and one was deleted behind our back.
    cloud.borrow_mut().projects[0]["x-secrets"].as_object_mut().expect("an object").remove("A");
    let context = Context { inputs_digest: digest, ..next(&host, &state) };
    let state = Supabase::provision(&context, &with_env(&["A"])).expect("provisioned").state;
    assert_eq!(
        host.unsafe_requests()[1..],
        [format!("POST /v1/projects/{REF}/secrets"), format!("DELETE /v1/projects/{REF}/secrets"),]
    );
    assert_eq!(cloud.borrow().projects[0]["x-secrets"].as_object().expect("an object").len(), 1);
    assert!(!format!("{state:?}").contains("sealed1_"));
    let failure = Supabase::provision(&host.context("backend"), &with_env(&["SUPABASE_URL"]));
    let failure = failure.expect_err("reserved");
    assert_eq!(failure.kind, FailureKind::Conflict, "the project is not this service's: {failure}");
    let failure = Supabase::plan(&next(&host, &state), &with_env(&["SUPABASE_URL"])).expect_err("reserved");
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("env.SUPABASE_URL".into()));
}

#[test]
fn region_and_organisation_cannot_change() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &sample());
    let host = host(&cloud);
    let context = next(&host, &state);
    for (option, value) in [("region", "eu-west-1"), ("region", "emea"), ("organization", "other")] {
        let mut options = json!({"project_name": "my-app"});
        options[option] = value.into();
        let service = service(options);
        for failure in
            [Supabase::plan(&context, &service).err(), Supabase::provision(&context, &service).err()]
        {
            let failure = failure.expect("must fail");
            assert_eq!(failure.kind, FailureKind::InvalidConfiguration(format!("provision.{option}")));
        }
        assert_eq!(Supabase::observe(&context, &service, &state).expect("observed")[0].field, option);
    }
    let group = service(json!({"project_name": "my-app", "region": "americas"}));
    assert_eq!(Supabase::plan(&context, &group).expect("a plan").action, Action::Nothing);
    assert_eq!(host.unsafe_requests(), [""; 0]);
}

#[test]
fn a_project_of_somebody_else_is_taken_over_only_if_the_file_says_so() {
    let cloud = RefCell::new(Cloud::new());
    let theirs = provisioned(&cloud, &sample());
    let host = host(&cloud);
    let context = host.context("backend");
    for failure in [Supabase::plan(&context, &sample()).err(), Supabase::provision(&context, &sample()).err()]
    {
        let failure = failure.expect("must fail");
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.next_step.expect("a step").contains("provision.adopt"));
    }
    assert_eq!(host.unsafe_requests(), [""; 0]);
    let adopting = service(json!({"project_name": "my-app", "adopt": true}));
    let plan = Supabase::plan(&context, &adopting).expect("a plan");
    assert_eq!((plan.action, fields(&plan.changes)), (Action::Update, vec!["database_password"]));
    let outcome = Supabase::provision(&context, &adopting).expect("adopted");
    assert_eq!(outcome.state.resource_id, theirs.resource_id);
    assert_eq!(host.unsafe_requests(), [format!("PATCH /v1/projects/{REF}/database/password")]);
    assert_eq!(cloud.borrow().projects[0]["x-password"], credential(&outcome, "PGPASSWORD"));
    let context = next(&host, &outcome.state);
    assert_eq!(Supabase::plan(&context, &adopting).expect("a plan").action, Action::Nothing);
}

#[test]
fn a_name_is_matched_exactly_over_all_pages_and_must_be_unique() {
    let cloud = RefCell::new(Cloud::new());
    for name in ["my-app-2", "my-app-3", "not-my-app", "my-app"] {
        let wanted = json!({"name": name, "organization_slug": "org-0", "db_pass": sealed_token(1)});
        cloud.borrow_mut().create(&wanted).expect("made");
    }
    let host = host(&cloud);
    let context = host.context("backend");
    let found = Supabase::find(&context, &sample()).expect("looked").expect("found");
    assert_eq!(found.resource_id, "aaaaaaaaaaaaaaaaaaae");
    let wanted = json!({"name": "my-app", "organization_slug": "org-0", "db_pass": sealed_token(1)});
    cloud.borrow_mut().create(&wanted).expect("made");
    assert_eq!(Supabase::find(&context, &sample()).expect_err("two").kind, FailureKind::Conflict);
}

#[test]
fn a_lost_creation_is_looked_up_and_not_repeated() {
    let troubles: [Result<Response, TransportError>; 4] = [
        Err(TransportError::Lost("no answer came in time".into())),
        Ok(answer(500, &json!({"message": "oops"}))),
        Ok(Response { status: 201, headers: Vec::new(), body: b"{\"ref\": \"aaa".to_vec() }),
        Ok(answer(201, &json!({"ref": "", "name": ""}))),
    ];
    for trouble in troubles {
        let cloud = RefCell::new(Cloud { creation_troubles: vec![trouble], ..Cloud::new() });
        let host = host(&cloud);
        let outcome = Supabase::provision(&host.context("backend"), &sample()).expect("provisioned");
        assert_eq!(outcome.state.resource_id, REF);
        assert_eq!((cloud.borrow().projects.len(), host.unsafe_requests().len()), (1, 1));
    }
}

/// As `ss` does: what was saved is handed back; without it, `find` is asked if something may have been made.
fn resume<'h>(first: &FakeHost<'_>, second: &'h FakeHost<'_>) -> Context<'h> {
    let context = second.context("backend");
    if let Some(partial) = first.partial() {
        return Context { partial: Some(partial), ..context };
    }
    let existing = if first.unsafe_requests().is_empty() {
        None
    } else {
        Supabase::find(&context, &sample()).expect("looked")
    };
    Context { existing, ..context }
}

#[test]
fn a_crash_at_any_call_leaves_one_project() {
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = RefCell::new(Cloud::new());
            let first = host(&cloud);
            first.crash_at(call, crash);
            let context = first.context("backend");
            if first.attempt(|| Supabase::provision(&context, &sample())).is_some() {
                break;
            }
            let second = host(&cloud);
            let outcome = Supabase::provision(&resume(&first, &second), &sample()).expect("provisioned");
            assert_eq!(cloud.borrow().projects.len(), 1, "call {call} {crash:?}");
            assert_eq!(cloud.borrow().projects[0]["ref"], outcome.state.resource_id);
        }
    }
}

#[test]
fn a_paused_project_is_woken_and_a_deleted_one_made_anew() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &sample());
    cloud.borrow_mut().projects[0]["status"] = "INACTIVE".into();
    let host = host(&cloud);
    let context = next(&host, &state);
    let status = Supabase::status(&context, &state).expect("a status");
    assert!(!status.healthy && status.message.contains("paused"));
    assert_eq!(fields(&Supabase::observe(&context, &sample(), &state).expect("observed")), ["status"]);
    assert_eq!(Supabase::plan(&context, &sample()).expect("a plan").action, Action::Update);
    Supabase::provision(&context, &sample()).expect("woken");
    assert_eq!(host.unsafe_requests(), [format!("POST /v1/projects/{REF}/restore")]);

    cloud.borrow_mut().projects.clear();
    assert!(!Supabase::status(&context, &state).expect("a status").healthy);
    assert_eq!(fields(&Supabase::observe(&context, &sample(), &state).expect("observed")), ["project"]);
    assert_eq!(Supabase::plan(&context, &sample()).expect("a plan").action, Action::Create);
    let outcome = Supabase::provision(&context, &sample()).expect("provisioned");
    assert_eq!(outcome.state.resource_id, "aaaaaaaaaaaaaaaaaaac");
}

#[test]
fn a_project_that_does_not_come_up_is_a_failure() {
    let cloud = RefCell::new(Cloud { ends_as: Some("INIT_FAILED"), ..Cloud::new() });
    let host = host(&cloud);
    let failure = Supabase::provision(&host.context("backend"), &sample()).expect_err("must fail");
    assert!(failure.message.contains("INIT_FAILED"), "{failure}");
    assert!(host.partial().is_some_and(|partial| partial.contains(REF)));
}

#[test]
fn destroying_waits_and_may_be_repeated() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &sample());
    cloud.borrow_mut().coming_up = 3;
    let host = host(&cloud);
    // It asks again until the project is old enough.
    cloud.borrow_mut().projects[0]["status"] = "COMING_UP".into();
    let mut tries = 0;
    let patient = FakeHost::with_cloud(|request| {
        tries += 1;
        cloud.borrow_mut().coming_up = u32::from(tries < 3);
        cloud.borrow_mut().answer(request)
    });
    Supabase::destroy(&patient.context("backend"), &state).expect("destroyed");
    assert!(cloud.borrow().projects.is_empty());
    Supabase::destroy(&host.context("backend"), &state).expect("gone already");
    for id in ["", "..", "a/b", "a?b", &"a".repeat(61)] {
        let state = host.context("backend").state("supabase", id);
        Supabase::destroy(&host.context("backend"), &state).expect_err("refused");
    }
}

#[test]
fn several_organisations_need_a_choice_and_a_used_up_plan_is_a_quota() {
    let cloud = RefCell::new(Cloud { organizations: 2, ..Cloud::new() });
    let many = host(&cloud);
    let failure = Supabase::provision(&many.context("backend"), &sample()).expect_err("must fail");
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("provision.organization".into()));
    assert_eq!(many.unsafe_requests(), [""; 0]);
    let message =
        "The following members have reached their maximum limits for the number of active free projects";
    let refusal = Ok(answer(400, &json!({ "message": message })));
    let cloud = RefCell::new(Cloud { creation_troubles: vec![refusal], ..Cloud::new() });
    let full = host(&cloud);
    let failure = Supabase::provision(&full.context("backend"), &sample()).expect_err("must fail");
    assert_eq!(failure.kind, FailureKind::Quota);
}

#[test]
fn a_wrong_key_is_an_authentication_failure() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let kind = |result: Result<(), Failure>| result.expect_err("must fail").kind;
    for api_key in [Some("wrong".into()), None] {
        let context = Context { api_key, ..host.context("backend") };
        assert_eq!(kind(Supabase::plan(&context, &sample()).map(|_| ())), FailureKind::Authentication);
        assert_eq!(kind(Supabase::provision(&context, &sample()).map(|_| ())), FailureKind::Authentication);
    }
}

/// Whatever Supabase answers, at whichever request: a typed failure or a success, never a panic, and no wait
/// without an end.
#[test]
fn hostile_answers_never_panic() {
    let rich = service(json!({
        "project_name": "my-app", "instance_size": "small", "site_url": "https://a.example", "max_rows": 5,
        "enforce_ssl": true, "allowed_cidrs": ["10.0.0.0/8"],
    }));
    for hostile in hostile_answers() {
        for at in 0..14 {
            let cloud = RefCell::new(Cloud::new());
            let mut number = 0;
            let host = FakeHost::with_cloud(|request| {
                number += 1;
                let answer = cloud.borrow_mut().answer(request);
                if number == at + 1 { Ok(hostile.clone()) } else { answer }
            });
            let context = host.context("backend");
            let _ = Supabase::provision(&context, &rich);
            let state = context.state("supabase", REF).with_metadata(&json!({"name": "x"}));
            let known = next(&host, &state);
            let _ = Supabase::plan(&known, &rich);
            let _ = Supabase::status(&context, &state);
            let _ = Supabase::observe(&context, &rich, &state);
            let _ = Supabase::find(&context, &rich);
            let _ = Supabase::destroy(&context, &state);
        }
    }
}

#[test]
fn the_schema_and_the_manifest_agree_with_the_description() {
    let description = Supabase::describe();
    let schema: Value = serde_json::from_str(&description.options_schema).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    let properties = schema["properties"].as_object().expect("properties");
    assert!(properties.values().all(|property| property["description"].is_string()));
    let manifest = include_str!("../../plugin.toml");
    assert!(manifest.contains(&format!("name = \"{}\"", description.provider)));
}
