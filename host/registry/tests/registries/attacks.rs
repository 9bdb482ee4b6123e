//! What whoever serves the files, or has stolen keys, may try.

use std::fs;

use serde_json::{Value, json};
use ss_registry::{MetadataFault, RegistriesError, RoleName, SyncError, layout};

use crate::fixture::{AUTHORITY, key, plugin_component};
use crate::house::{House, Machine, NOW, alpha, fault, key_id, tuf_key};

#[test]
fn an_honest_registry_is_read_and_then_needs_no_network() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    machine.refresh().unwrap();
    assert_eq!(machine.newest(), "0.1.0");
    let plugin = machine.load("0.1.0").unwrap();
    assert_eq!((plugin.registry(), plugin.is_vouched_for()), ("acme", false));

    drop(house);
    machine.load("0.1.0").unwrap();
    machine.load_at("0.1.0", "2040-01-01T00:00:00Z").unwrap();
    assert!(matches!(machine.refresh(), Err(SyncError::Metadata { .. })), "the folder is gone");
    machine.load("0.1.0").unwrap();
}

#[test]
fn altered_bytes_of_a_release_are_refused_and_not_kept() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    machine.refresh().unwrap();
    let line = house.publish("alpha", "0.2.0");
    for path in [layout::statement(line.digest), layout::component(line.digest)] {
        let good = fs::read(house.path(&path)).unwrap();
        for position in [0, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[position] ^= 1;
            fs::write(house.path(&path), &bad).unwrap();
            assert_eq!(fault(machine.load("0.2.0")), (path.clone(), MetadataFault::Digest));
            assert!(!machine.home().join("registries/acme").join(&path).exists(), "{path} was kept");
        }
        fs::write(house.path(&path), &good).unwrap();
    }
    machine.load("0.2.0").unwrap();
}

#[test]
fn every_byte_of_the_metadata_counts() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let files =
        ["root/1.root.json", "timestamp.json", "snapshot.json", "targets.json", "delegated/acme.json"];
    let index = layout::index(&alpha());
    for path in files.into_iter().chain([index.as_str()]) {
        let good = fs::read(house.path(path)).unwrap();
        let mut bad = good.clone();
        let at = bad.len() - 10;
        bad[at] ^= 1;
        fs::write(house.path(path), &bad).unwrap();
        let fresh = Machine::new();
        let added = fresh.add(&house.url(), Some(house_root(&machine)), "acme", &[]).map_err(unbox);
        let result = added.and_then(|()| fresh.refresh());
        assert!(result.is_err(), "{path} was taken though it was changed");
        fs::write(house.path(path), &good).unwrap();
    }
    machine.refresh().unwrap();
}

fn house_root(machine: &Machine) -> ss_registry::Digest {
    machine.registries(NOW).listed("acme").unwrap().root_sha256
}

fn unbox(error: RegistriesError) -> SyncError {
    match error {
        RegistriesError::Sync(error) => *error,
        other => panic!("{other}"),
    }
}

#[test]
fn a_registry_with_another_root_is_not_the_one_that_was_asked_for() {
    let house = House::with_alpha();
    let other = House::with_keys(40);
    let machine = Machine::new();
    let error = machine.add(&house.url(), Some(other.fingerprint()), "acme", &[]).unwrap_err();
    let (file, fault) = fault::<()>(Err(unbox(error)));
    assert!(matches!(fault, MetadataFault::Fingerprint { .. }) && file == "root/1.root.json");
    assert!(machine.registries(NOW).get("acme").is_none());

    // Nor does one that is another by the time it is read.
    machine.add(&house.url(), Some(house.fingerprint()), "acme", &[]).unwrap();
    let honest = house.save();
    fs::remove_dir_all(machine.home().join("registries/acme")).unwrap();
    house.restore(&other.save(), "");
    let found = crate::house::fault(machine.refresh()).1;
    assert!(matches!(found, MetadataFault::Fingerprint { .. }), "{found}");
    house.restore(&honest, "");
    machine.registries(NOW).remove("acme").unwrap();

    // Nor does a registry become another one later.
    machine.add(&house.url(), Some(house.fingerprint()), "acme", &[]).unwrap();
    house.restore(&other.save(), "");
    assert!(matches!(crate::house::fault(machine.refresh()).1, MetadataFault::Signatures { .. }));
}

