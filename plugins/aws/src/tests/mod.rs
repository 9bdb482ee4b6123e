//! The provider against a small AWS in memory.

mod cloud;
mod trouble;

use std::cell::RefCell;

use serde_json::{Value, json};
use ss_sdk::http::{Response, TransportError};
use ss_sdk::testing::{Crash, FakeHost, hostile_answers, sealed_token};
use ss_sdk::{Action, Context, Failure, FailureKind, Outcome, Provider, Service, State};

use crate::Provisioner;
use crate::options::Options;
use cloud::{Cloud, refusal};

const OWNER: &str = "my-app/prod/site";

fn service(options: Value) -> Service<Options> {
    Service {
        id: "site".into(),
        kind: "cdn".into(),
        name: None,
        command: None,
        options,
        options_path: "provision".into(),
        env: Vec::new(),
    }
    .parse()
    .expect("options")
}

fn with(resource: &str, more: Value) -> Service<Options> {
    let mut options = json!({"resource": resource});
    let Value::Object(more) = more else { panic!("an object") };
    options.as_object_mut().expect("an object").extend(more);
    service(options)
}

fn both() -> Service<Options> {
    with("s3-cloudfront", json!({"region": "eu-west-1"}))
}

fn host(cloud: &RefCell<Cloud>) -> FakeHost<'_> {
    let host = FakeHost::with_cloud(|request| cloud.borrow_mut().answer(request));
    host.put_vault("providers:aws/secret_access_key", &sealed_token(2));
    host
}

fn next<'h>(host: &'h FakeHost<'_>, state: &State) -> Context<'h> {
    Context { existing: Some(state.clone()), ..host.context("site") }
}

fn provision(context: &Context<'_>, service: &Service<Options>) -> Outcome {
    Provisioner::provision(context, service).expect("provisioned")
}

fn failure(cloud: &RefCell<Cloud>, service: &Service<Options>) -> Failure {
    let host = host(cloud);
    Provisioner::provision(&host.context("site"), service).expect_err("must fail")
}

fn provisioned(cloud: &RefCell<Cloud>, service: &Service<Options>) -> State {
    let host = host(cloud);
    provision(&host.context("site"), service).state
}

/// What the plan of a service says: the action, and the fields that it changes.
fn planned(cloud: &RefCell<Cloud>, state: &State, service: &Service<Options>) -> (Action, Vec<String>) {
    let host = host(cloud);
    let plan = Provisioner::plan(&next(&host, state), service).expect("a plan");
    assert_eq!(host.unsafe_requests(), [""; 0]);
    (plan.action, plan.changes.into_iter().map(|change| change.field).collect())
}

/// Provisions again; returns what was written.
fn again(cloud: &RefCell<Cloud>, state: &State, service: &Service<Options>) -> (State, Vec<String>) {
    let host = host(cloud);
    let state = provision(&next(&host, state), service).state;
    (state, host.unsafe_requests())
}

fn setting(cloud: &RefCell<Cloud>, bucket: &str, name: &str) -> Option<String> {
    let cloud = cloud.borrow();
    let body = cloud.buckets[bucket].settings.get(name)?;
    Some(String::from_utf8(body.clone()).expect("UTF-8"))
}

