//! One OpenAPI document and the judgement of one exchange by it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use jsonschema::Validator;
use serde_json::{Value, json};

use super::Violation;
use super::schema::Converter;
use crate::Recorded;

/// A provider's official description.
#[derive(Debug)]
pub struct Document {
    text: Value,
    components: Value,
    /// The path of the server's address, such as `/api/v2`.
    base: String,
    /// Any schema of a refusal: the measure for refusals that an operation does not list.
    refusal: Option<Value>,
    /// Compiled schemas by their JSON.
    validators: Mutex<HashMap<String, Arc<Validator>>>,
}

/// A description that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DocumentError {
    /// The file cannot be read.
    #[error("{path} cannot be read")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It is no valid GraphQL schema.
    #[error("{path} is no valid schema: {message}")]
    Schema {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        message: String,
    },
    /// It is not JSON.
    #[error("{path} is not JSON")]
    Syntax {
        /// The file.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
}

/// An operation of the document, found by a request's path and method.
struct Operation<'a> {
    item: &'a Value,
    operation: &'a Value,
    /// Values of the template's parameters.
    captured: Vec<(&'a str, &'a str)>,
}

impl Document {
    /// Reads a description.
    ///
    /// # Errors
    /// If the file cannot be read or is not JSON.
    pub fn read(path: &Path) -> Result<Self, DocumentError> {
        let bytes =
            std::fs::read(path).map_err(|source| DocumentError::Read { path: path.to_owned(), source })?;
        let text = serde_json::from_slice(&bytes)
            .map_err(|source| DocumentError::Syntax { path: path.to_owned(), source })?;
        Ok(Self::new(text))
    }

    fn new(text: Value) -> Self {
        let server = text["servers"][0]["url"].as_str().unwrap_or_default();
        let base = server.splitn(4, '/').nth(3).map_or_else(String::new, |path| format!("/{path}"));
        let components = Converter::new(&text).components();
        let refusal = refusal(&text);
        Self { base, components, refusal, validators: Mutex::default(), text }
    }

    /// What is wrong with an exchange. Whatever trouble did to the answer is not held against it.
    pub fn check(&self, recorded: &Recorded) -> Vec<Violation> {
        let status = recorded.status.filter(|_| recorded.trouble.is_none());
        let shown = status.map_or_else(String::new, |status| format!(" → {status}"));
        let exchange = recorded.line() + &shown;
        let mut found = Vec::new();
        let mut complain = |place: String, message: String| {
            found.push(Violation { exchange: exchange.clone(), place, message });
        };
        let Some(operation) = self.find(&recorded.method, &recorded.path) else {
            complain("request".to_owned(), "the description has no such path and method".to_owned());
            return found;
        };
        self.check_parameters(&operation, recorded, &mut complain);
        self.check_body(&operation, recorded, &mut complain);
        if let Some(status) = status {
            self.check_answer(&operation, status, recorded.answer.as_ref(), &mut complain);
        }
        found
    }

    /// The operation whose template fits; of several, the one with the most literal segments.
    fn find<'a>(&'a self, method: &str, path: &'a str) -> Option<Operation<'a>> {
        let path = path.strip_prefix(&self.base)?;
        let items = self.text["paths"].as_object()?.iter();
        let fitting = items.filter_map(|(template, item)| {
            let operation = item.get(method.to_lowercase())?;
            Some(Operation { item, operation, captured: capture(template, path)? })
        });
        fitting.min_by_key(|operation| operation.captured.len())
    }

    fn check_parameters(
        &self,
        operation: &Operation<'_>,
        recorded: &Recorded,
        complain: &mut impl FnMut(String, String),
    ) {
        let converter = Converter::new(&self.text);
        let lists = [&operation.item["parameters"], &operation.operation["parameters"]];
        let parameters: Vec<&Value> =
            lists.iter().filter_map(|list| list.as_array()).flatten().map(|p| converter.follow(p)).collect();
        for parameter in &parameters {
            let name = parameter["name"].as_str().unwrap_or_default();
            let place = parameter["in"].as_str().unwrap_or_default();
            let sent = sent(operation, recorded, place, name);
            if sent.is_empty() && parameter["required"] == true {
                complain(format!("{place} {name}"), "it is required".to_owned());
            }
            for text in sent {
                let value = typed(converter.follow(&parameter["schema"]), text);
                self.validate(&parameter["schema"], &value, &format!("{place} {name}"), complain);
            }
        }
        for (name, _) in &recorded.query {
            if !parameters.iter().any(|p| p["in"] == "query" && p["name"] == name.as_str()) {
                complain(format!("query {name}"), "the description does not name it".to_owned());
            }
        }
    }

