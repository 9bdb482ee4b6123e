//! Where secrets go, and where they do not.

use serde_json::json;
use ss_engine::{Environment, RunStatus, Store as _, VaultStore, catalog};
use ss_provider::FailureKind;
use ss_secret::Secret;
use std::path::Path;
use std::sync::Arc;

use crate::cloud::Manner;
use crate::world::{World, run};

const KEY: &str = "cloudy-key-0123456789abcdef";

/// What the vault knows of these providers.
fn catalog_of(
    providers: &dyn ss_provider::Providers,
    services: impl IntoIterator<Item = String>,
) -> ss_vault::Catalog {
    let providers: Vec<_> = providers.names().iter().filter_map(|name| providers.get(name)).collect();
    catalog(providers.iter().map(|provider| provider.description()), services)
}

fn vault_store(
    world: &World,
    variables: &'static [(&'static str, &'static str)],
) -> (Arc<VaultStore>, ss_vault::Vault) {
    let vault = ss_vault::Vault::open(&world.home(), &|_| None);
    let services = ["db", "api"].map(str::to_owned);
    let variables: Environment = Arc::new(|name| {
        variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    });
    let store =
        VaultStore::new(vault.clone(), catalog_of(&*world.fakes(), services), "app", "prod", variables);
    (Arc::new(store), vault)
}

fn files_under(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_under(&path, found);
        } else if !path.ends_with("vault/identity.txt") {
            found.push((path.display().to_string(), std::fs::read(&path).unwrap()));
        }
    }
}

const SYSTEM: &str = "
name: app
services:
  db: { type: database, provision: { provider: cloudy } }
  api: { type: app, inject_from: { db: [URL] }, provision: { provider: cloudy } }
";

#[test]
fn no_file_but_the_vault_ever_holds_one() {
    run(async {
        let mut world = World::new(SYSTEM).manner(Manner { requires_key: true, ..Manner::default() });
        world.overlay = Some("services: {}\n".into());
        let (store, _) = vault_store(&world, &[("CLOUDY_API_KEY", KEY)]);
        let engine = world.try_engine(store.clone()).unwrap();
        let plan = engine.plan(&ss_engine::Selection::All).await.unwrap();
        let report =
            engine.apply(plan.clone(), world.watcher.clone(), ss_engine::Interrupt::default()).await.unwrap();
        assert_eq!(report.status, RunStatus::Completed, "{report:?}");
        assert_eq!(
            store.credential("db", "URL").unwrap().map(|credential| credential.value),
            Some(Secret::new("cloudy://user:pass-of-db@host")),
            "the credential is in the vault"
        );
        assert!(world.scrubber.leaks(KEY), "the scrubber knows the key");
        assert!(world.scrubber.leaks("cloudy://user:pass-of-db@host"), "the scrubber knows the credential");
        let mut files = Vec::new();
        files_under(world.folder.path(), &mut files);
        assert!(files.iter().any(|(name, _)| name.ends_with("journal.jsonl")));
        files.push(("report".into(), serde_json::to_vec(&report).unwrap()));
        files.push(("plan".into(), serde_json::to_vec(&plan).unwrap()));
        files.push(("events".into(), world.watcher.lines().join("\n").into_bytes()));
        for (name, content) in files {
            assert!(!world.scrubber.leaks(&String::from_utf8_lossy(&content)), "{name}");
        }
        // A second run over the same vault is a plain verification.
        let engine = world.try_engine(store).unwrap();
        let plan = engine.plan(&ss_engine::Selection::All).await.unwrap();
        assert!(plan.entries.iter().all(|entry| entry.exists));
        engine.apply(plan, world.watcher.clone(), ss_engine::Interrupt::default()).await.unwrap();
        assert_eq!((world.cloud.count("db"), world.cloud.count("api")), (1, 1));
    });
}