#[test]
fn a_private_bucket_behind_a_distribution() {
    let cloud = RefCell::new(Cloud { deployment: 3, ..Cloud::default() });
    let host = host(&cloud);
    let context = host.context("site");
    let plan = Provisioner::plan(&context, &both()).expect("a plan");
    let detail = "S3 bucket my-app-prod-site, region=eu-west-1 + CloudFront distribution";
    assert_eq!((plan.action, plan.detail.as_str()), (Action::Create, detail));
    assert_eq!(host.unsafe_requests(), [""; 0]);
    let outcome = provision(&context, &both());
    assert_eq!(
        host.steps(),
        [
            "Bucket created: my-app-prod-site",
            "Bucket tags set",
            "Bucket public access block set",
            "Origin access control created: O1",
            "Distribution created: E2 at e2.cloudfront.net",
            "Bucket policy set",
            "Distribution deployed: e2.cloudfront.net",
        ]
    );
    let policy: Value =
        serde_json::from_str(&setting(&cloud, "my-app-prod-site", "policy").expect("a policy"))
            .expect("JSON");
    let statement = &policy["Statement"][0];
    assert_eq!(statement["Principal"]["Service"], "cloudfront.amazonaws.com");
    assert_eq!(statement["Resource"], "arn:aws:s3:::my-app-prod-site/*");
    let arn = "arn:aws:cloudfront::111122223333:distribution/E2";
    assert_eq!(statement["Condition"]["StringEquals"]["AWS:SourceArn"], arn);
    let config = cloud.borrow().distributions[0].config.clone();
    let origin = &config.items("Origins")[0];
    assert_eq!(origin.value("DomainName"), "my-app-prod-site.s3.eu-west-1.amazonaws.com");
    assert_eq!(origin.value("OriginAccessControlId"), "O1");
    assert!(origin.at("S3OriginConfig/OriginAccessIdentity").is_some());
    let credentials: Vec<(&str, &str)> =
        outcome.credentials.iter().map(|some| (some.name.as_str(), some.value.as_str())).collect();
    assert_eq!(
        credentials,
        [
            ("S3_BUCKET", "my-app-prod-site"),
            ("S3_REGION", "eu-west-1"),
            ("S3_ENDPOINT", "https://s3.eu-west-1.amazonaws.com"),
            ("CLOUDFRONT_DISTRIBUTION_ID", "E2"),
            ("CLOUDFRONT_DOMAIN", "e2.cloudfront.net"),
            ("CLOUDFRONT_URL", "https://e2.cloudfront.net"),
        ]
    );
    assert!(!format!("{:?} {:?}", outcome.state, host.partial()).contains("sealed1_"));
    assert!(Provisioner::status(&context, &outcome.state).expect("a status").healthy);
    let (state, written) = again(&cloud, &outcome.state, &both());
    assert_eq!((state, written), (outcome.state.clone(), vec![]));
    assert_eq!(planned(&cloud, &outcome.state, &both()), (Action::Nothing, vec![]));
    let observed = Provisioner::observe(&host.context("site"), &both(), &outcome.state);
    assert_eq!(observed, Ok(Vec::new()));
}

#[test]
fn a_changed_option_changes_one_thing() {
    let cloud = RefCell::new(Cloud::default());
    let plain = json!({"region": "eu-west-1"});
    let mut state = provisioned(&cloud, &with("s3", plain));
    let policy = json!({"Version": "2012-10-17", "Statement": [{"Sid": "Deny", "Effect": "Deny", "Principal": "*",
        "Action": "s3:*", "Resource": "arn:aws:s3:::my-app-prod-site/*"}]});
    for (options, field, query) in [
        (json!({"versioning": true}), "versioning", "PUT versioning"),
        (json!({"versioning": false}), "versioning", "PUT versioning"),
        (json!({"encryption": "aws:kms"}), "encryption", "PUT encryption"),
        (json!({"encryption": {"algorithm": "AES256"}}), "encryption.algorithm", "PUT encryption"),
        (json!({"tags": {"team": "web", "cost": 7}}), "tags.cost", "PUT tagging"),
        (json!({"website": true}), "website", "PUT website"),
        (json!({"website": {"error": "404.html"}}), "website.error", "PUT website"),
        (json!({}), "website", "DELETE website"),
        (json!({"policy": policy}), "policy", "PUT policy"),
        (json!({"policy": policy.to_string()}), "", ""),
        (json!({}), "policy", "DELETE policy"),
        (
            json!({"public_access_block": false}),
            "public_access_block.block_public_acls",
            "PUT publicAccessBlock",
        ),
    ] {
        let mut options = options;
        options["region"] = json!("eu-west-1");
        let service = with("s3", options.clone());
        let (action, fields) = planned(&cloud, &state, &service);
        let host = host(&cloud);
        let outcome = provision(&next(&host, &state), &service);
        let written: Vec<String> = host
            .requests()
            .iter()
            .filter(|request| !request.method.is_safe())
            .map(|request| {
                format!("{} {}", request.method.as_str(), request.url.split_once('?').expect("a query").1)
            })
            .collect();
        if field.is_empty() {
            assert_eq!((action, fields, written), (Action::Nothing, vec![], vec![]), "{options}");
        } else {
            assert_eq!((action, fields[0].as_str()), (Action::Update, field), "{options}");
            assert_eq!(written, [query], "{options}");
        }
        state = outcome.state;
        assert_eq!(planned(&cloud, &state, &service).0, Action::Nothing, "{options}");
    }
    let tags = setting(&cloud, "my-app-prod-site", "tagging").expect("tags");
    assert!(tags.contains(OWNER) && tags.contains("team"), "tags that no option names stay: {tags}");
}

