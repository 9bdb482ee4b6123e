//! Writing states: hand-picked overlays.

#![expect(clippy::unwrap_used, reason = "a test may panic, in its helper functions too")]

use serde_json::{Value, json};
use ss_config::{StateError, Written, edit_states, remove_state, write_state, write_states};

fn state() -> Value {
    json!({"provider": "neon", "resourceId": "res_1", "provisionedAt": "2026-04-27T12:00:00Z",
           "region": "us-east-1", "metadata": {"version": "1.10", "on": "no", "list": [1, "a"], "empty": {}}})
}

fn set(text: &str) -> String {
    edit_states(text, &[("api", Some(&state()))]).unwrap()
}

fn remove(text: &str) -> String {
    edit_states(text, &[("api", None)]).unwrap()
}

fn refusal(text: &str, change: Option<&Value>) -> String {
    match edit_states(text, &[("api", change)]).unwrap_err() {
        StateError::Refused { reason, patch, .. } => {
            assert_eq!(patch.is_empty(), change.is_none(), "{patch}");
            reason
        }
        other => panic!("{other}"),
    }
}

/// The block with `indent` spaces before `_state`.
fn block(indent: usize, step: usize) -> String {
    let lines = [
        (0, "# managed by ss"),
        (0, "_state:"),
        (1, "provider: neon"),
        (1, "resourceId: res_1"),
        (1, "provisionedAt: \"2026-04-27T12:00:00Z\""),
        (1, "region: us-east-1"),
        (1, "metadata:"),
        (2, "empty: {}"),
        (2, "list:"),
        (3, "- 1"),
        (3, "- \"a\""),
        (2, "\"on\": \"no\""),
        (2, "version: \"1.10\""),
    ];
    lines.iter().map(|(level, line)| format!("{}{line}\n", " ".repeat(indent + level * step))).collect()
}

#[test]
fn is_written_as_documented() {
    let before = "# prod\nservices:\n  api:\n    provision:\n      plan: x # small\n";
    assert_eq!(set(before), format!("{before}{}", block(6, 2)));
}

#[test]
fn makes_what_is_missing() {
    let indented = |text: &str| format!("{text}    provision:\n{}", block(6, 2));
    assert_eq!(set(""), indented("services:\n  api:\n"));
    assert_eq!(set("# only a comment"), indented("# only a comment\nservices:\n  api:\n"));
    assert_eq!(set("---\n"), indented("---\nservices:\n  api:\n"));
    assert_eq!(set("version: \"2\"\n"), indented("version: \"2\"\nservices:\n  api:\n"));
    assert_eq!(set("services:\n  # none yet\n"), indented("services:\n  # none yet\n  api:\n"));
    assert_eq!(set("services: # none\n"), indented("services: # none\n  api:\n"));
    assert_eq!(set("services:\n  db:\n    type: x"), indented("services:\n  db:\n    type: x\n  api:\n"));
    let with_target = "services:\n  api:\n    target:\n      type: fly\n";
    assert_eq!(set(with_target), indented(with_target));
}

#[test]
fn stays_before_what_follows() {
    let before = "services:\n  api:\n    provision:\n      a: |+\n        x\n\n    # about target\n    target: {type: fly}\n  # about db\n  db: {type: x}\n...\n";
    let at = before.find("    # about target").unwrap();
    assert_eq!(set(before), format!("{}{}{}", &before[..at], block(6, 2), &before[at..]));

    let before = "services:\n    api:\n        type: x\n        # of api\n    # of services\n\n    # of db\n    db: {}\nname: x\n";
    let at = before.find("    # of services").unwrap();
    assert_eq!(
        set(before),
        format!("{}        provision:\n{}{}", &before[..at], block(12, 4), &before[at..])
    );
}

#[test]
fn keeps_line_ends_and_byte_order_mark() {
    let before = "\u{feff}services:\r\n  api:\r\n    type: x\r\n  db: {}\r\n";
    let at = before.find("  db").unwrap();
    let added = format!("    provision:\n{}", block(6, 2)).replace('\n', "\r\n");
    assert_eq!(set(before), format!("{}{added}{}", &before[..at], &before[at..]));
    assert_eq!(set("\u{feff}"), format!("\u{feff}services:\n  api:\n    provision:\n{}", block(6, 2)));
    // Removing it again gives the file back.
    assert_eq!(remove(&set(before)), before);
}

