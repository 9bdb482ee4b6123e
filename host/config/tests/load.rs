//! Loading: the typed view, and what is reported when something is wrong.

use std::path::Path;

use ss_config::{Loaded, MissingOverlay, Node, ServiceConfig, System, load, load_bytes};

const BASE: &str = "starsystem.yaml";
const OVERLAY: &str = "starsystem.prod.yaml";

fn read(base: &str, overlay: Option<&str>) -> Loaded {
    let overlay = overlay.map(|text| (Path::new(OVERLAY), text.as_bytes()));
    load_bytes((Path::new(BASE), base.as_bytes()), overlay, "prod")
}

fn system(base: &str, overlay: Option<&str>) -> (System, Vec<String>) {
    let loaded = read(base, overlay);
    let lines = loaded.diagnostics.iter().map(|finding| finding.line(&loaded.sources)).collect();
    (loaded.system.unwrap_or_else(|| panic!("{lines:#?}")), lines)
}

/// The findings of a base, as lines; the first label and the help are checked where a test says so.
fn findings(base: &str) -> Vec<String> {
    findings_of(base, None)
}

fn findings_of(base: &str, overlay: Option<&str>) -> Vec<String> {
    let loaded = read(base, overlay);
    let errors = loaded.diagnostics.iter().any(ss_config::Diagnostic::is_error);
    assert_eq!(loaded.system.is_none(), errors);
    loaded.diagnostics.iter().map(|finding| finding.line(&loaded.sources)).collect()
}

fn help(base: &str) -> String {
    read(base, None).diagnostics.first().and_then(|finding| finding.help.clone()).unwrap_or_default()
}

const WALKTHROUGH: &str = r#"version: "2"
name: my-app

services:
  app-db:
    type: database
    description: Cold-layer Postgres for app data.
    capabilities: [relational]
    depends_on: []
  api:
    type: process
    description: HTTP API server.
    depends_on: [app-db]
    inject_from:
      app-db:
        - DATABASE_URL # auto-injected at deploy time
"#;

const WALKTHROUGH_PROD: &str = r#"version: "2"
environment: prod

services:
  app-db:
    target:
      type: neon
      region: us-east-2
      credential_env: NEON_API_KEY
      project_name: my-app
  api:
    target:
      type: fly
      app: my-app-api
      region: iad
      image: ghcr.io/me/my-app-api:latest
      port: 3000
      env:
        NODE_ENV: production
"#;

#[test]
fn the_walkthrough() {
    let (system, findings) = system(WALKTHROUGH, Some(WALKTHROUGH_PROD));
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!((system.project.as_str(), system.environment.as_str()), ("my-app", "prod"));
    assert!(
        system.dir.is_absolute()
            && system.base.ends_with(BASE)
            && system.overlay.as_ref().unwrap().ends_with(OVERLAY)
    );
    assert_eq!(
        system.services.iter().map(|service| &*service.id.value).collect::<Vec<_>>(),
        ["app-db", "api"]
    );
    assert_eq!(system.files.iter().map(|(_, services)| *services).collect::<Vec<_>>(), [2, 2]);
    let api = system.service("api").unwrap();
    assert_eq!(api.kind(), "process");
    assert_eq!(api.target_type().unwrap().value, "fly");
    assert_eq!(api.provider(), None);
    assert_eq!(api.dependencies().map(|id| &*id.value).collect::<Vec<_>>(), ["app-db"]);
    assert_eq!(api.inject_from[0].names[0].value, "DATABASE_URL");
    let options =
        ss_config::options_to_json(api.target_options(), |text, _| Ok::<_, ()>(text.to_owned())).unwrap();
    assert_eq!(serde_json::Value::from(options)["port"], 3000);
}

