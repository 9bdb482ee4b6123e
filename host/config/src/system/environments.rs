//! The `environments:` section: what holds for an environment as a whole.
//!
//! ```yaml
//! environments:
//!   prod:
//!     protected: true     # no plugin under development, ever
//! ```

use super::fields::{Fields, bad_name, wrong_type};
use super::is_name;
use crate::diagnostic::Findings;
use crate::node::NodeValue;

const KNOWN: &[&str] = &["protected"];

/// Whether the section marks this environment as protected. Every environment of the section is checked.
pub(super) fn is_protected(top: &Fields<'_>, environment: &str, findings: &mut Findings) -> bool {
    let mut protected = false;
    for entry in top.map("environments", findings).unwrap_or_default() {
        let name = &entry.key.value;
        if !is_name(name) {
            findings.push(bad_name("an environment", name, entry.key.span));
            continue;
        }
        let path = format!("environments.{name}");
        let Some(entries) = entry.value.as_map() else {
            if !entry.value.is_null() {
                findings.push(wrong_type(&path, "a map", &entry.value));
            }
            continue;
        };
        let fields = Fields { path: &path, entries };
        fields.unknown(KNOWN, findings);
        match fields.get("protected").map(|node| (node, &node.value)) {
            None => {}
            Some((_, NodeValue::Bool(value))) => protected |= *value && name == environment,
            Some((node, _)) => {
                findings.push(wrong_type(&format!("{path}.protected"), "`true` or `false`", node));
            }
        }
    }
    protected
}
