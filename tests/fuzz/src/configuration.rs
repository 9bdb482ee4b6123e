//! What a person or a repository writes: the system's files, a plugin's scenarios.

use std::path::Path;
use std::str;

use ss_config::{load_bytes, parse_str};
use ss_kit::Scenario;

/// A system with a template and an edge.
pub const SYSTEM: &[u8] = b"name: shop
services:
  db: &db
    type: database
    provision: { provider: neon, region: us-east-2 }
  api:
    <<: *db
    type: external
    depends_on: [db]
    inject_from: { db: [DATABASE_URL] }
    env: { LEVEL: info, KEY: \"{{ vault('secrets.KEY') }}\" }
";
/// A scenario without a cloud.
pub const SCENARIO: &[u8] = b"title = \"A thing\"

[service]
id = \"thing\"
type = \"external\"
options-path = \"provision\"

[service.options]
name = \"{{case}}\"

[[count]]
name = \"thing\"
create = \"POST /v1/things\"
delete = \"DELETE /v1/things/{id}\"
";

/// A system's file, in every role; whatever comes of it, every place is one of the text.
pub fn yaml(bytes: &[u8]) {
    let parsed = parse_str(bytes);
    assert!(parsed.root.is_some() || !parsed.diagnostics.is_empty());
    let base = Path::new("starsystem.yaml");
    let overlay = Path::new("starsystem.prod.yaml");
    for loaded in [
        load_bytes((base, bytes), None, "prod"),
        load_bytes(
            (base, b"services: {a: {type: x, env: {}}, b: {type: y}}"),
            Some((overlay, bytes)),
            "prod",
        ),
        load_bytes((base, bytes), Some((overlay, bytes)), "prod"),
    ] {
        assert!(loaded.system.is_some() || loaded.diagnostics.iter().any(ss_config::Diagnostic::is_error));
        for label in loaded.diagnostics.iter().flat_map(|finding| &finding.labels) {
            let text = loaded.sources.text(label.span.source);
            assert!(text.get(label.span.range()).is_some(), "{label:?} in {text:?}");
        }
        if let Some(system) = loaded.system {
            for service in &system.services {
                let _ = system.vault_references(service, &loaded.sources);
                let _ = system.span_of(&format!("services.{}.env.A", service.id.value));
                let _ = (service.node().to_json(), service.state(), service.provider());
            }
        }
    }
}

/// A scenario of the conformance kit.
pub fn scenario(bytes: &[u8]) {
    let Ok(text) = str::from_utf8(bytes) else { return };
    let _ = Scenario::parse("fuzz.toml", text);
}
