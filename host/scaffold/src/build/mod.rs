//! From a project to a component: the language's own tools, then what is the same for all of them.

mod c;
mod javascript;
mod python;
mod rust;

use std::fs;
use std::path::{Path, PathBuf};

use ss_durable::FileError;

use crate::check::{self, Checked};
use crate::error::BuildError;
use crate::language::Language;
use crate::project::Project;
use crate::tools::Announce;
use crate::wrap;

/// A component that was built.
#[derive(Debug)]
pub struct Built {
    /// Its file.
    pub path: PathBuf,
    /// Its bytes, the manifest inside.
    pub bytes: Vec<u8>,
    /// What was found when it was held against contract and manifest.
    pub checked: Checked,
}

/// Builds the project's component into [`Project::component`]. `from` names a component or core module that
/// other tools made; then none are run. `announce` is told each command before it runs; what the commands
/// print goes to standard error.
///
/// # Errors
/// [`BuildError`]; an earlier component is then still there.
pub fn build(project: &Project, from: Option<&Path>, announce: &dyn Fn(&str)) -> Result<Built, BuildError> {
    let made = match (from, project.language) {
        (Some(path), _) => path.to_owned(),
        (None, Some(language)) => compile(project, language, announce)?,
        (None, None) => return Err(BuildError::UnknownLanguage { folder: project.root.clone() }),
    };
    let bytes = match fs::read(&made) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(BuildError::NoOutput { path: made });
        }
        Err(source) => return Err(FileError::new("read", &made, source).into()),
    };
    let component = if wrap::is_core_module(&bytes) {
        announce("wrap the core module as a component");
        wrap::wrap(&bytes, &project.root.join("wit"))?
    } else {
        bytes
    };
    let bytes = ss_registry::embed_manifest(&component, &project.manifest_text)?;
    let checked = check::check(&bytes, &project.manifest, project.language)?;
    let path = project.component();
    make_folder(path.parent().unwrap_or(&project.root))?;
    ss_durable::replace(&path, &bytes)?;
    Ok(Built { path, bytes, checked })
}

/// Runs the language's tools; the file that they made.
fn compile(project: &Project, language: Language, announce: Announce<'_>) -> Result<PathBuf, BuildError> {
    match language {
        Language::Rust => rust::compile(project, announce),
        Language::JavaScript => javascript::compile(project, announce),
        Language::Python => python::compile(project, announce),
        Language::C => c::compile(project, announce),
    }
}

/// Where tools put what is not the component yet.
fn scratch(project: &Project, folder: &str) -> Result<PathBuf, BuildError> {
    let path = project.root.join(folder);
    make_folder(&path)?;
    Ok(path)
}

fn make_folder(path: &Path) -> Result<(), BuildError> {
    fs::create_dir_all(path).map_err(|source| FileError::new("create the folder", path, source).into())
}

/// Whether a file that was made is missing or older than what it was made from.
fn is_stale(made: &Path, from: &Path) -> bool {
    let time = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    match (time(made), time(from)) {
        (Some(made), Some(from)) => made < from,
        (None, _) => true,
        (Some(_), None) => false,
    }
}
