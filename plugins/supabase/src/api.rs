//! Supabase's Management API: the calls that this plugin makes, and what it reads of the answers.
//!
//! Answers hold far more than is read here, secrets of mail servers among it; it is dropped.

use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use ss_sdk::http::{Client, Page, pages};
use ss_sdk::{Context, Failure, FailureKind};

/// Where the API is.
const BASE: &str = "https://api.supabase.com";

/// How long a project may take to come up. Minutes are usual.
const READY_LIMIT: Duration = Duration::from_secs(15 * 60);

/// How long a project may be in the way of its own deletion, and how long it may stay visible after it.
const DELETION_LIMIT: Duration = Duration::from_secs(10 * 60);

/// The largest page of projects.
const PAGE: usize = 100;

/// What a project's health is made of.
const SERVICES: [&str; 5] = ["db", "auth", "rest", "storage", "pooler"];

/// A project that works.
pub const HEALTHY: &str = "ACTIVE_HEALTHY";

/// A project that was paused, such as a free one that nobody used for a week.
pub const PAUSED: &str = "INACTIVE";

/// A project.
#[derive(Debug, Clone, Deserialize)]
pub struct Project {
    /// Twenty lower-case letters.
    #[serde(rename = "ref")]
    pub reference: String,
    pub name: String,
    #[serde(default)]
    pub region: String,
    #[serde(default)]
    pub status: String,
    #[serde(default)]
    pub organization_slug: String,
    #[serde(default)]
    pub database: Database,
}

/// Where a project's database is.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Database {
    #[serde(default)]
    pub host: String,
}

impl Project {
    /// Where the database takes direct connections.
    pub fn host(&self) -> String {
        let known = Some(self.database.host.clone()).filter(|host| !host.is_empty());
        known.unwrap_or_else(|| format!("db.{}.supabase.co", self.reference))
    }

    /// Whether it is being deleted, or has been.
    fn is_leaving(&self) -> bool {
        matches!(self.status.as_str(), "GOING_DOWN" | "REMOVED")
    }
}

/// A key of a project's own API.
#[derive(Deserialize)]
pub struct Key {
    pub name: String,
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    #[serde(default)]
    pub api_key: Option<String>,
}

/// A way through the connection pooler.
#[derive(Debug, Clone, Deserialize)]
pub struct Pooler {
    #[serde(default)]
    pub database_type: String,
    pub db_user: String,
    pub db_host: String,
    pub db_name: String,
}

#[derive(Deserialize)]
struct Organization {
    slug: String,
    #[serde(default)]
    name: String,
}

#[derive(Deserialize)]
struct Projects {
    projects: Vec<Project>,
    #[serde(default)]
    pagination: Pagination,
}

#[derive(Default, Deserialize)]
struct Pagination {
    #[serde(default)]
    count: usize,
}

#[derive(Deserialize)]
struct ServiceHealth {
    name: String,
    status: String,
}

/// The API with the key of this run.
pub struct Api<'c, 'h> {
    context: &'c Context<'h>,
    client: Client<'h>,
}

impl<'c, 'h> Api<'c, 'h> {
    /// The API. `options_path` is the block to blame when Supabase finds a request invalid.
    pub fn new(context: &'c Context<'h>, options_path: &str) -> Result<Self, Failure> {
        let client = Client::new(context.host, "Supabase", BASE)
            .with_header("authorization", format!("Bearer {}", context.api_key()?));
        let client = if options_path.is_empty() { client } else { client.blaming(options_path) };
        Ok(Self { context, client })
    }

    /// Slug and name of every organisation of the key.
    pub fn organizations(&self) -> Result<Vec<(String, String)>, Failure> {
        let call = self.client.get("/v1/organizations").to("list the organisations of the key");
        let organizations: Vec<Organization> = call.fetch()?;
        Ok(organizations.into_iter().map(|organization| (organization.slug, organization.name)).collect())
    }

