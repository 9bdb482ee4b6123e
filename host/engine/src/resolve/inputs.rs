//! The digest of a service's inputs: changes with any of them, and tells nothing about the secret ones.
//!
//! A provider sees sealed tokens, which differ in every run, so it cannot see that a secret was rotated;
//! the digest shows it. It may end up in `_state`, in public: over inputs with secrets in them it is an
//! HMAC under a key that only the vault has, so that nobody can try out short secrets. Over inputs without
//! secrets it is a plain hash, the same on every machine.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hmac;
use serde_json::json;
use ss_provider::{Failure, Service};
use ss_secret::Seals;

use super::{Declared, Purpose, Resolver, unusable};

/// Length of the digest in hex digits.
const LENGTH: usize = 32;

impl Resolver {
    /// The digest; none while an input, or the key, is not there yet.
    pub(super) fn inputs_digest(
        &self,
        declared: &Declared,
        service: &Service,
        seals: &Seals,
        purpose: Purpose<'_>,
    ) -> Result<Option<String>, Failure> {
        let env: Vec<_> = service.env.iter().map(|variable| (&variable.name, &variable.value)).collect();
        let inputs = json!([service.kind, service.name, service.command, service.options, env]).to_string();
        let mut tokens = Seals::tokens_in(&inputs).peekable();
        if tokens.peek().is_none() && !declared.reads_vault() {
            return Ok(Some(shorten(digest(&SHA256, inputs.as_bytes()).as_ref())));
        }
        // A value that is yet to come is sealed as nothing.
        if tokens.any(|token| seals.get(token).is_none_or(|(secret, _)| secret.is_empty())) {
            return Ok(None);
        }
        let make = matches!(purpose, Purpose::Apply);
        let Some(key) = self.store.inputs_key(make).map_err(unusable)? else { return Ok(None) };
        let Ok(resolved) = seals.resolve(&inputs, |_| true) else { return Ok(None) };
        let key = hmac::Key::new(hmac::HMAC_SHA256, key.expose());
        Ok(Some(shorten(hmac::sign(&key, resolved.expose()).as_ref())))
    }
}

fn shorten(digest: &[u8]) -> String {
    let mut text = hex::encode(digest);
    text.truncate(LENGTH);
    text
}
