//! Pages projects, their environment and their domains.
//!
//! Secrets reach this plugin as tokens that differ in every run, and Pages shows no secret. So state keeps the host's
//! digest of all inputs, which differs when a secret was rotated.

use std::time::Duration;

use serde_json::{Map, Value, json};
use ss_sdk::{Action, Change, Context, Credential, Failure, Health, Outcome, Plan, State, sealed};

use crate::api::{Api, UNSEEN_LIMIT, segment, text};
use crate::options::{Kind, Metadata, environment, host_name};
use crate::site::{Resource, Site, changed};

/// Longest name of a project: it is a label of a host name.
const LONGEST_NAME: usize = 58;

/// The branch that is production if none is named.
const DEFAULT_BRANCH: &str = "main";

/// How long Pages may take to say what has to be added where.
const SETTLE_LIMIT: Duration = Duration::from_secs(20);

/// A service and its project.
pub struct Project<'s, 'a, 'h> {
    site: &'s mut Site<'a, 'h>,
    name: String,
    env: Vec<(String, String)>,
    domains: Vec<String>,
    found: Option<Value>,
    bound: Vec<Value>,
}

impl<'s, 'a, 'h> Project<'s, 'a, 'h> {
    /// Looks the project up.
    pub fn new(site: &'s mut Site<'a, 'h>) -> Result<Self, Failure> {
        let account = site.account()?;
        let name = site.name(LONGEST_NAME);
        if !site.known.id.is_empty() {
            site.refuse_other("name", &site.known.name, &name)?;
        }
        site.known.account_id = account;
        site.known.name.clone_from(&name);
        let env = environment(site.service);
        let domains = site.options.served_names();
        let mut project = Self { site, name, env, domains, found: None, bound: Vec::new() };
        project.look()?;
        Ok(project)
    }

    fn look(&mut self) -> Result<(), Failure> {
        self.found = self.read()?;
        self.bound = match &self.found {
            Some(_) => bound(&self.site.api, &self.site.known)?,
            None => Vec::new(),
        };
        Ok(())
    }

    fn read(&self) -> Result<Option<Value>, Failure> {
        self.site.api.find(&path(&self.site.known)?, "look the project up")
    }

    /// Members of the project that differ: option, what is, and the body that changes it.
    fn differences(&self, project: &Value) -> Vec<(Change, Value)> {
        let options = self.site.options;
        let mut differences = Vec::new();
        let branch = options
            .production_branch
            .clone()
            .or_else(|| project["production_branch"].as_str().map(str::to_owned));
        if let Some(change) = changed("production_branch", &project["production_branch"], branch.clone()) {
            differences.push((change, json!({ "production_branch": branch })));
        }
        for (name, wanted) in self.build() {
            if let Some(change) = changed(name, &project["build_config"][name], Some(wanted)) {
                differences.push((change, json!({ "build_config": { name: wanted } })));
            }
        }
        let production = &project["deployment_configs"]["production"];
        if let Some(date) = &options.compatibility_date
            && let Some(change) =
                changed("compatibility_date", &production["compatibility_date"], Some(date.as_str()))
        {
            let body = json!({ "deployment_configs": { "production": { "compatibility_date": date } } });
            differences.push((change, body));
        }
        for (name, variable) in self.variables(&production["env_vars"]) {
            let body = json!({ "deployment_configs": { "production": { "env_vars": { &name: variable } } } });
            differences.push((Change::sensitive(format!("env.{name}")), body));
        }
        differences
    }

    fn build(&self) -> Vec<(&'static str, &str)> {
        let options = self.site.options;
        let all = [
            ("build_command", &options.build_command),
            ("destination_dir", &options.destination_dir),
            ("root_dir", &options.root_dir),
        ];
        all.into_iter().filter_map(|(name, value)| Some((name, value.as_deref()?))).collect()
    }