#[test]
fn the_caddy_system() {
    let (system, findings) = system(
        r#"services:
  caddy-check-server:
    type: process
    name: Caddy domain-check server
    command: node scripts/caddy/domain-check-server.mjs --port=2020
    depends_on: []
  caddy:
    type: process
    command: caddy run --config ~/.starsystem/hosting/Caddyfile
    depends_on: [caddy-check-server]
    provision:
      generate_config:
        template: scripts/caddy/Caddyfile.template
        output: ~/.starsystem/hosting/Caddyfile
        vars:
          CHECK_PORT: "2020"
          ACME_EMAIL: "{{ vault('hosting.acme_email') }}"
      health_check: http://127.0.0.1:2019/config/
  dns:
    type: cdn
    _cloudflare:
      zone: "{{ vault('secrets.CF_ZONE_ID') }}"
      records:
        - {type: CNAME, name: "@", content: "x {{ vault('a') }} {{ vault(\"b\") }}"}
"#,
        None,
    );
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(system.overlay, None);
    assert!(ss_config::is_name(&system.project), "made of the folder's name: {}", system.project);
    let caddy = system.service("caddy").unwrap();
    assert_eq!(
        caddy.provision_options().map(|entry| &*entry.key.value).collect::<Vec<_>>(),
        ["generate_config", "health_check"]
    );
    assert!(system.service("dns").unwrap().cloudflare().is_some());
}

#[test]
fn vault_references_have_paths_and_places() {
    let base = "services:\n  a:\n    type: x\n    _cloudflare:\n      records:\n      - \"é {{ vault('k') }}\"\n      - \"\\t{{ vault('l') }}\"\n    provision:\n      _state: {x: \"{{ vault('no') }}\"}\n";
    let loaded = read(base, None);
    let system = loaded.system.unwrap();
    let references = system.vault_references(system.service("a").unwrap(), &loaded.sources);
    let seen: Vec<_> = references
        .iter()
        .map(|reference| (&*reference.key, &*reference.path, loaded.sources.slice(reference.span)))
        .collect();
    assert_eq!(
        seen,
        [
            ("k", "_cloudflare.records.0", "{{ vault('k') }}"),
            // Written with an escape: the whole text is the place.
            ("l", "_cloudflare.records.1", "\"\\t{{ vault('l') }}\""),
        ]
    );
}

