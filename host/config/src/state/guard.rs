//! The last word on an edit. Looks at the texts before and after, and trusts nothing that made one of the other.
//!
//! 1. Outside the edits every byte is as it was.
//! 2. What the edits took away was a state, or what led to nothing but a state that is removed.
//! 3. Read again, the new text means what the old one meant with the states changed, and nothing else.

use std::ops::Range;

use serde_json::Value;

use super::Pending;
use super::edit::{Edit, value_end};
use super::emit::COMMENT;
use crate::diagnostic::{Diagnostic, Findings};
use crate::merge::STATE;
use crate::node::{Entry, Node, NodeValue};
use crate::read;
use crate::read::syntax::{Shape, Syntax};
use crate::source::Sources;

/// Checks an edit.
///
/// # Errors
/// Which of the three does not hold, for a person.
pub(super) fn check(
    before: &str,
    tree: &Syntax<'_>,
    before_root: &Node,
    after: &str,
    edits: &[Edit],
    pending: &Pending<'_>,
) -> Result<(), String> {
    if !same_outside(before, after, edits) {
        return Err("the edit would change more than the state".to_owned());
    }
    let states = recorded_places(before, tree, pending);
    if !edits.iter().all(|edit| states.iter().any(|state| state.allows(before, &edit.range))) {
        return Err("the edit would remove more than the state".to_owned());
    }
    let mut sources = Sources::default();
    let mut findings = Findings::default();
    let source = sources.add("the result", after);
    let root = read::parse(&sources, source, &mut findings);
    if let Some(error) = findings.into_vec().into_iter().find(Diagnostic::is_error) {
        return Err(format!("the edit would break the file: {}", error.line(&sources)));
    }
    let root = root.ok_or("the edit would break the file")?;
    if meaning(&root, pending) != meaning(before_root, pending) {
        return Err("the edit would change what the file means".to_owned());
    }
    for (id, state) in pending {
        if recorded(&root, id) != state.map(|state| Value::Object(state.clone())) {
            return Err(format!("the state of `{id}` would not be read back as it is"));
        }
    }
    Ok(())
}

/// Whether the pieces between the edits stand in the new text, in order, with only the edits' own text between.
fn same_outside(before: &str, after: &str, edits: &[Edit]) -> bool {
    let (mut at, mut rest) = (0, after);
    for edit in edits {
        let Some(next) = before.get(at..edit.range.start).and_then(|piece| rest.strip_prefix(piece)) else {
            return false;
        };
        // A file without a final line break gets one before new lines.
        let inserted = next.strip_prefix(&edit.text).or_else(|| {
            next.trim_start_matches('\r').strip_prefix('\n').and_then(|next| next.strip_prefix(&edit.text))
        });
        let Some(next) = inserted else { return false };
        (at, rest) = (edit.range.end, next);
    }
    before.get(at..) == Some(rest)
}

/// A state that is there before the edit.
struct Place<'t> {
    /// From its key to the end of its last line.
    range: Range<usize>,
    /// Whether it is to go.
    removed: bool,
    /// The keys of its service and of the block in between, as written, each with its colon.
    parents: Vec<&'t str>,
}

impl Place<'_> {
    /// Whether these bytes may go: a part of the state; or, if it is removed, all of it with our comment, one comma
    /// and the keys that lead to nothing else.
    fn allows(&self, text: &str, range: &Range<usize>) -> bool {
        if range.is_empty() || (self.range.start <= range.start && range.end <= self.range.end) {
            return true;
        }
        if !self.removed || range.start > self.range.start || range.end + 1 < self.range.end {
            return false;
        }
        let around = [text.get(range.start..self.range.start), text.get(self.range.end..range.end)];
        let rest: String = around.into_iter().flatten().collect::<String>().replace(COMMENT, "");
        let rest: String = rest.split_whitespace().collect();
        let keys = |from: usize| self.parents[from..].iter().map(|key| format!("{key}:")).collect::<String>();
        matches!(rest.as_str(), "" | ",") || (0..self.parents.len()).any(|from| rest == keys(from))
    }
}

/// The states that the changes are about, where they are before the edit. An insertion needs none.
fn recorded_places<'t>(text: &'t str, root: &Syntax<'_>, pending: &Pending<'_>) -> Vec<Place<'t>> {
    let none = Place { range: 0..0, removed: false, parents: Vec::new() };
    let mut places = vec![none];
    let Some((_, Syntax { shape: Shape::Map { entries, .. }, .. })) = root.entry("services") else {
        return places;
    };
    for (id, service) in entries {
        let Some(change) = id.text().and_then(|id| pending.get(id)) else { continue };
        let written = |key: &Syntax<'_>| text.get(key.range.clone()).unwrap_or_default();
        let mut add = |parent: &Syntax<'_>, (key, value): &(Syntax<'_>, Syntax<'_>), parents| {
            let end = match parent.shape {
                Shape::Map { flow: true, .. } => key.range.end.max(value.range.end),
                _ => value_end(text, key, value).max(value.range.end),
            };
            places.push(Place { range: key.range.start..end, removed: change.is_none(), parents });
        };
        if let Some((provision, block)) = service.entry("provision")
            && let Some(state) = block.entry(STATE)
        {
            add(block, state, vec![written(id), written(provision)]);
        }
        if let Some(state) = service.entry(STATE) {
            add(service, state, vec![written(id)]);
        }
    }
    places
}

/// What a file says beside the pending states, ready to compare: without places, and without the maps on the way
/// to those states if nothing else is in them.
fn meaning(root: &Node, pending: &Pending<'_>) -> Value {
    let mut root = root.clone();
    if let Some(services) = child(&mut root, "services") {
        if services.is_null() {
            services.value = NodeValue::Map(Vec::new());
        }
        if let NodeValue::Map(entries) = &mut services.value {
            for entry in entries.iter_mut() {
                if let Some(change) = pending.get(&*entry.key.value) {
                    strip_service(&mut entry.value, change.is_none());
                }
            }
            entries.retain(|entry| !pending.contains_key(&*entry.key.value) || !is_empty_map(&entry.value));
        }
    }
    if root.is_null() {
        root.value = NodeValue::Map(Vec::new());
    }
    drop_if_empty(&mut root, "services");
    root.to_json()
}

fn strip_service(service: &mut Node, removed: bool) {
    if let Some(provision) = child(service, "provision") {
        drop_key(provision, STATE);
    }
    drop_if_empty(service, "provision");
    if removed {
        drop_key(service, STATE);
    }
}

fn child<'n>(node: &'n mut Node, key: &str) -> Option<&'n mut Node> {
    let NodeValue::Map(entries) = &mut node.value else { return None };
    entries.iter_mut().find(|entry| entry.key.value == key).map(|Entry { value, .. }| value)
}

fn is_empty_map(node: &Node) -> bool {
    node.as_map().is_some_and(<[_]>::is_empty)
}

fn drop_key(node: &mut Node, key: &str) {
    if let NodeValue::Map(entries) = &mut node.value {
        entries.retain(|entry| entry.key.value != key);
    }
}

fn drop_if_empty(node: &mut Node, key: &str) {
    if node.get(key).is_some_and(is_empty_map) {
        drop_key(node, key);
    }
}

/// The state that a file records for a service; if there is none in `provision`, the service's own.
fn recorded(root: &Node, id: &str) -> Option<Value> {
    let service = root.get("services")?.get(id)?;
    let state = service.get("provision").and_then(|provision| provision.get(STATE));
    state.or_else(|| service.get(STATE)).map(Node::to_json)
}