    /// Variables to be set, and null for those to be removed: what this service set before and no longer wants.
    fn variables(&self, is: &Value) -> Vec<(String, Value)> {
        let rotated =
            self.site.context.inputs_digest.as_ref().is_some_and(|now| *now != self.site.known.inputs);
        let mut variables = Vec::new();
        for (name, value) in &self.env {
            let (wanted, differs) = if sealed::contains(value) {
                let there = text(&is[name], "type") == "secret_text";
                (json!({ "type": "secret_text", "value": value }), !there || rotated)
            } else {
                (json!({ "type": "plain_text", "value": value }), text(&is[name], "value") != value)
            };
            if differs {
                variables.push((name.clone(), wanted));
            }
        }
        let gone =
            self.site.known.variables.iter().filter(|gone| !self.env.iter().any(|(name, _)| name == *gone));
        variables.extend(gone.filter(|name| !is[*name].is_null()).map(|name| (name.clone(), Value::Null)));
        variables
    }

    fn missing_domains(&self) -> Vec<String> {
        let bound = |name: &String| self.bound.iter().any(|domain| host_name(text(domain, "name")) == *name);
        self.domains.iter().filter(|name| !bound(name)).cloned().collect()
    }

    /// Domains that this service bound and no longer wants.
    fn surplus_domains(&self) -> Vec<String> {
        let bound = self.bound.iter().map(|domain| host_name(text(domain, "name")));
        bound.filter(|name| self.site.known.domains.contains(name) && !self.domains.contains(name)).collect()
    }

    fn changes(&self, project: &Value) -> Vec<Change> {
        let mut changes: Vec<Change> =
            self.differences(project).into_iter().map(|(change, _)| change).collect();
        let domain =
            |name: String, is: Value, wanted: Value| Change::new(format!("domains.{name}"), is, wanted);
        changes
            .extend(self.missing_domains().into_iter().map(|name| domain(name, Value::Null, json!("bound"))));
        changes
            .extend(self.surplus_domains().into_iter().map(|name| domain(name, json!("bound"), Value::Null)));
        changes
    }

    fn create(&mut self) -> Result<bool, Failure> {
        self.site.known.ours = true;
        self.site.keep()?;
        let branch = self.site.options.production_branch.as_deref().unwrap_or(DEFAULT_BRANCH);
        let mut body = json!({ "name": self.name, "production_branch": branch });
        let mut build = Map::new();
        build.extend(self.build().into_iter().map(|(name, value)| (name.to_owned(), json!(value))));
        if !build.is_empty() {
            body["build_config"] = build.into();
        }
        let mut production = Map::new();
        if let Some(date) = &self.site.options.compatibility_date {
            production.insert("compatibility_date".into(), json!(date));
        }
        let mut variables = Map::new();
        variables.extend(self.variables(&Value::Null));
        if !variables.is_empty() {
            production.insert("env_vars".into(), variables.into());
        }
        if !production.is_empty() {
            body["deployment_configs"] = json!({ "production": production });
        }
        let folder = format!("/accounts/{}/pages/projects", segment(&self.site.known.account_id)?);
        let (project, made) = self.site.api.create(&folder, &body, "create the project", &|| self.read())?;
        self.site.known.id.clone_from(&self.name);
        if made {
            self.note_inputs();
            self.site.context.step(format!("Pages project created: {}", self.name));
        }
        self.site.keep()?;
        self.found = Some(project);
        self.bound = bound(&self.site.api, &self.site.known)?;
        Ok(made)
    }

    /// Notes what the environment was made from.
    fn note_inputs(&mut self) {
        self.site.known.variables = self.env.iter().map(|(name, _)| name.clone()).collect();
        let secrets = self.env.iter().any(|(_, value)| sealed::contains(value));
        self.site.known.inputs =
            self.site.context.inputs_digest.clone().filter(|_| secrets).unwrap_or_default();
    }

    fn update(&mut self, project: &Value) -> Result<bool, Failure> {
        let differences = self.differences(project);
        if !differences.is_empty() {
            let mut body = json!({});
            for (_, part) in &differences {
                merge(&mut body, part);
            }
            self.site.api.patch(&path(&self.site.known)?, Some(&body), "change the project")?;
            let fields: Vec<&str> = differences.iter().map(|(change, _)| change.field.as_str()).collect();
            self.site.context.step(format!("Pages project changed: {}", fields.join(", ")));
        }
        self.note_inputs();
        Ok(!differences.is_empty())
    }

