//! A routed service as its file declares it: no template filled, nothing injected, no secret.

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ss_provider::Metadata;
use uuid::Uuid;

/// What a service's file says to its provider.
///
/// The journal keeps it, so that a later run can ask the provider about a service whose file has changed
/// since. Its digest tells one change from another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Declared {
    /// The service's id.
    pub service: String,
    /// Its `type`.
    pub kind: String,
    /// Its display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The provider that it was routed to.
    pub provider: String,
    /// The block that `options` comes from: `target`, `provision`, `_cloudflare` or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub block: String,
    /// The provider's options, templates as written.
    #[serde(default, skip_serializing_if = "Metadata::is_empty")]
    pub options: Metadata,
    /// Environment, templates as written.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The credentials that it takes: name to the service that offers it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub inject: BTreeMap<String, String>,
    /// The variable or secret that holds its API key, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_env: Option<String>,
}

impl Declared {
    /// The dotted path of an option, from the service on, as a person finds it in the file.
    pub fn path_of(&self, option: &str) -> String {
        match (self.block.as_str(), option) {
            ("", option) => option.to_owned(),
            (block, "") => block.to_owned(),
            (block, option) => format!("{block}.{option}"),
        }
    }

    /// Whether a value of the vault stands in it.
    pub fn reads_vault(&self) -> bool {
        fn has_template(value: &Value) -> bool {
            match value {
                Value::String(text) => text.contains("{{"),
                Value::Array(items) => items.iter().any(has_template),
                Value::Object(fields) => fields.values().any(has_template),
                _ => false,
            }
        }
        !self.inject.is_empty()
            || self.env.values().any(|text| text.contains("{{"))
            || self.options.values().any(has_template)
    }
}

/// SHA-256 in hex of a value's canonical JSON (RFC 8785): equal values have equal digests.
pub(crate) fn digest_of(value: &impl Serialize) -> String {
    // Only values with non-string keys or non-finite numbers have no canonical JSON; ours have neither.
    let text = serde_json_canonicalizer::to_vec(value).unwrap_or_default();
    hex::encode(digest(&SHA256, &text))
}

/// The key that every attempt at the same change shares and no other change has: the first 32 hex digits
/// of SHA-256 over project, environment, service, its declaration and the incarnation.
///
/// The incarnation is made when a change is begun and kept until it is done, over crashes and failures;
/// a service that is destroyed and made again has another.
pub(crate) fn idempotency_key(
    project: &str,
    environment: &str,
    declared: &Declared,
    incarnation: Uuid,
) -> String {
    let mut key = digest_of(&Value::from(vec![
        project.to_owned(),
        environment.to_owned(),
        declared.service.clone(),
        digest_of(declared),
        incarnation.to_string(),
    ]));
    key.truncate(32);
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    fn declared() -> Declared {
        Declared {
            service: "db".into(),
            kind: "database".into(),
            name: None,
            command: None,
            provider: "neon".into(),
            block: "target".into(),
            options: Metadata::new(),
            env: BTreeMap::new(),
            inject: BTreeMap::new(),
            credential_env: None,
        }
    }

    #[test]
    fn the_key_names_the_change_and_nothing_else() {
        let key = |project, environment, declared: &Declared, incarnation| {
            idempotency_key(project, environment, declared, Uuid::from_u128(incarnation))
        };
        let base = key("p", "prod", &declared(), 1);
        assert_eq!(base.len(), 32);
        assert_eq!(base, key("p", "prod", &declared(), 1));
        let mut changed = declared();
        changed.options.insert("region".into(), "eu".into());
        for other in [
            key("q", "prod", &declared(), 1),
            key("p", "dev", &declared(), 1),
            key("p", "prod", &declared(), 2),
            key("p", "prod", &changed, 1),
        ] {
            assert_ne!(base, other);
        }
    }
}
