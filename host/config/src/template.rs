//! Templates in text: `{{ vault('key') }}`.
//!
//! ```text
//! template   = "{{" space expression space "}}"
//! expression = "vault" space "(" space string space ")"  |  string
//! string     = "'" characters "'"  |  '"' characters '"'
//! ```
//! A string has no escapes and holds neither its own quote nor a line break. As an expression it stands for
//! itself, which is how `{{` is written: `{{ '{{' }}`. Everything outside `{{ … }}` is literal: `${…}`, `{$NAME}`
//! and single braces belong to other tools.

use std::ops::Range;

/// A text taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// Text that stands for itself.
    Literal(String),
    /// A value of the vault.
    Vault {
        /// The key, as written.
        key: String,
        /// The bytes of the whole `{{ … }}`.
        range: Range<usize>,
    },
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// The braces never close, or something else stands between them.
    #[error("a template is `{{{{ vault('key') }}}}`")]
    Malformed {
        /// The bytes that do not fit.
        range: Range<usize>,
        /// What was expected there.
        expected: &'static str,
    },
    /// A function other than `vault`.
    #[error("there is no template function `{name}`")]
    UnknownFunction {
        /// The name.
        name: String,
        /// Its bytes.
        range: Range<usize>,
    },
    /// `vault('')`.
    #[error("the vault key is empty")]
    EmptyKey {
        /// The bytes of the string.
        range: Range<usize>,
    },
}

impl TemplateError {
    /// The bytes of the text that are wrong.
    pub fn range(&self) -> Range<usize> {
        match self {
            Self::Malformed { range, .. }
            | Self::UnknownFunction { range, .. }
            | Self::EmptyKey { range } => range.clone(),
        }
    }
}

/// Why a text could not be filled.
#[derive(Debug, thiserror::Error)]
pub enum FillError<E> {
    /// It is no template.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A value could not be had.
    #[error("no value for `{key}`")]
    Value {
        /// The key, as written.
        key: String,
        /// What the lookup said.
        #[source]
        source: E,
    },
}

impl Template {
    /// Takes a text apart.
    ///
    /// # Errors
    /// The first place that is wrong.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut at = 0;
        while let Some(open) = text[at..].find("{{").map(|found| at + found) {
            push_literal(&mut parts, &text[at..open]);
            let mut cursor = Cursor { text, at: open + 2, open };
            match cursor.expression()? {
                Expression::Text(literal) => push_literal(&mut parts, literal),
                Expression::Vault(key) => {
                    parts.push(Part::Vault { key: key.to_owned(), range: open..cursor.at });
                }
            }
            at = cursor.at;
        }
        push_literal(&mut parts, &text[at..]);
        Ok(Self { parts })
    }

    /// The pieces in order; neighbouring literals are one.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The vault keys in order, as written, with the bytes of their `{{ … }}`.
    pub fn vault_keys(&self) -> impl Iterator<Item = (&str, Range<usize>)> {
        self.parts.iter().filter_map(|part| match part {
            Part::Vault { key, range } => Some((key.as_str(), range.clone())),
            Part::Literal(_) => None,
        })
    }

    /// Puts the pieces together, asking `value` for each vault key. A value is never looked at for templates of
    /// its own.
    ///
    /// # Errors
    /// The first error of `value`.
    pub fn fill<E>(&self, mut value: impl FnMut(&str) -> Result<String, E>) -> Result<String, E> {
        let mut filled = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(text) => filled.push_str(text),
                Part::Vault { key, .. } => filled.push_str(&value(key)?),
            }
        }
        Ok(filled)
    }
}

/// Fills the templates of a text, asking `value` for each vault key.
///
/// # Errors
/// [`FillError`].
pub fn fill<E>(text: &str, mut value: impl FnMut(&str) -> Result<String, E>) -> Result<String, FillError<E>> {
    Template::parse(text)?
        .fill(|key| value(key).map_err(|source| FillError::Value { key: key.to_owned(), source }))
}

fn push_literal(parts: &mut Vec<Part>, text: &str) {
    match parts.last_mut() {
        _ if text.is_empty() => {}
        Some(Part::Literal(last)) => last.push_str(text),
        _ => parts.push(Part::Literal(text.to_owned())),
    }
}

enum Expression<'t> {
    Text(&'t str),
    Vault(&'t str),
}

struct Cursor<'t> {
    text: &'t str,
    at: usize,
    open: usize,
}

