//! The service's options, as `options.schema.json` describes them, and what they must not say together.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use ss_sdk::{Context, Failure, Service, digest};

/// Where buckets are unless the options say. A person's environment does not decide it: the region is a part
/// of what the file describes.
const DEFAULT_REGION: &str = "us-east-1";

/// Options of a bucket, a distribution, or both.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub struct Options {
    pub resource: Option<String>,
    #[serde(rename = "type")]
    pub kind: Option<String>,

    pub bucket: Option<String>,
    pub region: Option<String>,
    pub website: Option<Value>,
    pub public_access_block: Option<Value>,
    pub public_read: Option<bool>,
    pub policy: Option<Value>,
    pub versioning: Option<bool>,
    pub encryption: Option<Value>,
    pub tags: Option<BTreeMap<String, Value>>,
    pub force_destroy: Option<bool>,
    pub path_style: Option<bool>,

    pub origin: Option<String>,
    pub origin_path: Option<String>,
    pub origin_protocol: Option<String>,
    pub aliases: Option<Vec<String>>,
    pub certificate: Option<String>,
    pub minimum_tls: Option<String>,
    pub default_root_object: Option<String>,
    pub error_page: Option<String>,
    pub error_status: Option<u16>,
    pub price_class: Option<String>,
    pub viewer_protocol: Option<String>,
    pub allowed_methods: Option<String>,
    pub cache_policy: Option<String>,
    pub compress: Option<bool>,
    pub http_version: Option<String>,
    pub ipv6: Option<bool>,
    pub enabled: Option<bool>,
    pub invalidate: Option<Vec<String>>,
}

/// What a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// A bucket.
    S3,
    /// A distribution in front of something that is there.
    CloudFront,
    /// A private bucket, and a distribution that alone reads it.
    Both,
}

impl Resource {
    /// By one of its names.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "s3" | "s3-bucket" => Some(Self::S3),
            "cloudfront" | "cloudfront-distribution" => Some(Self::CloudFront),
            "s3-cloudfront" => Some(Self::Both),
            _ => None,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "s3",
            Self::CloudFront => "cloudfront",
            Self::Both => "s3-cloudfront",
        }
    }

    pub fn has_bucket(self) -> bool {
        self != Self::CloudFront
    }

    pub fn has_distribution(self) -> bool {
        self != Self::S3
    }
}

impl Options {
    /// The resource that they name.
    pub fn resource(&self, service: &Service<Self>) -> Result<Resource, Failure> {
        const CHOICES: &str = "add `resource: s3`, `resource: cloudfront` or `resource: s3-cloudfront`";
        let invalid = |message: &str| {
            Failure::invalid_configuration(service.option_path("resource"), message).with_next_step(CHOICES)
        };
        match (self.resource.as_deref(), self.kind.as_deref()) {
            (Some(one), Some(other)) if Resource::parse(one) != Resource::parse(other) => {
                Err(invalid("`resource` and `type` name different resources of AWS"))
            }
            (Some(name), _) | (None, Some(name)) => {
                Resource::parse(name).ok_or_else(|| invalid("it is no resource of AWS that `aws` provisions"))
            }
            (None, None) => Err(invalid("the service does not say which resource of AWS it is")),
        }
    }

    /// What the schema cannot say.
    pub fn check(&self, service: &Service<Self>, resource: Resource) -> Result<(), Failure> {
        let invalid = |option: &str, message: String| {
            Err(Failure::invalid_configuration(service.option_path(option), message))
        };
        let foreign: &[(&str, bool)] = match resource {
            Resource::S3 => &self.distribution_options(),
            Resource::CloudFront => &self.bucket_options(),
            Resource::Both => {
                &[("origin", self.origin.is_some()), ("origin_protocol", self.origin_protocol.is_some())]
            }
        };
        if let Some((option, _)) = foreign.iter().find(|(_, is_set)| *is_set) {
            return invalid(
                option,
                format!("`{option}` has no meaning for `resource: {}`", resource.as_str()),
            );
        }
        if resource == Resource::CloudFront && self.origin.is_none() {
            return invalid("origin", "a distribution needs `origin`, the host that it fetches from".into());
        }
        if self.aliases.as_ref().is_some_and(|aliases| !aliases.is_empty()) && self.certificate.is_none() {
            return invalid(
                "aliases",
                "`aliases` need `certificate`, the ARN of an ACM certificate in us-east-1 that names them"
                    .into(),
            );
        }
        if self.error_status.is_some() && self.error_page.is_none() {
            return invalid("error_status", "`error_status` needs `error_page`".into());
        }
        if self.public_read == Some(true) && resource == Resource::Both {
            return invalid(
                "public_read",
                "the bucket of `s3-cloudfront` is read by its distribution alone".into(),
            );
        }
        if self.public_read == Some(true) && self.public_access_block == Some(Value::Bool(true)) {
            return invalid(
                "public_read",
                "`public_read` and `public_access_block: true` exclude each other".into(),
            );
        }
        Ok(())
    }

