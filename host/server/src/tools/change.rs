//! The gate before every change: a plan with a digest, and somebody's yes to exactly that.

use std::time::Duration;

use jiff::Timestamp;
use rmcp::model::{
    ElicitRequest, ElicitRequestParams, ElicitResult, ElicitationAction, ElicitationSchema, InputRequest,
    InputRequests, InputRequiredResult, ProtocolVersion,
};
use serde_json::{Map, Value, json};
use ss_registry::{AgentAnswer, AgentChange};

use super::Call;
use crate::answer::{Answer, answer};
use crate::approval::{ApprovalError, MAX_LINES, Offer};
use crate::composition::Refusal;
use crate::schema::{self, document, flag, maybe, next, object, one_of, text};

/// How long a person has to answer a question.
const PATIENCE: Duration = Duration::from_secs(10 * 60);
/// The key of our one question, and of its one field.
const QUESTION: &str = "approval";
const CONFIRM: &str = "confirm";
/// The most lines of a plan that are put into a question.
const SHOWN: usize = 40;

/// A change that a tool wants to make.
pub(super) struct Proposal {
    pub change: AgentChange,
    pub project: String,
    pub environment: String,
    /// Whether the system's own files protect the environment.
    pub protected: bool,
    /// Of everything that the change rests on.
    pub digest: String,
    /// The plan; others wrote parts of it.
    pub plan: Value,
    /// The plan in lines, for a person.
    pub lines: Vec<String>,
    /// What it costs.
    pub costs: Vec<String>,
}

/// What comes of a proposal.
pub(super) enum Decision {
    /// The change may be made; who allowed it.
    Go(&'static str),
    /// The call ends here.
    End(Answer),
}

/// What all tools that change something answer, beside their own fields.
pub(super) fn output(own: &[(&str, Value)]) -> Value {
    let mut properties = vec![
        (
            "status",
            one_of(
                &["applied", "incomplete", "unchanged", "approval-needed"],
                "Whether it was done; `incomplete`: see `run`.",
            ),
        ),
        ("applied", flag("Whether anything was done.")),
        ("digest", text("Digest of the plan.")),
        ("plan", document("What is, or would be, done.")),
        ("approvedBy", maybe(one_of(&["policy", "person"], "Who allowed it."))),
        ("costs", schema::list(schema::untrusted("An amount and what for."), "What it costs.")),
        ("howToApprove", text("What a person has to do first.")),
        next(),
    ];
    properties.extend(own.iter().cloned());
    object(&properties, &["status", "applied", "digest", "plan", "next"])
}

/// Whether the proposal may be carried out. An approval by token or by a client's question is spent by this.
pub(super) async fn decide(call: &Call, proposal: &Proposal) -> Result<Decision, Refusal> {
    let given = call.optional("digest")?;
    if given.is_some_and(|given| given != proposal.digest) {
        return Err(Refusal::new("the plan is another than the one with this digest; nothing was changed")
            .hint("look at the plan as it is now, and have it approved under its own digest")
            .with(json!({ "digest": proposal.digest, "plan": proposal.plan })));
    }
    let policy = call.server.shared.policy()?;
    let policy = policy.for_agents(proposal.change, &proposal.environment, proposal.protected);
    match policy {
        AgentAnswer::Refuse => Err(Refusal::new(
            "the policy of this machine lets no agent make such a change here; nothing was changed",
        )
        .hint("a person can make it with the command line")),
        AgentAnswer::Allow if proposal.costs.is_empty() => Ok(Decision::Go("policy")),
        AgentAnswer::Allow | AgentAnswer::Ask => ask(call, proposal).await,
    }
}

async fn ask(call: &Call, proposal: &Proposal) -> Result<Decision, Refusal> {
    if let Some(token) = call.optional("approval")? {
        if call.optional("digest")?.is_none() {
            return Err(Refusal::new("`approval` needs the `digest` that it approves"));
        }
        call.server.shared.approvals.spend(&proposal.digest, token).map_err(|error| refused(&error))?;
        return Ok(Decision::Go("person"));
    }
    let capabilities = call.context.client_capabilities();
    let can_ask = capabilities.and_then(|capabilities| capabilities.elicitation).is_some();
    if !call.server.trusts_client || !can_ask {
        return offer(call, proposal).map(Decision::End);
    }
    let inline =
        call.context.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28);
    if inline { ask_inline(call, proposal) } else { ask_now(call, proposal).await }
}

fn refused(error: &ApprovalError) -> Refusal {
    let refusal = Refusal::of(error);
    Refusal { message: format!("{}; nothing was changed", refusal.message), ..refusal }
        .hint("call the tool without `approval` to get the plan as it is, and have a person approve that")
}

