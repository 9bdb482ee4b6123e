//! Writers at the same time, and writers that die.

use std::path::Path;
use std::process::{Command, Stdio};

use ss_vault::{Catalog, Keys, Words};

use crate::{open, secret};

const CHILD: &str = "SS_VAULT_TEST_CHILD";
const WRITES: usize = 20;

/// Runs one test of this binary in a process of its own, with `CHILD` telling it what to do.
fn child(test: &str, home: &Path, task: &str, fault: Option<&str>) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", &format!("concurrency::{test}"), "--test-threads=1"]);
    command.env(CHILD, task).env("SS_VAULT_TEST_HOME", home).stdout(Stdio::null()).stderr(Stdio::null());
    if let Some(fault) = fault {
        command.env("SS_FAULT", fault);
    }
    command
}

fn task() -> Option<(String, std::path::PathBuf)> {
    Some((std::env::var(CHILD).ok()?, std::env::var_os("SS_VAULT_TEST_HOME")?.into()))
}

fn write_many(home: &Path, writer: &str) {
    let (vault, catalog) = (open(home), Catalog::default());
    let scope = vault.scope("shop", "prod");
    let keys = Keys::new(&vault, &catalog, None);
    for n in 0..WRITES {
        keys.set(&keys.address(Words::Two("shared", &format!("{writer}-{n}"))).unwrap(), &secret(writer))
            .unwrap();
        scope.put_states([(format!("{writer}-{n}"), n.into())]).unwrap();
    }
}

fn require_all(home: &Path, writers: usize) {
    let (vault, catalog) = (open(home), Catalog::default());
    assert_eq!(Keys::new(&vault, &catalog, None).list().unwrap().len(), writers * WRITES);
    assert_eq!(vault.scope("shop", "prod").states().unwrap().len(), writers * WRITES);
}

#[test]
fn processes_that_write_at_once_lose_nothing() {
    if let Some((writer, home)) = task() {
        return write_many(&home, &writer);
    }
    let home = tempfile::tempdir().unwrap();
    let test = "processes_that_write_at_once_lose_nothing";
    let mut children: Vec<_> =
        ["a", "b", "c"].map(|writer| child(test, home.path(), writer, None).spawn().unwrap()).into();
    for child in &mut children {
        assert!(child.wait().unwrap().success());
    }
    require_all(home.path(), 3);
}

#[test]
fn threads_with_and_without_a_shared_handle_lose_nothing_while_others_read() {
    let home = tempfile::tempdir().unwrap();
    let shared = open(home.path()).scope("shop", "prod");
    std::thread::scope(|threads| {
        let writers: Vec<_> = ["a", "b"]
            .map(|writer| {
                let home = home.path();
                threads.spawn(move || write_many(home, writer))
            })
            .into();
        let mut seen = 0;
        while writers.iter().any(|writer| !writer.is_finished()) {
            let now = shared.states().unwrap().len();
            assert!(now >= seen, "{now} after {seen}");
            seen = now;
        }
    });
    require_all(home.path(), 2);
}

#[test]
fn two_callers_get_the_same_generated_secret() {
    let home = tempfile::tempdir().unwrap();
    let secrets: Vec<_> = std::thread::scope(|threads| {
        let callers: Vec<_> = (0..4)
            .map(|n| {
                let scope = open(home.path()).scope("shop", "prod");
                threads.spawn(move || scope.generated("db", "password", || secret(&format!("{n}"))).unwrap())
            })
            .collect();
        callers.into_iter().map(|caller| caller.join().unwrap()).collect()
    });
    assert!(secrets.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn a_writer_that_dies_or_fails_at_any_step_leaves_the_old_or_the_new() {
    let credentials = |value: &str| [("URL".to_owned(), secret(value))];
    if let Some((_, home)) = task() {
        let scope = open(&home).scope("shop", "prod");
        let changes = ss_vault::Changes::new().credentials("db", credentials("new").to_vec());
        scope.commit(changes.state("db", "new".into())).unwrap();
        return;
    }
    let test = "a_writer_that_dies_or_fails_at_any_step_leaves_the_old_or_the_new";
    for kind in ["abort", "enospc"] {
        let mut succeeded = false;
        for step in 1..=10 {
            let home = tempfile::tempdir().unwrap();
            let scope = open(home.path()).scope("shop", "prod");
            scope.put_credentials("db", &credentials("old")).unwrap();
            let fault = format!("{kind}@{step}");
            succeeded = child(test, home.path(), "write", Some(&fault)).status().unwrap().success();

            let scope = open(home.path()).scope("shop", "prod");
            let found = (scope.credential("db", "URL").unwrap(), scope.states().unwrap().is_empty());
            let (old, new) = ((Some(secret("old")), true), (Some(secret("new")), false));
            assert!(found == old || found == new, "{fault}: {found:?}");
            assert!(!succeeded || found == new, "{fault}: said it was written");
            scope.put_credentials("db", &credentials("next")).unwrap();
        }
        assert!(succeeded, "ten steps are more than a commit has, so the last fault never struck");
    }
}