#[test]
fn state_is_found_and_configures_nothing() {
    let base = "services:\n  a: {type: x}\n  b: {type: x, _state: {id: 1}}\n";
    let overlay = "services:\n  a:\n    provision:\n      _state: {id: 2, gone: null}\n  b: {provision: {provider: p, _state: {id: 3}}}\n";
    let (system, _) = system(base, Some(overlay));
    let json = |service: &ServiceConfig| service.state().map(Node::to_json).unwrap().to_string();
    let a = system.service("a").unwrap();
    assert_eq!(json(a), r#"{"gone":null,"id":2}"#);
    assert_eq!((a.provision_options().count(), a.provider()), (0, None));
    let b = system.service("b").unwrap();
    assert_eq!(json(b), r#"{"id":3}"#, "`provision._state` is the newer place");
    assert_eq!(b.provision_options().count(), 0);
}

#[test]
fn a_state_without_its_service_is_kept_apart() {
    let overlay = "services:\n  gone:\n    provision:\n      # managed by ss\n      _state: {id: 1}\n";
    let (system, findings) = system("services: {a: {type: x}}", Some(overlay));
    assert_eq!(system.services.len(), 1);
    assert_eq!(system.orphans[0].id.value, "gone");
    assert_eq!(
        findings,
        [
            "starsystem.prod.yaml:2:3: warning: `gone` has a recorded state and is no service any more [orphaned-state]"
        ]
    );
}

#[test]
fn scalars_are_kept_as_written() {
    let base = "services:\n  a:\n    type: x\n    env: {NO: no, ZERO: 010, VERSION: 1.10, FLAG: true, PORT: 3000, on: x}\n";
    let (system, _) = system(base, None);
    let env: Vec<_> = system.services[0]
        .env
        .iter()
        .map(|variable| format!("{}={}", variable.name.value, variable.value.value))
        .collect();
    assert_eq!(env, ["NO=no", "ZERO=010", "VERSION=1.10", "FLAG=true", "PORT=3000", "on=x"]);
}

#[test]
fn wrong_types_name_the_value() {
    let base = "services:\n  a:\n    type: 3\n    name: [x]\n    depends_on: b\n    capabilities: [1]\n    env: [X]\n    target: fly\n    inject_from: {b: X}\n  b: text\n  c:\n    type: x\n    provision: {provider: 1, _state: 3}\nplugins: {neon: 1, fly: {version: 1.10, path: {}}}\n";
    assert_eq!(
        findings(base),
        [
            "starsystem.yaml:3:11: error: `services.a.type` must be text [wrong-type]",
            "starsystem.yaml:4:11: error: `services.a.name` must be text [wrong-type]",
            "starsystem.yaml:5:17: error: `services.a.depends_on` must be a list [wrong-type]",
            "starsystem.yaml:6:20: error: `services.a.capabilities.0` must be text [wrong-type]",
            "starsystem.yaml:7:10: error: `services.a.env` must be a map [wrong-type]",
            "starsystem.yaml:8:13: error: `services.a.target` must be a map [wrong-type]",
            "starsystem.yaml:9:22: error: `services.a.inject_from.b` must be a list [wrong-type]",
            "starsystem.yaml:10:6: error: `services.b` must be a map [wrong-type]",
            "starsystem.yaml:13:27: error: `services.c.provision.provider` must be text [wrong-type]",
            "starsystem.yaml:13:38: error: `services.c.provision._state` must be a map [wrong-type]",
            "starsystem.yaml:14:17: error: `plugins.neon` must be a map [wrong-type]",
            "starsystem.yaml:14:47: error: `plugins.fly.path` must be text [wrong-type]",
        ]
    );
    assert_eq!(help("services: {a: {type: 3}}"), "write `\"3\"`, with quotes");
    assert_eq!(help("services: {a: {type: x, depends_on: b}}"), "write `[b]`");
}

#[test]
fn dependencies_must_exist() {
    let base = "services:\n  app-db: {type: x}\n  api:\n    type: x\n    depends_on: [app_db, app-db, zzz]\n    inject_from: {ap-db: [URL]}\n";
    let loaded = read(base, None);
    let seen: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|finding| (finding.line(&loaded.sources), finding.help.clone().unwrap()))
        .collect();
    let line = |place: &str, name: &str| {
        format!(
            "starsystem.yaml:{place}: error: `api` depends on `{name}`, which is no service [unknown-dependency]"
        )
    };
    assert_eq!(
        seen,
        [
            (line("5:18", "app_db"), "did you mean `app-db`?".to_owned()),
            (line("5:34", "zzz"), "add the service, or remove the dependency".to_owned()),
            (line("6:19", "ap-db"), "did you mean `app-db`?".to_owned()),
        ]
    );
}

#[test]
fn circles_name_every_member_and_edge() {
    let base = "services:\n  z: {type: x, depends_on: [a]}\n  a: {type: x, depends_on: [b, ok]}\n  b: {type: x, inject_from: {c: [X]}}\n  c: {type: x, depends_on: [ok, a, c]}\n  ok: {type: x}\n";
    let loaded = read(base, None);
    let seen: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|finding| {
            let labels: Vec<_> = finding
                .labels
                .iter()
                .map(|label| format!("{} {}", loaded.sources.position(label.span), label.text))
                .collect();
            (finding.message.clone(), labels.join(", "))
        })
        .collect();
    assert_eq!(
        seen,
        [
            (
                "services depend on each other in a circle: `a` → `b` → `c` → `a`".to_owned(),
                "3:29 `a` needs `b`, 4:30 `b` needs `c`, 5:33 `c` needs `a`".to_owned()
            ),
            ("`c` depends on itself".to_owned(), "5:36 `c` needs `c`".to_owned()),
        ]
    );
}

