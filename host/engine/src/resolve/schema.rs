//! Checks a service's options against its provider's JSON Schema.
//!
//! Threat: the schema comes from a plugin. Patterns run in linear time, references reach nothing outside
//! the schema, and messages never repeat a value, which may be a secret.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, PatternOptions, ValidationError, Validator};
use serde_json::Value;
use ss_config::closest;
use ss_provider::Description;

use super::Declared;

/// What is wrong with an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OptionFault {
    /// JSON Pointer of the value within the options.
    pub pointer: String,
    /// The key under it that the fault is about, rather than its value.
    pub key: Option<String>,
    /// The provider cannot work with it.
    pub fatal: bool,
    /// What is wrong with the value: what follows its name in a sentence.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl OptionFault {
    /// What is wrong, in one sentence without a full stop.
    pub(crate) fn sentence(&self, declared: &Declared) -> String {
        let option = self.pointer.strip_prefix('/').unwrap_or(&self.pointer).replace('/', ".");
        format!("`services.{}.{}` {}", declared.service, declared.path_of(&option), self.message)
    }
}

/// The compiled schemas of all providers used so far.
#[derive(Default)]
pub(crate) struct Schemas {
    compiled: Mutex<HashMap<String, Arc<Compiled>>>,
}

struct Compiled {
    /// The validator, or why the schema is none.
    validator: Result<Validator, String>,
    /// The properties of the options object, sorted.
    properties: Vec<String>,
    /// What a property may be, as a list for a person, where the schema enumerates it.
    choices: HashMap<String, String>,
    /// The schema does not say what becomes of other properties.
    others_unmentioned: bool,
}

/// Size of a pattern, compiled; far more than an option's name or value needs.
const PATTERN_BYTES: usize = 1 << 20;

impl Schemas {
    /// The faults of `options`. The values at the pointers in `unknown` are not known yet, or hidden:
    /// nothing is said about them.
    pub(crate) fn check(
        &self,
        description: &Description,
        options: &Value,
        unknown: &HashSet<String>,
    ) -> Vec<OptionFault> {
        let compiled = self.get(description);
        let validator = match &compiled.validator {
            Ok(validator) => validator,
            Err(reason) => return vec![broken_schema(&description.provider, reason)],
        };
        let mut faults: Vec<OptionFault> = Vec::new();
        if !validator.is_valid(options) {
            for error in validator.iter_errors(options) {
                if !concerns_unknown(&error, unknown) {
                    faults.extend(fault_of(&error, &compiled));
                }
            }
        }
        if compiled.others_unmentioned {
            faults.extend(unmentioned(options, &compiled.properties, &description.provider));
        }
        faults
    }

    fn get(&self, description: &Description) -> Arc<Compiled> {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = compiled.get(&description.provider) {
            return known.clone();
        }
        let fresh = Arc::new(compile(&description.options_schema));
        compiled.insert(description.provider.clone(), fresh.clone());
        fresh
    }
}

fn compile(schema: &Value) -> Compiled {
    let validator = jsonschema::options()
        .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES))
        .build(schema)
        .map_err(|error| error.to_string());
    let properties = schema.get("properties").and_then(Value::as_object);
    let mut names: Vec<String> = properties.into_iter().flat_map(|all| all.keys().cloned()).collect();
    names.sort();
    let enumerated = |(name, property): (&String, &Value)| {
        let choices = property.get("enum")?.as_array()?;
        Some((name.clone(), choices.iter().map(plain).collect::<Vec<_>>().join(", ")))
    };
    let choices = properties.into_iter().flatten().filter_map(enumerated).collect();
    let mentions = [
        "additionalProperties",
        "unevaluatedProperties",
        "patternProperties",
        "$ref",
        "allOf",
        "anyOf",
        "oneOf",
    ];
    let others_unmentioned = properties.is_some() && !mentions.iter().any(|word| schema.get(word).is_some());
    Compiled { validator, properties: names, choices, others_unmentioned }
}

fn broken_schema(provider: &str, reason: &str) -> OptionFault {
    OptionFault {
        pointer: String::new(),
        key: None,
        fatal: true,
        message: format!(
            "cannot be judged: the plugin `{provider}` has no usable schema for its options: {reason}"
        ),
        help: Some("report this to the plugin's author".into()),
    }
}

