//! Where the runs of a project and environment are kept, and where the last of them stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use ss_durable::{FileError, Holder, LockError, WriterLock};
use ss_secret::Scrubber;
use uuid::Uuid;

use super::line::Line;
use super::reader::{self, Replay};
use super::{Flush, Journal, JournalError, OpenOps, Record, RunBegin};
use crate::plan::Call;
use crate::receipt::{Chain, Link};

/// Journals that are kept beside the newest. Their receipts, which are kept for good, have all but the
/// details of interrupted operations.
const KEPT_JOURNALS: usize = 16;
/// Name of a run's journal in its folder.
const JOURNAL: &str = "journal.jsonl";

/// The folder of one project and environment: `<home>/runs/<project>/<environment>/`.
///
/// It holds `lock`, `head.json`, the receipts and, per run, `<run>/journal.jsonl`. `head.json` names the
/// newest run and says whether it ended; if it did, what it left open stands right there, so that a run
/// that follows a clean one reads no journal. The journal is the truth for a run that did not end.
///
/// A project is known by its name, here as in the vault: two checkouts of it take turns.
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
    /// The newest receipt, so that its loss is noticed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    receipt: Option<Link>,
}

/// What the runs so far left behind.
#[derive(Debug, Default)]
pub(crate) struct LeftBehind {
    /// What their records add up to.
    pub replay: Replay,
    /// The newest run, if it did not end.
    pub unfinished: Option<Uuid>,
}

impl RunsFolder {
    /// The folder of this project and environment; nothing is made yet.
    pub(crate) fn new(home: &Path, project: &str, environment: &str) -> Self {
        Self { folder: Self::of_project(home, project).join(plain(environment)) }
    }

    /// The folders of all environments of a project, by name.
    pub(crate) fn all(home: &Path, project: &str) -> Result<Vec<Self>, FileError> {
        let folder = Self::of_project(home, project);
        let mut folders = match std::fs::read_dir(&folder) {
            Ok(entries) => entries.flatten().map(|entry| entry.path()).collect(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            Err(source) => return Err(FileError::new("read", &folder, source)),
        };
        folders.retain(|folder: &PathBuf| folder.is_dir());
        folders.sort();
        Ok(folders.into_iter().map(|folder| Self { folder }).collect())
    }

    /// The name of the environment, or what stands for it on disk.
    pub(crate) fn name(&self) -> String {
        self.folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
    }

    fn of_project(home: &Path, project: &str) -> PathBuf {
        home.join("runs").join(plain(project))
    }

    /// Takes the one writer's place, making the folder.
    pub(crate) fn lock(&self, what: &str) -> Result<WriterLock, LockError> {
        ss_durable::create_private_dir(&self.folder)?;
        WriterLock::take(&self.folder.join("lock"), what)
    }

    /// Who has the one writer's place now.
    pub(crate) fn holder(&self) -> Result<Option<Holder>, FileError> {
        ss_durable::holder(&self.folder.join("lock"))
    }

    /// What the runs so far left behind.
    pub(crate) fn left_behind(&self) -> Result<LeftBehind, JournalError> {
        let Some(head) = self.read_head()? else { return Ok(LeftBehind::default()) };
        if head.ended {
            let replay = Replay { open: head.open, ..Replay::default() };
            return Ok(LeftBehind { replay, unfinished: None });
        }
        let replay = reader::replay(self.lines(head.run)?);
        Ok(LeftBehind { replay, unfinished: Some(head.run) })
    }

    /// What the journal of a run says.
    pub(crate) fn lines(&self, run: Uuid) -> Result<Vec<Line>, JournalError> {
        reader::read(&self.journal_of(run))
    }

    /// The beginning of the newest run that was about a service, of those whose journals are kept.
    pub(crate) fn newest_about(&self, service: &str) -> Result<Option<RunBegin>, JournalError> {
        for folder in self.journals() {
            let first = reader::read(&folder.join(JOURNAL))?.into_iter().next();
            if let Some(Record::RunBegin(begin)) = first.map(|line| line.record)
                && begin.subjects.iter().any(|subject| subject.service == service)
            {
                return Ok(Some(begin));
            }
        }
        Ok(None)
    }

    /// The folders of the kept journals, the newest first.
    fn journals(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let runs = entries
            .filter(|entry| entry.file_name().to_str().is_some_and(|name| name.parse::<Uuid>().is_ok()));
        let mut dated: Vec<_> =
            runs.filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path()))).collect();
        dated.sort_by(|a, b| b.cmp(a));
        dated.into_iter().map(|(_, folder)| folder).collect()
    }

    /// The receipts.
    pub(crate) fn receipts(&self) -> Chain {
        Chain::new(self.folder.join("receipts"))
    }

    /// The newest receipt as the last run knew it.
    pub(crate) fn newest_receipt(&self) -> Result<Option<Link>, JournalError> {
        Ok(self.read_head()?.and_then(|head| head.receipt))
    }

    /// Begins a run: its journal holds what earlier runs left open, then `head.json` names it.
    ///
    /// Until the head is replaced the run before is the newest one, so that a crash in between loses
    /// nothing. Call it only while holding the lock.
    pub(crate) fn begin(
        &self,
        begin: RunBegin,
        open: &OpenOps,
        calls: Vec<Call>,
        scrubber: &Arc<Scrubber>,
    ) -> Result<Arc<Journal>, JournalError> {
        let run = begin.run;
        ss_durable::create_private_dir(&self.folder.join(run.to_string()))?;
        let journal = Journal::create(run, &self.journal_of(run), scrubber.clone())?;
        let carried = open.values().cloned().map(Record::Carried);
        let records = std::iter::once(Record::RunBegin(begin)).chain(carried);
        journal.append_all(records.chain(calls.into_iter().map(Record::Planned)), Flush::Now)?;
        let receipt = self.newest_receipt()?;
        self.write_head(&Head { run, ended: false, open: OpenOps::new(), receipt })?;
        self.prune(run);
        Ok(Arc::new(journal))
    }

    /// Records that a run ended, what it left open by its records, and its receipt.
    pub(crate) fn end(&self, run: Uuid, lines: Vec<Line>, receipt: Link) -> Result<(), JournalError> {
        let open = reader::replay(lines).open;
        self.write_head(&Head { run, ended: true, open, receipt: Some(receipt) })
    }

    /// Drops the oldest journals. One that stays because it cannot be removed does no harm.
    fn prune(&self, newest: Uuid) {
        let newest = self.folder.join(newest.to_string());
        let older = self.journals().into_iter().filter(|folder| *folder != newest);
        for folder in older.skip(KEPT_JOURNALS) {
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                tracing::debug!(%error, folder = %folder.display(), "an old journal stays");
            }
        }
    }

    fn read_head(&self) -> Result<Option<Head>, JournalError> {
        let path = self.head();
        let Some(text) = ss_durable::read_private(&path)? else { return Ok(None) };
        serde_json::from_slice(&text)
            .map(Some)
            .map_err(|error| JournalError::DamagedHead { path, reason: error.to_string() })
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
        self.folder.join(run.to_string()).join(JOURNAL)
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