#[test]
fn a_change_of_a_distribution_keeps_what_others_set_and_invalidates() {
    let cloud = RefCell::new(Cloud { deployment: 2, ..Cloud::default() });
    let state = provisioned(&cloud, &both());
    cloud.borrow_mut().distributions[0].config.set_text("WebACLId", "acl");
    let changed = with("s3-cloudfront", json!({"region": "eu-west-1", "price_class": "100"}));
    assert_eq!(planned(&cloud, &state, &changed), (Action::Update, vec!["price_class".to_owned()]));
    cloud.borrow_mut().rivals = 2;
    let (state, written) = again(&cloud, &state, &changed);
    let config = "PUT /2020-05-31/distribution/E2/config";
    assert_eq!(written, [config, config, config, "POST /2020-05-31/distribution/E2/invalidation"]);
    assert_eq!(cloud.borrow().distributions[0].config.value("WebACLId"), "acl");
    assert_eq!(cloud.borrow().distributions[0].invalidations[0].1, ["/*"]);
    assert_eq!(again(&cloud, &state, &changed).1, [""; 0]);
    let quiet = with("s3-cloudfront", json!({"region": "eu-west-1", "invalidate": []}));
    assert_eq!(again(&cloud, &state, &quiet).1, [config]);
    cloud.borrow_mut().rivals = 99;
    let host = host(&cloud);
    let failure = Provisioner::provision(&next(&host, &state), &changed).expect_err("must fail");
    assert_eq!(failure.kind, FailureKind::Conflict);
}

#[test]
fn drift_is_observed_and_undone() {
    let cloud = RefCell::new(Cloud::default());
    let service = with("s3-cloudfront", json!({"versioning": true}));
    let state = provisioned(&cloud, &service);
    {
        let mut cloud = cloud.borrow_mut();
        cloud.distributions[0].config.set_text("Enabled", "false");
        let bucket = cloud.buckets.get_mut("my-app-prod-site").expect("a bucket");
        bucket.settings.remove("publicAccessBlock");
        bucket.settings.remove("versioning");
        bucket.settings.insert("policy".into(), b"{\"Version\":\"2012-10-17\",\"Statement\":[]}".to_vec());
    }
    let observing = host(&cloud);
    let changes = Provisioner::observe(&observing.context("site"), &service, &state).expect("observed");
    let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["public_access_block", "versioning", "policy", "enabled"]);
    assert_eq!(observing.unsafe_requests(), [""; 0]);
    assert!(!Provisioner::status(&observing.context("site"), &state).expect("a status").healthy);
    assert_eq!(again(&cloud, &state, &service).1.len(), 5);
    assert_eq!(planned(&cloud, &state, &service).0, Action::Nothing);
    cloud.borrow_mut().buckets.clear();
    cloud.borrow_mut().distributions.clear();
    let changes = Provisioner::observe(&observing.context("site"), &service, &state).expect("observed");
    let fields: Vec<&str> = changes.iter().map(|change| change.field.as_str()).collect();
    assert_eq!(fields, ["bucket", "distribution"]);
    assert!(!Provisioner::status(&observing.context("site"), &state).expect("a status").healthy);
    // What somebody deleted is made anew.
    let remaking = host(&cloud);
    let later = Context { idempotency_key: "2".repeat(32), ..next(&remaking, &state) };
    let state = provision(&later, &service).state;
    assert_eq!(planned(&cloud, &state, &service).0, Action::Nothing);
}

