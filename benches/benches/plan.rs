//! A plan without the network. Budget: 50 ms for 1,000 services, 500 ms for 10,000.
//!
//! Measured from a loaded system to a finished plan; the engine's own making, graph and routing included.
//! What a plugin call costs on top is in `instantiate`, what loading costs in `config`.

use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput};
use ss_benches::{Cloud, EmptyStore, SIZES, yaml};
use ss_config::System;
use ss_engine::{Engine, EngineConfig, Limits, Selection};

/// The benches of this file.
pub fn plan(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let home = tempfile::tempdir().unwrap();
    let mut group = criterion.benchmark_group("plan");
    group.sample_size(10);
    for size in SIZES {
        let base = yaml(size);
        let loaded = ss_config::load_bytes((Path::new("starsystem.yaml"), base.as_bytes()), None, "local");
        let system = Arc::new(loaded.system.unwrap());
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("services", size), |bencher| {
            bencher.iter_batched(
                || config(&system, home.path()),
                |config| {
                    let engine = Engine::new(config).unwrap();
                    let plan = tokio.block_on(engine.plan(&Selection::All)).unwrap();
                    assert_eq!(plan.entries.len(), size);
                    plan
                },
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn config(system: &Arc<System>, home: &Path) -> EngineConfig {
    EngineConfig {
        system: Arc::clone(system),
        providers: Cloud::providers(),
        store: Arc::new(EmptyStore),
        scrubber: Arc::default(),
        home: home.to_owned(),
        user_home: None,
        approved: false,
        scope: Default::default(),
        actor: "me@here".into(),
        command: "ss provision".into(),
        version: "0.1.0".into(),
        lock_digest: None,
        limits: Limits::default(),
    }
}
