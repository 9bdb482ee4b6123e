//! What differs between a service's settings and the options, and changing it.
//!
//! Only settings that the options name are looked at and changed.

use serde_json::{Map, Value, json};
use ss_sdk::{Change, Failure, sealed};

use crate::api::{Instance, Place};
use crate::database::Kind;
use crate::site::{MARK, Site};

/// A setting of the instance: name of the option, name in the API, wanted value.
type Setting = (&'static str, &'static str, Value);

/// What of a service differs. Everything in it needs a deployment to take effect.
#[derive(Debug, Default)]
pub struct Differences {
    /// Members of an update of the instance.
    input: Map<String, Value>,
    /// The repository is to be connected.
    repo: bool,
    /// Variables to be set.
    set: Map<String, Value>,
    /// Variables to be removed.
    removed: Vec<String>,
    /// A volume is to be mounted.
    volume: bool,
    /// For a person.
    pub changes: Vec<Change>,
}

impl Differences {
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.input.is_empty() && !self.repo && self.set.is_empty() && self.removed.is_empty() && !self.volume
    }

    fn add(&mut self, field: &str, before: Value, after: Value) {
        self.changes.push(Change::new(field, before, after));
    }
}

impl Site<'_, '_> {
    /// What differs between the service at Railway and the options. `password` is the sealed password of a
    /// database; without it (nothing may be made while planning) a password that is there counts as right.
    pub fn differences(
        &self,
        place: &Place,
        instance: &Instance,
        password: Option<&str>,
    ) -> Result<Differences, Failure> {
        let mut found = Differences::default();
        self.source(instance, &mut found);
        for (option, member, wanted) in self.settings() {
            let is = instance.settings.get(member).cloned().unwrap_or_default();
            // What Railway does not tell is as it was set before.
            let untold = is.is_null() && member == "region" && self.recorded().is_some();
            if !wanted.is_null() && wanted != is && !untold {
                found.add(option, is, wanted.clone());
                found.input.insert(member.to_owned(), wanted);
            }
        }
        self.variable_differences(place, password, &mut found)?;
        if let Some(path) = self.options.mount_path()
            && !self.api.volumes(place)?.iter().any(|volume| volume.mount_path == path)
        {
            found.volume = true;
            found.add("volume", Value::Null, json!(path));
        }
        Ok(found)
    }

    fn source(&self, instance: &Instance, found: &mut Differences) {
        if let Some(image) = self.image()
            && instance.image.as_deref() != Some(image)
        {
            found.add("image", json!(instance.image), json!(image));
            found.input.insert("source".to_owned(), json!({ "image": image }));
        }
        let Some(repo) = &self.options.repo else { return };
        let branch = self.recorded().and_then(|recorded| recorded.branch);
        if instance.repo.as_ref() != Some(repo) {
            found.repo = true;
            found.add("repo", json!(instance.repo), json!(repo));
        } else if self.options.branch.is_some() && branch != self.options.branch {
            found.repo = true;
            found.add("branch", json!(branch), json!(self.options.branch));
        }
    }

    /// The image that the service runs.
    pub fn image(&self) -> Option<&str> {
        self.options.image.as_deref().or_else(|| Some(self.options.database?.facts().image))
    }

    fn settings(&self) -> [Setting; 11] {
        let options = self.options;
        let start = options
            .start_command
            .clone()
            .or_else(|| options.database.and_then(|kind| kind.facts().start_command).map(str::to_owned));
        let policy = options.restart_policy.as_ref().map(|policy| policy.to_uppercase());
        [
            ("start_command", "startCommand", json!(start)),
            ("build_command", "buildCommand", json!(options.build_command)),
            ("dockerfile_path", "dockerfilePath", json!(options.dockerfile_path)),
            ("root_directory", "rootDirectory", json!(options.root_directory)),
            ("health_check_path", "healthcheckPath", json!(options.health_check_path)),
            ("health_check_timeout", "healthcheckTimeout", json!(options.health_check_timeout)),
            ("replicas", "numReplicas", json!(options.replicas)),
            ("region", "region", json!(options.region)),
            ("restart_policy", "restartPolicyType", json!(policy)),
            ("cron_schedule", "cronSchedule", json!(options.cron_schedule)),
            ("sleep", "sleepApplication", json!(options.sleep)),
        ]
    }

