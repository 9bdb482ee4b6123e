//! The service's options, as `options.schema.json` describes them.

use serde::Deserialize;
use serde_json::{Map, Value};
use ss_sdk::{Context, Failure, Service};

use crate::database::Kind;

/// The longest project name that Railway is known to take.
const LONGEST_NAME: usize = 50;

/// Options of a Railway service. What is not set is left to Railway.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Options {
    /// Container image.
    pub image: Option<String>,
    /// GitHub repository.
    pub repo: Option<String>,
    /// Branch of the repository.
    pub branch: Option<String>,
    /// Database to run.
    pub database: Option<Kind>,
    /// Name of the project.
    pub project_name: Option<String>,
    /// A project that exists.
    pub project_id: Option<String>,
    /// Workspace of the project.
    pub workspace: Option<String>,
    /// Environment within the project.
    pub environment: Option<String>,
    /// Name of the service within the project.
    pub service_name: Option<String>,
    /// Environment variables; values may hold sealed tokens.
    pub env: Map<String, Value>,
    /// Command that starts it.
    pub start_command: Option<String>,
    /// Command that builds it.
    pub build_command: Option<String>,
    /// Dockerfile within the repository.
    pub dockerfile_path: Option<String>,
    /// Folder of the repository.
    pub root_directory: Option<String>,
    /// Path of the health check.
    pub health_check_path: Option<String>,
    /// Seconds for the health check.
    pub health_check_timeout: Option<i64>,
    /// Instances.
    pub replicas: Option<i64>,
    /// Where it runs.
    pub region: Option<String>,
    /// When an instance is started again.
    pub restart_policy: Option<String>,
    /// Times at which it runs.
    pub cron_schedule: Option<String>,
    /// Whether it sleeps while idle.
    pub sleep: Option<bool>,
    /// Port for its domains.
    pub port: Option<i64>,
    /// Whether it gets a domain of Railway's.
    pub domain: Option<bool>,
    /// Domains of one's own.
    pub custom_domains: Vec<String>,
    /// Where a volume is mounted.
    pub volume: Option<String>,
    /// Whether a database can be reached from outside.
    pub public: Option<bool>,
}

impl Options {
    /// The project's name: as configured, or the same for every run of this service.
    pub fn project_name(&self, context: &Context<'_>) -> String {
        self.project_name.clone().unwrap_or_else(|| {
            let name = format!("{}-{}-{}", context.project, context.environment, context.service_id);
            name.chars().take(LONGEST_NAME).collect()
        })
    }

    /// The environment's name within the project.
    pub fn environment_name(&self) -> &str {
        self.environment.as_deref().unwrap_or("production")
    }

    /// The service's name within the project.
    pub fn service_name<'a>(&'a self, context: &'a Context<'_>) -> &'a str {
        self.service_name.as_deref().unwrap_or(&context.service_id)
    }

    /// Whether it gets a domain of Railway's.
    pub fn wants_domain(&self) -> bool {
        self.domain.unwrap_or(self.database.is_none() && self.cron_schedule.is_none())
    }

    /// Port at which it is reached from outside over plain TCP.
    pub fn public_port(&self) -> Option<u16> {
        self.database.filter(|_| self.public.unwrap_or(true)).map(|kind| kind.facts().port)
    }

    /// Where a volume is mounted.
    pub fn mount_path(&self) -> Option<&str> {
        self.volume.as_deref().or_else(|| Some(self.database?.facts().mount_path))
    }
}

/// Refuses options that the schema cannot tell to be wrong.
pub fn check(service: &Service<Options>) -> Result<(), Failure> {
    let options = &service.options;
    let sources = [options.image.is_some(), options.repo.is_some(), options.database.is_some()];
    let wrong = |option: &str, message: &str| {
        Err(Failure::invalid_configuration(service.option_path(option), message))
    };
    match sources.iter().filter(|given| **given).count() {
        0 => wrong("image", "name what to run: one of `image`, `repo` and `database`"),
        1 if options.branch.is_some() && options.repo.is_none() => {
            wrong("branch", "a branch needs the `repo` that it is of")
        }
        1 if options.project_id.is_some() && options.project_name.is_some() => {
            wrong("project_name", "the project that `project_id` names has its name already")
        }
        1 => Ok(()),
        _ => wrong("image", "name one of `image`, `repo` and `database`, not several"),
    }
}
