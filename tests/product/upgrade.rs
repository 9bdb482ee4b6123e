//! A plugin of another registry, from its first use to an upgrade that asks for more, with the real
//! commands of both sides: who publishes and who pins.

use insta::assert_snapshot;

use crate::environment::{not_run, processes_below};
use crate::pins::{approve, digest_in, rebuilt};
use crate::{Output, TestEnvironment};

const LOCK: &str = "starsystem.lock";
const FILE: &str = "starsystem.yaml";
/// What a version reads from the vault.
const ONE_KEY: &str = "\n[[authority.vault.read]]\nkey = \"providers:local-process/one\"\n";
const TWO_KEYS: &str = "\n[[authority.vault.read]]\nkey = \"providers:local-process/one\"\n\n[[authority.vault.read]]\nkey = \"providers:local-process/two\"\n";

/// A company with a registry and a project that uses it.
struct Company {
    environment: TestEnvironment,
    fingerprint: String,
}

impl Company {
    /// With one release, `acme/local-process` 0.1.0, which reads one key; the machine knows the registry.
    fn new() -> Self {
        let environment = TestEnvironment::warm();
        environment.succeed(&["registry", "init", "registry", "--keys", "private", "--namespace", "acme"]);
        let root = std::fs::read(environment.project().join("registry/root/1.root.json")).unwrap();
        let company = Self { environment, fingerprint: ss_registry::Digest::of(&root).to_string() };
        company.publish("0.1.0", ONE_KEY);
        company.know();
        company
            .environment
            .write(FILE, "name: company\nservices:\n  web:\n    type: process\n    command: sleep 600\n");
        company
    }

    fn url(&self) -> String {
        format!("file://{}", self.environment.project().join("registry").display())
    }

    /// Makes the registry known to this machine.
    fn know(&self) {
        let url = self.url();
        self.environment.succeed(&[
            "registry",
            "add",
            &url,
            "--name",
            "acme",
            "--root-sha256",
            &self.fingerprint,
        ]);
    }

    fn publish(&self, version: &str, authority: &str) {
        let component = rebuilt("local-process", |manifest| {
            manifest.replace("version = \"0.1.0\"", &format!("version = \"{version}\"")) + authority
        });
        self.environment.write_bytes("built.wasm", &component);
        self.environment.succeed(&[
            "plugin",
            "publish",
            "built.wasm",
            "--to",
            "registry",
            "--key",
            "private/acme.seed",
        ]);
    }

    /// Pins the newest release, as a person would.
    fn add(&self) -> Output {
        let add = ["plugin", "add", "acme/local-process"];
        let refused = self.environment.run(&add);
        assert_eq!(refused.code, 4, "{}", refused.raw);
        let digest = digest_in(&refused);
        self.environment.succeed(&[&add[..], &["--expect", &digest]].concat())
    }
}

#[test]
fn a_plugin_of_another_registry_is_shown_approved_pinned_and_used() {
    let company = Company::new();
    let environment = &company.environment;
    let before = environment.read(FILE);
    let refused = environment.run(&["plugin", "add", "acme/local-process"]);
    assert_eq!(refused.code, 4);
    assert!(
        refused.stdout.contains("+ may use vault key `providers:local-process/one`, sealed"),
        "{}",
        refused.raw
    );
    assert!(
        refused.stdout.contains("signed by ed25519 ") && refused.stdout.contains(", published 20"),
        "{}",
        refused.raw
    );
    assert_eq!(environment.read(FILE), before, "nothing is written before it is approved");
    assert!(!environment.project().join(LOCK).exists());

    company.add();
    assert_eq!(
        environment.read(FILE),
        format!("{before}plugins:\n  acme/local-process:\n    version: \"^0.1.0\"\n    registry: \"acme\"\n")
    );
    let lock = environment.read(LOCK);
    for line in [
        "[registries.acme]",
        "name = \"acme/local-process\"",
        "requirement = \"^0.1.0\"",
        "kind = \"ed25519\"",
    ] {
        assert!(lock.contains(line), "{line}: {lock}");
    }
    assert!(lock.contains(&format!("root_sha256 = \"{}\"", company.fingerprint)), "{lock}");
    environment.succeed(&["provision"]);
    assert!(!processes_below(environment.root()).is_empty());
    let verified = environment.succeed(&["plugin", "verify"]);
    assert!(verified.stdout.starts_with("✓ acme/local-process 0.1.0 sha256:"), "{}", verified.stdout);
    let audited = environment.succeed(&["plugin", "audit"]);
    assert!(audited.stdout.contains("1 plugins, nothing to object to"), "{}", audited.stdout);

    environment.succeed(&["plugin", "remove", "acme/local-process"]);
    assert_eq!(environment.read(FILE), before);
    assert!(!environment.read(LOCK).contains("acme"));
}

