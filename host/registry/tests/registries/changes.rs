//! What an owner does: publish, take back, change keys.

use std::fs;

use ss_registry::{
    Directory, Draft, LoadError, MarkKind, MetadataFault, Publisher, Refusal, Registry, RoleName, SyncError,
    layout,
};

use crate::fixture::{AUTHORITY, draft, key, plugin_component, version};
use crate::house::{House, Machine, NOW, alpha, block_on, fault, time};

fn mark(house: &House, at: &str, kind: MarkKind) {
    ss_registry::mark(house.folder(), &alpha(), &version(at), Some(kind), "leaks", &time(NOW)).unwrap();
    house.custody(NOW, &[]).seal().unwrap();
}

#[test]
fn a_yanked_release_is_not_chosen_and_a_revoked_one_does_not_load() {
    let house = House::with_alpha();
    house.publish("alpha", "0.2.0");
    let machine = Machine::with(&house);
    machine.refresh().unwrap();
    machine.load("0.2.0").unwrap();

    mark(&house, "0.2.0", MarkKind::Yanked);
    machine.refresh().unwrap();
    assert_eq!(machine.newest(), "0.1.0");
    machine.load("0.2.0").unwrap();

    ss_registry::mark(house.folder(), &alpha(), &version("0.2.0"), None, "", &time(NOW)).unwrap();
    house.custody(NOW, &[]).seal().unwrap();
    machine.refresh().unwrap();
    assert_eq!(machine.newest(), "0.2.0");

    mark(&house, "0.2.0", MarkKind::Revoked);
    machine.refresh().unwrap();
    let refused = machine.load("0.2.0").unwrap_err();
    let SyncError::Load(LoadError::Refused { refusal, .. }) = refused else { panic!("{refused}") };
    assert!(matches!(*refusal, Refusal::Revoked { .. }));
    // Nobody takes that back, and hiding the file does not help.
    assert!(ss_registry::mark(house.folder(), &alpha(), &version("0.2.0"), None, "", &time(NOW)).is_err());
    fs::remove_file(house.path(&layout::marks(&alpha()))).unwrap();
    let fresh = Machine::with(&house);
    assert_eq!(fault(fresh.refresh()), (layout::marks(&alpha()), MetadataFault::Missing));
}

#[test]
fn a_retired_key_opens_old_releases_and_signs_no_new_ones() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let successor = key(100);
    house.delegate("acme", &[successor.public()], &[house.publisher.public()]);
    house.publish_by(&successor, plugin_component("alpha", "0.2.0", AUTHORITY), false);
    machine.refresh().unwrap();
    machine.load("0.1.0").unwrap();
    machine.load("0.2.0").unwrap();
    let saved = house.save();
    house.forge("delegated/acme.json", &[&house.publisher], |signed| signed["version"] = 9.into());
    house.cover_up("delegated/acme.json", 9, house.key(RoleName::Snapshot), house.key(RoleName::Timestamp));
    assert!(matches!(fault(machine.refresh()).1, MetadataFault::Signatures { .. }));
    house.restore(&saved, "");

    // Stolen rather than retired: what only it has signed is refused.
    house.delegate("acme", &[successor.public()], &[]);
    let fresh = Machine::with(&house);
    fresh.refresh().unwrap();
    fresh.load("0.2.0").unwrap();
    let refused = fresh.load("0.1.0").unwrap_err();
    let SyncError::Load(LoadError::Refused { refusal, .. }) = refused else { panic!("{refused}") };
    assert!(matches!(*refusal, Refusal::Envelope(_)), "{refusal}");
}

#[test]
fn every_role_can_change_its_keys() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let new: Vec<_> = (60..64).map(key).collect();
    let custody = house.custody(NOW, &new.iter().collect::<Vec<_>>());
    for (role, key) in RoleName::ALL.into_iter().zip(&new) {
        custody.rotate(role, &[key.public()]).unwrap();
        machine.refresh().unwrap();
    }
    assert!(house.path("root/5.root.json").exists());
    // Who pinned the first root follows, and so does who pins the newest.
    Machine::with(&house).refresh().unwrap();
    let newest = ss_registry::Digest::of(&fs::read(house.path("root/5.root.json")).unwrap());
    let other = Machine::new();
    other.add(&house.url(), Some(newest), "acme", &[]).unwrap();
    other.refresh().unwrap();
    other.load("0.1.0").unwrap();
}

#[test]
fn what_says_the_same_stays_as_it_is() {
    let house = House::with_alpha();
    let before = house.save();
    house.publish("alpha", "0.1.0");
    house.custody("2026-12-24T00:00:00Z", &[]).seal().unwrap();
    for path in ["root/1.root.json", "targets.json", "delegated/acme.json", "snapshot.json", "timestamp.json"]
    {
        let same = fs::read(house.path(path)).unwrap() == fs::read(before.path().join(path)).unwrap();
        assert!(same, "{path} was written anew");
    }
}

