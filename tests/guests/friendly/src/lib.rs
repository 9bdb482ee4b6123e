//! A plugin that behaves: it uses each capability as it was granted.
//!
//! Options: `url` is requested with the API key, `generate` names a secret that goes into the credential
//! `DATABASE_URL`.

use guest_bindings::http::{self, Request};
use guest_bindings::secrets::Alphabet;
use guest_bindings::types::{
    Action, Change, Context, Credential, Description, Failure, Health, Outcome, Plan, Service, State,
};
use guest_bindings::{Guest, description, failure, journal, progress, secrets, state};
use serde_json::{Value, json};

const NAME: &str = "friendly";

struct Friendly;

guest_bindings::export_plugin!(Friendly with_types_in guest_bindings);

fn get(context: &Context, url: &str) -> Result<u16, Failure> {
    let headers =
        context.api_key.iter().map(|key| ("authorization".into(), format!("Bearer {key}"))).collect();
    let request = Request { method: "GET".into(), url: url.into(), headers, body: None };
    http::send(&request, 1 << 20).map(|response| response.status).map_err(failure)
}

fn options(service: &Service) -> Value {
    serde_json::from_str(&service.options).unwrap_or_default()
}

impl Guest for Friendly {
    fn describe() -> Description {
        description(NAME)
    }

    fn can_provision(service: Service) -> bool {
        service.kind == "database"
    }

    fn plan(context: Context, service: Service) -> Result<Plan, Failure> {
        let mut detail = format!("friendly {}", service.id);
        if let Some(url) = options(&service)["url"].as_str() {
            detail = format!("{detail}, HTTP {}", get(&context, url)?);
        }
        let action = if context.existing.is_some() { Action::Nothing } else { Action::Create };
        Ok(Plan { action, detail, changes: vec![] })
    }

    fn provision(context: Context, service: Service) -> Result<Outcome, Failure> {
        let options = options(&service);
        if let Some(url) = options["url"].as_str() {
            let status = get(&context, url)?;
            progress::step(&format!("Requested: HTTP {status}"));
        }
        journal::save_partial_state(&json!({ "step": 1 }).to_string()).map_err(failure)?;
        let mut credentials = vec![];
        if let Some(name) = options["generate"].as_str() {
            let password = secrets::generate(name, 24, Alphabet::Alphanumeric)
                .map_err(|error| failure(format!("{error:?}")))?;
            credentials.push(Credential {
                name: "DATABASE_URL".into(),
                value: format!("postgres://friendly:{password}@localhost/db"),
                sensitive: true,
            });
        }
        println!("provisioned {}", service.id);
        let state = state(NAME, json!({ "project": context.project }).to_string());
        Ok(Outcome { state, credentials, summary: "friendly is there".into() })
    }

    fn status(_: Context, state: State) -> Result<Health, Failure> {
        Ok(Health { healthy: true, message: format!("{} works", state.resource_id), raw: None })
    }

    fn observe(_: Context, _: Service, _: State) -> Result<Vec<Change>, Failure> {
        Ok(vec![])
    }

    fn find(_: Context, _: Service) -> Result<Option<State>, Failure> {
        Ok(None)
    }

    fn destroy(_: Context, _: State) -> Result<(), Failure> {
        Ok(())
    }
}
