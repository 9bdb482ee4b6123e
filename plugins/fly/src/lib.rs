//! `fly`: apps on Fly Machines.
//!
//! A service is one app with public addresses and one machine. App names are unique across all of Fly and
//! machines carry a mark of their service, so that what an interrupted run left is found again. An update
//! writes the whole configuration of the machine back, on condition that nobody else changed it meanwhile.

mod api;
mod deployment;
mod desired;
mod health;
mod options;
#[cfg(test)]
mod tests;

use ss_sdk::{
    Action, Change, Context, Credential, Description, Failure, Health, Outcome, Plan, Provider, Service,
    State, VaultKey,
};

use api::Api;
use deployment::{Deployment, Done, Metadata};
use options::Options;

/// The provider's name.
const NAME: &str = "fly";

/// The provider.
pub struct Fly;

ss_sdk::export!(Fly);

impl Provider for Fly {
    type Options = Options;

    fn describe() -> Description {
        Description {
            provider: NAME.into(),
            summary: "Apps on Fly Machines: app, public addresses and a machine".into(),
            requires_api_key: true,
            vault_keys: vec![VaultKey::api_key("FLY_API_TOKEN", "fly tokens create org")],
            options_schema: include_str!("../options.schema.json").into(),
            example: include_str!("../example.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        let deployment = Deployment::new(context, service)?;
        let detail = format!("Fly app + machine, region={}", service.options.region);
        let Some(machine) = deployment.machine()? else {
            return Ok(Plan::new(Action::Create, detail));
        };
        let changes = deployment.desired.changes(&machine);
        match deployment.region_change(&machine) {
            None => Ok(Plan::converge(detail, changes)),
            Some(region) => {
                let changes = std::iter::once(region).chain(changes).collect();
                Ok(Plan { action: Action::Replace, detail, changes })
            }
        }
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        let deployment = Deployment::new(context, service)?;
        deployment.ensure_app()?;
        deployment.ensure_addresses()?;
        let (machine, done) = deployment.ensure_machine()?;
        deployment.wait_until_healthy(&machine)?;
        let what = match done {
            Done::Created => "running",
            Done::Replaced => "replaced, running",
            Done::Updated => "updated, running",
            Done::Nothing => "unchanged, running",
        };
        let app = &deployment.app;
        let summary = format!("{app} {what} {} at {}", service.options.image, deployment.url());
        Ok(Outcome::new(deployment.state(Some(&machine)), summary)
            .with_credential(Credential::public("APP_URL", deployment.url()))
            .with_credential(Credential::public("APP_HOST", format!("{app}.fly.dev")))
            .with_credential(Credential::public(
                "APP_INTERNAL_URL",
                format!("http://{app}.internal:{}", service.options.port),
            )))
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        health::status(&Api::new(context, "")?, &state.resource_id, &metadata)
    }

    fn observe(
        context: &Context<'_>,
        service: &Service<Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure> {
        let context = Context { existing: Some(state.clone()), ..context.clone() };
        let deployment = Deployment::new(&context, service)?;
        let Some(machine) = deployment.machine()? else {
            return Ok(vec![Change::new("machine", "gone", state.metadata.get("machine_id").cloned())]);
        };
        let region = deployment.region_change(&machine);
        Ok(region.into_iter().chain(deployment.desired.drift(&machine)).collect())
    }

    fn find(context: &Context<'_>, service: &Service<Options>) -> Result<Option<State>, Failure> {
        let deployment = Deployment::new(context, service)?;
        if deployment.api.app(&deployment.app)?.is_none() {
            return Ok(None);
        }
        let machine = deployment.machine()?;
        Ok(Some(deployment.state(machine.as_ref())))
    }

    /// Deletes the service's machine, and the app unless it holds machines of others.
    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        let api = Api::new(context, "")?;
        let app = &state.resource_id;
        let Some(machines) = api.machines(app)? else {
            return Ok(());
        };
        let owner = context.owner();
        let (ours, others): (Vec<_>, Vec<_>) = machines.into_iter().partition(|machine| {
            machine.id == metadata.machine_id || machine.metadata(desired::OWNER) == Some(owner.as_str())
        });
        for machine in ours {
            api.delete_machine(app, &machine.id)?;
        }
        if others.is_empty() {
            return api.delete_app(app);
        }
        context.warn(format!("the app {app} stays: it has {} machines of others", others.len()));
        Ok(())
    }
}