#[test]
fn an_older_state_is_refused() {
    let house = House::with_alpha();
    let old = house.save();
    let machine = Machine::with(&house);
    house.publish("alpha", "0.2.0");
    machine.refresh().unwrap();
    let floor = machine.registries(NOW).get("acme").unwrap().floor().unwrap().unwrap();

    house.restore(&old, "");
    assert!(
        matches!(fault(machine.refresh()), (file, MetadataFault::Older { .. }) if file == "timestamp.json")
    );
    assert_eq!(machine.newest(), "0.2.0", "what was seen stays");

    // A machine that sees it for the first time believes it, unless its lock has seen more.
    let fresh = Machine::with(&house);
    fresh.refresh().unwrap();
    let mut registries = fresh.registries(NOW);
    registries.require("acme", floor);
    assert!(matches!(fault(fresh.refresh_with(&registries)).1, MetadataFault::Older { .. }));
}

#[test]
fn what_another_process_has_seen_is_not_forgotten() {
    let house = House::with_alpha();
    let old = house.save();
    let machine = Machine::with(&house);
    let opened_before = machine.registries(NOW);
    house.publish("alpha", "0.2.0");
    machine.refresh().unwrap();
    house.restore(&old, "");
    assert!(matches!(fault(machine.refresh_with(&opened_before)).1, MetadataFault::Older { .. }));
    assert_eq!(machine.newest(), "0.2.0");
}

#[test]
fn a_component_that_was_cut_short_is_fetched_again() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let digest = machine.load("0.1.0").unwrap().digest();
    let kept = machine.home().join("registries/acme").join(layout::component(digest));
    fs::write(&kept, b"\0asm").unwrap();
    machine.load("0.1.0").unwrap();
}

#[test]
fn a_state_that_is_held_back_expires_and_pinned_releases_still_load() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    machine.refresh().unwrap();
    machine.load("0.1.0").unwrap();
    let later = "2027-03-01T00:00:00Z";
    let (file, found) = fault(machine.refresh_at(later));
    assert!(matches!(found, MetadataFault::Expired { .. }) && file == "timestamp.json", "{found}");
    machine.load_at("0.1.0", later).unwrap();
    // Signing anew is all that it takes.
    house.custody(later, &[]).renew().unwrap();
    machine.refresh_at(later).unwrap();
}

#[test]
fn a_clock_that_is_set_back_does_not_make_old_states_fresh() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    machine.refresh_at("2026-12-01T00:00:00Z").unwrap();
    machine.refresh_at("2026-11-30T23:55:00Z").unwrap();
    // Nor does it when it is set back little by little.
    assert!(matches!(
        fault(machine.refresh_at("2026-11-30T23:46:00Z")).1,
        MetadataFault::ClockWentBack { .. }
    ));
    let (_, found) = fault(machine.refresh_at("2026-11-30T23:00:00Z"));
    assert!(matches!(found, MetadataFault::ClockWentBack { .. }), "{found}");
}

#[test]
fn files_of_different_states_do_not_mix() {
    let house = House::with_alpha();
    let old = house.save();
    house.publish("alpha", "0.2.0");
    let new = house.save();
    let index = layout::index(&alpha());
    for path in ["snapshot.json", "delegated/acme.json", &index] {
        let machine = Machine::new();
        house.restore(&old, path);
        let added = machine.add(&house.url(), Some(house.fingerprint()), "acme", &[]).map_err(unbox);
        let (file, found) = fault(added.and_then(|()| machine.refresh()));
        assert_eq!((file.as_str(), found), (path, MetadataFault::Digest));
        house.restore(&new, path);
    }
}

#[test]
fn timestamp_and_snapshot_are_signed_with_their_own_keys() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let (stranger, timestamp) = (key(70), house.key(RoleName::Timestamp));
    let honest = house.save();
    house.forge("timestamp.json", &[&stranger], |signed| signed["version"] = json!(9));
    let (file, found) = fault(machine.refresh());
    assert!(matches!(found, MetadataFault::Signatures { .. }) && file == "timestamp.json", "{found}");
    house.restore(&honest, "");
    house.cover_up("targets.json", 2, timestamp, timestamp);
    let (file, found) = fault(machine.refresh());
    assert!(matches!(found, MetadataFault::Signatures { .. }) && file == "snapshot.json", "{found}");
}

#[test]
fn a_copy_that_was_altered_is_not_believed() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    machine.refresh().unwrap();
    let files = machine.home().join("registries/acme/files");
    for entry in fs::read_dir(files).unwrap() {
        let path = entry.unwrap().path();
        let good = fs::read(&path).unwrap();
        let text = String::from_utf8(good.clone()).unwrap();
        let altered = text.replacen("202", "203", 1);
        assert_ne!(altered, text);
        fs::write(&path, altered).unwrap();
        let registries = machine.registries(NOW);
        let read = registries.of(&alpha()).unwrap().newest(&alpha());
        let first = text.lines().next().unwrap().chars().take(60).collect::<String>();
        assert!(matches!(read, Err(ss_registry::LoadError::Metadata { .. })), "{first}: {read:?}");
        fs::write(&path, good).unwrap();
    }
}

