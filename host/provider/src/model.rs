//! Services, states, plans and descriptions: the values of the contract.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// A JSON object with sorted keys, so that equal values have equal text.
pub type Metadata = Map<String, Value>;

/// A service, resolved: overlay merged, templates filled, paths made absolute.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// The key under `services:`.
    pub id: String,
    /// The service's `type`.
    pub kind: String,
    /// The display name.
    pub name: Option<String>,
    /// The command line of a process, as written.
    pub command: Option<String>,
    /// The provider's options: always a JSON object. Sealed tokens stand for secrets.
    pub options: Value,
    /// The YAML block of `options`: `target`, `provision`, `_cloudflare` or empty.
    pub options_path: String,
    /// The service's own `env` and what `inject_from` adds.
    pub env: Vec<Variable>,
}

impl Service {
    /// The option at a dotted path, such as `generate_config.template`.
    ///
    /// Each word names a member of an object; a member whose own name has a dot cannot be reached.
    pub fn option(&self, path: &str) -> Option<&Value> {
        path.split('.').try_fold(&self.options, |value, member| value.as_object()?.get(member))
    }
}

/// A named value that may contain sealed tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Name of the environment variable.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The record of a provisioned resource, safe to commit.
///
/// Serialises with the documented names: `provider`, `resourceId`, `provisionedAt`, `region`, `metadata`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct State {
    /// Provider name of the plugin that made it.
    pub provider: String,
    /// The provider's id.
    pub resource_id: String,
    /// RFC 3339 in UTC.
    pub provisioned_at: String,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Anything else worth keeping, never a secret.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub metadata: Metadata,
}

/// A credential on its way to the vault.
#[derive(Debug)]
pub struct Credential {
    /// Name such as `DATABASE_URL`.
    pub name: String,
    /// The value, every sealed token resolved.
    pub value: ss_secret::Secret,
    /// Whether nobody else may know it. An address may be shown; a password may not.
    pub sensitive: bool,
}

/// What `provision` achieved.
#[derive(Debug)]
pub struct Outcome {
    /// The state to record.
    pub state: State,
    /// Credentials for the vault.
    pub credentials: Vec<Credential>,
    /// One line for a person.
    pub summary: String,
}

/// What a plan would do to one resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Nothing is there yet.
    Create,
    /// Changed in place.
    Update,
    /// Deleted and made anew; its data is lost.
    Replace,
    /// Already as described.
    Nothing,
}

/// A field whose value is not the wanted one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    /// Dotted path of the option or of the provider's field.
    pub field: String,
    /// What is there now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What is wanted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// Neither value may be shown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sensitive: bool,
}

/// What `provision` would do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The kind of change.
    pub action: Action,
    /// What in a few words.
    pub detail: String,
    /// Field by field.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

/// Whether a resource works.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The verdict.
    pub healthy: bool,
    /// One line for a person.
    pub message: String,
    /// The provider's own answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<Value>,
}

/// A key that a plugin reads from the vault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VaultKey {
    /// Canonical name under `providers:<provider>`.
    pub name: String,
    /// Other names that people use for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<String>,
    /// The conventional environment variable.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub environment_variable: Option<String>,
    /// Whether the plugin cannot work without it.
    pub required: bool,
    /// Where a person gets one.
    pub obtain: String,
}

/// A shape of service that a plugin claims without being named.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// The service's `type`.
    pub kind: String,
    /// The service key that must be there too.
    pub requires: String,
}

/// What the host knows about a plugin before it runs any operation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The name that `provision.provider` and `target.type` use.
    pub provider: String,
    /// One line for `ss catalog`.
    pub summary: String,
    /// Whether operations need an API key.
    pub requires_api_key: bool,
    /// Every vault key; the first is the primary one.
    pub vault_keys: Vec<VaultKey>,
    /// JSON Schema (2020-12) of [`Service::options`].
    pub options_schema: Value,
    /// Shapes claimed without being named.
    pub shapes: Vec<Shape>,
    /// A YAML example of a service.
    pub example: String,
}

/// Which plugin this is: what the lock pins and the receipt names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Identity {
    /// Plugin name.
    pub name: String,
    /// Plugin version.
    pub version: String,
    /// `sha256:` and 64 hex digits over the whole component file; `built-in` if it is part of `ss` itself.
    pub digest: String,
    /// Whether it is a component under development, which nobody signed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub development: bool,
}
