//! The plugin against a Railway of a few lines.

mod cloud;

use std::cell::RefCell;

use cloud::{Cloud, operation, refused};
use serde_json::{Value, json};
use ss_sdk::http::TransportError;
use ss_sdk::testing::{Crash, FakeHost, hostile_answers, json as answer, sealed_token};
use ss_sdk::{Action, Change, Context, FailureKind, Outcome, Provider, Service, State, Variable};

use crate::Railway;
use crate::options::Options;

fn service(options: Value) -> Service<Options> {
    Service {
        id: "api".into(),
        kind: "external".into(),
        name: None,
        command: None,
        options: serde_json::from_value(options).expect("valid options"),
        options_path: "provision".into(),
        env: Vec::new(),
    }
}

fn sample() -> Service<Options> {
    service(json!({"image": "ghcr.io/me/api:1", "port": 8080, "env": {"LOG": "info"}}))
}

fn database() -> Service<Options> {
    service(json!({"database": "postgres"}))
}

fn host<'c>(cloud: &'c RefCell<Cloud>) -> FakeHost<'c> {
    FakeHost::with_cloud(|request| cloud.borrow_mut().answer(request))
}

fn next<'h>(host: &'h FakeHost<'_>, state: &State) -> Context<'h> {
    Context { existing: Some(state.clone()), ..host.context("api") }
}

fn provisioned(cloud: &RefCell<Cloud>, service: &Service<Options>) -> State {
    let host = host(cloud);
    Railway::provision(&host.context("api"), service).expect("provisioned").state
}

/// The mutations that were sent, by name.
fn mutations(host: &FakeHost<'_>) -> Vec<String> {
    let sent = host.requests().into_iter();
    let mutating =
        sent.filter(|request| request.json()["query"].as_str().is_some_and(|q| q.starts_with("mutation")));
    mutating.map(|request| operation(&request)).collect()
}

fn credential<'o>(outcome: &'o Outcome, name: &str) -> &'o str {
    let found = outcome.credentials.iter().find(|credential| credential.name == name);
    &found.unwrap_or_else(|| panic!("no {name}")).value
}

fn fields(changes: &[Change]) -> Vec<&str> {
    changes.iter().map(|change| change.field.as_str()).collect()
}

#[test]
fn a_service_from_nothing() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let context = host.context("api");
    let plan = Railway::plan(&context, &sample()).expect("a plan");
    assert_eq!((plan.action, plan.detail.as_str()), (Action::Create, "Railway project + service"));
    assert_eq!(mutations(&host), [""; 0]);
    let outcome = Railway::provision(&context, &sample()).expect("provisioned");
    assert_eq!(
        mutations(&host),
        ["CreateProject", "CreateService", "SetVariables", "UpdateInstance", "CreateDomain", "Deploy"]
    );
    let url = credential(&outcome, "APP_URL");
    assert!(url.starts_with("https://d-") && url.ends_with(".up.railway.app"), "{url}");
    assert_eq!(credential(&outcome, "RAILWAY_PRIVATE_DOMAIN"), "api.railway.internal");
    assert_eq!(cloud.borrow().projects[0]["name"], "my-app-prod-api");
    assert_eq!(cloud.borrow().projects[0]["workspaceId"], "ws-0");
    let instance = cloud.borrow().services[0]["x-instance"].clone();
    assert_eq!(instance["source"]["image"], "ghcr.io/me/api:1");
    assert_eq!(cloud.borrow().services[0]["x-variables"]["LOG"], "info");
    // Again: only questions.
    let sent = mutations(&host).len();
    let context = next(&host, &outcome.state);
    assert_eq!(Railway::plan(&context, &sample()).expect("a plan").action, Action::Nothing);
    assert_eq!(Railway::provision(&context, &sample()).expect("provisioned").state, outcome.state);
    assert_eq!(Railway::observe(&context, &sample(), &outcome.state), Ok(Vec::new()));
    assert!(Railway::status(&context, &outcome.state).expect("a status").healthy);
    assert_eq!(mutations(&host).len(), sent);
}

