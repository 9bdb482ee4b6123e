//! What is known of the built-in plugins before they run is what they say when they do.

use std::path::{Path, PathBuf};

use ss_provider::Provider as _;
use ss_registry::{Registry, official_description};

use crate::support::World;

/// `SS_UPDATE_DOCS=1 cargo test -p ss-runtime --test plugins official` writes them anew.
#[tokio::test]
async fn the_descriptions_in_the_binary_are_those_of_the_plugins() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../registry-index/descriptions");
    let update = std::env::var_os("SS_UPDATE_DOCS").is_some();
    if update {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
    }
    let (registry, world) = (Registry::official(), World::new());
    let names = registry.plugins().unwrap();
    assert!(names.len() >= 9);
    for name in names {
        let plugin = registry.load(&name, &registry.newest(&name).unwrap()).unwrap();
        let digest = plugin.digest().to_hex();
        let (bytes, authority) =
            (plugin.component().bytes().unwrap().to_vec().leak(), plugin.manifest().authority.clone());
        let asked = world.plugin(name.name(), bytes, authority).await;
        let written = serde_json::to_vec(asked.description()).unwrap();
        if update {
            std::fs::write(folder.join(format!("{digest}.json")), &written).unwrap();
        } else {
            assert!(
                official_description(&digest) == Some(written.as_slice()),
                "`{name}` says something else: SS_UPDATE_DOCS=1 cargo test -p ss-runtime --test plugins official"
            );
        }
    }
    let known: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(known.len(), registry.plugins().unwrap().len(), "none is left of a release that is gone");
}
