//! Judges exchanges with AWS by botocore's models of its services: path, query, headers and XML of requests,
//! XML of answers, and which errors an operation knows.

use std::path::Path;

use serde_json::Value;

use super::{DocumentError, Violation};
use crate::Recorded;
use crate::aws::xml::Node;

/// Headers that every signed request may have.
const COMMON_HEADERS: [&str; 4] =
    ["x-amz-content-sha256", "x-amz-date", "x-amz-security-token", "x-amz-checksum-sha256"];
/// Codes that every operation of CloudFront knows.
const COMMON_ERRORS: [&str; 7] = [
    "MissingAuthenticationToken",
    "InvalidAccessKeyId",
    "SignatureDoesNotMatch",
    "RequestTimeTooSkewed",
    "TooManyRequestsException",
    "SlowDown",
    "InternalError",
];
/// Codes for what the model leaves to CloudFront's validation.
const UNLISTED_ERRORS: [&str; 1] = ["InvalidOriginAccessControl"];

/// The model of one service.
#[derive(Debug)]
pub(super) struct Model(Value);

/// An operation that a request may be.
struct Operation<'a> {
    model: &'a Value,
    input: &'a Value,
    /// Parameters of the query that are part of the operation's address.
    fixed: Vec<&'a str>,
    /// How many parameters of the request the operation names.
    named: usize,
}

impl Model {
    /// Reads a model.
    pub(super) fn read(path: &Path) -> Result<Self, DocumentError> {
        let bytes =
            std::fs::read(path).map_err(|source| DocumentError::Read { path: path.to_owned(), source })?;
        let text = serde_json::from_slice(&bytes)
            .map_err(|source| DocumentError::Syntax { path: path.to_owned(), source })?;
        Ok(Self(text))
    }

    /// What is wrong with an exchange. Whatever trouble did to the answer is not held against it.
    pub(super) fn check(&self, recorded: &Recorded) -> Vec<Violation> {
        let query: Vec<&str> = recorded.query.iter().map(|(name, _)| name.as_str()).collect();
        let exchange = format!("{}?{} at {}", recorded.line(), query.join("&"), recorded.host);
        let mut found = Vec::new();
        let mut complain = |place: String, message: String| {
            found.push(Violation { exchange: exchange.clone(), place, message });
        };
        let Some(operation) = self.find(recorded) else {
            complain("request".to_owned(), "the model has no such operation".to_owned());
            return found;
        };
        self.check_parameters(&operation, recorded, &mut complain);
        self.check_body(&operation, recorded, &mut complain);
        if let (Some(status), None) = (recorded.status, &recorded.trouble) {
            self.check_answer(&operation, status, recorded, &mut complain);
        }
        found
    }

    fn shape(&self, name: &Value) -> &Value {
        &self.0["shapes"][name["shape"].as_str().or(name.as_str()).unwrap_or_default()]
    }

