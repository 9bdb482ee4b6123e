//! Workers KV namespaces. Their values are none of this plugin's business.

use serde_json::{Value, json};
use ss_sdk::{Change, Credential, Failure};

use crate::account::Thing;
use crate::api::{Api, text};
use crate::options::{Kind, Options};
use crate::site::Site;

/// Workers KV namespaces.
pub static NAMESPACE: Namespace = Namespace;

/// Workers KV namespaces.
pub struct Namespace;

impl Thing for Namespace {
    fn kind(&self) -> Kind {
        Kind::Kv
    }

    fn noun(&self) -> &'static str {
        "KV namespace"
    }

    fn folder(&self) -> &'static str {
        "storage/kv/namespaces"
    }

    fn members(&self) -> (&'static str, &'static str) {
        ("id", "title")
    }

    fn longest_name(&self) -> usize {
        512
    }

    fn named(&self, api: &Api<'_, '_>, folder: &str, name: &str) -> Result<Option<Value>, Failure> {
        // There is no way to search by title.
        let namespaces = api.list(folder, &[], 1000, "list the namespaces")?;
        Ok(namespaces.into_iter().find(|namespace| text(namespace, "title") == name))
    }

    fn creation(&self, _: &Options, name: &str) -> Value {
        json!({ "title": name })
    }

    fn can_be_renamed(&self) -> bool {
        true
    }

    fn changes(&self, _: &Site<'_, '_>, _: &str, _: &Value) -> Result<Vec<Change>, Failure> {
        Ok(Vec::new())
    }

    fn apply(&self, _: &Site<'_, '_>, _: &str, _: &Change) -> Result<(), Failure> {
        Ok(())
    }

    fn credentials(&self, site: &Site<'_, '_>, _: &str) -> Result<Vec<Credential>, Failure> {
        Ok(vec![
            Credential::public("KV_NAMESPACE_ID", site.known.id.clone()),
            Credential::public("KV_ACCOUNT_ID", site.known.account_id.clone()),
        ])
    }
}
