//! The app, its addresses and its machine: finding them, making what is missing, changing what differs.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use ss_sdk::{Change, Context, Failure, FailureKind, Service, State};

use crate::api::{Address, Api, Machine, UNSEEN_LIMIT};
use crate::desired::{Desired, OWNER};
use crate::options::{Options, machine_name};

/// How long an app is looked for whose name is taken, if nothing says that it is ours.
const TAKEN_LIMIT: Duration = Duration::from_secs(3);

/// How often an update is tried whose machine changed between reading and writing.
const UPDATE_ATTEMPTS: u32 = 3;

/// The organisation that every account has.
const PERSONAL: &str = "personal";

/// What is kept until the app runs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Partial {
    app: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    machine_id: Option<String>,
}

/// What state keeps beside the app's name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    /// Id of the machine; empty for an app that has none yet.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub machine_id: String,
    /// Image that the machine runs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub image: String,
    /// Where the app answers.
    #[serde(default)]
    pub url: String,
    /// Whether an idle machine is stopped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub autostop: bool,
}

/// What became of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Done {
    Created,
    Replaced,
    Updated,
    Nothing,
}

/// One service and its app.
pub struct Deployment<'a, 'h> {
    pub context: &'a Context<'h>,
    pub options: &'a Options,
    pub app: String,
    pub api: Api<'a, 'h>,
    pub desired: Desired,
    service: &'a Service<Options>,
}

impl<'a, 'h> Deployment<'a, 'h> {
    /// The deployment of a service.
    ///
    /// # Errors
    ///
    /// The service was deployed under another app name: that app would be left behind.
    pub fn new(context: &'a Context<'h>, service: &'a Service<Options>) -> Result<Self, Failure> {
        let app = service.options.app_name(context);
        if let Some(existing) = &context.existing
            && existing.resource_id != app
        {
            return Err(Failure::invalid_configuration(
                service.option_path("app"),
                format!(
                    "the app of `{}` is named `{}` and cannot be renamed to `{app}`",
                    service.id, existing.resource_id
                ),
            )
            .with_next_step("destroy the service first, or set `app` back"));
        }
        let api = Api::new(context, &service.options_path)?;
        let desired = Desired::of(context, service);
        Ok(Self { context, options: &service.options, app, api, desired, service })
    }

    /// `https://<app>.fly.dev`.
    pub fn url(&self) -> String {
        format!("https://{}.fly.dev", self.app)
    }

    /// Makes sure that the app exists.
    pub fn ensure_app(&self) -> Result<(), Failure> {
        let Some(app) = self.api.app(&self.app)? else {
            return self.create_app();
        };
        match &self.options.org {
            Some(org) if !app.organization.slug.is_empty() && app.organization.slug != *org => {
                Err(Failure::conflict(format!(
                    "the app `{}` is in organisation `{}`, not in `{org}`",
                    self.app, app.organization.slug
                ))
                .with_next_step("correct `org`, or choose another `app` name"))
            }
            _ => Ok(()),
        }
    }

    fn create_app(&self) -> Result<(), Failure> {
        let org = self.organization()?;
        match self.api.create_app(&self.app, &org) {
            Ok(true) => {}
            // Taken, maybe by an attempt of ours whose answer was lost or that Fly did not show yet.
            Ok(false) if self.appears(if self.is_known() { UNSEEN_LIMIT } else { TAKEN_LIMIT })? => {}
            Ok(false) => {
                return Err(Failure::conflict(format!(
                    "the app name `{}` is taken: names are unique across all of Fly",
                    self.app
                ))
                .with_next_step(format!("choose another name with `{}`", self.service.option_path("app"))));
            }
            Err(failure) if failure.kind == FailureKind::OutcomeUnknown => {
                self.context.warn(format!("{failure}; looking for the app"));
                if !self.appears(UNSEEN_LIMIT)? {
                    return Err(
                        failure.with_next_step("run again: `ss` looks for the app before it creates one")
                    );
                }
            }
            Err(failure) => return Err(failure),
        }
        self.keep(None)?;
        self.context.step(format!("App created: {}", self.app));
        Ok(())
    }

    fn appears(&self, limit: Duration) -> Result<bool, Failure> {
        let seen = self.context.wait("the app to appear", limit).within_limit(|| self.api.app(&self.app))?;
        Ok(seen.is_some())
    }

    /// Whether an earlier attempt is known to have made the app.
    fn is_known(&self) -> bool {
        self.partial().is_some() || self.context.existing.is_some()
    }

