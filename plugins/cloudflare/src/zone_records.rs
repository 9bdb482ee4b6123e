//! DNS records of an existing zone.
//!
//! A record that this service makes carries a mark in its comment, so that a record whose creation got no answer
//! is known again, and records of others are told apart. Records are written in the order in which Cloudflare
//! itself works off a batch: deletions, changes, creations.

use serde_json::{Map, Value, json};
use ss_sdk::dns::{Assignment, RecordKey, assign, canonical_content, full_name};
use ss_sdk::{Action, Change, Context, Failure, FailureKind, Health, Outcome, Plan, State, digest};

use crate::api::{Api, segment, text};
use crate::options::{Kind, Metadata};
use crate::site::{Resource, Site};

/// Records per page.
const PAGE: usize = 1000;

/// Longest comment that every plan of Cloudflare allows.
const LONGEST_COMMENT: usize = 100;

/// The time to live that Cloudflare chooses itself.
const AUTOMATIC: u64 = 1;

/// A record as the service wants it.
struct Wanted {
    key: RecordKey,
    /// What is sent, without the mark.
    body: Map<String, Value>,
    /// Whether the time to live is the service's to say.
    keeps_ttl: bool,
}

/// The records of a service beside those of the zone.
pub struct ZoneRecords<'s, 'a, 'h> {
    site: &'s mut Site<'a, 'h>,
    wanted: Vec<Wanted>,
    present: Vec<Value>,
    keys: Vec<RecordKey>,
    assignment: Assignment,
    mark: String,
}

impl<'s, 'a, 'h> ZoneRecords<'s, 'a, 'h> {
    /// Reads the zone.
    pub fn new(site: &'s mut Site<'a, 'h>) -> Result<Self, Failure> {
        let (zone_id, name) = site.zone()?;
        let domain = match (&site.options.domain, name) {
            (Some(domain), _) => full_name("@", domain),
            (None, Some(name)) => name,
            (None, None) => {
                let zone = site.api.get(&format!("/zones/{zone_id}"), "read the zone's name")?;
                text(&zone, "name").to_owned()
            }
        };
        site.known.zone_id = zone_id;
        site.known.name.clone_from(&domain);
        let wanted = wanted(site, &domain)?;
        let present = list(&site.api, &site.known.zone_id)?;
        let mut records = Self {
            mark: mark(site.context),
            site,
            wanted,
            keys: Vec::new(),
            present,
            assignment: Assignment::default(),
        };
        let key = |record: &Value| RecordKey::new(text(record, "type"), text(record, "name"), &domain);
        records.keys = records.present.iter().map(key).collect();
        let wanted: Vec<RecordKey> = records.wanted.iter().map(|record| record.key.clone()).collect();
        let same = |want: usize, is: usize| records.wanted[want].has_content_of(&records.present[is]);
        records.assignment = assign(&wanted, &records.keys, same, |is| records.is_ours(is));
        Ok(records)
    }

    fn is_ours(&self, at: usize) -> bool {
        is_ours(&self.present[at], &self.mark, &self.site.known)
    }

    /// Whether anything of this service is there.
    fn is_begun(&self) -> bool {
        !self.site.known.made.is_empty() || (0..self.present.len()).any(|at| self.is_ours(at))
    }

    /// What there is to do.
    fn changes(&self) -> Vec<Change> {
        let surplus = self
            .assignment
            .surplus
            .iter()
            .map(|at| Change::new(label(&self.keys[*at]), shown(&self.present[*at]), Value::Null));
        let wanted = self.wanted.iter().zip(&self.assignment.wanted).flat_map(|(wanted, is)| match is {
            Some(at) => wanted.differences(&self.present[*at]),
            None => vec![Change::new(label(&wanted.key), Value::Null, shown_body(&wanted.body))],
        });
        surplus.chain(wanted).collect()
    }

