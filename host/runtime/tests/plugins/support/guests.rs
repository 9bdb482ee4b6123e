//! Builds the guests of `tests/guests`, once.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The bytes of a guest component; none, with a loud line, if the wasm target is not installed.
pub fn guest(name: &str) -> Option<&'static [u8]> {
    static FOLDER: OnceLock<Option<PathBuf>> = OnceLock::new();
    let folder = FOLDER.get_or_init(build).as_ref()?;
    let path = folder.join(format!("{name}.wasm"));
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(bytes.leak())
}

fn build() -> Option<PathBuf> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/guests");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--target", "wasm32-wasip2"]).current_dir(&workspace);
    // The outer build's flags and folders are not meant for guests.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_") || name.starts_with("RUSTFLAGS") || name.starts_with("RUSTC") {
            cargo.env_remove(name);
        }
    }
    if let Some(home) = std::env::var_os("CARGO_HOME") {
        cargo.env("CARGO_HOME", home);
    }
    let output = cargo.output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    if errors.contains("can't find crate for `core`") || errors.contains("target may not be installed") {
        eprintln!("\n*** SKIPPED: the target wasm32-wasip2 is not installed, so no plugin was tested ***\n");
        return None;
    }
    assert!(output.status.success(), "the guests do not build:\n{errors}");
    Some(workspace.join("target/wasm32-wasip2/release"))
}
