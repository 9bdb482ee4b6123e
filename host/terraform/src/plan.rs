//! Terraform's plan, as `terraform show -json` has it, in the contract's terms.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Map, Value};
use ss_provider::{Action, Change, Failure, FailureKind, Plan};

/// What stands for a value that Terraform knows only after the apply.
const LATER: &str = "(known after apply)";

#[derive(Deserialize)]
struct Document {
    /// Without it, this is none of Terraform's documents.
    format_version: String,
    #[serde(default)]
    resource_changes: Vec<ResourceChange>,
    #[serde(default)]
    resource_drift: Vec<ResourceChange>,
    #[serde(default)]
    output_changes: BTreeMap<String, Difference>,
}

#[derive(Deserialize)]
struct ResourceChange {
    address: String,
    #[serde(default)]
    mode: String,
    change: Difference,
}

#[derive(Deserialize)]
struct Difference {
    actions: Vec<String>,
    #[serde(default)]
    before: Value,
    #[serde(default)]
    after: Value,
    #[serde(default)]
    after_unknown: Value,
    #[serde(default)]
    before_sensitive: Value,
    #[serde(default)]
    after_sensitive: Value,
}

/// How many resources something would be done to.
#[derive(Default)]
struct Counts {
    add: usize,
    change: usize,
    destroy: usize,
}

/// What an apply would do. `exists`: an earlier one was recorded.
///
/// # Errors
/// If this is no plan.
pub(crate) fn plan(text: &[u8], exists: bool) -> Result<Plan, Failure> {
    let document = read(text)?;
    let (mut counts, mut changes) = (Counts::default(), Vec::new());
    let resources = document.resource_changes.iter().filter(|resource| resource.mode != "data");
    for ResourceChange { address, change, .. } in resources {
        counts.take(&change.actions);
        changes.extend(changes_of(address, change));
    }
    for (name, change) in &document.output_changes {
        changes.extend(changes_of(&format!("output.{name}"), change));
    }
    let resources = counts.add + counts.change + counts.destroy;
    let action = match (exists, resources + changes.len()) {
        (false, _) => Action::Create,
        (true, 0) => Action::Nothing,
        (true, _) => Action::Update,
    };
    let detail = match (action, resources) {
        (Action::Nothing, _) => "as described".to_owned(),
        (_, 0) => "outputs only".to_owned(),
        _ => format!("{} to add, {} to change, {} to destroy", counts.add, counts.change, counts.destroy),
    };
    Ok(Plan { action, detail, changes })
}

/// What is otherwise than Terraform left it: `before` as it is now, `after` as it was left.
///
/// # Errors
/// If this is no plan.
pub(crate) fn drift(text: &[u8]) -> Result<Vec<Change>, Failure> {
    let document = read(text)?;
    let turned = document.resource_drift.iter().flat_map(|resource| {
        let gone = resource.change.actions.iter().any(|action| action == "delete");
        let changes = if gone {
            vec![whole(&resource.address, "exists", "gone")]
        } else {
            changes_of(&resource.address, &resource.change)
        };
        changes.into_iter().map(|change| Change { before: change.after, after: change.before, ..change })
    });
    Ok(turned.collect())
}

fn read(text: &[u8]) -> Result<Document, Failure> {
    let unreadable =
        |why: &str| Failure::new(FailureKind::Internal, format!("Terraform's plan cannot be read: {why}"));
    let document: Document = serde_json::from_slice(text).map_err(|error| unreadable(&error.to_string()))?;
    match document.format_version.split('.').next() {
        Some("0" | "1") => Ok(document),
        _ => Err(unreadable(&format!("its form is {}", document.format_version))),
    }
}

impl Counts {
    fn take(&mut self, actions: &[String]) {
        for action in actions {
            match action.as_str() {
                "create" => self.add += 1,
                "update" => self.change += 1,
                "delete" => self.destroy += 1,
                _ => {}
            }
        }
    }
}

/// The changes of a resource or an output: field by field where it is changed in place.
fn changes_of(address: &str, change: &Difference) -> Vec<Change> {
    let has = |action: &str| change.actions.iter().any(|other| other == action);
    match (has("create"), has("delete"), has("update")) {
        (true, true, _) => {
            let mut changes = fields(address, change);
            changes.insert(0, whole(address, "exists", "deleted and made anew"));
            changes
        }
        (true, false, _) => vec![Change { before: None, ..whole(address, "", "created") }],
        (false, true, _) => vec![whole(address, "exists", "deleted")],
        (false, false, true) => fields(address, change),
        (false, false, false) => Vec::new(),
    }
}

fn whole(address: &str, before: &str, after: &str) -> Change {
    let text = |text: &str| Some(Value::String(text.to_owned()));
    Change { field: address.to_owned(), before: text(before), after: text(after), sensitive: false }
}

fn fields(address: &str, change: &Difference) -> Vec<Change> {
    let mut found = Vec::new();
    let sides = Sides {
        before: &change.before,
        after: &change.after,
        unknown: &change.after_unknown,
        hidden: [&change.before_sensitive, &change.after_sensitive],
    };
    differences(address, sides, &mut found);
    found
}

/// A value on both sides of a change, with Terraform's marks for it.
#[derive(Clone, Copy)]
struct Sides<'a> {
    before: &'a Value,
    after: &'a Value,
    unknown: &'a Value,
    hidden: [&'a Value; 2],
}