/// Whether the verdict depends on a value that is not known.
fn concerns_unknown(error: &ValidationError<'_>, unknown: &HashSet<String>) -> bool {
    let pointer = error.instance_path().as_str();
    if unknown.contains(pointer) {
        return true;
    }
    let judges_whole = matches!(
        error.kind(),
        ValidationErrorKind::AnyOf { .. }
            | ValidationErrorKind::OneOfNotValid { .. }
            | ValidationErrorKind::OneOfMultipleValid { .. }
            | ValidationErrorKind::Not { .. }
            | ValidationErrorKind::Contains
            | ValidationErrorKind::Constant { .. }
            | ValidationErrorKind::Enum { .. }
            | ValidationErrorKind::UniqueItems
    );
    judges_whole
        && unknown.iter().any(|inner| inner.strip_prefix(pointer).is_some_and(|rest| rest.starts_with('/')))
}

fn fault_of(error: &ValidationError<'_>, schema: &Compiled) -> Vec<OptionFault> {
    let pointer = error.instance_path().as_str().to_owned();
    let fault = |message: String| OptionFault {
        pointer: pointer.clone(),
        key: None,
        fatal: true,
        message,
        help: None,
    };
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => unexpected
            .iter()
            .map(|key| OptionFault {
                key: Some(key.clone()),
                help: if pointer.is_empty() { known_options(key, &schema.properties) } else { None },
                ..fault(format!("has no option `{key}`"))
            })
            .collect(),
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            let choices = schema.choices.get(name).filter(|_| pointer.is_empty());
            let of = choices.map_or_else(String::new, |choices| format!(", one of {choices}"));
            vec![OptionFault {
                help: Some(format!("add `{name}: …`{of}")),
                ..fault(format!("lacks the option `{name}`"))
            }]
        }
        ValidationErrorKind::Enum { options } => {
            let choices: Vec<String> = options.as_array().into_iter().flatten().map(plain).collect();
            vec![fault(format!("is not one of {}", choices.join(", ")))]
        }
        // A schema allows an option with some values of another one only, and refuses it by `false`.
        ValidationErrorKind::FalseSchema => vec![fault("does not go with the other options".to_owned())],
        ValidationErrorKind::Pattern { pattern } => {
            vec![fault(format!("does not match `{pattern}`"))]
        }
        ValidationErrorKind::Type { kind } => {
            let types: Vec<&str> = match kind {
                TypeKind::Single(one) => vec![type_name(*one)],
                TypeKind::Multiple(several) => several.iter().map(type_name).collect(),
            };
            vec![fault(format!("must be {}", types.join(" or ")))]
        }
        ValidationErrorKind::AnyOf { context } if let Some(options) = lacking(context) => {
            let names: Vec<String> = options.iter().map(|name| format!("`{name}`")).collect();
            vec![OptionFault {
                help: options.first().map(|name| format!("add `{name}: …`")),
                ..fault(format!("lacks one of the options {}", names.join(", ")))
            }]
        }
        _ => {
            let sentence = error.masked_with(VALUE).to_string();
            let predicate = sentence.strip_prefix(VALUE).map(str::trim_start);
            vec![fault(predicate.map_or_else(|| format!("is not valid: {sentence}"), str::to_owned))]
        }
    }
}

/// The options of which one is missing, if that is all that every alternative complains of.
fn lacking(alternatives: &[Vec<ValidationError<'_>>]) -> Option<Vec<String>> {
    let missing = alternatives.iter().map(|errors| match errors.as_slice() {
        [error] => match error.kind() {
            ValidationErrorKind::Required { property } => property.as_str().map(str::to_owned),
            _ => None,
        },
        _ => None,
    });
    missing.collect()
}

/// What stands for the value in a sentence that must not repeat it.
const VALUE: &str = "the value";

/// A type as a person who writes YAML calls it.
fn type_name(kind: JsonType) -> &'static str {
    match kind {
        JsonType::Array => "a list",
        JsonType::Boolean => "true or false",
        JsonType::Integer => "a whole number",
        JsonType::Null => "empty",
        JsonType::Number => "a number",
        JsonType::Object => "a map",
        JsonType::String => "text",
    }
}

/// Options that the schema neither names nor forbids: probably typing mistakes.
fn unmentioned(options: &Value, known: &[String], provider: &str) -> Vec<OptionFault> {
    let keys = options.as_object().into_iter().flat_map(|all| all.keys());
    keys.filter(|key| known.binary_search(key).is_err())
        .map(|key| OptionFault {
            pointer: String::new(),
            key: Some(key.clone()),
            fatal: false,
            message: format!("has the option `{key}`, which `{provider}` does not know"),
            help: known_options(key, known),
        })
        .collect()
}

