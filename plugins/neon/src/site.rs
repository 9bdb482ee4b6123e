//! The project of one service: finding it, creating it, connecting to it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use ss_sdk::{Context, Failure, FailureKind, Service, State};

use crate::api::{Api, Branch, Created, Database, Project};
use crate::connection::Connection;
use crate::options::Options;

/// How long a project is looked for that Neon has created, or may have, and does not show.
const SEARCH_LIMIT: Duration = Duration::from_secs(20);

/// How long after its creation a project may still not be shown: far longer than was ever seen.
const SHOWN_LIMIT: Duration = Duration::from_secs(600);

/// The database that Neon makes if none is named.
const DEFAULT_DATABASE: &str = "neondb";

/// What is kept until the project is complete.
#[derive(Debug, Serialize, Deserialize)]
struct Partial {
    project_id: String,
}

/// What state keeps beside the project's id.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Name of the project.
    pub name: String,
    /// Id of the branch.
    pub branch_id: String,
    /// Role that owns the database.
    pub role: String,
    /// Database.
    pub database: String,
    /// Major version of Postgres.
    #[serde(default)]
    pub pg_version: u32,
    /// Host to connect to.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub host: String,
    /// Address without user and password.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub url: String,
}

impl Metadata {
    /// `<name>-<id>`: how people see the project.
    pub fn shown_name(&self, id: &str) -> String {
        format!("{}-{id}", self.name)
    }
}

/// A project as the options say, and how it came to be so.
pub struct Settled {
    /// The project.
    pub project: Project,
    /// `created`, `adopted`, `updated` or `unchanged`.
    pub what: &'static str,
    /// Branch and connection string of a project just created.
    fresh: Option<(String, String)>,
}

impl Settled {
    /// A project that was there already.
    pub fn found(project: Project, what: &'static str) -> Self {
        Self { project, what, fresh: None }
    }
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

    /// The service's project: the one of an attempt that was cut short, the recorded one, or the one of
    /// exactly its name.
    pub fn locate(&self) -> Result<Option<Project>, Failure> {
        for id in self.known_ids() {
            if let Some(project) = self.api.project(&id)? {
                return Ok(Some(project));
            }
        }
        self.locate_by_name(self.organization()?.as_deref())
    }

    /// As [`locate`](Self::locate), for whoever creates a project if there is none.
    ///
    /// One that was made just now counts as gone only after a while: Neon may not show at once what it has
    /// created, and a second project would be worse than a wait.
    pub fn locate_or_gone(&self) -> Result<Option<Project>, Failure> {
        let known = self.known_ids();
        if known.is_empty() {
            return self.locate();
        }
        let located = if self.context.is_fresh(SHOWN_LIMIT) {
            let wait = self.context.wait("the project to appear", SEARCH_LIMIT);
            wait.within_limit(|| self.locate())?
        } else {
            self.locate()?
        };
        if located.is_none() {
            self.context.warn(format!("project `{}` no longer exists", known.join("`, `")));
        }
        Ok(located)
    }

    /// Ids that this service's project is known by, the newest first.
    fn known_ids(&self) -> Vec<String> {
        let partial = self.context.partial().map(|partial: Partial| partial.project_id);
        let recorded = self.context.existing.as_ref().map(|state| state.resource_id.clone());
        let mut known: Vec<String> = partial.into_iter().chain(recorded).collect();
        known.dedup();
        known
    }

    fn locate_by_name(&self, org_id: Option<&str>) -> Result<Option<Project>, Failure> {
        let name = self.options.project_name(self.context);
        let mut projects = self.api.projects_named(&name, org_id)?;
        if projects.len() > 1 {
            let ids: Vec<_> = projects.iter().map(|project| project.id.as_str()).collect();
            let message = format!("Neon has {} projects named `{name}`: {}", ids.len(), ids.join(", "));
            return Err(Failure::conflict(message).with_next_step(
                "give this service a `project_name` of its own, or delete the projects that nobody uses",
            ));
        }
        Ok(projects.pop())
    }

