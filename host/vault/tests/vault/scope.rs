//! What the engine keeps: credentials, generated secrets, states, snapshots.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;
use ss_vault::{Changes, VaultError};

use crate::{files, open, secret};

#[test]
fn one_commit_is_one_generation_and_nothing_new_is_none() {
    let home = tempfile::tempdir().unwrap();
    let scope = open(home.path()).scope("shop", "prod");
    let changes = || {
        Changes::new()
            .credentials("db", vec![("URL".into(), secret("u")), ("PASSWORD".into(), secret("p"))])
            .state("db", json!({"provider": "neon", "resourceId": "x"}))
            .state("app", json!({"provider": "fly"}))
    };
    scope.commit(changes()).unwrap();
    // The lock file says when it was taken last.
    let kept =
        || files(home.path()).into_iter().filter(|(path, _)| !path.ends_with("lock")).collect::<Vec<_>>();
    let before = kept();
    scope.commit(changes()).unwrap();
    open(home.path()).scope("shop", "prod").commit(changes()).unwrap();
    assert!(kept() == before, "the same again writes nothing");
    let generation = before.iter().find(|(path, _)| path.parent().unwrap().ends_with("generations")).unwrap();
    assert!(generation.1.starts_with(b"1 "));
}

#[test]
fn credentials_and_states_come_back_and_go_with_their_service() {
    let home = tempfile::tempdir().unwrap();
    let scope = open(home.path()).scope("shop", "prod");
    scope.put_credentials("db", &[("URL".into(), secret("u"))]).unwrap();
    scope.put_credentials("db", &[("PASSWORD".into(), secret("p"))]).unwrap();
    scope.put_states([("db".to_owned(), json!(1)), ("app".to_owned(), json!(2))]).unwrap();
    scope.put_states([("app".to_owned(), json!(3))]).unwrap();

    let scope = open(home.path()).scope("shop", "prod");
    assert_eq!(scope.credential("db", "URL").unwrap(), Some(secret("u")));
    assert_eq!(scope.credentials("db").unwrap().len(), 2);
    assert_eq!(scope.states().unwrap(), BTreeMap::from([("app".into(), json!(3)), ("db".into(), json!(1))]));

    scope.remove_service("db").unwrap();
    assert!(scope.credentials("db").unwrap().is_empty());
    assert_eq!(scope.states().unwrap(), BTreeMap::from([("app".into(), json!(3))]));
    scope.commit(Changes::new().no_state("app")).unwrap();
    assert!(scope.states().unwrap().is_empty());
}

#[test]
fn a_generated_secret_is_stored_before_it_is_returned_and_stays_the_same() {
    let home = tempfile::tempdir().unwrap();
    let scope = open(home.path()).scope("shop", "prod");
    assert_eq!(scope.generated("db", "password", || secret("first")).unwrap(), secret("first"));
    let again = open(home.path()).scope("shop", "prod");
    assert_eq!(again.generated("db", "password", || panic!("made twice")).unwrap(), secret("first"));
    assert_eq!(again.generated("db", "other", || secret("second")).unwrap(), secret("second"));
    assert_eq!(again.credential("db", "password").unwrap(), None, "it is no credential");
    let elsewhere = again_in(home.path(), "staging");
    assert_eq!(elsewhere.generated("db", "password", || secret("third")).unwrap(), secret("third"));
}

fn again_in(home: &std::path::Path, environment: &str) -> ss_vault::Scope {
    open(home).scope("shop", environment)
}

#[test]
fn a_secret_that_cannot_be_stored_is_not_handed_out() {
    let home = tempfile::tempdir().unwrap();
    let blocked = home.path().join("file");
    std::fs::write(&blocked, "").unwrap();
    assert!(open(&blocked).scope("p", "e").generated("db", "password", || secret("x")).is_err());
}

