//! How long a decision takes. Not a test: `cargo test -p ss-capability-http --release -- --ignored speed`.

use std::hint::black_box;
use std::time::Instant;

use ss_secret::{Secret, Source};

use crate::support::{World, post, request};

/// The lower quartile over many rounds, in nanoseconds per call: the machine does other things too.
fn measure(mut call: impl FnMut()) -> f64 {
    const CALLS: u32 = 2_000;
    let mut rounds: Vec<f64> = (0..200)
        .map(|_| {
            let started = Instant::now();
            for _ in 0..CALLS {
                call();
            }
            started.elapsed().as_nanos() as f64 / f64::from(CALLS)
        })
        .collect();
    rounds.sort_by(f64::total_cmp);
    rounds[rounds.len() / 4]
}

#[test]
#[ignore = "a measurement"]
fn speed_of_a_decision() {
    let world = World::new();
    let gate = world.gate();
    let token =
        world.config.seals.seal(Secret::new("k"), Source::VaultKey("providers:acme/api_key".to_owned()));
    let bearer = format!("Bearer {token}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("accept", "application/json"),
        ("content-type", "application/json"),
        ("user-agent", "acme/1.0"),
        ("x-request-id", "0123456789abcdef"),
    ];
    let get = request("GET", "https://api.acme.dev/v1/apps/my-app/machines?limit=100", &headers, "");
    let plain = request("GET", "https://api.acme.dev/v1/apps/my-app/machines?limit=100", &headers[1..], "");
    let body = format!(r#"{{"name":"my-app","config":{{"image":"x","padding":"{}"}}}}"#, "y".repeat(1000));
    let create = post("/v1/apps", &body);
    let query = post(
        "/graphql",
        r#"{"query":"query Me($id: ID!) { me(id: $id) { id name } }","variables":{"id":"1"}}"#,
    );
    let denied = request("GET", "https://evil.example/", &headers, "");

    println!(
        "judge GET, 4 headers:              {:>7.0} ns",
        measure(|| drop(black_box(gate.judge(black_box(&plain)))))
    );
    println!(
        "judge GET, 5 headers, one sealed:  {:>7.0} ns",
        measure(|| drop(black_box(gate.judge(black_box(&get)))))
    );
    println!(
        "judge POST, 1 KiB of JSON:         {:>7.0} ns",
        measure(|| drop(black_box(gate.judge(black_box(&create)))))
    );
    println!(
        "judge GraphQL query:               {:>7.0} ns",
        measure(|| drop(black_box(gate.judge(black_box(&query)))))
    );
    println!(
        "judge denied host, with message:   {:>7.0} ns",
        measure(|| drop(black_box(gate.judge(black_box(&denied)))))
    );
    println!("new gate:                          {:>7.0} ns", measure(|| drop(black_box(world.gate()))));
}
