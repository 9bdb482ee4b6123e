//! Neon's API v2: the calls that this plugin makes, and what it reads of the answers.
//!
//! Answers hold far more than is read here; members that are missing or new do no harm.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ss_sdk::http::{Call, Client, Page, Response, pages, percent_encode};
use ss_sdk::{Context, Failure};

/// Where the API is.
const BASE: &str = "https://console.neon.tech/api/v2";

/// How long Neon's operations are waited for. A new project takes seconds; the rest is for a bad day.
const OPERATIONS_LIMIT: Duration = Duration::from_secs(300);

/// How long a deleted project may stay visible.
const DELETION_LIMIT: Duration = Duration::from_secs(120);

/// The largest page of projects.
const PAGE: &str = "400";

/// A project.
#[derive(Debug, Clone, Deserialize)]
pub struct Project {
    pub id: String,
    pub name: String,
    #[serde(default)]
    pub region_id: String,
    #[serde(default)]
    pub pg_version: u32,
    #[serde(default)]
    pub history_retention_seconds: Option<i64>,
    #[serde(default)]
    pub org_id: Option<String>,
}

/// A branch of a project.
#[derive(Debug, Clone, Deserialize)]
pub struct Branch {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub default: bool,
    #[serde(default)]
    pub current_state: String,
}

/// A database of a branch.
#[derive(Debug, Clone, Deserialize)]
pub struct Database {
    pub name: String,
    pub owner_name: String,
}

/// A compute endpoint.
#[derive(Debug, Clone, Deserialize)]
pub struct Endpoint {
    pub id: String,
    #[serde(default)]
    pub branch_id: String,
    #[serde(default, rename = "type")]
    pub kind: String,
    #[serde(default)]
    pub autoscaling_limit_min_cu: Option<f64>,
    #[serde(default)]
    pub autoscaling_limit_max_cu: Option<f64>,
    #[serde(default)]
    pub suspend_timeout_seconds: Option<i64>,
}

impl Endpoint {
    /// Its size and idling.
    pub fn compute(&self) -> Compute {
        Compute {
            autoscaling_limit_min_cu: self.autoscaling_limit_min_cu,
            autoscaling_limit_max_cu: self.autoscaling_limit_max_cu,
            suspend_timeout_seconds: self.suspend_timeout_seconds,
        }
    }
}

/// Size and idling of a compute endpoint.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Compute {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling_limit_min_cu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoscaling_limit_max_cu: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspend_timeout_seconds: Option<i64>,
}

/// Something that Neon does in its own time.
#[derive(Debug, Deserialize)]
pub struct Operation {
    pub id: String,
    #[serde(default)]
    pub action: String,
    pub status: String,
    #[serde(default)]
    pub error: Option<String>,
}

impl Operation {
    /// Whether it is over and nothing stands against going on. `failed` is not over: Neon tries again.
    fn is_done(&self) -> bool {
        matches!(self.status.as_str(), "finished" | "skipped" | "cancelled")
    }

    /// Whether it keeps the project locked now.
    fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "scheduling" | "running" | "cancelling")
    }
}

/// The answer to a creation.
#[derive(Debug, Deserialize)]
pub struct Created {
    pub project: Project,
    pub branch: Branch,
    #[serde(default)]
    pub connection_uris: Vec<ConnectionDetails>,
    #[serde(default)]
    pub operations: Vec<Operation>,
}

/// How to connect; the address holds the password.
#[derive(Deserialize)]
pub struct ConnectionDetails {
    pub connection_uri: String,
}

impl std::fmt::Debug for ConnectionDetails {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("ConnectionDetails")
    }
}

/// A page of projects.
#[derive(Deserialize)]
struct Projects {
    projects: Vec<Project>,
    #[serde(default)]
    unavailable_project_ids: Vec<String>,
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Default, Deserialize)]
struct Pagination {
    #[serde(default)]
    cursor: Option<String>,
    /// How lists of branches name their cursor.
    #[serde(default)]
    next: Option<String>,
}

