//! The machine under the sandbox: nothing of it can be seen or reached.

use serde_json::json;
use ss_provider::FailureKind;

use crate::guest_or_return;
use crate::support::{INJECTED, KEY, World, local_authority};

#[tokio::test]
async fn wasi_gives_away_nothing() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    for options in [
        json!({ "attack": "wasi-files" }),
        json!({ "attack": "wasi-environment" }),
        json!({ "attack": "wasi-tcp", "address": world.server.address() }),
        json!({ "attack": "wasi-tcp", "address": "169.254.169.254:80" }),
        json!({ "attack": "wasi-udp" }),
        json!({ "attack": "wasi-lookup", "host": "localhost" }),
        json!({ "attack": "wasi-lookup", "host": "stolen-data.evil.example" }),
        json!({ "attack": "wasi-stdin" }),
    ] {
        let failure = world.attack(bytes, local_authority(), options.clone()).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Internal, "{options}: {failure:?}");
        assert!(failure.message.starts_with("denied: "), "{options}: {failure:?}");
    }
    assert_eq!(world.server.received(), "");
    assert!(!std::path::Path::new("/tmp/hostile").exists());
}

#[tokio::test]
async fn what_is_printed_becomes_a_clean_log() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let text = format!("{KEY} {INJECTED} {{key}} \u{1b}[31mred\nsecond line");
    world.attack(bytes, local_authority(), json!({ "attack": "print", "text": text })).await.unwrap();
    let seen = world.screen.text();
    assert!(seen.contains("info: [secret] [secret] [secret]  [31mred\n"), "{seen}");
    assert!(seen.contains("error: second line") && seen.contains("step: [secret]"), "{seen}");
    assert!(!seen.contains("sealed1_") && !seen.contains('\u{1b}'), "{seen}");
}

#[tokio::test]
async fn a_crash_is_a_failure_with_its_last_words() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let options = json!({ "attack": "panic", "text": format!("with {KEY}") });
    let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Terminated);
    assert_eq!(failure.message, "plugin `hostile` was ended: it crashed: hostile panic with [secret]");

    let failure = world.attack(bytes, local_authority(), json!({ "attack": "exit" })).await.unwrap_err();
    assert_eq!(failure.message, "plugin `hostile` was ended: it exited with code 1 instead of answering");

    let failure = world.attack(bytes, local_authority(), json!({ "attack": "stack" })).await.unwrap_err();
    assert_eq!(failure.message, "plugin `hostile` was ended: it crashed (out of bounds memory access)");
}
