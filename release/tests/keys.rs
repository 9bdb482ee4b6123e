//! Publishing without the right key says which one is missing, before anything is built, and shows none.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::PathBuf;

use ss_release::publish::{Options, publish};
use ss_release::repository::Repository;

/// What publishing says with this seed file, if any, in the folder of keys.
fn refusal(seed: Option<&str>) -> String {
    let keys = tempfile::tempdir().unwrap();
    if let Some(seed) = seed {
        fs::write(keys.path().join("official-publisher.seed"), seed).unwrap();
    }
    refusal_with(Some(keys.path().to_owned()))
}

fn refusal_with(keys: Option<PathBuf>) -> String {
    let options = Options { keys, published: None, replace: false };
    let error = publish(&Repository::of_this_program(), &[], &options).unwrap_err();
    format!("{error} {error:?}")
}

#[test]
fn a_missing_key_is_named() {
    let text = refusal_with(None);
    assert!(text.contains("official-publisher.seed") && text.contains("set SS_KEYS"), "{text}");
    let text = refusal(None);
    assert!(text.contains("official-publisher.seed") && text.contains("cannot be read"), "{text}");
}

#[test]
fn a_key_of_somebody_else_is_refused_and_not_shown() {
    for seed in ["7".repeat(64), "7".repeat(63), format!("{}xyz", "7".repeat(61))] {
        let text = refusal(Some(&seed));
        assert!(text.contains("official-publisher.seed"), "{text}");
        assert!(!text.contains("7777"), "{text}");
    }
    assert!(refusal(Some(&"7".repeat(64))).contains("official-publisher.pub"));
}
