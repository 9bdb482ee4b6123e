//! Railway's API: the calls that this plugin makes, and what it reads of the answers.

use serde_json::{Map, Value, json};
use ss_sdk::http::{Page, pages};
use ss_sdk::{Context, Failure, FailureKind};

use crate::documents as doc;
use crate::graphql::Graphql;
use crate::reader::Reader;

/// Projects on a page.
const PAGE: u32 = 100;

/// A project.
#[derive(Debug)]
pub struct Project {
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    deleted: bool,
    environments: Vec<Named>,
}

impl Project {
    fn read(reader: &Reader, value: &Value) -> Self {
        let Named { id, name, deleted } = Named::read(reader, value);
        let nodes = reader.optional(value, "environments").map(|edges| reader.nodes(edges));
        let environments = nodes.into_iter().flatten();
        Self {
            id,
            name,
            description: reader.optional_text(value, "description"),
            deleted,
            environments: environments.map(|node| Named::read(reader, &node)).collect(),
        }
    }

    /// The id of the environment of this name.
    pub fn environment(&self, name: &str) -> Option<&str> {
        let mut environments = self.environments.iter().filter(|known| !known.deleted);
        environments.find(|known| known.name == name).map(|known| known.id.as_str())
    }

    /// The names of its environments.
    pub fn environment_names(&self) -> Vec<&str> {
        self.environments.iter().map(|known| known.name.as_str()).collect()
    }
}

/// Something with an id and a name.
#[derive(Debug)]
pub struct Named {
    pub id: String,
    pub name: String,
    deleted: bool,
}

impl Named {
    fn read(reader: &Reader, value: &Value) -> Self {
        Self {
            id: reader.text(value, "id"),
            name: reader.text_or_empty(value, "name"),
            deleted: reader.optional_text(value, "deletedAt").is_some(),
        }
    }
}

/// A service in one environment.
pub struct Instance {
    /// The image that it runs.
    pub image: Option<String>,
    /// The repository that it runs.
    pub repo: Option<String>,
    pub latest_deployment: Option<Deployment>,
    /// All settings, under their names in the API.
    pub settings: Value,
}

/// One attempt at running a service.
pub struct Deployment {
    pub id: String,
    pub status: String,
}

impl Deployment {
    fn read(reader: &Reader, value: &Value) -> Self {
        Self { id: reader.text(value, "id"), status: reader.text(value, "status") }
    }
}

/// A volume where it is mounted.
pub struct Volume {
    pub volume_id: String,
    pub mount_path: String,
}

/// The domains of a service.
pub struct Domains {
    pub service_domains: Vec<Domain>,
    pub custom_domains: Vec<Domain>,
}

/// A domain.
#[derive(Debug)]
pub struct Domain {
    pub id: String,
    pub domain: String,
    pub target_port: Option<i64>,
    /// Of one's own domains only.
    pub status: Option<DomainStatus>,
}

/// How far a domain of one's own has come.
#[derive(Debug)]
pub struct DomainStatus {
    pub verified: bool,
    pub certificate_status: String,
    pub verification_dns_host: Option<String>,
    pub verification_token: Option<String>,
    pub dns_records: Vec<DnsRecord>,
}

/// A record that a domain of one's own needs.
#[derive(Debug)]
pub struct DnsRecord {
    pub record_type: String,
    pub fqdn: String,
    pub required_value: String,
}

impl Domain {
    /// Those of a list that are not deleted.
    fn read_all(reader: &Reader, value: &Value, member: &'static str) -> Vec<Self> {
        let mut domains = Vec::new();
        for value in reader.list_or_empty(value, member) {
            let domain = Self {
                id: reader.text(value, "id"),
                domain: reader.text(value, "domain"),
                target_port: reader.optional_number(value, "targetPort"),
                status: reader.optional(value, "status").map(|status| DomainStatus::read(reader, status)),
            };
            if reader.optional_text(value, "deletedAt").is_none() {
                domains.push(domain);
            }
        }
        domains
    }
}

impl DomainStatus {
    fn read(reader: &Reader, value: &Value) -> Self {
        let mut dns_records = Vec::new();
        for record in reader.list_or_empty(value, "dnsRecords") {
            dns_records.push(DnsRecord {
                record_type: reader.text_or_empty(record, "recordType"),
                fqdn: reader.text_or_empty(record, "fqdn"),
                required_value: reader.text_or_empty(record, "requiredValue"),
            });
        }
        Self {
            verified: reader.flag(value, "verified"),
            certificate_status: reader.text_or_empty(value, "certificateStatus"),
            verification_dns_host: reader.optional_text(value, "verificationDnsHost"),
            verification_token: reader.optional_text(value, "verificationToken"),
            dns_records,
        }
    }
}

