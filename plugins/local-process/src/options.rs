//! The service's options, as `options.schema.json` describes them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// How long a health check is waited for unless the service says otherwise.
const HEALTH_TIMEOUT: u64 = 30;

/// Options of a local process.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Options {
    /// URL that answers 2xx or 3xx once the service is healthy.
    pub health_check: Option<String>,
    /// Seconds to wait for it.
    pub health_timeout: Option<u64>,
    /// How to get the program.
    pub install_hint: Option<String>,
    /// A file made from a template.
    pub generate_config: Option<GenerateConfig>,
    /// Values offered to `inject_from`.
    pub credentials: BTreeMap<String, Value>,
}

/// A file made from a template.
#[derive(Debug, Deserialize)]
pub struct GenerateConfig {
    /// Path of the template.
    pub template: String,
    /// Path of the file to write.
    pub output: String,
    /// Variables of the template; values may hold sealed tokens.
    #[serde(default)]
    pub vars: BTreeMap<String, Value>,
}

impl Options {
    /// How long to wait for the health check.
    pub fn health_timeout(&self) -> Duration {
        Duration::from_secs(self.health_timeout.unwrap_or(HEALTH_TIMEOUT))
    }
}

/// A scalar as text: YAML's `8080` and `"8080"` mean the same here.
pub fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
