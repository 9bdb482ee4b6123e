//! Debian's `age` opens what we write, and we open what `age-keygen` writes.

use std::path::Path;
use std::process::Command;

use ss_vault::{Catalog, Keys, Words};

use crate::{files, open, secret};

/// Whether a program is there; if not, the test says so where nobody can miss it.
fn installed(program: &str) -> bool {
    let found = Command::new(program).arg("--version").output().is_ok();
    if !found {
        println!("\n*** NOT TESTED: `{program}` is not installed (apt-get install age) ***\n");
    }
    found
}

fn decrypt(identity: &Path, object: &Path) -> String {
    let output = Command::new("age").arg("-d").arg("-i").arg(identity).arg(object).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_stock_age_opens_every_object_with_the_identity_file() {
    if !installed("age") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let (vault, catalog) = (open(home.path()), Catalog::default());
    let keys = Keys::new(&vault, &catalog, None);
    keys.set(&keys.address(Words::One("hosting.acme_email")).unwrap(), &secret("me@example.org")).unwrap();
    vault.scope("shop", "prod").put_credentials("db", &[("URL".into(), secret("postgres://x"))]).unwrap();
    let identity = home.path().join("vault/identity.txt");
    let mut opened: Vec<_> =
        files(&home.path().join("vault/objects")).iter().map(|(path, _)| decrypt(&identity, path)).collect();
    opened.sort();
    assert_eq!(
        opened,
        [r#"{"acme_email":"me@example.org"}"#, r#"{"credentials":{"URL":"postgres://x"},"generated":{}}"#]
    );
}

#[test]
fn an_identity_of_age_keygen_is_used() {
    if !installed("age-keygen") {
        return;
    }
    let home = tempfile::tempdir().unwrap();
    let vault = open(home.path());
    std::fs::create_dir(vault.folder()).unwrap();
    let identity = vault.folder().join("identity.txt");
    assert!(Command::new("age-keygen").arg("-o").arg(&identity).output().unwrap().status.success());
    vault.scope("shop", "prod").put_credentials("db", &[("URL".into(), secret("x"))]).unwrap();
    let public = Command::new("age-keygen").arg("-y").arg(&identity).output().unwrap();
    assert_eq!(vault.recipient().unwrap().unwrap(), String::from_utf8(public.stdout).unwrap().trim());
}
