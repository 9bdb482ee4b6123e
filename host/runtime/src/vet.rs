//! Checking what a plugin returns before the host believes it.
//!
//! Threat: a plugin returns too much, JSON that is none, another provider's name, or a secret in a place
//! that is written to a file or shown. Too large, malformed or secret: an error that names the field. Text
//! for people is cleaned instead, because a message is worth having.

use serde_json::Value;
use ss_provider::{
    Action, Change, Credential, Description, Failure, FailureKind, Health, Metadata, Outcome, Plan, Shape,
    State, VaultKey,
};
use ss_secret::{Seals, Source, Unresolved};

use crate::contract::wit;
use crate::text::Cleaner;

/// Longest summary, detail, message or step, in bytes; longer ones are cut.
const MAX_MESSAGE: usize = 2 << 10;
/// Most lines of a failure's message, which may quote the output of a program.
const MAX_LINES: usize = 20;
/// Longest name or identifier.
const MAX_NAME: usize = 512;
/// Largest metadata of a state, which stands in a YAML file that people read.
const MAX_METADATA: usize = 64 << 10;
/// Largest answer of a provider that `--json` passes on.
const MAX_RAW: usize = 256 << 10;
/// Most changed fields.
const MAX_CHANGES: usize = 1_000;
/// Largest value of a changed field.
const MAX_CHANGE_VALUE: usize = 16 << 10;
/// Most credentials of a service.
const MAX_CREDENTIALS: usize = 64;
/// Largest credential: a chain of certificates fits.
const MAX_CREDENTIAL: usize = 64 << 10;
/// Longest name of a credential.
const MAX_CREDENTIAL_NAME: usize = 128;
/// Most vault keys or shapes of a description.
const MAX_DESCRIBED: usize = 64;
/// Largest options schema.
const MAX_SCHEMA: usize = 256 << 10;
/// Longest example.
const MAX_EXAMPLE: usize = 16 << 10;

/// Why an answer is not believed: the field, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` {problem}")]
pub(crate) struct Rejected {
    field: String,
    problem: String,
}

impl Rejected {
    fn new(field: impl Into<String>, problem: impl Into<String>) -> Self {
        Self { field: field.into(), problem: problem.into() }
    }
}

impl From<Rejected> for Failure {
    fn from(rejected: Rejected) -> Self {
        Failure::new(FailureKind::Internal, format!("the plugin's answer is not valid: {rejected}"))
    }
}

/// Checks the answers of one plugin.
pub(crate) struct Vetting<'a> {
    pub(crate) provider: &'a str,
    pub(crate) cleaner: &'a Cleaner,
}

