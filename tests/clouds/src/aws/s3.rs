//! S3: buckets, their settings, and what is in them as far as deleting it goes.

use std::collections::BTreeMap;

use http::Method;

use super::xml::Node;
use super::{Aws, BucketView, error};
use crate::call::{Answer, Call, Outcome};
use crate::clock::{Clock, Moment};

/// XML namespace.
pub(super) const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Sub-resources that are kept as they are sent: their root element, and the code where there is none.
const SETTINGS: [(&str, &str, &str); 6] = [
    ("tagging", "Tagging", "NoSuchTagSet"),
    ("publicAccessBlock", "PublicAccessBlockConfiguration", "NoSuchPublicAccessBlockConfiguration"),
    ("versioning", "VersioningConfiguration", ""),
    ("encryption", "ServerSideEncryptionConfiguration", "ServerSideEncryptionConfigurationNotFoundError"),
    ("website", "WebsiteConfiguration", "NoSuchWebsiteConfiguration"),
    ("policy", "", "NoSuchBucketPolicy"),
];

/// A bucket.
#[derive(Debug)]
pub(super) struct Bucket {
    region: String,
    created: Moment,
    settings: BTreeMap<String, String>,
    /// Keys with their versions.
    pub(super) objects: Vec<(String, String)>,
}

impl Bucket {
    pub(super) fn view(&self, name: &str) -> BucketView {
        BucketView {
            name: name.to_owned(),
            region: self.region.clone(),
            settings: self.settings.clone(),
            objects: self.objects.iter().map(|(key, _)| key.clone()).collect(),
        }
    }
}

/// Bucket and region of a host or a path. Who comes straight to the stand-in names the region in the signature alone.
fn addressed(call: &Call) -> Option<(String, String)> {
    if call.is_direct() {
        let credential = call.header("authorization")?.split_once("Credential=")?.1;
        let region = credential.split('/').nth(2)?;
        let bucket = call.segments.first().filter(|name| !name.is_empty())?;
        return Some((bucket.clone(), region.to_owned()));
    }
    let host = call.host.strip_suffix(".amazonaws.com")?;
    if let Some(region) = host.strip_prefix("s3.") {
        return Some((call.segments.first()?.clone(), region.to_owned()));
    }
    let (bucket, region) = host.split_once(".s3.")?;
    Some((bucket.to_owned(), region.to_owned()))
}

impl Aws {
    pub(super) fn s3(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let (name, region) =
            addressed(call).ok_or_else(|| error(call, 400, "InvalidURI", "There is no bucket here."))?;
        let sub = call.query.iter().map(|(name, _)| name.as_str());
        let sub = sub.filter(|name| !matches!(*name, "max-keys")).collect::<Vec<_>>().join("&");
        if self.taken_names.contains(&name) {
            return Err(if call.method == Method::PUT && sub.is_empty() {
                error(call, 409, "BucketAlreadyExists", "The requested bucket name is not available.")
            } else {
                error(call, 403, "AccessDenied", "Access Denied")
            });
        }
        if call.method == Method::PUT && sub.is_empty() {
            return self.create_bucket(call, clock, &name, &region);
        }
        let missing = || error(call, 404, "NoSuchBucket", "The specified bucket does not exist");
        let bucket = self.buckets.get_mut(&name).ok_or_else(missing)?;
        if bucket.region != region {
            let answer = error(call, 301, "PermanentRedirect", "The bucket is in another region.");
            return Err(answer.with("x-amz-bucket-region", bucket.region.clone()));
        }
        if !clock.shows(bucket.created) {
            return Err(missing());
        }
        match (&call.method, sub.as_str()) {
            (&Method::GET, "versions") => Ok(bucket.versions(call)),
            (&Method::POST, "delete") => bucket.delete_objects(call),
            (&Method::GET, "uploads") => {
                let root = Node::new("ListMultipartUploadsResult").with(Node::text("IsTruncated", "false"));
                Ok(Answer::xml(200, root.document(NAMESPACE)))
            }
            (&Method::HEAD, "") => Ok(Answer::empty(200).with("x-amz-bucket-region", bucket.region.clone())),
            (&Method::DELETE, "") if bucket.objects.is_empty() => {
                self.buckets.remove(&name);
                Ok(Answer::empty(204))
            }
            (&Method::DELETE, "") => {
                Err(error(call, 409, "BucketNotEmpty", "The bucket you tried to delete is not empty"))
            }
            (method, sub) => bucket.setting(call, method, sub),
        }
    }

