//! What belongs to the zone: DNS records, custom hostnames, the fallback origin.

use http::Method;
use serde_json::{Value, json};

use super::{Cloudflare, Item, ZONE_NAME, error, error_of, object, ok, render, required};
use crate::call::{Call, Outcome};
use crate::clock::Clock;

impl Cloudflare {
    pub(super) fn records(&mut self, call: &Call, clock: &Clock, rest: &[&str]) -> Outcome {
        match (&call.method, rest) {
            (&Method::GET, []) => {
                let seen = self.records.iter().filter(|record| clock.shows(record.created));
                let all = seen.map(|record| render::shown_record(&record.value)).collect();
                self.page_of(call, all)
            }
            (&Method::POST, []) => {
                let record = self.checked_record(&object(call)?, None)?;
                self.records.push(Item::new(record.clone(), clock));
                ok(render::shown_record(&record))
            }
            (&Method::PATCH, [id]) => {
                let at = self.records.iter().position(|record| record.is("id", id));
                let at = at.ok_or_else(|| error_of(404, 81044, "Record does not exist."))?;
                let mut wanted = self.records[at].value.clone();
                for (name, value) in object(call)?.as_object().into_iter().flatten() {
                    wanted[name] = value.clone();
                }
                let record = self.checked_record(&wanted, Some(id))?;
                self.records[at].value = record.clone();
                ok(render::shown_record(&record))
            }
            (&Method::DELETE, [id]) => {
                let before = self.records.len();
                self.records.retain(|record| !record.is("id", id));
                if self.records.len() == before {
                    return Err(error_of(404, 81044, "Record does not exist."));
                }
                Ok(crate::call::Answer::json(200, json!({ "result": { "id": id } })))
            }
            _ => Err(error(405, "Method not allowed")),
        }
    }

    /// The record as it is kept, if it can stand beside the others.
    fn checked_record(&mut self, wanted: &Value, id: Option<&str>) -> Result<Value, crate::call::Answer> {
        let (kind, name) = (wanted["type"].as_str(), wanted["name"].as_str());
        let (Some(kind), Some(name)) = (kind, name) else {
            return Err(error_of(400, 9005, "Content for the record is missing: type, name"));
        };
        if name != ZONE_NAME && !name.ends_with(&format!(".{ZONE_NAME}")) {
            return Err(error_of(400, 9000, "DNS name is invalid."));
        }
        let record = render::record(wanted, kind, name, id, &mut self.dice);
        if record["content"].as_str().is_none_or(str::is_empty) {
            return Err(error_of(400, 9021, "Content for the record is missing."));
        }
        let others = || self.records.iter().filter(|other| id.is_none_or(|id| !other.is("id", id)));
        let same = |other: &&Item, members: &[&str]| members.iter().all(|m| other.value[*m] == record[*m]);
        if others().any(|other| same(&other, &["type", "name", "content", "priority"])) {
            return Err(error_of(400, 81058, "An identical record already exists."));
        }
        let address = |kind: &Value| matches!(kind.as_str(), Some("A" | "AAAA" | "CNAME"));
        let alone = |other: &Item| record["type"] == "CNAME" || other.is("type", "CNAME");
        let beside = |other: &&Item| same(other, &["name"]) && address(&other.value["type"]) && alone(other);
        if address(&record["type"]) && others().any(|other| beside(&other)) {
            return Err(error_of(400, 81053, "An A, AAAA, or CNAME record with that host already exists."));
        }
        Ok(record)
    }

    pub(super) fn fallback(&mut self, call: &Call, clock: &Clock) -> Outcome {
        match call.method {
            Method::GET => match self.fallback.first() {
                Some(fallback) => ok(render::fallback(fallback, clock)),
                None => Err(error_of(404, 1551, "The custom hostname fallback origin was not found.")),
            },
            Method::PUT => {
                let origin = required(call, "origin")?;
                self.fallback = vec![Item::new(render::new_fallback(origin), clock)];
                ok(render::fallback(&self.fallback[0], clock))
            }
            Method::DELETE => match self.fallback.first_mut() {
                Some(fallback) => {
                    fallback.deleted.get_or_insert_with(|| clock.now());
                    ok(render::fallback(fallback, clock))
                }
                None => Err(error_of(404, 1551, "The custom hostname fallback origin was not found.")),
            },
            _ => Err(error(405, "Method not allowed")),
        }
    }

    pub(super) fn hostnames(&mut self, call: &Call, clock: &Clock, rest: &[&str]) -> Outcome {
        if let (&Method::GET, []) = (&call.method, rest) {
            let asked = |item: &&Item| call.query("hostname").is_none_or(|name| item.is("hostname", name));
            let seen = self.hostnames.iter().filter(|item| clock.shows(item.created)).filter(asked);
            let all = seen.map(|item| render::hostname(item, clock)).collect();
            return self.page_of(call, all);
        }
        if let (&Method::POST, []) = (&call.method, rest) {
            let name = required(call, "hostname")?;
            if self.hostnames.iter().any(|item| item.deleted.is_none() && item.is("hostname", name)) {
                return Err(error_of(409, 1406, "Duplicate custom hostname found."));
            }
            let hostname = render::new_hostname(name, call.member("/ssl"), &mut self.dice);
            self.hostnames.push(Item::new(hostname, clock));
            return ok(render::hostname(&self.hostnames[self.hostnames.len() - 1], clock));
        }
        let [id] = rest else { return Err(error(404, "No route for that URI")) };
        let item = self.hostnames.iter_mut().find(|item| item.is("id", id));
        let item = item.filter(|item| call.method != Method::GET || clock.shows(item.created));
        let item = item.ok_or_else(|| error_of(404, 1436, "The custom hostname was not found."))?;
        match call.method {
            Method::GET => ok(render::hostname(item, clock)),
            Method::PATCH => {
                for (name, value) in call.member("/ssl").as_object().into_iter().flatten() {
                    item.value["ssl"][name] = value.clone();
                }
                item.since = clock.now();
                ok(render::hostname(item, clock))
            }
            Method::DELETE => {
                item.deleted.get_or_insert_with(|| clock.now());
                Ok(crate::call::Answer::json(200, json!({ "id": id })))
            }
            _ => Err(error(405, "Method not allowed")),
        }
    }
}
