//! Writing states into generated overlays: nothing else changes, and an independent reader agrees.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helper functions too")]

use std::str::FromStr as _;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value};
use ss_config::{edit_states, parse_str};

const KEYS: &[&str] =
    &["provider", "region", "no", "on", "1.10", "a b", "metadata", "x", "Ünï", "a:b", "~", "010"];
const TEXTS: &[&str] = &[
    "",
    "no",
    "on",
    "null",
    "~",
    "1.10",
    "010",
    "0x1f",
    "1e3",
    "12:30:45",
    "2026-04-27T12:00:00Z",
    "us-east-1",
    "a: b",
    "a #b",
    "#x",
    "- x",
    "[x",
    "{x",
    "*x",
    "&x",
    "!x",
    "|",
    "> x",
    "%x",
    "@x",
    "`x",
    "'x'",
    "\"x\"",
    "\\",
    "x\ny",
    "x\r\ny\n",
    "\t",
    " x ",
    "é😀",
    "\u{85}\u{2028}\u{feff}\u{7f}\0",
    "=",
    "<<",
    "...",
    "---",
    "y",
    "{{ vault('x') }}",
    "true",
    "Off",
];

fn json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<f64>().prop_map(|value| serde_json::Number::from_f64(value).map_or(Value::Null, Value::Number)),
        select(TEXTS).prop_map(Value::from),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..3).prop_map(Value::Array),
            vec((key(), inner), 0..4).prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
        ]
    })
}

fn key() -> impl Strategy<Value = String> {
    select(KEYS).prop_map(str::to_owned)
}

fn state() -> impl Strategy<Value = Value> {
    vec((key(), json()), 0..5).prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>()))
}

/// A value in YAML as people write it: its text behind the colon, given the indentation of its key.
type Writer = fn(usize) -> String;

const VALUES: &[Writer] = &[
    |_| " x".into(),
    |_| " 'a''b' # why".into(),
    |_| " \"a\\\"b\\u00e9\"".into(),
    |_| " no".into(),
    |_| " [1, 2, ] # list".into(),
    |_| " {a: 1, b: {c: ~}}".into(),
    |i| format!(" |\n{0}line\n{0}  more\n", " ".repeat(i + 2)),
    |i| format!(" |+\n{0}line\n\n\n", " ".repeat(i + 3)),
    |i| format!(" >-\n{0}folded\n{0}text\n\n", " ".repeat(i + 1)),
    |i| format!("\n{0}- a\n{0}# in a list\n{0}- b: c\n{0}  d: e", " ".repeat(i)),
    |i| format!(" &anchor{i}\n{0}a: 1\n\n{0}# comment\n{0}b: &in{i} 2", " ".repeat(i + 2)),
    |i| format!(" plain\n{0}on two lines", " ".repeat(i + 4)),
    |i| format!(" 'quoted\n\n{0}on three'", " ".repeat(i + 1)),
    |i| format!("\n{0}? explicit\n{0}: value", " ".repeat(i + 2)),
    |_| " {\n  # multi-line flow\n  a: [\n    1,\n  ],\n }".into(),
];

fn entries(indent: usize, keys: &'static [&'static str]) -> impl Strategy<Value = String> {
    let entry = (any::<bool>(), select(VALUES), 0..4_u8);
    vec(entry, keys.len()).prop_map(move |entries| {
        let mut text = String::new();
        for (key, (present, value, decoration)) in keys.iter().zip(entries) {
            let pad = " ".repeat(indent);
            match decoration {
                0 => text.push_str(&format!("{pad}# about {key}\n")),
                1 => text.push('\n'),
                _ => {}
            }
            if present {
                let value = value(indent);
                let end = if value.ends_with('\n') { "" } else { "\n" };
                text.push_str(&format!("{pad}{key}:{value}{end}"));
            }
        }
        text
    })
}

