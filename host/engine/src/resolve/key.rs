//! The provider's primary key, sealed.

use ss_provider::{Description, Failure, FailureKind};
use ss_secret::{Seals, Source};

use super::{Declared, Purpose, Resolver, unusable};
use crate::store::Found;

/// The failure with the command that stores another key, if the provider refused the one it was given.
pub(crate) fn with_remedy(mut failure: Failure, description: &Description) -> Failure {
    if failure.kind != FailureKind::Authentication {
        return failure;
    }
    let Some(primary) = description.vault_keys.first() else { return failure };
    let (provider, name, obtain) = (&description.provider, &primary.name, &primary.obtain);
    let remedy = format!("`ss vault set-key {provider} {name}` stores another (get a key: {obtain})");
    failure.next_step = Some(match failure.next_step {
        Some(step) => format!("{step}; {remedy}"),
        None => remedy,
    });
    failure
}

impl Resolver {
    /// The key as a sealed token; none if the provider can do without and there is none.
    pub(super) fn api_key(
        &self,
        declared: &Declared,
        description: &Description,
        seals: &Seals,
        purpose: Purpose<'_>,
    ) -> Result<Option<String>, Failure> {
        let Some(primary) = description.vault_keys.first() else { return Ok(None) };
        let found = self
            .store
            .provider_key(&description.provider, primary, declared.credential_env.as_deref())
            .map_err(unusable)?;
        let (tried, fix) = match found {
            Found::Value(key) => {
                let path = format!("providers:{}/{}", description.provider, primary.name);
                return Ok(Some(self.seal(seals, Some(key), Source::VaultKey(path))));
            }
            Found::Missing { tried, fix } => (tried, fix),
        };
        if !description.requires_api_key || matches!(purpose, Purpose::Look) {
            return Ok(None);
        }
        Err(Failure::new(
            FailureKind::Authentication,
            format!("there is no API key for `{}`; looked for {}", description.provider, tried.join(", ")),
        )
        .with_next_step(format!("run `{fix}` (get a key: {})", primary.obtain)))
    }
}