#[test]
fn a_database_from_nothing() {
    for (kind, scheme) in
        [("postgres", "postgresql"), ("mysql", "mysql"), ("redis", "redis"), ("mongo", "mongodb")]
    {
        let cloud = RefCell::new(Cloud::new());
        let host = host(&cloud);
        let service = service(json!({ "database": kind }));
        let outcome = Railway::provision(&host.context("api"), &service).expect("provisioned");
        let password = credential(&outcome, "DATABASE_PASSWORD");
        assert!(password.starts_with("sealed1_"));
        let url = credential(&outcome, "DATABASE_URL");
        assert!(
            url.starts_with(&format!("{scheme}://")) && url.contains("@shuttle.proxy.rlwy.net:15140"),
            "{url}"
        );
        assert!(credential(&outcome, "DATABASE_PRIVATE_URL").contains("@api.railway.internal:"));
        assert!(cloud.borrow().services[0]["x-variables"].to_string().contains(password));
        assert_eq!(cloud.borrow().volumes.len(), 1);
        assert!(!mutations(&host).contains(&"CreateDomain".to_owned()));
        assert!(!format!("{:?}", outcome.state).contains("sealed1_"));
        let sent = mutations(&host).len();
        let context = next(&host, &outcome.state);
        assert_eq!(Railway::plan(&context, &service).expect("a plan").changes, []);
        Railway::provision(&context, &service).expect("provisioned");
        assert_eq!(mutations(&host).len(), sent);
    }
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let private = service(json!({"database": "postgres", "public": false}));
    let outcome = Railway::provision(&host.context("api"), &private).expect("provisioned");
    assert_eq!(credential(&outcome, "DATABASE_URL"), credential(&outcome, "DATABASE_PRIVATE_URL"));
}

#[test]
fn each_field_is_one_write_and_one_deployment() {
    let every = [
        ("image", json!("ghcr.io/me/api:2"), "UpdateInstance", true),
        ("start_command", json!("serve"), "UpdateInstance", true),
        ("health_check_path", json!("/health"), "UpdateInstance", true),
        ("health_check_timeout", json!(10), "UpdateInstance", true),
        ("replicas", json!(3), "UpdateInstance", true),
        ("restart_policy", json!("always"), "UpdateInstance", true),
        ("sleep", json!(true), "UpdateInstance", true),
        ("volume", json!("/data"), "CreateVolume", true),
        ("port", json!(9090), "UpdateDomain", false),
        ("domain", json!(false), "DeleteDomain", false),
        ("service_name", json!("web"), "RenameService", false),
        ("project_name", json!("shop"), "RenameProject", false),
        ("custom_domains", json!(["a.example"]), "CreateCustomDomain", false),
    ];
    for (option, value, mutation, deploys) in every {
        let cloud = RefCell::new(Cloud::new());
        let state = provisioned(&cloud, &sample());
        let host = host(&cloud);
        let mut options = json!({"image": "ghcr.io/me/api:1", "port": 8080, "env": {"LOG": "info"}});
        options[option] = value;
        let changed = service(options);
        let context = next(&host, &state);
        let plan = Railway::plan(&context, &changed).expect("a plan");
        assert_eq!((plan.action, fields(&plan.changes)), (Action::Update, vec![option]));
        let outcome = Railway::provision(&context, &changed).expect("provisioned");
        let expected: Vec<&str> = std::iter::once(mutation).chain(deploys.then_some("Deploy")).collect();
        assert_eq!(mutations(&host), expected, "{option}");
        let context = next(&host, &outcome.state);
        assert_eq!(Railway::plan(&context, &changed).expect("a plan").changes, [], "{option}");
    }
}

