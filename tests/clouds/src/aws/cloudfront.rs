//! CloudFront: distributions that take their time, versions that must be named, and who may read a bucket.

use http::Method;

use super::xml::Node;
use super::{Aws, DistributionView, error};
use crate::call::{Answer, Call, Outcome};
use crate::clock::{Clock, Moment};

/// XML namespace.
pub(super) const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";
/// The account's number.
const ACCOUNT: &str = "111122223333";

/// A distribution.
#[derive(Debug)]
pub(super) struct Distribution {
    id: String,
    domain: String,
    config: Node,
    /// Of the configuration that is being carried around the world.
    configured: Moment,
    created: Moment,
    version: u32,
    /// Reference and paths.
    invalidations: Vec<(String, Vec<String>)>,
}

/// An origin access control.
#[derive(Debug)]
pub(super) struct AccessControl {
    id: String,
    pub(super) name: String,
    config: Node,
    created: Moment,
}

impl Distribution {
    pub(super) fn view(&self) -> DistributionView {
        DistributionView {
            id: self.id.clone(),
            comment: self.config.value("Comment").to_owned(),
            enabled: self.config.value("Enabled") == "true",
            versions: self.version,
            config: self.config.document(NAMESPACE),
            invalidations: self.invalidations.iter().map(|(_, paths)| paths.clone()).collect(),
        }
    }

    fn etag(&self) -> String {
        format!("E{}V{}", self.id, self.version)
    }

    fn arn(&self) -> String {
        format!("arn:aws:cloudfront::{ACCOUNT}:distribution/{}", self.id)
    }

    fn status(&self, clock: &Clock) -> &'static str {
        if clock.paces_since(self.configured) >= 1.0 { "Deployed" } else { "InProgress" }
    }

    fn shown(&self, status: u16, clock: &Clock) -> Answer {
        let none = |name: &str| {
            Node::new(name).with(Node::text("Enabled", "false")).with(Node::text("Quantity", "0"))
        };
        let root = Node::new("Distribution")
            .with(Node::text("Id", &self.id))
            .with(Node::text("ARN", self.arn()))
            .with(Node::text("Status", self.status(clock)))
            .with(Node::text("LastModifiedTime", "2026-04-27T12:00:00Z"))
            .with(Node::text("InProgressInvalidationBatches", "0"))
            .with(Node::text("DomainName", &self.domain))
            .with(none("ActiveTrustedSigners"))
            .with(none("ActiveTrustedKeyGroups"))
            .with(self.config.clone());
        Answer::xml(status, root.document(NAMESPACE)).with("etag", self.etag())
    }

    fn aliases(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.config.all("CNAME", &mut found);
        found.into_iter().map(|node| node.text.as_str()).collect()
    }

    /// The version that a change must name.
    fn check_version(&self, call: &Call) -> Result<(), Answer> {
        match call.header("if-match") {
            None => Err(error(call, 400, "InvalidIfMatchVersion", "The If-Match version is missing.")),
            Some(etag) if etag == self.etag() => Ok(()),
            Some(_) => Err(error(call, 412, "PreconditionFailed", "The precondition in If-Match is false.")),
        }
    }
}

impl Aws {
    pub(super) fn cloudfront(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let parts: Vec<&str> = call.segments.iter().map(String::as_str).collect();
        let Some(("2020-05-31", rest)) = parts.split_first().map(|(version, rest)| (*version, rest)) else {
            return Err(error(call, 404, "NoSuchResource", "This API has no such version."));
        };
        match (&call.method, rest) {
            (&Method::GET, ["distribution"]) => Ok(self.list_distributions(call, clock)),
            (&Method::POST, ["distribution"]) => self.create_distribution(call, clock),
            (&Method::GET, ["distribution", id]) => Ok(self.distribution(call, id)?.shown(200, clock)),
            (&Method::PUT, ["distribution", id, "config"]) => self.update_distribution(call, clock, id),
            (&Method::DELETE, ["distribution", id]) => self.delete_distribution(call, clock, id),
            (&Method::POST, ["distribution", id, "invalidation"]) => self.invalidate(call, id),
            (&Method::GET, ["origin-access-control"]) => Ok(self.list_controls(clock)),
            (&Method::POST, ["origin-access-control"]) => self.create_control(call, clock),
            (&Method::GET, ["origin-access-control", id]) => Ok(self.control(call, id)?.shown(200)),
            (&Method::DELETE, ["origin-access-control", id]) => self.delete_control(call, id),
            _ => Err(error(call, 404, "NoSuchResource", "This stand-in does not play that.")),
        }
    }

    fn distribution(&mut self, call: &Call, id: &str) -> Result<&mut Distribution, Answer> {
        let known = self.distributions.iter_mut().find(|known| known.id == id);
        known.ok_or_else(|| {
            error(call, 404, "NoSuchDistribution", "The specified distribution does not exist.")
        })
    }

