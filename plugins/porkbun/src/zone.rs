//! One service: its domain and its DNS records.
//!
//! A record that this service makes carries a mark in its notes, so that a record whose creation got no answer is
//! known again, and records of others are told apart.

use std::time::Duration;

use serde_json::{Map, Value, json};
use ss_sdk::dns::{Assignment, RecordKey, assign, canonical_content};
use ss_sdk::{Change, Context, Failure, Service, State};

use crate::api::{Api, segment, text};
use crate::options::{Metadata, Options, Record};

/// How long something is looked for that Porkbun has made, or may have, and does not show.
pub const UNSEEN_LIMIT: Duration = Duration::from_secs(20);

/// The shortest time to live of most accounts, which Porkbun takes for anything shorter.
const SHORTEST_TTL: u64 = 600;

/// Where the records of a new domain lead. Not verified.
const PARKING: &str = "pixie.porkbun.com";

/// One service and its domain.
pub struct Zone<'a, 'h> {
    pub context: &'a Context<'h>,
    pub service: &'a Service<Options>,
    pub options: &'a Options,
    pub api: Api<'a, 'h>,
    pub domain: String,
    /// Of an attempt that was cut short, or as recorded, or nothing.
    pub known: Metadata,
}

/// The records of a domain beside those that the service wants.
pub struct Records {
    pub present: Vec<Value>,
    keys: Vec<RecordKey>,
    wanted: Vec<RecordKey>,
    assignment: Assignment,
    /// Parking records in the way of wanted ones.
    parking: Vec<usize>,
}

impl<'a, 'h> Zone<'a, 'h> {
    /// The zone of a service.
    ///
    /// # Errors
    ///
    /// The service was provisioned for another domain: its records would be left behind.
    pub fn new(context: &'a Context<'h>, service: &'a Service<Options>) -> Result<Self, Failure> {
        let options = &service.options;
        let domain = options.domain();
        if let Some(existing) = &context.existing
            && existing.resource_id != domain
        {
            return Err(Failure::invalid_configuration(
                service.option_path("domain"),
                format!("`{}` was made for `{}`, not for `{domain}`", service.id, existing.resource_id),
            )
            .with_next_step("destroy the service first, or set `domain` back"));
        }
        let recorded = context.existing.as_ref().map(State::parse_metadata).transpose()?;
        let known: Metadata = context.partial().or(recorded).unwrap_or_default();
        let known = Metadata { domain: domain.clone(), ..known };
        Ok(Self { context, service, options, api: Api::new(context, &service.options_path)?, domain, known })
    }

    /// Keeps what is known for the next attempt.
    pub fn keep(&self) -> Result<(), Failure> {
        self.context.save_partial(&self.known)
    }

    /// Reads the records.
    pub fn records(&self) -> Result<Records, Failure> {
        let present = retrieve(&self.api, &self.domain)?;
        let key = |record: &Value| RecordKey::new(text(record, "type"), text(record, "name"), &self.domain);
        let keys: Vec<RecordKey> = present.iter().map(key).collect();
        let wanted: Vec<RecordKey> = self
            .options
            .records
            .iter()
            .map(|record| RecordKey::new(&record.kind, &record.name, &self.domain))
            .collect();
        let mark = mark(self.context);
        let same = |want: usize, is: usize| has_content(&self.options.records[want], &present[is]);
        let assignment = assign(&wanted, &keys, same, |is| is_ours(&present[is], &mark, &self.known));
        let assigned = |at: &usize| assignment.wanted.contains(&Some(*at));
        let in_the_way = |at: &usize| wanted.iter().any(|wanted| keys[*at].excludes(wanted));
        let parking = (0..present.len())
            .filter(|at| text(&present[*at], "content") == PARKING && !assigned(at) && in_the_way(at))
            .collect();
        Ok(Records { present, keys, wanted, assignment, parking })
    }

