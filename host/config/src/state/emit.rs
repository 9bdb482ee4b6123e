//! YAML text for a state, written so that every reader of YAML 1.1 and 1.2 sees the same value.
//!
//! Text is quoted unless it is a plain word that no reader takes for anything else. Numbers keep a point and a
//! signed exponent where YAML 1.1 asks for them.

use std::fmt::Write as _;

use serde_json::{Map, Number, Value};

use crate::merge::STATE;

/// The line above a state.
pub(super) const COMMENT: &str = "# managed by ss";
/// The documented keys of a state, in the documented order; others follow, sorted.
const ORDER: &[&str] = &["provider", "resourceId", "provisionedAt", "region", "metadata"];
/// The same of a service.
const SERVICE_ORDER: &[&str] = &["type", "name", "description", "mode", "command", "env", "depends_on"];

/// Something to insert: maps that lead to a state.
pub(super) enum Tree<'a> {
    Map(Vec<(&'a str, Tree<'a>)>),
    State(&'a Map<String, Value>),
}

/// How the file is laid out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    /// `\n` or `\r\n`.
    pub newline: &'static str,
    /// Spaces per level.
    pub step: usize,
}

impl Layout {
    /// An entry as lines of a block map, each ended.
    pub(super) fn block_entry(self, out: &mut String, indent: usize, key: &str, tree: &Tree<'_>) {
        match tree {
            Tree::Map(entries) => {
                self.line(out, indent, &format!("{}:", scalar(key)));
                for (key, tree) in entries {
                    self.block_entry(out, indent + self.step, key, tree);
                }
            }
            Tree::State(state) => {
                self.line(out, indent, COMMENT);
                let _ = write!(out, "{:indent$}", "");
                self.block_state(out, indent, state);
                out.push_str(self.newline);
            }
        }
    }

    /// A service as lines of a block map, each ended.
    pub(crate) fn service(self, out: &mut String, indent: usize, id: &str, body: &Map<String, Value>) {
        let _ = write!(out, "{:indent$}{}:", "", scalar(id));
        if body.is_empty() {
            out.push_str(" {}");
        }
        for (key, value) in in_order(body, SERVICE_ORDER) {
            self.pair(out, indent + self.step, key, value);
        }
        out.push_str(self.newline);
    }

    /// `_state: …` in block style, without the first line's indentation and the last line's end.
    pub(super) fn block_state(self, out: &mut String, indent: usize, state: &Map<String, Value>) {
        let _ = write!(out, "{STATE}:");
        if state.is_empty() {
            out.push_str(" {}");
        }
        for (key, value) in ordered(state) {
            self.pair(out, indent + self.step, key, value);
        }
    }

    fn line(self, out: &mut String, indent: usize, text: &str) {
        let _ = write!(out, "{:indent$}{text}{}", "", self.newline);
    }

    /// A line break, the indentation, the key and the value.
    fn pair(self, out: &mut String, indent: usize, key: &str, value: &Value) {
        let _ = write!(out, "{}{:indent$}{}:", self.newline, "", scalar(key));
        self.value(out, indent, value);
    }

    /// A value behind its key's colon or its item's dash.
    fn value(self, out: &mut String, indent: usize, value: &Value) {
        match value {
            Value::Object(map) if !map.is_empty() => {
                for (key, value) in map {
                    self.pair(out, indent + self.step, key, value);
                }
            }
            Value::Array(items) if !items.is_empty() => {
                for item in items {
                    let _ = write!(out, "{}{:width$}- ", self.newline, "", width = indent + self.step);
                    flow(out, item);
                }
            }
            other => {
                out.push(' ');
                block_scalar(out, other);
            }
        }
    }
}

/// A tree in flow style.
pub(super) fn flow_tree(out: &mut String, tree: &Tree<'_>) {
    match tree {
        Tree::State(state) => flow_pairs(out, ordered(state)),
        Tree::Map(entries) => {
            out.push('{');
            for (at, (key, tree)) in entries.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                flow_entry(out, key, tree);
            }
            out.push('}');
        }
    }
}

