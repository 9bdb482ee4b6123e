//! The settings of a bucket: how S3 writes each of them, how they compare, and what the options want.
//!
//! A setting is a JSON value in the words of the options; null if it is not configured. A setting that no
//! option names is left alone, but for tags (the mark of ownership) and the public-access block.

use serde_json::{Map, Value, json};
use ss_sdk::{Change, Context, Failure, Service};

use crate::bucket::NAMESPACE;
use crate::options::Options;
use crate::order::sort;
use crate::xml::Element;

/// The tag that marks a bucket as a service's.
pub const OWNER_TAG: &str = "starsystem";
/// The longest value of a tag.
const LONGEST_TAG: usize = 256;
/// The statement of a bucket's policy that lets everyone read.
const PUBLIC_SID: &str = "StarsystemPublicRead";
/// The statement of a bucket's policy that lets its distribution read.
const DISTRIBUTION_SID: &str = "StarsystemDistributionRead";

/// Names of the public-access block, in the options and in S3.
const BLOCKS: [(&str, &str); 4] = [
    ("block_public_acls", "BlockPublicAcls"),
    ("ignore_public_acls", "IgnorePublicAcls"),
    ("block_public_policy", "BlockPublicPolicy"),
    ("restrict_public_buckets", "RestrictPublicBuckets"),
];

/// A setting, in the order in which they are made: ownership first, and nothing public before the block
/// is as wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    Tags,
    AccessBlock,
    Versioning,
    Encryption,
    Website,
    Policy,
}

