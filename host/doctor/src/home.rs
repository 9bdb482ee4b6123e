//! The folder that `ss` keeps its own files in, and the disk below it.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use rustix::fs::{Access, access, statvfs};

use crate::finding::Severity::{Error, Warn};
use crate::{Finding, Fix};

/// Free space below which a run may fail halfway: compiled plugins and journals need a few MiB.
const LITTLE: u64 = 32 * 1024 * 1024;

/// Whether `ss` can keep its files in `home`, whether they are private, and whether there is room there and in
/// the project's folder.
pub fn home(home: &Path, project: &Path) -> Vec<Finding> {
    let mut findings: Vec<Finding> = [("home", home), ("project", project)]
        .into_iter()
        .filter_map(|(what, folder)| room(what, existing(folder)))
        .collect();
    let shown = home.display().to_string();
    let elsewhere = "`STARSYSTEM_HOME` names another folder";
    match std::fs::metadata(home) {
        Ok(found) if !found.is_dir() => {
            let message = format!("`{shown}`, the home of `ss`, is not a folder");
            let finding = Finding::new(Error, "home.not-a-folder", &shown, message).at(&shown);
            findings.push(finding.suggest("move it away, or set `STARSYSTEM_HOME` to another folder"));
        }
        Ok(found) => {
            if access(home, Access::WRITE_OK | Access::EXEC_OK).is_err() {
                let message =
                    format!("`{shown}` cannot be written: vault, journals and cache are kept there");
                let finding = Finding::new(Error, "home.not-writable", &shown, message).at(&shown);
                findings
                    .push(finding.suggest(format!("give yourself the right to write there; {elsewhere}")));
            }
            findings.extend(exposed(home, found.permissions().mode()));
        }
        Err(_) if access(existing(home), Access::WRITE_OK | Access::EXEC_OK).is_err() => {
            let message = format!("`{shown}` is not there and cannot be made");
            let finding = Finding::new(Error, "home.not-writable", &shown, message).at(&shown);
            findings.push(finding.suggest(elsewhere));
        }
        // The first command that keeps something makes it.
        Err(_) => {}
    }
    let (project_shown, may_write) =
        (project.display().to_string(), access(project, Access::WRITE_OK).is_ok());
    if !may_write {
        let message = format!("`{project_shown}` cannot be written: lock and `_state` are kept there");
        let finding = Finding::new(Warn, "project.not-writable", &project_shown, message);
        findings.push(finding.at(&project_shown));
    }
    findings
}

fn exposed(home: &Path, mode: u32) -> Option<Finding> {
    if mode & 0o077 == 0 {
        return None;
    }
    let shown = home.display().to_string();
    let message = format!("others may enter `{shown}` (mode {:04o})", mode & 0o777);
    let finding = Finding::new(Warn, "home.exposed", &shown, message).at(&shown);
    let fix = Fix::Program(vec!["chmod".to_owned(), "700".to_owned(), shown.clone()]);
    Some(finding.suggest("make it private").fixed_by(fix))
}

fn room(what: &str, folder: &Path) -> Option<Finding> {
    let disk = statvfs(folder).ok()?;
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    // A file system without blocks, such as /proc, has no free ones either.
    if disk.f_blocks == 0 || free >= LITTLE {
        return None;
    }
    let shown = folder.display().to_string();
    let message = format!("the disk of `{shown}` has {} MiB left", free / (1024 * 1024));
    let severity = if free == 0 { Error } else { Warn };
    Some(
        Finding::new(severity, "disk.full", what, message).at(shown).suggest("make room before the next run"),
    )
}

/// The folder itself, or the nearest one above it that is there.
fn existing(folder: &Path) -> &Path {
    folder.ancestors().find(|folder| folder.exists()).unwrap_or(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_open_home_is_closed_by_its_fix_and_a_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let ours = folder.path().join("home");
        assert_eq!(home(&ours, folder.path()), [], "one that is not there yet can be made");
        std::fs::create_dir(&ours).unwrap();
        std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o755)).unwrap();
        let found = home(&ours, folder.path());
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(found[0].id.starts_with("home.exposed:"));
        std::fs::set_permissions(&ours, std::fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(home(&ours, folder.path()), []);
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert!(home(&file, folder.path())[0].id.starts_with("home.not-a-folder:"));
    }
}
