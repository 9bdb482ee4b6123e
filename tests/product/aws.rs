//! Buckets and distributions at the stand-in for AWS, which judges every signature, version and quantity.

use std::time::{Duration, Instant};

use ss_clouds::{Cloud, Fault, Habits, Pace, RateLimit, Running, Trouble, spec};

use crate::crash::{Case, at_every_step, met_its_fault};
use crate::rehearsal::{immediate, is_unsafe};
use crate::{Output, TestEnvironment, canary};

/// The access key of the tests.
const KEY_ID: &str = "AKIAQ7ZT4M2XSPRT5K3D";
/// Its secret.
const SECRET: &str = "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";

/// A site as the documents describe one: `s3-cloudfront` as one service.
const SYSTEM: &str = "name: my-app
services:
  site:
    type: cdn
    provision:
      provider: aws
      resource: s3-cloudfront
      region: eu-west-1
      versioning: true
      price_class: All
      tags: { team: web }
";

struct Site {
    environment: TestEnvironment,
    aws: Running,
}

impl Site {
    /// The system, and keys in environment variables, as in CI.
    fn new(habits: Habits) -> Self {
        let mut site = Self::without_keys(habits);
        site.environment.set("AWS_ACCESS_KEY_ID", KEY_ID);
        site.environment.set("AWS_SECRET_ACCESS_KEY", SECRET);
        site
    }

    fn without_keys(habits: Habits) -> Self {
        let mut environment = TestEnvironment::warm();
        environment.write("starsystem.yaml", SYSTEM);
        let aws = Cloud::aws(Habits { key: Some(format!("{KEY_ID}:{SECRET}")), ..habits });
        let aws = aws.start().expect("a stand-in for AWS");
        environment.set("STARSYSTEM_ENDPOINT_AWS", &aws.url());
        Self { environment, aws }
    }

    fn provision(&self) -> Output {
        self.environment.run(&["provision"])
    }

    fn succeed(&self) -> Output {
        self.environment.succeed(&["provision"])
    }

    fn provision_with_fault(&self, fault: &str) -> Output {
        self.environment.run_with_fault(&["provision"], fault)
    }

    fn change(&self, from: &str, to: &str) {
        self.environment.replace("starsystem.yaml", from, to);
    }

    /// Requests that may have changed something, each with its query; forgets all so far.
    fn writes(&self) -> Vec<String> {
        let requests = self.aws.take_requests();
        let line = |request: &ss_clouds::Recorded| {
            let query: Vec<&str> = request.query.iter().map(|(name, _)| name.as_str()).collect();
            format!("{} {}", request.line(), query.join("&")).trim_end().to_owned()
        };
        requests.iter().filter(|request| is_unsafe(request)).map(line).collect()
    }

    /// Buckets, distributions, origin access controls.
    fn census(&self) -> (usize, usize, usize) {
        let account = self.aws.account();
        (account.buckets.len(), account.distributions.len(), account.access_controls.len())
    }

    fn assert_no_secret(&self, outputs: &[&Output]) {
        canary::assert_absent(&self.environment, SECRET, outputs, &[]);
    }
}

#[test]
fn a_site_from_the_first_run_to_a_change() {
    let site = Site::without_keys(Habits { pace: Pace::Requests(4), ..Habits::default() });
    site.environment.succeed(&["vault", "set-key", "aws", "access_key_id", KEY_ID]);
    site.environment.succeed(&["vault", "set", "AWS_SECRET_ACCESS_KEY", SECRET]);
    // A token that somebody left in the shell is not sent along with keys of the vault.
    let mut command = site.environment.command(&["provision"]);
    let created = command.env("AWS_SESSION_TOKEN", "left in the shell").output().expect("ss runs");
    let created = site.environment.finish(&created);
    assert_eq!(created.code, 0, "{}", created.raw);
    for line in ["Bucket created: my-app-local-site", "Distribution deployed:", "Bucket policy set"] {
        assert!(created.raw.contains(line), "{}", created.raw);
    }
    assert!(site.aws.requests().iter().all(|request| request.authorized), "every signature is right");
    assert!(site.aws.requests().iter().all(|request| request.header("x-amz-security-token").is_none()));
    spec::assert_agrees(&site.aws);
    site.aws.take_requests();
    let account = site.aws.account();
    assert_eq!(site.census(), (1, 1, 1));
    let domain = site.environment.succeed(&["vault", "get", "site.CLOUDFRONT_DOMAIN"]).raw;
    assert!(domain.trim_end().ends_with(".cloudfront.net"), "{domain}");
    let policy = &account.buckets[0].settings["policy"];
    assert!(policy.contains(&account.distributions[0].id), "the distribution alone reads: {policy}");

    let again = site.succeed();
    assert_eq!(site.writes(), [""; 0], "{}", again.raw);
    for (from, to, write) in [
        ("versioning: true", "versioning: false", "PUT / versioning"),
        ("team: web", "team: core", "PUT / tagging"),
    ] {
        site.change(from, to);
        site.succeed();
        assert_eq!(site.writes(), [write]);
    }
    site.change("price_class: All", "price_class: \"100\"");
    let plan = site.environment.run(&["provision", "--dry-run"]);
    assert!(plan.raw.contains("price_class"), "{}", plan.raw);
    let updated = site.succeed();
    let distribution = format!("/2020-05-31/distribution/{}", account.distributions[0].id);
    let expected = [format!("PUT {distribution}/config"), format!("POST {distribution}/invalidation")];
    let requests = site.aws.requests();
    assert_eq!(site.writes(), expected);
    assert!(requests.iter().all(|request| request.authorized));
    let account = site.aws.account();
    assert!(account.distributions[0].config.contains("PriceClass_100"));
    assert_eq!(account.distributions[0].invalidations, [["/*"]]);
    let status = site.environment.run(&["provision", "--status"]);
    assert_eq!(status.code, 0, "{}", status.raw);
    assert!(status.raw.contains("distribution deployed at"), "{}", status.raw);
    spec::assert_agrees(&site.aws);
    site.assert_no_secret(&[&created, &again, &updated, &status]);
}

