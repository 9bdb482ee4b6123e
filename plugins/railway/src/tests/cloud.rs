//! A Railway of a few lines: enough of its habits for this plugin's tests. It goes by the names of the
//! documents; the stand-in of `tests/clouds` reads them.

use serde_json::{Value, json};
use ss_sdk::http::{Request, Response, TransportError};
use ss_sdk::testing::json as answer;

/// One account.
#[derive(Default)]
pub struct Cloud {
    pub projects: Vec<Value>,
    pub services: Vec<Value>,
    pub volumes: Vec<Value>,
    pub workspaces: usize,
    /// Answers to the next mutation of this name, given after it was carried out.
    pub troubles: Vec<(&'static str, Result<Response, TransportError>)>,
    /// How often a deployment is seen on its way.
    pub deployments_take: u32,
    /// What deployments come to.
    pub ends_as: Option<&'static str>,
    pub deployed: u32,
    pub made: u32,
}

impl Cloud {
    pub fn new() -> Self {
        Self { workspaces: 1, deployments_take: 2, ..Self::default() }
    }

    pub fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        assert_eq!(request.path(), "/graphql/v2");
        if request.header("authorization").is_none_or(|value| !value.starts_with("Bearer sealed1_")) {
            return Ok(refused("Not Authorized"));
        }
        let name = operation(request);
        let said = self.carry_out(&name, &request.json()["variables"]);
        if let Some(at) = self.troubles.iter().position(|(of, _)| *of == name) {
            return self.troubles.remove(at).1;
        }
        Ok(match said {
            Ok((member, value)) => answer(200, &json!({"data": {member: value}})),
            Err(message) => refused(message),
        })
    }

