//! The values of the contract: what crosses between `ss` and a plugin, in Rust terms.
//!
//! They mirror `types.wit`, with JSON text parsed. Nothing here does anything.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use crate::Failure;

/// A JSON object.
pub type Metadata = Map<String, Value>;

/// A service of `starsystem.yaml`, resolved: overlay merged, templates filled.
#[derive(Debug, Clone)]
pub struct Service<Options> {
    /// The key under `services:`.
    pub id: String,
    /// The service's `type`.
    pub kind: String,
    /// The display name.
    pub name: Option<String>,
    /// The command line of a process, as written.
    pub command: Option<String>,
    /// The provider's options.
    pub options: Options,
    /// The YAML block that the options come from: `target`, `provision`, `_cloudflare` or empty.
    pub options_path: String,
    /// The service's own `env` and what `inject_from` adds. Values may hold [sealed tokens](crate::sealed).
    pub env: Vec<Variable>,
}

impl<Options> Service<Options> {
    /// Path of an option within the service, for [`Failure::invalid_configuration`].
    pub fn option_path(&self, option: &str) -> String {
        if self.options_path.is_empty() {
            option.to_owned()
        } else {
            format!("{}.{option}", self.options_path)
        }
    }

    /// The same service with other options.
    pub fn map_options<Other>(self, map: impl FnOnce(Options) -> Other) -> Service<Other> {
        Service {
            id: self.id,
            kind: self.kind,
            name: self.name,
            command: self.command,
            options: map(self.options),
            options_path: self.options_path,
            env: self.env,
        }
    }
}

impl Service<Value> {
    /// Reads the options into the plugin's own type.
    ///
    /// # Errors
    ///
    /// Invalid configuration, naming the block. The host has validated the options against the plugin's
    /// schema before, so this happens only where schema and type differ.
    pub fn parse<Options: DeserializeOwned>(mut self) -> Result<Service<Options>, Failure> {
        match serde_json::from_value(self.options.take()) {
            Ok(options) => Ok(self.map_options(|_| options)),
            Err(error) => Err(Failure::invalid_configuration(self.options_path, error.to_string())),
        }
    }
}

/// A named value, which may hold [sealed tokens](crate::sealed).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Name of the environment variable.
    pub name: String,
    /// Its value.
    pub value: String,
}

/// The record of a provisioned resource. It is committed to a repository: it never holds a secret.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The plugin's provider name.
    pub provider: String,
    /// The provider's id of the resource.
    pub resource_id: String,
    /// When it was first provisioned: RFC 3339, UTC.
    pub provisioned_at: String,
    /// Where it runs.
    pub region: Option<String>,
    /// Anything else worth keeping.
    pub metadata: Metadata,
}

impl State {
    /// Replaces the metadata by the members of `metadata`, which must serialise as an object.
    #[must_use]
    pub fn with_metadata(mut self, metadata: &impl Serialize) -> Self {
        if let Ok(Value::Object(members)) = serde_json::to_value(metadata) {
            self.metadata = members;
        }
        self
    }

    /// Sets where it runs.
    #[must_use]
    pub fn with_region(mut self, region: impl Into<String>) -> Self {
        self.region = Some(region.into());
        self
    }

    /// Reads the metadata into the plugin's own type.
    ///
    /// # Errors
    ///
    /// Internal, if the metadata has another shape: state is kept in files that people edit.
    pub fn parse_metadata<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        serde_json::from_value(Value::Object(self.metadata.clone())).map_err(|error| {
            Failure::internal(format!("the recorded state of `{}` cannot be read: {error}", self.resource_id))
                .with_next_step("restore the `_state` block of the service, or remove it to provision anew")
        })
    }
}

/// A credential that a provisioned service offers to others. It goes to the vault only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The name that `inject_from` uses, such as `DATABASE_URL`.
    pub name: String,
    /// Its value; sealed tokens inside are resolved when it is stored.
    pub value: String,
    /// Whether nobody else may know it.
    pub sensitive: bool,
}

impl Credential {
    /// A secret, such as a password or an address with one in it.
    pub fn secret(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), sensitive: true }
    }

    /// A value that anyone may know, such as a plain address. It may stand in the state too.
    pub fn public(name: impl Into<String>, value: impl Into<String>) -> Self {
        Self { name: name.into(), value: value.into(), sensitive: false }
    }
}

/// What `provision` achieved.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The state to record.
    pub state: State,
    /// Credentials for the vault.
    pub credentials: Vec<Credential>,
    /// One line for a person.
    pub summary: String,
}

impl Outcome {
    /// An outcome without credentials.
    pub fn new(state: State, summary: impl Into<String>) -> Self {
        Self { state, credentials: Vec::new(), summary: summary.into() }
    }

