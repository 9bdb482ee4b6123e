//! A receipt from the records of its run.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::{SignedDuration, Timestamp};
use ss_provider::{Effect, EffectId, EffectOutcome, State};

use super::{CallPhase, CallReceipt, EffectReceipt, FORM, Receipt, ServiceReceipt, timeline};
use crate::journal::{Line, OpId, Record, RunBegin, RunStatus, Subject};
use crate::plan::Call;
use crate::run::{ServiceOutcome, ServiceReport};

/// The receipt of a run whose journal says this, without its place in the chain; none if the journal does
/// not begin as one does. `states` are those of all services after the run.
pub(crate) fn from_journal(lines: &[Line], states: &BTreeMap<String, State>) -> Option<Receipt> {
    let (first, rest) = lines.split_first()?;
    let Record::RunBegin(begin) = &first.record else { return None };
    let mut seen = Seen::default();
    for line in rest {
        seen.take(line);
    }
    let providers: HashMap<&str, &str> = begin
        .subjects
        .iter()
        .filter_map(|subject| Some((subject.service.as_str(), subject.declared.as_ref()?.provider.as_str())))
        .collect();
    let mut calls = seen.calls;
    calls.sort_by_key(|call| call.at);
    let mut services: Vec<ServiceReceipt> =
        begin.subjects.iter().map(|subject| service(subject, &mut seen.reports, &seen.ops)).collect();
    timeline::mark_critical(&mut services);
    Some(Receipt {
        form: FORM,
        number: 0,
        previous: String::new(),
        run: begin.run,
        trace: begin.run.simple().to_string(),
        command: begin.command.clone(),
        version: begin.version.clone(),
        actor: begin.actor.clone(),
        project: begin.project.clone(),
        environment: begin.environment.clone(),
        started: calls.first().map_or(first.at, |call| call.at.min(first.at)),
        ended: lines.last().map_or(first.at, |line| line.at),
        status: seen.status.unwrap_or(RunStatus::Interrupted),
        plan: begin.planned.clone(),
        plan_digest: begin.plan.clone(),
        lock: begin.lock.clone(),
        plugins: plugins(begin),
        grants: grants(&calls, &providers),
        services,
        calls,
        effects: seen.effects,
        states: states.clone(),
        snapshot: seen.snapshot,
        restored: seen.restored,
    })
}

/// What the records after the first add up to.
#[derive(Default)]
struct Seen {
    /// Service of each operation, and whether it reached its goal.
    ops: HashMap<OpId, Op>,
    reports: HashMap<String, ServiceReport>,
    calls: Vec<CallReceipt>,
    effects: Vec<EffectReceipt>,
    /// Where an effect stands: among the calls, or among the others.
    places: HashMap<EffectId, Place>,
    snapshot: Option<String>,
    restored: Option<uuid::Uuid>,
    status: Option<RunStatus>,
}

struct Op {
    service: String,
    began: Timestamp,
    ended: Option<(Timestamp, ServiceOutcome)>,
}

enum Place {
    Call(usize),
    Effect(usize),
}

impl Seen {
    fn take(&mut self, line: &Line) {
        match &line.record {
            Record::Planned(call) => self.calls.push(read(call, CallPhase::Plan)),
            Record::OpIntent(intent) => {
                let service = intent.declared.service.clone();
                self.ops.insert(intent.op, Op { service, began: line.at, ended: None });
            }
            Record::EffectBegin { op, id, effect } => self.begin(*op, *id, effect, line.at),
            Record::EffectEnd { id, outcome, .. } => self.end(*id, outcome),
            Record::Request { service, request, outcome, .. } => {
                let call = Call {
                    service: service.clone(),
                    ended: line.at,
                    request: request.clone(),
                    outcome: outcome.clone(),
                };
                self.calls.push(read(&call, CallPhase::Apply));
            }
            Record::OpDone { op, state, summary, credentials, url } => {
                let outcome = match state.clone() {
                    Some(state) => ServiceOutcome::Done {
                        state,
                        summary: summary.clone(),
                        credentials: credentials.clone(),
                        changed: true,
                        url: url.clone(),
                    },
                    None => ServiceOutcome::Destroyed,
                };
                self.op_ended(*op, line.at, outcome);
            }
            Record::OpFailed { op, .. } => self.op_ended(*op, line.at, ServiceOutcome::Failed),
            Record::Service(report) => drop(self.reports.insert(report.service.clone(), report.clone())),
            Record::Restore(restore) => self.restored = Some(restore.run),
            Record::Commit { snapshot, .. } => self.snapshot.clone_from(snapshot),
            Record::RunEnd { status } => self.status = Some(*status),
            Record::RunBegin(_) | Record::Carried(_) | Record::Resolved { .. } | Record::Partial { .. } => {}
        }
    }