impl Setting {
    /// Its option.
    pub fn option(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::AccessBlock => "public_access_block",
            Self::Versioning => "versioning",
            Self::Encryption => "encryption",
            Self::Website => "website",
            Self::Policy => "policy",
        }
    }

    /// Its sub-resource.
    pub fn query(self) -> &'static str {
        match self {
            Self::Tags => "tagging",
            Self::AccessBlock => "publicAccessBlock",
            other => other.option(),
        }
    }

    /// The code by which S3 says that it is not configured.
    pub fn absent(self) -> &'static str {
        match self {
            Self::Tags => "NoSuchTagSet",
            Self::AccessBlock => "NoSuchPublicAccessBlockConfiguration",
            Self::Encryption => "ServerSideEncryptionConfigurationNotFoundError",
            Self::Website => "NoSuchWebsiteConfiguration",
            Self::Policy => "NoSuchBucketPolicy",
            // There is always an answer.
            Self::Versioning => "NoSuchVersioningConfiguration",
        }
    }

    /// What a read of it is for.
    pub fn reading(self) -> &'static str {
        match self {
            Self::Tags => "read the bucket's tags",
            Self::AccessBlock => "read the bucket's public-access block",
            Self::Versioning => "read the bucket's versioning",
            Self::Encryption => "read the bucket's encryption",
            Self::Website => "read the bucket's website",
            Self::Policy => "read the bucket's policy",
        }
    }

    /// What a change of it is for.
    pub fn writing(self) -> &'static str {
        match self {
            Self::Tags => "tag the bucket",
            Self::AccessBlock => "set the bucket's public-access block",
            Self::Versioning => "set the bucket's versioning",
            Self::Encryption => "set the bucket's encryption",
            Self::Website => "set the bucket's website",
            Self::Policy => "set the bucket's policy",
        }
    }

    /// Reads an answer of S3.
    pub fn read(self, body: &[u8]) -> Result<Value, &'static str> {
        if self == Self::Policy {
            return serde_json::from_slice(body).map_err(|_| "it is not JSON");
        }
        let root = Element::parse(body)?;
        Ok(match self {
            Self::Tags => {
                let tags = root.at("TagSet").map_or(&[][..], |set| &set.children);
                let own = tags.iter().filter(|tag| !tag.value("Key").starts_with("aws:"));
                own.map(|tag| (tag.value("Key").to_owned(), json!(tag.value("Value")))).collect()
            }
            Self::AccessBlock => BLOCKS
                .iter()
                .map(|(option, name)| ((*option).to_owned(), json!(root.value(name) == "true")))
                .collect(),
            Self::Versioning => json!(root.value("Status") == "Enabled"),
            Self::Encryption => {
                let default = root.at("Rule/ApplyServerSideEncryptionByDefault").ok_or("it has no rule")?;
                let mut encryption = json!({"algorithm": default.value("SSEAlgorithm")});
                if !default.value("KMSMasterKeyID").is_empty() {
                    encryption["kms_key_id"] = json!(default.value("KMSMasterKeyID"));
                }
                encryption["bucket_key"] = json!(root.value("Rule/BucketKeyEnabled") == "true");
                encryption
            }
            Self::Website | Self::Policy => {
                let mut website = json!({"index": root.value("IndexDocument/Suffix")});
                if !root.value("ErrorDocument/Key").is_empty() {
                    website["error"] = json!(root.value("ErrorDocument/Key"));
                }
                website
            }
        })
    }

    /// The body of a request that sets it, and its type.
    pub fn write(self, value: &Value) -> (&'static str, Vec<u8>) {
        let text = |name: &str, value: &Value| Element::text(name, plain(value));
        let root = match self {
            Self::Policy => return ("application/json", value.to_string().into_bytes()),
            Self::Tags => {
                let tags = value.as_object().into_iter().flatten();
                let tags = tags.map(|(key, value)| {
                    Element::new("Tag").with(Element::text("Key", key.as_str())).with(text("Value", value))
                });
                Element::new("Tagging").with(Element { children: tags.collect(), ..Element::new("TagSet") })
            }
            Self::AccessBlock => {
                BLOCKS.iter().fold(Element::new("PublicAccessBlockConfiguration"), |root, (option, name)| {
                    root.with(text(name, &value[*option]))
                })
            }
            Self::Versioning => {
                let status = if *value == json!(true) { "Enabled" } else { "Suspended" };
                Element::new("VersioningConfiguration").with(Element::text("Status", status))
            }
            Self::Encryption => {
                let mut default = Element::new("ApplyServerSideEncryptionByDefault")
                    .with(text("SSEAlgorithm", &value["algorithm"]));
                if !value["kms_key_id"].is_null() {
                    default = default.with(text("KMSMasterKeyID", &value["kms_key_id"]));
                }
                let mut rule = Element::new("Rule").with(default);
                if !value["bucket_key"].is_null() {
                    rule = rule.with(text("BucketKeyEnabled", &value["bucket_key"]));
                }
                Element::new("ServerSideEncryptionConfiguration").with(rule)
            }
            Self::Website => {
                let index = Element::new("IndexDocument").with(text("Suffix", &value["index"]));
                let root = Element::new("WebsiteConfiguration").with(index);
                if value["error"].is_null() {
                    root
                } else {
                    root.with(Element::new("ErrorDocument").with(text("Key", &value["error"])))
                }
            }
        };
        ("application/xml", root.document(NAMESPACE))
    }

    /// What differs between how it is and how it is wanted.
    pub fn changes(self, is: &Value, wanted: &Value) -> Vec<Change> {
        let field = self.option();
        let same = match self {
            Self::Policy => normal(is) == normal(wanted),
            // What is not asked for is AWS's to choose.
            Self::Encryption => {
                let asked = wanted.as_object().into_iter().flatten();
                asked.into_iter().all(|(name, value)| is.get(name) == Some(value))
            }
            _ => is == wanted,
        };
        match (is, wanted) {
            _ if same => Vec::new(),
            (Value::Object(before), Value::Object(after)) if self != Self::Policy => {
                let added = after.keys().filter(|name| !before.contains_key(*name));
                let names = before.keys().chain(added);
                let differing = names.filter(|name| {
                    before.get(*name) != after.get(*name)
                        && (self != Self::Encryption || after.contains_key(*name))
                });
                differing
                    .map(|name| {
                        let of = |all: &Map<String, Value>| all.get(name).cloned().unwrap_or_default();
                        Change::new(format!("{field}.{name}"), of(before), of(after))
                    })
                    .collect()
            }
            _ => vec![Change::new(field, is.clone(), wanted.clone())],
        }
    }
}