    /// The operation whose address fits; of several, the one that names most of the query.
    fn find(&self, recorded: &Recorded) -> Option<Operation<'_>> {
        let path = addressed_path(recorded);
        let operations = self.0["operations"].as_object()?.values();
        let fitting = operations.filter_map(|model| {
            let uri = model["http"]["requestUri"].as_str()?;
            let (template, flags) = uri.split_once('?').unwrap_or((uri, ""));
            let fixed: Vec<&str> = flags
                .split('&')
                .map(|flag| flag.split('=').next().unwrap_or(flag))
                .filter(|f| !f.is_empty())
                .collect();
            let sent = |name: &str| recorded.query.iter().any(|(known, _)| known == name);
            let fits = model["http"]["method"] == recorded.method.as_str()
                && fits_template(template, &path)
                && fixed.iter().all(|flag| sent(flag));
            let input = self.shape(&model["input"]);
            let located = members(input).filter(|(_, member)| member["location"] == "querystring");
            let named = located
                .filter(|(_, member)| sent(member["locationName"].as_str().unwrap_or_default()))
                .count();
            let named = named + fixed.len();
            fits.then_some(Operation { model, input, fixed, named })
        });
        fitting.max_by_key(|operation| operation.named)
    }

    fn check_parameters(
        &self,
        operation: &Operation<'_>,
        recorded: &Recorded,
        complain: &mut impl FnMut(String, String),
    ) {
        let located = |place: &'static str| {
            members(operation.input)
                .filter(move |(_, member)| member["location"] == place)
                .filter_map(|(name, member)| Some((name, member["locationName"].as_str()?)))
        };
        for (name, _) in &recorded.query {
            let known = operation.fixed.contains(&name.as_str())
                || located("querystring").any(|(_, known)| known == name);
            if !known {
                complain(format!("query {name}"), "the model does not name it".to_owned());
            }
        }
        for (name, _) in recorded.headers.iter().filter(|(name, _)| name.starts_with("x-amz-")) {
            let known = COMMON_HEADERS.contains(&name.as_str())
                || located("header").any(|(_, known)| known.eq_ignore_ascii_case(name));
            if !known {
                complain(format!("header {name}"), "the model does not name it".to_owned());
            }
        }
        let required = operation.input["required"].as_array().into_iter().flatten();
        for member in required.filter_map(Value::as_str) {
            let query = located("querystring").find(|(name, _)| *name == member);
            if let Some((_, name)) = query
                && !recorded.query.iter().any(|(sent, _)| sent == name)
            {
                complain(format!("query {name}"), "it is required".to_owned());
            }
        }
        // The models call it optional, and CloudFront refuses whoever leaves it out.
        let wants_version = located("header").any(|(name, _)| name == "IfMatch");
        if wants_version && self.is_cloudfront() && recorded.header("if-match").is_none() {
            complain("header if-match".to_owned(), "it is required".to_owned());
        }
        let checksum = &operation.model["httpChecksum"]["requestChecksumRequired"];
        if *checksum == true && recorded.header("x-amz-checksum-sha256").is_none() {
            complain("header x-amz-checksum-sha256".to_owned(), "a checksum is required".to_owned());
        }
    }

    fn is_cloudfront(&self) -> bool {
        self.0["metadata"]["endpointPrefix"] == "cloudfront"
    }

    fn check_body(
        &self,
        operation: &Operation<'_>,
        recorded: &Recorded,
        complain: &mut impl FnMut(String, String),
    ) {
        let payload = operation.input["payload"].as_str();
        match (payload, &recorded.body) {
            (None, None) => {}
            (None, Some(_)) => complain("request".to_owned(), "no body is described".to_owned()),
            (Some(payload), None) => {
                let required = operation.input["required"].as_array().into_iter().flatten();
                if required.into_iter().any(|name| name == payload) {
                    complain("request".to_owned(), "a body is required".to_owned());
                }
            }
            (Some(payload), Some(body)) => {
                let member = &operation.input["members"][payload];
                if self.shape(member)["type"] != "structure" {
                    return;
                }
                let Some(root) = body.as_str().and_then(Node::parse) else {
                    return complain("request".to_owned(), "the body is not XML".to_owned());
                };
                if member["locationName"].as_str() != Some(&root.name) {
                    complain("request".to_owned(), format!("the root is `{}`", root.name));
                }
                self.check_node(member, &root, &format!("request {}", root.name), complain);
            }
        }
    }

    fn check_answer(
        &self,
        operation: &Operation<'_>,
        status: u16,
        recorded: &Recorded,
        complain: &mut impl FnMut(String, String),
    ) {
        let root = recorded.answer.as_ref().and_then(Value::as_str).and_then(Node::parse);
        if status >= 300 {
            let error = root.as_ref().map(|root| root.child("Error").unwrap_or(root));
            let code = error.map_or("", |error| error.value("Code"));
            let errors = operation.model["errors"].as_array().into_iter().flatten();
            let mut listed = errors.filter_map(|error| error["shape"].as_str());
            let common = COMMON_ERRORS.contains(&code) || UNLISTED_ERRORS.contains(&code);
            if self.is_cloudfront() && !common && !listed.any(|known| known == code) {
                complain("answer".to_owned(), format!("the operation does not know the error `{code}`"));
            }
            return;
        }
        let expected = operation.model["http"]["responseCode"].as_u64();
        if expected.is_some_and(|expected| expected != u64::from(status)) {
            complain("answer".to_owned(), format!("the status is {status}"));
        }
        let output = self.shape(&operation.model["output"]);
        let described = match output["payload"].as_str() {
            Some(payload) => &output["members"][payload],
            None => &operation.model["output"],
        };
        if let (Some(root), "structure") = (root, self.shape(described)["type"].as_str().unwrap_or_default())
        {
            self.check_node(described, &root, &format!("answer {}", root.name), complain);
        }
    }

    /// Whether an element is as a shape says: members, required ones, values.
    fn check_node(
        &self,
        reference: &Value,
        node: &Node,
        place: &str,
        complain: &mut impl FnMut(String, String),
    ) {
        let shape = self.shape(reference);
        match shape["type"].as_str().unwrap_or_default() {
            "structure" => self.check_structure(shape, node, place, complain),
            "list" => {
                let item = shape["member"]["locationName"].as_str().unwrap_or("member");
                for child in &node.children {
                    if child.name == item {
                        self.check_node(&shape["member"], child, &format!("{place}/{item}"), complain);
                    } else {
                        complain(format!("{place}/{}", child.name), format!("the list holds `{item}`"));
                    }
                }
            }
            "string" => {
                let choices = shape["enum"].as_array();
                if choices.is_some_and(|choices| !choices.iter().any(|choice| choice == node.text.as_str())) {
                    complain(place.to_owned(), format!("`{}` is not one of the choices", node.text));
                }
            }
            "integer" | "long" if node.text.parse::<i64>().is_err() => {
                complain(place.to_owned(), format!("`{}` is not a whole number", node.text));
            }
            "boolean" if !matches!(node.text.as_str(), "true" | "false") => {
                complain(place.to_owned(), format!("`{}` is neither true nor false", node.text));
            }
            _ => {}
        }
    }

    fn check_structure(
        &self,
        shape: &Value,
        node: &Node,
        place: &str,
        complain: &mut impl FnMut(String, String),
    ) {
        let written = |name: &str, member: &Value| {
            let flat = self.shape(member)["flattened"] == true;
            let item = flat.then(|| self.shape(member)["member"]["locationName"].as_str()).flatten();
            member["locationName"].as_str().or(item).unwrap_or(name).to_owned()
        };
        for child in &node.children {
            let known = members(shape).find(|(name, member)| written(name, member) == child.name);
            let place = format!("{place}/{}", child.name);
            match known {
                None => complain(place, "the model does not name it".to_owned()),
                Some((_, member)) if self.shape(member)["flattened"] == true => {
                    self.check_node(&self.shape(member)["member"], child, &place, complain);
                }
                Some((_, member)) => self.check_node(member, child, &place, complain),
            }
        }
        for name in shape["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            let member = &shape["members"][name];
            if member["location"].is_null() && node.child(&written(name, member)).is_none() {
                complain(format!("{place}/{name}"), "it is required".to_owned());
            }
        }
    }
}

fn members(shape: &Value) -> impl Iterator<Item = (&str, &Value)> {
    shape["members"].as_object().into_iter().flatten().map(|(name, member)| (name.as_str(), member))
}

/// The path with the bucket in it, wherever the request had it.
fn addressed_path(recorded: &Recorded) -> String {
    let bucket = recorded.host.split_once(".s3.").map(|(bucket, _)| bucket);
    let path = recorded.path.trim_end_matches('/');
    match bucket {
        Some(bucket) => format!("/{bucket}{path}"),
        None => path.to_owned(),
    }
}

fn fits_template(template: &str, path: &str) -> bool {
    let (mut parts, mut segments) = (template.split('/'), path.split('/'));
    loop {
        match (parts.next(), segments.next()) {
            (None, None) => return true,
            (Some(part), Some(segment)) if part.ends_with("+}") => return !segment.is_empty(),
            (Some(part), Some(segment)) if part.starts_with('{') && !segment.is_empty() => {}
            (Some(part), Some(segment)) if part == segment => {}
            _ => return false,
        }
    }
}