#[test]
fn variables_are_set_compared_rotated_and_removed() {
    let with = |names: &[&str], log: &str| {
        let variable =
            |(name, n): (&&str, u64)| Variable { name: (*name).into(), value: sealed_token(70 + n) };
        let options = json!({"image": "i", "env": {"LOG": log}});
        Service { env: names.iter().zip(0..).map(variable).collect(), ..service(options) }
    };
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &with(&["A", "B"], "info"));
    let host = host(&cloud);
    let context = next(&host, &state);
    assert_eq!(Railway::plan(&context, &with(&["A", "B"], "info")).expect("a plan").changes, []);
    let plan = Railway::plan(&context, &with(&["A", "B"], "debug")).expect("a plan");
    assert_eq!(fields(&plan.changes), ["env.LOG"]);
    // A secret was rotated, another variable is no longer wanted.
    let digest = Some("00000000000000000000000000000002".into());
    let rotated = Context { inputs_digest: digest, ..next(&host, &state) };
    let plan = Railway::plan(&rotated, &with(&["A"], "info")).expect("a plan");
    assert_eq!(fields(&plan.changes), ["env.B", "env.A"]);
    assert!(plan.changes.iter().all(|change| change.sensitive && change.after.is_none()));
    let state = Railway::provision(&rotated, &with(&["A"], "info")).expect("provisioned").state;
    assert_eq!(mutations(&host), ["SetVariables", "DeleteVariable", "Deploy"]);
    assert_eq!(state.metadata["variables"], json!(["A", "LOG"]));
    assert!(!format!("{state:?}").contains("sealed1_"));
    assert!(cloud.borrow().services[0]["x-variables"].get("B").is_none());
}

#[test]
fn a_custom_domain_says_what_to_add_and_is_pending_until_it_is_there() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let service = service(json!({"image": "i", "custom_domains": ["a.example"]}));
    let outcome = Railway::provision(&host.context("api"), &service).expect("provisioned");
    let step = host.steps().pop().expect("a step");
    assert_eq!(
        step,
        "custom domain a.example: pending validation, add CNAME a.example → x1.up.railway.app, \
         TXT _railway-verify → railway-verify=x"
    );
    let status = Railway::status(&next(&host, &outcome.state), &outcome.state).expect("a status");
    assert!(!status.healthy && status.message.contains("pending validation"));
    {
        let mut cloud = cloud.borrow_mut();
        let status = &mut cloud.services[0]["x-domains"]["customDomains"][0]["status"];
        status["verified"] = true.into();
        status["certificateStatus"] = "CERTIFICATE_STATUS_TYPE_VALID".into();
    }
    assert!(Railway::status(&next(&host, &outcome.state), &outcome.state).expect("a status").healthy);
    let again = Railway::provision(&next(&host, &outcome.state), &service).expect("provisioned");
    assert_eq!(credential(&again, "APP_URL"), "https://a.example");
}

#[test]
fn projects_of_others_and_services_of_others_are_left_alone() {
    let cloud = RefCell::new(Cloud::new());
    let environments = json!({"edges": [{"node": {"id": "env-9", "name": "production"}}]});
    let theirs = json!({"id": "p-9", "name": "my-app-prod-api", "environments": environments});
    cloud.borrow_mut().projects.push(theirs);
    let host = host(&cloud);
    assert_eq!(Railway::find(&host.context("api"), &sample()), Ok(None));
    let state = provisioned(&cloud, &sample());
    assert_ne!(state.metadata["project_id"], "p-9");
    // In a project that the file names: a service of the name that is somebody else's.
    let joining = service(json!({"image": "i", "project_id": "p-9"}));
    cloud.borrow_mut().services.push(json!({
        "id": "s-9", "name": "api", "project": "p-9", "x-variables": {}, "x-instance": {}, "x-domains": {}, "x-tcp": [],
    }));
    let failure = Railway::provision(&host.context("api"), &joining).expect_err("not ours");
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert_eq!(mutations(&host), [""; 0]);
    cloud.borrow_mut().services[1]["name"] = "other".into();
    let joined = Railway::provision(&host.context("api"), &joining).expect("provisioned").state;
    assert_eq!(joined.metadata["project_id"], "p-9");
    Railway::destroy(&next(&host, &joined), &joined).expect("destroyed");
    let cloud = cloud.borrow();
    assert!(cloud.projects.iter().any(|project| project["id"] == "p-9"), "the project stays");
    assert!(cloud.services.iter().any(|service| service["id"] == "s-9"), "so does their service");
    assert_eq!(cloud.services.len(), 2);
}