#[test]
fn a_key_that_is_missing_is_named_and_nothing_current_changes() {
    let house = House::with_alpha();
    let stranger = key(90);
    let custody = ss_registry::Custody { folder: house.folder(), keys: vec![&stranger], now: time(NOW) };
    let error = custody.renew().unwrap_err().to_string();
    assert!(error.contains("`timestamp.json`") && error.contains("timestamp"), "{error}");
    // What its publisher alone has signed changes no metadata, not even the namespace's own.
    let alone = ss_registry::Custody { folder: house.folder(), keys: vec![&house.publisher], now: time(NOW) };
    assert!(alone.check_keys("acme").is_err() && custody.check_keys("acme").is_err());
    let (before, yanked) = (house.save(), Some(MarkKind::Yanked));
    ss_registry::mark(house.folder(), &alpha(), &version("0.1.0"), yanked, "", &time(NOW)).unwrap();
    assert!(alone.seal().is_err());
    let role = "delegated/acme.json";
    assert_eq!(fs::read(house.path(role)).unwrap(), fs::read(before.path().join(role)).unwrap());
    house.custody(NOW, &[]).check_keys("acme").unwrap();
    assert!(house.custody(NOW, &[]).check_keys("beta").is_err(), "it is nobody's");
    Machine::with(&house).refresh().unwrap();
}

#[test]
fn a_namespace_is_given_out_without_its_private_key() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let author = key(77);
    house.delegate("beta", &[author.public()], &[]);
    assert!(!house.path("delegated/beta.json").exists(), "nobody has signed it yet");
    machine.refresh().unwrap();
    Machine::with(&house).refresh().unwrap();
    // Its first release brings its metadata.
    let draft = ss_registry::Draft {
        namespace: "beta",
        ..crate::fixture::draft(plugin_component("gamma", "0.1.0", AUTHORITY))
    };
    ss_registry::Publisher { root: house.folder(), keys: &[&author], replace: false }.publish(draft).unwrap();
    house.custody(NOW, &[&author]).seal().unwrap();
    let gamma = "beta/gamma".parse().unwrap();
    let registry = Registry::with_root("acme", Directory::new(house.folder()), house.fingerprint());
    registry.load(&gamma, &version("0.1.0")).unwrap();
    machine.refresh().unwrap();
}

#[test]
fn a_copy_in_a_folder_is_a_registry_of_its_own() {
    let house = House::with_alpha();
    let copy = house.save();
    let registry = Registry::with_root("acme", Directory::new(copy.path()), house.fingerprint());
    registry.load(&alpha(), &version("0.1.0")).unwrap();
    assert_eq!(registry.summary(&alpha()).unwrap().unwrap(), ("0.1.0".to_owned(), "A test".to_owned()));
}

/// A second implementation of the format reads what is written here.
#[test]
fn the_loader_of_tough_reads_it() {
    let house = House::with_alpha();
    house.delegate("beta", &[key(100).public()], &[key(5).public()]);
    let copy = house.save();
    // Its names for the same files.
    fs::copy(copy.path().join("root/1.root.json"), copy.path().join("1.root.json")).unwrap();
    for namespace in ["acme", "beta"] {
        let theirs = copy.path().join(format!("delegated%2F{namespace}.json"));
        fs::copy(copy.path().join(layout::delegated(namespace)), theirs).unwrap();
    }
    let base = url::Url::from_directory_path(copy.path()).unwrap();
    let root = fs::read(copy.path().join("1.root.json")).unwrap();
    let name = layout::index(&alpha());
    block_on(async {
        let repository = tough::RepositoryLoader::new(&root, base.clone(), base)
            .transport(tough::FilesystemTransport)
            .expiration_enforcement(tough::ExpirationEnforcement::Unsafe)
            .load()
            .await
            .unwrap();
        let targets = &repository.targets().signed;
        let target = targets.find_target(&tough::TargetName::new(&name).unwrap(), false).unwrap();
        assert_eq!(target.length, fs::read(house.path(&name)).unwrap().len() as u64);
        assert!(repository.delegated_role("delegated/beta").is_some());
    });
}

#[test]
fn one_of_two_keys_of_a_namespace_signs_no_release() {
    let house = House::with_alpha();
    let second = key(100);
    house.delegate("acme", &[house.publisher.public(), second.public()], &[]);
    let machine = Machine::with(&house);
    let release = Draft { namespace: "acme", ..draft(plugin_component("alpha", "0.2.0", AUTHORITY)) };
    Publisher { root: house.folder(), keys: &[&house.publisher], replace: false }.publish(release).unwrap();
    house.custody(NOW, &[&second]).seal().unwrap();
    machine.refresh().unwrap();
    let refused = machine.load("0.2.0").unwrap_err().to_string();
    assert!(refused.contains("1 of the 2 signatures needed"), "{refused}");
}
