//! From shape to values: scalars interpreted, aliases and `<<` expanded, duplicate keys refused.

use std::collections::HashMap;

use granit_parser::ScalarStyle;

use super::syntax::{Range, Shape, Syntax, Tag, Tree};
use super::{MAX_ALIASED_BYTES, MAX_ALIASED_NODES, MAX_DEPTH, scalar};
use crate::diagnostic::{Diagnostic, Findings};
use crate::node::{Entry, KeyIndex, Node, NodeValue};
use crate::source::{SourceId, Span, Spanned};

/// Gives the values of a parsed text. None if a limit was hit; the error is then in `findings`.
pub(crate) fn resolve(
    tree: &Tree<'_>,
    text: &str,
    source: SourceId,
    findings: &mut Findings,
) -> Option<Node> {
    let mut anchors = HashMap::new();
    if tree.has_anchors {
        collect_anchors(&tree.root, &mut anchors);
    }
    let mut resolver = Resolver { source, text, anchors, findings, aliased: Budget::default(), in_alias: 0 };
    resolver.node(&tree.root, 0).ok()
}

fn collect_anchors<'s, 't>(node: &'s Syntax<'t>, anchors: &mut HashMap<u32, &'s Syntax<'t>>) {
    if node.anchor != 0 {
        anchors.insert(node.anchor, node);
    }
    match &node.shape {
        Shape::List { items, .. } => items.iter().for_each(|item| collect_anchors(item, anchors)),
        Shape::Map { entries, .. } => {
            for (key, value) in entries {
                collect_anchors(key, anchors);
                collect_anchors(value, anchors);
            }
        }
        Shape::Scalar { .. } | Shape::Alias(_) => {}
    }
}

/// What aliases have added so far.
#[derive(Default)]
struct Budget {
    nodes: usize,
    bytes: usize,
}

struct Resolver<'s, 't, 'f> {
    source: SourceId,
    text: &'t str,
    anchors: HashMap<u32, &'s Syntax<'t>>,
    findings: &'f mut Findings,
    aliased: Budget,
    /// Aliases that the current node is inside of.
    in_alias: usize,
}

/// A limit was hit; nothing more can be read.
struct Exceeded;

