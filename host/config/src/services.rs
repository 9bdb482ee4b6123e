//! Adding a service to `services:`, without touching any other byte.
//!
//! The new lines stand behind the last service, laid out as the file's own are. The result is read back before
//! it is returned: everything but the service must mean what it meant. Where that cannot be had (anchors, a text
//! whose blank lines count), the text stays as it is and the caller is told what to write by hand.

use serde_json::{Map, Value, json};

use crate::node::Node;
use crate::read::parse_str;
use crate::state::emit::Layout;
use crate::system::{NAME_RULE, is_name};

/// Key of the section.
const SECTION: &str = "services";

/// Why a service was not added.
#[derive(Debug, thiserror::Error)]
pub enum AddServiceError {
    /// The id is no name.
    #[error("`{}` is no id for a service: {NAME_RULE}", service.escape_debug())]
    Name {
        /// The id.
        service: String,
    },
    /// There is a service of this id, and it says something else.
    #[error("there is a service `{service}` already, and it says something else")]
    Present {
        /// The id.
        service: String,
    },
    /// The edit cannot be made without risk to what people wrote.
    #[error("`services:` cannot be edited safely")]
    Refused {
        /// What a person can put into the file by hand.
        patch: String,
    },
}

/// The text of a system's file with one service more; the same text if it is there already and says the same.
///
/// # Errors
/// [`AddServiceError`].
pub fn add_service(text: &str, id: &str, service: &Map<String, Value>) -> Result<String, AddServiceError> {
    if !is_name(id) {
        return Err(AddServiceError::Name { service: id.to_owned() });
    }
    let refused = || {
        let mut patch = format!("{SECTION}:\n");
        Layout { newline: "\n", step: 2 }.service(&mut patch, 2, id, service);
        AddServiceError::Refused { patch }
    };
    let before = parsed(text).ok_or_else(refused)?;
    if let Some(known) = before.get(SECTION).and_then(|services| services.get(id)) {
        let same = known.to_json() == Value::Object(service.clone());
        return if same {
            Ok(text.to_owned())
        } else {
            Err(AddServiceError::Present { service: id.to_owned() })
        };
    }
    let mut expected = before.to_json();
    if !expected[SECTION].is_object() {
        expected[SECTION] = json!({});
    }
    expected[SECTION][id] = Value::Object(service.clone());
    with_service(text, &before, id, service)
        .filter(|edited| parsed(edited).is_some_and(|root| root.to_json() == expected))
        .ok_or_else(refused)
}

fn with_service(text: &str, root: &Node, id: &str, service: &Map<String, Value>) -> Option<String> {
    let newline = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let spliced = |from: usize, until: usize, new: &str| {
        Some(format!("{}{new}{}", text.get(..from)?, text.get(until..)?))
    };
    let lines = |indent: usize, step: usize| {
        let mut lines = String::new();
        Layout { newline, step }.service(&mut lines, indent, id, service);
        lines
    };
    let ended = |at: usize| if at == 0 || text[..at].ends_with('\n') { "" } else { newline };
    let Some(section) = root.entry(SECTION) else {
        let at = text.len();
        return spliced(at, at, &format!("{}{SECTION}:{newline}{}", ended(at), lines(2, 2)));
    };
    let (start, end) = (section.value.span.start as usize, section.value.span.end as usize);
    let is_flow = text.get(start..)?.starts_with('{');
    match section.value.as_map().unwrap_or_default() {
        [] if is_flow => {
            let body = lines(2, 2);
            spliced(start, end, &format!("{newline}{}", body.strip_suffix(newline)?))
        }
        [] => {
            let at = line_end(text, section.key.span.end as usize);
            spliced(at, at, &format!("{}{}", ended(at), lines(2, 2)))
        }
        [.., last] if is_flow => {
            let at = last.value.span.end as usize;
            spliced(at, at, &format!(", {}: {}", json!(id), Value::Object(service.clone())))
        }
        [first, .., _] | [first] => {
            let entries = section.value.as_map()?;
            let last = entries.iter().max_by_key(|entry| entry.key.span.start)?;
            let indent = column(text, first.key.span.start as usize);
            let step = indent.checked_sub(column(text, section.key.span.start as usize))?;
            let end = last.value.span.end.max(last.key.span.end) as usize;
            let at = behind_comments(text, line_end(text, text.get(..end)?.trim_end().len()), indent);
            spliced(at, at, &format!("{}{}", ended(at), lines(indent, step.max(1))))
        }
    }
}

