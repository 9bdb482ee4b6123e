//! `ss doctor`: what it finds, and that what it offers as a repair is one.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use insta::assert_snapshot;
use serde_json::Value;

use crate::environment::processes_below;
use crate::local::{is_alive, kill, pids};
use crate::rehearsal::{NEON_KEY, Rehearsal, immediate};
use crate::{Output, TestEnvironment};

const ONE: &str = "name: one\nservices:\n  web:\n    type: process\n    command: sleep 600\n";

fn system(yaml: &str) -> TestEnvironment {
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", yaml);
    environment
}

/// The report; paths in it are as they are.
fn report(environment: &TestEnvironment, arguments: &[&str]) -> (i32, Value) {
    let arguments = [&["workspace", "doctor", "--json"], arguments].concat();
    let output = environment.command(&arguments).output().expect("ss runs");
    let text = String::from_utf8_lossy(&output.stdout);
    let report = serde_json::from_str(&text)
        .unwrap_or_else(|error| panic!("{error}: {text}{}", String::from_utf8_lossy(&output.stderr)));
    (output.status.code().unwrap_or(-1), report)
}

fn ids(report: &Value) -> Vec<String> {
    let findings = report["findings"].as_array().expect("findings").iter();
    findings.map(|finding| finding["id"].as_str().expect("an id").to_owned()).collect()
}

/// The finding whose id begins like this.
fn finding<'a>(report: &'a Value, id: &str) -> &'a Value {
    let mut findings = report["findings"].as_array().expect("findings").iter();
    findings
        .find(|finding| finding["id"].as_str().is_some_and(|known| known.starts_with(id)))
        .unwrap_or_else(|| panic!("no `{id}` in {report:#}"))
}

/// Every file below the folder with its content and mode, but for what every run writes anew.
fn content(folder: &Path) -> Vec<(PathBuf, u32, Vec<u8>)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() {
            if !["cache", "runs", ".git"].iter().any(|left_out| name == *left_out) {
                found.extend(content(&path));
            }
        } else if name != "lock" {
            // A lock file says who held it last.
            let mode = entry.metadata().expect("a file").permissions().mode();
            found.push((path.clone(), mode, std::fs::read(&path).expect("a file")));
        }
    }
    found.sort();
    found
}

#[test]
fn a_healthy_workspace_is_said_to_be_and_looking_changes_nothing() {
    let environment = system(ONE);
    environment.succeed(&["vault", "set", "A", "b"]);
    environment.succeed(&["provision"]);
    let before = content(environment.root());
    let healthy = environment.succeed(&["doctor"]);
    assert_snapshot!(healthy.stdout, @"
    one — environment `local`

    ✓ nothing to object to (looked at: config, home, vault, clock, secrets, gitignore, lock, plugins, services, state, tools)
    ");
    let (code, report) = report(&environment, &[]);
    assert_eq!((code, ids(&report)), (0, vec![]));
    assert_eq!((&report["workspace"], &report["env"]), (&"one".into(), &"local".into()));
    assert_eq!(content(environment.root()), before);
}

#[test]
fn the_walkthrough_without_keys_is_told_what_is_missing_and_nobody_is_asked() {
    let mut rehearsal = Rehearsal::without_keys(immediate());
    // Without `fly`, which some machines have.
    rehearsal.environment.set("PATH", "/usr/bin:/bin");
    let found = rehearsal.environment.run(&["doctor", "--env=prod"]);
    assert_eq!(found.code, 1, "{}", found.raw);
    assert_snapshot!(found.stdout, @"
    my-app — environment `prod`

    ✗ `api` needs a key of `fly`, and there is none in the environment variable `FLY_API_TOKEN` or the vault
        starsystem.yaml:26  vault.missing-key:fly.api_key
        → `ss vault set-key fly api_key` asks for it and stores it; get one: fly tokens create org

    ✗ `app-db` needs a key of `neon`, and there is none in the environment variable `NEON_API_KEY` or the vault
        starsystem.yaml:20  vault.missing-key:neon.api_key
        → `ss vault set-key neon api_key` asks for it and stores it; get one: https://console.neon.tech/app/settings/api-keys

    · there is no `starsystem.lock`: which plugins are used, and what they may do, is not pinned
        starsystem.lock  lock.missing:starsystem.lock
        → `ss deploy --env=prod` writes it; commit it with the system's files

    · `api` needs the program `fly`, which is not on PATH: `ss logs`, `ss exec` and `ss ssh` do not work for it; deploying does
        starsystem.yaml:26  tool.missing:fly
        → install flyctl: https://fly.io/docs/flyctl/install/

    2 errors, 2 notes (looked at: config, home, vault, clock, secrets, gitignore, lock, plugins, services, state, tools)
    ");
    let (_, report) = report(&rehearsal.environment, &["--env=prod"]);
    let key = finding(&report, "vault.missing-key:neon.api_key");
    assert_eq!(key["location"]["path"], "starsystem.yaml");
    assert!(key["suggestedFix"].as_str().unwrap().contains("`ss vault set-key neon api_key`"), "{key}");
    rehearsal.environment.succeed(&["vault", "set-key", "neon", "api_key", NEON_KEY]);
    rehearsal.environment.succeed(&["vault", "set-key", "fly", "api_key", "fo1_x"]);
    assert_eq!(rehearsal.environment.run(&["doctor", "--env=prod"]).code, 0);
    assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());
}

/// A workspace in which everything that `ss` can repair is broken.
fn broken() -> TestEnvironment {
    let mut environment = system(
        "name: broken\nservices:\n  web:\n    type: process\n    command: sleep 600\n    env:\n      KEY: \"{{ vault('WORKOS_API_KEY') }}\"\n",
    );
    let git = Command::new("git").args(["init", "--quiet"]).current_dir(environment.project()).status();
    assert!(git.expect("git").success());
    // The private folder lies in the working tree.
    let home = environment.project().join(".starsystem");
    std::fs::rename(environment.ss_home(), &home).expect("a home");
    environment.set("STARSYSTEM_HOME", &home.display().to_string());
    environment.succeed(&["vault", "set", "WORKOS_API_KEY", "before"]);
    environment.succeed(&["provision"]);
    crate::pins::approve(&environment, &[]);
    environment.succeed(&["vault", "rm", "WORKOS_API_KEY"]);
    environment.succeed(&["vault", "set", "workos.api_key", "wk-the-provider-key"]);
    for pid in pids(&environment).into_values() {
        kill(pid);
    }
    for (path, mode) in [(home.join("vault/identity.txt"), 0o644), (home, 0o755)] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode");
    }
    let path = Path::new(env!("CARGO_BIN_EXE_ss")).parent().expect("a folder").display().to_string();
    let path = format!("{path}:{}", std::env::var("PATH").unwrap_or_default());
    environment.set("PATH", &path);
    environment
}

