//! Deployments: starting one, waiting for it, and what its state means.

use std::time::Duration;

use ss_sdk::{Failure, FailureKind};

use crate::api::{Deployment, Place};
use crate::site::{Partial, Site};

/// How long a deployment may take; a repository is built first.
const DEPLOYMENT_LIMIT: Duration = Duration::from_secs(20 * 60);

/// How long a deployment is looked for whose start got no answer.
const SEARCH_LIMIT: Duration = Duration::from_secs(20);

/// What a deployment's state means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It runs, or sleeps until somebody comes.
    Up,
    /// It is on its way.
    Moving,
    /// A person has to let it through.
    Held,
    /// It is not, and will not be.
    Down,
}

impl Deployment {
    /// What its state means. What is not known yet may come to something.
    pub fn standing(&self) -> Standing {
        match self.status.as_str() {
            "SUCCESS" | "SLEEPING" => Standing::Up,
            "FAILED" | "CRASHED" | "REMOVED" | "REMOVING" | "SKIPPED" => Standing::Down,
            "NEEDS_APPROVAL" => Standing::Held,
            _ => Standing::Moving,
        }
    }
}

impl Site<'_, '_> {
    /// Makes sure that a deployment runs; a new one if anything changed, or if the last one does not run.
    /// Tells whether it started one.
    pub fn deploy(&self, place: &Place, changed: bool) -> Result<bool, Failure> {
        let before = self.api.instance(place)?.latest_deployment;
        let runs = before.as_ref().is_some_and(|deployment| deployment.standing() != Standing::Down);
        let begun = self.partial().deployment_id;
        let id = match (&begun, &before) {
            // Started by an attempt that was cut short while it waited.
            (Some(id), _) if !changed => id.clone(),
            (_, Some(deployment)) if runs && !changed => deployment.id.clone(),
            _ => self.start(place, before.as_ref())?,
        };
        let started = before.is_none_or(|deployment| deployment.id != id);
        self.wait(place, id)?;
        if started {
            self.context.step("Deployment is running");
        }
        Ok(started)
    }

    fn start(&self, place: &Place, before: Option<&Deployment>) -> Result<String, Failure> {
        let id = match self.api.deploy(place) {
            Ok(id) => id,
            Err(failure) if failure.kind == FailureKind::OutcomeUnknown => {
                self.context.warn(format!("{failure}; looking for the deployment"));
                let wait = self.context.wait("the deployment to appear", SEARCH_LIMIT);
                let seen = wait.within_limit(|| {
                    let latest = self.api.instance(place)?.latest_deployment;
                    Ok(latest.filter(|latest| before.is_none_or(|before| before.id != latest.id)))
                })?;
                seen.ok_or(failure)?.id
            }
            Err(failure) => return Err(failure),
        };
        self.keep(&Partial {
            project_id: place.project.clone(),
            service_id: place.service.clone(),
            undeployed: false,
            deployment_id: Some(id.clone()),
        })?;
        Ok(id)
    }

    fn wait(&self, place: &Place, id: String) -> Result<(), Failure> {
        let mut id = id;
        let name = self.options.service_name(self.context);
        self.context.wait(format!("the deployment of {name}"), DEPLOYMENT_LIMIT).until(|| {
            let Some(deployment) = self.api.deployment(&id)? else { return Ok(None) };
            match deployment.standing() {
                Standing::Up => Ok(Some(())),
                Standing::Moving => Ok(None),
                Standing::Held => Err(Failure::conflict("the deployment needs an approval")
                    .with_next_step("approve it on Railway's dashboard, and run again")),
                Standing::Down => {
                    // Another one may have taken its place, such as that of a push.
                    let latest = self.api.instance(place)?.latest_deployment;
                    match latest.filter(|latest| latest.id != id && latest.standing() != Standing::Down) {
                        Some(latest) => {
                            id = latest.id;
                            Ok(None)
                        }
                        None => Err(down(&deployment)),
                    }
                }
            }
        })
    }
}

fn down(deployment: &Deployment) -> Failure {
    Failure::conflict(format!(
        "the deployment {} is in state `{}`",
        deployment.id,
        deployment.status.to_lowercase()
    ))
    .with_next_step("look at its logs on Railway's dashboard, correct what is wrong, and run again")
}