/// The line behind those comments that are indented as the services are, and so belong to them.
fn behind_comments(text: &str, mut at: usize, indent: usize) -> usize {
    loop {
        let line = &text[at..line_end(text, at)];
        let content = line.trim_start_matches(' ');
        if !content.starts_with('#') || line.len() - content.len() < indent {
            return at;
        }
        at += line.len();
    }
}

fn column(text: &str, at: usize) -> usize {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    at - start
}

fn line_end(text: &str, at: usize) -> usize {
    text[at..].find('\n').map_or(text.len(), |newline| at + newline + 1)
}

fn parsed(text: &str) -> Option<Node> {
    let parsed = parse_str(text.as_bytes());
    let errors = parsed.diagnostics.iter().any(crate::Diagnostic::is_error);
    parsed.root.filter(|root| !errors && root.as_map().is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> Map<String, Value> {
        let service = json!({
            "command": "python3 -m http.server 8080",
            "type": "process",
            "env": { "PORT": "8080", "DEBUG": "no" },
            "depends_on": ["db"],
            "provision": { "health_check": "http://127.0.0.1:8080/" },
        });
        service.as_object().unwrap().clone()
    }

    const LINES: &str = "  web:
    type: process
    command: \"python3 -m http.server 8080\"
    env:
      DEBUG: \"no\"
      PORT: \"8080\"
    depends_on:
      - \"db\"
    provision:
      health_check: \"http://127.0.0.1:8080/\"
";

    #[test]
    fn stands_behind_the_last_service_and_changes_no_other_byte() {
        for (before, rest) in [
            ("services:\n  db:\n    type: x   # keep  me\n", ""),
            ("# top\nname: a\nservices:\n  db: {type: x}\n  # of db\n", "\n# the end\nplugins: {}\n"),
            ("services:\n", "name: a\n"),
            ("services:\n  db:\n    command: |\n      one\n      two\n", ""),
        ] {
            let added = add_service(&format!("{before}{rest}"), "web", &service()).unwrap();
            assert_eq!(added, format!("{before}{LINES}{rest}"));
            assert_eq!(
                add_service(&added, "web", &service()).unwrap(),
                added,
                "a second time changes nothing"
            );
        }
        assert_eq!(
            add_service("name: a", "web", &service()).unwrap(),
            format!("name: a\nservices:\n{LINES}")
        );
        assert_eq!(
            add_service("services: {}\nname: a\n", "web", &service()).unwrap(),
            format!("services: \n{LINES}name: a\n")
        );
    }

    #[test]
    fn follows_the_layout_of_the_file() {
        let wide = add_service("services:\n    db:\n        type: x\n", "web", &service()).unwrap();
        assert!(wide.contains("\n    web:\n        type: process\n"), "{wide}");
        let flow = add_service("services: {db: {type: x}}\n", "web", &service()).unwrap();
        assert!(flow.starts_with("services: {db: {type: x}, \"web\": {"), "{flow}");
        let windows = add_service("services:\r\n  db: {}\r\n", "web", &service()).unwrap();
        assert_eq!(windows.matches('\n').count(), windows.matches("\r\n").count());
    }

    #[test]
    fn what_cannot_be_edited_safely_comes_with_lines_to_write_by_hand() {
        for text in
            ["services: [\n", "a: &s\n  db: {}\nservices: *s\n", "services:\n  db: {}\n...\n---\nb: 1\n"]
        {
            let error = add_service(text, "web", &service()).unwrap_err();
            let AddServiceError::Refused { patch } = &error else { panic!("{error}: {text}") };
            assert_eq!(*patch, format!("services:\n{LINES}"));
        }
        let other = add_service("services:\n  web: {type: y}\n", "web", &service());
        assert!(matches!(other, Err(AddServiceError::Present { .. })));
        let evil = add_service("services: {}\n", "web: {}\nplugins", &service());
        assert!(matches!(evil, Err(AddServiceError::Name { .. })));
    }
}
