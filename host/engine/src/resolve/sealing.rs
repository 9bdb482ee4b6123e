//! What the provider's schema says of an option beside its type: `"x-sealed": true` where secrets go in
//! sealed, `"x-home-path": true` where a leading `~` is the home folder.
//!
//! The schema is the plugin's word. `x-sealed` can only hide a value from the plugin, so wherever a keyword
//! leaves open which subschema applies, a mark in any of them counts.

use serde_json::Value;

/// A step from an options object towards a value in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A property.
    Key(&'a str),
    /// An item.
    Index(usize),
}

/// Subschemas visited for one value at most; a schema that refers to itself ends here.
const MAX_VISITS: usize = 512;

/// Whether the value at `path` is sealed: it, or anything around it, is marked. So is one whose schema
/// nobody can follow.
pub(crate) fn is_sealed(schema: &Value, path: &[Step<'_>]) -> bool {
    Search { root: schema, mark: "x-sealed", visits: 0 }.finds(schema, path).unwrap_or(true)
}

/// Whether a leading `~` of the value at `path` is the home folder.
pub(crate) fn is_home_path(schema: &Value, path: &[Step<'_>]) -> bool {
    Search { root: schema, mark: "x-home-path", visits: 0 }.finds(schema, path).unwrap_or(false)
}

/// A search for a mark.
struct Search<'s> {
    root: &'s Value,
    mark: &'static str,
    visits: usize,
}

impl Search<'_> {
    /// Whether the value at `path`, or anything around it, is marked; none if the schema goes in circles.
    fn finds(&mut self, schema: &Value, path: &[Step<'_>]) -> Option<bool> {
        self.visits += 1;
        if self.visits > MAX_VISITS {
            return None;
        }
        if schema.get(self.mark) == Some(&Value::Bool(true)) {
            return Some(true);
        }
        let target = schema.get("$ref").and_then(Value::as_str).and_then(|r| local(self.root, r));
        let branches = ["allOf", "anyOf", "oneOf"]
            .iter()
            .filter_map(|keyword| schema.get(keyword).and_then(Value::as_array))
            .flatten()
            .chain(["if", "then", "else"].iter().filter_map(|keyword| schema.get(keyword)))
            .chain(target.filter(|target| !std::ptr::eq(*target, schema)));
        for branch in branches {
            if self.finds(branch, path)? {
                return Some(true);
            }
        }
        let Some((step, rest)) = path.split_first() else { return Some(false) };
        for child in children(schema, *step) {
            if self.finds(child, rest)? {
                return Some(true);
            }
        }
        Some(false)
    }
}

/// The subschemas that may apply to the value one step further.
fn children<'a>(schema: &'a Value, step: Step<'_>) -> Vec<&'a Value> {
    match step {
        Step::Key(key) => {
            if let Some(property) = schema.get("properties").and_then(|all| all.get(key)) {
                return vec![property];
            }
            let patterns = schema.get("patternProperties").and_then(Value::as_object);
            patterns
                .into_iter()
                .flat_map(|all| all.values())
                .chain(schema.get("additionalProperties"))
                .collect()
        }
        Step::Index(index) => {
            let prefix = schema.get("prefixItems").and_then(|items| items.get(index));
            prefix.or_else(|| schema.get("items")).into_iter().collect()
        }
    }
}

/// The subschema that a reference within the schema names.
fn local<'a>(root: &'a Value, reference: &str) -> Option<&'a Value> {
    root.pointer(reference.strip_prefix('#')?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Step::{Index, Key};
    use super::*;

    #[test]
    fn marks_are_found_wherever_a_schema_can_put_them() {
        let schema = json!({
            "properties": {
                "plain": {"type": "string"},
                "direct": {"x-sealed": true},
                "map": {"additionalProperties": {"x-sealed": true}, "properties": {"open": {}}},
                "pattern": {"patternProperties": {"^S_": {"x-sealed": true}}},
                "list": {"items": {"properties": {"value": {"$ref": "#/$defs/secret"}}}},
                "tuple": {"prefixItems": [{}, {"x-sealed": true}]},
                "choice": {"oneOf": [{"type": "string"}, {"properties": {"key": {"x-sealed": true}}}]},
                "whole": {"x-sealed": true, "properties": {"inner": {}}},
            },
            "$defs": {"secret": {"x-sealed": true}}
        });
        let sealed = |path: &[Step<'_>]| is_sealed(&schema, path);
        assert!(sealed(&[Key("direct")]));
        assert!(sealed(&[Key("map"), Key("ANY")]));
        assert!(sealed(&[Key("pattern"), Key("S_X")]));
        assert!(sealed(&[Key("list"), Index(3), Key("value")]));
        assert!(sealed(&[Key("tuple"), Index(1)]));
        assert!(sealed(&[Key("choice"), Key("key")]));
        assert!(sealed(&[Key("whole"), Key("inner")]));
        assert!(!sealed(&[Key("plain")]));
        assert!(!sealed(&[Key("map"), Key("open")]));
        assert!(!sealed(&[Key("tuple"), Index(0)]));
        assert!(!sealed(&[Key("unknown")]));
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema =
            json!({"$ref": "#/$defs/a", "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}, {"$ref": "#"}]}}});
        assert!(is_sealed(&schema, &[Key("x")]));
        assert!(!is_home_path(&schema, &[Key("x")]));
    }

    #[test]
    fn marks_are_told_apart() {
        let schema = json!({"properties": {"secret": {"x-sealed": true}, "path": {"x-home-path": true}}});
        assert!(is_home_path(&schema, &[Key("path")]) && !is_sealed(&schema, &[Key("path")]));
        assert!(!is_home_path(&schema, &[Key("secret")]) && is_sealed(&schema, &[Key("secret")]));
    }
}
