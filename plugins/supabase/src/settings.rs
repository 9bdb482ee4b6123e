//! What differs between a project's settings and the options, and changing it.
//!
//! Only settings that the options name are read and changed.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::{Value, json};
use ss_sdk::{Change, Failure};

use crate::api::{HEALTHY, Project};
use crate::site::Site;

/// How Edge Function secrets of Supabase's own begin: nobody else can set them.
const RESERVED: &str = "SUPABASE_";

/// A group of settings that one request changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Name,
    Size,
    Auth,
    Rest,
    Ssl,
    Network,
    Secrets,
    /// Secrets that the service no longer sets.
    StaleSecrets,
}

impl Part {
    /// What a person sees when it was changed.
    fn step(self) -> &'static str {
        match self {
            Self::Name => "Project renamed",
            Self::Size => "Compute resized",
            Self::Auth => "Sign-in settings updated",
            Self::Rest => "REST API settings updated",
            Self::Ssl => "TLS enforcement updated",
            Self::Network => "Network restrictions updated",
            Self::Secrets => "Edge Function secrets set",
            Self::StaleSecrets => "Edge Function secrets removed",
        }
    }
}

/// A setting that differs.
#[derive(Debug)]
struct Difference {
    part: Part,
    change: Change,
}

#[derive(Deserialize)]
struct Auth {
    #[serde(default)]
    site_url: Option<String>,
    #[serde(default)]
    uri_allow_list: Option<String>,
    #[serde(default)]
    disable_signup: Option<bool>,
    #[serde(default)]
    jwt_exp: Option<i64>,
}

#[derive(Deserialize)]
struct Rest {
    #[serde(default)]
    db_schema: String,
    #[serde(default)]
    max_rows: i64,
}

#[derive(Deserialize)]
struct Ssl {
    #[serde(rename = "currentConfig")]
    current: SslConfig,
}

#[derive(Deserialize)]
struct SslConfig {
    database: bool,
}

#[derive(Deserialize)]
struct Network {
    config: Cidrs,
}

#[derive(Default, Deserialize)]
struct Cidrs {
    #[serde(default, rename = "dbAllowedCidrs")]
    v4: Vec<String>,
    #[serde(default, rename = "dbAllowedCidrsV6")]
    v6: Vec<String>,
}

#[derive(Deserialize)]
struct Addons {
    #[serde(default)]
    selected_addons: Vec<Addon>,
}

#[derive(Deserialize)]
struct Addon {
    #[serde(rename = "type")]
    kind: String,
    variant: Variant,
}

#[derive(Deserialize)]
struct Variant {
    id: String,
}

#[derive(Deserialize)]
struct Secret {
    name: String,
}

impl Site<'_, '_> {
    /// Everything that differs and can be changed in place, the project's state among it.
    pub fn changes(&self, project: &Project) -> Result<Vec<Change>, Failure> {
        let asleep = project.status != HEALTHY;
        let status = asleep.then(|| Change::new("status", project.status.as_str(), HEALTHY));
        let differences = self.differences(project)?;
        Ok(status.into_iter().chain(differences.into_iter().map(|difference| difference.change)).collect())
    }

    fn differences(&self, project: &Project) -> Result<Vec<Difference>, Failure> {
        let mut found = Vec::new();
        let name = self.options.project_name(self.context);
        if name != project.name {
            add(&mut found, Part::Name, "project_name", json!(project.name), json!(name));
        }
        // The services of a project that is paused, or on its way, cannot be asked.
        if project.status == HEALTHY {
            self.size(project, &mut found)?;
            self.auth(project, &mut found)?;
            self.rest(project, &mut found)?;
            self.ssl(project, &mut found)?;
            self.network(project, &mut found)?;
            self.secrets(project, &mut found)?;
        }
        Ok(found)
    }

    fn size(&self, project: &Project, found: &mut Vec<Difference>) -> Result<(), Failure> {
        let Some(wanted) = &self.options.instance_size else { return Ok(()) };
        let is = self.addon(project)?.map_or("nano".to_owned(), |id| id.trim_start_matches("ci_").to_owned());
        if is != *wanted {
            add(found, Part::Size, "instance_size", json!(is), json!(wanted));
        }
        Ok(())
    }

