//! The provider: each operation as calls of Terraform.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use jiff::Timestamp;
use serde_json::{Value, json};
use ss_provider::{
    Action, Change, Description, Effect, EffectOutcome, Failure, FailureKind, Health, Identity, Metadata,
    Operation, Outcome, Plan, Provider, Service, State,
};
use ss_secret::Scrubber;

use crate::describe::{self, PROVIDER};
use crate::events::Said;
use crate::folder::{Folder, Recorded, read_state, unusable};
use crate::inputs::{Inputs, argument, awaits_others, exposed};
use crate::program::{Call, Program};
use crate::{outputs, plan};

/// Says what the W3C `traceparent` of Terraform is, given a run and a service; none without a collector.
pub type TraceParent = Arc<dyn Fn(&str, &str) -> Option<String> + Send + Sync>;

/// What the provider is lent.
pub struct Setup {
    /// The home of `ss`; states are kept in `terraform` below it.
    pub home: PathBuf,
    /// The environment that Terraform inherits, without what is `ss`'s own.
    pub environment: Vec<(OsString, OsString)>,
    /// Learns the secrets among outputs; everything shown passes it.
    pub scrubber: Arc<Scrubber>,
    /// The version of `ss`.
    pub version: String,
    /// The trace that Terraform's own belongs to.
    pub trace_parent: TraceParent,
}

/// Terraform as a provider.
pub struct Terraform {
    identity: Identity,
    description: Description,
    setup: Setup,
    /// Services may share a module, whose lock file `init` writes.
    initialising: tokio::sync::Mutex<()>,
}

/// One operation on one service.
struct Session<'a> {
    terraform: &'a Terraform,
    operation: &'a Operation,
    program: Program,
    inputs: Inputs,
    folder: Folder,
    environment: Vec<(OsString, OsString)>,
}

impl Terraform {
    /// A provider that looks for Terraform when it is first needed.
    pub fn new(setup: Setup) -> Self {
        Self {
            identity: describe::identity(&setup.version),
            description: describe::description(),
            setup,
            initialising: tokio::sync::Mutex::default(),
        }
    }

    fn session<'a>(
        &'a self,
        operation: &'a Operation,
        state: Option<&State>,
    ) -> Result<Session<'a>, Failure> {
        let inputs = Inputs::of(operation, state)?;
        let folder = self.folder(operation);
        let mut environment = self.setup.environment.clone();
        let fixed = [("TF_IN_AUTOMATION", "1"), ("TF_INPUT", "0"), ("CHECKPOINT_DISABLE", "1")];
        environment.extend(fixed.map(|(name, value)| (name.into(), value.into())));
        environment.push(("TF_DATA_DIR".into(), folder.data().into()));
        environment.extend(inputs.environment.iter().map(|(name, value)| (name.into(), exposed(value))));
        let run = operation.effects.run();
        let parent = run.and_then(|run| (self.setup.trace_parent)(&run, &operation.service.id));
        environment.extend(parent.map(|parent| ("TRACEPARENT".into(), parent.into())));
        let path =
            environment.iter().rev().find(|(name, _)| name == "PATH").map(|(_, value)| value.as_os_str());
        let program = Program::find(path)?;
        folder.make()?;
        Ok(Session { terraform: self, operation, program, inputs, folder, environment })
    }

    fn folder(&self, operation: &Operation) -> Folder {
        Folder::of(&self.setup.home, &operation.context, &operation.service.id)
    }
}