/// What the options want of a bucket.
pub struct Wanted<'a> {
    pub options: &'a Options,
    pub service: &'a Service<Options>,
    pub bucket: &'a str,
    /// Mark of the service.
    pub owner: String,
    /// The distribution that may read the bucket.
    pub distribution_arn: Option<&'a str>,
    /// Settings that this service has made before, and is to undo where the options no longer name them.
    pub managed: &'a [String],
}

impl Wanted<'_> {
    /// The setting as it is wanted, given how the tags are; none if it is not this service's to set.
    pub fn value(&self, setting: Setting, tags: &Value) -> Result<Option<Value>, Failure> {
        let wanted = match setting {
            Setting::Tags => Some(self.tags(tags)),
            Setting::AccessBlock => Some(self.access_block()),
            Setting::Versioning => self.options.versioning.map(Value::Bool),
            Setting::Encryption => self.options.encryption.as_ref().map(|encryption| match encryption {
                Value::String(algorithm) => json!({"algorithm": algorithm}),
                other => other.clone(),
            }),
            Setting::Website => self.options.website.as_ref().map(|website| match website {
                Value::Bool(true) => json!({"index": INDEX}),
                Value::Object(website) => {
                    let mut website = website.clone();
                    website.entry("index").or_insert_with(|| json!(INDEX));
                    Value::Object(website)
                }
                _ => Value::Null,
            }),
            Setting::Policy => self.policy()?,
        };
        let undo = || self.managed.iter().any(|managed| managed == setting.option()).then_some(Value::Null);
        Ok(match setting {
            Setting::Website | Setting::Policy => wanted.or_else(undo),
            _ => wanted,
        })
    }

    fn tags(&self, is: &Value) -> Value {
        let mut tags = match (&self.options.tags, is) {
            (Some(tags), _) => tags.iter().map(|(key, value)| (key.clone(), json!(plain(value)))).collect(),
            (None, Value::Object(is)) => is.clone(),
            (None, _) => Map::new(),
        };
        tags.insert(OWNER_TAG.into(), json!(self.owner));
        Value::Object(tags)
    }

    fn access_block(&self) -> Value {
        let public = self.options.public_read == Some(true);
        let block = |name: &str| match &self.options.public_access_block {
            Some(Value::Bool(all)) => *all,
            Some(Value::Object(each)) if each.contains_key(name) => each[name] == json!(true),
            _ => !public || name.ends_with("_acls"),
        };
        BLOCKS.iter().map(|(option, _)| ((*option).to_owned(), json!(block(option)))).collect()
    }

    /// The configured policy and the statements that other options stand for; none if there is nothing.
    fn policy(&self) -> Result<Option<Value>, Failure> {
        let mut own = Vec::new();
        let objects = format!("arn:aws:s3:::{}/*", self.bucket);
        if self.options.public_read == Some(true) {
            own.push(json!({
                "Sid": PUBLIC_SID, "Effect": "Allow", "Principal": "*",
                "Action": "s3:GetObject", "Resource": objects,
            }));
        }
        if let Some(arn) = self.distribution_arn {
            own.push(json!({
                "Sid": DISTRIBUTION_SID, "Effect": "Allow",
                "Principal": {"Service": "cloudfront.amazonaws.com"},
                "Action": "s3:GetObject", "Resource": objects,
                "Condition": {"StringEquals": {"AWS:SourceArn": arn}},
            }));
        }
        let Some(configured) = &self.options.policy else {
            let policy = json!({"Version": POLICY_VERSION, "Statement": own});
            return Ok(if own.is_empty() { None } else { Some(policy) });
        };
        let invalid =
            |message: &str| Failure::invalid_configuration(self.service.option_path("policy"), message);
        let mut policy = match configured {
            Value::String(text) => {
                serde_json::from_str(text).map_err(|_| invalid("the policy is not JSON"))?
            }
            other => other.clone(),
        };
        let statements = match policy.get("Statement") {
            Some(Value::Array(statements)) => statements.clone(),
            Some(statement @ Value::Object(_)) => vec![statement.clone()],
            _ => return Err(invalid("the policy has no `Statement`")),
        };
        own.splice(0..0, statements);
        policy["Statement"] = Value::Array(own);
        if policy.get("Version").is_none() {
            policy["Version"] = json!(POLICY_VERSION);
        }
        Ok(Some(policy))
    }
}

