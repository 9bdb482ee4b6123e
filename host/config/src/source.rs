//! The files that were read, and positions in them.
//!
//! A position is a byte range of one file. Lines and columns are for people and are computed when asked
//! for; nothing else in the crate knows about them.

use std::fmt;
use std::ops::Range;
use std::sync::OnceLock;

/// Number of a file within its [`Sources`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SourceId(u32);

/// A byte range of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte. Files are far smaller than 4 GiB, see [`crate::MAX_BYTES`].
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The range, for indexing into the file's text.
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    pub(crate) fn new(source: SourceId, range: Range<usize>) -> Self {
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { source, start: narrow(range.start), end: narrow(range.end) }
    }
}

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// Where something is, as an editor counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: usize,
    /// Character within the line, from 1.
    pub column: usize,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.line, self.column)
    }
}

/// The names and texts of all files of a configuration.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Debug)]
struct Source {
    name: String,
    text: String,
    /// Offset of each line's first byte.
    lines: OnceLock<Vec<usize>>,
}

impl Sources {
    /// Adds a file under the name that messages show.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>) -> SourceId {
        let id = SourceId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Source { name: name.into(), text: text.into(), lines: OnceLock::new() });
        id
    }

    /// The name of a file; empty for an id of other `Sources`.
    pub fn name(&self, id: SourceId) -> &str {
        self.file(id).map_or("", |file| &file.name)
    }

    /// The text of a file; empty for an id of other `Sources`.
    pub fn text(&self, id: SourceId) -> &str {
        self.file(id).map_or("", |file| &file.text)
    }

    /// The text of a range; empty if it is not one of this file.
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.source).get(span.range()).unwrap_or_default()
    }

    /// The line and column at which a range begins.
    pub fn position(&self, span: Span) -> Position {
        let Some(file) = self.file(span.source) else { return Position { line: 1, column: 1 } };
        let offset = (span.start as usize).min(file.text.len());
        let lines = file.lines.get_or_init(|| {
            let breaks = file.text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
            std::iter::once(0).chain(breaks.map(|(at, _)| at + 1)).collect()
        });
        let line = lines.partition_point(|start| *start <= offset);
        let before = file.text.get(lines[line - 1]..offset).unwrap_or_default();
        Position { line, column: before.trim_start_matches('\u{feff}').chars().count() + 1 }
    }

    /// `file:line:column` of the beginning of a range.
    pub fn describe(&self, span: Span) -> String {
        format!("{}:{}", self.name(span.source), self.position(span))
    }

    fn file(&self, id: SourceId) -> Option<&Source> {
        self.files.get(id.0 as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_lines_and_characters_from_one() {
        let mut sources = Sources::default();
        let id = sources.add("a.yaml", "\u{feff}é: 1\r\nbé: x\n");
        let at = |needle: &str| {
            let start = sources.text(id).find(needle).unwrap();
            sources.describe(Span::new(id, start..start + 1))
        };
        assert_eq!(at("é"), "a.yaml:1:1");
        assert_eq!(at("1"), "a.yaml:1:4");
        assert_eq!(at("x"), "a.yaml:2:5");
        assert_eq!(sources.describe(Span::new(id, 900..900)), "a.yaml:3:1", "past the end is the end");
    }
}
