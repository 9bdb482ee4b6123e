//! The resources of one service: finding them, and what differs from the options.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use ss_sdk::{Action, Change, Context, Failure, Plan, Service, State};

use crate::bucket::Bucket;
use crate::client::Aws;
use crate::cloudfront::{CloudFront, Distribution};
use crate::distribution::{Desired, Origin};
use crate::options::{Options, Resource, comment, deterministic_name};
use crate::settings::{OWNER_TAG, Setting, Wanted, owner_tag};

/// The longest name of an origin access control.
const LONGEST_ACCESS_CONTROL: usize = 64;

/// The settings of a bucket, in the order in which they are made.
pub const SETTINGS: [Setting; 6] = [
    Setting::Tags,
    Setting::AccessBlock,
    Setting::Versioning,
    Setting::Encryption,
    Setting::Website,
    Setting::Policy,
];

/// What state keeps beside the id of the resource.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Metadata {
    /// What the service is, by its name in the options.
    pub resource: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    /// Settings that this service has made.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub force_destroy: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub path_style: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub distribution_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub access_control_id: String,
    /// Where the distribution serves.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub domain: String,
}

/// What is kept until the service is complete.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Partial {
    #[serde(skip_serializing_if = "String::is_empty")]
    pub bucket: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub access_control_id: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    pub distribution_id: String,
    /// The distribution is being changed: what the edges have cached is to be invalidated.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub invalidate: bool,
}

/// One service and its resources.
pub struct Site<'a, 'c, 'h> {
    pub context: &'c Context<'h>,
    pub service: &'a Service<Options>,
    pub options: &'a Options,
    pub resource: Resource,
    pub bucket: Bucket<'a, 'c, 'h>,
    pub cloudfront: CloudFront<'a, 'c, 'h>,
    pub comment: String,
    pub recorded: Metadata,
    pub partial: Partial,
}

impl<'a, 'c, 'h> Site<'a, 'c, 'h> {
    /// The site of a service.
    pub fn new(aws: &'a Aws<'c, 'h>, service: &'a Service<Options>) -> Result<Self, Failure> {
        let (context, options) = (aws.context, &service.options);
        let resource = options.resource(service)?;
        options.check(service, resource)?;
        let path_style = options.path_style == Some(true);
        let bucket = Bucket::new(aws, &options.bucket(context), options.region(), path_style);
        let recorded = match &context.existing {
            Some(state) => state.parse_metadata()?,
            None => Metadata::default(),
        };
        let this = Self {
            context,
            service,
            options,
            resource,
            bucket,
            cloudfront: CloudFront::new(aws),
            comment: comment(context),
            recorded,
            partial: context.partial().unwrap_or_default(),
        };
        this.refuse_fixed_changes()?;
        Ok(this)
    }

    /// Refuses what only another bucket, or another service, would do: data would be lost.
    fn refuse_fixed_changes(&self) -> Result<(), Failure> {
        let Some(existing) = &self.context.existing else { return Ok(()) };
        let was = Resource::parse(&self.recorded.resource).unwrap_or(self.resource);
        let grows = was == Resource::S3 && self.resource == Resource::Both;
        let fixed = [
            ("resource", was.as_str(), self.resource.as_str(), !grows),
            ("bucket", self.recorded.bucket.as_str(), &self.bucket.name, was.has_bucket()),
            (
                "region",
                existing.region.as_deref().unwrap_or(&self.bucket.region),
                &self.bucket.region,
                was.has_bucket(),
            ),
        ];
        let change = fixed.into_iter().find(|(_, was, wanted, is_fixed)| *is_fixed && was != wanted);
        let Some((option, was, wanted, _)) = change else { return Ok(()) };
        Err(Failure::invalid_configuration(
            self.service.option_path(option),
            format!("`{option}` of `{}` is `{was}` and cannot be changed to `{wanted}`", self.service.id),
        )
        .with_next_step(format!(
            "set it back to `{was}`, or describe what you want as another service and move the data there"
        )))
    }

    /// What the service is, in a few words.
    pub fn detail(&self) -> String {
        let bucket = format!("S3 bucket {}, region={}", self.bucket.name, self.bucket.region);
        match self.resource {
            Resource::S3 => bucket,
            Resource::CloudFront => {
                format!("CloudFront distribution of {}", self.options.origin.as_deref().unwrap_or_default())
            }
            Resource::Both => format!("{bucket} + CloudFront distribution"),
        }
    }

    /// What `provision` would do.
    pub fn plan(&self) -> Result<Plan, Failure> {
        let (changes, exists) = self.look()?;
        if exists {
            Ok(Plan::converge(self.detail(), changes))
        } else {
            Ok(Plan::new(Action::Create, self.detail()))
        }
    }

    /// What differs, and whether any of the service's resources exists.
    pub fn look(&self) -> Result<(Vec<Change>, bool), Failure> {
        let mut changes = Vec::new();
        let mut exists = false;
        let distribution = if self.resource.has_distribution() { self.locate_distribution()? } else { None };
        if self.resource.has_bucket() {
            match self.bucket_tags()? {
                None => changes.push(Change::new("bucket", Value::Null, self.bucket.name.as_str())),
                Some(tags) => {
                    exists = true;
                    let arn = distribution.as_ref().map(|distribution| distribution.arn.as_str());
                    for setting in SETTINGS {
                        changes.extend(
                            self.setting_changes(setting, &tags, arn)?
                                .map_or_else(Vec::new, |(_, some)| some),
                        );
                    }
                }
            }
        }
        if self.resource.has_distribution() {
            match &distribution {
                None => changes.push(Change::new("distribution", Value::Null, self.comment.as_str())),
                Some(known) => {
                    exists = true;
                    let access_control = self.known_access_control(Some(known))?.unwrap_or_default();
                    changes.extend(self.desired(&access_control).changes(&known.config));
                }
            }
        }
        Ok((changes, exists))
    }

