//! `supabase`: projects on Supabase.
//!
//! A service is one project: a database, its APIs and their settings. The database password is made by the
//! host and stored before the project is created, for Supabase never shows it. Projects carry no mark, so
//! that one of the service's name that the service does not know is taken over only if the options say so.

mod api;
mod credentials;
mod options;
mod settings;
mod site;
#[cfg(test)]
mod tests;

use ss_sdk::{
    Action, Change, Context, Description, Failure, Health, Outcome, Plan, Provider, Service, State, VaultKey,
};

use api::{Api, HEALTHY, PAUSED};
use options::Options;
use site::{Metadata, Site};

/// The provider's name.
const NAME: &str = "supabase";

/// What a plan says.
const DETAIL: &str = "Supabase project";

/// The provider.
pub struct Supabase;

ss_sdk::export!(Supabase);

impl Provider for Supabase {
    type Options = Options;

    fn describe() -> Description {
        Description {
            provider: NAME.into(),
            summary: "Supabase project: Postgres with APIs, sign-in, storage and functions".into(),
            requires_api_key: true,
            vault_keys: vec![VaultKey::api_key(
                "SUPABASE_ACCESS_TOKEN",
                "https://supabase.com/dashboard/account/tokens",
            )],
            options_schema: include_str!("../options.schema.json").into(),
            example: include_str!("../example.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        let site = Site::new(context, service)?;
        if let Some(project) = site.known()? {
            site.refuse_fixed_changes(&project)?;
            return Ok(Plan::converge(DETAIL, site.changes(&project)?));
        }
        let Some(project) = site.adoptable()? else {
            return Ok(Plan::new(Action::Create, DETAIL));
        };
        site.refuse_fixed_changes(&project)?;
        let mut changes = vec![Change::sensitive("database_password")];
        changes.extend(site.changes(&project)?);
        Ok(Plan::converge("take over a Supabase project", changes))
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        let site = Site::new(context, service)?;
        let (project, what) = match site.known_or_gone()? {
            Some(project) => {
                site.refuse_fixed_changes(&project)?;
                (project, "unchanged")
            }
            None => match site.adoptable()? {
                Some(project) => {
                    site.adopt(&project)?;
                    (project, "adopted")
                }
                None => (site.create()?, "created"),
            },
        };
        let project = site.wake(project)?;
        let changed = site.converge(&project)?;
        let what = if changed && what == "unchanged" { "updated" } else { what };
        let credentials = site.credentials(&project)?;
        let state = site.state(&project);
        let name = service.options.project_name(context);
        let summary = format!("{what} Supabase project {name} at {}", site::url(&project.reference));
        context.step("DATABASE_URL and the keys of the API written to vault");
        let mut outcome = Outcome::new(state, summary);
        outcome.credentials = credentials;
        Ok(outcome)
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        let api = Api::new(context, "")?;
        let Some(project) = api.project(&state.resource_id)? else {
            let name = &metadata.name;
            return Ok(Health::unhealthy(format!("project {name} ({}) no longer exists", state.resource_id)));
        };
        let raw = serde_json::json!({"name": project.name, "status": project.status});
        let health = match project.status.as_str() {
            HEALTHY => {
                let unhealthy = api.unhealthy_services(&state.resource_id)?;
                if unhealthy.is_empty() {
                    Health::healthy(format!("active ({})", metadata.url))
                } else {
                    Health::unhealthy(format!("services are not healthy: {}", unhealthy.join(", ")))
                }
            }
            PAUSED => Health::unhealthy("paused; provision it to wake it"),
            status => Health::unhealthy(format!("project status: {}", status.to_lowercase())),
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
        let project = match site.known()? {
            Some(project) => Some(project),
            None => site.named()?,
        };
        Ok(project.map(|project| site.found_state(&project)))
    }

    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        Api::new(context, "")?.delete_project(&state.resource_id)
    }
}