    fn create_bucket(&mut self, call: &Call, clock: &Clock, name: &str, region: &str) -> Outcome {
        let root = Node::parse(&call.text_body());
        let constraint = root.as_ref().map_or("us-east-1", |root| root.value("LocationConstraint"));
        if constraint != region || (root.is_some() && constraint == "us-east-1") {
            let message = "The location constraint is incompatible for the region specific endpoint.";
            return Err(error(call, 400, "IllegalLocationConstraintException", message));
        }
        if self.buckets.contains_key(name) {
            // The oldest region answers as it always has.
            return if region == "us-east-1" {
                Ok(Answer::empty(200))
            } else {
                Err(error(call, 409, "BucketAlreadyOwnedByYou", "You already own it."))
            };
        }
        let bucket = Bucket {
            region: region.to_owned(),
            created: clock.now(),
            settings: BTreeMap::new(),
            objects: Vec::new(),
        };
        self.buckets.insert(name.to_owned(), bucket);
        Ok(Answer::empty(200).with("location", format!("/{name}")))
    }
}

impl Bucket {
    fn setting(&mut self, call: &Call, method: &Method, sub: &str) -> Outcome {
        let known = SETTINGS.iter().find(|(query, _, _)| *query == sub);
        let (_, root, absent) =
            *known.ok_or_else(|| error(call, 501, "NotImplemented", "This stand-in does not play that."))?;
        match *method {
            Method::GET => match self.settings.get(sub) {
                Some(body) if root.is_empty() => Ok(Answer::text(200, body.clone())),
                Some(body) => Ok(Answer::xml(200, body.clone())),
                None if absent.is_empty() => Ok(Answer::xml(200, Node::new(root).document(NAMESPACE))),
                None => Err(error(call, 404, absent, "There is no such configuration.")),
            },
            Method::DELETE => {
                self.settings.remove(sub);
                Ok(Answer::empty(204))
            }
            Method::PUT => {
                let body = call.text_body();
                if call.header("x-amz-checksum-sha256").is_none() && call.header("content-md5").is_none() {
                    return Err(error(call, 400, "InvalidRequest", "Missing required header: Content-MD5"));
                }
                let sound = match root {
                    "" => serde_json::from_str::<serde_json::Value>(&body).is_ok(),
                    root => Node::parse(&body).is_some_and(|node| node.name == root),
                };
                if !sound {
                    let code = if root.is_empty() { "MalformedPolicy" } else { "MalformedXML" };
                    return Err(error(call, 400, code, "The document is not well-formed."));
                }
                if sub == "policy" && self.blocks_public_policies() && is_public(&body) {
                    let message = "public policies are blocked by the BlockPublicPolicy setting";
                    return Err(error(call, 403, "AccessDenied", message));
                }
                self.settings.insert(sub.to_owned(), body);
                Ok(Answer::empty(200))
            }
            _ => Err(error(call, 405, "MethodNotAllowed", "The method is not allowed.")),
        }
    }

    fn blocks_public_policies(&self) -> bool {
        let block = self.settings.get("publicAccessBlock").and_then(|body| Node::parse(body));
        block.is_some_and(|block| block.value("BlockPublicPolicy") == "true")
    }

    fn versions(&self, call: &Call) -> Answer {
        let most = call.query("max-keys").and_then(|most| most.parse().ok()).unwrap_or(1000);
        let mut root = Node::new("ListVersionsResult")
            .with(Node::text("MaxKeys", most.to_string()))
            .with(Node::text("IsTruncated", (self.objects.len() > most).to_string()));
        for (key, version) in self.objects.iter().take(most) {
            root = root.with(
                Node::new("Version").with(Node::text("Key", key)).with(Node::text("VersionId", version)),
            );
        }
        Answer::xml(200, root.document(NAMESPACE))
    }

    fn delete_objects(&mut self, call: &Call) -> Outcome {
        let root = Node::parse(&call.text_body());
        let root = root.ok_or_else(|| error(call, 400, "MalformedXML", "The XML is not well-formed."))?;
        for object in root.children.iter().filter(|child| child.name == "Object") {
            let gone = (object.value("Key"), object.value("VersionId"));
            self.objects.retain(|(key, version)| (key.as_str(), version.as_str()) != gone);
        }
        Ok(Answer::xml(200, Node::new("DeleteResult").document(NAMESPACE)))
    }
}

/// Whether a policy lets everyone in.
fn is_public(policy: &str) -> bool {
    let policy: serde_json::Value = serde_json::from_str(policy).unwrap_or_default();
    let statements = policy["Statement"].as_array().cloned().unwrap_or_default();
    statements.iter().any(|statement| {
        statement["Effect"] == "Allow" && statement["Principal"] == "*" && statement["Condition"].is_null()
    })
}
