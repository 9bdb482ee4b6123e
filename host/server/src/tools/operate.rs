//! Looking after what runs: drift, going back, tearing down.

use std::sync::Arc;

use serde_json::{Value, json};
use ss_engine::{DestroyPlan, Event, History, Observer, Scope, Selection};
use ss_provider::Cancel;
use ss_registry::AgentChange;

use super::change::{Decision, Proposal, decide, done, output};
use super::provision::{finished, watched};
use super::{Call, Effect, Tool};
use crate::answer::{Answered, answer};
use crate::composition::Refusal;
use crate::schema::{
    approvals, document, environment, environment_or_service, flag, list, next, object, service_id, text,
};
use crate::server::digest_of;

pub(super) fn tools() -> Vec<Tool> {
    vec![
        Tool {
            name: "starsystem_drift",
            title: "Find what was changed behind our back",
            description: "Asks every provider whether what was deployed is still as it was deployed, and says field by field what differs. Changes nothing. Next: starsystem_deploy makes it what the file says.",
            effect: Effect::Asks,
            documented: false,
            input: || {
                let (name, _) = service_id();
                object(&[environment(), (name, text("Only this service."))], &[])
            },
            output: || {
                object(
                    &[
                        ("drifted", flag("Whether anything differs.")),
                        ("complete", flag("Whether every provider could be asked.")),
                        (
                            "services",
                            list(document("Service, provider, status, changes."), "What was found."),
                        ),
                        next(),
                    ],
                    &["drifted", "complete", "services", "next"],
                )
            },
            run: |call| Box::pin(drift(call)),
        },
        Tool {
            name: "starsystem_plan_destroy",
            title: "Show what a destroy would tear down",
            description: "Lists what exists in an environment in the order in which starsystem_destroy would tear it down. Changes nothing and asks no provider. Use it before starsystem_destroy.",
            effect: Effect::Looks,
            documented: false,
            input: || {
                let (name, _) = service_id();
                object(&[environment(), (name, text("Only this service."))], &[])
            },
            output: || {
                object(&[("plan", document("What exists, dependents first.")), next()], &["plan", "next"])
            },
            run: |call| Box::pin(plan_destroy(call)),
        },
        Tool {
            name: "starsystem_destroy",
            title: "Tear down",
            description: "Tears down what exists in an environment, or one service, with its data, dependents first. The first call returns a plan and its digest, and a person must approve. Only when the person asked for it; call starsystem_plan_destroy first.",
            effect: Effect::Changes { destructive: true },
            documented: false,
            input: environment_or_service,
            output: || output(&[("run", document("What became of each service."))]),
            run: |call| Box::pin(destroy(call)),
        },
        Tool {
            name: "starsystem_rollback",
            title: "Go back to an earlier run",
            description: "Makes credentials and recorded states what they were after an earlier run; sends nothing to any provider. The first call returns a plan and its digest, and a person must approve. starsystem_receipts lists the runs. Next: starsystem_plan with scope `deploy` shows what a deploy would change then.",
            effect: Effect::Changes { destructive: true },
            documented: false,
            input: || {
                let mut properties =
                    vec![("run", text("The run to go back to: its id, or how that begins.")), environment()];
                properties.extend(approvals());
                object(&properties, &["run"])
            },
            output: || {
                output(&[("run", document("What was restored, rotated, stranded, revived and is pending."))])
            },
            run: |call| Box::pin(rollback(call)),
        },
    ]
}

fn selection(call: &Call) -> Result<Selection, Refusal> {
    let service = call.optional("service_id")?;
    Ok(service.map_or(Selection::All, |service| Selection::Service(service.to_owned())))
}

async fn drift(call: Call) -> Answered {
    let (environment, selected) = (call.environment()?, selection(&call)?);
    let opened = call.server.shared.open(&environment, call.tool.name, Scope::Everything).await?;
    let cancel = Cancel::default();
    let drift = tokio::select! {
        drift = opened.engine.drift(&selected, cancel.clone()) => drift?,
        () = call.context.ct.cancelled() => {
            cancel.cancel();
            return Err(Refusal::new("cancelled"));
        }
    };
    let drifted = drift.drifted;
    Ok(answer(
        json!(drift),
        json!({
            "next": if drifted {
                "starsystem_deploy makes it what the file says; or write into the file what is right now."
            } else {
                "Nothing to do, unless a provider could not be asked."
            },
        }),
    ))
}

