//! Rust: cargo for `wasm32-wasip2`, whose output is a component. The same sources give the same bytes in
//! whatever folder they lie: paths of this machine are mapped to fixed names, and settings of the
//! environment that change the code are taken away.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use toml::{Table, Value};

use crate::error::BuildError;
use crate::language::Language;
use crate::project::Project;
use crate::tools::{self, Announce, Tool};

const TARGET: &str = "wasm32-wasip2";

const CARGO: Tool =
    Tool { program: "cargo", language: Language::Rust, install: "install Rust with rustup, then try again" };

/// What stands for the compiler's target where it is missing.
const RUST_TARGET: Tool = Tool {
    program: "the Rust target wasm32-wasip2",
    language: Language::Rust,
    install: "`rustup target add wasm32-wasip2` installs it",
};

/// Variables through which an environment could change the code.
const FOREIGN: [&str; 6] = [
    "CARGO_BUILD_",
    "CARGO_ENCODED_RUSTFLAGS",
    "CARGO_INCREMENTAL",
    "CARGO_PROFILE_",
    "CARGO_TARGET_",
    "RUSTFLAGS",
];

pub(super) fn compile(project: &Project, announce: Announce<'_>) -> Result<PathBuf, BuildError> {
    let root = project.root.canonicalize().unwrap_or_else(|_| project.root.clone());
    let file = format!("{}.wasm", library(&root)?.replace('-', "_"));
    let mut cargo = CARGO.command()?;
    if !has_target(&root) {
        return Err(RUST_TARGET.missing());
    }
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(|name| FOREIGN.iter().any(|foreign| name.starts_with(foreign))) {
            cargo.env_remove(name);
        }
    }
    cargo
        .args(["build", "--release", "--target", TARGET, "--target-dir", "target"])
        .env("CARGO_ENCODED_RUSTFLAGS", flags(&root));
    tools::run(cargo, &root, announce)?;
    Ok(root.join("target").join(TARGET).join("release").join(file))
}

/// The name of the library: its own, or else the package's.
fn library(root: &Path) -> Result<String, BuildError> {
    let path = root.join("Cargo.toml");
    let invalid = |reason: String| BuildError::Invalid { path: path.clone(), reason };
    let text = std::fs::read_to_string(&path).map_err(|error| invalid(error.to_string()))?;
    let settings: Table = text.parse().map_err(|error: toml::de::Error| invalid(error.to_string()))?;
    let name_in = |table: &str| settings.get(table)?.get("name").and_then(Value::as_str).map(str::to_owned);
    name_in("lib").or_else(|| name_in("package")).ok_or_else(|| invalid("it names no package".to_owned()))
}

fn has_target(root: &Path) -> bool {
    let mut rustc = Command::new("rustc");
    rustc.current_dir(root).args(["--print", "target-libdir", "--target", TARGET]);
    tools::output(&mut rustc).is_some_and(|folder| Path::new(folder.trim()).is_dir())
}

/// Compiler flags that take this machine's paths out of the bytes.
fn flags(root: &Path) -> OsString {
    let mut mapped = vec![(root.to_owned(), "/plugin".to_owned())];
    // One folder per registry; its name depends on how this machine reaches the registry.
    let crates = cargo_home().join("registry/src");
    for registry in crates.read_dir().into_iter().flatten().flatten() {
        mapped.push((registry.path(), "/crates".to_owned()));
    }
    let asked = |arguments: &[&str]| {
        tools::output(Command::new("rustc").current_dir(root).args(arguments)).unwrap_or_default()
    };
    let version = asked(&["-vV"]);
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or_default();
    // The standard library's sources, where they are installed: the name that it has where they are not.
    let sysroot = PathBuf::from(asked(&["--print", "sysroot"]).trim());
    mapped.push((sysroot.join("lib/rustlib/src/rust"), format!("/rustc/{commit}")));

    let mut flags = OsString::new();
    for (from, to) in mapped {
        if !flags.is_empty() {
            flags.push("\u{1f}");
        }
        flags.push("--remap-path-prefix=");
        flags.push(from);
        flags.push("=");
        flags.push(to);
    }
    flags
}

fn cargo_home() -> PathBuf {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")))
        .unwrap_or_default()
}
