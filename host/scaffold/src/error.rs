//! What can go wrong for a plugin's author.

use std::path::PathBuf;

use ss_authority::ManifestError;
use ss_durable::FileError;
use ss_registry::ComponentError;

use crate::language::Language;
use crate::wrap::WrapError;

/// Why a project was not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// No plugin can have the name.
    #[error(
        "`{name}` cannot be a plugin's name: it has 1 to 40 lower-case letters, digits and single hyphens, and starts with a letter"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Something is there.
    #[error("`{}` is not empty", folder.display())]
    NotEmpty {
        /// The folder.
        folder: PathBuf,
    },
    /// It cannot be written.
    #[error("cannot write the project `{}`", folder.display())]
    Write {
        /// The folder.
        folder: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
}

/// Why a folder is no plugin project.
#[derive(Debug, thiserror::Error)]
pub enum ProjectError {
    /// There is no manifest.
    #[error("there is no `plugin.toml` in `{}`, so it is no plugin project", folder.display())]
    NoManifest {
        /// The folder.
        folder: PathBuf,
    },
    /// A file cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// The manifest cannot be used.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// Why no component came out of a project.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// Nothing says how it is built.
    #[error("nothing in `{}` says how the plugin is built", folder.display())]
    UnknownLanguage {
        /// The project.
        folder: PathBuf,
    },
    /// A program is not installed.
    #[error("`{program}` is needed to build a plugin in {language}, and is not installed")]
    MissingTool {
        /// The program.
        program: String,
        /// The project's language.
        language: Language,
        /// How to get it, as a sentence.
        install: &'static str,
    },
    /// A program failed; it has said why.
    #[error("`{command}` failed ({status})")]
    Failed {
        /// The command line.
        command: String,
        /// How it ended.
        status: String,
    },
    /// A program did not make what it should have made.
    #[error("the build made no `{}`", path.display())]
    NoOutput {
        /// The file.
        path: PathBuf,
    },
    /// A file of the project cannot be used.
    #[error("`{}` cannot be used: {reason}", path.display())]
    Invalid {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// The core module does not make a component.
    #[error(transparent)]
    Wrap(#[from] WrapError),
    /// The result is no plugin component.
    #[error("what was built is no plugin: {0}")]
    Component(#[from] ComponentError),
    /// It implements another contract than its manifest says.
    #[error("`plugin.toml` says contract {stated}, and the component implements {found}")]
    OtherContract {
        /// What the manifest says.
        stated: String,
        /// What the component exports.
        found: String,
    },
    /// It imports what no plugin has.
    #[error("the component imports `{import}`, which is not part of contract {contract}")]
    ForeignImport {
        /// The import.
        import: String,
        /// The contract.
        contract: String,
    },
    /// It imports a capability that its manifest does not ask for.
    #[error("the component imports `{capability}`, and `plugin.toml` does not ask for it")]
    NotAsked {
        /// The capability.
        capability: &'static str,
    },
}

impl BuildError {
    /// What a person can do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            Self::MissingTool { install, .. } => (*install).to_owned(),
            Self::UnknownLanguage { .. } => format!(
                "it is known by one of {}; a component or core module that other tools made is taken with `--from FILE`",
                Language::ALL.map(|language| format!("`{}` ({language})", language.marker())).join(", ")
            ),
            Self::NotAsked { capability } => format!(
                "add `[authority.{capability}]` to `plugin.toml` if the plugin needs it, or take the import out"
            ),
            Self::ForeignImport { .. } => {
                "plugins import their contract, and what a standard library needs of WASI 0.2; `wit/` lists it".to_owned()
            }
            Self::Wrap(error) => return error.help(),
            _ => return None,
        })
    }
}
