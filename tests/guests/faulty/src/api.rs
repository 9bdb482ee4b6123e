//! The API of things: what is sent, and what is believed of the answers.

use guest_bindings::failure;
use guest_bindings::http::{self, Request};
use guest_bindings::types::{Context, Failure, FailureKind};
use serde_json::{Value, json};

use crate::breaks;

const BASE: &str = "https://api.example.com/v1/things";
/// The most that is read of an answer.
const MAX_BODY: usize = 8 << 20;

pub struct Api {
    key: String,
}

/// A thing as the API tells it.
pub struct Thing {
    pub id: String,
    pub size: String,
    pub password: String,
}

impl Api {
    pub fn new(context: &Context) -> Self {
        Self { key: context.api_key.clone().unwrap_or_default() }
    }

    pub fn read(&self, id: &str) -> Result<Option<Thing>, Failure> {
        match self.send("GET", &item(id)?, None)? {
            (404, _) => Ok(None),
            (_, body) => thing(&body).map(Some),
        }
    }

    pub fn by_name(&self, name: &str) -> Result<Option<Thing>, Failure> {
        let (_, list) = self.send("GET", &format!("{BASE}?name={name}"), None)?;
        let items = list.as_array().ok_or_else(|| failure("the list of things is no list"))?;
        items.first().map(thing).transpose()
    }

    pub fn create(&self, name: &str, size: &str) -> Result<Thing, Failure> {
        let (_, made) = self.send("POST", BASE, Some(json!({ "name": name, "size": size })))?;
        // Something is there now, whatever the answer says.
        thing(&made).map_err(|failure| Failure { kind: FailureKind::OutcomeUnknown, ..failure })
    }

    pub fn resize(&self, id: &str, size: &str) -> Result<Thing, Failure> {
        let (_, changed) = self.send("PATCH", &item(id)?, Some(json!({ "size": size })))?;
        thing(&changed)
    }

    /// Whether it was there.
    pub fn remove(&self, id: &str) -> Result<bool, Failure> {
        let (status, _) = self.send("DELETE", &item(id)?, None)?;
        Ok(status != 404)
    }

    /// A request that may change something, for no reason.
    pub fn touch(&self) -> Result<(), Failure> {
        self.send("POST", BASE, Some(json!({}))).map(|_| ())
    }

    fn send(&self, method: &str, url: &str, body: Option<Value>) -> Result<(u16, Value), Failure> {
        let safe = method == "GET";
        let unknown = |message: String| Failure {
            kind: if safe { FailureKind::Unavailable } else { FailureKind::OutcomeUnknown },
            message,
            next_step: None,
        };
        let request = Request {
            method: method.into(),
            url: url.into(),
            headers: vec![
                ("authorization".into(), format!("Bearer {}", self.key)),
                ("content-type".into(), "application/json".into()),
            ],
            body: body.map(|body| body.to_string().into_bytes()),
        };
        let response = http::send(&request, MAX_BODY)
            .map_err(|error| unknown(format!("{method} got no answer: {error}")))?;
        let kind = match response.status {
            200..=299 | 404 => None,
            401 => Some(FailureKind::Authentication),
            429 => Some(FailureKind::RateLimited(None)),
            _ => Some(unknown(String::new()).kind),
        };
        if let Some(kind) = kind {
            let message = format!("{method} was answered with {}", response.status);
            return Err(Failure { kind, message, next_step: None });
        }
        if breaks("hostile") && safe && response.status == 200 {
            let body = serde_json::from_slice(&response.body).expect("JSON");
            return Ok((response.status, body));
        }
        // Nothing is read of what is empty or gone.
        if response.status == 404 || method == "DELETE" {
            return Ok((response.status, Value::Null));
        }
        let body = serde_json::from_slice(&response.body)
            .map_err(|error| unknown(format!("the answer to {method} is no JSON: {error}")))?;
        Ok((response.status, body))
    }
}

fn thing(body: &Value) -> Result<Thing, Failure> {
    let text = |name: &str| {
        let value = body[name].as_str().ok_or_else(|| failure(format!("a thing has no `{name}`")));
        value.map(str::to_owned)
    };
    Ok(Thing { id: text("id")?, size: text("size")?, password: text("password")? })
}

/// The address of a thing. An id that is none would be the address of something else.
fn item(id: &str) -> Result<String, Failure> {
    let plain = !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if plain { Ok(format!("{BASE}/{id}")) } else { Err(failure("this is no id of a thing")) }
}
