//! Cloudflare for SaaS: custom hostnames of a zone, and the fallback origin that they lead to.
//!
//! A hostname is unique in its zone. It has two states, its own and its certificate's, and works once both are
//! `active`; until then somebody has to add records elsewhere, which is said and not waited for, unless the
//! service asks for that.

use std::time::Duration;

use serde_json::{Value, json};
use ss_sdk::{Action, Change, Context, Credential, Failure, FailureKind, Health, Outcome, Plan, State};

use crate::api::{Api, UNSEEN_LIMIT, segment, text};
use crate::options::{Kind, Metadata, host_name};
use crate::site::{Resource, Site, changed};

/// How long Cloudflare may take to say what has to be added where, or to set the fallback origin up.
const SETTLE_LIMIT: Duration = Duration::from_secs(30);

/// A service and its hostnames.
pub struct Hostnames<'s, 'a, 'h> {
    site: &'s mut Site<'a, 'h>,
    /// Name and what is there of it.
    wanted: Vec<(String, Option<Value>)>,
    /// Id and name of what was made and is no longer wanted.
    surplus: Vec<(String, String)>,
    fallback: Fallback,
}

/// The fallback origin of the zone.
struct Fallback {
    is: Option<Value>,
    wanted: Option<String>,
}

impl Fallback {
    fn origin(&self) -> &str {
        self.is.as_ref().map_or("", |is| text(is, "origin"))
    }
}

impl<'s, 'a, 'h> Hostnames<'s, 'a, 'h> {
    /// Reads what is there.
    pub fn new(site: &'s mut Site<'a, 'h>) -> Result<Self, Failure> {
        let (zone_id, _) = site.zone()?;
        site.known.zone_id = zone_id;
        let names = site.options.served_names();
        let wanted_fallback = site.options.fallback_origin.as_deref().map(host_name);
        let is = if wanted_fallback.is_some() || !site.known.fallback_origin.is_empty() {
            site.api.find(&fallback_path(&site.known)?, "read the fallback origin")?
        } else {
            None
        };
        let mut wanted = Vec::new();
        for name in names {
            let found = named(&site.api, &site.known, &name)?;
            wanted.push((name, found));
        }
        let gone = |name: &String| !wanted.iter().any(|(wanted, _)| wanted == name);
        let made =
            site.known.made.iter().filter_map(|(id, name)| Some((id.clone(), name.as_str()?.to_owned())));
        let surplus = made.filter(|(_, name)| gone(name)).collect();
        Ok(Self { site, wanted, surplus, fallback: Fallback { is, wanted: wanted_fallback } })
    }

    fn changes(&self) -> Vec<Change> {
        let mut changes = Vec::new();
        match &self.fallback.wanted {
            Some(wanted) if self.fallback.origin() != wanted => {
                let is = self.fallback.is.as_ref().map_or(Value::Null, |is| is["origin"].clone());
                changes.push(Change::new("fallback_origin", is, wanted.as_str()));
            }
            None if self.is_our_fallback() => {
                changes.push(Change::new("fallback_origin", self.fallback.origin(), Value::Null));
            }
            _ => {}
        }
        for (name, found) in &self.wanted {
            match found {
                None => {
                    changes.push(Change::new(format!("hostnames.{name}"), Value::Null, "custom hostname"));
                }
                Some(found) => changes.extend(self.differences(name, found)),
            }
        }
        for (_, name) in &self.surplus {
            changes.push(Change::new(format!("hostnames.{name}"), "custom hostname", Value::Null));
        }
        changes
    }

    /// Whether the fallback origin is the one that this service set.
    fn is_our_fallback(&self) -> bool {
        let ours = &self.site.known.fallback_origin;
        !ours.is_empty() && self.fallback.origin() == ours
    }

    fn differences(&self, name: &str, found: &Value) -> Vec<Change> {
        let (options, ssl) = (self.site.options, &found["ssl"]);
        let wildcard = if ssl["wildcard"].is_null() { json!(false) } else { ssl["wildcard"].clone() };
        [
            changed("ssl_method", &ssl["method"], options.ssl_method.clone()),
            changed("min_tls_version", &ssl["settings"]["min_tls_version"], options.min_tls_version.clone()),
            changed(
                "certificate_authority",
                &ssl["certificate_authority"],
                options.certificate_authority.clone(),
            ),
            changed("wildcard", &wildcard, options.wildcard),
        ]
        .into_iter()
        .flatten()
        .map(|change| Change { field: format!("hostnames.{name}.{}", change.field), ..change })
        .collect()
    }

