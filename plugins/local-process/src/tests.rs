//! The provider against a host in memory.

use serde_json::{Value, json};
use ss_sdk::testing::{Crash, FakeHost, sealed_token};
use ss_sdk::{Action, Context, Failure, FailureKind, Health, Outcome, Provider, Service, State, Variable};

use crate::LocalProcess;
use crate::options::Options;

const HEALTH: &str = "http://127.0.0.1:2020/health";
const TEMPLATE: &str = "scripts/app.template";
const OUTPUT: &str = "~/app.conf";

fn service(options: Value) -> Service<Options> {
    Service {
        id: "app".into(),
        kind: "process".into(),
        name: None,
        command: Some("node app.mjs --port=2020".into()),
        options,
        options_path: "provision".into(),
        env: vec![Variable { name: "LOG_LEVEL".into(), value: "info".into() }],
    }
    .parse()
    .expect("options")
}

fn with_health_check() -> Service<Options> {
    service(json!({"health_check": HEALTH}))
}

fn with_config(mail: &str) -> Service<Options> {
    service(json!({
        "generate_config": {"template": TEMPLATE, "output": OUTPUT, "vars": {"PORT": 2020, "MAIL": mail}},
    }))
}

fn provision(context: &Context<'_>, service: &Service<Options>) -> Outcome {
    LocalProcess::provision(context, service).expect("provisioned")
}

fn failure(context: &Context<'_>, service: &Service<Options>) -> Failure {
    LocalProcess::provision(context, service).expect_err("must fail")
}

fn status(context: &Context<'_>, state: &State) -> Health {
    LocalProcess::status(context, state).expect("a status")
}

/// The context of the next run.
fn next<'h>(host: &'h FakeHost<'_>, state: State) -> Context<'h> {
    Context { existing: Some(state), ..host.context("app") }
}

#[test]
fn a_process_is_started_and_waited_for() {
    let host = FakeHost::new();
    let mut refusals = 3;
    host.set_prober(move |url, alive| {
        assert_eq!(url, HEALTH);
        refusals -= i32::from(alive);
        if alive && refusals < 0 { Ok(204) } else { Err("connection refused".into()) }
    });
    let context = host.context("app");
    let outcome = provision(&context, &with_health_check());
    assert_eq!(outcome.summary, "running (pid 9103, health ok)");
    assert_eq!(host.steps(), ["started (pid 9103)"]);
    assert_eq!(outcome.state.resource_id, "pid-9103");
    assert_eq!(outcome.state.metadata["pid"], 9103);
    assert_eq!(status(&context, &outcome.state).message, "running (pid 9103, health ok)");
    let command = &host.commands()[0];
    assert_eq!(
        (command.line.as_str(), command.directory.as_str()),
        ("node app.mjs --port=2020", "/srv/my-app")
    );
    assert_eq!(command.env[0].value, "info");
}

#[test]
fn a_second_run_leaves_the_process_alone() {
    let host = FakeHost::new();
    for service in [with_health_check(), service(json!({}))] {
        let state = provision(&host.context("app"), &service).state;
        let started = host.commands().len();
        let context = next(&host, state.clone());
        assert_eq!(LocalProcess::plan(&context, &service).expect("a plan").action, Action::Nothing);
        let outcome = provision(&context, &service);
        assert_eq!(outcome.state, state);
        assert!(outcome.summary.starts_with("running (pid "), "{}", outcome.summary);
        assert_eq!(host.commands().len(), started);
        LocalProcess::destroy(&context, &state).expect("ended");
    }
}

#[test]
fn a_dead_process_is_started_again() {
    let host = FakeHost::new();
    let service = with_health_check();
    let state = provision(&host.context("app"), &service).state;
    host.end_process(9103);
    let context = next(&host, state.clone());
    let health = status(&context, &state);
    assert_eq!((health.healthy, health.message.as_str()), (false, "not running (pid 9103)"));
    assert_eq!(LocalProcess::observe(&context, &service, &state).expect("observed").len(), 1);
    let plan = LocalProcess::plan(&context, &service).expect("a plan");
    assert_eq!((plan.action, plan.detail.as_str()), (Action::Update, "start again, pid 9103 is not running"));
    let outcome = provision(&context, &service);
    assert_eq!(outcome.state.metadata["pid"], 9104);
    assert_eq!(outcome.state.provisioned_at, state.provisioned_at);
}

