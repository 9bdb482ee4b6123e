//! `neon`: serverless Postgres on Neon.
//!
//! A service is one project with a branch, a role and a database. Names are not unique at Neon: the
//! project's id is kept, and a project is looked up by its exact name before one is created.

mod api;
mod connection;
mod converge;
mod options;
mod site;
#[cfg(test)]
mod tests;

use ss_sdk::{
    Action, Change, Context, Description, Failure, Health, Outcome, Plan, Provider, Service, State, VaultKey,
};

use api::Api;
use options::Options;
use site::{Metadata, Site};

/// The provider's name.
const NAME: &str = "neon";

/// What a plan says.
const DETAIL: &str = "Neon project + branch + role + db";

/// The provider.
pub struct Neon;

ss_sdk::export!(Neon);

impl Provider for Neon {
    type Options = Options;

    fn describe() -> Description {
        Description {
            provider: NAME.into(),
            summary: "Serverless Postgres: project, branch, role and database on Neon".into(),
            requires_api_key: true,
            vault_keys: vec![VaultKey::api_key(
                "NEON_API_KEY",
                "https://console.neon.tech/app/settings/api-keys",
            )],
            options_schema: include_str!("../options.schema.json").into(),
            example: include_str!("../example.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        let site = Site::new(context, service)?;
        match site.locate()? {
            None => Ok(Plan::new(Action::Create, DETAIL)),
            Some(project) => {
                site.refuse_fixed_changes(&project)?;
                Ok(Plan::converge(DETAIL, site.changes(&project)?))
            }
        }
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        let site = Site::new(context, service)?;
        let settled = match site.locate_or_gone()? {
            Some(project) => site.converge(project)?,
            None => site.create()?,
        };
        let (metadata, connection) = site.connect(&settled)?;
        let shown = metadata.shown_name(&settled.project.id);
        let summary = format!("{} Neon project {shown} at {}", settled.what, connection.host);
        let mut outcome = Outcome::new(site.state(&settled.project, &metadata), summary);
        outcome.credentials = connection.credentials();
        context.step("DATABASE_URL written to vault");
        Ok(outcome)
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        let api = Api::new(context, "")?;
        let Some(branch) = api.branch(&state.resource_id, &metadata.branch_id)? else {
            let shown = metadata.shown_name(&state.resource_id);
            return Ok(Health::unhealthy(format!("project {shown} or its branch no longer exists")));
        };
        let raw = serde_json::json!({"branch": branch.name, "state": branch.current_state});
        let health = match branch.current_state.as_str() {
            "ready" | "archived" => Health::healthy(format!("{} ({})", branch.current_state, metadata.host)),
            state => Health::unhealthy(format!("branch {} is in state `{state}`", branch.name)),
        };
        Ok(health.with_raw(raw))
    }

    fn observe(
        context: &Context<'_>,
        service: &Service<Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure> {
        let context = Context { existing: Some(state.clone()), ..context.clone() };
        let site = Site::new(&context, service)?;
        match site.api.project(&state.resource_id)? {
            Some(project) => {
                let mut changes = site.fixed_changes(&project);
                changes.extend(site.changes(&project)?);
                Ok(changes)
            }
            None => Ok(vec![Change::new("project", "gone", state.resource_id.as_str())]),
        }
    }

    fn find(context: &Context<'_>, service: &Service<Options>) -> Result<Option<State>, Failure> {
        let site = Site::new(context, service)?;
        let Some(project) = site.locate()? else {
            return Ok(None);
        };
        let metadata = site.metadata(&project)?;
        Ok(Some(site.state(&project, &metadata)))
    }

    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        Api::new(context, "")?.delete_project(&state.resource_id)
    }
}
