//! What can happen to an answer on its way back.

use std::fmt;

use serde_json::{Value, json};

use crate::cloud::Answer;

/// Larger than the gate takes.
const HUGE: usize = 9 << 20;
/// Large, and within what the gate takes.
const LARGE: usize = 4 << 20;
/// Deeper than any document is.
const DEPTH: usize = 100_000;
/// Where a redirect leads: a host that nobody granted and that does not exist.
const ELSEWHERE: &str = "https://attacker.invalid/collect";

/// Something that goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is done; the connection closes without an answer.
    Lost,
    /// Nothing is done; an error.
    Status(u16),
    /// Nothing is done; a page for people.
    Page,
    /// It is done; half of the answer comes.
    Truncated,
    /// It is done; every value of the answer has another type.
    WrongType,
    /// It is done; a success without any body.
    Empty,
    /// It is done; the answer is JSON of a kind that nobody expects.
    Scalar,
    /// Nothing is done; a redirect to somebody else.
    Redirect,
    /// It is done; a body larger than the gate takes.
    Huge,
    /// It is done; the right answer with megabytes of padding.
    Padded,
    /// It is done; a body of brackets.
    Deep,
    /// It is done; a body that is no text.
    NoText,
    /// It is done; what comes is not HTTP.
    NoHttp,
    /// It is done; the answer trickles in.
    Slow,
}

/// What hostile servers answer.
pub(crate) const HOSTILE: &[Fault] = &[
    Fault::Status(500),
    Fault::WrongType,
    Fault::Truncated,
    Fault::Page,
    Fault::Empty,
    Fault::Redirect,
    Fault::Scalar,
    Fault::Huge,
    Fault::Status(401),
    Fault::Deep,
    Fault::NoText,
    Fault::Status(429),
    Fault::NoHttp,
    Fault::Padded,
    Fault::Slow,
];

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost => f.write_str("no answer at all"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Page => f.write_str("an HTML page with status 503"),
            Self::Truncated => f.write_str("half of the answer"),
            Self::WrongType => f.write_str("values of other types"),
            Self::Empty => f.write_str("an empty body"),
            Self::Scalar => f.write_str("the JSON `[null, 7]`"),
            Self::Redirect => f.write_str("a redirect to another host"),
            Self::Huge => write!(f, "a body of {} MiB", HUGE >> 20),
            Self::Padded => write!(f, "the right answer with {} MiB of padding", LARGE >> 20),
            Self::Deep => write!(f, "{DEPTH} opening brackets"),
            Self::NoText => f.write_str("bytes that are no text"),
            Self::NoHttp => f.write_str("bytes that are no HTTP"),
            Self::Slow => f.write_str("an answer that trickles in"),
        }
    }
}

/// What is written to the connection.
#[derive(Debug, Clone)]
pub(crate) enum Wire {
    /// An answer.
    Whole(Answer),
    /// An answer of which only so many bytes of the body come, though all are announced.
    Part(Answer, usize),
    /// An answer, a byte at a time.
    Drip(Answer),
    /// These bytes.
    Raw(Vec<u8>),
    /// Nothing: the connection closes.
    Hangup,
}

impl Wire {
    /// The status, as far as there is one, for a report.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Whole(answer) | Self::Part(answer, _) | Self::Drip(answer) => Some(answer.status),
            Self::Raw(_) | Self::Hangup => None,
        }
    }
}

impl Fault {
    /// Whether the request is carried out.
    pub(crate) fn carries_out(self) -> bool {
        !matches!(self, Self::Status(_) | Self::Page | Self::Redirect)
    }