#[test]
fn a_changed_definition_restarts() {
    let host = FakeHost::new();
    host.put_file(TEMPLATE, "{{PORT}} {{ MAIL }}");
    let first = with_config("a@b.c");
    let state = provision(&host.context("app"), &first).state;
    let changed: [(&str, Service<Options>); 3] = [
        ("command", Service { command: Some("node other.mjs".into()), ..with_config("a@b.c") }),
        ("env.LOG_LEVEL", Service { env: Vec::new(), ..with_config("a@b.c") }),
        ("generate_config", with_config("d@e.f")),
    ];
    for (field, service) in &changed {
        let plan = LocalProcess::plan(&next(&host, state.clone()), service).expect("a plan");
        assert_eq!(plan.action, Action::Update);
        assert_eq!(plan.changes.iter().map(|change| change.field.as_str()).collect::<Vec<_>>(), [*field]);
    }
    let outcome = provision(&next(&host, state), &changed[2].1);
    assert_eq!(outcome.summary, "restarted (pid 9104)");
    assert_eq!(host.file(OUTPUT).as_deref(), Some("2020 d@e.f"));
    assert_eq!(host.alive_processes(), [9104]);
}

#[test]
fn a_sealed_value_is_judged_by_the_digest_of_the_inputs() {
    let host = FakeHost::new();
    host.put_file(TEMPLATE, "{{PORT}} {{ MAIL }}");
    let first = Context { inputs_digest: Some("one".into()), ..host.context("app") };
    let state = provision(&first, &with_config(&sealed_token(7))).state;
    assert_eq!(host.file(OUTPUT), Some(format!("2020 {}", sealed_token(7))));
    assert!(!format!("{state:?}").contains("sealed1_"));
    let action = |mark: Option<&str>, token: u64| {
        // The idempotency key says nothing about it: it is another one for every change that is begun.
        let key = format!("{token:032x}");
        let context = next(&host, state.clone());
        let context = Context { inputs_digest: mark.map(str::to_owned), idempotency_key: key, ..context };
        LocalProcess::plan(&context, &with_config(&sealed_token(token))).expect("a plan").action
    };
    assert_eq!(action(Some("one"), 8), Action::Nothing);
    assert_eq!(action(None, 9), Action::Nothing);
    assert_eq!(action(Some("two"), 10), Action::Update);
}

#[test]
fn a_changed_health_timeout_does_not_restart() {
    let host = FakeHost::new();
    let state = provision(&host.context("app"), &with_health_check()).state;
    let context = Context { inputs_digest: Some("2".repeat(32)), ..next(&host, state) };
    let outcome = provision(&context, &service(json!({"health_check": HEALTH, "health_timeout": 5})));
    assert_eq!(outcome.summary, "running (pid 9103, health ok)");
    assert_eq!(host.commands().len(), 1);
}

#[test]
fn the_file_is_written_before_the_start() {
    let host = FakeHost::new();
    host.put_file(TEMPLATE, "port {{PORT}} {$HOME} ${MAIL}");
    host.remove_program("node");
    failure(&host.context("app"), &with_config("a@b.c"));
    assert_eq!(host.file(OUTPUT).as_deref(), Some("port 2020 {$HOME} a@b.c"));
}

#[test]
fn an_unused_variable_is_a_warning() {
    let host = FakeHost::new();
    host.put_file(TEMPLATE, "{{PORT}}");
    provision(&host.context("app"), &with_config("a@b.c"));
    let (level, message) = host.logs().remove(0);
    assert_eq!(level, "warn");
    assert!(message.contains("`MAIL`"), "{message}");
}

#[test]
fn a_missing_program_shows_the_hint() {
    let host = FakeHost::new();
    host.remove_program("node");
    let failure = failure(&host.context("app"), &service(json!({"install_hint": "apt install nodejs"})));
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("command".into()));
    assert_eq!(failure.next_step.as_deref(), Some("apt install nodejs"));
    assert!(host.partial().is_none());
}

#[test]
fn an_early_death_shows_the_last_output() {
    for service in [with_health_check(), service(json!({}))] {
        let host = FakeHost::new();
        host.spawned_processes_die("Error: address in use\n");
        let failure = failure(&host.context("app"), &service);
        assert_eq!(
            failure.message,
            "`node` (pid 9103) ended before it was healthy; its last output:\nError: address in use"
        );
    }
}

#[test]
fn a_health_check_that_never_passes_is_a_failure_with_its_reason() {
    let host = FakeHost::new();
    host.set_prober(|_, alive| if alive { Ok(503) } else { Err("connection refused".into()) });
    let failure = failure(&host.context("app"), &with_health_check());
    assert!(failure.message.contains("after 30 s the health check at"), "{}", failure.message);
    assert!(failure.message.contains("answers 503"), "{}", failure.message);
    assert_eq!(host.alive_processes(), [9103], "left for a look at it");
    // The next run finds it, and tries to repair it.
    let again = Context { partial: host.partial(), ..host.context("app") };
    let found = LocalProcess::find(&again, &with_health_check()).expect("looked").expect("found");
    assert_eq!(found.resource_id, "pid-9103");
    LocalProcess::provision(&again, &with_health_check()).expect_err("still unhealthy");
    assert_eq!(host.alive_processes(), [9104]);
}

