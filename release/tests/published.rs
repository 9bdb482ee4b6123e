//! The published plugins are what these sources give: by digest everywhere, byte for byte where they can
//! be built.

#![allow(clippy::print_stderr, clippy::unwrap_used, reason = "helpers of tests")]

use ss_release::repository::Repository;
use ss_release::sources::Sources;
use ss_release::{check, compile};

/// Says why a test could not do its work, where nobody overlooks it.
fn not_done(why: &str) {
    eprintln!("\n*** NOT CHECKED: {why} ***\n");
}

/// The value, or the error in words.
fn done<T>(result: Result<T, ss_release::Error>) -> T {
    result.unwrap_or_else(|error| panic!("{error}"))
}

/// Whether the published bytes can be built here.
fn can_build(repository: &Repository) -> bool {
    if !compile::can_build(repository) {
        not_done("the target wasm32-wasip2 is not installed, so the plugins were not built again");
        return false;
    }
    let host = compile::host(repository).unwrap();
    if host != check::REFERENCE_HOST {
        not_done(&format!("plugins are published from {}, this is {host}", check::REFERENCE_HOST));
        return false;
    }
    true
}

#[test]
fn published_plugins_come_from_these_sources() {
    let repository = Repository::of_this_program();
    let sources = Sources::read(&repository).unwrap();
    let plugins = sources.plugins(&[]).unwrap();
    assert!(!plugins.is_empty());
    done(check::sources(&repository, &sources, &plugins));
}

#[test]
fn published_plugins_build_to_the_same_bytes() {
    let repository = Repository::of_this_program();
    if can_build(&repository) {
        let sources = Sources::read(&repository).unwrap();
        let plugins = sources.plugins(&[]).unwrap();
        done(check::rebuild(&repository, &sources, &plugins, &repository.scratch()));
    }
}

#[test]
fn where_a_plugin_is_built_does_not_matter() {
    let repository = Repository::of_this_program();
    if can_build(&repository) {
        let elsewhere = tempfile::Builder::new().prefix("a folder of another length ").tempdir().unwrap();
        let sources = Sources::read(&repository).unwrap();
        let one = &sources.plugins(&[]).unwrap()[..1];
        let here = done(compile::components(&sources, one, &repository.scratch()));
        let there = done(compile::components(&sources, one, elsewhere.path()));
        assert!(here == there, "`{}` differs between two folders", one[0].name);
    }
}
