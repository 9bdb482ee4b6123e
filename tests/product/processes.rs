//! Systems of local processes: plan, run, status, repair, and what goes wrong on the way.

use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::environment::{not_run, processes_below};
use crate::local::{self, eventually, free_port, is_alive, kill, pids};
use crate::{TestEnvironment, canary};

/// Two processes, one after the other, and two services that nobody provisions.
const CHAIN: &str = "\
name: chain
services:
  api:
    type: process
    command: sleep 600
    depends_on: [store]
  store:
    type: process
    command: sleep 600
  notes:
    type: external
  dns:
    type: dns
";

fn system(yaml: &str) -> TestEnvironment {
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", yaml);
    environment
}

/// A system of one process with a health check on the port.
fn checked(port: u16) -> String {
    let server = local::server(port);
    format!(
        "name: checked\nservices:\n  web:\n{server}    provision:\n      health_check: http://127.0.0.1:{port}/health\n"
    )
}

#[test]
fn the_plan_comes_first_and_a_second_run_creates_nothing() {
    let environment = system(CHAIN);
    let planned = environment.succeed(&["provision", "--dry-run"]);
    assert_snapshot!(planned.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + api (local-process)
      + store (local-process)
    Skipping 2 services (no provisioner)
      − notes
      − dns
    ");
    assert!(processes_below(environment.root()).is_empty(), "a dry run starts nothing");

    let first = environment.succeed(&["provision"]);
    assert_snapshot!(first.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + api (local-process)
      + store (local-process)
    Skipping 2 services (no provisioner)
      − notes
      − dns
    → store via local-process...
      ✓ started (pid <pid>)
    → api via local-process...
      ✓ started (pid <pid>)

    ✓ Provision complete: 2 created, 0 verified in <time>
    ");
    assert_snapshot!(first.notes(), @"next: `ss provision --status` checks health");
    let started = pids(&environment);

    let second = environment.succeed(&["provision"]);
    assert_snapshot!(second.stdout, @"
    Starsystem — starsystem.yaml
    To verify:
      ~ api (local-process)
      ~ store (local-process)
    Skipping 2 services (no provisioner)
      − notes
      − dns
    → store via local-process...
      ✓ running (pid <pid>)
    → api via local-process...
      ✓ running (pid <pid>)

    ✓ Provision complete: 0 created, 2 verified in <time>
    ");
    assert_eq!(pids(&environment), started);
    assert_eq!(processes_below(environment.root()).len(), 2);
}

#[test]
fn one_service_only() {
    let environment = system(CHAIN);
    environment.succeed(&["provision"]);
    let only = environment.succeed(&["provision", "--service=api"]);
    assert_snapshot!(only.stdout, @"
    Starsystem — starsystem.yaml
    To verify:
      ~ api (local-process)
    → api via local-process...
      ✓ running (pid <pid>)

    ✓ Provision complete: 0 created, 1 verified in <time>
    ");
    let skipped = environment.succeed(&["provision", "--service", "notes"]);
    assert_snapshot!(skipped.stdout, @"
    Starsystem — starsystem.yaml
    Skipping 1 services (no provisioner)
      − notes

    ✓ Provision complete: 0 created, 0 verified in <time>
    ");
    let unknown = environment.run(&["provision", "--service=apj"]);
    assert_eq!(unknown.code, 1);
    assert_snapshot!(unknown.notes(), @"
    error: there is no service `apj`
    hint: did you mean `api`?
    ");
}

#[test]
fn a_killed_process_shows_and_is_started_again() {
    let port = free_port();
    let environment =
        system(&format!("{}  plain:\n    type: process\n    command: sleep 600\n", checked(port)));
    let nothing = environment.succeed(&["provision", "--status"]);
    assert_snapshot!(nothing.stdout, @"
    Service status starsystem.yaml
      nothing is provisioned yet
    ");
    assert_snapshot!(nothing.notes(), @"not provisioned: web, plain; `ss provision` creates them");
    environment.succeed(&["provision"]);
    let healthy = environment.succeed(&["provision", "--status"]);
    assert_snapshot!(healthy.stdout, @"
    Service status starsystem.yaml
      ✓ web local-process running (pid <pid>, health ok)
      ✓ plain local-process running (pid <pid>)
    ");

    let before = pids(&environment);
    kill(before["web"]);
    let broken = environment.run(&["provision", "--status"]);
    assert_eq!(broken.code, 1);
    assert_snapshot!(broken.stdout, @"
    Service status starsystem.yaml
      ✗ web local-process not running (pid <pid>)
      ✓ plain local-process running (pid <pid>)
    ");
    assert_snapshot!(broken.notes(), @"next: `ss provision` attempts a fix");

    let repaired = environment.succeed(&["provision"]);
    assert!(repaired.stdout.contains("~ web (local-process) · will update"), "{}", repaired.stdout);
    let after = pids(&environment);
    assert_ne!(after["web"], before["web"]);
    assert_eq!(after["plain"], before["plain"], "what runs is left alone");
}

#[test]
fn a_process_outlives_the_terminal_that_started_it() {
    let environment = system(CHAIN);
    let mut command = environment.command(&["provision"]);
    let ss = command.get_program().to_str().expect("a path").to_owned();
    command = {
        let mut terminal = Command::new("script");
        terminal.args(["-q", "-e", "-c", &format!("{ss} provision"), "/dev/null"]);
        terminal.current_dir(environment.project()).env_clear();
        terminal.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
        terminal
    };
    let Ok(output) = command.stdin(Stdio::null()).stderr(Stdio::null()).output() else {
        return not_run("script", "bsdutils");
    };
    let screen = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{screen}");
    assert!(screen.contains("Provision complete"), "{screen}");
    let running = pids(&environment);
    assert_eq!(running.len(), 2);
    for pid in running.into_values() {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        let fields: Vec<&str> = stat.rsplit_once(") ").expect("a stat line").1.split(' ').collect();
        assert_eq!(
            (fields[3], fields[4]),
            (pid.to_string().as_str(), "0"),
            "a session of its own, no terminal"
        );
    }
}

#[test]
fn an_early_death_is_reported_with_its_last_output() {
    let environment = system(
        "name: early\nservices:\n  dies:\n    type: process\n    command: sh -c 'echo opening $0; echo \"no such table\" >&2; exit 3' db\n",
    );
    for _ in 0..2 {
        let output = environment.run(&["provision"]);
        assert_eq!(output.code, 1);
        // The second time shows what the second process said, and only that.
        assert_eq!(output.stdout.matches("no such table").count(), 1, "{}", output.stdout);
    }
    let output = environment.run(&["provision"]);
    assert_snapshot!(output.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + dies (local-process) · an earlier run did not finish it; this one goes on from there
    → dies via local-process...
      ✗ `sh` (pid <pid>) ended before it was healthy; its last output:
        │ opening db
        │ no such table

    ✗ Provision incomplete: 0 created, 0 verified, 1 failed in <time>
    ");
    assert_snapshot!(output.notes(), @"next: fix what failed and run `ss provision` again; it goes on from here");
}

#[test]
fn a_health_check_that_never_passes_ends_with_its_reason() {
    let port = free_port();
    let environment = system(&format!(
        "name: deaf\nservices:\n  deaf:\n    type: process\n    command: sleep 600\n    provision:\n      health_check: http://127.0.0.1:{port}/health\n      health_timeout: 1\n"
    ));
    let output = environment.run(&["provision"]);
    assert_eq!(output.code, 1);
    assert_snapshot!(output.stdout.replace(&port.to_string(), "<port>"), @"
    Starsystem — starsystem.yaml
    To create:
      + deaf (local-process)
    → deaf via local-process...
      ✓ started (pid <pid>)
      ✗ pid <pid> runs, but after <time> the health check at http://127.0.0.1:<port>/health does not answer: cannot connect to 127.0.0.1:<port>: Connection refused (os error 111)
        → correct `health_check`, or allow more time with `health_timeout`

    ✗ Provision incomplete: 0 created, 0 verified, 1 failed in <time>
    ");
}

#[test]
fn an_address_that_somebody_else_serves_is_a_conflict() {
    let port = free_port();
    let environment = system(&checked(port));
    environment.succeed(&["provision"]);
    let other = system(&checked(port));
    let output = other.run(&["provision"]);
    assert_eq!(output.code, 1);
    assert_snapshot!(output.stdout.replace(&port.to_string(), "<port>"), @"
    Starsystem — starsystem.yaml
    To create:
      + web (local-process)
    → web via local-process...
      ✗ something already answers at http://127.0.0.1:<port>/health although `web` is not running
        → end the process that uses that address, or give this service another one

    ✗ Provision incomplete: 0 created, 0 verified, 1 failed in <time>
    ");
    assert!(processes_below(other.root()).is_empty());
}

#[test]
fn a_missing_program_fails_its_service_and_what_needs_it_and_nothing_else() {
    let environment = system(
        "name: missing\nservices:\n  web:\n    type: process\n    command: sleep 600\n    depends_on: [server]\n  server:\n    type: process\n    command: no-such-server --port=1\n    provision:\n      install_hint: \"Install with: brew install no-such-server\"\n  worker:\n    type: process\n    command: sleep 600\n    depends_on: [server]\n  other:\n    type: process\n    command: sleep 600\n",
    );
    let output = environment.run(&["provision", "--parallelism=1"]);
    assert_eq!(output.code, 1);
    assert_snapshot!(output.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + web (local-process)
      + server (local-process)
      + worker (local-process)
      + other (local-process)
    → server via local-process...
      ✗ `no-such-server` was not found on PATH
        → Install with: brew install no-such-server
    → other via local-process...
      ✓ started (pid <pid>)
    − web not started: it needs server
    − worker not started: it needs server

    ✗ Provision incomplete: 1 created, 0 verified, 1 failed, 2 not started in <time>
    ");
    assert_snapshot!(output.notes(), @"next: fix what failed and run `ss provision` again; it goes on from here");
    assert_eq!(pids(&environment).into_keys().collect::<Vec<_>>(), ["other"]);
}

#[test]
fn a_configuration_file_is_made_from_vault_values_or_not_at_all() {
    let environment = system(
        "name: configured\nservices:\n  web:\n    type: process\n    command: sleep 600\n    provision:\n      generate_config:\n        template: web.conf.in\n        output: ~/etc/web.conf\n        vars:\n          PORT: 8080\n          EMAIL: \"{{ vault('hosting.acme_email') }}\"\n          SITES: ~/sites\n",
    );
    environment
        .write("web.conf.in", "listen {{ PORT }}\nmail ${EMAIL}\nroot {{SITES}}\nkept {$PORT} {env.X}\n");
    let output = environment.run(&["provision"]);
    assert_eq!(output.code, 1);
    assert_snapshot!(output.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + web (local-process)
          ✗ `provision.generate_config.vars.EMAIL` needs `hosting.acme_email`, which is not in the vault
            → run `ss vault set hosting.acme_email`
    ✗ web not started: `provision.generate_config.vars.EMAIL` needs `hosting.acme_email`, which is not in the vault

    ✗ Provision incomplete: 0 created, 0 verified, 1 failed in <time>
    ");
    let file = environment.home().join("etc/web.conf");
    assert!(!file.exists() && processes_below(environment.root()).is_empty());

    environment.succeed(&["vault", "set", "hosting.acme_email", "me@example.com"]);
    environment.succeed(&["provision"]);
    let home = environment.home();
    assert_eq!(
        std::fs::read_to_string(&file).expect("the file"),
        format!(
            "listen 8080\nmail me@example.com\nroot {}/sites\nkept {{$PORT}} {{env.X}}\n",
            home.display()
        )
    );

    let first = pids(&environment);
    environment.succeed(&["vault", "set", "hosting.acme_email", "you@example.com"]);
    let changed = environment.succeed(&["provision"]);
    assert_ne!(pids(&environment), first, "another value in the file restarts:\n{}", changed.stdout);
    assert!(std::fs::read_to_string(&file).expect("the file").contains("mail you@example.com"));
}

#[test]
fn a_bare_key_that_is_missing_lists_every_spelling() {
    let environment = system(
        "name: spelled\nservices:\n  web:\n    type: process\n    command: sleep 600\n    env:\n      TOKEN: \"{{ vault('SMTP_TOKEN') }}\"\n",
    );
    let output = environment.run(&["provision"]);
    assert_eq!(output.code, 1);
    assert_snapshot!(output.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + web (local-process)
          ✗ `env.TOKEN` needs `SMTP_TOKEN`, which is not in the vault; looked for `SMTP_TOKEN`, `secrets.SMTP_TOKEN`
            → run `ss vault set SMTP_TOKEN`
    ✗ web not started: `env.TOKEN` needs `SMTP_TOKEN`, which is not in the vault; looked for `SMTP_TOKEN`, `secrets.SMTP_TOKEN`

    ✗ Provision incomplete: 0 created, 0 verified, 1 failed in <time>
    ");
}

/// A secret with every character that encodings treat differently.
const SECRET: &str = "tok/en+With\"quote=and-more-0123456789";

#[test]
fn an_injected_secret_reaches_the_process_and_nothing_else() {
    let port = free_port();
    let server = local::server(port);
    let environment = system(&format!(
        "name: injected\nservices:\n  web:\n{server}    inject_from:\n      store: [STORE_TOKEN]\n    provision:\n      health_check: http://127.0.0.1:{port}/health\n  store:\n    type: process\n    command: sleep 600\n    provision:\n      credentials:\n        STORE_TOKEN: \"{{{{ vault('secrets.STORE_TOKEN') }}}}\"\n"
    ));
    let stored = environment.run_with_input(&["vault", "set", "secrets.STORE_TOKEN", "-"], SECRET);
    let provisioned = environment.succeed(&["provision", "--verbose"]);
    assert_eq!(local::get(port, "/STORE_TOKEN"), Some((200, SECRET.to_owned())));
    let first = pids(&environment);
    let status = environment.succeed(&["provision", "--status", "--json"]);
    let again = environment.succeed(&["provision", "--json"]);
    assert_eq!(pids(&environment), first, "an unchanged secret restarts nothing:\n{}", again.stderr);
    canary::assert_absent(&environment, SECRET, &[&stored, &provisioned, &status, &again], &[]);

    let rotated = SECRET.replace("more", "less");
    let stored = environment.run_with_input(&["vault", "set", "secrets.STORE_TOKEN", "-"], &rotated);
    let changed = environment.succeed(&["provision"]);
    assert_eq!(local::get(port, "/STORE_TOKEN"), Some((200, rotated.clone())));
    let second = pids(&environment);
    assert_ne!(second["web"], first["web"], "another value restarts:\n{}", changed.stdout);
    canary::assert_absent(&environment, &rotated, &[&stored, &changed], &[]);
}

#[test]
fn ctrl_c_finishes_what_runs_and_records_it() {
    let port = free_port();
    let server = local::server(port);
    // The server starts late, so that the signal comes while its health check is waited for.
    let late = server.replace("command: ", "command: sh -c 'sleep 2; exec \"$@\"' late ");
    let environment = system(&format!(
        "name: interrupted\nservices:\n  slow:\n{late}    provision:\n      health_check: http://127.0.0.1:{port}/health\n  next:\n    type: process\n    command: sleep 600\n    depends_on: [slow]\n"
    ));
    let child = environment
        .command(&["provision"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ss runs");
    eventually("the start of the process", || processes_below(environment.root()).len() > 1);
    local::signal(child.id(), "INT");
    let output = environment.finish(&child.wait_with_output().expect("ss ends"));
    assert_eq!(output.code, 1);
    assert_snapshot!(output.stdout, @"
    Starsystem — starsystem.yaml
    To create:
      + slow (local-process)
      + next (local-process)
    → slow via local-process...
      ✓ started (pid <pid>)
      ✓ running (pid <pid>, health ok)

    ✗ Provision incomplete: 1 created, 0 verified, 1 not started in <time>
    ");
    assert_snapshot!(output.notes(), @"
    finishing what runs; press Ctrl-C again to cancel it
    next: run `ss provision` again; it goes on from here
    ");
    let running = pids(&environment);
    assert_eq!(running.keys().collect::<Vec<_>>(), ["slow"], "recorded, and nothing begun after it");
    environment.succeed(&["provision"]);
    assert_eq!(pids(&environment)["slow"], running["slow"], "the next run goes on from there");
    assert!(is_alive(pids(&environment)["next"]));
}