/// Runs a line in a shell, as an agent would.
fn shell(environment: &TestEnvironment, line: &str) -> Output {
    let ss = environment.command(&[]);
    let mut shell = Command::new("sh");
    shell.args(["-c", line]).current_dir(environment.project()).env_clear();
    shell.envs(ss.get_envs().filter_map(|(name, value)| Some((name, value?))));
    environment.finish(&shell.output().expect("a shell"))
}

#[test]
fn every_repair_runs_as_it_is_and_changes_nothing_the_second_time() {
    let environment = broken();
    let mut repaired = Vec::new();
    // What stands behind a repair shows itself only after it: a vault that does not open hides the rest.
    for _ in 0..4 {
        let (_, found) = report(&environment, &[]);
        for finding in found["findings"].as_array().unwrap() {
            let Some(command) = finding["autoFixCommand"].as_str() else { continue };
            let first = shell(&environment, command);
            assert_eq!(first.code, 0, "{command}: {}", first.raw);
            let after = content(environment.root());
            let running = processes_below(environment.root());
            let second = shell(&environment, command);
            assert_eq!(second.code, 0, "{command}, again: {}", second.raw);
            assert!(content(environment.root()) == after, "`{command}` changed something the second time");
            assert_eq!(processes_below(environment.root()), running);
            repaired.push(finding["id"].as_str().unwrap().split(':').next().unwrap().to_owned());
        }
    }
    repaired.sort();
    let expected = [
        "gitignore.unprotected",
        "home.exposed",
        "process.dead",
        "vault-required.promotable",
        "vault.identity-exposed",
    ];
    assert_eq!(repaired, expected);
    let (code, found) = report(&environment, &[]);
    assert_eq!((code, ids(&found)), (0, vec![]), "{found:#}");
    assert_eq!(environment.read(".gitignore"), "/.starsystem\n");
    assert_eq!(environment.succeed(&["vault", "get", "WORKOS_API_KEY"]).raw, "wk-the-provider-key\n");
    assert!(pids(&environment).into_values().all(is_alive));
}

#[test]
fn a_file_that_nobody_approved_is_given_no_key() {
    let environment = system(
        "name: foreign\nservices:\n  web:\n    type: process\n    command: sleep 600\n    env:\n      KEY: \"{{ vault('WORKOS_API_KEY') }}\"\n",
    );
    environment.succeed(&["vault", "set", "workos.api_key", "wk-the-provider-key"]);
    let (code, found) = report(&environment, &["--fix"]);
    assert_eq!((code, &found["fixed"]), (1, &serde_json::json!([])));
    let wanted = finding(&found, "vault-required.promotable:WORKOS_API_KEY");
    assert_eq!(wanted["autoFixCommand"], Value::Null);
    assert!(wanted["suggestedFix"].as_str().unwrap().contains("look first"), "{wanted}");
    assert_eq!(environment.run(&["vault", "get", "WORKOS_API_KEY"]).code, 1);
}