/// A way to a service over plain TCP.
pub struct TcpProxy {
    pub domain: String,
    pub proxy_port: u16,
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
        let reader = Reader::new("list the workspaces of the key");
        match self.graphql.ask(reader.purpose, doc::ME, &json!({}), "me") {
            Ok(me) => {
                let workspaces = reader.list(&me, "workspaces").iter();
                let workspaces = workspaces.map(|workspace| Named::read(&reader, workspace)).collect();
                reader.finish(Some(workspaces))
            }
            // So is a key that is good for nothing; the list of projects tells.
            Err(failure) if failure.kind == FailureKind::Authentication => Ok(None),
            Err(failure) => Err(failure),
        }
    }

    /// Projects of exactly this name.
    pub fn projects_named(&self, name: &str, workspace: Option<&str>) -> Result<Vec<Project>, Failure> {
        let reader = Reader::new("look for the project");
        let nodes = pages(|cursor| self.projects(workspace, PAGE, cursor))?;
        let mut projects: Vec<Project> = nodes.iter().map(|node| Project::read(&reader, node)).collect();
        projects.retain(|project| project.name == name && !project.deleted);
        reader.finish(projects)
    }

    fn projects(
        &self,
        workspace: Option<&str>,
        first: u32,
        after: Option<&str>,
    ) -> Result<Page<Value>, Failure> {
        let reader = Reader::new("look for the project");
        let variables = json!({ "workspaceId": workspace, "first": first, "after": after });
        let found = self.graphql.ask(reader.purpose, doc::PROJECTS, &variables, "projects")?;
        let page = reader.page(&found);
        reader.finish(page)
    }

    /// A project, if it exists.
    ///
    /// Railway says "not authorized" of a project that is not there: it counts as gone if the key can list
    /// projects and this one is not among them.
    pub fn project(&self, id: &str) -> Result<Option<Project>, Failure> {
        let reader = Reader::new("read the project");
        match self.graphql.ask(reader.purpose, doc::PROJECT, &json!({ "id": id }), "project") {
            Ok(found) => {
                let project = Project::read(&reader, &found);
                reader.finish(Some(project).filter(|project| !project.deleted))
            }
            Err(failure) if failure.kind == FailureKind::NotFound => Ok(None),
            Err(failure) if failure.kind == FailureKind::Authentication => {
                let Ok(nodes) = pages(|cursor| self.projects(None, PAGE, cursor)) else {
                    return Err(failure);
                };
                let mut listed = nodes.iter().map(|node| Project::read(&reader, node));
                if listed.any(|project| project.id == id && !project.deleted) {
                    Err(failure)
                } else {
                    Ok(None)
                }
            }
            Err(failure) => Err(failure),
        }
    }

    /// The service of a project that is wanted, such as by its name or its id.
    pub fn service(&self, project: &str, wanted: &dyn Fn(&Named) -> bool) -> Result<Option<Named>, Failure> {
        let reader = Reader::new("list the services");
        let nodes = pages(|cursor| {
            let reader = Reader::new(reader.purpose);
            let variables = json!({ "id": project, "after": cursor });
            let found = self.graphql.ask(reader.purpose, doc::SERVICES, &variables, "project")?;
            let page = reader.page(reader.required(&found, "services"));
            reader.finish(page)
        })?;
        let services: Vec<Named> = nodes.iter().map(|node| Named::read(&reader, node)).collect();
        reader.finish(services.into_iter().find(|service| !service.deleted && wanted(service)))
    }

    /// Settings and latest deployment of a service.
    pub fn instance(&self, place: &Place) -> Result<Instance, Failure> {
        let reader = Reader::new("read the service");
        let settings = self.graphql.ask(reader.purpose, doc::INSTANCE, &here(place), "serviceInstance")?;
        reader.object(&settings);
        let source = reader.optional(&settings, "source");
        let latest = reader.optional(&settings, "latestDeployment");
        let of_source = |member| source.and_then(|source| reader.optional_text(source, member));
        let (image, repo) = (of_source("image"), of_source("repo"));
        let latest_deployment = latest.map(|latest| Deployment::read(&reader, latest));
        reader.finish(Instance { image, repo, latest_deployment, settings })
    }

    /// The variables of a service, in clear: secrets are dropped by the caller.
    pub fn variables(&self, place: &Place) -> Result<Map<String, Value>, Failure> {
        let reader = Reader::new("read the variables");
        match self.graphql.ask(reader.purpose, doc::VARIABLES, &ids(place), "variables")? {
            Value::Object(variables) => Ok(variables),
            other => {
                reader.object(&other);
                reader.finish(Map::new())
            }
        }
    }

    /// The volumes of a service.
    pub fn volumes(&self, place: &Place) -> Result<Vec<Volume>, Failure> {
        let reader = Reader::new("list the volumes");
        let variables = json!({ "id": place.environment, "projectId": place.project });
        let found = self.graphql.ask(reader.purpose, doc::VOLUMES, &variables, "environment")?;
        let mut volumes = Vec::new();
        for node in &reader.nodes(reader.required(&found, "volumeInstances")) {
            let volume = Volume {
                volume_id: reader.text(node, "volumeId"),
                mount_path: reader.text_or_empty(node, "mountPath"),
            };
            let deleted = reader.optional_text(node, "deletedAt").is_some();
            let pending = reader.flag(node, "isPendingDeletion");
            let service = reader.optional_text(node, "serviceId");
            if !deleted && !pending && service.as_ref() == Some(&place.service) {
                volumes.push(volume);
            }
        }
        reader.finish(volumes)
    }

    /// The domains of a service.
    pub fn domains(&self, place: &Place) -> Result<Domains, Failure> {
        let reader = Reader::new("list the domains");
        let found = self.graphql.ask(reader.purpose, doc::DOMAINS, &ids(place), "domains")?;
        let service_domains = Domain::read_all(&reader, &found, "serviceDomains");
        let custom_domains = Domain::read_all(&reader, &found, "customDomains");
        reader.finish(Domains { service_domains, custom_domains })
    }

    /// The way to a port of the service over plain TCP.
    pub fn tcp_proxy(&self, place: &Place, port: u16) -> Result<Option<TcpProxy>, Failure> {
        let reader = Reader::new("list the TCP proxies");
        let found = self.graphql.ask(reader.purpose, doc::TCP_PROXIES, &here(place), "tcpProxies")?;
        let mut proxy = None;
        for value in reader.elements(&found, "tcpProxies") {
            let read = TcpProxy {
                domain: reader.text(value, "domain"),
                proxy_port: reader.port(value, "proxyPort"),
            };
            let application_port = reader.port(value, "applicationPort");
            let deleted = reader.optional_text(value, "deletedAt").is_some();
            if proxy.is_none() && application_port == port && !deleted {
                proxy = Some(read);
            }
        }
        reader.finish(proxy)
    }

    /// A deployment, if Railway still knows it.
    pub fn deployment(&self, id: &str) -> Result<Option<Deployment>, Failure> {
        let reader = Reader::new("read the deployment");
        match self.graphql.ask(reader.purpose, doc::DEPLOYMENT, &json!({ "id": id }), "deployment") {
            Ok(found) => {
                let deployment = Deployment::read(&reader, &found);
                reader.finish(Some(deployment))
            }
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
        let mut variables = here(place);
        variables["input"] = input.clone();
        let document = doc::UPDATE_INSTANCE;
        self.graphql.tell("change the service", document, &variables, "serviceInstanceUpdate")
    }

    /// Sets variables, and leaves the others.
    pub fn set_variables(&self, place: &Place, variables: &Map<String, Value>) -> Result<(), Failure> {
        let mut input = ids(place);
        input["variables"] = variables.clone().into();
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
        let mut input = here(place);
        if let Some(port) = port {
            input["targetPort"] = port.into();
        }
        self.create("create the domain", doc::CREATE_DOMAIN, &input, "serviceDomainCreate").map(|_| ())
    }

    /// Points a domain of Railway's at another port.
    pub fn update_domain(&self, place: &Place, domain: &Domain, port: Option<i64>) -> Result<(), Failure> {
        let mut input = here(place);
        input["serviceDomainId"] = domain.id.as_str().into();
        input["domain"] = domain.domain.as_str().into();
        input["targetPort"] = port.into();
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
        let mut input = here(place);
        input["applicationPort"] = port.into();
        self.create("create the TCP proxy", doc::CREATE_TCP_PROXY, &input, "tcpProxyCreate").map(|_| ())
    }

    /// Starts a deployment and returns its id.
    pub fn deploy(&self, place: &Place) -> Result<String, Failure> {
        let reader = Reader::mutating("deploy the service");
        let answer =
            self.graphql.ask(reader.purpose, doc::DEPLOY, &here(place), "serviceInstanceDeployV2")?;
        let id = reader.as_text(&answer, "serviceInstanceDeployV2").to_owned();
        reader.finish(id)
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
        let reader = Reader::mutating(purpose);
        let created = self.graphql.ask(purpose, document, &json!({ "input": input }), member)?;
        let id = reader.text(&created, "id");
        let id = reader.finish(id)?;
        if id.is_empty() {
            return Err(Failure::outcome_unknown(format!(
                "Railway answered the request to {purpose} without an id"
            )));
        }
        Ok(id)
    }
}

/// What is gone already needs no deletion.
fn gone(deleted: Result<(), Failure>) -> Result<(), Failure> {
    match deleted {
        Err(failure) if failure.kind == FailureKind::NotFound => Ok(()),
        deleted => deleted,
    }
}

/// The service, for what Railway does not ask the project of.
fn here(place: &Place) -> Value {
    json!({ "environmentId": place.environment, "serviceId": place.service })
}

fn ids(place: &Place) -> Value {
    let mut ids = here(place);
    ids["projectId"] = place.project.as_str().into();
    ids
}