impl Pagination {
    fn cursor(pagination: Option<Self>) -> Option<String> {
        let pagination = pagination?;
        pagination.next.or(pagination.cursor).filter(|cursor| !cursor.is_empty())
    }
}

#[derive(Deserialize)]
struct OneProject {
    project: Project,
}

#[derive(Deserialize)]
struct OneBranch {
    branch: Branch,
}

#[derive(Deserialize)]
struct OneOperation {
    operation: Operation,
}

#[derive(Deserialize)]
struct Branches {
    branches: Vec<Branch>,
    #[serde(default)]
    pagination: Option<Pagination>,
}

#[derive(Deserialize)]
struct Databases {
    databases: Vec<Database>,
}

#[derive(Deserialize)]
struct Roles {
    roles: Vec<Role>,
}

#[derive(Deserialize)]
struct Role {
    name: String,
}

#[derive(Deserialize)]
struct Endpoints {
    endpoints: Vec<Endpoint>,
}

#[derive(Deserialize)]
struct Operations {
    #[serde(default)]
    operations: Vec<Operation>,
}

#[derive(Deserialize)]
struct Uri {
    uri: String,
}

#[derive(Deserialize)]
struct Organizations {
    organizations: Vec<Organization>,
}

/// An organisation that the key belongs to.
#[derive(Debug, Deserialize)]
pub struct Organization {
    pub id: String,
    #[serde(default)]
    pub name: String,
}

/// Neon's API with the key of this run.
pub struct Api<'c, 'h> {
    context: &'c Context<'h>,
    client: Client<'h>,
}

impl<'c, 'h> Api<'c, 'h> {
    /// The API. `options_path` is the block to blame when Neon finds a request invalid.
    pub fn new(context: &'c Context<'h>, options_path: &str) -> Result<Self, Failure> {
        let client = Client::new(context.host, "Neon", BASE)
            .with_header("authorization", format!("Bearer {}", context.api_key()?));
        let client = if options_path.is_empty() { client } else { client.blaming(options_path) };
        Ok(Self { context, client })
    }

    /// The organisations of the key. Empty if the key cannot tell.
    pub fn organizations(&self) -> Result<Vec<Organization>, Failure> {
        let call = self.client.get("/users/me/organizations").to("list the organisations of the key");
        let response = call.send()?;
        match response.status {
            401 | 429 | 500.. => Err(call.refusal(&response)),
            _ if response.is_success() => Ok(call.read::<Organizations>(&response)?.organizations),
            _ => Ok(Vec::new()),
        }
    }

    /// Projects of exactly this name.
    pub fn projects_named(&self, name: &str, org_id: Option<&str>) -> Result<Vec<Project>, Failure> {
        let mut unavailable = Vec::new();
        let mut projects = pages(|cursor| {
            let call = self.client.get("/projects").to("look for the project");
            let call = call.query("limit", PAGE).query("search", name);
            let page: Projects = call.query_opt("org_id", org_id).query_opt("cursor", cursor).fetch()?;
            unavailable.extend(page.unavailable_project_ids);
            Ok(Page { items: page.projects, cursor: Pagination::cursor(page.pagination) })
        })?;
        projects.retain(|project| project.name == name);
        if projects.is_empty() && !unavailable.is_empty() {
            return Err(Failure::unavailable(format!(
                "Neon could not read {} of its projects, so that `{name}` may be among them",
                unavailable.len()
            )));
        }
        Ok(projects)
    }

    /// A project, if it exists.
    pub fn project(&self, id: &str) -> Result<Option<Project>, Failure> {
        let call = self.client.get(&project_path(id, "")?).to("read the project");
        Ok(call.fetch_optional::<OneProject>()?.map(|answer| answer.project))
    }