/// An entry of a flow map.
pub(super) fn flow_entry(out: &mut String, key: &str, tree: &Tree<'_>) {
    quote(out, key);
    out.push_str(": ");
    flow_tree(out, tree);
}

fn flow_pairs<'a>(out: &mut String, pairs: impl Iterator<Item = (&'a String, &'a Value)>) {
    out.push('{');
    for (at, (key, value)) in pairs.enumerate() {
        out.push_str(if at > 0 { ", " } else { "" });
        quote(out, key);
        out.push_str(": ");
        flow(out, value);
    }
    out.push('}');
}

/// A value in flow style: JSON, which every YAML reader reads.
fn flow(out: &mut String, value: &Value) {
    match value {
        Value::Object(map) => flow_pairs(out, map.iter()),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at > 0 { ", " } else { "" });
                flow(out, item);
            }
            out.push(']');
        }
        Value::String(text) => quote(out, text),
        other => block_scalar(out, other),
    }
}

fn block_scalar(out: &mut String, value: &Value) {
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&portable(number)),
        Value::String(text) => out.push_str(&scalar(text)),
        Value::Array(_) => out.push_str("[]"),
        Value::Object(_) => out.push_str("{}"),
    }
}

fn ordered(state: &Map<String, Value>) -> impl Iterator<Item = (&String, &Value)> {
    in_order(state, ORDER)
}

/// The entries of a map, those of these keys first.
fn in_order<'a>(
    map: &'a Map<String, Value>,
    order: &'static [&'static str],
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    let first = order.iter().filter_map(|key| map.get_key_value(*key));
    first.chain(map.iter().filter(|(key, _)| !order.contains(&key.as_str())))
}

/// A float as YAML 1.1 wants it: `1e300` is text there, `1.0e+300` is not.
fn portable(number: &Number) -> String {
    let text = number.to_string();
    let Some((mantissa, exponent)) = text.split_once('e') else { return text };
    let point = if mantissa.contains('.') { "" } else { ".0" };
    let sign = if exponent.starts_with(['-', '+']) { "" } else { "+" };
    format!("{mantissa}{point}e{sign}{exponent}")
}

/// Text as a scalar: plain if nobody can misread it.
fn scalar(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut quoted = String::with_capacity(text.len() + 2);
    quote(&mut quoted, text);
    quoted
}

/// Words that some reader takes for a boolean, null or a number.
const RESERVED: &[&str] =
    &["y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf", "infinity"];

fn is_plain(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'/'))
        && !RESERVED.contains(&text.to_ascii_lowercase().as_str())
}

/// Double quotes, with everything escaped that is no printable character.
fn quote(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // Controls, line and paragraph separators, byte order marks and what has no character.
            '\0'..='\u{1f}'
            | '\u{7f}'..='\u{a0}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{feff}'
            | '\u{fffe}'..='\u{ffff}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            _ => out.push(c),
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_what_a_reader_could_misread() {
        for text in ["us-east-1", "res_abc123", "neon", "a/b.c", "_x", "e5", "nope"] {
            assert_eq!(scalar(text), text);
        }
        for text in [
            "no",
            "Off",
            "Y",
            "1.10",
            "010",
            "2026-04-27",
            "~",
            "",
            "a b",
            "a: b",
            "#x",
            "-x",
            "12:30",
            "<<",
            "=",
            "NaN",
            "{a}",
            ".5",
        ] {
            assert_eq!(scalar(text), format!("\"{text}\""));
        }
        assert_eq!(scalar("a\"\\\n\u{1}\u{85}\u{feff}é😀"), r#""a\"\\\n\u0001\u0085\ufeffé😀""#);
    }

    #[test]
    fn floats_are_floats_everywhere() {
        let text = |value: f64| portable(&Number::from_f64(value).unwrap());
        assert_eq!(text(1e300), "1.0e+300");
        assert_eq!(text(1.5e-9), "1.5e-9");
        assert_eq!(text(2.0), "2.0");
    }
}
