//! What vouches for a plugin, in every process: index, signature, digest of the component, its imports.
//! Part of the 10 ms of a warm process.

use criterion::{BenchmarkId, Criterion, Throughput};
use ss_benches::{load, names};
use ss_registry::Registry;

/// The benches of this file.
pub fn verify(criterion: &mut Criterion) {
    let registry = Registry::official();
    let mut group = criterion.benchmark_group("verify");
    for name in names(&registry) {
        group.throughput(Throughput::Bytes(load(&registry, &name).component().size()));
        group.bench_function(BenchmarkId::from_parameter(name.name()), |bencher| {
            bencher.iter(|| load(&registry, &name));
        });
    }
    group.finish();
}