    fn list_distributions(&self, call: &Call, clock: &Clock) -> Answer {
        let most: usize = call.query("MaxItems").and_then(|most| most.parse().ok()).unwrap_or(100);
        let shown = self.distributions.iter().filter(|known| clock.shows(known.created));
        let from = call.query("Marker").unwrap_or_default();
        let rest: Vec<&Distribution> = shown
            .skip_while(|known| !from.is_empty() && known.id != from)
            .skip(usize::from(!from.is_empty()))
            .collect();
        let page = &rest[..rest.len().min(most)];
        let mut root = Node::new("DistributionList")
            .with(Node::text("Marker", from))
            .with(Node::text("MaxItems", most.to_string()))
            .with(Node::text("IsTruncated", (rest.len() > most).to_string()))
            .with(Node::text("Quantity", page.len().to_string()));
        if let (true, Some(last)) = (rest.len() > most, page.last()) {
            root = root.with(Node::text("NextMarker", &last.id));
        }
        let items = page.iter().map(|known| {
            let mut summary = Node::new("DistributionSummary")
                .with(Node::text("Id", &known.id))
                .with(Node::text("ARN", known.arn()))
                .with(Node::text("Status", known.status(clock)))
                .with(Node::text("LastModifiedTime", "2026-04-27T12:00:00Z"))
                .with(Node::text("DomainName", &known.domain))
                .with(Node::text("Staging", "false"));
            let repeated = ["CallerReference", "DefaultRootObject", "Logging"];
            let members = known.config.children.iter();
            summary
                .children
                .extend(members.filter(|child| !repeated.contains(&child.name.as_str())).cloned());
            if known.config.child("ViewerCertificate").is_none() {
                let own = Node::text("CloudFrontDefaultCertificate", "true");
                summary = summary.with(Node::new("ViewerCertificate").with(own));
            }
            let summary = summary.with(Node::new("CacheBehaviors").with(Node::text("Quantity", "0")));
            let none = Node::new("GeoRestriction")
                .with(Node::text("RestrictionType", "none"))
                .with(Node::text("Quantity", "0"));
            summary.with(Node::new("Restrictions").with(none)).with(Node::text("WebACLId", ""))
        });
        let items = Node { children: items.collect(), ..Node::new("Items") };
        Answer::xml(200, root.with(items).document(NAMESPACE))
    }

