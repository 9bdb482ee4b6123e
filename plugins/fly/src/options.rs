//! The service's options, as `options.schema.json` describes them.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use ss_sdk::{Context, Service, label};

/// The longest app name: it is a label of a host name.
const LONGEST_NAME: usize = 63;

/// Options of an app on Fly.
#[derive(Debug, Deserialize)]
pub struct Options {
    /// Name of the app.
    #[serde(default)]
    pub app: Option<String>,
    /// Slug of the organisation.
    #[serde(default)]
    pub org: Option<String>,
    /// Region of the machine.
    pub region: String,
    /// Container image.
    pub image: String,
    /// Port that the app listens on.
    #[serde(default = "default_port")]
    pub port: u16,
    /// Path of the health check.
    #[serde(default)]
    pub health_check_path: Option<String>,
    /// Seconds to wait until the app is healthy.
    #[serde(default = "default_health_timeout")]
    pub health_timeout: u64,
    /// Environment; values may hold sealed tokens.
    #[serde(default)]
    pub env: BTreeMap<String, Value>,
    /// Kind of the CPUs.
    #[serde(default = "default_cpu_kind")]
    pub cpu_kind: String,
    /// Number of CPUs.
    #[serde(default = "default_cpus")]
    pub cpus: u32,
    /// Memory in MiB.
    #[serde(default = "default_memory")]
    pub memory_mb: u32,
    /// What happens to an idle machine.
    #[serde(default = "default_autostop")]
    pub autostop: String,
}

fn default_port() -> u16 {
    8080
}

fn default_health_timeout() -> u64 {
    180
}

fn default_cpu_kind() -> String {
    "shared".into()
}

fn default_cpus() -> u32 {
    1
}

fn default_memory() -> u32 {
    256
}

fn default_autostop() -> String {
    "off".into()
}

impl Options {
    /// The app's name: as configured, or the same for every run of this service.
    pub fn app_name(&self, context: &Context<'_>) -> String {
        self.app.clone().unwrap_or_else(|| context.default_name(LONGEST_NAME))
    }

    /// How long to wait until the app is healthy.
    pub fn health_timeout(&self) -> Duration {
        Duration::from_secs(self.health_timeout)
    }
}

/// The machine's name, unique within its app.
pub fn machine_name(service_id: &str) -> String {
    let name = label(service_id);
    if name.is_empty() { "machine".into() } else { name }
}

/// The environment of the app: the options' own, under what the service has, which includes what is injected.
pub fn environment(service: &Service<Options>) -> BTreeMap<String, String> {
    let own = service.options.env.iter().map(|(name, value)| (name.clone(), text(value)));
    let service_env = service.env.iter().map(|variable| (variable.name.clone(), variable.value.clone()));
    own.chain(service_env).collect()
}

/// A scalar as text: YAML's `3000` and `"3000"` mean the same here.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_labels() {
        assert_eq!(label("My App/prod/api_1"), "my-app-prod-api-1");
        assert_eq!(label("--ä--"), "");
        assert_eq!(machine_name("ä"), "machine");
    }
}
