//! `railway`: services and databases on Railway.
//!
//! A service of the file is one service at Railway, in a project of its own unless the file names one that
//! exists. Project and service carry marks, so that what an interrupted run left is found again. Everything
//! is set first and deployed once.

mod api;
mod credentials;
mod database;
mod deployment;
mod documents;
mod graphql;
mod network;
mod options;
mod reader;
mod settings;
mod site;
#[cfg(test)]
mod tests;

use std::time::Duration;

use ss_sdk::{
    Action, Alphabet, Change, Context, Description, Failure, Health, Outcome, Plan, Provider, Service, State,
    VaultKey,
};

use api::{Api, Place};
use deployment::Standing;
use options::Options;
use site::{Metadata, Partial, Site};

/// The provider's name.
const NAME: &str = "railway";

/// Characters of a database's password. Letters and digits only: it stands in addresses as it is.
const PASSWORD_LENGTH: u32 = 32;

/// How long what was deleted may stay visible.
const DELETION_LIMIT: Duration = Duration::from_secs(120);

/// The provider.
pub struct Railway;

ss_sdk::export!(Railway);

impl Provider for Railway {
    type Options = Options;

    fn describe() -> Description {
        Description {
            provider: NAME.into(),
            summary: "Services and databases on Railway, from an image or a repository".into(),
            requires_api_key: true,
            vault_keys: vec![VaultKey::api_key("RAILWAY_API_TOKEN", "https://railway.com/account/tokens")],
            options_schema: include_str!("../options.schema.json").into(),
            example: include_str!("../example.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        let site = Site::new(context, service)?;
        let detail = detail(&service.options);
        match site.locate()?.and_then(|found| found.place()) {
            None => Ok(Plan::new(Action::Create, detail)),
            Some(place) => Ok(Plan::converge(detail, changes(&site, &place)?)),
        }
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        let site = Site::new(context, service)?;
        let password = match service.options.database {
            Some(_) => {
                let secrets = context.secrets();
                Some(secrets.generate("database_password", PASSWORD_LENGTH, Alphabet::Alphanumeric)?)
            }
            None => None,
        };
        let (found, place, created) = site.ensure()?;
        let renamed = rename(&site, &found)?;
        let instance = site.api.instance(&place)?;
        let differences = site.differences(&place, &instance, password.as_deref())?;
        let ways = site.ways(&place)?;
        let partial = site.partial();
        let mut undeployed = created || partial.undeployed || !differences.is_empty();
        if undeployed && !partial.undeployed {
            // Whoever is cut short from here on leaves settings that no deployment runs with.
            let (project_id, service_id) = (place.project.clone(), place.service.clone());
            site.keep(&Partial { project_id, service_id, undeployed, deployment_id: None })?;
        }
        site.apply(&place, &differences)?;
        undeployed |= site.open(&place, &ways)?;
        let deployed = site.deploy(&place, undeployed)?;
        let what = match (created, deployed || renamed || !ways.changes.is_empty()) {
            (true, _) => "created",
            (false, true) => "updated",
            (false, false) => "unchanged",
        };
        outcome(&site, &place, password.as_deref(), what)
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        let (api, place) = (Api::new(context, "")?, metadata.place());
        if !exists(&api, &place)? {
            return Ok(Health::unhealthy(format!("service {} no longer exists", metadata.name)));
        }
        let Some(deployment) = api.instance(&place)?.latest_deployment else {
            return Ok(Health::unhealthy("it was never deployed"));
        };
        let raw = serde_json::json!({ "deployment": deployment.id, "status": deployment.status });
        let state = deployment.status.to_lowercase();
        if deployment.standing() != Standing::Up {
            return Ok(Health::unhealthy(format!("deployment status: {state}")).with_raw(raw));
        }
        let domains = api.domains(&place)?.custom_domains;
        let ours = domains.iter().filter(|domain| metadata.custom_domains.contains(&domain.domain));
        let health = match ours.filter_map(api::Domain::pending).next() {
            Some(pending) => Health::unhealthy(pending),
            None if metadata.url.is_empty() => Health::healthy(format!("deployment {state}")),
            None => Health::healthy(format!("deployment {state} ({})", metadata.url)),
        };
        Ok(health.with_raw(raw))
    }

    fn observe(
        context: &Context<'_>,
        service: &Service<Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        let context = Context { existing: Some(state.clone()), ..context.clone() };
        let site = Site::new(&context, service)?;
        let place = metadata.place();
        if !exists(&site.api, &place)? {
            return Ok(vec![Change::new("service", "gone", place.service)]);
        }
        changes(&site, &place)
    }

    fn find(context: &Context<'_>, service: &Service<Options>) -> Result<Option<State>, Failure> {
        let site = Site::new(context, service)?;
        let Some(found) = site.locate()? else { return Ok(None) };
        let shared = service.options.project_id.is_some();
        if found.service.is_none() && shared {
            return Ok(None);
        }
        let metadata = Metadata {
            project_id: found.project.id.clone(),
            environment_id: found.environment.clone(),
            service_id: found.service.as_ref().map(|service| service.id.clone()).unwrap_or_default(),
            name: service.options.service_name(context).to_owned(),
            shared_project: shared,
            ..Metadata::default()
        };
        Ok(Some(site.state(&metadata)))
    }

    /// Deletes the service with its volumes; and the project, if it is this service's and nobody else's
    /// services are in it.
    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        let metadata: Metadata = state.parse_metadata()?;
        let (api, place) = (Api::new(context, "")?, metadata.place());
        if api.project(&place.project)?.is_none() {
            return Ok(());
        }
        let others = api.service(&place.project, &|service| service.id != place.service)?;
        let wait = context.wait("the service to be gone", DELETION_LIMIT);
        if others.is_none() && !metadata.shared_project {
            api.delete_project(&place.project)?;
            return wait.until(|| Ok(api.project(&place.project)?.is_none().then_some(())));
        }
        if exists(&api, &place)? {
            let volumes = api.volumes(&place)?;
            api.delete_service(&place.service)?;
            for volume in volumes {
                api.delete_volume(&volume.volume_id)?;
            }
        }
        if !metadata.shared_project {
            context.warn(format!("the project {} stays: it has services of others", place.project));
        }
        wait.until(|| Ok((!exists(&api, &place)?).then_some(())))
    }
}

/// What a plan says.
fn detail(options: &Options) -> String {
    let what = match (options.database, &options.repo) {
        (Some(kind), _) => format!("{kind:?} database").to_lowercase(),
        (None, Some(repo)) => format!("service from {repo}"),
        (None, None) => "service".to_owned(),
    };
    if options.project_id.is_some() { format!("Railway {what}") } else { format!("Railway project + {what}") }
}

/// Everything that a run would change.
fn changes(site: &Site<'_, '_>, place: &Place) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    let name = site.options.service_name(site.context);
    if let Some(is) = site.api.service(&place.project, &|service| service.id == place.service)?
        && is.name != name
    {
        changes.push(Change::new("service_name", is.name, name));
    }
    if site.options.project_id.is_none()
        && let Some(project) = site.api.project(&place.project)?
    {
        let name = site.options.project_name(site.context);
        if project.name != name {
            changes.push(Change::new("project_name", project.name, name));
        }
    }
    let instance = site.api.instance(place)?;
    changes.extend(site.differences(place, &instance, None)?.changes);
    changes.extend(site.ways(place)?.changes);
    let deployment = instance.latest_deployment.map(|deployment| (deployment.standing(), deployment.status));
    match deployment {
        Some((Standing::Up | Standing::Moving | Standing::Held, _)) => {}
        Some((Standing::Down, status)) => changes.push(Change::new("deployment", status, "SUCCESS")),
        None => changes.push(Change::new("deployment", (), "SUCCESS")),
    }
    Ok(changes)
}

