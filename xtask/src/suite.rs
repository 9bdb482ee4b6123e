//! `cargo xtask test`: format, lints and every test, on a fresh machine too.

use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

/// Programs that tests drive for real, and the Debian packages that bring them.
const PROGRAMS: &[(&str, &str)] = &[
    ("age", "age"),
    ("caddy", "caddy"),
    ("docker-registry", "docker-registry"),
    ("node", "nodejs"),
    // What plugins are written with: see `tests/product/authoring.rs`.
    ("npm", "npm"),
    ("python3", "python3-venv"),
    ("clang", "clang"),
    ("wasm-ld", "lld"),
];

/// Debian packages without a program, and a file that each brings.
const LIBRARIES: &[(&str, &str)] = &[
    ("/usr/lib/wasm32-wasi/libc.a", "wasi-libc"),
    ("/usr/share/doc/libclang-rt-dev-wasm32", "libclang-rt-dev-wasm32"),
];

/// The workspaces for another target: their folders. What they hold is linted for that target.
const GUESTS: &[&str] = &["plugins", "tests/guests"];
const GUEST_TARGET: &str = "wasm32-wasip2";

/// Runs everything below the repository's root; the first failure ends it.
///
/// # Errors
/// A sentence that says which step failed.
pub fn run(root: &Path, out: &mut dyn Write) -> Result<(), String> {
    install_programs(out);
    let mut step = |folder: &Path, arguments: &[&str]| cargo(folder, arguments, out);
    step(root, &["fmt", "--all", "--check"])?;
    step(root, &["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"])?;
    for folder in GUESTS {
        let folder = root.join(folder);
        step(&folder, &["fmt", "--all", "--check"])?;
        step(
            &folder,
            &["clippy", "--workspace", "--locked", "--target", GUEST_TARGET, "--", "-D", "warnings"],
        )?;
    }
    // The plugins' own logic runs natively, on a host of the SDK's for tests.
    step(&root.join("plugins"), &["test", "--workspace", "--locked"])?;
    step(root, &["test", "--workspace", "--locked"])
}

fn cargo(folder: &Path, arguments: &[&str], out: &mut dyn Write) -> Result<(), String> {
    let line = format!("cargo {}", arguments.join(" "));
    let begun = Instant::now();
    let _ = writeln!(out, "── {line} ({})", folder.file_name().unwrap_or_default().to_string_lossy());
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .current_dir(folder)
        .status()
        .map_err(|error| format!("cannot run cargo: {error}"))?;
    let _ = writeln!(out, "── {} s", begun.elapsed().as_secs());
    if status.success() { Ok(()) } else { Err(format!("`{line}` failed")) }
}

/// Installs what is missing by its Debian package, where that is possible. A test whose program is still
/// missing says that it did not run.
fn install_programs(out: &mut dyn Write) {
    let programs = PROGRAMS.iter().filter(|(program, _)| !on_path(program));
    let libraries = LIBRARIES.iter().filter(|(file, _)| !Path::new(file).exists());
    let missing: Vec<&str> = programs.chain(libraries).map(|(_, package)| *package).collect();
    if missing.is_empty() {
        return;
    }
    let _ = writeln!(out, "── installing {}", missing.join(", "));
    let apt = |arguments: &[&str]| {
        let mut command = Command::new("apt-get");
        command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive");
        command.status().is_ok_and(|status| status.success())
    };
    let mut install = vec!["install", "-y", "-qq", "--no-install-recommends"];
    install.extend(&missing);
    if !(apt(&["update", "-qq"]) && apt(&install)) {
        let _ = writeln!(out, "── not installed; the tests that need {} will not run", missing.join(", "));
    }
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}
