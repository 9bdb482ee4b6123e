//! The conformance kit over the built-in providers: each plays its scenarios against its stand-in.
//!
//! A new provider needs its scenarios in `plugins/<name>/scenarios/` and a test here that names its stand-in.

use std::path::Path;

use serde_json::Value;
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

/// Runs the kit over a published provider, and insists that every rule holds.
fn conforms(provider: &str, cloud: Option<&Running>) {
    let environment = TestEnvironment::warm();
    let scenarios = scenarios(provider);
    let mut arguments = vec!["plugin", "test", provider, "--scenarios", &scenarios, "--json"];
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
