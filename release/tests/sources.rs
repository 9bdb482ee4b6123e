//! What changes a plugin's source digest and its stage, and what does not.

#![allow(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::path::Path;

use ss_registry::Digest;
use ss_release::Error;
use ss_release::repository::Repository;
use ss_release::sources::Sources;
use ss_release::stage::Stage;

const WORKSPACE: &str = "[workspace]\nmembers = [\"one\", \"two\"]\n[profile.release]\nlto = \"fat\"\n";
const LOCK: &str = r#"version = 4
[[package]]
name = "one"
version = "0.1.0"
dependencies = ["serde", "ss-sdk"]
[[package]]
name = "two"
version = "0.1.0"
dependencies = ["other"]
[[package]]
name = "ss-sdk"
version = "0.1.0"
[[package]]
name = "serde"
version = "1.0.0"
checksum = "aa"
[[package]]
name = "other"
version = "1.0.0"
checksum = "bb"
"#;

/// A repository with two plugins.
fn repository() -> (tempfile::TempDir, Repository) {
    let folder = tempfile::tempdir().unwrap();
    let put = |path: &str, text: &str| put(folder.path(), path, text);
    put("plugins/Cargo.toml", WORKSPACE);
    put("plugins/Cargo.lock", LOCK);
    for name in ["one", "two"] {
        put(&format!("plugins/{name}/Cargo.toml"), "[package]");
        put(&format!("plugins/{name}/src/lib.rs"), "// code");
        put(
            &format!("plugins/{name}/plugin.toml"),
            &format!("name = \"{name}\"\nversion = \"0.1.0\"\ncontract = \"0.1.0\"\ndescription = \"d\"\n"),
        );
    }
    put("sdk-rust/Cargo.toml", "[package]");
    put("sdk-rust/src/lib.rs", "// sdk");
    put("wit/0.1.0/adapter.wit", "package x;");
    put("rust-toolchain.toml", "[toolchain]");
    let repository = Repository::at(folder.path());
    (folder, repository)
}

fn put(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn digest(repository: &Repository) -> Digest {
    let sources = Sources::read(repository).unwrap();
    sources.digest(&sources.plugins(&["one".to_owned()]).unwrap()[0]).unwrap()
}

#[test]
fn every_source_counts() {
    let (folder, repository) = repository();
    let mut seen = vec![digest(&repository)];
    for (path, text) in [
        ("plugins/one/src/lib.rs", "// other code".to_owned()),
        ("plugins/one/options.schema.json", "{}".to_owned()),
        ("sdk-rust/src/lib.rs", "// other sdk".to_owned()),
        ("wit/0.1.0/adapter.wit", "package y;".to_owned()),
        ("rust-toolchain.toml", "[toolchain]\nchannel = \"x\"".to_owned()),
        ("plugins/Cargo.toml", WORKSPACE.replace("fat", "thin")),
        ("plugins/Cargo.lock", LOCK.replace("\"aa\"", "\"cc\"")),
    ] {
        put(folder.path(), path, &text);
        let new = digest(&repository);
        assert!(!seen.contains(&new), "{path}");
        seen.push(new);
    }
}

#[test]
fn what_concerns_other_plugins_does_not_count() {
    let (folder, repository) = repository();
    let before = digest(&repository);
    for (path, text) in [
        ("plugins/two/src/lib.rs", "// other code".to_owned()),
        ("plugins/three/src/lib.rs", "// new".to_owned()),
        ("plugins/Cargo.toml", WORKSPACE.replace("\"two\"", "\"two\", \"three\"")),
        ("plugins/Cargo.lock", LOCK.replace("\"bb\"", "\"cc\"")),
        ("plugins/one/README.md", "Words.".to_owned()),
        ("plugins/one/tests/it.rs", "// test".to_owned()),
        ("plugins/one/target/x", "x".to_owned()),
        ("wit/0.2.0/adapter.wit", "package z;".to_owned()),
        ("host/engine/src/lib.rs", "// host".to_owned()),
    ] {
        put(folder.path(), path, &text);
        assert_eq!(digest(&repository), before, "{path}");
    }
}

#[test]
fn a_stage_holds_the_sources_and_nothing_else() {
    let (folder, repository) = repository();
    put(folder.path(), "plugins/one/tests/it.rs", "");
    let stage = folder.path().join("stage");
    put(&stage, "plugins/gone/src/lib.rs", "");
    Stage::create(&Sources::read(&repository).unwrap(), &stage).unwrap();
    assert!(stage.join("plugins/one/src/lib.rs").exists() && stage.join("wit/0.1.0/adapter.wit").exists());
    assert!(
        !stage.join("plugins/gone/src/lib.rs").exists() && !stage.join("plugins/one/tests/it.rs").exists()
    );
    let root: toml::Table = fs::read_to_string(stage.join("Cargo.toml")).unwrap().parse().unwrap();
    let members = root["workspace"]["members"].as_array().unwrap();
    assert_eq!(members, &["plugins/one", "plugins/two"].map(toml::Value::from));
    let excluded = root["workspace"]["exclude"].as_array().unwrap();
    assert_eq!(excluded, &["sdk-rust"].map(toml::Value::from), "its tests bring dependencies of their own");
    assert_eq!(root["profile"]["release"]["lto"].as_str(), Some("fat"));

    // What did not change is not written again.
    let time = || fs::metadata(stage.join("sdk-rust/src/lib.rs")).unwrap().modified().unwrap();
    let before = time();
    Stage::create(&Sources::read(&repository).unwrap(), &stage).unwrap();
    assert_eq!(time(), before);
}

#[test]
fn unknown_plugins_and_foreign_manifests_are_errors() {
    let (folder, repository) = repository();
    let sources = Sources::read(&repository).unwrap();
    let Err(Error::UnknownPlugin { available, .. }) = sources.plugins(&["three".to_owned()]) else {
        panic!()
    };
    assert_eq!(available, ["one", "two"]);
    let other = fs::read_to_string(folder.path().join("plugins/two/plugin.toml")).unwrap();
    put(folder.path(), "plugins/one/plugin.toml", &other);
    let sources = Sources::read(&repository).unwrap();
    assert!(matches!(sources.plugins(&[]), Err(Error::Invalid { .. })));
}

#[test]
fn an_edit_after_the_sources_were_read_changes_neither_digest_nor_stage() {
    let (folder, repository) = repository();
    let sources = Sources::read(&repository).unwrap();
    let plugin = &sources.plugins(&["one".to_owned()]).unwrap()[0];
    let before = sources.digest(plugin).unwrap();
    put(folder.path(), "plugins/one/src/lib.rs", "// edited while it is built");

    assert_eq!(sources.digest(plugin).unwrap(), before);
    let stage = folder.path().join("stage");
    Stage::create(&sources, &stage).unwrap();
    assert_eq!(fs::read_to_string(stage.join("plugins/one/src/lib.rs")).unwrap(), "// code");
    assert_ne!(digest(&repository), before);
}