#[test]
fn destroying_takes_the_project_unless_others_use_it() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &database());
    let host = host(&cloud);
    cloud
        .borrow_mut()
        .services
        .push(json!({"id": "s-9", "name": "x", "project": state.metadata["project_id"]}));
    Railway::destroy(&next(&host, &state), &state).expect("destroyed");
    assert_eq!((cloud.borrow().projects.len(), cloud.borrow().services.len()), (1, 1));
    assert!(cloud.borrow().volumes.is_empty());
    cloud.borrow_mut().services.clear();
    Railway::destroy(&next(&host, &state), &state).expect("destroyed");
    assert!(cloud.borrow().projects.is_empty());
    Railway::destroy(&next(&host, &state), &state).expect("gone already");
}

#[test]
fn what_is_gone_is_drift_and_made_anew() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &sample());
    cloud.borrow_mut().services[0]["x-instance"]["latestDeployment"]["status"] = "CRASHED".into();
    cloud.borrow_mut().services[0]["x-instance"]["numReplicas"] = 7.into();
    let host = host(&cloud);
    let context = next(&host, &state);
    let drift = Railway::observe(&context, &sample(), &state).expect("observed");
    assert_eq!(fields(&drift), ["deployment"], "what the file does not name may be anything");
    assert!(!Railway::status(&context, &state).expect("a status").healthy);
    Railway::provision(&context, &sample()).expect("deployed again");
    assert_eq!(mutations(&host), ["Deploy"]);
    cloud.borrow_mut().projects.clear();
    cloud.borrow_mut().services.clear();
    assert_eq!(fields(&Railway::observe(&context, &sample(), &state).expect("observed")), ["service"]);
    assert!(!Railway::status(&context, &state).expect("a status").healthy);
    assert_eq!(Railway::plan(&context, &sample()).expect("a plan").action, Action::Create);
    let anew = Railway::provision(&context, &sample()).expect("provisioned").state;
    assert_ne!(anew.resource_id, state.resource_id);
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    let rich = service(json!({"database": "postgres", "domain": true, "custom_domains": ["a.example"]}));
    for name in [
        "CreateProject",
        "CreateService",
        "CreateVolume",
        "CreateDomain",
        "CreateCustomDomain",
        "CreateTcpProxy",
        "Deploy",
    ] {
        let troubles = [
            Err(TransportError::Lost("no answer came in time".into())),
            Ok(answer(502, &json!({}))),
            Ok(refused("Problem processing request")),
            Ok(answer(200, &json!({"data": {}}))),
        ];
        for trouble in troubles {
            let cloud = RefCell::new(Cloud { troubles: vec![(name, trouble)], ..Cloud::new() });
            let host = host(&cloud);
            Railway::provision(&host.context("api"), &rich).expect("provisioned");
            let cloud = cloud.borrow();
            assert_eq!(
                (cloud.projects.len(), cloud.services.len(), cloud.volumes.len()),
                (1, 1, 1),
                "{name}"
            );
            assert_eq!(cloud.deployed, 1, "{name}");
            let domains = &cloud.services[0]["x-domains"];
            assert_eq!(domains["serviceDomains"].as_array().map(Vec::len), Some(1), "{name}");
            assert_eq!(domains["customDomains"].as_array().map(Vec::len), Some(1), "{name}");
        }
    }
}