#[test]
fn destroy_takes_everything_down_and_waits() {
    let cloud = RefCell::new(Cloud { deployment: 2, ..Cloud::default() });
    let state = provisioned(&cloud, &both());
    cloud.borrow_mut().rivals = 1;
    let host = host(&cloud);
    Provisioner::destroy(&next(&host, &state), &state).expect("destroyed");
    assert!(cloud.borrow().buckets.is_empty() && cloud.borrow().distributions.is_empty());
    assert!(cloud.borrow().controls.is_empty());
    assert_eq!(
        host.unsafe_requests(),
        [
            "PUT /2020-05-31/distribution/E2/config",
            "PUT /2020-05-31/distribution/E2/config",
            "DELETE /2020-05-31/distribution/E2",
            "DELETE /2020-05-31/origin-access-control/O1",
            "DELETE /",
        ]
    );
    let gone = host.unsafe_requests().len();
    Provisioner::destroy(&next(&host, &state), &state).expect("gone is success");
    assert_eq!(host.unsafe_requests()[gone..], ["DELETE /"]);
    // Made again, it is another one: the reference of the first is spent.
    let later = Context { idempotency_key: "2".repeat(32), ..host.context("site") };
    provision(&later, &both());
    assert_eq!(cloud.borrow().distributions.len(), 1);
}

#[test]
fn a_bucket_with_objects_is_emptied_only_if_it_was_said_so() {
    let cloud = RefCell::new(Cloud::default());
    let state = provisioned(&cloud, &both());
    let fill = || {
        let mut cloud = cloud.borrow_mut();
        let bucket = cloud.buckets.get_mut("my-app-prod-site").expect("a bucket");
        bucket.objects = (0..5).map(|number| (format!("../a//&<{number}>"), format!("v{number}"))).collect();
        bucket.uploads = vec!["big/file".into()];
    };
    fill();
    let host = host(&cloud);
    let failure = Provisioner::destroy(&next(&host, &state), &state).expect_err("must fail");
    assert_eq!(failure.kind, FailureKind::Conflict);
    assert!(failure.next_step.is_some_and(|step| step.contains("force_destroy")));
    assert_eq!(host.unsafe_requests(), [""; 0], "nothing is half gone");
    let forced = with("s3-cloudfront", json!({"region": "eu-west-1", "force_destroy": true}));
    let (state, written) = again(&cloud, &state, &forced);
    assert_eq!(written, [""; 0]);
    Provisioner::destroy(&next(&host, &state), &state).expect("destroyed");
    assert!(cloud.borrow().buckets.is_empty());
}

#[test]
fn buckets_of_others_are_left_alone() {
    let cloud = RefCell::new(Cloud { taken: vec!["my-app-prod-site".into()], ..Cloud::default() });
    assert_eq!(failure(&cloud, &both()).kind, FailureKind::Authentication);
    let cloud = RefCell::new(Cloud::default());
    let state = provisioned(&cloud, &both());
    let other = host(&cloud);
    let rival = Context { environment: "dev".into(), ..other.context("site") };
    let same = with("s3", json!({"region": "eu-west-1", "bucket": "my-app-prod-site"}));
    for failure in [
        Provisioner::plan(&rival, &same).expect_err("refused"),
        Provisioner::provision(&rival, &same).expect_err("refused"),
        Provisioner::find(&rival, &same).expect_err("refused"),
        Provisioner::destroy(&rival, &state).expect_err("refused"),
    ] {
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains(OWNER), "{failure}");
    }
    assert_eq!(other.unsafe_requests(), [""; 0]);
}

