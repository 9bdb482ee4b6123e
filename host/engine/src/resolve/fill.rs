//! Fills templates: `{{ vault('…') }}` becomes the value, or a sealed token for it.

use std::collections::HashSet;
use std::convert::Infallible;
use std::path::Path;

use serde_json::Value;
use ss_config::template::{Part, Template};
use ss_provider::{Description, Failure, FailureKind};
use ss_secret::{Seals, Secret, Source};

use super::sealing::{Step, is_home_path, is_sealed};
use super::{Declared, Purpose, Resolver, options_value, unusable};
use crate::store::Found;

/// The value of one reference.
struct Reference {
    /// None if it is yet to come.
    value: Option<Secret>,
    canonical: String,
}

impl Resolver {
    /// The options with their templates filled, and the pointers of those that hold sealed tokens.
    pub(super) fn options(
        &self,
        declared: &Declared,
        description: &Description,
        seals: &Seals,
        purpose: Purpose<'_>,
    ) -> Result<(Value, HashSet<String>), Failure> {
        let mut options = options_value(declared);
        if let Some(home) = &self.user_home {
            expand_home_paths(&mut options, &description.options_schema, home);
        }
        let mut unknown = HashSet::new();
        for_each_template(&mut options, &mut |text, path| {
            let pointer = pointer_of(path);
            let option = pointer.trim_start_matches('/').replace('/', ".");
            let place = declared.path_of(&option);
            let (filled, holds_tokens) = if is_sealed(&description.options_schema, path) {
                (self.fill_sealed(text, seals, purpose, &place)?, true)
            } else {
                self.fill_open(text, seals, purpose, &place)?
            };
            if holds_tokens {
                unknown.insert(pointer);
            }
            *text = filled;
            Ok(())
        })?;
        Ok((options, unknown))
    }

    /// The text with a sealed token for each reference.
    pub(super) fn fill_sealed(
        &self,
        text: &str,
        seals: &Seals,
        purpose: Purpose<'_>,
        place: &str,
    ) -> Result<String, Failure> {
        self.fill(text, purpose, place, |reference| {
            let source = Source::Injected(reference.canonical);
            Ok(self.seal(seals, reference.value, source))
        })
    }

    /// The text with the values themselves; a token where a value is yet to come. Says whether there is one.
    fn fill_open(
        &self,
        text: &str,
        seals: &Seals,
        purpose: Purpose<'_>,
        place: &str,
    ) -> Result<(String, bool), Failure> {
        let mut waits = false;
        let filled = self.fill(text, purpose, place, |reference| {
            let Some(value) = reference.value else {
                waits = true;
                return Ok(seals.seal(Secret::new(""), Source::Injected(reference.canonical)));
            };
            value.expose_str().map(str::to_owned).ok_or_else(|| {
                wrong(
                    place,
                    format!("the vault value `{}` is not text, which `{place}` needs", reference.canonical),
                )
            })
        })?;
        Ok((filled, waits))
    }

    fn fill(
        &self,
        text: &str,
        purpose: Purpose<'_>,
        place: &str,
        mut put: impl FnMut(Reference) -> Result<String, Failure>,
    ) -> Result<String, Failure> {
        if !text.contains("{{") {
            return Ok(text.to_owned());
        }
        let template = Template::parse(text).map_err(|error| wrong(place, format!("`{place}`: {error}")))?;
        let mut filled = String::new();
        for part in template.parts() {
            match part {
                Part::Literal(literal) => filled.push_str(literal),
                Part::Vault { key, .. } => filled.push_str(&put(self.reference(key, purpose, place)?)?),
            }
        }
        Ok(filled)
    }