#[test]
fn the_key_is_found_in_the_documented_places() {
    let world = World::new(SYSTEM);
    let key = &world.fakes();
    let spec = ss_provider::Providers::get(&**key, "cloudy").unwrap().description().vault_keys[0].clone();
    let (store, vault) =
        vault_store(&world, &[("MY_KEY", "from-the-variable"), ("CLOUDY_API_KEY", "conventional")]);
    let find = |named: Option<&str>| store.provider_key("cloudy", &spec, named).unwrap();
    let value = |text: &str| ss_engine::Found::Value(Secret::new(text));
    assert_eq!(find(Some("MY_KEY")), value("from-the-variable"));
    assert_eq!(find(Some("OTHER")), value("conventional"));
    let catalog = catalog_of(&**key, []);
    let keys = ss_vault::Keys::new(&vault, &catalog, None);
    let address = keys.address(ss_vault::Words::One("cloudy.api_token")).unwrap();
    keys.set(&address, &Secret::new("from-the-vault")).unwrap();
    assert_eq!(find(None), value("from-the-vault"));
    let lookup = store.lookup("CLOUDY_API_KEY").unwrap();
    assert!(lookup.is_provider_key, "the conventional name means the provider's key");
}

#[test]
fn a_state_with_a_secret_in_it_is_refused() {
    run(async {
        let world = World::new("services:\n  a: { provision: { provider: cloudy } }\n").manner(Manner {
            metadata: |_| json!({"note": "cloudy://user:pass-of-a@host"}),
            ..Manner::default()
        });
        let report = world.up().await;
        let failure = report.services[0].failure.as_ref().unwrap();
        assert_eq!(failure.kind, FailureKind::Internal);
        assert!(
            failure.message.contains("`metadata.note`") && !failure.message.contains("pass-of-a"),
            "{failure}"
        );
        assert!(world.store.states.lock().unwrap().is_empty());
        let mut files = Vec::new();
        files_under(&world.home(), &mut files);
        for (name, content) in files {
            assert!(!String::from_utf8_lossy(&content).contains("pass-of-a"), "{name}");
        }
    });
}

#[test]
fn a_secret_that_the_file_holds_in_the_clear_does_not_reach_the_journal() {
    run(async {
        let world = World::new(&format!(
            "services:\n  a: {{ provision: {{ provider: cloudy, note: \"key: {KEY}\" }} }}\n"
        ));
        world.store.set("providers:cloudy/api_key", KEY);
        assert_eq!(world.up().await.status, RunStatus::Completed);
        let mut files = Vec::new();
        files_under(&world.home(), &mut files);
        let journal = files.iter().find(|(name, _)| name.ends_with("journal.jsonl")).unwrap();
        assert!(String::from_utf8_lossy(&journal.1).contains("key: [secret]"));
        for (name, content) in files {
            assert!(!String::from_utf8_lossy(&content).contains(KEY), "{name}");
        }
    });
}

#[test]
fn a_template_reads_provider_keys_only_in_an_approved_file() {
    run(async {
        let mut world = World::new(
            "services:\n  a: { env: { STOLEN: \"{{ vault('cloudy.api_key') }}\" }, provision: { provider: cloudy } }\n",
        );
        world.store.set("cloudy.api_key", KEY);
        let plan = world.plan().await;
        let (_, failure) = plan.problems().next().unwrap();
        assert!(failure.message.contains("may not hand a provider's key to anything else"), "{failure}");
        world.up().await;
        assert!(world.cloud.began.lock().unwrap().is_empty());

        world.approved = true;
        assert_eq!(world.up().await.status, RunStatus::Completed);
        assert_eq!(world.cloud.environments.lock().unwrap()["a"]["STOLEN"], KEY);
    });
}

#[test]
fn options_are_sealed_where_the_schema_says_so_and_nowhere_else() {
    run(async {
        let schema = json!({"properties": {
            "vars": {"type": "object", "additionalProperties": {"type": "string", "x-sealed": true}},
            "zone": {"type": "string"},
        }});
        let world = World::new(
            "services:\n  a: { provision: { provider: cloudy, zone: \"{{ vault('secrets.zone') }}\", vars: { MAIL: \"<{{ vault('hosting.mail') }}>\" } } }\n",
        )
        .manner(Manner { schema, metadata: |service| service.options.clone(), ..Manner::default() });
        world.store.set("secrets.zone", "zone-1234567");
        world.store.set("hosting.mail", "someone@example.org");
        let report = world.up().await;
        assert_eq!(report.status, RunStatus::Completed, "{report:?}");
        let state = serde_json::to_value(&world.store.states.lock().unwrap()["a"]).unwrap();
        assert_eq!(state["metadata"], json!({"zone": "zone-1234567", "vars": {"MAIL": "<[sealed]>"}}));
    });
}
