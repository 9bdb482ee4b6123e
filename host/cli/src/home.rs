//! Where `ss` keeps what belongs to the person and not to the project.

use std::path::PathBuf;

use crate::error::CommandError;

/// The folder that holds vault, cache, runs and approvals: `STARSYSTEM_HOME`, or `~/.starsystem`.
///
/// # Errors
/// If neither `STARSYSTEM_HOME` nor `HOME` says where that is, or if there is something else than a folder.
pub fn home() -> Result<PathBuf, CommandError> {
    let home = place()?;
    match std::fs::metadata(&home) {
        Ok(found) if !found.is_dir() => {
            Err(CommandError::failed(format!("`{}`, the home of `ss`, is not a folder", home.display()))
                .hint("move it away, or set `STARSYSTEM_HOME` to another folder"))
        }
        // A folder that is not there yet is made by what first writes to it.
        _ => Ok(home),
    }
}

/// Where that folder is, or would be, whatever is there now.
///
/// # Errors
/// If neither variable says.
pub fn place() -> Result<PathBuf, CommandError> {
    if let Some(home) = non_empty("STARSYSTEM_HOME") {
        return std::path::absolute(&home).map_err(|error| {
            CommandError::failed(format!("`STARSYSTEM_HOME` is not a usable path: {error}"))
        });
    }
    user_home().map(|home| home.join(".starsystem")).ok_or_else(|| {
        CommandError::failed("neither `STARSYSTEM_HOME` nor `HOME` is set")
            .hint("set `STARSYSTEM_HOME` to the folder that should hold the vault and the cache")
    })
}

/// The person's home folder, for paths that begin with `~`.
pub fn user_home() -> Option<PathBuf> {
    non_empty("HOME").map(PathBuf::from)
}

/// Who runs this, and on which machine, for the receipt: `me@laptop`.
pub fn actor() -> String {
    let user = ["USER", "LOGNAME"].iter().find_map(|name| non_empty(name));
    let user = user.map_or_else(|| "unknown".to_owned(), |user| user.to_string_lossy().into_owned());
    let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
    format!("{user}@{machine}")
}

fn non_empty(name: &str) -> Option<std::ffi::OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
