//! Looking at what runs, day by day: services, diagram, logs, commands where a service runs.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::process::Stdio;

use insta::assert_snapshot;

use crate::TestEnvironment;
use crate::local::eventually;

const SYSTEM: &str = r#"name: shop
services:
  db:
    type: process
    command: sh -c 'echo started; exec sleep 600'
  web:
    type: process
    name: 'Web "front" <b>]'
    command: sleep 600
    depends_on: [db]
  app:
    type: process
    inject_from: { neon-db: [DATABASE_URL, DATABASE_HOST] }
    target: { type: fly, app: shop-app, region: iad, image: shop }
    _state:
      provider: fly
      resourceId: shop-app
      provisionedAt: "2026-11-21T09:30:00Z"
      metadata: {}
  neon-db:
    target: { type: neon }
  vm:
    type: process
    target: { type: external, host: vm.example.com, user: deploy, port: 2222 }
    _systemd: { unit: shop-vm }
  odd:
    type: process
    target: { type: external, host: -oProxyCommand=touch }
"#;

fn system() -> TestEnvironment {
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", SYSTEM);
    environment
}

/// Puts a program on the PATH that writes down what it was called with.
fn stub(environment: &mut TestEnvironment, name: &str) {
    let folder = environment.root().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    let log = environment.root().join(format!("{name}.calls"));
    let script = format!(
        "#!/bin/sh\nfor word in \"$@\"; do printf '[%s] ' \"$word\"; done >> '{0}'\necho \"key=$FLY_API_TOKEN\" >> '{0}'\n",
        log.display()
    );
    std::fs::write(folder.join(name), script).unwrap();
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    let path = std::env::var("PATH").unwrap_or_default();
    environment.set("PATH", &format!("{}:{path}", folder.display()));
}

fn calls(environment: &TestEnvironment, name: &str) -> String {
    std::fs::read_to_string(environment.root().join(format!("{name}.calls"))).unwrap_or_default()
}

