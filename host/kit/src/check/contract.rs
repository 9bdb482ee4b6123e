//! What can be said of a component without playing it: its outside, its manifest, its description.

use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use ss_authority::Manifest;
use ss_config::{Diagnostic, load_bytes};
use ss_engine::{Engine, EngineConfig, Found, Lookup, StateChanges, Store, StoreError};
use ss_provider::{Credential, Description, Provider, Providers, VaultKey};
use ss_registry::Outline;
use ss_runtime::{RuntimeError, Unfit};
use ss_secret::{Scrubber, Seals, Secret};

use super::counted;
use crate::play::Bench;
use crate::report::{Finding, Verdict};
use crate::rules::{COMPONENT, DESCRIBE, EXAMPLE, MANIFEST, SCHEMA};
use crate::subject::{Component, Subject};

/// Findings about examples that are about what an example leaves out.
const BEYOND_AN_EXAMPLE: [&str; 3] = ["unknown-dependency", "unknown-service", "injected-from-skipped"];

/// Judges a component that can be run.
pub(crate) fn contract(
    component: &Component,
    subject: &Subject,
    provider: Arc<dyn Provider>,
) -> Vec<Finding> {
    let Ok(outline) = ss_registry::inspect(&component.bytes) else { return Vec::new() };
    let tried = format!("{} bytes, contract {}", component.bytes.len(), outline.contract.version);
    let schema = schema(&subject.description);
    let example = match schema.verdict {
        Verdict::Failed => Finding::not_run(EXAMPLE, "there is no schema to check it against"),
        _ => example(provider),
    };
    vec![
        Finding::passed(COMPONENT, tried),
        manifest(&outline, &component.manifest),
        describe(&subject.description, &component.manifest),
        schema,
        example,
    ]
}

/// Judges a component that cannot be run.
pub(crate) fn unusable(error: &RuntimeError) -> Vec<Finding> {
    let mut reason = error.to_string();
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        reason = format!("{reason}: {cause}");
        next = cause.source();
    }
    let (rule, others): (_, &[_]) = match error {
        RuntimeError::Unfit { reason: Unfit::NotGranted { .. }, .. } | RuntimeError::Grant { .. } => {
            (MANIFEST, &[COMPONENT, DESCRIBE, SCHEMA, EXAMPLE])
        }
        RuntimeError::Undescribed { reason, .. } if reason.contains("`options-schema`") => {
            (SCHEMA, &[MANIFEST, DESCRIBE, EXAMPLE])
        }
        RuntimeError::Undescribed { .. } => (DESCRIBE, &[MANIFEST, SCHEMA, EXAMPLE]),
        _ => (COMPONENT, &[MANIFEST, DESCRIBE, SCHEMA, EXAMPLE]),
    };
    let mut findings = vec![Finding::failed(rule, reason)];
    findings.extend(others.iter().map(|rule| Finding::not_run(rule, "the plugin cannot be run")));
    findings
}

/// Capabilities that are asked for and those that are imported.
fn manifest(outline: &Outline<'_>, manifest: &Manifest) -> Finding {
    let imports = |name: &str| {
        let named = |import: &&str| import.split('@').next() == Some(name);
        outline.imports.iter().any(named)
    };
    let own = |name: &str| imports(&format!("starsystem:provisioner/{name}"));
    let authority = &manifest.authority;
    let asked = [
        ("[[authority.http]]", !authority.http.is_empty(), imports("wasi:http/outgoing-handler")),
        ("[authority.vault] write", !authority.vault.write.is_empty(), own("vault")),
        ("[authority.secrets]", !authority.secrets.is_empty(), own("secrets")),
        ("[authority.process]", authority.process.is_some(), own("process")),
        ("[authority.files]", authority.files.is_some(), own("files")),
    ];
    let needless: Vec<&str> =
        asked.iter().filter(|(_, asked, imported)| *asked && !imported).map(|(line, ..)| *line).collect();
    if !needless.is_empty() {
        let shown = outline.imports.iter().map(|import| format!("imports {import}"));
        return Finding::failed(
            MANIFEST,
            format!("it asks for {} and never imports it", needless.join(", ")),
        )
        .showing(shown);
    }
    let built = &outline.contract.version;
    if *built != manifest.contract {
        let reason =
            format!("the manifest says contract {}, the component is built for {built}", manifest.contract);
        return Finding::failed(MANIFEST, reason);
    }
    let asked = asked.iter().filter(|(_, asked, _)| *asked).count();
    Finding::passed(MANIFEST, format!("{} asked for and imported", counted(asked, "capability group")))
}

