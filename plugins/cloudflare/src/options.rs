//! The service's options, as `options.schema.json` describes them, and what the plugin keeps in state.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use ss_sdk::Service;

/// Options of a resource on Cloudflare. Which of them go together is the schema's to say.
#[derive(Debug, Default)]
pub struct Options {
    resource: Option<String>,
    served: Vec<String>,
    pub account_id: Option<String>,
    pub name: Option<String>,
    pub zone: Option<String>,
    pub domain: Option<String>,
    pub fallback_origin: Option<String>,
    pub ssl_method: Option<String>,
    pub min_tls_version: Option<String>,
    pub certificate_authority: Option<String>,
    pub wildcard: Option<bool>,
    pub wait_for_active: u64,
    pub records: Vec<Value>,
    pub production_branch: Option<String>,
    pub build_command: Option<String>,
    pub destination_dir: Option<String>,
    pub root_dir: Option<String>,
    pub compatibility_date: Option<String>,
    pub env: Map<String, Value>,
    pub location: Option<String>,
    pub jurisdiction: Option<String>,
    pub storage_class: Option<String>,
    pub public: Option<bool>,
    pub cors: Option<Vec<Value>>,
    pub read_replication: Option<String>,
}

/// By hand: the host has checked the options against the schema, and a derived reader would be a twentieth of the
/// component.
impl<'de> Deserialize<'de> for Options {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let map = Map::deserialize(deserializer)?;
        let text = |name: &str| map.get(name).and_then(Value::as_str).map(str::to_owned);
        let list = |name: &str| map.get(name).and_then(Value::as_array).cloned();
        let flag = |name: &str| map.get(name).and_then(Value::as_bool);
        let mut served: Vec<String> = text("hostname").into_iter().chain(text("domain")).collect();
        for names in [list("hostnames"), list("domains")].into_iter().flatten() {
            served.extend(names.iter().filter_map(Value::as_str).map(str::to_owned));
        }
        Ok(Self {
            resource: text("resource").or_else(|| text("type")),
            served,
            account_id: text("account_id"),
            name: text("name"),
            zone: text("zone"),
            domain: text("domain"),
            fallback_origin: text("fallback_origin"),
            ssl_method: text("ssl_method"),
            min_tls_version: text("min_tls_version"),
            certificate_authority: text("certificate_authority"),
            wildcard: flag("wildcard"),
            wait_for_active: map.get("wait_for_active").and_then(Value::as_u64).unwrap_or_default(),
            records: list("records").unwrap_or_default(),
            production_branch: text("production_branch"),
            build_command: text("build_command"),
            destination_dir: text("destination_dir"),
            root_dir: text("root_dir"),
            compatibility_date: text("compatibility_date"),
            env: map.get("env").and_then(Value::as_object).cloned().unwrap_or_default(),
            location: text("location"),
            jurisdiction: text("jurisdiction"),
            storage_class: text("storage_class"),
            public: flag("public"),
            cors: list("cors"),
            read_replication: text("read_replication"),
        })
    }
}

impl Options {
    /// What to make.
    pub fn kind(&self) -> Option<Kind> {
        Kind::parse(self.resource.as_deref()?)
    }

    /// Every name to serve, in whichever option it stands, each once and in lower case.
    pub fn served_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.served.iter().map(|name| host_name(name)).collect();
        names.sort();
        names.dedup();
        names
    }
}

/// A host name in one spelling.
pub fn host_name(name: &str) -> String {
    name.trim_end_matches('.').to_ascii_lowercase()
}

/// The environment of the service: the options' own, under what the service has.
pub fn environment(service: &Service<Options>) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let own = service.options.env.iter().map(|(name, value)| (name.clone(), text(value)));
    let mut all: Vec<(String, String)> =
        own.filter(|(name, _)| !service.env.iter().any(|variable| variable.name == *name)).collect();
    all.extend(service.env.iter().map(|variable| (variable.name.clone(), variable.value.clone())));
    all
}

/// A kind of resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    CustomHostnames,
    DnsZone,
    Pages,
    R2,
    Kv,
    D1,
}

impl Kind {
    /// The kind of this name, in any of its spellings.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "custom-hostnames" => Self::CustomHostnames,
            "dns-zone" => Self::DnsZone,
            "pages-project" | "pages" => Self::Pages,
            "r2-bucket" | "r2" => Self::R2,
            "workers-kv" | "kv" => Self::Kv,
            "d1-database" | "d1" => Self::D1,
            _ => return None,
        })
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::CustomHostnames => "custom-hostnames",
            Self::DnsZone => "dns-zone",
            Self::Pages => "pages-project",
            Self::R2 => "r2-bucket",
            Self::Kv => "workers-kv",
            Self::D1 => "d1-database",
        }
    }

    /// The permission that a token needs for it, as Cloudflare's dashboard calls it.
    pub fn permission(self) -> &'static str {
        match self {
            Self::CustomHostnames => "Zone / SSL and Certificates / Edit",
            Self::DnsZone => "Zone / DNS / Edit",
            Self::Pages => "Account / Cloudflare Pages / Edit",
            Self::R2 => "Account / Workers R2 Storage / Edit",
            Self::Kv => "Account / Workers KV Storage / Edit",
            Self::D1 => "Account / D1 / Edit",
        }
    }
}

/// What is known of a service's resource: kept while it is made and in its state afterwards.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Metadata {
    /// Name of its [`Kind`].
    pub resource: String,
    /// Whether this service asked for the thing to be made; what it only found is not its to delete.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub ours: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub account_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub zone_id: String,
    /// Name of the bucket, namespace, database or project; the domain of DNS records.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Cloudflare's id where it is not the name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub jurisdiction: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// Custom hostnames, or DNS records that this service made: what by id.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub made: Map<String, Value>,
    /// Custom hostnames and DNS records that were there before and are kept as described: what by id.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub adopted: Map<String, Value>,
    /// The fallback origin that this service set.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fallback_origin: String,
    /// Domains that this service bound to its project; custom hostnames that it asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Variables that this service set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    /// The host's digest of all inputs when the variables were set.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub inputs: String,
}

impl Metadata {
    /// Reads what was kept. People edit it: a member of another type counts as missing, and what is needed of it is
    /// judged where it is used.
    pub fn read(kept: &Map<String, Value>) -> Self {
        let text = |name: &str| kept.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let map = |name: &str| kept.get(name).and_then(Value::as_object).cloned().unwrap_or_default();
        let list = |name: &str| {
            let list = kept.get(name).and_then(Value::as_array).into_iter().flatten();
            list.filter_map(Value::as_str).map(str::to_owned).collect()
        };
        Self {
            resource: text("resource"),
            ours: kept.get("ours").and_then(Value::as_bool).unwrap_or_default(),
            account_id: text("account_id"),
            zone_id: text("zone_id"),
            name: text("name"),
            id: text("id"),
            jurisdiction: text("jurisdiction"),
            url: text("url"),
            made: map("made"),
            adopted: map("adopted"),
            fallback_origin: text("fallback_origin"),
            domains: list("domains"),
            variables: list("variables"),
            inputs: text("inputs"),
        }
    }

    /// Names of what the service made.
    pub fn made_names(&self) -> Vec<&str> {
        self.made.values().filter_map(Value::as_str).collect()
    }

    /// Names of what the service made or keeps as described.
    pub fn kept_names(&self) -> Vec<&str> {
        self.made.values().chain(self.adopted.values()).filter_map(Value::as_str).collect()
    }
}
