//! What can be changed.

use serde_json::{Map, Value, json};

use super::document::Field;
use super::model::{Deployment, Domain, Project, Service};
use super::{Railway, Refusal, WORKSPACE};
use crate::clock::Clock;

impl Railway {
    pub(super) fn mutate(&mut self, field: &Field, clock: &Clock) -> Result<Value, Refusal> {
        let input = field.input();
        match field.name.as_str() {
            "projectCreate" => self.create_project(input, clock),
            "projectUpdate" => {
                let project = self.project(field.text("id"))?;
                project.name = text(input, "name")?;
                Ok(project.render(clock))
            }
            "projectDelete" => {
                let project = self.project(field.text("id"))?;
                project.deleted = Some(clock.now());
                project.services.clear();
                Ok(true.into())
            }
            "serviceCreate" => self.create_service(input, clock),
            "serviceUpdate" => {
                let service = self.service_of(field.text("id"))?;
                service.name = text(input, "name")?;
                Ok(json!({ "id": service.id, "name": service.name }))
            }
            "serviceConnect" => {
                let service = self.service_of(field.text("id"))?;
                let source = json!({ "image": input["image"], "repo": input["repo"] });
                service.settings.insert("source".to_owned(), source);
                Ok(json!({ "id": service.id, "name": service.name }))
            }
            "serviceDelete" => {
                let id = field.text("id");
                self.service_of(id)?;
                for project in &mut self.projects {
                    project.services.retain(|service| service.id != id);
                }
                Ok(true.into())
            }
            "serviceInstanceUpdate" => update(self.service_of(field.text("serviceId"))?, input),
            "serviceInstanceDeployV2" => self.deploy(field.text("serviceId"), clock),
            "variableCollectionUpsert" => self.set_variables(input),
            "variableDelete" => {
                let service = self.service_of(&text(input, "serviceId")?)?;
                let removed = service.variables.remove(&text(input, "name")?);
                removed.map(|_| true.into()).ok_or(Refusal::not_found("Variable"))
            }
            "volumeCreate" | "volumeDelete" => self.volume(field, input),
            _ => self.network(field, input, clock),
        }
    }

    fn create_project(&mut self, input: &Value, clock: &Clock) -> Result<Value, Refusal> {
        if !matches!(input["workspaceId"].as_str(), None | Some(WORKSPACE)) {
            return Err(Refusal::not_authorized());
        }
        let name = input["name"].as_str().map_or_else(|| self.dice.pair(), str::to_owned);
        let environment = input["defaultEnvironmentName"].as_str().unwrap_or("production").to_owned();
        let project = Project {
            id: self.dice.uuid(),
            name,
            description: input["description"].clone(),
            environment: (self.dice.uuid(), environment),
            created: clock.now(),
            deleted: None,
            services: Vec::new(),
        };
        let rendered = project.render(clock);
        self.projects.push(project);
        Ok(rendered)
    }

    fn create_service(&mut self, input: &Value, clock: &Clock) -> Result<Value, Refusal> {
        let id = self.dice.uuid();
        let name = input["name"].as_str().map_or_else(|| self.dice.pair(), str::to_owned);
        let project = self.project(&text(input, "projectId")?)?;
        if project.services.iter().any(|service| service.name == name) {
            return Err(Refusal::input(format!("A service named \"{name}\" already exists in this project")));
        }
        project.services.push(Service {
            id: id.clone(),
            name: name.clone(),
            created: clock.now(),
            settings: settings(),
            variables: input["variables"].as_object().cloned().unwrap_or_default(),
            volumes: Vec::new(),
            domains: Vec::new(),
            tcp: Vec::new(),
            deployments: Vec::new(),
        });
        Ok(json!({ "id": id, "name": name }))
    }

    fn set_variables(&mut self, input: &Value) -> Result<Value, Refusal> {
        let given = input["variables"].as_object().cloned().unwrap_or_default();
        if given.values().any(|value| value.as_str().is_none_or(|text| text.contains("sealed1_"))) {
            return Err(Refusal::input("A variable has a value that is no text"));
        }
        let hidden = given.iter().filter(|(name, _)| name.contains("PASSWORD"));
        self.secrets.extend(hidden.filter_map(|(_, value)| value.as_str().map(str::to_owned)));
        let service = self.service_of(&text(input, "serviceId")?)?;
        if input["replace"] == true {
            service.variables.clear();
        }
        service.variables.extend(given);
        Ok(true.into())
    }

