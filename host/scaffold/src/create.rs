//! Writing a new project.

use std::fs;
use std::path::{Path, PathBuf};

use crate::error::CreateError;
use crate::language::Language;
use crate::template;

/// A project that is to be made.
#[derive(Debug, Clone)]
pub struct NewProject {
    /// The plugin's name, which is its provider name too.
    pub name: String,
    /// What it is written in.
    pub language: Language,
    /// Where it shall lie; not there yet, or empty.
    pub folder: PathBuf,
}

/// Makes the project, whole or not at all.
///
/// # Errors
/// If the name is none, the folder holds something, or it cannot be written.
pub fn create(new: &NewProject) -> Result<(), CreateError> {
    if !ss_authority::is_plugin_name(&new.name) {
        return Err(CreateError::Name { name: new.name.clone() });
    }
    let folder = &new.folder;
    let failed = |source| CreateError::Write { folder: folder.clone(), source };
    if folder.exists() && folder.read_dir().map_err(failed)?.next().is_some() {
        return Err(CreateError::NotEmpty { folder: folder.clone() });
    }
    let parent = folder.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(parent).map_err(failed)?;
    // Beside its place, so that it gets there by one rename.
    let staged = tempfile::Builder::new().prefix(".ss-new-").tempdir_in(parent).map_err(failed)?;
    for (path, content) in template::project(&new.name, new.language) {
        let path = staged.path().join(path);
        fs::create_dir_all(path.parent().unwrap_or(parent)).map_err(failed)?;
        fs::write(path, content).map_err(failed)?;
    }
    let staged = staged.keep();
    open_to_readers(&staged).and_then(|()| fs::rename(&staged, folder)).map_err(|source| {
        let _ = fs::remove_dir_all(&staged);
        failed(source)
    })
}

/// A temporary folder is private; a project is an ordinary folder.
fn open_to_readers(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn new(folder: PathBuf) -> NewProject {
        NewProject { name: "acme".to_owned(), language: Language::Rust, folder }
    }

    #[test]
    fn a_project_is_written_whole_and_nothing_beside_it() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("deep/acme");
        create(&new(folder.clone())).unwrap();
        assert!(folder.join("vendor/sdk-rust/src/lib.rs").is_file());
        assert!(folder.join("vendor/wit/0.1.0/adapter.wit").is_file());
        assert_eq!(folder.parent().unwrap().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn what_is_there_is_not_touched() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("mine"), "kept").unwrap();
        let error = create(&new(root.path().to_owned())).unwrap_err();
        assert!(matches!(error, CreateError::NotEmpty { .. }), "{error}");
        assert_eq!(root.path().read_dir().unwrap().count(), 1);
    }

    #[test]
    fn a_name_that_no_plugin_can_have_is_refused() {
        let root = tempfile::tempdir().unwrap();
        for name in ["", "Acme", "../acme", "a_b", "1a"] {
            let error = create(&NewProject { name: name.to_owned(), ..new(root.path().join("x")) });
            assert!(matches!(error, Err(CreateError::Name { .. })), "{name}");
        }
        assert_eq!(root.path().read_dir().unwrap().count(), 0);
    }
}