impl Vetting<'_> {
    pub(crate) fn plan(&self, plan: wit::Plan) -> Result<Plan, Rejected> {
        let action = match plan.action {
            wit::Action::Create => Action::Create,
            wit::Action::Update => Action::Update,
            wit::Action::Replace => Action::Replace,
            wit::Action::Nothing => Action::Nothing,
        };
        Ok(Plan { action, detail: self.message(&plan.detail), changes: self.changes(plan.changes)? })
    }

    pub(crate) fn changes(&self, changes: Vec<wit::Change>) -> Result<Vec<Change>, Rejected> {
        if changes.len() > MAX_CHANGES {
            return Err(Rejected::new("changes", format!("has more than {MAX_CHANGES} entries")));
        }
        changes
            .into_iter()
            .map(|change| {
                Ok(Change {
                    field: self.cleaner.line(&change.field, MAX_NAME),
                    before: self.change_value("changes.before", change.before)?,
                    after: self.change_value("changes.after", change.after)?,
                    sensitive: change.sensitive,
                })
            })
            .collect()
    }

    fn change_value(&self, field: &str, text: Option<String>) -> Result<Option<Value>, Rejected> {
        text.map(|text| Ok(self.hidden(parse(field, &text, MAX_CHANGE_VALUE)?))).transpose()
    }

    pub(crate) fn health(&self, health: wit::Health) -> Health {
        Health {
            healthy: health.healthy,
            message: self.message(&health.message),
            // The verdict is worth having without the provider's own words.
            raw: health.raw.and_then(|raw| parse("raw", &raw, MAX_RAW).ok()).map(|raw| self.hidden(raw)),
        }
    }

    pub(crate) fn failure(&self, failure: &wit::Failure) -> Failure {
        let kind = match &failure.kind {
            wit::FailureKind::InvalidConfiguration(path) => {
                FailureKind::InvalidConfiguration { path: self.cleaner.line(path, MAX_NAME) }
            }
            wit::FailureKind::Authentication => FailureKind::Authentication,
            wit::FailureKind::NotFound => FailureKind::NotFound,
            wit::FailureKind::Conflict => FailureKind::Conflict,
            wit::FailureKind::Quota => FailureKind::Quota,
            wit::FailureKind::RateLimited(after) => FailureKind::RateLimited { retry_after: *after },
            wit::FailureKind::Unavailable => FailureKind::Unavailable,
            wit::FailureKind::OutcomeUnknown => FailureKind::OutcomeUnknown,
            wit::FailureKind::Internal => FailureKind::Internal,
        };
        let message = self.cleaner.lines(&failure.message, MAX_MESSAGE, MAX_LINES);
        let message = if message.is_empty() { "the plugin gave no reason".to_owned() } else { message };
        Failure {
            kind,
            message,
            next_step: failure.next_step.as_deref().map(|step| self.message(step)).filter(|s| !s.is_empty()),
            denials: Vec::new(),
        }
    }

    pub(crate) fn outcome(&self, outcome: wit::Outcome, seals: &Seals) -> Result<Outcome, Rejected> {
        // Credentials first: what they hold counts as secret when the state is looked at.
        let credentials = self.credentials(outcome.credentials, seals)?;
        let state = self.state(outcome.state)?;
        Ok(Outcome { state, credentials, summary: self.message(&outcome.summary) })
    }

    fn credentials(&self, raw: Vec<wit::Credential>, seals: &Seals) -> Result<Vec<Credential>, Rejected> {
        if raw.len() > MAX_CREDENTIALS {
            return Err(Rejected::new("credentials", format!("has more than {MAX_CREDENTIALS} entries")));
        }
        let mut credentials: Vec<Credential> = Vec::with_capacity(raw.len());
        for credential in raw {
            let name = credential.name;
            if !is_variable_name(&name) {
                let shown = self.cleaner.line(&name, MAX_CREDENTIAL_NAME);
                return Err(Rejected::new(
                    "credentials",
                    format!("has a name, `{shown}`, that is not of letters, digits and `_`"),
                ));
            }
            let field = format!("credentials.{name}");
            if credentials.iter().any(|known| known.name == name) {
                return Err(Rejected::new(field, "is there twice"));
            }
            if credential.value.len() > MAX_CREDENTIAL {
                return Err(Rejected::new(field, format!("is longer than {MAX_CREDENTIAL} bytes")));
            }
            let value = seals
                .resolve(&credential.value, |source| {
                    !matches!(source, Source::VaultKey(_) | Source::Derived(_))
                })
                .map_err(|unresolved| Rejected::new(field, unresolved_problem(&unresolved)))?;
            // What was sealed is secret, whatever the plugin makes of it.
            let sensitive = credential.sensitive || Seals::tokens_in(&credential.value).next().is_some();
            if sensitive {
                self.cleaner.scrubber().learn(&value);
            }
            credentials.push(Credential { name, value, sensitive });
        }
        Ok(credentials)
    }

    pub(crate) fn state(&self, state: wit::State) -> Result<State, Rejected> {
        if state.provider != self.provider {
            let shown = self.cleaner.line(&state.provider, MAX_NAME);
            return Err(Rejected::new(
                "state.provider",
                format!("is `{shown}` and not the plugin's own name, `{}`", self.provider),
            ));
        }
        let provisioned_at = state.provisioned_at;
        if !is_utc_time(&provisioned_at) {
            return Err(Rejected::new("state.provisioned-at", "is not a time as RFC 3339 writes it, in UTC"));
        }
        let resource_id = self.plain("state.resource-id", state.resource_id)?;
        let region = state.region.map(|region| self.plain("state.region", region)).transpose()?;
        let Value::Object(metadata) = parse("state.metadata", &state.metadata, MAX_METADATA)? else {
            return Err(Rejected::new("state.metadata", "is not a JSON object"));
        };
        self.check_metadata(&metadata)?;
        Ok(State { provider: state.provider, resource_id, provisioned_at, region, metadata })
    }

    /// A secret may be written in escapes, or be split over a key and its value no way that matters: each
    /// string is looked at as it reads once parsed, and the whole as it will be written.
    fn check_metadata(&self, metadata: &Metadata) -> Result<(), Rejected> {
        for (key, value) in metadata {
            let secret = self.cleaner.is_secret(key) || self.holds_secret(value);
            if secret || self.cleaner.is_secret(&value.to_string()) {
                let key = self.cleaner.line(key, MAX_NAME);
                return Err(Rejected::new(
                    format!("state.metadata.{key}"),
                    "holds a secret; only credentials may",
                ));
            }
        }
        Ok(())
    }

    fn holds_secret(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => self.cleaner.is_secret(text),
            Value::Array(items) => items.iter().any(|item| self.holds_secret(item)),
            Value::Object(members) => {
                members.iter().any(|(key, value)| self.cleaner.is_secret(key) || self.holds_secret(value))
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }

    /// JSON that may be handed back to the plugin and is kept in the journal: whole, and without secrets.
    pub(crate) fn partial(&self, text: &str, max: usize) -> Result<(), Rejected> {
        let value = parse("partial", text, max)?;
        if self.cleaner.is_secret(text) || self.holds_secret(&value) {
            return Err(Rejected::new("partial", "holds a secret; it is written to the journal"));
        }
        Ok(())
    }

    /// An identifier that is stored as it is: short, printable, not secret.
    fn plain(&self, field: &str, text: String) -> Result<String, Rejected> {
        if text.is_empty() || text.len() > MAX_NAME || text.chars().any(char::is_control) {
            return Err(Rejected::new(field, format!("is not 1 to {MAX_NAME} printable bytes")));
        }
        if self.cleaner.is_secret(&text) {
            return Err(Rejected::new(field, "holds a secret; only credentials may"));
        }
        Ok(text)
    }

    /// The value with secrets hidden in every string of it.
    fn hidden(&self, value: Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.cleaner.hide(&text)),
            Value::Array(items) => Value::Array(items.into_iter().map(|item| self.hidden(item)).collect()),
            Value::Object(members) => Value::Object(
                members
                    .into_iter()
                    .map(|(key, value)| (self.cleaner.hide(&key), self.hidden(value)))
                    .collect(),
            ),
            scalar => scalar,
        }
    }

    fn message(&self, text: &str) -> String {
        self.cleaner.line(text, MAX_MESSAGE)
    }

    pub(crate) fn description(&self, raw: wit::Description) -> Result<Description, Rejected> {
        if raw.provider != self.provider {
            let shown = self.cleaner.line(&raw.provider, MAX_NAME);
            return Err(Rejected::new(
                "provider",
                format!("is `{shown}` and not the plugin's own name, `{}`", self.provider),
            ));
        }
        if raw.vault_keys.len() > MAX_DESCRIBED || raw.shapes.len() > MAX_DESCRIBED {
            return Err(Rejected::new(
                "vault-keys or shapes",
                format!("has more than {MAX_DESCRIBED} entries"),
            ));
        }
        let options_schema = parse("options-schema", &raw.options_schema, MAX_SCHEMA)?;
        if !options_schema.is_object() {
            return Err(Rejected::new("options-schema", "is not a JSON object"));
        }
        if raw.example.len() > MAX_EXAMPLE {
            return Err(Rejected::new("example", format!("is longer than {MAX_EXAMPLE} bytes")));
        }
        let vault_keys =
            raw.vault_keys.into_iter().map(|key| self.vault_key(key)).collect::<Result<_, _>>()?;
        let shapes = raw.shapes.iter().map(|shape| Shape {
            kind: self.cleaner.line(&shape.kind, MAX_NAME),
            requires: self.cleaner.line(&shape.requires, MAX_NAME),
        });
        Ok(Description {
            provider: raw.provider,
            summary: self.message(&raw.summary),
            requires_api_key: raw.requires_api_key,
            vault_keys,
            options_schema,
            shapes: shapes.collect(),
            // An example has lines; nothing else of what a terminal obeys.
            example: raw.example.chars().filter(|c| *c == '\n' || !c.is_control()).collect(),
        })
    }

    fn vault_key(&self, key: wit::VaultKey) -> Result<VaultKey, Rejected> {
        for name in key.aliases.iter().chain([&key.name]).chain(&key.environment_variable) {
            if !is_variable_name(name) {
                let shown = self.cleaner.line(name, MAX_NAME);
                return Err(Rejected::new(
                    "vault-keys",
                    format!("has a name, `{shown}`, that is not of letters, digits and `_`"),
                ));
            }
        }
        Ok(VaultKey {
            name: key.name,
            aliases: key.aliases,
            environment_variable: key.environment_variable,
            required: key.required,
            obtain: self.message(&key.obtain),
        })
    }
}