    #[expect(clippy::too_many_lines, reason = "a table of what each document does")]
    fn carry_out(&mut self, name: &str, variables: &Value) -> Result<(&'static str, Value), &'static str> {
        let input = &variables["input"];
        Ok(match name {
            "Me" => {
                let list: Vec<_> =
                    (0..self.workspaces).map(|n| json!({"id": format!("ws-{n}"), "name": "Mine"})).collect();
                ("me", json!({ "workspaces": list }))
            }
            // One project a page.
            "Projects" => {
                let from: usize =
                    variables["after"].as_str().map_or(0, |text| text.parse().expect("a number"));
                let page: Vec<_> = self.projects.iter().skip(from).take(1).map(node).collect();
                let more = from + 1 < self.projects.len();
                let info = json!({"hasNextPage": more, "endCursor": (from + 1).to_string()});
                ("projects", json!({"edges": page, "pageInfo": info}))
            }
            "Project" => ("project", self.project(variables)?.clone()),
            "Services" => {
                let project = self.project(variables)?["id"].clone();
                let of = self.services.iter().filter(|service| service["project"] == project);
                let edges: Vec<_> = of.map(node).collect();
                ("project", json!({"services": {"edges": edges, "pageInfo": {"hasNextPage": false}}}))
            }
            "Instance" => ("serviceInstance", self.service(&variables["serviceId"])?["x-instance"].clone()),
            "Variables" => ("variables", self.service(&variables["serviceId"])?["x-variables"].clone()),
            "Volumes" => {
                let edges: Vec<_> = self.volumes.iter().map(node).collect();
                ("environment", json!({"volumeInstances": {"edges": edges}}))
            }
            "Domains" => ("domains", self.service(&variables["serviceId"])?["x-domains"].clone()),
            "TcpProxies" => ("tcpProxies", self.service(&variables["serviceId"])?["x-tcp"].clone()),
            "Deployment" => {
                let moving = self.deployments_take > 0;
                self.deployments_take = self.deployments_take.saturating_sub(1);
                let status = if moving { "BUILDING" } else { self.ends_as.unwrap_or("SUCCESS") };
                for service in &mut self.services {
                    let latest = &mut service["x-instance"]["latestDeployment"];
                    if latest["id"] == variables["id"] {
                        latest["status"] = status.into();
                    }
                }
                ("deployment", json!({"id": variables["id"], "status": status}))
            }
            "CreateProject" => {
                let id = self.id("p");
                let environment = json!({"id": "env-1", "name": input["defaultEnvironmentName"]});
                let mut project = input.clone();
                project["id"] = id.clone().into();
                project["environments"] = json!({"edges": [{"node": environment}]});
                self.projects.push(project);
                ("projectCreate", json!({ "id": id }))
            }
            "RenameProject" => {
                let at = self.project_at(variables)?;
                self.projects[at]["name"] = input["name"].clone();
                ("projectUpdate", json!({"id": variables["id"]}))
            }
            "DeleteProject" => {
                let at = self.project_at(variables)?;
                self.projects.remove(at);
                self.services.retain(|service| service["project"] != variables["id"]);
                ("projectDelete", true.into())
            }
            "CreateService" => {
                let id = self.id("s");
                self.services.push(json!({
                    "id": id, "name": input["name"], "project": input["projectId"],
                    "x-instance": {"source": null, "latestDeployment": null, "numReplicas": 1},
                    "x-variables": input["variables"], "x-tcp": [],
                    "x-domains": {"serviceDomains": [], "customDomains": []},
                }));
                ("serviceCreate", json!({ "id": id }))
            }
            "RenameService" => {
                self.service(&variables["id"])?["name"] = input["name"].clone();
                ("serviceUpdate", json!({"id": variables["id"]}))
            }
            "DeleteService" => {
                self.service(&variables["id"])?;
                self.services.retain(|service| service["id"] != variables["id"]);
                ("serviceDelete", true.into())
            }
            "ConnectService" => {
                self.service(&variables["id"])?["x-instance"]["source"] = json!({"repo": input["repo"]});
                ("serviceConnect", json!({"id": variables["id"]}))
            }
            "UpdateInstance" => {
                let instance = &mut self.service(&variables["serviceId"])?["x-instance"];
                merge(instance, input);
                ("serviceInstanceUpdate", true.into())
            }
            "SetVariables" => {
                assert_eq!((&input["replace"], &input["skipDeploys"]), (&Value::Null, &true.into()));
                merge(&mut self.service(&input["serviceId"])?["x-variables"], &input["variables"]);
                ("variableCollectionUpsert", true.into())
            }
            "DeleteVariable" => {
                let variables = &mut self.service(&input["serviceId"])?["x-variables"];
                variables.as_object_mut().expect("an object").remove(input["name"].as_str().expect("a name"));
                ("variableDelete", true.into())
            }
            "CreateVolume" => {
                let id = self.id("v");
                let (service, path) = (&input["serviceId"], &input["mountPath"]);
                self.volumes.push(json!({"volumeId": id, "serviceId": service, "mountPath": path}));
                ("volumeCreate", json!({ "id": id }))
            }
            "DeleteVolume" => {
                self.volumes.retain(|volume| volume["volumeId"] != variables["volumeId"]);
                ("volumeDelete", true.into())
            }
            "CreateDomain" => {
                let id = self.id("d");
                let domain = json!({"id": id, "domain": format!("{id}.up.railway.app"), "targetPort": input["targetPort"]});
                push(&mut self.service(&input["serviceId"])?["x-domains"]["serviceDomains"], domain);
                ("serviceDomainCreate", json!({"id": id, "domain": ""}))
            }
            "UpdateDomain" => {
                let domain = &mut self.service(&input["serviceId"])?["x-domains"]["serviceDomains"][0];
                domain["targetPort"] = input["targetPort"].clone();
                ("serviceDomainUpdate", true.into())
            }
            "DeleteDomain" => {
                for service in &mut self.services {
                    service["x-domains"]["serviceDomains"] = json!([]);
                }
                ("serviceDomainDelete", true.into())
            }
            "CreateCustomDomain" => {
                let id = self.id("c");
                let record = json!({
                    "recordType": "DNS_RECORD_TYPE_CNAME", "fqdn": input["domain"],
                    "requiredValue": "x1.up.railway.app",
                });
                let status = json!({
                    "verified": false, "certificateStatus": "CERTIFICATE_STATUS_TYPE_VALIDATING_OWNERSHIP",
                    "verificationDnsHost": "_railway-verify", "verificationToken": "railway-verify=x",
                    "dnsRecords": [record],
                });
                let domain = json!({"id": id, "domain": input["domain"], "status": status});
                push(&mut self.service(&input["serviceId"])?["x-domains"]["customDomains"], domain);
                ("customDomainCreate", json!({ "id": id }))
            }
            "DeleteCustomDomain" => {
                for service in &mut self.services {
                    let domains = service["x-domains"]["customDomains"].as_array_mut().expect("a list");
                    domains.retain(|domain| domain["id"] != variables["id"]);
                }
                ("customDomainDelete", true.into())
            }
            "CreateTcpProxy" => {
                let id = self.id("t");
                let proxy = json!({
                    "id": id, "domain": "shuttle.proxy.rlwy.net", "proxyPort": 15140,
                    "applicationPort": input["applicationPort"],
                });
                push(&mut self.service(&input["serviceId"])?["x-tcp"], proxy);
                ("tcpProxyCreate", json!({ "id": id }))
            }
            "Deploy" => {
                self.deployed += 1;
                let id = format!("dep-{}", self.deployed);
                let latest = json!({"id": id, "status": "QUEUED"});
                self.service(&variables["serviceId"])?["x-instance"]["latestDeployment"] = latest;
                ("serviceInstanceDeployV2", id.into())
            }
            _ => panic!("no such document: {name}"),
        })
    }

    fn id(&mut self, kind: &str) -> String {
        self.made += 1;
        format!("{kind}-{}", self.made)
    }

    fn project_at(&self, variables: &Value) -> Result<usize, &'static str> {
        // What Railway says of a project that is not there.
        self.projects.iter().position(|project| project["id"] == variables["id"]).ok_or("Not Authorized")
    }

    fn project(&self, variables: &Value) -> Result<&Value, &'static str> {
        self.project_at(variables).map(|at| &self.projects[at])
    }

    fn service(&mut self, id: &Value) -> Result<&mut Value, &'static str> {
        self.services.iter_mut().find(|service| service["id"] == *id).ok_or("Service not found")
    }
}

/// The name of the document that a request carries.
pub fn operation(request: &Request) -> String {
    let body = request.json();
    let document = body["query"].as_str().expect("a document");
    let name = document.split([' ', '(']).nth(1).expect("a name");
    name.to_owned()
}

pub fn refused(message: &str) -> Response {
    answer(200, &json!({"errors": [{"message": message}], "data": null}))
}

fn node(value: &Value) -> Value {
    json!({ "node": value })
}

fn push(list: &mut Value, value: Value) {
    list.as_array_mut().expect("a list").push(value);
}

fn merge(into: &mut Value, from: &Value) {
    for (name, value) in from.as_object().expect("an object") {
        into[name] = value.clone();
    }
}
