//! R2 buckets. Objects are none of this plugin's business.

use serde_json::{Map, Value, json};
use ss_sdk::{Change, Credential, Failure};

use crate::account::Thing;
use crate::api::{Api, segment, text};
use crate::options::{Kind, Options};
use crate::site::{Site, changed};

/// R2 buckets.
pub static BUCKET: Bucket = Bucket;

/// R2 buckets.
pub struct Bucket;

impl Thing for Bucket {
    fn kind(&self) -> Kind {
        Kind::R2
    }

    fn noun(&self) -> &'static str {
        "R2 bucket"
    }

    fn folder(&self) -> &'static str {
        "r2/buckets"
    }

    fn members(&self) -> (&'static str, &'static str) {
        ("name", "name")
    }

    fn longest_name(&self) -> usize {
        63
    }

    fn named(&self, api: &Api<'_, '_>, folder: &str, name: &str) -> Result<Option<Value>, Failure> {
        api.find(&format!("{folder}/{}", segment(name)?), "look the bucket up")
    }

    fn creation(&self, options: &Options, name: &str) -> Value {
        let mut body = json!({ "name": name });
        if let Some(location) = &options.location {
            body["locationHint"] = json!(location);
        }
        if let Some(class) = &options.storage_class {
            body["storageClass"] = json!(class);
        }
        body
    }

    fn changes(&self, site: &Site<'_, '_>, path: &str, bucket: &Value) -> Result<Vec<Change>, Failure> {
        let options = site.options;
        let mut changes = Vec::new();
        changes.extend(changed("storage_class", &bucket["storage_class"], options.storage_class.clone()));
        if let Some(public) = options.public {
            let managed = site.api.find(&format!("{path}/domains/managed"), "read the public address")?;
            let is = managed.map_or(Value::Bool(false), |managed| managed["enabled"].clone());
            changes.extend(changed("public", &is, Some(public)));
        }
        if let Some(rules) = &options.cors {
            let cors = site.api.find(&format!("{path}/cors"), "read the CORS rules")?.unwrap_or_default();
            let is: Vec<Value> = cors["rules"].as_array().into_iter().flatten().map(plain).collect();
            let wanted: Vec<Value> = rules.iter().map(rule).collect();
            if is != wanted {
                changes.push(Change::new("cors", is, wanted));
            }
        }
        Ok(changes)
    }

    fn apply(&self, site: &Site<'_, '_>, path: &str, change: &Change) -> Result<(), Failure> {
        let wanted = change.after.clone().unwrap_or_default();
        match change.field.as_str() {
            "storage_class" => {
                let api = site.api.with_header("cf-r2-storage-class", wanted.as_str().unwrap_or_default());
                api.patch(path, None, "change the storage class").map(drop)
            }
            "public" => {
                let body = json!({ "enabled": wanted });
                site.api.put(&format!("{path}/domains/managed"), &body, "set the public address").map(drop)
            }
            _ => {
                let body = json!({ "rules": wanted });
                site.api.put(&format!("{path}/cors"), &body, "set the CORS rules").map(drop)
            }
        }
    }

    fn credentials(&self, site: &Site<'_, '_>, path: &str) -> Result<Vec<Credential>, Failure> {
        let known = &site.known;
        let place =
            if known.jurisdiction.is_empty() { String::new() } else { format!(".{}", known.jurisdiction) };
        let endpoint = format!("https://{}{place}.r2.cloudflarestorage.com", known.account_id);
        let mut credentials = vec![
            Credential::public("R2_BUCKET", known.name.clone()),
            Credential::public("R2_ENDPOINT", endpoint),
            Credential::public("R2_ACCOUNT_ID", known.account_id.clone()),
        ];
        if site.options.public == Some(true) {
            let managed = site.api.get(&format!("{path}/domains/managed"), "read the public address")?;
            credentials
                .push(Credential::public("R2_PUBLIC_URL", format!("https://{}", text(&managed, "domain"))));
        }
        Ok(credentials)
    }
}

/// A rule as R2 wants it.
fn rule(options: &Value) -> Value {
    let list = |name: &str| options[name].as_array().filter(|list| !list.is_empty()).cloned();
    let mut allowed = Map::new();
    for name in ["origins", "methods", "headers"] {
        allowed.extend(list(name).map(|list| (name.to_owned(), Value::Array(list))));
    }
    let mut rule = json!({ "allowed": allowed });
    if let Some(headers) = list("expose_headers") {
        rule["exposeHeaders"] = headers.into();
    }
    if let Some(seconds) = options["max_age"].as_u64() {
        rule["maxAgeSeconds"] = seconds.into();
    }
    rule
}

/// A rule as R2 shows it, without what nobody set: its id and empty lists.
fn plain(rule: &Value) -> Value {
    let mut rule = rule.clone();
    let is_set = |value: &Value| !value.is_null() && value.as_array().is_none_or(|list| !list.is_empty());
    if let Some(members) = rule.as_object_mut() {
        members.remove("id");
        members.retain(|_, value| is_set(value));
    }
    if let Some(allowed) = rule["allowed"].as_object_mut() {
        allowed.retain(|_, value| is_set(value));
    }
    if let Some(seconds) = rule["maxAgeSeconds"].as_f64() {
        rule["maxAgeSeconds"] = json!(seconds as u64);
    }
    rule
}
