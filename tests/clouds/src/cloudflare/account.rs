//! What belongs to the account: Pages, R2, Workers KV, D1.

use http::Method;
use serde_json::{Value, json};

use super::{Cloudflare, Item, error, error_of, object, ok, render, required, without_total_pages};
use crate::call::{Answer, Call, Outcome};
use crate::clock::Clock;

/// Where one of these is, if it exists and is shown.
fn find<'i>(
    items: &'i mut [Item],
    member: &str,
    id: &str,
    call: &Call,
    clock: &Clock,
    gone: Answer,
) -> Result<&'i mut Item, Answer> {
    let found = items.iter_mut().find(|item| item.is(member, id));
    found.filter(|item| call.method != Method::GET || clock.shows(item.created)).ok_or(gone)
}

fn is_name(name: &str, most: usize) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=most).contains(&name.len())
        && name.chars().all(allowed)
        && !name.starts_with('-')
        && !name.ends_with('-')
}

impl Cloudflare {
    pub(super) fn projects(&mut self, call: &Call, clock: &Clock, rest: &[&str]) -> Outcome {
        let gone = || error_of(404, 8_000_007, "Project not found.");
        let (name, rest) = match rest {
            [] if call.method == Method::POST => {
                let name = required(call, "name")?;
                required(call, "production_branch")?;
                if !is_name(name, 58) {
                    return Err(error_of(400, 8_000_001, "The project name is not valid."));
                }
                if self.projects.iter().any(|project| project.is("name", name)) {
                    return Err(error_of(409, 8_000_002, "A project with this name already exists."));
                }
                let project = render::new_project(&object(call)?, &mut self.dice);
                self.projects.push(Item::new(project, clock));
                return ok(render::project(&self.projects[self.projects.len() - 1]));
            }
            [name, rest @ ..] => (*name, rest),
            [] => return Err(error(405, "Method not allowed")),
        };
        let dice = &mut self.dice;
        let project = find(&mut self.projects, "name", name, call, clock, gone())?;
        project.parts.retain(|domain| domain.exists(clock));
        match (&call.method, rest) {
            (&Method::GET, []) => ok(render::project(project)),
            (&Method::PATCH, []) => {
                render::patch_project(&mut project.value, &object(call)?);
                ok(render::project(project))
            }
            (&Method::DELETE, []) if !project.parts.is_empty() => {
                Err(error_of(409, 8_000_028, "Remove the project's custom domains first."))
            }
            (&Method::DELETE, []) => {
                project.deleted.get_or_insert_with(|| clock.now());
                ok(Value::Null)
            }
            (&Method::GET, ["domains"]) => {
                let domains: Vec<Value> =
                    project.parts.iter().map(|domain| render::domain(domain, clock)).collect();
                ok(domains.into())
            }
            (&Method::POST, ["domains"]) => {
                let name = required(call, "name")?;
                if project.parts.iter().any(|domain| domain.is("name", name)) {
                    return Err(error_of(409, 8_000_018, "This domain is already added to the project."));
                }
                project.parts.push(Item::new(render::new_domain(name, dice), clock));
                ok(render::domain(&project.parts[project.parts.len() - 1], clock))
            }
            (&Method::DELETE, ["domains", name]) => {
                let before = project.parts.len();
                project.parts.retain(|domain| !domain.is("name", name));
                if project.parts.len() == before {
                    return Err(error_of(404, 8_000_021, "Domain not found."));
                }
                ok(Value::Null)
            }
            _ => Err(error(404, "No route for that URI")),
        }
    }

