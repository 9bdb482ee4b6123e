//! A plugin that behaves gets what it was granted.

use serde_json::json;
use ss_authority::{Authority, SecretsAuthority};
use ss_provider::{Action, Provider as _};

use crate::guest_or_return;
use crate::support::{KEY, ORIGIN, World, http_authority};

fn authority() -> Authority {
    Authority {
        secrets: SecretsAuthority { generate: true, ..SecretsAuthority::default() },
        ..http_authority()
    }
}

#[tokio::test]
async fn runs_every_operation() {
    let bytes = guest_or_return!("friendly");
    let world = World::new();
    let plugin = world.plugin("friendly", bytes, authority()).await;
    assert_eq!(plugin.description().provider, "friendly");
    assert_eq!(plugin.description().vault_keys[0].aliases, ["token"]);

    let operation = world.operation(json!({ "url": format!("{ORIGIN}/v1/projects"), "generate": "db" }));
    let plan = plugin.plan(&operation).await.unwrap();
    assert_eq!((plan.action, plan.detail.as_str()), (Action::Create, "friendly web, HTTP 200"));

    let outcome = plugin.provision(&operation).await.unwrap();
    assert_eq!(outcome.summary, "friendly is there");
    assert_eq!(outcome.state.metadata["project"], "shop");
    let url = outcome.credentials[0].value.expose_str().unwrap();
    assert!(url.starts_with("postgres://friendly:") && !url.contains("sealed1_"), "a resolved credential");
    assert_eq!(url.len(), "postgres://friendly:@localhost/db".len() + 24);
    assert!(world.vault.keys().contains(&"web/db".to_owned()), "the generated secret is kept");
    assert_eq!(world.journal.partials(), [r#"{"step":1}"#]);
    assert!(world.screen.lines().contains(&"step: Requested: HTTP 200".to_owned()));
    assert!(world.screen.lines().contains(&"info: provisioned web".to_owned()));
    assert!(
        world.server.received().contains(&format!("authorization: Bearer {KEY}")),
        "the gate put the key in"
    );

    let health = plugin.status(&operation, &outcome.state).await.unwrap();
    assert_eq!(health.message, "r-1 works");
    assert!(plugin.observe(&operation, &outcome.state).await.unwrap().is_empty());
    assert!(plugin.find(&operation).await.unwrap().is_none());
    plugin.destroy(&operation, &outcome.state).await.unwrap();

    assert!(!plugin.can_provision(&operation.service).await.unwrap());
}

#[tokio::test]
async fn each_operation_has_a_store_of_its_own() {
    let bytes = guest_or_return!("friendly");
    let world = World::new();
    let plugin = world.plugin("friendly", bytes, authority()).await;
    let operation = world.operation(json!({}));
    let mut plans = tokio::task::JoinSet::new();
    let plugin = std::sync::Arc::new(plugin);
    // More than may run at the same time: they take turns.
    for _ in 0..200 {
        let (plugin, operation) = (plugin.clone(), operation.clone());
        plans.spawn(async move { plugin.plan(&operation).await.unwrap().detail });
    }
    for detail in plans.join_all().await {
        assert_eq!(detail, "friendly web");
    }
}
