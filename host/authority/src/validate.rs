//! The rules that every value of an [`Authority`] has to keep, wherever it was read from.

use std::collections::HashSet;

use crate::permission::METHODS;
use crate::{
    Authority, FilesAuthority, HttpRule, InvalidValue, OriginPattern, PathPattern, Place, ProcessAuthority,
    Reads, Scheme, SecretsAuthority, VaultAuthority, VaultRead,
};

/// Most entries of a list of rules: the largest provider known needs about ten.
const MAX_RULES: usize = 64;
/// Most entries of any other list.
const MAX_ENTRIES: usize = 32;
/// Longest string of any kind.
const MAX_TEXT: usize = 512;

type Checked = Result<(), InvalidValue>;

impl Authority {
    /// Checks every value. Whoever reads an authority from a file has to call this before anything else
    /// looks at it; [`Manifest::parse`](crate::Manifest::parse) does.
    ///
    /// # Errors
    /// The first value that breaks a rule, with its dotted path from the authority on.
    pub fn validate(&self) -> Result<(), InvalidValue> {
        list("http", &self.http, MAX_RULES, check_http_rule)?;
        check_vault(&self.vault)?;
        check_secrets(&self.secrets)?;
        if let Some(process) = &self.process {
            check_process(process)?;
        }
        self.files.as_ref().map_or(Ok(()), check_files)
    }
}

fn check_http_rule(field: &str, rule: &HttpRule) -> Checked {
    let origin = OriginPattern::parse(capped(&join(field, "origin"), &rule.origin)?)
        .map_err(|error| InvalidValue::new(join(field, "origin"), &rule.origin, error))?;
    PathPattern::parse(capped(&join(field, "path"), &rule.path)?)
        .map_err(|error| InvalidValue::new(join(field, "path"), &rule.path, error))?;
    if rule.methods.is_empty() {
        return Err(InvalidValue::new(join(field, "methods"), "[]", "name at least one method"));
    }
    set(&join(field, "methods"), &rule.methods, |method| {
        if METHODS.contains(&method) { Ok(()) } else { Err(format!("is not one of {}", METHODS.join(", "))) }
    })?;
    check_reads(field, rule)?;
    check_places(&join(field, "sealed-body"), &rule.sealed_body)?;
    if !rule.sealed_body.is_empty() && origin.scheme() != Scheme::Https {
        return Err(InvalidValue::new(
            join(field, "sealed-body"),
            &rule.origin,
            "secrets are only sent over https",
        ));
    }
    Ok(())
}

fn check_reads(field: &str, rule: &HttpRule) -> Checked {
    let Some(reads) = &rule.reads else { return Ok(()) };
    let invalid = |reason| Err(InvalidValue::new(join(field, "reads"), reads, reason));
    match Reads::parse(reads) {
        None => invalid("is neither `graphql` nor `post`"),
        Some(_) if !rule.methods.iter().any(|method| method == "POST") => {
            invalid("says which POST requests are reads, but the rule has no POST")
        }
        Some(Reads::Graphql) if rule.methods.len() > 1 => invalid("a `graphql` rule has the one method POST"),
        Some(Reads::Graphql) if rule.path.ends_with('/') || rule.path.contains('*') => {
            invalid("a `graphql` rule has one exact path")
        }
        Some(_) => Ok(()),
    }
}

fn check_vault(vault: &VaultAuthority) -> Checked {
    list("vault.read", &vault.read, MAX_ENTRIES, check_vault_read)?;
    set("vault.write", &vault.write, |key| {
        check_key(key)?;
        if key.starts_with("providers:") {
            Ok(())
        } else {
            Err("only provider keys (`providers:<provider>/<name>`) can be written".to_owned())
        }
    })
}

fn check_vault_read(field: &str, read: &VaultRead) -> Checked {
    let key = join(field, "key");
    check_key(capped(&key, &read.key)?).map_err(|reason| InvalidValue::new(key, &read.key, reason))?;
    set(&join(field, "origins"), &read.origins, |origin| {
        let origin = OriginPattern::parse(origin).map_err(|error| error.to_string())?;
        if origin.scheme() == Scheme::Https {
            Ok(())
        } else {
            Err("secrets are only sent over https".to_owned())
        }
    })?;
    set(&join(field, "headers"), &read.headers, check_header)?;
    check_places(&join(field, "body"), &read.body)?;
    let carried = !read.headers.is_empty() || !read.body.is_empty();
    if carried == read.origins.is_empty() {
        let reason = "`origins` needs `headers` or `body` beside it, and they need `origins`";
        return Err(InvalidValue::new(join(field, "origins"), &read.key, reason));
    }
    Ok(())
}