#[test]
fn an_upgrade_that_reads_a_second_key_stops_until_it_is_approved() {
    let company = Company::new();
    let environment = &company.environment;
    company.add();
    environment.succeed(&["provision"]);
    let lock = environment.read(LOCK);
    company.publish("0.1.1", TWO_KEYS);

    environment.succeed(&["provision", "--locked"]);
    let refused = environment.run(&["plugin", "update"]);
    assert_eq!(refused.code, 4);
    assert_snapshot!(refused.notes(), @"
    error: `acme/local-process` 0.1.1 asks for more than `starsystem.lock` grants 0.1.0
      + may use vault key `providers:local-process/two`, sealed
    hint: `ss plugin approve acme/local-process@0.1.1` shows what it may do and asks you; nothing of it runs before
    ");
    assert_eq!(environment.read(LOCK), lock, "the pin stays as it is");
    let json = environment.run(&["plugin", "update", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    assert_eq!((json.code, &document["plugins"][0]["needsApproval"]), (4, &true.into()));

    approve(environment, &["acme/local-process@0.1.1"]);
    let lock = environment.read(LOCK);
    assert!(lock.contains("version = \"0.1.1\"") && lock.contains("providers:local-process/two"), "{lock}");
    environment.succeed(&["provision"]);
    let journals = journals(environment);
    assert!(journals.contains("may use vault key `providers:local-process/two`, sealed"), "{journals}");

    // A version that asks for nothing new needs nobody; what it no longer asks for is gone.
    company.publish("0.1.2", ONE_KEY);
    environment.succeed(&["plugin", "update"]);
    let lock = environment.read(LOCK);
    assert!(lock.contains("version = \"0.1.2\"") && !lock.contains("/two"), "{lock}");
    environment.succeed(&["provision", "--locked"]);
}

#[test]
fn a_part_of_what_is_asked_for_can_be_approved() {
    let company = Company::new();
    let environment = &company.environment;
    company.add();
    let request =
        "\n[[authority.http]]\norigin = \"https://api.acme.example\"\npath = \"/v1/\"\nmethods = [\"GET\"]\n";
    company.publish("0.1.1", &format!("{TWO_KEYS}{request}"));

    let part = ["acme/local-process@0.1.1", "--only", "http"];
    let asked = environment.run(&[&["plugin", "approve"], &part[..]].concat());
    let gained: Vec<&str> = asked.stdout.lines().filter(|line| line.starts_with("  +")).collect();
    assert_eq!(gained, ["  + may send GET https://api.acme.example/v1/…"], "{}", asked.raw);
    approve(environment, &part);
    let lock = environment.read(LOCK);
    for (text, granted) in [("0.1.1", true), ("api.acme.example", true), ("/one", true), ("/two", false)] {
        assert_eq!(lock.contains(text), granted, "{text}: {lock}");
    }
    environment.succeed(&["provision", "--locked"]);
    let unknown = environment.run(&["plugin", "approve", "acme/local-process", "--only", "root"]);
    assert_eq!(unknown.code, 2);
    assert!(unknown.stderr.contains("it is none of http, vault-read"), "{}", unknown.raw);

    approve(environment, &["acme/local-process"]);
    assert!(environment.read(LOCK).contains("/two"));
}

/// Everything that the journals of this home say.
fn journals(environment: &TestEnvironment) -> String {
    let mut folders = vec![environment.ss_home().join("runs")];
    let mut text = String::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                text.push_str(&String::from_utf8_lossy(&std::fs::read(entry.path()).unwrap()));
            }
        }
    }
    text
}

