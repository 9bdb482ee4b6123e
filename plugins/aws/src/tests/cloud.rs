//! An AWS of a few lines: enough of its habits for this plugin's tests. The stand-in of `tests/clouds` knows
//! more of them.

use std::collections::BTreeMap;

use ss_sdk::http::{Method, Request, Response, TransportError};

use crate::signature::sha256_hex;
use crate::xml::Element;

type Answer = Result<Response, TransportError>;

/// A bucket.
#[derive(Default)]
pub struct Stored {
    pub region: String,
    /// Sub-resources as they were sent.
    pub settings: BTreeMap<String, Vec<u8>>,
    /// Keys with their versions.
    pub objects: Vec<(String, String)>,
    pub uploads: Vec<String>,
}

/// A distribution.
pub struct Served {
    pub id: String,
    pub config: Element,
    pub version: u32,
    /// Reads until it is deployed.
    pub pending: u32,
    pub invalidations: Vec<(String, Vec<String>)>,
}

/// One account.
#[derive(Default)]
pub struct Cloud {
    pub buckets: BTreeMap<String, Stored>,
    /// Buckets of other people.
    pub taken: Vec<String>,
    pub distributions: Vec<Served>,
    /// Id, name.
    pub controls: Vec<(String, String)>,
    pub references: Vec<String>,
    /// Reads that a change of a distribution takes.
    pub deployment: u32,
    /// Somebody else changes the distribution this often, just before we do.
    pub rivals: u32,
    /// Answers to the next writes: before anything is done, and instead of what is answered.
    pub refusals: Vec<Answer>,
    pub lost: u32,
    /// For how many reads what is new is not listed.
    pub unlisted_for: u32,
    pub made: u32,
}

fn xml(status: u16, root: &Element) -> Response {
    Response { status, headers: Vec::new(), body: root.document("x") }
}

pub fn refusal(status: u16, code: &str) -> Response {
    xml(
        status,
        &Element::new("Error").with(Element::text("Code", code)).with(Element::text("Message", "No.")),
    )
}

/// A refusal in the form of the services that are not S3.
fn wrapped(status: u16, code: &str) -> Response {
    let error = Element::new("Error").with(Element::text("Type", "Sender")).with(Element::text("Code", code));
    xml(status, &Element::new("ErrorResponse").with(error))
}

fn done(status: u16) -> Response {
    Response { status, headers: Vec::new(), body: Vec::new() }
}

impl Cloud {
    pub fn answer(&mut self, request: &Request) -> Answer {
        check_signature(request);
        if !request.method.is_safe() && !self.refusals.is_empty() {
            return self.refusals.remove(0);
        }
        let host = request.url.split('/').nth(2).expect("a host").to_owned();
        let response = match host.strip_suffix(".amazonaws.com").expect("AWS") {
            "cloudfront" => self.cloudfront(request),
            other => {
                let (bucket, region) = match other.split_once(".s3.") {
                    Some((bucket, region)) => (bucket.to_owned(), region.to_owned()),
                    None => {
                        let region = other.strip_prefix("s3.").expect("S3").to_owned();
                        (request.path()[1..].split('/').next().expect("a bucket").to_owned(), region)
                    }
                };
                self.s3(request, &bucket, &region)
            }
        };
        if !request.method.is_safe() && self.lost > 0 {
            self.lost -= 1;
            return Err(TransportError::Lost("the connection broke off".into()));
        }
        Ok(response)
    }

