//! The HTTP gate's judgement, sealed secrets included. Budget: 1 µs for a gated call without the network.

use std::hint::black_box;
use std::sync::Arc;

use criterion::Criterion;
use http::Request;
use ss_benches::{built_in, operation, services};
use ss_capability_http::{Bytes, Endpoints, Gate, GateConfig, Limits, Mode, Policy};

const APPS: &str = "https://api.machines.dev/v1/apps";

/// The benches of this file.
pub fn gate(criterion: &mut Criterion) {
    let fly = built_in().into_iter().find(|plugin| plugin.name().name() == "fly").unwrap();
    let operation = operation("fly");
    let config = GateConfig {
        client: services().http,
        policy: Arc::new(Policy::compile("fly", &fly.manifest().authority).unwrap()),
        mode: Mode::Full,
        endpoints: Arc::new(Endpoints::none()),
        seals: operation.seals.clone(),
        effects: operation.effects.clone(),
        progress: operation.progress.clone(),
        scrubber: Arc::default(),
        limits: Limits::default(),
        cancel: operation.cancel.clone(),
        deadline: None,
    };
    let key = format!("Bearer {}", operation.context.api_key.unwrap());
    let machine = format!("{APPS}/shop/machines?summary=true");
    let image = format!(r#"{{"region":"fra","config":{{"image":"registry.fly.io/{}"}}}}"#, "x".repeat(900));
    let requests = [
        ("GET, sealed header", request("GET", &machine, &key, "")),
        ("POST, sealed header, 1 KiB of JSON", request("POST", &machine, &key, &image)),
        ("denied host", request("GET", "https://evil.example/", &key, "")),
    ];

    let mut group = criterion.benchmark_group("gate");
    group.bench_function("open", |bencher| bencher.iter(|| Gate::new(black_box(config.clone()))));
    let gate = Gate::new(config.clone());
    for (name, request) in &requests {
        assert_eq!(gate.judge(request).is_ok(), *name != "denied host", "{name}");
        group.bench_function(*name, |bencher| bencher.iter(|| gate.judge(black_box(request)).is_ok()));
    }
    group.finish();
}

fn request(method: &str, url: &str, key: &str, body: &str) -> Request<Bytes> {
    Request::builder()
        .method(method)
        .uri(url)
        .header("authorization", key)
        .header("accept", "application/json")
        .header("content-type", "application/json")
        .body(Bytes::from(body.to_owned()))
        .unwrap()
}