#[test]
fn a_process_that_only_the_file_records_is_started_by_nobody() {
    let environment = system(&format!(
        "{ONE}    provision:\n      _state: {{ provider: local-process, resourceId: pid-1, provisionedAt: \"2026-11-21T09:30:00Z\", metadata: {{ pid: 999999, started: \"x\" }} }}\n"
    ));
    let (_, found) = report(&environment, &["--fix"]);
    assert!(!ids(&found).iter().any(|id| id.starts_with("process.dead")), "{found:#}");
    assert!(processes_below(environment.root()).is_empty());
}

#[test]
fn fix_does_all_of_it_and_says_what_it_did() {
    let environment = broken();
    let (code, report_of_all) = report(&environment, &["--fix"]);
    assert_eq!((code, report_of_all["fixed"].as_array().unwrap().len()), (0, 5), "{report_of_all:#}");
    let again = environment.succeed(&["doctor", "--fix"]);
    assert!(again.stdout.contains("nothing to object to"), "{}", again.raw);
    let (_, report) = report(&environment, &["--fix=gitignore.unprotected:.starsystem"]);
    assert_eq!(report["fixed"], serde_json::json!([]), "there is no such finding any more");
}

#[test]
fn files_with_mistakes_are_told_with_their_places() {
    let environment = system(
        "name: one\nservices:\n  web:\n    type: process\n    depends_on: [dB]\n  db:\n    type: database\n",
    );
    let (code, found) = report(&environment, &[]);
    assert_eq!(code, 1);
    let dependency = finding(&found, "config.unknown-dependency:");
    assert_eq!(dependency["location"], serde_json::json!({ "path": "starsystem.yaml", "line": 5 }));
    assert_eq!(dependency["severity"], "error");
    environment.write("starsystem.yaml", "name: [");
    let (code, found) = report(&environment, &[]);
    assert_eq!((code, &found["workspace"]), (1, &Value::Null));
    assert!(ids(&found)[0].starts_with("config."), "{found:#}");
    environment.write("starsystem.yaml", "name: one\nservices:\n  web:\n    target: { type: nenon }\n");
    let (code, found) = report(&environment, &[]);
    let provider = finding(&found, "services.unknown-provider:");
    assert_eq!((code, &provider["severity"]), (0, &"warn".into()));
    assert_eq!(provider["suggestedFix"], "did you mean `neon`?");
    let elsewhere = environment.run(&["doctor", "none.yaml"]);
    assert_eq!(elsewhere.code, 1);
    assert!(elsewhere.stdout.contains("there is no file `none.yaml`"), "{}", elsewhere.raw);
}

#[test]
fn secrets_in_the_files_are_pointed_at_and_never_shown() {
    let secret = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    let environment =
        system(&format!("{ONE}    env:\n      STRIPE_KEY: {secret}\n      NODE_ENV: production\n"));
    let (code, found) = report(&environment, &[]);
    assert_eq!(code, 0, "a warning: {found:#}");
    let literal = finding(&found, "secret.in-file:services.web.env.STRIPE_KEY");
    assert_eq!(literal["location"]["line"], 7);
    assert!(literal["suggestedFix"].as_str().unwrap().contains("{{ vault('secrets.STRIPE_KEY') }}"));
    assert!(!found.to_string().contains(secret));
    assert!(!environment.succeed(&["doctor"]).raw.contains(secret));
}

#[test]
fn a_run_that_was_cut_short_is_told_with_the_command_that_goes_on() {
    let mut told = Vec::new();
    for step in 4..20 {
        let rehearsal = Rehearsal::with_variables(immediate());
        let cut = rehearsal.provision_with_fault(&format!("abort@{step}"));
        assert_ne!(cut.code, 0);
        rehearsal.forget_requests();
        let (_, found) = report(&rehearsal.environment, &["--env=prod"]);
        let kinds: Vec<String> = ids(&found).into_iter().filter(|id| id.starts_with("journal.")).collect();
        if kinds.iter().any(|id| id == "journal.unfinished:app-db") {
            let unfinished = finding(&found, "journal.unfinished:app-db");
            let fix = unfinished["suggestedFix"].as_str().unwrap();
            assert!(
                fix.contains("`ss deploy --env=prod` goes on")
                    && fix.contains("ss resolve app-db --env=prod")
            );
            assert_eq!(unfinished["autoFixCommand"], Value::Null, "a cloud is nobody's to touch unasked");
        }
        assert!(rehearsal.neon.requests().is_empty() && rehearsal.fly.requests().is_empty());
        told.extend(kinds.into_iter().map(|id| id.split(':').next().unwrap().to_owned()));
        if told.iter().any(|kind| kind == "journal.unfinished") {
            assert_eq!(rehearsal.provision(&[]).code, 0);
            let (_, found) = report(&rehearsal.environment, &["--env=prod"]);
            assert!(!ids(&found).iter().any(|id| id.starts_with("journal.")), "{found:#}");
            return;
        }
    }
    panic!("no run was cut while it worked on `app-db`: {told:?}");
}

