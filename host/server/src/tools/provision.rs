//! Making the system what its file says: planning, provisioning, deploying.

use std::future::Future;
use std::sync::Arc;

use serde_json::{Value, json};
use ss_engine::{
    Decision as Planned, EngineError, Interrupt, Observer, RunReport, Scope, Selection, SystemPlan,
};
use ss_registry::AgentChange;

use super::change::{Decision, Proposal, decide, done, output};
use super::{Call, Effect, Tool};
use crate::answer::{Answered, answer};
use crate::composition::{Opened, Refusal};
use crate::runs::{Watcher, stop};
use crate::schema::{
    approvals, document, environment, environment_or_service, flag, maybe, next, object, one_of, service_id,
    text,
};
use crate::server::digest_of;

pub(super) fn tools() -> Vec<Tool> {
    let run = || output(&[("run", document("What became of each service."))]);
    vec![
        Tool {
            name: "starsystem_provision",
            title: "Bring the whole system up",
            description: "Makes everything that the file describes, in dependency order, as `ss provision` does; what exists is verified. Local processes are started at once; as soon as a cloud is involved, the first call returns a plan and its digest, and a person must approve. Next: starsystem_provision_status.",
            effect: Effect::Changes { destructive: true },
            documented: true,
            input: || {
                let mut properties = vec![environment()];
                properties.extend(approvals());
                object(&properties, &[])
            },
            output: run,
            run: |call| Box::pin(provision(call, "starsystem_provision", Scope::Provision, false)),
        },
        Tool {
            name: "starsystem_provision_service",
            title: "Bring one service up",
            description: "Makes or verifies one service, without what it needs, as `ss provision --service=<id>` does. A local process is started at once; anything in a cloud needs a person's approval of the plan that the first call returns. Next: starsystem_provision_status, then starsystem_test_connection.",
            effect: Effect::Changes { destructive: true },
            documented: true,
            input: || {
                let mut properties = vec![service_id(), environment()];
                properties.extend(approvals());
                object(&properties, &["service_id"])
            },
            output: run,
            run: |call| Box::pin(provision(call, "starsystem_provision_service", Scope::Provision, true)),
        },
        Tool {
            name: "starsystem_deploy",
            title: "Deploy the remote services",
            description: "Makes the remote services of an environment what the file says, as `ss deploy --env` does; processes of this machine are left alone. The first call returns a plan and its digest, and a person must approve. Call starsystem_plan with scope `deploy` first. Next: starsystem_inspect shows every request that was made.",
            effect: Effect::Changes { destructive: true },
            documented: false,
            input: environment_or_service,
            output: run,
            run: |call| Box::pin(deploy(call)),
        },
        Tool {
            name: "starsystem_plan",
            title: "Show what would be done",
            description: "Shows what starsystem_provision (scope `provision`, the default) or starsystem_deploy (scope `deploy`) would do to each service, field by field, and changes nothing: the sandbox lets no request through that could. Use it before either of them.",
            effect: Effect::Asks,
            documented: false,
            input: || {
                let (name, _) = service_id();
                object(
                    &[
                        environment(),
                        (name, text("Only this service.")),
                        ("scope", one_of(&["provision", "deploy"], "What is planned.")),
                    ],
                    &[],
                )
            },
            output: || {
                object(
                    &[
                        ("plan", document("One entry per service: decision, action, detail, changes.")),
                        ("counts", document("How many services each thing would be done to.")),
                        ("nothingToDo", flag("Whether everything is as described.")),
                        ("approval", one_of(&["allow", "ask", "refuse"], "What the policy says about it.")),
                        (
                            "costs",
                            crate::schema::list(crate::schema::untrusted("An amount."), "What it costs."),
                        ),
                        ("scope", maybe(text("What was planned."))),
                        next(),
                    ],
                    &["plan", "counts", "nothingToDo", "approval", "next"],
                )
            },
            run: |call| Box::pin(plan(call)),
        },
    ]
}

fn selection(service: Option<&str>) -> Selection {
    service.map_or(Selection::All, |service| Selection::Service(service.to_owned()))
}

/// What kind of change it is to apply a plan: of this machine alone, or of a provider elsewhere.
fn kind(opened: &Opened, planned: &SystemPlan) -> AgentChange {
    let here = planned.entries.iter().all(|entry| match (&entry.decision, &entry.provider) {
        (Planned::Skip { .. }, _) => true,
        (_, Some(provider)) => opened.local.contains(provider),
        (_, None) => false,
    });
    if here { AgentChange::Start } else { AgentChange::Provision }
}

/// The plan in lines, for a person.
fn lines(planned: &SystemPlan) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in &planned.entries {
        let provider = entry.provider.as_deref().unwrap_or("nobody");
        match &entry.decision {
            Planned::Apply(plan) => {
                let action = json!(plan.action);
                let action = action.as_str().unwrap_or_default();
                lines.push(format!("{action} {} ({provider}): {}", entry.service, plan.detail));
                for change in plan.changes.iter().filter(|change| !change.sensitive) {
                    let shown =
                        |value: &Option<Value>| value.as_ref().map_or("nothing".to_owned(), Value::to_string);
                    lines.push(format!(
                        "    {}: {} → {}",
                        change.field,
                        shown(&change.before),
                        shown(&change.after)
                    ));
                }
            }
            Planned::Problem { failure } => {
                lines.push(format!("fail {} ({provider}): {}", entry.service, failure.message));
            }
            Planned::Skip { .. } => {}
        }
    }
    lines
}