#[test]
fn buckets_and_distributions_of_every_kind_agree_with_the_models() {
    let site = Site::new(immediate());
    site.environment.write(
        "starsystem.yaml",
        "name: my-app
services:
  files:
    type: storage
    provision:
      provider: aws
      type: s3
      encryption: { algorithm: aws:kms, kms_key_id: alias/files, bucket_key: true }
      policy:
        Version: \"2012-10-17\"
        Statement:
          - { Sid: Tls, Effect: Deny, Principal: \"*\", Action: \"s3:*\", Resource: \"arn:aws:s3:::my-app-local-files/*\",
              Condition: { Bool: { \"aws:SecureTransport\": \"false\" } } }
  www:
    type: storage
    target:
      type: aws
      resource: s3-bucket
      bucket: www.example.com
      website: { index: index.html, error: 404.html }
      public_read: true
  app:
    type: cdn
    provision:
      provider: aws
      resource: cloudfront
      origin: app.example.com
      aliases: [www.example.org]
      certificate: arn:aws:acm:us-east-1:111122223333:certificate/0a1b2c3d
      cache_policy: disabled
      allowed_methods: all
      error_page: /404.html
",
    );
    let created = site.succeed();
    assert_eq!(site.census(), (2, 1, 0), "{}", created.raw);
    assert!(site.aws.requests().iter().any(|request| request.path == "/www.example.com"), "by its path");
    spec::assert_agrees(&site.aws);
    assert!(site.aws.requests().iter().all(|request| request.authorized), "every signature is right");
    site.aws.take_requests();
    site.succeed();
    assert_eq!(site.writes(), [""; 0]);
    let website = site.environment.succeed(&["vault", "get", "www.S3_WEBSITE_URL"]).raw;
    assert_eq!(website.trim_end(), "http://www.example.com.s3-website-us-east-1.amazonaws.com");
}

#[test]
fn temporary_credentials_are_signed_and_never_kept() {
    let token = "FwoGZXIvYXdzEXAMPLE//////////wEaDtesttoken0123456789";
    let mut site = Site::new(immediate());
    site.environment.set("AWS_SESSION_TOKEN", token);
    let created = site.succeed();
    let requests = site.aws.requests();
    assert!(requests.iter().all(|request| request.authorized), "the token is part of what is signed");
    assert!(requests.iter().all(|request| request.header("x-amz-security-token") == Some(token)));
    site.assert_no_secret(&[&created]);
    canary::assert_absent(&site.environment, token, &[&created], &[]);
}

#[test]
fn a_run_killed_at_any_step_is_finished_by_the_next() {
    let cases = at_every_step("aws, killed", |point| {
        let site = Site::new(immediate());
        let mut outputs = vec![site.provision_with_fault(&format!("abort@{point}"))];
        if !met_its_fault(&outputs[0]) {
            return None;
        }
        let census = site.census();
        outputs.push(site.succeed());
        assert_eq!(site.census(), (1, 1, 1), "buckets, distributions, origin access controls");
        site.aws.take_requests();
        outputs.push(site.succeed());
        assert_eq!(site.writes(), [""; 0], "a further run changed something");
        let account = site.aws.account();
        assert!(account.buckets[0].settings["policy"].contains(&account.distributions[0].id));
        let id = site.environment.succeed(&["vault", "get", "site.CLOUDFRONT_DISTRIBUTION_ID"]).raw;
        assert_eq!(id.trim_end(), account.distributions[0].id);
        site.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
        Some(Case { point, census, runs: 1 })
    });
    let mut seen: Vec<_> = cases.iter().map(|case| case.census).collect();
    seen.dedup();
    assert_eq!(seen, [(0, 0, 0), (1, 0, 0), (1, 0, 1), (1, 1, 1)]);
}

#[test]
fn a_change_killed_at_any_step_is_made_once() {
    at_every_step("aws, killed in a change", |point| {
        let site = Site::new(immediate());
        site.succeed();
        site.change("price_class: All", "price_class: \"200\"");
        if !met_its_fault(&site.provision_with_fault(&format!("abort@{point}"))) {
            return None;
        }
        let census = site.census();
        site.succeed();
        let account = site.aws.account();
        assert!(account.distributions[0].config.contains("PriceClass_200"));
        assert_eq!((account.distributions[0].versions, account.distributions[0].invalidations.len()), (2, 1));
        Some(Case { point, census, runs: 1 })
    });
}

#[test]
fn rate_limits_and_an_outage_are_waited_for() {
    let limit = RateLimit { after: 5, refuses: 1, retry_after: 1 };
    let site = Site::new(Habits { rate_limit: Some(limit), ..immediate() });
    site.aws.inject(Fault::of(Trouble::refused(503)).on("PUT", "").times(3));
    site.aws.inject(Fault::of(Trouble::Lost { status: None }).on("POST", "distribution"));
    site.aws.inject(Fault::of(Trouble::Lost { status: Some(502) }).on("POST", "origin-access-control"));
    let begun = Instant::now();
    let output = site.succeed();
    let requests = site.aws.requests();
    let refused = requests.iter().filter(|request| request.trouble.is_some()).count();
    eprintln!(
        "aws, rate limit and outage: {} requests, {refused} met trouble, {:.1} s",
        requests.len(),
        begun.elapsed().as_secs_f64()
    );
    assert_eq!(site.census(), (1, 1, 1), "{}", output.raw);
    assert!(refused >= 6 && requests.len() < 60, "{refused} of {}", requests.len());
}

#[test]
fn what_is_shown_late_is_not_made_twice() {
    let site = Site::new(Habits { unseen_for: 3, ..immediate() });
    site.succeed();
    assert_eq!(site.census(), (1, 1, 1));
}

#[test]
fn a_wrong_clock_and_wrong_keys_are_explained() {
    let late = Site::new(Habits { clock_ahead: Duration::from_secs(3600), ..immediate() });
    let output = late.provision();
    assert_eq!(output.code, 1, "{}", output.raw);
    for part in ["clock of this machine is wrong", "at AWS it is", "set the clock"] {
        assert!(output.raw.contains(part), "{}", output.raw);
    }
    let mut wrong = Site::new(immediate());
    wrong.environment.set("AWS_SECRET_ACCESS_KEY", "not-the-secret-of-this-key");
    let output = wrong.provision();
    assert!(
        output.raw.contains("SignatureDoesNotMatch") && output.raw.contains("belong together"),
        "{}",
        output.raw
    );
    assert_eq!((wrong.census(), wrong.writes()), ((0, 0, 0), vec![]));
    let none = Site::without_keys(immediate());
    let output = none.provision();
    assert!(output.raw.contains("AWS_ACCESS_KEY_ID"), "{}", output.raw);
    let mut half = Site::without_keys(immediate());
    half.environment.set("AWS_ACCESS_KEY_ID", KEY_ID);
    let output = half.provision();
    assert!(output.raw.contains("ss vault set AWS_SECRET_ACCESS_KEY"), "{}", output.raw);
}

#[test]
fn a_taken_name_and_a_wrong_option_are_explained() {
    let habits = Habits { taken_names: vec!["my-app-local-site".to_owned()], ..immediate() };
    let taken = Site::new(habits).provision();
    assert_eq!(taken.code, 1, "{}", taken.raw);
    assert!(taken.raw.contains("names are unique across all of AWS"), "{}", taken.raw);
    let site = Site::new(immediate());
    site.change("      resource: s3-cloudfront\n", "");
    let silent = site.environment.run(&["validate"]);
    assert_eq!(silent.code, 1, "{}", silent.raw);
    assert!(silent.raw.contains("lacks one of the options `resource`, `type`"), "{}", silent.raw);
    site.change("      region: eu-west-1\n", "      resource: s3-cloudfrnt\n      region: eu-west-1\n");
    let misspelt = site.environment.run(&["validate"]);
    assert!(
        misspelt.raw.contains("is not one of") && misspelt.raw.contains("`cloudfront`"),
        "{}",
        misspelt.raw
    );
}

#[test]
fn the_catalog_shows_every_key_and_what_may_be_done() {
    let environment = TestEnvironment::warm();
    let shown = environment.succeed(&["catalog", "aws"]).raw;
    for part in [
        "access_key_id",
        "AWS_ACCESS_KEY_ID",
        "secret_access_key",
        "AWS_SECRET_ACCESS_KEY",
        "session_token",
        "AWS_SESSION_TOKEN",
        "s3-cloudfront",
        "*.s3.*.amazonaws.com",
        "sign with vault key",
        "see in clear",
    ] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
}
