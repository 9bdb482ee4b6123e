//! Every rule can fail, and fails alone: a plugin that keeps all of them but one, variant by variant.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "tests fail and speak so")]

#[path = "../../runtime/tests/plugins/support/guests.rs"]
mod guests;

use std::path::PathBuf;

use ss_kit::{Kit, KitConfig, RULES, Report, Scenario, Verdict};

const MANIFEST: &str = r#"
name = "faulty"
version = "0.1.0"
contract = "0.1.0"
description = "A plugin that breaks one rule"

[[authority.http]]
origin = "https://api.example.com"
path = "/v1/things"
methods = ["GET", "POST"]

[[authority.http]]
origin = "https://api.example.com"
path = "/v1/things/"
methods = ["DELETE", "GET", "PATCH"]

[[authority.vault.read]]
key = "providers:faulty/api_key"
origins = ["https://api.example.com"]
headers = ["authorization"]
"#;

/// The variants of the guest, and the rule that each breaks.
const VARIANTS: &[(&str, &str)] = &[
    ("describe", "contract/describe"),
    ("schema", "contract/schema"),
    ("example", "contract/example"),
    ("works", "provision/works"),
    ("pure", "plan/pure"),
    ("deterministic", "plan/deterministic"),
    ("settled", "plan/settled"),
    ("idempotent", "provision/idempotent"),
    ("crash-resume", "provision/crash-resume"),
    ("find", "provision/find"),
    ("drift", "observe/drift"),
    ("destroy", "destroy/works"),
    ("gone", "destroy/gone"),
    ("hostile", "hostile/answers"),
    ("secrets", "secrets/sealed"),
    ("limits", "limits/honoured"),
];

/// Rules that are broken from outside, by the file or its manifest.
const OUTSIDE: &[&str] = &["contract/component", "contract/manifest"];

/// The guest as it is built, or the variant that breaks a rule.
fn guest(variant: &str) -> Option<Vec<u8>> {
    const PREFIX: &[u8] = b"faulty-variant:";
    // The prefix alone may stand elsewhere too: the guest compares with it.
    const MARK: &[u8] = b"faulty-variant:good";
    let mut bytes = guests::guest("faulty")?.to_vec();
    let at = bytes.windows(MARK.len()).position(|window| window == MARK).expect("the mark") + PREFIX.len();
    bytes[at..at + 24].fill(b'.');
    bytes[at..at + variant.len()].copy_from_slice(variant.as_bytes());
    Some(bytes)
}

fn scenario() -> Scenario {
    Scenario::read(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/thing.toml")).unwrap()
}

async fn judge(component: Vec<u8>, manifest: &str) -> Report {
    let kit = Kit::new(KitConfig {
        component,
        manifest: Some(manifest.to_owned()),
        scenarios: vec![scenario()],
        endpoint: None,
        keys: None,
        rules: Vec::new(),
        thorough: false,
        cache_dir: None,
        notices: None,
    });
    kit.unwrap().run(|_| {}).await.unwrap()
}

fn failed(report: &Report) -> Vec<&'static str> {
    let failed = report.findings.iter().filter(|finding| finding.verdict == Verdict::Failed);
    failed.map(|finding| finding.rule.id).collect()
}

/// What went wrong, in full, for the message of a test that fails.
fn story(report: &Report) -> String {
    serde_json::to_string_pretty(&report.to_json()).unwrap()
}

#[test]
fn every_rule_has_a_plugin_that_breaks_it() {
    for rule in RULES {
        let broken = VARIANTS.iter().any(|(_, id)| *id == rule.id) || OUTSIDE.contains(&rule.id);
        assert!(broken, "nothing shows that `{}` can fail", rule.id);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_plugin_as_built_keeps_every_rule() {
    let Some(component) = guest("good") else { return };
    let report = judge(component, MANIFEST).await;
    assert_eq!(failed(&report), [""; 0], "{}", story(&report));
    assert_eq!(report.count(&Verdict::NotRun), 0, "{}", story(&report));
    assert_eq!(report.findings.len(), RULES.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn each_variant_breaks_its_rule_and_no_other() {
    for (variant, rule) in VARIANTS {
        let Some(component) = guest(variant) else { return };
        let report = judge(component, MANIFEST).await;
        assert_eq!(failed(&report), [*rule], "variant `{variant}`: {}", story(&report));
        let finding = report.findings.iter().find(|finding| finding.verdict == Verdict::Failed).unwrap();
        assert!(!finding.reason.is_empty() && !finding.rule.fix.is_empty());
        eprintln!("{rule}: {} ({} ms)", finding.reason, report.took.as_millis());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_that_asks_for_too_much_breaks_its_rule() {
    let Some(component) = guest("good") else { return };
    let greedy = format!("{MANIFEST}\n[authority.files]\nread-options = [\"input\"]\n");
    let report = judge(component, &greedy).await;
    assert_eq!(failed(&report), ["contract/manifest"], "{}", story(&report));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_an_unknown_contract_breaks_its_rule() {
    let Some(mut component) = guest("good") else { return };
    let (known, unknown) = (b"@0.1.0", b"@9.1.0");
    let places: Vec<usize> =
        component.windows(known.len()).enumerate().filter(|(_, w)| w == known).map(|(at, _)| at).collect();
    for at in places {
        component[at..at + unknown.len()].copy_from_slice(unknown);
    }
    let report = judge(component, &MANIFEST.replace("contract = \"0.1.0\"", "contract = \"9.1.0\"")).await;
    assert_eq!(failed(&report), ["contract/component"], "{}", story(&report));
}

#[test]
fn what_is_no_component_cannot_be_judged() {
    for bytes in [&b""[..], b"not wasm", b"\0asm\x01\0\0\0"] {
        let config = KitConfig {
            component: bytes.to_vec(),
            manifest: Some(MANIFEST.to_owned()),
            scenarios: Vec::new(),
            endpoint: None,
            keys: None,
            rules: Vec::new(),
            thorough: false,
            cache_dir: None,
            notices: None,
        };
        assert!(Kit::new(config).is_err());
    }
}
