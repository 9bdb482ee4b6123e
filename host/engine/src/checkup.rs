//! What stands in the way of the next run, as far as files, vault and journal tell. Nobody is asked.

use std::collections::BTreeMap;

use ss_config::{Sources, Span};
use ss_durable::Holder;
use ss_provider::State;
use uuid::Uuid;

use crate::core::{Core, Ready};
use crate::error::EngineError;
use crate::store::Found;
use crate::unfinished::{Unfinished, unfinished_of};

/// The state of a system's record, and what its services lack.
#[derive(Debug, Clone, Default)]
pub struct Checkup {
    /// Operations that did not reach their goal.
    pub unfinished: Vec<Unfinished>,
    /// The newest run, if it was cut short.
    pub cut: Option<Uuid>,
    /// Who works on the system now.
    pub busy: Option<Holder>,
    /// Services whose state stands in the overlay and not in this machine's vault.
    pub only_in_file: Vec<String>,
    /// What services need and do not find in the vault or in the environment.
    pub missing: Vec<Missing>,
    /// Services whose providers act on this machine, as it recorded them.
    pub local: Vec<Local>,
    /// What a person should know and that stops nothing.
    pub warnings: Vec<String>,
}

/// A service on this machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Local {
    /// The service.
    pub service: String,
    /// Its state, as this machine recorded it.
    pub state: State,
    /// Whether the newest run about it was of these files' folder, and the files say of it what they said then.
    /// Otherwise they may be a stranger's, or a stranger may have changed them.
    pub as_recorded: bool,
}

/// A value that a service needs and that is nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// The service.
    pub service: String,
    /// What it is.
    pub what: Needed,
    /// The command that stores it; it asks for the value.
    pub fix: String,
    /// Where the service asks for it, or the service itself.
    pub span: Span,
}

/// What a service needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Needed {
    /// A key of its provider.
    ProviderKey {
        /// The provider.
        provider: String,
        /// The key's canonical name.
        key: String,
        /// Every place that was tried, in words.
        tried: Vec<String>,
        /// Where a person gets one.
        obtain: String,
    },
    /// A credential that another service has not made, though it is provisioned or nobody's to provision.
    Credential {
        /// The service that should offer it.
        source: String,
        /// Its name.
        name: String,
    },
    /// A value that a template names.
    Secret {
        /// Its address in canonical form, such as `secrets/CF_ZONE_ID`.
        address: String,
    },
}

/// Looks at everything that needs no provider.
///
/// # Errors
/// If vault or journal cannot be read.
pub(crate) fn checkup(core: &Core, sources: &Sources) -> Result<Checkup, EngineError> {
    let stored = core.store.states()?;
    let known = core.known_with(stored.clone())?;
    let mut missing = Vec::new();
    for (config, prepared) in core.system.services.iter().zip(&core.services) {
        let Some(ready) = prepared.candidates.first() else { continue };
        missing.extend(missing_keys(core, ready, config.id.span)?);
        missing.extend(missing_credentials(core, &stored, config)?);
        for reference in core.system.vault_references(config, sources) {
            let lookup = core.store.lookup(&reference.key)?;
            if let Found::Missing { fix, .. } = lookup.value {
                let what = Needed::Secret { address: lookup.canonical };
                missing.push(Missing { service: prepared.id.clone(), what, fix, span: reference.span });
            }
        }
    }
    let only_in_file = known
        .states
        .keys()
        .filter(|service| !stored.contains_key(*service) && !known.uncommitted.contains_key(*service));
    // What only the file says may be anybody's word.
    let own = known.states.iter().filter(|(service, _)| stored.contains_key(*service));
    let local = own.filter(|(_, state)| core.router.acts_here(&state.provider));
    let local = local.map(|(service, state)| {
        let as_recorded = is_as_recorded(core, service)?;
        Ok(Local { service: service.clone(), state: state.clone(), as_recorded })
    });
    let local = local.collect::<Result<_, EngineError>>()?;
    Ok(Checkup {
        only_in_file: only_in_file.cloned().collect(),
        local,
        unfinished: unfinished_of(&known),
        cut: known.unfinished,
        busy: core.runs.holder()?,
        missing,
        warnings: known.warnings,
    })
}

/// Whether the files say of a service what they said when it was last run, in the same folder.
fn is_as_recorded(core: &Core, service: &str) -> Result<bool, EngineError> {
    let prepared = core.services.iter().find(|prepared| prepared.id == service);
    let Some(ready) = prepared.and_then(|prepared| prepared.candidates.first()) else { return Ok(false) };
    let Some(begin) = core.runs.newest_about(service)? else { return Ok(false) };
    let declared = begin.subjects.iter().find(|subject| subject.service == service);
    let declared = declared.and_then(|subject| subject.declared.as_ref());
    Ok(begin.folder.is_some() && begin.folder == core.folder() && declared == Some(&*ready.declared))
}

/// The primary key of a provider that needs one, and its other required keys.
fn missing_keys(core: &Core, ready: &Ready, span: Span) -> Result<Vec<Missing>, EngineError> {
    let description = ready.provider.description();
    let mut missing = Vec::new();
    for (at, key) in description.vault_keys.iter().enumerate() {
        let primary = at == 0;
        if !(key.required || (primary && description.requires_api_key)) {
            continue;
        }
        let named = ready.declared.credential_env.as_deref().filter(|_| primary);
        let found = core.store.provider_key(&description.provider, key, named)?;
        let Found::Missing { tried, fix } = found else { continue };
        missing.push(Missing {
            service: ready.declared.service.clone(),
            what: Needed::ProviderKey {
                provider: description.provider.clone(),
                key: key.name.clone(),
                tried,
                obtain: key.obtain.clone(),
            },
            fix,
            span,
        });
    }
    Ok(missing)
}

/// Injected credentials that no coming run will make.
fn missing_credentials(
    core: &Core,
    stored: &BTreeMap<String, State>,
    config: &ss_config::ServiceConfig,
) -> Result<Vec<Missing>, EngineError> {
    let mut missing = Vec::new();
    for from in &config.inject_from {
        let source = &from.service.value;
        if core.is_routed(source) && !stored.contains_key(source) {
            continue;
        }
        for name in &from.names {
            if core.store.credential(source, &name.value)?.is_none() {
                missing.push(Missing {
                    service: config.id.value.clone(),
                    what: Needed::Credential { source: source.clone(), name: name.value.clone() },
                    fix: format!("ss vault set {source}.{}", name.value),
                    span: name.span,
                });
            }
        }
    }
    Ok(missing)
}
