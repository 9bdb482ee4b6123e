//! Cloudflare: one account with one zone; custom hostnames, DNS records, Pages, R2, Workers KV and D1.
//!
//! Not played: batches of records, zones that come and go, deployments of Pages, objects, values and rows, and the
//! network itself: a hostname or domain gets active when [`Running::activate`](crate::Running::activate) says so.

mod account;
mod render;
mod zone;

use http::Method;
use serde_json::{Value, json};

use crate::Habits;
use crate::call::{Answer, Call, Outcome};
use crate::clock::{Clock, Moment};
use crate::dice::Dice;

/// The one account.
pub const ACCOUNT: &str = "01a7362d577a6c3019a474fd6f485823";
/// The one zone's id.
pub const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";
/// The one zone's name.
pub const ZONE_NAME: &str = "myapp.com";

/// The account, as Cloudflare sees it.
#[derive(Debug)]
pub(crate) struct Cloudflare {
    dice: Dice,
    page: usize,
    records: Vec<Item>,
    hostnames: Vec<Item>,
    fallback: Vec<Item>,
    projects: Vec<Item>,
    buckets: Vec<Item>,
    namespaces: Vec<Item>,
    databases: Vec<Item>,
}

/// Something that exists.
#[derive(Debug)]
struct Item {
    value: Value,
    created: Moment,
    /// When its state last began to change.
    since: Moment,
    /// When its deletion was asked for.
    deleted: Option<Moment>,
    /// Whether a person has done what Cloudflare asked for.
    activated: bool,
    /// What belongs to it: domains of a project.
    parts: Vec<Item>,
}

impl Item {
    fn new(value: Value, clock: &Clock) -> Self {
        let now = clock.now();
        Self { value, created: now, since: now, deleted: None, activated: false, parts: Vec::new() }
    }

    /// Whether it is still there: what is deleted lingers for a while.
    fn exists(&self, clock: &Clock) -> bool {
        self.deleted.is_none_or(|deleted| clock.paces_since(deleted) < 1.0)
    }

    fn is(&self, member: &str, text: &str) -> bool {
        self.value[member].as_str() == Some(text)
    }
}

/// Cloudflare's error shape.
pub(crate) fn error(status: u16, message: &str) -> Answer {
    let code = match status {
        401 | 403 => 10000,
        404 => 7003,
        other => 1000 + i64::from(other),
    };
    error_of(status, code, message)
}

fn error_of(status: u16, code: i64, message: &str) -> Answer {
    let errors = json!([{ "code": code, "message": message }]);
    Answer::json(status, json!({ "success": false, "errors": errors, "messages": [], "result": null }))
}

fn ok(result: Value) -> Outcome {
    Ok(Answer::json(200, json!({ "success": true, "errors": [], "messages": [], "result": result })))
}

impl Cloudflare {
    pub(crate) fn new(habits: &Habits) -> Self {
        Self {
            dice: Dice::new(habits.seed),
            page: habits.page,
            records: Vec::new(),
            hostnames: Vec::new(),
            fallback: Vec::new(),
            projects: Vec::new(),
            buckets: Vec::new(),
            namespaces: Vec::new(),
            databases: Vec::new(),
        }
    }

    /// Everything that exists, by kind.
    pub(crate) fn inventory(&self, clock: &Clock) -> Value {
        let there = |items: &[Item], show: &dyn Fn(&Item) -> Value| -> Vec<Value> {
            items.iter().filter(|item| item.exists(clock) && item.deleted.is_none()).map(show).collect()
        };
        let plain = |item: &Item| item.value.clone();
        json!({
            "records": there(&self.records, &plain),
            "hostnames": there(&self.hostnames, &|item| render::hostname(item, clock)),
            "fallback": there(&self.fallback, &|item| render::fallback(item, clock)),
            "projects": there(&self.projects, &|item| {
                let mut project = render::project(item);
                project["domains"] = there(&item.parts, &|domain| render::domain(domain, clock)).into();
                project
            }),
            "buckets": there(&self.buckets, &plain),
            "namespaces": there(&self.namespaces, &plain),
            "databases": there(&self.databases, &plain),
        })
    }

