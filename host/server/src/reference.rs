//! The reference of tools, resources and prompts, made from what is published, as Markdown.

use std::fmt::Write as _;

use serde_json::Value;

use crate::prompts::WORKFLOWS;
use crate::resources::{RECEIPT_TEMPLATE, RESOURCES};
use crate::tools::{Effect, TOOLS, Tool};

/// The reference, as it stands in `docs/mcp.md`.
pub fn reference() -> String {
    let mut out = String::new();
    for (heading, documented) in [("Documented tools", true), ("Further tools", false)] {
        let _ = writeln!(out, "### {heading}\n");
        for tool in TOOLS.iter().filter(|tool| tool.documented == documented) {
            describe(&mut out, tool);
        }
    }
    let _ = writeln!(out, "### Resources\n\n| address | what it is |\n|---|---|");
    for (uri, _, meaning) in RESOURCES {
        let _ = writeln!(out, "| `{uri}` | {meaning} |");
    }
    let _ = writeln!(out, "| `{RECEIPT_TEMPLATE}` | What one run did. |\n");
    let _ = writeln!(out, "### Prompts\n\n| name | arguments | what it does |\n|---|---|---|");
    for workflow in WORKFLOWS {
        let arguments: Vec<String> = workflow.arguments.iter().map(|(name, _)| format!("`{name}`")).collect();
        let _ =
            writeln!(out, "| `{}` | {} | {} |", workflow.name, arguments.join(", "), workflow.description);
    }
    out
}

fn describe(out: &mut String, tool: &Tool) {
    let effect = match tool.effect {
        Effect::Looks => "looks at this machine only",
        Effect::Asks => "looks; asks providers or registries",
        Effect::Changes { destructive: false } => "changes something; loses nothing",
        Effect::Changes { destructive: true } => "changes something; may replace or remove",
    };
    let _ = writeln!(out, "#### `{}`\n\n{} *({effect})*\n", tool.name, tool.description);
    let (input, output) = ((tool.input)(), (tool.output)());
    for (what, schema) in [("Takes", &input), ("Returns", &output)] {
        let required: Vec<&str> =
            schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        let Some(properties) = schema["properties"].as_object().filter(|map| !map.is_empty()) else {
            continue;
        };
        let _ = writeln!(out, "{what}:\n");
        for (name, property) in properties {
            let need = if what == "Takes" && required.contains(&name.as_str()) { ", required" } else { "" };
            let _ = writeln!(out, "- `{name}` ({}{need}): {}", kind(property), meaning(property));
        }
        let _ = writeln!(out);
    }
}

/// What a value is, in a word.
fn kind(schema: &Value) -> String {
    if schema["properties"]["untrusted"].is_object() {
        return "marked text".to_owned();
    }
    if let Some(words) = schema["enum"].as_array() {
        let words: Vec<String> =
            words.iter().map(|word| format!("`{}`", word.as_str().unwrap_or_default())).collect();
        return words.join(" \\| ");
    }
    match schema["type"].as_str() {
        Some("array") => format!("list of {}", kind(&schema["items"])),
        Some(kind) => kind.to_owned(),
        None => schema["anyOf"].get(0).map_or_else(|| "any".to_owned(), kind),
    }
}

fn meaning(schema: &Value) -> &str {
    let of = |schema: &'_ Value| schema["description"].as_str().is_some();
    let described = if of(schema) { schema } else { &schema["anyOf"][0] };
    described["description"].as_str().unwrap_or("see its own fields")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_named_once_and_says_what_comes_next() {
        let mut names: Vec<&str> = TOOLS.iter().map(|tool| tool.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), TOOLS.len());
        assert_eq!(TOOLS.iter().filter(|tool| tool.documented).count(), 11);
        for tool in TOOLS.iter() {
            assert!(tool.name.starts_with("starsystem_"), "{}", tool.name);
            let wire = tool.to_wire();
            assert_eq!(wire.input_schema["type"], "object", "{}", tool.name);
            let output = wire.output_schema.unwrap();
            assert!(output["properties"]["next"].is_object(), "{}", tool.name);
            assert!(reference().contains(&format!("`{}`", tool.name)));
        }
    }
}
