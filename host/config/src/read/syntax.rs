//! The shape of a YAML text: nodes as they are written, aliases unresolved, scalars uninterpreted.

use std::borrow::Cow;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, StructureStyle};

use super::{MAX_DEPTH, MAX_NODES};
use crate::diagnostic::Diagnostic;
use crate::source::{SourceId, Span};

/// A parsed text.
#[derive(Debug)]
pub(crate) struct Tree<'t> {
    pub root: Syntax<'t>,
    /// Whether any node has an anchor; without one there are no aliases either.
    pub has_anchors: bool,
}

/// A byte range, half the size of the standard library's: there are very many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    start: u32,
    end: u32,
}

impl Range {
    pub(crate) fn new(range: std::ops::Range<usize>) -> Self {
        // A text has at most `MAX_BYTES`.
        let narrow = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { start: narrow(range.start), end: narrow(range.end) }
    }

    pub(crate) fn start(self) -> usize {
        self.start as usize
    }

    pub(crate) fn end(self) -> usize {
        self.end as usize
    }

    pub(crate) fn bytes(self) -> std::ops::Range<usize> {
        self.start()..self.end()
    }

    pub(crate) fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Whether another range begins in this one.
    pub(crate) fn contains(self, other: Self) -> bool {
        (self.start..self.end).contains(&other.start)
    }

    pub(crate) fn span(self, source: SourceId) -> Span {
        Span { source, start: self.start, end: self.end }
    }
}

/// A node as it is written.
#[derive(Debug)]
pub(crate) struct Syntax<'t> {
    pub shape: Shape<'t>,
    /// From its first to its last byte, without anchor, tag, comments and, in block style, indentation.
    pub range: Range,
    /// Number of its anchor; 0 without one.
    pub anchor: u32,
    pub tag: Option<Tag>,
}

/// An explicit tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tag {
    /// `!!str` or the bare `!`: text, whatever it looks like.
    Text,
    /// Another of YAML's own, such as `!!int`.
    Core,
    /// Anything else.
    Foreign,
}

/// What a node is made of.
#[derive(Debug)]
pub(crate) enum Shape<'t> {
    Scalar { text: Cow<'t, str>, style: ScalarStyle },
    List { items: Vec<Syntax<'t>>, flow: bool },
    Map { entries: Vec<(Syntax<'t>, Syntax<'t>)>, flow: bool },
    Alias(u32),
}

impl<'t> Syntax<'t> {
    /// A value that is not written at all, as in `key:`.
    pub(crate) fn is_absent(&self) -> bool {
        self.range.is_empty() && matches!(&self.shape, Shape::Scalar { style: ScalarStyle::Plain, .. })
    }

    /// The key and value nodes of this key, if it is a map that has it.
    pub(crate) fn entry(&self, key: &str) -> Option<&(Self, Self)> {
        let Shape::Map { entries, .. } = &self.shape else { return None };
        entries.iter().find(|(name, _)| name.text() == Some(key))
    }

    /// The text of a scalar.
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.shape {
            Shape::Scalar { text, .. } => Some(text),
            _ => None,
        }
    }
}

/// Parses a text of at most [`super::MAX_BYTES`]. An empty document is an absent scalar.
///
/// # Errors
/// The first error; a parser cannot go on after one.
pub(crate) fn parse(text: &str, source: SourceId) -> Result<Tree<'_>, Box<Diagnostic>> {
    let mut options = granit_parser::options! {
        disallow_directives: true,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    options.set_emit_comments(false);
    let mut builder =
        Builder { text, source, open: Vec::new(), root: None, nodes: 0, documents: 0, has_anchors: false };
    for event in Parser::new_from_str_with_options(text, options) {
        let (event, span) = event.map_err(|error| Box::new(describe(&error, text, source)))?;
        let range = Range::new(span.byte_range().unwrap_or_default());
        builder.event(event, range)?;
    }
    let root = builder.root.unwrap_or_else(|| absent(text.len()));
    Ok(Tree { root, has_anchors: builder.has_anchors })
}

