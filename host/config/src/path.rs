//! Paths as a configuration writes them: `~` and relative ones.

use std::path::{Component, Path, PathBuf};

/// Replaces a leading `~` or `~/` by the home directory. `~name` is no home directory and stays.
pub fn expand_home(path: &str, home: &Path) -> PathBuf {
    match path.strip_prefix('~') {
        Some("") => home.to_owned(),
        Some(rest) if rest.starts_with('/') => home.join(rest.trim_start_matches('/')),
        _ => PathBuf::from(path),
    }
}

/// The absolute path that a configuration in `dir` means: `~` expanded, relative ones taken from `dir`, `.` and
/// `..` resolved by name, without looking at the disk. `dir` and `home` are absolute.
pub fn resolve(path: &str, home: &Path, dir: &Path) -> PathBuf {
    let mut resolved = PathBuf::new();
    for component in dir.join(expand_home(path, home)).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir => {
                resolved.pop();
            }
            other => resolved.push(other),
        }
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_what_configurations_write() {
        let resolve = |path| resolve(path, Path::new("/home/me"), Path::new("/srv/app"));
        for (written, meant) in [
            ("~/.starsystem/Caddyfile", "/home/me/.starsystem/Caddyfile"),
            ("~", "/home/me"),
            ("~//x", "/home/me/x"),
            ("scripts/a.template", "/srv/app/scripts/a.template"),
            ("./a/../b", "/srv/app/b"),
            ("../../../../x", "/x"),
            ("/etc/hosts", "/etc/hosts"),
            ("~bob/x", "/srv/app/~bob/x"),
            ("a~", "/srv/app/a~"),
            ("", "/srv/app"),
        ] {
            assert_eq!(resolve(written), Path::new(meant), "{written}");
        }
    }
}
