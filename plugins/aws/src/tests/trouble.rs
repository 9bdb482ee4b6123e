//! Crashes, lost answers, limits and refusals.

use super::*;

#[test]
fn a_crash_at_any_call_leaves_one_of_each() {
    let mut calls = 0;
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = RefCell::new(Cloud { deployment: 1, ..Cloud::default() });
            let first = host(&cloud);
            first.crash_at(call, crash);
            let context = first.context("site");
            if first.attempt(|| Provisioner::provision(&context, &both())).is_some() {
                calls = calls.max(call);
                break;
            }
            let second = host(&cloud);
            let found = Provisioner::find(&second.context("site"), &both()).expect("found or not");
            // As the engine goes on: from what was saved, else from what is found.
            let partial = first.partial();
            let existing = if partial.is_none() { found } else { None };
            let resumed = Context { partial, existing, ..second.context("site") };
            let state = provision(&resumed, &both()).state;
            let (buckets, distributions, controls) = {
                let cloud = cloud.borrow();
                (cloud.buckets.len(), cloud.distributions.len(), cloud.controls.len())
            };
            assert_eq!((buckets, distributions, controls), (1, 1, 1), "call {call} {crash:?}");
            assert_eq!(planned(&cloud, &state, &both()).0, Action::Nothing, "call {call} {crash:?}");
        }
    }
    assert!(calls > 50, "only {calls} calls of the host");
}

#[test]
fn a_crash_in_a_change_invalidates_once() {
    let changed = with("s3-cloudfront", json!({"region": "eu-west-1", "price_class": "100"}));
    for crash in [Crash::Before, Crash::After] {
        for call in 0.. {
            let cloud = RefCell::new(Cloud { deployment: 1, ..Cloud::default() });
            let state = provisioned(&cloud, &both());
            let first = host(&cloud);
            first.crash_at(call, crash);
            if first.attempt(|| Provisioner::provision(&next(&first, &state), &changed)).is_some() {
                assert!(call > 20);
                break;
            }
            let second = host(&cloud);
            let resumed = Context { partial: first.partial(), ..next(&second, &state) };
            provision(&resumed, &changed);
            assert_eq!(cloud.borrow().distributions[0].invalidations.len(), 1, "call {call} {crash:?}");
        }
    }
}

#[test]
fn answers_that_are_lost_make_nothing_twice() {
    for lost in 0..7 {
        let cloud = RefCell::new(Cloud { lost, unlisted_for: 2, ..Cloud::default() });
        let host = host(&cloud);
        provision(&host.context("site"), &both());
        let cloud = cloud.borrow();
        assert_eq!(
            (cloud.buckets.len(), cloud.distributions.len(), cloud.controls.len()),
            (1, 1, 1),
            "{lost}"
        );
    }
}

#[test]
fn throttling_is_waited_for() {
    let late = Response { headers: vec![("retry-after".into(), "7".into())], ..refusal(503, "SlowDown") };
    let refusals = vec![
        Ok(refusal(503, "SlowDown")),
        Ok(refusal(400, "Throttling")),
        Ok(late),
        Ok(refusal(500, "InternalError")),
    ];
    let cloud = RefCell::new(Cloud { refusals, ..Cloud::default() });
    let host = host(&cloud);
    provision(&host.context("site"), &with("s3", json!({})));
    assert_eq!(cloud.borrow().buckets.len(), 1);
    let cloud = RefCell::new(Cloud { refusals: vec![Ok(refusal(503, "SlowDown")); 50], ..Cloud::default() });
    let failure = failure(&cloud, &with("s3", json!({})));
    assert_eq!(failure.kind, FailureKind::RateLimited(None));
    assert_eq!(cloud.borrow().refusals.len(), 43, "six more attempts");
}

#[test]
fn refusals_are_explained() {
    let said = |status: u16, code: &str| {
        let cloud = RefCell::new(Cloud { refusals: vec![Ok(refusal(status, code)); 9], ..Cloud::default() });
        failure(&cloud, &both())
    };
    let option = |name: &str| FailureKind::InvalidConfiguration(format!("provision.{name}"));
    for (status, code, kind) in [
        (403, "AccessDenied", FailureKind::Authentication),
        (403, "InvalidAccessKeyId", FailureKind::Authentication),
        (400, "ExpiredToken", FailureKind::Authentication),
        (400, "TooManyBuckets", FailureKind::Quota),
        (409, "BucketAlreadyExists", option("bucket")),
        (400, "IllegalLocationConstraintException", option("region")),
        (400, "MalformedPolicy", option("policy")),
        (409, "CNAMEAlreadyExists", option("aliases")),
        (400, "InvalidViewerCertificate", option("certificate")),
        (409, "SomethingInUse", FailureKind::Conflict),
        (400, "InvalidArgument", FailureKind::InvalidConfiguration("provision".into())),
        (403, "RequestTimeTooSkewed", FailureKind::Conflict),
        (302, "", FailureKind::Internal),
    ] {
        let failure = said(status, code);
        assert_eq!(failure.kind, kind, "{code}");
        assert!(failure.message.contains("create the bucket"), "{failure}");
        assert!(failure.message.contains(": No (") || code == "RequestTimeTooSkewed", "{failure}");
    }
}

#[test]
fn a_wrong_clock_is_explained_with_both_times() {
    let body = b"<Error><Code>RequestTimeTooSkewed</Code><Message>Too large.</Message>\
        <ServerTime>2026-04-27T13:30:00Z</ServerTime></Error>";
    let skewed = Response { status: 403, headers: Vec::new(), body: body.to_vec() };
    let cloud = RefCell::new(Cloud { refusals: vec![Ok(skewed)], ..Cloud::default() });
    let failure = failure(&cloud, &both());
    for part in ["clock of this machine is wrong", "here it is 2026-04-27T12:00:00Z", "2026-04-27T13:30:00Z"]
    {
        assert!(failure.message.contains(part), "{failure}");
    }
    assert!(failure.next_step.is_some_and(|step| step.contains("set the clock")));
}