    fn s3(&mut self, request: &Request, name: &str, region: &str) -> Response {
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        let sub = query.split(['&', '=']).next().expect("a word");
        if self.taken.iter().any(|taken| taken == name) {
            let create = request.method == Method::Put && sub.is_empty();
            return if create { refusal(409, "BucketAlreadyExists") } else { refusal(403, "AccessDenied") };
        }
        if (request.method, sub) == (Method::Put, "") {
            if self.buckets.contains_key(name) {
                return refusal(409, "BucketAlreadyOwnedByYou");
            }
            let constraint = request.body.as_deref().map(|body| Element::parse(body).expect("well-formed"));
            let asked = constraint.as_ref().map_or("us-east-1", |root| root.value("LocationConstraint"));
            assert_eq!(asked, region, "the region that is not named is us-east-1");
            self.buckets.insert(name.into(), Stored { region: region.into(), ..Stored::default() });
            return done(200);
        }
        let Some(bucket) = self.buckets.get_mut(name) else { return refusal(404, "NoSuchBucket") };
        if bucket.region != region {
            let mut response = refusal(301, "PermanentRedirect");
            response.headers.push(("x-amz-bucket-region".into(), bucket.region.clone()));
            return response;
        }
        match (request.method, sub) {
            (Method::Get, "versions") => {
                let versions = bucket.objects.iter().take(2).map(|(key, version)| {
                    Element::new("Version")
                        .with(Element::text("Key", key))
                        .with(Element::text("VersionId", version))
                });
                xml(200, &Element { children: versions.collect(), ..Element::new("ListVersionsResult") })
            }
            (Method::Post, "delete") => {
                let root = Element::parse(request.body.as_deref().expect("a body")).expect("well-formed");
                for object in root.children("Object") {
                    let gone = (object.value("Key").to_owned(), object.value("VersionId").to_owned());
                    bucket.objects.retain(|known| *known != gone);
                }
                xml(200, &Element::new("DeleteResult"))
            }
            (Method::Get, "uploads") => {
                let uploads = bucket.uploads.iter().map(|key| {
                    Element::new("Upload")
                        .with(Element::text("Key", key))
                        .with(Element::text("UploadId", "u"))
                });
                xml(
                    200,
                    &Element { children: uploads.collect(), ..Element::new("ListMultipartUploadsResult") },
                )
            }
            (Method::Delete, "uploadId") => {
                bucket.uploads.clear();
                done(204)
            }
            (Method::Delete, "") => {
                if !bucket.objects.is_empty() {
                    return refusal(409, "BucketNotEmpty");
                }
                self.buckets.remove(name);
                done(204)
            }
            (Method::Get, "versioning") if !bucket.settings.contains_key(sub) => {
                xml(200, &Element::new("VersioningConfiguration"))
            }
            (Method::Get, sub) => match bucket.settings.get(sub) {
                Some(body) => Response { status: 200, headers: Vec::new(), body: body.clone() },
                None => refusal(
                    404,
                    match sub {
                        "tagging" => "NoSuchTagSet",
                        "publicAccessBlock" => "NoSuchPublicAccessBlockConfiguration",
                        "encryption" => "ServerSideEncryptionConfigurationNotFoundError",
                        "website" => "NoSuchWebsiteConfiguration",
                        "policy" => "NoSuchBucketPolicy",
                        other => panic!("unexpected sub-resource {other}"),
                    },
                ),
            },
            (Method::Put, sub) => {
                assert!(request.header("x-amz-checksum-sha256").is_some(), "S3 wants a checksum");
                bucket.settings.insert(sub.into(), request.body.clone().expect("a body"));
                done(200)
            }
            (Method::Delete, sub) => {
                bucket.settings.remove(sub);
                done(204)
            }
            other => panic!("unexpected request {other:?}"),
        }
    }