    /// Projects of exactly this name, without those that are being deleted.
    pub fn projects_named(&self, name: &str, organization: &str) -> Result<Vec<Project>, Failure> {
        let path = format!("/v1/organizations/{}/projects", plain(organization)?);
        let mut seen = 0;
        let mut projects = pages(|cursor| {
            let call = self.client.get(&path).to("look for the project").query("search", name);
            let call = call.query("limit", &PAGE.to_string()).query_opt("offset", cursor);
            let page: Projects = call.fetch()?;
            seen += page.projects.len();
            let more = !page.projects.is_empty() && seen < page.pagination.count;
            Ok(Page { items: page.projects, cursor: more.then(|| seen.to_string()) })
        })?;
        projects.retain(|project| project.name == name && !project.is_leaving());
        Ok(projects)
    }

    /// A project, if it exists.
    pub fn project(&self, reference: &str) -> Result<Option<Project>, Failure> {
        let call = self.client.get(&path(reference, "")?).to("read the project");
        let project: Option<Project> = call.fetch_optional()?;
        Ok(project.filter(|project| project.status != "REMOVED"))
    }

    /// Creates a project.
    pub fn create_project(&self, project: &Value) -> Result<Project, Failure> {
        let call = self.client.post("/v1/projects").json(project).to("create the project");
        let created: Project = call.fetch().map_err(quota)?;
        if plain(&created.reference).is_err() {
            return Err(Failure::outcome_unknown("Supabase answered the creation without the project's ref"));
        }
        Ok(created)
    }

    /// Wakes a paused project.
    pub fn restore(&self, reference: &str) -> Result<(), Failure> {
        let call = self.client.post(&path(reference, "/restore")?).to("wake the paused project");
        call.success().map(|_| ()).map_err(quota)
    }

    /// Reads settings below a project.
    pub fn read<T: DeserializeOwned>(&self, reference: &str, rest: &str) -> Result<T, Failure> {
        self.client.get(&path(reference, rest)?).to("read the project's settings").fetch()
    }

    /// Changes settings below a project in part.
    pub fn patch(&self, reference: &str, rest: &str, body: &Value) -> Result<(), Failure> {
        let call = self.client.patch(&path(reference, rest)?).json(body);
        call.to("change the project's settings").success().map(|_| ())
    }

    /// Replaces settings below a project.
    pub fn put(&self, reference: &str, rest: &str, body: &Value) -> Result<(), Failure> {
        let call = self.client.put(&path(reference, rest)?).json(body);
        call.to("change the project's settings").success().map(|_| ())
    }

    /// Applies settings below a project.
    pub fn post(&self, reference: &str, rest: &str, body: &Value) -> Result<(), Failure> {
        let call = self.client.post(&path(reference, rest)?).json(body);
        call.to("change the project's settings").success().map(|_| ())
    }

    /// Removes settings below a project.
    pub fn remove(&self, reference: &str, rest: &str, body: Option<&Value>) -> Result<(), Failure> {
        let call = self.client.delete(&path(reference, rest)?).to("change the project's settings");
        let call = match body {
            Some(body) => call.json(body),
            None => call,
        };
        call.success().map(|_| ())
    }

    /// The keys of the project's own API, in clear.
    pub fn keys(&self, reference: &str) -> Result<Vec<Key>, Failure> {
        let call = self.client.get(&path(reference, "/api-keys")?).to("read the project's keys");
        call.query("reveal", "true").fetch()
    }

    /// The way to the primary database through the pooler, if there is one.
    pub fn pooler(&self, reference: &str) -> Result<Option<Pooler>, Failure> {
        let call = self.client.get(&path(reference, "/config/database/pooler")?).to("read the pooler");
        let poolers: Vec<Pooler> = call.fetch()?;
        Ok(poolers.into_iter().find(|pooler| matches!(pooler.database_type.as_str(), "PRIMARY" | "")))
    }

