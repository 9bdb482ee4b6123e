//! What a system looks like without asking anyone: the files, the routing, and what earlier runs recorded.

use serde::Serialize;
use ss_provider::State;

use crate::core::Core;
use crate::error::EngineError;

/// A system as the files and the record have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemOverview {
    /// The project.
    pub project: String,
    /// The environment.
    pub environment: String,
    /// The services, in file order.
    pub services: Vec<ServiceOverview>,
    /// What a person should know and that stops nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
}

/// A service as the files and the record have it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceOverview {
    /// The key under `services:`.
    pub id: String,
    /// What people call it, if the file says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Its `type`; empty if it names only a provider.
    #[serde(rename = "type")]
    pub kind: String,
    /// Who provisions it; none if nobody does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<String>,
    /// Where it stands.
    pub standing: Standing,
    /// Services that it comes after, each once, in file order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<String>,
    /// Credentials that it is given.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inject_from: Vec<InjectionOverview>,
    /// What its provider recorded. Holds no secret.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
}

/// Credentials that one service gives to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InjectionOverview {
    /// Who offers them.
    pub service: String,
    /// Their names.
    pub names: Vec<String>,
}

/// How far a service has come, as recorded. Whether it works now, only its provider can say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It has been provisioned.
    Provisioned,
    /// An interrupted run worked on it; something of it may exist.
    Unfinished,
    /// It has a provider and has not been provisioned.
    Pending,
    /// Nobody provisions it.
    Unmanaged,
}

/// Looks at files and record. Changes nothing and calls no plugin.
///
/// # Errors
/// If vault or journal cannot be read.
pub(crate) fn overview(core: &Core) -> Result<SystemOverview, EngineError> {
    let known = core.known()?;
    let services = core
        .system
        .services
        .iter()
        .zip(&core.services)
        .map(|(config, prepared)| {
            let state = known.states.get(&prepared.id).cloned();
            let standing = if known.open.contains_key(&prepared.id) {
                Standing::Unfinished
            } else if state.is_some() {
                Standing::Provisioned
            } else if prepared.candidates.is_empty() {
                Standing::Unmanaged
            } else {
                Standing::Pending
            };
            let recorded = state.as_ref().map(|state| state.provider.clone());
            let routed = prepared.candidates.first().map(|ready| ready.declared.provider.clone());
            ServiceOverview {
                id: prepared.id.clone(),
                name: config.name.as_ref().map(|name| name.value.clone()),
                kind: config.kind().to_owned(),
                provider: recorded.or(routed),
                standing,
                depends_on: config.dependencies().map(|id| id.value.clone()).collect(),
                inject_from: config
                    .inject_from
                    .iter()
                    .map(|injection| InjectionOverview {
                        service: injection.service.value.clone(),
                        names: injection.names.iter().map(|name| name.value.clone()).collect(),
                    })
                    .collect(),
                state,
            }
        })
        .collect();
    Ok(SystemOverview {
        project: core.project.clone(),
        environment: core.environment.clone(),
        services,
        warnings: known.warnings,
    })
}