fn check_secrets(secrets: &SecretsAuthority) -> Checked {
    set("secrets.hmac", &secrets.hmac, check_key)?;
    set("secrets.reveal", &secrets.reveal, |what| {
        if matches!(what, "generated" | "injected") { Ok(()) } else { check_key(what) }
    })
}

fn check_process(process: &ProcessAuthority) -> Checked {
    set("process.commands", &process.commands, check_command)?;
    set("process.reads", &process.reads, check_command)?;
    set("process.probe-options", &process.probe_options, check_option)
}

fn check_files(files: &FilesAuthority) -> Checked {
    set("files.read-options", &files.read_options, check_option)?;
    set("files.write-options", &files.write_options, check_option)
}

fn check_places(field: &str, places: &[String]) -> Checked {
    set(field, places, |place| Place::parse(place).map(|_| ()).map_err(|error| error.to_string()))
}

/// `<namespace>/<name>`, each of letters, digits, `.`, `_`, `-`; `:` in the namespace.
fn check_key(key: &str) -> Result<(), String> {
    let word = |text: &str, extra: u8| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-') || b == extra)
    };
    match key.split_once('/') {
        Some((namespace, name)) if word(namespace, b':') && word(name, b'_') => Ok(()),
        _ => Err("is not `<namespace>/<name>`, such as `providers:neon/api_key`".to_owned()),
    }
}

/// A header that may carry a secret: never one that the host itself sets or refuses.
fn check_header(name: &str) -> Result<(), String> {
    let known = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if name.is_empty() || !name.bytes().all(known) {
        return Err("is not the lower-case name of a header".to_owned());
    }
    match name {
        "host" | "connection" | "content-length" | "transfer-encoding" | "content-type" | "cookie" | "te"
        | "upgrade" | "accept-encoding" => Err("is a header that cannot carry a secret".to_owned()),
        _ => Ok(()),
    }
}

/// Plain words with one space between: no shell reads them, and nothing in them may look as if one did.
fn check_command(command: &str) -> Result<(), String> {
    let plain =
        |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/' | b'=' | b':' | b'@');
    let word = |word: &str| !word.is_empty() && word.bytes().all(plain);
    if command.split(' ').all(word) {
        Ok(())
    } else {
        Err("is not plain words with one space between".to_owned())
    }
}

/// A dotted option name, such as `generate_config.template`.
fn check_option(option: &str) -> Result<(), String> {
    let valid = Place::parse(option).is_ok() && !option.contains('*');
    if valid { Ok(()) } else { Err("is not a dotted option name".to_owned()) }
}

/// Checks the length of a list and each of its entries.
fn list<T>(field: &str, entries: &[T], most: usize, check: impl Fn(&str, &T) -> Checked) -> Checked {
    if entries.len() > most {
        return Err(InvalidValue::new(field, "[…]", format!("has more than {most} entries")));
    }
    entries.iter().enumerate().try_for_each(|(index, entry)| check(&format!("{field}[{index}]"), entry))
}

/// Checks a list of strings that is a set.
fn set(field: &str, entries: &[String], check: impl Fn(&str) -> Result<(), String>) -> Checked {
    let mut seen = HashSet::new();
    list(field, entries, MAX_ENTRIES, |field, entry| {
        check(capped(field, entry)?).map_err(|reason| InvalidValue::new(field, entry, reason))
    })?;
    match entries.iter().find(|entry| !seen.insert(entry.as_str())) {
        Some(twice) => Err(InvalidValue::new(field, twice, "stands there twice")),
        None => Ok(()),
    }
}

fn capped<'a>(field: &str, text: &'a str) -> Result<&'a str, InvalidValue> {
    if text.len() > MAX_TEXT {
        return Err(InvalidValue::new(field, "…", format!("is longer than {MAX_TEXT} bytes")));
    }
    Ok(text)
}

fn join(field: &str, member: &str) -> String {
    format!("{field}.{member}")
}
