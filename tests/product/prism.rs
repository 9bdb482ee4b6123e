//! The recorded traffic of the plugins, judged by Prism: another's reading of the same descriptions.
//!
//! Railway speaks GraphQL and AWS has no description of this form; `ss_clouds::spec` judges those.

use std::io::Write as _;
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use ss_clouds::{Recorded, Running, Surface, spec};

use crate::environment::{not_run, npm_package};
use crate::nine::Nine;
use crate::rehearsal::immediate;

/// What is installed from npm.
const PACKAGE: &str = "@stoplight/prism-cli@5.14.2";
/// The program that asks Prism.
const JUDGE: &str = include_str!("prism_judge.js");
/// A kind of resource that the system of [`Nine`] lacks.
const HOSTNAME: &str = "
  saas:
    type: cdn
    _cloudflare: { resource: custom-hostnames, zone: myapp.com, hostname: shop.customer.com, fallback_origin: myapp.com }
";

/// What a stand-in recorded, beside the description of its provider; none if there is no such description.
fn case(cloud: &Running) -> Option<Value> {
    let path = spec::folder().join(format!("{}.openapi.json", cloud.provider()));
    let text = std::fs::read(&path).ok()?;
    let document: Value = serde_json::from_slice(&text).expect("a description");
    let server = document["servers"][0]["url"].as_str().unwrap_or_default();
    let base = server.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"));
    let requests = cloud.requests();
    let api = requests.iter().filter(|request| request.surface == Surface::Api);
    let exchanges: Vec<Value> = api.map(|request| exchange(request, &base)).collect();
    Some(json!({ "document": path, "exchanges": exchanges }))
}

fn exchange(request: &Recorded, base: &str) -> Value {
    let query: serde_json::Map<String, Value> =
        request.query.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    let headers: serde_json::Map<String, Value> =
        request.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
    json!({
        "method": request.method,
        "path": request.path.strip_prefix(base).unwrap_or(&request.path),
        "query": query,
        "headers": headers,
        "body": request.body,
        // Descriptions list few refusals.
        "status": request.status.filter(|status| *status < 400),
        "answer": request.answer,
    })
}

/// How many exchanges Prism judged, and what it found.
fn judge(cases: &[Value]) -> Option<(u64, Vec<String>)> {
    let modules = npm_package(PACKAGE)?;
    let mut node = Command::new("node")
        .args(["-e", JUDGE])
        .current_dir(modules.parent()?)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    node.stdin.take()?.write_all(json!(cases).to_string().as_bytes()).expect("node reads");
    let output = node.wait_with_output().expect("node ends");
    let answer: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let found = answer["found"].as_array().expect("a list").iter();
    let found = found.map(|line| line.as_str().unwrap_or_default().to_owned()).collect();
    Some((answer["judged"].as_u64().expect("a number"), found))
}

#[test]
fn prism_finds_nothing_wrong_with_the_traffic_of_any_plugin() {
    let nine = Nine::new(1, &immediate());
    nine.add(HOSTNAME);
    nine.succeed(&["provision"]);
    nine.succeed(&["provision"]);
    nine.succeed(&["destroy", "--yes"]);
    let mut cases: Vec<Value> = nine.clouds.iter().filter_map(case).collect();
    if cases.is_empty() {
        let line = "NOT RUN: Prism has nothing to judge by, there are no descriptions (SS_SPECS names their folder)\n";
        std::io::stderr().write_all(line.as_bytes()).expect("stderr");
        return;
    }
    let Some((judged, found)) = judge(&cases) else {
        not_run("prism", "npm package `@stoplight/prism-cli`; Debian packages `nodejs`, `npm`");
        return;
    };
    eprintln!("Prism judged {judged} exchanges of {} providers and found {}", cases.len(), found.len());
    assert!(judged > 100, "only {judged} exchanges");
    assert_eq!(found, [""; 0]);

    // What it is silent about it has read: a wrong body is noticed in each of them.
    for case in &mut cases {
        let exchanges = case["exchanges"].as_array_mut().expect("a list");
        let with_body = exchanges.iter_mut().find(|exchange| exchange["body"].is_object());
        with_body.expect("one with a body")["body"] = json!([7]);
    }
    let (_, found) = judge(&cases).expect("it ran before");
    assert!(found.len() >= cases.len(), "{found:?}");
}