    fn create_distribution(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let config = self.read_config(call, None)?;
        let reference = config.value("CallerReference").to_owned();
        if self.references.contains(&reference) {
            let message = "The caller reference that you are using has already been used.";
            return Err(error(call, 409, "DistributionAlreadyExists", message));
        }
        self.references.push(reference);
        let id = format!("E{}", self.dice.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 13));
        let domain = format!("d{}.cloudfront.net", self.dice.hex(13));
        let (configured, created) = (clock.now(), clock.now());
        let known =
            Distribution { id, domain, config, configured, created, version: 1, invalidations: Vec::new() };
        let answer = known.shown(201, clock);
        self.distributions.push(known);
        Ok(answer)
    }

    fn update_distribution(&mut self, call: &Call, clock: &Clock, id: &str) -> Outcome {
        self.distribution(call, id)?.check_version(call)?;
        let config = self.read_config(call, Some(id))?;
        let known = self.distribution(call, id)?;
        if config.value("CallerReference") != known.config.value("CallerReference") {
            return Err(error(call, 400, "IllegalUpdate", "The caller reference cannot change."));
        }
        known.config = config;
        known.configured = clock.now();
        known.version += 1;
        Ok(known.shown(200, clock))
    }

    fn delete_distribution(&mut self, call: &Call, clock: &Clock, id: &str) -> Outcome {
        let known = self.distribution(call, id)?;
        known.check_version(call)?;
        if known.config.value("Enabled") == "true" || known.status(clock) != "Deployed" {
            let message = "The distribution you are trying to delete has not been disabled.";
            return Err(error(call, 409, "DistributionNotDisabled", message));
        }
        self.distributions.retain(|known| known.id != id);
        Ok(Answer::empty(204))
    }

    fn invalidate(&mut self, call: &Call, id: &str) -> Outcome {
        let dice = self.dice.hex(13);
        let known = self.distribution(call, id)?;
        let batch = Node::parse(&call.text_body());
        let batch = batch.ok_or_else(|| error(call, 400, "MissingBody", "There is no batch."))?;
        check_quantities(call, &batch)?;
        let mut paths = Vec::new();
        batch.all("Path", &mut paths);
        let paths: Vec<String> = paths.into_iter().map(|path| path.text.clone()).collect();
        let invalidation = (batch.value("CallerReference").to_owned(), paths);
        if !known.invalidations.contains(&invalidation) {
            known.invalidations.push(invalidation);
        }
        let root = Node::new("Invalidation")
            .with(Node::text("Id", format!("I{dice}")))
            .with(Node::text("Status", "InProgress"))
            .with(Node::text("CreateTime", "2026-04-27T12:00:00Z"))
            .with(batch);
        Ok(Answer::xml(201, root.document(NAMESPACE)))
    }

    /// The configuration that a call sends, if CloudFront would take it.
    fn read_config(&self, call: &Call, of: Option<&str>) -> Result<Node, Answer> {
        let config = Node::parse(&call.text_body()).filter(|root| root.name == "DistributionConfig");
        let config = config.ok_or_else(|| error(call, 400, "MissingBody", "There is no configuration."))?;
        check_quantities(call, &config)?;
        for required in ["CallerReference", "Origins", "DefaultCacheBehavior", "Comment", "Enabled"] {
            if config.child(required).is_none() {
                return Err(error(call, 400, "InvalidArgument", &format!("{required} is missing.")));
            }
        }
        let mut controls = Vec::new();
        config.all("OriginAccessControlId", &mut controls);
        let unknown = |control: &&&Node| {
            !control.text.is_empty() && self.controls.iter().all(|known| known.id != control.text)
        };
        if controls.iter().any(|control| unknown(&control)) {
            return Err(error(
                call,
                404,
                "InvalidOriginAccessControl",
                "The origin access control is unknown.",
            ));
        }
        let mut aliases = Vec::new();
        config.all("CNAME", &mut aliases);
        let own_certificate = config.value("ViewerCertificate/ACMCertificateArn").is_empty();
        if !aliases.is_empty() && own_certificate {
            let message = "To add an alternate domain name you must attach a trusted certificate.";
            return Err(error(call, 400, "InvalidViewerCertificate", message));
        }
        let others = self.distributions.iter().filter(|known| Some(known.id.as_str()) != of);
        let mut taken = others.flat_map(Distribution::aliases);
        if taken.any(|taken| aliases.iter().any(|alias| alias.text == taken)) {
            let message = "One or more aliases are already associated with a different resource.";
            return Err(error(call, 409, "CNAMEAlreadyExists", message));
        }
        Ok(config)
    }

    fn control(&self, call: &Call, id: &str) -> Result<&AccessControl, Answer> {
        let known = self.controls.iter().find(|known| known.id == id);
        known.ok_or_else(|| error(call, 404, "NoSuchOriginAccessControl", "It does not exist."))
    }

    fn list_controls(&self, clock: &Clock) -> Answer {
        let shown = self.controls.iter().filter(|known| clock.shows(known.created));
        let items: Vec<Node> = shown
            .map(|known| {
                let mut summary = Node::new("OriginAccessControlSummary").with(Node::text("Id", &known.id));
                summary.children.extend(known.config.children.iter().cloned());
                summary
            })
            .collect();
        let root = Node::new("OriginAccessControlList")
            .with(Node::new("Marker"))
            .with(Node::text("MaxItems", "100"))
            .with(Node::text("IsTruncated", "false"))
            .with(Node::text("Quantity", items.len().to_string()))
            .with(Node { children: items, ..Node::new("Items") });
        Answer::xml(200, root.document(NAMESPACE))
    }

    fn create_control(&mut self, call: &Call, clock: &Clock) -> Outcome {
        let config = Node::parse(&call.text_body()).filter(|root| root.name == "OriginAccessControlConfig");
        let config =
            config.ok_or_else(|| error(call, 400, "InvalidArgument", "There is no configuration."))?;
        let name = config.value("Name").to_owned();
        if self.controls.iter().any(|known| known.name == name) {
            let message = "An origin access control with the specified parameters already exists.";
            return Err(error(call, 409, "OriginAccessControlAlreadyExists", message));
        }
        let id = format!("E{}", self.dice.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", 13));
        let known = AccessControl { id, name, config, created: clock.now() };
        let answer = known.shown(201);
        self.controls.push(known);
        Ok(answer)
    }

    fn delete_control(&mut self, call: &Call, id: &str) -> Outcome {
        let etag = self.control(call, id)?.etag();
        if call.header("if-match") != Some(&etag) {
            return Err(error(call, 412, "PreconditionFailed", "The precondition in If-Match is false."));
        }
        let uses = |known: &Distribution| {
            let mut controls = Vec::new();
            known.config.all("OriginAccessControlId", &mut controls);
            controls.iter().any(|control| control.text == id)
        };
        if self.distributions.iter().any(uses) {
            let message = "The origin access control is still being used by one or more distributions.";
            return Err(error(call, 409, "OriginAccessControlInUse", message));
        }
        self.controls.retain(|known| known.id != id);
        Ok(Answer::empty(204))
    }
}

impl AccessControl {
    fn etag(&self) -> String {
        format!("E{}V1", self.id)
    }

    fn shown(&self, status: u16) -> Answer {
        let root =
            Node::new("OriginAccessControl").with(Node::text("Id", &self.id)).with(self.config.clone());
        Answer::xml(status, root.document(NAMESPACE)).with("etag", self.etag())
    }
}

/// Every `Quantity` has to count the items beside it.
fn check_quantities(call: &Call, node: &Node) -> Result<(), Answer> {
    if let Some(quantity) = node.child("Quantity") {
        let items = node.child("Items").map_or(0, |items| items.children.len());
        if quantity.text != items.to_string() {
            let message =
                format!("The value of Quantity and the size of Items of {} don't match.", node.name);
            return Err(error(call, 400, "InconsistentQuantities", &message));
        }
    }
    node.children.iter().try_for_each(|child| check_quantities(call, child))
}
