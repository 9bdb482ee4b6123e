//! `docs/schemas/`: every JSON document that `ss` prints in any of these tests is held against the schema of
//! its command, and every command that prints one has a schema.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use serde_json::Value;

use crate::TestEnvironment;
use crate::rehearsal::{FLY_KEY, NEON_KEY, OVERLAY, Rehearsal, immediate};

const SCHEMAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/schemas");

/// The name of the schema for these arguments: `vault-list` of `vault list --json`. None if there is none.
fn schema_of(arguments: &[&str]) -> Option<String> {
    let mut words = arguments.iter().filter(|word| !word.starts_with('-')).copied();
    let first = words.next()?;
    let name = match (first, words.next()) {
        ("workspace", Some("doctor")) => "doctor".to_owned(),
        ("vault", Some("list-secrets")) => "vault-list".to_owned(),
        (group, Some(word)) => format!("{group}-{word}"),
        (word, None) => word.to_owned(),
    };
    [name.as_str(), first].into_iter().find(|name| path_of(name).exists()).map(str::to_owned)
}

fn path_of(name: &str) -> std::path::PathBuf {
    Path::new(SCHEMAS).join(format!("{name}.json"))
}

/// Holds what a command with `--json` printed against its schema.
pub fn check(arguments: &[&str], stdout: &str) {
    let arguments: Vec<&str> = arguments.iter().take_while(|word| **word != "--").copied().collect();
    if !arguments.contains(&"--json") || stdout.trim().is_empty() {
        return;
    }
    let document: Value = serde_json::from_str(stdout)
        .unwrap_or_else(|error| panic!("{arguments:?} did not print one document: {error}\n{stdout}"));
    let name = if document.get("error").is_some() {
        "error".to_owned()
    } else if document.get("valid").is_some() {
        // The files cannot be used, which every command says alike.
        "validate".to_owned()
    } else {
        schema_of(&arguments)
            .unwrap_or_else(|| panic!("no schema for {arguments:?}, which printed {document:#}"))
    };
    let faults = faults(&name, &document);
    assert!(faults.is_empty(), "{arguments:?} against `{name}.json`:\n{}\n{document:#}", faults.join("\n"));
    CHECKED.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
}

/// The schemas that something was held against in this process.
static CHECKED: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

fn faults(name: &str, document: &Value) -> Vec<String> {
    let text = std::fs::read_to_string(path_of(name)).expect("a schema");
    let schema: Value = serde_json::from_str(&text).expect("JSON");
    let validator =
        jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("`{name}.json`: {error}"));
    validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// Every schema's name.
fn names() -> BTreeSet<String> {
    let files = std::fs::read_dir(SCHEMAS).expect("schemas").flatten();
    files.map(|file| file.path().file_stem().expect("a name").to_string_lossy().into_owned()).collect()
}