impl Session<'_> {
    fn call(&self, step: &'static str, arguments: Vec<OsString>) -> Call<'_> {
        Call { step, arguments, module: &self.inputs.module, environment: &self.environment }
    }

    /// Fetches what the module needs, unless it is there.
    async fn initialise(&self, anyway: bool) -> Result<(), Failure> {
        let (module, backend) = (&self.inputs.module, &self.inputs.backend);
        let _alone = self.terraform.initialising.lock().await;
        if !anyway && self.folder.is_initialised(module, backend) {
            return Ok(());
        }
        self.operation.progress.waiting("terraform init");
        let mut arguments = options(&["-input=false", "-no-color", "-reconfigure"]);
        arguments.extend(backend.iter().cloned());
        self.program.read(self.call("init", arguments)).await?;
        self.folder.note_initialised(module, backend)
    }

    /// Makes a plan and returns it as JSON. It stays where [`Folder::plan`] says.
    async fn planned(&self, more: &[&str]) -> Result<Vec<u8>, Failure> {
        self.operation.progress.waiting("terraform plan");
        let file = self.folder.plan();
        let plan = || {
            let mut arguments = options(&["-input=false", "-no-color", "-json", "-lock-timeout=60s"]);
            arguments.extend(options(more));
            arguments.push(argument("-out=", file.as_os_str()));
            arguments.extend(self.folder.state_argument());
            self.program.read(self.call("plan", arguments))
        };
        let fresh = !self.folder.is_initialised(&self.inputs.module, &self.inputs.backend);
        self.initialise(false).await?;
        if let Err(failure) = plan().await {
            // What was fetched may have been removed, or a module within the module have changed.
            if fresh {
                return Err(failure);
            }
            self.initialise(true).await?;
            plan().await?;
        }
        self.program.read(self.call("show", vec!["-no-color".into(), "-json".into(), file.into()])).await
    }

    /// What the state says, wherever it is kept.
    async fn recorded(&self) -> Result<Recorded, Failure> {
        if !self.folder.has_backend() {
            return self.folder.recorded();
        }
        read_state(&self.program.read(self.call("state", options(&["pull"]))).await?)
    }

    /// Insists that the state is the one that the service's record speaks of: without it Terraform would
    /// make everything a second time, or destroy nothing.
    async fn insist_on_state(&self, existing: Option<&State>) -> Result<Recorded, Failure> {
        let recorded = self.recorded().await?;
        let Some(existing) = existing else { return Ok(recorded) };
        let had = existing.metadata.get("resources").and_then(Value::as_u64).unwrap_or_default();
        if recorded.lineage == existing.resource_id || (had == 0 && recorded.lineage.is_empty()) {
            return Ok(recorded);
        }
        let (service, place) = (&self.operation.service.id, self.folder.state());
        Err(Failure::new(
            FailureKind::Conflict,
            format!("Terraform's state of `{service}` is not on this machine, and without it nothing is known of its {had} resources"),
        )
        .with_next_step(format!(
            "bring it to `{}`, or declare a backend in the module so that every machine has it",
            place.display()
        )))
    }

    /// Runs what changes something, between its records in the journal.
    async fn change(&self, step: &'static str, arguments: Vec<OsString>) -> Result<(), Failure> {
        let (effects, begun) = (&self.operation.effects, Instant::now());
        let unwritable = |error: std::io::Error| unusable(&self.folder.output(), &error);
        let id = effects.begin(&Effect::Spawn { program: self.program.name() }).map_err(unwritable)?;
        let scrubber = &self.terraform.setup.scrubber;
        let told = |said: Said| match said {
            Said::Waiting(text) => self.operation.progress.waiting(&scrubber.scrub(&text)),
            Said::Step(text) => self.operation.progress.step(&scrubber.scrub(&text)),
            Said::Warning(text) => self.operation.progress.log("warn", &scrubber.scrub(&text)),
        };
        let output = self.folder.output();
        let call = self.call(step, arguments);
        let result = self.program.change(call, &output, &self.operation.cancel, &told).await;
        let outcome = EffectOutcome {
            status: None,
            request_id: None,
            error: result.as_ref().err().map(|failure| scrubber.scrub(&failure.message).into_owned()),
            duration_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
        };
        effects.end(id, &outcome);
        result
    }

    /// The outputs, and the record of what there is.
    async fn outcome(&self, summary: String) -> Result<Outcome, Failure> {
        let mut arguments = options(&["-no-color", "-json"]);
        arguments.extend(self.folder.state_argument());
        let text = self.program.read(self.call("output", arguments)).await?;
        let offered = outputs::read(&text, self.inputs.outputs.as_ref(), &self.terraform.setup.scrubber)?;
        let mut state = state(&self.recorded().await?, &self.inputs.named, self.operation);
        if !offered.open.is_empty() {
            state.metadata.insert("outputs".to_owned(), Value::Object(offered.open));
        }
        Ok(Outcome { state, credentials: offered.credentials, summary })
    }
}

/// The record of a module's resources. What has one keeps its date.
fn state(recorded: &Recorded, module: &str, operation: &Operation) -> State {
    let existing = operation.context.existing.as_ref();
    let mut metadata = Metadata::new();
    metadata.insert("module".to_owned(), module.into());
    metadata.insert("resources".to_owned(), recorded.resources().into());
    State {
        provider: PROVIDER.to_owned(),
        resource_id: recorded.lineage.clone(),
        provisioned_at: existing
            .map_or_else(|| format!("{:.0}", Timestamp::now()), |state| state.provisioned_at.clone()),
        region: None,
        metadata,
    }
}