    fn reference(&self, key: &str, purpose: Purpose<'_>, place: &str) -> Result<Reference, Failure> {
        let found = self.store.lookup(key).map_err(unusable)?;
        if found.is_provider_key && !self.approved {
            return Err(wrong(
                place,
                format!(
                    "`{place}` reads the provider key `{key}`; a file may not hand a provider's key to anything else"
                ),
            )
            .with_next_step("store the value under a name of its own, such as with `ss vault set secrets.<NAME>`, and use that"));
        }
        let canonical = found.canonical;
        let (tried, fix) = match found.value {
            Found::Value(value) => return Ok(Reference { value: Some(value), canonical }),
            Found::Missing { tried, fix } => (tried, fix),
        };
        let service = key.split('.').next().filter(|service| self.services.contains(*service));
        let may_wait = service.is_some_and(|service| purpose.may_wait_for(service));
        if may_wait || purpose.only_looks() {
            return Ok(Reference { value: None, canonical });
        }
        let looked = match tried.as_slice() {
            [only] if *only == format!("`{key}`") => String::new(),
            _ => format!("; looked for {}", tried.join(", ")),
        };
        let message = format!("`{place}` needs `{key}`, which is not in the vault{looked}");
        Err(wrong(place, message).with_next_step(format!("run `{fix}`")))
    }
}

fn wrong(place: &str, message: String) -> Failure {
    Failure::new(FailureKind::InvalidConfiguration { path: place.to_owned() }, message)
}

/// The pointers of all options that hold a template: their values are not known before it is filled.
pub(crate) fn template_pointers(declared: &Declared) -> HashSet<String> {
    let mut pointers = HashSet::new();
    let found = for_each_template(&mut options_value(declared), &mut |_, path| {
        pointers.insert(pointer_of(path));
        Ok::<_, std::convert::Infallible>(())
    });
    match found {
        Ok(()) => pointers,
        Err(never) => match never {},
    }
}

/// Calls `visit` for every text that may hold a template. Recursion is as deep as the file, which
/// `ss-config` bounds.
fn for_each_template<E>(
    value: &mut Value,
    visit: &mut impl FnMut(&mut String, &[Step<'_>]) -> Result<(), E>,
) -> Result<(), E> {
    for_each_text(value, &mut |text, path| if text.contains("{{") { visit(text, path) } else { Ok(()) })
}

/// Visits every text of the options with its path.
fn for_each_text<E>(
    value: &mut Value,
    visit: &mut impl FnMut(&mut String, &[Step<'_>]) -> Result<(), E>,
) -> Result<(), E> {
    fn walk<'v, E>(
        value: &'v mut Value,
        path: &mut Vec<Step<'v>>,
        visit: &mut impl FnMut(&mut String, &[Step<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        match value {
            Value::String(text) => visit(text, path),
            Value::Array(items) => items.iter_mut().enumerate().try_for_each(|(index, item)| {
                path.push(Step::Index(index));
                walk(item, path, visit)?;
                path.pop();
                Ok(())
            }),
            Value::Object(fields) => fields.iter_mut().try_for_each(|(key, field)| {
                path.push(Step::Key(key));
                walk(field, path, visit)?;
                path.pop();
                Ok(())
            }),
            _ => Ok(()),
        }
    }
    walk(value, &mut Vec::new(), visit)
}

/// Replaces a leading `~` where the provider's schema says that a path stands there.
fn expand_home_paths(options: &mut Value, schema: &Value, home: &Path) {
    let Ok(()) = for_each_text(options, &mut |text, path| {
        if text.starts_with('~') && is_home_path(schema, path) {
            *text = ss_config::path::expand_home(text, home).to_string_lossy().into_owned();
        }
        Ok::<(), Infallible>(())
    });
}

/// The JSON Pointer (RFC 6901) of a path.
fn pointer_of(path: &[Step<'_>]) -> String {
    path.iter()
        .map(|step| match step {
            Step::Key(key) => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Step::Index(index) => format!("/{index}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_have_their_home_expanded() {
        let schema = serde_json::json!({"properties": {"path": {"x-home-path": true}, "text": {}}});
        let mut options = serde_json::json!({"path": "~/sites", "text": "~/sites"});
        expand_home_paths(&mut options, &schema, Path::new("/home/me"));
        assert_eq!(options, serde_json::json!({"path": "/home/me/sites", "text": "~/sites"}));
    }
}
