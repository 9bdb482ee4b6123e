//! The project and the service of one service of the file: finding them, creating them.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use ss_sdk::{Context, Failure, FailureKind, Service, State, sealed};

use crate::api::{Api, Named, Place, Project};
use crate::options::{self, Options};

/// How long something is looked for that Railway has created, or may have, and does not show.
const SEARCH_LIMIT: Duration = Duration::from_secs(20);

/// The variable that marks a service as this one's.
pub const MARK: &str = "STARSYSTEM_SERVICE";

/// What is kept until the service runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Partial {
    pub project_id: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// Something was, or is about to be, changed that no deployment runs with yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undeployed: bool,
    /// A deployment that was started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deployment_id: Option<String>,
}

/// What state keeps beside the service's id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// The project.
    pub project_id: String,
    /// Environment within the project.
    #[serde(default)]
    pub environment_id: String,
    /// The service; empty if there is none yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub service_id: String,
    /// Name of the service.
    #[serde(default)]
    pub name: String,
    /// Where it answers.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
    /// The project holds other services and is not this one's to delete.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub shared_project: bool,
    /// Names of the variables that were set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub variables: Vec<String>,
    /// Domains of one's own that were added.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub custom_domains: Vec<String>,
    /// Branch of the repository, which Railway does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// Tells whether a secret was rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
}

impl Metadata {
    /// Where the service is.
    pub fn place(&self) -> Place {
        Place {
            project: self.project_id.clone(),
            environment: self.environment_id.clone(),
            service: self.service_id.clone(),
        }
    }
}

/// One service of the file, and its project at Railway.
pub struct Site<'a, 'h> {
    pub context: &'a Context<'h>,
    pub service: &'a Service<Options>,
    pub options: &'a Options,
    pub api: Api<'h>,
}

/// What there is of it.
#[derive(Debug)]
pub struct Found {
    pub project: Project,
    pub environment: String,
    pub service: Option<Named>,
}

impl Found {
    /// Where the service is, if there is one.
    pub fn place(&self) -> Option<Place> {
        let service = self.service.as_ref()?;
        Some(Place {
            project: self.project.id.clone(),
            environment: self.environment.clone(),
            service: service.id.clone(),
        })
    }
}

impl<'a, 'h> Site<'a, 'h> {
    /// The site of a service.
    ///
    /// # Errors
    ///
    /// The options contradict each other, or name another project than the one that holds the data.
    pub fn new(context: &'a Context<'h>, service: &'a Service<Options>) -> Result<Self, Failure> {
        options::check(service)?;
        let api = Api::new(context, &service.options_path)?;
        let site = Self { context, service, options: &service.options, api };
        if let (Some(wanted), Some(recorded)) = (&site.options.project_id, site.recorded())
            && *wanted != recorded.project_id
            && !sealed::contains(wanted)
        {
            let message =
                format!("the service is in project {} and cannot be moved to {wanted}", recorded.project_id);
            return Err(Failure::invalid_configuration(service.option_path("project_id"), message)
                .with_next_step("destroy the service first, or set `project_id` back"));
        }
        Ok(site)
    }

    /// The recorded metadata.
    pub fn recorded(&self) -> Option<Metadata> {
        self.context.existing.as_ref()?.parse_metadata().ok()
    }

    /// What an attempt that was cut short has kept.
    pub fn partial(&self) -> Partial {
        self.context.partial().unwrap_or_default()
    }

    /// What there is at Railway; none if there is no project.
    pub fn locate(&self) -> Result<Option<Found>, Failure> {
        let Some(project) = self.locate_project()? else { return Ok(None) };
        let environment = self.environment(&project)?;
        let service = self.locate_service(&project.id, &environment)?;
        Ok(Some(Found { project, environment, service }))
    }

    fn locate_project(&self) -> Result<Option<Project>, Failure> {
        if let Some(id) = &self.options.project_id {
            // The service that offers it is yet to be provisioned.
            if sealed::contains(id) {
                return Ok(None);
            }
            return self.api.project(id)?.map(Some).ok_or_else(|| {
                Failure::invalid_configuration(
                    self.service.option_path("project_id"),
                    format!("Railway has no project `{id}`, or the key cannot see it"),
                )
            });
        }
        let recorded = self.recorded().map(|recorded| recorded.project_id);
        for id in [Some(self.partial().project_id), recorded].into_iter().flatten() {
            if !id.is_empty()
                && let Some(project) = self.api.project(&id)?
            {
                return Ok(Some(project));
            }
        }
        self.marked_project(self.workspace()?.as_deref())
    }

