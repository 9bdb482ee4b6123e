//! The service's options, as `options.schema.json` describes them.

use serde::Deserialize;
use serde_json::{Value, json};
use ss_sdk::Context;

/// The longest project name that Supabase takes.
const LONGEST_NAME: usize = 256;

/// Groups of regions, and how the names of their regions begin.
const GROUPS: [(&str, &[&str]); 3] =
    [("americas", &["us-", "ca-", "sa-"]), ("emea", &["eu-", "me-", "af-"]), ("apac", &["ap-"])];

/// Options of a Supabase project. What is not set is left to Supabase.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Name of the project.
    pub project_name: Option<String>,
    /// Slug of the organisation.
    pub organization: Option<String>,
    /// Region, or a group of regions.
    pub region: Option<String>,
    /// Size of the compute.
    pub instance_size: Option<String>,
    /// Address of the site.
    pub site_url: Option<String>,
    /// Further addresses for redirects.
    pub redirect_urls: Option<Vec<String>>,
    /// Whether nobody new may sign up.
    pub disable_signup: Option<bool>,
    /// Life of an access token in seconds.
    pub jwt_expiry: Option<i64>,
    /// Schemas of the REST API.
    pub exposed_schemas: Option<Vec<String>>,
    /// Most rows of an answer of the REST API.
    pub max_rows: Option<i64>,
    /// Whether TLS is enforced.
    pub enforce_ssl: Option<bool>,
    /// Networks that may connect.
    pub allowed_cidrs: Option<Vec<String>>,
    /// Whether a project of the name may be taken over.
    pub adopt: bool,
}

impl Options {
    /// The project's name: as configured, or the same for every run of this service.
    pub fn project_name(&self, context: &Context<'_>) -> String {
        self.project_name.clone().unwrap_or_else(|| {
            let name = format!("{}-{}-{}", context.project, context.environment, context.service_id);
            name.chars().take(LONGEST_NAME).collect()
        })
    }

    /// The region as a creation asks for it.
    pub fn region_selection(&self) -> Value {
        let Some(region) = &self.region else { return Value::Null };
        let kind = if prefixes(region).is_some() { "smartGroup" } else { "specific" };
        json!({"type": kind, "code": region})
    }

    /// Whether a project in this region is where the options want it.
    pub fn region_fits(&self, region: &str) -> bool {
        let Some(wanted) = &self.region else { return true };
        match prefixes(wanted) {
            Some(prefixes) => prefixes.iter().any(|prefix| region.starts_with(prefix)),
            None => wanted == region,
        }
    }
}

fn prefixes(group: &str) -> Option<&'static [&'static str]> {
    GROUPS.iter().find(|(name, _)| *name == group).map(|(_, prefixes)| *prefixes)
}