#[test]
fn a_secret_whose_making_failed_is_not_stored() {
    let home = tempfile::tempdir().unwrap();
    let scope = open(home.path()).scope("shop", "prod");
    scope.put_credentials("db", &[("URL".into(), secret("u"))]).unwrap();
    // The lock file says since when its last holder held it.
    let kept =
        || files(home.path()).into_iter().filter(|(path, _)| !path.ends_with("lock")).collect::<Vec<_>>();
    let before = kept();
    let failed = scope.try_generated("db", "password", || Err("the journal is full")).unwrap();
    assert_eq!(failed, Err("the journal is full"));
    assert_eq!(scope.generated_known("db", "password").unwrap(), None);
    assert!(kept() == before, "something was written");

    let made = scope.try_generated("db", "password", || Ok::<_, &str>(secret("made"))).unwrap();
    assert_eq!(made, Ok(secret("made")));
    assert_eq!(scope.generated_known("db", "password").unwrap(), Some(secret("made")));
    let again = scope.try_generated("db", "password", || Err("made twice")).unwrap();
    assert_eq!(again, Ok(secret("made")));
}

#[test]
fn a_snapshot_is_restored_as_a_new_generation() {
    let home = tempfile::tempdir().unwrap();
    let scope = open(home.path()).scope("shop", "prod");
    let put = |value: &str| {
        let changes = Changes::new().credentials("db", vec![("URL".into(), secret(value))]);
        scope.commit(changes.state("db", json!(value))).unwrap();
    };
    put("one");
    let first = scope.snapshot().unwrap();
    assert_eq!(scope.snapshot().unwrap(), first, "the same content is the same snapshot");
    for value in ["two", "three", "four"] {
        put(value);
    }
    let second = scope.snapshot().unwrap();
    put("five");
    assert_eq!(scope.snapshots().unwrap(), [first.clone(), second.clone()]);

    let other = open(home.path()).scope("shop", "prod");
    other.restore(&first).unwrap();
    assert_eq!(scope.credential("db", "URL").unwrap(), Some(secret("one")), "an open handle sees it too");
    assert_eq!(other.states().unwrap()["db"], json!("one"));
    other.restore(&second).unwrap();
    assert_eq!(other.credential("db", "URL").unwrap(), Some(secret("four")));

    // Two objects for each of the two snapshots; nothing that came between them is kept.
    assert_eq!(files(&home.path().join("vault/objects")).len(), 4);
}

#[test]
fn a_snapshot_of_another_scope_or_an_edited_one_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let vault = open(home.path());
    let (prod, staging) = (vault.scope("shop", "prod"), vault.scope("shop", "staging"));
    prod.put_credentials("db", &[("URL".into(), secret("prod"))]).unwrap();
    staging.put_credentials("db", &[("URL".into(), secret("staging"))]).unwrap();
    let id = prod.snapshot().unwrap();
    staging.snapshot().unwrap();
    assert!(matches!(staging.restore(&id), Err(VaultError::Snapshot { .. })), "not in its folder");

    let kept: Vec<_> = files(&vault.folder().join("snapshots"));
    let (path, content) = kept.iter().find(|(path, _)| path.ends_with(&id)).unwrap();
    let (foreign, _) = kept.iter().find(|(path, _)| !path.ends_with(&id)).unwrap();
    let copied = foreign.parent().unwrap().join(&id);
    std::fs::write(&copied, content).unwrap();
    assert!(matches!(staging.restore(&id), Err(VaultError::WrongScope { .. })), "copied");

    let mut edited = content.clone();
    *edited.last_mut().unwrap() ^= 1;
    std::fs::write(path, edited).unwrap();
    assert!(matches!(prod.restore(&id), Err(VaultError::Snapshot { .. })), "edited");
    for id in ["", "../../x", "1-zz", &format!("1-{}", "0".repeat(64)), &format!("../{}", "0".repeat(64))] {
        assert!(matches!(prod.restore(id), Err(VaultError::Snapshot { .. })), "{id}");
    }
    assert_eq!(prod.credential("db", "URL").unwrap(), Some(secret("prod")));
}

