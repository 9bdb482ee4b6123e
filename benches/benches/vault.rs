//! The vault as a new process meets it: identity, manifest, one object decrypted.

use std::path::Path;

use criterion::Criterion;
use serde_json::json;
use ss_secret::Secret;
use ss_vault::{Catalog, Changes, Keys, Vault, Words};

const SERVICES: usize = 1_000;

/// The benches of this file.
pub fn vault(criterion: &mut Criterion) {
    let home = tempfile::tempdir().unwrap();
    fill(home.path());
    let catalog = Catalog::default();
    let mut group = criterion.benchmark_group("vault");
    group.bench_function("open and read one key", |bencher| {
        bencher.iter(|| {
            let vault = open(home.path());
            let keys = Keys::new(&vault, &catalog, None);
            let address = keys.address(Words::ProviderKey("neon", "api_key")).unwrap();
            keys.get(&address).unwrap().unwrap()
        });
    });
    group.bench_function("open and read 1,000 states", |bencher| {
        bencher.iter(|| {
            let states = open(home.path()).scope("shop", "prod").states().unwrap();
            assert_eq!(states.len(), SERVICES);
        });
    });
    group.finish();
}

fn open(home: &Path) -> Vault {
    Vault::open(home, &|_| None)
}

fn fill(home: &Path) {
    let vault = open(home);
    let catalog = Catalog::default();
    let keys = Keys::new(&vault, &catalog, None);
    let address = keys.address(Words::ProviderKey("neon", "api_key")).unwrap();
    keys.set(&address, &Secret::new("napi_0123456789abcdef")).unwrap();
    let states = (0..SERVICES).fold(Changes::new(), |changes, n| {
        let state = json!({
            "provider": "neon",
            "resourceId": format!("project-{n}"),
            "provisionedAt": "2026-11-21T10:00:00Z",
            "region": "aws-eu-central-1",
            "metadata": { "branch": "main", "database": "app", "host": "ep-cool-darkness-123456.neon.tech" },
        });
        changes.state(&format!("s{n}"), state)
    });
    vault.scope("shop", "prod").commit(states).unwrap();
}
