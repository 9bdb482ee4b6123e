//! The plugin against a Supabase CLI of a few lines.

use std::cell::{Cell, RefCell};

use serde_json::{Value, json};
use ss_sdk::testing::{Crash, FakeHost};
use ss_sdk::{Action, Command, Completed, Context, FailureKind, Provider, Service, SpawnError, State};

use crate::SupabaseLocal;
use crate::options::Options;

/// A machine with the CLI on it.
struct Machine {
    running: Cell<bool>,
    set_up: Cell<bool>,
    installed: Cell<bool>,
    docker: Cell<bool>,
    lines: RefCell<Vec<String>>,
}

impl Machine {
    fn new() -> Self {
        Self {
            running: Cell::new(false),
            set_up: Cell::new(true),
            installed: Cell::new(true),
            docker: Cell::new(true),
            lines: RefCell::default(),
        }
    }

    fn host(&self) -> FakeHost<'_> {
        let host = FakeHost::new();
        host.set_runner(|command| self.run(command));
        host
    }

    fn run(&self, command: &Command) -> Result<Completed, SpawnError> {
        assert_eq!(command.directory, "/srv/my-app");
        self.lines.borrow_mut().push(command.line.clone());
        if !self.installed.get() {
            return Err(SpawnError::ProgramNotFound("supabase".into()));
        }
        let said = |code, stdout: &str, stderr: &str| {
            Ok(Completed { code: Some(code), stdout: stdout.into(), stderr: stderr.into() })
        };
        if !self.docker.get() {
            let words = "failed to inspect container health: Cannot connect to the Docker daemon at unix:///var/run/docker.sock.\nTry rerunning the command with --debug to troubleshoot the error.\n";
            return said(1, "", words);
        }
        let words: Vec<&str> = command.line.split(' ').collect();
        match words[1] {
            "status" if self.running.get() => {
                let values = json!({
                    "API_URL": "http://127.0.0.1:54321", "ANON_KEY": "anon", "SERVICE_ROLE_KEY": "service",
                    "DB_URL": "postgresql://postgres:postgres@127.0.0.1:54322/postgres", "INBUCKET_URL": "http://m",
                });
                said(0, &format!("Stopped services: []\n{values}\n"), "")
            }
            "status" => said(1, "", "failed to inspect container health: No such container: supabase_db_app"),
            "start" if !self.set_up.get() => {
                said(1, "", "cannot read config: open supabase/config.toml: no such file or directory")
            }
            "start" => {
                self.running.set(true);
                said(0, "", "")
            }
            "init" => {
                self.set_up.set(true);
                said(0, "Finished supabase init.", "")
            }
            "stop" => {
                self.running.set(false);
                said(0, "", "")
            }
            other => panic!("no such command: {other}"),
        }
    }

    /// The commands so far that do more than look.
    fn done(&self) -> Vec<String> {
        let lines = self.lines.borrow();
        lines.iter().filter(|line| !line.starts_with("supabase status")).cloned().collect()
    }
}

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

fn next<'h>(host: &'h FakeHost<'_>, state: &State) -> Context<'h> {
    Context { existing: Some(state.clone()), ..host.context("backend") }
}

#[test]
fn a_stack_from_nothing_and_back() {
    let machine = Machine::new();
    let host = machine.host();
    let context = host.context("backend");
    let service = service(json!({"exclude": ["imgproxy", "vector"], "workdir": "it's here"}));
    assert_eq!(SupabaseLocal::plan(&context, &service).expect("a plan").action, Action::Create);
    assert_eq!(machine.done(), [""; 0]);
    let outcome = SupabaseLocal::provision(&context, &service).expect("provisioned");
    assert_eq!(machine.done(), ["supabase start -x imgproxy,vector --workdir 'it'\\''s here'"]);
    let names: Vec<&str> = outcome.credentials.iter().map(|credential| credential.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "SUPABASE_URL",
            "SUPABASE_ANON_KEY",
            "SUPABASE_SERVICE_ROLE_KEY",
            "DATABASE_URL",
            "SUPABASE_MAIL_URL"
        ]
    );
    assert!(!format!("{:?}", outcome.state).contains("postgres:postgres"));
    let context = next(&host, &outcome.state);
    assert_eq!(SupabaseLocal::plan(&context, &service).expect("a plan").action, Action::Nothing);
    assert_eq!(SupabaseLocal::provision(&context, &service).expect("provisioned").state, outcome.state);
    assert!(SupabaseLocal::status(&context, &outcome.state).expect("a status").healthy);
    assert_eq!(SupabaseLocal::observe(&context, &service, &outcome.state), Ok(Vec::new()));
    assert_eq!(machine.done().len(), 1);
    SupabaseLocal::destroy(&context, &outcome.state).expect("destroyed");
    assert_eq!(machine.done()[1], "supabase stop --no-backup --workdir 'it'\\''s here'");
    SupabaseLocal::destroy(&context, &outcome.state).expect("gone already");
    assert!(!SupabaseLocal::status(&context, &outcome.state).expect("a status").healthy);
}

