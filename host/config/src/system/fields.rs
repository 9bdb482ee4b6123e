//! Taking typed fields out of a map, with a finding for every one that is not what it should be.

use crate::diagnostic::{Diagnostic, Findings};
use crate::node::{Entry, Node};
use crate::source::{Span, Spanned};

/// A map whose keys are known.
pub(crate) struct Fields<'a> {
    /// Dotted path of the map, for messages; empty for a file's top level.
    pub path: &'a str,
    pub entries: &'a [Entry],
}

impl<'a> Fields<'a> {
    /// The value of a key, unless it is absent or null.
    pub(crate) fn get(&self, key: &str) -> Option<&'a Node> {
        let entry = self.entries.iter().find(|entry| entry.key.value == key)?;
        (!entry.value.is_null()).then_some(&entry.value)
    }

    /// Text.
    pub(crate) fn text(&self, key: &str, findings: &mut Findings) -> Option<Spanned<String>> {
        let node = self.get(key)?;
        let text = node.as_str().map(str::to_owned);
        if text.is_none() {
            findings.push(wrong_type(&self.join(key), "text", node));
        }
        Some(Spanned { value: text?, span: node.span })
    }

    /// Text, or a number as it is written: `version: 1.10` means what it looks like.
    pub(crate) fn literal(&self, key: &str, findings: &mut Findings) -> Option<Spanned<String>> {
        let node = self.get(key)?;
        let text = node.scalar_text().map(str::to_owned);
        if text.is_none() {
            findings.push(wrong_type(&self.join(key), "text", node));
        }
        Some(Spanned { value: text?, span: node.span })
    }

    /// A list of texts; empty if absent.
    pub(crate) fn texts(&self, key: &str, findings: &mut Findings) -> Vec<Spanned<String>> {
        self.get(key).map_or_else(Vec::new, |node| texts(&self.join(key), node, findings))
    }

    /// The entries of a map; none if absent.
    pub(crate) fn map(&self, key: &str, findings: &mut Findings) -> Option<&'a [Entry]> {
        let node = self.get(key)?;
        if node.as_map().is_none() {
            findings.push(wrong_type(&self.join(key), "a map", node));
        }
        node.as_map()
    }

    /// Warns of every key that is not known, and returns them.
    pub(crate) fn unknown(&self, known: &[&str], findings: &mut Findings) -> Vec<Spanned<String>> {
        let unknown: Vec<_> =
            self.entries.iter().filter(|entry| !known.contains(&&*entry.key.value)).collect();
        for entry in &unknown {
            let place = if self.path.is_empty() { "the file".to_owned() } else { format!("`{}`", self.path) };
            let message = format!("{place} has the key `{}`, which has no meaning here", entry.key.value);
            let help = findings.suggestion(&entry.key.value, known.iter().copied());
            let finding = Diagnostic::warning("unknown-key", message).label(entry.key.span, "ignored");
            findings.push(Diagnostic { help, ..finding });
        }
        unknown.into_iter().map(|entry| entry.key.clone()).collect()
    }

    fn join(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// The items of a list of texts.
pub(crate) fn texts(path: &str, node: &Node, findings: &mut Findings) -> Vec<Spanned<String>> {
    let Some(items) = node.as_list() else {
        let finding = wrong_type(path, "a list", node);
        findings.push(match node.scalar_text() {
            Some(text) => finding.help(format!("write `[{text}]`")),
            None => finding,
        });
        return Vec::new();
    };
    let mut texts = Vec::with_capacity(items.len());
    for (index, item) in items.iter().enumerate() {
        match item.as_str() {
            Some(text) => texts.push(Spanned { value: text.to_owned(), span: item.span }),
            None => findings.push(wrong_type(&format!("{path}.{index}"), "text", item)),
        }
    }
    texts
}

/// The finding for a value of another type.
pub(crate) fn wrong_type(path: &str, expected: &str, node: &Node) -> Diagnostic {
    let message = format!("`{path}` must be {expected}");
    let finding =
        Diagnostic::error("wrong-type", message).label(node.span, format!("this is {}", node.kind()));
    match node.scalar_text() {
        Some(text) if expected == "text" => finding.help(format!("write `\"{text}\"`, with quotes")),
        _ => finding,
    }
}

/// The finding for a name that breaks the rule.
pub(crate) fn bad_name(what: &str, name: &str, span: Span) -> Diagnostic {
    Diagnostic::error("bad-name", format!("`{name}` is no name for {what}"))
        .label(span, "")
        .help(super::name::RULE)
}