/// The `provision` of a service, or its absence, or an old state in it.
fn provision(indent: usize) -> impl Strategy<Value = String> {
    let pad = move |text: &str| text.replace('^', &" ".repeat(indent));
    (entries(indent + 2, &["plan", "env"]), 0..6_u8).prop_map(move |(options, kind)| match kind {
        0 => String::new(),
        1 => pad("^provision: {}\n"),
        2 => pad("^provision: {plan: x, env: {A: 1}} # flow\n"),
        3 => {
            pad("^provision: # options\n^  _state:\n^    old: |\n^      text\n^    # in it\n^    list: [1]\n")
                + &options
        }
        4 => pad("^provision:\n^  first: 1\n") + &options + &pad("^  # managed by ss\n^  _state: {old: 1}\n"),
        _ => pad("^provision:\n^  first: 1\n") + &options,
    })
}

fn overlay() -> impl Strategy<Value = String> {
    let service = |name: &'static str| {
        (provision(4), entries(4, &["target", "env"]), any::<bool>()).prop_map(
            move |(provision, rest, first)| {
                let body = if first { format!("{provision}{rest}") } else { format!("{rest}{provision}") };
                let empty = body.lines().all(|line| line.trim().is_empty() || line.trim().starts_with('#'));
                if empty { format!("  {name}: {{}}\n{body}") } else { format!("  {name}:\n{body}") }
            },
        )
    };
    let head = entries(0, &["version", "x-extra"]);
    let tail = entries(0, &["plugins", "y-extra"]);
    (head, service("api"), service("db"), tail, 0..8_u8).prop_map(|(head, api, db, tail, form)| {
        let text = match form {
            0 => format!("{head}{tail}"),
            1 => format!("---\n{head}services:\n{api}{db}{tail}"),
            _ => format!("{head}services:\n{api}{db}{tail}"),
        };
        match form {
            2 => text.replace('\n', "\r\n"),
            3 => format!("\u{feff}{text}"),
            4 => text.trim_end_matches('\n').to_owned(),
            5 => format!("{text}...\n"),
            _ => text,
        }
    })
}

/// What a text means, as JSON, with the states of these services taken out.
fn meaning(text: &str, services: &[&str]) -> Value {
    let parsed = parse_str(text.as_bytes());
    assert!(parsed.diagnostics.is_empty(), "{text}\n{:?}", parsed.diagnostics);
    let mut root = parsed.root.unwrap().to_json();
    if root.is_null() {
        root = Value::Object(Map::new());
    }
    let map = root.as_object_mut().unwrap();
    let all = map.entry("services").or_insert_with(|| Value::Object(Map::new()));
    if all.is_null() {
        *all = Value::Object(Map::new());
    }
    for id in services {
        let all = all.as_object_mut().unwrap();
        let Some(service) = all.get_mut(*id).and_then(Value::as_object_mut) else { continue };
        if let Some(provision) = service.get_mut("provision").and_then(Value::as_object_mut) {
            provision.remove("_state");
            if provision.is_empty() {
                service.remove("provision");
            }
        }
        if service.is_empty() {
            all.remove(*id);
        }
    }
    root
}

fn recorded(text: &str, service: &str) -> Option<Value> {
    let root = parse_str(text.as_bytes()).root?;
    Some(root.get("services")?.get(service)?.get("provision")?.get("_state")?.to_json())
}

/// The texts of a state as another YAML implementation reads them.
fn as_others_read(text: &str, service: &str) -> Option<yaml_edit::Mapping> {
    let document = yaml_edit::Document::from_str(text.trim_start_matches('\u{feff}')).ok()?;
    let path = ["services", service, "provision", "_state"];
    path.iter().try_fold(document.as_mapping()?, |map, key| map.get_mapping(*key))
}

