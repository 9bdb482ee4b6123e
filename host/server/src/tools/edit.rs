//! Changing the system's file. An edit starts nothing: whatever follows from it is asked for on its own.

use serde_json::{Value, json};
use ss_config::{AddServiceError, System};
use ss_registry::{AgentChange, Digest};

use super::change::{Decision, Proposal, decide, done, output};
use super::{Call, Effect, Tool};
use crate::answer::Answered;
use crate::composition::Refusal;
use crate::schema::{approvals, document, environment, list, object, text, word};
use crate::server::digest_of;

pub(super) fn tools() -> Vec<Tool> {
    let output = || {
        let ids = |description| list(word("A service."), description);
        output(&[
            ("added", ids("Services that the text adds.")),
            ("changed", ids("Services that say something else.")),
            ("removed", ids("Services that the text leaves out.")),
            ("findings", list(document("A warning."), "What was found in the text.")),
        ])
    };
    vec![
        Tool {
            name: "starsystem_apply_yaml",
            title: "Replace the system's file",
            description: "Checks a text as starsystem.yaml and writes it in place of the file that is there. For one more service use starsystem_add_service, which keeps every other byte. Nothing is started or stopped: call starsystem_provision afterwards.",
            effect: Effect::Changes { destructive: true },
            documented: true,
            input: || {
                let mut properties = vec![("yaml", text("The whole file.")), environment()];
                properties.extend(approvals());
                object(&properties, &["yaml"])
            },
            output,
            run: |call| Box::pin(apply_yaml(call)),
        },
        Tool {
            name: "starsystem_add_service",
            title: "Add a service",
            description: "Adds one service to starsystem.yaml and changes no other byte of it. `service` is what stands under the id, such as {\"type\": \"process\", \"command\": \"…\"}; starsystem_catalog says what a provider takes. Adding what is there already changes nothing. Next: starsystem_provision_service starts it.",
            effect: Effect::Changes { destructive: false },
            documented: true,
            input: || {
                let mut properties = vec![
                    ("id", text("Its key under `services:`: letters, digits, `.`, `_` and `-`.")),
                    ("service", document("The service, as the file would have it.")),
                    environment(),
                ];
                properties.extend(approvals());
                object(&properties, &["id", "service"])
            },
            output,
            run: |call| Box::pin(add_service(call)),
        },
    ]
}

async fn apply_yaml(call: Call) -> Answered {
    let _turn = call.server.shared.editing.lock().await;
    let (before, after) = (call.server.shared.read_file()?, call.file("yaml")?.to_owned());
    write(&call, before, after).await
}

async fn add_service(call: Call) -> Answered {
    let _turn = call.server.shared.editing.lock().await;
    let before = call.server.shared.read_file()?;
    let after =
        ss_config::add_service(&before, call.text("id")?, call.object("service")?).map_err(|error| {
            let refusal = Refusal::of(&error);
            match &error {
                AddServiceError::Present { .. } => {
                    refusal.hint("starsystem_apply_yaml changes a service that is there")
                }
                AddServiceError::Refused { patch } => refusal
                    .hint("put it into the text by hand, and write that with starsystem_apply_yaml")
                    .with(json!({ "patch": patch })),
                AddServiceError::Name { .. } => refusal,
            }
        })?;
    write(&call, before, after).await
}

/// Puts a text in the place of another, if it is valid and somebody allows it.
async fn write(call: &Call, before: String, after: String) -> Answered {
    let shared = &call.server.shared;
    let environment = call.environment()?;
    let checked = shared.config.composition.check(&environment, after.clone()).await?;
    if checked.get("valid") != Some(&Value::Bool(true)) {
        return Err(Refusal::new("the text is no valid system; the file is as it was")
            .hint("correct what was found; starsystem_validate_yaml checks without writing")
            .with(checked));
    }
    let (then, now) = (read(call, &environment, &before), read(call, &environment, &after));
    let Some(now) = now else { return Err(Refusal::new("the text cannot be read; the file is as it was")) };
    let difference = Difference::between(then.as_ref(), &now);
    let plan = json!({
        "before": Digest::of(before.as_bytes()).to_hex(),
        "after": Digest::of(after.as_bytes()).to_hex(),
    });
    let proposal = Proposal {
        change: AgentChange::Edit,
        project: now.project.clone(),
        environment,
        protected: now.protected,
        digest: digest_of(&json!({ "change": "edit", "file": shared.config.file, "plan": plan })),
        plan,
        lines: difference.lines(),
        costs: Vec::new(),
    };
    let findings = checked.get("findings").cloned().unwrap_or_else(|| json!([]));
    let mut ours = json!({
        "added": difference.added,
        "changed": difference.changed,
        "removed": difference.removed,
        "findings": crate::marked::mark(findings),
    });
    if before == after {
        ours["status"] = json!("unchanged");
        ours["applied"] = json!(false);
        ours["next"] = json!("The file says so already. starsystem_provision_service starts a service.");
        return Ok(done(&proposal, None, Value::Null, ours));
    }
    let by = match decide(call, &proposal).await? {
        Decision::Go(by) => by,
        Decision::End(answer) => return Ok(answer),
    };
    if shared.read_file()? != before {
        return Err(Refusal::new("somebody else has changed the file meanwhile; it was not written")
            .hint("starsystem_read_yaml reads it anew"));
    }
    ss_durable::replace(&shared.config.file, after.as_bytes()).map_err(|error| Refusal::of(&error))?;
    ours["status"] = json!("applied");
    ours["applied"] = json!(true);
    ours["next"] = json!(
        "starsystem_provision_service starts one service, starsystem_provision all that the file describes; starsystem_plan shows it first."
    );
    Ok(done(&proposal, Some(by), Value::Null, ours))
}

/// The text as a system, with the overlay that there is.
fn read(call: &Call, environment: &str, text: &str) -> Option<System> {
    let file = &call.server.shared.config.file;
    let overlay_path = ss_config::overlay_path(file, environment);
    let overlay = std::fs::read(&overlay_path).ok();
    let overlay = overlay.as_deref().map(|bytes| (&*overlay_path, bytes));
    ss_config::load_bytes((file, text.as_bytes()), overlay, environment).system
}

/// Which services two systems have in common, and which say something else.
struct Difference {
    added: Vec<String>,
    changed: Vec<String>,
    removed: Vec<String>,
}

impl Difference {
    fn between(before: Option<&System>, after: &System) -> Self {
        let old = |id: &str| before.and_then(|before| before.service(id));
        let mut this = Self { added: Vec::new(), changed: Vec::new(), removed: Vec::new() };
        for service in &after.services {
            let id = &service.id.value;
            match old(id) {
                None => this.added.push(id.clone()),
                Some(known) if known.node().to_json() != service.node().to_json() => {
                    this.changed.push(id.clone());
                }
                Some(_) => {}
            }
        }
        let gone = before.into_iter().flat_map(|before| &before.services).map(|service| &service.id.value);
        this.removed = gone.filter(|id| after.service(id).is_none()).cloned().collect();
        this
    }

    fn lines(&self) -> Vec<String> {
        let lines = |what: &'static str, ids: &[String]| -> Vec<String> {
            ids.iter().map(|id| format!("{what} {id} in the system's file")).collect()
        };
        [lines("add", &self.added), lines("change", &self.changed), lines("remove", &self.removed)].concat()
    }
}
