//! Tokens in a JSON body.
//!
//! The body is checked to be JSON by `serde_json`; then one walk over its bytes finds the strings that
//! hold tokens, with the way to each. Only those strings are written anew: numbers, order, spacing and
//! repeated members stay as the plugin sent them.

use std::borrow::Cow;
use std::ops::Range;

use hyper::body::Bytes;
use serde::de::IgnoredAny;
use ss_authority::{Place, Step};
use ss_secret::Seals;

use crate::denial::Refusal;
use crate::seal::{resolved, source_in};

/// Deepest nesting of a body with tokens.
const MAX_DEPTH: usize = 64;

/// A string of a body that holds tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SealedString {
    /// Where it stands in the body, with its quotes.
    span: Range<usize>,
    /// Its text, unescaped.
    text: String,
    /// The way to it.
    steps: Vec<Step<String>>,
}

impl SealedString {
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn steps(&self) -> &[Step<String>] {
        &self.steps
    }

    /// The way to it as the manifest writes it.
    pub(super) fn dotted(&self) -> String {
        // The plugin chose the names; only those that a manifest could hold are shown.
        let name = |step: &Step<String>| match step {
            Step::Member(name) if Place::parse(name).is_ok() && !name.contains('.') => name.clone(),
            Step::Member(_) | Step::Element => "*".to_owned(),
        };
        self.steps.iter().map(name).collect::<Vec<String>>().join(".")
    }

    /// How messages name it.
    pub(super) fn place(&self) -> String {
        if self.steps.is_empty() {
            "the body as a whole".to_owned()
        } else {
            format!("body field `{}`", self.dotted())
        }
    }
}

/// An object or array that the walk is in.
enum Frame {
    Object { at_key: bool, key: Range<usize> },
    Array,
}

/// Every string value of the body that holds tokens.
pub(super) fn sealed_strings(body: &str) -> Result<Vec<SealedString>, Refusal> {
    serde_json::from_str::<IgnoredAny>(body).map_err(|_| Refusal::SealedBody("is not JSON"))?;
    let bytes = body.as_bytes();
    let mut found = Vec::new();
    let mut frames: Vec<Frame> = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'{' => push(&mut frames, Frame::Object { at_key: true, key: 0..0 })?,
            b'[' => push(&mut frames, Frame::Array)?,
            b'}' | b']' => drop(frames.pop()),
            b',' => {
                if let Some(Frame::Object { at_key, .. }) = frames.last_mut() {
                    *at_key = true;
                }
            }
            b'"' => {
                let span = at..string_end(bytes, at);
                at = span.end - 1;
                on_string(body, span, &mut frames, &mut found)?;
            }
            _ => {}
        }
        at += 1;
    }
    Ok(found)
}

fn push(frames: &mut Vec<Frame>, frame: Frame) -> Result<(), Refusal> {
    if frames.len() >= MAX_DEPTH {
        return Err(Refusal::SealedBody("is nested too deeply"));
    }
    frames.push(frame);
    Ok(())
}

fn on_string(
    body: &str,
    span: Range<usize>,
    frames: &mut [Frame],
    found: &mut Vec<SealedString>,
) -> Result<(), Refusal> {
    let tokens = unescaped(&body[span.clone()])?;
    let sealed = Seals::tokens_in(&tokens).next().is_some();
    if let Some(Frame::Object { at_key, key }) = frames.last_mut()
        && *at_key
    {
        *at_key = false;
        *key = span;
        return if sealed {
            Err(Refusal::TokenOutOfPlace { place: "a member's name".to_owned() })
        } else {
            Ok(())
        };
    }
    if sealed {
        let steps = frames.iter().map(|frame| step(body, frame)).collect::<Result<_, _>>()?;
        found.push(SealedString { span, text: tokens.into_owned(), steps });
    }
    Ok(())
}

fn step(body: &str, frame: &Frame) -> Result<Step<String>, Refusal> {
    match frame {
        Frame::Object { key, .. } => Ok(Step::Member(unescaped(&body[key.clone()])?.into_owned())),
        Frame::Array => Ok(Step::Element),
    }
}

/// The text of a string with its quotes.
fn unescaped(quoted: &str) -> Result<Cow<'_, str>, Refusal> {
    if !quoted.contains('\\') {
        return Ok(Cow::Borrowed(&quoted[1..quoted.len() - 1]));
    }
    serde_json::from_str(quoted)
        .map(Cow::Owned)
        .map_err(|_| Refusal::SealedBody("has a string that is not Unicode"))
}

/// The end of the string that starts here, after its closing quote. The text is known to be JSON.
fn string_end(bytes: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while at < bytes.len() && bytes[at] != b'"' {
        at += if bytes[at] == b'\\' { 2 } else { 1 };
    }
    (at + 1).min(bytes.len())
}

/// The body with the secrets in place.
pub(super) fn fill(seals: &Seals, body: &Bytes, strings: &[SealedString]) -> Result<Bytes, Refusal> {
    let mut filled = Vec::with_capacity(body.len() + 64 * strings.len());
    let mut done = 0;
    for string in strings {
        let secret = resolved(seals, &string.text, &string.place())?;
        let text = secret.expose_str().ok_or_else(|| Refusal::SecretDoesNotFit {
            source_of: source_in(seals, &string.text),
            place: string.place(),
            why: "it is not text",
        })?;
        filled.extend_from_slice(&body[done..string.span.start]);
        serde_json::to_writer(&mut filled, text).map_err(|_| Refusal::SealedBody("cannot be written"))?;
        done = string.span.end;
    }
    filled.extend_from_slice(&body[done..]);
    Ok(Bytes::from(filled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ss_secret::{Secret, Source};

    fn sealed() -> (Seals, String) {
        let seals = Seals::new();
        let token = seals.seal(Secret::new("p\"},\\\n\u{1}é"), Source::Generated("db".to_owned()));
        (seals, token)
    }

    #[test]
    fn finds_the_way_to_every_token() {
        let (_, token) = sealed();
        let body = format!(
            r#"{{"a":1,"b":{{"c":["x",{{"d.e":"<{token}>"}}],"f":"{token}"}},"g":"\u0073{}"}}"#,
            &token[1..]
        );
        let places: Vec<_> = sealed_strings(&body).unwrap().iter().map(SealedString::dotted).collect();
        assert_eq!(places, ["b.c.*.*", "b.f", "g"]);
    }

    #[test]
    fn a_secret_cannot_leave_its_string() {
        let (seals, token) = sealed();
        let body =
            format!(r#"{{ "n": 1.10e400, "a" : "x-{token}-y", "big": 123456789012345678901234567890 }}"#);
        let strings = sealed_strings(&body).unwrap();
        let filled = fill(&seals, &Bytes::from(body), &strings).unwrap();
        let text = std::str::from_utf8(&filled).unwrap();
        assert_eq!(
            text,
            r#"{ "n": 1.10e400, "a" : "x-p\"},\\\n\u0001é-y", "big": 123456789012345678901234567890 }"#
        );
    }

    #[test]
    fn refuses_tokens_in_names_and_bodies_that_are_not_json() {
        let (_, token) = sealed();
        for body in [
            format!(r#"{{"{token}":1}}"#),
            format!(r#"{{"a":{{"\u0073{}":1}}}}"#, &token[1..]),
            format!("a={token}"),
            format!(r#"{{"a":"{token}"}}{{}}"#),
            format!(r#"{{"a":"{token}","b":"\ud800"}}"#),
            format!("{}\"{token}\"{}", "[".repeat(100), "]".repeat(100)),
        ] {
            assert!(sealed_strings(&body).is_err(), "{body}");
        }
    }
}
