//! Python: componentize-py, which puts the modules into a snapshot of CPython.

use std::path::PathBuf;

use super::{is_stale, scratch};
use crate::error::BuildError;
use crate::language::Language;
use crate::project::Project;
use crate::tools::{self, Announce, Tool};

const PYTHON: Tool = Tool {
    program: "python3",
    language: Language::Python,
    install: "install Python 3.10 or later with `venv` (Debian: `apt-get install python3 python3-venv`)",
};

/// What the project's tools are installed into.
const ENVIRONMENT: &str = ".venv";
const REQUIREMENTS: &str = "requirements.txt";
/// Written when everything is installed.
const INSTALLED: &str = ".venv/installed";
/// The component before the manifest is inside.
const OUTPUT: &str = "dist/unwrapped.wasm";
/// The module that has the adapter.
const MODULE: &str = "provider";

pub(super) fn compile(project: &Project, announce: Announce<'_>) -> Result<PathBuf, BuildError> {
    let root = &project.root;
    if is_stale(&root.join(INSTALLED), &root.join(REQUIREMENTS)) {
        install(project, announce)?;
    }
    scratch(project, "dist")?;
    let mut componentize = tools::own(root, ".venv/bin/componentize-py");
    componentize
        .args(["--wit-path", "wit", "--world", "plugin", "componentize"])
        .args(["--python-path", "src", MODULE, "--output", OUTPUT])
        .env("PYTHONDONTWRITEBYTECODE", "1");
    tools::run(componentize, root, announce)?;
    Ok(root.join(OUTPUT))
}

fn install(project: &Project, announce: Announce<'_>) -> Result<(), BuildError> {
    let root = &project.root;
    let mut environment = PYTHON.command()?;
    environment.args(["-m", "venv", ENVIRONMENT]);
    tools::run(environment, root, announce)?;
    let mut pip = tools::own(root, ".venv/bin/python");
    pip.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r", REQUIREMENTS]);
    tools::run(pip, root, announce)?;
    Ok(ss_durable::replace(&root.join(INSTALLED), b"")?)
}