#[test]
fn an_empty_scope_can_be_kept_and_restored() {
    let home = tempfile::tempdir().unwrap();
    let scope = open(home.path()).scope("shop", "prod");
    let empty = scope.snapshot().unwrap();
    scope.put_credentials("db", &[("URL".into(), secret("x"))]).unwrap();
    scope.restore(&empty).unwrap();
    assert!(scope.credentials("db").unwrap().is_empty());
}

#[test]
fn the_states_of_a_thousand_services_are_one_object() {
    let home = tempfile::tempdir().unwrap();
    let scope = open(home.path()).scope("shop", "prod");
    let state = json!({"provider": "neon", "resourceId": "quiet-mountain-1234", "provisionedAt":
        "2026-11-21T10:00:00Z", "region": "aws-us-east-1", "metadata": {"branch": "br-1", "host": "ep.neon.tech"}});
    scope.put_states((0..1000).map(|n| (format!("service-{n}"), state.clone()))).unwrap();
    assert_eq!(files(&home.path().join("vault/objects")).len(), 1);

    let cold = Instant::now();
    let scope = open(home.path()).scope("shop", "prod");
    assert_eq!(scope.states().unwrap().len(), 1000);
    let cold = cold.elapsed();
    let one = Instant::now();
    scope.commit(Changes::new().state("service-7", json!(7))).unwrap();
    println!("open and read 1,000 states: {cold:?}; change one of them: {:?}", one.elapsed());
}

#[test]
fn a_public_credential_is_known_as_one_until_it_is_set_as_a_secret() {
    let home = tempfile::tempdir().unwrap();
    let scope = open(home.path()).scope("shop", "prod");
    let url = || vec![("URL".to_owned(), secret("https://shop.example"))];
    scope.commit(Changes::new().public_credentials("api", url())).unwrap();
    assert_eq!(scope.credential("api", "URL").unwrap(), Some(secret("https://shop.example")));
    assert!(scope.is_public("api", "URL").unwrap());
    assert!(!scope.is_public("api", "OTHER").unwrap());
    scope.commit(Changes::new().credentials("api", url())).unwrap();
    assert!(!scope.is_public("api", "URL").unwrap());
}

#[test]
fn a_secret_of_the_project_comes_before_the_machines_and_goes_alone() {
    let home = tempfile::tempdir().unwrap();
    let vault = open(home.path());
    let catalog = ss_vault::Catalog::default();
    let (prod, local) = (vault.scope("app", "prod"), vault.scope("app", "local"));
    let keys = |scope| ss_vault::Keys::new(&vault, &catalog, Some(scope));
    let address = keys(&prod).address(ss_vault::Words::One("STRIPE_KEY")).unwrap();
    keys(&prod).set(&address, &secret("machine")).unwrap();
    prod.put_secret("STRIPE_KEY", &secret("prod")).unwrap();
    assert_eq!(keys(&prod).get(&address).unwrap(), Some(secret("prod")));
    assert_eq!(keys(&local).get(&address).unwrap(), Some(secret("machine")), "of another environment");

    let listed: Vec<_> = keys(&prod).list().unwrap().iter().map(|key| key.address.to_string()).collect();
    assert_eq!(listed, ["secrets/STRIPE_KEY", "secrets/STRIPE_KEY"]);
    let snapshot = prod.snapshot().unwrap();
    prod.put_secret("STRIPE_KEY", &secret("rotated")).unwrap();
    let changed = prod.credentials_changed_since(&snapshot).unwrap();
    assert_eq!(changed, [("secrets".to_owned(), "STRIPE_KEY".to_owned())]);

    assert!(keys(&prod).remove(&address).unwrap());
    assert_eq!(keys(&prod).get(&address).unwrap(), Some(secret("machine")), "the machine's stays");
    assert!(keys(&prod).remove(&address).unwrap());
    assert!(!keys(&prod).remove(&address).unwrap());
}