fn describe(description: &Description, manifest: &Manifest) -> Finding {
    let mut wrong = Vec::new();
    if description.summary.is_empty() {
        wrong.push("`summary` is empty".to_owned());
    }
    if description.requires_api_key && description.vault_keys.is_empty() {
        wrong.push("it requires an API key and names no vault key".to_owned());
    }
    let address = |name: &str| format!("providers:{}/{name}", description.provider);
    let reads = |key: &str| manifest.authority.vault.read.iter().any(|read| read.key == key);
    for key in &description.vault_keys {
        if key.obtain.is_empty() {
            wrong.push(format!("vault key `{}` does not say where a person gets one", key.name));
        }
        if !reads(&address(&key.name)) {
            wrong.push(format!("vault key `{}` is not asked for in `plugin.toml`", key.name));
        }
    }
    let prefix = address("");
    let own = manifest.authority.vault.read.iter().filter_map(|read| read.key.strip_prefix(&prefix));
    for name in own.filter(|name| !description.vault_keys.iter().any(|key| key.name == **name)) {
        wrong.push(format!("`plugin.toml` asks to read `{prefix}{name}`, which `describe` does not name"));
    }
    if wrong.is_empty() {
        Finding::passed(DESCRIBE, counted(description.vault_keys.len(), "vault key"))
    } else {
        Finding::failed(DESCRIBE, wrong.join("; "))
    }
}

fn schema(description: &Description) -> Finding {
    match compiled(&description.options_schema) {
        Err(reason) => Finding::failed(SCHEMA, format!("it does not compile: {reason}")),
        Ok(_) => {
            let properties = description.options_schema.get("properties").and_then(Value::as_object);
            Finding::passed(SCHEMA, counted(properties.map_or(0, serde_json::Map::len), "option"))
        }
    }
}

fn compiled(schema: &Value) -> Result<jsonschema::Validator, String> {
    jsonschema::draft202012::new(schema).map_err(|error| error.to_string())
}

/// A finding about the scenario's options, if the schema does not take them.
pub(super) fn options(bench: &Bench) -> Option<Finding> {
    let schema = compiled(&bench.subject.description.options_schema).ok()?;
    let stage = bench.stage().ok()?;
    let service = stage.service(&Seals::new()).ok()?;
    let errors: Vec<String> = schema
        .iter_errors(&service.options)
        .map(|error| bench.secrets.scrub(&format!("{}: {error}", error.instance_path())))
        .collect();
    (!errors.is_empty())
        .then(|| Finding::failed(SCHEMA, "it does not take the options of the scenario").showing(errors))
}

/// What `ss validate` says of the example.
fn example(provider: Arc<dyn Provider>) -> Finding {
    let text = provider.description().example.clone();
    let name = provider.description().provider.clone();
    match validated(&text, provider) {
        Ok((mentioned, findings)) => {
            let errors: Vec<String> = findings.iter().filter(|f| f.is_error()).map(worded).collect();
            if !errors.is_empty() {
                Finding::failed(EXAMPLE, "`ss validate` refuses it").showing(errors)
            } else if mentioned {
                Finding::passed(EXAMPLE, counted(text.lines().count(), "line"))
            } else {
                Finding::failed(EXAMPLE, format!("no service in it is routed to `{name}`"))
            }
        }
        Err(reason) => Finding::failed(EXAMPLE, reason),
    }
}