    /// Somebody has done what Cloudflare asked for at this hostname or domain.
    pub(crate) fn activate(&mut self, name: &str) {
        let domains = self.projects.iter_mut().flat_map(|project| &mut project.parts);
        for item in self.hostnames.iter_mut().chain(domains) {
            item.activated |= item.is("hostname", name) || item.is("name", name);
        }
    }

    /// Answers a call whose token is good.
    pub(crate) fn answer(&mut self, call: &Call, clock: &Clock) -> Outcome {
        for items in [&mut self.records, &mut self.hostnames, &mut self.fallback, &mut self.projects] {
            items.retain(|item| item.exists(clock));
        }
        let segments: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let Some(rest) = segments.strip_prefix(&["client", "v4"]) else {
            return Err(error(404, "No route for that URI"));
        };
        match (&call.method, rest) {
            (&Method::GET, ["accounts"]) => {
                Ok(without_total_pages(self.page_of(call, vec![render::account()])?))
            }
            (&Method::GET, ["zones"]) => {
                let asked = call.query("name").is_none_or(|name| name == ZONE_NAME);
                self.page_of(call, if asked { vec![render::zone()] } else { Vec::new() })
            }
            (&Method::GET, ["zones", ZONE]) => ok(render::zone()),
            (_, ["zones", ZONE, "dns_records", rest @ ..]) => self.records(call, clock, rest),
            (_, ["zones", ZONE, "custom_hostnames", "fallback_origin"]) => self.fallback(call, clock),
            (_, ["zones", ZONE, "custom_hostnames", rest @ ..]) => self.hostnames(call, clock, rest),
            (_, ["accounts", ACCOUNT, "pages", "projects", rest @ ..]) => self.projects(call, clock, rest),
            (_, ["accounts", ACCOUNT, "r2", "buckets", rest @ ..]) => self.buckets(call, clock, rest),
            (_, ["accounts", ACCOUNT, "storage", "kv", "namespaces", rest @ ..]) => {
                self.namespaces(call, clock, rest)
            }
            (_, ["accounts", ACCOUNT, "d1", "database", rest @ ..]) => self.databases(call, clock, rest),
            _ => Err(error(404, "Could not route to that path, perhaps your object identifier is invalid?")),
        }
    }

    /// A page of a list, as `page` and `per_page` ask, but never longer than the habits allow.
    fn page_of(&self, call: &Call, all: Vec<Value>) -> Outcome {
        let number = |name: &str| call.query(name).and_then(|text| text.parse::<usize>().ok());
        let per_page = number("per_page").unwrap_or(20).clamp(1, self.page);
        let page = number("page").unwrap_or(1).max(1);
        let total = all.len();
        let items: Vec<Value> = all.into_iter().skip((page - 1) * per_page).take(per_page).collect();
        let info = json!({
            "page": page, "per_page": per_page, "count": items.len(), "total_count": total,
            "total_pages": total.div_ceil(per_page),
        });
        let mut answer = ok(items.into())?;
        if let Some(body) = &mut answer.body {
            body["result_info"] = info;
        }
        Ok(answer)
    }
}

/// Some lists do not say how many pages they have.
fn without_total_pages(mut answer: Answer) -> Answer {
    if let Some(info) = answer.body.as_mut().and_then(|body| body["result_info"].as_object_mut()) {
        info.remove("total_pages");
    }
    answer
}

/// The body with its members, if it is an object.
fn object(call: &Call) -> Result<Value, Answer> {
    call.body.clone().filter(Value::is_object).ok_or_else(|| error_of(400, 1004, "the body is not an object"))
}

fn required<'c>(call: &'c Call, member: &str) -> Result<&'c str, Answer> {
    let text = call.text(&format!("/{member}")).filter(|text| !text.is_empty());
    text.ok_or_else(|| error_of(400, 1004, &format!("{member} is missing")))
}
