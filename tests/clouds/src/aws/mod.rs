//! AWS: which request does what. `s3` plays buckets, `cloudfront` distributions; `signature` judges who asks.
//!
//! Not played: objects other than by hand, multipart uploads, access lists, tags of distributions.

mod cloudfront;
mod s3;
mod signature;
pub(crate) mod xml;

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use crate::Habits;
use crate::call::{Answer, Call, Outcome};
use crate::clock::Clock;
use crate::dice::Dice;
use signature::Unsigned;
use xml::Node;

/// One account, as AWS sees it.
#[derive(Debug)]
pub(crate) struct Aws {
    dice: Dice,
    buckets: BTreeMap<String, s3::Bucket>,
    taken_names: Vec<String>,
    distributions: Vec<cloudfront::Distribution>,
    controls: Vec<cloudfront::AccessControl>,
    /// Callers' references of every distribution there ever was.
    references: Vec<String>,
    ahead: SignedDuration,
}

/// A bucket, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct BucketView {
    /// Its name, which is unique in all of AWS.
    pub name: String,
    /// Where it is.
    pub region: String,
    /// Its sub-resources, such as `tagging`, as they were sent.
    pub settings: BTreeMap<String, String>,
    /// Keys of its objects.
    pub objects: Vec<String>,
}

/// A distribution, for tests.
#[derive(Debug, Clone, PartialEq)]
pub struct DistributionView {
    /// CloudFront's id.
    pub id: String,
    /// The comment.
    pub comment: String,
    /// Whether it serves.
    pub enabled: bool,
    /// How often it was configured.
    pub versions: u32,
    /// The whole configuration as XML.
    pub config: String,
    /// Paths of its invalidations.
    pub invalidations: Vec<Vec<String>>,
}

/// What there is, for tests.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct AccountView {
    /// Buckets by name.
    pub buckets: Vec<BucketView>,
    /// Distributions in the order of their creation.
    pub distributions: Vec<DistributionView>,
    /// Names of origin access controls.
    pub access_controls: Vec<String>,
}

impl Aws {
    pub(crate) fn new(habits: &Habits) -> Self {
        Self {
            dice: Dice::new(habits.seed),
            buckets: BTreeMap::new(),
            taken_names: habits.taken_names.clone(),
            distributions: Vec::new(),
            controls: Vec::new(),
            references: Vec::new(),
            ahead: SignedDuration::try_from(habits.clock_ahead).unwrap_or_default(),
        }
    }

    pub(crate) fn view(&self) -> AccountView {
        AccountView {
            buckets: self.buckets.iter().map(|(name, bucket)| bucket.view(name)).collect(),
            distributions: self.distributions.iter().map(cloudfront::Distribution::view).collect(),
            access_controls: self.controls.iter().map(|control| control.name.clone()).collect(),
        }
    }

    /// Puts an object into a bucket, as somebody who uses it would.
    pub(crate) fn put_object(&mut self, bucket: &str, key: &str) {
        let version = self.dice.hex(16);
        if let Some(bucket) = self.buckets.get_mut(bucket) {
            bucket.objects.push((key.to_owned(), version));
        }
    }

    pub(crate) fn accepts(&self, call: &Call, key: Option<&str>) -> Result<(), Answer> {
        let now = self.now();
        signature::check(call, key, now).map_err(|why| match why {
            Unsigned::Missing => error(call, 403, "MissingAuthenticationToken", "The request is not signed."),
            Unsigned::UnknownKey => {
                error(call, 403, "InvalidAccessKeyId", "The access key id does not exist in our records.")
            }
            Unsigned::Wrong => {
                error(call, 403, "SignatureDoesNotMatch", "The signature we calculated does not match yours.")
            }
            Unsigned::Skewed => {
                let message = "The difference between the request time and the current time is too large.";
                let error = shaped(call, "RequestTimeTooSkewed", message)
                    .with(Node::text("ServerTime", now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
                refusal(call, 403, error)
            }
        })
    }

    fn now(&self) -> Timestamp {
        Timestamp::now() + self.ahead
    }

    pub(crate) fn answer(&mut self, call: &Call, clock: &Clock) -> Outcome {
        if call.host == "cloudfront.amazonaws.com" {
            self.cloudfront(call, clock)
        } else {
            self.s3(call, clock)
        }
    }
}

/// A refusal in the shape of the service that the call is for.
pub(crate) fn error(call: &Call, status: u16, code: &str, message: &str) -> Answer {
    refusal(call, status, shaped(call, code, message))
}

/// A refusal for trouble, where no service looked at the call.
pub(crate) fn trouble(status: u16, message: &str) -> Answer {
    let code = match status {
        429 => "TooManyRequestsException",
        503 => "SlowDown",
        500 => "InternalError",
        _ => "Trouble",
    };
    let error = Node::new("Error").with(Node::text("Code", code)).with(Node::text("Message", message));
    Answer::xml(status, error.document(s3::NAMESPACE))
}

fn shaped(call: &Call, code: &str, message: &str) -> Node {
    let error = Node::new("Error");
    let error = if is_s3(call) { error } else { error.with(Node::text("Type", "Sender")) };
    error.with(Node::text("Code", code)).with(Node::text("Message", message))
}

fn refusal(call: &Call, status: u16, error: Node) -> Answer {
    if is_s3(call) {
        return Answer::xml(status, error.with(Node::text("RequestId", "R1")).document(s3::NAMESPACE));
    }
    let wrapped = Node::new("ErrorResponse").with(error).with(Node::text("RequestId", "R1"));
    Answer::xml(status, wrapped.document(cloudfront::NAMESPACE))
}

fn is_s3(call: &Call) -> bool {
    call.host != "cloudfront.amazonaws.com"
}
