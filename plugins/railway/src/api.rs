//! Railway's API: the calls that this plugin makes, and what it reads of the answers.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::{Value, json};
use ss_sdk::http::{Page, pages};
use ss_sdk::{Context, Failure, FailureKind};

use crate::documents as doc;
use crate::graphql::Graphql;

/// Projects on a page.
const PAGE: u32 = 100;

/// A project.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Project {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    pub description: Option<String>,
    #[serde(default)]
    deleted_at: Option<String>,
    #[serde(default)]
    environments: Edges<Named>,
}

impl Project {
    /// The id of the environment of this name.
    pub fn environment(&self, name: &str) -> Option<&str> {
        let mut environments = self.environments.nodes().filter(|known| known.deleted_at.is_none());
        environments.find(|known| known.name == name).map(|known| known.id.as_str())
    }

    /// The names of its environments.
    pub fn environment_names(&self) -> Vec<&str> {
        self.environments.nodes().map(|known| known.name.as_str()).collect()
    }
}

/// Something with an id and a name.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Named {
    pub id: String,
    #[serde(default)]
    pub name: String,
    #[serde(default)]
    deleted_at: Option<String>,
}

/// A Relay connection.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edges<T> {
    edges: Vec<Edge<T>>,
    #[serde(default)]
    page_info: PageInfo,
}

#[derive(Debug, Clone, Deserialize)]
struct Edge<T> {
    node: T,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PageInfo {
    #[serde(default)]
    has_next_page: bool,
    #[serde(default)]
    end_cursor: Option<String>,
}

impl<T> Default for Edges<T> {
    fn default() -> Self {
        Self { edges: Vec::new(), page_info: PageInfo::default() }
    }
}

impl<T> Edges<T> {
    fn nodes(&self) -> impl Iterator<Item = &T> {
        self.edges.iter().map(|edge| &edge.node)
    }

    fn into_nodes(self) -> impl Iterator<Item = T> {
        self.edges.into_iter().map(|edge| edge.node)
    }

    fn into_page(self) -> Page<T> {
        let cursor = self.page_info.end_cursor.clone().filter(|_| self.page_info.has_next_page);
        Page { items: self.into_nodes().collect(), cursor }
    }
}

/// A service in one environment.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Instance {
    #[serde(default)]
    pub source: Option<Source>,
    #[serde(default)]
    pub latest_deployment: Option<Deployment>,
    /// The other settings, under their names in the API.
    #[serde(flatten)]
    pub settings: BTreeMap<String, Value>,
}

/// What a service runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Source {
    #[serde(default)]
    pub image: Option<String>,
    #[serde(default)]
    pub repo: Option<String>,
}

/// One attempt at running a service.
#[derive(Debug, Clone, Deserialize)]
pub struct Deployment {
    pub id: String,
    pub status: String,
}

/// A volume where it is mounted.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Volume {
    pub volume_id: String,
    #[serde(default)]
    pub service_id: Option<String>,
    #[serde(default)]
    pub mount_path: String,
    #[serde(default)]
    deleted_at: Option<String>,
    #[serde(default)]
    is_pending_deletion: bool,
}

/// The domains of a service.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Domains {
    #[serde(default)]
    pub service_domains: Vec<Domain>,
    #[serde(default)]
    pub custom_domains: Vec<Domain>,
}

/// A domain.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Domain {
    pub id: String,
    pub domain: String,
    #[serde(default)]
    pub target_port: Option<i64>,
    #[serde(default)]
    deleted_at: Option<String>,
    /// Of one's own domains only.
    #[serde(default)]
    pub status: Option<DomainStatus>,
}

/// How far a domain of one's own has come.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DomainStatus {
    #[serde(default)]
    pub verified: bool,
    #[serde(default)]
    pub certificate_status: String,
    #[serde(default)]
    pub verification_dns_host: Option<String>,
    #[serde(default)]
    pub verification_token: Option<String>,
    #[serde(default)]
    pub dns_records: Vec<DnsRecord>,
}

/// A record that a domain of one's own needs.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DnsRecord {
    #[serde(default)]
    pub record_type: String,
    #[serde(default)]
    pub fqdn: String,
    #[serde(default)]
    pub required_value: String,
}

/// A way to a service over plain TCP.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TcpProxy {
    pub domain: String,
    pub proxy_port: u16,
    pub application_port: u16,
    #[serde(default)]
    deleted_at: Option<String>,
}

