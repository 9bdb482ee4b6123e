//! What vouches for a plugin, in every process: index, signature, digest of the component, its imports.
//! Part of the 10 ms of a warm process.

#![allow(missing_docs, reason = "a bench")]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use ss_benches::{load, names};
use ss_registry::Registry;

fn verify(criterion: &mut Criterion) {
    let registry = Registry::official();
    let mut group = criterion.benchmark_group("verify");
    for name in names(&registry) {
        group.throughput(Throughput::Bytes(load(&registry, &name).bytes().len() as u64));
        group.bench_function(BenchmarkId::from_parameter(name.name()), |bencher| {
            bencher.iter(|| load(&registry, &name));
        });
    }
    group.finish();
}

criterion_group!(benches, verify);
criterion_main!(benches);
