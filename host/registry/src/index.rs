//! A plugin's index file: one line of JSON per release, and the marks that were put on releases since.
//!
//! Each line holds the digest of the line before it, so a file is a chain: whoever has seen its head can
//! tell whether a newer file continues it. Lines never change; a yank or a revocation is a line of a
//! second file. Nothing here is trusted for itself: a line only says where to look, and
//! [`Registry::load`](crate::Registry::load) holds it against the signed statement.

use std::collections::BTreeMap;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::strict::{self, Malformed};
use crate::{Contract, Digest, PluginName, Timestamp};

/// Largest index file, in bytes: some ten thousand releases.
pub const MAX_INDEX: usize = 8 * 1024 * 1024;
/// Largest line, in bytes.
const MAX_LINE: usize = 16 * 1024;
/// Most places that a line may name.
const MAX_LOCATIONS: usize = 16;

/// A release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    /// Name.
    pub n: String,
    /// Namespace.
    pub ns: String,
    /// Version.
    pub v: Version,
    /// Digest of the component file.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The contract that it is built against.
    pub world: Contract,
    /// Digest of the requested authority.
    pub requested: Digest,
    /// The oldest `ss` that can run it.
    pub min_ss: Version,
    /// When it was published.
    pub published: Timestamp,
    /// Digest of the statement file.
    pub statement_digest: Digest,
    /// Where else the component can be had. The digest decides, wherever it comes from.
    pub locations: Vec<String>,
    /// Digest of the line before this one; none in the first.
    pub prev: Option<Digest>,
}

/// Why an index file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IndexError {
    /// A line, counted from 1, is not of the expected shape.
    #[error("line {line}: {reason}")]
    Line {
        /// Which.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// The file as a whole cannot be read.
    #[error(transparent)]
    Malformed(#[from] Malformed),
}

/// The releases of one plugin, oldest first.
#[derive(Debug, Clone, Default)]
pub struct Index {
    lines: Vec<Line>,
    positions: BTreeMap<Version, usize>,
    head: Option<Digest>,
}

impl Index {
    /// Reads the index file of `plugin`.
    ///
    /// # Errors
    /// If a line is malformed, is about another plugin, repeats a version, or breaks the chain.
    pub fn parse(plugin: &PluginName, bytes: &[u8]) -> Result<Self, IndexError> {
        let mut index = Self::default();
        for (number, text) in lines_of(bytes)? {
            let line: Line = parse_line(number, text)?;
            index.accepts(plugin, &line).map_err(|reason| IndexError::Line { line: number, reason })?;
            index.head = Some(Digest::of(text.as_bytes()));
            index.positions.insert(line.v.clone(), index.lines.len());
            index.lines.push(line);
        }
        Ok(index)
    }

    /// The releases, oldest first.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Digest of the last line: what the next one has to name.
    pub fn head(&self) -> Option<Digest> {
        self.head
    }

    /// The release of a version.
    pub fn find(&self, version: &Version) -> Option<&Line> {
        self.positions.get(version).map(|&position| &self.lines[position])
    }

    /// The newest of the releases that are wanted. Pre-releases come only where there is nothing else.
    pub fn newest(&self, wanted: impl Fn(&Line) -> bool) -> Option<&Line> {
        let order = |line: &&Line| (line.v.pre.is_empty(), line.v.clone());
        self.lines.iter().filter(|line| wanted(line)).max_by_key(order)
    }

    /// Whether it continues the file that was seen before: every line of that is there, unchanged.
    pub fn continues(&self, seen: &Self) -> bool {
        self.lines.len() >= seen.lines.len() && self.lines.iter().zip(&seen.lines).all(|(a, b)| a == b)
    }

    fn accepts(&self, plugin: &PluginName, line: &Line) -> Result<(), String> {
        if (line.ns.as_str(), line.n.as_str()) != (plugin.namespace(), plugin.name()) {
            return Err(format!("it is about `{}/{}`, not `{plugin}`", line.ns, line.n));
        }
        if line.prev != self.head {
            return Err("it does not continue the line before it: the file was changed".to_owned());
        }
        if self.find(&line.v).is_some() {
            return Err(format!("version {} is there twice", line.v));
        }
        if line.locations.len() > MAX_LOCATIONS {
            return Err(format!("it names more than {MAX_LOCATIONS} locations"));
        }
        Ok(())
    }
}

/// What was said of a release after it was published.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MarkKind {
    /// Nobody should start to use it; who uses it may go on.
    Yanked,
    /// Nobody may use it.
    Revoked,
}

/// A mark on a release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// The version.
    pub v: Version,
    /// What was done to it.
    pub mark: MarkKind,
    /// Why, for people.
    pub reason: String,
    /// When.
    pub published: Timestamp,
}

/// The marks on the releases of one plugin.
#[derive(Debug, Clone, Default)]
pub struct Marks(Vec<Mark>);

impl Marks {
    /// Reads a file of marks.
    ///
    /// # Errors
    /// If a line is malformed.
    pub fn parse(bytes: &[u8]) -> Result<Self, IndexError> {
        lines_of(bytes)?.map(|(number, text)| parse_line(number, text)).collect::<Result<_, _>>().map(Self)
    }

    /// Every mark, oldest first.
    pub fn all(&self) -> &[Mark] {
        &self.0
    }

    /// The gravest mark on a version.
    pub fn on(&self, version: &Version) -> Option<&Mark> {
        let of = |kind| self.0.iter().find(move |mark| mark.v == *version && mark.mark == kind);
        of(MarkKind::Revoked).or_else(|| of(MarkKind::Yanked))
    }
}

/// The lines of a file with their numbers; every line ends in a newline, so that a cut file is noticed.
fn lines_of(bytes: &[u8]) -> Result<impl Iterator<Item = (usize, &str)>, IndexError> {
    let text = strict::text(bytes, MAX_INDEX)?;
    if !text.is_empty() && !text.ends_with('\n') {
        return Err(Malformed::Shape("the last line is cut short".to_owned()).into());
    }
    Ok(text.split_terminator('\n').enumerate().map(|(n, line)| (n + 1, line)))
}

fn parse_line<T: serde::de::DeserializeOwned>(line: usize, text: &str) -> Result<T, IndexError> {
    strict::json(text.as_bytes(), MAX_LINE)
        .map_err(|error| IndexError::Line { line, reason: error.to_string() })
}