#[test]
fn flow_style_stays() {
    let json = r#""_state": {"provider": "neon", "resourceId": "res_1", "provisionedAt": "2026-04-27T12:00:00Z", "region": "us-east-1", "metadata": {"empty": {}, "list": [1, "a"], "on": "no", "version": "1.10"}}"#;
    assert_eq!(
        set("{\n  services: {\n    api: {provision: {plan: x, }, },\n  },\n}\n"),
        format!("{{\n  services: {{\n    api: {{provision: {{plan: x, {json}, }}, }},\n  }},\n}}\n")
    );
    assert_eq!(set("services: {}\n"), format!("services: {{\"api\": {{\"provision\": {{{json}}}}}}}\n"));
    let before = "services:\n  api:\n    provision: {} # none\n  db: {}\n";
    let after = format!("services:\n  api:\n    provision: {{{json}}} # none\n  db: {{}}\n");
    assert_eq!(set(before), after);
    assert_eq!(remove(&after), before);
    for (before, after) in [
        ("services: {api: {provision: {a: 1, _state: {b: 1}}}}", "services: {api: {provision: {a: 1}}}"),
        ("services: {api: {provision: {_state: {b: 1}, a: 1}}}", "services: {api: {provision: {a: 1}}}"),
        (
            "services: {api: {provision: {c: 0, _state: {}, a: 1}}}",
            "services: {api: {provision: {c: 0, a: 1}}}",
        ),
    ] {
        assert_eq!(remove(before), after);
    }
}

#[test]
fn replaces_in_place() {
    let old =
        "  _state: # mine\n        provider: old # x\n        # in it\n        metadata: {a: [1, 2]} # y\n";
    let before = format!("services:\n  api:\n    provision:\n    {old}      plan: x # z\n  db: {{}}\n");
    let after = set(&before);
    let new = block(6, 2).replace("      # managed by ss\n", "");
    assert_eq!(after, format!("services:\n  api:\n    provision:\n{new}      plan: x # z\n  db: {{}}\n"));

    for value in ["", " null", " |\n        x", " x", " 'a\n        b'"] {
        let before = format!("services:\n  api:\n    provision:\n      _state:{value}\n      plan: x\n");
        assert_eq!(
            set(&before),
            format!("services:\n  api:\n    provision:\n{new}      plan: x\n"),
            "{value}"
        );
    }
    let flow = "services:\n  api:\n    provision:\n      _state: {a: 1} # c\n";
    let after = set(flow);
    assert!(
        after.starts_with("services:\n  api:\n    provision:\n      _state: {\"provider\": \"neon\""),
        "{after}"
    );
    assert!(after.ends_with("}} # c\n"), "{after}");
}

#[test]
fn the_same_state_changes_nothing_however_it_is_written() {
    let before = "services: {api: {provision: {_state: {b: 1, a: 'x'}}}} # mine\n";
    assert_eq!(edit_states(before, &[("api", Some(&json!({"a": "x", "b": 1})))]).unwrap(), before);
    let once = set("services:\n");
    assert_eq!(set(&once), once);
    assert_eq!(remove("name: x\n"), "name: x\n");
}

#[test]
fn removing_leaves_no_null_behind() {
    // All ours: everything goes. `services:` alone is no null that removes.
    assert_eq!(remove(&set("services:\n")), "services:\n");
    let with_target = "services:\n  api:\n    target: {type: fly}\n";
    assert_eq!(remove(&set(with_target)), with_target);
    // A person's comment stays, and the key with it.
    let before =
        "services:\n  api:\n    provision: # why\n      # managed by ss\n      _state: {a: 1}\n  db: {}\n";
    assert_eq!(remove(before), "services:\n  api:\n    provision: {} # why\n  db: {}\n");
    let before = "services:\n  api:\n    # why\n    provision:\n      _state: {a: 1} # x\n  db: {}\n";
    assert_eq!(remove(before), "services:\n  api: {}\n    # why\n  db: {}\n");
    // The second place.
    let before = "services:\n  api:\n    type: x\n    _state: {a: 1}\n    provision:\n      b: 1\n      _state:\n        a: 1\n";
    assert_eq!(remove(before), "services:\n  api:\n    type: x\n    provision:\n      b: 1\n");
    assert_eq!(remove("services:\n  api:\n    _state:\n      a: 1\n  db: {}\n"), "services:\n  db: {}\n");
}

