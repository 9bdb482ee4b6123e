//! Turns the templates, the contract and the Rust SDK into a table of files inside the binary.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folders, from this crate on, and what their files are called in the table.
const EMBEDDED: [(&str, &str); 4] = [
    ("templates", "templates"),
    ("../../wit", "wit"),
    ("../../sdk-rust/src", "sdk-rust/src"),
    ("../../sdk-rust/README.md", "sdk-rust/README.md"),
];

fn main() -> io::Result<()> {
    let crate_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut files = Vec::new();
    for (folder, name) in EMBEDDED {
        let path = fs::canonicalize(crate_dir.join(folder))?;
        println!("cargo::rerun-if-changed={}", path.display());
        collect(&path, name, &mut files)?;
    }
    let manifest = fs::canonicalize(crate_dir.join("../../sdk-rust/Cargo.toml"))?;
    println!("cargo::rerun-if-changed={}", manifest.display());
    files.push(("sdk-rust/Cargo.toml".to_owned(), manifest));
    files.sort();

    let mut table = String::from("&[\n");
    for (name, path) in &files {
        let _ = writeln!(table, "    ({name:?}, include_bytes!({:?})),", path.display().to_string());
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded.rs"), table)
}

/// Adds the file, or every file of the folder, by its name in the table.
fn collect(path: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if path.is_file() {
        files.push((name.to_owned(), path.to_owned()));
        return Ok(());
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        collect(&entry.path(), &format!("{name}/{}", entry.file_name().display()), files)?;
    }
    Ok(())
}