    fn bind_domains(&mut self) -> Result<bool, Failure> {
        let folder = format!("{}/domains", path(&self.site.known)?);
        let (missing, surplus) = (self.missing_domains(), self.surplus_domains());
        for name in &surplus {
            let path = format!("{folder}/{}", segment(name)?);
            self.site.api.delete(&path, "unbind the domain")?;
            self.site.known.domains.retain(|known| known != name);
            self.site.context.step(format!("Domain unbound: {name}"));
        }
        for name in &missing {
            // Before the request: whoever finds it bound after a crash knows that it is this service's.
            self.site.known.domains.push(name.clone());
            self.site.keep()?;
            self.site.api.create(&folder, &json!({ "name": name }), "bind the domain", &|| {
                let all = bound(&self.site.api, &self.site.known)?;
                Ok(all.into_iter().find(|domain| host_name(text(domain, "name")) == *name))
            })?;
            self.site.context.step(format!("Domain bound: {name}"));
        }
        self.site.known.domains.sort();
        self.site.known.domains.dedup();
        Ok(!missing.is_empty() || !surplus.is_empty())
    }

    /// Says what has to be done for the domains, and waits as long as the service asks.
    fn settle_domains(&mut self, subdomain: &str) -> Result<(), Failure> {
        if self.domains.is_empty() {
            return Ok(());
        }
        let seconds = Duration::from_secs(self.site.options.wait_for_active);
        let pending = || -> Result<Vec<Value>, Failure> {
            let mut all = bound(&self.site.api, &self.site.known)?;
            all.retain(|domain| {
                self.domains.contains(&host_name(text(domain, "name"))) && text(domain, "status") != "active"
            });
            Ok(all)
        };
        let is_decided = |all: &Vec<Value>| all.iter().all(|domain| text(domain, "status") != "initializing");
        let wait = self.site.context.wait("the domains to be looked at", SETTLE_LIMIT);
        let mut left =
            wait.within_limit(|| Ok(Some(pending()?).filter(&is_decided)))?.map_or_else(&pending, Ok)?;
        for domain in &left {
            let said = todo(domain, subdomain);
            self.site.context.warn(said);
        }
        if left.is_empty() || seconds.is_zero() {
            return Ok(());
        }
        let wait = self.site.context.wait("the domains to be active", seconds);
        let active = wait.within_limit(|| {
            left = pending()?;
            Ok(left.is_empty().then_some(()))
        })?;
        match (active, left.first()) {
            (None, Some(domain)) => Err(Failure::unavailable(todo(domain, subdomain))
                .with_next_step("add what is asked for where the domain's DNS is, then run again")),
            _ => Ok(()),
        }
    }

    fn detail(&self) -> String {
        match self.domains.as_slice() {
            [] => format!("Pages project {}", self.name),
            domains => format!("Pages project {} for {}", self.name, domains.join(", ")),
        }
    }
}

impl Resource for Project<'_, '_, '_> {
    fn plan(&self) -> Result<Plan, Failure> {
        match &self.found {
            None => Ok(Plan::new(Action::Create, self.detail())),
            Some(project) => Ok(Plan::converge(self.detail(), self.changes(project))),
        }
    }

    fn provision(&mut self) -> Result<Outcome, Failure> {
        if self.found.is_none() && !self.site.known.id.is_empty() {
            let wait = self.site.context.wait("the project to appear", UNSEEN_LIMIT);
            wait.within_limit(|| self.read().map(|found| found.map(drop)))?;
            self.look()?;
        }
        let created = self.found.is_none() && self.create()?;
        self.site.known.id.clone_from(&self.name);
        let project = self.found.clone().unwrap_or_default();
        let updated = !created && self.update(&project)?;
        let bound = self.bind_domains()?;
        let subdomain = match text(&project, "subdomain") {
            "" => format!("{}.pages.dev", self.name),
            subdomain => subdomain.to_owned(),
        };
        self.settle_domains(&subdomain)?;
        self.site.known.url = format!("https://{subdomain}");
        let what = match (created, updated || bound) {
            (true, _) => "created",
            (false, true) => "updated",
            (false, false) => "unchanged",
        };
        let mut outcome = Outcome::new(
            self.site.state(&self.name),
            format!("{} {what} at https://{subdomain}", self.detail()),
        )
        .with_credential(Credential::public("PAGES_PROJECT", self.name.clone()))
        .with_credential(Credential::public("PAGES_URL", format!("https://{subdomain}")))
        .with_credential(Credential::public("PAGES_HOST", subdomain));
        if let Some(domain) = self.domains.first() {
            outcome = outcome.with_credential(Credential::public("PAGES_DOMAIN", domain.clone()));
        }
        Ok(outcome)
    }

    fn observe(&self) -> Result<Vec<Change>, Failure> {
        match &self.found {
            Some(project) => Ok(self.changes(project)),
            None => Ok(vec![Change::new("project", "gone", self.name.as_str())]),
        }
    }

    fn find(&self) -> Result<Option<State>, Failure> {
        let Some(project) = self.found.as_ref().filter(|_| self.site.known.ours) else { return Ok(None) };
        let known = Metadata {
            id: self.name.clone(),
            url: format!("https://{}", text(project, "subdomain")),
            ..self.site.known.clone()
        };
        Ok(Some(self.site.context.state(crate::NAME, self.name.clone()).with_metadata(&known)))
    }
}