impl<'s, 't> Resolver<'s, 't, '_> {
    fn node(&mut self, node: &'s Syntax<'t>, depth: usize) -> Result<Node, Exceeded> {
        self.charge(node, depth)?;
        if node.tag == Some(Tag::Foreign) {
            self.findings.push(
                Diagnostic::error("unsupported-tag", "the value has a tag that is not one of YAML's own")
                    .label(self.span(node.range), "the tag before this value")
                    .help("remove the `!…`; quote the text if it is meant to begin with `!`"),
            );
        }
        let value = match &node.shape {
            Shape::Scalar { text, style } => scalar_value(node, text, *style),
            Shape::List { items, .. } => {
                let items = items.iter().map(|item| self.node(item, depth + 1)).collect::<Result<_, _>>()?;
                NodeValue::List(items)
            }
            Shape::Map { entries, .. } => NodeValue::Map(self.map(entries, depth)?),
            Shape::Alias(anchor) => self.alias(*anchor, node.range, depth)?,
        };
        Ok(Node { value, span: self.span(node.range) })
    }

    /// The value of the anchored node. Its children keep the places where they are written.
    fn alias(&mut self, anchor: u32, range: Range, depth: usize) -> Result<NodeValue, Exceeded> {
        let Some(target) = self.anchors.get(&anchor).copied() else { return Ok(NodeValue::Null) };
        if target.range.contains(range) {
            return Err(self.exceeded("recursive-alias", range, "an alias stands inside the value it names"));
        }
        self.in_alias += 1;
        let node = self.node(target, depth)?;
        self.in_alias -= 1;
        Ok(node.value)
    }

    /// Counts a node that an alias adds. Without aliases the parser's own limits hold.
    fn charge(&mut self, node: &Syntax<'_>, depth: usize) -> Result<(), Exceeded> {
        if self.in_alias == 0 {
            return Ok(());
        }
        if depth > MAX_DEPTH {
            return Err(self.exceeded("nesting-too-deep", node.range, "the aliases nest too deeply"));
        }
        self.aliased.nodes += 1;
        self.aliased.bytes += node.text().map_or(0, str::len);
        if self.aliased.nodes > MAX_ALIASED_NODES || self.aliased.bytes > MAX_ALIASED_BYTES {
            return Err(self.exceeded("alias-bomb", node.range, "the aliases of the file grow too large"));
        }
        Ok(())
    }

    fn map(&mut self, pairs: &'s [(Syntax<'t>, Syntax<'t>)], depth: usize) -> Result<Vec<Entry>, Exceeded> {
        let mut entries: Vec<Entry> = Vec::with_capacity(pairs.len());
        let mut known = KeyIndex::default();
        let mut merged = Vec::new();
        for (name, node) in pairs {
            if is_merge_key(name) {
                merged.push(self.node(node, depth + 1)?);
                continue;
            }
            let Some(key) = self.key(name) else { continue };
            let mut value = self.node(node, depth + 1)?;
            if node.is_absent() {
                // The parser places it right behind the key; a label there shows nothing.
                value.span = key.span;
            }
            match known.find(&key.value, &entries) {
                Some(first) => self.duplicate(&key, entries[first].key.span),
                None => entries.push(Entry { key, value }),
            }
        }
        for node in merged {
            self.merge(node, &mut entries, &mut known);
        }
        Ok(entries)
    }

    /// Adds the entries of a `<<` that the map does not have itself; the first of several maps wins.
    fn merge(&mut self, node: Node, entries: &mut Vec<Entry>, known: &mut KeyIndex) {
        match node.value {
            NodeValue::Map(more) => {
                for entry in more {
                    if known.find(&entry.key.value, entries).is_none() {
                        entries.push(entry);
                    }
                }
            }
            NodeValue::List(items) if items.iter().all(|item| item.as_map().is_some()) => {
                for item in items {
                    self.merge(item, entries, known);
                }
            }
            _ => self.findings.push(
                Diagnostic::error("bad-merge", "`<<` takes a map or a list of maps")
                    .label(node.span, "this is neither")
                    .help("quote the key (`\"<<\"`) if no merge is meant"),
            ),
        }
    }

    /// The text of a key, or none and an error.
    fn key(&mut self, node: &'s Syntax<'t>) -> Option<Spanned<String>> {
        if !node.is_absent()
            && let Some(text) = node.text()
        {
            return Some(Spanned { value: text.to_owned(), span: self.span(node.range) });
        }
        let before = self.text[..node.range.start()].trim_end();
        let place = self.span(node.range);
        let finding = if before.ends_with('{') && matches!(node.shape, Shape::Map { .. }) {
            Diagnostic::error("unquoted-template", "a template must be quoted")
                .label(place, "YAML reads `{{` as a map in a map")
                .help("write `\"{{ vault('key') }}\"`, with quotes around the whole value")
        } else {
            Diagnostic::error("bad-key", "a key must be a name").label(place, "this is none")
        };
        self.findings.push(finding);
        None
    }

    fn duplicate(&mut self, key: &Spanned<String>, first: Span) {
        self.findings.push(
            Diagnostic::error("duplicate-key", format!("the key `{}` stands twice in one map", key.value))
                .label(key.span, "again here")
                .label(first, "first here")
                .help("remove one of the two"),
        );
    }

    fn exceeded(&mut self, code: &'static str, range: Range, message: &str) -> Exceeded {
        self.findings.push(Diagnostic::error(code, message).label(self.span(range), "too much here"));
        Exceeded
    }

    fn span(&self, range: Range) -> Span {
        range.span(self.source)
    }
}

fn scalar_value(node: &Syntax<'_>, text: &str, style: ScalarStyle) -> NodeValue {
    match node.tag {
        None if style == ScalarStyle::Plain => scalar::plain(text),
        Some(Tag::Core) => scalar::plain(text),
        Some(_) if node.is_absent() => NodeValue::String(String::new()),
        _ => NodeValue::String(text.to_owned()),
    }
}

fn is_merge_key(node: &Syntax<'_>) -> bool {
    matches!(&node.shape, Shape::Scalar { text, style: ScalarStyle::Plain } if text == "<<" && node.tag.is_none())
}
