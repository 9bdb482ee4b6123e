//! What is set in a project: keys, sign-in, REST API, TLS, networks, size, secrets.

use http::Method;
use serde_json::{Map, Value, json};

use super::{Project, State, error, no_route};
use crate::call::{Answer, Call, Outcome};
use crate::clock::Clock;

impl Project {
    pub(super) fn settings(&mut self, call: &Call, clock: &Clock, rest: &[&str]) -> Outcome {
        if self.status(clock) != "ACTIVE_HEALTHY" {
            return Err(error(400, "The project is not active."));
        }
        match (&call.method, rest) {
            (&Method::GET, ["api-keys"]) => Ok(Answer::json(200, self.list_keys(call.flag("reveal")))),
            (&Method::GET, ["config", "database", "pooler"]) => Ok(Answer::json(200, self.pooler())),
            (&Method::GET, ["config", "auth"]) => Ok(Answer::json(200, self.auth.clone().into())),
            (&Method::PATCH, ["config", "auth"]) => merge(&mut self.auth, call),
            (&Method::GET, ["postgrest"]) => Ok(Answer::json(200, self.rest.clone().into())),
            (&Method::PATCH, ["postgrest"]) => merge(&mut self.rest, call),
            (&Method::GET, ["ssl-enforcement"]) => Ok(Answer::json(200, self.tls())),
            (&Method::PUT, ["ssl-enforcement"]) => {
                self.enforces_tls = call.member("/requestedConfig/database") == &Value::Bool(true);
                Ok(Answer::json(200, self.tls()))
            }
            (&Method::GET, ["network-restrictions"]) => Ok(Answer::json(200, self.network())),
            (&Method::POST, ["network-restrictions", "apply"]) => {
                self.cidrs =
                    (call.member("/dbAllowedCidrs").clone(), call.member("/dbAllowedCidrsV6").clone());
                Ok(Answer::json(201, self.network()))
            }
            (&Method::GET, ["billing", "addons"]) => Ok(Answer::json(200, self.addons())),
            (&Method::PATCH, ["billing", "addons"]) => {
                self.size = call.text("/addon_variant").map(str::to_owned);
                self.state = State::Rising("RESIZING", clock.now());
                Ok(Answer::empty(200))
            }
            (&Method::DELETE, ["billing", "addons", id]) if self.size.as_deref() == Some(id) => {
                self.size = None;
                self.state = State::Rising("RESIZING", clock.now());
                Ok(Answer::empty(200))
            }
            (&Method::GET, ["secrets"]) => Ok(Answer::json(200, self.list_secrets())),
            (&Method::POST, ["secrets"]) => self.set_secrets(call),
            (&Method::DELETE, ["secrets"]) => {
                let names = call.member("").as_array().cloned().unwrap_or_default();
                self.secrets.retain(|(name, _)| !names.contains(&json!(name)));
                Ok(Answer::empty(200))
            }
            _ => Err(no_route(call)),
        }
    }

    /// New-style secret keys are masked unless they are asked for in clear.
    fn list_keys(&self, reveal: bool) -> Value {
        let keys = self.keys.iter().map(|(name, kind, key)| {
            let shown = if *kind == "secret" && !reveal { "sb_secret_····" } else { key };
            json!({ "name": name, "type": kind, "api_key": shown, "id": null, "prefix": null })
        });
        keys.collect()
    }

    fn pooler(&self) -> Value {
        let (user, host) =
            (format!("postgres.{}", self.reference), format!("aws-0-{}.pooler.supabase.com", self.region));
        let uri = format!("postgresql://{user}:[YOUR-PASSWORD]@{host}:6543/postgres");
        json!([{
            "identifier": self.reference, "database_type": "PRIMARY", "is_using_scram_auth": true,
            "db_user": user, "db_host": host, "db_port": 6543, "db_name": "postgres",
            "connection_string": uri, "connectionString": uri, "default_pool_size": null,
            "max_client_conn": null, "pool_mode": "transaction",
        }])
    }

    fn tls(&self) -> Value {
        json!({ "currentConfig": { "database": self.enforces_tls }, "appliedSuccessfully": true })
    }

    fn network(&self) -> Value {
        let config = json!({ "dbAllowedCidrs": self.cidrs.0, "dbAllowedCidrsV6": self.cidrs.1 });
        json!({ "entitlement": "allowed", "config": config, "status": "applied" })
    }

    fn addons(&self) -> Value {
        let price =
            json!({ "description": "per hour", "type": "usage", "interval": "hourly", "amount": 0.0206 });
        let selected = self.size.iter().map(
            |id| json!({ "type": "compute_instance", "variant": { "id": id, "name": id, "price": price } }),
        );
        json!({ "selected_addons": selected.collect::<Vec<_>>(), "available_addons": [] })
    }

    /// Names, and what is not the value.
    fn list_secrets(&self) -> Value {
        let digest = "0".repeat(64);
        self.secrets.iter().map(|(name, _)| json!({ "name": name, "value": digest })).collect()
    }

    fn set_secrets(&mut self, call: &Call) -> Outcome {
        for secret in call.member("").as_array().into_iter().flatten() {
            let (Some(name), Some(value)) = (secret["name"].as_str(), secret["value"].as_str()) else {
                return Err(error(400, "name: Required, value: Required"));
            };
            if name.starts_with("SUPABASE_") {
                return Err(error(400, "name: must not start with SUPABASE_"));
            }
            self.secrets.retain(|(known, _)| known != name);
            self.secrets.push((name.to_owned(), value.to_owned()));
        }
        Ok(Answer::empty(201))
    }
}

/// Puts the members of the body in the place of what they replace.
fn merge(settings: &mut Map<String, Value>, call: &Call) -> Outcome {
    let members = call.member("").as_object().cloned().unwrap_or_default();
    if let Some((unknown, _)) = members.iter().find(|(name, _)| !settings.contains_key(*name)) {
        return Err(error(400, &format!("{unknown}: unknown")));
    }
    settings.extend(members);
    Ok(Answer::json(200, settings.clone().into()))
}