impl<'t> Cursor<'t> {
    fn expression(&mut self) -> Result<Expression<'t>, TemplateError> {
        self.space();
        if self.rest().starts_with(['\'', '"']) {
            let text = self.string()?;
            self.token("}}", "`}}`")?;
            return Ok(Expression::Text(text));
        }
        let start = self.at;
        let name = self.name();
        if name.is_empty() {
            return Err(self.malformed("`vault('key')`"));
        }
        self.space();
        if name != "vault" {
            return Err(match self.rest().starts_with('(') {
                true => {
                    TemplateError::UnknownFunction { name: name.to_owned(), range: start..start + name.len() }
                }
                false => TemplateError::Malformed { range: self.open..self.at, expected: "`vault('key')`" },
            });
        }
        self.token("(", "`(`")?;
        self.space();
        let start = self.at;
        let key = self.string()?;
        if key.trim().is_empty() {
            return Err(TemplateError::EmptyKey { range: start..self.at });
        }
        self.token(")", "`)`")?;
        self.token("}}", "`}}`")?;
        Ok(Expression::Vault(key))
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    fn name(&mut self) -> &'t str {
        let rest = self.rest();
        let length = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn token(&mut self, token: &str, expected: &'static str) -> Result<(), TemplateError> {
        self.space();
        if !self.rest().starts_with(token) {
            return Err(self.malformed(expected));
        }
        self.at += token.len();
        Ok(())
    }

    fn string(&mut self) -> Result<&'t str, TemplateError> {
        let rest = self.rest();
        let Some(quote) = rest.chars().next().filter(|c| matches!(c, '\'' | '"')) else {
            return Err(self.malformed("a key in quotes"));
        };
        match rest[1..].find(['\n', quote]) {
            Some(length) if rest[1 + length..].starts_with(quote) => {
                self.at += length + 2;
                Ok(&rest[1..=length])
            }
            _ => Err(self.malformed("a closing quote")),
        }
    }

    /// From the opening braces to the character that does not fit.
    fn malformed(&self, expected: &'static str) -> TemplateError {
        let next = self.rest().chars().next().map_or(0, char::len_utf8);
        TemplateError::Malformed { range: self.open..self.at + next, expected }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        fill(text, |key| Ok::<_, ()>(format!("<{key}>"))).unwrap()
    }

    #[test]
    fn fills_vault_references() {
        assert_eq!(filled("{{ vault('a.b') }}"), "<a.b>");
        assert_eq!(filled("{{vault(\"a\")}}"), "<a>");
        assert_eq!(filled("x-{{ vault( 'a' ) }}-é{{vault('b')}}"), "x-<a>-é<b>");
        assert_eq!(filled("{{ vault('it\"s') }}"), "<it\"s>");
    }

    #[test]
    fn leaves_other_syntaxes_alone() {
        for text in ["${HOME} {$NAME} {a} } }} { {", "", "{$A{x", "%{x}"] {
            assert_eq!(filled(text), text);
        }
        assert_eq!(filled("docker ps --format '{{ '{{' }}.ID}}'"), "docker ps --format '{{.ID}}'");
    }

    #[test]
    fn a_value_is_not_a_template() {
        let value = |_: &str| Ok::<_, ()>("{{ vault('other') }}".to_owned());
        assert_eq!(fill("{{ vault('a') }}", value).unwrap(), "{{ vault('other') }}");
    }

    #[test]
    fn ranges_are_byte_offsets() {
        let text = "é {{ vault('a') }} {{vault('b')}}";
        let template = Template::parse(text).unwrap();
        let keys: Vec<_> = template.vault_keys().map(|(key, range)| (key, &text[range])).collect();
        assert_eq!(keys, [("a", "{{ vault('a') }}"), ("b", "{{vault('b')}}")]);
    }

    #[test]
    fn malformed_templates_say_where() {
        let wrong = |text: &str| {
            let error = Template::parse(text).unwrap_err();
            text[error.range()].to_owned()
        };
        assert_eq!(wrong("x {{ vault('a') "), "{{ vault('a') ");
        assert_eq!(wrong("{{ vault('a') } }"), "{{ vault('a') }");
        assert_eq!(wrong("{{ vault(a) }}"), "{{ vault(a");
        assert_eq!(wrong("{{ vault('a }}"), "{{ vault('");
        assert_eq!(wrong("{{ vault('a\n') }}"), "{{ vault('");
        assert_eq!(wrong("{{ vault 'a' }}"), "{{ vault '");
        assert_eq!(wrong("{{}}"), "{{}");
        assert_eq!(wrong("{{ .ID }}"), "{{ .");
        assert_eq!(wrong("{{ NAME }}"), "{{ NAME ");
        assert_eq!(wrong("a {{ env('HOME') }}"), "env");
        assert_eq!(wrong("{{ vault('') }}"), "''");
        assert_eq!(wrong("{{ vault('é"), "{{ vault('");
        assert_eq!(wrong("{{"), "{{");
    }
}
