//! Sealed tokens: where they may stand, and putting the secrets in their place.
//!
//! Threat: a plugin moves a secret to where it can read it back or where others can (a URL, another
//! header, another origin, an echo service). Each secret goes only where the grant binds it; a token
//! anywhere else refuses the whole request. Putting a secret in never changes the shape around it: no
//! line break leaves a header, no quote leaves a JSON string.
//!
//! Basic authentication is supported by looking inside: the credentials of `Basic …` are decoded, tokens
//! in them resolved, and the result encoded again. A token inside any other encoding is not recognised
//! and leaves as the meaningless text that it is.

mod header;
mod json;

use http::{HeaderMap, Request};
use hyper::body::Bytes;
use ss_secret::{Seals, Source, Unresolved};

use crate::denial::Refusal;
use crate::judge::{Verdict, is_json};
use crate::policy::Policy;

pub(crate) use json::SealedString;

/// Checks every token of a request, and notes where they are.
pub(crate) fn check(
    policy: &Policy,
    seals: &Seals,
    request: &Request<Bytes>,
    verdict: &mut Verdict<'_>,
) -> Result<(), Refusal> {
    for (name, value) in request.headers() {
        let Some(sealed) = header::sealed_text(name, value) else { continue };
        verdict.sealed_headers = true;
        for token in Seals::tokens_in(sealed.text()) {
            let permit = |source: &Source| policy.header_may_carry(source, &verdict.origin, name);
            if let Some(source) = not_permitted(seals, token, permit, || header::place(name))? {
                let origin = verdict.origin.to_string();
                let allow = allow_header(&source, &origin, name.as_str());
                return Err(Refusal::SecretNotGranted {
                    source_of: source,
                    origin,
                    place: header::place(name),
                    allow,
                });
            }
        }
    }
    check_body(policy, seals, request, verdict)
}

fn check_body(
    policy: &Policy,
    seals: &Seals,
    request: &Request<Bytes>,
    verdict: &mut Verdict<'_>,
) -> Result<(), Refusal> {
    if !Seals::may_hold_token(request.body()) {
        return Ok(());
    }
    let text = std::str::from_utf8(request.body()).map_err(|_| Refusal::SealedBody("is not UTF-8"))?;
    // What only looks like the start of a token is ordinary text.
    if Seals::tokens_in(text).next().is_none() {
        return Ok(());
    }
    if !is_json(request) {
        return Err(Refusal::SealedBody("is not declared `content-type: application/json`"));
    }
    let line = (request.method().as_str(), &verdict.origin, &verdict.path);
    let strings = json::sealed_strings(text)?;
    for string in &strings {
        for token in Seals::tokens_in(string.text()) {
            let permit = |source: &Source| policy.body_may_carry(source, line, string.steps());
            if let Some(source) = not_permitted(seals, token, permit, || string.place())? {
                let origin = verdict.origin.to_string();
                let allow = allow_body(&source, &origin, &string.dotted());
                return Err(Refusal::SecretNotGranted {
                    source_of: source,
                    origin,
                    place: string.place(),
                    allow,
                });
            }
        }
    }
    verdict.sealed_strings = strings;
    Ok(())
}

/// The source behind a token, if it is not permitted where the token stands.
fn not_permitted(
    seals: &Seals,
    token: &str,
    permit: impl FnOnce(&Source) -> bool,
    place: impl FnOnce() -> String,
) -> Result<Option<Source>, Refusal> {
    seals
        .with_source(token, |source| (!permit(source)).then(|| source.clone()))
        .ok_or_else(|| Refusal::UnknownToken { place: place() })
}

/// Headers and body with the secrets in place. Everything was checked before.
pub(crate) fn fill(
    seals: &Seals,
    request: &Request<Bytes>,
    verdict: &Verdict<'_>,
) -> Result<(HeaderMap, Bytes), Refusal> {
    let headers = if verdict.sealed_headers {
        header::fill(seals, request.headers())?
    } else {
        request.headers().clone()
    };
    let body = if verdict.sealed_strings.is_empty() {
        request.body().clone()
    } else {
        json::fill(seals, request.body(), &verdict.sealed_strings)?
    };
    Ok((headers, body))
}

/// The text with every token resolved, as checked text of no particular syntax.
fn resolved(seals: &Seals, text: &str, place: &str) -> Result<ss_secret::Secret, Refusal> {
    seals.resolve(text, |_| true).map_err(|unresolved| match unresolved {
        Unresolved::Unknown | Unresolved::NotPermitted(_) => {
            Refusal::UnknownToken { place: place.to_owned() }
        }
    })
}

/// Where the first secret of a text came from, for messages.
fn source_in(seals: &Seals, text: &str) -> Source {
    Seals::tokens_in(text)
        .find_map(|token| seals.with_source(token, Source::clone))
        .unwrap_or_else(|| Source::Injected(String::new()))
}

fn allow_header(source: &Source, origin: &str, header: &str) -> Option<String> {
    let Source::VaultKey(key) = source else { return None };
    Some(format!(
        r#"authority.vault.read = [{{ key = "{key}", origins = ["{origin}"], headers = ["{header}"] }}]"#
    ))
}

fn allow_body(source: &Source, origin: &str, place: &str) -> Option<String> {
    match source {
        Source::VaultKey(key) => Some(format!(
            r#"authority.vault.read = [{{ key = "{key}", origins = ["{origin}"], body = ["{place}"] }}]"#
        )),
        Source::Injected(_) | Source::Generated(_) => {
            Some(format!(r#"sealed-body = ["{place}"] in the authority.http rule of `{origin}`"#))
        }
        Source::Derived(_) => None,
    }
}
