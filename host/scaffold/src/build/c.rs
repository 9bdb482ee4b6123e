//! C: bindings generated from the project's `wit/`, then clang for a core module, which is wrapped later.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use ss_durable::FileError;

use super::scratch;
use crate::bindings;
use crate::error::BuildError;
use crate::language::Language;
use crate::project::Project;
use crate::tools::{self, Announce, Tool};

const CLANG: Tool = Tool {
    program: "clang",
    language: Language::C,
    install: "install clang with lld and wasi-libc (Debian: `apt-get install clang lld wasi-libc \
              libclang-rt-dev-wasm32`), or set `WASI_SDK_PATH` to a WASI SDK",
};

/// What stands for the C library where it is missing.
const WASI_LIBC: Tool = Tool { program: "wasi-libc", ..CLANG };
const LINKER: Tool = Tool { program: "wasm-ld", ..CLANG };

/// Where Debian's wasi-libc is.
const DEBIAN_LIBC: &str = "/usr/lib/wasm32-wasi";

pub(super) fn compile(project: &Project, announce: Announce<'_>) -> Result<PathBuf, BuildError> {
    let root = &project.root;
    let generated = scratch(project, "build/bindings")?;
    announce("generate build/bindings/ from wit/");
    bindings::generate(&root.join("wit"), &generated)?;
    let mut clang = clang()?;
    clang
        .args(["--target=wasm32-wasi", "-mexec-model=reactor", "-std=gnu11", "-Oz"])
        .args(["-Wall", "-Wextra", "-Werror=implicit-function-declaration"])
        .args(["-Isrc", "-Ibuild/bindings", "-Wl,--strip-all"])
        .args(sources(root)?)
        .args([
            "build/bindings/plugin.c",
            "build/bindings/plugin_component_type.o",
            "-o",
            "build/plugin.wasm",
        ]);
    tools::run(clang, root, announce)?;
    Ok(root.join("build/plugin.wasm"))
}

/// The compiler of the WASI SDK that `WASI_SDK_PATH` names, or else the system's with its wasi-libc.
fn clang() -> Result<Command, BuildError> {
    if let Some(sdk) = env::var_os("WASI_SDK_PATH").filter(|path| !path.is_empty()) {
        return Ok(Command::new(Path::new(&sdk).join("bin/clang")));
    }
    let command = CLANG.command()?;
    if tools::on_path(LINKER.program.as_ref()).is_none() {
        return Err(LINKER.missing());
    }
    if !Path::new(DEBIAN_LIBC).is_dir() {
        return Err(WASI_LIBC.missing());
    }
    Ok(command)
}

/// The project's own sources, sorted: the order is part of the bytes.
fn sources(root: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let folder = root.join("src");
    let failed = |source| FileError::new("list", &folder, source);
    let mut sources = Vec::new();
    for entry in folder.read_dir().map_err(failed)? {
        let name = entry.map_err(failed)?.file_name();
        if Path::new(&name).extension().is_some_and(|extension| extension == "c") {
            sources.push(Path::new("src").join(name));
        }
    }
    sources.sort();
    Ok(sources)
}