#[test]
fn a_thief_of_the_online_keys_cannot_add_releases() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    machine.refresh().unwrap();
    let (snapshot, timestamp) = (house.key(RoleName::Snapshot), house.key(RoleName::Timestamp));
    // The thief signs an index with a release of the thief's own.
    let saved = house.save();
    house.forge("delegated/acme.json", &[snapshot], |signed| signed["version"] = json!(9));
    house.cover_up("delegated/acme.json", 9, snapshot, timestamp);
    let (file, found) = fault(machine.refresh());
    assert!(matches!(found, MetadataFault::Signatures { .. }) && file == "delegated/acme.json", "{found}");
    // Or makes another key the namespace's.
    house.restore(&saved, "");
    house.forge("targets.json", &[snapshot], |signed| signed["version"] = json!(9));
    house.cover_up("targets.json", 9, snapshot, timestamp);
    let (file, found) = fault(machine.refresh());
    assert!(matches!(found, MetadataFault::Signatures { .. }) && file == "targets.json", "{found}");
}

#[test]
fn versions_that_a_thief_pushes_up_are_forgotten_with_the_stolen_keys() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let honest = house.save();
    let (snapshot, timestamp) = (house.key(RoleName::Snapshot), house.key(RoleName::Timestamp));
    house.forge("snapshot.json", &[snapshot], |signed| signed["version"] = json!(1u64 << 31));
    let bytes = fs::read(house.path("snapshot.json")).unwrap();
    house.forge("timestamp.json", &[timestamp], |signed| {
        signed["version"] = json!(1u64 << 31);
        signed["meta"]["snapshot.json"] = json!({
            "version": 1u64 << 31, "length": bytes.len(),
            "hashes": { "sha256": ss_registry::Digest::of(&bytes).to_hex() }
        });
    });
    machine.refresh().unwrap();
    let pushed_up = machine.registries(NOW).get("acme").unwrap().floor().unwrap().unwrap();

    // What the owner had is older now, and only new keys change that.
    house.restore(&honest, "");
    assert!(matches!(fault(machine.refresh()).1, MetadataFault::Older { .. }));
    let (new_snapshot, new_timestamp) = (key(60), key(61));
    let custody = house.custody(NOW, &[&new_snapshot, &new_timestamp]);
    custody.rotate(RoleName::Timestamp, &[new_timestamp.public()]).unwrap();
    custody.rotate(RoleName::Snapshot, &[new_snapshot.public()]).unwrap();
    machine.refresh().unwrap();
    assert_eq!(machine.newest(), "0.1.0");
    // A lock that has seen them lets go of them too.
    let mut registries = machine.registries(NOW);
    registries.require("acme", pushed_up);
    machine.refresh_with(&registries).unwrap();
}

#[test]
fn a_new_root_needs_the_keys_of_the_old_one() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let thief = key(70);
    let forge = |keys: &[&ss_registry::SigningKey]| {
        fs::copy(house.path("root/1.root.json"), house.path("root/2.root.json")).unwrap();
        house.forge("root/2.root.json", keys, |signed| {
            signed["version"] = json!(2);
            let id = key_id(&thief.public());
            signed["keys"][&id] = tuf_key(&thief.public());
            signed["roles"]["root"]["keyids"] = json!([id]);
        });
    };
    forge(&[&thief]);
    let (file, found) = fault(machine.refresh());
    assert!(matches!(found, MetadataFault::Signatures { .. }) && file == "root/2.root.json", "{found}");
    // And its own.
    forge(&[house.key(RoleName::Root)]);
    assert!(matches!(fault(machine.refresh()).1, MetadataFault::Signatures { .. }));
    forge(&[house.key(RoleName::Root), &thief]);
    machine.refresh().unwrap();
}

#[test]
fn a_root_skips_no_version() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    fs::copy(house.path("root/1.root.json"), house.path("root/2.root.json")).unwrap();
    house.forge("root/2.root.json", &[house.key(RoleName::Root)], |signed| signed["version"] = json!(3));
    assert_eq!(fault(machine.refresh()).1, MetadataFault::Version { expected: 2, found: 3 });
}