    /// The organisation: as configured, or the only one of the key.
    fn organization(&self) -> Result<Option<String>, Failure> {
        if self.options.org_id.is_some() {
            return Ok(self.options.org_id.clone());
        }
        let mut organizations = self.api.organizations()?;
        if organizations.len() > 1 {
            let known: Vec<_> =
                organizations.iter().map(|org| format!("{} ({})", org.id, org.name)).collect();
            return Err(Failure::invalid_configuration(
                self.service.option_path("org_id"),
                format!("the key belongs to several organisations: {}", known.join(", ")),
            )
            .with_next_step("name one of them with `org_id`"));
        }
        Ok(organizations.pop().map(|organization| organization.id))
    }

    /// Creates the project.
    ///
    /// If the answer is lost the project is looked for by its name: creating it again might make a second.
    pub fn create(&self) -> Result<Settled, Failure> {
        let org_id = self.organization()?;
        match self.api.create_project(&self.creation(org_id.as_deref())) {
            Ok(Created { project, branch, operations, connection_uris }) => {
                self.keep(&project)?;
                self.context.step(format!("Project created: {}-{}", project.name, project.id));
                self.api.wait_for(&project.id, &operations)?;
                let uri = connection_uris.into_iter().next().map(|details| details.connection_uri);
                Ok(Settled { project, what: "created", fresh: uri.map(|uri| (branch.id, uri)) })
            }
            Err(failure) if failure.kind == FailureKind::OutcomeUnknown => {
                self.context.warn(format!("{failure}; looking for the project by its name"));
                let wait = self.context.wait("the project to appear", SEARCH_LIMIT);
                let Some(project) = wait.within_limit(|| self.locate_by_name(org_id.as_deref()))? else {
                    return Err(failure.with_next_step(
                        "run again: `ss` looks for the project by its name before it creates one",
                    ));
                };
                self.converge(project)
            }
            Err(failure) => Err(failure),
        }
    }

    /// Keeps the project's id for the next attempt.
    pub fn keep(&self, project: &Project) -> Result<(), Failure> {
        self.context.save_partial(&Partial { project_id: project.id.clone() })
    }

    /// The project as Neon is asked to create it; what is not configured is left to Neon.
    fn creation(&self, org_id: Option<&str>) -> Value {
        let options = self.options;
        let branch = object([
            ("name", json!(options.branch_name)),
            ("role_name", json!(options.role_name)),
            ("database_name", json!(options.database_name)),
        ]);
        object([
            ("name", json!(options.project_name(self.context))),
            ("region_id", json!(options.region_id())),
            ("pg_version", json!(options.pg_version)),
            ("org_id", json!(org_id)),
            ("branch", branch),
            ("default_endpoint_settings", json!(options.compute())),
            ("history_retention_seconds", json!(options.history_retention_seconds)),
        ])
    }

    /// Where the data is, and how to connect to it. Makes the role and the database if they are missing.
    pub fn connect(&self, settled: &Settled) -> Result<(Metadata, Connection), Failure> {
        let project = &settled.project;
        if let Some((branch_id, uri)) = &settled.fresh {
            return complete(Metadata { branch_id: branch_id.clone(), ..named(project) }, uri);
        }
        if let Some(known) = self.known(project)
            && let Some(uri) = self.uri(project, &known)?
        {
            return complete(known, &uri);
        }
        let metadata = self.metadata(project)?;
        self.make_missing(project, &metadata)?;
        let uri = self.uri(project, &metadata)?;
        let uri = uri.ok_or_else(|| {
            Failure::not_found(format!(
                "Neon has no connection string for role `{}` and database `{}`",
                metadata.role, metadata.database
            ))
        })?;
        complete(metadata, &uri)
    }

    fn uri(&self, project: &Project, metadata: &Metadata) -> Result<Option<String>, Failure> {
        self.api.connection_uri(&project.id, &metadata.branch_id, &metadata.role, &metadata.database)
    }

