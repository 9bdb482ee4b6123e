//! Reads a GraphQL request: the operation that it names, with its variables put in.

use apollo_compiler::ast::{Definition, Document, OperationType, Selection, Value as Literal};
use serde_json::{Map, Value};

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) mutates: bool,
    pub(super) fields: Vec<Field>,
}

/// A field that is asked for.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) name: String,
    /// Under which it is answered.
    pub(super) key: String,
    pub(super) arguments: Map<String, Value>,
    pub(super) fields: Vec<Self>,
}

impl Field {
    /// An argument's text.
    pub(super) fn text(&self, name: &str) -> &str {
        self.arguments.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// The argument `input`.
    pub(super) fn input(&self) -> &Value {
        self.arguments.get("input").unwrap_or(&Value::Null)
    }
}

/// Reads a body; the message says what is wrong with it.
pub(super) fn read(body: &Value) -> Result<Operation, String> {
    let text = body["query"].as_str().ok_or("Must provide query string.")?;
    let document = Document::parse(text, "request.graphql").map_err(|error| error.to_string())?;
    let mut operations = document.definitions.iter().filter_map(|definition| match definition {
        Definition::OperationDefinition(operation) => Some(operation),
        _ => None,
    });
    let operation = operations.next().ok_or("There is no operation.")?;
    if operations.next().is_some() {
        return Err("There are several operations.".to_owned());
    }
    let mut variables = body["variables"].as_object().cloned().unwrap_or_default();
    for variable in &operation.variables {
        if let (None, Some(default)) = (variables.get(variable.name.as_str()), &variable.default_value) {
            variables.insert(variable.name.to_string(), literal(default, &Map::new()));
        }
    }
    Ok(Operation {
        mutates: operation.operation_type == OperationType::Mutation,
        fields: fields(&operation.selection_set, &variables),
    })
}

fn fields(selections: &[Selection], variables: &Map<String, Value>) -> Vec<Field> {
    let named = selections.iter().filter_map(|selection| match selection {
        Selection::Field(field) => Some(field),
        // The plugin uses no fragments, and whoever does gets less than asked for, which is noticed.
        Selection::FragmentSpread(_) | Selection::InlineFragment(_) => None,
    });
    named
        .map(|field| Field {
            name: field.name.to_string(),
            key: field.alias.as_ref().unwrap_or(&field.name).to_string(),
            arguments: field
                .arguments
                .iter()
                .map(|argument| (argument.name.to_string(), literal(&argument.value, variables)))
                .collect(),
            fields: fields(&field.selection_set, variables),
        })
        .collect()
}

fn literal(value: &Literal, variables: &Map<String, Value>) -> Value {
    match value {
        Literal::Null => Value::Null,
        Literal::Enum(name) => name.as_str().into(),
        Literal::Variable(name) => variables.get(name.as_str()).cloned().unwrap_or_default(),
        Literal::String(text) => text.as_str().into(),
        Literal::Float(number) => serde_json::from_str(number.as_str()).unwrap_or_default(),
        Literal::Int(number) => serde_json::from_str(number.as_str()).unwrap_or_default(),
        Literal::Boolean(flag) => (*flag).into(),
        Literal::List(items) => items.iter().map(|item| literal(item, variables)).collect(),
        Literal::Object(members) => {
            let members = members.iter().map(|(name, value)| (name.to_string(), literal(value, variables)));
            Value::Object(members.collect())
        }
    }
}

/// What is asked for of a value; the message names a member that it does not have.
pub(super) fn select(value: &Value, wanted: &[Field]) -> Result<Value, String> {
    match value {
        _ if wanted.is_empty() => Ok(value.clone()),
        Value::Null => Ok(Value::Null),
        Value::Array(items) => items.iter().map(|item| select(item, wanted)).collect(),
        _ => wanted
            .iter()
            .map(|field| {
                let member = value.get(&field.name);
                let member = member.ok_or_else(|| format!("Cannot query field \"{}\".", field.name))?;
                Ok((field.key.clone(), select(member, &field.fields)?))
            })
            .collect::<Result<Map<_, _>, String>>()
            .map(Value::Object),
    }
}