    /// The compute add-on that the project has; none on the smallest size.
    fn addon(&self, project: &Project) -> Result<Option<String>, Failure> {
        let addons: Addons = self.api.read(&project.reference, "/billing/addons")?;
        let compute = addons.selected_addons.into_iter().find(|addon| addon.kind == "compute_instance");
        Ok(compute.map(|addon| addon.variant.id))
    }

    fn auth(&self, project: &Project, found: &mut Vec<Difference>) -> Result<(), Failure> {
        let options = self.options;
        let any = options.site_url.is_some()
            || options.redirect_urls.is_some()
            || options.disable_signup.is_some()
            || options.jwt_expiry.is_some();
        if !any {
            return Ok(());
        }
        let is: Auth = self.api.read(&project.reference, "/config/auth")?;
        if options.site_url.is_some() && options.site_url != is.site_url {
            add(found, Part::Auth, "site_url", json!(is.site_url), json!(options.site_url));
        }
        if let Some(wanted) = &options.redirect_urls {
            let is = list(is.uri_allow_list.as_deref().unwrap_or_default());
            if set(&is) != set(wanted) {
                add(found, Part::Auth, "redirect_urls", json!(is), json!(wanted));
            }
        }
        if options.disable_signup.is_some() && options.disable_signup != is.disable_signup {
            add(found, Part::Auth, "disable_signup", json!(is.disable_signup), json!(options.disable_signup));
        }
        if options.jwt_expiry.is_some() && options.jwt_expiry != is.jwt_exp {
            add(found, Part::Auth, "jwt_expiry", json!(is.jwt_exp), json!(options.jwt_expiry));
        }
        Ok(())
    }

    fn rest(&self, project: &Project, found: &mut Vec<Difference>) -> Result<(), Failure> {
        let options = self.options;
        if options.exposed_schemas.is_none() && options.max_rows.is_none() {
            return Ok(());
        }
        let is: Rest = self.api.read(&project.reference, "/postgrest")?;
        if let Some(wanted) = &options.exposed_schemas
            && *wanted != list(&is.db_schema)
        {
            add(found, Part::Rest, "exposed_schemas", json!(list(&is.db_schema)), json!(wanted));
        }
        if let Some(wanted) = options.max_rows.filter(|wanted| *wanted != is.max_rows) {
            add(found, Part::Rest, "max_rows", json!(is.max_rows), json!(wanted));
        }
        Ok(())
    }

    fn ssl(&self, project: &Project, found: &mut Vec<Difference>) -> Result<(), Failure> {
        let Some(wanted) = self.options.enforce_ssl else { return Ok(()) };
        let is: Ssl = self.api.read(&project.reference, "/ssl-enforcement")?;
        if is.current.database != wanted {
            add(found, Part::Ssl, "enforce_ssl", json!(is.current.database), json!(wanted));
        }
        Ok(())
    }

    fn network(&self, project: &Project, found: &mut Vec<Difference>) -> Result<(), Failure> {
        let Some(wanted) = &self.options.allowed_cidrs else { return Ok(()) };
        let is: Network = self.api.read(&project.reference, "/network-restrictions")?;
        let is: Vec<String> = is.config.v4.into_iter().chain(is.config.v6).collect();
        if set(&is) != set(wanted) {
            add(found, Part::Network, "allowed_cidrs", json!(is), json!(wanted));
        }
        Ok(())
    }

    /// The values cannot be read back: what is known is which names are there, and whether any input of the
    /// service has changed since they were set.
    fn secrets(&self, project: &Project, found: &mut Vec<Difference>) -> Result<(), Failure> {
        let recorded = self.recorded(project).unwrap_or_default();
        let env = &self.service.env;
        if env.is_empty() && recorded.secrets.is_empty() {
            return Ok(());
        }
        self.refuse_reserved()?;
        let there: Vec<Secret> = self.api.read(&project.reference, "/secrets")?;
        let there: BTreeSet<String> = there.into_iter().map(|secret| secret.name).collect();
        let now = &self.context.inputs_digest;
        let rotated = now.is_some() && recorded.inputs != *now;
        for variable in env.iter().filter(|variable| rotated || !there.contains(&variable.name)) {
            let change = Change::sensitive(format!("env.{}", variable.name));
            found.push(Difference { part: Part::Secrets, change });
        }
        let stale = recorded.secrets.iter().filter(|name| !env.iter().any(|known| known.name == **name));
        for name in stale.filter(|name| there.contains(*name)) {
            let change = Change::sensitive(format!("env.{name}"));
            found.push(Difference { part: Part::StaleSecrets, change });
        }
        Ok(())
    }