    /// How certificates are to be, with what is there where the service does not say.
    fn ssl(&self, found: &Value) -> Value {
        let (options, ssl) = (self.site.options, &found["ssl"]);
        let method = options.ssl_method.as_deref().or(ssl["method"].as_str()).unwrap_or("txt");
        let mut wanted = json!({ "type": "dv", "method": method });
        if let Some(version) = &options.min_tls_version {
            wanted["settings"] = json!({ "min_tls_version": version });
        }
        if let Some(authority) = &options.certificate_authority {
            wanted["certificate_authority"] = json!(authority);
        }
        if let Some(wildcard) = options.wildcard {
            wanted["wildcard"] = json!(wildcard);
        }
        wanted
    }

    fn set_fallback(&mut self) -> Result<(), Failure> {
        let path = fallback_path(&self.site.known)?;
        match self.fallback.wanted.clone() {
            Some(wanted) if self.fallback.origin() != wanted => {
                // Before the request: whoever finds it set after a crash knows that it is this service's.
                self.site.known.fallback_origin.clone_from(&wanted);
                self.site.keep()?;
                let body = json!({ "origin": wanted });
                let set = self.site.api.put(&path, &body, "set the fallback origin").map_err(|failure| {
                    failure.with_next_step("the fallback origin must be a proxied DNS record of this zone")
                })?;
                self.fallback.is = Some(set);
                self.site.context.step(format!("Fallback origin set: {wanted}"));
            }
            None if self.is_our_fallback() => {
                self.site.api.delete(&path, "remove the fallback origin")?;
                self.site.known.fallback_origin.clear();
                self.site.context.step("Fallback origin removed");
            }
            _ => {}
        }
        Ok(())
    }

    fn make_missing(&mut self) -> Result<usize, Failure> {
        let mut made = 0;
        for at in 0..self.wanted.len() {
            let (name, found) = &self.wanted[at];
            let name = name.clone();
            let known = &mut self.site.known;
            if let Some(found) = found {
                let id = text(found, "id").to_owned();
                let ours = known.made.contains_key(&id) || known.domains.contains(&name);
                let kept = if ours { &mut known.made } else { &mut known.adopted };
                kept.insert(id, json!(name));
                continue;
            }
            // Before the request: whoever finds it after a crash knows that it is this service's.
            if !known.domains.contains(&name) {
                known.domains.push(name.clone());
            }
            self.site.keep()?;
            let body = json!({ "hostname": name, "ssl": self.ssl(&Value::Null) });
            let path = folder(&self.site.known)?;
            let look = || named(&self.site.api, &self.site.known, &name);
            let (hostname, _) = self.site.api.create(&path, &body, "create the custom hostname", &look)?;
            self.site.known.made.insert(text(&hostname, "id").to_owned(), json!(name));
            self.site.keep()?;
            self.site.context.step(format!("Custom hostname created: {name}"));
            self.wanted[at].1 = Some(hostname);
            made += 1;
        }
        Ok(made)
    }

    /// Changes what differs, and starts the validation anew of what has failed.
    fn change(&mut self) -> Result<usize, Failure> {
        let mut changed = 0;
        for (name, found) in &self.wanted {
            let Some(found) = found else { continue };
            let differs = !self.differences(name, found).is_empty();
            if differs || has_timed_out(found) {
                let path = format!("{}/{}", folder(&self.site.known)?, segment(text(found, "id"))?);
                let body = json!({ "ssl": self.ssl(found) });
                self.site.api.patch(&path, Some(&body), "change the custom hostname")?;
                let what = if differs { "changed" } else { "validation started anew" };
                self.site.context.step(format!("Custom hostname {what}: {name}"));
                changed += 1;
            }
        }
        Ok(changed)
    }

