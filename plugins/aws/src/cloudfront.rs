//! CloudFront: distributions, origin access controls and invalidations.
//!
//! Every change names the version that it replaces (`If-Match`), so that nobody else's is lost.

use std::time::Duration;

use ss_sdk::Failure;
use ss_sdk::http::{Method, Page, Response, pages, percent_encode};

use crate::bucket::read;
use crate::client::{Aws, Call, Place};
use crate::xml::Element;

/// XML namespace of CloudFront.
const NAMESPACE: &str = "http://cloudfront.amazonaws.com/doc/2020-05-31/";
/// Where distributions are.
const DISTRIBUTIONS: &str = "/2020-05-31/distribution";
/// Where origin access controls are.
const ACCESS_CONTROLS: &str = "/2020-05-31/origin-access-control";

/// How long CloudFront may take to carry a configuration around the world. Minutes, and an operation of
/// `ss` has thirty.
const DEPLOYMENT_LIMIT: Duration = Duration::from_secs(25 * 60);
/// How long something deleted may stay visible, or in use.
const DELETION_LIMIT: Duration = Duration::from_secs(300);
/// How long something may be invisible that was just created.
const APPEARANCE_LIMIT: Duration = Duration::from_secs(20);
/// How often a change is made anew because somebody else changed the same thing.
const RIVALS: u32 = 5;

/// Codes by which CloudFront says that a version is not the newest.
const OUTDATED: &[&str] = &["PreconditionFailed", "InvalidIfMatchVersion"];

/// A distribution as CloudFront has it.
#[derive(Debug, Clone)]
pub struct Distribution {
    pub id: String,
    pub arn: String,
    pub domain: String,
    /// `Deployed`, or `InProgress`.
    pub status: String,
    pub config: Element,
    /// The version, for `If-Match`.
    etag: String,
}

impl Distribution {
    pub fn is_deployed(&self) -> bool {
        self.status == "Deployed"
    }
}

/// CloudFront with the keys of this run.
pub struct CloudFront<'a, 'c, 'h> {
    aws: &'a Aws<'c, 'h>,
    place: Place,
}

impl<'a, 'c, 'h> CloudFront<'a, 'c, 'h> {
    pub fn new(aws: &'a Aws<'c, 'h>) -> Self {
        let place = Place {
            service: "cloudfront",
            shown: "CloudFront",
            // Its one endpoint signs here, wherever a distribution serves.
            region: "us-east-1".into(),
            host: "cloudfront.amazonaws.com".into(),
            base: String::new(),
        };
        Self { aws, place }
    }