#[test]
fn a_health_check_answered_by_a_stranger_is_a_conflict() {
    let host = FakeHost::new();
    host.set_prober(|_, _| Ok(200));
    assert_eq!(failure(&host.context("app"), &with_health_check()).kind, FailureKind::Conflict);
    assert!(host.commands().is_empty());
}

#[test]
fn a_cancelled_check_ends_nothing() {
    let host = FakeHost::new();
    let state = provision(&host.context("app"), &with_health_check()).state;
    host.set_prober(|_, _| Ok(503));
    host.cancel();
    LocalProcess::provision(&next(&host, state), &with_health_check()).expect_err("cancelled");
    assert_eq!(host.alive_processes(), [9103]);
}

#[test]
fn a_vault_reference_in_the_template_says_what_to_do() {
    let host = FakeHost::new();
    host.put_file(TEMPLATE, "email {{ vault('hosting.acme_email') }}");
    let failure = failure(&host.context("app"), &with_config("a"));
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("provision.generate_config.template".into()));
    assert!(failure.next_step.is_some_and(|step| step.contains("generate_config.vars")));
    assert!(host.file(OUTPUT).is_none());
    assert!(host.commands().is_empty());
}

#[test]
fn planning_changes_nothing() {
    let host = FakeHost::new();
    host.put_file(TEMPLATE, "{{PORT}} {{MAIL}}");
    let plan = LocalProcess::plan(&host.context("app"), &with_config("a")).expect("a plan");
    assert_eq!((plan.action, plan.detail.as_str()), (Action::Create, "process node"));
    assert!(host.commands().is_empty() && host.file(OUTPUT).is_none() && host.partial().is_none());
}

#[test]
fn destroying_ends_the_process_and_may_be_repeated() {
    let host = FakeHost::new();
    let context = host.context("app");
    let state = provision(&context, &with_health_check()).state;
    LocalProcess::destroy(&context, &state).expect("ended");
    assert!(host.alive_processes().is_empty());
    LocalProcess::destroy(&context, &state).expect("gone already");
}

#[test]
fn state_that_somebody_broke_is_an_error() {
    let host = FakeHost::new();
    let context = host.context("app");
    let state = context.state("local-process", "pid-1").with_metadata(&json!({"pid": "many"}));
    assert!(LocalProcess::status(&context, &state).is_err());
    assert!(LocalProcess::destroy(&context, &state).is_err());
}

#[test]
fn credentials_are_offered() {
    let host = FakeHost::new();
    let outcome = provision(
        &host.context("app"),
        &service(json!({"credentials": {"APP_URL": "http://127.0.0.1:2020", "APP_PORT": 2020}})),
    );
    let offered: Vec<_> = outcome.credentials.iter().map(|c| (c.name.as_str(), c.value.as_str())).collect();
    assert_eq!(offered, [("APP_PORT", "2020"), ("APP_URL", "http://127.0.0.1:2020")]);
}

/// Only the moment between the start of the process and its record may leave a process that the next run
/// does not know; then the health check finds the stranger.
#[test]
fn a_crash_at_any_call_leaves_one_process_or_a_clear_conflict() {
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let host = FakeHost::new();
            host.put_file(TEMPLATE, "{{PORT}} {{MAIL}}");
            let mut service = with_config("a@b.c");
            service.options.health_check = Some(HEALTH.into());
            host.crash_at(call, crash);
            if host.attempt(|| provision(&host.context("app"), &service)).is_some() {
                break;
            }
            let again = Context { partial: host.partial(), ..host.context("app") };
            match LocalProcess::provision(&again, &service) {
                Ok(_) => assert_eq!(host.alive_processes().len(), 1, "call {call}"),
                Err(failure) => {
                    assert_eq!(failure.kind, FailureKind::Conflict, "call {call}");
                    assert_eq!(host.alive_processes().len(), 1, "call {call}");
                }
            }
        }
    }
}

#[test]
fn the_schema_and_the_manifest_agree_with_the_description() {
    let schema: Value = serde_json::from_str(&LocalProcess::describe().options_schema).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    assert_eq!(
        schema["properties"]["generate_config"]["properties"]["vars"]["additionalProperties"]["x-sealed"],
        true
    );
    assert_eq!(schema["properties"]["health_timeout"]["default"], 30);
    assert!(include_str!("../plugin.toml").contains(&format!("name = \"{}\"", crate::NAME)));
}
