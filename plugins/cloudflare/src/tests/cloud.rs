//! A Cloudflare of a few lines: enough of its habits for this plugin's tests. The stand-in of `tests/clouds` knows
//! more of them.

use serde_json::{Value, json};
use ss_sdk::http::{Method, Request, Response, TransportError};
use ss_sdk::testing::json as answer;

pub const ACCOUNT: &str = "01a7362d577a6c3019a474fd6f485823";
pub const ZONE: &str = "023e105f4ecef8ad9ca31a8372d0c353";

/// One account with the zone `my.app`. Things are kept under their folders: `dns_records`, `custom_hostnames`,
/// `pages/projects`, `r2/buckets`, `storage/kv/namespaces`, `d1/database`.
#[derive(Default)]
pub struct Cloud {
    pub things: Vec<(String, Value)>,
    pub fallback: Option<String>,
    pub accounts: usize,
    /// Answers to the next creations, given after the thing was made.
    pub creation_troubles: Vec<Result<Response, TransportError>>,
    /// Answers to the next unsafe requests, given instead of doing anything.
    pub refusals: Vec<Response>,
    /// For how many requests what exists is not shown.
    pub unseen_for: u32,
    /// What state custom hostnames and domains are in.
    pub state: &'static str,
    pub made: u32,
}

impl Cloud {
    pub fn new() -> Self {
        Self { accounts: 1, state: "pending", ..Self::default() }
    }

    /// Things of a folder.
    pub fn of(&self, folder: &str) -> Vec<&Value> {
        self.things.iter().filter(|(place, _)| place == folder).map(|(_, thing)| thing).collect()
    }

    /// Somebody else's thing.
    pub fn put(&mut self, folder: &str, thing: Value) {
        self.things.push((folder.to_owned(), thing));
    }

    /// The one thing of a folder, to be changed behind the plugin's back.
    pub fn only(&mut self, folder: &str) -> &mut Value {
        let mut all: Vec<&mut Value> =
            self.things.iter_mut().filter(|(place, _)| place == folder).map(|(_, thing)| thing).collect();
        assert_eq!(all.len(), 1, "{folder}");
        all.remove(0)
    }

    pub fn answer(&mut self, request: &Request) -> Result<Response, TransportError> {
        if request.header("authorization").is_none_or(|value| !value.starts_with("Bearer sealed1_")) {
            return Ok(refusal(403, 10000, "Authentication error"));
        }
        if !request.method.is_safe() && !self.refusals.is_empty() {
            return Ok(self.refusals.remove(0));
        }
        let unseen = self.unseen_for > 0 && request.method.is_safe();
        self.unseen_for = self.unseen_for.saturating_sub(1);
        let path = request.path().strip_prefix("/client/v4/").expect("the API's prefix").to_owned();
        let account = format!("accounts/{ACCOUNT}/");
        let zone = format!("zones/{ZONE}/");
        let rest = match path.as_str() {
            "accounts" => {
                let all: Vec<Value> =
                    (0..self.accounts).map(|n| json!({"id": if n == 0 { ACCOUNT.to_owned() } else { format!("{n:032x}") }, "name": "Mine"})).collect();
                return Ok(ok(json!(all)));
            }
            "zones" => {
                let named = request.query("name").as_deref() == Some("my.app");
                return Ok(ok(if named { json!([{"id": ZONE, "name": "my.app"}]) } else { json!([]) }));
            }
            path => path.strip_prefix(&account).or_else(|| path.strip_prefix(&zone)),
        };
        let Some(rest) = rest else { return Ok(ok(json!({"id": ZONE, "name": "my.app"}))) };
        if rest == "custom_hostnames/fallback_origin" {
            return Ok(self.fallback(request));
        }
        const FOLDERS: [&str; 6] = [
            "dns_records",
            "custom_hostnames",
            "pages/projects",
            "r2/buckets",
            "storage/kv/namespaces",
            "d1/database",
        ];
        let folder = FOLDERS.into_iter().find(|folder| rest.starts_with(folder)).expect("a known folder");
        match rest[folder.len()..].trim_start_matches('/') {
            "" if request.method == Method::Post => self.create(folder, request),
            "" if unseen => Ok(ok(json!([]))),
            "" => Ok(self.list(folder, request)),
            _ if unseen => Ok(refusal(404, 10006, "not found")),
            one => Ok(self.one(folder, one, request)),
        }
    }

    fn fallback(&mut self, request: &Request) -> Response {
        match request.method {
            Method::Put => self.fallback = request.json()["origin"].as_str().map(str::to_owned),
            Method::Delete => self.fallback = None,
            _ => {}
        }
        match &self.fallback {
            Some(origin) => ok(json!({"origin": origin, "status": "active"})),
            None if request.method == Method::Delete => ok(Value::Null),
            None => refusal(404, 1551, "no fallback origin"),
        }
    }