    fn refuse_reserved(&self) -> Result<(), Failure> {
        match self.service.env.iter().find(|variable| variable.name.starts_with(RESERVED)) {
            None => Ok(()),
            Some(variable) => Err(Failure::invalid_configuration(
                format!("env.{}", variable.name),
                format!("Supabase keeps names that begin with `{RESERVED}` for itself"),
            )
            .with_next_step("choose another name for the Edge Function secret")),
        }
    }

    /// Changes everything that differs. Returns whether anything did.
    pub fn converge(&self, project: &Project) -> Result<bool, Failure> {
        self.refuse_reserved()?;
        let differences = self.differences(project)?;
        let parts: BTreeSet<Part> = differences.iter().map(|difference| difference.part).collect();
        for part in &parts {
            self.apply(*part, project, &differences)?;
            self.context.step(part.step());
        }
        Ok(!parts.is_empty())
    }

    fn apply(&self, part: Part, project: &Project, differences: &[Difference]) -> Result<(), Failure> {
        let (reference, options) = (project.reference.as_str(), self.options);
        match part {
            Part::Name => {
                let name = options.project_name(self.context);
                self.api.patch(reference, "", &json!({ "name": name }))
            }
            Part::Size => self.resize(project),
            Part::Auth => {
                let redirects = options.redirect_urls.as_ref().map(|urls| urls.join(","));
                let body = present(json!({
                    "site_url": options.site_url,
                    "uri_allow_list": redirects,
                    "disable_signup": options.disable_signup,
                    "jwt_exp": options.jwt_expiry,
                }));
                self.api.patch(reference, "/config/auth", &body)
            }
            Part::Rest => {
                let schemas = options.exposed_schemas.as_ref().map(|schemas| schemas.join(","));
                let body = present(json!({ "db_schema": schemas, "max_rows": options.max_rows }));
                self.api.patch(reference, "/postgrest", &body)
            }
            Part::Ssl => {
                let body = json!({ "requestedConfig": { "database": options.enforce_ssl } });
                self.api.put(reference, "/ssl-enforcement", &body)
            }
            Part::Network => {
                let wanted = options.allowed_cidrs.clone().unwrap_or_default();
                let (v6, v4): (Vec<_>, Vec<_>) = wanted.into_iter().partition(|cidr| cidr.contains(':'));
                let body = json!({ "dbAllowedCidrs": v4, "dbAllowedCidrsV6": v6 });
                self.api.post(reference, "/network-restrictions/apply", &body)
            }
            Part::Secrets => {
                let env = self.service.env.iter();
                let secrets: Vec<Value> =
                    env.map(|known| json!({ "name": known.name, "value": known.value })).collect();
                self.api.post(reference, "/secrets", &json!(secrets))
            }
            Part::StaleSecrets => {
                let stale = differences.iter().filter(|difference| difference.part == part);
                let names: Vec<&str> =
                    stale.filter_map(|stale| stale.change.field.strip_prefix("env.")).collect();
                self.api.remove(reference, "/secrets", Some(&json!(names)))
            }
        }
    }

    fn resize(&self, project: &Project) -> Result<(), Failure> {
        let reference = &project.reference;
        match self.options.instance_size.as_deref() {
            // The smallest size is the one without an add-on.
            Some("nano") => {
                if let Some(addon) = self.addon(project)? {
                    self.api.remove(reference, &format!("/billing/addons/{addon}"), None)?;
                }
            }
            Some(size) => {
                let body = json!({ "addon_type": "compute_instance", "addon_variant": format!("ci_{size}") });
                self.api.patch(reference, "/billing/addons", &body)?;
            }
            None => {}
        }
        self.api.wait_until_ready(reference).map(|_| ())
    }
}

fn add(found: &mut Vec<Difference>, part: Part, field: &str, before: Value, after: Value) {
    found.push(Difference { part, change: Change::new(field, before, after) });
}

/// The items of a list that Supabase keeps as one text.
fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(str::to_owned).collect()
}

fn set(items: &[String]) -> BTreeSet<&str> {
    items.iter().map(String::as_str).collect()
}

/// The members that are set.
fn present(mut body: Value) -> Value {
    if let Some(members) = body.as_object_mut() {
        members.retain(|_, value| !value.is_null());
    }
    body
}