/// Leaves the plan for a person.
fn offer(call: &Call, proposal: &Proposal) -> Result<Answer, Refusal> {
    let config = &call.server.shared.config;
    let mut lines = proposal.lines.clone();
    if lines.len() > MAX_LINES {
        let left_out = lines.len() - MAX_LINES;
        lines.truncate(MAX_LINES);
        lines.push(format!("… and {left_out} more"));
    }
    let clean = |lines: Vec<String>| -> Vec<String> {
        lines.iter().map(|line| config.scrubber.scrub(line).into_owned()).collect()
    };
    let offer = Offer {
        digest: proposal.digest.clone(),
        change: proposal.change,
        tool: call.tool.name.to_owned(),
        project: proposal.project.clone(),
        environment: proposal.environment.clone(),
        file: config.file.display().to_string(),
        lines: clean(lines),
        costs: clean(proposal.costs.clone()),
        made: Timestamp::now(),
    };
    call.server.shared.approvals.offer(&offer).map_err(|error| Refusal::of(&error))?;
    let how = format!(
        "A person runs `ss approve {}` at a terminal, looks at the plan and gets a token.",
        proposal.digest
    );
    Ok(answer(
        json!({ "plan": proposal.plan, "costs": proposal.costs }),
        json!({
            "status": "approval-needed",
            "applied": false,
            "digest": proposal.digest,
            "approvedBy": null,
            "howToApprove": how,
            "next": "Show the plan to a person and ask for approval. Then call the same tool with the same arguments, this `digest`, and the token as `approval`.",
        }),
    ))
}

/// Asks through a client whose connection goes both ways.
async fn ask_now(call: &Call, proposal: &Proposal) -> Result<Decision, Refusal> {
    let question = question(proposal)?;
    let asking = call.context.peer.create_elicitation_with_timeout(question, Some(PATIENCE));
    let result = tokio::select! {
        result = asking => result,
        () = call.context.ct.cancelled() => return Err(Refusal::new("cancelled; nothing was changed")),
    };
    match result {
        Ok(result) if is_yes(&result) => Ok(Decision::Go("person")),
        Ok(_) => Err(declined()),
        // The client says that it can ask and cannot: a person can still approve at a terminal.
        Err(_) => offer(call, proposal).map(Decision::End),
    }
}

/// Asks through a client of the newer revisions: it comes again with the answer.
fn ask_inline(call: &Call, proposal: &Proposal) -> Result<Decision, Refusal> {
    let answers = call.request.input_responses.as_ref();
    if let (Some(answers), Some(state)) = (answers, call.request.request_state.as_deref()) {
        let result = answers.get(QUESTION).and_then(|result| serde_json::from_value(result.clone()).ok());
        if !call.server.shared.answered(state, &proposal.digest) {
            return Err(Refusal::new("the plan has changed since the question was asked, or it was answered before; nothing was changed")
                .hint("call the tool anew"));
        }
        return if result.as_ref().is_some_and(is_yes) {
            Ok(Decision::Go("person"))
        } else {
            Err(declined())
        };
    }
    let request = ElicitRequest::new(question(proposal)?);
    let requests = InputRequests::from([(QUESTION.to_owned(), InputRequest::Elicitation(request))]);
    let state = call.server.shared.ask(&proposal.digest);
    let required = InputRequiredResult::new(Some(requests), Some(state));
    Ok(Decision::End(Answer::AskFirst(Box::new(required))))
}

fn is_yes(result: &ElicitResult) -> bool {
    let confirmed = result.content.as_ref().and_then(|content| content.get(CONFIRM));
    result.action == ElicitationAction::Accept && confirmed == Some(&Value::Bool(true))
}

fn declined() -> Refusal {
    Refusal::new("the person did not approve; nothing was changed")
        .hint("ask the person what they want instead")
}

fn question(proposal: &Proposal) -> Result<ElicitRequestParams, Refusal> {
    let mut message = format!(
        "An agent wants to change `{}`, environment `{}` ({}). Plan {}:\n",
        proposal.project,
        proposal.environment,
        json!(proposal.change).as_str().unwrap_or_default(),
        &proposal.digest[..8],
    );
    for line in proposal.lines.iter().take(SHOWN) {
        message.push_str(&format!("  {}\n", visible(line)));
    }
    if proposal.lines.len() > SHOWN {
        message.push_str(&format!("  … and {} more\n", proposal.lines.len() - SHOWN));
    }
    for cost in &proposal.costs {
        message.push_str(&format!("This costs money: {}\n", visible(cost)));
    }
    let schema = json!({
        "type": "object",
        "properties": { CONFIRM: { "type": "boolean", "title": "Make this change" } },
        "required": [CONFIRM],
    });
    let schema: Map<String, Value> = schema.as_object().cloned().unwrap_or_default();
    let requested_schema =
        ElicitationSchema::from_json_schema(schema).map_err(|error| Refusal::of(&error))?;
    Ok(ElicitRequestParams::FormElicitationParams { meta: None, message, requested_schema })
}

/// A line without what could move a cursor or hide text.
fn visible(line: &str) -> String {
    line.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

/// The answer of a change that was made, or needed none.
pub(super) fn done(proposal: &Proposal, by: Option<&str>, run: Value, ours: Value) -> Answer {
    let mut theirs = json!({ "plan": proposal.plan, "costs": proposal.costs });
    if !run.is_null() {
        theirs["run"] = run;
    }
    let mut own = json!({ "digest": proposal.digest, "approvedBy": by });
    if let (Value::Object(own), Value::Object(ours)) = (&mut own, ours) {
        own.extend(ours);
    }
    answer(theirs, own)
}