    fn create(&mut self, folder: &str, request: &Request) -> Result<Response, TransportError> {
        let mut thing = request.json();
        let name =
            ["hostname", "title", "name"].into_iter().find(|name| thing[*name].is_string()).expect("a name");
        let same = |other: &&Value| {
            other[name] == thing[name]
                && (folder != "dns_records"
                    || (other["type"] == thing["type"] && other["content"] == thing["content"]))
        };
        if self.of(folder).iter().any(same) {
            return Ok(refusal(409, 10004, "it already exists"));
        }
        self.made += 1;
        let id = format!("id-{}", self.made);
        match folder {
            "d1/database" => thing["uuid"] = json!(id),
            "r2/buckets" => thing["storage_class"] = json!("Standard"),
            "pages/projects" => {
                thing["subdomain"] =
                    json!(format!("{}.pages.dev", thing["name"].as_str().unwrap_or_default()))
            }
            _ => thing["id"] = json!(id),
        }
        self.put(folder, thing.clone());
        if !self.creation_troubles.is_empty() {
            return self.creation_troubles.remove(0);
        }
        Ok(ok(thing))
    }

    /// Two things a page.
    fn list(&self, folder: &str, request: &Request) -> Response {
        let named = |thing: &&Value| {
            let wanted = request.query("hostname").or(request.query("name"));
            wanted
                .is_none_or(|wanted| thing["hostname"] == wanted.as_str() || thing["name"] == wanted.as_str())
        };
        let all: Vec<Value> =
            self.of(folder).into_iter().filter(named).map(|thing| self.shown(folder, thing)).collect();
        let page: usize = request.query("page").map_or(1, |page| page.parse().expect("a number"));
        let items: Vec<&Value> = all.iter().skip((page - 1) * 2).take(2).collect();
        let info = json!({"page": page, "per_page": 2, "total_count": all.len()});
        answer(200, &json!({"success": true, "errors": [], "result": items, "result_info": info}))
    }

    fn shown(&self, folder: &str, thing: &Value) -> Value {
        let mut shown = thing.clone();
        if folder == "custom_hostnames" {
            shown["status"] = json!(self.state);
            let (ssl, name) =
                (if self.state == "active" { "active" } else { "pending_validation" }, &thing["hostname"]);
            shown["ssl"]["status"] = json!(ssl);
            let record = format!("_acme-challenge.{}", name.as_str().unwrap_or_default());
            shown["ssl"]["validation_records"] = json!([{"txt_name": record, "txt_value": "token"}]);
        }
        shown
    }

    fn one(&mut self, folder: &str, path: &str, request: &Request) -> Response {
        let (id, rest) = path.split_once('/').unwrap_or((path, ""));
        let is = |thing: &Value| {
            ["id", "uuid"].into_iter().any(|member| thing[member] == id)
                || (matches!(folder, "r2/buckets" | "pages/projects") && thing["name"] == id)
        };
        let Some(at) = self.things.iter().position(|(place, thing)| place == folder && is(thing)) else {
            return refusal(404, 10006, "not found");
        };
        if let Some(part) = rest.strip_prefix("domains").filter(|_| folder == "pages/projects") {
            return self.domain(at, part.trim_start_matches('/'), request);
        }
        let body = request.json();
        match (request.method, rest) {
            (Method::Get, "") => return ok(self.shown(folder, &self.things[at].1)),
            (Method::Get, part) => {
                return match &self.things[at].1[part] {
                    Value::Null => refusal(404, 10059, "not configured"),
                    part => ok(part.clone()),
                };
            }
            (Method::Put, part) if !part.is_empty() => {
                self.things[at].1[part] = body;
                self.things[at].1[part]["domain"] = json!("pub-1.r2.dev");
            }
            (Method::Delete, _) => {
                let (_, gone) = self.things.remove(at);
                return ok(json!({"id": gone["id"]}));
            }
            _ => {
                if let Some(class) = request.header("cf-r2-storage-class") {
                    self.things[at].1["storage_class"] = json!(class);
                }
                // A change by header alone has no body.
                if body.is_object() {
                    merge(&mut self.things[at].1, &body);
                }
            }
        }
        ok(self.things[at].1.clone())
    }

    fn domain(&mut self, at: usize, name: &str, request: &Request) -> Response {
        let project = &mut self.things[at].1;
        if !project["x-domains"].is_array() {
            project["x-domains"] = json!([]);
        }
        let domains = project["x-domains"].as_array_mut().expect("a list");
        match request.method {
            Method::Get => {
                let shown: Vec<Value> = domains
                    .iter()
                    .map(|domain| json!({"name": domain["name"], "status": self.state}))
                    .collect();
                ok(json!(shown))
            }
            Method::Delete => {
                domains.retain(|domain| domain["name"] != name);
                ok(Value::Null)
            }
            _ => {
                let domain = request.json();
                if domains.contains(&domain) {
                    return refusal(409, 8_000_018, "already added");
                }
                domains.push(domain.clone());
                ok(domain)
            }
        }
    }
}

fn merge(into: &mut Value, from: &Value) {
    match (into.as_object_mut(), from.as_object()) {
        (Some(into), Some(from)) => {
            for (name, value) in from {
                merge(into.entry(name.clone()).or_insert(json!({})), value);
            }
            into.retain(|_, value| !value.is_null());
        }
        _ => into.clone_from(from),
    }
}

pub fn ok(result: Value) -> Response {
    answer(200, &json!({"success": true, "errors": [], "messages": [], "result": result}))
}

pub fn refusal(status: u16, code: u64, message: &str) -> Response {
    let errors = json!([{"code": code, "message": message}]);
    answer(status, &json!({"success": false, "errors": errors, "messages": [], "result": null}))
}