    /// Refuses a record that cannot stand beside one of somebody else, before anything is changed.
    fn refuse_exclusive(&self) -> Result<(), Failure> {
        for wanted in &self.wanted {
            let stays = |at: &usize| !self.assignment.surplus.contains(at) && !self.is_ours(*at);
            let other = (0..self.present.len()).filter(stays).find(|at| self.keys[*at].excludes(&wanted.key));
            if let Some(at) = other {
                return Err(Failure::conflict(format!(
                    "`{}` has a {} record that this service did not make, and a {} record cannot stand beside it",
                    wanted.key.name, self.keys[at].kind, wanted.key.kind
                ))
                .with_next_step("remove that record if nobody needs it, or take the record out of `records`"));
            }
        }
        Ok(())
    }

    fn path(&self, record: Option<&Value>) -> Result<String, Failure> {
        let records = format!("/zones/{}/dns_records", self.site.known.zone_id);
        Ok(match record {
            Some(record) => format!("{records}/{}", segment(text(record, "id"))?),
            None => records,
        })
    }

    fn remove_surplus(&mut self) -> Result<usize, Failure> {
        let surplus = std::mem::take(&mut self.assignment.surplus);
        for at in &surplus {
            let path = self.path(Some(&self.present[*at]))?;
            self.site.api.delete(&path, "delete the DNS record")?;
            self.site.known.made.remove(text(&self.present[*at], "id"));
            self.site.context.step(format!("DNS record removed: {}", label(&self.keys[*at])));
        }
        Ok(surplus.len())
    }

    /// Rewrites what is there and differs. Gives how many.
    fn rewrite(&mut self) -> Result<usize, Failure> {
        let mut rewritten = 0;
        for (want, is) in self.assignment.wanted.clone().into_iter().enumerate() {
            let Some(at) = is else { continue };
            let (wanted, record) = (&self.wanted[want], &self.present[at]);
            if !wanted.differences(record).is_empty() {
                let body = Value::Object(wanted.replacing(record));
                self.site.api.patch(&self.path(Some(record))?, Some(&body), "change the DNS record")?;
                self.site.context.step(format!("DNS record changed: {}", label(&wanted.key)));
                rewritten += 1;
            }
            let (id, name) = (text(record, "id").to_owned(), json!(label(&wanted.key)));
            let ours = self.is_ours(at);
            let known = &mut self.site.known;
            if ours {
                known.made.insert(id, name)
            } else {
                known.adopted.insert(id, name)
            };
        }
        Ok(rewritten)
    }

    /// Makes what is missing. Gives how many.
    fn make_missing(&mut self) -> Result<usize, Failure> {
        let missing = |want: &usize| self.assignment.wanted[*want].is_none();
        let missing: Vec<usize> = (0..self.wanted.len()).filter(missing).collect();
        for want in &missing {
            let wanted = &self.wanted[*want];
            let mut body = wanted.body.clone();
            body.insert("comment".into(), json!(self.mark));
            let site = &self.site;
            let look = || {
                let mut records = list(&site.api, &site.known.zone_id)?;
                records.retain(|record| {
                    text(record, "comment") == self.mark
                        && key_of(record, &site.known.name) == wanted.key
                        && wanted.has_content_of(record)
                });
                Ok(records.pop())
            };
            let (record, _) =
                site.api.create(&self.path(None)?, &Value::Object(body), "create the DNS record", &look)?;
            let name = label(&wanted.key);
            self.site.known.made.insert(text(&record, "id").to_owned(), json!(name));
            self.site.keep()?;
            self.site.context.step(format!("DNS record created: {name}"));
        }
        Ok(missing.len())
    }

    fn detail(&self) -> String {
        format!("{} in {}", counted(self.wanted.len()), self.site.known.name)
    }
}

