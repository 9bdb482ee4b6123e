//! Allow, deny, and one test per way around the gate.

use serde_json::json;
use ss_provider::Variable;
use ss_provider::testing::MemoryEffects;
use ss_secret::Secret;

use std::time::Instant;

use super::*;

struct Place {
    folder: tempfile::TempDir,
    seals: Arc<Seals>,
    effects: Arc<MemoryEffects>,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), seals: Arc::default(), effects: Arc::default() }
    }

    fn config(&self, command: &str, env: Vec<Variable>) -> ProcessConfig {
        ProcessConfig {
            authority: Some(ProcessAuthority {
                service_command: true,
                commands: vec!["echo granted".into()],
                reads: vec!["echo look".into()],
                probe_options: vec!["health_check".into()],
            }),
            service: Arc::new(Service {
                id: "web".into(),
                kind: "process".into(),
                name: None,
                command: Some(command.into()),
                options: json!({"health_check": "http://127.0.0.1:1/health"}),
                options_path: "provision".into(),
                env,
            }),
            config_dir: self.folder.path().to_owned(),
            home: Some(self.folder.path().join("home")),
            log: self.folder.path().join("logs/web.log"),
            environment: Arc::new(std::env::vars_os().filter(|(name, _)| name == "PATH").collect::<Vec<_>>()),
            known: Vec::new(),
            phase: Phase::Mutating,
            seals: Arc::clone(&self.seals),
            effects: Arc::clone(&self.effects) as Arc<dyn Effects>,
        }
    }

    fn gate(&self, command: &str) -> ProcessGate {
        ProcessGate::new(self.config(command, Vec::new()))
    }

    fn command(&self, line: &str) -> Command {
        Command { line: line.into(), directory: self.folder.path().to_owned(), env: Vec::new() }
    }

    fn begun(&self) -> usize {
        self.effects.begun().len()
    }
}

fn is_denied<T>(result: Result<T, ProcessError>) -> bool {
    matches!(result, Err(ProcessError::Denied(_)))
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..500 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{what} did not come true");
}

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn starts_watches_and_ends_the_services_own_command() {
    let place = Place::new();
    let line = "sh -c 'echo up; exec sleep 600'";
    let gate = place.gate(line);
    let handle = gate.spawn_detached(&place.command(line)).unwrap();
    assert!(gate.alive(&handle));
    eventually("the output in the log", || gate.log_tail(5) == "up");
    let session = rustix::process::getsid(rustix::process::Pid::from_raw(handle.pid.cast_signed())).unwrap();
    assert_eq!(session.as_raw_nonzero().get().cast_unsigned(), handle.pid, "a session of its own");

    assert!(gate.terminate(&handle, MINUTE).unwrap());
    assert!(!gate.alive(&handle));
    assert!(gate.terminate(&handle, MINUTE).unwrap(), "already gone is fine");
    assert_eq!(place.begun(), 2, "one spawn, one end, journalled");
}

#[test]
fn the_log_of_a_process_begins_with_its_start() {
    let place = Place::new();
    let line = "sh -c 'echo once; exec sleep 600'";
    let first = place.gate(line);
    let handle = first.spawn_detached(&place.command(line)).unwrap();
    eventually("the output", || first.log_tail(5) == "once");
    assert!(first.terminate(&handle, MINUTE).unwrap());

    let second = place.gate(line);
    assert_eq!(second.log_tail(5), "once", "without a start the whole log");
    let handle = second.spawn_detached(&place.command(line)).unwrap();
    eventually("the output", || second.log_tail(5) == "once");
    assert!(second.terminate(&handle, MINUTE).unwrap());
    assert_eq!(place.gate(line).log_tail(5), "once\nonce");
}

#[test]
fn kills_a_group_that_ignores_term() {
    let place = Place::new();
    let line = "sh -c 'trap \"\" TERM; echo ready; sleep 600 & sleep 600'";
    let gate = place.gate(line);
    let handle = gate.spawn_detached(&place.command(line)).unwrap();
    eventually("the trap", || gate.log_tail(1) == "ready");
    assert!(gate.terminate(&handle, Duration::from_millis(100)).unwrap());
    assert!(!gate.alive(&handle));
}

#[test]
fn runs_a_granted_command_to_its_end() {
    let place = Place::new();
    let completed = place.gate("x").run(&place.command("echo granted 'a b'"), MINUTE).unwrap();
    assert_eq!(completed, Completed { code: Some(0), stdout: "granted a b\n".into(), stderr: String::new() });
}