fn known_options(key: &str, known: &[String]) -> Option<String> {
    if let Some(close) = closest(key, known.iter().map(String::as_str)) {
        return Some(format!("did you mean `{close}`?"));
    }
    let list: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
    (!list.is_empty()).then(|| format!("known options: {}", list.join(", ")))
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), |text| format!("`{text}`"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn description(schema: Value) -> Description {
        Description {
            provider: "fly".into(),
            summary: String::new(),
            requires_api_key: false,
            vault_keys: vec![],
            options_schema: schema,
            shapes: vec![],
            example: String::new(),
        }
    }

    fn check(schema: Value, options: &Value, unknown: &[&str]) -> Vec<OptionFault> {
        let unknown = unknown.iter().map(ToString::to_string).collect();
        Schemas::default().check(&description(schema), options, &unknown)
    }

    #[test]
    fn a_typing_mistake_is_an_error_where_the_schema_is_closed_and_a_warning_where_it_is_silent() {
        let closed = json!({"type": "object", "properties": {"region": {}}, "additionalProperties": false});
        let silent = json!({"type": "object", "properties": {"region": {}}});
        let open = json!({"type": "object", "properties": {"region": {}}, "additionalProperties": true});
        let options = json!({"regoin": "x"});
        let [fault] = check(closed, &options, &[]).try_into().unwrap();
        assert!(fault.fatal);
        assert_eq!(
            (fault.key.as_deref(), fault.help.as_deref()),
            (Some("regoin"), Some("did you mean `region`?"))
        );
        let [fault] = check(silent, &options, &[]).try_into().unwrap();
        assert!(!fault.fatal);
        assert_eq!(check(open, &options, &[]), []);
    }

    #[test]
    fn an_option_with_two_names_is_asked_for_by_both() {
        let schema = json!({"properties": {"resource": {}, "type": {}}, "additionalProperties": false,
            "anyOf": [{"required": ["resource"]}, {"required": ["type"]}]});
        let [fault] = check(schema.clone(), &json!({}), &[]).try_into().unwrap();
        assert_eq!(fault.message, "lacks one of the options `resource`, `type`");
        assert_eq!(fault.help.as_deref(), Some("add `resource: …`"));
        assert_eq!(check(schema, &json!({"type": "s3"}), &[]), []);
    }

    #[test]
    fn messages_do_not_repeat_the_value() {
        let schema = json!({"properties": {
            "port": {"type": "integer"}, "plan": {"enum": ["a", "b"]}, "name": {"pattern": "^[a-z]+$"},
            "size": {"maximum": 3}, "id": {"maxLength": 2},
        }});
        let secret = "S3CRET-VALUE";
        let options = json!({"port": secret, "plan": secret, "name": secret, "size": 77777, "id": secret});
        let faults = check(schema, &options, &[]);
        assert_eq!(faults.len(), 5);
        for fault in &faults {
            assert!(!fault.message.contains(secret) && !fault.message.contains("77777"), "{}", fault.message);
        }
    }

    #[test]
    fn nothing_is_said_about_values_that_are_not_known() {
        let schema = json!({"properties": {
            "port": {"type": "integer"},
            "auth": {"oneOf": [{"properties": {"key": {"const": 1}}}, {"properties": {"key": {"const": 2}}}]},
        }, "required": ["region"]});
        let options = json!({"port": "{{ vault('x') }}", "auth": {"key": "{{ vault('y') }}"}});
        let faults = check(schema, &options, &["/port", "/auth/key"]);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert_eq!(faults[0].message, "lacks the option `region`");
    }

    #[test]
    fn options_that_depend_on_another_are_told_plainly() {
        let schema = json!({
            "properties": {"kind": {"enum": ["bucket", "zone"]}, "records": {}, "size": {}},
            "required": ["kind"],
            "if": {"properties": {"kind": {"const": "bucket"}}, "required": ["kind"]},
            "then": {"properties": {"records": false}},
        });
        let [fault] = check(schema.clone(), &json!({}), &[]).try_into().unwrap();
        assert_eq!(fault.message, "lacks the option `kind`");
        assert_eq!(fault.help.as_deref(), Some("add `kind: …`, one of `bucket`, `zone`"));
        let [fault] = check(schema, &json!({"kind": "bucket", "records": 1}), &[]).try_into().unwrap();
        assert_eq!(
            (fault.pointer.as_str(), fault.message.as_str()),
            ("/records", "does not go with the other options")
        );
    }

    #[test]
    fn a_schema_that_is_none_is_the_plugins_fault() {
        for schema in [
            json!({"type": 7}),
            json!({"$ref": "https://example.invalid/x"}),
            json!({"$ref": "file:///etc/passwd"}),
        ] {
            let faults = check(schema, &json!({}), &[]);
            assert!(faults[0].fatal && faults[0].message.contains("no usable schema"), "{faults:?}");
        }
    }
}