    fn organization(&self) -> Result<String, Failure> {
        if let Some(org) = &self.options.org {
            return Ok(org.clone());
        }
        let mut slugs = self.api.organizations()?;
        Ok(if slugs.len() == 1 { slugs.remove(0) } else { PERSONAL.into() })
    }

    /// Makes sure that the app has a public address of each kind.
    pub fn ensure_addresses(&self) -> Result<(), Failure> {
        let mut addresses = self.addresses()?;
        for (kind, mark) in [("shared_v4", '.'), ("v6", ':')] {
            if has_public(&addresses, mark) {
                continue;
            }
            if let Err(failure) = self.api.assign_address(&self.app, kind) {
                addresses = self.addresses()?;
                if failure.kind != FailureKind::OutcomeUnknown || !has_public(&addresses, mark) {
                    return Err(failure);
                }
            }
            self.keep(None)?;
            self.context.info(format!("address of kind {kind} assigned to {}", self.app));
        }
        Ok(())
    }

    /// The addresses of the app, which exists, but may not be shown yet.
    fn addresses(&self) -> Result<Vec<Address>, Failure> {
        let wait = self.context.wait("the app to appear", UNSEEN_LIMIT);
        let addresses = wait.within_limit(|| self.api.addresses(&self.app))?;
        addresses.ok_or_else(|| Failure::not_found(format!("the app `{}` is gone", self.app)))
    }

    /// The service's machine: the recorded one, or the one that carries its mark or its name. None also if
    /// there is no such app.
    pub fn machine(&self) -> Result<Option<Machine>, Failure> {
        let machines = self.api.machines(&self.app)?.unwrap_or_default();
        let recorded = self.recorded_machine();
        if let Some(machine) = machines.iter().find(|machine| recorded.as_ref() == Some(&machine.id)) {
            return Ok(Some(machine.clone()));
        }
        let (owner, name) = (self.context.owner(), machine_name(&self.service.id));
        let mut ours: Vec<_> = machines
            .into_iter()
            .filter(|machine| machine.metadata(OWNER).map_or(machine.name == name, |mark| mark == owner))
            .collect();
        if ours.len() > 1 {
            let ids: Vec<_> = ours.iter().map(|machine| machine.id.as_str()).collect();
            return Err(Failure::conflict(format!(
                "the app `{}` has {} machines of `{}`: {}",
                self.app,
                ids.len(),
                self.service.id,
                ids.join(", ")
            ))
            .with_next_step("remove those that nobody uses"));
        }
        Ok(ours.pop())
    }

    /// As [`machine`](Self::machine), for whoever creates a machine if there is none: one that is known by
    /// its id counts as gone only if Fly says so, or has not shown it for a while.
    fn machine_or_gone(&self) -> Result<Option<Machine>, Failure> {
        let Some(id) = self.recorded_machine() else { return self.machine() };
        let wait = self.context.wait("the machine to appear", UNSEEN_LIMIT);
        let decided = wait.within_limit(|| {
            if let Some(machine) = self.machine()? {
                return Ok(Some(Some(machine)));
            }
            let remembered = self.api.remembered_machine(&self.app, &id)?;
            Ok(remembered.is_some_and(|machine| machine.is_gone()).then_some(None))
        })?;
        Ok(decided.flatten())
    }

    fn recorded_machine(&self) -> Option<String> {
        let recorded = self.partial().and_then(|partial| partial.machine_id).or_else(|| {
            let metadata: Metadata = self.context.existing.as_ref()?.parse_metadata().ok()?;
            Some(metadata.machine_id)
        });
        recorded.filter(|id| !id.is_empty())
    }

    fn partial(&self) -> Option<Partial> {
        self.context.partial().filter(|partial: &Partial| partial.app == self.app)
    }

    /// Whether the machine must be replaced: the region of a machine cannot change.
    pub fn region_change(&self, machine: &Machine) -> Option<Change> {
        let elsewhere = !machine.region.is_empty() && machine.region != self.options.region;
        elsewhere.then(|| Change::new("region", machine.region.as_str(), self.options.region.as_str()))
    }

    /// Makes sure that a machine of the wanted definition runs.
    pub fn ensure_machine(&self) -> Result<(Machine, Done), Failure> {
        let (machine, done) = match self.machine_or_gone()? {
            None => (self.create_machine()?, Done::Created),
            Some(machine) if self.region_change(&machine).is_some() => {
                self.refuse_with_volumes(&machine)?;
                self.api.delete_machine(&self.app, &machine.id)?;
                (self.create_machine()?, Done::Replaced)
            }
            Some(machine) if !self.desired.changes(&machine).is_empty() => {
                (self.update_machine(machine)?, Done::Updated)
            }
            Some(machine) => (machine, Done::Nothing),
        };
        if done == Done::Nothing {
            self.wake(&machine)?;
        } else {
            self.api.wait_until_started(&self.app, &machine)?;
            self.context.step(match done {
                Done::Updated => format!("Machine updated to {}", self.options.image),
                _ => format!("Machine launched in {}", self.options.region),
            });
        }
        Ok((machine, done))
    }

