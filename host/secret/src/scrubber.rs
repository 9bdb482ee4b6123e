//! Finds secrets in text, in their usual encodings, and hides them.

use std::borrow::Cow;
use std::fmt;
use std::sync::{PoisonError, RwLock};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE, URL_SAFE_NO_PAD};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::Secret;

/// What stands in a hidden secret's place.
const HIDDEN: &str = "[secret]";

/// Secrets shorter than this are not searched for: they would hide ordinary text.
const MIN_LEN: usize = 6;

/// Knows every secret that this process has loaded and hides it wherever it turns up.
#[derive(Default)]
pub struct Scrubber {
    /// Encoded forms, longest first, so that a form inside another is not hidden alone.
    needles: RwLock<Vec<zeroize::Zeroizing<String>>>,
    /// Learns nothing: what a test that searches for secrets must notice.
    #[cfg(feature = "testing")]
    blind: bool,
}

impl Scrubber {
    /// Knows nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A scrubber that never learns anything.
    #[cfg(feature = "testing")]
    pub fn blind() -> Self {
        Self { blind: true, ..Self::default() }
    }

    /// Learns a secret, in all its encodings. Secrets under six bytes or of bytes that are not text in
    /// raw form are learnt in the encodings that can be.
    pub fn learn(&self, secret: &Secret) {
        #[cfg(feature = "testing")]
        if self.blind {
            return;
        }
        let bytes = secret.expose();
        if bytes.len() < MIN_LEN {
            return;
        }
        let mut forms: Vec<String> = vec![
            hex::encode(bytes),
            hex::encode_upper(bytes),
            STANDARD.encode(bytes),
            STANDARD_NO_PAD.encode(bytes),
            URL_SAFE.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
        ];
        forms.extend(inner_base64(bytes));
        if let Some(text) = secret.expose_str() {
            forms.push(text.to_owned());
            forms.push(utf8_percent_encode(text, NON_ALPHANUMERIC).to_string());
            forms.push(utf8_percent_encode(text, FORM).to_string());
            forms.push(escape_json(text));
            forms.push(text.chars().rev().collect());
        }
        let mut needles = self.needles.write().unwrap_or_else(PoisonError::into_inner);
        for form in forms {
            if form.len() >= MIN_LEN && !needles.iter().any(|known| **known == form) {
                needles.push(zeroize::Zeroizing::new(form));
            }
        }
        needles.sort_by_key(|form| std::cmp::Reverse(form.len()));
    }

    /// The text with every secret hidden.
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let mut clean = Cow::Borrowed(text);
        for needle in self.needles.read().unwrap_or_else(PoisonError::into_inner).iter() {
            if clean.contains(needle.as_str()) {
                clean = Cow::Owned(clean.replace(needle.as_str(), HIDDEN));
            }
        }
        clean
    }

    /// Whether the text holds a secret.
    pub fn leaks(&self, text: &str) -> bool {
        self.needles
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .any(|needle| text.contains(needle.as_str()))
    }
}

impl fmt::Debug for Scrubber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forms = self.needles.read().unwrap_or_else(PoisonError::into_inner).len();
        write!(f, "Scrubber({forms} forms)")
    }
}

/// Everything but what URLs leave as it is, the least that encoders escape.
const FORM: &percent_encoding::AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'*');

/// The parts of the secret's base64 that do not depend on its neighbours, when it stands at any offset
/// inside a longer encoded text (such as `user:secret` of basic authentication).
fn inner_base64(bytes: &[u8]) -> impl Iterator<Item = String> + '_ {
    // Base64 takes three bytes at a time; at each offset another number of bytes belongs to a group that
    // the neighbours share.
    (0..3).filter_map(move |skip| {
        let body = bytes.get(skip..)?;
        let whole = &body[..body.len() - body.len() % 3];
        (whole.len() >= MIN_LEN).then(|| STANDARD_NO_PAD.encode(whole))
    })
}

/// The text as it stands between the quotes of a JSON string.
fn escape_json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '"' => escaped.push_str("\\\""),
            '\\' => escaped.push_str("\\\\"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hides_every_encoding() {
        let scrubber = Scrubber::new();
        let secret = "s3cr\"t/with space+and=more";
        scrubber.learn(&Secret::new(secret));
        for form in [
            secret.to_owned(),
            hex::encode(secret),
            STANDARD.encode(secret),
            URL_SAFE_NO_PAD.encode(secret),
            STANDARD.encode(format!("u:{secret}")),
            STANDARD.encode(format!("ab:{secret}@h")),
            utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
            escape_json(secret),
        ] {
            let text = format!("before {form} after");
            assert!(scrubber.leaks(&text), "{form}");
            assert!(!scrubber.leaks(&scrubber.scrub(&text)), "{form}");
        }
    }

    #[test]
    fn leaves_other_text_alone() {
        let scrubber = Scrubber::new();
        scrubber.learn(&Secret::new("correct horse"));
        scrubber.learn(&Secret::new("on"));
        assert_eq!(scrubber.scrub("on with the battery staple"), "on with the battery staple");
    }
}
