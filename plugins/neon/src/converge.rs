//! What differs between a project and its options, and changing it.

use serde_json::{Value, json};
use ss_sdk::{Change, Failure};

use crate::api::{Compute, Endpoint, Project};
use crate::options::Options;
use crate::site::{Metadata, Settled, Site, object};

impl Options {
    /// Size and idling of the compute, as far as configured.
    pub fn compute(&self) -> Compute {
        Compute {
            autoscaling_limit_min_cu: self.autoscaling_limit_min_cu,
            autoscaling_limit_max_cu: self.autoscaling_limit_max_cu,
            suspend_timeout_seconds: self.suspend_timeout_seconds,
        }
    }
}

impl Site<'_, '_> {
    /// What differs and cannot be changed in place.
    pub fn fixed_changes(&self, project: &Project) -> Vec<Change> {
        let mut changes = Vec::new();
        if let Some(region) = self.options.region_id().filter(|region| *region != project.region_id) {
            changes.push(Change::new("region", project.region_id.as_str(), region));
        }
        if let Some(version) = self.options.pg_version.filter(|version| *version != project.pg_version) {
            changes.push(Change::new("pg_version", project.pg_version, version));
        }
        if let (Some(is), Some(wanted)) = (&project.org_id, &self.options.org_id)
            && is != wanted
        {
            changes.push(Change::new("org_id", is.as_str(), wanted.as_str()));
        }
        changes
    }

    /// Refuses to go on where only a new project would do: that would lose the data.
    pub fn refuse_fixed_changes(&self, project: &Project) -> Result<(), Failure> {
        let Some(change) = self.fixed_changes(project).into_iter().next() else {
            return Ok(());
        };
        let before = change.before.as_ref().map_or_else(String::new, plain);
        let after = change.after.as_ref().map_or_else(String::new, plain);
        Err(Failure::invalid_configuration(
            self.service.option_path(&change.field),
            format!(
                "`{}` of the Neon project `{}` is {before} and cannot be changed to {after}",
                change.field, project.name
            ),
        )
        .with_next_step(format!(
            "set it back to {before}, or move the data to a project of another `project_name`"
        )))
    }

    /// What differs and can be changed in place.
    pub fn changes(&self, project: &Project) -> Result<Vec<Change>, Failure> {
        let mut changes = self.project_changes(project);
        if let Some(endpoint) = self.configured_endpoint(project)? {
            changes.extend(compute_changes(&endpoint.compute(), &self.options.compute()));
        }
        if let Some(recorded) = self.recorded(project) {
            let names = [
                ("role_name", recorded.role, &self.options.role_name),
                ("database_name", recorded.database, &self.options.database_name),
            ];
            let differing = names
                .into_iter()
                .filter(|(_, before, after)| after.as_ref().is_some_and(|after| after != before));
            changes.extend(differing.map(|(field, before, after)| Change::new(field, before, after.clone())));
        }
        Ok(changes)
    }

    /// Changes the project to what the options say.
    pub fn converge(&self, project: Project) -> Result<Settled, Failure> {
        self.refuse_fixed_changes(&project)?;
        let mut what = "unchanged";
        if self.recorded(&project).is_none() {
            // Left by an attempt that was cut short, or made by a person: from now on it is this service's.
            self.keep(&project)?;
            self.context.step(format!("Project found: {}-{}", project.name, project.id));
            self.api.wait_until_idle(&project.id)?;
            what = "adopted";
        }
        let compute = self.options.compute();
        let endpoint = self.configured_endpoint(&project)?;
        let endpoint = endpoint.filter(|endpoint| !compute_changes(&endpoint.compute(), &compute).is_empty());
        let changes = self.project_changes(&project);
        if !changes.is_empty() || endpoint.is_some() {
            self.api.update_project(&project.id, &self.update(&changes, endpoint.is_some()))?;
            self.context.step(format!("Project updated: {}-{}", project.name, project.id));
            what = "updated";
        }
        if let Some(endpoint) = endpoint {
            self.api.update_endpoint(&project.id, &endpoint.id, &compute)?;
            self.context.step("Compute updated");
        }
        let name = self.options.project_name(self.context);
        Ok(Settled::found(Project { name, ..project }, what))
    }

    fn project_changes(&self, project: &Project) -> Vec<Change> {
        let mut changes = Vec::new();
        let name = self.options.project_name(self.context);
        if name != project.name {
            changes.push(Change::new("project_name", project.name.as_str(), name));
        }
        let retention = self.options.history_retention_seconds;
        if retention.is_some() && retention != project.history_retention_seconds {
            let field = "history_retention_seconds";
            changes.push(Change::new(field, project.history_retention_seconds, retention));
        }
        changes
    }

    fn update(&self, changes: &[Change], compute: bool) -> Value {
        let wanted = |field: &str| {
            let change = changes.iter().find(|change| change.field == field);
            change.and_then(|change| change.after.clone()).unwrap_or(Value::Null)
        };
        object([
            ("name", wanted("project_name")),
            ("history_retention_seconds", wanted("history_retention_seconds")),
            // What later endpoints start with.
            ("default_endpoint_settings", if compute { json!(self.options.compute()) } else { Value::Null }),
        ])
    }

    /// The endpoint whose size the options set, if they set any.
    fn configured_endpoint(&self, project: &Project) -> Result<Option<Endpoint>, Failure> {
        if self.options.compute() == Compute::default() {
            return Ok(None);
        }
        let branch = match self.recorded(project) {
            Some(recorded) => recorded.branch_id,
            None => self.metadata(project)?.branch_id,
        };
        self.api.writer(&project.id, &branch)
    }

    fn recorded(&self, project: &Project) -> Option<Metadata> {
        let existing = self.context.existing.as_ref().filter(|state| state.resource_id == project.id)?;
        existing.parse_metadata().ok()
    }
}

fn compute_changes(is: &Compute, wanted: &Compute) -> Vec<Change> {
    let number = |value: Option<f64>| json!(value);
    let fields = [
        (
            "autoscaling_limit_min_cu",
            number(is.autoscaling_limit_min_cu),
            number(wanted.autoscaling_limit_min_cu),
        ),
        (
            "autoscaling_limit_max_cu",
            number(is.autoscaling_limit_max_cu),
            number(wanted.autoscaling_limit_max_cu),
        ),
        ("suspend_timeout_seconds", json!(is.suspend_timeout_seconds), json!(wanted.suspend_timeout_seconds)),
    ];
    let differing = fields.into_iter().filter(|(_, is, wanted)| !wanted.is_null() && is != wanted);
    differing.map(|(field, is, wanted)| Change::new(field, is, wanted)).collect()
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