/// Every line of `before` stands in `after`, in order; and `after` has no others but in one block.
fn one_block_was_added(before: &str, after: &str) -> bool {
    let common = before.bytes().zip(after.bytes()).take_while(|(a, b)| a == b).count();
    let rest = &before.as_bytes()[common..];
    // Where the inserted text begins like what follows it, the split may be later than the insertion.
    after.as_bytes().ends_with(rest)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_state_is_written_and_nothing_else(text in overlay(), state in state(), fresh in any::<bool>()) {
        let service = if fresh { "new" } else { "api" };
        let before = meaning(&text, &[service]);
        let after = edit_states(&text, &[(service, Some(&state))]).unwrap();

        prop_assert_eq!(meaning(&after, &[service]), before, "{}", after);
        prop_assert_eq!(recorded(&after, service), Some(state.clone()), "{}", after);
        prop_assert_eq!(&edit_states(&after, &[(service, Some(&state))]).unwrap(), &after, "a second write");
        if recorded(&text, service).is_none() {
            prop_assert!(one_block_was_added(&text, &after), "{}\n---\n{}", text, after);
            let removed = edit_states(&after, &[(service, None)]).unwrap();
            prop_assert_eq!(meaning(&removed, &[service]), meaning(&text, &[service]), "{}", removed);
        }
        let crlf = text.contains("\r\n");
        prop_assert!(!crlf || !after.replace("\r\n", "").contains('\n'), "mixed line ends");
    }

    #[test]
    fn several_states_at_once(text in overlay(), one in state(), two in state(), three in state()) {
        let changes = [("api", Some(&one)), ("new", Some(&two)), ("db", Some(&three))];
        let after = edit_states(&text, &changes).unwrap();
        for (service, state) in changes {
            prop_assert_eq!(recorded(&after, service), state.cloned());
        }
        prop_assert_eq!(meaning(&after, &["api", "new", "db"]), meaning(&text, &["api", "new", "db"]));
        let removed = edit_states(&after, &[("api", None), ("new", None), ("db", None)]);
        // Without the state between them, a `|+` text would take in the blank lines that follow: refused.
        let Ok(none) = removed else {
            prop_assert!(text.contains("|+"), "{:?}", removed);
            return Ok(());
        };
        for service in ["api", "new", "db"] {
            prop_assert_eq!(recorded(&none, service), None);
        }
        prop_assert_eq!(meaning(&none, &["api", "new", "db"]), meaning(&text, &["api", "new", "db"]));
    }

    #[test]
    fn another_reader_sees_the_same_texts(texts in vec((key(), select(TEXTS)), 1..5)) {
        let state: Map<_, _> = texts.iter().map(|(key, text)| (key.clone(), Value::from(*text))).collect();
        let after = edit_states("services:\n  api:\n    type: x\n", &[("api", Some(&Value::Object(state.clone())))]).unwrap();
        let seen = as_others_read(&after, "api").unwrap();
        for (key, text) in &state {
            let scalar = seen.get(key.as_str()).unwrap();
            prop_assert_eq!(scalar.as_scalar().unwrap().as_string(), text.as_str().unwrap(), "{}", after);
        }
    }

    /// Texts that are almost YAML: no panic, no damage, no silent change.
    #[test]
    fn anything_else_is_refused_or_right(text in "[a-c_: \\-\\n{}\\[\\]#&*|'\"<\t]{0,60}", cut in 0..400_usize, overlay in overlay()) {
        let state = serde_json::json!({"id": "x"});
        let mut mangled = overlay;
        let at = (0..=cut.min(mangled.len())).rev().find(|at| mangled.is_char_boundary(*at)).unwrap();
        mangled.insert_str(at, &text);
        if let Ok(after) = edit_states(&mangled, &[("api", Some(&state))]) {
            prop_assert_eq!(recorded(&after, "api"), Some(state));
            prop_assert_eq!(meaning(&after, &["api"]), meaning(&mangled, &["api"]));
        }
        let _ = edit_states(&mangled, &[("api", None), ("db", None)]);
    }
}