    /// The recorded metadata of this project, unless the options name another role or database.
    fn known(&self, project: &Project) -> Option<Metadata> {
        let existing = self.context.existing.as_ref().filter(|state| state.resource_id == project.id)?;
        let known: Metadata = existing.parse_metadata().ok()?;
        let same =
            |option: &Option<String>, known: &String| option.as_ref().is_none_or(|option| option == known);
        let same =
            same(&self.options.role_name, &known.role) && same(&self.options.database_name, &known.database);
        let Metadata { name, pg_version, .. } = named(project);
        same.then_some(Metadata { name, pg_version, ..known })
    }

    /// Where the data is, or is to be, as the options and the project say.
    pub fn metadata(&self, project: &Project) -> Result<Metadata, Failure> {
        let branch = self.branch(project)?;
        let databases = self.api.databases(&project.id, &branch.id)?;
        let database = self.options.database_name.clone().or_else(|| Some(databases.first()?.name.clone()));
        let database = database.unwrap_or_else(|| DEFAULT_DATABASE.into());
        let owner = owner(&databases, &database);
        let role = self.options.role_name.clone().or(owner).unwrap_or_else(|| format!("{database}_owner"));
        Ok(Metadata { branch_id: branch.id, role, database, ..named(project) })
    }

    fn branch(&self, project: &Project) -> Result<Branch, Failure> {
        let branches = self.api.branches(&project.id)?;
        let wanted = |branch: &Branch| match &self.options.branch_name {
            Some(name) => branch.name == *name,
            None => branch.default,
        };
        branches.into_iter().find(wanted).ok_or_else(|| match &self.options.branch_name {
            Some(name) => Failure::invalid_configuration(
                self.service.option_path("branch_name"),
                format!("project `{}` has no branch `{name}`", project.name),
            ),
            None => Failure::internal(format!("project `{}` has no default branch", project.name)),
        })
    }

    fn make_missing(&self, project: &Project, metadata: &Metadata) -> Result<(), Failure> {
        let Metadata { branch_id, role, database, .. } = metadata;
        let databases = self.api.databases(&project.id, branch_id)?;
        let missing = owner(&databases, database).is_none();
        if (missing || self.options.role_name.is_some())
            && !self.api.has_role(&project.id, branch_id, role)?
        {
            self.api.create_role(&project.id, branch_id, role)?;
            self.context.step(format!("Role created: {role}"));
        }
        if missing {
            self.api.create_database(&project.id, branch_id, database, role)?;
            self.context.step(format!("Database created: {database}"));
        }
        Ok(())
    }

    /// The state of the service.
    pub fn state(&self, project: &Project, metadata: &Metadata) -> State {
        let state = self.context.state(crate::NAME, project.id.clone()).with_metadata(metadata);
        if project.region_id.is_empty() { state } else { state.with_region(project.region_id.clone()) }
    }
}

/// What the project alone says.
fn named(project: &Project) -> Metadata {
    Metadata { name: project.name.clone(), pg_version: project.pg_version, ..Metadata::default() }
}

/// The metadata with what the connection string says.
fn complete(metadata: Metadata, uri: &str) -> Result<(Metadata, Connection), Failure> {
    let connection = Connection::parse(uri)?;
    let metadata = Metadata {
        role: connection.role().to_owned(),
        database: connection.database.clone(),
        host: connection.host.clone(),
        url: connection.public_url(),
        ..metadata
    };
    Ok((metadata, connection))
}

fn owner(databases: &[Database], name: &str) -> Option<String> {
    databases.iter().find(|database| database.name == name).map(|database| database.owner_name.clone())
}

/// A JSON object without the members that are null or empty.
pub fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    let present = members
        .into_iter()
        .filter(|(_, value)| !value.is_null() && value.as_object().is_none_or(|members| !members.is_empty()));
    Value::Object(present.map(|(name, value)| (name.to_owned(), value)).collect::<Map<_, _>>())
}