/// As `ss` does: what was saved is handed back; without it, `find` is asked if something may have been made.
fn resume<'h>(first: &FakeHost<'_>, second: &'h FakeHost<'_>, service: &Service<Options>) -> Context<'h> {
    let context = second.context("api");
    if let Some(partial) = first.partial() {
        return Context { partial: Some(partial), ..context };
    }
    let sent = !mutations(first).is_empty();
    let existing = if sent { Railway::find(&context, service).expect("looked") } else { None };
    Context { existing, ..context }
}

#[test]
fn a_crash_at_any_call_leaves_one_of_each() {
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = RefCell::new(Cloud::new());
            let first = host(&cloud);
            first.crash_at(call, crash);
            let context = first.context("api");
            if first.attempt(|| Railway::provision(&context, &database())).is_some() {
                break;
            }
            let second = host(&cloud);
            let context = resume(&first, &second, &database());
            Railway::provision(&context, &database()).expect("provisioned");
            let cloud = cloud.borrow();
            let count = (cloud.projects.len(), cloud.services.len(), cloud.volumes.len());
            assert_eq!(count, (1, 1, 1), "call {call} {crash:?}");
            assert_eq!(cloud.services[0]["x-tcp"].as_array().map(Vec::len), Some(1));
            assert_eq!(cloud.services[0]["x-instance"]["latestDeployment"]["status"], "SUCCESS");
            assert_eq!(cloud.services[0]["x-instance"]["source"]["image"], "postgres:17");
        }
    }
}

/// Cut short between a change and its deployment, the next run must deploy although nothing differs.
#[test]
fn a_crash_in_an_update_still_deploys_it() {
    let changed = service(json!({"image": "ghcr.io/me/api:2", "port": 8080, "env": {"LOG": "debug"}}));
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = RefCell::new(Cloud::new());
            let state = provisioned(&cloud, &sample());
            let first = host(&cloud);
            first.crash_at(call, crash);
            let context = next(&first, &state);
            if first.attempt(|| Railway::provision(&context, &changed)).is_some() {
                break;
            }
            let second = host(&cloud);
            let context = Context { partial: first.partial(), ..next(&second, &state) };
            Railway::provision(&context, &changed).expect("provisioned");
            let cloud = cloud.borrow();
            assert_eq!(cloud.services[0]["x-instance"]["source"]["image"], "ghcr.io/me/api:2");
            assert!(cloud.deployed >= 2, "call {call} {crash:?}");
        }
    }
}

#[test]
fn a_deployment_that_fails_is_a_failure() {
    for ends_as in ["FAILED", "CRASHED", "NEEDS_APPROVAL"] {
        let cloud = RefCell::new(Cloud { ends_as: Some(ends_as), ..Cloud::new() });
        let host = host(&cloud);
        let failure = Railway::provision(&host.context("api"), &sample()).expect_err("must fail");
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.next_step.is_some());
    }
}

#[test]
fn refusals_in_words_have_kinds() {
    for (message, kind) in [
        ("Not Authorized", FailureKind::Authentication),
        ("You have reached the limit of your plan", FailureKind::Quota),
        ("Rate limit exceeded", FailureKind::RateLimited(None)),
        ("Service name already in use", FailureKind::Conflict),
        ("Image reference is malformed", FailureKind::InvalidConfiguration("provision".into())),
    ] {
        let cloud = RefCell::new(Cloud::new());
        let host = FakeHost::with_cloud(|request| {
            if operation(request) == "CreateService" {
                Ok(refused(message))
            } else {
                cloud.borrow_mut().answer(request)
            }
        });
        let failure = Railway::provision(&host.context("api"), &sample()).expect_err("must fail");
        assert_eq!(failure.kind, kind, "{message}");
    }
}

