//! Projects: listed, created, deleted, and how they are.

use serde_json::{Map, Value, json};

use super::{ORGANIZATION, Project, State, Supabase, auth, error};
use crate::call::{Answer, Call, Outcome};
use crate::clock::Clock;

/// Regions that a group of regions leads to.
const GROUPS: [(&str, &str); 3] =
    [("americas", "us-east-1"), ("emea", "eu-central-1"), ("apac", "ap-southeast-1")];

/// Characters that a project's own keys are made of.
const KEY: &str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";

impl Supabase {
    pub(super) fn list(&self, call: &Call, clock: &Clock) -> Outcome {
        let number = |name: &str, otherwise: usize| match call.query(name) {
            None => Ok(otherwise),
            Some(text) => text.parse().map_err(|_| error(400, &format!("{name}: not a number"))),
        };
        let (offset, limit) = (number("offset", 0)?, number("limit", 100)?.min(self.page));
        let search = call.query("search").unwrap_or_default().to_lowercase();
        let found: Vec<&Project> = self
            .projects
            .iter()
            .filter(|project| clock.shows(project.created))
            .filter(|project| project.name.to_lowercase().contains(&search))
            .collect();
        let page: Vec<Value> =
            found.iter().skip(offset).take(limit).map(|project| project.listed(clock)).collect();
        let pagination = json!({ "count": found.len(), "limit": limit, "offset": offset });
        Ok(Answer::json(200, json!({ "projects": page, "pagination": pagination })))
    }

    pub(super) fn create(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let (Some(name), Some(password)) = (call.text("/name"), call.text("/db_pass")) else {
            return Err(error(400, "name: Required, db_pass: Required"));
        };
        if call.text("/organization_slug") != Some(ORGANIZATION) {
            return Err(error(403, "Forbidden resource"));
        }
        if password.len() < 4 || password.contains("sealed1_") {
            return Err(error(400, "db_pass: is too weak"));
        }
        let alive = self.projects.iter().filter(|project| !matches!(project.state, State::Leaving(_)));
        if alive.count() >= self.most {
            let message = "The following organization members have reached their maximum limits for the number of active free projects";
            return Err(error(400, message));
        }
        let code = call.text("/region_selection/code").or(call.text("/region")).unwrap_or("us-east-1");
        let region = GROUPS.iter().find(|(group, _)| *group == code).map_or(code, |(_, region)| region);
        let size = call.text("/desired_instance_size").filter(|size| *size != "nano");
        let keys = [("anon", "legacy", "eyJ"), ("service_role", "legacy", "eyJ")]
            .into_iter()
            .chain([("default", "publishable", "sb_publishable_"), ("default", "secret", "sb_secret_")]);
        let keys: Vec<_> = keys
            .map(|(name, kind, prefix)| (name, kind, format!("{prefix}{}", self.dice.text(KEY, 32))))
            .collect();
        self.secrets.push(password.to_owned());
        let hidden = keys.iter().filter(|(name, kind, _)| *name == "service_role" || *kind == "secret");
        self.secrets.extend(hidden.map(|(_, _, key)| key.clone()));
        let rest = json!({
            "db_schema": "public,graphql_public", "max_rows": 1000,
            "db_extra_search_path": "public, extensions", "db_pool": null,
        });
        let project = Project {
            reference: self.dice.text("abcdefghijklmnopqrstuvwxyz", 20),
            name: name.to_owned(),
            region: region.to_owned(),
            password: password.to_owned(),
            keys,
            created: clock.now(),
            created_at: jiff::Timestamp::now().to_string(),
            state: State::Rising("COMING_UP", clock.now()),
            auth: auth::defaults(),
            rest: rest.as_object().cloned().unwrap_or_default(),
            cidrs: (json!(["0.0.0.0/0"]), json!(["::/0"])),
            enforces_tls: false,
            size: size.map(|size| format!("ci_{size}")),
            secrets: Vec::new(),
        };
        let body = project.short(clock);
        self.projects.push(project);
        Ok(Answer::json(201, Value::Object(body)))
    }
}

impl Project {
    /// What a creation answers: everything but the database.
    fn short(&self, clock: &Clock) -> Map<String, Value> {
        let body = json!({
            "id": self.reference, "ref": self.reference, "organization_id": ORGANIZATION,
            "organization_slug": ORGANIZATION, "name": self.name, "region": self.region,
            "created_at": self.created_at, "status": self.status(clock),
        });
        body.as_object().cloned().unwrap_or_default()
    }

    pub(super) fn whole(&self, clock: &Clock) -> Value {
        let mut body = self.short(clock);
        let database = json!({
            "host": format!("db.{}.supabase.co", self.reference), "version": "17.6.1.011",
            "postgres_engine": "17", "release_channel": "ga",
        });
        body.insert("database".to_owned(), database);
        Value::Object(body)
    }

    fn listed(&self, clock: &Clock) -> Value {
        json!({
            "ref": self.reference, "name": self.name, "cloud_provider": "AWS", "region": self.region,
            "is_branch": false, "status": self.status(clock), "inserted_at": self.created_at, "databases": [],
        })
    }

    pub(super) fn rename(&mut self, call: &Call) -> Outcome {
        let name = call.text("/name").ok_or_else(|| error(400, "name: Required"))?;
        name.clone_into(&mut self.name);
        Ok(Answer::json(200, self.id_and_name()))
    }

    fn id_and_name(&self) -> Value {
        json!({ "id": 1, "ref": self.reference, "name": self.name })
    }

    /// Refused while the project comes up.
    pub(super) fn delete(&mut self, clock: &Clock) -> Outcome {
        if matches!(self.status(clock), "COMING_UP" | "RESTORING") {
            return Err(error(400, "Project not ready for deletion."));
        }
        if matches!(self.state, State::Leaving(_)) {
            return Err(error(404, "Project not found"));
        }
        self.state = State::Leaving(clock.now());
        Ok(Answer::json(200, self.id_and_name()))
    }

    pub(super) fn restore(&mut self, clock: &Clock) -> Outcome {
        if !matches!(self.state, State::Paused) {
            return Err(error(400, "Project is not paused."));
        }
        self.state = State::Rising("RESTORING", clock.now());
        Ok(Answer::empty(200))
    }

    pub(super) fn set_password(&mut self, password: String) -> Outcome {
        self.password = password;
        Ok(Answer::json(200, json!({ "message": "Successfully updated password" })))
    }

    pub(super) fn health(&self, call: &Call, clock: &Clock) -> Value {
        let status = if self.serves(clock) { "ACTIVE_HEALTHY" } else { "COMING_UP" };
        let asked = call.query.iter().filter(|(name, _)| name == "services");
        asked
            .map(|(_, name)| json!({ "name": name, "healthy": self.serves(clock), "status": status }))
            .collect()
    }
}