#[test]
fn overlay_only_services_need_a_type() {
    let loaded = read(
        "services: {app-db: {type: x}}",
        Some("services:\n  app_db: {target: {type: neon}}\n  new: {type: y}\n"),
    );
    assert_eq!(loaded.diagnostics.len(), 1);
    let finding = &loaded.diagnostics[0];
    assert_eq!(
        finding.line(&loaded.sources),
        "starsystem.prod.yaml:2:3: error: `app_db` is only in the overlay and has no `type` [missing-type]"
    );
    assert_eq!(finding.help.as_deref(), Some("did you mean `app-db`?"));
    // In the base it is merely odd, and not even that if the provider is named.
    assert_eq!(
        findings("services: {a: {name: x}, b: {provision: {provider: neon}}}"),
        ["starsystem.yaml:1:12: warning: `a` has no `type` [missing-type]"]
    );
}

#[test]
fn unknown_keys_are_warnings() {
    let base = "servces: {}\nservices:\n  a: {type: x, depend_on: [], image: y, provision: {anything: 1}}\nplugins: {neon: {verson: '1'}}\n";
    let loaded = read(base, None);
    assert!(loaded.system.is_some());
    let seen: Vec<_> = loaded
        .diagnostics
        .iter()
        .map(|finding| (finding.line(&loaded.sources), finding.help.as_deref()))
        .collect();
    assert_eq!(seen, [
        ("starsystem.yaml:1:1: warning: the file has the key `servces`, which has no meaning here [unknown-key]".to_owned(), Some("did you mean `services`?")),
        ("starsystem.yaml:3:16: warning: `services.a` has the key `depend_on`, which has no meaning here [unknown-key]".to_owned(), Some("did you mean `depends_on`?")),
        ("starsystem.yaml:3:31: warning: `services.a` has the key `image`, which has no meaning here [unknown-key]".to_owned(), None),
        ("starsystem.yaml:4:18: warning: `plugins.neon` has the key `verson`, which has no meaning here [unknown-key]".to_owned(), Some("did you mean `version`?")),
    ]);
    assert_eq!(loaded.system.unwrap().services[0].unknown.len(), 2);
}

#[test]
fn names_and_versions_follow_the_rules() {
    let base = "version: 3\nname: my app\nservices: {'a b': {type: x}, '': {type: x}, a.b_c-D: {type: x}}\n";
    assert_eq!(
        findings(base),
        [
            "starsystem.yaml:1:10: error: the file has a version that this `ss` does not read [unsupported-version]",
            "starsystem.yaml:2:7: error: `my app` is no name for a project [bad-name]",
            "starsystem.yaml:3:12: error: `a b` is no name for a service [bad-name]",
            "starsystem.yaml:3:30: error: `` is no name for a service [bad-name]",
        ]
    );
    for version in ["\"2\"", "2", "'2'"] {
        assert!(findings(&format!("version: {version}\nservices: {{}}")).is_empty());
    }
    assert_eq!(findings("version: 2.0\nservices: {}").len(), 1);
}

#[test]
fn the_environment_must_be_the_overlays_own() {
    let lines = findings_of("services: {}", Some("environment: staging\n"));
    assert_eq!(
        lines,
        [
            "starsystem.prod.yaml:1:14: error: the overlay of `prod` says that it is for `staging` [wrong-environment]"
        ]
    );
    let lines = findings_of("environment: staging\nservices: {}", Some("# nothing\n"));
    assert_eq!(
        lines,
        ["starsystem.yaml:1:14: warning: `environment` belongs into an overlay [misplaced-environment]"]
    );
}

#[test]
fn duplicate_keys_show_both() {
    let loaded = read("services:\n  a: {type: x}\n  b: {type: x}\n  a: {type: y}\n", None);
    let finding = &loaded.diagnostics[0];
    assert_eq!(
        finding.line(&loaded.sources),
        "starsystem.yaml:4:3: error: the key `a` stands twice in one map [duplicate-key]"
    );
    assert_eq!(loaded.sources.position(finding.labels[1].span).line, 2);
}

