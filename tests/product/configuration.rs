//! What `ss` says about a file that is wrong: where, why, and what to do.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use insta::assert_snapshot;

use crate::{Output, TestEnvironment};

/// What a debug build may take for any of these on a busy machine; a release build needs milliseconds.
const SOON: Duration = Duration::from_secs(5);

/// Plans a system of this one file, and says how long that took.
fn timed(yaml: &str) -> (Output, Duration) {
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", yaml);
    let began = Instant::now();
    (environment.run(&["provision", "--dry-run"]), began.elapsed())
}

/// Plans a system of this one file.
fn plan(yaml: &str) -> Output {
    timed(yaml).0
}

/// What is said about a file that cannot be used. No plugin is needed to say it, so it comes soon.
fn refusal(yaml: &str) -> String {
    let (output, took) = timed(yaml);
    assert!(took < SOON, "took {took:?}");
    assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{}", output.stderr);
    output.stderr
}

/// What is said about a file that can be used.
fn warning(yaml: &str) -> Output {
    let output = plan(yaml);
    assert_eq!(output.code, 0, "{}", output.raw);
    output
}

#[test]
fn malformed_yaml() {
    assert_snapshot!(refusal("name: demo\nservices:\n  web:\n    type: process\n   command: sleep 1\n"), @"
    yaml-syntax

      × the file is not valid YAML
       ╭─[starsystem.yaml:5:4]
     4 │     type: process
     5 │    command: sleep 1
       ·    ┬
       ·    ╰── while parsing a block mapping, did not find expected key
       ╰────
      help: indent this line like the others of its block
    ");
    assert_snapshot!(refusal("name: demo\nservices:\n\tweb: {}\n"), @"
    tab-indentation

      × a tab is used for indentation
       ╭─[starsystem.yaml:3:1]
     2 │ services:
     3 │     web: {}
       · ──┬─
       ·   ╰── the tab
       ╰────
      help: YAML is indented with spaces only
    ");
    assert_snapshot!(refusal("name: \"demo\n"), @r#"
    yaml-syntax

      × the file is not valid YAML
       ╭─[starsystem.yaml:2:1]
     1 │ name: "demo
       ╰────
      help: close the quote
    "#);
    assert_snapshot!(refusal(""), @"
    wrong-type

      × `starsystem.yaml` must be a map with `services:` in it
       ╭─[starsystem.yaml:1:1]
       ╰────
    ");
    assert_snapshot!(refusal("- web\n"), @"
    wrong-type

      × `starsystem.yaml` must be a map with `services:` in it
       ╭─[starsystem.yaml:1:1]
     1 │ - web
       · ──┬──
       ·   ╰── this is a list
       ╰────
    ");
    assert_snapshot!(refusal("name: demo\n"), @"
    missing-services

      × the file has no `services`
       ╭─[starsystem.yaml:1:1]
     1 │ name: demo
       · ▲
       ╰────
      help: add `services:` and a service under it; `services: {}` if there is none yet
    ");
}

#[test]
fn duplicate_keys() {
    assert_snapshot!(refusal("name: demo\nservices:\n  web: { type: external }\n  db: { type: external }\n  web: { type: external }\n"), @"
    duplicate-key

      × the key `web` stands twice in one map
       ╭─[starsystem.yaml:3:3]
     2 │ services:
     3 │   web: { type: external }
       ·   ─┬─
       ·    ╰── first here
     4 │   db: { type: external }
     5 │   web: { type: external }
       ·   ─┬─
       ·    ╰── again here
       ╰────
      help: remove one of the two
    ");
}

#[test]
fn unknown_dependencies_and_circles() {
    assert_snapshot!(refusal("name: demo\nservices:\n  database: { type: external }\n  web:\n    type: external\n    depends_on: [databse]\n"), @"
    unknown-dependency

      × `web` depends on `databse`, which is no service
       ╭─[starsystem.yaml:6:18]
     5 │     type: external
     6 │     depends_on: [databse]
       ·                  ───┬───
       ·                     ╰── no such service
       ╰────
      help: did you mean `database`?
    ");
    assert_snapshot!(refusal("name: demo\nservices:\n  a:\n    type: external\n    depends_on: [b]\n  b:\n    type: external\n    inject_from: { c: [URL] }\n  c:\n    type: external\n    depends_on: [a]\n"), @"
    dependency-cycle

      × services depend on each other in a circle: `a` → `b` → `c` → `a`
        ╭─[starsystem.yaml:5:18]
      4 │     type: external
      5 │     depends_on: [b]
        ·                  ┬
        ·                  ╰── `a` needs `b`
      6 │   b:
      7 │     type: external
      8 │     inject_from: { c: [URL] }
        ·                    ┬
        ·                    ╰── `b` needs `c`
      9 │   c:
     10 │     type: external
     11 │     depends_on: [a]
        ·                  ┬
        ·                  ╰── `c` needs `a`
        ╰────
      help: remove one of these dependencies (`inject_from` is one too)
    ");
}

#[test]
fn wrong_types_and_names() {
    assert_snapshot!(refusal("name: demo\nservices:\n  web:\n    type: external\n    depends_on: db\n  db: 3\n"), @"
    wrong-type

      × `services.web.depends_on` must be a list
       ╭─[starsystem.yaml:5:17]
     4 │     type: external
     5 │     depends_on: db
       ·                 ─┬
       ·                  ╰── this is text
     6 │   db: 3
       ╰────
      help: write `[db]`

    wrong-type

      × `services.db` must be a map
       ╭─[starsystem.yaml:6:7]
     5 │     depends_on: db
     6 │   db: 3
       ·       ┬
       ·       ╰── this is a number
       ╰────
    ");
    assert_snapshot!(refusal("name: my project\nservices: {}\n"), @"
    bad-name

      × `my project` is no name for a project
       ╭─[starsystem.yaml:1:7]
     1 │ name: my project
       ·       ──────────
     2 │ services: {}
       ╰────
      help: a name begins with a letter or digit, goes on with letters, digits, `.`, `_` and `-`, and
            has at most 63 characters
    ");
    assert_snapshot!(refusal("version: \"3\"\nname: demo\nservices: {}\n"), @r#"
    unsupported-version

      × the file has a version that this `ss` does not read
       ╭─[starsystem.yaml:1:10]
     1 │ version: "3"
       ·          ─┬─
       ·           ╰── this `ss` reads `version: "2"`
     2 │ name: demo
       ╰────
      help: remove the line, or use an `ss` that reads it
    "#);
    assert_snapshot!(refusal("name: demo\nservices:\n  web:\n    type: process\n    command: serve {{ vault('x' }}\n"), @"
    malformed-template

      × a template is `{{ vault('key') }}`
       ╭─[starsystem.yaml:5:20]
     4 │     type: process
     5 │     command: serve {{ vault('x' }}
       ·                    ───────┬──────
       ·                           ╰── expected `)`
       ╰────
      help: write `{{ '{{' }}` where two braces are meant as such
    ");
}

#[test]
fn wrong_options_of_a_provider() {
    assert_snapshot!(plan("name: demo\nservices:\n  web:\n    type: process\n    command: sleep 1\n    provision:\n      healthcheck: http://127.0.0.1:1/\n      health_timeout: soon\n      generate_config:\n        template: a\n").notes(), @"
    unknown-option

      × `services.web.provision` has no option `healthcheck`
       ╭─[starsystem.yaml:7:7]
     6 │     provision:
     7 │       healthcheck: http://127.0.0.1:1/
       ·       ─────┬─────
       ·            ╰── option of `local-process`
     8 │       health_timeout: soon
       ╰────
      help: did you mean `health_check`?

    invalid-option

      × `services.web.provision.health_timeout` must be a whole number
       ╭─[starsystem.yaml:8:23]
     7 │       healthcheck: http://127.0.0.1:1/
     8 │       health_timeout: soon
       ·                       ──┬─
       ·                         ╰── option of `local-process`
     9 │       generate_config:
       ╰────

    invalid-option

      × `services.web.provision.generate_config` lacks the option `output`
        ╭─[starsystem.yaml:9:7]
      8 │       health_timeout: soon
      9 │       generate_config:
        ·       ───────┬───────
        ·              ╰── option of `local-process`
     10 │         template: a
        ╰────
      help: add `output: …`
    ");
}

#[test]
fn a_typing_mistake_in_a_providers_name_is_skipped_with_a_hint() {
    let output =
        warning("name: demo\nservices:\n  db:\n    type: database\n    provision:\n      provider: noen\n");
    assert_snapshot!(output.notes(), @"
    unknown-provider

      ⚠ no plugin provides `noen`; `db` is skipped
       ╭─[starsystem.yaml:6:17]
     5 │     provision:
     6 │       provider: noen
       ·                 ──┬─
       ·                   ╰── no such provider
       ╰────
      help: did you mean `neon`?
    ");
    assert_snapshot!(output.stdout, @"
    Starsystem — starsystem.yaml
    Skipping 1 services (no provisioner)
      − db (no provisioner `noen`; did you mean `neon`?)
    ");
}

#[test]
fn keys_that_mean_nothing_are_warned_about_and_phase_blocks_are_not() {
    let output = warning(
        "name: demo\nservices:\n  web:\n    type: external\n    depend_on: [cdn]\n    _tf: {}\n    _ansible: {}\n    _cicd: {}\n  cdn:\n    type: cdn\n    mode: local\n",
    );
    assert_snapshot!(output.notes(), @"
    unknown-key

      ⚠ `services.web` has the key `depend_on`, which has no meaning here
       ╭─[starsystem.yaml:5:5]
     4 │     type: external
     5 │     depend_on: [cdn]
       ·     ────┬────
       ·         ╰── ignored
     6 │     _tf: {}
       ╰────
      help: did you mean `depends_on`?
    ");
}

#[test]
fn overlays() {
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", "name: demo\nservices:\n  web: { type: external }\n");
    environment
        .write("starsystem.prod.yaml", "environment: prod\nservices:\n  api:\n    target: { type: neon }\n");
    environment.write("starsystem.staging.yaml", "environment: prod\nservices: {}\n");
    let refusal = |env: &str| {
        let output = environment.run(&["validate", &format!("--env={env}")]);
        assert_eq!(output.code, 1, "{}", output.raw);
        output.stderr
    };
    assert_snapshot!(refusal("prod"), @"
    missing-type

      × `api` is only in the overlay and has no `type`
       ╭─[starsystem.prod.yaml:3:3]
     2 │ services:
     3 │   api:
       ·   ─┬─
       ·    ╰── the base has no such service
     4 │     target: { type: neon }
       ╰────
      help: add `type:`, or name a service of the base
    ");
    assert_snapshot!(refusal("staging"), @"
    wrong-environment

      × the overlay of `staging` says that it is for `prod`
       ╭─[starsystem.staging.yaml:1:14]
     1 │ environment: prod
       ·              ──┬─
       ·                ╰── `--env=staging` was asked for
     2 │ services: {}
       ╰────
      help: correct `environment:`, or rename the file
    ");
    assert_snapshot!(refusal("live"), @"
    missing-overlay

      × the environment `live` has no file `starsystem.live.yaml`
      help: there are overlays for: prod, staging
    ");
    assert_snapshot!(refusal("../prod"), @"
    bad-environment

      × `../prod` is no name for an environment
      help: a name begins with a letter or digit, goes on with letters, digits, `.`, `_` and `-`, and
            has at most 63 characters
    ");
    assert_eq!(environment.run(&["provision", "--dry-run", "--env=local"]).code, 0, "no overlay is needed");
    let elsewhere = environment.run(&["validate", "nowhere/starsystem.yaml"]);
    assert_snapshot!(elsewhere.stderr, @"
    missing-file

      × there is no file `nowhere/starsystem.yaml`
      help: go to the folder of your system, or name its file: `ss provision <file>`
    ");
}

#[test]
fn an_alias_bomb() {
    let mut bomb = String::from("a: &a [x,x,x,x,x,x,x,x,x]\n");
    for (inner, outer) in ('a'..'i').zip('b'..='i') {
        let aliases = vec![format!("*{inner}"); 9].join(",");
        writeln!(bomb, "{outer}: &{outer} [{aliases}]").unwrap();
    }
    assert_snapshot!(refusal(&format!("{bomb}services: *i\n")), @"
    alias-bomb

      × the aliases of the file grow too large
       ╭─[starsystem.yaml:1:22]
     1 │ a: &a [x,x,x,x,x,x,x,x,x]
       ·                      ┬
       ·                      ╰── too much here
     2 │ b: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]
       ╰────
    ");
}

#[test]
fn a_nesting_of_ten_thousand() {
    let depth = 10_000;
    let flow = format!("name: demo\nservices: {}{}\n", "[".repeat(depth), "]".repeat(depth));
    assert_snapshot!(refusal(&flow), @"
    nesting-too-deep

      × the file nests too deeply
      starsystem.yaml:2:75: deeper than 64 levels
    ");
    let maps = format!("name: demo\nservices: {}\n", "{a: ".repeat(depth));
    assert!(refusal(&maps).contains("nests too deeply"));
    let dashes = format!("services:\n  {}x\n", "- ".repeat(depth));
    assert!(refusal(&dashes).contains("nests too deeply"));
}

#[test]
fn a_hundred_megabytes() {
    let line =
        "  # 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123456789 0123\n";
    let text = format!("name: demo\nservices:\n{}", line.repeat((100 << 20) / line.len()));
    assert_snapshot!(refusal(&text), @"
    file-too-large

      × `starsystem.yaml` is larger than 16 MiB
      help: a configuration of 10,000 services has about 2 MiB; is this the right file?
    ");
}

#[test]
fn findings_as_json() {
    let environment = TestEnvironment::warm();
    environment.write(
        "starsystem.yaml",
        "name: demo\nservices:\n  web:\n    type: external\n    depends_on: [wbe]\n    comand: x\n",
    );
    let output = environment.run(&["validate", "--json"]);
    assert_eq!(output.code, 1);
    assert_snapshot!(output.stdout, @r#"
    {
      "findings": [
        {
          "code": "unknown-dependency",
          "help": "add the service, or remove the dependency",
          "message": "`web` depends on `wbe`, which is no service",
          "places": [
            {
              "column": 18,
              "file": "starsystem.yaml",
              "line": 5,
              "text": "no such service"
            }
          ],
          "severity": "error"
        },
        {
          "code": "unknown-key",
          "help": "did you mean `command`?",
          "message": "`services.web` has the key `comand`, which has no meaning here",
          "places": [
            {
              "column": 5,
              "file": "starsystem.yaml",
              "line": 6,
              "text": "ignored"
            }
          ],
          "severity": "warning"
        }
      ],
      "valid": false
    }
    "#);
    for command in [&["provision", "--json"][..], &["provision", "--status", "--json"]] {
        let again = environment.run(command);
        assert_eq!((again.code, again.stdout.as_str()), (1, output.stdout.as_str()), "{command:?}");
    }
    environment
        .write("starsystem.yaml", "name: demo\nservices:\n  web:\n    type: external\n    comand: x\n");
    let valid = environment.succeed(&["validate", "--json"]);
    assert_snapshot!(valid.stdout, @r#"
    {
      "findings": [
        {
          "code": "unknown-key",
          "help": "did you mean `command`?",
          "message": "`services.web` has the key `comand`, which has no meaning here",
          "places": [
            {
              "column": 5,
              "file": "starsystem.yaml",
              "line": 5,
              "text": "ignored"
            }
          ],
          "severity": "warning"
        }
      ],
      "valid": true
    }
    "#);
}

#[test]
fn of_a_thousand_findings_a_screenful_is_drawn() {
    let mut yaml = String::from("name: demo\nservices:\n");
    for at in 0..1_000 {
        let _ = writeln!(
            yaml,
            "  s{at}:\n    type: process\n    provision: {{ provider: local-process, colour: red }}"
        );
    }
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", &yaml);
    let output = environment.run(&["validate"]);
    assert_eq!(output.code, 1);
    assert_eq!(output.stderr.matches("unknown-option").count(), 20, "{}", output.stderr);
    assert!(output.stderr.contains("and 980 more; `ss validate --json` lists them all"), "{}", output.stderr);
    let listed = environment.run(&["validate", "--json"]);
    let listed: serde_json::Value = serde_json::from_str(&listed.stdout).unwrap();
    assert_eq!(listed["findings"].as_array().unwrap().len(), 1_000);
}
