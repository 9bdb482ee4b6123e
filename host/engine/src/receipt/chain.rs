//! The receipts of a project and environment on disk: one file each, in order, each naming the one before.
//!
//! A file is the receipt's canonical JSON (RFC 8785), named `<number>-<run>.json`. Its digest is the
//! SHA-256 of its bytes.
//!
//! Threat: a receipt that is edited, removed or slipped in later, by accident or to hide something. Each
//! is noticed by [`Chain::verify`], the loss of the newest by the link that `head.json` keeps. Not a
//! forger with the rights of the user: who can write all files can make another chain.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use ss_durable::FileError;
use ss_secret::Scrubber;
use uuid::Uuid;

use super::{FORM, Receipt, ReceiptError};
use crate::journal::scrub;

/// The most that is read of a receipt: far more than the largest run writes.
const MAX_BYTES: u64 = 256 << 20;

/// A place in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Link {
    /// Number of the receipt.
    pub number: u64,
    /// SHA-256 in hex of its file.
    pub digest: String,
}

/// What a check of all receipts found: nothing wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How many there are.
    pub receipts: u64,
    /// SHA-256 in hex of the newest: who has noted it elsewhere can tell that nothing before it changed.
    pub newest: String,
}

/// The folder of the receipts.
#[derive(Debug, Clone)]
pub(crate) struct Chain {
    folder: PathBuf,
}

/// A receipt's file.
pub(crate) struct Filed {
    number: u64,
    /// The run that it is of.
    pub run: Uuid,
    path: PathBuf,
}

impl Chain {
    /// The chain in this folder; nothing is made yet.
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// All receipts by their names, oldest first.
    pub(crate) fn files(&self) -> Result<Vec<Filed>, ReceiptError> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(FileError::new("read", &self.folder, source).into()),
        };
        let mut files: Vec<Filed> = entries
            .flatten()
            .filter_map(|entry| {
                let name = entry.file_name().into_string().ok()?;
                let (number, run) = name.strip_suffix(".json")?.split_once('-')?;
                Some(Filed { number: number.parse().ok()?, run: run.parse().ok()?, path: entry.path() })
            })
            .collect();
        files.sort_by_key(|file| (file.number, file.run));
        Ok(files)
    }

    /// The place of a run's receipt; none if it has none.
    pub(crate) fn of_run(&self, run: Uuid) -> Result<Option<Link>, ReceiptError> {
        self.files()?.iter().find(|file| file.run == run).map(Filed::link).transpose()
    }

    /// Adds a receipt behind the newest. Call it only while holding the lock.
    pub(crate) fn append(&self, mut receipt: Receipt, scrubber: &Scrubber) -> Result<Link, ReceiptError> {
        let tip = self.files()?.last().map(Filed::link).transpose()?;
        receipt.number = tip.as_ref().map_or(1, |tip| tip.number + 1);
        receipt.previous = tip.map_or_else(genesis, |tip| tip.digest);
        let name = format!("{:06}-{}.json", receipt.number, receipt.run);
        let path = self.folder.join(name);
        let text = clean(&receipt, scrubber, &path)?;
        ss_durable::create_private_dir(&self.folder)?;
        ss_durable::replace_private(&path, &text)?;
        Ok(Link { number: receipt.number, digest: sha256(&text) })
    }

    /// Checks every receipt and every link. `newest` is what the last run knew.
    pub(crate) fn verify(&self, newest: Option<&Link>) -> Result<Verified, ReceiptError> {
        let mut before = Link { number: 0, digest: genesis() };
        let mut path = self.folder.clone();
        for file in self.files()? {
            path.clone_from(&file.path);
            let broken =
                |reason: &str| ReceiptError::Broken { path: path.clone(), reason: reason.to_owned() };
            let text = file.bytes()?;
            let receipt = parse(&text, &path)?;
            if canonical(&receipt, &path)? != text {
                return Err(broken("a receipt is not in its canonical form"));
            }
            if receipt.run != file.run || receipt.number != file.number {
                return Err(broken("a receipt stands under another's name"));
            }
            if receipt.number != before.number + 1 {
                return Err(broken("a receipt before this one is missing"));
            }
            if receipt.previous != before.digest {
                return Err(broken("the receipt before this one was changed"));
            }
            before = Link { number: receipt.number, digest: sha256(&text) };
        }
        match newest {
            Some(newest) if newest.number > before.number => {
                Err(ReceiptError::Broken { path, reason: "the newest receipt is missing".to_owned() })
            }
            Some(newest) if newest.number == before.number && *newest != before => {
                Err(ReceiptError::Broken { path, reason: "the newest receipt was changed".to_owned() })
            }
            _ => Ok(Verified { receipts: before.number, newest: before.digest }),
        }
    }
}

impl Filed {
    /// Reads the receipt.
    pub(crate) fn read(&self) -> Result<Receipt, ReceiptError> {
        parse(&self.bytes()?, &self.path)
    }

    fn link(&self) -> Result<Link, ReceiptError> {
        Ok(Link { number: self.number, digest: sha256(&self.bytes()?) })
    }

    fn bytes(&self) -> Result<Vec<u8>, ReceiptError> {
        use std::io::Read as _;
        let mut bytes = Vec::new();
        std::fs::File::open(&self.path)
            .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
            .map_err(|source| FileError::new("read", &self.path, source))?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(malformed(&self.path, "it is larger than any run makes it"));
        }
        Ok(bytes)
    }
}

fn parse(text: &[u8], path: &Path) -> Result<Receipt, ReceiptError> {
    let receipt: Receipt =
        serde_json::from_slice(text).map_err(|error| malformed(path, &error.to_string()))?;
    if receipt.form != FORM {
        return Err(malformed(path, "a newer `ss` wrote it"));
    }
    Ok(receipt)
}

/// The receipt's canonical JSON without any secret. Texts are scrubbed; what still leaks is refused.
fn clean(receipt: &Receipt, scrubber: &Scrubber, path: &Path) -> Result<Vec<u8>, ReceiptError> {
    let text = canonical(receipt, path)?;
    if !scrubber.leaks(&String::from_utf8_lossy(&text)) {
        return Ok(text);
    }
    let mut value = serde_json::to_value(receipt).map_err(|error| malformed(path, &error.to_string()))?;
    scrub(&mut value, scrubber);
    let text = canonical(&value, path)?;
    if scrubber.leaks(&String::from_utf8_lossy(&text)) { Err(ReceiptError::Secret) } else { Ok(text) }
}

fn canonical(value: &impl Serialize, path: &Path) -> Result<Vec<u8>, ReceiptError> {
    serde_json_canonicalizer::to_vec(value).map_err(|error| malformed(path, &error.to_string()))
}

fn malformed(path: &Path, reason: &str) -> ReceiptError {
    ReceiptError::Malformed { path: path.to_owned(), reason: reason.to_owned() }
}

/// `previous` of the first receipt.
fn genesis() -> String {
    "0".repeat(64)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(digest(&SHA256, bytes))
}
