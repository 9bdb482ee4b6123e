//! Making a service's resources what the options say, step by step, each of which may be the last.

use serde_json::Value;
use ss_sdk::{Credential, Failure, Outcome};
use std::time::Duration;

use crate::cloudfront::Distribution;
use crate::options::Resource;
use crate::settings::Setting;
use crate::site::{SETTINGS, Site};

/// How long a distribution is looked for that is known by its id and not shown.
const SEARCH_LIMIT: Duration = Duration::from_secs(20);
/// What is invalidated unless the options say.
const EVERYTHING: &str = "/*";

/// What was done to a service.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    created: bool,
    found: bool,
    changed: bool,
}

impl Done {
    fn word(self) -> &'static str {
        match self {
            Self { created: true, .. } => "created",
            Self { found: true, .. } => "adopted",
            Self { changed: true, .. } => "updated",
            _ => "unchanged",
        }
    }
}

impl Site<'_, '_, '_> {
    /// Makes everything as the options say.
    pub fn provision(&mut self) -> Result<Outcome, Failure> {
        let mut done = Done::default();
        let mut tags = Value::Null;
        if self.resource.has_bucket() {
            tags = self.settle_bucket(&mut done)?;
        }
        let mut distribution = None;
        let mut access_control = String::new();
        if self.resource.has_distribution() {
            let known = self.locate_or_gone()?;
            access_control = self.settle_access_control(known.as_ref())?;
            let settled = self.settle_distribution(known, &access_control, &mut done)?;
            if self.resource == Resource::Both {
                self.settle(Setting::Policy, &tags, Some(&settled.arn), &mut done)?;
            }
            distribution = Some(self.deploy(settled)?);
        }
        Ok(self.outcome(distribution.as_ref(), &access_control, done))
    }

    /// The bucket with all its settings, but for a policy that waits for the distribution. Returns its tags.
    fn settle_bucket(&mut self, done: &mut Done) -> Result<Value, Failure> {
        let tags = match self.bucket_tags()? {
            None => {
                self.bucket.create()?;
                done.created = true;
                self.partial.bucket.clone_from(&self.bucket.name);
                self.context.save_partial(&self.partial)?;
                self.context.step(format!("Bucket created: {}", self.bucket.name));
                Value::Null
            }
            Some(tags) => {
                if self.recorded.bucket != self.bucket.name {
                    // Left by an attempt that was cut short, or made by a person: it is this service's now.
                    done.found = true;
                    self.context.step(format!("Bucket found: {}", self.bucket.name));
                }
                tags
            }
        };
        for setting in SETTINGS {
            if setting != Setting::Policy || self.resource == Resource::S3 {
                self.settle(setting, &tags, None, done)?;
            }
        }
        Ok(tags)
    }

    /// One setting of the bucket.
    fn settle(
        &self,
        setting: Setting,
        tags: &Value,
        arn: Option<&str>,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let Some((wanted, changes)) = self.setting_changes(setting, tags, arn)? else { return Ok(()) };
        if changes.is_empty() {
            return Ok(());
        }
        self.bucket.set(setting, &wanted)?;
        done.changed = true;
        let what = if wanted.is_null() { "removed" } else { "set" };
        self.context.step(format!("Bucket {} {what}", setting.option().replace('_', " ")));
        Ok(())
    }

    /// As [`locate_distribution`](Site::locate_distribution), for whoever creates one if there is none: one
    /// that is known by its id counts as gone only after a while.
    fn locate_or_gone(&self) -> Result<Option<Distribution>, Failure> {
        if self.known_distributions().next().is_none() {
            return self.locate_distribution();
        }
        let wait = self.context.wait("the distribution to appear", SEARCH_LIMIT);
        let located = wait.within_limit(|| self.locate_distribution())?;
        if located.is_none() {
            self.context.warn("the recorded distribution no longer exists");
        }
        Ok(located)
    }

    /// The origin access control of a bucket's distribution; empty where none is needed.
    fn settle_access_control(&mut self, known: Option<&Distribution>) -> Result<String, Failure> {
        if self.resource != Resource::Both {
            return Ok(String::new());
        }
        let id = match self.known_access_control(known)? {
            Some(id) => id,
            None => {
                let id = self
                    .cloudfront
                    .create_access_control(&self.access_control_name(), &self.context.owner())?;
                self.context.step(format!("Origin access control created: {id}"));
                id
            }
        };
        if self.recorded.access_control_id != id && self.partial.access_control_id != id {
            self.partial.access_control_id.clone_from(&id);
            self.context.save_partial(&self.partial)?;
        }
        Ok(id)
    }

    fn settle_distribution(
        &mut self,
        known: Option<Distribution>,
        access_control: &str,
        done: &mut Done,
    ) -> Result<Distribution, Failure> {
        let desired = self.desired(access_control);
        let Some(known) = known else {
            // The same for every attempt at this change, so that CloudFront makes one of them.
            let config = desired.creation(&format!("starsystem-{}", self.context.idempotency_key));
            let created = self.cloudfront.create(&config, &self.comment)?;
            done.created = true;
            self.partial.distribution_id.clone_from(&created.id);
            self.context.save_partial(&self.partial)?;
            self.context.step(format!("Distribution created: {} at {}", created.id, created.domain));
            return Ok(created);
        };
        if self.known_distributions().all(|id| id != known.id) {
            done.found = true;
            self.partial.distribution_id.clone_from(&known.id);
            self.context.save_partial(&self.partial)?;
            self.context.step(format!("Distribution found: {}", known.id));
        }
        if desired.changes(&known.config).is_empty() {
            return Ok(known);
        }
        if !self.partial.invalidate {
            self.partial.invalidate = true;
            self.context.save_partial(&self.partial)?;
        }
        let updated = self.cloudfront.update(&known.id, "change the distribution", |known| {
            let differs = !desired.changes(&known.config).is_empty();
            desired.apply(&mut known.config);
            differs
        })?;
        let (updated, changed) = updated.ok_or_else(|| {
            Failure::conflict(format!("somebody deleted distribution {} meanwhile", known.id))
                .with_next_step("run again, and another is created")
        })?;
        if changed {
            done.changed = true;
            self.context.step(format!("Distribution updated: {}", updated.id));
        }
        Ok(updated)
    }

    /// Waits until the distribution serves what it is configured to, and has the edges forget what they have
    /// cached if it was changed.
    fn deploy(&self, distribution: Distribution) -> Result<Distribution, Failure> {
        let deployed = if distribution.is_deployed() {
            distribution
        } else {
            let id = distribution.id;
            let deployed = self.cloudfront.wait_until_deployed(&id)?;
            let deployed = deployed.ok_or_else(|| {
                Failure::conflict(format!("somebody deleted distribution {id} while it was deployed"))
            })?;
            self.context.step(format!("Distribution deployed: {}", deployed.domain));
            deployed
        };
        let paths = self.options.invalidate.clone().unwrap_or_else(|| vec![EVERYTHING.into()]);
        if self.partial.invalidate && !paths.is_empty() {
            let reference = format!("starsystem-{}", self.context.idempotency_key);
            self.cloudfront.invalidate(&deployed.id, &paths, &reference)?;
            self.context.step(format!("Cached copies invalidated: {}", paths.join(" ")));
        }
        Ok(deployed)
    }

    fn outcome(&self, distribution: Option<&Distribution>, access_control: &str, done: Done) -> Outcome {
        let bucket = &self.bucket;
        let mut credentials = Vec::new();
        let mut offer = |name: &str, value: String| credentials.push(Credential::public(name, value));
        let mut places = Vec::new();
        if self.resource.has_bucket() {
            offer("S3_BUCKET", bucket.name.clone());
            offer("S3_REGION", bucket.region.clone());
            offer("S3_ENDPOINT", bucket.endpoint());
            if self.options.website.as_ref().is_some_and(|website| *website != Value::Bool(false)) {
                offer("S3_WEBSITE_URL", website_url(&bucket.name, &bucket.region));
            }
            places.push(format!("S3 bucket {}", bucket.name));
        }
        if let Some(distribution) = distribution {
            let host = self.options.aliases.as_ref().and_then(|aliases| aliases.first());
            let host = host.filter(|alias| !alias.contains('*')).unwrap_or(&distribution.domain);
            offer("CLOUDFRONT_DISTRIBUTION_ID", distribution.id.clone());
            offer("CLOUDFRONT_DOMAIN", distribution.domain.clone());
            offer("CLOUDFRONT_URL", format!("https://{host}"));
            places.push(format!("CloudFront distribution {} at {}", distribution.id, distribution.domain));
        }
        let summary = format!("{} {}", done.word(), places.join(" + "));
        let mut outcome = Outcome::new(self.state(distribution, access_control), summary);
        outcome.credentials = credentials;
        outcome
    }
}

/// Where S3 serves a bucket as a website. The older regions have a hyphen where the others have a dot.
fn website_url(bucket: &str, region: &str) -> String {
    const HYPHENED: [&str; 9] = [
        "us-east-1",
        "us-west-1",
        "us-west-2",
        "ap-southeast-1",
        "ap-southeast-2",
        "ap-northeast-1",
        "eu-west-1",
        "sa-east-1",
        "us-gov-west-1",
    ];
    let mark = if HYPHENED.contains(&region) { '-' } else { '.' };
    format!("http://{bucket}.s3-website{mark}{region}.amazonaws.com")
}
