//! Adding an entry to `plugins:` and taking one out, without touching any other byte.
//!
//! The edit is whole lines of text at a place that the parser has named. It is read back before it is
//! written: everything but the entry must mean what it meant. Where that cannot be had (flow style, anchors),
//! the file stays as it is and the caller is told what to write by hand.

use std::path::Path;

use serde_json::{Value, json};
use ss_durable::FileError;

use crate::load::{ReadError, read_capped};
use crate::node::Node;
use crate::read::parse_str;

/// Key of the section.
const SECTION: &str = "plugins";

/// Why `plugins:` was not edited. The file is as it was.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// The section has an entry of this name already.
    #[error("`plugins:` of `{file}` has `{name}` already")]
    Present {
        /// The file.
        file: String,
        /// The plugin.
        name: String,
    },
    /// The edit cannot be made without risk to what people wrote.
    #[error("`plugins:` of `{file}` cannot be edited safely")]
    Refused {
        /// The file.
        file: String,
        /// What a person can put into the file by hand.
        patch: String,
    },
    /// The file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Adds `plugins.<name>` with these fields, in this order.
///
/// # Errors
/// [`EditError`].
pub fn add_plugin(file: &Path, name: &str, fields: &[(&str, &str)]) -> Result<(), EditError> {
    let text = read(file)?;
    let shown = file.display().to_string();
    let refused = || EditError::Refused { file: shown.clone(), patch: patch(name, fields) };
    let before = parsed(&text).ok_or_else(refused)?;
    let section = before.get(SECTION);
    if section.is_some_and(|section| section.get(name).is_some()) {
        return Err(EditError::Present { file: shown, name: name.to_owned() });
    }
    let mut expected = before.to_json();
    let entry: serde_json::Map<_, _> =
        fields.iter().map(|(key, value)| ((*key).to_owned(), json!(value))).collect();
    if !expected[SECTION].is_object() {
        expected[SECTION] = json!({});
    }
    expected[SECTION][name] = Value::Object(entry);
    let edited = with_entry(&text, &before, name, fields);
    let edited = edited.filter(|edited| means(edited, &expected)).ok_or_else(refused)?;
    Ok(ss_durable::replace(file, edited.as_bytes())?)
}

/// Takes `plugins.<name>` out. Whether it was there.
///
/// # Errors
/// [`EditError`].
pub fn remove_plugin(file: &Path, name: &str) -> Result<bool, EditError> {
    let text = read(file)?;
    let refused = || EditError::Refused { file: file.display().to_string(), patch: String::new() };
    let before = parsed(&text).ok_or_else(refused)?;
    let Some(section) = before.get(SECTION).filter(|section| section.get(name).is_some()) else {
        return Ok(false);
    };
    let mut expected = before.to_json();
    if let Some(entries) = expected[SECTION].as_object_mut() {
        entries.remove(name);
    }
    let alone = section.as_map().is_some_and(|entries| entries.len() == 1);
    if alone && let Some(top) = expected.as_object_mut() {
        top.remove(SECTION);
    }
    let (parent, key) = if alone { (&before, SECTION) } else { (section, name) };
    let edited = without_entry(&text, parent, key);
    let edited = edited.filter(|edited| means(edited, &expected)).ok_or_else(refused)?;
    ss_durable::replace(file, edited.as_bytes())?;
    Ok(true)
}

/// What stands in the file for such an entry.
fn patch(name: &str, fields: &[(&str, &str)]) -> String {
    format!("{SECTION}:\n{}", lines(name, fields, "  ", "\n"))
}

fn lines(name: &str, fields: &[(&str, &str)], indent: &str, newline: &str) -> String {
    let mut text = format!("{indent}{name}:{newline}");
    for (key, value) in fields {
        // JSON's strings are strings of YAML too.
        text.push_str(&format!("{indent}  {key}: {}{newline}", json!(value)));
    }
    text
}

fn with_entry(text: &str, root: &Node, name: &str, fields: &[(&str, &str)]) -> Option<String> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let Some(section) = root.entry(SECTION) else {
        let gap = if text.is_empty() || text.ends_with('\n') { "" } else { newline };
        return Some(format!("{text}{gap}{SECTION}:{newline}{}", lines(name, fields, "  ", newline)));
    };
    let (at, indent) = match section.value.as_map().and_then(<[_]>::first) {
        Some(first) => {
            let at = line_start(text, first.key.span.start as usize);
            (at, text.get(at..first.key.span.start as usize)?)
        }
        None => (line_end(text, section.key.span.end as usize), "  "),
    };
    let gap = if text[..at].ends_with('\n') { "" } else { newline };
    Some(format!("{}{gap}{}{}", &text[..at], lines(name, fields, indent, newline), &text[at..]))
}