    /// What comes instead of the answer; none if the request was not carried out, or got none.
    pub(crate) fn strike(self, answer: Option<Answer>) -> Wire {
        let given = answer.unwrap_or_else(|| Answer::json(200, &json!({})));
        match self {
            Self::Lost => Wire::Hangup,
            Self::Status(status) => {
                let mut answer = Answer::error(status, "this is a test of the plugin");
                if status == 429 {
                    answer.headers.push(("retry-after".to_owned(), "3600".to_owned()));
                }
                Wire::Whole(answer)
            }
            Self::Page => Wire::Whole(Answer {
                status: 503,
                headers: vec![("content-type".to_owned(), "text/html".to_owned())],
                body: b"<!doctype html><title>503</title><h1>Service Unavailable</h1>".to_vec(),
            }),
            Self::Redirect => Wire::Whole(Answer {
                status: 302,
                headers: vec![("location".to_owned(), ELSEWHERE.to_owned())],
                body: Vec::new(),
            }),
            Self::Truncated => {
                let half = given.body.len() / 2;
                // An answer without a body is cut in its head.
                if half == 0 { Wire::Raw(b"HTTP/1.1 200 O".to_vec()) } else { Wire::Part(given, half) }
            }
            Self::WrongType => {
                let body = match serde_json::from_slice::<Value>(&given.body) {
                    Ok(value) => twisted(value).to_string().into_bytes(),
                    Err(_) => b"<unexpected><a/></unexpected>".to_vec(),
                };
                Wire::Whole(Answer { body, ..given })
            }
            Self::Empty => Wire::Whole(Answer { body: Vec::new(), ..given }),
            Self::Scalar => Wire::Whole(Answer { body: b"[null, 7]".to_vec(), ..given }),
            Self::Huge => Wire::Whole(Answer { body: vec![b'a'; HUGE], ..given }),
            Self::Padded => Wire::Whole(padded(given)),
            Self::Deep => Wire::Whole(Answer { body: vec![b'['; DEPTH], ..given }),
            Self::NoText => {
                Wire::Whole(Answer { body: b"{\"id\": \"\xff\xfe\xc0\x80\", \"\xf5\": 1}".to_vec(), ..given })
            }
            Self::NoHttp => Wire::Raw(b"\x16\x03\x01\x00\xa5 220 ready\r\n\r\n".to_vec()),
            Self::Slow => Wire::Drip(given),
        }
    }
}

/// The value with every scalar and list of another type; the shape of objects stays, so that a reader gets
/// as far as it can.
fn twisted(value: Value) -> Value {
    match value {
        Value::String(_) => json!(7),
        Value::Number(_) => json!("seven"),
        Value::Bool(_) => json!([]),
        Value::Null => json!({}),
        Value::Array(items) if items.is_empty() => json!("none"),
        Value::Array(items) => Value::Array(items.into_iter().map(twisted).collect()),
        Value::Object(members) => {
            Value::Object(members.into_iter().map(|(name, value)| (name, twisted(value))).collect())
        }
    }
}

fn padded(answer: Answer) -> Answer {
    let body = match serde_json::from_slice::<Value>(&answer.body) {
        Ok(Value::Object(mut members)) => {
            members.insert("padding".to_owned(), Value::String("p".repeat(LARGE)));
            Value::Object(members).to_string().into_bytes()
        }
        // Space around a document means nothing.
        _ => [answer.body, vec![b' '; LARGE]].concat(),
    };
    Answer { body, ..answer }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_twisted_all_the_way_down() {
        let given = json!({"a": "x", "b": {"c": [1, true]}, "d": []});
        assert_eq!(twisted(given), json!({"a": 7, "b": {"c": ["seven", []]}, "d": "none"}));
    }

    #[test]
    fn half_an_answer_is_announced_whole() {
        let Wire::Part(answer, sent) = Fault::Truncated.strike(Some(Answer::json(200, &json!({"id": "x"}))))
        else {
            panic!("a part")
        };
        assert!(sent < answer.body.len());
        assert!(matches!(Fault::Truncated.strike(None), Wire::Part(..)));
    }

    #[test]
    fn padding_does_not_change_what_is_said() {
        let Wire::Whole(answer) = Fault::Padded.strike(Some(Answer::json(200, &json!({"id": "x"})))) else {
            panic!("an answer")
        };
        let value: Value = serde_json::from_slice(&answer.body).unwrap();
        assert_eq!(value["id"], "x");
        assert!(answer.body.len() > LARGE);
    }
}
