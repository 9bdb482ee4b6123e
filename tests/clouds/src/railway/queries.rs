//! What can be asked.

use serde_json::{Value, json};

use super::document::Field;
use super::model::{Project, connection};
use super::{Railway, Refusal, WORKSPACE};
use crate::clock::Clock;

impl Railway {
    pub(super) fn query(&mut self, field: &Field, clock: &Clock) -> Result<Value, Refusal> {
        let broken = self.broken_images.clone();
        match field.name.as_str() {
            "me" => Ok(json!({
                "id": "me", "email": "me@my-app.example", "workspaces": [{ "id": WORKSPACE, "name": "My team" }],
            })),
            "projects" => self.list(field, clock),
            "project" => {
                let project = self.project(field.text("id"))?;
                if !clock.shows(project.created) {
                    return Err(Refusal::not_authorized());
                }
                Ok(project.render(clock))
            }
            "environment" => {
                let project = self.project(field.text("projectId"))?;
                if project.environment.0 != field.text("id") {
                    return Err(Refusal::not_authorized());
                }
                Ok(project.render_volumes())
            }
            "deployment" => {
                let services = self.projects.iter().flat_map(|project| &project.services);
                let mut deployments = services.flat_map(|service| &service.deployments);
                let deployment = deployments.find(|deployment| deployment.id == field.text("id"));
                let deployment = deployment.ok_or(Refusal::not_found("Deployment"))?;
                Ok(deployment.render(clock, &broken))
            }
            "serviceInstance" => {
                Ok(self.service_of(field.text("serviceId"))?.render_instance(clock, &broken))
            }
            "variables" => Ok(self.service_of(field.text("serviceId"))?.variables.clone().into()),
            "domains" => Ok(self.service_of(field.text("serviceId"))?.render_domains(clock)),
            "tcpProxies" => Ok(self.service_of(field.text("serviceId"))?.render_tcp()),
            other => Err(Refusal("GRAPHQL_VALIDATION_FAILED", format!("Cannot query field \"{other}\"."))),
        }
    }

    fn list(&self, field: &Field, clock: &Clock) -> Result<Value, Refusal> {
        let workspace = field.text("workspaceId");
        if !matches!(workspace, "" | WORKSPACE) {
            return Err(Refusal::not_authorized());
        }
        let shown: Vec<&Project> =
            self.projects.iter().filter(|project| clock.shows(project.created)).collect();
        let after = field.text("after");
        let start = shown.iter().position(|project| project.id == after).map_or(0, |index| index + 1);
        let first = field.arguments.get("first").and_then(Value::as_u64).unwrap_or(20);
        let first = usize::try_from(first).unwrap_or(usize::MAX).min(self.page);
        let page: Vec<Value> =
            shown.iter().skip(start).take(first).map(|project| project.render(clock)).collect();
        let more = start + page.len() < shown.len();
        Ok(connection(page, more))
    }

    pub(super) fn service_of(&mut self, id: &str) -> Result<&mut super::model::Service, Refusal> {
        let services = self.projects.iter_mut().flat_map(|project| &mut project.services);
        services.into_iter().find(|service| service.id == id).ok_or(Refusal::not_found("Service"))
    }
}
