//! `aws`: S3 buckets and CloudFront distributions.
//!
//! A service is a bucket, a distribution, or a private bucket with the distribution that alone reads it.
//! Names decide what is whose: a bucket has its name and a tag, a distribution its comment, an origin access
//! control its name, and all follow from project, environment and service. Everything that is written can be
//! written twice, so that an interrupted run is finished by the next.

mod bucket;
mod client;
mod cloudfront;
mod converge;
mod distribution;
mod options;
mod order;
mod refusal;
mod settings;
mod signature;
mod site;
mod teardown;
#[cfg(test)]
mod tests;
mod xml;

use ss_sdk::{
    Change, Context, Description, Failure, Health, Outcome, Plan, Provider, Service, State, VaultKey,
};

use client::Aws;
use options::Options;
use site::Site;

/// The provider's name.
const NAME: &str = "aws";

/// Where a person gets keys.
const OBTAIN: &str = "https://console.aws.amazon.com/iam/home#/security_credentials";

/// The provider.
pub struct Provisioner;

ss_sdk::export!(Provisioner);

impl Provider for Provisioner {
    type Options = Options;

    fn describe() -> Description {
        let key = |name: &str, variable: &str, required: bool| VaultKey {
            name: name.into(),
            environment_variable: Some(variable.into()),
            required,
            obtain: OBTAIN.into(),
            ..VaultKey::default()
        };
        Description {
            provider: NAME.into(),
            summary: "S3 buckets, CloudFront distributions, or both as one".into(),
            requires_api_key: true,
            vault_keys: vec![
                VaultKey {
                    aliases: vec!["api_key".into(), "api_token".into(), "token".into()],
                    ..key("access_key_id", "AWS_ACCESS_KEY_ID", true)
                },
                key("secret_access_key", "AWS_SECRET_ACCESS_KEY", true),
                VaultKey {
                    obtain: "aws sts get-session-token".into(),
                    ..key("session_token", "AWS_SESSION_TOKEN", false)
                },
            ],
            options_schema: include_str!("../options.schema.json").into(),
            example: include_str!("../example.yaml").into(),
            ..Description::default()
        }
    }

    fn plan(context: &Context<'_>, service: &Service<Options>) -> Result<Plan, Failure> {
        let aws = Aws::new(context, &service.options_path)?;
        Site::new(&aws, service)?.plan()
    }

    fn provision(context: &Context<'_>, service: &Service<Options>) -> Result<Outcome, Failure> {
        let aws = Aws::new(context, &service.options_path)?;
        Site::new(&aws, service)?.provision()
    }

    fn status(context: &Context<'_>, state: &State) -> Result<Health, Failure> {
        teardown::status(&Aws::new(context, "")?, state)
    }

    fn observe(
        context: &Context<'_>,
        service: &Service<Options>,
        state: &State,
    ) -> Result<Vec<Change>, Failure> {
        let context = Context { existing: Some(state.clone()), ..context.clone() };
        let aws = Aws::new(&context, &service.options_path)?;
        Ok(Site::new(&aws, service)?.look()?.0)
    }

    fn find(context: &Context<'_>, service: &Service<Options>) -> Result<Option<State>, Failure> {
        let aws = Aws::new(context, &service.options_path)?;
        let site = Site::new(&aws, service)?;
        let bucket = if site.resource.has_bucket() { site.bucket_tags()? } else { None };
        let distribution = if site.resource.has_distribution() { site.locate_distribution()? } else { None };
        if bucket.is_none() && distribution.is_none() {
            return Ok(None);
        }
        let access_control = site.known_access_control(None)?.unwrap_or_default();
        Ok(Some(site.state(distribution.as_ref(), &access_control)))
    }

    fn destroy(context: &Context<'_>, state: &State) -> Result<(), Failure> {
        teardown::destroy(&Aws::new(context, "")?, state)
    }
}