    /// The variables of the service: the options' own, the database's, then the file's, which win.
    pub fn wanted_variables(&self, password: &str) -> Map<String, Value> {
        let text =
            |value: &Value| Value::from(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
        let mut wanted = Map::new();
        for (name, value) in &self.options.env {
            wanted.insert(name.clone(), text(value));
        }
        if let Some(kind) = self.options.database {
            for (name, value) in kind.facts().variables(password) {
                wanted.insert(name, value);
            }
        }
        for variable in &self.service.env {
            wanted.insert(variable.name.clone(), variable.value.as_str().into());
        }
        wanted.insert(MARK.to_owned(), self.context.owner().into());
        wanted
    }

    /// Plain values are compared; of secrets it is known whether they are there, and whether any input of
    /// the service has changed since they were set.
    fn variable_differences(
        &self,
        place: &Place,
        password: Option<&str>,
        found: &mut Differences,
    ) -> Result<(), Failure> {
        let mut wanted = self.wanted_variables(password.unwrap_or_default());
        let generated = self.options.database.map(Kind::password_variable);
        let is = self.api.variables(place)?;
        let recorded = self.recorded().unwrap_or_default();
        let now = &self.context.inputs_digest;
        let rotated = now.is_some() && recorded.inputs != *now;
        let stale = recorded.variables.iter().filter(|name| !wanted.contains_key(*name));
        found.removed = stale.filter(|name| is.contains_key(*name)).cloned().collect();
        let removed = found.removed.iter().map(|name| Change::sensitive(format!("env.{name}")));
        found.changes.extend(removed);
        wanted.retain(|name, value| {
            let text = value.as_str().unwrap_or_default();
            let there = is.get(name);
            // A password is made once and stays: only its absence counts.
            if generated == Some(name.as_str()) && there.is_some() {
                return false;
            }
            if generated == Some(name.as_str()) || sealed::contains(text) {
                if there.is_some() && !rotated {
                    return false;
                }
                found.changes.push(Change::sensitive(format!("env.{name}")));
                return true;
            }
            if there == Some(value) {
                return false;
            }
            // The value there may be a secret that a person put in.
            found.changes.push(Change::sensitive(format!("env.{name}")));
            true
        });
        found.set = wanted;
        Ok(())
    }

    /// Changes what differs.
    pub fn apply(&self, place: &Place, differences: &Differences) -> Result<(), Failure> {
        if !differences.set.is_empty() {
            self.api.set_variables(place, &differences.set)?;
            self.context.step("Variables set");
        }
        for name in &differences.removed {
            self.api.delete_variable(place, name)?;
        }
        if differences.volume
            && let Some(path) = self.options.mount_path()
        {
            self.make("the volume", &|| self.api.create_volume(place, path), &|| {
                Ok(self.api.volumes(place)?.iter().any(|volume| volume.mount_path == path))
            })?;
            self.context.step(format!("Volume mounted at {path}"));
        }
        if !differences.input.is_empty() {
            self.api.update_instance(place, &Value::Object(differences.input.clone()))?;
            self.context.step("Service configured");
        }
        if differences.repo
            && let Some(repo) = &self.options.repo
        {
            self.api.connect(place, repo, self.options.branch.as_deref())?;
            self.context.step(format!("Repository connected: {repo}"));
        }
        Ok(())
    }

    /// Makes something once: if the answer is lost, looks whether it is there.
    pub fn make(
        &self,
        what: &str,
        make: &dyn Fn() -> Result<(), Failure>,
        is_there: &dyn Fn() -> Result<bool, Failure>,
    ) -> Result<(), Failure> {
        let Err(failure) = make() else { return Ok(()) };
        if failure.kind != ss_sdk::FailureKind::OutcomeUnknown {
            return Err(failure);
        }
        let wait = self.context.wait(format!("{what} to appear"), std::time::Duration::from_secs(20));
        let seen = wait.within_limit(|| Ok(is_there()?.then_some(())))?;
        seen.ok_or(failure)
    }
}