#[test]
fn a_cloned_lock_counts_only_after_a_local_approval() {
    let company = Company::new();
    let author = &company.environment;
    company.add();
    // Another machine of the same people: the same registry is known, nothing is approved.
    std::fs::remove_file(author.ss_home().join("approvals.toml")).unwrap();
    let lock = author.read(LOCK);
    let refused = author.run(&["provision", "--locked"]);
    assert_eq!((refused.code, refused.stdout.as_str()), (4, ""));
    assert!(
        refused.stderr.contains("grants `acme/local-process` what nobody approved"),
        "{}",
        refused.stderr
    );
    assert!(refused.stderr.contains("+ may run the command that a service names"), "{}", refused.stderr);

    // CI gives the digest that a person has seen; another one approves nothing.
    let asked = author.run(&["plugin", "approve"]);
    let digest = digest_in(&asked);
    assert!(asked.stdout.contains("the registry `acme` at file://"), "{}", asked.stdout);
    author.write(
        LOCK,
        &lock.replace("service-command = true", "service-command = true\ncommands = [\"sh -c\"]"),
    );
    let changed = author.run(&["plugin", "approve", "--expect", &digest]);
    assert_eq!(changed.code, 4);
    assert!(changed.stderr.contains("--expect names"), "{}", changed.stderr);
    author.write(LOCK, &lock);
    author.succeed(&["plugin", "approve", "--expect", &digest]);
    author.succeed(&["provision", "--locked"]);
    assert_eq!(author.read(LOCK), lock);
}

#[test]
fn a_lock_of_an_unknown_registry_says_how_to_know_it() {
    let company = Company::new();
    let environment = &company.environment;
    company.add();
    environment.succeed(&["registry", "remove", "acme"]);
    let refused = environment.run(&["provision"]);
    assert_eq!(refused.code, 4);
    assert!(
        refused.stderr.contains(&format!("--name acme --root-sha256 {}", company.fingerprint)),
        "{}",
        refused.stderr
    );
    // Another registry under that name is not the one that the lock means.
    environment.succeed(&["registry", "init", "other", "--keys", "others", "--namespace", "acme"]);
    let root = std::fs::read(environment.project().join("other/root/1.root.json")).unwrap();
    let fingerprint = ss_registry::Digest::of(&root).to_string();
    let url = format!("file://{}", environment.project().join("other").display());
    environment.succeed(&["registry", "add", &url, "--name", "acme", "--root-sha256", &fingerprint]);
    let refused = environment.run(&["provision"]);
    assert_eq!(refused.code, 1);
    assert!(refused.stderr.contains("find out which of them is right"), "{}", refused.stderr);
}

#[test]
fn audit_names_what_was_taken_back_and_what_is_granted_too_much() {
    let company = Company::new();
    let environment = &company.environment;
    company.add();
    let lock = environment.read(LOCK);
    environment.write(
        LOCK,
        &lock.replace("service-command = true", "service-command = true\ncommands = [\"sh -c\"]"),
    );
    environment.succeed(&[
        "plugin",
        "yank",
        "acme/local-process",
        "0.1.0",
        "--to",
        "registry",
        "--key",
        "private/acme.seed",
        "--reason",
        "it leaks",
    ]);
    let policy = "version = 1\n[[allow]]\nplugins = [\"acme/*\"]\nsigners = [\"0000000000000000000000000000000000000000000000000000000000000000\"]\n";
    std::fs::write(environment.ss_home().join("policy.toml"), policy).unwrap();
    let audited = environment.run(&["plugin", "audit"]);
    assert_eq!(audited.code, 1);
    for finding in [
        "0.1.0 yanked: it leaks",
        "over-granted: the lock grants what it does not ask for: may run `sh -c …`",
        "forbidden: the policy of this machine",
    ] {
        assert!(audited.stdout.contains(finding), "{finding}: {}", audited.stdout);
    }
    let document: serde_json::Value =
        serde_json::from_str(&environment.run(&["plugin", "audit", "--json"]).stdout).unwrap();
    assert_eq!(document["findings"].as_array().unwrap().len(), 3, "{document}");
}

#[test]
fn vendored_plugins_serve_where_the_registry_is_gone() {
    let company = Company::new();
    let environment = &company.environment;
    company.add();
    environment.succeed(&["plugin", "vendor", "vendor"]);
    environment.succeed(&["registry", "remove", "acme"]);
    std::fs::rename(environment.project().join("registry"), environment.project().join("gone")).unwrap();
    let url = format!("file://{}", environment.project().join("vendor/acme").display());
    environment.succeed(&["registry", "add", &url, "--name", "acme", "--root-sha256", &company.fingerprint]);
    environment.succeed(&["provision", "--locked"]);
    environment.succeed(&["plugin", "verify"]);
}

