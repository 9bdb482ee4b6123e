//! Judges GraphQL exchanges by the provider's schema: documents, variables, and the shapes of answers.

use std::path::{Path, PathBuf};

use apollo_compiler::ast::Type;
use apollo_compiler::executable::{Operation, Selection, SelectionSet};
use apollo_compiler::response::JsonMap;
use apollo_compiler::schema::ExtendedType;
use apollo_compiler::validation::Valid;
use apollo_compiler::{ExecutableDocument, Schema, request};
use serde_json::Value;

use super::{DocumentError, Violation};
use crate::Recorded;

/// A provider's official schema.
#[derive(Debug)]
pub struct GraphqlSchema {
    schema: Valid<Schema>,
}

impl GraphqlSchema {
    /// Reads a schema in GraphQL's definition language.
    ///
    /// # Errors
    /// If the file cannot be read or is no valid schema.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| DocumentError::Read { path: path.to_owned(), source })?;
        Self::parse(text, path)
    }

    fn parse(text: String, path: &Path) -> Result<Self, DocumentError> {
        let invalid = |message: String| DocumentError::Schema { path: PathBuf::from(path), message };
        let schema = Schema::parse_and_validate(text, path).map_err(|error| invalid(error.to_string()))?;
        Ok(Self { schema })
    }

    /// What is wrong with a document by itself.
    pub fn check_document(&self, document: &str) -> Vec<String> {
        match ExecutableDocument::parse_and_validate(&self.schema, document, "request.graphql") {
            Ok(_) => Vec::new(),
            Err(error) => error.errors.iter().map(|error| error.to_string()).collect(),
        }
    }

    /// What is wrong with an exchange. Whatever trouble did to the answer is not held against it.
    pub fn check(&self, recorded: &Recorded) -> Vec<Violation> {
        let mut found = Vec::new();
        let mut complain = |place: &str, message: String| {
            let (exchange, place) = (recorded.line(), place.to_owned());
            found.push(Violation { exchange, place, message });
        };
        let body = recorded.body.as_ref().unwrap_or(&Value::Null);
        if recorded.method != "POST" {
            complain("request", "GraphQL is spoken by POST".to_owned());
        }
        let text = body["query"].as_str().unwrap_or_default();
        let document = match ExecutableDocument::parse_and_validate(&self.schema, text, "request.graphql") {
            Ok(document) => document,
            Err(error) => {
                complain("request /query", error.errors.to_string());
                return found;
            }
        };
        let operation = match document.operations.get(body["operationName"].as_str()) {
            Ok(operation) => operation,
            Err(error) => {
                complain("request /operationName", format!("{error:?}"));
                return found;
            }
        };
        for problem in self.check_variables(operation, &body["variables"]) {
            complain("request /variables", problem);
        }
        if recorded.trouble.is_none()
            && let Some(answer) = &recorded.answer
            && answer["errors"].is_null()
        {
            for (place, problem) in self.check_answer(operation, &answer["data"]) {
                complain(&format!("answer /data{place}"), problem);
            }
        }
        found
    }

    fn check_variables(&self, operation: &Operation, variables: &Value) -> Vec<String> {
        let mut found = Vec::new();
        let given = variables.as_object().cloned().unwrap_or_default();
        for name in given.keys() {
            if !operation.variables.iter().any(|variable| variable.name.as_str() == name) {
                found.push(format!("the operation declares no variable `{name}`"));
            }
        }
        match serde_json::from_value::<JsonMap>(given.into()) {
            Ok(given) => {
                if let Err(error) = request::coerce_variable_values(&self.schema, operation, &given) {
                    found.push(format!("{error:?}"));
                }
            }
            Err(error) => found.push(error.to_string()),
        }
        found
    }

    fn check_answer(&self, operation: &Operation, data: &Value) -> Vec<(String, String)> {
        let mut found = Vec::new();
        Answer { schema: &self.schema, found: &mut found }.object(
            &operation.selection_set,
            data,
            String::new(),
        );
        found
    }
}

/// A walk over an answer beside what was asked for.
struct Answer<'a> {
    schema: &'a Schema,
    found: &'a mut Vec<(String, String)>,
}

impl Answer<'_> {
    fn complain(&mut self, place: &str, message: impl Into<String>) {
        self.found.push((place.to_owned(), message.into()));
    }

    fn object(&mut self, wanted: &SelectionSet, value: &Value, place: String) {
        let Some(members) = value.as_object() else {
            return self.complain(&place, "it is no object");
        };
        let mut asked = Vec::new();
        let fields = wanted.selections.iter().filter_map(Selection::as_field);
        for field in fields {
            let key = field.response_key().as_str();
            asked.push(key);
            match members.get(key) {
                Some(member) => {
                    self.value(&field.definition.ty, &field.selection_set, member, format!("{place}/{key}"));
                }
                None => self.complain(&format!("{place}/{key}"), "it is missing"),
            }
        }
        for name in members.keys().filter(|name| !asked.contains(&name.as_str())) {
            self.complain(&format!("{place}/{name}"), "nobody asked for it");
        }
    }

    fn value(&mut self, kind: &Type, wanted: &SelectionSet, value: &Value, place: String) {
        match kind {
            _ if value.is_null() => {
                if kind.is_non_null() {
                    self.complain(&place, format!("it is null, but its type is {kind}"));
                }
            }
            Type::List(item) | Type::NonNullList(item) => match value.as_array() {
                Some(items) => {
                    for (index, value) in items.iter().enumerate() {
                        self.value(item, wanted, value, format!("{place}/{index}"));
                    }
                }
                None => self.complain(&place, "it is no list"),
            },
            Type::Named(name) | Type::NonNullNamed(name) => match self.schema.types.get(name) {
                Some(ExtendedType::Enum(values)) => {
                    if !value.as_str().is_some_and(|text| values.values.contains_key(text)) {
                        self.complain(&place, format!("{value} is no {name}"));
                    }
                }
                Some(ExtendedType::Scalar(_)) => {
                    let fits = match name.as_str() {
                        "String" | "ID" | "DateTime" => value.is_string(),
                        "Int" => value.as_i64().is_some_and(|number| i32::try_from(number).is_ok()),
                        "Float" => value.is_number(),
                        "Boolean" => value.is_boolean(),
                        "EnvironmentVariables" => value.is_object(),
                        _ => true,
                    };
                    if !fits {
                        self.complain(&place, format!("{value} is no {name}"));
                    }
                }
                _ => self.object(wanted, value, place),
            },
        }
    }
}