    /// The tags of the bucket; none if it does not exist.
    ///
    /// # Errors
    ///
    /// A conflict, if it is marked as another service's.
    pub fn bucket_tags(&self) -> Result<Option<Value>, Failure> {
        let tags = self.bucket.setting(Setting::Tags)?;
        refuse_foreign(&self.bucket.name, tags.as_ref(), self.context)?;
        Ok(tags)
    }

    /// How a setting is wanted and what differs; none if it is not the service's to set.
    pub fn setting_changes(
        &self,
        setting: Setting,
        tags: &Value,
        distribution_arn: Option<&str>,
    ) -> Result<Option<(Value, Vec<Change>)>, Failure> {
        let wanted = Wanted {
            options: self.options,
            service: self.service,
            bucket: &self.bucket.name,
            owner: owner_tag(self.context),
            distribution_arn,
            managed: &self.recorded.managed,
        };
        let Some(wanted) = wanted.value(setting, tags)? else { return Ok(None) };
        let is = match setting {
            Setting::Tags => tags.clone(),
            // A bucket that has just been made may not be known everywhere yet: then nothing is configured.
            Setting::Versioning => self.bucket.setting(setting)?.unwrap_or(json!(false)),
            _ => self.bucket.setting(setting)?.unwrap_or_default(),
        };
        let changes = setting.changes(&is, &wanted);
        Ok(Some((wanted, changes)))
    }

    /// The service's distribution: the one of an attempt that was cut short, the recorded one, or the one
    /// with the service's mark.
    pub fn locate_distribution(&self) -> Result<Option<Distribution>, Failure> {
        for id in self.known_distributions() {
            if let Some(known) = self.cloudfront.distribution(id)? {
                return Ok(Some(known));
            }
        }
        match self.cloudfront.distribution_named(&self.comment)? {
            Some(id) => self.cloudfront.distribution(&id),
            None => Ok(None),
        }
    }

    /// Ids that are known without asking.
    pub fn known_distributions(&self) -> impl Iterator<Item = &str> {
        let ids = [self.partial.distribution_id.as_str(), &self.recorded.distribution_id];
        ids.into_iter().filter(|id| !id.is_empty())
    }

    /// The id of the service's origin access control. One that is recorded is believed as long as there is a
    /// distribution: CloudFront deletes none that is in use.
    pub fn known_access_control(
        &self,
        distribution: Option<&Distribution>,
    ) -> Result<Option<String>, Failure> {
        if self.resource != Resource::Both {
            return Ok(None);
        }
        let recorded = &self.recorded.access_control_id;
        if distribution.is_some() && !recorded.is_empty() {
            return Ok(Some(recorded.clone()));
        }
        self.cloudfront.access_control_named(&self.access_control_name())
    }

    /// Name of the origin access control, which an account has once.
    pub fn access_control_name(&self) -> String {
        deterministic_name(self.context, LONGEST_ACCESS_CONTROL)
    }

    /// What the distribution is to be.
    pub fn desired(&self, access_control: &str) -> Desired {
        let origin = match &self.options.origin {
            Some(domain) => {
                let protocol = self.options.origin_protocol.clone();
                Origin::Server {
                    domain: domain.clone(),
                    protocol: protocol.unwrap_or_else(|| "https-only".into()),
                }
            }
            None => {
                Origin::Bucket { domain: self.bucket.domain(), access_control: access_control.to_owned() }
            }
        };
        Desired::new(self.options, origin, self.comment.clone())
    }

    /// The state of the service with this distribution.
    pub fn state(&self, distribution: Option<&Distribution>, access_control: &str) -> State {
        let has_bucket = self.resource.has_bucket();
        let managed = |setting: &Setting| match setting {
            Setting::Website => matches!(&self.options.website, Some(website) if *website != json!(false)),
            Setting::Policy => {
                self.options.policy.is_some()
                    || self.options.public_read == Some(true)
                    || self.resource == Resource::Both
            }
            _ => false,
        };
        let managed = SETTINGS.iter().filter(|setting| managed(setting));
        let metadata = Metadata {
            resource: self.resource.as_str().into(),
            bucket: if has_bucket { self.bucket.name.clone() } else { String::new() },
            managed: managed.map(|setting| setting.option().to_owned()).collect(),
            force_destroy: self.options.force_destroy == Some(true),
            path_style: self.options.path_style == Some(true),
            distribution_id: distribution.map(|known| known.id.clone()).unwrap_or_default(),
            access_control_id: access_control.into(),
            domain: distribution.map(|known| known.domain.clone()).unwrap_or_default(),
        };
        let id = if has_bucket { &metadata.bucket } else { &metadata.distribution_id };
        let state = self.context.state(crate::NAME, id.as_str()).with_metadata(&metadata);
        if has_bucket { state.with_region(self.bucket.region.as_str()) } else { state }
    }
}

/// Refuses to touch a bucket that is marked as another service's.
pub fn refuse_foreign(bucket: &str, tags: Option<&Value>, context: &Context<'_>) -> Result<(), Failure> {
    let owner = tags.and_then(|tags| tags.get(OWNER_TAG)).and_then(Value::as_str);
    match owner {
        Some(owner) if owner != owner_tag(context) => Err(Failure::conflict(format!(
            "the bucket `{bucket}` belongs to `{owner}`, as its tag `{OWNER_TAG}` says"
        ))
        .with_next_step(
            "give this service a `bucket` of its own, or remove the tag if nothing else uses it",
        )),
        _ => Ok(()),
    }
}