fn absent<'t>(at: usize) -> Syntax<'t> {
    let shape = Shape::Scalar { text: Cow::Borrowed("~"), style: ScalarStyle::Plain };
    Syntax { shape, range: Range::new(at..at), anchor: 0, tag: None }
}

/// Collections that have begun and not ended, outermost first.
struct Builder<'t> {
    text: &'t str,
    source: SourceId,
    open: Vec<Open<'t>>,
    root: Option<Syntax<'t>>,
    nodes: usize,
    documents: usize,
    has_anchors: bool,
}

struct Open<'t> {
    node: Syntax<'t>,
    /// A map's key that waits for its value.
    key: Option<Syntax<'t>>,
}

impl<'t> Builder<'t> {
    fn event(&mut self, event: Event<'t>, range: Range) -> Result<(), Box<Diagnostic>> {
        match event {
            Event::DocumentStart(..) => {
                self.documents += 1;
                if self.documents > 1 {
                    return Err(self.error("several-documents", range, "a second document begins here"));
                }
                Ok(())
            }
            Event::Scalar(text, style, anchor, tag) => {
                let anchor = self.anchor(anchor);
                let range = self.without_indentation(range, style);
                let shape = Shape::Scalar { text, style };
                self.place(Syntax { shape, range, anchor, tag: tag.map(|tag| classify(&tag)) })
            }
            Event::Alias(anchor) => {
                let anchor = self.anchor(anchor);
                self.place(Syntax { shape: Shape::Alias(anchor), range, anchor: 0, tag: None })
            }
            Event::SequenceStart(style, anchor, tag) => {
                let anchor = self.anchor(anchor);
                let shape = Shape::List { items: Vec::new(), flow: style == StructureStyle::Flow };
                self.begin(Syntax { shape, range, anchor, tag: tag.map(|tag| classify(&tag)) })
            }
            Event::MappingStart(style, anchor, tag) => {
                let anchor = self.anchor(anchor);
                let shape = Shape::Map { entries: Vec::new(), flow: style == StructureStyle::Flow };
                self.begin(Syntax { shape, range, anchor, tag: tag.map(|tag| classify(&tag)) })
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(range.end),
            _ => Ok(()),
        }
    }

    fn anchor(&mut self, number: usize) -> u32 {
        self.has_anchors |= number != 0;
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// The parser ends a block scalar behind the indentation of the line that follows it.
    fn without_indentation(&self, range: Range, style: ScalarStyle) -> Range {
        let written = self.text.get(range.bytes()).unwrap_or_default();
        match style {
            ScalarStyle::Literal | ScalarStyle::Folded => {
                let trimmed = written.trim_end_matches(' ');
                let end = if trimmed.ends_with('\n') { trimmed.len() } else { written.len() };
                Range::new(range.start()..range.start() + end)
            }
            _ => range,
        }
    }

    fn begin(&mut self, node: Syntax<'t>) -> Result<(), Box<Diagnostic>> {
        if self.open.len() >= MAX_DEPTH {
            let text = format!("deeper than {MAX_DEPTH} levels");
            return Err(self.error("nesting-too-deep", node.range, text));
        }
        self.open.push(Open { node, key: None });
        Ok(())
    }

    fn end(&mut self, end: u32) -> Result<(), Box<Diagnostic>> {
        let Some(Open { mut node, .. }) = self.open.pop() else { return Ok(()) };
        // A block collection ends with its last child; the event stands where the next thing begins.
        node.range.end = match &node.shape {
            Shape::List { flow: true, .. } | Shape::Map { flow: true, .. } => end,
            Shape::List { items, .. } => items.last().map_or(node.range.end, |item| item.range.end),
            Shape::Map { entries, .. } => {
                entries.last().map_or(node.range.end, |(key, value)| key.range.end.max(value.range.end))
            }
            Shape::Scalar { .. } | Shape::Alias(_) => node.range.end,
        };
        self.place(node)
    }

    fn place(&mut self, node: Syntax<'t>) -> Result<(), Box<Diagnostic>> {
        self.nodes += 1;
        if self.nodes > MAX_NODES {
            let text = format!("more than {MAX_NODES} values");
            return Err(self.error("too-many-values", node.range, text));
        }
        let Some(Open { node: parent, key }) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        match (&mut parent.shape, key.take()) {
            (Shape::List { items, .. }, _) => items.push(node),
            (Shape::Map { entries, .. }, Some(name)) => entries.push((name, node)),
            (Shape::Map { .. }, None) => *key = Some(node),
            (Shape::Scalar { .. } | Shape::Alias(_), _) => {}
        }
        Ok(())
    }

    fn error(&self, code: &'static str, range: Range, text: impl Into<String>) -> Box<Diagnostic> {
        let message = match code {
            "several-documents" => "the file holds more than one YAML document",
            "nesting-too-deep" => "the file nests too deeply",
            _ => "the file holds too many values",
        };
        let error = Diagnostic::error(code, message).label(range.span(self.source), text);
        Box::new(match code {
            "several-documents" => {
                error.help("keep one document per file; remove the `---` and what follows")
            }
            _ => error,
        })
    }
}

fn classify(tag: &granit_parser::Tag) -> Tag {
    let non_specific = tag.handle().is_empty() && tag.suffix() == "!";
    if non_specific || tag.is_yaml_core_schema_tag("str") {
        Tag::Text
    } else if tag.is_yaml_core_schema() {
        Tag::Core
    } else {
        Tag::Foreign
    }
}

/// The parser's error in our words, with the fix where the cause is a common one.
fn describe(error: &ScanError, text: &str, source: SourceId) -> Diagnostic {
    let at = error.marker().byte_offset().unwrap_or(0).min(text.len());
    let at = if text.is_char_boundary(at) { at } else { 0 };
    let length = text[at..].chars().next().filter(|c| *c != '\n').map_or(0, char::len_utf8);
    let place = Span::new(source, at..at + length);
    match error.kind() {
        ErrorKind::DirectiveDisallowed => {
            Diagnostic::error("yaml-directive", "YAML directives are not supported")
                .label(place, "")
                .help("remove the line that begins with `%`")
        }
        ErrorKind::RecursionLimitExceeded => {
            Diagnostic::error("nesting-too-deep", "the file nests too deeply")
                .label(place, format!("deeper than {MAX_DEPTH} levels"))
        }
        ErrorKind::UnknownAnchor => {
            Diagnostic::error("unknown-anchor", "an alias names an anchor that is not defined before it")
                .label(place, "")
                .help("quote the text if no alias is meant")
        }
        kind => match leading_tab(text, at) {
            Some(tab) => Diagnostic::error("tab-indentation", "a tab is used for indentation")
                .label(Span::new(source, tab..tab + 1), "the tab")
                .help("YAML is indented with spaces only"),
            None => {
                let finding =
                    Diagnostic::error("yaml-syntax", "the file is not valid YAML").label(place, error.info());
                Diagnostic { help: hint(kind).map(str::to_owned), ..finding }
            }
        },
    }
}

/// A tab in the indentation of the line of an offset, or of the next: the parser notices it late or early.
fn leading_tab(text: &str, at: usize) -> Option<usize> {
    let start = text[..at].rfind('\n').map_or(0, |found| found + 1);
    let next = text[at..].find('\n').map(|found| at + found + 1);
    [Some(start), next].into_iter().flatten().find_map(|line| {
        let rest = text[line..].trim_start_matches(' ');
        rest.starts_with('\t').then(|| text.len() - rest.len())
    })
}

fn hint(kind: &ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::MappingValueNotAllowed => Some("quote a value that contains `: `; check the indentation"),
        ErrorKind::ExpectedBlockMappingKey | ErrorKind::ExpectedDocumentStart => {
            Some("indent this line like the others of its block")
        }
        ErrorKind::UnclosedQuotedScalar | ErrorKind::InvalidQuotedScalarIndent => Some("close the quote"),
        ErrorKind::InvalidTrailingSingleQuotedScalar => Some("in single quotes, write a quote as `''`"),
        ErrorKind::InvalidTrailingDoubleQuotedScalar => Some("in double quotes, write a quote as `\\\"`"),
        ErrorKind::UnexpectedCharacter { .. } => Some("quote a value that begins with this character"),
        _ => None,
    }
}