    pub(super) fn buckets(&mut self, call: &Call, clock: &Clock, rest: &[&str]) -> Outcome {
        let jurisdiction = call.header("cf-r2-jurisdiction").unwrap_or("default").to_owned();
        let (name, rest) = match rest {
            [] if call.method == Method::POST => {
                let name = required(call, "name")?;
                if !is_name(name, 64) || name.len() < 3 {
                    return Err(error_of(400, 10005, "The bucket name is not valid."));
                }
                if self.buckets.iter().any(|bucket| bucket.is("name", name)) {
                    return Err(error_of(
                        409,
                        10004,
                        "The bucket you tried to create already exists, and you own it.",
                    ));
                }
                let bucket = render::new_bucket(call.member(""), &jurisdiction);
                self.buckets.push(Item::new(bucket.clone(), clock));
                return r2(bucket);
            }
            [name, rest @ ..] => (*name, rest),
            [] => return Err(error(405, "Method not allowed")),
        };
        let gone = error_of(404, 10006, "The specified bucket does not exist.");
        let dice = &mut self.dice;
        let bucket = find(&mut self.buckets, "name", name, call, clock, gone.clone())?;
        if !bucket.is("jurisdiction", &jurisdiction) {
            return Err(gone);
        }
        let shown = |bucket: &Item| {
            let mut value = bucket.value.clone();
            for hidden in ["cors", "managed"] {
                value.as_object_mut().map(|members| members.remove(hidden));
            }
            value
        };
        match (&call.method, rest) {
            (&Method::GET, []) => r2(shown(bucket)),
            (&Method::PATCH, []) => {
                let class = call.header("cf-r2-storage-class");
                let class = class.ok_or_else(|| error_of(400, 10040, "cf-r2-storage-class is missing."))?;
                bucket.value["storage_class"] = class.into();
                r2(shown(bucket))
            }
            (&Method::DELETE, []) if bucket.value["objects"] == true => {
                Err(error_of(409, 10008, "The bucket you tried to delete is not empty."))
            }
            (&Method::DELETE, []) => {
                let name = name.to_owned();
                self.buckets.retain(|bucket| !bucket.is("name", &name));
                r2(json!({}))
            }
            (&Method::GET, ["cors"]) if bucket.value["cors"].is_null() => {
                Err(error_of(404, 10059, "The CORS configuration does not exist."))
            }
            (&Method::GET, ["cors"]) => r2(bucket.value["cors"].clone()),
            (&Method::PUT, ["cors"]) => {
                bucket.value["cors"] = object(call)?;
                r2(json!({}))
            }
            (&Method::GET | &Method::PUT, ["domains", "managed"]) => {
                if bucket.value["managed"].is_null() {
                    let (id, domain) = (dice.hex(32), format!("pub-{}.r2.dev", dice.hex(32)));
                    bucket.value["managed"] = json!({ "bucketId": id, "domain": domain, "enabled": false });
                }
                if call.method == Method::PUT {
                    bucket.value["managed"]["enabled"] = call.member("/enabled").clone();
                }
                r2(bucket.value["managed"].clone())
            }
            _ => Err(error(404, "No route for that URI")),
        }
    }

    pub(super) fn namespaces(&mut self, call: &Call, clock: &Clock, rest: &[&str]) -> Outcome {
        match (&call.method, rest) {
            (&Method::GET, []) => {
                let seen = self.namespaces.iter().filter(|namespace| clock.shows(namespace.created));
                let all = seen.map(|namespace| namespace.value.clone()).collect();
                return Ok(without_total_pages(self.page_of(call, all)?));
            }
            (&Method::POST, []) => {
                let title = required(call, "title")?;
                if self.namespaces.iter().any(|namespace| namespace.is("title", title)) {
                    return Err(error_of(
                        400,
                        10014,
                        "a namespace with this account ID and title already exists",
                    ));
                }
                let value = json!({ "id": self.dice.hex(32), "title": title, "supports_url_encoding": true });
                self.namespaces.push(Item::new(value.clone(), clock));
                return ok(value);
            }
            _ => {}
        }
        let [id] = rest else { return Err(error(404, "No route for that URI")) };
        let gone = error_of(404, 10013, "namespace not found");
        let namespace = find(&mut self.namespaces, "id", id, call, clock, gone)?;
        match call.method {
            Method::GET => ok(namespace.value.clone()),
            Method::PUT => {
                namespace.value["title"] = required(call, "title")?.into();
                ok(namespace.value.clone())
            }
            Method::DELETE => {
                self.namespaces.retain(|namespace| !namespace.is("id", id));
                ok(Value::Null)
            }
            _ => Err(error(405, "Method not allowed")),
        }
    }

    pub(super) fn databases(&mut self, call: &Call, clock: &Clock, rest: &[&str]) -> Outcome {
        match (&call.method, rest) {
            (&Method::GET, []) => {
                let part = call.query("name").unwrap_or_default();
                let seen = self.databases.iter().filter(|database| clock.shows(database.created));
                let found = seen.filter(|database| {
                    database.value["name"].as_str().is_some_and(|name| name.contains(part))
                });
                let all = found.map(|database| render::database(&database.value, false)).collect();
                return Ok(without_total_pages(self.page_of(call, all)?));
            }
            (&Method::POST, []) => {
                let name = required(call, "name")?;
                if self.databases.iter().any(|database| database.is("name", name)) {
                    return Err(error_of(400, 7502, "A database with that name already exists"));
                }
                let value = render::new_database(&object(call)?, &mut self.dice);
                self.databases.push(Item::new(value.clone(), clock));
                return ok(render::database(&value, true));
            }
            _ => {}
        }
        let [id] = rest else { return Err(error(404, "No route for that URI")) };
        let gone = error_of(404, 7404, "The database could not be found");
        let database = find(&mut self.databases, "uuid", id, call, clock, gone)?;
        match call.method {
            Method::GET => ok(render::database(&database.value, true)),
            Method::PATCH => {
                database.value["read_replication"] = call.member("/read_replication").clone();
                ok(render::database(&database.value, true))
            }
            Method::DELETE => {
                self.databases.retain(|database| !database.is("uuid", id));
                ok(Value::Null)
            }
            _ => Err(error(405, "Method not allowed")),
        }
    }
}

/// R2's messages are texts; the envelope is the same otherwise.
fn r2(result: Value) -> Outcome {
    ok(result)
}