    /// Replaces the database password.
    pub fn set_password(&self, reference: &str, password: &str) -> Result<(), Failure> {
        let call = self.client.patch(&path(reference, "/database/password")?);
        let call = call.json(&json!({ "password": password })).to("replace the database password");
        call.success().map(|_| ())
    }

    /// Which of the project's services are not healthy.
    pub fn unhealthy_services(&self, reference: &str) -> Result<Vec<String>, Failure> {
        let call = self.client.get(&path(reference, "/health")?).to("read the project's health");
        let call = SERVICES.iter().fold(call, |call, service| call.query("services", service));
        let services: Vec<ServiceHealth> = call.fetch()?;
        let unhealthy = services.into_iter().filter(|service| service.status != HEALTHY);
        Ok(unhealthy.map(|service| format!("{}: {}", service.name, service.status)).collect())
    }

    /// Waits until the project works, with everything in it.
    pub fn wait_until_ready(&self, reference: &str) -> Result<Project, Failure> {
        let wait = self.context.wait(format!("project {reference} to come up"), READY_LIMIT);
        let project = wait.until(|| {
            let Some(project) = self.project(reference)? else { return Ok(None) };
            match project.status.as_str() {
                HEALTHY => Ok(Some(project)),
                "INIT_FAILED" | "RESTORE_FAILED" | "PAUSE_FAILED" | "GOING_DOWN" => {
                    Err(Failure::conflict(format!(
                        "Supabase gave up on the project {reference}: it is in state `{}`",
                        project.status
                    ))
                    .with_next_step(
                        "look at the project on Supabase's dashboard; delete it there to begin anew",
                    ))
                }
                _ => Ok(None),
            }
        })?;
        self.context
            .wait(format!("the services of project {reference}"), READY_LIMIT)
            .until(|| Ok(self.unhealthy_services(reference)?.is_empty().then_some(())))?;
        Ok(project)
    }

    /// Deletes a project, and waits until it is gone.
    pub fn delete_project(&self, reference: &str) -> Result<(), Failure> {
        let call = self.client.delete(&path(reference, "")?).to("delete the project");
        self.context.wait("the project to be ready for its deletion", DELETION_LIMIT).until(|| {
            let response = call.send()?;
            match response.status {
                404 => Ok(Some(())),
                // "Project not ready for deletion.", while it comes up.
                400 => Ok(None),
                _ if response.is_success() => Ok(Some(())),
                _ => Err(call.refusal(&response)),
            }
        })?;
        let gone = self.context.wait("the project to be gone", DELETION_LIMIT);
        gone.until(|| match self.project(reference) {
            Ok(None) => Ok(Some(())),
            Ok(Some(_)) => Ok(None),
            // What has just been deleted with this key may be out of its reach before it is gone.
            Err(failure) if failure.kind == FailureKind::Authentication => Ok(Some(())),
            Err(failure) => Err(failure),
        })
    }
}

fn path(reference: &str, rest: &str) -> Result<String, Failure> {
    Ok(format!("/v1/projects/{}{rest}", plain(reference)?))
}

/// An id as a path segment: letters, digits, `-` and `_`. State is kept in files that people edit, and an
/// empty or odd id would name another resource.
fn plain(id: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    if (1..=60).contains(&id.len()) && id.bytes().all(plain) {
        Ok(id)
    } else {
        Err(Failure::internal(format!("`{id}` is not an id of Supabase")))
    }
}

/// Supabase documents no status for a plan that is used up; its message tells.
fn quota(failure: Failure) -> Failure {
    let text = failure.message.to_lowercase();
    let refused = !matches!(
        failure.kind,
        FailureKind::OutcomeUnknown | FailureKind::Unavailable | FailureKind::RateLimited(_)
    );
    if refused && (text.contains("limit") || text.contains("maximum")) {
        Failure { kind: FailureKind::Quota, ..failure }
            .with_next_step("pause or delete a project of the organisation, or change its plan")
    } else {
        failure
    }
}
