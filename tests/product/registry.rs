//! Running a registry and using one, as its two people meet it: the author and who trusts the author.

use std::path::PathBuf;

use crate::TestEnvironment;

/// A component that is a plugin: one of the built-in ones, published anew by somebody else.
fn component() -> PathBuf {
    let index = concat!(env!("CARGO_MANIFEST_DIR"), "/../../registry-index");
    let line =
        std::fs::read_to_string(format!("{index}/index/lo/ca/official/local-process")).expect("an index");
    let line: serde_json::Value = serde_json::from_str(line.lines().last().expect("a line")).expect("JSON");
    let location = line["locations"][0].as_str().expect("a location");
    PathBuf::from(index).join(location)
}

/// A registry in `plugins/` of the project, its keys in `private/`, and its fingerprint.
fn registry() -> (TestEnvironment, String) {
    let environment = TestEnvironment::new();
    let output = environment.run(&[
        "registry",
        "init",
        "plugins",
        "--keys",
        "private",
        "--namespace",
        "acme",
        "--json",
    ]);
    assert_eq!(output.code, 0, "{}", output.raw);
    let raw = std::fs::read(environment.project().join("plugins/root/1.root.json")).expect("a root");
    (environment, ss_registry::Digest::of(&raw).to_string())
}

fn publish(environment: &TestEnvironment) -> crate::Output {
    let component = component();
    let component = component.to_str().expect("text");
    environment.run(&["plugin", "publish", component, "--to", "plugins", "--key", "private/acme.seed"])
}

#[test]
fn a_company_runs_a_registry_and_a_machine_uses_it() {
    let (environment, root) = registry();
    let published = publish(&environment);
    assert_eq!(published.code, 0, "{}", published.raw);
    assert!(
        published.stdout.contains("✓ acme/local-process 0.1.0 published to plugins"),
        "{}",
        published.raw
    );
    assert!(publish(&environment).stdout.contains("is published already"));

    // Nobody has said what its fingerprint is.
    let url = format!("file://{}", environment.project().join("plugins").display());
    let refused = environment.run(&["registry", "add", &url]);
    assert_eq!(refused.code, 4, "{}", refused.raw);
    assert!(refused.raw.contains(&root) && refused.stderr.contains("--root-sha256"), "{}", refused.raw);
    let wrong = root.replace(&root[7..12], if &root[7..12] == "00000" { "11111" } else { "00000" });
    let refused = environment.run(&["registry", "add", &url, "--root-sha256", &wrong]);
    assert_eq!(refused.code, 1, "{}", refused.raw);
    assert!(refused.stderr.contains("this is not the registry that was added"), "{}", refused.raw);

    let added = environment.run(&["registry", "add", &url, "--root-sha256", &root]);
    assert_eq!(added.code, 0, "{}", added.raw);
    assert!(
        added.stdout.starts_with("acme file://") && added.raw.contains("namespace   acme  signed by ed25519")
    );
    let again = environment.run(&["registry", "add", &url, "--root-sha256", &root]);
    assert_eq!(again.code, 1);
    assert!(again.stderr.contains("ss registry remove acme"), "{}", again.raw);

    let found = environment.run(&["plugin", "search", "PROCESS"]);
    assert!(found.stdout.contains("acme/local-process 0.1.0"), "{}", found.raw);
    assert!(
        found.stdout.contains("official/local-process") && !found.stdout.contains("neon"),
        "{}",
        found.raw
    );
    let info = environment.run(&["plugin", "info", "acme/local-process"]);
    assert_eq!(info.code, 0, "{}", info.raw);
    for says in [
        "signed by  ed25519 ",
        "digest     sha256:",
        "contract   starsystem:provisioner",
        "may run the command that a service names",
    ] {
        assert!(info.raw.contains(says), "{says}: {}", info.raw);
    }

    let yanked = environment.run(&[
        "plugin",
        "yank",
        "acme/local-process",
        "0.1.0",
        "--to",
        "plugins",
        "--key",
        "private/acme.seed",
        "--reason",
        "it leaks",
    ]);
    assert_eq!(yanked.code, 0, "{}", yanked.raw);
    let info = environment.run(&["plugin", "info", "acme/local-process", "--json"]);
    assert_eq!(info.code, 0, "{}", info.raw);
    let document: serde_json::Value = serde_json::from_str(&info.stdout).expect("JSON");
    assert_eq!(document["versions"][0]["mark"], "yanked");
    assert_eq!(document["versions"][0]["reason"], "it leaks");
    let undone = environment.run(&[
        "plugin",
        "yank",
        "acme/local-process",
        "0.1.0",
        "--to",
        "plugins",
        "--key",
        "private/acme.seed",
        "--undo",
    ]);
    assert_eq!(undone.code, 0, "{}", undone.raw);

    let listed = environment.run(&["registry", "list"]);
    assert!(listed.raw.contains(&root) && listed.stdout.contains("official embedded"), "{}", listed.raw);
    assert_eq!(environment.run(&["registry", "remove", "acme"]).code, 0);
    assert_eq!(environment.run(&["plugin", "info", "acme/local-process"]).code, 1);
}

#[test]
fn keys_stay_private_and_change_without_losing_anybody() {
    use std::os::unix::fs::PermissionsExt as _;
    let (environment, root) = registry();
    assert_eq!(publish(&environment).code, 0);
    for name in ["root", "targets", "snapshot", "timestamp", "acme"] {
        let file = environment.project().join(format!("private/{name}.seed"));
        let mode = std::fs::metadata(&file).expect("a key").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{name}");
    }
    let url = format!("file://{}", environment.project().join("plugins").display());
    assert_eq!(environment.run(&["registry", "add", &url, "--root-sha256", &root]).code, 0);
    for role in ["timestamp", "snapshot", "targets", "root"] {
        let rotated = environment.run(&["registry", "rotate", "plugins", role, "--registry-keys", "private"]);
        assert_eq!(rotated.code, 0, "{}", rotated.raw);
    }
    let secret = environment.read("private/timestamp.seed");
    let found = environment.run(&["plugin", "search", "acme"]);
    assert!(
        found.stdout.contains("acme/local-process 0.1.0") && !found.raw.contains("warning"),
        "{}",
        found.raw
    );
    assert!(!found.raw.contains(secret.trim()));

    let made = environment.run(&["plugin", "keygen", "private/second.seed"]);
    assert_eq!(made.code, 0, "{}", made.raw);
    assert!(!made.raw.contains(environment.read("private/second.seed").trim()), "a key is never shown");
    assert_eq!(environment.run(&["plugin", "keygen", "private/second.seed"]).code, 1);
    let delegated = environment.run(&[
        "registry",
        "delegate",
        "plugins",
        "beta",
        "--public-key",
        "private/second.pub",
        "--registry-keys",
        "private",
    ]);
    assert_eq!(delegated.code, 0, "{}", delegated.raw);
    // Without the registry's own keys nothing becomes current.
    let alone = environment.project().join("alone");
    std::fs::create_dir(&alone).expect("a folder");
    std::fs::copy(environment.project().join("private/second.seed"), alone.join("second.seed"))
        .expect("a copy");
    let component = component();
    let refused = environment.run(&[
        "plugin",
        "publish",
        component.to_str().expect("text"),
        "--to",
        "plugins",
        "--key",
        "alone/second.seed",
    ]);
    assert_eq!(refused.code, 1, "{}", refused.raw);
    assert!(refused.stderr.contains("--registry-keys"), "{}", refused.raw);
}