#[test]
fn templates_are_checked_everywhere_but_in_states() {
    let base = "services:\n  a:\n    type: x\n    command: run {{ vault('k' }}\n    env: {X: \"{{ env('HOME') }}\", Y: '${A} {$B}'}\n    provision: {x: [\"{{ .ID }}\"], _state: {x: \"{{\"}}\n";
    assert_eq!(
        findings(base),
        [
            "starsystem.yaml:4:18: error: a template is `{{ vault('key') }}` [malformed-template]",
            "starsystem.yaml:5:18: error: there is no template function `env` [unknown-function]",
            "starsystem.yaml:6:22: error: a template is `{{ vault('key') }}` [malformed-template]",
        ]
    );
    let unquoted =
        "services:\n  a:\n    type: x\n    env: {}\n    _cloudflare:\n      zone: {{ vault('x') }}\n";
    assert_eq!(
        findings(unquoted),
        ["starsystem.yaml:6:14: error: a template must be quoted [unquoted-template]"]
    );
    assert!(help(unquoted).contains("with quotes"));
}

#[test]
fn commands_and_variables_are_checked() {
    let base = "services:\n  a: {type: x, command: \"run 'x\", env: {'A B': 1, C: [1]}}\n  b: {type: x, command: ' ', inject_from: {a: ['A=B', D, D]}, env: {D: 1}, target: {type: y, env: {D: 2}}}\n";
    assert_eq!(
        findings(base),
        [
            "starsystem.yaml:2:25: error: `services.a.command` is no command line [bad-command]",
            "starsystem.yaml:2:41: error: `A B` is no name for a variable [bad-variable]",
            "starsystem.yaml:2:54: error: `services.a.env.C` must be text [wrong-type]",
            "starsystem.yaml:3:25: error: `services.b.command` is no command line [bad-command]",
            "starsystem.yaml:3:48: error: `A=B` is no name for a variable [bad-variable]",
            "starsystem.yaml:3:55: warning: `services.b` gives `D` two values [shadowed-variable]",
            "starsystem.yaml:3:100: warning: `services.b` gives `D` two values [shadowed-variable]",
        ]
    );
}

#[test]
fn a_target_should_have_a_type() {
    assert_eq!(
        findings("services: {a: {type: x, target: {region: y}}, b: {type: x, target: {}}}"),
        ["starsystem.yaml:1:25: warning: `services.a.target` has no `type` [missing-target-type]"]
    );
}

#[test]
fn paths_lead_to_places() {
    let base = "name: n\nservices:\n  my.api:\n    type: x\n    _cloudflare:\n      records:\n        - {name: a}\n        - name: b\n          content: c\n  my:\n    type: y\nplugins: {neon: {endpoint: e}}\n";
    let loaded = read(base, Some("services: {my.api: {target: {type: fly, region: iad, a/b: 1}}}"));
    let system = loaded.system.unwrap();
    let at = |path: &str| {
        let span = system.span_of(path);
        format!("{} {}", loaded.sources.describe(span), loaded.sources.slice(span))
    };
    assert_eq!(at("services.my.api.target.region"), "starsystem.prod.yaml:1:49 iad");
    assert_eq!(at("services.my.api._cloudflare.records.1.content"), "starsystem.yaml:9:20 c");
    assert_eq!(at("services.my.api._cloudflare.records[0].name"), "starsystem.yaml:7:18 a");
    assert_eq!(at("services.my.type"), "starsystem.yaml:11:11 y");
    assert_eq!(at("plugins.neon.endpoint"), "starsystem.yaml:12:28 e");
    assert_eq!(at("name"), "starsystem.yaml:1:7 n");
    // The nearest thing that is there.
    assert_eq!(at("services.my.api.target.env.LOG"), "starsystem.prod.yaml:1:21 target");
    assert_eq!(at("services.my.api.target.type.x"), "starsystem.prod.yaml:1:36 fly");
    assert_eq!(at("services.my.api._cloudflare.records.7"), "starsystem.yaml:6:7 records");
    assert_eq!(at("services.my.api.nothing"), "starsystem.yaml:3:3 my.api");
    assert_eq!(at("services.none.x"), "starsystem.yaml:2:1 services");
    assert_eq!(at("nothing.at.all"), "starsystem.yaml:1:1 ");

    let api = system.service("my.api").unwrap();
    let slice = |span| loaded.sources.slice(span);
    assert_eq!(slice(api.span_of("target.region")), "iad");
    assert_eq!(slice(api.span_of_pointer("target", "/region")), "iad");
    assert_eq!(slice(api.span_of_pointer("target", "/a~1b")), "1");
    assert_eq!(slice(api.span_of_pointer("target", "")), "target");
    assert_eq!(slice(api.span_of_pointer("_cloudflare", "/records/1/content")), "c");
    assert_eq!(slice(api.span_of_pointer("provision", "/x")), "my.api");
    assert_eq!(slice(api.span_of_pointer("", "/type")), "x");
}