#[test]
fn a_document_that_is_not_as_described_is_noticed() {
    let fine = serde_json::json!({ "service": "web", "lines": ["a"] });
    assert_eq!(faults("logs", &fine), [""; 0]);
    for wrong in [
        serde_json::json!({ "service": "web" }),
        serde_json::json!({ "service": "web", "lines": [1] }),
        serde_json::json!({ "service": "web", "lines": [], "more": 1 }),
    ] {
        assert!(!faults("logs", &wrong).is_empty(), "{wrong}");
    }
    // Where alternatives share fields, nothing that is in none of them passes.
    let entry = |more: &str| {
        let text = format!(
            r#"{{"plan":{{"project":"p","environment":"e","entries":[{{"service":"s","exists":false,{more}}}]}},
            "counts":{{"create":0,"update":0,"replace":0,"unchanged":0,"skip":1,"problems":0}}}}"#
        );
        faults("plan", &serde_json::from_str(&text).unwrap())
    };
    assert_eq!(entry(r#""decision":"skip","reason":"no-provisioner""#), [""; 0]);
    assert!(!entry(r#""decision":"skip","reason":"no-provisioner","detail":"d""#).is_empty());
    assert!(!entry(r#""decision":"apply""#).is_empty());
}

#[test]
fn every_command_that_reports_prints_what_its_schema_says() {
    let rehearsal = Rehearsal::new(immediate());
    let environment = &rehearsal.environment;
    // `run` checks each document.
    let json = |arguments: &[&str]| environment.run(&[arguments, &["--json"]].concat());
    let env = "--env=prod";
    json(&["validate", env]);
    json(&["plan", env]);
    json(&["deploy", env, "--dry-run"]);
    json(&["services", "list", env]);
    json(&["doctor", env]);
    json(&["deploy", env]);
    json(&["services", "list", env]);
    json(&["graph", "render", env]);
    json(&["inspect", env]);
    json(&["inspect", env, "--list"]);
    json(&["inspect", env, "--verify"]);
    json(&["drift", env]);
    json(&["provision", env, "--status"]);
    json(&["provision", env]);
    json(&["resolve", "--env=prod"]);
    let changed = rehearsal.overlay().replace("my-app-api:latest", "my-app-api:v2");
    environment.write(OVERLAY, &changed);
    json(&["plan", env]);
    json(&["rollback", env, "--list"]);
    let listed = environment.succeed(&["inspect", env, "--list", "--json"]);
    let runs: Value = serde_json::from_str(&listed.stdout).unwrap();
    let first = runs["runs"].as_array().unwrap().last().unwrap()["run"].as_str().unwrap().to_owned();
    json(&["rollback", env, &format!("--to={first}")]);
    json(&["destroy", env, "--yes"]);
    json(&["catalog"]);
    json(&["catalog", "neon"]);
    json(&["vault", "list"]);
    json(&["vault", "list-secrets", env]);
    json(&["vault", "promote", "fly.api_key", "FLY_COPY", env]);
    json(&["logs", "api", env]);
    for command in ["list", "verify", "approve", "search", "update", "audit"] {
        let offline: &[&str] = if command == "audit" { &["--offline"] } else { &[] };
        json(&[&["plugin", command], offline].concat());
    }
    json(&["plugin", "info", "neon"]);
    json(&["plugin", "remove", "neon"]);
    json(&["plugin", "keygen", "key"]);
    json(&["registry", "list"]);
    json(&["plan", "--env=none"]);
    json(&["nonsense"]);
    local();
    let checked = CHECKED.lock().unwrap_or_else(PoisonError::into_inner).clone();
    // What needs a registry of its own, a plugin's project or a browser is checked where that is tested.
    let elsewhere = [
        "plugin-add",
        "plugin-build",
        "plugin-compile",
        "plugin-new",
        "plugin-publish",
        "plugin-test",
        "plugin-vendor",
        "plugin-yank",
        "registry-add",
        "registry-delegate",
        "registry-init",
        "registry-push",
        "registry-remove",
        "registry-renew",
        "registry-rotate",
    ];
    let missed: Vec<String> =
        names().difference(&checked).filter(|name| !elsewhere.contains(&name.as_str())).cloned().collect();
    assert_eq!(missed, [""; 0], "no real document was held against these");
    let secrets = [NEON_KEY, FLY_KEY];
    assert!(!secrets.iter().any(|secret| listed.raw.contains(secret)));
}

/// What only processes of this machine show.
fn local() {
    let environment = TestEnvironment::warm();
    environment.write(
        "starsystem.yaml",
        "name: one\nservices:\n  web:\n    type: process\n    command: sleep 600\n  odd:\n    type: thing\n  db:\n    target: { type: nenon }\n",
    );
    for arguments in [
        &["provision", "--dry-run", "--json"][..],
        &["provision", "--json"],
        &["provision", "--status", "--json"],
        &["logs", "web", "--json"],
        &["inspect", "--json"],
        &["doctor", "--fix", "--json"],
    ] {
        assert_eq!(environment.run(arguments).code, 0, "{arguments:?}");
    }
}

#[test]
fn the_guide_names_every_schema() {
    let guide = std::fs::read_to_string(Path::new(SCHEMAS).join("../json.md")).expect("the guide");
    for name in names() {
        assert!(
            guide.contains(&format!("(schemas/{name}.json)")),
            "docs/json.md does not name `{name}.json`"
        );
    }
}