    fn remove_surplus(&mut self) -> Result<usize, Failure> {
        let surplus = std::mem::take(&mut self.surplus);
        for (id, name) in &surplus {
            remove(&self.site.api, &self.site.known, id, name)?;
            self.site.known.made.remove(id);
            self.site.known.domains.retain(|known| known != name);
        }
        Ok(surplus.len())
    }

    /// Waits until Cloudflare says what has to be added where, and then as long as the service asks.
    fn settle(&mut self) -> Result<(), Failure> {
        if self.fallback.wanted.is_some()
            && text(self.fallback.is.as_ref().unwrap_or(&Value::Null), "status") != "active"
        {
            let path = fallback_path(&self.site.known)?;
            let wait = self.site.context.wait("the fallback origin to be active", SETTLE_LIMIT);
            let active = wait.within_limit(|| {
                let now = self.site.api.find(&path, "read the fallback origin")?.unwrap_or_default();
                Ok((text(&now, "status") == "active").then_some(()))
            })?;
            if active.is_none() {
                self.site.context.warn("the fallback origin is not active yet");
            }
        }
        for (name, _) in &self.wanted {
            let look = || named(&self.site.api, &self.site.known, name);
            let wait = self.site.context.wait(format!("custom hostname {name}"), SETTLE_LIMIT);
            let now = wait.within_limit(|| Ok(look()?.filter(is_decided)))?;
            let now = match now {
                None => look()?,
                decided => decided,
            };
            let Some(now) = now else { continue };
            if is_active(&now) {
                continue;
            }
            self.site.context.warn(format!("custom hostname {name}: {}", progress(&now)));
            let seconds = self.site.options.wait_for_active;
            if seconds > 0 {
                let wait = self
                    .site
                    .context
                    .wait(format!("custom hostname {name} to be active"), Duration::from_secs(seconds));
                if wait.within_limit(|| Ok(look()?.filter(is_active)))?.is_none() {
                    let now = look()?.unwrap_or(now);
                    return Err(Failure::unavailable(format!("custom hostname {name}: {}", progress(&now)))
                        .with_next_step(
                            "add what is asked for where the hostname's DNS is, then run again",
                        ));
                }
                self.site.context.step(format!("Custom hostname active: {name}"));
            }
        }
        Ok(())
    }

    fn detail(&self) -> String {
        let names: Vec<&str> = self.wanted.iter().map(|(name, _)| name.as_str()).collect();
        match (names.as_slice(), &self.fallback.wanted) {
            ([], Some(origin)) => format!("fallback origin {origin}, no custom hostname named"),
            ([], None) => "no custom hostname named".to_owned(),
            (names, None) => format!("custom hostnames {}", names.join(", ")),
            (names, Some(origin)) => {
                format!("custom hostnames {}, fallback origin {origin}", names.join(", "))
            }
        }
    }
}

impl Resource for Hostnames<'_, '_, '_> {
    fn plan(&self) -> Result<Plan, Failure> {
        let changes = self.changes();
        if self.site.context.existing.is_none() && self.site.known.made.is_empty() && !changes.is_empty() {
            return Ok(Plan { action: Action::Create, detail: self.detail(), changes });
        }
        Ok(Plan::converge(self.detail(), changes))
    }

    fn provision(&mut self) -> Result<Outcome, Failure> {
        // What was made and is not shown yet is waited for, so that it is not taken for gone.
        for at in 0..self.wanted.len() {
            let (name, found) = &self.wanted[at];
            if found.is_none() && self.site.known.made_names().contains(&name.as_str()) {
                let wait = self.site.context.wait("the custom hostname to appear", UNSEEN_LIMIT);
                let found = wait.within_limit(|| named(&self.site.api, &self.site.known, name))?;
                let name = name.clone();
                self.site.known.made.retain(|_, made| *made != name);
                self.wanted[at].1 = found;
            }
        }
        let before = self.changes().iter().any(|change| change.field == "fallback_origin");
        self.site.known.adopted.clear();
        self.set_fallback()?;
        let changed = self.change()? + usize::from(before);
        let made = self.make_missing()?;
        let removed = self.remove_surplus()?;
        self.settle()?;
        let what = match (made, changed + removed) {
            (0, 0) => "unchanged",
            (0, _) => "updated",
            _ => "created",
        };
        let id = self.site.known.zone_id.clone();
        let mut outcome = Outcome::new(self.site.state(&id), format!("{} ({what})", self.detail()))
            .with_credential(Credential::public("ZONE_ID", id));
        if let Some(origin) = &self.fallback.wanted {
            outcome = outcome.with_credential(Credential::public("FALLBACK_ORIGIN", origin.clone()));
        }
        Ok(outcome)
    }

    fn observe(&self) -> Result<Vec<Change>, Failure> {
        Ok(self.changes())
    }

    fn find(&self) -> Result<Option<State>, Failure> {
        let mut known = self.site.known.clone();
        for (name, found) in &self.wanted {
            if let Some(found) = found.as_ref().filter(|_| self.site.known.domains.contains(name)) {
                known.made.insert(text(found, "id").to_owned(), json!(name));
            }
        }
        let anything = !known.made.is_empty() || self.is_our_fallback();
        let state = self.site.context.state(crate::NAME, &known.zone_id).with_metadata(&known);
        Ok(anything.then_some(state))
    }
}

