//! What a system pins, who has approved it, and what happens when it asks for more.

use insta::assert_snapshot;
use ss_registry::{Registry, embed_manifest, inspect};

use crate::environment::processes_below;
use crate::{Output, TestEnvironment};

const LOCK: &str = "starsystem.lock";
const FILE: &str = "starsystem.yaml";
const COMPONENT: &str = "parts/local-process.wasm";

/// The component of a built-in plugin with its manifest's text changed: what its developer may build.
pub fn rebuilt(provider: &str, edit: impl Fn(&str) -> String) -> Vec<u8> {
    let registry = Registry::official();
    let name = ss_registry::PluginName::official(provider).unwrap();
    let release = registry.load(&name, &registry.newest(&name).unwrap()).unwrap();
    let bytes = release.component().bytes().unwrap();
    let manifest = inspect(&bytes).unwrap().manifest.to_owned();
    // The manifest is the last section: its id, its size in LEB128, the name with its length, the text.
    let body = 1 + ss_registry::MANIFEST_SECTION.len() + manifest.len();
    let size = (1..).find(|digits| body < 1 << (7 * digits)).unwrap();
    let bare = &bytes[..bytes.len() - body - size - 1];
    embed_manifest(bare, &edit(&manifest)).unwrap()
}

/// A system of one process, whose provider is a file under development.
fn developed() -> TestEnvironment {
    let environment = TestEnvironment::warm();
    environment.write(
        FILE,
        "name: developed\nservices:\n  web:\n    type: process\n    command: sleep 600\nplugins:\n  local-process:\n    path: parts/local-process.wasm\n",
    );
    build(&environment, str::to_owned);
    environment
}

fn build(environment: &TestEnvironment, edit: impl Fn(&str) -> String) {
    environment.write_bytes(COMPONENT, &rebuilt("local-process", edit));
}

/// The digest that a command without a terminal says it would approve.
pub fn digest_in(output: &Output) -> String {
    let line = output.raw.lines().find_map(|line| line.strip_prefix("digest of all this: "));
    line.unwrap_or_else(|| panic!("no digest in {}", output.raw)).to_owned()
}

/// Approves what is there, as CI does: by the digest that a person has seen.
pub fn approve(environment: &TestEnvironment, arguments: &[&str]) -> Output {
    let command = [&["plugin", "approve"], arguments].concat();
    let refused = environment.run(&command);
    assert_eq!(refused.code, 4, "{}", refused.raw);
    let digest = digest_in(&refused);
    environment.succeed(&[&command[..], &["--expect", &digest]].concat())
}

