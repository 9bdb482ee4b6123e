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
use crate::read::syntax::{Shape, Syntax, Tree};
use crate::source::Sources;

/// Checks an edit.
///
/// # Errors
/// Which of the three does not hold, for a person.
pub(super) fn check(
    before: &str,
    tree: &Tree<'_>,
    before_root: &Node,
    after: &str,
    edits: &[Edit],
    pending: &Pending<'_>,
) -> Result<(), String> {
    if !same_outside(before, after, edits) {
        return Err("the edit would change more than the state".to_owned());
    }
    let states = recorded_places(before, &tree.root, pending);
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
    if !same_meaning(before_root, &root, pending) {
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
        let written = |key: &Syntax<'_>| text.get(key.range.bytes()).unwrap_or_default();
        let mut add = |parent: &Syntax<'_>, (key, value): &(Syntax<'_>, Syntax<'_>), parents| {
            let end = match parent.shape {
                Shape::Map { flow: true, .. } => key.range.end().max(value.range.end()),
                _ => value_end(text, key, value).max(value.range.end()),
            };
            places.push(Place { range: key.range.start()..end, removed: change.is_none(), parents });
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

/// Whether two files say the same beside the pending states and the maps that lead to nothing else. Entries are
/// compared in order: an edit moves none.
fn same_meaning(before: &Node, after: &Node, pending: &Pending<'_>) -> bool {
    let (Some(before), Some(after)) = (entries(Some(before)), entries(Some(after))) else { return false };
    let others = |root: &'_ [Entry]| root.iter().position(|entry| entry.key.value == "services");
    let beside = |root| without(root, others(root));
    same_entries(beside(before), beside(after), |_, before, after| same(before, after))
        && same_services(
            others(before).map(|at| &before[at].value),
            others(after).map(|at| &after[at].value),
            pending,
        )
}

/// The entries of a map; nothing at all is an empty one.
fn entries(node: Option<&Node>) -> Option<&[Entry]> {
    match node {
        None => Some(&[]),
        Some(node) if node.is_null() => Some(&[]),
        Some(node) => node.as_map(),
    }
}

fn without(entries: &[Entry], skipped: Option<usize>) -> impl Iterator<Item = &Entry> {
    entries.iter().enumerate().filter(move |(at, _)| Some(*at) != skipped).map(|(_, entry)| entry)
}

fn same_services(before: Option<&Node>, after: Option<&Node>, pending: &Pending<'_>) -> bool {
    let (Some(before), Some(after)) = (entries(before), entries(after)) else { return false };
    let removed = |id: &str| pending.get(id).map(Option::is_none);
    let said =
        |entry: &&Entry| removed(&entry.key.value).is_none_or(|removed| !says_nothing(&entry.value, removed));
    same_entries(before.iter().filter(said), after.iter().filter(said), |id, before, after| {
        match removed(id) {
            Some(removed) => same_service(before, after, removed),
            None => same(before, after),
        }
    })
}

fn same_service(before: &Node, after: &Node, removed: bool) -> bool {
    let (Some(before_map), Some(after_map)) = (before.as_map(), after.as_map()) else {
        return same(before, after);
    };
    let said = |entry: &&Entry| !is_state(entry, removed);
    same_entries(before_map.iter().filter(said), after_map.iter().filter(said), |key, before, after| {
        match (before.as_map(), after.as_map()) {
            (Some(before), Some(after)) if key == "provision" => {
                let said = |entry: &&Entry| entry.key.value != STATE;
                same_entries(before.iter().filter(said), after.iter().filter(said), |_, before, after| {
                    same(before, after)
                })
            }
            _ => same(before, after),
        }
    })
}

/// Whether a service is a map with nothing but the state in it.
fn says_nothing(service: &Node, removed: bool) -> bool {
    service.as_map().is_some_and(|entries| entries.iter().all(|entry| is_state(entry, removed)))
}

/// Whether an entry of a service leads to a state only. One directly in the service counts if it is to go.
fn is_state(entry: &Entry, removed: bool) -> bool {
    let inner = entry.value.as_map().unwrap_or_default();
    let only_state = entry.value.as_map().is_some() && inner.iter().all(|entry| entry.key.value == STATE);
    (entry.key.value == "provision" && only_state) || (removed && entry.key.value == STATE)
}

fn same_entries<'n>(
    mut before: impl Iterator<Item = &'n Entry>,
    mut after: impl Iterator<Item = &'n Entry>,
    same: impl Fn(&str, &Node, &Node) -> bool,
) -> bool {
    loop {
        match (before.next(), after.next()) {
            (None, None) => return true,
            (Some(one), Some(other))
                if one.key.value == other.key.value && same(&one.key.value, &one.value, &other.value) => {}
            _ => return false,
        }
    }
}

/// Whether two values are the same, wherever they stand.
fn same(before: &Node, after: &Node) -> bool {
    match (&before.value, &after.value) {
        (NodeValue::Map(before), NodeValue::Map(after)) => {
            same_entries(before.iter(), after.iter(), |_, before, after| same(before, after))
        }
        (NodeValue::List(before), NodeValue::List(after)) => {
            before.len() == after.len() && before.iter().zip(after).all(|(before, after)| same(before, after))
        }
        (before, after) => before == after,
    }
}

/// The state that a file records for a service; if there is none in `provision`, the service's own.
fn recorded(root: &Node, id: &str) -> Option<Value> {
    let service = root.get("services")?.get(id)?;
    let state = service.get("provision").and_then(|provision| provision.get(STATE));
    state.or_else(|| service.get(STATE)).map(Node::to_json)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::read::syntax;
    use crate::state::edit;

    const BEFORE: &str = "services:\n  api:\n    type: x # why\n    provision:\n      plan: y\n      # managed by ss\n      _state: {a: 1}\n  db: {}\n";

    /// The guard's answer to replacing `from` by `to`, when `{a: 2}` was to be set or the state removed.
    fn verdict(from: &str, to: &str, set: bool) -> Result<(), String> {
        let state = serde_json::json!({"a": 2});
        let pending = Pending::from([("api", state.as_object().filter(|_| set))]);
        let start = BEFORE.find(from).unwrap();
        let edits = [Edit::inline(start..start + from.len(), to.to_owned())];
        let after = edit::apply(BEFORE, &edits);
        check_texts(&after, &edits, &pending)
    }

    fn check_texts(after: &str, edits: &[Edit], pending: &Pending<'_>) -> Result<(), String> {
        let mut sources = Sources::default();
        let source = sources.add("before", BEFORE);
        let tree = syntax::parse(BEFORE, source).unwrap();
        let root = read::parse(&sources, source, &mut Findings::default()).unwrap();
        check(BEFORE, &tree, &root, after, edits, pending)
    }

    fn refused(result: Result<(), String>, reason: &str) {
        let refusal = result.unwrap_err();
        assert!(refusal.contains(reason), "{refusal}");
    }

    #[test]
    fn the_right_edits_pass() {
        verdict("{a: 1}", "{a: 2}", true).unwrap();
        verdict("_state: {a: 1}", "_state:\n        a: 2", true).unwrap();
        verdict("      # managed by ss\n      _state: {a: 1}\n", "", false).unwrap();
    }

    #[test]
    fn what_people_wrote_may_not_go() {
        refused(verdict("# why", "# what", true), "remove more than the state");
        refused(
            verdict("plan: y\n      # managed by ss\n      _state: {a: 1}", "_state: {a: 2}", true),
            "remove more",
        );
        refused(
            verdict("      plan: y\n      # managed by ss\n      _state: {a: 1}\n", "", false),
            "remove more",
        );
        refused(verdict("  db: {}\n", "", false), "remove more");
    }

    #[test]
    fn nothing_else_may_be_said() {
        refused(verdict("{a: 1}", "{a: 2}\n      plan2: z", true), "change what the file means");
        refused(verdict("{a: 1}", "{a: 2}\n  new: {type: x}", true), "change what the file means");
        refused(verdict("{a: 1}", "{a: 3}", true), "would not be read back");
        refused(verdict("{a: 1}", "{a: \"2\"}", true), "would not be read back");
        refused(verdict("{a: 1}", "{a: 1, b: ", true), "break the file");
        refused(verdict("{a: 1}", "{a: 2}\n      plan: z", true), "break the file");
        refused(verdict("{a: 1}", "", false), "would not be read back");
    }

    #[test]
    fn bytes_may_not_change_behind_the_edits_back() {
        let state = serde_json::json!({"a": 2});
        let pending = Pending::from([("api", state.as_object())]);
        let start = BEFORE.find("{a: 1}").unwrap();
        let edits = [Edit::inline(start..start + 6, "{a: 2}".to_owned())];
        let after = edit::apply(BEFORE, &edits).replace("# why", "# WHY");
        refused(check_texts(&after, &edits, &pending), "change more than the state");
    }
}
