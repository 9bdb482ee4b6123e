//! `cloudflare`: custom hostnames, DNS records, Pages, R2, Workers KV and D1 on Cloudflare.
//!
//! A service is one resource; `resource` says which. Names are unique at Cloudflare in an account or zone, and DNS
//! records carry a mark of their service, so that what an interrupted run left is found again.

mod account;
mod api;
mod buckets;
mod databases;
mod hostnames;
mod namespaces;
mod options;
mod pages;
mod site;
#[cfg(test)]
mod tests;
mod zone_records;

use ss_sdk::{
    Change, Context, Description, Failure, Health, Outcome, Plan, Provider, Service, Shape, State, VaultKey,
};

use account::Named;
use hostnames::Hostnames;
use options::{Kind, Metadata, Options};
use pages::Project;
use site::{Resource, Site};
use zone_records::ZoneRecords;

/// The provider's name.
const NAME: &str = "cloudflare";

/// The provider.
pub struct Cloudflare;

ss_sdk::export!(Cloudflare);

/// Does something with the resource of a service.
fn with_resource<T>(
    context: &Context<'_>,
    service: &Service<Options>,
    act: impl FnOnce(&mut dyn Resource) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut site = Site::new(context, service)?;
    match site.kind {
        Kind::CustomHostnames => act(&mut Hostnames::new(&mut site)?),
        Kind::DnsZone => act(&mut ZoneRecords::new(&mut site)?),
        Kind::Pages => act(&mut Project::new(&mut site)?),
        Kind::R2 => act(&mut Named::new(&mut site, &buckets::BUCKET)?),
        Kind::Kv => act(&mut Named::new(&mut site, &namespaces::NAMESPACE)?),
        Kind::D1 => act(&mut Named::new(&mut site, &databases::DATABASE)?),
    }
}

/// The kind of a recorded resource and what is known of it.
fn recorded(state: &State) -> Result<(Kind, Metadata), Failure> {
    let known = Metadata::read(&state.metadata);
    let kind = Kind::parse(&known.resource).ok_or_else(|| {
        Failure::internal(format!(
            "the recorded state names no resource of this plugin: `{}`",
            known.resource
        ))
        .with_next_step("restore the `_state` block of the service, or remove it to provision anew")
    })?;
    Ok((kind, known))
}

impl Provider for Cloudflare {
    type Options = Options;

    fn describe() -> Description {
        Description {
            provider: NAME.into(),
            summary: "Custom hostnames, DNS records, Pages, R2, Workers KV and D1 on Cloudflare".into(),
            requires_api_key: true,
            vault_keys: vec![VaultKey::api_key(
                "CLOUDFLARE_API_TOKEN",
                "https://dash.cloudflare.com/profile/api-tokens",
            )],
            options_schema: include_str!("../options.schema.json").into(),
            shapes: vec![Shape { kind: "cdn".into(), requires: "_cloudflare".into() }],
            example: include_str!("../example.yaml").into(),
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        with_resource(context, service, |resource| resource.plan())
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        with_resource(context, service, |resource| resource.provision())
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        let (kind, known) = recorded(state)?;
        match kind {
            Kind::CustomHostnames => hostnames::status(context, &known),
            Kind::DnsZone => zone_records::status(context, &known),
            Kind::Pages => pages::status(context, &known),
            Kind::R2 => account::status(context, &known, &buckets::BUCKET),
            Kind::Kv => account::status(context, &known, &namespaces::NAMESPACE),
            Kind::D1 => account::status(context, &known, &databases::DATABASE),
        }
    }

    fn observe(
        context: &Context<'_>,
        service: &Service<Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure> {
        let context = Context { existing: Some(state.clone()), ..context.clone() };
        with_resource(&context, service, |resource| resource.observe())
    }

    fn find(context: &Context<'_>, service: &Service<Options>) -> Result<Option<State>, Failure> {
        with_resource(context, service, |resource| resource.find())
    }

    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        let (kind, known) = recorded(state)?;
        match kind {
            Kind::CustomHostnames => hostnames::destroy(context, &known),
            Kind::DnsZone => zone_records::destroy(context, &known),
            Kind::Pages => pages::destroy(context, &known),
            Kind::R2 => account::destroy(context, &known, &buckets::BUCKET),
            Kind::Kv => account::destroy(context, &known, &namespaces::NAMESPACE),
            Kind::D1 => account::destroy(context, &known, &databases::DATABASE),
        }
    }
}
