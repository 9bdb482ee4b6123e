//! The service's options, as `options.schema.json` describes them.

use serde::Deserialize;
use ss_sdk::Context;

/// The longest project name that Neon takes.
const LONGEST_NAME: usize = 256;

/// Options of a Neon project. What is not set is left to Neon.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Region, with or without the cloud in front.
    pub region: Option<String>,
    /// Name of the project.
    pub project_name: Option<String>,
    /// Major version of Postgres.
    pub pg_version: Option<u32>,
    /// Organisation of the project.
    pub org_id: Option<String>,
    /// Name of the first branch.
    pub branch_name: Option<String>,
    /// Role that owns the database.
    pub role_name: Option<String>,
    /// Name of the database.
    pub database_name: Option<String>,
    /// Restore window.
    pub history_retention_seconds: Option<i64>,
    /// Fewest compute units.
    pub autoscaling_limit_min_cu: Option<f64>,
    /// Most compute units.
    pub autoscaling_limit_max_cu: Option<f64>,
    /// Idle seconds before the compute is suspended.
    pub suspend_timeout_seconds: Option<i64>,
}

impl Options {
    /// The project's name: as configured, or the same for every run of this service.
    pub fn project_name(&self, context: &Context<'_>) -> String {
        self.project_name.clone().unwrap_or_else(|| {
            let name = format!("{}-{}-{}", context.project, context.environment, context.service_id);
            name.chars().take(LONGEST_NAME).collect()
        })
    }

    /// The region as Neon names it: `aws-us-east-2` for `us-east-2`.
    pub fn region_id(&self) -> Option<String> {
        let region = self.region.as_deref()?;
        let has_cloud = region.starts_with("aws-") || region.starts_with("azure-");
        Some(if has_cloud { region.to_owned() } else { format!("aws-{region}") })
    }
}
