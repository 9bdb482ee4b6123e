//! Branches, and the roles and databases on them.

use http::Method;
use serde_json::{Map, Value, json};

use super::model::{Branch, Database, Project, Role, timestamp};
use super::{Neon, error, no_route, render};
use crate::call::{Answer, Call, Outcome};
use crate::clock::Clock;

impl Neon {
    pub(super) fn branch_route(
        &mut self,
        call: &Call,
        clock: &Clock,
        project: usize,
        id: &str,
        rest: &[&str],
    ) -> Outcome {
        let branch = self.projects[project].find_branch(id)?;
        match (&call.method, rest) {
            (&Method::GET, []) => Ok(Answer::json(200, self.projects[project].get_branch(branch, clock))),
            (&Method::GET, ["databases"]) => Ok(Answer::json(200, branch.list_databases(clock))),
            (&Method::GET, ["databases", name]) => branch.get_database(name, clock),
            (&Method::GET, ["roles"]) => Ok(Answer::json(200, branch.list_roles(clock))),
            (&Method::GET, ["roles", name]) => branch.get_role(name, clock),
            (&Method::GET, ["roles", name, "reveal_password"]) => self.projects[project].reveal(branch, name),
            (&Method::GET, ["endpoints"]) => {
                let endpoints = self.projects[project].render_endpoints(Some(id), clock);
                Ok(Answer::json(200, json!({ "endpoints": endpoints })))
            }
            (&Method::POST, ["databases"]) => self.create_database(call, clock, project, id),
            (&Method::DELETE, ["databases", name]) => self.delete_database(clock, project, id, name),
            (&Method::POST, ["roles"]) => self.create_role(call, clock, project, id),
            (&Method::DELETE, ["roles", name]) => self.delete_role(clock, project, id, name),
            (&Method::POST, ["roles", name, "reset_password"]) => {
                self.reset_password(clock, project, id, name)
            }
            _ => Err(no_route()),
        }
    }

    pub(super) fn create_branch(&mut self, call: &Call, clock: &Clock, project: usize) -> Outcome {
        let default = self.projects[project].default_branch();
        let parent = call.text("/branch/parent_id").unwrap_or(&default);
        let parent = self.projects[project].find_branch(parent)?;
        let id = self.dice.label("br");
        let branch = Branch {
            name: call.text("/branch/name").unwrap_or(&id).to_owned(),
            parent: Some(parent.id.clone()),
            created_at: timestamp(),
            roles: parent.roles.clone(),
            databases: parent.databases.clone(),
            id: id.clone(),
        };
        if self.projects[project].branches.iter().any(|other| other.name == branch.name) {
            return Err(error(409, "A branch of this name exists."));
        }
        let wanted = call.member("/endpoints").as_array().cloned().unwrap_or_default();
        let endpoints: Vec<_> = wanted.iter().map(|_| self.endpoint(&id, Map::new())).collect();
        let project = &mut self.projects[project];
        project.branches.push(branch);
        project.endpoints.extend(endpoints);
        let operations = project.begin(&["create_branch"], &id, clock, &mut self.scheduler);
        Ok(Answer::json(201, project.whole_branch(&id, &operations, clock)))
    }

    fn create_database(&mut self, call: &Call, clock: &Clock, project: usize, branch: &str) -> Outcome {
        let (Some(name), Some(owner)) = (call.text("/database/name"), call.text("/database/owner_name"))
        else {
            return Err(error(400, "`database.name` and `database.owner_name` are required."));
        };
        let on = self.projects[project].find_branch(branch)?;
        on.find_role(owner)?;
        if on.find_database(name).is_ok() {
            return Err(error(409, "A database of this name exists."));
        }
        let database = self.database(name, owner, Some(clock.now()));
        let body = render::database(&database, branch);
        self.change(clock, project, branch, "database", body, 201, |on| on.databases.push(database))
    }

    fn delete_database(&mut self, clock: &Clock, project: usize, branch: &str, name: &str) -> Outcome {
        let database = self.projects[project].find_branch(branch)?.find_database(name)?;
        let body = render::database(database, branch);
        self.change(clock, project, branch, "database", body, 200, |on| {
            on.databases.retain(|d| d.name != name);
        })
    }

    fn create_role(&mut self, call: &Call, clock: &Clock, project: usize, branch: &str) -> Outcome {
        let name = call.text("/role/name").ok_or_else(|| error(400, "`role.name` is required."))?;
        if self.projects[project].find_branch(branch)?.find_role(name).is_ok() {
            return Err(error(409, "A role of this name exists."));
        }
        let role = self.role(name, Some(clock.now()));
        let body = render::role(&role, branch, true);
        self.change(clock, project, branch, "role", body, 201, |on| on.roles.push(role))
    }

    fn delete_role(&mut self, clock: &Clock, project: usize, branch: &str, name: &str) -> Outcome {
        let role = self.projects[project].find_branch(branch)?.find_role(name)?;
        let body = render::role(role, branch, false);
        self.change(clock, project, branch, "role", body, 200, |on| on.roles.retain(|r| r.name != name))
    }

