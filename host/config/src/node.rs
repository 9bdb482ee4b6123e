//! The value tree: what a file says, with the place of every value.

use std::collections::HashMap;

use serde_json::{Number, Value};

use crate::source::{Span, Spanned};

/// A value and where it stands.
///
/// A merged tree holds nodes of several files; each says which one it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Node {
    /// The value.
    pub value: NodeValue,
    /// Where it stands. For an alias: where it is used.
    pub span: Span,
}

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum NodeValue {
    /// `null`, `~` or nothing at all.
    Null,
    /// `true` or `false`; the YAML 1.1 spellings (`yes`, `on`, …) are text.
    Bool(bool),
    /// A number that JSON can hold. `010`, `1_000` and `12:30` are text.
    Number {
        /// Its value.
        number: Number,
        /// As it is written, such as `1.10`.
        text: Box<str>,
    },
    /// Text.
    String(String),
    /// A list.
    List(Vec<Node>),
    /// A map, in file order.
    Map(Vec<Entry>),
}

/// An entry of a map.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// The key, unique in its map. Keys are text, whatever they look like.
    pub key: Spanned<String>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// The text, if it is text.
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            _ => None,
        }
    }

    /// A scalar as it is written: text, number or boolean.
    pub fn scalar_text(&self) -> Option<&str> {
        match &self.value {
            NodeValue::String(text) => Some(text),
            NodeValue::Number { text, .. } => Some(text),
            NodeValue::Bool(true) => Some("true"),
            NodeValue::Bool(false) => Some("false"),
            _ => None,
        }
    }

    /// The entries, if it is a map.
    pub fn as_map(&self) -> Option<&[Entry]> {
        match &self.value {
            NodeValue::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The items, if it is a list.
    pub fn as_list(&self) -> Option<&[Node]> {
        match &self.value {
            NodeValue::List(items) => Some(items),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.value, NodeValue::Null)
    }

    /// The entry of this key, if it is a map that has it. Looks through the entries one by one.
    pub fn entry(&self, key: &str) -> Option<&Entry> {
        self.as_map()?.iter().find(|entry| entry.key.value == key)
    }

    /// The value of this key, if it is a map that has it.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.entry(key).map(|entry| &entry.value)
    }

    /// What kind of value it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "a boolean",
            NodeValue::Number { .. } => "a number",
            NodeValue::String(_) => "text",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a map",
        }
    }

    /// The value as JSON.
    pub fn to_json(&self) -> Value {
        match self.try_to_json(&mut |text, _| Ok::<_, std::convert::Infallible>(text.to_owned())) {
            Ok(value) => value,
            Err(never) => match never {},
        }
    }

    /// The value as JSON, every text (not the keys) passed through `fill`, which fills its templates.
    ///
    /// # Errors
    /// The first error of `fill`.
    pub fn try_to_json<E>(&self, fill: &mut impl FnMut(&str, Span) -> Result<String, E>) -> Result<Value, E> {
        Ok(match &self.value {
            NodeValue::Null => Value::Null,
            NodeValue::Bool(value) => Value::Bool(*value),
            NodeValue::Number { number, .. } => Value::Number(number.clone()),
            NodeValue::String(text) => Value::String(fill(text, self.span)?),
            NodeValue::List(items) => {
                Value::Array(items.iter().map(|item| item.try_to_json(fill)).collect::<Result<_, _>>()?)
            }
            NodeValue::Map(entries) => Value::Object(entries_to_json(entries.iter(), fill)?),
        })
    }

    /// Calls `visit` with the dotted path, the text and the place of every text under this node.
    pub fn visit_strings(&self, path: &str, visit: &mut impl FnMut(&str, &str, Span)) {
        self.visit_strings_at(&mut path.to_owned(), visit);
    }

    fn visit_strings_at(&self, path: &mut String, visit: &mut impl FnMut(&str, &str, Span)) {
        let mut child = |segment: &str, node: &Self| {
            let length = path.len();
            if length > 0 {
                path.push('.');
            }
            path.push_str(segment);
            node.visit_strings_at(path, visit);
            path.truncate(length);
        };
        match &self.value {
            NodeValue::String(text) => visit(path, text, self.span),
            NodeValue::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    child(&index.to_string(), item);
                }
            }
            NodeValue::Map(entries) => {
                for entry in entries {
                    child(&entry.key.value, &entry.value);
                }
            }
            NodeValue::Null | NodeValue::Bool(_) | NodeValue::Number { .. } => {}
        }
    }
}

/// A JSON object of some entries of a map.
pub(crate) fn entries_to_json<'a, E>(
    entries: impl Iterator<Item = &'a Entry>,
    fill: &mut impl FnMut(&str, Span) -> Result<String, E>,
) -> Result<serde_json::Map<String, Value>, E> {
    entries.map(|entry| Ok((entry.key.value.clone(), entry.value.try_to_json(fill)?))).collect()
}

/// Finds keys in a map that grows: by looking while there are few, by hashing when there are many.
#[derive(Debug, Default)]
pub(crate) struct KeyIndex(HashMap<String, usize>);

/// Entries that are compared one by one before a hash table pays.
const FEW: usize = 16;

impl KeyIndex {
    /// Where a key is among the entries.
    pub(crate) fn find(&mut self, key: &str, entries: &[Entry]) -> Option<usize> {
        if entries.len() <= FEW {
            return entries.iter().position(|entry| entry.key.value == key);
        }
        // Entries are only ever added; the index catches up.
        for (at, entry) in entries.iter().enumerate().skip(self.0.len()) {
            self.0.insert(entry.key.value.clone(), at);
        }
        self.0.get(key).copied()
    }
}
