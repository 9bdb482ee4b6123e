//! Where to splice: the edits that bring states into a text.

use std::collections::HashMap;
use std::ops::Range;

use super::Pending;
use super::emit::{COMMENT, Layout, Tree, flow_entry, flow_tree};
use crate::merge::STATE;
use crate::read::syntax::{Shape, Syntax};

/// A piece of the text and what takes its place.
#[derive(Debug)]
pub(super) struct Edit {
    pub range: Range<usize>,
    pub text: String,
    /// Whether `text` is whole lines and must begin on one of its own.
    lines: bool,
    /// Indentation: of two insertions at one place the deeper belongs to what is before it.
    indent: usize,
}

impl Edit {
    /// An edit within lines.
    pub(super) fn inline(range: Range<usize>, text: String) -> Self {
        Self { range, text, lines: false, indent: 0 }
    }
}

/// The edits for some changes, in the order of the text.
///
/// # Errors
/// Why there are none, for a person.
pub(super) fn plan(text: &str, root: &Syntax<'_>, pending: &Pending<'_>) -> Result<Vec<Edit>, String> {
    let layout = Layout { newline: newline(text), step: step(text, root) };
    let mut planner = Planner { text, layout, edits: Vec::new() };
    planner.root(root, pending)?;
    planner.edits.sort_by_key(|edit| (edit.range.start, std::cmp::Reverse(edit.indent)));
    Ok(planner.edits)
}

/// The text with the edits made. They are in order and apart.
pub(super) fn apply(text: &str, edits: &[Edit]) -> String {
    let mut out = String::with_capacity(text.len() + edits.iter().map(|edit| edit.text.len()).sum::<usize>());
    let mut at = 0;
    for edit in edits {
        out.push_str(text.get(at..edit.range.start).unwrap_or_default());
        if edit.lines && !out.trim_start_matches('\u{feff}').is_empty() && !out.ends_with('\n') {
            out.push_str(newline(text));
        }
        out.push_str(&edit.text);
        at = edit.range.end;
    }
    out.push_str(text.get(at..).unwrap_or_default());
    out
}

fn newline(text: &str) -> &'static str {
    match text.find('\n') {
        Some(at) if text[..at].ends_with('\r') => "\r\n",
        _ => "\n",
    }
}

/// Spaces per level, as the file's own services are indented.
fn step(text: &str, root: &Syntax<'_>) -> usize {
    let first = |node: &Syntax<'_>| match &node.shape {
        Shape::Map { entries, flow: false } => {
            entries.first().map(|(key, _)| column(text, key.range.start()))
        }
        _ => None,
    };
    let outer = first(root);
    let inner = root.entry("services").and_then(|(_, services)| first(services));
    match (outer, inner) {
        (Some(outer), Some(inner)) if (outer + 1..=outer + 8).contains(&inner) => inner - outer,
        _ => 2,
    }
}

/// The byte that the line of an offset begins with.
fn line_start(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |found| found + 1);
    if start == 0 && text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { start }
}

/// The line break that ends the line of an offset, or the end of the text; a `\r` before it is part of it.
fn line_end(text: &str, at: usize) -> usize {
    let end = text[at..].find('\n').map_or(text.len(), |found| at + found);
    if end > at && end < text.len() && text[..end].ends_with('\r') { end - 1 } else { end }
}

/// The byte after the line of an offset.
fn next_line(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |found| at + found + 1)
}

fn column(text: &str, at: usize) -> usize {
    at - line_start(text, at)
}

/// The end of a block value, at the end of its last line. A block scalar ends behind its last line break.
pub(super) fn value_end(text: &str, key: &Syntax<'_>, value: &Syntax<'_>) -> usize {
    let end = key.range.end().max(value.range.end());
    if end > 0 && text[..end].ends_with('\n') {
        let before = end - 1;
        return if text[..before].ends_with('\r') { before - 1 } else { before };
    }
    line_end(text, end)
}

struct Planner<'t> {
    text: &'t str,
    layout: Layout,
    edits: Vec<Edit>,
}

/// An entry of a map: key and value.
type Pair<'s, 't> = &'s (Syntax<'t>, Syntax<'t>);

