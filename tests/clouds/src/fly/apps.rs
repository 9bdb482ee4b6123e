//! Apps, their addresses and their secrets.

use serde_json::{Value, json};

use super::model::{Address, App, timestamp};
use super::{Fly, ORGANIZATION, error, error_of, render};
use crate::call::{Answer, Call, Outcome};
use crate::clock::Clock;
use crate::dice::Dice;

impl Fly {
    pub(super) fn list_apps(&self, call: &Call, clock: &Clock) -> Outcome {
        check_organization(call.query("org_slug"))?;
        let seen: Vec<Value> =
            self.apps.iter().filter(|app| clock.shows(app.created)).map(render::app).collect();
        Ok(Answer::json(200, json!({ "total_apps": seen.len(), "apps": seen })))
    }

    pub(super) fn create_app(&mut self, call: &Call, clock: &Clock) -> Outcome {
        check_organization(call.text("/org_slug"))?;
        let name = call.text("/name").filter(|name| is_name(name));
        let name = name.ok_or_else(|| error(422, "name is missing or not a valid app name"))?;
        if self.taken_names.iter().any(|taken| taken == name) || self.find_app(name).is_ok() {
            return Err(error_of(422, "name_taken", "Validation failed: Name has already been taken"));
        }
        let app = App {
            id: self.dice.text("0123456789abcdefghijklmnopqrstuvwxyz", 14),
            name: name.to_owned(),
            network: call.text("/network").unwrap_or("default").to_owned(),
            created: clock.now(),
            deleted: None,
            addresses: Vec::new(),
            secrets: std::collections::BTreeMap::new(),
            secrets_version: 0,
            machines: Vec::new(),
        };
        let created_at = jiff::Timestamp::now().as_millisecond();
        let body = json!({ "id": app.id, "created_at": created_at });
        self.apps.push(app);
        Ok(Answer::json(201, body))
    }
}

fn check_organization(slug: Option<&str>) -> Result<(), Answer> {
    match slug {
        Some(ORGANIZATION) => Ok(()),
        Some(_) => Err(error(404, "organization not found")),
        None => Err(error(400, "org_slug is required")),
    }
}

/// Lower-case letters, digits and hyphens, at most 63.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    !name.is_empty() && name.len() <= 63 && name.chars().all(allowed) && !name.starts_with('-')
}

impl App {
    pub(super) fn get(&self, clock: &Clock) -> Outcome {
        if !clock.shows(self.created) {
            return Err(error(404, "app not found"));
        }
        Ok(Answer::json(200, render::app(self)))
    }

    /// Gives another address; of the shared one there is only one.
    pub(super) fn assign_address(&mut self, call: &Call, dice: &mut Dice) -> Outcome {
        let kind = call.text("/type").unwrap_or("v6");
        let ip = match kind {
            "shared_v4" => "66.241.124.7".to_owned(),
            "v4" => format!("149.248.{}.{}", dice.below(256), dice.below(256)),
            "v6" => format!("2a09:8280:1::{}:{}", dice.hex(4), dice.hex(4)),
            "private_v6" => format!("fdaa:0:{}::{}", dice.hex(4), dice.hex(4)),
            _ => return Err(error(422, "type is not one that this stand-in plays")),
        };
        let known = self.addresses.iter().position(|address| address.ip == ip);
        let index = known.unwrap_or_else(|| {
            self.addresses.push(Address { kind: kind.to_owned(), ip, created_at: timestamp() });
            self.addresses.len() - 1
        });
        Ok(Answer::json(200, render::address(&self.addresses[index])))
    }

    pub(super) fn release_address(&mut self, ip: &str) -> Outcome {
        let before = self.addresses.len();
        self.addresses.retain(|address| address.ip != ip);
        if self.addresses.len() == before {
            return Err(error(404, "address not found"));
        }
        Ok(Answer::empty(204))
    }

    pub(super) fn set_secrets(&mut self, call: &Call, dice: &mut Dice) -> Outcome {
        let values = call.member("/values").as_object();
        let values = values.filter(|values| values.values().all(Value::is_string));
        let values = values.ok_or_else(|| error(400, "values must map names to strings"))?;
        for name in values.keys() {
            self.secrets.insert(name.clone(), dice.hex(16));
        }
        self.secrets_version += 1;
        let mut body = render::secrets(self);
        body["version"] = self.secrets_version.into();
        Ok(Answer::json(200, body))
    }

    pub(super) fn delete_secret(&mut self, name: &str) -> Outcome {
        self.secrets.remove(name).ok_or_else(|| error(404, "secret not found"))?;
        self.secrets_version += 1;
        Ok(Answer::json(200, json!({ "version": self.secrets_version })))
    }
}