#[test]
fn a_plugin_under_development_waits_for_approval_and_is_marked_wherever_it_shows() {
    let environment = developed();
    let refused = environment.run(&["provision"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (4, ""));
    assert_snapshot!(refused.notes(), @"
    error: `dev/local-process` 0.1.0 is under development, and nobody approved it on this machine
      + may run the command that a service names
      + may request the URLs that option `health_check` names
      + may read the files that option `generate_config.template` names
      + may replace the files that option `generate_config.output` names
    hint: `ss plugin approve local-process` shows what it may do and asks you; nothing of it runs before
    ");
    assert!(!environment.project().join(LOCK).exists() && processes_below(environment.root()).is_empty());

    let asked = environment.run(&["plugin", "approve"]);
    assert_eq!(asked.code, 4);
    let digest = digest_in(&asked);
    assert_snapshot!(asked.stdout.replace(&digest, "<digest>"), @"
    `local-process` from `parts/local-process.wasm`, under development: unsigned
      + may run the command that a service names
      + may request the URLs that option `health_check` names
      + may read the files that option `generate_config.template` names
      + may replace the files that option `generate_config.output` names
    digest of all this: <digest>
    ");
    assert_snapshot!(asked.notes().replace(&digest, "<digest>"), @"
    error: nobody can be asked here, and nothing is approved without
    hint: run `ss plugin approve` in a terminal
    hint: in CI, give the digest that a person has approved: `ss plugin approve --expect <digest>`
    ");
    let wrong = environment.run(&["plugin", "approve", "--expect", "sha256:00"]);
    assert_eq!(wrong.code, 4);
    assert!(!environment.project().join(LOCK).exists());

    environment.succeed(&["plugin", "approve", "--expect", &digest]);
    assert_snapshot!(environment.read(LOCK), @r#"
    # Written by `ss`. Commit it: it pins every plugin and what each may do.

    version = 1

    [[development]]
    name = "dev/local-process"
    path = "parts/local-process.wasm"

    [development.granted.process]
    service-command = true
    probe-options = ["health_check"]

    [development.granted.files]
    read-options = ["generate_config.template"]
    write-options = ["generate_config.output"]
    "#);
    let plan = environment.succeed(&["provision", "--dry-run"]);
    assert!(plan.stdout.contains("+ web (local-process, under development, unsigned)"), "{}", plan.stdout);
    environment.succeed(&["provision", "--locked"]);
    let list = environment.succeed(&["plugin", "list"]);
    assert!(
        list.stdout.starts_with(
            "local-process  `parts/local-process.wasm`, under development, unsigned  approved\n"
        ),
        "{}",
        list.stdout
    );

    // A new build that asks for the same runs as it is; one that asks for more waits again.
    build(&environment, |manifest| manifest.replace("version = \"0.1.0\"", "version = \"0.1.1\""));
    environment.succeed(&["provision"]);
    let before = environment.read(LOCK);
    build(&environment, |manifest| {
        format!("{manifest}\n[[authority.vault.read]]\nkey = \"providers:neon/api_key\"\n")
    });
    let grown = environment.run(&["provision"]);
    assert_eq!(grown.code, 4);
    assert_snapshot!(grown.notes(), @"
    error: `dev/local-process` asks for more than `starsystem.lock` grants it
      + may use vault key `providers:neon/api_key`, sealed
    hint: `ss plugin approve local-process` shows what it may do and asks you; nothing of it runs before
    ");
    assert_eq!(environment.read(LOCK), before);
    approve(&environment, &["local-process"]);
    environment.succeed(&["provision"]);
}

#[test]
fn a_plugin_under_development_stays_out_of_protected_environments() {
    let environment = developed();
    approve(&environment, &[]);
    let file = environment.read(FILE);
    environment.write(FILE, &format!("{file}environments:\n  prod:\n    protected: true\n"));
    environment.write("starsystem.prod.yaml", "environment: prod\n");
    environment.succeed(&["provision", "--dry-run"]);
    let refused = environment.run(&["provision", "--env=prod"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert_snapshot!(refused.notes(), @"
    error: `dev/local-process` is under development, and the environment `prod` is protected
    hint: publish `local-process` and pin its release: `ss plugin publish`, then `ss plugin add <namespace>/local-process`
    ");

    // The policy of the machine protects what a repository does not.
    std::fs::write(
        environment.ss_home().join("policy.toml"),
        "version = 1\n[environments]\nprotected = [\"loc*\"]\n[[allow]]\nplugins = [\"*\"]\n",
    )
    .unwrap();
    let refused = environment.run(&["provision"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("the environment `local` is protected"), "{}", refused.stderr);
    assert_eq!(environment.run(&["plugin", "approve", "local-process"]).code, 1);
}

#[test]
fn a_plugin_under_development_is_approved_on_this_machine_and_at_its_path() {
    let environment = developed();
    approve(&environment, &[]);
    environment.succeed(&["provision", "--dry-run"]);
    let file = environment.read(FILE);
    environment.write_bytes("parts/other.wasm", &rebuilt("local-process", str::to_owned));
    environment.write(FILE, &file.replace(COMPONENT, "parts/other.wasm"));
    assert_eq!(environment.run(&["provision", "--dry-run"]).code, 4);
    environment.write(FILE, &file);
    std::fs::remove_file(environment.ss_home().join("approvals.toml")).unwrap();
    let refused = environment.run(&["provision", "--dry-run"]);
    assert_eq!(refused.code, 4);
    assert!(refused.stderr.contains("what nobody approved on this machine"), "{}", refused.stderr);
}

#[test]
fn the_ceiling_of_the_machine_holds_whatever_was_approved() {
    let environment = developed();
    approve(&environment, &[]);
    let policy = environment.ss_home().join("policy.toml");
    std::fs::write(&policy, "version = 1\n[[allow]]\nplugins = [\"official/*\"]\n").unwrap();
    let refused = environment.run(&["provision"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert_snapshot!(refused.notes(), @"
    error: the policy of this machine (`$ENV/home/.starsystem/policy.toml`) does not allow `dev/local-process`: no rule names it
    hint: ask whoever keeps that file; `ss plugin approve` cannot go beyond it
    ");
    std::fs::write(&policy, "version = 1\n[[allow]]\nplugins = [\"dev/*\"]\ncapabilities = [\"files\"]\n")
        .unwrap();
    let refused = environment.run(&["provision"]);
    assert!(refused.stderr.contains("it may not hold `process`"), "{}", refused.stderr);
    std::fs::write(&policy, "version = 1\nallow = 1\n").unwrap();
    let broken = environment.run(&["provision"]);
    assert_eq!(broken.code, 1);
    assert!(broken.stderr.contains("no plugin is allowed until it is corrected"), "{}", broken.stderr);
}

#[test]
fn a_file_that_cannot_be_the_plugin_is_refused() {
    let environment = developed();
    let run = || environment.run(&["provision"]);
    let said = |needle: &str| {
        let output = run();
        assert_eq!((output.code, output.stdout.as_str()), (1, ""), "{}", output.raw);
        assert!(output.stderr.contains(needle), "{}", output.stderr);
    };
    build(&environment, |manifest| manifest.replace("name = \"local-process\"", "name = \"other\""));
    said("is the plugin `other`, and `plugins:` calls it `local-process`");
    environment.write(COMPONENT, "no component");
    said("cannot be the plugin `dev/local-process`");
    std::fs::remove_file(environment.project().join(COMPONENT)).unwrap();
    said("there is no such file");
}

#[test]
fn a_pin_of_a_plugin_that_does_not_exist_is_named() {
    let environment = TestEnvironment::warm();
    environment.write(FILE, "name: p\nservices:\n  web:\n    type: process\n    command: sleep 600\n");
    environment.succeed(&["provision"]);
    let lock = environment.read(LOCK);
    let renamed = lock.replace("official/local-process", "official/local-procses");
    environment.write(LOCK, &renamed);
    let refused = environment.run(&["provision"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert_snapshot!(refused.notes(), @"
    error: `starsystem.lock` pins `official/local-procses`, and there is no such plugin
    hint: correct its name in the lock; `ss plugin remove local-procses` takes it out
    ");
    assert_eq!(environment.run(&["provision", "--locked"]).code, 1);
    assert_eq!(environment.read(LOCK), renamed, "it is not pinned anew beside the wrong pin");
    // The name of another plugin that exists: it is not the release that the pin says.
    environment.write(LOCK, &lock.replace("official/local-process", "official/neon"));
    let refused = environment.run(&["provision"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("pins `official/neon` with digest"), "{}", refused.stderr);
    // One that only another environment's overlay may name is worth a warning.
    environment.write(LOCK, &lock.replace("official/local-process", "acme/tunnel"));
    let warned = environment.run(&["provision", "--dry-run"]);
    assert_eq!(warned.code, 0, "{}", warned.raw);
    assert!(
        warned.stderr.contains("pins `acme/tunnel`, which `plugins:` does not name"),
        "{}",
        warned.stderr
    );
    environment.succeed(&["plugin", "remove", "acme/tunnel"]);
    assert!(!environment.read(LOCK).contains("tunnel"));
}

#[test]
fn an_endpoint_in_the_file_needs_approval_and_stands_in_the_lock() {
    let environment = TestEnvironment::warm();
    let file = |endpoint: &str| {
        format!(
            "name: p\nservices:\n  db:\n    type: database\n    provision: {{ provider: neon }}\nplugins:\n  neon:\n    endpoint: {endpoint}\n"
        )
    };
    environment.write(FILE, &file("http://127.0.0.1:9"));
    let here = environment.run(&["validate"]);
    assert_eq!(here.code, 0, "{}", here.raw);
    environment.write(FILE, &file("https://proxy.example.com"));
    let refused = environment.run(&["validate"]);
    assert_eq!(refused.code, 4);
    assert_snapshot!(refused.notes(), @"
    error: the configuration sends the requests of `official/neon` to `https://proxy.example.com`, which nobody approved on this machine
    hint: `ss plugin approve neon` shows what it may do and asks you; nothing of it runs before
    ");
    approve(&environment, &[]);
    assert!(environment.read(LOCK).contains("endpoint = \"https://proxy.example.com\""));
    environment.succeed(&["validate"]);
    environment.write(FILE, &file("https://evil.example.com"));
    assert_eq!(environment.run(&["validate"]).code, 4);
    // The word of the operator needs nobody's approval.
    let mut environment = environment;
    environment.set("STARSYSTEM_ENDPOINT_NEON", "http://127.0.0.1:9");
    environment.succeed(&["validate"]);
}

#[test]
fn templates_read_provider_keys_only_from_files_that_were_approved() {
    let environment = TestEnvironment::warm();
    let file = |command: &str| {
        format!(
            "name: p\nservices:\n  web:\n    type: process\n    command: {command}\n    env:\n      KEY: \"{{{{ vault('neon.api_key') }}}}\"\n"
        )
    };
    environment.write(FILE, &file("sleep 600"));
    environment.succeed(&["vault", "set-key", "neon", "api_key", "napi_canary"]);
    let refused = environment.run(&["provision"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (4, ""));
    assert_snapshot!(refused.notes(), @"
    error: templates of this system read provider keys, which nobody approved on this machine
      `services.web.env.KEY` may read `neon.api_key` from the vault (starsystem.yaml:7:13)
    hint: `ss plugin approve` shows what the files want and asks you; every later edit of them needs it again
    hint: or store the value under a name of its own, with `ss vault set secrets.<NAME>`, and use that
    ");
    assert!(processes_below(environment.root()).is_empty());

    approve(&environment, &[]);
    environment.succeed(&["provision"]);
    let pid = processes_below(environment.root())[0];
    let variables = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
    let handed = variables.split(|byte| *byte == 0).any(|variable| variable == b"KEY=napi_canary");
    assert!(handed, "the process has the key");
    environment.succeed(&["provision"]);

    // An edit of anything in the files needs the approval again.
    environment.write(FILE, &file("sleep 601"));
    assert_eq!(environment.run(&["provision"]).code, 4);
}

#[test]
fn a_denied_request_shows_the_line_and_the_command_that_allow_it() {
    let rehearsal = crate::rehearsal::Rehearsal::new(crate::rehearsal::immediate());
    let environment = &rehearsal.environment;
    assert_eq!(rehearsal.provision(&["--dry-run"]).code, 0);
    environment.succeed(&["provision", "--env=prod", "--service=app-db"]);
    environment.succeed(&["plugin", "list", "--env=prod"]);
    // Somebody has taken the right to read projects out of the lock.
    let lock = environment.read(LOCK);
    let start = lock
        .find("[[plugin.granted.http]]\norigin = \"https://console.neon.tech\"\npath = \"/api/v2/projects/\"")
        .unwrap();
    let end = start + lock[start + 1..].find("\n[").unwrap() + 2;
    environment.write(LOCK, &format!("{}{}", &lock[..start], &lock[end..]));
    let denied = rehearsal.provision(&["--service=app-db"]);
    assert_eq!(denied.code, 1, "{}", denied.raw);
    assert!(
        denied.raw.contains("this path is not granted") && denied.raw.contains("this line would allow it:"),
        "{}",
        denied.raw
    );
    assert!(denied.raw.contains("path = \"/api/v2/projects/"), "{}", denied.raw);
    assert!(denied.raw.contains("`ss plugin approve neon`"), "{}", denied.raw);
    // And that command does.
    approve(environment, &["neon", "--env=prod"]);
    assert_eq!(environment.read(LOCK), lock);
    assert_eq!(rehearsal.provision(&["--service=app-db"]).code, 0);
}
