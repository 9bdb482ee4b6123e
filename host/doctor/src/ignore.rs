//! Private files that the next commit would take along.
//!
//! Git itself is asked which files it ignores. Without git, or outside a working tree, there is nothing to say.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use ss_config::{Node, System};

use crate::finding::Severity::{Error, Warn};
use crate::{Finding, Fix, Place};

/// The home of `ss`, and what services have generated from secrets, where they lie in the working tree of the
/// project and are not ignored.
pub fn unprotected(system: &System, home: &Path, place: &Place) -> Vec<Finding> {
    let Some(tree) = system.dir.ancestors().find(|folder| folder.join(".git").exists()) else {
        return Vec::new();
    };
    let home = home.canonicalize().ok().filter(|home| home.starts_with(tree));
    let home = home.map(|home| (home, "the private folder of `ss`".to_owned(), Error));
    let generated = system.services.iter().filter_map(|service| {
        let generate = service.provision()?.get("generate_config")?;
        let output = Path::new(generate.get("output")?.as_str()?);
        let written = system.dir.join(output);
        (reads_vault(generate) && written.starts_with(tree))
            .then(|| (written, format!("what `{}` generates from the vault", service.id.value), Warn))
    });
    let mut findings = Vec::new();
    for (path, what, severity) in home.into_iter().chain(generated) {
        if is_ignored(&system.dir, &path) != Some(false) {
            continue;
        }
        let Ok(relative) = path.strip_prefix(tree) else { continue };
        let relative = relative.display().to_string();
        let id = Finding::new(severity, "gitignore.unprotected", &relative, "").id;
        let file = tree.join(".gitignore");
        let words = place.command(&["doctor", &format!("--fix={id}")]);
        let fix = Fix::Ignore { file: file.clone(), line: format!("/{}", escaped(&relative)), words };
        let message = format!("git does not ignore `{relative}`, {what}; the next commit may take it along");
        findings.push(
            Finding::new(severity, "gitignore.unprotected", &relative, message)
                .at(file.display().to_string())
                .suggest(format!("add `/{relative}` to `.gitignore`"))
                .fixed_by(fix),
        );
    }
    findings
}

fn reads_vault(node: &Node) -> bool {
    let mut found = false;
    node.visit_strings("", &mut |_, text, _| found |= text.contains("{{"));
    found
}

/// Whether git ignores a path, tracked or not; none if it cannot say.
fn is_ignored(folder: &Path, path: &PathBuf) -> Option<bool> {
    let mut git = Command::new("git");
    git.args(["check-ignore", "--quiet", "--no-index", "--"]).arg(path).current_dir(folder);
    let status = git.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().ok()?;
    match status.code() {
        Some(0) => Some(true),
        Some(1) => Some(false),
        _ => None,
    }
}

/// The path with what a pattern of `.gitignore` would read otherwise taken literally.
fn escaped(path: &str) -> String {
    let special = |c: char| matches!(c, '*' | '?' | '[' | '\\');
    path.chars().flat_map(|c| special(c).then_some('\\').into_iter().chain([c])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_taken_literally() {
        assert_eq!(escaped("a/b c.txt"), "a/b c.txt");
        assert_eq!(escaped("a[1]*"), "a\\[1]\\*");
    }
}