    /// Creates a project.
    pub fn create_project(&self, project: &Value) -> Result<Created, Failure> {
        let call = self.client.post("/projects").json(&json!({ "project": project }));
        let created: Created = call.to("create the project").fetch()?;
        if created.project.id.is_empty() {
            return Err(Failure::outcome_unknown("Neon answered the creation without the id of the project"));
        }
        Ok(created)
    }

    /// Changes a project, and waits until that is done.
    pub fn update_project(&self, id: &str, project: &Value) -> Result<(), Failure> {
        let call = self.client.patch(&project_path(id, "")?).json(&json!({ "project": project }));
        self.change(id, &call.to("change the project"))
    }

    /// Changes a compute endpoint, and waits until that is done.
    pub fn update_endpoint(&self, id: &str, endpoint: &str, compute: &Compute) -> Result<(), Failure> {
        let path = project_path(id, &format!("/endpoints/{}", percent_encode(endpoint)))?;
        let call = self.client.patch(&path).json(&json!({ "endpoint": compute }));
        self.change(id, &call.to("change the compute endpoint"))
    }

    /// Creates a role, and waits until that is done.
    pub fn create_role(&self, id: &str, branch: &str, name: &str) -> Result<(), Failure> {
        let path = branch_path(id, branch, "/roles")?;
        let call = self.client.post(&path).json(&json!({"role": {"name": name}}));
        self.change(id, &call.to("create the role"))
    }

    /// Creates a database, and waits until that is done.
    pub fn create_database(&self, id: &str, branch: &str, name: &str, owner: &str) -> Result<(), Failure> {
        let path = branch_path(id, branch, "/databases")?;
        let call = self.client.post(&path).json(&json!({"database": {"name": name, "owner_name": owner}}));
        self.change(id, &call.to("create the database"))
    }

    /// Deletes a project, and waits until it is gone.
    pub fn delete_project(&self, id: &str) -> Result<(), Failure> {
        let call = self.client.delete(&project_path(id, "")?).to("delete the project");
        self.unlocked(id, &call, |response| response.status == 404)?;
        self.context
            .wait("the project to be gone", DELETION_LIMIT)
            .until(|| Ok(self.project(id)?.is_none().then_some(())))
    }

    /// The branches of a project.
    pub fn branches(&self, id: &str) -> Result<Vec<Branch>, Failure> {
        let path = project_path(id, "/branches")?;
        pages(|cursor| {
            let call = self.client.get(&path).to("list the branches").query_opt("cursor", cursor);
            let page: Branches = call.fetch()?;
            Ok(Page { items: page.branches, cursor: Pagination::cursor(page.pagination) })
        })
    }

    /// A branch, if it exists.
    pub fn branch(&self, id: &str, branch: &str) -> Result<Option<Branch>, Failure> {
        let call = self.client.get(&branch_path(id, branch, "")?).to("read the branch");
        Ok(call.fetch_optional::<OneBranch>()?.map(|answer| answer.branch))
    }

    /// The databases of a branch.
    pub fn databases(&self, id: &str, branch: &str) -> Result<Vec<Database>, Failure> {
        let call = self.client.get(&branch_path(id, branch, "/databases")?).to("list the databases");
        Ok(call.fetch::<Databases>()?.databases)
    }

    /// Whether a branch has this role.
    pub fn has_role(&self, id: &str, branch: &str, name: &str) -> Result<bool, Failure> {
        let call = self.client.get(&branch_path(id, branch, "/roles")?).to("list the roles");
        Ok(call.fetch::<Roles>()?.roles.iter().any(|role| role.name == name))
    }

    /// The compute endpoint of a branch that writes.
    pub fn writer(&self, id: &str, branch: &str) -> Result<Option<Endpoint>, Failure> {
        let call = self.client.get(&project_path(id, "/endpoints")?).to("list the compute endpoints");
        let endpoints = call.fetch::<Endpoints>()?.endpoints;
        Ok(endpoints
            .into_iter()
            .find(|endpoint| endpoint.branch_id == branch && endpoint.kind == "read_write"))
    }