#[test]
fn a_command_that_takes_too_long_is_killed_with_its_group() {
    let place = Place::new();
    let line = "sh -c 'sleep 600 & sleep 600'";
    let begun = Instant::now();
    assert!(place.gate(line).run(&place.command(line), Duration::from_millis(100)).is_err());
    assert!(begun.elapsed() < Duration::from_secs(10));
}

#[test]
fn other_commands_are_denied() {
    let place = Place::new();
    let gate = place.gate("sleep 600");
    for line in [
        "sleep 601",
        "sleep  600",
        "sleep 600 ",
        "sh -c 'sleep 600'",
        "sleep 600; id",
        "echo",
        "echo grantedx",
        "/bin/echo granted",
        "env echo granted",
    ] {
        assert!(is_denied(gate.spawn_detached(&place.command(line))), "{line}");
    }
    assert_eq!(place.begun(), 0);
}

#[test]
fn nothing_is_granted_by_default() {
    let place = Place::new();
    let gate = ProcessGate::new(ProcessConfig { authority: None, ..place.config("true", Vec::new()) });
    assert!(is_denied(gate.spawn_detached(&place.command("true"))));
    assert!(is_denied(gate.probe("http://127.0.0.1:1/health")));
}

#[test]
fn while_planning_no_process_is_started_or_ended() {
    let place = Place::new();
    let own = Handle::of(std::process::id()).unwrap();
    let gate = ProcessGate::new(ProcessConfig {
        phase: Phase::ReadOnly,
        known: vec![own.clone()],
        ..place.config("true", Vec::new())
    });
    assert!(gate.alive(&own), "looking is allowed");
    assert!(is_denied(gate.spawn_detached(&place.command("true"))));
    assert!(is_denied(gate.run(&place.command("echo granted"), MINUTE)));
    assert!(is_denied(gate.terminate(&own, MINUTE)));
}

#[test]
fn a_command_that_only_looks_runs_while_planning_and_leaves_no_record() {
    let place = Place::new();
    let planning =
        ProcessGate::new(ProcessConfig { phase: Phase::ReadOnly, ..place.config("true", Vec::new()) });
    for gate in [&planning, &place.gate("true")] {
        let completed = gate.run(&place.command("echo look 'a b'"), MINUTE).unwrap();
        assert_eq!(completed.stdout, "look a b\n");
    }
    assert_eq!(place.begun(), 0);
}

#[test]
fn what_only_looks_opens_no_way_around_the_gate() {
    let place = Place::new();
    let gate = ProcessGate::new(ProcessConfig { phase: Phase::ReadOnly, ..place.config("true", Vec::new()) });
    for line in ["echo", "echo lookx", "/bin/echo look", "echo granted look", "env echo look", "true"] {
        assert!(is_denied(gate.run(&place.command(line), MINUTE)), "{line}");
    }
    assert!(is_denied(gate.spawn_detached(&place.command("echo look"))), "it would outlive the plan");
    let elsewhere = Command { directory: "/tmp".into(), ..place.command("echo look") };
    assert!(is_denied(gate.run(&elsewhere, MINUTE)));
    let preloaded = Variable { name: "LD_PRELOAD".into(), value: "/tmp/x.so".into() };
    assert!(is_denied(gate.run(&Command { env: vec![preloaded], ..place.command("echo look") }, MINUTE)));
    // No shell runs the line: what follows is words.
    let completed = gate.run(&place.command("echo look; touch made > file"), MINUTE);
    assert!(is_denied(completed), "`look;` is another word");
    assert_eq!(gate.run(&place.command("echo look && id"), MINUTE).unwrap().stdout, "look && id\n");
    let left = (0..100).filter(|_| gate.run(&place.command("echo look"), MINUTE).is_ok()).count();
    assert!(left < 16, "looking counts against the flood too");
}

#[test]
fn another_working_directory_is_denied() {
    let place = Place::new();
    let mut command = place.command("true");
    command.directory = "/tmp".into();
    assert!(is_denied(place.gate("true").spawn_detached(&command)));
}