    /// Adds a credential.
    #[must_use]
    pub fn with_credential(mut self, credential: Credential) -> Self {
        self.credentials.push(credential);
        self
    }
}

/// What `provision` would do to the resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing is there yet.
    Create,
    /// It differs in a way that can be changed in place.
    Update,
    /// It differs in a way that needs a new one; the old one's data is lost.
    Replace,
    /// It exists as described.
    Nothing,
}

/// A field whose value is not the wanted one.
#[derive(Debug, Clone, PartialEq)]
pub struct Change {
    /// Dotted path of the option or the provider's field.
    pub field: String,
    /// What is there now.
    pub before: Option<Value>,
    /// What is wanted.
    pub after: Option<Value>,
    /// Neither value may be shown.
    pub sensitive: bool,
}

impl Change {
    /// A change whose values may be shown. JSON null stands for an absent value.
    pub fn new(field: impl Into<String>, before: impl Into<Value>, after: impl Into<Value>) -> Self {
        let present = |value: Value| if value.is_null() { None } else { Some(value) };
        Self {
            field: field.into(),
            before: present(before.into()),
            after: present(after.into()),
            sensitive: false,
        }
    }

    /// A change whose values are secret or unknown.
    pub fn sensitive(field: impl Into<String>) -> Self {
        Self { field: field.into(), before: None, after: None, sensitive: true }
    }
}

/// What `provision` would do.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The kind of change.
    pub action: Action,
    /// What in a few words.
    pub detail: String,
    /// Field by field.
    pub changes: Vec<Change>,
}

impl Plan {
    /// A plan without changed fields.
    pub fn new(action: Action, detail: impl Into<String>) -> Self {
        Self { action, detail: detail.into(), changes: Vec::new() }
    }

    /// A plan for a resource that exists: an update if something changes, nothing otherwise.
    pub fn converge(detail: impl Into<String>, changes: Vec<Change>) -> Self {
        let action = if changes.is_empty() { Action::Nothing } else { Action::Update };
        Self { action, detail: detail.into(), changes }
    }
}

/// Whether a resource works.
#[derive(Debug, Clone)]
pub struct Health {
    /// The verdict.
    pub healthy: bool,
    /// One line for a person.
    pub message: String,
    /// The provider's own answer, for `--json`. Never a secret.
    pub raw: Option<Value>,
}

impl Health {
    /// It works.
    pub fn healthy(message: impl Into<String>) -> Self {
        Self { healthy: true, message: message.into(), raw: None }
    }

    /// It does not work.
    pub fn unhealthy(message: impl Into<String>) -> Self {
        Self { healthy: false, message: message.into(), raw: None }
    }

    /// Adds the provider's own answer.
    #[must_use]
    pub fn with_raw(mut self, raw: Value) -> Self {
        self.raw = Some(raw);
        self
    }
}

/// A key that the plugin reads from the vault.
#[derive(Debug, Clone, Default)]
pub struct VaultKey {
    /// Canonical name under `providers:<provider>`, such as `api_key`.
    pub name: String,
    /// Other names that people use for it.
    pub aliases: Vec<String>,
    /// The conventional environment variable.
    pub environment_variable: Option<String>,
    /// Whether the plugin cannot work without it.
    pub required: bool,
    /// Where a person gets one: an address or a command.
    pub obtain: String,
}

impl VaultKey {
    /// The required key `api_key` with the aliases that every provider's token has.
    pub fn api_key(environment_variable: &str, obtain: &str) -> Self {
        Self {
            name: "api_key".into(),
            aliases: vec!["api_token".into(), "token".into()],
            environment_variable: Some(environment_variable.into()),
            required: true,
            obtain: obtain.into(),
        }
    }
}

/// A shape of service that the plugin claims although nothing names it.
#[derive(Debug, Clone)]
pub struct Shape {
    /// The service's `type`.
    pub kind: String,
    /// The service key that must be there too.
    pub requires: String,
}

/// What the host knows about a plugin before it runs any operation.
#[derive(Debug, Clone, Default)]
pub struct Description {
    /// The name that `provision.provider` and `target.type` use. Lower case, digits and hyphens.
    pub provider: String,
    /// One line for `ss catalog`.
    pub summary: String,
    /// Whether operations need [`Context::api_key`](crate::Context::api_key).
    pub requires_api_key: bool,
    /// Every vault key; the first is the primary one.
    pub vault_keys: Vec<VaultKey>,
    /// JSON Schema (2020-12) of the options, usually by `include_str!`. Properties marked
    /// `"x-sealed": true` receive the values of vault templates as sealed tokens.
    pub options_schema: String,
    /// Shapes claimed without being named.
    pub shapes: Vec<Shape>,
    /// A YAML example of a service.
    pub example: String,
}
