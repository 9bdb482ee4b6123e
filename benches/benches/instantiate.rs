//! A plugin's operation apart from what the plugin does. Budget: 20 µs for a fresh store and an instance of
//! a built-in plugin, gates and limits on.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion};
use ss_benches::{built_in, operation, runtime, services};
use ss_capability_http::Endpoints;
use ss_provider::Provider as _;
use ss_runtime::Grant;

/// The benches of this file.
pub fn instantiate(criterion: &mut Criterion) {
    let tokio = tokio::runtime::Runtime::new().unwrap();
    let runtime = runtime(None);
    let mut group = criterion.benchmark_group("instantiate");
    for verified in built_in() {
        let name = verified.name().name().to_owned();
        let grant = Grant {
            authority: Arc::new(verified.manifest().authority.clone()),
            endpoints: Arc::new(Endpoints::none()),
        };
        let plugin = tokio.block_on(runtime.plugin(verified, grant, services())).unwrap();
        tokio.block_on(plugin.prepare()).unwrap();
        let operation = operation(&name);
        group.bench_function(BenchmarkId::new("fresh store and instance", &name), |bencher| {
            bencher.iter(|| tokio.block_on(plugin.instantiate(&operation)).unwrap());
        });
        group.bench_function(BenchmarkId::new("the same with a call", &name), |bencher| {
            bencher.iter(|| tokio.block_on(plugin.can_provision(&operation.service)).unwrap());
        });
    }
    group.finish();
}