    /// The address to connect to, if project, branch, role and database exist.
    pub fn connection_uri(
        &self,
        id: &str,
        branch: &str,
        role: &str,
        database: &str,
    ) -> Result<Option<String>, Failure> {
        let call = self.client.get(&project_path(id, "/connection_uri")?).to("read the connection string");
        let call = call.query("branch_id", branch).query("role_name", role).query("database_name", database);
        Ok(call.fetch_optional::<Uri>()?.map(|answer| answer.uri))
    }

    /// Waits for operations that an answer named.
    pub fn wait_for(&self, id: &str, operations: &[Operation]) -> Result<(), Failure> {
        for operation in operations.iter().filter(|operation| !operation.is_done()) {
            let path = project_path(id, &format!("/operations/{}", percent_encode(&operation.id)))?;
            let call = self.client.get(&path).to("read the operation");
            let what = format!("Neon to {}", spoken(&operation.action));
            self.context.wait(what, OPERATIONS_LIMIT).until(|| {
                match call.fetch_optional::<OneOperation>()? {
                    Some(OneOperation { operation }) if operation.status == "error" => {
                        Err(failed(&operation))
                    }
                    Some(OneOperation { operation }) if operation.is_done() => Ok(Some(())),
                    _ => Ok(None),
                }
            })?;
        }
        Ok(())
    }

    /// Waits until no operation of the project is open.
    pub fn wait_until_idle(&self, id: &str) -> Result<(), Failure> {
        let call = self.client.get(&project_path(id, "/operations")?).to("list the operations");
        let open: Operations = call.query("limit", "100").fetch()?;
        let open = open.operations.into_iter().filter(Operation::is_open).collect::<Vec<_>>();
        self.wait_for(id, &open)
    }

    fn change(&self, id: &str, call: &Call<'_, 'h>) -> Result<(), Failure> {
        let response = self.unlocked(id, call, |_| false)?;
        self.wait_for(id, &call.read::<Operations>(&response)?.operations)
    }

    /// Sends a request once the project is not locked by an operation of its own (423).
    fn unlocked(
        &self,
        id: &str,
        call: &Call<'_, 'h>,
        accept: impl Fn(&Response) -> bool,
    ) -> Result<Response, Failure> {
        self.context.wait("the project's running operations", OPERATIONS_LIMIT).until(|| {
            let response = call.send()?;
            if response.status == 423 {
                self.wait_until_idle(id)?;
                return Ok(None);
            }
            if response.is_success() || accept(&response) {
                Ok(Some(response))
            } else {
                Err(call.refusal(&response))
            }
        })
    }
}

fn project_path(id: &str, rest: &str) -> Result<String, Failure> {
    Ok(format!("/projects/{}{rest}", segment(id)?))
}

fn branch_path(id: &str, branch: &str, rest: &str) -> Result<String, Failure> {
    project_path(id, &format!("/branches/{}{rest}", segment(branch)?))
}

/// An id as a path segment. Neon's ids are letters, digits and hyphens; state is kept in files that people
/// edit, and an empty or odd id would name another resource.
fn segment(id: &str) -> Result<&str, Failure> {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if (1..=60).contains(&id.len()) && id.bytes().all(plain) {
        Ok(id)
    } else {
        Err(Failure::internal(format!("`{id}` is not an id of Neon")))
    }
}

fn failed(operation: &Operation) -> Failure {
    let why = operation.error.as_deref().map_or_else(String::new, |error| format!(": {error}"));
    Failure::conflict(format!("Neon failed to {}{why}", spoken(&operation.action)))
}

/// `start_compute` as words.
fn spoken(action: &str) -> String {
    if action.is_empty() { "finish its operation".into() } else { action.replace('_', " ") }
}