/// Gives project and service the names that the options say.
fn rename(site: &Site<'_, '_>, found: &site::Found) -> Result<bool, Failure> {
    let mut renamed = false;
    let name = site.options.project_name(site.context);
    if site.options.project_id.is_none() && found.project.name != name {
        site.api.rename_project(&found.project.id, &name)?;
        site.context.step(format!("Project renamed: {name}"));
        renamed = true;
    }
    let name = site.options.service_name(site.context);
    if let Some(service) = &found.service
        && service.name != name
    {
        site.api.rename_service(&service.id, name)?;
        site.context.step(format!("Service renamed: {name}"));
        renamed = true;
    }
    Ok(renamed)
}

fn outcome(
    site: &Site<'_, '_>,
    place: &Place,
    password: Option<&str>,
    what: &str,
) -> Result<Outcome, Failure> {
    let (context, options) = (site.context, site.options);
    let url = site.url(place)?;
    for domain in &site.api.domains(place)?.custom_domains {
        if let Some(pending) = domain.pending().filter(|_| options.custom_domains.contains(&domain.domain)) {
            context.step(pending);
        }
    }
    let variables: Vec<String> = site
        .wanted_variables("")
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name != site::MARK)
        .collect();
    let name = options.service_name(context).to_owned();
    let at = if url.is_empty() { String::new() } else { format!(" at {url}") };
    let summary = format!("{what} Railway service {name}{at}");
    let credentials = site.credentials(place, &url, password)?;
    let metadata = Metadata {
        project_id: place.project.clone(),
        environment_id: place.environment.clone(),
        service_id: place.service.clone(),
        name,
        url,
        shared_project: options.project_id.is_some(),
        variables,
        custom_domains: options.custom_domains.clone(),
        branch: options.branch.clone(),
        inputs: context.inputs_digest.clone(),
    };
    let mut outcome = Outcome::new(site.state(&metadata), summary);
    outcome.credentials = credentials;
    Ok(outcome)
}

fn exists(api: &Api<'_>, place: &Place) -> Result<bool, Failure> {
    if place.service.is_empty() || api.project(&place.project)?.is_none() {
        return Ok(false);
    }
    Ok(api.service(&place.project, &|service| service.id == place.service)?.is_some())
}