/// Whether the fallback origin and every hostname are active.
pub fn status(context: &Context<'_>, known: &Metadata) -> Result<Health, Failure> {
    let api = Api::new(context, Kind::CustomHostnames, "")?;
    let mut raw = serde_json::Map::new();
    for name in known.kept_names() {
        let Some(hostname) = named(&api, known, name)? else {
            return Ok(Health::unhealthy(format!("custom hostname {name} no longer exists")));
        };
        raw.insert(name.to_owned(), json!({"status": hostname["status"], "ssl": hostname["ssl"]["status"]}));
        if !is_active(&hostname) {
            let state = match text(&hostname, "status") {
                "active" => text(&hostname["ssl"], "status"),
                state => state,
            };
            let rest = to_do(&hostname).join("; ");
            let rest = if rest.is_empty() { String::new() } else { format!("; {rest}") };
            let message = format!("custom hostname status: {state} ({name}{rest})");
            return Ok(Health::unhealthy(message).with_raw(Value::Object(raw)));
        }
    }
    if !known.fallback_origin.is_empty() {
        let fallback = api.find(&fallback_path(known)?, "read the fallback origin")?.unwrap_or_default();
        let (is, state) = (text(&fallback, "origin"), text(&fallback, "status"));
        if is != known.fallback_origin {
            return Ok(Health::unhealthy(format!("the fallback origin is not `{}`", known.fallback_origin)));
        }
        if state != "active" {
            return Ok(Health::unhealthy(format!("custom hostname status: {state} (fallback origin {is})")));
        }
    }
    let origin = Some(&known.fallback_origin).filter(|origin| !origin.is_empty());
    let what = match (known.kept_names(), origin) {
        (names, None) if names.is_empty() => "no custom hostname named".to_owned(),
        (names, Some(origin)) if names.is_empty() => format!("active (fallback origin {origin})"),
        (names, _) => format!("active ({})", names.join(", ")),
    };
    Ok(Health::healthy(what).with_raw(Value::Object(raw)))
}

/// Deletes the hostnames, and the fallback origin if it is the one that the service set.
pub fn destroy(context: &Context<'_>, known: &Metadata) -> Result<(), Failure> {
    let api = Api::new(context, Kind::CustomHostnames, "")?;
    for (id, name) in &known.made {
        remove(&api, known, id, name.as_str().unwrap_or_default())?;
    }
    if !known.adopted.is_empty() {
        let names: Vec<&str> = known.adopted.values().filter_map(Value::as_str).collect();
        context.warn(format!("custom hostnames that were there before stay: {}", names.join(", ")));
    }
    if known.fallback_origin.is_empty() {
        return Ok(());
    }
    let path = fallback_path(known)?;
    let is_ours = |fallback: &Value| {
        text(fallback, "origin") == known.fallback_origin && text(fallback, "status") != "deleted"
    };
    match api.find(&path, "read the fallback origin")? {
        Some(fallback) if is_ours(&fallback) => {}
        Some(fallback) if !text(&fallback, "origin").is_empty() => {
            context.warn(format!(
                "the fallback origin `{}` stays: this service did not set it",
                text(&fallback, "origin")
            ));
            return Ok(());
        }
        _ => return Ok(()),
    }
    api.delete(&path, "remove the fallback origin")?;
    context.wait("the fallback origin to be gone", crate::api::DELETION_LIMIT).until(|| {
        let left = api.find(&path, "read the fallback origin")?;
        Ok((!left.is_some_and(|left| is_ours(&left))).then_some(()))
    })?;
    context.step("Fallback origin removed");
    Ok(())
}

