//! JavaScript: componentize-js, which puts the modules into a snapshot of a JavaScript engine.

use std::path::PathBuf;

use serde_json::Value;

use super::{is_stale, scratch};
use crate::error::BuildError;
use crate::language::Language;
use crate::project::Project;
use crate::tools::{self, Announce, Tool};

const NPM: Tool = Tool {
    program: "npm",
    language: Language::JavaScript,
    install: "install Node.js 20 or later with npm (Debian: `apt-get install nodejs npm`)",
};

/// The tool, where npm puts it.
const COMPONENTIZE: &str = "node_modules/.bin/componentize-js";
/// What npm writes when it has installed.
const INSTALLED: &str = "node_modules/.package-lock.json";
/// The component before the manifest is inside.
const OUTPUT: &str = "dist/unwrapped.wasm";
/// The first module, unless `package.json` names another as `main`.
const MAIN: &str = "src/plugin.js";

pub(super) fn compile(project: &Project, announce: Announce<'_>) -> Result<PathBuf, BuildError> {
    let root = &project.root;
    if is_stale(&root.join(INSTALLED), &root.join("package.json")) {
        let mut npm = NPM.command()?;
        npm.args(["install", "--no-audit", "--no-fund", "--loglevel=error"]);
        tools::run(npm, root, announce)?;
    }
    scratch(project, "dist")?;
    let mut componentize = tools::own(root, COMPONENTIZE);
    // Without what the contract has no use for: answering requests, and a `fetch` beside the gated import.
    componentize.arg(main(project)?).args([
        "--wit",
        "wit",
        "--world-name",
        "plugin",
        "--disable",
        "fetch-event",
        "http",
        "--out",
        OUTPUT,
    ]);
    tools::run(componentize, root, announce)?;
    Ok(root.join(OUTPUT))
}

fn main(project: &Project) -> Result<String, BuildError> {
    let path = project.root.join("package.json");
    let invalid = |reason: String| BuildError::Invalid { path: path.clone(), reason };
    let text = std::fs::read(&path).map_err(|error| invalid(error.to_string()))?;
    let package: Value = serde_json::from_slice(&text).map_err(|error| invalid(error.to_string()))?;
    Ok(package.get("main").and_then(Value::as_str).unwrap_or(MAIN).to_owned())
}
