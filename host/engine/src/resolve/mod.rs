//! From what a file declares to what a provider is given: templates filled, credentials injected, secrets
//! sealed, options checked.
//!
//! Secrets enter here and leave only as sealed tokens of one operation, except where a template stands in
//! an option that the provider's schema does not mark as sealed: that value goes to the plugin as it is,
//! may come back in its state, and therefore counts as no secret.

mod declare;
mod declared;
mod fill;
mod inputs;
mod key;
mod schema;
mod sealing;

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use ss_provider::{Credential, Description, Failure, FailureKind, Service, Variable};
use ss_secret::{Scrubber, Seals, Secret, Source};

pub use declared::Declared;
pub(crate) use declared::{digest_of, idempotency_key};
pub(crate) use fill::template_pointers;
pub(crate) use key::with_remedy;
pub(crate) use schema::{OptionFault, Schemas};

use crate::store::{Store, StoreError};

/// What a resolved service is for: how much must be known.
#[derive(Clone, Copy)]
pub(crate) enum Purpose<'a> {
    /// To be planned. Credentials of services for which this is true are yet to come.
    Plan(&'a (dyn Fn(&str) -> bool + Sync)),
    /// To be provisioned: everything must be known.
    Apply,
    /// To be looked at: what is not known does not matter.
    Look,
    /// To be compared or torn down: as looking at it, but not without the API key.
    Examine,
}

/// A service ready to be handed to its provider.
pub(crate) struct Resolved {
    pub service: Arc<Service>,
    pub seals: Arc<Seals>,
    /// Sealed token of the provider's primary key.
    pub api_key: Option<String>,
    /// Changes with any input; none while one is not known.
    pub inputs_digest: Option<String>,
}

/// Resolves the services of a system.
pub(crate) struct Resolver {
    pub store: Arc<dyn Store>,
    pub scrubber: Arc<Scrubber>,
    pub schemas: Schemas,
    /// Ids of all services.
    pub services: HashSet<String>,
    /// This machine has approved the file: its templates may read provider keys.
    pub approved: bool,
    /// What `~` stands for.
    pub user_home: Option<PathBuf>,
}

impl Resolver {
    /// Resolves a service for its provider.
    ///
    /// # Errors
    /// The first thing that is missing or wrong; nothing was done then.
    pub(crate) fn resolve(
        &self,
        declared: &Declared,
        description: &Description,
        purpose: Purpose<'_>,
    ) -> Result<Resolved, Failure> {
        let seals = Seals::new();
        let api_key = self.api_key(declared, description, &seals, purpose)?;
        let (options, unknown) = self.options(declared, description, &seals, purpose)?;
        if !purpose.only_looks() {
            let faults = self.schemas.check(description, &options, &unknown);
            if let Some(fault) = faults.into_iter().find(|fault| fault.fatal) {
                return Err(invalid(declared, &fault));
            }
        }
        let service = Service {
            id: declared.service.clone(),
            kind: declared.kind.clone(),
            name: declared.name.clone(),
            command: declared.command.clone(),
            options,
            options_path: declared.block.clone(),
            env: self.environment(declared, &seals, purpose)?,
        };
        let inputs_digest = self.inputs_digest(declared, &service, &seals, purpose)?;
        Ok(Resolved { service: Arc::new(service), seals: Arc::new(seals), api_key, inputs_digest })
    }

    /// The service's environment: its own, and what it takes from others, which wins.
    fn environment(
        &self,
        declared: &Declared,
        seals: &Seals,
        purpose: Purpose<'_>,
    ) -> Result<Vec<Variable>, Failure> {
        let mut variables = BTreeMap::new();
        for (name, text) in &declared.env {
            if !declared.inject.contains_key(name) {
                let path = format!("env.{name}");
                variables.insert(name, self.fill_sealed(text, seals, purpose, &path)?);
            }
        }
        for (name, source) in &declared.inject {
            let credential = self.injected(declared, source, name, purpose)?;
            let place = Source::Injected(format!("{source}.{name}"));
            let token = match credential {
                // What anyone may know is sealed like the rest, but need not be hidden where it is shown.
                Some(credential) if !credential.sensitive => seals.seal(credential.value, place),
                known => self.seal(seals, known.map(|credential| credential.value), place),
            };
            variables.insert(name, token);
        }
        Ok(variables.into_iter().map(|(name, value)| Variable { name: name.clone(), value }).collect())
    }

    /// A credential of another service.
    fn injected(
        &self,
        declared: &Declared,
        source: &str,
        name: &str,
        purpose: Purpose<'_>,
    ) -> Result<Option<Credential>, Failure> {
        // Whoever only looks has no use for it.
        if purpose.only_looks() {
            return Ok(None);
        }
        if let Some(known) = self.store.credential(source, name).map_err(unusable)? {
            return Ok(Some(known));
        }
        if purpose.may_wait_for(source) {
            return Ok(None);
        }
        let kind = FailureKind::InvalidConfiguration { path: format!("inject_from.{source}") };
        Err(Failure::new(
            kind,
            format!("`{}` needs `{source}.{name}`, which is not in the vault", declared.service),
        )
        .with_next_step(format!("provision `{source}` first, and see that it offers `{name}`")))
    }

    /// A token for the secret; one that stands for nothing if the secret is yet to come.
    pub(crate) fn seal(&self, seals: &Seals, secret: Option<Secret>, source: Source) -> String {
        if let Some(secret) = &secret {
            self.scrubber.learn(secret);
        }
        seals.seal(secret.unwrap_or_else(|| Secret::new("")), source)
    }
}

impl Purpose<'_> {
    /// Whether what the service takes from others does not matter.
    pub(crate) fn only_looks(self) -> bool {
        matches!(self, Purpose::Look | Purpose::Examine)
    }

    /// Whether a value that this service would offer may be missing.
    fn may_wait_for(self, service: &str) -> bool {
        match self {
            Purpose::Plan(will_offer) => will_offer(service),
            Purpose::Apply => false,
            Purpose::Look | Purpose::Examine => true,
        }
    }
}

/// The failure of a service whose option is wrong.
fn invalid(declared: &Declared, fault: &OptionFault) -> Failure {
    let mut path = fault.pointer.strip_prefix('/').unwrap_or(&fault.pointer).replace('/', ".");
    if let Some(key) = &fault.key {
        path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
    }
    let path = declared.path_of(&path);
    let failure = Failure::new(FailureKind::InvalidConfiguration { path }, fault.sentence(declared));
    match &fault.help {
        Some(help) => failure.with_next_step(help.clone()),
        None => failure,
    }
}

/// The failure of a service when the vault cannot be used.
pub(crate) fn unusable(error: StoreError) -> Failure {
    let failure = Failure::new(FailureKind::Unavailable, error.message);
    match error.help {
        Some(help) => failure.with_next_step(help),
        None => failure,
    }
}

/// The options as a JSON object.
pub(crate) fn options_value(declared: &Declared) -> Value {
    Value::Object(declared.options.clone())
}