#[derive(Deserialize)]
struct Me {
    workspaces: Vec<Named>,
}

#[derive(Deserialize)]
struct Services {
    services: Edges<Named>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Volumes {
    volume_instances: Edges<Volume>,
}

#[derive(Deserialize)]
struct Id {
    id: String,
}

/// Where a service is: project, environment, service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub project: String,
    pub environment: String,
    pub service: String,
}

/// The API with the key of this run.
pub struct Api<'h> {
    graphql: Graphql<'h>,
}

impl<'h> Api<'h> {
    /// The API. `options_path` is the block to blame when Railway finds a request invalid.
    pub fn new(context: &Context<'h>, options_path: &str) -> Result<Self, Failure> {
        Ok(Self { graphql: Graphql::new(context, options_path)? })
    }

    /// Id and name of every workspace of the key; none if it is a workspace's own, which cannot tell.
    pub fn workspaces(&self) -> Result<Option<Vec<Named>>, Failure> {
        match self.graphql.ask("list the workspaces of the key", doc::ME, &json!({}), "me") {
            Ok(Me { workspaces }) => Ok(Some(workspaces)),
            // So is a key that is good for nothing; the list of projects tells.
            Err(failure) if failure.kind == FailureKind::Authentication => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Projects of exactly this name.
    pub fn projects_named(&self, name: &str, workspace: Option<&str>) -> Result<Vec<Project>, Failure> {
        let mut projects = pages(|cursor| self.projects(workspace, PAGE, cursor))?;
        projects.retain(|project| project.name == name && project.deleted_at.is_none());
        Ok(projects)
    }

    fn projects(
        &self,
        workspace: Option<&str>,
        first: u32,
        after: Option<&str>,
    ) -> Result<Page<Project>, Failure> {
        let variables = json!({ "workspaceId": workspace, "first": first, "after": after });
        let page: Edges<Project> =
            self.graphql.ask("look for the project", doc::PROJECTS, &variables, "projects")?;
        Ok(page.into_page())
    }

    /// A project, if it exists.
    ///
    /// Railway says "not authorized" of a project that is not there: it counts as gone if the key can do
    /// something else.
    pub fn project(&self, id: &str) -> Result<Option<Project>, Failure> {
        let found = self.graphql.ask("read the project", doc::PROJECT, &json!({ "id": id }), "project");
        match found {
            Ok(project) => Ok(Some(project).filter(|project: &Project| project.deleted_at.is_none())),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) if failure.kind == FailureKind::Authentication => {
                self.projects(None, 1, None).map(|_| None).map_err(|_| failure)
            }
            Err(failure) => Err(failure),
        }
    }

    /// The services of a project that have this name or this id.
    pub fn service(&self, project: &str, wanted: impl Fn(&Named) -> bool) -> Result<Option<Named>, Failure> {
        let services = pages(|cursor| {
            let variables = json!({ "id": project, "after": cursor });
            let found: Services =
                self.graphql.ask("list the services", doc::SERVICES, &variables, "project")?;
            Ok(found.services.into_page())
        })?;
        Ok(services.into_iter().find(|service| service.deleted_at.is_none() && wanted(service)))
    }

    /// Settings and latest deployment of a service.
    pub fn instance(&self, place: &Place) -> Result<Instance, Failure> {
        let variables = json!({ "environmentId": place.environment, "serviceId": place.service });
        self.graphql.ask("read the service", doc::INSTANCE, &variables, "serviceInstance")
    }

    /// The variables of a service, in clear: secrets are dropped by the caller.
    pub fn variables(&self, place: &Place) -> Result<BTreeMap<String, Value>, Failure> {
        self.graphql.ask("read the variables", doc::VARIABLES, &ids(place), "variables")
    }

    /// The volumes of a service.
    pub fn volumes(&self, place: &Place) -> Result<Vec<Volume>, Failure> {
        let variables = json!({ "id": place.environment, "projectId": place.project });
        let found: Volumes = self.graphql.ask("list the volumes", doc::VOLUMES, &variables, "environment")?;
        let alive = |volume: &Volume| volume.deleted_at.is_none() && !volume.is_pending_deletion;
        let ours = |volume: &Volume| volume.service_id.as_deref() == Some(&place.service);
        Ok(found.volume_instances.into_nodes().filter(|volume| alive(volume) && ours(volume)).collect())
    }

    /// The domains of a service.
    pub fn domains(&self, place: &Place) -> Result<Domains, Failure> {
        let mut found: Domains =
            self.graphql.ask("list the domains", doc::DOMAINS, &ids(place), "domains")?;
        found.service_domains.retain(|domain| domain.deleted_at.is_none());
        found.custom_domains.retain(|domain| domain.deleted_at.is_none());
        Ok(found)
    }

    /// The way to a port of the service over plain TCP.
    pub fn tcp_proxy(&self, place: &Place, port: u16) -> Result<Option<TcpProxy>, Failure> {
        let variables = json!({ "environmentId": place.environment, "serviceId": place.service });
        let found: Vec<TcpProxy> =
            self.graphql.ask("list the TCP proxies", doc::TCP_PROXIES, &variables, "tcpProxies")?;
        Ok(found.into_iter().find(|proxy| proxy.application_port == port && proxy.deleted_at.is_none()))
    }

    /// A deployment, if Railway still knows it.
    pub fn deployment(&self, id: &str) -> Result<Option<Deployment>, Failure> {
        let found =
            self.graphql.ask("read the deployment", doc::DEPLOYMENT, &json!({ "id": id }), "deployment");
        match found {
            Ok(deployment) => Ok(Some(deployment)),
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Creates a project and returns its id.
    pub fn create_project(&self, input: &Value) -> Result<String, Failure> {
        self.create("create the project", doc::CREATE_PROJECT, input, "projectCreate")
    }

    /// Renames a project.
    pub fn rename_project(&self, id: &str, name: &str) -> Result<(), Failure> {
        let variables = json!({ "id": id, "input": { "name": name } });
        self.graphql.tell("rename the project", doc::RENAME_PROJECT, &variables, "projectUpdate")
    }

    /// Creates a service that runs nothing yet and returns its id.
    pub fn create_service(&self, input: &Value) -> Result<String, Failure> {
        self.create("create the service", doc::CREATE_SERVICE, input, "serviceCreate")
    }

    /// Renames a service.
    pub fn rename_service(&self, id: &str, name: &str) -> Result<(), Failure> {
        let variables = json!({ "id": id, "input": { "name": name } });
        self.graphql.tell("rename the service", doc::RENAME_SERVICE, &variables, "serviceUpdate")
    }

    /// Connects a service to a repository.
    pub fn connect(&self, place: &Place, repo: &str, branch: Option<&str>) -> Result<(), Failure> {
        let mut input = json!({ "repo": repo });
        if let Some(branch) = branch {
            input["branch"] = branch.into();
        }
        let variables = json!({ "id": place.service, "input": input });
        self.graphql.tell("connect the repository", doc::CONNECT_SERVICE, &variables, "serviceConnect")
    }

    /// Changes settings of a service.
    pub fn update_instance(&self, place: &Place, input: &Value) -> Result<(), Failure> {
        let variables =
            json!({ "environmentId": place.environment, "serviceId": place.service, "input": input });
        let document = doc::UPDATE_INSTANCE;
        self.graphql.tell("change the service", document, &variables, "serviceInstanceUpdate")
    }

    /// Sets variables, and leaves the others.
    pub fn set_variables(&self, place: &Place, variables: &BTreeMap<String, Value>) -> Result<(), Failure> {
        let mut input = ids(place);
        input["variables"] = json!(variables);
        // One deployment follows when everything is set.
        input["skipDeploys"] = true.into();
        let variables = json!({ "input": input });
        let document = doc::SET_VARIABLES;
        self.graphql.tell("set the variables", document, &variables, "variableCollectionUpsert")
    }

    /// Removes a variable.
    pub fn delete_variable(&self, place: &Place, name: &str) -> Result<(), Failure> {
        let mut input = ids(place);
        input["name"] = name.into();
        let variables = json!({ "input": input });
        self.graphql.tell("remove a variable", doc::DELETE_VARIABLE, &variables, "variableDelete")
    }

    /// Mounts a new volume.
    pub fn create_volume(&self, place: &Place, mount_path: &str) -> Result<(), Failure> {
        let mut input = ids(place);
        input["mountPath"] = mount_path.into();
        self.create("create the volume", doc::CREATE_VOLUME, &input, "volumeCreate").map(|_| ())
    }

    /// Makes a domain of Railway's.
    pub fn create_domain(&self, place: &Place, port: Option<i64>) -> Result<(), Failure> {
        let mut input = json!({ "environmentId": place.environment, "serviceId": place.service });
        if let Some(port) = port {
            input["targetPort"] = port.into();
        }
        self.create("create the domain", doc::CREATE_DOMAIN, &input, "serviceDomainCreate").map(|_| ())
    }

    /// Points a domain of Railway's at another port.
    pub fn update_domain(&self, place: &Place, domain: &Domain, port: Option<i64>) -> Result<(), Failure> {
        let input = json!({
            "environmentId": place.environment, "serviceId": place.service,
            "serviceDomainId": domain.id, "domain": domain.domain, "targetPort": port,
        });
        let variables = json!({ "input": input });
        self.graphql.tell("change the domain", doc::UPDATE_DOMAIN, &variables, "serviceDomainUpdate")
    }

    /// Removes a domain of Railway's.
    pub fn delete_domain(&self, id: &str) -> Result<(), Failure> {
        let variables = json!({ "id": id });
        self.graphql.tell("remove the domain", doc::DELETE_DOMAIN, &variables, "serviceDomainDelete")
    }

    /// Adds a domain of one's own.
    pub fn create_custom_domain(
        &self,
        place: &Place,
        domain: &str,
        port: Option<i64>,
    ) -> Result<(), Failure> {
        let mut input = ids(place);
        input["domain"] = domain.into();
        if let Some(port) = port {
            input["targetPort"] = port.into();
        }
        let document = doc::CREATE_CUSTOM_DOMAIN;
        self.create("add the custom domain", document, &input, "customDomainCreate").map(|_| ())
    }

    /// Removes a domain of one's own.
    pub fn delete_custom_domain(&self, id: &str) -> Result<(), Failure> {
        let (variables, document) = (json!({ "id": id }), doc::DELETE_CUSTOM_DOMAIN);
        self.graphql.tell("remove the custom domain", document, &variables, "customDomainDelete")
    }

    /// Makes a way to a port over plain TCP.
    pub fn create_tcp_proxy(&self, place: &Place, port: u16) -> Result<(), Failure> {
        let input = json!({
            "environmentId": place.environment, "serviceId": place.service, "applicationPort": port,
        });
        self.create("create the TCP proxy", doc::CREATE_TCP_PROXY, &input, "tcpProxyCreate").map(|_| ())
    }

    /// Starts a deployment and returns its id.
    pub fn deploy(&self, place: &Place) -> Result<String, Failure> {
        let variables = json!({ "environmentId": place.environment, "serviceId": place.service });
        self.graphql.ask("deploy the service", doc::DEPLOY, &variables, "serviceInstanceDeployV2")
    }

    /// Deletes a service, if it is there.
    pub fn delete_service(&self, id: &str) -> Result<(), Failure> {
        let variables = json!({ "id": id });
        gone(self.graphql.tell("delete the service", doc::DELETE_SERVICE, &variables, "serviceDelete"))
    }

    /// Deletes a volume with its data, if it is there.
    pub fn delete_volume(&self, id: &str) -> Result<(), Failure> {
        let variables = json!({ "volumeId": id });
        gone(self.graphql.tell("delete the volume", doc::DELETE_VOLUME, &variables, "volumeDelete"))
    }

    /// Deletes a project with everything in it, if it is there.
    pub fn delete_project(&self, id: &str) -> Result<(), Failure> {
        let variables = json!({ "id": id });
        gone(self.graphql.tell("delete the project", doc::DELETE_PROJECT, &variables, "projectDelete"))
    }

    fn create(
        &self,
        purpose: &'static str,
        document: &'static str,
        input: &Value,
        member: &str,
    ) -> Result<String, Failure> {
        let created: Id = self.graphql.ask(purpose, document, &json!({ "input": input }), member)?;
        if created.id.is_empty() {
            return Err(Failure::outcome_unknown(format!(
                "Railway answered the request to {purpose} without an id"
            )));
        }
        Ok(created.id)
    }
}

/// What is gone already needs no deletion.
fn gone(deleted: Result<(), Failure>) -> Result<(), Failure> {
    match deleted {
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(()),
        deleted => deleted,
    }
}

fn ids(place: &Place) -> Value {
    json!({
        "projectId": place.project, "environmentId": place.environment, "serviceId": place.service,
    })
}