fn parse(field: &str, text: &str, max: usize) -> Result<Value, Rejected> {
    if text.len() > max {
        return Err(Rejected::new(field, format!("is longer than {max} bytes")));
    }
    serde_json::from_str(text).map_err(|error| Rejected::new(field, format!("is not JSON: {error}")))
}

fn unresolved_problem(unresolved: &Unresolved) -> String {
    match unresolved {
        Unresolved::Unknown => "holds a sealed token that is not of this operation".to_owned(),
        Unresolved::NotPermitted(Source::VaultKey(key)) => {
            format!("holds the vault key `{key}`, which goes to its own origins only")
        }
        Unresolved::NotPermitted(_) => "holds a derived key, which is good for signing only".to_owned(),
    }
}

/// `[A-Za-z_][A-Za-z0-9_]{0,127}`.
fn is_variable_name(name: &str) -> bool {
    name.len() <= MAX_CREDENTIAL_NAME
        && name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

/// `2026-11-21T09:31:00Z`, with a fraction of a second or without.
fn is_utc_time(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let Some((start, end)) = text.split_at_checked(SHAPE.len()) else { return false };
    let fits = start.bytes().zip(SHAPE).all(|(byte, &shape)| match shape {
        b'0' => byte.is_ascii_digit(),
        other => byte == other,
    });
    let Some(fraction) = end.strip_suffix('Z').or_else(|| end.strip_suffix("+00:00")) else { return false };
    let digits = fraction.strip_prefix('.').unwrap_or(if fraction.is_empty() { "0" } else { "" });
    fits && !digits.is_empty() && digits.len() <= 9 && digits.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
