//! `ss vault`: every documented spelling meets in one value, and a stock `age` opens it.

use std::process::Command;

use crate::TestEnvironment;

#[test]
fn every_spelling_of_a_provider_key_meets_in_one_value() {
    let writes: &[&[&str]] = &[
        &["vault", "set", "neon.api_token", "V"],
        &["vault", "set", "neon.api_key", "V"],
        &["vault", "set", "neon", "api_key", "V"],
        &["vault", "set", "neon", "token", "V"],
        &["vault", "set", "providers:neon", "api_key", "V"],
        &["vault", "set", "providers:neon.api_token", "V"],
        &["vault", "set-key", "neon", "api_key", "V"],
        &["vault", "set-key", "neon", "api_token", "V"],
    ];
    let reads: &[&[&str]] = &[
        &["vault", "get", "neon.api_token"],
        &["vault", "get", "neon.api_key"],
        &["vault", "get", "neon", "token"],
        &["vault", "get", "providers:neon", "api_key"],
        &["vault", "get", "providers:neon/api_key"],
    ];
    let environment = TestEnvironment::new();
    for (number, write) in writes.iter().enumerate() {
        let value = format!("value-{number}");
        let mut write = write.to_vec();
        *write.last_mut().unwrap() = &value;
        let written = environment.succeed(&write);
        assert!(!written.raw.contains(&value), "a write echoes the value");
        for read in reads {
            assert_eq!(environment.succeed(read).stdout, format!("{value}\n"), "{write:?} {read:?}");
        }
    }
    environment.succeed(&["vault", "rm", "neon.token"]);
    for read in reads {
        assert_eq!(environment.run(read).code, 1, "{read:?} after rm");
    }
}

#[test]
fn plain_namespaces_and_bare_keys_meet_too() {
    let environment = TestEnvironment::new();
    environment.succeed(&["vault", "set", "secrets", "CF_ZONE_ID", "zone"]);
    environment.succeed(&["vault", "set", "hosting", "acme_email", "me@example.com"]);
    environment.succeed(&["vault", "set", "SOME_TOKEN", "bare"]);
    environment.succeed(&["vault", "set", "--", "DASHED", "-v a.b c"]);
    for (read, value) in [
        (&["vault", "get", "secrets.CF_ZONE_ID"][..], "zone"),
        (&["vault", "get", "CF_ZONE_ID"], "zone"),
        (&["vault", "get", "hosting.acme_email"], "me@example.com"),
        (&["vault", "get", "hosting", "acme_email"], "me@example.com"),
        (&["vault", "get", "secrets", "SOME_TOKEN"], "bare"),
        (&["vault", "get", "DASHED"], "-v a.b c"),
    ] {
        assert_eq!(environment.succeed(read).stdout, format!("{value}\n"), "{read:?}");
    }
}

#[test]
fn options_behind_the_value_stay_options() {
    let environment = TestEnvironment::new();
    environment.write("starsystem.yaml", "name: app\nservices:\n  db:\n    type: database\n");
    let written = environment.succeed(&["vault", "set", "db.URL", "a-secret-value", "--env=prod"]);
    assert!(!written.raw.contains("a-secret-value"), "a value was taken for a name:\n{}", written.raw);
    environment.succeed(&["vault", "set-key", "neon", "api_key", "a-secret-key", "--json"]);
    let listed = environment.succeed(&["vault", "list", "--env=prod", "--json"]);
    assert!(!listed.raw.contains("a-secret"), "{}", listed.raw);
    for (read, value) in [
        (&["vault", "get", "db.URL", "--env=prod"][..], "a-secret-value"),
        (&["vault", "get", "neon.api_key"], "a-secret-key"),
    ] {
        assert_eq!(environment.succeed(read).stdout, format!("{value}\n"));
    }
    // A dash needs `--`, and the refusal does not repeat what may be a secret.
    let refused = environment.run(&["vault", "set", "neon.api_key", "-secret-with-a-dash"]);
    assert_eq!(refused.code, 2);
    assert!(!refused.raw.contains("secret-with-a-dash"), "{}", refused.raw);
    environment.succeed(&["vault", "set", "neon.api_key", "--", "-secret-with-a-dash"]);
}

#[test]
fn a_value_can_come_from_stdin() {
    let environment = TestEnvironment::new();
    let output = environment.run_with_input(&["vault", "set", "neon.api_key", "-"], "from stdin\n");
    assert_eq!(output.code, 0, "{}", output.raw);
    assert_eq!(environment.succeed(&["vault", "get", "neon.api_key"]).stdout, "from stdin\n");
    assert_eq!(environment.run(&["vault", "set", "neon.api_key"]).code, 2, "nothing on stdin");
}