    fn call(&self, method: Method, path: &str, purpose: &'static str) -> Call<'a, 'c, 'h> {
        self.aws.call(method, &self.place, path, purpose)
    }

    fn send(&self, method: Method, path: &str, body: &Element, purpose: &'static str) -> Call<'a, 'c, 'h> {
        self.call(method, path, purpose).body("text/xml", body.document(NAMESPACE))
    }

    /// A distribution, if it exists.
    pub fn distribution(&self, id: &str) -> Result<Option<Distribution>, Failure> {
        let call = self.call(Method::Get, &path(DISTRIBUTIONS, id)?, "read the distribution");
        match call.unless(&["NoSuchDistribution"])? {
            Some(response) => distribution(&call, &response).map(Some),
            None => Ok(None),
        }
    }

    /// The id of the distribution with this comment, which marks it as a service's.
    pub fn distribution_named(&self, comment: &str) -> Result<Option<String>, Failure> {
        let named = self.all(DISTRIBUTIONS, "look for the distribution")?;
        let mut ids: Vec<String> = named
            .iter()
            .filter(|summary| summary.value("Comment") == comment)
            .map(|summary| summary.value("Id").to_owned())
            .collect();
        if ids.len() > 1 {
            return Err(Failure::conflict(format!(
                "CloudFront has {} distributions with the comment `{comment}`: {}",
                ids.len(),
                ids.join(", ")
            ))
            .with_next_step("disable and delete those that nobody uses, or change their comment"));
        }
        Ok(ids.pop())
    }

    /// The items of a list, over all its pages.
    fn all(&self, path: &str, purpose: &'static str) -> Result<Vec<Element>, Failure> {
        pages(|cursor| {
            let call = self.call(Method::Get, path, purpose).query("MaxItems", "100");
            let call = match cursor {
                Some(marker) => call.query("Marker", marker),
                None => call,
            };
            let root = read(&call, &call.success()?)?;
            let next = root.value("NextMarker");
            let cursor = (root.value("IsTruncated") == "true" && !next.is_empty()).then(|| next.to_owned());
            Ok(Page {
                items: root.child("Items").map_or_else(Vec::new, |items| items.children.clone()),
                cursor,
            })
        })
    }

    /// Creates a distribution. One that an earlier attempt created with the same reference is found again.
    pub fn create(&self, config: &Element, comment: &str) -> Result<Distribution, Failure> {
        let call = self.send(Method::Post, DISTRIBUTIONS, config, "create the distribution");
        if let Some(response) = call.unless(&["DistributionAlreadyExists"])? {
            return distribution(&call, &response);
        }
        let wait = self.aws.context.wait("the distribution to appear", APPEARANCE_LIMIT);
        let found = wait.within_limit(|| match self.distribution_named(comment)? {
            Some(id) => self.distribution(&id),
            None => Ok(None),
        })?;
        found.ok_or_else(|| {
            Failure::outcome_unknown(format!(
                "CloudFront has created this distribution before and does not show one with the comment `{comment}`"
            ))
            .with_next_step("run again in a few minutes")
        })
    }

    /// Changes a distribution until `change` finds nothing more to do in its newest configuration.
    ///
    /// Returns the distribution, and whether anything was changed; none if it does not exist.
    pub fn update(
        &self,
        id: &str,
        purpose: &'static str,
        mut change: impl FnMut(&mut Distribution) -> bool,
    ) -> Result<Option<(Distribution, bool)>, Failure> {
        for _ in 0..RIVALS {
            let Some(mut known) = self.distribution(id)? else { return Ok(None) };
            if !change(&mut known) {
                return Ok(Some((known, false)));
            }
            let path = format!("{}/config", path(DISTRIBUTIONS, id)?);
            let call = self.send(Method::Put, &path, &known.config, purpose).header("if-match", known.etag);
            if let Some(response) = call.unless(OUTDATED)? {
                return distribution(&call, &response).map(|distribution| Some((distribution, true)));
            }
            self.aws
                .context
                .info(format!("somebody else changed distribution {id} meanwhile; looking again"));
        }
        Err(Failure::conflict(format!("somebody else keeps changing distribution {id}"))
            .with_next_step("run again when they are done"))
    }

    /// Waits until a distribution serves everywhere what it is configured to.
    pub fn wait_until_deployed(&self, id: &str) -> Result<Option<Distribution>, Failure> {
        let wait = self.aws.context.wait(format!("distribution {id} to be deployed"), DEPLOYMENT_LIMIT);
        let wait = wait.pausing(Duration::from_millis(500), Duration::from_secs(15));
        wait.until(|| match self.distribution(id)? {
            Some(known) if !known.is_deployed() => Ok(None),
            known => Ok(Some(known)),
        })
    }

    /// Takes a distribution out of service, deletes it, and waits until it is gone.
    pub fn delete(&self, id: &str) -> Result<(), Failure> {
        let disabled = self.update(id, "disable the distribution", |known| {
            let was_enabled = known.config.value("Enabled") == "true";
            known.config.set_text("Enabled", "false");
            was_enabled
        })?;
        let Some((_, changed)) = disabled else { return Ok(()) };
        if changed {
            self.aws.context.step(format!("Distribution disabled: {id}"));
        }
        let path = path(DISTRIBUTIONS, id)?;
        let wait = self.aws.context.wait(format!("distribution {id} to be deleted"), DELETION_LIMIT);
        wait.until(|| {
            let Some(known) = self.wait_until_deployed(id)? else { return Ok(Some(())) };
            let call =
                self.call(Method::Delete, &path, "delete the distribution").header("if-match", known.etag);
            // Deleted, or changed meanwhile: either way the next look says what is left to do.
            call.unless(&[
                "PreconditionFailed",
                "InvalidIfMatchVersion",
                "NoSuchDistribution",
                "DistributionNotDisabled",
            ])?;
            Ok(self.distribution(id)?.is_none().then_some(()))
        })
    }

    /// The id of the origin access control of this name.
    pub fn access_control_named(&self, name: &str) -> Result<Option<String>, Failure> {
        let all = self.all(ACCESS_CONTROLS, "look for the origin access control")?;
        Ok(all
            .iter()
            .find(|summary| summary.value("Name") == name)
            .map(|summary| summary.value("Id").to_owned()))
    }

    /// Creates an origin access control that signs every request to a bucket; one of this name is found again.
    pub fn create_access_control(&self, name: &str, owner: &str) -> Result<String, Failure> {
        let config = Element::new("OriginAccessControlConfig")
            .with(Element::text("Name", name))
            .with(Element::text(
                "Description",
                owner.chars().filter(char::is_ascii).take(256).collect::<String>(),
            ))
            .with(Element::text("SigningProtocol", "sigv4"))
            .with(Element::text("SigningBehavior", "always"))
            .with(Element::text("OriginAccessControlOriginType", "s3"));
        let call = self.send(Method::Post, ACCESS_CONTROLS, &config, "create the origin access control");
        let id = match call.unless(&["OriginAccessControlAlreadyExists"])? {
            Some(response) => read(&call, &response)?.value("Id").to_owned(),
            None => {
                let wait = self.aws.context.wait("the origin access control to appear", APPEARANCE_LIMIT);
                wait.until(|| self.access_control_named(name))?
            }
        };
        if id.is_empty() {
            return Err(Failure::outcome_unknown(
                "CloudFront answered without the id of the origin access control",
            ));
        }
        Ok(id)
    }

    /// Deletes an origin access control once nothing uses it. One that is not there is success.
    pub fn delete_access_control(&self, id: &str) -> Result<(), Failure> {
        let path = path(ACCESS_CONTROLS, id)?;
        let wait = self.aws.context.wait("the origin access control to be unused", DELETION_LIMIT);
        wait.until(|| {
            let get = self.call(Method::Get, &path, "read the origin access control");
            let Some(response) = get.unless(&["NoSuchOriginAccessControl"])? else { return Ok(Some(())) };
            let etag = response.header("etag").unwrap_or_default();
            let call =
                self.call(Method::Delete, &path, "delete the origin access control").header("if-match", etag);
            match call.send()? {
                Ok(_) => Ok(Some(())),
                Err(refusal) if refusal.is(&["NoSuchOriginAccessControl"]) => Ok(Some(())),
                Err(refusal) if refusal.is(OUTDATED) || refusal.is(&["OriginAccessControlInUse"]) => Ok(None),
                Err(refusal) => Err(refusal.failure(&call)),
            }
        })
    }

    /// Has every edge fetch these paths anew. The same reference makes one invalidation, however often it is
    /// sent.
    pub fn invalidate(&self, id: &str, paths: &[String], reference: &str) -> Result<(), Failure> {
        let paths = paths.iter().map(|path| Element::text("Path", path)).collect();
        let batch = Element::new("InvalidationBatch")
            .with(Element::list("Paths", paths))
            .with(Element::text("CallerReference", reference));
        let path = format!("{}/invalidation", path(DISTRIBUTIONS, id)?);
        let call = self.send(Method::Post, &path, &batch, "invalidate what the edges have cached");
        call.success().map(|_| ())
    }
}

fn path(collection: &str, id: &str) -> Result<String, Failure> {
    if id.is_empty() {
        return Err(Failure::internal("the recorded state has no id of a resource of CloudFront"));
    }
    Ok(format!("{collection}/{}", percent_encode(id)))
}

/// Reads a distribution with its configuration and version.
fn distribution(call: &Call<'_, '_, '_>, response: &Response) -> Result<Distribution, Failure> {
    let root = read(call, response)?;
    let (id, config) = (root.value("Id"), root.child("DistributionConfig"));
    let (Some(config), false) = (config, id.is_empty()) else {
        let message = format!("CloudFront answered the request to {} without a distribution", call.purpose);
        return Err(if call.method.is_safe() {
            Failure::internal(message)
        } else {
            Failure::outcome_unknown(message)
        });
    };
    Ok(Distribution {
        id: id.to_owned(),
        arn: root.value("ARN").to_owned(),
        domain: root.value("DomainName").to_owned(),
        status: root.value("Status").to_owned(),
        config: config.clone(),
        etag: response.header("etag").unwrap_or_default().to_owned(),
    })
}
