//! The runs of a project, as people ask for them.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Receipt, ReceiptError, Verified};
use crate::error::EngineError;
use crate::journal::{Record, RunsFolder};

/// The runs of a project in one environment or all.
///
/// Reads files and nothing else: no vault, no plugin, no provider.
#[derive(Debug, Clone)]
pub struct History {
    home: PathBuf,
    project: String,
    /// None for all of them.
    environment: Option<String>,
}

/// A run that was cut short and whose receipt the next run will write.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unsettled {
    /// The run.
    pub run: Uuid,
    /// Its environment.
    pub environment: String,
    /// What was called.
    pub command: String,
    /// When it began.
    pub started: Timestamp,
}

impl History {
    /// The runs of this project, in one environment or in all. Nothing is read yet.
    pub fn new(home: &Path, project: &str, environment: Option<&str>) -> Self {
        Self {
            home: home.to_owned(),
            project: project.to_owned(),
            environment: environment.map(str::to_owned),
        }
    }

    /// All receipts, newest first.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn receipts(&self) -> Result<Vec<Receipt>, ReceiptError> {
        let mut receipts = Vec::new();
        for folder in self.folders()? {
            for file in folder.receipts().files()? {
                receipts.push(file.read()?);
            }
        }
        receipts.sort_by_key(|receipt: &Receipt| std::cmp::Reverse((receipt.started, receipt.number)));
        Ok(receipts)
    }

    /// The receipt of the run whose id begins like this; without one, the newest.
    ///
    /// # Errors
    /// If there is none, or more than one.
    pub fn find(&self, id: Option<&str>) -> Result<Receipt, ReceiptError> {
        let Some(id) = id else {
            return self.receipts()?.into_iter().next().ok_or(ReceiptError::Empty);
        };
        let wanted = id.trim().to_ascii_lowercase();
        let mut found = Vec::new();
        for folder in self.folders()? {
            let files = folder.receipts().files()?;
            found.extend(
                files
                    .into_iter()
                    .filter(|file| !wanted.is_empty() && file.run.to_string().starts_with(&wanted)),
            );
        }
        match &found[..] {
            [] => Err(ReceiptError::Unknown { id: id.to_owned() }),
            [file] => file.read(),
            several => {
                let runs = several.iter().rev().map(|file| file.run).collect();
                Err(ReceiptError::Ambiguous { id: id.to_owned(), runs })
            }
        }
    }

    /// The runs that were cut short, or are under way.
    ///
    /// # Errors
    /// If a journal cannot be read.
    pub fn unsettled(&self) -> Result<Vec<Unsettled>, EngineError> {
        let mut found = Vec::new();
        for folder in self.folders()? {
            let Some(run) = folder.left_behind()?.unfinished else { continue };
            for line in folder.lines(run)? {
                if let Record::RunBegin(begin) = line.record {
                    let (environment, command) = (begin.environment, begin.command);
                    found.push(Unsettled { run, environment, command, started: line.at });
                }
            }
        }
        Ok(found)
    }

    /// Checks the chain of each environment; returns what was found in each.
    ///
    /// # Errors
    /// Where the first chain breaks.
    pub fn verify(&self) -> Result<Vec<(String, Verified)>, EngineError> {
        let mut verified = Vec::new();
        for folder in self.folders()? {
            let newest = folder.newest_receipt()?;
            verified.push((folder.name(), folder.receipts().verify(newest.as_ref())?));
        }
        Ok(verified)
    }

    fn folders(&self) -> Result<Vec<RunsFolder>, ReceiptError> {
        if let Some(environment) = &self.environment {
            return Ok(vec![RunsFolder::new(&self.home, &self.project, environment)]);
        }
        Ok(RunsFolder::all(&self.home, &self.project)?)
    }
}