impl Resource for ZoneRecords<'_, '_, '_> {
    fn plan(&self) -> Result<Plan, Failure> {
        self.refuse_exclusive()?;
        let changes = self.changes();
        if self.site.context.existing.is_none() && !self.is_begun() && !changes.is_empty() {
            return Ok(Plan { action: Action::Create, detail: self.detail(), changes });
        }
        Ok(Plan::converge(self.detail(), changes))
    }

    fn provision(&mut self) -> Result<Outcome, Failure> {
        self.refuse_exclusive()?;
        // What is known of records that are gone is of no use.
        let ids: Vec<&str> = self.present.iter().map(|record| text(record, "id")).collect();
        self.site.known.made.retain(|id, _| ids.contains(&id.as_str()));
        self.site.known.adopted.clear();
        let removed = self.remove_surplus()?;
        let changed = self.rewrite()?;
        let made = self.make_missing()?;
        let mut done = Vec::new();
        for (count, what) in [(made, "created"), (changed, "changed"), (removed, "removed")] {
            if count > 0 {
                done.push(format!("{count} {what}"));
            }
        }
        let done = if done.is_empty() { "unchanged".to_owned() } else { done.join(", ") };
        let (id, domain) = (self.site.known.zone_id.clone(), self.site.known.name.clone());
        Ok(Outcome::new(self.site.state(&id), format!("{}: {done}", self.detail()))
            .with_credential(ss_sdk::Credential::public("ZONE_ID", id))
            .with_credential(ss_sdk::Credential::public("DOMAIN", domain)))
    }

    fn observe(&self) -> Result<Vec<Change>, Failure> {
        Ok(self.changes())
    }

    fn find(&self) -> Result<Option<State>, Failure> {
        let mut ours = Map::new();
        for at in (0..self.present.len()).filter(|at| self.is_ours(*at)) {
            ours.insert(text(&self.present[at], "id").to_owned(), json!(label(&self.keys[at])));
        }
        let known = Metadata { made: ours, ..self.site.known.clone() };
        let state = self.site.context.state(crate::NAME, &known.zone_id).with_metadata(&known);
        Ok((!known.made.is_empty()).then_some(state))
    }
}

/// Whether every record of the service is there.
pub fn status(context: &Context<'_>, known: &Metadata) -> Result<Health, Failure> {
    let present = list(&Api::new(context, Kind::DnsZone, "")?, &known.zone_id)?;
    let ids: Vec<&str> = present.iter().map(|record| text(record, "id")).collect();
    let all = || known.made.iter().chain(&known.adopted);
    let gone: Vec<&str> =
        all().filter(|(id, _)| !ids.contains(&id.as_str())).filter_map(|(_, name)| name.as_str()).collect();
    Ok(if gone.is_empty() {
        Health::healthy(format!("{} in {}", counted(all().count()), known.name))
    } else {
        Health::unhealthy(format!("DNS records are gone: {}", gone.join(", ")))
    })
}

/// Deletes the records that the service made.
pub fn destroy(context: &Context<'_>, known: &Metadata) -> Result<(), Failure> {
    let api = Api::new(context, Kind::DnsZone, "")?;
    let mark = mark(context);
    let records = match list(&api, &known.zone_id) {
        // With the zone its records are gone.
        Err(failure) if failure.kind == FailureKind::NotFound => return Ok(()),
        records => records?,
    };
    for record in records.iter().filter(|record| is_ours(record, &mark, known)) {
        let path = format!("/zones/{}/dns_records/{}", known.zone_id, segment(text(record, "id"))?);
        api.delete(&path, "delete the DNS record")?;
        context.step(format!("DNS record removed: {} {}", text(record, "type"), text(record, "name")));
    }
    if !known.adopted.is_empty() {
        let names: Vec<&str> = known.adopted.values().filter_map(Value::as_str).collect();
        context.warn(format!("DNS records that were there before stay: {}", names.join(", ")));
    }
    let wait = context.wait("the DNS records to be gone", crate::api::DELETION_LIMIT);
    wait.until(|| {
        let left = list(&api, &known.zone_id)?.iter().any(|record| is_ours(record, &mark, known));
        Ok((!left).then_some(()))
    })
}

/// Every record of a zone; none if the zone is gone.
fn list(api: &Api<'_, '_>, zone: &str) -> Result<Vec<Value>, Failure> {
    api.list(&format!("/zones/{}/dns_records", segment(zone)?), &[], PAGE, "list the DNS records")
}

fn is_ours(record: &Value, mark: &str, known: &Metadata) -> bool {
    text(record, "comment") == mark || known.made.contains_key(text(record, "id"))
}

