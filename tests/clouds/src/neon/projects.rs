//! Projects, their operations, endpoints and connection strings.

use serde_json::{Map, Value, json};

use super::model::{Branch, Database, Endpoint, Project, Role, Scheduler, timestamp};
use super::{Neon, ORGANIZATION, error, render};
use crate::call::{Answer, Call, Outcome};
use crate::clock::{Clock, Moment};

/// Members of an endpoint that `default_endpoint_settings` and `PATCH` may set.
const ENDPOINT_MEMBERS: [&str; 6] = [
    "autoscaling_limit_min_cu",
    "autoscaling_limit_max_cu",
    "suspend_timeout_seconds",
    "name",
    "disabled",
    "passwordless_access",
];

impl Neon {
    pub(super) fn list_projects(&self, call: &Call, clock: &Clock) -> Outcome {
        self.check_organization(call.query("org_id"))?;
        let limit = call.query("limit").map_or(Ok(10), str::parse);
        let limit = limit.ok().filter(|limit| (1..=400).contains(limit));
        let limit = limit.ok_or_else(|| error(400, "`limit` is a number from 1 to 400."))?;
        let search = call.query("search").unwrap_or_default().to_lowercase();
        let found: Vec<&Project> = self
            .projects
            .iter()
            .filter(|project| clock.shows(project.created))
            .filter(|project| project.name.to_lowercase().contains(&search) || project.id.contains(&search))
            .collect();
        // A cursor is the id of the last project seen.
        let start = call.query("cursor").map_or(0, |cursor| {
            found.iter().position(|project| project.id == cursor).map_or(found.len(), |index| index + 1)
        });
        let page: Vec<&Project> = found.into_iter().skip(start).take(limit.min(self.page)).collect();
        let mut body = json!({
            "projects": page.iter().map(|project| render::project_in_list(project)).collect::<Vec<_>>(),
            "applications": {},
            "integrations": {},
        });
        // Neon gives a cursor with every page that is not empty, also with the last one.
        if let Some(last) = page.last() {
            body["pagination"] = json!({ "cursor": last.id });
        }
        Ok(Answer::json(200, body))
    }

    fn check_organization(&self, organization: Option<&str>) -> Result<(), Answer> {
        match organization {
            None if self.personal_key => Err(error(400, "org_id is required with a personal API key.")),
            Some(other) if other != ORGANIZATION => Err(error(404, "The organisation does not exist.")),
            _ => Ok(()),
        }
    }

    pub(super) fn create_project(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let wanted = call.member("/project");
        if !wanted.is_object() {
            return Err(error(400, "`project` is missing."));
        }
        self.check_organization(call.text("/project/org_id"))?;
        let region = call.text("/project/region_id").unwrap_or("aws-us-east-2");
        if !render::REGIONS.iter().any(|(id, _)| *id == region) {
            return Err(error(400, "`region_id` is not a region."));
        }
        let pg_version = match &wanted["pg_version"] {
            Value::Null => Some(18),
            version => version.as_i64().filter(|version| (14..=19).contains(version)),
        };
        let pg_version = pg_version.ok_or_else(|| error(400, "`pg_version` is not supported."))?;
        let id = format!("{}-{}", self.dice.pair(), self.dice.text("0123456789", 8));
        let now = timestamp();
        let branch = self.first_branch(call);
        let endpoint_settings = object(&wanted["default_endpoint_settings"]);
        let endpoint = self.endpoint(&branch.id, endpoint_settings.clone());
        let mut project = Project {
            name: call.text("/project/name").unwrap_or(&id).to_owned(),
            id,
            region: region.to_owned(),
            pg_version,
            retention_seconds: wanted["history_retention_seconds"].as_i64().unwrap_or(86_400),
            settings: object(&wanted["settings"]),
            endpoint_settings,
            store_passwords: wanted["store_passwords"].as_bool().unwrap_or(self.store_passwords),
            created: clock.now(),
            created_at: now.clone(),
            updated_at: now,
            branches: vec![branch],
            endpoints: vec![endpoint],
            operations: Vec::new(),
        };
        let branch_id = project.default_branch();
        let operations =
            project.begin(&["create_timeline", "start_compute"], &branch_id, clock, &mut self.scheduler);
        let mut body = project.whole_branch(&branch_id, &operations, clock);
        body["project"] = render::project(&project);
        self.projects.push(project);
        Ok(Answer::json(201, body))
    }

    fn first_branch(&mut self, call: &Call) -> Branch {
        let role = self.role(call.text("/project/branch/role_name").unwrap_or("neondb_owner"), None);
        let database = call.text("/project/branch/database_name").unwrap_or("neondb");
        let database = self.database(database, &role.name, None);
        Branch {
            id: self.dice.label("br"),
            name: call.text("/project/branch/name").unwrap_or("main").to_owned(),
            parent: None,
            created_at: timestamp(),
            roles: vec![role],
            databases: vec![database],
        }
    }

    pub(super) fn role(&mut self, name: &str, added: Option<Moment>) -> Role {
        let password = self.dice.password();
        self.passwords.push(password.clone());
        Role { name: name.to_owned(), password, added, created_at: timestamp() }
    }

