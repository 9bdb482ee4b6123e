//! The set of things a plugin may do.

use serde::{Deserialize, Serialize};

/// Everything a plugin may do. The default is nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Authority {
    /// Requests that may leave; what no rule allows is refused.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpRule>,
    /// Vault keys.
    #[serde(default, skip_serializing_if = "VaultAuthority::is_empty")]
    pub vault: VaultAuthority,
    /// What may be done with sealed secrets.
    #[serde(default, skip_serializing_if = "SecretsAuthority::is_empty")]
    pub secrets: SecretsAuthority,
    /// Processes on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessAuthority>,
    /// Files on this machine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub files: Option<FilesAuthority>,
}

/// Requests that may leave.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct HttpRule {
    /// Scheme and host, with a port unless it is the scheme's own: `https://api.machines.dev`. Up to two
    /// labels of the host, but for the last two, may be `*`, which stands for exactly one label.
    pub origin: String,
    /// Path prefix that ends in `/`, or an exact path: `/v1/`, `/graphql`. A segment `*` stands for any one
    /// segment: `/zones/*/dns_records`.
    pub path: String,
    /// Upper-case methods.
    pub methods: Vec<String>,
    /// `graphql`: a `POST` whose body is a GraphQL document of queries only counts as safe.
    /// `post`: every `POST` under this rule counts as safe, for providers that read by `POST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reads: Option<String>,
    /// Places in a JSON body where sealed tokens are resolved: dotted paths, `*` for any one member or
    /// element, such as `config.env.*`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sealed_body: Vec<String>,
}

/// Vault keys a plugin may read (sealed) and write.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultAuthority {
    /// Keys it may read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read: Vec<VaultRead>,
    /// Provider keys it may write, such as `providers:fly/api_key`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write: Vec<String>,
}

impl VaultAuthority {
    /// Whether it allows nothing.
    pub fn is_empty(&self) -> bool {
        self.read.is_empty() && self.write.is_empty()
    }
}

/// A vault key and where its value may be sent.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct VaultRead {
    /// `<namespace>/<name>`, such as `providers:neon/api_key`.
    pub key: String,
    /// Origins, written as in [`HttpRule::origin`], that may receive the value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub origins: Vec<String>,
    /// Lower-case names of the headers that may carry it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<String>,
    /// Places in a JSON body that may carry it, written as in [`HttpRule::sealed_body`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub body: Vec<String>,
}

/// What may be done with sealed secrets.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct SecretsAuthority {
    /// Vault keys under which HMACs may be made.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hmac: Vec<String>,
    /// Whether the host may make secrets for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub generate: bool,
    /// Vault keys (or `generated`, `injected`) whose raw value it may see.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reveal: Vec<String>,
}

impl SecretsAuthority {
    /// Whether it allows nothing.
    pub fn is_empty(&self) -> bool {
        self.hmac.is_empty() && !self.generate && self.reveal.is_empty()
    }
}

/// Processes a plugin may start.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ProcessAuthority {
    /// The command that the user's own service names.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub service_command: bool,
    /// Commands by their first words, such as `supabase start`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<String>,
    /// Commands by their first words that only look, such as `supabase status`: they may run while planning
    /// too, and are no effect that a crash leaves behind. Granting one is believing that it changes nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reads: Vec<String>,
    /// Options of the user's service that name URLs it may probe, such as `health_check`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probe_options: Vec<String>,
}

/// Files a plugin may touch: those that options of the user's own service name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct FilesAuthority {
    /// Options that name files it may read, such as `generate_config.template`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub read_options: Vec<String>,
    /// Options that name files it may replace, such as `generate_config.output`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub write_options: Vec<String>,
}
