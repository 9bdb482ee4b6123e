//! Resources: time, memory, handles, calls and log all end where their limit is.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use ss_provider::{Failure, FailureKind, Provider as _};
use ss_runtime::{ComponentSource, Limits, RuntimeError};

use crate::guest_or_return;
use crate::support::{ORIGIN, World, local_authority, short_limits};

/// How long a runaway plugin may overstay.
const TOLERANCE: Duration = Duration::from_millis(100);

async fn terminated(limits: Limits, options: Value) -> Option<Failure> {
    let bytes = crate::support::guest("hostile")?;
    let world = World::with_limits(limits);
    let failure = world.attack(bytes, local_authority(), options).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Terminated, "{failure:?}");
    Some(failure)
}

/// Runs an attack that only a clock ends, and checks that it ends in time. On a busy machine the test
/// itself may be late, so it has three tries.
async fn ends_within(limits: Limits, limit: Duration, options: Value, reason: &str) {
    let bytes = guest_or_return!("hostile");
    let mut late = Duration::ZERO;
    for _ in 0..3 {
        let world = World::with_limits(limits.clone());
        let plugin = world.plugin("hostile", bytes, local_authority()).await;
        plugin.prepare().await.unwrap();
        let begun = Instant::now();
        let failure = plugin.provision(&world.operation(options.clone())).await.unwrap_err();
        late = begun.elapsed().saturating_sub(limit);
        assert_eq!(failure.kind, FailureKind::Terminated, "{failure:?}");
        assert_eq!(failure.message, format!("plugin `hostile` was ended: {reason}"));
        if late < TOLERANCE {
            return;
        }
    }
    panic!("{options}: {late:?} late");
}

#[tokio::test]
async fn an_endless_loop_ends() {
    let limits = short_limits();
    let limit = limits.compute;
    ends_within(limits, limit, json!({ "attack": "loop" }), "it computed for more than 300 ms").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endless_loop_ends_beside_others() {
    let limits = Limits { compute: Duration::from_secs(60), ..short_limits() };
    let limit = limits.write_call;
    ends_within(limits, limit, json!({ "attack": "loop" }), "it took longer than 600 ms").await;
}

#[tokio::test]
async fn a_hanging_host_call_ends() {
    let limits = short_limits();
    let limit = limits.write_call;
    ends_within(limits, limit, json!({ "attack": "hang" }), "it took longer than 600 ms").await;
}

#[tokio::test]
async fn a_hanging_request_ends() {
    let limits = short_limits();
    let limit = limits.write_call;
    let options = json!({ "attack": "request", "url": format!("{ORIGIN}/v1/hang") });
    let bytes = guest_or_return!("hostile");
    let world = World::with_limits(limits);
    let plugin = world.plugin("hostile", bytes, local_authority()).await;
    plugin.prepare().await.unwrap();
    let begun = Instant::now();
    let failure = plugin.provision(&world.operation(options)).await.unwrap_err();
    assert!(begun.elapsed() < limit + 4 * TOLERANCE, "{:?}", begun.elapsed());
    assert!(matches!(failure.kind, FailureKind::Terminated | FailureKind::Internal), "{failure:?}");
}

#[tokio::test]
async fn a_sleeper_is_told_to_wind_up() {
    let bytes = guest_or_return!("hostile");
    let world = World::with_limits(short_limits());
    let begun = Instant::now();
    let failure = world.attack(bytes, local_authority(), json!({ "attack": "sleep" })).await.unwrap_err();
    assert_eq!(failure.message, "denied: told to wind up");
    assert!(begun.elapsed() > Duration::from_millis(400), "it slept while there was time");
}

#[tokio::test]
async fn cancelling_ends_a_plugin_that_does_not_listen() {
    let bytes = guest_or_return!("hostile");
    let world = World::with_limits(Limits { compute: Duration::from_secs(60), ..short_limits() });
    for attack in ["loop", "hang"] {
        let plugin = world.plugin("hostile", bytes, local_authority()).await;
        plugin.prepare().await.unwrap();
        let mut operation = world.operation(json!({ "attack": attack }));
        operation.cancel = ss_provider::Cancel::default();
        let cancel = operation.cancel.clone();
        std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            cancel.cancel();
        });
        let failure = plugin.provision(&operation).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Cancelled, "{attack}: {failure:?}");
        assert!(failure.message.contains("did not stop within 200 ms"), "{failure:?}");
    }
}

#[tokio::test]
async fn a_plugin_that_does_not_describe_itself_is_refused() {
    let bytes = guest_or_return!("looping");
    let world = World::with_limits(short_limits());
    let source = ComponentSource::unverified_for_development("looping", "0.1.0", bytes);
    let begun = Instant::now();
    let error =
        world.runtime.plugin(source, world.grant(local_authority()), world.services()).await.err().unwrap();
    assert!(
        matches!(&error, RuntimeError::Undescribed { reason, .. } if reason.contains("300 ms")),
        "{error}"
    );
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[tokio::test]
async fn a_loop_over_a_shape_ends() {
    let bytes = guest_or_return!("hostile");
    let world = World::with_limits(short_limits());
    let plugin = world.plugin("hostile", bytes, local_authority()).await;
    let operation = world.operation(json!({ "during": "can-provision" }));
    let failure = plugin.can_provision(&operation.service).await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Terminated);
}

#[tokio::test]
async fn memory_runs_out() {
    let limits = Limits { memory: 32 << 20, ..Limits::default() };
    let Some(failure) = terminated(limits, json!({ "attack": "memory" })).await else { return };
    assert_eq!(failure.message, "plugin `hostile` was ended: it needed more than 32 MiB of memory");
}

#[tokio::test]
async fn handles_run_out() {
    for attack in ["headers", "requests"] {
        let Some(failure) = terminated(Limits::default(), json!({ "attack": attack })).await else { return };
        assert!(failure.message.contains("more than 1024 open handles"), "{attack}: {failure:?}");
    }
}

#[tokio::test]
async fn host_calls_run_out() {
    let limits = Limits { host_calls: 50_000, ..Limits::default() };
    let Some(failure) = terminated(limits, json!({ "attack": "host-calls" })).await else { return };
    assert_eq!(failure.message, "plugin `hostile` was ended: it called the host more than 50000 times");
}

#[tokio::test]
async fn one_call_carries_only_so_much() {
    let Some(failure) = terminated(Limits::default(), json!({ "attack": "big-text" })).await else { return };
    assert!(failure.message.contains("it broke a limit"), "{failure:?}");
    let options = json!({ "attack": "random", "bytes": 1_u64 << 30 });
    let Some(failure) = terminated(Limits::default(), options).await else { return };
    assert!(failure.message.contains("it broke a limit"), "{failure:?}");
}

#[tokio::test]
async fn headers_have_a_size() {
    let bytes = guest_or_return!("hostile");
    let world = World::new();
    let outcome = world.attack(bytes, local_authority(), json!({ "attack": "big-header" })).await;
    assert!(outcome.is_err(), "{outcome:?}");
}

#[tokio::test]
async fn a_log_flood_is_cut_off() {
    let bytes = guest_or_return!("hostile");
    let world = World::with_limits(Limits { log_bytes: 100_000, ..Limits::default() });
    world.attack(bytes, local_authority(), json!({ "attack": "log", "lines": 5_000 })).await.unwrap();
    let lines = world.screen.lines();
    assert!(lines.iter().map(String::len).sum::<usize>() < 110_000, "{} lines", lines.len());
    assert_eq!(lines.last().unwrap(), "warn: the plugin's log is full; the rest is dropped");
}