#[test]
fn anchors_and_merges_work() {
    let base = "x-common: &common\n  type: process\n  env: {A: 1}\nservices:\n  a:\n    <<: *common\n    command: run\n  b:\n    <<: [{name: first}, {name: second, type: cdn}]\n";
    let (system, findings) = system(base, None);
    assert_eq!(
        findings,
        [
            "starsystem.yaml:1:1: warning: the file has the key `x-common`, which has no meaning here [unknown-key]"
        ]
    );
    let (a, b) = (system.service("a").unwrap(), system.service("b").unwrap());
    assert_eq!((a.kind(), &*a.env[0].name.value), ("process", "A"));
    assert_eq!((b.kind(), &*b.name.as_ref().unwrap().value), ("cdn", "first"));
}

#[test]
fn files_are_found_or_missed_with_advice() {
    let folder = tempfile::tempdir().unwrap();
    let base = folder.path().join(BASE);
    let line = |loaded: &Loaded| {
        let finding = &loaded.diagnostics[0];
        (finding.code, finding.help.clone().unwrap_or_default())
    };
    let missing = load(&base, "local", MissingOverlay::Allowed);
    assert_eq!(line(&missing).0, "missing-file");

    std::fs::write(&base, "services: {}").unwrap();
    std::fs::write(folder.path().join("starsystem.prod.yaml"), "environment: prod").unwrap();
    std::fs::write(folder.path().join("starsystem.staging.yaml"), "").unwrap();
    assert!(load(&base, "local", MissingOverlay::Allowed).system.unwrap().overlay.is_none());
    let refused = load(&base, "local", MissingOverlay::Refused);
    assert_eq!(line(&refused), ("missing-overlay", "there are overlays for: prod, staging".to_owned()));
    let typo = load(&base, "prd", MissingOverlay::Refused);
    assert_eq!(line(&typo), ("missing-overlay", "did you mean `--env=prod`?".to_owned()));
    let prod = load(&base, "prod", MissingOverlay::Refused).system.unwrap();
    assert_eq!(prod.overlay.unwrap(), prod.dir.join("starsystem.prod.yaml"));
    assert_eq!(ss_config::environments(&base), ["prod", "staging"]);
    assert_eq!(line(&load(&base, "../prod", MissingOverlay::Allowed)).0, "bad-environment");
    assert_eq!(line(&load(folder.path(), "prod", MissingOverlay::Allowed)).0, "unreadable-file");
    assert_eq!(ss_config::overlay_path(Path::new("x/my-system.yml"), "a"), Path::new("x/my-system.a.yml"));
}

#[test]
fn files_must_be_configurations() {
    assert_eq!(
        findings(""),
        ["starsystem.yaml:1:1: error: `starsystem.yaml` must be a map with `services:` in it [wrong-type]"]
    );
    assert_eq!(
        findings("- a"),
        ["starsystem.yaml:1:1: error: `starsystem.yaml` must be a map with `services:` in it [wrong-type]"]
    );
    assert_eq!(
        findings("name: x"),
        ["starsystem.yaml:1:1: error: the file has no `services` [missing-services]"]
    );
    assert!(findings("services:\n").is_empty());
    assert!(findings_of("services: {}", Some("")).is_empty());
    // Both files' errors at once.
    let lines = findings_of("services: [", Some("a: 1\n---\n"));
    assert_eq!(lines.len(), 2, "{lines:#?}");
}

