//! `{{…}}` in scenarios: small, without logic, and typed where it stands alone.

use serde_json::{Map, Value};

/// Looks up what stands between the braces.
pub(crate) type Lookup<'a> = &'a dyn Fn(&str) -> Option<Value>;

/// The value with every template in its texts filled.
///
/// A text that is one template becomes the value itself, number or list as it may be; elsewhere the value
/// is put in as text.
///
/// # Errors
/// The first template that means nothing.
pub(crate) fn fill(value: &Value, lookup: Lookup<'_>) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => match alone(text) {
            Some(name) => find(name, lookup)?,
            None => Value::String(fill_text(text, lookup)?),
        },
        Value::Array(items) => {
            Value::Array(items.iter().map(|item| fill(item, lookup)).collect::<Result<_, _>>()?)
        }
        Value::Object(members) => Value::Object(fill_members(members, lookup)?),
        scalar => scalar.clone(),
    })
}

/// The members, filled.
///
/// # Errors
/// As [`fill`].
pub(crate) fn fill_members(
    members: &Map<String, Value>,
    lookup: Lookup<'_>,
) -> Result<Map<String, Value>, String> {
    members.iter().map(|(name, value)| Ok((name.clone(), fill(value, lookup)?))).collect()
}

/// The text with every template filled.
///
/// # Errors
/// As [`fill`].
pub(crate) fn fill_text(text: &str, lookup: Lookup<'_>) -> Result<String, String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((name, behind)) = after.split_once("}}") else { break };
        filled.push_str(before);
        match find(name.trim(), lookup)? {
            Value::String(text) => filled.push_str(&text),
            value => filled.push_str(&value.to_string()),
        }
        rest = behind;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// The name of the template that is all of the text.
fn alone(text: &str) -> Option<&str> {
    let name = text.strip_prefix("{{")?.strip_suffix("}}")?;
    (!name.contains("{{") && !name.contains("}}")).then(|| name.trim())
}

fn find(name: &str, lookup: Lookup<'_>) -> Result<Value, String> {
    lookup(name).ok_or_else(|| format!("the template `{{{{{name}}}}}` means nothing here"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn look(name: &str) -> Option<Value> {
        match name {
            "id" => Some(json!("a-1")),
            "n" => Some(json!(7)),
            _ => None,
        }
    }

    #[test]
    fn alone_it_keeps_its_type() {
        let given = json!({"a": "{{ n }}", "b": ["x-{{id}}-{{n}}"], "c": true, "d": "{{id}}"});
        let filled = fill(&given, &look).unwrap();
        assert_eq!(filled, json!({"a": 7, "b": ["x-a-1-7"], "c": true, "d": "a-1"}));
    }

    #[test]
    fn what_means_nothing_is_named() {
        assert!(fill(&json!("{{nope}}"), &look).unwrap_err().contains("{{nope}}"));
        assert_eq!(fill_text("{{id}} {{open", &look).unwrap(), "a-1 {{open");
    }
}