#[test]
fn what_cannot_change_is_refused_before_anything_is_sent() {
    let cloud = RefCell::new(Cloud::default());
    let state = provisioned(&cloud, &with("s3", json!({"region": "eu-west-1"})));
    let host = host(&cloud);
    for (service, option) in [
        (with("s3", json!({"region": "us-east-1"})), "region"),
        (with("s3", json!({"region": "eu-west-1", "bucket": "other"})), "bucket"),
        (with("cloudfront", json!({"origin": "a.example"})), "resource"),
    ] {
        let failure = Provisioner::plan(&next(&host, &state), &service).expect_err("refused");
        assert_eq!(failure.kind, FailureKind::InvalidConfiguration(format!("provision.{option}")));
    }
    assert_eq!(host.requests().len(), 0);
    // A bucket may get a distribution.
    let (action, fields) = planned(&cloud, &state, &both());
    assert_eq!((action, fields), (Action::Update, vec!["distribution".to_owned()]));
    let (state, _) = again(&cloud, &state, &both());
    assert_eq!(planned(&cloud, &state, &both()).0, Action::Nothing);
}

#[test]
fn the_wrong_region_is_named() {
    let cloud = RefCell::new(Cloud::default());
    provisioned(&cloud, &with("s3", json!({"region": "eu-west-1"})));
    let failure = failure(&cloud, &with("s3", json!({})));
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("provision.region".into()));
    assert_eq!(failure.next_step.as_deref(), Some("set `region: eu-west-1`, where the bucket is"));
}

#[test]
fn options_that_contradict_each_other_are_named() {
    let host = FakeHost::new();
    host.put_vault("providers:aws/secret_access_key", &sealed_token(2));
    for (options, option) in [
        (json!({}), "resource"),
        (json!({"resource": "s3", "type": "cloudfront"}), "resource"),
        (json!({"resource": "ec2"}), "resource"),
        (json!({"resource": "cloudfront"}), "origin"),
        (json!({"resource": "cloudfront", "origin": "a.example", "versioning": true}), "versioning"),
        (json!({"resource": "s3", "aliases": ["a.example"]}), "aliases"),
        (json!({"resource": "s3-cloudfront", "origin": "a.example"}), "origin"),
        (json!({"resource": "s3-cloudfront", "aliases": ["a.example"]}), "aliases"),
        (json!({"resource": "s3-cloudfront", "public_read": true}), "public_read"),
        (json!({"resource": "s3", "public_read": true, "public_access_block": true}), "public_read"),
        (json!({"resource": "s3-cloudfront", "error_status": 200}), "error_status"),
    ] {
        let failure =
            Provisioner::plan(&host.context("site"), &service(options.clone())).expect_err("refused");
        assert_eq!(
            failure.kind,
            FailureKind::InvalidConfiguration(format!("provision.{option}")),
            "{options}"
        );
    }
    assert_eq!(host.requests().len(), 0);
}

#[test]
fn a_website_that_everyone_may_read() {
    let cloud = RefCell::new(Cloud::default());
    let service = with(
        "s3",
        json!({"type": "s3-bucket", "website": true, "public_read": true, "bucket": "www.example.com"}),
    );
    let host = host(&cloud);
    let outcome = provision(&host.context("site"), &service);
    let urls: Vec<String> = host.requests().iter().map(|request| request.url.clone()).collect();
    let by_path = "https://s3.us-east-1.amazonaws.com/www.example.com";
    assert!(urls.iter().all(|url| url.starts_with(by_path)), "a name with dots is no host: {urls:?}");
    let block = setting(&cloud, "www.example.com", "publicAccessBlock").expect("a block");
    assert!(
        block.contains("<BlockPublicAcls>true</") && block.contains("<BlockPublicPolicy>false</"),
        "{block}"
    );
    assert!(setting(&cloud, "www.example.com", "policy").expect("a policy").contains("StarsystemPublicRead"));
    let url = outcome.credentials.iter().find(|some| some.name == "S3_WEBSITE_URL").expect("an address");
    assert_eq!(url.value, "http://www.example.com.s3-website-us-east-1.amazonaws.com");
    let plain = with("s3", json!({"bucket": "www.example.com"}));
    let (_, fields) = planned(&cloud, &outcome.state, &plain);
    let block = "public_access_block.";
    assert_eq!(
        fields,
        [
            &format!("{block}block_public_policy"),
            &format!("{block}restrict_public_buckets"),
            "website",
            "policy"
        ]
    );
}

