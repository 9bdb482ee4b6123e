//! Turns `registry-index/` into a table of files inside the binary.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// What of the registry belongs in the binary.
const EMBEDDED: [&str; 10] = [
    "config.json",
    "root",
    "timestamp.json",
    "snapshot.json",
    "targets.json",
    "delegated",
    "index",
    "marks",
    "blobs",
    "descriptions",
];

fn main() -> io::Result<()> {
    let crate_dir = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let registry = fs::canonicalize(crate_dir.join("../../registry-index"))?;
    println!("cargo::rerun-if-changed={}", registry.display());

    let mut files = Vec::new();
    for part in EMBEDDED {
        collect(&registry.join(part), part, &mut files)?;
    }
    files.sort();

    let mut table = String::from("&[\n");
    for (name, path) in &files {
        let _ = writeln!(table, "    ({name:?}, include_bytes!({:?})),", path.display().to_string());
    }
    table.push_str("]\n");
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    fs::write(out.join("embedded.rs"), table)
}

/// Adds the file, or every file of the folder, by its path in the registry. What is not there is not added.
fn collect(path: &Path, name: &str, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    if path.is_file() {
        files.push((name.to_owned(), path.to_owned()));
    } else if path.is_dir() {
        for entry in fs::read_dir(path)? {
            let entry = entry?;
            let inner = format!("{name}/{}", entry.file_name().display());
            collect(&entry.path(), &inner, files)?;
        }
    }
    Ok(())
}