fn options(options: &[&str]) -> Vec<OsString> {
    options.iter().map(OsString::from).collect()
}

fn resources(count: usize) -> String {
    if count == 1 { "1 resource".to_owned() } else { format!("{count} resources") }
}

#[async_trait]
impl Provider for Terraform {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn description(&self) -> &Description {
        &self.description
    }

    async fn can_provision(&self, _service: &Service) -> Result<bool, Failure> {
        Ok(true)
    }

    async fn plan(&self, operation: &Operation) -> Result<Plan, Failure> {
        let existing = operation.context.existing.as_ref();
        let session = self.session(operation, existing)?;
        if awaits_others(operation) {
            let action = if existing.is_some() { Action::Update } else { Action::Create };
            let detail = "planned by Terraform once the services it needs have run".to_owned();
            return Ok(Plan { action, detail, changes: Vec::new() });
        }
        session.initialise(false).await?;
        session.insist_on_state(existing).await?;
        let document = session.planned(&[]).await;
        // It holds the values of variables.
        let _ = std::fs::remove_file(session.folder.plan());
        plan::plan(&document?, existing.is_some())
    }

    async fn provision(&self, operation: &Operation) -> Result<Outcome, Failure> {
        let existing = operation.context.existing.as_ref();
        let session = self.session(operation, existing)?;
        session.initialise(false).await?;
        let has_state = !session.insist_on_state(existing).await?.lineage.is_empty();
        let planned = match session.planned(&[]).await {
            Ok(document) => plan::plan(&document, existing.is_some()),
            Err(failure) => Err(failure),
        };
        let file = session.folder.plan();
        let applied = match planned {
            // A run that was cut short may have left nothing to do but to note it.
            Ok(planned) if planned.changes.is_empty() && has_state => Ok(planned),
            Ok(planned) => {
                // Whoever comes after a crash goes on: Terraform's own state says what there is.
                let saved = operation.effects.save_partial(&json!({ "applying": true }).to_string());
                let saved = saved.map_err(|error| unusable(&session.folder.output(), &error));
                let mut arguments =
                    options(&["-input=false", "-no-color", "-json", "-lock-timeout=60s", "-backup=-"]);
                arguments.extend(session.folder.state_argument());
                arguments.push(file.clone().into());
                match saved {
                    Ok(()) => session.change("apply", arguments).await.map(|()| planned),
                    Err(failure) => Err(failure),
                }
            }
            Err(failure) => Err(failure),
        };
        // It holds the values of variables.
        let _ = std::fs::remove_file(&file);
        let planned = applied?;
        let count = session.recorded().await?.resources();
        session.outcome(format!("{} ({})", resources(count), planned.detail)).await
    }

    async fn status(&self, operation: &Operation, state: &State) -> Result<Health, Failure> {
        let session = self.session(operation, Some(state))?;
        session.initialise(false).await?;
        let recorded = session.insist_on_state(Some(state)).await?;
        let message = format!("{} in Terraform's state", resources(recorded.resources()));
        Ok(Health { healthy: true, message, raw: None })
    }

    async fn observe(&self, operation: &Operation, state: &State) -> Result<Vec<Change>, Failure> {
        let session = self.session(operation, Some(state))?;
        session.initialise(false).await?;
        session.insist_on_state(Some(state)).await?;
        let document = session.planned(&["-refresh-only"]).await;
        let _ = std::fs::remove_file(session.folder.plan());
        plan::drift(&document?)
    }

    async fn find(&self, operation: &Operation) -> Result<Option<State>, Failure> {
        let session = self.session(operation, None)?;
        session.initialise(false).await?;
        let recorded = session.recorded().await?;
        Ok((recorded.resources() > 0).then(|| state(&recorded, &session.inputs.named, operation)))
    }

    async fn destroy(&self, operation: &Operation, state: &State) -> Result<(), Failure> {
        let session = self.session(operation, Some(state))?;
        session.initialise(false).await?;
        let recorded = session.insist_on_state(Some(state)).await?;
        if recorded.resources() > 0 {
            let mut arguments = options(&[
                "-input=false",
                "-auto-approve",
                "-no-color",
                "-json",
                "-lock-timeout=60s",
                "-backup=-",
            ]);
            arguments.extend(session.folder.state_argument());
            session.change("destroy", arguments).await?;
        }
        session.folder.remove()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_resource_is_not_several() {
        assert_eq!((resources(1).as_str(), resources(2).as_str()), ("1 resource", "2 resources"));
    }
}