    /// Options that only a bucket has, and whether they are set.
    fn bucket_options(&self) -> [(&'static str, bool); 11] {
        [
            ("bucket", self.bucket.is_some()),
            ("region", self.region.is_some()),
            ("website", self.website.is_some()),
            ("public_access_block", self.public_access_block.is_some()),
            ("public_read", self.public_read.is_some()),
            ("policy", self.policy.is_some()),
            ("versioning", self.versioning.is_some()),
            ("encryption", self.encryption.is_some()),
            ("tags", self.tags.is_some()),
            ("force_destroy", self.force_destroy.is_some()),
            ("path_style", self.path_style.is_some()),
        ]
    }

    /// Options that only a distribution has, and whether they are set.
    fn distribution_options(&self) -> [(&'static str, bool); 18] {
        [
            ("origin", self.origin.is_some()),
            ("origin_path", self.origin_path.is_some()),
            ("origin_protocol", self.origin_protocol.is_some()),
            ("aliases", self.aliases.is_some()),
            ("certificate", self.certificate.is_some()),
            ("minimum_tls", self.minimum_tls.is_some()),
            ("default_root_object", self.default_root_object.is_some()),
            ("error_page", self.error_page.is_some()),
            ("error_status", self.error_status.is_some()),
            ("price_class", self.price_class.is_some()),
            ("viewer_protocol", self.viewer_protocol.is_some()),
            ("allowed_methods", self.allowed_methods.is_some()),
            ("cache_policy", self.cache_policy.is_some()),
            ("compress", self.compress.is_some()),
            ("http_version", self.http_version.is_some()),
            ("ipv6", self.ipv6.is_some()),
            ("enabled", self.enabled.is_some()),
            ("invalidate", self.invalidate.is_some()),
        ]
    }

    /// The bucket's region.
    pub fn region(&self) -> &str {
        self.region.as_deref().unwrap_or(DEFAULT_REGION)
    }

    /// The bucket's name: as configured, or the same for every run of this service.
    pub fn bucket(&self, context: &Context<'_>) -> String {
        self.bucket.clone().unwrap_or_else(|| deterministic_name(context, LONGEST_BUCKET))
    }
}

/// The longest name of a bucket.
const LONGEST_BUCKET: usize = 63;

/// Project, environment and service, joined by hyphens, in lower case. What is cut off or replaced is told
/// apart by a digest.
pub fn deterministic_name(context: &Context<'_>, longest: usize) -> String {
    let plain = format!("{}-{}-{}", context.project, context.environment, context.service_id);
    let name: String =
        plain.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let name = name.trim_matches('-');
    if name == plain && name.len() <= longest && name.len() >= 3 {
        return plain;
    }
    let digest = digest([plain.as_str()]);
    let head: String = name.chars().take(longest - digest.len() - 1).collect();
    format!("{}-{digest}", head.trim_end_matches('-')).trim_start_matches('-').to_owned()
}

/// Marks a distribution as this service's, in at most 128 characters.
pub fn comment(context: &Context<'_>) -> String {
    const LONGEST: usize = 128;
    let owner = context.owner();
    let comment = format!("starsystem {owner}");
    if comment.len() <= LONGEST && comment.is_ascii() {
        return comment;
    }
    let digest = digest([owner.as_str()]);
    let head: String = comment.chars().filter(char::is_ascii).take(LONGEST - digest.len() - 1).collect();
    format!("{head} {digest}")
}
