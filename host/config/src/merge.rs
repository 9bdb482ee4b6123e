//! Laying an overlay over a base.
//!
//! | in the overlay | result |
//! |---|---|
//! | a map over a map | merged key by key, deeply; services merge by their id this way |
//! | a map, list or scalar over anything else | the overlay's replaces the base's, whole |
//! | `null` (or nothing after the colon) | the key is removed; removing what is not there is no error |
//! | `_state` | replaces the base's whole and keeps its nulls: it is a record, not configuration |
//! | `services:` with nothing after the colon | nothing: an overlay that begins empty removes no services |
//!
//! Keys keep the base's order; the overlay's new ones follow in its own. Every value keeps the place where it
//! was written, so that a message names the file that set it. Nulls of the base stay where they are.

use crate::node::{Entry, KeyIndex, Node, NodeValue};

/// Key of the recorded state.
pub(crate) const STATE: &str = "_state";

/// Lays the overlay's map over the base's.
pub(crate) fn merge_roots(base: &mut Node, mut overlay: Node) {
    if let NodeValue::Map(entries) = &mut overlay.value {
        entries.retain(|entry| entry.key.value != "services" || !entry.value.is_null());
    }
    merge(base, overlay);
}

fn merge(base: &mut Node, overlay: Node) {
    match (&mut base.value, overlay.value) {
        (NodeValue::Map(entries), NodeValue::Map(more)) => merge_entries(entries, more),
        (_, value) => {
            *base = Node { value, span: overlay.span };
            drop_nulls(base);
        }
    }
}

fn merge_entries(base: &mut Vec<Entry>, overlay: Vec<Entry>) {
    let mut known = KeyIndex::default();
    let mut removed = vec![false; base.len()];
    for mut entry in overlay {
        match known.find(&entry.key.value, base) {
            Some(at) if entry.value.is_null() => removed[at] = true,
            Some(at) if entry.key.value != STATE && both_maps(&base[at].value, &entry.value) => {
                merge(&mut base[at].value, entry.value);
            }
            Some(at) => {
                drop_nulls_of(&mut entry);
                if base[at].value.is_null() {
                    // Named and not filled: the base is where it comes from.
                    base[at].value = entry.value;
                } else {
                    base[at] = entry;
                }
            }
            None if entry.value.is_null() => {}
            None => {
                drop_nulls_of(&mut entry);
                base.push(entry);
                removed.push(false);
            }
        }
    }
    let mut removed = removed.into_iter();
    base.retain(|_| !removed.next().unwrap_or_default());
}

fn both_maps(base: &Node, overlay: &Node) -> bool {
    base.as_map().is_some() && overlay.as_map().is_some()
}

fn drop_nulls_of(entry: &mut Entry) {
    if entry.key.value != STATE {
        drop_nulls(&mut entry.value);
    }
}

/// Removes what an overlay's new maps set to null; lists keep theirs.
fn drop_nulls(node: &mut Node) {
    if let NodeValue::Map(entries) = &mut node.value {
        entries.retain(|entry| !entry.value.is_null());
        entries.iter_mut().for_each(drop_nulls_of);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Findings;
    use crate::read;
    use crate::source::Sources;

    fn merged(base: &str, overlay: &str) -> (Node, Sources) {
        let (mut sources, mut findings) = (Sources::default(), Findings::default());
        let base = sources.add("base", base);
        let overlay = sources.add("overlay", overlay);
        let mut tree = read::parse(&sources, base, &mut findings).unwrap();
        let over = read::parse(&sources, overlay, &mut findings).unwrap();
        merge_roots(&mut tree, over);
        assert!(!findings.has_errors());
        (tree, sources)
    }

    fn json(base: &str, overlay: &str) -> String {
        merged(base, overlay).0.to_json().to_string()
    }

    #[test]
    fn maps_merge_and_the_rest_replaces() {
        assert_eq!(json("a: {b: 1, c: [1, 2], d: {e: 1}}", "a: {c: [3], d: {f: 2}}"), {
            r#"{"a":{"b":1,"c":[3],"d":{"e":1,"f":2}}}"#
        });
        assert_eq!(json("a: {b: 1}", "a: x"), r#"{"a":"x"}"#);
        assert_eq!(json("a: x", "a: {b: 1, c: null}"), r#"{"a":{"b":1}}"#);
    }

    #[test]
    fn null_removes() {
        assert_eq!(json("a: {b: 1, c: 2}\nd: 1", "a: {b: ~, x: null}\nd:"), r#"{"a":{"c":2}}"#);
        assert_eq!(json("services: {a: {}, b: {}}", "services: {a: }"), r#"{"services":{"b":{}}}"#);
        assert_eq!(json("services: {a: {}}", "services:"), r#"{"services":{"a":{}}}"#);
        assert_eq!(json("a: [1]", "a: [null]"), r#"{"a":[null]}"#, "in a list null is a value");
        assert_eq!(json("a: null", "b: 1"), r#"{"a":null,"b":1}"#, "the base is left as it is");
        assert_eq!(json("a: 1", "a: null\n"), "{}");
    }

    #[test]
    fn state_is_one_value() {
        let base = "services: {a: {provision: {x: 1, _state: {id: 1, old: 2}}}}";
        let overlay = "services: {a: {provision: {_state: {id: 2, gone: null}}}}";
        let expected = r#"{"services":{"a":{"provision":{"_state":{"gone":null,"id":2},"x":1}}}}"#;
        assert_eq!(json(base, overlay), expected);
    }

    #[test]
    fn every_leaf_keeps_its_file_and_maps_their_order() {
        let (tree, sources) = merged("b: {z: 1, y: 2}\na: 0", "b: {y: 3, x: 4}\nc: 5");
        let mut seen = Vec::new();
        for entry in tree.as_map().unwrap() {
            for inner in entry.value.as_map().unwrap_or(std::slice::from_ref(entry)) {
                let (key, place) = (&inner.key.value, inner.value.span);
                seen.push(format!("{key}={} {}", sources.slice(place), sources.name(place.source)));
            }
        }
        assert_eq!(seen, ["z=1 base", "y=3 overlay", "x=4 overlay", "a=0 base", "c=5 overlay"]);
    }
}