#[test]
fn a_locked_run_needs_no_network_and_writes_no_lock() {
    let probe =
        std::process::Command::new("unshare").args(["--user", "--map-root-user", "--net", "true"]).output();
    if !probe.is_ok_and(|output| output.status.success()) {
        return not_run("unshare --net", "util-linux, and a kernel that lets it");
    }
    let company = Company::new();
    let environment = &company.environment;
    company.add();
    environment.succeed(&["provision", "--dry-run"]);
    let lock = environment.read(LOCK);
    // Neither the registry nor any route is there.
    std::fs::rename(environment.project().join("registry"), environment.project().join("gone")).unwrap();
    for arguments in [
        &["provision", "--locked"][..],
        &["plugin", "verify"],
        &["plugin", "list"],
        &["plugin", "audit", "--offline"],
    ] {
        let ss = environment.command(arguments);
        let mut inside = std::process::Command::new("unshare");
        inside.args(["--user", "--map-root-user", "--net"]).arg(ss.get_program()).args(ss.get_args());
        inside.current_dir(environment.project()).env_clear();
        inside.envs(ss.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let output = environment.finish(&inside.output().unwrap());
        assert_eq!(output.code, 0, "{arguments:?}: {}", output.raw);
    }
    assert_eq!(environment.read(LOCK), lock);
}

#[test]
fn a_person_is_asked_on_a_terminal_and_only_yes_is_yes() {
    if std::process::Command::new("script").arg("--version").output().is_err() {
        return not_run("script", "bsdutils");
    }
    let company = Company::new();
    let environment = &company.environment;
    let ask = |answer: &str, ci: bool| {
        use std::io::Write as _;
        let ss = environment.command(&["plugin", "add", "acme/local-process"]);
        let mut terminal = std::process::Command::new("script");
        let line = format!("{} plugin add acme/local-process", ss.get_program().display());
        terminal.args(["-qec", &line, "/dev/null"]).current_dir(environment.project()).env_clear();
        terminal.envs(ss.get_envs().filter_map(|(name, value)| Some((name, value?))));
        if ci {
            terminal.env("CI", "true");
        }
        terminal.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
        let mut child = terminal.spawn().unwrap();
        child.stdin.take().unwrap().write_all(format!("{answer}\n").as_bytes()).unwrap();
        environment.finish(&child.wait_with_output().unwrap())
    };
    let refused = ask("no", false);
    assert_eq!(refused.code, 4, "{}", refused.raw);
    assert!(
        refused.raw.contains("Approve this? [y/N]") && refused.raw.contains("nothing was approved"),
        "{}",
        refused.raw
    );
    let in_ci = ask("y", true);
    assert_eq!(in_ci.code, 4, "{}", in_ci.raw);
    assert!(in_ci.raw.contains("nobody can be asked here"), "{}", in_ci.raw);
    // Enter is no yes, and a pipe is no person.
    assert_eq!(ask("", false).code, 4);
    let piped = environment.run_with_input(&["plugin", "add", "acme/local-process"], "y\n");
    assert_eq!(piped.code, 4, "{}", piped.raw);
    assert!(!environment.project().join(LOCK).exists());
    assert_eq!(ask("y", false).code, 0);
    environment.succeed(&["provision", "--dry-run"]);
}

#[test]
fn a_machine_that_is_new_is_shown_no_older_registry_than_the_lock_has_seen() {
    let company = Company::new();
    let environment = &company.environment;
    company.add();
    let (served, old) = (environment.project().join("registry"), environment.project().join("old"));
    let copied = std::process::Command::new("cp").arg("-r").args([&served, &old]).status().unwrap();
    assert!(copied.success());
    company.publish("0.1.1", ONE_KEY);
    environment.succeed(&["plugin", "update"]);
    environment.succeed(&["registry", "remove", "acme"]);
    std::fs::rename(&served, environment.project().join("new")).unwrap();
    std::fs::rename(&old, &served).unwrap();
    company.know();
    let refused = environment.run(&["provision"]);
    assert_eq!(refused.code, 1, "{}", refused.raw);
    assert!(refused.stderr.contains("somebody serves an old state"), "{}", refused.raw);
}

#[test]
fn a_file_does_not_choose_the_registry_of_a_namespace() {
    let company = Company::new();
    let environment = &company.environment;
    company.add();
    let file = environment.read(FILE).replace("registry: \"acme\"", "registry: \"other\"");
    environment.write(FILE, &file);
    let refused = environment.run(&["provision"]);
    assert_eq!(refused.code, 1, "{}", refused.raw);
    assert!(refused.stderr.contains("expects the registry `other`"), "{}", refused.raw);
}