    fn check_body(
        &self,
        operation: &Operation<'_>,
        recorded: &Recorded,
        complain: &mut impl FnMut(String, String),
    ) {
        let described = Converter::new(&self.text).follow(&operation.operation["requestBody"]);
        match &recorded.body {
            None if described["required"] == true => {
                complain("request".to_owned(), "a body is required".to_owned());
            }
            None => {}
            Some(_) if described.is_null() => {
                complain("request".to_owned(), "no body is described".to_owned());
            }
            Some(body) => {
                if recorded.header("content-type").is_none_or(|kind| !kind.starts_with("application/json")) {
                    complain("header content-type".to_owned(), "it is not application/json".to_owned());
                }
                let schema = &described["content"]["application/json"]["schema"];
                self.validate(schema, body, "request", complain);
            }
        }
    }

    fn check_answer(
        &self,
        operation: &Operation<'_>,
        status: u16,
        answer: Option<&Value>,
        complain: &mut impl FnMut(String, String),
    ) {
        let converter = Converter::new(&self.text);
        let responses = &operation.operation["responses"];
        let keys = [status.to_string(), format!("{}XX", status / 100), "default".to_owned()];
        let described = keys.iter().find_map(|key| responses.get(key)).map(|r| converter.follow(r));
        let schema = match described {
            // Many answers are described without a schema: then any will do.
            Some(response) => {
                Some(&response["content"]["application/json"]["schema"]).filter(|s| !s.is_null())
            }
            None if status >= 400 => self.refusal.as_ref(),
            None => return complain("answer".to_owned(), "the description has no such status".to_owned()),
        };
        match (schema, answer) {
            (Some(schema), Some(answer)) => self.validate(schema, answer, "answer", complain),
            (Some(_), None) => complain("answer".to_owned(), "a body is described".to_owned()),
            (None, _) => {}
        }
    }

    fn validate(
        &self,
        schema: &Value,
        value: &Value,
        place: &str,
        complain: &mut impl FnMut(String, String),
    ) {
        match self.validator(schema) {
            Ok(validator) => {
                for error in validator.iter_errors(value) {
                    complain(
                        format!("{place} {}", error.instance_path()).trim().to_owned(),
                        error.to_string(),
                    );
                }
            }
            Err(message) => {
                complain(place.to_owned(), format!("the description's schema is broken: {message}"));
            }
        }
    }

    fn validator(&self, schema: &Value) -> Result<Arc<Validator>, String> {
        let key = schema.to_string();
        let mut validators = self.validators.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(validator) = validators.get(&key) {
            return Ok(Arc::clone(validator));
        }
        let whole = Converter::new(&self.text).whole(schema);
        let rooted = json!({ "allOf": [whole], "components": self.components });
        let options = jsonschema::options().with_draft(jsonschema::Draft::Draft202012);
        let validator = options.should_validate_formats(true).build(&rooted).map_err(|e| e.to_string())?;
        let validator = Arc::new(validator);
        validators.insert(key, Arc::clone(&validator));
        Ok(validator)
    }
}

/// The first schema of a refusal that any operation describes.
fn refusal(text: &Value) -> Option<Value> {
    let converter = Converter::new(text);
    let items = text["paths"].as_object()?.values().filter_map(Value::as_object);
    let responses = items.flat_map(|item| item.values()).filter_map(|o| o["responses"].as_object()).flatten();
    let refusals = responses.filter(|(status, _)| status.starts_with('4') || *status == "default");
    refusals
        .map(|(_, response)| &converter.follow(response)["content"]["application/json"]["schema"])
        .find(|schema| !schema.is_null())
        .cloned()
}

/// The parameters of a path by a template; none if it does not fit.
fn capture<'a>(template: &'a str, path: &'a str) -> Option<Vec<(&'a str, &'a str)>> {
    let (template, path): (Vec<&str>, Vec<&str>) = (template.split('/').collect(), path.split('/').collect());
    if template.len() != path.len() {
        return None;
    }
    let mut captured = Vec::new();
    for (part, segment) in template.into_iter().zip(path) {
        match part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) {
            Some(name) if !segment.is_empty() => captured.push((name, segment)),
            _ if part == segment => {}
            _ => return None,
        }
    }
    Some(captured)
}

/// What a request sent for a parameter.
fn sent<'a>(operation: &'a Operation<'_>, recorded: &'a Recorded, place: &str, name: &str) -> Vec<&'a str> {
    match place {
        "path" => {
            operation.captured.iter().filter(|(key, _)| *key == name).map(|(_, value)| *value).collect()
        }
        "query" => {
            let values = recorded.query.iter().filter(|(key, _)| key == name);
            values.map(|(_, value)| value.as_str()).collect()
        }
        "header" => recorded.header(&name.to_lowercase()).into_iter().collect(),
        _ => Vec::new(),
    }
}

/// A parameter's text as the JSON value that its schema speaks of.
fn typed(schema: &Value, text: &str) -> Value {
    let parsed = match schema["type"].as_str() {
        Some("integer" | "number" | "boolean") => serde_json::from_str(text).ok(),
        Some("array") => Some(text.split(',').map(|item| typed(&schema["items"], item)).collect()),
        _ => None,
    };
    parsed.unwrap_or_else(|| text.into())
}