/// Walks as deep as both sides are maps; JSON that deep is refused when it is read.
fn differences(field: &str, sides: Sides<'_>, found: &mut Vec<Change>) {
    let Sides { before, after, unknown, hidden } = sides;
    let later = *unknown == Value::Bool(true);
    if before == after && !later {
        return;
    }
    // A mark on a part of a list hides the whole list, which is shown as one.
    let whole_is_hidden = hidden.contains(&&Value::Bool(true));
    if let (false, Value::Object(old), Value::Object(new)) = (whole_is_hidden || later, before, after) {
        let expected = unknown.as_object().into_iter().flat_map(Map::keys);
        let mut names: Vec<&String> = old.keys().chain(new.keys()).chain(expected).collect();
        names.sort();
        names.dedup();
        for name in names {
            let part = |value: &'_ Value| value.get(name).cloned().unwrap_or(Value::Null);
            let (before, after, unknown) = (part(before), part(after), part(unknown));
            let hidden = hidden.map(part);
            // What the provider itself works out anew says nothing.
            if unknown == Value::Bool(true) && after.is_null() && !before.is_null() {
                continue;
            }
            let sides =
                Sides { before: &before, after: &after, unknown: &unknown, hidden: [&hidden[0], &hidden[1]] };
            differences(&format!("{field}.{name}"), sides, found);
        }
        return;
    }
    let sensitive = hidden.iter().any(|mark| marks_anything(mark));
    let value = |value: &Value| (!sensitive && !value.is_null()).then(|| value.clone());
    let after = if later { Some(Value::String(LATER.to_owned())) } else { value(after) };
    found.push(Change { field: field.to_owned(), before: value(before), after, sensitive });
}

fn marks_anything(mark: &Value) -> bool {
    match mark {
        Value::Bool(hidden) => *hidden,
        Value::Array(parts) => parts.iter().any(marks_anything),
        Value::Object(parts) => parts.values().any(marks_anything),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn resource(address: &str, change: &Value) -> Value {
        json!({ "address": address, "mode": "managed", "change": change })
    }

    fn plan_of(text: &str) -> Result<Plan, Failure> {
        plan(text.as_bytes(), true)
    }

    fn planned(resources: &[Value], exists: bool) -> Plan {
        plan(json!({ "format_version": "1.2", "resource_changes": resources }).to_string().as_bytes(), exists)
            .unwrap()
    }

    #[test]
    fn what_changes_is_named_field_by_field_and_secrets_are_not_shown() {
        let change = json!({
            "actions": ["update"],
            "before": { "id": "1", "tags": { "a": "x", "b": "y" }, "password": "old", "arn": "z", "list": [{"k": 1}] },
            "after": { "id": "1", "tags": { "a": "x", "b": "w" }, "password": "new", "list": [{"k": 2}] },
            "after_unknown": { "arn": true, "version": true },
            "before_sensitive": { "password": true }, "after_sensitive": { "list": [{ "k": true }] },
        });
        let plan = planned(&[resource("aws.a", &change)], true);
        assert_eq!(
            (plan.action, plan.detail.as_str()),
            (Action::Update, "0 to add, 1 to change, 0 to destroy")
        );
        let text = serde_json::to_string(&plan.changes).unwrap();
        assert!(!text.contains("old") && !text.contains("new\"") && !text.contains("arn"), "{text}");
        let fields: Vec<_> =
            plan.changes.iter().map(|change| (change.field.as_str(), change.sensitive)).collect();
        assert_eq!(
            fields,
            [
                ("aws.a.list", true),
                ("aws.a.password", true),
                ("aws.a.tags.b", false),
                ("aws.a.version", false)
            ]
        );
        assert_eq!(plan.changes[2].after, Some(json!("w")));
        assert_eq!(plan.changes[3].after, Some(json!(LATER)));
    }

    #[test]
    fn counts_and_actions() {
        let of = |actions: Value| json!({ "actions": actions, "before": {}, "after": {} });
        let (create, gone) = (resource("a", &of(json!(["create"]))), resource("b", &of(json!(["delete"]))));
        let (anew, same) =
            (resource("c", &of(json!(["delete", "create"]))), resource("d", &of(json!(["no-op"]))));
        let plan = planned(&[create.clone(), gone, anew, same.clone()], true);
        assert_eq!(plan.detail, "2 to add, 0 to change, 2 to destroy");
        let shown: Vec<_> = plan.changes.iter().map(|change| change.after.clone().unwrap()).collect();
        assert_eq!(shown, [json!("created"), json!("deleted"), json!("deleted and made anew")]);
        assert_eq!(planned(&[create], false).action, Action::Create);
        assert_eq!(planned(&[same], true).action, Action::Nothing);
        for other in ["{}", "[]", r#"{"format_version": "2.0"}"#] {
            assert!(plan_of(other).is_err(), "{other}");
        }
    }

    #[test]
    fn drift_says_what_is_there_before_what_was_left() {
        let changed = json!({ "actions": ["update"], "before": { "v": "left" }, "after": { "v": "is" } });
        let gone = json!({ "actions": ["delete"], "before": {}, "after": null });
        let document = json!({ "format_version": "1.2", "resource_drift": [resource("a", &changed), resource("b", &gone)] });
        let found = drift(document.to_string().as_bytes()).unwrap();
        assert_eq!((found[0].field.as_str(), &found[0].before), ("a.v", &Some(json!("is"))));
        assert_eq!((found[1].field.as_str(), &found[1].before), ("b", &Some(json!("gone"))));
    }
}