#[test]
fn a_distribution_of_a_server() {
    let cloud = RefCell::new(Cloud::default());
    let service = with(
        "cloudfront",
        json!({"origin": "app.example.com", "cache_policy": "disabled", "allowed_methods": "all"}),
    );
    let state = provisioned(&cloud, &service);
    assert_eq!((state.resource_id.as_str(), state.region), ("E1", None));
    let cloud_now = cloud.borrow();
    assert!(cloud_now.controls.is_empty() && cloud_now.buckets.is_empty());
    let config = &cloud_now.distributions[0].config;
    assert_eq!(config.value("Comment"), format!("starsystem {OWNER}"));
    assert_eq!(config.items("Origins")[0].value("CustomOriginConfig/OriginProtocolPolicy"), "https-only");
}

#[test]
fn temporary_credentials_are_sent_sealed() {
    let cloud = RefCell::new(Cloud::default());
    let host = host(&cloud);
    host.put_vault("providers:aws/session_token", &sealed_token(3));
    // The host of these tests reveals nothing: a plugin that is not granted it must not go on.
    let failure = Provisioner::plan(&host.context("site"), &both()).expect_err("not granted");
    assert!(failure.message.contains("reveal"), "{failure}");
    assert_eq!(host.requests().len(), 0);
}

#[test]
fn missing_keys_are_explained() {
    let host = FakeHost::new();
    let failure = Provisioner::plan(&host.context("site"), &both()).expect_err("no key");
    assert_eq!(failure.kind, FailureKind::Authentication);
    assert!(failure.next_step.is_some_and(|step| step.contains("ss vault set AWS_SECRET_ACCESS_KEY")));
}

#[test]
fn hostile_answers_end_in_a_failure_not_in_a_panic() {
    for answer in hostile_answers() {
        for skipped in 0..9 {
            let cloud = RefCell::new(Cloud::default());
            let mut requests = 0;
            let host = FakeHost::with_cloud(|request| {
                requests += 1;
                if requests > skipped { Ok(answer.clone()) } else { cloud.borrow_mut().answer(request) }
            });
            host.put_vault("providers:aws/secret_access_key", &sealed_token(2));
            let _ = Provisioner::provision(&host.context("site"), &both());
            let _ = Provisioner::find(&host.context("site"), &both());
        }
    }
    let host = FakeHost::with_cloud(|_| Err(TransportError::NotSent("no network".into())));
    host.put_vault("providers:aws/secret_access_key", &sealed_token(2));
    let failure = Provisioner::plan(&host.context("site"), &both()).expect_err("no network");
    assert_eq!(failure.kind, FailureKind::Unavailable);
}

#[test]
fn states_that_people_edited_are_explained() {
    let host = FakeHost::new();
    host.put_vault("providers:aws/secret_access_key", &sealed_token(2));
    let state = host.context("site").state("aws", "x");
    for failure in [
        Provisioner::destroy(&host.context("site"), &state).expect_err("no resource"),
        Provisioner::status(&host.context("site"), &state).expect_err("no resource"),
    ] {
        assert!(failure.next_step.is_some_and(|step| step.contains("_state")), "{}", failure.message);
    }
}