    fn volume(&mut self, field: &Field, input: &Value) -> Result<Value, Refusal> {
        if field.name == "volumeDelete" {
            let id = field.text("volumeId");
            for service in self.projects.iter_mut().flat_map(|project| &mut project.services) {
                service.volumes.retain(|(known, _)| known != id);
            }
            return Ok(true.into());
        }
        let (id, path) = (self.dice.uuid(), text(input, "mountPath")?);
        let service = self.service_of(&text(input, "serviceId")?)?;
        if !service.volumes.is_empty() {
            return Err(Refusal::input("A service can have only one volume"));
        }
        service.volumes.push((id.clone(), path));
        Ok(json!({ "id": id }))
    }

    fn network(&mut self, field: &Field, input: &Value, clock: &Clock) -> Result<Value, Refusal> {
        let id = self.dice.uuid();
        let label = self.dice.pair();
        match field.name.as_str() {
            "serviceDomainCreate" | "customDomainCreate" => {
                let own = field.name == "customDomainCreate";
                let service = self.service_of(&text(input, "serviceId")?)?;
                let name =
                    if own { text(input, "domain")? } else { format!("{label}-production.up.railway.app") };
                let own = own.then(|| clock.now());
                let domain = Domain { id, name, port: input["targetPort"].clone(), own };
                let rendered = domain.render(clock);
                service.domains.push(domain);
                Ok(rendered)
            }
            "serviceDomainUpdate" => {
                let service = self.service_of(&text(input, "serviceId")?)?;
                let wanted = text(input, "serviceDomainId")?;
                let domain = service.domains.iter_mut().find(|domain| domain.id == wanted);
                let domain = domain.ok_or(Refusal::not_found("Domain"))?;
                domain.port = input["targetPort"].clone();
                Ok(true.into())
            }
            "serviceDomainDelete" | "customDomainDelete" => {
                for service in self.projects.iter_mut().flat_map(|project| &mut project.services) {
                    service.domains.retain(|domain| domain.id != field.text("id"));
                }
                Ok(true.into())
            }
            "tcpProxyCreate" => {
                let port = input["applicationPort"].as_i64().ok_or(Refusal::input("applicationPort"))?;
                let service = self.service_of(&text(input, "serviceId")?)?;
                service.tcp.push((id.clone(), port));
                Ok(json!({ "id": id, "applicationPort": port }))
            }
            other => Err(Refusal("GRAPHQL_VALIDATION_FAILED", format!("Cannot query field \"{other}\"."))),
        }
    }

    fn deploy(&mut self, id: &str, clock: &Clock) -> Result<Value, Refusal> {
        let deployment = self.dice.uuid();
        let service = self.service_of(id)?;
        let source = service.settings.get("source").cloned().unwrap_or_default();
        let from = source["image"].as_str().or(source["repo"].as_str());
        let image = from.ok_or(Refusal::input("Service has no source"))?.to_owned();
        service.deployments.push(Deployment { id: deployment.clone(), image, begun: clock.now() });
        Ok(deployment.into())
    }
}

/// The settings of a new service.
fn settings() -> Map<String, Value> {
    let settings = json!({
        "source": null, "startCommand": null, "buildCommand": null, "dockerfilePath": null,
        "rootDirectory": null, "healthcheckPath": null, "healthcheckTimeout": null, "numReplicas": 1,
        "region": null, "restartPolicyType": "ON_FAILURE", "cronSchedule": null, "sleepApplication": false,
    });
    settings.as_object().cloned().unwrap_or_default()
}

fn update(service: &mut Service, input: &Value) -> Result<Value, Refusal> {
    for (name, value) in input.as_object().into_iter().flatten() {
        let value = match name.as_str() {
            "source" => json!({ "image": value["image"], "repo": value["repo"] }),
            _ if service.settings.contains_key(name) => value.clone(),
            _ => return Err(Refusal::input(format!("Unknown setting {name}"))),
        };
        service.settings.insert(name.clone(), value);
    }
    Ok(true.into())
}

fn text(input: &Value, name: &str) -> Result<String, Refusal> {
    input[name].as_str().map(str::to_owned).ok_or_else(|| Refusal::input(format!("{name} is required")))
}
