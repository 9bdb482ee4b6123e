//! `ss plugin run`: the plugin's own example, brought up with what was just built.
//!
//! The example is run by this very program as a person would run it, in a home of its own: no vault, no
//! approval and no state of the person's is read or written. Starting the command is the author's word for
//! the manifest that the build has just shown; it counts in that home alone.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use ss_capability_http::Endpoints;
use ss_scaffold::Project;

use crate::args::{BuildPlugin, RunPlugin};
use crate::error::CommandError;
use crate::ui::{Style, Ui};

/// The example's own home, in the project.
const HOME: &str = ".starsystem";
/// Folders that hold what is made, not what it is made of.
const MADE: [&str; 6] = ["dist", "target", "build", "node_modules", "vendor", "__pycache__"];
/// How often sources are looked at.
const INTERVAL: Duration = Duration::from_millis(300);

/// Runs the command.
pub fn run(ui: &Ui, arguments: &RunPlugin) -> Result<(), CommandError> {
    let mut seen = sources(&arguments.project.dir);
    let first = once(ui, arguments);
    if !arguments.watch {
        return first;
    }
    first.unwrap_or_else(|error| ui.error(&error));
    loop {
        ui.note(&ui.paint(Style::Dim, "watching the sources; Ctrl-C ends it"));
        let changed = wait_for_change(&arguments.project.dir, &mut seen);
        ui.note(&format!("changed: {}", changed.display()));
        once(ui, arguments).unwrap_or_else(|error| ui.error(&error));
    }
}

/// Builds the plugin and provisions its example.
fn once(ui: &Ui, arguments: &RunPlugin) -> Result<(), CommandError> {
    let project = super::open(&arguments.project)?;
    let example = project.example().ok_or_else(|| {
        CommandError::failed("the project has no `example/starsystem.yaml` to run")
            .hint("`ss plugin new` writes one; a service of it names the plugin as its provider")
    })?;
    let build = BuildPlugin { project: arguments.project.clone(), from: None };
    super::build::build(ui, &project, &build)?;
    for sentence in project.manifest.authority.sentences() {
        ui.note(&format!("  {sentence}"));
    }
    let example = Example { ui, project: &project, file: example, endpoint: arguments.endpoint.as_deref() };
    example.approve()?;
    example.provision()
}

/// The example of a project.
struct Example<'a> {
    ui: &'a Ui,
    project: &'a Project,
    file: PathBuf,
    endpoint: Option<&'a str>,
}

impl Example<'_> {
    /// Approves in the example's home what the example wants: asks for the digest, and says it back.
    fn approve(&self) -> Result<(), CommandError> {
        let failed = |error: std::io::Error| CommandError::caused_by("cannot approve the example", &error);
        let approve = || {
            let mut command = self.command(&["plugin", "approve", "--json", "--file"])?;
            command.arg(&self.file).stdout(Stdio::piped()).stderr(Stdio::piped());
            Ok::<_, CommandError>(command)
        };
        let shown = approve()?.output().map_err(failed)?;
        if shown.status.success() {
            return Ok(());
        }
        let document: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap_or_default();
        let Some(digest) = document.get("digest").and_then(serde_json::Value::as_str) else {
            self.ui.note(String::from_utf8_lossy(&shown.stderr).trim_end());
            return Err(CommandError::failed("the example cannot be approved"));
        };
        let approved = approve()?.args(["--expect", digest]).output().map_err(failed)?;
        if approved.status.success() {
            return Ok(());
        }
        self.ui.note(String::from_utf8_lossy(&approved.stderr).trim_end());
        Err(CommandError::failed("the example cannot be approved"))
    }

    fn provision(&self) -> Result<(), CommandError> {
        let mut command = self.command(&["provision"])?;
        command.arg(&self.file);
        if self.ui.json {
            command.arg("--json");
        }
        if self.ui.verbose {
            command.arg("--verbose");
        }
        self.ui.note(&self.ui.paint(Style::Dim, &format!("running: ss provision {}", self.file.display())));
        let status = command
            .status()
            .map_err(|error| CommandError::caused_by("the example cannot be provisioned", &error))?;
        // It has said why.
        if status.success() { Ok(()) } else { Err(CommandError::shown()) }
    }

    /// This program in the example's home, with itself on the `PATH`: the example's stand-in is a command of it.
    fn command(&self, arguments: &[&str]) -> Result<Command, CommandError> {
        let unusable = |error: std::io::Error| CommandError::caused_by("cannot find this program", &error);
        let program = env::current_exe().map_err(unusable)?;
        let home = std::path::absolute(self.project.root.join(HOME)).map_err(unusable)?;
        let mut command = Command::new(&program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .env("PATH", path_with(program.parent()))
            .env("STARSYSTEM_HOME", home);
        if let Some(endpoint) = self.endpoint {
            command.env(Endpoints::variable(&self.project.manifest.name), endpoint);
        }
        Ok(command)
    }
}

/// The `PATH` with a folder in front.
fn path_with(folder: Option<&Path>) -> OsString {
    let known = env::var_os("PATH").unwrap_or_default();
    let folders = folder.map(Path::to_owned).into_iter().chain(env::split_paths(&known));
    env::join_paths(folders).unwrap_or(known)
}

/// Returns when a source has changed; which one.
fn wait_for_change(root: &Path, seen: &mut BTreeMap<PathBuf, SystemTime>) -> PathBuf {
    loop {
        std::thread::sleep(INTERVAL);
        let now = sources(root);
        let changed =
            now.iter().find(|(path, time)| seen.get(*path) != Some(*time)).map(|(path, _)| path.clone());
        let gone = seen.keys().find(|path| !now.contains_key(*path)).cloned();
        *seen = now;
        if let Some(path) = changed.or(gone) {
            return path;
        }
    }
}

/// The project's sources and when each was changed last.
fn sources(root: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    collect(root, &mut found);
    found
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, SystemTime>) {
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_made = name.starts_with('.') || name.ends_with(".lock") || name == "package-lock.json";
        let Ok(metadata) = entry.metadata() else { continue };
        if is_made || MADE.contains(&&*name) {
            continue;
        }
        if metadata.is_dir() {
            collect(&path, found);
        } else if let Ok(time) = metadata.modified() {
            found.insert(path, time);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sources_are_watched() {
        let root = tempfile::tempdir().unwrap();
        for path in
            ["src/lib.rs", "plugin.toml", "target/x", ".starsystem/y", "example/starsystem.lock", "dist/z"]
        {
            let path = root.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let watched = sources(root.path());
        let names: Vec<_> = watched.keys().map(|path| path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["plugin.toml", "lib.rs"]);
    }

    #[test]
    fn a_change_is_noticed_and_named() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("lib.rs");
        std::fs::write(&file, "old").unwrap();
        let mut seen = sources(root.path());
        let later = SystemTime::now() + Duration::from_secs(5);
        std::fs::File::options().write(true).open(&file).unwrap().set_modified(later).unwrap();
        assert_eq!(wait_for_change(root.path(), &mut seen), file);
    }
}
