//! Tests of the vault as its callers see it.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "helpers of tests are tests")]

mod concurrency;
mod integrity;
mod scope;
mod spellings;
mod stock_age;

use std::path::{Path, PathBuf};

use ss_secret::Secret;
use ss_vault::Vault;

/// Nothing is set.
fn no_env(_: &str) -> Option<String> {
    None
}

fn open(home: &Path) -> Vault {
    Vault::open(home, &no_env)
}

fn secret(text: &str) -> Secret {
    Secret::new(text)
}

/// Every file below a folder with its content, sorted.
fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push((path.clone(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

/// The only file of a folder of the vault.
fn only_file(vault: &Vault, folder: &str) -> PathBuf {
    let found = files(&vault.folder().join(folder));
    assert_eq!(found.len(), 1, "{folder}: {found:?}");
    found.into_iter().next().unwrap().0
}
