//! Clouds: what answers a plugin's requests.
//!
//! A [`Cloud`] turns a [`Call`] into an [`Answer`] and knows how many resources it has. The scenario's own
//! ([`Declared`]) is a state machine in memory, [`Forward`] passes requests on through a gate, and
//! [`Replay`] answers from a recording. What goes wrong on the way back is not its business: that is
//! [`crate::fault`].

mod count;
mod declared;
mod forward;
mod pattern;
mod record;
mod replay;

use std::collections::BTreeMap;

pub(crate) use count::Counter;
pub(crate) use declared::Declared;
pub(crate) use forward::Forward;
pub(crate) use pattern::Pattern;
pub(crate) use record::{Recorder, Tape};
pub(crate) use replay::Replay;

use serde_json::{Map, Value};

/// How many resources there are, by name.
pub(crate) type Census = BTreeMap<String, usize>;

/// A request as it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) host: String,
    /// Path and query as they were sent.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    pub(crate) fn path(&self) -> &str {
        self.target.split_once('?').map_or(&self.target, |(path, _)| path)
    }

    pub(crate) fn query(&self) -> &str {
        self.target.split_once('?').map_or("", |(_, query)| query)
    }

    /// The query's names and values, decoded.
    pub(crate) fn parameters(&self) -> Vec<(String, String)> {
        let decode = |text: &str| {
            let text = text.replace('+', " ");
            percent_encoding::percent_decode_str(&text).decode_utf8_lossy().into_owned()
        };
        self.query()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decode(name), decode(value)))
            .collect()
    }

    pub(crate) fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.body)
    }

    /// Whether the method may change nothing by its nature.
    pub(crate) fn is_safe(&self) -> bool {
        matches!(&*self.method, "GET" | "HEAD" | "OPTIONS")
    }
}

/// An answer before anything happens to it.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self {
            status,
            headers: vec![("content-type".to_owned(), "application/json".to_owned())],
            body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
        }
    }

    /// An error in a shape that many providers use.
    pub(crate) fn error(status: u16, message: &str) -> Self {
        Self::json(status, &serde_json::json!({ "message": message, "error": message }))
    }

    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// What answers requests.
#[async_trait::async_trait]
pub(crate) trait Cloud: Send + Sync {
    /// The answer; none if the connection closes without one.
    async fn answer(&self, call: &Call) -> Option<Answer>;

    /// How many resources there are; none if it cannot know.
    fn census(&self) -> Option<Census>;

    /// Lets a resource be changed by somebody else; false if there is none or it cannot be.
    fn change(&self, _resource: Option<&str>, _set: &Map<String, Value>) -> bool {
        false
    }

    /// Why the last request got no answer, where that is not part of the play.
    fn trouble(&self) -> Option<String> {
        None
    }

    /// Lets every resource be removed by somebody else; false if it cannot be.
    fn wipe(&self) -> bool {
        false
    }
}

/// A service without any cloud: every request is a mistake.
pub(crate) struct NoCloud;

#[async_trait::async_trait]
impl Cloud for NoCloud {
    async fn answer(&self, call: &Call) -> Option<Answer> {
        Some(Answer::error(404, &format!("the scenario has no cloud that answers {}", call.method)))
    }

    fn census(&self) -> Option<Census> {
        None
    }
}
