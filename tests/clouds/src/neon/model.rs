//! What a Neon project consists of.

use serde_json::{Map, Value};

use super::ProjectView;
use crate::clock::{Clock, Moment};
use crate::dice::Dice;

#[derive(Debug)]
pub(super) struct Project {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) pg_version: i64,
    pub(super) retention_seconds: i64,
    pub(super) settings: Map<String, Value>,
    pub(super) endpoint_settings: Map<String, Value>,
    pub(super) store_passwords: bool,
    pub(super) created: Moment,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    pub(super) branches: Vec<Branch>,
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) operations: Vec<Operation>,
}

#[derive(Debug)]
pub(super) struct Branch {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) parent: Option<String>,
    pub(super) created_at: String,
    pub(super) roles: Vec<Role>,
    pub(super) databases: Vec<Database>,
}

#[derive(Debug, Clone)]
pub(super) struct Role {
    pub(super) name: String,
    pub(super) password: String,
    /// When it was added to a branch; none if it came with the branch, and so is seen from the start.
    pub(super) added: Option<Moment>,
    pub(super) created_at: String,
}

#[derive(Debug, Clone)]
pub(super) struct Database {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) owner: String,
    /// As of a role.
    pub(super) added: Option<Moment>,
    pub(super) created_at: String,
}

#[derive(Debug)]
pub(super) struct Endpoint {
    pub(super) id: String,
    pub(super) branch: String,
    /// What `default_endpoint_settings` and `PATCH` set.
    pub(super) settings: Map<String, Value>,
    pub(super) created_at: String,
}

/// Something Neon does in its own time. Its state follows from the clock alone.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) id: String,
    pub(super) action: &'static str,
    pub(super) branch: String,
    pub(super) endpoint: Option<String>,
    pub(super) begun: Moment,
    pub(super) created_at: String,
    pub(super) fails: bool,
}

impl Operation {
    pub(super) fn status(&self, clock: &Clock) -> &'static str {
        match clock.paces_since(self.begun) {
            paces if paces >= 1.0 && self.fails => "error",
            paces if paces >= 1.0 => "finished",
            paces if paces >= 0.5 => "running",
            _ => "scheduling",
        }
    }

    /// Whether it came to an end, good or bad.
    pub(super) fn is_over(&self, clock: &Clock) -> bool {
        clock.paces_since(self.begun) >= 1.0
    }
}

/// Gives operations their ids, and their fate.
#[derive(Debug)]
pub(super) struct Scheduler {
    dice: Dice,
    failing: u32,
}

impl Scheduler {
    /// The first `failing` operations end in an error.
    pub(super) fn new(seed: u64, failing: u32) -> Self {
        Self { dice: Dice::new(seed ^ 0x0b5e_55ed), failing }
    }

    fn next(&mut self) -> (String, bool) {
        let fails = self.failing > 0;
        self.failing = self.failing.saturating_sub(1);
        (self.dice.uuid(), fails)
    }
}

/// The present, as Neon writes it.
pub(super) fn timestamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Project {
    /// Whether an operation is under way.
    pub(super) fn is_busy(&self, clock: &Clock) -> bool {
        self.operations.iter().any(|operation| !operation.is_over(clock))
    }

    /// Begins operations on a branch and gives their ids.
    pub(super) fn begin(
        &mut self,
        actions: &[&'static str],
        branch: &str,
        clock: &Clock,
        scheduler: &mut Scheduler,
    ) -> Vec<String> {
        let endpoint = self.endpoints.iter().find(|endpoint| endpoint.branch == branch);
        let endpoint = endpoint.map(|endpoint| endpoint.id.clone());
        let mut ids = Vec::new();
        for action in actions {
            let (id, fails) = scheduler.next();
            ids.push(id.clone());
            self.operations.push(Operation {
                id,
                action,
                branch: branch.to_owned(),
                endpoint: endpoint.clone(),
                begun: clock.now(),
                created_at: timestamp(),
                fails,
            });
        }
        ids
    }

    /// The id of the branch that has no parent.
    pub(super) fn default_branch(&self) -> String {
        self.branches.iter().find(|branch| branch.parent.is_none()).map(|b| b.id.clone()).unwrap_or_default()
    }

    /// `us-east-2.aws.neon.tech`.
    pub(super) fn domain(&self) -> String {
        let (cloud, region) = self.region.split_once('-').unwrap_or(("aws", self.region.as_str()));
        format!("{region}.{cloud}.neon.tech")
    }

    /// The host of an endpoint, or of the pooler before it.
    pub(super) fn host(&self, endpoint: &Endpoint, pooled: bool) -> String {
        format!("{}{}.{}", endpoint.id, if pooled { "-pooler" } else { "" }, self.domain())
    }

    /// A connection string.
    pub(super) fn uri(&self, endpoint: &Endpoint, role: &Role, database: &str, pooled: bool) -> String {
        let host = self.host(endpoint, pooled);
        format!("postgresql://{}:{}@{host}/{database}?sslmode=require", role.name, role.password)
    }

    pub(super) fn view(&self) -> ProjectView {
        let of_branches = |names: fn(&Branch) -> Vec<&str>| {
            let full = |branch: &Branch| -> Vec<String> {
                names(branch).iter().map(|name| format!("{}/{name}", branch.name)).collect()
            };
            self.branches.iter().flat_map(full).collect()
        };
        let uris = self.endpoints.iter().filter_map(|endpoint| {
            let branch = self.branches.iter().find(|branch| branch.id == endpoint.branch)?;
            let role = branch.roles.first()?;
            let uri = |database: &Database| self.uri(endpoint, role, &database.name, false);
            Some(branch.databases.iter().map(uri).collect::<Vec<_>>())
        });
        ProjectView {
            id: self.id.clone(),
            name: self.name.clone(),
            region: self.region.clone(),
            pg_version: self.pg_version,
            databases: of_branches(|branch| branch.databases.iter().map(|d| d.name.as_str()).collect()),
            roles: of_branches(|branch| branch.roles.iter().map(|r| r.name.as_str()).collect()),
            connection_uris: uris.flatten().collect(),
        }
    }
}