impl Planner<'_> {
    fn root(&mut self, root: &Syntax<'_>, pending: &Pending<'_>) -> Result<(), String> {
        let services = root.entry("services");
        let index: HashMap<&str, Pair<'_, '_>> = match services.map(|(_, value)| &value.shape) {
            Some(Shape::Map { entries, .. }) => {
                entries.iter().filter_map(|pair| Some((pair.0.text()?, pair))).collect()
            }
            _ => HashMap::new(),
        };
        let mut fresh = Vec::new();
        for (id, state) in pending {
            match (index.get(id), state) {
                (Some(pair), Some(state)) => self.set(pair, state)?,
                (Some(pair), None) => self.remove(pair)?,
                (None, Some(state)) => {
                    fresh.push((
                        *id,
                        Tree::Map(vec![("provision", Tree::Map(vec![(STATE, Tree::State(state))]))]),
                    ));
                }
                (None, None) => return Err(format!("`{id}` is not written there as such")),
            }
        }
        if fresh.is_empty() {
            return Ok(());
        }
        match services {
            Some((key, value)) if value.is_absent() => self.insert_below(key, fresh),
            Some((_, value)) => self.insert(value, fresh),
            None if root.is_absent() => self.insert_first(fresh),
            None => self.insert(root, vec![("services", Tree::Map(fresh))]),
        }
    }

    fn set(
        &mut self,
        (key, service): Pair<'_, '_>,
        state: &serde_json::Map<String, serde_json::Value>,
    ) -> Result<(), String> {
        if service.is_absent() {
            return Err(self.at(key, "the service is null there, which removes it"));
        }
        let Some((key, provision)) = service.entry("provision") else {
            let tree = Tree::Map(vec![(STATE, Tree::State(state))]);
            return self.insert(service, vec![("provision", tree)]);
        };
        if provision.is_absent() {
            return Err(
                self.at(key, "`provision` is null there, which removes the base's; write `provision: {}`")
            );
        }
        match provision.entry(STATE) {
            None => self.insert(provision, vec![(STATE, Tree::State(state))]),
            Some(pair) => {
                self.refuse_sharing(pair)?;
                self.replace(provision, pair, state);
                Ok(())
            }
        }
    }

    /// Puts a new value behind a `_state` that is there.
    fn replace(
        &mut self,
        parent: &Syntax<'_>,
        (key, value): Pair<'_, '_>,
        state: &serde_json::Map<String, serde_json::Value>,
    ) {
        let flow_parent = matches!(parent.shape, Shape::Map { flow: true, .. });
        let flow_value =
            matches!(value.shape, Shape::Map { flow: true, .. } | Shape::List { flow: true, .. });
        let mut text = String::new();
        let range = if flow_parent && value.is_absent() {
            text.push(' ');
            flow_tree(&mut text, &Tree::State(state));
            let colon = self.after_colon(key);
            colon..colon
        } else if flow_parent || flow_value {
            flow_tree(&mut text, &Tree::State(state));
            value.range.bytes()
        } else {
            self.layout.block_state(&mut text, column(self.text, key.range.start()), state);
            key.range.start()..value_end(self.text, key, value)
        };
        self.edits.push(Edit::inline(range, text));
    }

    /// Adds entries at the end of a map.
    fn insert(&mut self, map: &Syntax<'_>, entries: Vec<(&str, Tree<'_>)>) -> Result<(), String> {
        match &map.shape {
            Shape::Map { flow: true, entries: known } => {
                self.insert_flow(map, known.last(), &entries);
                Ok(())
            }
            Shape::Map { flow: false, entries: known } => {
                let (Some((first, _)), Some((key, value))) = (known.first(), known.last()) else {
                    return Ok(());
                };
                let line = line_start(self.text, first.range.start());
                if !self.text[line..first.range.start()].bytes().all(|byte| byte == b' ') {
                    return Err(self.at(first, "the map begins in the middle of a line"));
                }
                let indent = first.range.start() - line;
                let end = next_line(self.text, value_end(self.text, key, value));
                self.insert_lines(end, indent, entries);
                Ok(())
            }
            Shape::Alias(_) => Err(self.at(map, "an alias stands where the state belongs")),
            _ => Err(self.at(map, "no map stands where the state belongs")),
        }
    }

    fn insert_flow(&mut self, map: &Syntax<'_>, last: Option<Pair<'_, '_>>, entries: &[(&str, Tree<'_>)]) {
        let mut text = String::new();
        for (at, (key, tree)) in entries.iter().enumerate() {
            text.push_str(if at > 0 || last.is_some() { ", " } else { "" });
            flow_entry(&mut text, key, tree);
        }
        let at = match last {
            None => map.range.start() + 1,
            Some((key, value)) if value.is_absent() => self.after_colon(key),
            Some((_, value)) => value.range.end(),
        };
        self.edits.push(Edit::inline(at..at, text));
    }

    /// Adds the first entries below a key that has no value yet.
    fn insert_below(&mut self, key: &Syntax<'_>, entries: Vec<(&str, Tree<'_>)>) -> Result<(), String> {
        let line = line_start(self.text, key.range.start());
        if !self.text[line..key.range.start()].bytes().all(|byte| byte == b' ') {
            return Err(self.at(key, "the key stands in the middle of a line"));
        }
        let indent = key.range.start() - line + self.layout.step;
        self.insert_lines(next_line(self.text, key.range.end()), indent, entries);
        Ok(())
    }

    /// Adds the first entries of a file that has none.
    fn insert_first(&mut self, fresh: Vec<(&str, Tree<'_>)>) -> Result<(), String> {
        if self.text.lines().any(|line| line.starts_with("...")) {
            return Err("the document is ended (`...`) before it has begun".to_owned());
        }
        self.insert_lines(self.text.len(), 0, vec![("services", Tree::Map(fresh))]);
        Ok(())
    }

    /// Adds lines at the beginning of a line, after the comments that belong to what is before.
    fn insert_lines(&mut self, mut at: usize, indent: usize, entries: Vec<(&str, Tree<'_>)>) {
        while at < self.text.len() {
            let line = &self.text[at..line_end(self.text, at)];
            let content = line.trim_start_matches(' ');
            if !content.starts_with('#') || line.len() - content.len() < indent {
                break;
            }
            at = next_line(self.text, at);
        }
        let mut text = String::new();
        for (key, tree) in entries {
            self.layout.block_entry(&mut text, indent, key, &tree);
        }
        self.edits.push(Edit { range: at..at, text, lines: true, indent });
    }

    /// Removes both places where a state may stand.
    fn remove(&mut self, service: Pair<'_, '_>) -> Result<(), String> {
        if let Some(provision) = service.1.entry("provision")
            && let Some(state) = provision.1.entry(STATE)
        {
            self.refuse_sharing(state)?;
            self.remove_entry(&[service, provision, state]);
        }
        if let Some(state) = service.1.entry(STATE) {
            self.refuse_sharing(state)?;
            self.remove_entry(&[service, state]);
        }
        Ok(())
    }

    /// Removes the last of a chain of entries, each the value of the one before, and those that are empty without
    /// it. One that is empty but for a comment stays as `{}`: left as null it would remove the base's.
    fn remove_entry(&mut self, chain: &[Pair<'_, '_>]) {
        let [parents @ .., (key, value)] = chain else { return };
        let Some((parent_key, parent)) = parents.last() else { return };
        let Shape::Map { entries, flow } = &parent.shape else { return };
        if *flow {
            let range = flow_removal(entries, key, value);
            self.edits.push(Edit::inline(range, String::new()));
            return;
        }
        let start = self.comment_above(line_start(self.text, key.range.start()));
        if entries.len() == 1 {
            let bare = self.text[parent_key.range.end()..start].trim() == ":";
            match (bare, parents.len()) {
                (true, 1) => {
                    let lines =
                        line_start(self.text, parent_key.range.start())..self.end_with_break(key, value);
                    self.edits.push(Edit::inline(lines, String::new()));
                    return;
                }
                (true, _) => return self.remove_entry(parents),
                (false, _) => {
                    let colon = self.after_colon(parent_key);
                    self.edits.push(Edit::inline(colon..colon, " {}".to_owned()));
                }
            }
        }
        let range = start..self.end_with_break(key, value);
        self.edits.push(Edit::inline(range, String::new()));
    }

    fn end_with_break(&self, key: &Syntax<'_>, value: &Syntax<'_>) -> usize {
        next_line(self.text, value_end(self.text, key, value))
    }

    /// The beginning of our comment line if it stands right above a line, else of the line itself.
    fn comment_above(&self, line: usize) -> usize {
        if line == 0 {
            return line;
        }
        let above = line_start(self.text, line - 1);
        if self.text[above..line].trim() == COMMENT { above } else { line }
    }

    /// The byte after a key's colon.
    fn after_colon(&self, key: &Syntax<'_>) -> usize {
        let rest = &self.text[key.range.end()..];
        let space = rest.len() - rest.trim_start_matches([' ', '\t']).len();
        key.range.end() + if rest[space..].starts_with(':') { space + 1 } else { 0 }
    }

    /// A state that shares content with other parts of the file is not ours to change.
    fn refuse_sharing(&self, (key, value): Pair<'_, '_>) -> Result<(), String> {
        if key.anchor != 0 || shares(value) {
            return Err(self.at(key, "`_state` has an anchor, an alias or `<<` in it"));
        }
        Ok(())
    }

    fn at(&self, node: &Syntax<'_>, reason: &str) -> String {
        let line = self.text[..node.range.start()].matches('\n').count() + 1;
        format!("line {line}: {reason}")
    }
}

fn shares(node: &Syntax<'_>) -> bool {
    node.anchor != 0
        || match &node.shape {
            Shape::Alias(_) => true,
            Shape::Scalar { .. } => false,
            Shape::List { items, .. } => items.iter().any(shares),
            Shape::Map { entries, .. } => {
                entries.iter().any(|(key, value)| key.text() == Some("<<") || shares(key) || shares(value))
            }
        }
}

/// A flow entry with the comma that goes with it.
fn flow_removal(entries: &[(Syntax<'_>, Syntax<'_>)], key: &Syntax<'_>, value: &Syntax<'_>) -> Range<usize> {
    let end = key.range.end().max(value.range.end());
    let at = entries.iter().position(|(known, _)| known.range == key.range).unwrap_or(0);
    match (at.checked_sub(1).and_then(|before| entries.get(before)), entries.get(at + 1)) {
        (Some((key, value)), _) if !value.is_absent() => key.range.end().max(value.range.end())..end,
        (None, Some((next, _))) => key.range.start()..next.range.start(),
        _ => key.range.start()..end,
    }
}
