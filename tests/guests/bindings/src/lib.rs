//! The contract 0.1.0 as these guests see it, and a bare HTTP client over it.
//!
//! Written against the WIT itself and not against the SDK: a hostile plugin would not use the SDK either.

wit_bindgen::generate!({
    path: "../../../wit/0.1.0",
    world: "provisioner",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_plugin",
});

pub mod http;

pub use exports::starsystem::provisioner::adapter::Guest;
pub use starsystem::provisioner::{files, journal, process, progress, secrets, timer, types, vault};
pub use wasi::{clocks, io, random};

use types::{Description, Failure, FailureKind, State};

/// A failure of the plugin.
pub fn failure(message: impl Into<String>) -> Failure {
    Failure { kind: FailureKind::Internal, message: message.into(), next_step: None }
}

/// The description of a plugin of this name, with a key `api_key` and any options.
pub fn description(provider: &str) -> Description {
    Description {
        provider: provider.into(),
        summary: "A guest of the host's tests".into(),
        requires_api_key: false,
        vault_keys: vec![types::VaultKey {
            name: "api_key".into(),
            aliases: vec!["token".into()],
            environment_variable: None,
            required: false,
            obtain: "nowhere".into(),
        }],
        options_schema: r#"{"type":"object"}"#.into(),
        shapes: vec![],
        example: "services: {}\n".into(),
    }
}

/// A state of this provider with this metadata.
pub fn state(provider: &str, metadata: String) -> State {
    State {
        provider: provider.into(),
        resource_id: "r-1".into(),
        provisioned_at: "2026-11-21T09:31:00Z".into(),
        region: None,
        metadata,
    }
}
