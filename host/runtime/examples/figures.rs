//! Measures what running a plugin costs: `cargo run --release -p ss-runtime --example figures`.
//!
//! Needs the guests: `cargo build --release --target wasm32-wasip2` in `tests/guests`.

#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs, reason = "a program for developers")]

#[path = "../tests/plugins/support/doubles.rs"]
#[allow(dead_code, reason = "shared with the tests, which use more of it")]
mod doubles;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use doubles::{Journal, Screen, Vault};
use serde_json::{Value, json};
use ss_authority::{
    Authority, FilesAuthority, ProcessAuthority, SecretsAuthority, VaultAuthority, VaultRead,
};
use ss_capability_http::{Client, Endpoints};
use ss_provider::{Cancel, Context, Operation, Provider as _, Service};
use ss_runtime::{ComponentSource, Grant, HostServices, Plugin, Runtime, RuntimeConfig};
use ss_secret::{Seals, Secret, Source};

const KEY: &str = "providers:hostile/api_key";

#[tokio::main]
async fn main() {
    let cache = tempfile::tempdir().unwrap();
    let friendly = guest("friendly");
    let hostile = guest("hostile");

    let begun = Instant::now();
    plan(&open(cache.path(), "friendly", &friendly).await).await;
    println!("cold: compile, describe, plan ({} KiB)       {:>9.2?}", friendly.len() / 1024, begun.elapsed());
    for (count, bar) in [(1, 10), (10, 20)] {
        let variants: Vec<_> = (0..count).map(|n| variant(&friendly, n)).collect();
        for variant in &variants {
            plan(&open(cache.path(), "friendly", variant).await).await;
        }
        let mut warm: Vec<Duration> = Vec::new();
        for _ in 0..20 {
            warm.push(warm_start(cache.path(), &variants).await);
        }
        let spread = spread(warm);
        println!("warm: load, verify, instantiate, call {count:>2}      {spread} (bar {bar} ms)");
    }

    let plugin = open(cache.path(), "friendly", &friendly).await;
    let operation = operation(json!({}));
    let mut times = Vec::new();
    for _ in 0..20_000 {
        let begun = Instant::now();
        plugin.instantiate(&operation).await.unwrap();
        times.push(begun.elapsed());
    }
    println!("fresh store, gates, limits, instantiate     {} (bar 20 µs)", spread(times));
    let mut times = Vec::new();
    for _ in 0..20_000 {
        let begun = Instant::now();
        plugin.plan(&operation).await.unwrap();
        times.push(begun.elapsed());
    }
    println!("the same with a `plan`                      {}", spread(times));

    let plugin = open(cache.path(), "hostile", &hostile).await;
    for (kind, key, count) in [
        ("clock", "", 200_000),
        ("log", "", 200_000),
        ("hmac", "{key}", 200_000),
        ("vault", "providers:neon/api_key", 20_000),
        ("vault", KEY, 20_000),
    ] {
        let options = json!({ "attack": "time-calls", "kind": kind, "key": key, "count": count });
        let outcome = plugin.provision(&self::operation(options)).await.unwrap();
        println!("host call `{kind}` {key:<30}  {:>9} ns", outcome.summary.trim_start_matches("got: "));
    }
}

async fn warm_start(cache: &Path, variants: &[Vec<u8>]) -> Duration {
    let begun = Instant::now();
    let mut plans = tokio::task::JoinSet::new();
    let runtime =
        Runtime::new(RuntimeConfig { cache_dir: Some(cache.to_owned()), ..RuntimeConfig::default() });
    for bytes in variants {
        let (runtime, bytes) = (runtime.clone(), bytes.clone());
        plans.spawn(async move { plan(&open_with(&runtime, "friendly", &bytes).await).await });
    }
    plans.join_all().await;
    begun.elapsed()
}

async fn plan(plugin: &Plugin) {
    plugin.plan(&operation(json!({}))).await.unwrap();
}

async fn open(cache: &Path, name: &str, bytes: &[u8]) -> Plugin {
    let runtime =
        Runtime::new(RuntimeConfig { cache_dir: Some(cache.to_owned()), ..RuntimeConfig::default() });
    open_with(&runtime, name, bytes).await
}

async fn open_with(runtime: &Runtime, name: &str, bytes: &[u8]) -> Plugin {
    let vault = Arc::new(Vault::with(KEY, "nk_live_0123456789abcdef"));
    let authority = Authority {
        vault: VaultAuthority {
            read: vec![VaultRead {
                key: KEY.into(),
                origins: vec!["https://api.example.com".into()],
                headers: vec!["authorization".into()],
                body: vec![],
            }],
            write: vec![],
        },
        secrets: SecretsAuthority { hmac: vec![KEY.into()], ..SecretsAuthority::default() },
        process: Some(ProcessAuthority::default()),
        files: Some(FilesAuthority::default()),
        ..Authority::default()
    };
    let grant = Grant { authority: Arc::new(authority), endpoints: Arc::new(Endpoints::none()) };
    let services = HostServices {
        http: Client::new(),
        keyring: vault.clone(),
        generator: vault,
        scrubber: Arc::default(),
        log_dir: "/nonexistent".into(),
        home: None,
        environment: Arc::default(),
    };
    let source = ComponentSource::unverified_for_development(name, "0.1.0", bytes.to_vec());
    runtime.plugin(source, grant, services).await.unwrap()
}

fn operation(options: Value) -> Operation {
    let seals = Seals::new();
    let key = seals.seal(Secret::new("nk_live_0123456789abcdef"), Source::VaultKey(KEY.into()));
    Operation {
        context: Context {
            project: "shop".into(),
            environment: "test".into(),
            api_key: Some(key),
            existing: None,
            partial: None,
            config_dir: None,
            idempotency_key: "0".repeat(32),
            inputs_digest: None,
        },
        service: Arc::new(Service {
            id: "web".into(),
            kind: "database".into(),
            name: None,
            command: None,
            options,
            options_path: "provision".into(),
            env: vec![],
        }),
        seals: Arc::new(seals),
        effects: Arc::new(Journal::default()),
        progress: Arc::new(Screen::default()),
        cancel: Cancel::default(),
    }
}

/// The component with a custom section more: another digest, the same code.
fn variant(component: &[u8], n: u8) -> Vec<u8> {
    [component, &[0, 3, 1, b'n', n]].concat()
}

fn guest(name: &str) -> Vec<u8> {
    let folder =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests/target/wasm32-wasip2/release");
    std::fs::read(folder.join(format!("{name}.wasm"))).expect("the guests are built")
}

/// Median and 99th percentile, and the best: what it costs when nothing else runs.
fn spread(mut times: Vec<Duration>) -> String {
    times.sort();
    let (best, median, p99) = (times[0], times[times.len() / 2], times[times.len() * 99 / 100]);
    format!("{median:>9.2?} p99 {p99:.2?} best {best:.2?}")
}
