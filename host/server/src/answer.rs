//! What a tool answers, on its way out: marked, scrubbed, as structure and as text.

use rmcp::model::{CallToolResponse, CallToolResult, ContentBlock, InputRequiredResult};
use serde_json::{Map, Value};
use ss_secret::Scrubber;

use crate::composition::Refusal;
use crate::marked::mark;

/// What a tool came to.
pub(crate) enum Answer {
    /// It is done.
    Complete(Value),
    /// The client must ask a person first.
    AskFirst(Box<InputRequiredResult>),
}

/// What a tool answers, or why it does not.
pub(crate) type Answered = Result<Answer, Refusal>;

/// An answer of texts that others wrote, with what is ours beside it.
pub(crate) fn answer(theirs: Value, ours: Value) -> Answer {
    let mut map = match mark(theirs) {
        Value::Object(map) => map,
        other => Map::from_iter([("result".to_owned(), other)]),
    };
    if let Value::Object(ours) = ours {
        map.extend(ours);
    }
    Answer::Complete(Value::Object(map))
}

/// The answer as the protocol has it.
pub(crate) fn to_response(scrubber: &Scrubber, answered: Answered) -> CallToolResponse {
    match answered {
        Ok(Answer::AskFirst(question)) => CallToolResponse::InputRequired(*question),
        Ok(Answer::Complete(value)) => {
            let value = scrubbed(scrubber, value);
            let mut result = CallToolResult::success(vec![ContentBlock::text(value.to_string())]);
            result.structured_content = Some(value);
            result.into()
        }
        // Clients hold structured content against the schema even of a failure, so there is none.
        Err(refusal) => {
            let value = scrubbed(scrubber, mark(refusal.to_json()));
            CallToolResult::error(vec![ContentBlock::text(value.to_string())]).into()
        }
    }
}

/// The value without any known secret. A number or a key may be one too.
pub(crate) fn scrubbed(scrubber: &Scrubber, mut value: Value) -> Value {
    scrub(scrubber, &mut value);
    value
}

fn scrub(scrubber: &Scrubber, value: &mut Value) {
    let clean = |text: &str| scrubber.leaks(text).then(|| scrubber.scrub(text).into_owned());
    match value {
        Value::String(text) => {
            if let Some(clean) = clean(text) {
                *text = clean;
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| scrub(scrubber, item)),
        Value::Object(map) => {
            if map.keys().any(|key| scrubber.leaks(key)) {
                let items = std::mem::take(map).into_iter();
                *map = items.map(|(key, value)| (clean(&key).unwrap_or(key), value)).collect();
            }
            map.values_mut().for_each(|value| scrub(scrubber, value));
        }
        Value::Number(number) => {
            if let Some(clean) = clean(&number.to_string()) {
                *value = clean.into();
            }
        }
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use ss_secret::Secret;

    use super::*;

    #[test]
    fn no_known_secret_leaves_in_any_place() {
        let scrubber = Scrubber::new();
        scrubber.learn(&Secret::new("hunter2-hunter2"));
        scrubber.learn(&Secret::new("123456789"));
        let value = json!({ "hunter2-hunter2": ["x hunter2-hunter2 y", { "n": 123_456_789 }] });
        let clean = scrubbed(&scrubber, value).to_string();
        assert!(!clean.contains("hunter2") && !clean.contains("123456789"), "{clean}");
    }
}
