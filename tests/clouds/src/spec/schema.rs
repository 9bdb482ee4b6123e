//! From OpenAPI 3.0 schemas to JSON Schema 2020-12.
//!
//! The differences that matter: `nullable`, boolean `exclusiveMinimum`/`exclusiveMaximum`, and annotations
//! such as `example` that may hold anything. On the way every object schema that names members is closed
//! with `unevaluatedProperties`, but only where it stands as a whole: a branch of `allOf` must stay open.

use serde_json::{Map, Value, json};

/// Annotations that mean nothing to a validator, or something else in JSON Schema.
const DROPPED: [&str; 8] =
    ["example", "examples", "discriminator", "xml", "externalDocs", "nullable", "deprecated", "default"];

/// Converts schemas of one document.
pub(super) struct Converter<'a> {
    document: &'a Value,
}

impl<'a> Converter<'a> {
    pub(super) fn new(document: &'a Value) -> Self {
        Self { document }
    }

    /// `components.schemas`, for references; left open at their tops, as they may be branches of `allOf`.
    pub(super) fn components(&self) -> Value {
        let schemas = self.document["components"]["schemas"].as_object();
        let converted =
            schemas.into_iter().flatten().map(|(name, schema)| (name.clone(), self.branch(schema)));
        json!({ "schemas": converted.collect::<Map<_, _>>() })
    }

    /// A schema that stands for a whole value.
    pub(super) fn whole(&self, schema: &Value) -> Value {
        let mut converted = self.branch(schema);
        if self.names_members(schema, 0)
            && let Some(members) = converted.as_object_mut()
        {
            members.insert("unevaluatedProperties".to_owned(), Value::Bool(false));
        }
        converted
    }

    /// A schema that may be one of several about the same value.
    fn branch(&self, schema: &Value) -> Value {
        let Some(members) = schema.as_object() else { return schema.clone() };
        let mut converted: Map<String, Value> = members
            .iter()
            .filter(|(name, _)| !DROPPED.contains(&name.as_str()) && !name.starts_with("x-"))
            .map(|(name, value)| (name.clone(), self.keyword(name, value)))
            .collect();
        for (flag, limit) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
            if let Some(Value::Bool(exclusive)) = converted.get(flag).cloned() {
                converted.remove(flag);
                if exclusive && let Some(bound) = converted.remove(limit) {
                    converted.insert(flag.to_owned(), bound);
                }
            }
        }
        match members.get("nullable") {
            Some(Value::Bool(true)) => json!({ "anyOf": [converted, { "type": "null" }] }),
            _ => converted.into(),
        }
    }

    fn keyword(&self, name: &str, value: &Value) -> Value {
        match (name, value) {
            ("properties" | "patternProperties", Value::Object(schemas)) => schemas
                .iter()
                .map(|(name, schema)| (name.clone(), self.whole(schema)))
                .collect::<Map<_, _>>()
                .into(),
            ("items" | "additionalProperties", schema) => self.whole(schema),
            ("allOf" | "oneOf" | "anyOf", Value::Array(branches)) => {
                branches.iter().map(|branch| self.branch(branch)).collect::<Vec<_>>().into()
            }
            ("not", schema) => self.branch(schema),
            _ => value.clone(),
        }
    }

    /// Whether a schema names members anywhere; one that names none is open for whatever.
    fn names_members(&self, schema: &Value, depth: usize) -> bool {
        if depth > 32 {
            return false;
        }
        let target = schema["$ref"].as_str().and_then(|reference| self.resolve(reference));
        let branches =
            ["allOf", "oneOf", "anyOf"].into_iter().filter_map(|key| schema[key].as_array()).flatten();
        schema["properties"].as_object().is_some_and(|members| !members.is_empty())
            || branches.chain(target).any(|branch| self.names_members(branch, depth + 1))
    }

    /// What a local reference points to.
    pub(super) fn resolve(&self, reference: &str) -> Option<&'a Value> {
        self.document.pointer(reference.strip_prefix('#')?)
    }

    /// The value itself, or what it refers to.
    pub(super) fn follow(&self, value: &'a Value) -> &'a Value {
        value["$ref"].as_str().and_then(|reference| self.resolve(reference)).unwrap_or(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn errors(schema: &Value, instance: &Value) -> usize {
        let document = json!({ "components": { "schemas": {
            "Name": { "type": "object", "properties": { "name": { "type": "string", "nullable": true } } },
            "Age": { "type": "object", "properties": { "age": { "type": "integer", "minimum": 0,
                "exclusiveMinimum": true, "example": "seven" } } },
        } } });
        let converter = Converter::new(&document);
        let mut whole = converter.whole(schema);
        whole["components"] = converter.components();
        let validator = jsonschema::draft202012::new(&whole).expect("a valid schema");
        validator.iter_errors(instance).count()
    }

    #[test]
    fn nullable_and_exclusive_limits_keep_their_meaning() {
        let name = json!({ "$ref": "#/components/schemas/Name" });
        assert_eq!(errors(&name, &json!({ "name": null })), 0);
        assert_ne!(errors(&name, &json!({ "name": 3 })), 0);
        let age = json!({ "$ref": "#/components/schemas/Age" });
        assert_eq!(errors(&age, &json!({ "age": 1 })), 0);
        assert_ne!(errors(&age, &json!({ "age": 0 })), 0);
    }

    #[test]
    fn unknown_members_are_found_across_branches_and_in_depth() {
        let both = json!({ "allOf": [
            { "$ref": "#/components/schemas/Name" }, { "$ref": "#/components/schemas/Age" },
        ] });
        assert_eq!(errors(&both, &json!({ "name": "a", "age": 1 })), 0);
        assert_ne!(errors(&both, &json!({ "name": "a", "agee": 1 })), 0);
        let nested = json!({ "type": "object", "properties": {
            "list": { "type": "array", "items": { "$ref": "#/components/schemas/Name" } } } });
        assert_eq!(errors(&nested, &json!({ "list": [{ "name": "a" }] })), 0);
        assert_ne!(errors(&nested, &json!({ "list": [{ "nam": "a" }] })), 0);
    }

    #[test]
    fn free_form_objects_stay_open() {
        let map = json!({ "type": "object", "additionalProperties": { "type": "string" } });
        assert_eq!(errors(&map, &json!({ "anything": "goes" })), 0);
        assert_ne!(errors(&map, &json!({ "anything": 1 })), 0);
        assert_eq!(errors(&json!({ "type": "object" }), &json!({ "a": 1 })), 0);
    }
}