#[test]
fn a_state_of_another_machine_and_a_damaged_lock_are_told() {
    let rehearsal = Rehearsal::with_variables(immediate());
    assert_eq!(rehearsal.provision(&[]).code, 0);
    let environment = &rehearsal.environment;
    std::fs::remove_dir_all(environment.ss_home().join("vault")).expect("a vault");
    std::fs::remove_dir_all(environment.ss_home().join("runs")).expect("runs");
    let (code, found) = report(environment, &["--env=prod"]);
    assert_eq!(code, 0, "{found:#}");
    assert_eq!(finding(&found, "state.only-in-file:app-db")["severity"], "info");

    let lock = environment.read("starsystem.lock");
    let pinned = lock.lines().find(|line| line.starts_with("digest = ")).unwrap();
    let other = format!("digest = \"sha256:{}\"", "0".repeat(64));
    environment.write("starsystem.lock", &lock.replacen(pinned, &other, 1));
    let (code, found) = report(environment, &["--env=prod"]);
    assert_eq!(code, 1);
    assert!(ids(&found).iter().any(|id| id.starts_with("plugin.unverified:")), "{found:#}");
    environment.write("starsystem.lock", "nonsense");
    let (code, found) = report(environment, &["--env=prod"]);
    assert_eq!(code, 1);
    finding(&found, "lock.unusable:starsystem.lock");
    std::fs::remove_file(environment.project().join("starsystem.lock")).expect("a lock");
    let (code, found) = report(environment, &["--env=prod"]);
    assert_eq!(code, 0, "{found:#}");
    let missing = finding(&found, "lock.missing:");
    assert!(
        missing["suggestedFix"].as_str().unwrap().contains("`ss deploy --env=prod` writes it"),
        "{missing}"
    );
}

#[test]
fn programs_are_missed_only_where_a_service_needs_them() {
    let mut environment = system(
        "name: tools\nservices:\n  edge:\n    type: process\n    command: no-such-program --port 1\n    provision:\n      install_hint: brew install no-such-program\n  db:\n    type: database\n    provision: { provider: supabase-local }\n",
    );
    environment.set("PATH", "/nonexistent");
    let (code, found) = report(&environment, &[]);
    assert_eq!(code, 1);
    let own = finding(&found, "tool.missing:no-such-program");
    assert_eq!(own["suggestedFix"], "brew install no-such-program");
    for program in ["supabase", "docker"] {
        finding(&found, &format!("tool.missing:{program}"));
    }
    assert!(!ids(&found).iter().any(|id| id.contains("terraform") || id.contains(":fly")), "{found:#}");
}

#[test]
fn a_home_that_is_no_folder_and_a_lost_identity_are_told() {
    let environment = system(ONE);
    environment.succeed(&["vault", "set", "A", "b"]);
    std::fs::remove_file(environment.ss_home().join("vault/identity.txt")).expect("an identity");
    let (code, found) = report(&environment, &[]);
    assert_eq!(code, 1);
    finding(&found, "vault.identity-missing:");
    std::fs::remove_dir_all(environment.ss_home()).expect("a home");
    std::fs::write(environment.ss_home(), "").expect("a file");
    let (code, found) = report(&environment, &[]);
    assert_eq!(code, 1);
    finding(&found, "home.not-a-folder:");
}

#[test]
fn a_command_that_is_not_the_recorded_one_is_started_by_nobody() {
    let environment = system(ONE);
    environment.succeed(&["provision"]);
    for pid in pids(&environment).into_values() {
        kill(pid);
    }
    let foreign = ONE.replace("sleep 600", "touch owned");
    // Somebody else's files that call everything the same.
    let other = environment.root().join("other");
    std::fs::create_dir(&other).expect("a folder");
    std::fs::write(other.join("starsystem.yaml"), &foreign).expect("a file");
    let mut elsewhere = environment.command(&["doctor", "--fix"]);
    elsewhere.current_dir(&other).output().expect("ss runs");
    assert!(!other.join("owned").exists(), "a stranger's command ran");
    // And one's own, changed by somebody else.
    environment.write("starsystem.yaml", &foreign);
    report(&environment, &["--fix"]);
    assert!(!environment.project().join("owned").exists(), "a command that nobody recorded ran");
}
