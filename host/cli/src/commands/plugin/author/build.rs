//! `ss plugin build`: a component out of a project.

use std::sync::Arc;

use serde_json::json;
use ss_registry::Digest;
use ss_runtime::ComponentSource;
use ss_scaffold::{BuildError, Built, Project};
use ss_secret::Scrubber;

use crate::args::BuildPlugin;
use crate::compose::{Host, environment, tokio_runtime};
use crate::error::CommandError;
use crate::home;
use crate::ui::{Style, Ui};

/// The largest component that loads without being noticed, in bytes; interpreters need more.
const LARGE: usize = 400 * 1024;

/// Runs the command.
pub fn run(ui: &Ui, scrubber: &Arc<Scrubber>, arguments: &BuildPlugin) -> Result<(), CommandError> {
    let project = super::open(&arguments.project)?;
    let built = build(ui, &project, arguments)?;
    let summary = describe(ui, scrubber, &project, &built)?;
    print(ui, &project, &built, &summary);
    Ok(())
}

/// Builds the component, saying each tool that runs.
pub fn build(ui: &Ui, project: &Project, arguments: &BuildPlugin) -> Result<Built, CommandError> {
    let announce = |command: &str| ui.note(&ui.paint(Style::Dim, &format!("running: {command}")));
    ss_scaffold::build(project, arguments.from.as_deref(), &announce).map_err(|error| not_built(&error))
}

fn not_built(error: &BuildError) -> CommandError {
    let command_error = CommandError::of(error);
    match error.help() {
        Some(help) => command_error.hint(help),
        None => command_error,
    }
}

/// Compiles the component and asks it what it is: what is wrong with its own words shows here, and not at the
/// first person who uses it. Its one-line summary.
fn describe(
    ui: &Ui,
    scrubber: &Arc<Scrubber>,
    project: &Project,
    built: &Built,
) -> Result<String, CommandError> {
    let host = Host::new(ui, home::home()?, Arc::clone(scrubber), environment());
    let manifest = &project.manifest;
    let source = ComponentSource::unverified_for_development(
        manifest.name.clone(),
        manifest.version.to_string(),
        built.bytes.clone(),
    );
    let described =
        tokio_runtime()?.block_on(host.describe_unverified(source, manifest.authority.clone()))?;
    Ok(described.summary)
}

fn print(ui: &Ui, project: &Project, built: &Built, summary: &str) {
    let (manifest, digest) = (&project.manifest, Digest::of(&built.bytes));
    let sentences = manifest.authority.sentences();
    ui.line(&format!(
        "{} {} {}  {summary}",
        ui.paint(Style::Good, "✓"),
        ui.paint(Style::Bold, &manifest.name),
        manifest.version
    ));
    ui.line(&format!(
        "  {} ({}, contract {})",
        built.path.display(),
        size(built.bytes.len()),
        manifest.contract
    ));
    ui.line(&format!("  {digest}"));
    ui.line("Asks for");
    if sentences.is_empty() {
        ui.line("  nothing");
    }
    for sentence in &sentences {
        ui.line(&format!("  {sentence}"));
    }
    for warning in &built.checked.warnings {
        ui.warn(warning);
    }
    if project.language == Some(ss_scaffold::Language::Rust) && built.bytes.len() > LARGE {
        ui.warn(&format!("built-in plugins have at most {}; see `opt-level` and `lto`", size(LARGE)));
    }
    ui.note("next: `ss plugin test` proves it against the contract; `ss plugin run` brings its example up");
    ui.document(&json!({
        "name": manifest.name,
        "version": manifest.version.to_string(),
        "contract": manifest.contract.to_string(),
        "file": built.path,
        "size": built.bytes.len(),
        "digest": digest.to_string(),
        "summary": summary,
        "authority": manifest.authority,
        "sentences": sentences,
        "imports": built.checked.imports,
        "warnings": built.checked.warnings,
    }));
}

/// Bytes as people read them.
fn size(bytes: usize) -> String {
    let kib = bytes as f64 / 1024.0;
    if kib < 1024.0 { format!("{kib:.0} KiB") } else { format!("{:.1} MiB", kib / 1024.0) }
}
