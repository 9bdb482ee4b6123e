//! The project of one service: finding it, creating it, taking it over.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ss_sdk::{Alphabet, Change, Context, Failure, FailureKind, Service, State};

use crate::api::{Api, PAUSED, Project};
use crate::options::Options;

/// How long a project is looked for that Supabase has created, or may have, and does not show.
const SEARCH_LIMIT: Duration = Duration::from_secs(20);

/// Characters of the database password. Letters and digits only: it stands in addresses as it is.
const PASSWORD_LENGTH: u32 = 32;

/// What is kept until the project is complete.
#[derive(Debug, Serialize, Deserialize)]
struct Partial {
    #[serde(rename = "ref")]
    reference: String,
}

/// What state keeps beside the project's ref.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Name of the project.
    pub name: String,
    /// Slug of the organisation.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub organization: String,
    /// Address of the project's own API.
    #[serde(default)]
    pub url: String,
    /// Address of the database, without user and password.
    #[serde(default)]
    pub database: String,
    /// Names of the Edge Function secrets that the service set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub secrets: Vec<String>,
    /// Tells whether a secret was rotated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
}

/// One service and its project.
pub struct Site<'a, 'h> {
    pub context: &'a Context<'h>,
    pub service: &'a Service<Options>,
    pub options: &'a Options,
    pub api: Api<'a, 'h>,
}

impl<'a, 'h> Site<'a, 'h> {
    /// The site of a service.
    pub fn new(context: &'a Context<'h>, service: &'a Service<Options>) -> Result<Self, Failure> {
        let api = Api::new(context, &service.options_path)?;
        Ok(Self { context, service, options: &service.options, api })
    }

    /// The service's project: the one of an attempt that was cut short, or the recorded one.
    pub fn known(&self) -> Result<Option<Project>, Failure> {
        for reference in self.known_references() {
            if let Some(project) = self.api.project(&reference)? {
                return Ok(Some(project));
            }
        }
        Ok(None)
    }

    /// As [`known`](Self::known), for whoever creates a project if there is none: one whose ref is known
    /// counts as gone only after a while, for a second project would be worse than a wait.
    pub fn known_or_gone(&self) -> Result<Option<Project>, Failure> {
        let references = self.known_references();
        if references.is_empty() {
            return Ok(None);
        }
        let wait = self.context.wait("the project to appear", SEARCH_LIMIT);
        let known = wait.within_limit(|| self.known())?;
        if known.is_none() {
            self.context.warn(format!("project `{}` no longer exists", references.join("`, `")));
        }
        Ok(known)
    }

    /// Refs that this service's project is known by, the newest first.
    fn known_references(&self) -> Vec<String> {
        let partial = self.context.partial().map(|partial: Partial| partial.reference);
        let recorded = self.context.existing.as_ref().map(|state| state.resource_id.clone());
        let mut known: Vec<String> = partial.into_iter().chain(recorded).collect();
        known.dedup();
        known
    }

    /// A project of the service's name that it does not know: whoever made it.
    pub fn named(&self) -> Result<Option<Project>, Failure> {
        self.named_in(&self.organization()?)
    }

    fn named_in(&self, organization: &str) -> Result<Option<Project>, Failure> {
        let name = self.options.project_name(self.context);
        let mut projects = self.api.projects_named(&name, organization)?;
        if projects.len() > 1 {
            let references: Vec<_> = projects.iter().map(|project| project.reference.as_str()).collect();
            return Err(Failure::conflict(format!(
                "Supabase has {} projects named `{name}`: {}",
                references.len(),
                references.join(", ")
            ))
            .with_next_step(
                "give this service a `project_name` of its own, or delete the projects that nobody uses",
            ));
        }
        // The list says less than the project itself.
        projects.pop().map_or(Ok(None), |project| self.api.project(&project.reference))
    }

    /// A project of the name that may be taken over. Supabase's projects carry no mark, and nobody can read
    /// the database password of one that somebody else made.
    pub fn adoptable(&self) -> Result<Option<Project>, Failure> {
        let Some(project) = self.named()? else { return Ok(None) };
        if self.options.adopt {
            return Ok(Some(project));
        }
        Err(Failure::conflict(format!(
            "Supabase has a project named `{}` ({}) that this service did not make",
            project.name, project.reference
        ))
        .with_next_step(format!(
            "choose another `{}`, or set `{}: true` to take it over: its database password is replaced then",
            self.service.option_path("project_name"),
            self.service.option_path("adopt")
        )))
    }

    /// The organisation: as configured, or the only one of the key.
    pub fn organization(&self) -> Result<String, Failure> {
        if let Some(organization) = &self.options.organization {
            return Ok(organization.clone());
        }
        let mut organizations = self.api.organizations()?;
        let wrong = |message: String| {
            Failure::invalid_configuration(self.service.option_path("organization"), message)
                .with_next_step("name one of them with `organization`")
        };
        match organizations.len() {
            0 => Err(Failure::conflict("the key belongs to no organisation")
                .with_next_step("create an organisation on Supabase's dashboard")),
            1 => Ok(organizations.remove(0).0),
            _ => {
                let known: Vec<_> =
                    organizations.iter().map(|(slug, name)| format!("{slug} ({name})")).collect();
                Err(wrong(format!("the key belongs to several organisations: {}", known.join(", "))))
            }
        }
    }