/// The comment of the records that the service makes.
fn mark(context: &Context<'_>) -> String {
    let owner = context.owner();
    let mark = format!("starsystem {owner}");
    if mark.len() <= LONGEST_COMMENT { mark } else { format!("starsystem {}", digest([owner.as_str()])) }
}

fn key_of(record: &Value, domain: &str) -> RecordKey {
    RecordKey::new(text(record, "type"), text(record, "name"), domain)
}

/// How people name a record.
fn label(key: &RecordKey) -> String {
    format!("{} {}", key.kind, key.name)
}

fn counted(records: usize) -> String {
    if records == 1 { "1 DNS record".to_owned() } else { format!("{records} DNS records") }
}

/// The content as people see it.
fn shown(record: &Value) -> Value {
    match record["content"].as_str() {
        Some(content) => json!(content),
        None => record["data"].clone(),
    }
}

fn shown_body(body: &Map<String, Value>) -> Value {
    body.get("content").or_else(|| body.get("data")).cloned().unwrap_or_default()
}

fn wanted(site: &Site<'_, '_>, domain: &str) -> Result<Vec<Wanted>, Failure> {
    let mut all: Vec<Wanted> = Vec::new();
    for (at, options) in site.options.records.iter().enumerate() {
        let of = |name: &str| text(options, name);
        let key = RecordKey::new(of("type"), of("name"), domain);
        let mut body = options.as_object().cloned().unwrap_or_default();
        body.insert("type".into(), json!(key.kind));
        body.insert("name".into(), json!(key.name));
        let keeps_ttl = body.contains_key("ttl");
        if !keeps_ttl {
            body.insert("ttl".into(), json!(AUTOMATIC));
        }
        let record = Wanted { key, body, keeps_ttl };
        let twice = all.iter().any(|other| {
            other.key == record.key && other.has_content_of(&Value::Object(record.body.clone()))
        });
        if twice {
            return Err(Failure::invalid_configuration(
                site.service.option_path(&format!("records.{at}")),
                format!("the record {} stands there twice", label(&record.key)),
            ));
        }
        all.push(record);
    }
    Ok(all)
}

impl Wanted {
    /// Whether a record of this type and name has the wanted content.
    fn has_content_of(&self, record: &Value) -> bool {
        match (self.body.get("data").and_then(Value::as_object), self.body.get("content")) {
            // Cloudflare may show more parts than it was given.
            (Some(data), _) => data.iter().all(|(name, wanted)| equal(&record["data"][name], wanted)),
            (None, Some(content)) => {
                let canonical =
                    |content: &Value| canonical_content(&self.key.kind, content.as_str().unwrap_or_default());
                canonical(&record["content"]) == canonical(content)
            }
            (None, None) => false,
        }
    }

    /// What differs in a record that is to become this one.
    fn differences(&self, record: &Value) -> Vec<Change> {
        let name = label(&self.key);
        let mut changes = Vec::new();
        if !self.has_content_of(record) {
            changes.push(Change::new(name.clone(), shown(record), shown_body(&self.body)));
        }
        for member in ["proxied", "priority", "ttl"] {
            // A proxied record has the automatic time to live, whatever was asked for.
            let managed =
                member != "ttl" || (self.keeps_ttl && self.body.get("proxied") != Some(&json!(true)));
            if let Some(wanted) = self.body.get(member).filter(|_| managed)
                && !equal(&record[member], wanted)
            {
                changes.push(Change::new(format!("{name} {member}"), record[member].clone(), wanted.clone()));
            }
        }
        changes
    }

    /// What is sent to make a record this one; what the service does not say stays.
    fn replacing(&self, record: &Value) -> Map<String, Value> {
        let mut body = self.body.clone();
        if !self.keeps_ttl && record["ttl"].is_number() {
            body.insert("ttl".into(), record["ttl"].clone());
        }
        body
    }
}

/// Whether two values are equal, numbers by their value: `10` and `10.0` are.
fn equal(one: &Value, other: &Value) -> bool {
    match (one.as_f64(), other.as_f64()) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