    /// What there is to do with the records.
    pub fn record_changes(&self, records: &Records) -> Vec<Change> {
        let removed = records.parking.iter().chain(&records.assignment.surplus).map(|at| {
            Change::new(label(&records.keys[*at]), text(&records.present[*at], "content"), Value::Null)
        });
        let wanted = self.options.records.iter().zip(&records.assignment.wanted).zip(&records.wanted);
        let wanted = wanted.flat_map(|((wanted, is), key)| match is {
            Some(at) => differences(key, wanted, &records.present[*at]),
            None => vec![Change::new(label(key), Value::Null, wanted.content.as_str())],
        });
        removed.chain(wanted).collect()
    }

    /// Whether any record is this service's.
    pub fn is_begun(&self, records: &Records) -> bool {
        let mark = mark(self.context);
        records.present.iter().any(|record| is_ours(record, &mark, &self.known))
    }

    /// Brings the records to what the service wants. Gives how many were removed, changed and made.
    pub fn converge_records(&mut self, records: &Records) -> Result<(usize, usize, usize), Failure> {
        let removed: Vec<&usize> = records.parking.iter().chain(&records.assignment.surplus).collect();
        for at in &removed {
            let id = text(&records.present[**at], "id");
            self.api.delete_record(&self.domain, id)?;
            self.known.made.remove(id);
            self.context.step(format!("DNS record removed: {}", label(&records.keys[**at])));
        }
        // What is known of records that are gone is of no use.
        let ids: Vec<&str> = records.present.iter().map(|record| text(record, "id")).collect();
        self.known.made.retain(|id, _| ids.contains(&id.as_str()));
        self.known.adopted.clear();
        let (mut changed, mut made) = (0, 0);
        let mark = mark(self.context);
        let options = self.options;
        for ((wanted, is), key) in options.records.iter().zip(&records.assignment.wanted).zip(&records.wanted)
        {
            let name = label(key);
            let Some(at) = is else {
                let id = self.make(wanted, key, &mark)?;
                self.known.made.insert(id, json!(name));
                self.keep()?;
                self.context.step(format!("DNS record created: {name}"));
                made += 1;
                continue;
            };
            let record = &records.present[*at];
            let id = text(record, "id").to_owned();
            if !differences(key, wanted, record).is_empty() {
                let path = format!("/dns/edit/{}/{}", segment(&self.domain)?, segment(&id)?);
                let mut body = self.body(wanted, key);
                body.insert("notes".into(), json!(text(record, "notes")));
                for (member, given) in [("ttl", wanted.ttl), ("prio", wanted.prio)] {
                    if let (None, Some(is)) = (given, number(record, member)) {
                        body.insert(member.into(), json!(is));
                    }
                }
                self.api.change(&path, body.into(), "change the DNS record")?;
                self.context.step(format!("DNS record changed: {name}"));
                changed += 1;
            }
            let ours = is_ours(record, &mark, &self.known);
            let known = if ours { &mut self.known.made } else { &mut self.known.adopted };
            known.insert(id, json!(name));
        }
        Ok((removed.len(), changed, made))
    }

    fn make(&self, wanted: &Record, key: &RecordKey, mark: &str) -> Result<String, Failure> {
        let path = format!("/dns/create/{}", segment(&self.domain)?);
        let mut body = self.body(wanted, key);
        body.insert("notes".into(), json!(mark));
        let answer = self.api.change(&path, body.into(), "create the DNS record")?;
        let id =
            answer["id"].as_str().map(str::to_owned).or_else(|| Some(answer["id"].as_u64()?.to_string()));
        id.ok_or_else(|| Failure::outcome_unknown("Porkbun answered without the id of the record"))
    }

    /// What is sent for a record. The name is what stands before the domain.
    fn body(&self, wanted: &Record, key: &RecordKey) -> Map<String, Value> {
        let subdomain = key.name.strip_suffix(&self.domain).unwrap_or(&key.name).trim_end_matches('.');
        let mut body = Map::new();
        body.insert("name".into(), json!(subdomain));
        body.insert("type".into(), json!(key.kind));
        body.insert("content".into(), json!(wanted.content));
        for (member, value) in [("ttl", wanted.ttl), ("prio", wanted.prio)] {
            if let Some(value) = value {
                body.insert(member.into(), json!(value));
            }
        }
        body
    }