    /// The project of this service's name and mark. Names are not unique: others may have theirs.
    fn marked_project(&self, workspace: Option<&str>) -> Result<Option<Project>, Failure> {
        let (name, mark) = (self.options.project_name(self.context), self.mark());
        let mut projects = self.api.projects_named(&name, workspace)?;
        projects.retain(|project| project.description.as_deref() == Some(mark.as_str()));
        if projects.len() > 1 {
            let ids: Vec<_> = projects.iter().map(|project| project.id.as_str()).collect();
            let message = format!("Railway has {} projects of this service: {}", ids.len(), ids.join(", "));
            return Err(Failure::conflict(message).with_next_step("delete those that nobody uses"));
        }
        // The list says less than the project itself.
        projects.pop().map_or(Ok(None), |project| self.api.project(&project.id))
    }

    /// `Managed by ss: <project>/<environment>/<service>`: how a project is known.
    fn mark(&self) -> String {
        format!("Managed by ss: {}", self.context.owner())
    }

    fn environment(&self, project: &Project) -> Result<String, Failure> {
        let name = self.options.environment_name();
        project.environment(name).map(str::to_owned).ok_or_else(|| {
            Failure::invalid_configuration(
                self.service.option_path("environment"),
                format!(
                    "project `{}` has no environment `{name}`; it has: {}",
                    project.name,
                    project.environment_names().join(", ")
                ),
            )
        })
    }

    /// The recorded service, or the one of the service's name and mark.
    fn locate_service(&self, project: &str, environment: &str) -> Result<Option<Named>, Failure> {
        let recorded = self.recorded().map(|recorded| recorded.service_id);
        let ids = [Some(self.partial().service_id), recorded];
        let ids: Vec<String> = ids.into_iter().flatten().filter(|id| !id.is_empty()).collect();
        let name = self.options.service_name(self.context);
        if !ids.is_empty()
            && let Some(known) = self.api.service(project, &|service| ids.contains(&service.id))?
        {
            return Ok(Some(known));
        }
        let Some(named) = self.api.service(project, &|service| service.name == name)? else {
            return Ok(None);
        };
        let place = Place {
            project: project.to_owned(),
            environment: environment.to_owned(),
            service: named.id.clone(),
        };
        let mark = self.api.variables(&place)?.remove(MARK);
        if mark.as_ref().and_then(|mark| mark.as_str()) == Some(self.context.owner().as_str()) {
            return Ok(Some(named));
        }
        Err(Failure::conflict(format!(
            "the project has a service named `{name}` ({}) that this service did not make",
            named.id
        ))
        .with_next_step(format!("choose another `{}`", self.service.option_path("service_name"))))
    }

    /// As [`locate`](Self::locate), for whoever creates what is missing: what is known by its id counts as
    /// gone only after a while.
    fn locate_or_gone(&self) -> Result<Option<Found>, Failure> {
        let partial = self.partial();
        let known = self.recorded().map(|recorded| recorded.service_id).unwrap_or_default();
        let service_known = !partial.service_id.is_empty() || !known.is_empty();
        if partial.project_id.is_empty() && !service_known {
            return self.locate();
        }
        let wait = self.context.wait("the service to appear", SEARCH_LIMIT);
        let seen = wait.within_limit(|| {
            let found = self.locate()?;
            Ok(found.filter(|found| found.service.is_some() || !service_known))
        })?;
        match seen {
            Some(found) => Ok(Some(found)),
            None => {
                self.context.warn("what was made before no longer exists");
                self.locate()
            }
        }
    }

    /// Makes sure that project and service exist. Tells whether the service was created.
    pub fn ensure(&self) -> Result<(Found, Place, bool), Failure> {
        let found = match self.locate_or_gone()? {
            Some(found) => found,
            None => self.create_project()?,
        };
        if let Some(place) = found.place() {
            return Ok((found, place, false));
        }
        let service = self.create_service(&found)?;
        let place = Place {
            project: found.project.id.clone(),
            environment: found.environment.clone(),
            service: service.id.clone(),
        };
        Ok((Found { service: Some(service), ..found }, place, true))
    }

