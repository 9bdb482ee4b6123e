//! Every target on bytes near a valid text, on bytes of any kind, and on lines that look like a configuration.

use std::str;

use proptest::prelude::*;
use ss_fuzz::{TARGETS, Target, yaml};
use ss_registry::{Envelope, Index, Lock, MAX_ENVELOPE, MAX_INDEX, Marks, PluginName, Statement};

/// Cases per format and kind.
const CASES: u32 = 256;

fn configured() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, cases: CASES, ..ProptestConfig::default() }
}

fn any_target() -> impl Strategy<Value = &'static Target> {
    (0..TARGETS.len()).prop_map(|at| &TARGETS[at])
}

/// A target, and its seed with a few bytes changed, a piece doubled, and the end cut off.
fn near() -> impl Strategy<Value = (&'static Target, Vec<u8>)> {
    any_target().prop_flat_map(|target| {
        let length = target.seed.len();
        let edits = prop::collection::vec((0..length, any::<u8>()), 0..6);
        let piece = (0..=length, 0..=length);
        (edits, piece, 0..=2 * length).prop_map(move |(edits, (one, other), length)| {
            let mut bytes = target.seed.to_vec();
            edits.into_iter().for_each(|(position, byte)| bytes[position] = byte);
            let piece = bytes[one.min(other)..one.max(other)].to_vec();
            bytes.splice(one..one, piece);
            bytes.truncate(length);
            (target, bytes)
        })
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: CASES * TARGETS.len() as u32, ..configured() })]

    #[test]
    fn what_is_nearly_valid((target, bytes) in near()) {
        (target.check)(&bytes);
    }

    #[test]
    fn any_bytes(target in any_target(), bytes in prop::collection::vec(any::<u8>(), 0..512)) {
        (target.check)(&bytes);
    }
}

proptest! {
    #![proptest_config(configured())]

    #[test]
    fn nearly_yaml(text in "[a-d:,\\-?&*!|>'\"%@`#{}\\[\\]<~ \n\t\r0-9é]{0,200}") {
        yaml(text.as_bytes());
    }

    #[test]
    fn nearly_a_configuration(
        lines in prop::collection::vec(("( {0,6})", "(services|a|b|type|depends_on|inject_from|provision|_state|env|<<|- a|&x|\\*x)", "(:|: |: x|: \\[a\\]|: \\{a: b\\}|: \\{\\{ vault\\('k'\\) \\}\\}|: \"\\{\\{\"|: &x|: \\*x|)"), 0..12),
    ) {
        let text: String = lines.iter().map(|(indent, key, value)| format!("{indent}{key}{value}\n")).collect();
        yaml(text.as_bytes());
    }
}

#[test]
fn every_format_has_a_valid_seed_and_a_program() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("targets");
    let mut programs: Vec<String> = std::fs::read_dir(&folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path().file_stem().expect("a name").display().to_string())
        .collect();
    programs.sort();
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(programs, names);
    for target in TARGETS {
        (target.check)(target.seed);
    }
}

/// The seed of a format.
fn seed(name: &str) -> &'static [u8] {
    TARGETS.iter().find(|target| target.name == name).expect("a target").seed
}

#[test]
fn the_seeds_are_valid() {
    let text = |name: &str| str::from_utf8(seed(name)).expect("text");
    let alpha = PluginName::official("alpha").expect("a name");
    assert!(Envelope::parse(seed("envelope")).is_ok());
    assert!(Index::parse(&alpha, seed("index")).is_ok());
    assert!(Lock::parse(seed("lock")).is_ok());
    assert!(Marks::parse(seed("marks")).is_ok());
    assert!(Statement::parse(seed("statement")).is_ok());
    ss_authority::Manifest::parse(text("manifest")).expect("a manifest");
    ss_kit::Scenario::parse("seed.toml", text("scenario")).expect("a scenario");
    let parsed = ss_config::parse_str(seed("yaml"));
    assert!(parsed.diagnostics.is_empty(), "{:?}", parsed.diagnostics);
}

#[test]
fn what_is_too_long_is_an_error() {
    let padded = |name: &str, padding: &[u8], times: usize| [seed(name), &padding.repeat(times)].concat();
    assert!(Envelope::parse(&padded("envelope", b" ", 1)).is_ok(), "the padding is harmless");
    assert!(Envelope::parse(&padded("envelope", b" ", MAX_ENVELOPE)).is_err());
    assert!(Statement::parse(&padded("statement", b" ", MAX_ENVELOPE)).is_err());
    assert!(Lock::parse(&padded("lock", b"#", 1024 * 1024)).is_err());
    let marks = seed("marks");
    assert!(Marks::parse(&padded("marks", marks, 1)).is_ok());
    assert!(Marks::parse(&padded("marks", marks, MAX_INDEX / marks.len())).is_err());
}