fn worded(finding: &Diagnostic) -> String {
    match &finding.help {
        Some(help) => format!("{} ({help})", finding.message),
        None => finding.message.clone(),
    }
}

/// Whether a service of the example is routed to the provider, and all that is found.
fn validated(text: &str, provider: Arc<dyn Provider>) -> Result<(bool, Vec<Diagnostic>), String> {
    let whole = format!("name: example\n{text}");
    let file = Path::new("/example/starsystem.yaml");
    let loaded = load_bytes((file, whole.as_bytes()), None, "local");
    let within = |finding: &Diagnostic| !BEYOND_AN_EXAMPLE.contains(&finding.code);
    let mut findings: Vec<Diagnostic> = loaded.diagnostics.into_iter().filter(within).collect();
    let Some(system) = loaded.system else {
        // What it leaves out keeps it from being routed; then only what is wrong in itself counts.
        return Ok((findings.iter().all(|finding| !finding.is_error()), findings));
    };
    let name = provider.description().provider.clone();
    let shapes = provider.description().shapes.clone();
    let mentioned = system.services.iter().any(|service| {
        let named = service.target_type().or_else(|| service.provider());
        match named {
            // `provider: supabase` with `mode: local` means `supabase-local`.
            Some(named) => named.value == name || name.strip_suffix("-local") == Some(named.value),
            None => shapes
                .iter()
                .any(|shape| shape.kind == service.kind() && service.get(&shape.requires).is_some()),
        }
    });
    let engine = Engine::new(EngineConfig {
        system: Arc::new(system),
        providers: Arc::new(Only(provider)),
        store: Arc::new(NoStore),
        scrubber: Arc::new(Scrubber::new()),
        home: "/example/home".into(),
        user_home: None,
        approved: true,
        scope: ss_engine::Scope::Everything,
        actor: String::new(),
        command: "ss plugin test".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        lock_digest: None,
        limits: ss_engine::Limits::default(),
    });
    findings.extend(engine.map_err(|error| error.to_string())?.validate().into_iter().filter(within));
    Ok((mentioned, findings))
}

/// The one provider that there is.
struct Only(Arc<dyn Provider>);

impl Providers for Only {
    fn get(&self, name: &str) -> Option<Arc<dyn Provider>> {
        (self.0.description().provider == name).then(|| Arc::clone(&self.0))
    }

    fn names(&self) -> Vec<String> {
        vec![self.0.description().provider.clone()]
    }
}

/// A vault with nothing in it; validating reads none.
struct NoStore;

impl Store for NoStore {
    fn states(&self) -> Result<std::collections::BTreeMap<String, ss_provider::State>, StoreError> {
        Ok(Default::default())
    }

    fn put_states(&self, _: &StateChanges) -> Result<(), StoreError> {
        Ok(())
    }

    fn credential(&self, _: &str, _: &str) -> Result<Option<Credential>, StoreError> {
        Ok(None)
    }

    fn put_credentials(&self, _: &str, _: &[Credential]) -> Result<(), StoreError> {
        Ok(())
    }

    fn inputs_key(&self, _: bool) -> Result<Option<Secret>, StoreError> {
        Ok(None)
    }

    fn snapshot(&self) -> Result<Option<String>, StoreError> {
        Ok(None)
    }

    fn restore(&self, _: &str) -> Result<(), StoreError> {
        Ok(())
    }

    fn changed_since(&self, _: &str) -> Result<Vec<(String, String)>, StoreError> {
        Ok(Vec::new())
    }

    fn lookup(&self, address: &str) -> Result<Lookup, StoreError> {
        Ok(Lookup { canonical: address.to_owned(), is_provider_key: false, value: missing() })
    }

    fn provider_key(&self, _: &str, _: &VaultKey, _: Option<&str>) -> Result<Found, StoreError> {
        Ok(missing())
    }
}

fn missing() -> Found {
    Found::Missing { tried: Vec::new(), fix: String::new() }
}