async fn planned(call: &Call, command: &'static str) -> Result<(crate::Opened, DestroyPlan), Refusal> {
    let (environment, selected) = (call.environment()?, selection(call)?);
    let opened = call.server.shared.open(&environment, command, Scope::Everything).await?;
    let planned = opened.engine.plan_destroy(&selected)?;
    Ok((opened, planned))
}

async fn plan_destroy(call: Call) -> Answered {
    let (_, planned) = planned(&call, "starsystem_plan_destroy").await?;
    Ok(answer(
        json!({ "plan": planned }),
        json!({
            "next": "starsystem_destroy tears it down, if the person wants that and approves.",
        }),
    ))
}

async fn destroy(call: Call) -> Answered {
    let environment = call.text("environment")?.to_owned();
    let (opened, planned) = planned(&call, "starsystem_destroy").await?;
    let lines = planned.entries.iter().map(|entry| {
        let what = entry.resource_id.as_deref().unwrap_or("what an interrupted run left");
        format!("destroy {} ({}): {what}, with its data", entry.service, entry.provider)
    });
    let proposal = Proposal {
        change: AgentChange::Destroy,
        project: planned.project.clone(),
        environment: environment.clone(),
        protected: opened.system.protected,
        digest: digest_of(&json!({
            "change": "starsystem_destroy",
            "folder": opened.system.dir,
            "service": call.optional("service_id")?,
            "plan": planned,
        })),
        plan: json!(planned),
        lines: lines.collect(),
        costs: Vec::new(),
    };
    if planned.entries.is_empty() {
        return Ok(done(
            &proposal,
            None,
            Value::Null,
            json!({
                "status": "unchanged",
                "applied": false,
                "next": "Nothing exists that could be torn down.",
            }),
        ));
    }
    let by = match decide(&call, &proposal).await? {
        Decision::Go(by) => by,
        Decision::End(answer) => return Ok(answer),
    };
    let (engine, total) = (opened.engine.clone(), planned.entries.len());
    let report = watched(&call, &environment, total, move |observer, interrupt| async move {
        engine.destroy(planned, observer, interrupt).await
    })
    .await?;
    Ok(finished(&proposal, by, &report, "starsystem_inspect shows what was done."))
}

/// Watches nothing.
struct Unwatched;

impl Observer for Unwatched {
    fn event(&self, _event: Event<'_>) {}
}

async fn rollback(call: Call) -> Answered {
    let environment = call.environment()?;
    let shared = &call.server.shared;
    let opened = shared.open(&environment, "starsystem_rollback", Scope::Everything).await?;
    let history = History::new(&shared.config.home, &opened.system.project, Some(&environment));
    let to = history.find(Some(call.text("run")?)).map_err(|error| {
        let refusal = Refusal::of(&error);
        error.help().into_iter().fold(refusal, Refusal::hint)
    })?;
    let plan = json!({
        "to": to.run,
        "number": to.number,
        "command": to.command,
        "started": to.started,
        "services": to.services.iter().map(|service| &service.report.service).collect::<Vec<_>>(),
    });
    let states: Vec<Value> =
        opened.engine.overview()?.services.iter().map(|service| json!(service.state)).collect();
    let proposal = Proposal {
        change: AgentChange::Rollback,
        project: opened.system.project.clone(),
        environment: environment.clone(),
        protected: opened.system.protected,
        digest: digest_of(&json!({
            "change": "starsystem_rollback",
            "folder": opened.system.dir,
            "environment": environment,
            "plan": plan,
            "states": states,
        })),
        lines: vec![format!(
            "make credentials and recorded states what they were after run {} of {}",
            to.run, to.started
        )],
        plan,
        costs: Vec::new(),
    };
    let by = match decide(&call, &proposal).await? {
        Decision::Go(by) => by,
        Decision::End(answer) => return Ok(answer),
    };
    let running = shared.runs.begin();
    let done_back = opened.engine.rollback(&to, Arc::new(Unwatched))?;
    drop(running);
    Ok(done(
        &proposal,
        Some(by),
        json!(done_back),
        json!({
            "status": "applied",
            "applied": true,
            "next": "starsystem_plan with scope `deploy` shows what a deploy would change now.",
        }),
    ))
}
