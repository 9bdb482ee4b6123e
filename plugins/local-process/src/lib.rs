//! `local-process`: processes on this machine.
//!
//! A service of `type: process` with a `command` is started detached, with its configuration file written
//! first and its health check waited for. A later run leaves a process alone that is alive and was started
//! from the same definition; it restarts one whose definition changed, and starts one that is gone.

mod definition;
mod lifecycle;
mod options;
mod record;
mod template;
#[cfg(test)]
mod tests;

use ss_sdk::{
    Action, Change, Context, Credential, Description, Failure, Health, Outcome, Plan, Provider, Service,
    Shape, State,
};

use definition::Definition;
use lifecycle::Lifecycle;
use options::Options;
use record::Record;

/// The provider's name.
const NAME: &str = "local-process";

/// The provider.
pub struct LocalProcess;

ss_sdk::export!(LocalProcess);

impl Provider for LocalProcess {
    type Options = Options;

    fn describe() -> Description {
        Description {
            provider: NAME.into(),
            summary: "Processes on this machine, started detached and checked for health".into(),
            requires_api_key: false,
            options_schema: include_str!("../options.schema.json").into(),
            shapes: vec![Shape { kind: "process".into(), requires: "command".into() }],
            example: include_str!("../example.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        let definition = Definition::of(context, service)?;
        let Some(record) = Record::latest(context) else {
            return Ok(Plan::new(Action::Create, format!("process {}", definition.program())));
        };
        if !context.processes().alive(&record.handle()) {
            return Ok(Plan {
                action: Action::Update,
                detail: format!("start again, pid {} is not running", record.pid),
                changes: vec![gone()],
            });
        }
        let changes = definition.changes_since(&record, context);
        let detail = if changes.is_empty() {
            record.alive()
        } else {
            format!("restart process {}", definition.program())
        };
        Ok(Plan::converge(detail, changes))
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        let definition = Definition::of(context, service)?;
        let lifecycle = Lifecycle::new(context, service, &definition);
        let (record, summary) = lifecycle.converge()?;
        let mut outcome = Outcome::new(record.state(context), summary);
        for (name, value) in &service.options.credentials {
            outcome = outcome.with_credential(Credential::public(name, options::text(value)));
        }
        Ok(outcome)
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        let record: Record = state.parse_metadata()?;
        if !context.processes().alive(&record.handle()) {
            return Ok(Health::unhealthy(record.not_running()));
        }
        let Some(url) = &record.health_check else {
            return Ok(Health::healthy(record.running()));
        };
        Ok(match lifecycle::probe(context, url) {
            Ok(()) => Health::healthy(record.running()),
            Err(reason) => Health::unhealthy(format!("{}, {reason}", record.alive())),
        })
    }

    fn observe(context: &Context<'_>, _: &Service<Options>, state: &State) -> Result<Vec<Change>, Failure> {
        let record: Record = state.parse_metadata()?;
        Ok(if context.processes().alive(&record.handle()) { Vec::new() } else { vec![gone()] })
    }

    fn find(context: &Context<'_>, _: &Service<Options>) -> Result<Option<State>, Failure> {
        let left: Option<Record> = context.partial();
        Ok(left
            .filter(|record| context.processes().alive(&record.handle()))
            .map(|record| record.state(context)))
    }

    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        let record: Record = state.parse_metadata()?;
        lifecycle::terminate(context, &record)
    }
}

/// The process is not running, and should be.
fn gone() -> Change {
    Change::new("process", "not running", "running")
}