#[test]
fn a_wrong_key_or_several_workspaces_are_said() {
    let cloud = RefCell::new(Cloud { workspaces: 2, ..Cloud::new() });
    let host = host(&cloud);
    let failure = Railway::provision(&host.context("api"), &sample()).expect_err("must fail");
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("provision.workspace".into()));
    for api_key in [Some("wrong".into()), None] {
        let context = Context { api_key, ..host.context("api") };
        let failure = Railway::plan(&context, &sample()).expect_err("must fail");
        assert_eq!(failure.kind, FailureKind::Authentication);
    }
    assert_eq!(mutations(&host), [""; 0]);
}

#[test]
fn a_project_that_is_yet_to_come_is_planned_without_a_question() {
    let host = FakeHost::new();
    let pending = service(json!({"image": "a", "project_id": sealed_token(9)}));
    assert_eq!(Railway::plan(&host.context("api"), &pending).expect("a plan").action, Action::Create);
    assert!(host.requests().is_empty());
}

#[test]
fn options_that_contradict_each_other_are_refused() {
    let host = FakeHost::new();
    for (options, at) in [
        (json!({}), "image"),
        (json!({"image": "a", "database": "redis"}), "image"),
        (json!({"image": "a", "branch": "main"}), "branch"),
        (json!({"image": "a", "project_id": "p", "project_name": "n"}), "project_name"),
    ] {
        let failure = Railway::plan(&host.context("api"), &service(options)).expect_err("wrong");
        assert_eq!(failure.kind, FailureKind::InvalidConfiguration(format!("provision.{at}")));
    }
}

/// Whatever Railway answers, at whichever request: a typed failure or a success, never a panic, and no wait
/// without an end.
#[test]
fn hostile_answers_never_panic() {
    for hostile in hostile_answers() {
        for at in (0..18).step_by(3) {
            let cloud = RefCell::new(Cloud::new());
            let mut number = 0;
            let host = FakeHost::with_cloud(|request| {
                number += 1;
                let answer = cloud.borrow_mut().answer(request);
                if number == at + 1 { Ok(hostile.clone()) } else { answer }
            });
            let context = host.context("api");
            let _ = Railway::provision(&context, &database());
            let state = context
                .state("railway", "s-2")
                .with_metadata(&json!({"project_id": "p-1", "environment_id": "env-1", "service_id": "s-2"}));
            let known = next(&host, &state);
            let _ = Railway::plan(&known, &database());
            let _ = Railway::status(&context, &state);
            let _ = Railway::observe(&context, &database(), &state);
            let _ = Railway::find(&context, &database());
            let _ = Railway::destroy(&context, &state);
        }
    }
}

#[test]
fn the_schema_and_the_manifest_agree_with_the_description() {
    let description = Railway::describe();
    let schema: Value = serde_json::from_str(&description.options_schema).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    let properties = schema["properties"].as_object().expect("properties");
    assert!(properties.values().all(|property| property["description"].is_string()));
    let manifest = include_str!("../../plugin.toml");
    assert!(manifest.contains(&format!("name = \"{}\"", description.provider)));
}

#[test]
fn a_key_that_is_refused_takes_nothing_for_gone() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &sample());
    for refusal in [answer(401, &json!({"message": "Unauthorized"})), refused("Not Authorized")] {
        let host = FakeHost::with_cloud(|_| Ok(refusal.clone()));
        let failure = Railway::destroy(&next(&host, &state), &state).expect_err("must fail");
        assert_eq!(failure.kind, FailureKind::Authentication);
        // Nor if the key may list projects, and this one is among them.
        let host = FakeHost::with_cloud(|request| match operation(request).as_str() {
            "Project" => Ok(refusal.clone()),
            _ => cloud.borrow_mut().answer(request),
        });
        let failure = Railway::destroy(&next(&host, &state), &state).expect_err("must fail");
        assert_eq!(failure.kind, FailureKind::Authentication);
        assert_eq!(mutations(&host), [""; 0]);
    }
    assert_eq!(cloud.borrow().projects.len(), 1);
}
