//! The scenario's own cloud: REST resources and fixed answers, in memory.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde_json::{Map, Value, json};

use super::{Answer, Call, Census, Cloud, Pattern};
use crate::scenario::{FixedAnswer, Resource, Scenario};
use crate::secrets::Secrets;
use crate::template;

/// The time that the cloud says it is.
const NOW: &str = "2026-01-01T00:00:00Z";

/// A cloud as its scenario declares it.
pub(crate) struct Declared {
    resources: Vec<(Resource, Pattern)>,
    answers: Vec<(FixedAnswer, Pattern)>,
    secrets: Secrets,
    world: Mutex<World>,
}

#[derive(Default)]
struct World {
    sequence: u64,
    /// Resource name, then path of the item.
    items: Vec<Item>,
    /// How often each fixed answer was given.
    given: BTreeMap<usize, u32>,
}

struct Item {
    resource: String,
    path: String,
    members: Map<String, Value>,
}

/// What a request is about.
enum Place<'a> {
    Collection(&'a Resource),
    Item(&'a Resource),
}

impl Declared {
    pub(crate) fn new(scenario: &Scenario, secrets: Secrets) -> Self {
        let resources = scenario.resources.iter();
        let answers = scenario.answers.iter();
        Self {
            resources: resources
                .map(|resource| (resource.clone(), Pattern::of("*", &resource.path)))
                .collect(),
            answers: answers.map(|answer| (answer.clone(), Pattern::parse(&answer.on))).collect(),
            secrets,
            world: Mutex::default(),
        }
    }

    fn lock(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn respond(&self, call: &Call) -> Result<Answer, String> {
        let world = &mut *self.lock();
        if let Some(answer) = self.fixed(world, call)? {
            return Ok(answer);
        }
        match self.place(call) {
            Some((Place::Collection(resource), gaps)) => self.collection(world, resource, &gaps, call),
            Some((Place::Item(resource), gaps)) => self.item(world, resource, &gaps, call),
            None => Ok(Answer::error(404, &format!("nothing is at {} in this scenario", call.path()))),
        }
    }

    fn place(&self, call: &Call) -> Option<(Place<'_>, BTreeMap<String, String>)> {
        let path = call.path().trim_end_matches('/');
        let here = |host: &Option<String>| host.as_ref().is_none_or(|host| *host == call.host);
        self.resources.iter().filter(|(resource, _)| here(&resource.host)).find_map(|(resource, pattern)| {
            if let Some(gaps) = pattern.fits(&call.method, path) {
                return Some((Place::Collection(resource), gaps));
            }
            let (parent, _) = path.rsplit_once('/')?;
            Some((Place::Item(resource), pattern.fits(&call.method, parent)?))
        })
    }

    fn fixed(&self, world: &mut World, call: &Call) -> Result<Option<Answer>, String> {
        for (index, (answer, pattern)) in self.answers.iter().enumerate() {
            let Some(gaps) = pattern.fits(&call.method, call.path()) else { continue };
            let has = |name: &String| world.items.iter().any(|item| item.resource == *name);
            let applies = answer.host.as_ref().is_none_or(|host| *host == call.host)
                && answer
                    .containing
                    .as_ref()
                    .is_none_or(|text| call.text().contains(text) || call.query().contains(text))
                && answer.needs.as_ref().is_none_or(has)
                && !answer.without.as_ref().is_some_and(has);
            let given = world.given.entry(index).or_default();
            if !applies || answer.times.is_some_and(|times| *given >= times) {
                continue;
            }
            *given += 1;
            if answer.makes.is_some() {
                world.sequence += 1;
            }
            let sequence = world.sequence;
            let look = |name: &str| self.look(name, call, &gaps, sequence, None);
            let body = template::fill(&answer.body, &look)?;
            let mut reply = match &body {
                Value::String(text) => Answer {
                    status: answer.status,
                    headers: vec![("content-type".to_owned(), kind_of(text).to_owned())],
                    body: text.clone().into_bytes(),
                },
                value => Answer::json(answer.status, value),
            };
            for (name, value) in &answer.headers {
                reply.headers.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                reply.headers.push((name.to_ascii_lowercase(), template::fill_text(value, &look)?));
            }
            if let Some(name) = &answer.removes {
                world.items.retain(|item| item.resource != *name);
            }
            if let Some(name) = &answer.makes {
                let path = format!("\0{name}/{sequence}");
                world.items.push(Item { resource: name.clone(), path, members: Map::new() });
            }
            return Ok(Some(reply));
        }
        Ok(None)
    }

    fn collection(
        &self,
        world: &mut World,
        resource: &Resource,
        gaps: &BTreeMap<String, String>,
        call: &Call,
    ) -> Result<Answer, String> {
        match &*call.method {
            "GET" | "HEAD" => Ok(list(world, resource, call)),
            "POST" if resource.create == "POST" => {
                let Ok(sent) = body_of(resource, call) else {
                    return Ok(Answer::error(400, "the body is not a JSON object"));
                };
                world.sequence += 1;
                let sequence = world.sequence;
                let id = match &resource.id {
                    Some(id) => {
                        let look = |name: &str| self.look(name, call, gaps, sequence, Some(&sent));
                        template::fill_text(id, &look)?
                    }
                    None => format!("{}-{sequence}", resource.name),
                };
                self.make(world, resource, gaps, call, id, sent)
            }
            _ => Ok(Answer::error(405, "no such method here")),
        }
    }

    fn item(
        &self,
        world: &mut World,
        resource: &Resource,
        gaps: &BTreeMap<String, String>,
        call: &Call,
    ) -> Result<Answer, String> {
        let path = call.path().trim_end_matches('/');
        let at = world.items.iter().position(|item| item.resource == resource.name && item.path == path);
        match (&*call.method, at) {
            ("GET" | "HEAD", Some(at)) => Ok(one(200, resource, &world.items[at])),
            ("DELETE", Some(_)) => {
                let below = format!("{path}/");
                world.items.retain(|item| item.path != path && !item.path.starts_with(&below));
                Ok(Answer::json(resource.deleted, &Value::Null))
            }
            ("PATCH" | "PUT" | "POST", Some(at)) => {
                let Ok(sent) = body_of(resource, call) else {
                    return Ok(Answer::error(400, "the body is not a JSON object"));
                };
                let item = &mut world.items[at];
                let id = item.members.get(&resource.id_member).cloned();
                merge(&mut item.members, sent);
                item.members.extend(id.map(|id| (resource.id_member.clone(), id)));
                Ok(one(200, resource, &world.items[at]))
            }
            ("PUT", None) if resource.create == "PUT" => {
                let Ok(sent) = body_of(resource, call) else {
                    return Ok(Answer::error(400, "the body is not a JSON object"));
                };
                let id = path.rsplit('/').next().unwrap_or_default();
                let id = percent_encoding::percent_decode_str(id).decode_utf8_lossy().into_owned();
                self.make(world, resource, gaps, call, id, sent)
            }
            (_, None) => Ok(Answer::error(404, &format!("there is no such {}", resource.name))),
            _ => Ok(Answer::error(405, "no such method here")),
        }
    }

    fn make(
        &self,
        world: &mut World,
        resource: &Resource,
        gaps: &BTreeMap<String, String>,
        call: &Call,
        id: String,
        sent: Map<String, Value>,
    ) -> Result<Answer, String> {
        let taken = resource.unique.as_ref().and_then(|member| Some((member, sent.get(member)?)));
        if let Some((member, value)) = taken
            && of(world, resource).any(|item| item.members.get(member) == Some(value))
        {
            return Ok(Answer::error(409, &format!("there is another {} of this {member}", resource.name)));
        }
        let sequence = world.sequence;
        let look = |name: &str| match name {
            "id" => Some(Value::String(id.clone())),
            name => self.look(name, call, gaps, sequence, Some(&sent)),
        };
        let added = template::fill_members(&resource.members, &look)?;
        let mut members = sent.clone();
        merge(&mut members, added);
        members.insert(resource.id_member.clone(), Value::String(id.clone()));
        let collection = match resource.create.as_str() {
            "PUT" => call.path().trim_end_matches('/').rsplit_once('/').map_or("", |(parent, _)| parent),
            _ => call.path().trim_end_matches('/'),
        };
        let encoded = percent_encoding::utf8_percent_encode(&id, SEGMENT);
        let item = Item { resource: resource.name.clone(), path: format!("{collection}/{encoded}"), members };
        let answer = one(resource.created, resource, &item);
        world.items.push(item);
        Ok(answer)
    }

    /// What a template means in an answer to this request.
    fn look(
        &self,
        name: &str,
        call: &Call,
        gaps: &BTreeMap<String, String>,
        sequence: u64,
        sent: Option<&Map<String, Value>>,
    ) -> Option<Value> {
        let (kind, rest) = name.split_once('.').unwrap_or((name, ""));
        match (kind, rest) {
            ("seq", "") => Some(json!(sequence)),
            ("now", "") => Some(json!(NOW)),
            ("host", "") => Some(json!(call.host)),
            ("path", gap) => gaps.get(gap).map(|value| json!(value)),
            ("query", wanted) => {
                let found = call.parameters().into_iter().find(|(name, _)| name == wanted);
                Some(json!(found.map(|(_, value)| value).unwrap_or_default()))
            }
            ("body", path) => {
                let whole = match sent {
                    Some(sent) => Value::Object(sent.clone()),
                    None => serde_json::from_slice(&call.body).unwrap_or(Value::Null),
                };
                Some(
                    path.split('.')
                        .try_fold(&whole, |value, step| value.get(step))
                        .cloned()
                        .unwrap_or(Value::Null),
                )
            }
            ("secret", name) => Some(json!(self.secrets.named(name))),
            _ => None,
        }
    }
}

#[async_trait::async_trait]
impl Cloud for Declared {
    async fn answer(&self, call: &Call) -> Option<Answer> {
        Some(
            self.respond(call)
                .unwrap_or_else(|reason| Answer::error(500, &format!("the scenario: {reason}"))),
        )
    }

    fn census(&self) -> Option<Census> {
        let mut census: Census =
            self.resources.iter().map(|(resource, _)| (resource.name.clone(), 0)).collect();
        census.extend(self.answers.iter().filter_map(|(answer, _)| Some((answer.makes.clone()?, 0))));
        for item in &self.lock().items {
            *census.entry(item.resource.clone()).or_default() += 1;
        }
        (!census.is_empty()).then_some(census)
    }

    fn change(&self, resource: Option<&str>, set: &Map<String, Value>) -> bool {
        let mut world = self.lock();
        let found =
            world.items.iter_mut().find(|item| resource.is_none_or(|resource| resource == item.resource));
        let Some(item) = found else { return false };
        merge(&mut item.members, set.clone());
        true
    }

    fn wipe(&self) -> bool {
        let mut world = self.lock();
        let there = !world.items.is_empty();
        world.items.clear();
        there
    }
}

/// What a path segment must encode.
const SEGMENT: &percent_encoding::AsciiSet = &percent_encoding::NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'_')
    .remove(b'.')
    .remove(b'~')
    .remove(b':')
    .remove(b'@');

fn of<'w>(world: &'w World, resource: &Resource) -> impl Iterator<Item = &'w Item> {
    world.items.iter().filter(|item| item.resource == resource.name)
}