fn remove(api: &Api<'_, '_>, known: &Metadata, id: &str, name: &str) -> Result<(), Failure> {
    let path = format!("{}/{}", folder(known)?, segment(id)?);
    api.delete_and_wait(&path, "delete the custom hostname", name)?;
    api.context.step(format!("Custom hostname removed: {name}"));
    Ok(())
}

fn folder(known: &Metadata) -> Result<String, Failure> {
    Ok(format!("/zones/{}/custom_hostnames", segment(&known.zone_id)?))
}

fn fallback_path(known: &Metadata) -> Result<String, Failure> {
    Ok(format!("{}/fallback_origin", folder(known)?))
}

/// The hostname of exactly this name.
fn named(api: &Api<'_, '_>, known: &Metadata, name: &str) -> Result<Option<Value>, Failure> {
    let found = api.list(&folder(known)?, &[("hostname", name)], 50, "look the custom hostname up")?;
    let mut exact: Vec<Value> = found
        .into_iter()
        .filter(|hostname| {
            text(hostname, "hostname") == name
                && !matches!(text(hostname, "status"), "deleted" | "pending_deletion")
        })
        .collect();
    if exact.len() > 1 {
        return Err(Failure::new(
            FailureKind::Conflict,
            format!("the zone has several custom hostnames `{name}`"),
        ));
    }
    Ok(exact.pop())
}

fn is_active(hostname: &Value) -> bool {
    matches!(text(hostname, "status"), "active" | "active_redeploying")
        && text(&hostname["ssl"], "status") == "active"
}

/// Whether Cloudflare has made up its mind what it asks for.
fn is_decided(hostname: &Value) -> bool {
    is_active(hostname) || !matches!(text(&hostname["ssl"], "status"), "" | "initializing")
}

fn has_timed_out(hostname: &Value) -> bool {
    text(&hostname["ssl"], "status").ends_with("_timed_out") || text(hostname, "status") == "moved"
}

/// What has to be added where. Cloudflare may ask for other values at any time, so these are always the current ones.
fn to_do(hostname: &Value) -> Vec<String> {
    let mut todo = Vec::new();
    let ownership = &hostname["ownership_verification"];
    if text(hostname, "status") != "active" && ownership["name"].is_string() {
        todo.push(format!("TXT {} = {} to add", text(ownership, "name"), text(ownership, "value")));
    }
    if text(&hostname["ssl"], "status") != "active" {
        for record in hostname["ssl"]["validation_records"].as_array().into_iter().flatten() {
            if record["txt_name"].is_string() {
                todo.push(format!("TXT {} = {} to add", text(record, "txt_name"), text(record, "txt_value")));
            } else if record["http_url"].is_string() {
                todo.push(format!(
                    "{} has to answer {}",
                    text(record, "http_url"),
                    text(record, "http_body")
                ));
            } else if record["cname"].is_string() {
                todo.push(format!(
                    "CNAME {} = {} to add",
                    text(record, "cname"),
                    text(record, "cname_target")
                ));
            }
        }
    }
    todo.sort();
    todo.dedup();
    todo
}

/// Both states, what is wrong, and what has to be done.
fn progress(hostname: &Value) -> String {
    let mut parts = vec![
        format!("status: {}", text(hostname, "status")),
        format!("certificate: {}", text(&hostname["ssl"], "status").replace('_', " ")),
    ];
    let of_name = hostname["verification_errors"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let of_ssl = hostname["ssl"]["validation_errors"].as_array().into_iter().flatten();
    parts.extend(of_name.map(str::to_owned));
    parts.extend(of_ssl.map(|error| text(error, "message").to_owned()));
    parts.extend(to_do(hostname));
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}
