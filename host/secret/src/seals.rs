//! Sealed tokens: opaque strings that stand for secrets inside the sandbox.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::Secret;

/// How every token begins; the rest is [`TOKEN_LEN`] - 8 hex digits.
pub const TOKEN_PREFIX: &str = "sealed1_";
const RANDOM_BYTES: usize = 20;
/// Length of a token in bytes.
const TOKEN_LEN: usize = TOKEN_PREFIX.len() + 2 * RANDOM_BYTES;
/// From this length on, a search pays for its preparation.
const LONG: usize = 256;

/// The text of a sealed token. Safe to show: it means nothing outside its operation.
pub type Token = String;

/// Where a sealed secret came from, which decides where it may go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A vault key that the plugin was granted, such as `providers:neon/api_key`.
    VaultKey(String),
    /// A value of another service, or of a template, that the user's file gives to this service.
    Injected(String),
    /// A secret that the host generated for this service, by its name.
    Generated(String),
    /// An HMAC under the secret of this vault key.
    Derived(String),
}

/// The sealed secrets of one operation.
///
/// Tokens are random (160 bits) and live as long as the operation, so that a token that a plugin keeps,
/// prints or hands to another plugin is worth nothing.
#[derive(Default)]
pub struct Seals {
    sealed: Mutex<HashMap<Token, (Secret, Source)>>,
}

impl Seals {
    /// No secrets yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps the secret and returns a new token for it.
    ///
    /// # Panics
    /// If the operating system gives no random numbers.
    pub fn seal(&self, secret: Secret, source: Source) -> Token {
        let mut random = [0u8; RANDOM_BYTES];
        #[expect(clippy::expect_used, reason = "without random numbers no secret can be kept")]
        getrandom::fill(&mut random).expect("the operating system gives random numbers");
        let token = format!("{TOKEN_PREFIX}{}", hex::encode(random));
        self.lock().insert(token.clone(), (secret, source));
        token
    }

    /// The secret behind exactly this token.
    pub fn get(&self, token: &str) -> Option<(Secret, Source)> {
        self.lock().get(token).cloned()
    }

    /// What `look` says of the source behind exactly this token. The secret itself is not touched.
    pub fn with_source<T>(&self, token: &str, look: impl FnOnce(&Source) -> T) -> Option<T> {
        self.lock().get(token).map(|(_, source)| look(source))
    }

    /// Whether the bytes hold the beginning of a token. A quick look, for requests without secrets; where
    /// it says yes, [`tokens_in`](Self::tokens_in) says whether there is one.
    pub fn may_hold_token(bytes: &[u8]) -> bool {
        // Most headers and paths are shorter than a token; up to a few hundred bytes, comparing at each
        // is faster than setting up a search.
        if bytes.len() < TOKEN_LEN {
            return false;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if text.len() > LONG => text.contains(TOKEN_PREFIX),
            _ => bytes.windows(TOKEN_PREFIX.len()).any(|window| window == TOKEN_PREFIX.as_bytes()),
        }
    }

    /// Every token in the text, in order, known or not.
    pub fn tokens_in(text: &str) -> impl Iterator<Item = &str> {
        let mut rest = text;
        std::iter::from_fn(move || {
            loop {
                let start = rest.find(TOKEN_PREFIX)?;
                let candidate = &rest[start..];
                match candidate.get(..TOKEN_LEN) {
                    Some(token)
                        if token[TOKEN_PREFIX.len()..]
                            .bytes()
                            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) =>
                    {
                        rest = &candidate[TOKEN_LEN..];
                        return Some(token);
                    }
                    _ => rest = &candidate[TOKEN_PREFIX.len()..],
                }
            }
        })
    }

    /// The text with each token replaced by its secret, if `allow` permits its source.
    ///
    /// # Errors
    /// The first token that is unknown, not permitted, or not text; nothing is replaced then.
    pub fn resolve(&self, text: &str, mut allow: impl FnMut(&Source) -> bool) -> Result<Secret, Unresolved> {
        let mut resolved = zeroize::Zeroizing::new(Vec::with_capacity(text.len()));
        let mut rest = text;
        for token in Self::tokens_in(text) {
            let (secret, source) = self.get(token).ok_or(Unresolved::Unknown)?;
            if !allow(&source) {
                return Err(Unresolved::NotPermitted(source));
            }
            let at = rest.find(token).unwrap_or_default();
            resolved.extend_from_slice(&rest.as_bytes()[..at]);
            resolved.extend_from_slice(secret.expose());
            rest = &rest[at + token.len()..];
        }
        resolved.extend_from_slice(rest.as_bytes());
        Ok(Secret::from_bytes(std::mem::take(&mut *resolved)))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<Token, (Secret, Source)>> {
        self.sealed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Seals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Seals({} secrets)", self.lock().len())
    }
}

/// Why a sealed token was not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unresolved {
    /// No secret of this operation has this token.
    Unknown,
    /// The secret may not go here.
    NotPermitted(Source),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_tokens_inside_text() {
        let seals = Seals::new();
        let token = seals.seal(Secret::new("p@ss"), Source::Generated("db".into()));
        let text = format!("postgres://u:{token}@host/{token}");
        let resolved = seals.resolve(&text, |_| true);
        assert_eq!(resolved, Ok(Secret::new("postgres://u:p@ss@host/p@ss")));
    }

    #[test]
    fn an_unknown_or_forbidden_token_is_an_error() {
        let seals = Seals::new();
        let token = seals.seal(Secret::new("x"), Source::Injected("db.URL".into()));
        assert_eq!(
            seals.resolve(&token, |_| false),
            Err(Unresolved::NotPermitted(Source::Injected("db.URL".into())))
        );
        assert_eq!(Seals::new().resolve(&token, |_| true), Err(Unresolved::Unknown));
    }

    #[test]
    fn a_quick_look_misses_no_token() {
        let seals = Seals::new();
        let token = seals.seal(Secret::new("x"), Source::Generated("a".into()));
        for padding in [0, 1, 100, 1000] {
            let text = format!("{}{token}", "é".repeat(padding));
            assert!(Seals::may_hold_token(text.as_bytes()));
            assert!(Seals::may_hold_token(&[&[0xff], text.as_bytes()].concat()));
        }
        assert!(!Seals::may_hold_token(&[b'a'; 1000]));
        assert_eq!(seals.with_source(&token, Source::clone), Some(Source::Generated("a".into())));
        assert_eq!(seals.with_source("sealed1_", Source::clone), None);
    }

    #[test]
    fn text_that_only_looks_like_a_token_is_left_alone() {
        let text = "sealed1_ sealed1_zz sealed1_sealed1_é";
        assert_eq!(Seals::tokens_in(text).count(), 0);
        assert_eq!(Seals::new().resolve(text, |_| true), Ok(Secret::new(text)));
    }
}