#[test]
fn several_at_once() {
    let before = "services:\n  a:\n    provision:\n      _state: {x: 1}\n      y: 1\n  b:\n    type: x\n  c:\n    type: x";
    let (one, two) = (json!({"id": 1}), json!({"id": 2}));
    let changes =
        [("a", None), ("new", Some(&one)), ("c", Some(&two)), ("b", Some(&one)), ("123", Some(&two))];
    let after = edit_states(before, &changes).unwrap();
    let managed =
        |id: u8| format!("    provision:\n      # managed by ss\n      _state:\n        id: {id}\n");
    assert_eq!(
        after,
        format!(
            "services:\n  a:\n    provision:\n      y: 1\n  b:\n    type: x\n{}  c:\n    type: x\n{}  \"123\":\n{}  new:\n{}",
            managed(1),
            managed(2),
            managed(2),
            managed(1)
        )
    );
}

#[test]
fn anchors_elsewhere_are_kept_and_shared_states_refused() {
    let before = "x-a: &a {k: v}\nservices:\n  api:\n    provision:\n      <<: *a\n      p: *a\n";
    assert_eq!(set(before), format!("{before}{}", block(6, 2)));
    for shared in [
        "services: {api: {provision: {_state: &s {a: 1}}}, db: *s}",
        "x: &x {a: 1}\nservices: {api: {provision: {_state: *x}}}",
        "x: &x {a: 1}\nservices: {api: {provision: {_state: {<<: *x}}}}",
        "x: &x 1\nservices: {api: {provision: {_state: {a: [*x]}}}}",
    ] {
        for change in [Some(&state()), None] {
            let reason = refusal(shared, change);
            assert!(reason.contains("`_state` has an anchor, an alias or `<<` in it"), "{reason}");
        }
    }
}

#[test]
fn refuses_what_cannot_be_edited_safely() {
    let cases = [
        ("a: 1\n---\nb: 1\n", "more than one YAML document"),
        ("services: {api: {a: 1, a: 2}}", "stands twice"),
        ("services: [", "not valid YAML"),
        ("services:\n  api:\n", "line 2: the service is null there"),
        ("services:\n  api:\n    provision:\n    target: {}\n", "line 3: `provision` is null there"),
        ("services:\n  api: ~\n", "no map stands where the state belongs"),
        ("x: &x {}\nservices:\n  api: *x\n", "an alias stands where the state belongs"),
        ("services: 3\n", "no map stands where the state belongs"),
        ("- 1\n", "no map stands"),
        // Written through an anchor, it would show up in the other service too.
        ("services:\n  api: &s\n    type: x\n  db: *s\n", "would change what the file means"),
        // A merge would be overridden by an entry of its own.
        ("x: &x {api: {type: x}}\nservices:\n  <<: *x\n", "would change what the file means"),
        ("---\n...\n", "ended (`...`)"),
    ];
    for (text, reason) in cases {
        let refused = refusal(text, Some(&state()));
        assert!(refused.contains(reason), "{text:?}: {refused}");
    }
    assert!(matches!(edit_states("", &[("a b", Some(&state()))]), Err(StateError::Invalid { .. })));
    assert!(matches!(edit_states("", &[("a", Some(&json!(1)))]), Err(StateError::Invalid { .. })));
}

#[test]
fn the_error_holds_what_a_person_can_put_in() {
    let error = edit_states("- 1\n", &[("api", Some(&state()))]).unwrap_err();
    let StateError::Refused { patch, .. } = error else { panic!("{error}") };
    assert_eq!(patch, format!("services:\n  api:\n    provision:\n{}", block(6, 2)));
}

#[test]
fn files_are_replaced_whole_or_not_at_all() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("starsystem.prod.yaml");
    assert_eq!(write_state(&file, "api", &state()).unwrap(), Written::NoOverlay);
    assert!(!file.exists(), "an overlay is never made");

    std::fs::write(&file, "services: {}\n").unwrap();
    assert_eq!(write_state(&file, "api", &state()).unwrap(), Written::Changed);
    let written = std::fs::read_to_string(&file).unwrap();
    assert_eq!(written, set("services: {}\n"));
    let modified = std::fs::metadata(&file).unwrap().modified().unwrap();
    assert_eq!(write_states(&file, &[("api", Some(&state()))]).unwrap(), Written::Unchanged);
    assert_eq!(std::fs::metadata(&file).unwrap().modified().unwrap(), modified);
    assert_eq!(remove_state(&file, "api").unwrap(), Written::Changed);

    std::fs::write(&file, b"a: \xff\n").unwrap();
    let error = write_state(&file, "api", &state()).unwrap_err().to_string();
    assert!(error.contains("starsystem.prod.yaml`: it is not UTF-8"), "{error}");
    assert_eq!(std::fs::read(&file).unwrap(), b"a: \xff\n");
}