#[test]
fn a_missing_key_names_every_place_and_the_fix_and_no_neighbour() {
    let environment = TestEnvironment::new();
    environment.succeed(&["vault", "set", "neon.other", "neighbour-value"]);
    let output = environment.run(&["vault", "get", "neon.api_key"]);
    assert_eq!(output.code, 1);
    for part in ["providers:neon.api_key", "api_token", "ss vault set-key neon api_key"] {
        assert!(output.stderr.contains(part), "{part} is missing in:\n{}", output.stderr);
    }
    assert!(!output.raw.contains("neighbour-value"));
}

#[test]
fn the_list_has_names_and_no_values() {
    let environment = TestEnvironment::new();
    environment.succeed(&["vault", "set", "neon.api_key", "a-secret-value"]);
    environment.succeed(&["vault", "set", "SOME_TOKEN", "another-secret"]);
    let output = environment.succeed(&["vault", "list", "--json"]);
    let document: serde_json::Value = serde_json::from_str(&output.stdout).expect("one JSON document");
    let addresses: Vec<&str> = document["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .map(|secret| secret["address"].as_str().unwrap())
        .collect();
    assert_eq!(addresses, ["providers:neon/api_key", "secrets/SOME_TOKEN"]);
    assert!(!output.raw.contains("a-secret-value") && !output.raw.contains("another-secret"));
}

#[test]
fn a_stock_age_opens_the_vault() {
    let environment = TestEnvironment::new();
    environment.succeed(&["vault", "set", "neon.api_key", "opened-by-age"]);
    let vault = environment.ss_home().join("vault");
    let objects: Vec<_> = std::fs::read_dir(vault.join("objects")).unwrap().flatten().collect();
    assert_eq!(objects.len(), 1);
    let opened = Command::new("age")
        .arg("-d")
        .arg("-i")
        .arg(vault.join("identity.txt"))
        .arg(objects[0].path())
        .output();
    let Ok(opened) = opened else {
        return crate::environment::not_run("age", "age");
    };
    assert!(opened.status.success(), "{}", String::from_utf8_lossy(&opened.stderr));
    assert!(String::from_utf8_lossy(&opened.stdout).contains("opened-by-age"));
}

#[test]
fn a_key_is_promoted_to_a_secret_of_one_environment() {
    let environment = TestEnvironment::warm();
    environment.write("starsystem.yaml", "name: app\nservices:\n  db:\n    type: database\n");
    environment.succeed(&["vault", "set", "workos.api_key", "the-key"]);
    let promote = ["vault", "promote", "workos.api_key", "WORKOS_API_KEY", "--workspace=app", "--env=prod"];
    let first = environment.succeed(&promote);
    assert_eq!(
        first.stdout,
        "✓ secrets.WORKOS_API_KEY of project `app`, environment `prod` is a copy of providers:workos/api_key\n"
    );
    let again = environment.succeed(&[&promote[..], &["--json"]].concat());
    let document: serde_json::Value = serde_json::from_str(&again.stdout).expect("one document");
    assert_eq!(document["changed"], false);
    assert!(!first.raw.contains("the-key") && !again.raw.contains("the-key"));
    let read = |env: &str| environment.run(&["vault", "get", "WORKOS_API_KEY", &format!("--env={env}")]);
    assert_eq!(read("prod").stdout, "the-key\n");
    assert_eq!(read("local").code, 1, "another environment has none");
    let listed = environment.succeed(&["vault", "list-secrets", "--env=prod", "--json"]);
    assert!(listed.stdout.contains("project `app`, environment `prod`") && !listed.raw.contains("the-key"));

    // Another value is replaced only by somebody's word.
    environment.succeed(&["vault", "set", "workos.api_key", "rotated"]);
    let refused = environment.run(&promote);
    assert_eq!(refused.code, 1);
    assert!(
        refused.stderr.contains("has another value") && refused.stderr.contains("`--yes`"),
        "{}",
        refused.raw
    );
    assert_eq!(read("prod").stdout, "the-key\n");
    environment.succeed(&[&promote[..], &["--yes"]].concat());
    assert_eq!(read("prod").stdout, "rotated\n");

    // From one environment to another.
    environment.succeed(&["vault", "set", "db.URL", "postgres://prod", "--env=prod"]);
    let copy = ["vault", "promote", "db.URL", "DB_URL", "--from=prod", "--env=staging"];
    environment.succeed(&copy);
    let copied = environment.succeed(&["vault", "get", "DB_URL", "--env=staging"]);
    assert_eq!(copied.stdout, "postgres://prod\n");
    let missing = environment.run(&["vault", "promote", "db.URL", "DB_URL", "--env=staging"]);
    assert_eq!(missing.code, 1, "staging has none itself: {}", missing.raw);
    for name in ["NEON_API_KEY", "a.b"] {
        let refused = environment.run(&["vault", "promote", "workos.api_key", name, "--env=prod"]);
        assert_eq!(refused.code, 2, "{name}: {}", refused.raw);
    }
}
