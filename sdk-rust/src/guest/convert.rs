//! Between the types of the bindings and the types of this crate.

use serde_json::Value;

use super::bindings::starsystem::provisioner::types as wit;
use crate::{
    Action, Change, Context, Credential, Description, Failure, FailureKind, Health, HostRef, Metadata,
    Outcome, Plan, Service, Shape, State, Variable, VaultKey, json,
};

pub(super) fn context(host: HostRef<'static>, context: wit::Context) -> Context<'static> {
    Context {
        project: context.project,
        environment: context.environment,
        service_id: context.service_id,
        api_key: context.api_key,
        existing: context.existing.map(state_in),
        partial: context.partial,
        config_dir: context.config_dir,
        idempotency_key: context.idempotency_key,
        inputs_digest: context.inputs_digest,
        ..Context::new(host)
    }
}

pub(super) fn service(service: wit::Service) -> Result<Service<Value>, Failure> {
    let options = json::value(service.options.as_bytes()).map_err(|error| {
        Failure::invalid_configuration(service.options_path.clone(), format!("options are not JSON: {error}"))
    })?;
    Ok(Service {
        id: service.id,
        kind: service.kind,
        name: service.name,
        command: service.command,
        options,
        options_path: service.options_path,
        env: service.env.into_iter().map(variable_in).collect(),
    })
}

fn variable_in(variable: wit::Variable) -> Variable {
    Variable { name: variable.name, value: variable.value }
}

pub(super) fn variable_out(variable: &Variable) -> wit::Variable {
    wit::Variable { name: variable.name.clone(), value: variable.value.clone() }
}

/// Metadata that is no JSON object counts as empty: what needs a member of it says so.
pub(super) fn state_in(state: wit::State) -> State {
    let metadata = match json::value(state.metadata.as_bytes()) {
        Ok(Value::Object(members)) => members,
        _ => Metadata::new(),
    };
    State {
        provider: state.provider,
        resource_id: state.resource_id,
        provisioned_at: state.provisioned_at,
        region: state.region,
        metadata,
    }
}

pub(super) fn state_out(state: State) -> wit::State {
    wit::State {
        provider: state.provider,
        resource_id: state.resource_id,
        provisioned_at: state.provisioned_at,
        region: state.region,
        metadata: Value::Object(state.metadata).to_string(),
    }
}

pub(super) fn description(description: Description) -> wit::Description {
    wit::Description {
        provider: description.provider,
        summary: description.summary,
        requires_api_key: description.requires_api_key,
        vault_keys: description.vault_keys.into_iter().map(vault_key).collect(),
        options_schema: description.options_schema,
        shapes: description.shapes.into_iter().map(shape).collect(),
        example: description.example,
    }
}

fn vault_key(key: VaultKey) -> wit::VaultKey {
    wit::VaultKey {
        name: key.name,
        aliases: key.aliases,
        environment_variable: key.environment_variable,
        required: key.required,
        obtain: key.obtain,
    }
}

fn shape(shape: Shape) -> wit::Shape {
    wit::Shape { kind: shape.kind, requires: shape.requires }
}

pub(super) fn plan(plan: Plan) -> wit::Plan {
    let action = match plan.action {
        Action::Create => wit::Action::Create,
        Action::Update => wit::Action::Update,
        Action::Replace => wit::Action::Replace,
        Action::Nothing => wit::Action::Nothing,
    };
    wit::Plan { action, detail: plan.detail, changes: changes(plan.changes) }
}

pub(super) fn changes(changes: Vec<Change>) -> Vec<wit::Change> {
    let text = |value: Option<Value>| value.map(|value| value.to_string());
    changes
        .into_iter()
        .map(|change| wit::Change {
            field: change.field,
            before: text(change.before),
            after: text(change.after),
            sensitive: change.sensitive,
        })
        .collect()
}

pub(super) fn outcome(outcome: Outcome) -> wit::Outcome {
    wit::Outcome {
        state: state_out(outcome.state),
        credentials: outcome.credentials.into_iter().map(credential).collect(),
        summary: outcome.summary,
    }
}

fn credential(credential: Credential) -> wit::Credential {
    wit::Credential { name: credential.name, value: credential.value, sensitive: credential.sensitive }
}

pub(super) fn health(health: Health) -> wit::Health {
    wit::Health {
        healthy: health.healthy,
        message: health.message,
        raw: health.raw.map(|raw| raw.to_string()),
    }
}

pub(super) fn failure(failure: Failure) -> wit::Failure {
    let kind = match failure.kind {
        FailureKind::InvalidConfiguration(path) => wit::FailureKind::InvalidConfiguration(path),
        FailureKind::Authentication => wit::FailureKind::Authentication,
        FailureKind::NotFound => wit::FailureKind::NotFound,
        FailureKind::Conflict => wit::FailureKind::Conflict,
        FailureKind::Quota => wit::FailureKind::Quota,
        FailureKind::RateLimited(seconds) => wit::FailureKind::RateLimited(seconds),
        FailureKind::Unavailable => wit::FailureKind::Unavailable,
        FailureKind::OutcomeUnknown => wit::FailureKind::OutcomeUnknown,
        FailureKind::Internal => wit::FailureKind::Internal,
    };
    wit::Failure { kind, message: failure.message, next_step: failure.next_step }
}