    /// Sealed token of the database password: made once, kept in the vault before anything is sent.
    pub fn password(&self) -> Result<String, Failure> {
        self.context.secrets().generate("database_password", PASSWORD_LENGTH, Alphabet::Alphanumeric)
    }

    /// Creates the project.
    ///
    /// If the answer is lost the project is looked for by its name: creating it again might make a second.
    pub fn create(&self) -> Result<Project, Failure> {
        let organization = self.organization()?;
        let project = match self.api.create_project(&self.creation(&organization)?) {
            Ok(project) => project,
            Err(failure) if failure.kind == FailureKind::OutcomeUnknown => {
                self.context.warn(format!("{failure}; looking for the project by its name"));
                let wait = self.context.wait("the project to appear", SEARCH_LIMIT);
                wait.within_limit(|| self.named_in(&organization))?.ok_or_else(|| {
                    failure.with_next_step(
                        "run again: `ss` looks for the project by its name before it creates one",
                    )
                })?
            }
            Err(failure) => return Err(failure),
        };
        self.keep(&project)?;
        self.context.step(format!("Project created: {} ({})", project.name, project.reference));
        Ok(project)
    }

    fn creation(&self, organization: &str) -> Result<Value, Failure> {
        let options = self.options;
        let members = [
            ("name", json!(options.project_name(self.context))),
            ("organization_slug", json!(organization)),
            ("db_pass", json!(self.password()?)),
            ("region_selection", options.region_selection()),
            ("desired_instance_size", json!(options.instance_size)),
        ];
        let present = members.into_iter().filter(|(_, value)| !value.is_null());
        Ok(Value::Object(present.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>()))
    }

    /// Takes over a project that somebody else made.
    pub fn adopt(&self, project: &Project) -> Result<(), Failure> {
        self.refuse_fixed_changes(project)?;
        self.api.set_password(&project.reference, &self.password()?)?;
        self.keep(project)?;
        self.context.step(format!("Project taken over: {} ({})", project.name, project.reference));
        Ok(())
    }

    /// Keeps the project's ref for the next attempt.
    fn keep(&self, project: &Project) -> Result<(), Failure> {
        self.context.save_partial(&Partial { reference: project.reference.clone() })
    }

    /// Wakes the project if it is paused, and waits until it works.
    pub fn wake(&self, project: Project) -> Result<Project, Failure> {
        if project.status == PAUSED {
            self.api.restore(&project.reference)?;
            self.context.step(format!("Paused project is being restored: {}", project.name));
        } else if project.status == crate::api::HEALTHY {
            return Ok(project);
        }
        self.api.wait_until_ready(&project.reference)
    }

    /// What differs and cannot be changed in place.
    pub fn fixed_changes(&self, project: &Project) -> Vec<Change> {
        let mut changes = Vec::new();
        if !self.options.region_fits(&project.region) {
            changes.push(Change::new("region", project.region.as_str(), self.options.region.clone()));
        }
        if let Some(wanted) = &self.options.organization
            && !project.organization_slug.is_empty()
            && *wanted != project.organization_slug
        {
            let is = project.organization_slug.as_str();
            changes.push(Change::new("organization", is, wanted.as_str()));
        }
        changes
    }

    /// Refuses to go on where only a new project would do: that would lose the data.
    pub fn refuse_fixed_changes(&self, project: &Project) -> Result<(), Failure> {
        let Some(change) = self.fixed_changes(project).into_iter().next() else { return Ok(()) };
        let text =
            |value: &Option<Value>| value.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
        let (before, after) = (text(&change.before), text(&change.after));
        Err(Failure::invalid_configuration(
            self.service.option_path(&change.field),
            format!(
                "`{}` of the Supabase project `{}` is {before} and cannot be changed to {after}",
                change.field, project.name
            ),
        )
        .with_next_step(format!(
            "set it back to {before}, or move the data to a project of another `project_name`"
        )))
    }

    /// What state knows of this project.
    pub fn recorded(&self, project: &Project) -> Option<Metadata> {
        let existing = self.context.existing.as_ref()?;
        (existing.resource_id == project.reference).then(|| existing.parse_metadata().ok()).flatten()
    }

    /// The state of the service.
    pub fn state(&self, project: &Project) -> State {
        let secrets: Vec<String> = self.service.env.iter().map(|variable| variable.name.clone()).collect();
        let metadata = Metadata {
            name: self.options.project_name(self.context),
            organization: project.organization_slug.clone(),
            url: url(&project.reference),
            database: format!("postgresql://{}:5432/postgres", project.host()),
            inputs: self.context.inputs_digest.clone().filter(|_| !secrets.is_empty()),
            secrets,
        };
        self.found(project, &metadata)
    }

    /// The state of a project that was found: nothing is known of its secrets.
    pub fn found_state(&self, project: &Project) -> State {
        let known = Metadata {
            name: project.name.clone(),
            organization: project.organization_slug.clone(),
            url: url(&project.reference),
            database: format!("postgresql://{}:5432/postgres", project.host()),
            ..Metadata::default()
        };
        self.found(project, &known)
    }

    fn found(&self, project: &Project, metadata: &Metadata) -> State {
        let state = self.context.state(crate::NAME, project.reference.clone()).with_metadata(metadata);
        if project.region.is_empty() { state } else { state.with_region(project.region.clone()) }
    }
}

/// Where a project's own API is.
pub fn url(reference: &str) -> String {
    format!("https://{reference}.supabase.co")
}
