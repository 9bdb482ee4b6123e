//! Which options receive secrets sealed: those that the provider's schema marks `"x-sealed": true`.
//!
//! The schema is the plugin's word. A mark can only hide a value from the plugin, so wherever a keyword
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

/// Whether the value at `path` is sealed: it, or anything around it, is marked.
pub(crate) fn is_sealed(schema: &Value, path: &[Step<'_>]) -> bool {
    let mut visits = 0;
    marked(schema, schema, path, &mut visits)
}

fn marked(root: &Value, schema: &Value, path: &[Step<'_>], visits: &mut usize) -> bool {
    *visits += 1;
    // Out of patience with a schema that nobody can follow: hide the value.
    if *visits > MAX_VISITS || schema.get("x-sealed") == Some(&Value::Bool(true)) {
        return true;
    }
    if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(|r| local(root, r))
        && !std::ptr::eq(target, schema)
        && marked(root, target, path, visits)
    {
        return true;
    }
    let branches = ["allOf", "anyOf", "oneOf"]
        .iter()
        .filter_map(|keyword| schema.get(keyword).and_then(Value::as_array))
        .flatten()
        .chain(["if", "then", "else"].iter().filter_map(|keyword| schema.get(keyword)));
    for branch in branches {
        if marked(root, branch, path, visits) {
            return true;
        }
    }
    let Some((step, rest)) = path.split_first() else { return false };
    children(schema, *step).into_iter().any(|child| marked(root, child, rest, visits))
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
    }
}
