//! A provider in memory that plans at once, and a store with nothing in it.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::json;
use ss_engine::{Found, Lookup, StateChanges, Store, StoreError};
use ss_provider::{
    Action, Change, Credential, Description, Failure, FailureKind, Health, Identity, Operation, Outcome,
    Plan, Provider, Providers, Service, State, VaultKey,
};
use ss_secret::Secret;

/// The provider `cloudy`, and the only one.
pub struct Cloud {
    identity: Identity,
    description: Description,
}

impl Cloud {
    /// The provider as a run sees it.
    pub fn providers() -> Arc<dyn Providers> {
        Arc::new(One(Arc::new(Self {
            identity: Identity {
                name: "cloudy".into(),
                version: "1.0.0".into(),
                digest: format!("sha256:{:064}", 0),
                development: false,
            },
            description: Description {
                provider: "cloudy".into(),
                summary: String::new(),
                requires_api_key: false,
                vault_keys: vec![],
                options_schema: json!({
                    "type": "object",
                    "properties": { "provider": { "type": "string" }, "size": { "type": "integer" } },
                    "additionalProperties": false,
                }),
                shapes: vec![],
                example: String::new(),
            },
        })))
    }
}

fn only_plans<T>() -> Result<T, Failure> {
    Err(Failure::new(FailureKind::Internal, "this provider only plans"))
}

#[async_trait]
impl Provider for Cloud {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn description(&self) -> &Description {
        &self.description
    }

    async fn can_provision(&self, _: &Service) -> Result<bool, Failure> {
        Ok(true)
    }

    async fn plan(&self, operation: &Operation) -> Result<Plan, Failure> {
        let change = |option: &str| Change {
            field: option.to_owned(),
            before: None,
            after: operation.service.option(option).cloned(),
            sensitive: false,
        };
        Ok(Plan { action: Action::Create, detail: "a thing".into(), changes: vec![change("size")] })
    }

    async fn provision(&self, _: &Operation) -> Result<Outcome, Failure> {
        only_plans()
    }

    async fn status(&self, _: &Operation, _: &State) -> Result<Health, Failure> {
        only_plans()
    }

    async fn observe(&self, _: &Operation, _: &State) -> Result<Vec<Change>, Failure> {
        only_plans()
    }

    async fn find(&self, _: &Operation) -> Result<Option<State>, Failure> {
        only_plans()
    }

    async fn destroy(&self, _: &Operation, _: &State) -> Result<(), Failure> {
        only_plans()
    }
}

struct One(Arc<Cloud>);

impl Providers for One {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        (name == self.0.identity.name).then(|| Arc::clone(&self.0) as Arc<dyn Provider>)
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.identity.name.clone()]
    }
}

/// A vault in which nothing is and nothing can be put.
pub struct EmptyStore;

fn missing() -> Found {
    Found::Missing { tried: vec![], fix: String::new() }
}

fn read_only<T>() -> Result<T, StoreError> {
    Err(StoreError { message: "this store keeps nothing".into(), help: None })
}

impl Store for EmptyStore {
    fn states(&self) -> Result<BTreeMap<String, State>, StoreError> {
        Ok(BTreeMap::new())
    }

    fn put_states(&self, _: &StateChanges) -> Result<(), StoreError> {
        read_only()
    }

    fn credential(&self, _: &str, _: &str) -> Result<Option<Credential>, StoreError> {
        Ok(None)
    }

    fn put_credentials(&self, _: &str, _: &[Credential]) -> Result<(), StoreError> {
        read_only()
    }

    fn snapshot(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    fn restore(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    fn changed_since(&self, _: &str) -> Result<Vec<(String, String)>, StoreError> {
        Ok(Vec::new())
    }

    fn inputs_key(&self, _: bool) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn lookup(&self, address: &str) -> Result<Lookup, StoreError> {
        Ok(Lookup { canonical: address.to_owned(), is_provider_key: false, value: missing() })
    }

    fn provider_key(&self, _: &str, _: &VaultKey, _: Option<&str>) -> Result<Found, StoreError> {
        Ok(missing())
    }
}
