//! Recording a conversation, without its secrets.
//!
//! What is written may be committed: keys and credentials that the kit knows, members that are named like
//! secrets, and passwords in addresses become templates, which a replay fills with made-up values. A request's
//! headers are not written at all.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::{Map, Value};

use super::{Answer, Call, Census, Cloud};
use crate::scenario::Exchange;

/// Headers of an answer that a plugin may read.
const KEPT: [&str; 5] = ["content-type", "etag", "link", "location", "retry-after"];
/// What is in the names of members whose values are secrets.
const NAMED_SECRET: [&str; 7] =
    ["password", "secret", "token", "private_key", "privatekey", "api_key", "apikey"];
/// Shorter values are no secrets.
const SHORTEST: usize = 6;

/// What has been recorded. Clones share it.
#[derive(Clone, Default)]
pub(crate) struct Tape(Arc<Mutex<Vec<Exchange>>>);

impl Tape {
    /// The recording as the end of a scenario file: `secrets` maps values to the names of their templates.
    pub(crate) fn to_toml(&self, mut secrets: BTreeMap<String, String>) -> Result<String, String> {
        #[derive(serde::Serialize)]
        struct Recorded {
            exchange: Vec<Exchange>,
        }
        let mut exchange = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        for recorded in &exchange {
            for body in [&recorded.request, &recorded.body] {
                collect(body, &mut secrets);
            }
        }
        // A secret inside another must not be replaced first.
        let mut known: Vec<(String, String)> = secrets.into_iter().collect();
        known.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        let hide = |text: &mut String| {
            for (value, name) in &known {
                *text = text.replace(value.as_str(), &format!("{{{{secret.{name}}}}}"));
            }
        };
        for recorded in &mut exchange {
            hide(&mut recorded.target);
            hide(&mut recorded.request);
            hide(&mut recorded.body);
            recorded.headers.values_mut().for_each(hide);
        }
        toml::to_string(&Recorded { exchange }).map_err(|error| error.to_string())
    }
}

/// Records what another cloud answers.
pub(crate) struct Recorder {
    pub(crate) inner: Arc<dyn Cloud>,
    pub(crate) tape: Tape,
    /// The world that is being played in, the first being 0.
    pub(crate) scene: usize,
}

#[async_trait::async_trait]
impl Cloud for Recorder {
    async fn answer(&self, call: &Call) -> Option<Answer> {
        let answer = self.inner.answer(call).await?;
        let kept = |name: &String| KEPT.contains(&name.as_str());
        let headers = answer.headers.iter().filter(|(name, _)| kept(name)).cloned().collect();
        self.tape.0.lock().unwrap_or_else(PoisonError::into_inner).push(Exchange {
            scene: self.scene,
            method: call.method.clone(),
            host: call.host.clone(),
            target: call.target.clone(),
            request: call.text().into_owned(),
            status: answer.status,
            headers,
            body: String::from_utf8_lossy(&answer.body).into_owned(),
        });
        Some(answer)
    }

    fn census(&self) -> Option<Census> {
        self.inner.census()
    }

    fn trouble(&self) -> Option<String> {
        self.inner.trouble()
    }
}

/// Adds the secrets that a body gives away by its members' names and by passwords in addresses.
fn collect(body: &str, secrets: &mut BTreeMap<String, String>) {
    let Ok(value) = serde_json::from_str::<Value>(body) else { return };
    visit(&value, &mut |name, text| {
        let name = name.to_ascii_lowercase();
        if NAMED_SECRET.iter().any(|word| name.contains(word)) {
            learn(text, secrets);
        }
        if let Some(password) = password_in(text) {
            learn(password, secrets);
        }
    });
}

fn learn(value: &str, secrets: &mut BTreeMap<String, String>) {
    if value.len() >= SHORTEST && !secrets.contains_key(value) {
        let name = format!("recorded-{}", secrets.len());
        secrets.insert(value.to_owned(), name);
    }
}

/// Every text of the value, with the name of the member that it stands in.
fn visit(value: &Value, see: &mut impl FnMut(&str, &str)) {
    fn members(all: &Map<String, Value>, see: &mut impl FnMut(&str, &str)) {
        for (name, value) in all {
            match value {
                Value::String(text) => see(name, text),
                value => visit(value, see),
            }
        }
    }
    match value {
        Value::Object(all) => members(all, see),
        Value::Array(items) => items.iter().for_each(|item| visit(item, see)),
        Value::String(text) => see("", text),
        _ => {}
    }
}

/// The password of an address such as `postgres://user:password@host/db`.
fn password_in(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    user.split_once(':').map(|(_, password)| password)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn tape(request: &str, body: &Value) -> Tape {
        let tape = Tape::default();
        tape.0.lock().unwrap().push(Exchange {
            scene: 0,
            method: "POST".into(),
            host: "a.b".into(),
            target: "/x?key=the-vault-key".into(),
            request: request.into(),
            status: 201,
            headers: [("location".into(), "/x/1".into())].into(),
            body: body.to_string(),
        });
        tape
    }

    #[test]
    fn nothing_secret_is_written() {
        let body = json!({
            "uri": "postgres://app:s3cr3t-pass@db.example.com/app",
            "role": {"Password": "s3cr3t-pass", "name": "app"},
            "accessToken": "tok-0123456789",
        });
        let known = [("the-vault-key".to_owned(), "providers:x/api_key".to_owned())].into();
        let text = tape("{\"apikey\":\"the-vault-key\"}", &body).to_toml(known).unwrap();
        for secret in ["s3cr3t-pass", "tok-0123456789", "the-vault-key"] {
            assert!(!text.contains(secret), "{text}");
        }
        assert!(text.contains("{{secret.providers:x/api_key}}"), "{text}");
        let scenario = crate::Scenario::parse("x", &format!("[service]\n{text}")).unwrap();
        assert_eq!(scenario.exchanges[0].headers["location"], "/x/1");
        assert_eq!(scenario.exchanges[0].body.matches("{{secret.").count(), 3);
    }

    #[test]
    fn passwords_are_found_in_addresses_only() {
        assert_eq!(password_in("postgres://a:b@c@d/e"), Some("b@c"));
        assert_eq!(password_in("https://a.b/c:d@e"), None);
        assert_eq!(password_in("a:b@c"), None);
    }
}
