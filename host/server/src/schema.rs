//! JSON Schemas of tools: the few shapes that all of them are made of.

use serde_json::{Map, Value, json};

/// An object with these properties.
pub(crate) fn object(properties: &[(&str, Value)], required: &[&str]) -> Value {
    let properties: Map<String, Value> =
        properties.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "properties": properties, "required": required })
}

/// A text, with what it means.
pub(crate) fn text(description: &str) -> Value {
    json!({ "type": "string", "description": description })
}

/// One of these words.
pub(crate) fn one_of(words: &[&str], description: &str) -> Value {
    json!({ "type": "string", "enum": words, "description": description })
}

/// Yes or no.
pub(crate) fn flag(description: &str) -> Value {
    json!({ "type": "boolean", "description": description })
}

/// A list of these.
pub(crate) fn list(items: Value, description: &str) -> Value {
    json!({ "type": "array", "items": items, "description": description })
}

/// An object that is described elsewhere, texts of others marked.
pub(crate) fn document(description: &str) -> Value {
    json!({ "type": "object", "description": description })
}

/// A text of others in its wrapper.
pub(crate) fn untrusted(description: &str) -> Value {
    json!({
        "type": "object",
        "properties": { "untrusted": { "const": true }, "text": { "type": "string" } },
        "required": ["untrusted", "text"],
        "description": description,
    })
}

/// An identifier; in a wrapper if it is anything else.
pub(crate) fn word(description: &str) -> Value {
    json!({ "anyOf": [{ "type": "string" }, untrusted("Not an identifier.")], "description": description })
}

/// The same, or nothing.
pub(crate) fn maybe(schema: Value) -> Value {
    json!({ "anyOf": [schema, { "type": "null" }] })
}

/// What to call next.
pub(crate) fn next() -> (&'static str, Value) {
    ("next", text("What to do next."))
}

/// The environment, as every tool takes it.
pub(crate) fn environment() -> (&'static str, Value) {
    ("environment", text("The environment; that of the server if absent."))
}

/// A service that must be named.
pub(crate) fn service_id() -> (&'static str, Value) {
    ("service_id", text("The service: its key under `services:`."))
}

/// Input of a tool that changes an environment, or one service of it.
pub(crate) fn environment_or_service() -> Value {
    let (name, _) = service_id();
    let mut properties = vec![environment(), (name, text("Only this service."))];
    properties.extend(approvals());
    object(&properties, &["environment"])
}

/// What every tool that changes something takes beside its own arguments.
pub(crate) fn approvals() -> [(&'static str, Value); 2] {
    [
        ("digest", text("Digest of the plan that is meant. The call fails if the plan is another by now.")),
        ("approval", text("Token that a person got from `ss approve <digest>`. Needs `digest`.")),
    ]
}
