//! The service's options, as `options.schema.json` describes them, and what the plugin keeps in state.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Options of a domain at Porkbun.
#[derive(Debug, Deserialize)]
pub struct Options {
    /// The domain.
    pub domain: String,
    /// DNS records.
    #[serde(default)]
    pub records: Vec<Record>,
    /// Name servers.
    #[serde(default)]
    pub nameservers: Option<Vec<String>>,
    /// Whether it is renewed by itself.
    #[serde(default)]
    pub auto_renew: Option<bool>,
    /// Leave to buy the domain.
    #[serde(default)]
    pub register: Option<Register>,
}

/// A DNS record.
#[derive(Debug, Clone, Deserialize)]
pub struct Record {
    /// Its type.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name, relative to the domain.
    pub name: String,
    /// Its content.
    pub content: String,
    /// Time to live in seconds.
    #[serde(default)]
    pub ttl: Option<u64>,
    /// Priority.
    #[serde(default)]
    pub prio: Option<u64>,
}

/// Leave to buy the domain.
#[derive(Debug, Deserialize)]
pub struct Register {
    /// Most US dollars.
    pub max_price: f64,
    /// The schema lets only `true` through.
    pub agree_to_terms: bool,
}

impl Options {
    /// The domain in one spelling.
    pub fn domain(&self) -> String {
        self.domain.trim_end_matches('.').to_ascii_lowercase()
    }
}

/// What is known of a service: kept while it is made and in its state afterwards.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// The domain.
    pub domain: String,
    /// Records that this service made: what by id.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub made: Map<String, Value>,
    /// Records that were there before and are kept as described: what by id.
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub adopted: Map<String, Value>,
    /// What the registration cost, if this service made it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub registered_for: String,
}