    /// Creates the project. If the answer is lost it is looked for: a second try might make a second one.
    fn create_project(&self) -> Result<Found, Failure> {
        let workspace = self.workspace()?;
        let name = self.options.project_name(self.context);
        let mut input = json!({
            "name": name, "description": self.mark(),
            "defaultEnvironmentName": self.options.environment_name(),
        });
        if let Some(workspace) = &workspace {
            input["workspaceId"] = workspace.as_str().into();
        }
        let wait = self.context.wait("the project to appear", SEARCH_LIMIT);
        let project = match self.api.create_project(&input) {
            Ok(id) => {
                self.keep(&Partial { project_id: id.clone(), ..Partial::default() })?;
                wait.until(|| self.api.project(&id))?
            }
            Err(failure) if failure.kind == FailureKind::OutcomeUnknown => {
                self.context.warn(format!("{failure}; looking for the project"));
                let seen = wait.within_limit(|| self.marked_project(workspace.as_deref()))?;
                seen.ok_or_else(|| look_first(failure))?
            }
            Err(failure) => return Err(failure),
        };
        self.keep(&Partial { project_id: project.id.clone(), ..Partial::default() })?;
        self.context.step(format!("Project created: {name}"));
        let environment = self.environment(&project)?;
        Ok(Found { project, environment, service: None })
    }

    /// Creates the service, with its mark and without anything to run yet.
    fn create_service(&self, found: &Found) -> Result<Named, Failure> {
        let name = self.options.service_name(self.context);
        let input = json!({
            "projectId": found.project.id, "environmentId": found.environment, "name": name,
            "variables": { MARK: self.context.owner() },
        });
        let id = match self.api.create_service(&input) {
            Ok(id) => id,
            Err(failure) if failure.kind == FailureKind::OutcomeUnknown => {
                self.context.warn(format!("{failure}; looking for the service"));
                let wait = self.context.wait("the service to appear", SEARCH_LIMIT);
                let seen =
                    wait.within_limit(|| self.locate_service(&found.project.id, &found.environment))?;
                seen.ok_or_else(|| look_first(failure))?.id
            }
            Err(failure) => return Err(failure),
        };
        self.keep(&Partial {
            project_id: found.project.id.clone(),
            service_id: id.clone(),
            undeployed: true,
            deployment_id: None,
        })?;
        self.context.step(format!("Service created: {name}"));
        let wait = self.context.wait("the service to appear", SEARCH_LIMIT);
        wait.until(|| self.api.service(&found.project.id, &|service| service.id == id))
    }

    /// Keeps how far it got for the next attempt.
    pub fn keep(&self, partial: &Partial) -> Result<(), Failure> {
        self.context.save_partial(partial)
    }

    /// The workspace: as configured, or the only one of the key; none if the key cannot tell.
    fn workspace(&self) -> Result<Option<String>, Failure> {
        if self.options.workspace.is_some() {
            return Ok(self.options.workspace.clone());
        }
        let Some(mut workspaces) = self.api.workspaces()? else { return Ok(None) };
        if workspaces.len() > 1 {
            let known: Vec<_> =
                workspaces.iter().map(|known| format!("{} ({})", known.id, known.name)).collect();
            return Err(Failure::invalid_configuration(
                self.service.option_path("workspace"),
                format!("the key belongs to several workspaces: {}", known.join(", ")),
            )
            .with_next_step("name one of them with `workspace`"));
        }
        Ok(workspaces.pop().map(|workspace| workspace.id))
    }

    /// The state of the service.
    pub fn state(&self, metadata: &Metadata) -> State {
        let id = if metadata.service_id.is_empty() { &metadata.project_id } else { &metadata.service_id };
        let state = self.context.state(crate::NAME, id.clone()).with_metadata(metadata);
        match &self.options.region {
            Some(region) => state.with_region(region.clone()),
            None => state,
        }
    }
}

fn look_first(failure: Failure) -> Failure {
    failure.with_next_step("run again: `ss` looks for what there is before it creates anything")
}