    fn create_machine(&self) -> Result<Machine, Failure> {
        let name = machine_name(&self.service.id);
        let machine =
            match self.api.create_machine(&self.app, &name, &self.options.region, &self.desired.config()) {
                Ok(machine) => machine,
                Err(failure) if failure.kind == FailureKind::OutcomeUnknown => {
                    self.context.warn(format!("{failure}; looking for the machine"));
                    let wait = self.context.wait("the machine to appear", UNSEEN_LIMIT);
                    let Some(machine) = wait.within_limit(|| self.machine())? else {
                        return Err(failure
                            .with_next_step("run again: `ss` looks for the machine before it creates one"));
                    };
                    machine
                }
                Err(failure) => return Err(failure),
            };
        self.keep(Some(&machine))?;
        Ok(machine)
    }

    /// Writes the whole configuration back, on condition that nobody else did meanwhile.
    fn update_machine(&self, mut machine: Machine) -> Result<Machine, Failure> {
        self.keep(Some(&machine))?;
        let mut attempts_left = UPDATE_ATTEMPTS;
        loop {
            if !machine.config.is_object() {
                return Err(Failure::unavailable(format!(
                    "Fly does not show the configuration of machine {} now, so that it cannot be updated",
                    machine.id
                )));
            }
            let config = self.desired.merged_into(&machine.config);
            let failure = match self.api.update_machine(&self.app, &machine, &config) {
                Err(failure) if attempts_left > 1 => failure,
                result => return result,
            };
            if !matches!(failure.kind, FailureKind::Conflict | FailureKind::OutcomeUnknown) {
                return Err(failure);
            }
            self.context.warn(format!("{failure}; reading the machine again"));
            machine = self.api.machine(&self.app, &machine.id)?.ok_or(failure)?;
            if self.desired.changes(&machine).is_empty() {
                return Ok(machine);
            }
            attempts_left -= 1;
        }
    }

    fn refuse_with_volumes(&self, machine: &Machine) -> Result<(), Failure> {
        let mounts = machine.config.get("mounts").and_then(Value::as_array);
        if mounts.is_none_or(Vec::is_empty) {
            return Ok(());
        }
        Err(Failure::invalid_configuration(
            self.service.option_path("region"),
            format!("machine {} has a volume, which cannot leave region {}", machine.id, machine.region),
        )
        .with_next_step("move the data first, or set `region` back"))
    }

    /// Makes sure that a machine runs that needs no change: it may still be starting after an attempt that
    /// was cut short, and nobody should have stopped it.
    fn wake(&self, machine: &Machine) -> Result<(), Failure> {
        let idle = matches!(machine.state.as_str(), "stopped" | "suspended");
        if machine.state == "started" || (idle && self.options.autostop != "off") {
            return Ok(());
        }
        if idle || machine.state == "failed" {
            self.api.start_machine(&self.app, &machine.id)?;
        }
        self.api.wait_until_started(&self.app, machine)?;
        self.context.step(format!("Machine launched in {}", machine.region));
        Ok(())
    }

    fn keep(&self, machine: Option<&Machine>) -> Result<(), Failure> {
        let machine_id = machine.map(|machine| machine.id.clone()).or_else(|| self.recorded_machine());
        self.context.save_partial(&Partial { app: self.app.clone(), machine_id })
    }

    /// The state of the service.
    pub fn state(&self, machine: Option<&Machine>) -> State {
        let metadata = Metadata {
            machine_id: machine.map(|machine| machine.id.clone()).unwrap_or_default(),
            image: machine.map(|_| self.options.image.clone()).unwrap_or_default(),
            url: self.url(),
            autostop: self.options.autostop != "off",
        };
        self.context
            .state(crate::NAME, self.app.clone())
            .with_region(self.options.region.clone())
            .with_metadata(&metadata)
    }
}

/// Whether there is a public address with this mark in it: a dot for IPv4, a colon for IPv6.
fn has_public(addresses: &[Address], mark: char) -> bool {
    addresses.iter().any(|address| !address.egress && address.network.is_none() && address.ip.contains(mark))
}
