//! What a Fly app consists of.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{AppView, MachineView};
use crate::clock::{Clock, Moment};

#[derive(Debug)]
pub(super) struct App {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) network: String,
    pub(super) created: Moment,
    /// When deletion was asked for.
    pub(super) deleted: Option<Moment>,
    pub(super) addresses: Vec<Address>,
    /// Digests by name: the values are not kept.
    pub(super) secrets: BTreeMap<String, String>,
    pub(super) secrets_version: i64,
    pub(super) machines: Vec<Machine>,
}

#[derive(Debug)]
pub(super) struct Address {
    pub(super) kind: String,
    pub(super) ip: String,
    pub(super) created_at: String,
}

#[derive(Debug)]
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) region: String,
    pub(super) config: Value,
    /// The current version's id is the last one.
    pub(super) versions: Vec<String>,
    pub(super) private_ip: String,
    pub(super) created: Moment,
    pub(super) created_at: String,
    pub(super) updated_at: String,
    /// What the machine was last told, and when.
    pub(super) course: Course,
    pub(super) since: Moment,
    /// Its image is one of the broken ones.
    pub(super) broken: bool,
    pub(super) lease: Option<Lease>,
}

/// Where a machine is heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Course {
    /// `created` → `starting` → `started`.
    Launch,
    /// `replacing` → `starting` → `started`.
    Replace,
    /// Stays `created`, or `stopped` once it has run.
    Rest,
    /// `stopping` → `stopped`.
    Stop,
    /// `destroying` → `destroyed`.
    Destroy,
}

#[derive(Debug)]
pub(super) struct Lease {
    pub(super) nonce: String,
    pub(super) description: String,
    /// Seconds of Unix time.
    pub(super) expires_at: i64,
}

impl App {
    /// Whether it is still there: a deleted app lingers for a while.
    pub(super) fn exists(&self, clock: &Clock) -> bool {
        self.deleted.is_none_or(|deleted| clock.paces_since(deleted) < 1.0)
    }

    pub(super) fn view(&self) -> AppView {
        AppView {
            name: self.name.clone(),
            addresses: self.addresses.iter().map(|address| address.kind.clone()).collect(),
            secrets: self.secrets.keys().cloned().collect(),
        }
    }

    pub(super) fn machine_views(&self, clock: &Clock) -> Vec<MachineView> {
        let there = self.machines.iter().filter(|machine| machine.state(clock) != "destroyed");
        there.map(|machine| machine.view(&self.name, clock)).collect()
    }
}

impl Machine {
    /// The current version's id, which is also the instance's.
    pub(super) fn version(&self) -> &str {
        self.versions.last().map_or("", String::as_str)
    }

    pub(super) fn state(&self, clock: &Clock) -> &'static str {
        let paces = clock.paces_since(self.since);
        match self.course {
            Course::Launch | Course::Replace if paces >= 1.0 => "started",
            Course::Launch | Course::Replace if paces >= 0.5 => "starting",
            Course::Launch => "created",
            Course::Replace => "replacing",
            Course::Rest => "stopped",
            Course::Stop if paces >= 1.0 => "stopped",
            Course::Stop => "stopping",
            Course::Destroy if paces >= 1.0 => "destroyed",
            Course::Destroy => "destroying",
        }
    }

    /// Whether its checks pass: a pace after it started.
    pub(super) fn is_well(&self, clock: &Clock) -> bool {
        let runs = matches!(self.course, Course::Launch | Course::Replace);
        runs && !self.broken && clock.paces_since(self.since) >= 2.0
    }

    /// Sends it on a course.
    pub(super) fn set_course(&mut self, course: Course, clock: &Clock) {
        self.course = course;
        self.since = clock.now();
        self.updated_at = timestamp();
    }

    /// The lease that holds now.
    pub(super) fn lease(&self) -> Option<&Lease> {
        self.lease.as_ref().filter(|lease| lease.expires_at > jiff::Timestamp::now().as_second())
    }

    fn view(&self, app: &str, clock: &Clock) -> MachineView {
        MachineView {
            id: self.id.clone(),
            app: app.to_owned(),
            name: self.name.clone(),
            region: self.region.clone(),
            state: self.state(clock),
            versions: self.versions.len(),
            config: self.config.clone(),
            leased: self.lease().is_some(),
        }
    }
}

/// The present, as Fly writes it.
pub(super) fn timestamp() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
