//! Credentials that stand in the files, where every reader of the repository finds them.
//!
//! Two rules. A value in the published form of a well-known provider's secret is one, wherever it stands. A
//! value under a name such as `password` is one if it looks random: a person's placeholder does not. The form
//! of a value never decides whether it is accepted, only whether this is said.

use ss_config::{Sources, Span, System};

use crate::{Finding, Severity};

/// Published beginnings of secrets, the fewest characters that follow, and whose they are.
const FORMS: &[(&str, usize, &str)] = &[
    ("AGE-SECRET-KEY-1", 40, "an age identity"),
    ("AKIA", 16, "an AWS access key"),
    ("ASIA", 16, "an AWS access key"),
    ("FlyV1 ", 20, "a Fly token"),
    ("fo1_", 20, "a Fly token"),
    ("fm2_", 20, "a Fly token"),
    ("ghp_", 30, "a GitHub token"),
    ("gho_", 30, "a GitHub token"),
    ("ghs_", 30, "a GitHub token"),
    ("github_pat_", 30, "a GitHub token"),
    ("glpat-", 16, "a GitLab token"),
    ("napi_", 20, "a Neon API key"),
    ("npm_", 30, "an npm token"),
    ("pypi-", 40, "a PyPI token"),
    ("rk_live_", 16, "a Stripe key"),
    ("sk_live_", 16, "a Stripe key"),
    ("sbp_", 30, "a Supabase token"),
    ("sk-ant-", 20, "an Anthropic key"),
    ("sk-proj-", 20, "an OpenAI key"),
    ("xoxb-", 20, "a Slack token"),
    ("xoxp-", 20, "a Slack token"),
];

/// Ends of names that hold secrets.
const NAMES: &[&str] = &[
    "password",
    "passwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "private_key",
    "secret_key",
    "access_key",
    "client_secret",
    "credentials",
];
/// Shortest value that counts as random.
const SHORTEST: usize = 12;

/// Every text of the services that looks like a secret, without its value.
pub fn literal_secrets(system: &System, sources: &Sources) -> Vec<Finding> {
    let mut findings = Vec::new();
    for service in &system.services {
        let id = &service.id.value;
        service.node().visit_strings(&format!("services.{id}"), &mut |path, text, span| {
            if let Some(what) = suspicion(path, text) {
                findings.push(finding(sources, path, what, span));
            }
        });
    }
    findings
}

fn finding(sources: &Sources, path: &str, what: &str, span: Span) -> Finding {
    let name: String = path.rsplit('.').next().unwrap_or(path).chars().map(variable_character).collect();
    Finding::new(Severity::Warn, "secret.in-file", path, format!("`{path}` looks like {what}"))
        .at_span(sources, span)
        .suggest(format!(
            "`ss vault set secrets.{name}` stores it; write `{{{{ vault('secrets.{name}') }}}}` here, and replace \
             the secret at its provider if the file was ever shared"
        ))
}

fn variable_character(c: char) -> char {
    if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }
}

/// What a text looks like, if it looks like a secret.
fn suspicion(path: &str, text: &str) -> Option<&'static str> {
    // What a run recorded was written by `ss`, which writes no secret.
    if text.contains("{{") || path.split('.').any(|segment| segment == "_state") {
        return None;
    }
    if text.contains("-----BEGIN") && text.contains("PRIVATE KEY-----") {
        return Some("a private key");
    }
    if let Some((_, _, what)) = FORMS.iter().find(|(begin, least, _)| has_form(text, begin, *least)) {
        return Some(what);
    }
    if holds_password(text) {
        return Some("an address with a password in it");
    }
    let name = path.rsplit('.').next().unwrap_or_default().to_ascii_lowercase().replace('-', "_");
    (NAMES.iter().any(|ending| name.ends_with(ending)) && is_random(text)).then_some("a secret")
}

/// The beginning, and then at least so many characters of a token.
fn has_form(text: &str, begin: &str, least: usize) -> bool {
    text.strip_prefix(begin).is_some_and(|rest| {
        let token =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '+' | '/' | '=' | ',' | '.');
        rest.len() >= least && rest.chars().all(token)
    })
}

/// `scheme://user:password@host`, where the password is no variable.
fn holds_password(text: &str) -> bool {
    let Some((scheme, rest)) = text.split_once("://") else { return false };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let Some((userinfo, _)) = authority.rsplit_once('@') else { return false };
    let password = userinfo.split_once(':').map_or("", |(_, password)| password);
    let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    scheme.chars().all(word) && !password.is_empty() && !password.contains(['$', '<', '*'])
}

/// Letters and digits mixed, in one word that is no path, variable or name of one.
fn is_random(text: &str) -> bool {
    let one_word = text.len() >= SHORTEST
        && text.chars().all(|c| c.is_ascii_graphic())
        && !text.contains(['$', '<', '{'])
        && !text.starts_with(['/', '.', '~']);
    let has = |of: fn(&u8) -> bool| text.as_bytes().iter().any(of);
    one_word && has(u8::is_ascii_digit) && has(u8::is_ascii_lowercase) && !text.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_suspected() {
        for (path, text, what) in [
            ("services.a.env.X", "AKIAIOSFODNN7EXAMPLE", "an AWS access key"),
            ("services.a.env.X", "fo1_9mLq2Zt7Rk3XwVb8mLq2Zt7", "a Fly token"),
            ("services.a.env.K", "-----BEGIN RSA PRIVATE KEY-----\nMII", "a private key"),
            ("services.a.env.URL", "postgres://me:hunter2@db/x", "an address with a password in it"),
            ("services.a.env.DB_PASSWORD", "k3hs8Gd72hsk1", "a secret"),
            ("services.a.target.api-key", "0a9f8e7d6c5b4a39", "a secret"),
        ] {
            assert_eq!(suspicion(path, text), Some(what), "{path}: {text}");
        }
    }

    #[test]
    fn ordinary_texts_are_not() {
        for (path, text) in [
            ("services.a.env.DB_PASSWORD", "{{ vault('secrets.DB_PASSWORD') }}"),
            ("services.a.env.DB_PASSWORD", "changeme"),
            ("services.a.env.DB_PASSWORD", "${DB_PASSWORD_2}"),
            ("services.a.env.TOKEN_FILE_secret", "/run/secrets/token1"),
            ("services.a.target.credential_env", "NEON_API_KEY"),
            ("services.a.target.image", "ghcr.io/me/my-app-api:latest"),
            ("services.a.env.URL", "https://example.com:8080/a@b"),
            ("services.a.env.URL", "postgres://me:$PASSWORD@db/x"),
            ("services.a.env.URL", "postgres://me@db/x"),
            ("services.a.provision._state.metadata.token", "k3hs8Gd72hsk1"),
            ("services.a.env.X", "AKIA"),
            ("services.a.env.SECRET", "MY_SERVICE_SECRET_1"),
        ] {
            assert_eq!(suspicion(path, text), None, "{path}: {text}");
        }
    }
}
