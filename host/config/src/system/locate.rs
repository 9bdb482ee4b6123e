//! From a path to a place: what a provider or a JSON Schema complains about, underlined.

use crate::node::{Entry, Node, NodeValue};
use crate::source::Span;

/// The place of the value at a dotted path under `node`, or of the nearest thing around it. `place` is where
/// `node` itself is shown.
///
/// Keys may contain dots themselves; the longest one that fits is taken. List items are `a.0` or `a[0]`.
pub(crate) fn dotted(node: &Node, place: Span, path: &str) -> Span {
    let normal = path.replace('[', ".").replace(']', "");
    let segments: Vec<&str> = normal.split('.').filter(|segment| !segment.is_empty()).collect();
    walk(node, place, &segments)
}

/// The same for a JSON pointer (RFC 6901).
pub(crate) fn pointer(node: &Node, place: Span, pointer: &str) -> Span {
    let segments: Vec<String> =
        pointer.split('/').skip(1).map(|segment| segment.replace("~1", "/").replace("~0", "~")).collect();
    let mut at = Found { node, place };
    for segment in &segments {
        match at.child(segment) {
            Some(child) => at = child,
            None => break,
        }
    }
    at.span()
}

fn walk(node: &Node, place: Span, segments: &[&str]) -> Span {
    let mut at = Found { node, place };
    let mut rest = segments;
    while !rest.is_empty() {
        let longest = (1..=rest.len()).rev().find_map(|n| Some((n, at.child(&rest[..n].join("."))?)));
        let Some((taken, child)) = longest else { break };
        at = child;
        rest = &rest[taken..];
    }
    at.span()
}

/// A node and where to show it.
struct Found<'n> {
    node: &'n Node,
    place: Span,
}

impl<'n> Found<'n> {
    fn child(&self, segment: &str) -> Option<Found<'n>> {
        match &self.node.value {
            NodeValue::Map(entries) => {
                let Entry { key, value } = entries.iter().find(|entry| entry.key.value == segment)?;
                Some(Found { node: value, place: key.span })
            }
            NodeValue::List(items) => {
                let item = items.get(segment.parse::<usize>().ok()?)?;
                Some(Found { node: item, place: item.span })
            }
            _ => None,
        }
    }

    /// A scalar is shown itself; a map or list by its key, because it spans many lines.
    fn span(&self) -> Span {
        match &self.node.value {
            NodeValue::Map(_) | NodeValue::List(_) => self.place,
            _ => self.node.span,
        }
    }
}
