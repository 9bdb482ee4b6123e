//! Where the runs of a project and environment are kept, and where the last of them stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use ss_durable::{LockError, WriterLock};
use ss_secret::Scrubber;
use uuid::Uuid;

use super::reader::{self, Replay};
use super::{Flush, Journal, JournalError, OpenOps, Record, RunBegin};

/// The folder of one project and environment: `<home>/runs/<project>-<hash>/<environment>/`.
///
/// It holds `lock`, `head.json` and, per run, `<run>/journal.jsonl`. `head.json` names the newest run and
/// says whether it ended; if it did, what it left open stands right there, so that a run that follows a
/// clean one reads no journal. The journal is the truth for a run that did not end.
#[derive(Debug, Clone)]
pub(crate) struct RunsFolder {
    folder: PathBuf,
}

#[derive(Debug, Serialize, Deserialize)]
struct Head {
    run: Uuid,
    ended: bool,
    #[serde(default, skip_serializing_if = "OpenOps::is_empty")]
    open: OpenOps,
}

impl RunsFolder {
    /// The folder of this project and environment; nothing is made yet. Two folders of the same
    /// project's name are two projects.
    pub(crate) fn new(home: &Path, project: &str, config_dir: &Path, environment: &str) -> Self {
        let hash = hex::encode(digest(&SHA256, config_dir.as_os_str().as_encoded_bytes()));
        let project = format!("{}-{}", plain(project), &hash[..16]);
        Self { folder: home.join("runs").join(project).join(plain(environment)) }
    }

    /// Takes the one writer's place, making the folder.
    pub(crate) fn lock(&self, what: &str) -> Result<WriterLock, LockError> {
        ss_durable::create_private_dir(&self.folder)?;
        WriterLock::take(&self.folder.join("lock"), what)
    }

    /// What the runs so far left behind.
    pub(crate) fn left_behind(&self) -> Result<Replay, JournalError> {
        let path = self.head();
        let Some(text) = ss_durable::read_private(&path)? else { return Ok(Replay::default()) };
        let head: Head = serde_json::from_slice(&text)
            .map_err(|error| JournalError::DamagedHead { path, reason: error.to_string() })?;
        if head.ended {
            return Ok(Replay { open: head.open, ..Replay::default() });
        }
        Ok(reader::replay(reader::read(&self.journal_of(head.run))?))
    }

    /// Begins a run: its journal holds what earlier runs left open, then `head.json` names it.
    ///
    /// Until the head is replaced the run before is the newest one, so that a crash in between loses
    /// nothing. Call it only while holding the lock.
    pub(crate) fn begin(
        &self,
        begin: RunBegin,
        open: &OpenOps,
        scrubber: &Arc<Scrubber>,
    ) -> Result<Arc<Journal>, JournalError> {
        let run = begin.run;
        ss_durable::create_private_dir(&self.folder.join(run.to_string()))?;
        let journal = Journal::create(&self.journal_of(run), scrubber.clone())?;
        let carried = open.values().cloned().map(Record::Carried);
        let mut records = std::iter::once(Record::RunBegin(begin)).chain(carried).peekable();
        while let Some(record) = records.next() {
            let flush = if records.peek().is_some() { Flush::Later } else { Flush::Now };
            journal.append(record, flush)?;
        }
        self.write_head(&Head { run, ended: false, open: OpenOps::new() })?;
        Ok(Arc::new(journal))
    }

    /// Records that a run ended and what it left open.
    ///
    /// That is read back from the journal: what is written passed the scrubber, what is in memory did not.
    pub(crate) fn end(&self, run: Uuid) -> Result<(), JournalError> {
        let open = reader::replay(reader::read(&self.journal_of(run))?).open;
        self.write_head(&Head { run, ended: true, open })
    }

    fn write_head(&self, head: &Head) -> Result<(), JournalError> {
        let text = serde_json::to_vec(head)
            .map_err(|error| JournalError::Unwritable { reason: error.to_string() })?;
        Ok(ss_durable::replace_private(&self.head(), &text)?)
    }

    fn head(&self) -> PathBuf {
        self.folder.join("head.json")
    }

    fn journal_of(&self, run: Uuid) -> PathBuf {
        self.folder.join(run.to_string()).join("journal.jsonl")
    }
}

/// The name as one harmless path component.
fn plain(name: &str) -> String {
    const LONGEST: usize = 64;
    let harmless = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !name.is_empty() && name.len() <= LONGEST && name.chars().all(harmless) && !name.starts_with('.') {
        return name.to_owned();
    }
    let kept: String = name.chars().filter(|c| harmless(*c)).take(LONGEST / 2).collect();
    let hash = hex::encode(digest(&SHA256, name.as_bytes()));
    format!("_{kept}-{}", &hash[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_their_folder() {
        for name in ["..", ".", "", "a/b", "../../etc", "é", &"x".repeat(300)] {
            let plain = plain(name);
            assert!(!plain.is_empty() && !plain.starts_with('.') && !plain.contains('/'), "{plain}");
            assert!(plain.len() <= 64, "{plain}");
        }
        assert_eq!(plain("my-app_2.0"), "my-app_2.0");
        assert_ne!(plain("a/b"), plain("a:b"));
    }
}
