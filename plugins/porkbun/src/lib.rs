//! `porkbun`: domains and DNS records at Porkbun.
//!
//! A service is one domain and the records that it wants there. Records of others are left alone. A domain is never
//! bought unless the service opts in with a highest price.

mod api;
mod options;
mod registration;
#[cfg(test)]
mod tests;
mod zone;

use serde_json::Value;
use ss_sdk::{
    Action, Change, Context, Credential, Description, Failure, Health, Outcome, Plan, Provider, Service,
    State, VaultKey,
};

use api::{Api, text};
use options::{Metadata, Options};
use zone::Zone;

/// The provider's name.
const NAME: &str = "porkbun";

/// The provider.
pub struct Porkbun;

ss_sdk::export!(Porkbun);

impl Provider for Porkbun {
    type Options = Options;

    fn describe() -> Description {
        let obtain = "https://porkbun.com/account/api";
        Description {
            provider: NAME.into(),
            summary: "Domains and DNS records at Porkbun".into(),
            requires_api_key: true,
            vault_keys: vec![
                VaultKey::api_key("PORKBUN_API_KEY", obtain),
                VaultKey {
                    name: "secret_api_key".into(),
                    aliases: vec!["secretapikey".into(), "secret_key".into()],
                    environment_variable: Some("PORKBUN_SECRET_KEY".into()),
                    required: true,
                    obtain: obtain.into(),
                },
            ],
            options_schema: include_str!("../options.schema.json").into(),
            example: include_str!("../example.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        let zone = Zone::new(context, service)?;
        let Some(domain) = zone.owned()? else {
            let price = zone.price()?;
            let detail = format!("register {} for {} + {}", zone.domain, price.shown(), counted(service));
            return Ok(Plan { action: Action::Create, detail, changes: vec![Zone::cost(price)] });
        };
        let records = zone.records()?;
        let mut changes = zone.domain_changes(&domain)?;
        changes.extend(zone.record_changes(&records));
        let detail = format!("{} in {}", counted(service), zone.domain);
        if context.existing.is_none() && !zone.is_begun(&records) && !changes.is_empty() {
            return Ok(Plan { action: Action::Create, detail, changes });
        }
        Ok(Plan::converge(detail, changes))
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        let mut zone = Zone::new(context, service)?;
        let domain = match zone.owned()? {
            Some(domain) => domain,
            None => {
                zone.register()?;
                let wait = context.wait("the domain to appear", zone::UNSEEN_LIMIT);
                wait.within_limit(|| zone.owned())?.unwrap_or(Value::Null)
            }
        };
        zone.converge_domain(&zone.domain_changes(&domain)?)?;
        let records = zone.records()?;
        let (removed, changed, made) = zone.converge_records(&records)?;
        let mut done = Vec::new();
        for (count, what) in [(made, "created"), (changed, "changed"), (removed, "removed")] {
            if count > 0 {
                done.push(format!("{count} {what}"));
            }
        }
        let done = if done.is_empty() { "unchanged".to_owned() } else { done.join(", ") };
        let summary = format!("{} in {}: {done}", counted(service), zone.domain);
        Ok(Outcome::new(zone.state(), summary)
            .with_credential(Credential::public("DOMAIN", zone.domain.clone())))
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        let known: Metadata = state.parse_metadata()?;
        let present = zone::retrieve(&Api::new(context, "")?, &known.domain)?;
        let is_there = |id: &String| present.iter().any(|record| text(record, "id") == id);
        let all = || known.made.iter().chain(&known.adopted);
        let gone: Vec<&str> =
            all().filter(|(id, _)| !is_there(id)).filter_map(|(_, name)| name.as_str()).collect();
        Ok(if gone.is_empty() {
            Health::healthy(format!("{} records in {}", all().count(), known.domain))
        } else {
            Health::unhealthy(format!("DNS records are gone: {}", gone.join(", ")))
        })
    }

    fn observe(
        context: &Context<'_>,
        service: &Service<Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure> {
        let context = Context { existing: Some(state.clone()), ..context.clone() };
        let zone = Zone::new(&context, service)?;
        let Some(domain) = zone.owned()? else {
            return Ok(vec![Change::new("domain", "gone", zone.domain.as_str())]);
        };
        let mut changes = zone.domain_changes(&domain)?;
        changes.extend(zone.record_changes(&zone.records()?));
        Ok(changes)
    }

    /// Records by their mark, and a domain that an interrupted attempt bought.
    fn find(context: &Context<'_>, service: &Service<Options>) -> Result<Option<State>, Failure> {
        let mut zone = Zone::new(context, service)?;
        if zone.owned()?.is_none() {
            return Ok(None);
        }
        let records = zone.records()?;
        let mark = zone::mark(context);
        let ours = |record: &&Value| zone::is_ours(record, &mark, &zone.known);
        let ours: Vec<&Value> = records.present.iter().filter(ours).collect();
        for record in ours {
            let name = format!("{} {}", text(record, "type"), text(record, "name"));
            zone.known.made.insert(text(record, "id").to_owned(), name.into());
        }
        let anything = !zone.known.made.is_empty() || !zone.known.registered_for.is_empty();
        Ok(anything.then(|| zone.state()))
    }

    /// Deletes the records that the service made. A registration cannot be undone.
    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        let known: Metadata = state.parse_metadata()?;
        let api = Api::new(context, "")?;
        let mark = zone::mark(context);
        let ours = || -> Result<Vec<Value>, Failure> {
            let mut records = zone::retrieve(&api, &known.domain)?;
            records.retain(|record| zone::is_ours(record, &mark, &known));
            Ok(records)
        };
        for record in ours()? {
            api.delete_record(&known.domain, text(&record, "id"))?;
            context.step(format!("DNS record removed: {} {}", text(&record, "type"), text(&record, "name")));
        }
        if !known.adopted.is_empty() {
            let names: Vec<&str> = known.adopted.values().filter_map(Value::as_str).collect();
            context.warn(format!("DNS records that were there before stay: {}", names.join(", ")));
        }
        if !known.registered_for.is_empty() {
            context.warn(format!("`{}` stays registered: a registration cannot be undone", known.domain));
        }
        let wait = context.wait("the DNS records to be gone", zone::UNSEEN_LIMIT);
        wait.until(|| Ok(ours()?.is_empty().then_some(())))
    }
}

fn counted(service: &Service<Options>) -> String {
    match service.options.records.len() {
        1 => "1 DNS record".to_owned(),
        records => format!("{records} DNS records"),
    }
}
