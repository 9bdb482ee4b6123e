//! What a plugin needs around it to be called: a runtime, the host's services, an operation.

use std::path::Path;
use std::sync::Arc;

use serde_json::json;
use ss_capability_http::Client;
use ss_capability_secrets::Generator;
use ss_capability_vault::Keyring;
use ss_provider::{
    Cancel, Context, Effect, EffectId, EffectOutcome, Effects, Operation, Progress, RequestRecord, Service,
};
use ss_runtime::{HostServices, Runtime, RuntimeConfig};
use ss_secret::{Seals, Secret, Source};

/// A runtime with the limits of the product, whose compiled plugins are kept in this folder, if any.
pub fn runtime(cache: Option<&Path>) -> Runtime {
    Runtime::new(RuntimeConfig { cache_dir: cache.map(Path::to_owned), ..RuntimeConfig::default() })
}

/// The host's services over an empty vault.
pub fn services() -> HostServices {
    HostServices {
        http: Client::new(),
        keyring: Arc::new(Nothing),
        generator: Arc::new(Nothing),
        scrubber: Arc::default(),
        log_dir: "/nonexistent".into(),
        home: None,
        environment: Arc::default(),
    }
}

/// An operation on a service with one option and a sealed API key of this provider.
pub fn operation(provider: &str) -> Operation {
    let seals = Seals::new();
    let source = Source::VaultKey(format!("providers:{provider}/api_key"));
    let key = seals.seal(Secret::new("key_0123456789abcdef0123456789abcdef"), source);
    Operation {
        context: Context {
            project: "shop".into(),
            environment: "prod".into(),
            api_key: Some(key),
            existing: None,
            partial: None,
            config_dir: None,
            idempotency_key: "0".repeat(32),
            inputs_digest: None,
        },
        service: Arc::new(Service {
            id: "web".into(),
            kind: "app".into(),
            name: None,
            command: None,
            options: json!({ "provider": provider }),
            options_path: "provision".into(),
            env: vec![],
        }),
        seals: Arc::new(seals),
        effects: Arc::new(Nothing),
        progress: Arc::new(Nothing),
        cancel: Cancel::default(),
    }
}

/// Journal, screen and vault of an operation that uses none of them.
struct Nothing;

fn nothing_is_written<T>() -> std::io::Result<T> {
    Err(std::io::Error::other("a bench changes nothing"))
}

impl Effects for Nothing {
    fn begin(&self, _: &Effect) -> std::io::Result<EffectId> {
        nothing_is_written()
    }

    fn end(&self, _: EffectId, _: &EffectOutcome) {}

    fn observe(&self, _: &RequestRecord, _: &EffectOutcome) {}

    fn save_partial(&self, _: &str) -> std::io::Result<()> {
        nothing_is_written()
    }
}

impl Progress for Nothing {
    fn step(&self, _: &str) {}

    fn waiting(&self, _: &str) {}

    fn log(&self, _: &str, _: &str) {}
}

impl Keyring for Nothing {
    fn get(&self, _: &str) -> Result<Option<Secret>, String> {
        Ok(None)
    }

    fn set_provider_key(&self, _: &str, _: &str, _: &Secret) -> Result<(), String> {
        Err("a bench changes nothing".to_owned())
    }
}

impl Generator for Nothing {
    fn generated(
        &self,
        _: &str,
        _: &str,
        _: &mut dyn FnMut() -> Result<Secret, String>,
    ) -> Result<Secret, String> {
        Err("a bench changes nothing".to_owned())
    }
}