#[test]
fn services_are_listed_without_asking_anyone() {
    let environment = system();
    let listed = environment.succeed(&["services", "list"]);
    assert_snapshot!(listed.stdout, @"
    db       local-process  not provisioned
    web      local-process  not provisioned
    app      fly            provisioned  shop-app
    neon-db  neon           not provisioned
    vm       −              no provisioner
    odd      −              no provisioner
    ");
    environment.succeed(&["provision", "--service=db"]);
    let listed = environment.succeed(&["services", "list", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(document["services"][0]["standing"], "provisioned");
    assert_eq!(document["services"][0]["state"]["provider"], "local-process");
    assert_eq!(document["services"][1]["dependsOn"], serde_json::json!(["db"]));
}

#[test]
fn the_system_is_drawn_in_each_notation() {
    let environment = system();
    let mermaid = environment.succeed(&["graph", "render", "--services"]);
    assert_snapshot!(mermaid.stdout, @r#"
    ---
    title: "shop (local)"
    ---
    flowchart LR
      s0["db<br/>local-process"]:::pending
      s1["Web #34;front#34; #60;b#62;#93;<br/>local-process"]:::pending
      s2["app<br/>fly"]:::provisioned
      s3["neon-db<br/>neon"]:::pending
      s4["vm<br/>process"]:::unmanaged
      s5["odd<br/>process"]:::unmanaged
      s0 --> s1
      s3 -->|"DATABASE_URL, DATABASE_HOST"| s2
      classDef provisioned stroke:#1a7f37,fill:#dafbe1,color:#1f2328
      classDef pending stroke:#0969da,fill:#ddf4ff,color:#1f2328
      classDef unmanaged stroke:#57606a,fill:#f6f8fa,color:#1f2328
    "#);
    let grouped = environment.succeed(&["graph", "render"]);
    assert!(grouped.stdout.contains("subgraph g0[\"local-process\"]"), "{}", grouped.stdout);
    let dot = environment.succeed(&["graph", "render", "--services", "--format=dot"]);
    assert_snapshot!(dot.stdout, @r##"
    digraph starsystem {
      label="shop (local)";
      rankdir=LR;
      node [shape=box, style="rounded,filled", fontname="sans-serif"];
      s0 [label="db\nlocal-process", class="pending", color="#0969da", fillcolor="#ddf4ff"];
      s1 [label="Web \"front\" <b>]\nlocal-process", class="pending", color="#0969da", fillcolor="#ddf4ff"];
      s2 [label="app\nfly", class="provisioned", color="#1a7f37", fillcolor="#dafbe1"];
      s3 [label="neon-db\nneon", class="pending", color="#0969da", fillcolor="#ddf4ff"];
      s4 [label="vm\nprocess", class="unmanaged", color="#57606a", fillcolor="#f6f8fa"];
      s5 [label="odd\nprocess", class="unmanaged", color="#57606a", fillcolor="#f6f8fa"];
      s0 -> s1;
      s3 -> s2 [label="DATABASE_URL, DATABASE_HOST"];
    }
    "##);
    let written = environment.succeed(&["graph", "render", "--format=svg", "--out=system.svg"]);
    assert_snapshot!(written.notes(), @"written to system.svg");
    let svg = environment.read("system.svg");
    assert!(svg.starts_with("<?xml") && svg.trim_end().ends_with("</svg>"), "{svg}");
    assert!(svg.contains("Web &quot;front&quot; &lt;b&gt;]") && !svg.contains("<b>"), "{svg}");
}

#[test]
fn a_local_log_is_shown_and_followed() {
    let environment = system();
    let none = environment.run(&["logs", "db"]);
    assert_eq!(none.code, 1);
    assert_snapshot!(none.notes(), @"
    error: `db` has no log yet
    hint: it gets one when `ss provision` starts it
    ");
    environment.succeed(&["provision", "--service=db"]);
    eventually("the process prints", || environment.run(&["logs", "db"]).stdout == "started\n");

    let mut following =
        environment.command(&["logs", "db", "--follow"]).stdout(Stdio::piped()).spawn().expect("ss runs");
    let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
    assert_eq!(lines.next().unwrap().unwrap(), "started");
    let log = find_log(&environment);
    std::fs::OpenOptions::new().append(true).open(&log).unwrap().write_all(b"more\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "more");
    std::fs::write(&log, "anew\n").unwrap();
    assert_eq!(lines.next().unwrap().unwrap(), "anew");
    following.kill().unwrap();
    following.wait().unwrap();

    let json = environment.succeed(&["logs", "db", "-n1", "--json"]);
    assert_eq!(
        serde_json::from_str::<serde_json::Value>(&json.stdout).unwrap(),
        serde_json::json!({ "service": "db", "lines": ["anew"] })
    );
    let since = environment.run(&["logs", "db", "--since=10m"]);
    assert_eq!(since.code, 2);
    assert_snapshot!(since.notes(), @"
    error: the log file of a process has no times that `--since` could be compared with
    hint: leave out `--since`; `--lines` says how much to show
    ");
}

fn find_log(environment: &TestEnvironment) -> std::path::PathBuf {
    let mut folder = environment.ss_home().join("logs");
    while let Some(Ok(entry)) = std::fs::read_dir(&folder).unwrap().next() {
        if entry.path().is_file() {
            return entry.path();
        }
        folder = entry.path();
    }
    panic!("no log below {}", folder.display());
}

#[test]
fn fly_shows_the_log_of_its_apps_with_the_key_of_the_vault() {
    let mut environment = system();
    stub(&mut environment, "fly");
    environment.succeed(&["vault", "set-key", "fly", "api_key", "fo1_secret_of_the_vault"]);
    environment.succeed(&["logs", "app"]);
    environment.succeed(&["logs", "app", "--follow"]);
    environment.succeed(&["exec", "app", "--", "sh", "-c", "echo 'a b'; id"]);
    environment.succeed(&["ssh", "app"]);
    assert_snapshot!(calls(&environment, "fly"), @r#"
    [logs] [--app] [shop-app] [--no-tail] key=fo1_secret_of_the_vault
    [logs] [--app] [shop-app] key=fo1_secret_of_the_vault
    [ssh] [console] [--app] [shop-app] [--command] [sh -c "echo 'a b'; id"] key=fo1_secret_of_the_vault
    [ssh] [console] [--app] [shop-app] key=fo1_secret_of_the_vault
    "#);
}

#[test]
fn a_host_is_reached_over_ssh() {
    let mut environment = system();
    stub(&mut environment, "ssh");
    environment.succeed(&["logs", "vm", "--follow", "--since=10m"]);
    environment.succeed(&["exec", "vm", "--", "echo", "$HOME; rm -rf /"]);
    environment.succeed(&["ssh", "vm"]);
    assert_snapshot!(calls(&environment, "ssh"), @"
    [-p] [2222] [--] [deploy@vm.example.com] [journalctl --no-pager -u shop-vm -n 100 --since -10m --follow] key=
    [-p] [2222] [--] [deploy@vm.example.com] [echo '$HOME; rm -rf /'] key=
    [-t] [-p] [2222] [--] [deploy@vm.example.com] key=
    ");
    let odd = environment.run(&["ssh", "odd"]);
    assert_eq!(odd.code, 1);
    assert_snapshot!(odd.notes(), @"
    error: `-oProxyCommand=touch` is not a host that SSH can reach
    hint: correct `services.odd.target.host`
    ");
}

#[test]
fn what_cannot_be_reached_says_why() {
    let mut environment = system();
    let bin = environment.root().join("empty").display().to_string();
    environment.set("PATH", &bin);
    for (arguments, code) in [
        (vec!["logs", "wbe"], 1),
        (vec!["logs", "neon-db"], 1),
        (vec!["exec", "web", "--", "true"], 1),
        (vec!["ssh", "app"], 1),
        (vec!["logs", "app", "--json"], 2),
    ] {
        assert_eq!(environment.run(&arguments).code, code, "{arguments:?}");
    }
    assert_snapshot!(environment.run(&["logs", "wbe"]).notes(), @"
    error: there is no service `wbe`
    hint: did you mean `web`?
    ");
    assert_snapshot!(environment.run(&["logs", "neon-db"]).notes(), @"
    error: `neon-db` is provisioned by `neon`, which has neither logs nor shells that `ss` can reach
    hint: the provider's own console shows more
    ");
    assert_snapshot!(environment.run(&["exec", "web", "--", "true"]).notes(), @"
    error: `web` runs on this machine
    hint: run the command itself; `ss logs web` shows what the service prints
    ");
    assert_snapshot!(environment.run(&["ssh", "app"]).notes(), @"
    error: cannot run `fly`
      because: No such file or directory (os error 2)
    hint: install Fly's command line: https://fly.io/docs/flyctl/install/
    ");
}

#[test]
fn a_pasted_key_ends_in_the_vault() {
    let environment = TestEnvironment::warm();
    let signed_in = environment.run_with_input(&["auth", "neon"], "napi_pasted_0123456789\n");
    assert_eq!(signed_in.code, 0, "{}", signed_in.raw);
    assert!(!signed_in.raw.contains("napi_pasted"), "{}", signed_in.raw);
    let stored = environment.succeed(&["vault", "get", "neon.api_key"]);
    assert_eq!(stored.raw, "napi_pasted_0123456789\n");
    let none = environment.run(&["auth", "neon"]);
    assert_eq!(none.code, 2, "an empty input is no key: {}", none.raw);
    let unknown = environment.run(&["auth", "noen"]);
    assert_eq!(unknown.code, 1);
    assert_snapshot!(unknown.notes(), @"
    error: there is no provider `noen`
    hint: did you mean `neon`?
    ");
    let free = environment.succeed(&["auth", "local-process"]);
    assert_snapshot!(free.stdout, @"`local-process` needs no key");
}