/// The collection as the query filters it: a parameter named like a member picks equal values.
fn list(world: &World, resource: &Resource, call: &Call) -> Answer {
    let parameters = call.parameters();
    let prefix = format!("{}/", call.path().trim_end_matches('/'));
    let picked = |item: &&Item| {
        parameters.iter().all(|(name, wanted)| match item.members.get(name) {
            Some(Value::String(value)) => value == wanted,
            Some(Value::Object(_) | Value::Array(_)) | None => true,
            Some(value) => serde_json::from_str::<Value>(wanted).is_ok_and(|wanted| wanted == *value),
        })
    };
    let below = |item: &&Item| item.path.strip_prefix(&prefix).is_some_and(|rest| !rest.contains('/'));
    let items: Vec<Value> = of(world, resource)
        .filter(below)
        .filter(picked)
        .map(|item| Value::Object(item.members.clone()))
        .collect();
    match &resource.list {
        Some(member) => Answer::json(200, &json!({ member: items })),
        None => Answer::json(200, &Value::Array(items)),
    }
}

fn one(status: u16, resource: &Resource, item: &Item) -> Answer {
    let members = Value::Object(item.members.clone());
    match &resource.wrap {
        Some(member) => Answer::json(status, &json!({ member: members })),
        None => Answer::json(status, &members),
    }
}

/// The members that a request sends, unwrapped. No body is no members.
fn body_of(resource: &Resource, call: &Call) -> Result<Map<String, Value>, ()> {
    if call.body.is_empty() {
        return Ok(Map::new());
    }
    let Ok(Value::Object(mut sent)) = serde_json::from_slice(&call.body) else { return Err(()) };
    match resource.wrap.as_ref().and_then(|member| sent.remove(member)) {
        Some(Value::Object(inner)) => Ok(inner),
        Some(_) => Err(()),
        None => Ok(sent),
    }
}

/// Puts members in, objects member by member (RFC 7396).
fn merge(into: &mut Map<String, Value>, from: Map<String, Value>) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (_, Value::Null) => {
                into.remove(&name);
            }
            (Some(Value::Object(known)), Value::Object(new)) => merge(known, new),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

fn kind_of(text: &str) -> &'static str {
    match text.trim_start().as_bytes().first() {
        Some(b'{' | b'[') => "application/json",
        Some(b'<') => "application/xml",
        _ => "text/plain",
    }
}

#[cfg(test)]
mod tests;
