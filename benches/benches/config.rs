//! From the bytes of a `starsystem.yaml` to a checked system. Part of the plan's budget in a whole process.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, Throughput};
use ss_benches::{SIZES, yaml};

/// The benches of this file.
pub fn config(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("config");
    group.sample_size(10);
    for size in SIZES {
        let yaml = yaml(size);
        group.throughput(Throughput::Elements(size as u64));
        group.bench_function(BenchmarkId::new("load", size), |bencher| {
            let base = (Path::new("starsystem.yaml"), yaml.as_bytes());
            bencher.iter(|| black_box(ss_config::load_bytes(base, None, "local").system.unwrap()));
        });
    }
    group.finish();
}
