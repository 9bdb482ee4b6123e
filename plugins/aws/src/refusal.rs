//! What AWS means when it refuses, and what a person can do about it.

use ss_sdk::http::Response;
use ss_sdk::{Failure, FailureKind, Host};

use crate::client::Call;
use crate::xml::Element;

/// Longest part of a message of AWS that is quoted.
const LONGEST_QUOTE: usize = 300;

/// A refusal, read from its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Refusal {
    pub status: u16,
    /// Such as `NoSuchBucket`; empty if the answer has none.
    pub code: String,
    pub message: String,
    /// The region that the bucket is in, if AWS says so.
    pub region: Option<String>,
    /// AWS's time, as it writes it.
    server_time: Option<String>,
    retry_after: Option<u64>,
}

/// Codes by which AWS asks for patience.
const THROTTLED: &[&str] = &[
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "ThrottledException",
    "TooManyRequestsException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestThrottledException",
    "ServiceUnavailable",
    "BandwidthLimitExceeded",
    "OperationAborted",
    "InternalError",
];
/// Codes that blame the machine's clock.
const SKEWED: &[&str] = &["RequestTimeTooSkewed", "RequestExpired"];
/// Codes that blame the keys.
const KEYS: &[&str] = &[
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
    "AuthFailure",
    "IncompleteSignature",
    "MissingAuthenticationToken",
    "NotSignedUp",
    "AccountProblem",
];
/// Codes that blame the session token.
const TOKENS: &[&str] = &["ExpiredToken", "ExpiredTokenException", "InvalidToken", "TokenRefreshRequired"];

impl Refusal {
    /// Reads an answer that is no success, in the form of S3 or in that of the other services.
    pub fn read(response: &Response) -> Self {
        let root = Element::parse(&response.body).unwrap_or_default();
        let error = root.child("Error").unwrap_or(&root);
        let present = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Self {
            status: response.status,
            code: error.value("Code").to_owned(),
            message: error.value("Message").to_owned(),
            region: response
                .header("x-amz-bucket-region")
                .and_then(present)
                .or_else(|| present(error.value("Region"))),
            server_time: present(error.value("ServerTime"))
                .or_else(|| response.header("date").and_then(present)),
            retry_after: response.retry_after(),
        }
    }

    /// Whether the code is one of these.
    pub fn is(&self, codes: &[&str]) -> bool {
        codes.contains(&self.code.as_str())
    }

    /// Whether the same request may succeed later.
    pub fn is_throttled(&self) -> bool {
        self.is(THROTTLED)
    }

    /// The failure that it means for this request.
    pub fn failure(&self, call: &Call<'_, '_, '_>) -> Failure {
        let late = self.message.contains("Signature expired") || self.message.contains("not yet current");
        if self.is(SKEWED) || (late && self.is(KEYS)) {
            return self.skewed(call);
        }
        let option = |name: &str| -> FailureKind {
            let blame = &call.aws.blame;
            FailureKind::InvalidConfiguration(match (blame.as_str(), name) {
                ("", name) => name.to_owned(),
                (blame, "") => blame.to_owned(),
                (blame, name) => format!("{blame}.{name}"),
            })
        };
        let (kind, next_step) = match (self.code.as_str(), self.status) {
            (_, _) if self.is_throttled() => (FailureKind::RateLimited(self.retry_after), None),
            (_, _) if self.is(KEYS) => (FailureKind::Authentication, Some(CHECK_KEYS)),
            (_, _) if self.is(TOKENS) => (FailureKind::Authentication, Some(CHECK_TOKEN)),
            ("BucketAlreadyExists", _) => (option("bucket"), Some(TAKEN)),
            ("InvalidBucketName", _) => (option("bucket"), None),
            ("MalformedPolicy", _) => (option("policy"), None),
            ("CNAMEAlreadyExists", _) => (option("aliases"), Some(ALIAS_TAKEN)),
            ("InvalidViewerCertificate", _) => (option("certificate"), Some(CERTIFICATE)),
            ("InvalidTag" | "InvalidTagging", _) => (option("tags"), None),
            ("InvalidDefaultRootObject", _) => (option("default_root_object"), None),
            ("InvalidOrigin", _) => (option("origin"), None),
            ("NoSuchCachePolicy", _) => (option("cache_policy"), None),
            (
                "PermanentRedirect" | "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException",
                _,
            )
            | (_, 301 | 307) => (option("region"), None),
            (code, _) if code.starts_with("TooMany") => (FailureKind::Quota, Some(QUOTA)),
            (_, 403) if call.place.service == "s3" => (FailureKind::Authentication, Some(NOT_YOURS)),
            (_, 401 | 403) => (FailureKind::Authentication, Some(PERMISSION)),
            (_, 404 | 410) => (FailureKind::NotFound, None),
            (_, 409 | 412 | 423) => (FailureKind::Conflict, None),
            (_, 400 | 422) if !call.aws.blame.is_empty() => (option(""), None),
            (_, 500..) if call.method.is_safe() => (FailureKind::Unavailable, None),
            (_, 500..) => (FailureKind::OutcomeUnknown, None),
            _ => (FailureKind::Internal, None),
        };
        let mut failure = Failure::new(kind, self.sentence(call));
        failure.next_step = match (&self.region, next_step) {
            (Some(region), _) if self.status != 403 => {
                Some(format!("set `region: {region}`, where the bucket is"))
            }
            (_, next_step) => next_step.map(str::to_owned),
        };
        failure
    }

    fn sentence(&self, call: &Call<'_, '_, '_>) -> String {
        let line = self.message.lines().next().unwrap_or_default().trim().trim_end_matches('.');
        let said: String = line.chars().take(LONGEST_QUOTE).collect();
        let said = if said.is_empty() { said } else { format!(": {said}") };
        let code = if self.code.is_empty() { String::new() } else { format!("{}, ", self.code) };
        format!("{} refused to {}{said} ({code}HTTP {})", call.place.shown, call.purpose, self.status)
    }

    /// AWS takes a signature for about fifteen minutes before and after its own time.
    fn skewed(&self, call: &Call<'_, '_, '_>) -> Failure {
        let here = ss_sdk::rfc3339(Host::wall_clock(call.aws.context.host));
        let there =
            self.server_time.as_deref().map_or_else(String::new, |time| format!("; at AWS it is {time}"));
        let message = format!(
            "{} refused to {}, because the clock of this machine is wrong: here it is {here}{there} ({}, HTTP {})",
            call.place.shown, call.purpose, self.code, self.status
        );
        Failure::conflict(message).with_next_step(
            "set the clock (`timedatectl set-ntp true`, or `sntp -sS time.apple.com` on macOS) and run again",
        )
    }
}

const CHECK_KEYS: &str = "check that access key id and secret access key belong together and are active";
const CHECK_TOKEN: &str =
    "get new temporary credentials; for a permanent key, remove the session token (AWS_SESSION_TOKEN)";
const TAKEN: &str = "bucket names are unique across all of AWS: choose another `bucket`";
const ALIAS_TAKEN: &str = "another distribution has one of the `aliases`: remove it there (`aws cloudfront list-conflicting-aliases` finds it)";
const CERTIFICATE: &str =
    "the certificate must be issued, in us-east-1, of this account, and name every one of the `aliases`";
const QUOTA: &str = "delete what is not used, or ask AWS to raise the quota (Service Quotas in the console)";
const NOT_YOURS: &str = "the bucket may be another account's (names are unique across all of AWS: choose another \
                         `bucket`), or the key's policies do not allow this";
const PERMISSION: &str =
    "check that the key's policies allow this, and that the resource belongs to the key's account";
