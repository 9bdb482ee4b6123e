//! The conformance kit over the built-in providers: each plays its scenarios against its stand-in.
//!
//! A new provider needs its scenarios in `plugins/<name>/scenarios/` and a test here that names its stand-in.

use std::path::Path;

use serde_json::{Value, json};
use ss_clouds::{Cloud, Habits, Pace, Running};

use crate::TestEnvironment;

/// Things take no time: the kit counts requests, not seconds.
fn quick() -> Habits {
    Habits { pace: Pace::Immediate, ..Habits::default() }
}

fn scenarios(provider: &str) -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../plugins")
        .join(provider)
        .join("scenarios")
        .display()
        .to_string()
}

/// Every rule but that of hostile answers, which takes most of the time: for scenarios beside a provider's first.
const BRISK: [&str; 8] =
    ["--rule", "provision/", "--rule", "plan/", "--rule", "observe/", "--rule", "destroy/"];

/// Runs the kit over a published provider, and insists that every rule holds.
fn conforms(provider: &str, cloud: Option<&Running>) {
    conforms_in(&[""], &[], provider, cloud);
}

/// The same in these scenarios, with further arguments.
fn conforms_in(names: &[&str], further: &[&str], provider: &str, cloud: Option<&Running>) {
    let environment = TestEnvironment::warm();
    let mut arguments = vec!["plugin", "test", provider, "--json"];
    let paths: Vec<String> = names.iter().map(|name| format!("{}/{name}", scenarios(provider))).collect();
    arguments.extend(paths.iter().flat_map(|path| ["--scenarios", path]));
    arguments.extend(further);
    let url = cloud.map(Running::url);
    if let Some(url) = &url {
        arguments.extend(["--endpoint", url]);
    }
    let output = environment.run(&arguments);
    assert_eq!(output.code, 0, "{}", output.raw);
    let report: Value = serde_json::from_str(&output.stdout).expect("one JSON document");
    let passed = report["passed"].as_u64().expect("a number");
    assert!(passed >= 12, "only {passed} rules could be tried:\n{}", output.raw);
    eprintln!("{provider}: {passed} rules in {} ms", report["durationMs"]);
}

#[test]
fn local_process_conforms() {
    conforms("local-process", None);
}

#[test]
fn neon_conforms() {
    let cloud = Cloud::neon(quick()).start().expect("a stand-in");
    conforms("neon", Some(&cloud));
    assert!(cloud.projects().is_empty(), "the kit cleans up after itself");
}

#[test]
fn fly_conforms() {
    let cloud = Cloud::fly(quick()).start().expect("a stand-in");
    conforms("fly", Some(&cloud));
    assert!(cloud.apps().is_empty(), "the kit cleans up after itself");
}

#[test]
fn supabase_conforms() {
    let cloud = Cloud::supabase(quick()).start().expect("a stand-in");
    conforms("supabase", Some(&cloud));
    assert!(cloud.supabase_projects().is_empty(), "the kit cleans up after itself");
}

#[test]
fn supabase_local_conforms() {
    conforms("supabase-local", None);
}

#[test]
fn railway_conforms() {
    let cloud = Cloud::railway(quick()).start().expect("a stand-in");
    conforms("railway", Some(&cloud));
    assert!(cloud.railway_projects().is_empty(), "the kit cleans up after itself");
}

#[test]
fn aws_conforms() {
    let cloud = Cloud::aws(quick()).start().expect("a stand-in");
    conforms("aws", Some(&cloud));
    assert!(cloud.account().buckets.is_empty(), "the kit cleans up after itself");
}

#[test]
fn cloudflare_conforms() {
    let cloud = Cloud::cloudflare(quick()).start().expect("a stand-in");
    conforms_in(&["records.toml"], &[], "cloudflare", Some(&cloud));
    let others = ["bucket.toml", "database.toml", "namespace.toml", "site.toml"];
    conforms_in(&others, &BRISK, "cloudflare", Some(&cloud));
    let left = cloud.inventory();
    assert!(left.as_object().expect("kinds").values().all(|kind| kind == &json!([])), "{left}");
}

#[test]
fn porkbun_conforms() {
    let cloud = Cloud::porkbun(quick()).start().expect("a stand-in");
    conforms("porkbun", Some(&cloud));
    assert_eq!(cloud.inventory()["domains"][0]["records"], json!([]), "the kit cleans up after itself");
}
