//! Compiled components on disk: reused, and never believed blindly.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::json;
use ss_provider::Provider as _;
use ss_runtime::{CacheError, ComponentSource, Limits, Notice, Runtime, RuntimeConfig, RuntimeError, Unfit};

use crate::guest_or_return;
use crate::support::{World, http_authority};

fn runtime(cache_dir: &Path) -> Runtime {
    Runtime::new(RuntimeConfig { cache_dir: Some(cache_dir.to_owned()), ..RuntimeConfig::default() })
}

async fn plan(world: &World, bytes: &'static [u8]) -> Result<String, RuntimeError> {
    let source = ComponentSource::unverified_for_development("friendly", "0.1.0", bytes);
    let plugin = world.runtime.plugin(source, world.grant(http_authority()), world.services()).await?;
    plugin.prepare().await?;
    Ok(plugin.plan(&world.operation(json!({}))).await.unwrap().detail)
}

fn compiled(cache_dir: &Path) -> PathBuf {
    let mut found = std::fs::read_dir(cache_dir).unwrap().map(|entry| entry.unwrap().path());
    found.find(|path| path.extension().is_some_and(|extension| extension == "cwasm")).unwrap()
}

#[tokio::test]
async fn a_damaged_entry_is_compiled_again_without_a_word() {
    let bytes = guest_or_return!("friendly");
    let mut world = World::new();
    let cache_dir = world.folder.path().join("cache");
    world.runtime = runtime(&cache_dir);
    assert_eq!(plan(&world, bytes).await.unwrap(), "friendly web");

    let path = compiled(&cache_dir);
    let good = std::fs::read(&path).unwrap();
    let mut bad = good.clone();
    let middle = bad.len() / 2;
    bad[middle] ^= 0xff;
    std::fs::write(&path, &bad).unwrap();
    world.runtime = runtime(&cache_dir);
    assert_eq!(plan(&world, bytes).await.unwrap(), "friendly web");
    assert_ne!(std::fs::read(&path).unwrap(), bad, "it was compiled again");

    std::fs::write(&path, b"").unwrap();
    world.runtime = runtime(&cache_dir);
    assert_eq!(plan(&world, bytes).await.unwrap(), "friendly web");
}

#[tokio::test]
async fn a_cache_that_others_may_write_stops_the_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let bytes = guest_or_return!("friendly");
    let mut world = World::new();
    let cache_dir = world.folder.path().join("cache");
    std::fs::create_dir(&cache_dir).unwrap();
    std::fs::set_permissions(&cache_dir, std::fs::Permissions::from_mode(0o777)).unwrap();
    world.runtime = runtime(&cache_dir);
    let error = plan(&world, bytes).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Cache(CacheError::NotPrivate { .. })), "{error}");
}

#[tokio::test]
async fn a_cache_of_somebody_else_stops_the_run() {
    let bytes = guest_or_return!("friendly");
    let mut world = World::new();
    let cache_dir = world.folder.path().join("cache");
    std::fs::create_dir(&cache_dir).unwrap();
    if std::os::unix::fs::chown(&cache_dir, Some(65534), None).is_err() {
        let line = "\n*** NOT RUN: only root can give a folder to another user ***\n";
        std::io::stderr().write_all(line.as_bytes()).unwrap();
        return;
    }
    world.runtime = runtime(&cache_dir);
    let error = plan(&world, bytes).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Cache(CacheError::NotPrivate { .. })), "{error}");
}

#[tokio::test]
async fn without_a_usable_cache_it_works_and_says_so() {
    let bytes = guest_or_return!("friendly");
    let mut world = World::new();
    let in_the_way = world.folder.path().join("file");
    std::fs::write(&in_the_way, "").unwrap();
    let notices: Arc<Mutex<Vec<Notice>>> = Arc::default();
    let heard = notices.clone();
    world.runtime = Runtime::new(RuntimeConfig {
        cache_dir: Some(in_the_way.join("cache")),
        notices: Some(Arc::new(move |notice: &Notice| heard.lock().unwrap().push(notice.clone()))),
        ..RuntimeConfig::default()
    });
    assert_eq!(plan(&world, bytes).await.unwrap(), "friendly web");
    assert!(notices.lock().unwrap().iter().any(|notice| matches!(notice, Notice::NotCached { .. })));
}

#[tokio::test]
async fn a_description_needs_no_compiler_the_second_time() {
    let bytes = guest_or_return!("friendly");
    let mut world = World::new();
    let cache_dir = world.folder.path().join("cache");
    world.runtime = runtime(&cache_dir);
    plan(&world, bytes).await.unwrap();
    std::fs::remove_file(compiled(&cache_dir)).unwrap();

    // A runtime that can compile nothing still knows the description.
    let limits = Limits { compile_time: std::time::Duration::ZERO, ..Limits::default() };
    world.runtime =
        Runtime::new(RuntimeConfig { cache_dir: Some(cache_dir), limits, ..RuntimeConfig::default() });
    let plugin = world.plugin("friendly", bytes, http_authority()).await;
    assert_eq!(plugin.description().summary, "A guest of the host's tests");
    let failure = plugin.plan(&world.operation(json!({}))).await.unwrap_err();
    assert!(failure.message.contains("did not compile within"), "{failure:?}");
}

#[tokio::test]
async fn what_does_not_compile_in_time_or_at_all_is_refused() {
    let bytes = guest_or_return!("friendly");
    let mut world = World::new();
    let limits = Limits { compile_time: std::time::Duration::from_millis(1), ..Limits::default() };
    world.runtime = Runtime::new(RuntimeConfig { limits, ..RuntimeConfig::default() });
    let error = plan(&world, bytes).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Unfit { reason: Unfit::CompileTime { .. }, .. }), "{error}");

    let limits = Limits { component_size: 1, ..Limits::default() };
    world.runtime = Runtime::new(RuntimeConfig { limits, ..RuntimeConfig::default() });
    let error = plan(&world, bytes).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Unfit { reason: Unfit::TooLarge { .. }, .. }), "{error}");

    world.runtime = Runtime::new(RuntimeConfig::default());
    let cut = &bytes[..bytes.len() / 2];
    let error = plan(&world, cut).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Unfit { reason: Unfit::Malformed { .. }, .. }), "{error}");
    let core = b"\0asm\x01\0\0\0";
    let error = plan(&world, core).await.unwrap_err();
    assert!(matches!(error, RuntimeError::Unfit { reason: Unfit::CoreModule, .. }), "{error}");
}