#[test]
fn only_the_variables_of_the_users_file_are_set() {
    let place = Place::new();
    let variable = |name: &str, value: &str| Variable { name: name.into(), value: value.into() };
    let gate = ProcessGate::new(place.config("env", vec![variable("PORT", "80")]));
    let with = |line: &str, name: &str, value: &str| {
        let mut command = place.command(line);
        command.env = vec![variable(name, value)];
        gate.run(&command, MINUTE)
    };
    assert!(with("env", "PORT", "80").unwrap().stdout.contains("PORT=80"));
    assert!(is_denied(with("env", "PORT", "81")));
    assert!(is_denied(with("env", "LD_PRELOAD", "/tmp/x.so")));
    assert!(with("echo granted", "FLAG", "1").is_ok());
    for name in ["PATH", "LD_PRELOAD", "DYLD_INSERT_LIBRARIES", "NODE_OPTIONS", "PYTHONPATH", "BASH_ENV"] {
        assert!(is_denied(with("echo granted", name, "x")), "{name}");
    }
}

#[test]
fn secrets_reach_the_process_and_provider_keys_do_not() {
    let place = Place::new();
    let run = |source: Source| {
        let token = place.seals.seal(Secret::new("pa55word"), source);
        let env = vec![Variable { name: "DB".into(), value: format!("pg://{token}@h") }];
        let gate = ProcessGate::new(place.config("env", env.clone()));
        gate.run(&Command { env, ..place.command("env") }, MINUTE)
    };
    assert!(run(Source::Injected("db.URL".into())).unwrap().stdout.contains("DB=pg://pa55word@h\n"));
    assert!(run(Source::VaultKey("providers:fly/api_key".into())).is_err());
}

#[test]
fn the_home_folder_is_expanded_in_words() {
    let place = Place::new();
    let line = "printf '%s\\n' ~/a --config=~/b 'c~/d' ~root";
    let home = place.folder.path().join("home").display().to_string();
    let completed = place.gate(line).run(&place.command(line), MINUTE).unwrap();
    assert_eq!(completed.stdout, format!("{home}/a\n--config={home}/b\nc~/d\n~root\n"));
}

#[test]
fn a_flood_of_processes_is_stopped() {
    let place = Place::new();
    let gate = place.gate("true");
    let started = (0..100).filter(|_| gate.run(&place.command("true"), MINUTE).is_ok()).count();
    assert_eq!(started, 16);
}

#[test]
fn processes_of_others_are_not_touched() {
    let place = Place::new();
    let gate = place.gate("true");
    let foreign = Handle::of(std::process::id()).unwrap();
    assert!(is_denied(gate.terminate(&foreign, MINUTE)));
    assert!(!gate.alive(&foreign));

    // A number that another process has now: the state knows the old start mark.
    let reused = Handle { pid: std::process::id(), started: "boot:1".into() };
    let gate =
        ProcessGate::new(ProcessConfig { known: vec![reused.clone()], ..place.config("true", Vec::new()) });
    assert!(gate.terminate(&reused, MINUTE).unwrap(), "left alone, and we are still here");
}

#[test]
fn a_missing_program_is_told_apart() {
    let place = Place::new();
    for line in ["no-such-program --x", "./no-such-file", "/"] {
        let result = place.gate(line).spawn_detached(&place.command(line));
        assert!(matches!(result, Err(ProcessError::ProgramNotFound { .. })), "{line}");
    }
    assert_eq!(place.begun(), 0);
}

#[test]
fn malformed_commands_are_told_apart() {
    let place = Place::new();
    for line in ["", "   ", "echo 'open", "a\0b"] {
        let result = place.gate(line).spawn_detached(&place.command(line));
        assert!(matches!(result, Err(ProcessError::Malformed { .. })), "{line:?}");
    }
}

#[test]
fn only_the_named_address_can_be_probed() {
    let place = Place::new();
    let gate = place.gate("true");
    assert!(matches!(gate.probe("http://127.0.0.1:1/health"), Err(ProcessError::Failed { .. })));
    for url in [
        "http://127.0.0.1:1/",
        "http://127.0.0.1:1/health?x",
        "http://127.0.0.1:2/health",
        "http://169.254.169.254/",
    ] {
        assert!(is_denied(gate.probe(url)), "{url}");
    }
}

#[test]
fn without_a_journal_nothing_is_started() {
    let place = Place::new();
    place.effects.fill();
    let line = "touch started";
    assert!(place.gate(line).run(&place.command(line), MINUTE).is_err());
    assert!(!place.folder.path().join("started").exists());
}