/// The text without the lines of an entry: from its key to the next one, or to the end of its value.
fn without_entry(text: &str, parent: &Node, key: &str) -> Option<String> {
    let entries = parent.as_map()?;
    let at = entries.iter().position(|entry| entry.key.value == key)?;
    let entry = &entries[at];
    let from = line_start(text, entry.key.span.start as usize);
    let until = match entries.get(at + 1) {
        Some(next) if next.key.span.source == entry.key.span.source => {
            line_start(text, next.key.span.start as usize)
        }
        _ => {
            let end = (entry.value.span.end).max(entry.key.span.end) as usize;
            line_end(text, text.get(..end)?.trim_end().len())
        }
    };
    Some(format!("{}{}", text.get(..from)?, text.get(until..)?))
}

fn line_start(text: &str, at: usize) -> usize {
    text[..at].rfind('\n').map_or(0, |newline| newline + 1)
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

fn parsed(text: &str) -> Option<Node> {
    let parsed = parse_str(text.as_bytes());
    let errors = parsed.diagnostics.iter().any(crate::Diagnostic::is_error);
    parsed.root.filter(|root| !errors && root.as_map().is_some())
}

fn means(text: &str, expected: &Value) -> bool {
    parsed(text).is_some_and(|root| root.to_json() == *expected)
}

fn read(file: &Path) -> Result<String, EditError> {
    let refused = || EditError::Refused { file: file.display().to_string(), patch: String::new() };
    match read_capped(file) {
        Ok(bytes) => String::from_utf8(bytes).map_err(|_| refused()),
        Err(ReadError::TooLarge) => Err(refused()),
        Err(ReadError::Io(error)) => Err(FileError::new("read", file, error).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &[(&str, &str)] = &[("version", "^1.2"), ("registry", "acme")];

    fn added(text: &str) -> Result<String, EditError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        add_plugin(file.path(), "acme/tunnel", FIELDS)?;
        Ok(std::fs::read_to_string(file.path()).unwrap())
    }

    fn removed(text: &str, name: &str) -> Result<Option<String>, EditError> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let gone = remove_plugin(file.path(), name)?;
        Ok(gone.then(|| std::fs::read_to_string(file.path()).unwrap()))
    }

    #[test]
    fn is_added_wherever_there_is_a_place() {
        let entry = "  acme/tunnel:\n    version: \"^1.2\"\n    registry: \"acme\"\n";
        for (before, after) in [
            ("services: {}\n", format!("services: {{}}\nplugins:\n{entry}")),
            ("services: {} # x", format!("services: {{}} # x\nplugins:\n{entry}")),
            ("plugins:\nservices: {}\n", format!("plugins:\n{entry}services: {{}}\n")),
            (
                "plugins: # ours\n  # fast\n  neon: {}\n\nservices: {}\n",
                format!("plugins: # ours\n  # fast\n{entry}  neon: {{}}\n\nservices: {{}}\n"),
            ),
            (
                "services: {}\nplugins:\n    neon:\n        endpoint: x\n",
                "services: {}\nplugins:\n    acme/tunnel:\n      version: \"^1.2\"\n      registry: \"acme\"\n    neon:\n        endpoint: x\n".to_owned(),
            ),
        ] {
            assert_eq!(added(before).unwrap(), after);
            // And out again, which leaves what was there.
            let back = removed(&after, "acme/tunnel").unwrap().unwrap();
            assert!(parsed(&back).unwrap().get("services").is_some());
            assert!(!back.contains("tunnel") && !back.contains("registry"), "{back}");
        }
        let windows = added("services: {}\r\n").unwrap();
        assert!(windows.lines().count() == 5 && windows.matches("\r\n").count() == 5, "{windows:?}");
    }

    #[test]
    fn what_cannot_be_edited_safely_stays_with_lines_to_write_by_hand() {
        for text in [
            "{services: {}}\n",
            "plugins: {neon: {}}\nservices: {}\n",
            "services: {}\n...\n",
            "services: [\n",
            "plugins: &p\n  neon: {}\nservices: {}\nx: *p\n",
        ] {
            let error = added(text).unwrap_err();
            let EditError::Refused { patch, .. } = &error else { panic!("{error}: {text}") };
            assert_eq!(patch, "plugins:\n  acme/tunnel:\n    version: \"^1.2\"\n    registry: \"acme\"\n");
        }
        assert!(matches!(added("plugins:\n  acme/tunnel:\n"), Err(EditError::Present { .. })));
    }

    #[test]
    fn is_removed_with_its_lines_only() {
        let text =
            "plugins:\n  a:\n    version: '1' # one\n  # of b\n  b:\n  c: {path: x}\n# end\nservices: {}\n";
        assert_eq!(
            removed(text, "c").unwrap().unwrap(),
            "plugins:\n  a:\n    version: '1' # one\n  # of b\n  b:\n# end\nservices: {}\n"
        );
        assert_eq!(
            removed(text, "b").unwrap().unwrap(),
            "plugins:\n  a:\n    version: '1' # one\n  # of b\n  c: {path: x}\n# end\nservices: {}\n"
        );
        assert_eq!(removed(text, "d").unwrap(), None);
        assert_eq!(removed("services: {}\nplugins:\n  a: {}\n", "a").unwrap().unwrap(), "services: {}\n");
    }
}
