//! Running the language's own tools.
//!
//! What they print goes to our standard error, so that standard output stays the command's own.

use std::env;
use std::ffi::OsStr;
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::BuildError;
use crate::language::Language;

/// Says a command line before it is run.
pub(crate) type Announce<'a> = &'a dyn Fn(&str);

/// A program that a build needs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tool {
    /// Its name on `PATH`.
    pub program: &'static str,
    /// For what.
    pub language: Language,
    /// How to get it, as a sentence.
    pub install: &'static str,
}

impl Tool {
    /// The command, if the program is installed.
    pub(crate) fn command(self) -> Result<Command, BuildError> {
        match on_path(OsStr::new(self.program)) {
            Some(_) => Ok(Command::new(self.program)),
            None => Err(self.missing()),
        }
    }

    /// The error that says how to get it.
    pub(crate) fn missing(self) -> BuildError {
        let Self { program, language, install } = self;
        BuildError::MissingTool { program: program.to_owned(), language, install }
    }
}

/// Runs a command in the project's folder to its end.
pub(crate) fn run(mut command: Command, root: &Path, announce: Announce<'_>) -> Result<(), BuildError> {
    let line = line(&command);
    announce(&line);
    let failed = |status: String| BuildError::Failed { command: line.clone(), status };
    let output = std::io::stderr().as_fd().try_clone_to_owned().map_or_else(|_| Stdio::null(), Stdio::from);
    let status = command
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(output)
        .status()
        .map_err(|error| failed(error.to_string()))?;
    if status.success() { Ok(()) } else { Err(failed(status.to_string())) }
}

/// A program that the project itself has, such as one of `node_modules`.
pub(crate) fn own(root: &Path, program: &str) -> Command {
    let path = root.join(program);
    // Where the command runs, a path relative to here would lead elsewhere.
    Command::new(std::path::absolute(&path).unwrap_or(path))
}

/// What a program prints, if it succeeds.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let result = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    result.status.success().then(|| String::from_utf8(result.stdout).ok()).flatten()
}

/// Where a program is on `PATH`.
pub(crate) fn on_path(program: &OsStr) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(program)).find(|path| path.is_file())
}

/// The command as a person would type it.
fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let name = program.file_name().unwrap_or(program.as_os_str());
    let words = [name].into_iter().chain(command.get_args());
    words.map(|word| word.display().to_string()).collect::<Vec<_>>().join(" ")
}