    fn reset_password(&mut self, clock: &Clock, project: usize, branch: &str, name: &str) -> Outcome {
        self.projects[project].find_branch(branch)?.find_role(name)?;
        let role = self.role(name, Some(clock.now()));
        let body = render::role(&role, branch, true);
        self.change(clock, project, branch, "role", body, 200, |on| {
            on.roles.retain(|other| other.name != name);
            on.roles.push(role);
        })
    }

    /// Changes a branch, which takes an operation, and answers with the thing that changed.
    #[expect(clippy::too_many_arguments, reason = "one place for what four requests have in common")]
    fn change(
        &mut self,
        clock: &Clock,
        project: usize,
        branch: &str,
        member: &str,
        thing: Value,
        status: u16,
        change: impl FnOnce(&mut Branch),
    ) -> Outcome {
        let project = &mut self.projects[project];
        if let Some(on) = project.branches.iter_mut().find(|on| on.id == branch) {
            change(on);
        }
        let operations = project.begin(&["apply_config"], branch, clock, &mut self.scheduler);
        let operations = project.render_operations(&operations, clock);
        Ok(Answer::json(status, json!({ member: thing, "operations": operations })))
    }
}

impl Project {
    pub(super) fn find_branch(&self, id: &str) -> Result<&Branch, Answer> {
        let branch = self.branches.iter().find(|branch| branch.id == id);
        branch.ok_or_else(|| error(404, "The branch does not exist."))
    }

    fn get_branch(&self, branch: &Branch, clock: &Clock) -> Value {
        json!({
            "branch": render::branch(self, branch, clock),
            "annotation": { "object": { "type": "console/branch", "id": branch.id }, "value": {} },
        })
    }

    pub(super) fn list_branches(&self, call: &Call, clock: &Clock) -> Value {
        let search = call.query("search").unwrap_or_default();
        let found = self.branches.iter().filter(|b| b.name.contains(search) || b.id.contains(search));
        let branches: Vec<Value> = found.map(|branch| render::branch(self, branch, clock)).collect();
        json!({
            "branches": branches,
            "annotations": {},
            "pagination": { "sort_by": "updated_at", "sort_order": "DESC" },
        })
    }

    /// A branch with everything on it, as creation answers.
    pub(super) fn whole_branch(&self, id: &str, operations: &[String], clock: &Clock) -> Value {
        let Ok(branch) = self.find_branch(id) else { return Value::Null };
        let endpoint = self.endpoints.iter().find(|endpoint| endpoint.branch == id);
        let uris = endpoint.zip(branch.roles.first()).zip(branch.databases.first());
        let uris =
            uris.map(|((endpoint, role), database)| render::connection(self, endpoint, role, database));
        json!({
            "branch": render::branch(self, branch, clock),
            "roles": branch.roles.iter().map(|role| render::role(role, id, true)).collect::<Vec<_>>(),
            "databases": branch.databases.iter().map(|d| render::database(d, id)).collect::<Vec<_>>(),
            "endpoints": self.render_endpoints(Some(id), clock),
            "operations": self.render_operations(operations, clock),
            "connection_uris": uris.into_iter().collect::<Vec<_>>(),
        })
    }

    fn reveal(&self, branch: &Branch, role: &str) -> Outcome {
        let role = branch.find_role(role)?;
        if !self.store_passwords {
            return Err(error(412, "This project does not store passwords."));
        }
        Ok(Answer::json(200, json!({ "password": role.password })))
    }
}

impl Branch {
    pub(super) fn find_role(&self, name: &str) -> Result<&Role, Answer> {
        self.roles.iter().find(|role| role.name == name).ok_or_else(|| error(404, "The role does not exist."))
    }

    pub(super) fn find_database(&self, name: &str) -> Result<&Database, Answer> {
        let database = self.databases.iter().find(|database| database.name == name);
        database.ok_or_else(|| error(404, "The database does not exist."))
    }

    fn list_databases(&self, clock: &Clock) -> Value {
        let seen =
            self.databases.iter().filter(|database| database.added.is_none_or(|added| clock.shows(added)));
        json!({ "databases": seen.map(|d| render::database(d, &self.id)).collect::<Vec<_>>() })
    }

    fn get_database(&self, name: &str, clock: &Clock) -> Outcome {
        let database = self.find_database(name)?;
        if !database.added.is_none_or(|added| clock.shows(added)) {
            return Err(error(404, "The database does not exist."));
        }
        Ok(Answer::json(200, json!({ "database": render::database(database, &self.id) })))
    }

    fn list_roles(&self, clock: &Clock) -> Value {
        let seen = self.roles.iter().filter(|role| role.added.is_none_or(|added| clock.shows(added)));
        json!({ "roles": seen.map(|role| render::role(role, &self.id, false)).collect::<Vec<_>>() })
    }

    fn get_role(&self, name: &str, clock: &Clock) -> Outcome {
        let role = self.find_role(name)?;
        if !role.added.is_none_or(|added| clock.shows(added)) {
            return Err(error(404, "The role does not exist."));
        }
        Ok(Answer::json(200, json!({ "role": render::role(role, &self.id, false) })))
    }
}