/// The version of the policy language. It is a date by AWS's choice.
const POLICY_VERSION: &str = "2012-10-17";
/// The page of a folder.
const INDEX: &str = "index.html";

/// Mark of a service as a tag's value: what tags cannot hold is replaced.
pub fn owner_tag(context: &Context<'_>) -> String {
    let allowed = |c: char| c.is_alphanumeric() || "+-=._:/@ ".contains(c);
    context.owner().chars().map(|c| if allowed(c) { c } else { '_' }).take(LONGEST_TAG).collect()
}

/// A policy as text that is the same for all policies of its meaning, in whichever of them AWS has stored it:
/// a list of one stands for its element, and lists have no order.
fn normal(policy: &Value) -> String {
    match policy {
        Value::Array(items) => {
            let mut items: Vec<String> = items.iter().map(normal).collect();
            sort(&mut items);
            if items.len() == 1 { items.remove(0) } else { format!("[{}]", items.join(",")) }
        }
        Value::Object(members) => {
            let members = members.iter().map(|(name, value)| format!("{name:?}:{}", normal(value)));
            format!("{{{}}}", members.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        for (setting, value) in [
            (Setting::Tags, json!({"a": "b", "c": "<&>"})),
            (
                Setting::AccessBlock,
                json!({"block_public_acls": true, "ignore_public_acls": false, "block_public_policy": true,
                    "restrict_public_buckets": false}),
            ),
            (Setting::Versioning, json!(true)),
            (Setting::Versioning, json!(false)),
            (Setting::Encryption, json!({"algorithm": "aws:kms", "kms_key_id": "k", "bucket_key": true})),
            (Setting::Website, json!({"index": "index.html", "error": "404.html"})),
            (Setting::Website, json!({"index": "index.html"})),
            (Setting::Policy, json!({"Version": "2012-10-17", "Statement": []})),
        ] {
            let (_, body) = setting.write(&value);
            assert_eq!(setting.read(&body), Ok(value), "{setting:?}");
        }
    }

    #[test]
    fn policies_compare_by_what_they_mean() {
        let policy = |action: Value, other: Value| json!({"Version": "2012-10-17", "Statement": [{"Action": action, "Resource": other}]});
        let one = policy(json!("s3:GetObject"), json!(["a", "b"]));
        let same = policy(json!(["s3:GetObject"]), json!(["b", "a"]));
        assert_eq!(Setting::Policy.changes(&one, &same), []);
        let other = policy(json!("s3:PutObject"), json!(["a", "b"]));
        assert_eq!(Setting::Policy.changes(&one, &other).len(), 1);
    }

    #[test]
    fn changes_name_the_field() {
        let fields = |setting: Setting, is: Value, wanted: Value| -> Vec<String> {
            setting.changes(&is, &wanted).into_iter().map(|change| change.field).collect()
        };
        assert_eq!(
            fields(Setting::Tags, json!({"a": "1", "b": "2"}), json!({"a": "1", "c": "3"})),
            ["tags.b", "tags.c"]
        );
        assert_eq!(fields(Setting::Website, Value::Null, json!({"index": "i"})), ["website"]);
        let kms = json!({"algorithm": "aws:kms", "kms_key_id": "k", "bucket_key": false});
        assert_eq!(fields(Setting::Encryption, kms.clone(), json!({"algorithm": "aws:kms"})), [""; 0]);
        assert_eq!(
            fields(Setting::Encryption, kms, json!({"algorithm": "AES256"})),
            ["encryption.algorithm"]
        );
        assert_eq!(fields(Setting::Encryption, Value::Null, json!({"algorithm": "AES256"})), ["encryption"]);
    }
}
