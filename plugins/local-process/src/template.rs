//! Templates of configuration files.
//!
//! `{{NAME}}`, `{{ NAME }}` and `${NAME}` stand for declared variables. Everything else stays as it is:
//! configuration files have braces of their own, such as Caddy's `{$NAME}`. Values are put in as they are
//! and not looked at again.

use std::collections::{BTreeMap, BTreeSet};

/// A filled template.
#[derive(Debug, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// Declared variables that occur nowhere.
    pub unused: Vec<String>,
}

/// A vault template in the file itself: this plugin may read no vault keys, the host fills only YAML.
#[derive(Debug, PartialEq, Eq)]
pub struct VaultReference {
    /// Line, counted from 1.
    pub line: usize,
    /// What stands between the braces.
    pub expression: String,
}

/// Fills a template.
///
/// # Errors
///
/// It holds a `{{ vault('…') }}`.
pub fn render(template: &str, vars: &BTreeMap<String, String>) -> Result<Rendered, VaultReference> {
    let mut text = String::with_capacity(template.len());
    let mut used = BTreeSet::new();
    let mut rest = template;
    while let Some(start) = rest.find(['{', '$']) {
        text.push_str(&rest[..start]);
        rest = &rest[start..];
        if let Some(expression) = vault_reference(rest) {
            let line = 1 + template[..template.len() - rest.len()].matches('\n').count();
            return Err(VaultReference { line, expression: expression.to_owned() });
        }
        let placeholder =
            placeholder(rest).and_then(|(name, length)| Some((vars.get_key_value(name)?, length)));
        let length = if let Some(((name, value), length)) = placeholder {
            used.insert(name);
            text.push_str(value);
            length
        } else {
            text.push_str(&rest[..1]);
            1
        };
        rest = &rest[length..];
    }
    text.push_str(rest);
    let unused = vars.keys().filter(|name| !used.contains(name)).cloned().collect();
    Ok(Rendered { text, unused })
}

/// The name of the placeholder that the text starts with, and the length of the whole.
fn placeholder(text: &str) -> Option<(&str, usize)> {
    if let Some((inner, length)) = double_braces(text) {
        return Some((inner, length));
    }
    let inner = text.strip_prefix("${")?;
    let end = inner.find('}')?;
    Some((&inner[..end], end + 3))
}

fn vault_reference(text: &str) -> Option<&str> {
    let (inner, _) = double_braces(text)?;
    let arguments = inner.strip_prefix("vault")?.trim_start();
    arguments.starts_with('(').then_some(inner)
}

/// What stands between `{{` and `}}` on one line, and the length of the whole.
fn double_braces(text: &str) -> Option<(&str, usize)> {
    let inner = text.strip_prefix("{{")?;
    let end = inner.find("}}")?;
    let inner = &inner[..end];
    (!inner.contains('\n')).then_some((inner.trim(), end + 4))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(template: &str) -> String {
        let vars = [("PORT", "2020"), ("MAIL", "a@b.c"), ("NESTED", "{{PORT}}")];
        let vars = vars.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        render(template, &vars).expect("no vault reference").text
    }

    #[test]
    fn every_spelling_of_a_declared_variable_is_filled() {
        assert_eq!(filled("{{PORT}} {{ PORT }} ${PORT}{{MAIL}}"), "2020 2020 2020a@b.c");
        assert_eq!(filled("{{{PORT}}}"), "{2020}");
        assert_eq!(filled("${${PORT}}"), "${2020}");
    }

    #[test]
    fn everything_else_stays() {
        for text in [
            "",
            "{",
            "$",
            "{{",
            "${",
            "{{}}",
            "${}",
            "{$PORT}",
            "$PORT",
            "{PORT}",
            "{{ OTHER }}",
            "${OTHER}",
            "${ PORT }",
            "{{ PORT\n}}",
            "{{$PORT}}",
            "{$PORT:2020} {env.PORT} {{ .Site }}",
            "ünïcode {ß} $€",
        ] {
            assert_eq!(filled(text), text);
        }
    }

    #[test]
    fn values_are_not_looked_at_again() {
        assert_eq!(filled("{{NESTED}}"), "{{PORT}}");
    }

    #[test]
    fn unused_variables_are_named() {
        let vars = BTreeMap::from([("A".to_owned(), "1".to_owned()), ("B".to_owned(), "2".to_owned())]);
        assert_eq!(render("{{A}}", &vars).map(|rendered| rendered.unused), Ok(vec!["B".to_owned()]));
    }

    #[test]
    fn a_vault_reference_is_an_error_with_its_line() {
        let found = render("a\nb {{ vault('hosting.acme_email') }}", &BTreeMap::new());
        assert_eq!(found, Err(VaultReference { line: 2, expression: "vault('hosting.acme_email')".into() }));
    }
}