    pub(super) fn database(&mut self, name: &str, owner: &str, added: Option<Moment>) -> Database {
        let id = self.next_database;
        self.next_database += 1;
        let (name, owner) = (name.to_owned(), owner.to_owned());
        Database { id, name, owner, added, created_at: timestamp() }
    }

    pub(super) fn endpoint(&mut self, branch: &str, settings: Map<String, Value>) -> Endpoint {
        let settings = endpoint_members(settings);
        Endpoint { id: self.dice.label("ep"), branch: branch.to_owned(), settings, created_at: timestamp() }
    }
}

impl Project {
    pub(super) fn get(&self, clock: &Clock) -> Outcome {
        if !clock.shows(self.created) {
            return Err(error(404, "The project does not exist."));
        }
        Ok(Answer::json(200, json!({ "project": render::project(self) })))
    }

    pub(super) fn patch(&mut self, call: &Call, clock: &Clock, scheduler: &mut Scheduler) -> Outcome {
        let wanted = call.member("/project");
        if let Some(name) = wanted["name"].as_str() {
            name.clone_into(&mut self.name);
        }
        if let Some(seconds) = wanted["history_retention_seconds"].as_i64() {
            self.retention_seconds = seconds;
        }
        self.settings.extend(object(&wanted["settings"]));
        self.endpoint_settings.extend(object(&wanted["default_endpoint_settings"]));
        self.updated_at = timestamp();
        let branch = self.default_branch();
        let operations = self.begin(&["apply_config"], &branch, clock, scheduler);
        let operations = self.render_operations(&operations, clock);
        Ok(Answer::json(200, json!({ "project": render::project(self), "operations": operations })))
    }

    pub(super) fn list_operations(&self, clock: &Clock) -> Value {
        let newest_first = self.operations.iter().rev();
        let operations: Vec<Value> = newest_first.map(|o| render::operation(o, &self.id, clock)).collect();
        json!({ "operations": operations })
    }

    pub(super) fn get_operation(&self, id: &str, clock: &Clock) -> Outcome {
        let operation = self.operations.iter().find(|operation| operation.id == id);
        let operation = operation.ok_or_else(|| error(404, "The operation does not exist."))?;
        Ok(Answer::json(200, json!({ "operation": render::operation(operation, &self.id, clock) })))
    }

    pub(super) fn render_operations(&self, ids: &[String], clock: &Clock) -> Vec<Value> {
        let wanted = self.operations.iter().filter(|operation| ids.contains(&operation.id));
        wanted.map(|operation| render::operation(operation, &self.id, clock)).collect()
    }

    pub(super) fn connection_uri(&self, call: &Call) -> Outcome {
        let missing = |name: &str| error(400, &format!("`{name}` is required."));
        let role = call.query("role_name").ok_or_else(|| missing("role_name"))?;
        let database = call.query("database_name").ok_or_else(|| missing("database_name"))?;
        let default = self.default_branch();
        let branch = self.find_branch(call.query("branch_id").unwrap_or(&default))?;
        let role = branch.find_role(role)?;
        branch.find_database(database)?;
        let endpoint = self.endpoints.iter().find(|endpoint| {
            endpoint.branch == branch.id && call.query("endpoint_id").is_none_or(|id| id == endpoint.id)
        });
        let endpoint = endpoint.ok_or_else(|| error(404, "The endpoint does not exist."))?;
        let uri = self.uri(endpoint, role, database, call.flag("pooled"));
        Ok(Answer::json(200, json!({ "uri": uri })))
    }

    pub(super) fn render_endpoints(&self, branch: Option<&str>, clock: &Clock) -> Vec<Value> {
        let wanted = |endpoint: &&Endpoint| branch.is_none_or(|branch| branch == endpoint.branch);
        self.endpoints.iter().filter(wanted).map(|e| render::endpoint(self, e, clock)).collect()
    }

    pub(super) fn get_endpoint(&self, id: &str, clock: &Clock) -> Outcome {
        let endpoint = self.endpoints.iter().find(|endpoint| endpoint.id == id);
        let endpoint = endpoint.ok_or_else(|| error(404, "The endpoint does not exist."))?;
        Ok(Answer::json(200, json!({ "endpoint": render::endpoint(self, endpoint, clock) })))
    }

    pub(super) fn patch_endpoint(
        &mut self,
        id: &str,
        call: &Call,
        clock: &Clock,
        scheduler: &mut Scheduler,
    ) -> Outcome {
        let endpoint = self.endpoints.iter_mut().find(|endpoint| endpoint.id == id);
        let endpoint = endpoint.ok_or_else(|| error(404, "The endpoint does not exist."))?;
        endpoint.settings.extend(endpoint_members(object(call.member("/endpoint"))));
        let branch = endpoint.branch.clone();
        let operations = self.begin(&["apply_config"], &branch, clock, scheduler);
        let mut body = self.get_endpoint(id, clock)?;
        if let Some(body) = &mut body.body {
            body["operations"] = self.render_operations(&operations, clock).into();
        }
        Ok(body)
    }
}

/// The members of an object; none if it is none.
fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

fn endpoint_members(mut settings: Map<String, Value>) -> Map<String, Value> {
    settings.retain(|member, _| ENDPOINT_MEMBERS.contains(&member.as_str()));
    settings
}
