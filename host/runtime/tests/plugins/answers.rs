//! What a plugin returns is believed only after it was checked.

use serde_json::{Value, json};
use ss_provider::{Failure, FailureKind, Outcome};

use crate::guest_or_return;
use crate::support::{INJECTED, KEY, World, local_authority};

async fn provision(mut options: Value) -> Option<Result<Outcome, Failure>> {
    let bytes = crate::support::guest("hostile")?;
    options["attack"] = json!("outcome");
    Some(World::new().attack(bytes, local_authority(), options).await)
}

#[tokio::test]
async fn answers_that_cannot_be_believed_name_their_field() {
    for (options, field) in [
        (json!({ "provider": "neon" }), "state.provider"),
        (json!({ "metadata": "[1]" }), "state.metadata"),
        (json!({ "metadata": "{" }), "state.metadata"),
        (json!({ "metadata-bytes": 5 << 20 }), "state.metadata"),
        (json!({ "metadata": format!(r#"{{"key":"{KEY}"}}"#) }), "state.metadata.key"),
        (json!({ "metadata": r#"{"key":"{key}"}"# }), "state.metadata.key"),
        (json!({ "metadata": r#"{"url":"{token}"}"# }), "state.metadata.url"),
        (json!({ "resource-id": INJECTED }), "state.resource-id"),
        (json!({ "resource-id": "{token}" }), "state.resource-id"),
        (json!({ "credentials": { "1X": "v" } }), "credentials"),
        (json!({ "credentials": { "X": "{key}" } }), "credentials.X"),
        (
            json!({ "credentials": { "X": "sealed1_0123456789abcdef0123456789abcdef01234567" } }),
            "credentials.X",
        ),
    ] {
        let Some(outcome) = provision(options.clone()).await else { return };
        let failure = outcome.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Internal, "{options}: {failure:?}");
        assert!(failure.message.contains(&format!("`{field}`")), "{options}: {failure:?}");
        assert!(!failure.message.contains(KEY) && !failure.message.contains("s3cr3t"), "{failure:?}");
    }
}

#[tokio::test]
async fn injected_values_may_be_passed_on_as_credentials() {
    let Some(outcome) = provision(json!({ "credentials": { "X": "<{token}>" } })).await else { return };
    let outcome = outcome.unwrap();
    assert_eq!(outcome.credentials[0].value.expose_str(), Some(format!("<{INJECTED}>").as_str()));
}

#[tokio::test]
async fn messages_are_cleaned() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let text = format!("key {KEY}, token {{key}}, \u{1b}]0;title\u{7} {}", hex(INJECTED));
    let options = json!({ "attack": "failure", "text": text });
    let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
    assert_eq!(failure.message, "key [secret], token [secret],  ]0;title  [secret]");
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}