#[test]
fn plugins_say_where_they_come_from() {
    let base = "services: {}\nplugins:\n  neon: {version: 1.10, endpoint: 'http://127.0.0.1:9'}\n  acme/tunnel: {version: '>=1, <3', registry: acme}\n  greeter: {path: greeter.wasm}\n  fly:\n";
    let (system, findings) = system(base, None);
    assert!(findings.is_empty(), "{findings:?}");
    let shown: Vec<_> = system
        .plugins
        .iter()
        .map(|plugin| {
            let version = plugin.version.as_ref().map(|version| version.value.to_string());
            (plugin.name.value.as_str(), plugin.provider(), version.unwrap_or_default())
        })
        .collect();
    assert_eq!(
        shown,
        [
            ("neon", "neon", "^1.10".to_owned()),
            ("acme/tunnel", "tunnel", ">=1, <3".to_owned()),
            ("greeter", "greeter", String::new()),
            ("fly", "fly", String::new()),
        ]
    );
}

#[test]
fn plugins_that_cannot_be_meant_are_errors() {
    let base = "services: {}\nplugins:\n  Neon: {}\n  a/b/c: {}\n  ../x: {}\n  fly: {version: newest}\n  tunnel: {path: t.wasm, version: '1', registry: acme}\n  acme/tunnel: {registry: acme}\n";
    assert_eq!(
        findings(base),
        [
            "starsystem.yaml:3:3: error: `Neon` is no name for a plugin [bad-name]",
            "starsystem.yaml:4:3: error: `a/b/c` is no name for a plugin [bad-name]",
            "starsystem.yaml:5:3: error: `../x` is no name for a plugin [bad-name]",
            "starsystem.yaml:6:18: error: `plugins.fly.version` is no version requirement: unexpected character 'n' while parsing major version number [bad-version]",
            "starsystem.yaml:7:35: error: `plugins.tunnel` has both `path` and `version` [path-and-registry]",
            "starsystem.yaml:7:50: error: `plugins.tunnel` has both `path` and `registry` [path-and-registry]",
            "starsystem.yaml:8:3: error: two plugins are to be the provider `tunnel` [duplicate-provider]",
        ]
    );
}

#[test]
fn an_environment_is_protected_by_name() {
    let protected = |base: &str, overlay: Option<&str>| system(base, overlay).0.protected;
    assert!(protected("services: {}\nenvironments: {prod: {protected: true}}\n", None));
    assert!(!protected("services: {}\nenvironments: {prod: {protected: false}, dev:}\n", None));
    assert!(!protected("services: {}\nenvironments: {live: {protected: true}}\n", None));
    assert!(protected("services: {}\n", Some("environments: {prod: {protected: true}}\n")));
    assert_eq!(
        findings("services: {}\nenvironments: {prod: {protected: yes, protect: 1}, a b: {}, c: 1}\n"),
        [
            "starsystem.yaml:2:34: error: `environments.prod.protected` must be `true` or `false` [wrong-type]",
            "starsystem.yaml:2:52: error: `a b` is no name for an environment [bad-name]",
            "starsystem.yaml:2:64: error: `environments.c` must be a map [wrong-type]",
            "starsystem.yaml:2:39: warning: `environments.prod` has the key `protect`, which has no meaning here [unknown-key]",
        ]
    );
}

#[test]
fn what_files_declare_does_not_change_with_states_comments_or_order_of_files() {
    let base = "services:\n  a: {type: x, provision: {plan: free}}\n  b: {type: y}\n";
    let declared = |base: &str, overlay: Option<&str>| system(base, overlay).0.declared();
    let first = declared(base, Some("environment: prod\n"));
    let later = "environment: prod # now with states\nservices:\n  a: {provision: {_state: {resourceId: r}}}\n  b: {provision: {_state: {resourceId: s}}}\n";
    assert_eq!(declared(base, Some(later)), first);
    assert_ne!(declared(&base.replace("free", "paid"), Some("environment: prod\n")), first);
    assert_ne!(
        declared(&format!("{base}plugins: {{neon: {{endpoint: e}}}}\n"), Some("environment: prod\n")),
        first
    );
}
