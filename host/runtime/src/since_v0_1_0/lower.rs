//! The host's values as the guest gets them.

use ss_provider as host;

use super::types;

pub(crate) fn service(service: &host::Service) -> types::Service {
    types::Service {
        id: service.id.clone(),
        kind: service.kind.clone(),
        name: service.name.clone(),
        command: service.command.clone(),
        options: service.options.to_string(),
        options_path: service.options_path.clone(),
        env: service
            .env
            .iter()
            .map(|variable| types::Variable { name: variable.name.clone(), value: variable.value.clone() })
            .collect(),
    }
}

pub(crate) fn state(state: &host::State) -> types::State {
    types::State {
        provider: state.provider.clone(),
        resource_id: state.resource_id.clone(),
        provisioned_at: state.provisioned_at.clone(),
        region: state.region.clone(),
        metadata: serde_json::Value::Object(state.metadata.clone()).to_string(),
    }
}

pub(crate) fn context(operation: &host::Operation) -> types::Context {
    let context = &operation.context;
    types::Context {
        project: context.project.clone(),
        environment: context.environment.clone(),
        service_id: operation.service.id.clone(),
        api_key: context.api_key.clone(),
        existing: context.existing.as_ref().map(state),
        partial: context.partial.clone(),
        config_dir: context.config_dir.as_ref().map(|folder| folder.display().to_string()),
        idempotency_key: context.idempotency_key.clone(),
        inputs_digest: context.inputs_digest.clone(),
    }
}
