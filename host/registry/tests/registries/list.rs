//! The registries of a machine: names, namespaces, the list itself.

use std::fs;

use ss_registry::{LoadError, PluginName, Registries, RegistriesError};

use crate::fixture::key;
use crate::house::{House, Machine, NOW};

#[test]
fn a_namespace_belongs_to_one_registry() {
    let first = House::with_alpha();
    let second = House::with_keys(40);
    second.publish("alpha", "9.0.0");
    let machine = Machine::with(&first);
    let error = machine.add(&second.url(), Some(second.fingerprint()), "other", &[]).unwrap_err();
    assert!(matches!(error, RegistriesError::Bound { registry, .. } if registry == "acme"));
    assert!(!machine.home().join("registries/other").exists(), "nothing is left of it");

    // With another namespace it may come, and `acme` is still the first one's.
    second.delegate("beta", &[key(100).public()], &[]);
    machine.add(&second.url(), Some(second.fingerprint()), "other", &["beta"]).unwrap();
    machine.refresh().unwrap();
    assert_eq!(machine.newest(), "0.1.0");
    let error = machine.add(&second.url(), Some(second.fingerprint()), "third", &["beta"]).unwrap_err();
    assert!(matches!(error, RegistriesError::Bound { .. }));
}

#[test]
fn nobody_else_is_official() {
    let house = House::with_alpha();
    house.delegate("official", &[key(100).public()], &[]);
    let machine = Machine::new();
    let add = |name: &str, namespaces: &[&str]| {
        machine.add(&house.url(), Some(house.fingerprint()), name, namespaces).unwrap_err()
    };
    assert!(matches!(add("acme", &[]), RegistriesError::Bound { registry, .. } if registry == "official"));
    assert!(matches!(add("acme", &["official"]), RegistriesError::Bound { .. }));
    assert!(matches!(add("official", &["acme"]), RegistriesError::Taken { .. }));
    assert!(matches!(add("Acme", &["acme"]), RegistriesError::Name { .. }));
    assert!(matches!(add("../acme", &["acme"]), RegistriesError::Name { .. }));
    assert!(matches!(add("acme", &["gamma"]), RegistriesError::NoNamespace { .. }));
    assert!(matches!(machine.registries(NOW).remove("official"), Err(RegistriesError::Official)));
}

#[test]
fn a_plugin_of_no_registry_is_nobodys() {
    let unknown: PluginName = "unknown/alpha".parse().unwrap();
    assert!(matches!(Registries::official().of(&unknown), Err(LoadError::NoRegistry { .. })));
}

#[test]
fn what_is_removed_is_gone_and_can_come_again() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    machine.refresh().unwrap();
    machine.registries(NOW).remove("acme").unwrap();
    assert!(machine.registries(NOW).get("acme").is_none());
    assert!(!machine.home().join("registries/acme").exists());
    assert!(matches!(machine.registries(NOW).remove("acme"), Err(RegistriesError::Unknown { .. })));
    machine.add(&house.url(), Some(house.fingerprint()), "acme", &[]).unwrap();
}

#[test]
fn a_damaged_list_says_where() {
    let house = House::with_alpha();
    let machine = Machine::with(&house);
    let path = machine.home().join("registries.toml");
    let good = fs::read_to_string(&path).unwrap();
    for (bad, says) in [
        (good.replace("version = 1\n", "version = 2\n"), "version"),
        (good.replace("name = \"acme\"", "name = \"../acme\""), "not a name"),
        (good.replace("file://", "http://example.com"), "https"),
        (good.replace("name = ", "nmae = "), "nmae"),
        (format!("{good}\n{}", good.split_once("\n\n").unwrap().1), "acme"),
    ] {
        assert_ne!(bad, good);
        fs::write(&path, &bad).unwrap();
        let error = Registries::open_with(machine.home(), None).unwrap_err().to_string();
        assert!(error.contains(says), "{error}");
    }
}

#[test]
fn the_official_registry_may_be_elsewhere_and_stays_official() {
    let machine = Machine::new();
    let place = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/../../registry-index");
    let registries = Registries::open_with(machine.home(), Some(place)).unwrap();
    let client = ss_capability_http::Client::new();
    crate::house::block_on(registries.refresh_registry(&client, "official")).unwrap();
    let official = registries.get("official").unwrap();
    let plugins = official.plugins().unwrap();
    assert!(!plugins.is_empty());
    for plugin in plugins {
        let version = official.newest(&plugin).unwrap();
        crate::house::block_on(registries.fetch(&client, &plugin, &version)).unwrap();
        assert!(official.load(&plugin, &version).unwrap().is_vouched_for());
    }
    // Another registry does not become official by standing in its place.
    let house = House::with_alpha();
    let registries = Registries::open_with(machine.home(), Some(&house.url())).unwrap();
    assert!(crate::house::block_on(registries.refresh_registry(&client, "official")).is_err());
}
