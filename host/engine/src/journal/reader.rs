//! Reading a journal, and what follows from it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use ss_durable::FileError;
use ss_provider::State;

use super::line::{self, Line};
use super::{
    Intent, JournalError, OpId, OpKind, OpenOp, OpenOps, Record, Resolution, Restore, Sent, Settled,
};

/// The most that is read of a journal: far more than the largest run writes.
const MAX_BYTES: u64 = 512 << 20;

/// Reads a journal. A torn last line is dropped: what it announced had not begun.
pub(crate) fn read(path: &Path) -> Result<Vec<Line>, JournalError> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes))
        .map_err(|source| FileError::new("read", path, source))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(JournalError::TooLarge { path: path.to_owned(), limit: MAX_BYTES });
    }
    parse(&bytes).map_err(|(line, reason)| JournalError::Damaged { path: path.to_owned(), line, reason })
}

fn parse(bytes: &[u8]) -> Result<Vec<Line>, (usize, String)> {
    let mut lines = Vec::new();
    let mut prev = line::genesis();
    let mut pieces = bytes.split_inclusive(|byte| *byte == b'\n').peekable();
    while let Some(piece) = pieces.next() {
        let last = pieces.peek().is_none();
        let Some(content) = piece.strip_suffix(b"\n") else { break };
        let opened = match std::str::from_utf8(content) {
            Ok(text) => line::open(text, lines.len() as u64, &prev).map_err(|error| error.to_string()),
            Err(_) => Err("it is not UTF-8".to_owned()),
        };
        match opened {
            Ok((line, sum)) => {
                lines.push(line);
                prev = sum;
            }
            Err(_) if last => break,
            Err(reason) => return Err((lines.len() + 1, reason)),
        }
    }
    Ok(lines)
}

/// What the records of a run add up to.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Replay {
    /// Operations that did not reach their goal.
    pub open: OpenOps,
    /// What the run achieved and did not commit; none where a service was destroyed.
    pub uncommitted: BTreeMap<String, Option<State>>,
    /// What it was about to restore and may not have.
    pub restoring: Option<Restore>,
}

/// Adds up the records.
pub(crate) fn replay(lines: impl IntoIterator<Item = Line>) -> Replay {
    let mut folded = Replay::default();
    let mut services: HashMap<OpId, (String, OpKind)> = HashMap::new();
    // Where in its service's list of effects an effect stands.
    let mut places: HashMap<u64, usize> = HashMap::new();
    for Line { at, record, .. } in lines {
        match record {
            Record::Carried(open) => {
                folded.open.insert(open.intent.declared.service.clone(), open);
            }
            Record::OpIntent(intent) => {
                let service = intent.declared.service.clone();
                services.insert(intent.op, (service.clone(), intent.kind));
                let before = folded.open.remove(&service);
                folded.open.insert(service, begin(intent, at, before));
            }
            Record::EffectBegin { op, id, effect } => {
                if let Some(open) = open_op(&mut folded.open, &services, op) {
                    places.insert(id, open.effects.len());
                    open.effects.push(Sent { at, effect, outcome: None });
                }
            }
            Record::EffectEnd { op, id, outcome } => {
                let sent = open_op(&mut folded.open, &services, op)
                    .zip(places.get(&id))
                    .and_then(|(open, place)| open.effects.get_mut(*place));
                if let Some(sent) = sent {
                    sent.outcome = Some(outcome);
                }
            }
            Record::Partial { op, partial } => {
                if let Some(open) = open_op(&mut folded.open, &services, op) {
                    open.partial = Some(partial);
                }
            }
            Record::OpDone { op, state, .. } => {
                if let Some((service, _)) = services.get(&op) {
                    folded.open.remove(service);
                    folded.uncommitted.insert(service.clone(), state);
                }
            }
            Record::OpFailed { op, .. } => {
                let service = services.get(&op).map(|(service, _)| service);
                if let Some(service) =
                    service.filter(|s| folded.open.get(*s).is_some_and(OpenOp::left_nothing))
                {
                    folded.open.remove(service);
                }
            }
            Record::Restore(restore) => {
                folded.uncommitted.clone_from(&restore.states);
                folded.restoring = Some(restore);
            }
            Record::Resolved { service, resolution } => resolve(&mut folded, service, resolution),
            Record::Commit { .. } => {
                folded.uncommitted.clear();
                folded.restoring = None;
            }
            Record::RunBegin(_)
            | Record::Planned(_)
            | Record::Request { .. }
            | Record::Service(_)
            | Record::RunEnd { .. } => {}
        }
    }
    folded
}

/// What a person says counts as if it had been observed.
fn resolve(folded: &mut Replay, service: String, resolution: Resolution) {
    match resolution {
        Resolution::Adopted { state } => {
            folded.open.remove(&service);
            folded.uncommitted.insert(service, Some(state));
        }
        Resolution::Absent => drop(folded.open.remove(&service)),
        Resolution::Forgotten => {
            folded.open.remove(&service);
            folded.uncommitted.insert(service, None);
        }
    }
}

fn open_op<'a>(
    open: &'a mut OpenOps,
    services: &HashMap<OpId, (String, OpKind)>,
    op: OpId,
) -> Option<&'a mut OpenOp> {
    services.get(&op).and_then(|(service, _)| open.get_mut(service))
}

/// A new attempt at an operation: it inherits what earlier ones left unsettled.
pub(crate) fn begin(intent: Intent, began: jiff::Timestamp, before: Option<OpenOp>) -> OpenOp {
    let fresh = OpenOp { intent, began, partial: None, adopted: None, effects: Vec::new() };
    match (&fresh.intent.settled, before) {
        (Some(Settled::Absent), _) | (None, None) => fresh,
        (Some(Settled::Adopted { state }), _) => OpenOp { adopted: Some(state.clone()), ..fresh },
        (None, Some(before)) => {
            OpenOp { partial: before.partial, adopted: before.adopted, effects: before.effects, ..fresh }
        }
    }
}

impl OpenOp {
    /// Whether nothing of it can exist: it changed nothing, saved nothing and found nothing.
    pub(crate) fn left_nothing(&self) -> bool {
        self.partial.is_none() && self.adopted.is_none() && self.effects.is_empty()
    }
}