    fn cloudfront(&mut self, request: &Request) -> Response {
        let path = request.path().strip_prefix("/2020-05-31/").expect("the version").to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        let body = request.body.as_deref().map(|body| Element::parse(body).expect("well-formed"));
        let if_match = request.header("if-match").unwrap_or_default().to_owned();
        if let (Method::Put, ["distribution", id, "config"]) = (request.method, parts.as_slice())
            && self.rivals > 0
        {
            self.rivals -= 1;
            self.distributions
                .iter_mut()
                .filter(|known| known.id == *id)
                .for_each(|known| known.version += 1);
        }
        match (request.method, parts.as_slice()) {
            (Method::Get, ["distribution"]) => {
                let listed = if self.unlisted_for > 0 { 0 } else { usize::MAX };
                self.unlisted_for = self.unlisted_for.saturating_sub(1);
                let items = self.distributions.iter().take(listed).map(|known| {
                    Element::new("DistributionSummary")
                        .with(Element::text("Id", &known.id))
                        .with(Element::text("Comment", known.config.value("Comment")))
                });
                xml(200, &Element::list("DistributionList", items.collect()))
            }
            (Method::Post, ["distribution"]) => {
                let config = body.expect("a configuration");
                let reference = config.value("CallerReference").to_owned();
                if self.references.contains(&reference) {
                    return wrapped(409, "DistributionAlreadyExists");
                }
                check_quantities(&config);
                self.references.push(reference);
                self.made += 1;
                let id = format!("E{}", self.made);
                let pending = self.deployment;
                self.distributions.push(Served {
                    id,
                    config,
                    version: 1,
                    pending,
                    invalidations: Vec::new(),
                });
                shown(self.distributions.last().expect("just made"), 201)
            }
            (Method::Get, ["distribution", id]) => match self.position(id) {
                None => wrapped(404, "NoSuchDistribution"),
                Some(at) => {
                    let known = &mut self.distributions[at];
                    let response = shown(known, 200);
                    known.pending = known.pending.saturating_sub(1);
                    response
                }
            },
            (Method::Put, ["distribution", id, "config"]) => match self.position(id) {
                None => wrapped(404, "NoSuchDistribution"),
                Some(at) if if_match != self.distributions[at].etag() => wrapped(412, "PreconditionFailed"),
                Some(at) => {
                    let config = body.expect("a configuration");
                    check_quantities(&config);
                    let known = &mut self.distributions[at];
                    assert_eq!(config.value("CallerReference"), known.config.value("CallerReference"));
                    (known.config, known.pending) = (config, self.deployment);
                    known.version += 1;
                    shown(known, 200)
                }
            },
            (Method::Delete, ["distribution", id]) => match self.position(id) {
                None => wrapped(404, "NoSuchDistribution"),
                Some(at) if if_match != self.distributions[at].etag() => wrapped(412, "PreconditionFailed"),
                Some(at) if self.distributions[at].config.value("Enabled") == "true" => {
                    wrapped(409, "DistributionNotDisabled")
                }
                Some(at) if self.distributions[at].pending > 0 => wrapped(409, "DistributionNotDisabled"),
                Some(at) => {
                    self.distributions.remove(at);
                    done(204)
                }
            },
            (Method::Post, ["distribution", id, "invalidation"]) => {
                let at = self.position(id).expect("a distribution");
                let batch = body.expect("a batch");
                let paths = batch.items("Paths").iter().map(|path| path.text.clone()).collect();
                let invalidation = (batch.value("CallerReference").to_owned(), paths);
                let known = &mut self.distributions[at];
                if !known.invalidations.contains(&invalidation) {
                    known.invalidations.push(invalidation);
                }
                xml(201, &Element::new("Invalidation").with(Element::text("Id", "I1")))
            }
            (Method::Get, ["origin-access-control"]) => {
                let items = self.controls.iter().map(|(id, name)| {
                    Element::new("OriginAccessControlSummary")
                        .with(Element::text("Id", id))
                        .with(Element::text("Name", name))
                });
                xml(200, &Element::list("OriginAccessControlList", items.collect()))
            }
            (Method::Post, ["origin-access-control"]) => {
                let name = body.expect("a configuration").value("Name").to_owned();
                if self.controls.iter().any(|(_, known)| *known == name) {
                    return wrapped(409, "OriginAccessControlAlreadyExists");
                }
                self.made += 1;
                let id = format!("O{}", self.made);
                self.controls.push((id.clone(), name));
                xml(201, &Element::new("OriginAccessControl").with(Element::text("Id", id)))
            }
            (Method::Get, ["origin-access-control", id]) => {
                if self.controls.iter().all(|(known, _)| known != id) {
                    return wrapped(404, "NoSuchOriginAccessControl");
                }
                let mut response = xml(200, &Element::new("OriginAccessControl"));
                response.headers.push(("etag".into(), "v1".into()));
                response
            }
            (Method::Delete, ["origin-access-control", id]) => {
                let uses = |known: &Served| {
                    known
                        .config
                        .items("Origins")
                        .iter()
                        .any(|origin| origin.value("OriginAccessControlId") == *id)
                };
                if if_match != "v1" {
                    return wrapped(412, "PreconditionFailed");
                }
                if self.distributions.iter().any(uses) {
                    return wrapped(409, "OriginAccessControlInUse");
                }
                self.controls.retain(|(known, _)| known != id);
                done(204)
            }
            other => panic!("unexpected request {other:?}"),
        }
    }

    fn position(&self, id: &str) -> Option<usize> {
        self.distributions.iter().position(|known| known.id == id)
    }
}

impl Served {
    fn etag(&self) -> String {
        format!("v{}", self.version)
    }
}

fn shown(known: &Served, status: u16) -> Response {
    let state = if known.pending == 0 { "Deployed" } else { "InProgress" };
    let root = Element::new("Distribution")
        .with(Element::text("Id", &known.id))
        .with(Element::text("ARN", format!("arn:aws:cloudfront::111122223333:distribution/{}", known.id)))
        .with(Element::text("Status", state))
        .with(Element::text("DomainName", format!("{}.cloudfront.net", known.id.to_lowercase())))
        .with(known.config.clone());
    let mut response = xml(status, &root);
    response.headers.push(("etag".into(), known.etag()));
    response
}

/// Every `Quantity` counts the items beside it.
fn check_quantities(element: &Element) {
    if let Some(quantity) = element.child("Quantity") {
        let items = element.child("Items").map_or(0, |items| items.children.len());
        assert_eq!(quantity.text, items.to_string(), "InconsistentQuantities in {}", element.name);
    }
    element.children.iter().for_each(check_quantities);
}

fn check_signature(request: &Request) {
    let header = |name: &str| request.header(name).unwrap_or_else(|| panic!("no header {name}"));
    let authorization = header("authorization");
    let start = "AWS4-HMAC-SHA256 Credential=sealed1_0000000000000000000000000000000000000001/20260427/";
    assert!(authorization.starts_with(start), "{authorization}");
    let signed = authorization.split("SignedHeaders=").nth(1).expect("signed headers");
    let signed: Vec<&str> = signed.split(',').next().expect("names").split(';').collect();
    for (name, _) in &request.headers {
        let free = matches!(name.as_str(), "authorization" | "user-agent");
        assert!(free || signed.contains(&name.as_str()), "{name} is not signed");
    }
    assert!(signed.contains(&"host") && signed.is_sorted());
    assert!(header("x-amz-date").starts_with("20260427T12"));
    assert_eq!(header("x-amz-content-sha256"), sha256_hex(request.body.as_deref().unwrap_or_default()));
}