async fn deploy(call: Call) -> Answered {
    call.text("environment")?;
    let one = call.optional("service_id")?.is_some();
    provision(call, "starsystem_deploy", Scope::Deploy, one).await
}

async fn provision(call: Call, command: &'static str, scope: Scope, one: bool) -> Answered {
    let environment = call.environment()?;
    let service = if one { Some(call.text("service_id")?.to_owned()) } else { None };
    let mut opened = call.server.shared.open(&environment, command, scope).await?;
    let planned = opened.engine.plan(&selection(service.as_deref())).await?;
    let file = call.server.shared.config.file.display().to_string();
    let saved = opened.engine.save(&planned, &file, service.as_deref())?;
    let proposal = Proposal {
        change: kind(&opened, &planned),
        project: planned.project.clone(),
        environment: environment.clone(),
        protected: opened.system.protected,
        digest: digest_of(&json!({
            "change": command,
            "folder": opened.system.dir,
            "project": planned.project,
            "saved": saved,
        })),
        plan: json!(planned),
        lines: lines(&planned),
        costs: planned.costs(),
    };
    if !planned.entries.iter().any(|entry| !matches!(entry.decision, Planned::Skip { .. })) {
        return Ok(done(
            &proposal,
            None,
            Value::Null,
            json!({
                "status": "unchanged",
                "applied": false,
                "next": "There is nothing for this tool to handle; the plan says why. starsystem_deploy handles what starsystem_provision leaves, and the other way round.",
            }),
        ));
    }
    let by = match decide(&call, &proposal).await? {
        Decision::Go(by) => by,
        Decision::End(answer) => return Ok(answer),
    };
    opened.workspace.save().map_err(|error| Refusal::of(&error))?;
    let engine = opened.engine.clone();
    let total = planned.entries.len();
    let report = watched(&call, &environment, total, move |observer, interrupt| async move {
        engine.apply(planned, observer, interrupt).await
    })
    .await?;
    Ok(finished(
        &proposal,
        by,
        &report,
        "starsystem_provision_status checks health, starsystem_test_connection one service; starsystem_inspect shows what was done.",
    ))
}

/// The answer of a run.
pub(super) fn finished(
    proposal: &Proposal,
    by: &str,
    report: &RunReport,
    next: &str,
) -> crate::answer::Answer {
    let fine = report.uncommitted.is_none() && report.services.iter().all(ss_engine::ServiceReport::is_fine);
    let mut run = json!(report);
    // A path of this machine is no business of a client's.
    if let Some(run) = run.as_object_mut() {
        run.remove("journal");
    }
    done(
        proposal,
        Some(by),
        run,
        json!({
            "status": if fine { "applied" } else { "incomplete" },
            "applied": true,
            "next": if fine { next } else { "Look at `run` for what failed and why; correct it and call the tool again, which goes on from there." },
        }),
    )
}

/// Runs something of the engine in a task of its own, so that neither a cancelled request nor a client that
/// went away can cut it short: it is stopped in an orderly way, and its record written.
pub(super) async fn watched<F>(
    call: &Call,
    environment: &str,
    total: usize,
    run: impl FnOnce(Arc<dyn Observer>, Interrupt) -> F,
) -> Result<RunReport, Refusal>
where
    F: Future<Output = Result<RunReport, EngineError>> + Send + 'static,
{
    let runs = &call.server.shared.runs;
    let running = runs.begin();
    let interrupt = running.interrupt.clone();
    let token = call.context.meta.get_progress_token();
    let client = token.map(|token| (call.context.peer.clone(), token));
    let watcher = Arc::new(Watcher::new(Arc::clone(runs), environment, total, client));
    let work = run(watcher, interrupt.clone());
    let mut task = tokio::spawn(async move {
        let _running = running;
        work.await
    });
    let abandoned = Abandoned(Some(interrupt.clone()));
    let joined = tokio::select! {
        joined = &mut task => joined,
        () = call.context.ct.cancelled() => {
            let stopping = tokio::spawn(stop(interrupt));
            let joined = task.await;
            stopping.abort();
            joined
        }
    };
    abandoned.disarm();
    joined.map_err(|error| Refusal::of(&error))?.map_err(Refusal::from)
}

/// Stops a run whose client went away: the future that waits for it was dropped.
struct Abandoned(Option<Interrupt>);

impl Abandoned {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        if let (Some(interrupt), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(stop(interrupt));
        }
    }
}

async fn plan(call: Call) -> Answered {
    let environment = call.environment()?;
    let (scope, name) = match call.optional("scope")? {
        None | Some("provision") => (Scope::Provision, "provision"),
        Some("deploy") => (Scope::Deploy, "deploy"),
        Some(_) => return Err(Refusal::new("`scope` is `provision` or `deploy`")),
    };
    let selected = selection(call.optional("service_id")?);
    let opened = call.server.shared.open(&environment, call.tool.name, scope).await?;
    let planned = opened.engine.plan(&selected).await?;
    let counts = planned.counts();
    let nothing = counts.create + counts.update + counts.replace + counts.problems == 0;
    let policy = call.server.shared.policy()?;
    let policy = policy.for_agents(kind(&opened, &planned), &environment, opened.system.protected);
    let theirs = json!({ "plan": planned, "counts": counts, "costs": planned.costs() });
    Ok(answer(
        theirs,
        json!({
            "scope": name,
            "nothingToDo": nothing,
            "approval": policy,
            "next": if nothing {
                "Everything is as described; starsystem_provision_status checks health."
            } else {
                "starsystem_provision, starsystem_provision_service or starsystem_deploy does it; where `approval` is `ask`, a person approves first."
            },
        }),
    ))
}
