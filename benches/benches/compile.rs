//! The first use of each built-in plugin on a machine: compiled, kept, asked what it is. Budget: 200 ms each,
//! all of them at the same time. And the second use in a new process, from the cache.

use std::path::Path;
use std::sync::Arc;

use criterion::{BatchSize, BenchmarkId, Criterion};
use ss_benches::{built_in, runtime, services};
use ss_capability_http::Endpoints;
use ss_registry::VerifiedPlugin;
use ss_runtime::{Grant, Runtime};

/// The benches of this file.
pub fn compile(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let mut group = criterion.benchmark_group("compile");
    group.sample_size(10);
    let plugins = built_in();
    let mut sets: Vec<(String, Vec<VerifiedPlugin>)> =
        plugins.iter().map(|plugin| (plugin.name().name().to_owned(), vec![plugin.clone()])).collect();
    sets.push(("all".to_owned(), plugins));
    for (name, plugins) in &sets {
        group.bench_function(BenchmarkId::new("first", name), |bencher| {
            bencher.iter_batched(
                || tempfile::tempdir().unwrap(),
                |cache| {
                    tokio.block_on(open(cache.path(), plugins));
                    cache
                },
                BatchSize::PerIteration,
            );
        });
        let cache = tempfile::tempdir().unwrap();
        tokio.block_on(open(cache.path(), plugins));
        group.bench_function(BenchmarkId::new("from the cache", name), |bencher| {
            bencher.iter(|| tokio.block_on(open(cache.path(), plugins)));
        });
    }
    group.finish();
}

/// Makes plugins ready for their first operation, as a new process does.
async fn open(cache: &Path, plugins: &[VerifiedPlugin]) {
    let runtime = runtime(Some(cache));
    let mut opening = tokio::task::JoinSet::new();
    for plugin in plugins.iter().cloned() {
        opening.spawn(prepare(runtime.clone(), plugin));
    }
    opening.join_all().await;
}

async fn prepare(runtime: Runtime, plugin: VerifiedPlugin) {
    let grant = Grant {
        authority: Arc::new(plugin.manifest().authority.clone()),
        endpoints: Arc::new(Endpoints::none()),
    };
    runtime.plugin(plugin, grant, services()).await.unwrap().prepare().await.unwrap();
}
