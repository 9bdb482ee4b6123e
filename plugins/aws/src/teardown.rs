//! What can be said and done with the recorded state alone: health, and removal.

use serde_json::json;
use ss_sdk::{Failure, Health, State};

use crate::bucket::Bucket;
use crate::client::Aws;
use crate::cloudfront::CloudFront;
use crate::options::{Resource, comment};
use crate::settings::Setting;
use crate::site::{Metadata, refuse_foreign};

/// What a state says, taken apart.
struct Recorded<'a, 'c, 'h> {
    metadata: Metadata,
    bucket: Option<Bucket<'a, 'c, 'h>>,
    cloudfront: Option<CloudFront<'a, 'c, 'h>>,
}

fn recorded<'a, 'c, 'h>(aws: &'a Aws<'c, 'h>, state: &State) -> Result<Recorded<'a, 'c, 'h>, Failure> {
    let metadata: Metadata = state.parse_metadata()?;
    let resource = Resource::parse(&metadata.resource).ok_or_else(|| {
        Failure::internal(format!("the recorded state of `{}` names no resource of AWS", state.resource_id))
            .with_next_step("restore the `_state` block of the service, or remove it to provision anew")
    })?;
    let region = state.region.as_deref().unwrap_or("us-east-1");
    let bucket = resource.has_bucket().then(|| {
        let name = if metadata.bucket.is_empty() { &state.resource_id } else { &metadata.bucket };
        Bucket::new(aws, name, region, metadata.path_style)
    });
    let cloudfront = resource.has_distribution().then(|| CloudFront::new(aws));
    Ok(Recorded { metadata, bucket, cloudfront })
}

/// Whether everything is there and in service.
pub fn status(aws: &Aws<'_, '_>, state: &State) -> Result<Health, Failure> {
    let Recorded { metadata, bucket, cloudfront } = recorded(aws, state)?;
    let mut parts = Vec::new();
    let mut raw = json!({});
    if let Some(bucket) = bucket {
        if bucket.setting(Setting::Tags)?.is_none() {
            return Ok(Health::unhealthy(format!("bucket {} no longer exists", bucket.name)));
        }
        raw["bucket"] = json!(bucket.name);
        parts.push(format!("bucket {} in {}", bucket.name, bucket.region));
    }
    if let Some(cloudfront) = cloudfront {
        let id = &metadata.distribution_id;
        let known = if id.is_empty() { None } else { cloudfront.distribution(id)? };
        let Some(known) = known else {
            return Ok(Health::unhealthy(format!("distribution {id} no longer exists")));
        };
        raw["distribution"] = json!({"id": known.id, "status": known.status});
        if known.config.value("Enabled") != "true" {
            return Ok(Health::unhealthy(format!("distribution {id} is disabled")).with_raw(raw));
        }
        let how = if known.is_deployed() { "deployed" } else { "being deployed" };
        parts.push(format!("distribution {how} at {}", known.domain));
    }
    Ok(Health::healthy(parts.join(", ")).with_raw(raw))
}

/// Removes everything, what others depend on last, and waits until it is gone.
pub fn destroy(aws: &Aws<'_, '_>, state: &State) -> Result<(), Failure> {
    let Recorded { metadata, bucket, cloudfront } = recorded(aws, state)?;
    if let Some(bucket) = &bucket {
        refuse_foreign(&bucket.name, bucket.setting(Setting::Tags)?.as_ref(), aws.context)?;
        // Asked before anything is taken down, so that nothing is half gone.
        if !metadata.force_destroy && !bucket.is_empty()? {
            return Err(bucket.not_empty());
        }
    }
    if let Some(cloudfront) = cloudfront {
        let named = || cloudfront.distribution_named(&comment(aws.context));
        let id = if metadata.distribution_id.is_empty() { named()? } else { Some(metadata.distribution_id) };
        if let Some(id) = id {
            cloudfront.delete(&id)?;
            aws.context.step(format!("Distribution deleted: {id}"));
        }
        if !metadata.access_control_id.is_empty() {
            cloudfront.delete_access_control(&metadata.access_control_id)?;
            aws.context.step(format!("Origin access control deleted: {}", metadata.access_control_id));
        }
    }
    if let Some(bucket) = bucket {
        if metadata.force_destroy {
            bucket.empty()?;
        }
        bucket.delete()?;
        aws.context.step(format!("Bucket deleted: {}", bucket.name));
    }
    Ok(())
}
