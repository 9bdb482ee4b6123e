//! Whether this machine's clock can be right, told from what it has written itself.

use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::{Finding, Severity};

/// How far ahead a file may lie: file systems over a network have clocks of their own.
const TOLERANCE: Duration = Duration::from_secs(5 * 60);
/// How far back the clock may lie behind what was written by it, before it is called wrong.
const FAR: Duration = Duration::from_secs(60 * 60);

/// Whether anything in the folders was written in the future. Signatures and tokens that expire are judged by
/// this clock.
pub fn clock(folders: &[&Path], now: SystemTime) -> Option<Finding> {
    let newest = folders.iter().filter_map(|folder| newest_in(folder)).max()?;
    let ahead = newest.duration_since(now).ok()?;
    if ahead <= TOLERANCE {
        return None;
    }
    let (severity, word) = if ahead > FAR { (Severity::Error, "far off") } else { (Severity::Warn, "off") };
    let message = format!(
        "the clock of this machine is {word}: what `ss` wrote last lies {} minutes in the future",
        ahead.as_secs() / 60
    );
    let finding = Finding::new(severity, "clock.behind", "now", message);
    Some(finding.suggest("set the clock; providers and registries refuse what seems too old or too new"))
}

/// When the newest of the folder's own files was written.
fn newest_in(folder: &Path) -> Option<SystemTime> {
    let entries = std::fs::read_dir(folder).ok()?;
    entries.flatten().filter_map(|entry| entry.metadata().ok()?.modified().ok()).max()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_in_the_future_gives_the_clock_away() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("file"), "").unwrap();
        let now = SystemTime::now();
        let minutes = |n: u64| Duration::from_secs(n * 60);
        assert_eq!(clock(&[folder.path()], now), None);
        assert_eq!(clock(&[folder.path()], now - minutes(2)), None);
        assert_eq!(clock(&[folder.path()], now - minutes(20)).unwrap().severity, Severity::Warn);
        assert_eq!(clock(&[folder.path()], now - minutes(200)).unwrap().severity, Severity::Error);
        assert_eq!(clock(&[Path::new("/nonexistent")], now), None);
    }
}