#[test]
fn a_change_restarts_and_keeps_the_data_and_a_stopped_stack_is_drift() {
    let machine = Machine::new();
    let host = machine.host();
    let state =
        SupabaseLocal::provision(&host.context("backend"), &service(json!({}))).expect("started").state;
    let changed = service(json!({"exclude": ["studio"]}));
    let context = next(&host, &state);
    let plan = SupabaseLocal::plan(&context, &changed).expect("a plan");
    assert_eq!((plan.action, plan.changes[0].field.as_str()), (Action::Update, "exclude"));
    let state = SupabaseLocal::provision(&context, &changed).expect("restarted").state;
    assert_eq!(machine.done()[1..], ["supabase stop", "supabase start -x studio"]);
    machine.running.set(false);
    let context = next(&host, &state);
    assert_eq!(SupabaseLocal::observe(&context, &changed, &state).expect("observed")[0].field, "stack");
    assert_eq!(SupabaseLocal::plan(&context, &changed).expect("a plan").action, Action::Update);
    SupabaseLocal::provision(&context, &changed).expect("started");
    assert!(machine.running.get());
    let moved = service(json!({"workdir": "elsewhere"}));
    let failure = SupabaseLocal::plan(&context, &moved).expect_err("it stays");
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("provision.workdir".into()));
}

#[test]
fn a_folder_that_never_was_one_is_set_up() {
    let machine = Machine::new();
    machine.set_up.set(false);
    let host = machine.host();
    SupabaseLocal::provision(&host.context("backend"), &service(json!({}))).expect("started");
    assert_eq!(machine.done(), ["supabase start", "supabase init", "supabase start"]);
    assert_eq!(host.steps()[0], "supabase/config.toml created");
}

#[test]
fn what_is_missing_is_told_with_its_remedy() {
    let machine = Machine::new();
    let host = machine.host();
    let context = host.context("backend");
    machine.docker.set(false);
    for failure in [
        SupabaseLocal::plan(&context, &service(json!({}))).err(),
        SupabaseLocal::provision(&context, &service(json!({}))).err(),
    ] {
        let failure = failure.expect("must fail");
        assert!(
            failure.message.contains("needs Docker") && !failure.message.contains("--debug"),
            "{failure}"
        );
        assert!(failure.next_step.expect("a step").contains("Docker"));
    }
    machine.installed.set(false);
    let hint = |options| {
        let failure = SupabaseLocal::plan(&context, &service(options)).expect_err("must fail");
        failure.next_step.expect("a step")
    };
    assert!(hint(json!({})).contains("npm install --global supabase"));
    assert_eq!(hint(json!({"install_hint": "ask Kim"})), "ask Kim");
    assert_eq!(machine.done(), [""; 0]);
}

#[test]
fn a_crash_at_any_call_leaves_one_stack() {
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let machine = Machine::new();
            let first = machine.host();
            first.crash_at(call, crash);
            let context = first.context("backend");
            if first.attempt(|| SupabaseLocal::provision(&context, &service(json!({})))).is_some() {
                break;
            }
            let second = machine.host();
            let context = second.context("backend");
            let existing = SupabaseLocal::find(&context, &service(json!({}))).expect("looked");
            assert_eq!(existing.is_some(), machine.running.get());
            let context = Context { existing, ..context };
            SupabaseLocal::provision(&context, &service(json!({}))).expect("provisioned");
            let starts = machine.done().iter().filter(|line| line.starts_with("supabase start")).count();
            assert_eq!(starts, 1, "call {call} {crash:?}");
        }
    }
}

#[test]
fn whatever_the_cli_says_nothing_panics() {
    for (code, stdout) in [
        (Some(0), ""),
        (Some(0), "{"),
        (Some(0), "}{"),
        (Some(0), "[]"),
        (Some(0), "{}"),
        (None, "\u{0}é"),
        (Some(9), "{\"a\":1}"),
    ] {
        let host = FakeHost::new();
        host.set_runner(|_| Ok(Completed { code, stdout: stdout.into(), stderr: String::new() }));
        let context = host.context("backend");
        let _ = SupabaseLocal::plan(&context, &service(json!({})));
        let _ = SupabaseLocal::provision(&context, &service(json!({})));
        let state = context.state("supabase-local", ".");
        let _ = SupabaseLocal::status(&context, &state);
        let _ = SupabaseLocal::destroy(&context, &state);
    }
}

#[test]
fn the_schema_and_the_manifest_agree_with_the_description() {
    let description = SupabaseLocal::describe();
    let schema: Value = serde_json::from_str(&description.options_schema).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    let manifest = include_str!("../plugin.toml");
    assert!(manifest.contains(&format!("name = \"{}\"", description.provider)));
}