    /// What differs in the domain itself.
    pub fn domain_changes(&self, domain: &Value) -> Result<Vec<Change>, Failure> {
        let mut changes = Vec::new();
        if let Some(wanted) = self.options.auto_renew
            && domain["autoRenew"].as_u64().is_some_and(|is| (is == 1) != wanted)
        {
            changes.push(Change::new("auto_renew", !wanted, wanted));
        }
        if let Some(wanted) = &self.options.nameservers {
            let path = format!("/domain/getNs/{}", segment(&self.domain)?);
            let answer = self.api.read(&path, json!({}), "read the name servers")?;
            let list = answer["ns"].as_array().into_iter().flatten().filter_map(Value::as_str);
            let (is, wanted) = (servers(list), servers(wanted.iter().map(String::as_str)));
            if is != wanted {
                changes.push(Change::new("nameservers", is, wanted));
            }
        }
        Ok(changes)
    }

    /// Makes the changes of the domain itself.
    pub fn converge_domain(&self, changes: &[Change]) -> Result<(), Failure> {
        for change in changes {
            let (path, body, purpose) = match change.field.as_str() {
                "auto_renew" => {
                    let on = change.after == Some(json!(true));
                    ("updateAutoRenew", json!({ "status": if on { "on" } else { "off" } }), "set the renewal")
                }
                _ => ("updateNs", json!({ "ns": change.after }), "set the name servers"),
            };
            self.api.change(&format!("/domain/{path}/{}", segment(&self.domain)?), body, purpose)?;
            self.context.step(format!("Domain changed: {}", change.field));
        }
        Ok(())
    }

    /// The state of the service.
    pub fn state(&self) -> State {
        self.context.state(crate::NAME, self.domain.clone()).with_metadata(&self.known)
    }
}

/// Every record of a domain.
pub fn retrieve(api: &Api<'_, '_>, domain: &str) -> Result<Vec<Value>, Failure> {
    let answer =
        api.read(&format!("/dns/retrieve/{}", segment(domain)?), json!({}), "list the DNS records")?;
    match answer["records"].as_array() {
        Some(records) => Ok(records.clone()),
        None => Err(Failure::internal("Porkbun answered without the list of records")),
    }
}

/// Whether a record was made by the service.
pub fn is_ours(record: &Value, mark: &str, known: &Metadata) -> bool {
    text(record, "notes") == mark || known.made.contains_key(text(record, "id"))
}

/// The notes of the records that the service makes.
pub fn mark(context: &Context<'_>) -> String {
    format!("starsystem {}", context.owner())
}

fn servers<'s>(servers: impl Iterator<Item = &'s str>) -> Vec<String> {
    let mut servers: Vec<String> =
        servers.map(|server| server.trim_end_matches('.').to_ascii_lowercase()).collect();
    servers.sort();
    servers
}

/// How people name a record.
fn label(key: &RecordKey) -> String {
    format!("{} {}", key.kind, key.name)
}

fn has_content(wanted: &Record, record: &Value) -> bool {
    let canonical = |content: &str| canonical_content(&wanted.kind, content);
    canonical(text(record, "content")) == canonical(&wanted.content)
}

/// A number that Porkbun writes as text.
fn number(record: &Value, member: &str) -> Option<u64> {
    record[member].as_u64().or_else(|| record[member].as_str()?.parse().ok())
}

/// What differs in a record that is to become the wanted one.
fn differences(key: &RecordKey, wanted: &Record, record: &Value) -> Vec<Change> {
    let mut changes = Vec::new();
    if !has_content(wanted, record) {
        changes.push(Change::new(label(key), text(record, "content"), wanted.content.as_str()));
    }
    let is = number(record, "ttl");
    let raised = |ttl: u64| ttl < SHORTEST_TTL && is == Some(SHORTEST_TTL);
    if let Some(ttl) = wanted.ttl.filter(|ttl| is != Some(*ttl) && !raised(*ttl)) {
        changes.push(Change::new(format!("{} ttl", label(key)), is.unwrap_or_default(), ttl));
    }
    let is = number(record, "prio").unwrap_or_default();
    if let Some(prio) = wanted.prio.filter(|prio| is != *prio) {
        changes.push(Change::new(format!("{} prio", label(key)), is, prio));
    }
    changes
}