#[test]
fn one_key_does_not_count_twice() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    // Under a second identity: the same public key, with a field more.
    let public = house.publisher.public();
    let mut twin = tuf_key(&public);
    twin["comment"] = json!("another one");
    let twin_id = ss_registry::Digest::of(&serde_json_canonicalizer::to_vec(&twin).unwrap()).to_hex();
    house.forge("targets.json", &[house.key(RoleName::Targets)], |signed| {
        signed["version"] = json!(9);
        signed["delegations"]["keys"][&twin_id] = twin.clone();
        signed["delegations"]["roles"][0]["keyids"] = json!([key_id(&public), twin_id]);
        signed["delegations"]["roles"][0]["threshold"] = json!(2);
    });
    house.cover_up("targets.json", 9, house.key(RoleName::Snapshot), house.key(RoleName::Timestamp));
    assert_eq!(fault(machine.refresh()), ("targets.json".to_owned(), MetadataFault::SharedKey));
}

#[test]
fn one_key_of_the_root_does_not_count_twice() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let key = house.key(RoleName::Root);
    let mut twin = tuf_key(&key.public());
    twin["comment"] = json!("another one");
    let twin_id = ss_registry::Digest::of(&serde_json_canonicalizer::to_vec(&twin).unwrap()).to_hex();
    let path = house.path("root/2.root.json");
    fs::copy(house.path("root/1.root.json"), &path).unwrap();
    house.forge("root/2.root.json", &[key], |signed| {
        signed["version"] = json!(2);
        signed["keys"][&twin_id] = twin.clone();
        signed["roles"]["root"] = json!({ "keyids": [key_id(&key.public()), twin_id], "threshold": 2 });
    });
    let mut file: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut again = file["signatures"][0].clone();
    again["keyid"] = json!(twin_id);
    file["signatures"].as_array_mut().unwrap().push(again);
    fs::write(&path, file.to_string()).unwrap();
    assert_eq!(fault(machine.refresh()), ("root/2.root.json".to_owned(), MetadataFault::SharedKey));
}

#[test]
fn a_namespace_is_signed_with_its_own_key() {
    let house = House::with_alpha();
    let beta = key(100);
    house.delegate("beta", &[beta.public()], &[]);
    let machine = Machine::with(&house);
    house.forge("delegated/acme.json", &[&beta], |signed| signed["version"] = json!(9));
    house.cover_up("delegated/acme.json", 9, house.key(RoleName::Snapshot), house.key(RoleName::Timestamp));
    let (file, found) = fault(machine.refresh());
    assert!(matches!(found, MetadataFault::Signatures { .. }) && file == "delegated/acme.json", "{found}");
}

#[test]
fn a_namespace_lists_its_own_files_only() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let saved = house.save();
    for path in [
        "index/ne/on/official/neon",
        "index/x/acme/evil/alpha",
        "index/al/ph/acme/../x/alpha",
        "timestamp.json",
    ] {
        house.forge("delegated/acme.json", &[&house.publisher], |signed| {
            signed["version"] = json!(9);
            signed["targets"][path] = signed["targets"][layout::index(&alpha())].clone();
        });
        house.cover_up(
            "delegated/acme.json",
            9,
            house.key(RoleName::Snapshot),
            house.key(RoleName::Timestamp),
        );
        let (_, found) = fault(machine.refresh());
        assert!(matches!(&found, MetadataFault::Foreign { path: listed, .. } if listed == path), "{found}");
        house.restore(&saved, "");
    }
}

#[test]
fn a_published_line_never_changes() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    machine.load("0.1.0").unwrap();
    // Even by who may sign for it.
    house.publish_by(&house.publisher, plugin_component("alpha", "0.1.0", ""), true);
    let (file, found) = fault(machine.refresh());
    assert_eq!((file, found), (layout::index(&alpha()), MetadataFault::Rewritten));
    assert_eq!(machine.load("0.1.0").unwrap().manifest().authority.http.len(), 1, "{AUTHORITY}");
}

#[test]
fn a_namespace_does_not_vanish() {
    let house = House::with_alpha();
    house.delegate("beta", &[key(100).public()], &[]);
    let machine = Machine::with(&house);
    house.forge("snapshot.json", &[house.key(RoleName::Snapshot)], |signed| {
        signed["meta"].as_object_mut().unwrap().remove("delegated/beta.json");
    });
    house.cover_up("targets.json", 3, house.key(RoleName::Snapshot), house.key(RoleName::Timestamp));
    let (_, found) = fault(machine.refresh());
    assert!(matches!(found, MetadataFault::Dropped { .. } | MetadataFault::Unlisted), "{found}");
}
