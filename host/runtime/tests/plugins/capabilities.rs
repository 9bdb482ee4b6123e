//! Attacks through vault, secrets, process, files and journal: further than the grant reaches.

use serde_json::{Value, json};
use ss_authority::Authority;
use ss_provider::{Failure, FailureKind};
use ss_runtime::{ComponentSource, RuntimeError, Unfit};

use crate::guest_or_return;
use crate::support::{World, local_authority, service_authority};

fn assert_denied(failure: &Failure, capability: &str) {
    assert!(failure.message.starts_with("denied: "), "{failure:?}");
    assert_eq!(failure.denials.first().map(|d| d.capability.as_str()), Some(capability), "{failure:?}");
}

async fn denied(options: Value, authority: Authority, capability: &str) {
    let Some(bytes) = crate::support::guest("hostile") else { return };
    let world = World::new();
    let failure = world.attack(bytes, authority, options).await.unwrap_err();
    assert_denied(&failure, capability);
    assert!(world.journal.effects().is_empty(), "{:?}", world.journal.effects());
}

#[tokio::test]
async fn the_vault_gives_granted_keys_only_and_those_sealed() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let options = json!({ "attack": "vault", "name": "providers:hostile/api_key" });
    let outcome = world.attack(bytes, local_authority(), options).await.unwrap();
    assert_eq!(outcome.summary, "got: [secret]", "a token, which is hidden from people too");

    for key in
        ["providers:neon/api_key", "secrets/KEY", "providers:hostile/api_key ", "PROVIDERS:hostile/api_key"]
    {
        denied(json!({ "attack": "vault", "name": key }), local_authority(), "vault").await;
    }
    let write = json!({ "attack": "vault-write", "provider": "hostile", "name": "api_key" });
    denied(write, local_authority(), "vault").await;
}

#[tokio::test]
async fn a_key_of_a_megabyte_is_not_even_looked_at() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let options = json!({ "attack": "vault", "name": "x".repeat(1 << 20) });
    let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
    assert!(failure.message.contains("at most 4096 bytes"), "{failure:?}");
}

#[tokio::test]
async fn secrets_are_not_revealed_or_signed_with() {
    for text in ["{key}", "{token}"] {
        denied(json!({ "attack": "reveal", "text": text }), local_authority(), "secrets").await;
        denied(json!({ "attack": "hmac", "text": text }), local_authority(), "secrets").await;
    }
}

#[tokio::test]
async fn files_are_those_that_the_service_names() {
    let bytes = guest_or_return!("hostile");
    for path in [
        "/etc/passwd",
        "../secret",
        "named/../../secret",
        "~/.ssh/id_ed25519",
        "/proc/self/environ",
        "./named",
    ] {
        let read = json!({ "attack": "read-file", "path": path, "input": "named" });
        denied(read, service_authority(), "files").await;
        let write = json!({ "attack": "write-file", "path": path, "output": "named", "text": "x" });
        denied(write, service_authority(), "files").await;
    }
    let world = World::new();
    let write = json!({ "attack": "write-file", "path": "named", "output": "named", "text": "x" });
    world.attack(bytes, service_authority(), write.clone()).await.unwrap();
    assert_eq!(std::fs::read(world.folder.path().join("named")).unwrap(), b"x");
    let failure = world.attack_in_plan(bytes, service_authority(), write).await.unwrap_err();
    assert_denied(&failure, "files");
}

#[tokio::test]
async fn commands_are_the_users_own() {
    let Some(bytes) = crate::support::guest("hostile") else { return };
    let world = World::new();
    let folder = world.folder.path().to_str().unwrap().to_owned();
    for line in ["id", "sh -c id", "/usr/bin/env", "echo hello; id", "echo hello world", "ECHO hello"] {
        for attack in ["run", "spawn"] {
            let options =
                json!({ "attack": attack, "line": line, "directory": folder, "command": "echo hello" });
            let failure = world.attack(bytes, service_authority(), options).await.unwrap_err();
            assert!(failure.message.starts_with("denied: "), "{attack} {line}: {failure:?}");
        }
    }
    let own = json!({ "attack": "run", "line": "echo hello", "directory": folder, "command": "echo hello" });
    let outcome = world.attack(bytes, service_authority(), own.clone()).await.unwrap();
    assert_eq!(outcome.summary, "got: hello");
    let failure = world.attack_in_plan(bytes, service_authority(), own).await.unwrap_err();
    assert_denied(&failure, "process");
}

#[tokio::test]
async fn a_fork_bomb_ends_after_a_few() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let folder = world.folder.path().to_str().unwrap();
    let options = json!({ "attack": "fork-bomb", "line": "true", "directory": folder, "command": "true" });
    let failure = world.attack(bytes, service_authority(), options).await.unwrap_err();
    assert_denied(&failure, "process");
    assert!(world.journal.effects().len() < 50, "{} processes", world.journal.effects().len());
}

#[tokio::test]
async fn processes_of_others_are_left_alone() {
    let me = std::process::id();
    let options = json!({ "attack": "terminate", "pid": me, "started": "0" });
    denied(options, service_authority(), "process").await;
}

#[tokio::test]
async fn only_named_urls_are_probed() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let named = format!("http://{}/health", world.server.address());
    let other = format!("http://{}/admin", world.server.address());
    let options = |url: &str| json!({ "attack": "probe", "url": url, "health_check": named.clone() });
    let outcome = world.attack(bytes, service_authority(), options(&named)).await.unwrap();
    assert_eq!(outcome.summary, "got: 200");
    let failure = world.attack(bytes, service_authority(), options(&other)).await.unwrap_err();
    assert_denied(&failure, "process");
    assert!(!world.server.received().contains("/admin"));
}

#[tokio::test]
async fn process_and_files_cannot_even_be_imported_without_a_grant() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let authority = Authority { process: None, ..local_authority() };
    let source = ComponentSource::unverified_for_development("ungranted", "0.1.0", bytes);
    let error = world.runtime.plugin(source, world.grant(authority), world.services()).await.err().unwrap();
    let RuntimeError::Unfit { reason, .. } = error else { panic!("{error}") };
    assert_eq!(reason, Unfit::NotGranted { capability: "process" });
}

#[tokio::test]
async fn a_partial_state_is_small_clean_json() {
    let bytes = guest_or_return!("hostile");
    for (options, problem) in [
        (json!({ "attack": "partial", "text": "not json" }), "is not JSON"),
        (json!({ "attack": "partial", "bytes": 300_000 }), "is longer than"),
        (json!({ "attack": "partial", "text": "\"{key}\"" }), "holds a secret"),
    ] {
        let world = World::new();
        let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
        assert!(failure.message.contains(problem), "{failure:?}");
        assert_eq!(failure.kind, FailureKind::Internal);
        assert!(world.journal.partials().is_empty());
    }
}