    fn op_ended(&mut self, op: OpId, at: Timestamp, outcome: ServiceOutcome) {
        if let Some(op) = self.ops.get_mut(&op) {
            op.ended = Some((at, outcome));
        }
    }

    fn begin(&mut self, op: OpId, id: EffectId, effect: &Effect, at: Timestamp) {
        let service = self.ops.get(&op).map(|op| op.service.clone()).unwrap_or_default();
        let place = match effect {
            Effect::Request(request) => {
                self.calls.push(CallReceipt {
                    service,
                    phase: CallPhase::Apply,
                    at,
                    method: request.method.clone(),
                    host: request.host.clone(),
                    path: request.path.clone(),
                    changes: true,
                    grant: request.grant.clone(),
                    outcome: None,
                });
                Place::Call(self.calls.len() - 1)
            }
            other => {
                self.effects.push(EffectReceipt { service, at, effect: other.clone(), outcome: None });
                Place::Effect(self.effects.len() - 1)
            }
        };
        self.places.insert(id, place);
    }

    fn end(&mut self, id: EffectId, outcome: &EffectOutcome) {
        let place = match self.places.get(&id) {
            Some(Place::Call(at)) => self.calls.get_mut(*at).map(|call| &mut call.outcome),
            Some(Place::Effect(at)) => self.effects.get_mut(*at).map(|effect| &mut effect.outcome),
            None => None,
        };
        if let Some(place) = place {
            *place = Some(outcome.clone());
        }
    }
}

/// A request that changed nothing. Its record says when it ended.
fn read(call: &Call, phase: CallPhase) -> CallReceipt {
    let took = SignedDuration::from_millis(i64::try_from(call.outcome.duration_ms).unwrap_or(i64::MAX));
    CallReceipt {
        service: call.service.clone(),
        phase,
        at: call.ended.checked_sub(took).unwrap_or(call.ended),
        method: call.request.method.clone(),
        host: call.request.host.clone(),
        path: call.request.path.clone(),
        changes: false,
        grant: call.request.grant.clone(),
        outcome: Some(call.outcome.clone()),
    }
}

fn service(
    subject: &Subject,
    reports: &mut HashMap<String, ServiceReport>,
    ops: &HashMap<OpId, Op>,
) -> ServiceReceipt {
    let report = reports.remove(&subject.service).unwrap_or_else(|| cut_short(subject, ops));
    let (declared, needs) = (subject.declared.clone(), subject.needs.clone());
    ServiceReceipt { report, declared, needs, critical: false }
}

/// What became of a service that the run did not come to report about.
fn cut_short(subject: &Subject, ops: &HashMap<OpId, Op>) -> ServiceReport {
    let op = ops.values().filter(|op| op.service == subject.service).max_by_key(|op| op.began);
    let (started, ended) = (op.map(|op| op.began), op.and_then(|op| op.ended.as_ref()));
    let outcome = match (op, ended) {
        (_, Some((_, outcome))) => outcome.clone(),
        (Some(_), None) => ServiceOutcome::Interrupted,
        (None, None) => ServiceOutcome::NotStarted,
    };
    let duration = started.zip(ended).map(|(began, (ended, _))| ended.duration_since(began).as_millis());
    ServiceReport {
        service: subject.service.clone(),
        provider: subject.declared.as_ref().map(|declared| declared.provider.clone()),
        outcome,
        failure: None,
        started,
        duration_ms: duration.and_then(|took| u64::try_from(took).ok()).unwrap_or_default(),
    }
}

fn plugins(begin: &RunBegin) -> BTreeMap<String, ss_provider::Identity> {
    let named = begin
        .subjects
        .iter()
        .filter_map(|subject| Some((subject.declared.as_ref()?.provider.clone(), subject.plugin.clone()?)));
    named.collect()
}

fn grants(calls: &[CallReceipt], providers: &HashMap<&str, &str>) -> BTreeMap<String, Vec<String>> {
    let mut used: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for call in calls.iter().filter(|call| !call.grant.is_empty()) {
        let Some(provider) = providers.get(call.service.as_str()) else { continue };
        used.entry((*provider).to_owned()).or_default().insert(call.grant.clone());
    }
    used.into_iter().map(|(provider, grants)| (provider, grants.into_iter().collect())).collect()
}