/// Whether the project is there and its domains are active.
pub fn status(context: &Context<'_>, known: &Metadata) -> Result<Health, Failure> {
    let api = Api::new(context, Kind::Pages, "")?;
    let Some(project) = api.find(&path(known)?, "look the project up")? else {
        return Ok(Health::unhealthy(format!("Pages project {} no longer exists", known.name)));
    };
    let domains = bound(&api, known)?;
    for name in &known.domains {
        let domain = domains.iter().find(|domain| host_name(text(domain, "name")) == *name);
        match domain.map(|domain| text(domain, "status")) {
            None => return Ok(Health::unhealthy(format!("domain {name} is no longer bound"))),
            Some("active") => {}
            Some(_) => {
                return Ok(Health::unhealthy(todo(
                    domain.unwrap_or(&Value::Null),
                    text(&project, "subdomain"),
                )));
            }
        }
    }
    Ok(Health::healthy(format!("Pages project {} ({})", known.name, known.url)))
}

/// Unbinds every domain, deletes the project and waits until it is gone.
pub fn destroy(context: &Context<'_>, known: &Metadata) -> Result<(), Failure> {
    let api = Api::new(context, Kind::Pages, "")?;
    let path = path(known)?;
    if api.find(&path, "look the project up")?.is_none() {
        return Ok(());
    }
    for domain in bound(&api, known)? {
        let name = text(&domain, "name");
        if known.ours || known.domains.contains(&host_name(name)) {
            api.delete(&format!("{path}/domains/{}", segment(name)?), "unbind the domain")?;
            context.step(format!("Domain unbound: {name}"));
        }
    }
    if !known.ours {
        context.warn(format!("Pages project {} was there before this service and stays", known.name));
        return Ok(());
    }
    api.delete_and_wait(&path, "delete the project", &format!("Pages project {}", known.name))
}

fn path(known: &Metadata) -> Result<String, Failure> {
    Ok(format!("/accounts/{}/pages/projects/{}", segment(&known.account_id)?, segment(&known.name)?))
}

/// The domains of the project. The list has no pages.
fn bound(api: &Api<'_, '_>, known: &Metadata) -> Result<Vec<Value>, Failure> {
    match api.find(&format!("{}/domains", path(known)?), "list the domains")? {
        Some(Value::Array(domains)) => Ok(domains),
        _ => Ok(Vec::new()),
    }
}

/// Where a domain stands, what is wrong, and what has to be done.
fn todo(domain: &Value, subdomain: &str) -> String {
    let name = text(domain, "name");
    let mut parts = vec![format!("domain {name}: status: {}", text(domain, "status"))];
    for data in [&domain["verification_data"], &domain["validation_data"]] {
        parts.push(text(data, "error_message").to_owned());
    }
    let validation = &domain["validation_data"];
    if validation["txt_name"].is_string() {
        parts.push(format!(
            "TXT {} = {} to add",
            text(validation, "txt_name"),
            text(validation, "txt_value")
        ));
    }
    parts.push(format!("CNAME {name} = {subdomain} to add, if it is not there"));
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// Puts the members of one object into another, deeply.
fn merge(into: &mut Value, from: &Value) {
    match (into.as_object_mut(), from.as_object()) {
        (Some(into), Some(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(json!({})), value);
            }
        }
        _ => into.clone_from(from),
    }
}
