//! Systems on all nine providers at once: how long they take, what limits and outages do to them, and what
//! is left when a run is killed.
//!
//! With `SS_EXHAUSTIVE=1` a run is killed at every durable step, which takes some minutes; without it at every
//! [`STRIDE`]th.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use serde_json::Value;
use ss_clouds::{Cloud, Fault, Habits, Pace, Provider, Running, Trouble, spec};

use crate::crash::{met_its_fault, sampled, steps_of};
use crate::environment::processes_below;
use crate::rehearsal::immediate;
use crate::{Output, TestEnvironment, backends, canary, edge};

/// How many durable steps lie between two kills.
const STRIDE: u64 = 53;
/// Services of [`SET`].
const KINDS: usize = 13;
/// How many services `ss provision` works on at once.
const AT_ONCE: u64 = 8;

/// One service of every kind; `#` is the number of the set.
const SET: &str = r##"
  db-#:
    type: database
    provision: { provider: neon, region: us-east-2, project_name: my-db-# }
  api-#:
    type: external
    inject_from: { db-#: [DATABASE_URL] }
    provision: { provider: fly, app: my-api-#, region: iad, image: "ghcr.io/me/api:latest", port: 3000, health_check_path: /health }
  backend-#:
    type: database
    provision: { provider: supabase, region: us-east-1, project_name: my-backend-# }
  cache-#:
    type: database
    provision: { provider: railway, database: redis, project_name: my-cache-# }
  worker-#:
    type: external
    inject_from: { cache-#: [DATABASE_PRIVATE_URL] }
    provision: { provider: railway, project_id: "{{ vault('cache-#.RAILWAY_PROJECT_ID') }}", image: "ghcr.io/me/worker:latest", port: 8080 }
  records-#:
    type: cdn
    depends_on: [api-#]
    _cloudflare: { resource: dns-zone, domain: myapp.com, records: [{ type: CNAME, name: api-#, content: my-api-#.fly.dev }] }
  site-#:
    type: cdn
    depends_on: [api-#]
    provision: { provider: cloudflare, resource: pages, name: my-site-# }
  files-#:
    type: storage
    provision: { provider: cloudflare, resource: r2, name: my-files-# }
  values-#:
    type: storage
    provision: { provider: cloudflare, resource: kv, name: my-values-# }
  rows-#:
    type: database
    provision: { provider: cloudflare, resource: d1, name: my-rows-# }
  web-#:
    type: cdn
    provision: { provider: aws, resource: s3-cloudfront, region: eu-west-1 }
  domain-#:
    type: dns
    provision: { provider: porkbun, domain: myapp.com, records: [{ type: A, name: web-#, content: 192.0.2.1 }] }
  job-#:
    type: process
    command: sleep 300
    depends_on: [site-#]
"##;

/// The ninth provider, of which a project has one.
const STACK: &str = "
  stack:
    type: database
    mode: local
    provision: { provider: supabase }
";

/// The variables that hold the keys, and what the stand-ins accept.
pub const KEYS: [(&str, &str); 9] = [
    ("NEON_API_KEY", "napi_6f1c09a27be84d53"),
    ("FLY_API_TOKEN", "fo1_t5Rz8Kp2Wm9Lx4Vq"),
    ("RAILWAY_API_TOKEN", "81d0e7c2-5b64-4f39-a1f7-2c9b03de5a68"),
    ("SUPABASE_ACCESS_TOKEN", "sbp_a94e07c2d85b4f61"),
    ("CLOUDFLARE_API_TOKEN", "cf_h3Jd9Qn7Xs5Bv1Mk"),
    ("PORKBUN_API_KEY", "pk1_c6b21d8f09e74a35"),
    ("PORKBUN_SECRET_KEY", ss_clouds::porkbun::SECRET_KEY),
    ("AWS_ACCESS_KEY_ID", "AKIAW3NQ8L5XTRZ6P2YD"),
    ("AWS_SECRET_ACCESS_KEY", "p7/Vn4+cHt9KmX2rLq8ZsW6yBd1GfJ5uEa3oQiTz"),
];

/// The clouds, in the order of their keys.
const CLOUDS: [Provider; 7] = [
    Provider::Neon,
    Provider::Fly,
    Provider::Railway,
    Provider::Supabase,
    Provider::Cloudflare,
    Provider::Porkbun,
    Provider::Aws,
];

/// A fresh project, seven fresh clouds, and a program that stands in for the Supabase CLI.
pub struct Nine {
    pub environment: TestEnvironment,
    pub clouds: Vec<Running>,
    copies: usize,
}

impl Nine {
    pub fn new(copies: usize, habits: &Habits) -> Self {
        let mut environment = TestEnvironment::warm();
        let sets: String = (1..=copies).map(|number| SET.replace('#', &number.to_string())).collect();
        environment.write("starsystem.yaml", &format!("name: my-app\nservices:{sets}{STACK}"));
        let programs = environment.root().join("bin");
        let program = programs.join("supabase");
        std::fs::create_dir(&programs).expect("a folder");
        std::fs::write(&program, backends::STUB).expect("a stub");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).expect("a mode");
        let path = std::env::var("PATH").expect("a PATH");
        environment.set("PATH", &format!("{}:{path}", programs.display()));
        let key = |name: &str| KEYS.iter().find(|(known, _)| *known == name).expect("a key").1;
        for (name, value) in KEYS {
            environment.set(name, value);
        }
        let start = |provider: Provider| {
            let key = match provider {
                Provider::Neon => key("NEON_API_KEY").to_owned(),
                Provider::Fly => key("FLY_API_TOKEN").to_owned(),
                Provider::Railway => key("RAILWAY_API_TOKEN").to_owned(),
                Provider::Supabase => key("SUPABASE_ACCESS_TOKEN").to_owned(),
                Provider::Cloudflare => key("CLOUDFLARE_API_TOKEN").to_owned(),
                Provider::Porkbun => key("PORKBUN_API_KEY").to_owned(),
                Provider::Aws => format!("{}:{}", key("AWS_ACCESS_KEY_ID"), key("AWS_SECRET_ACCESS_KEY")),
            };
            Cloud::of(provider, Habits { key: Some(key), ..habits.clone() }).start().expect("a stand-in")
        };
        let clouds: Vec<Running> = CLOUDS.into_iter().map(start).collect();
        for cloud in &clouds {
            let variable = format!("STARSYSTEM_ENDPOINT_{}", cloud.provider().name().to_uppercase());
            environment.set(&variable, &cloud.url());
        }
        Self { environment, clouds, copies }
    }

    fn cloud(&self, provider: Provider) -> &Running {
        self.clouds.iter().find(|cloud| cloud.provider() == provider).expect("it runs")
    }

    pub fn succeed(&self, arguments: &[&str]) -> Output {
        self.environment.succeed(arguments)
    }

    /// Adds services.
    pub fn add(&self, services: &str) {
        self.environment.write("starsystem.yaml", &(self.environment.read("starsystem.yaml") + services));
    }

    /// Runs a command until it succeeds, at most twice: a run that finds that nobody can know yet what became of a
    /// request says so, and the next one knows.
    fn insist(&self, arguments: &[&str]) -> Vec<Output> {
        let first = self.environment.run(arguments);
        let second = (first.code != 0).then(|| self.succeed(arguments));
        [first].into_iter().chain(second).collect()
    }

    /// How many there are of everything.
    fn census(&self) -> BTreeMap<&'static str, usize> {
        let list = |value: &Value| value.as_array().map_or(0, Vec::len);
        let (cloudflare, porkbun) =
            (self.cloud(Provider::Cloudflare).inventory(), self.cloud(Provider::Porkbun).inventory());
        let railway = self.cloud(Provider::Railway).railway_projects();
        let aws = self.cloud(Provider::Aws).account();
        BTreeMap::from([
            ("neon projects", self.cloud(Provider::Neon).projects().len()),
            ("fly apps", self.cloud(Provider::Fly).apps().len()),
            ("fly machines", self.cloud(Provider::Fly).machines().len()),
            ("railway projects", railway.len()),
            ("railway services", railway.iter().map(|project| project.services.len()).sum()),
            ("supabase projects", self.cloud(Provider::Supabase).supabase_projects().len()),
            ("cloudflare records", list(&cloudflare["records"])),
            ("cloudflare projects", list(&cloudflare["projects"])),
            ("cloudflare buckets", list(&cloudflare["buckets"])),
            ("cloudflare namespaces", list(&cloudflare["namespaces"])),
            ("cloudflare databases", list(&cloudflare["databases"])),
            ("porkbun records", list(&porkbun["domains"][0]["records"])),
            ("aws buckets", aws.buckets.len()),
            ("aws distributions", aws.distributions.len()),
            ("aws access controls", aws.access_controls.len()),
            ("processes", processes_below(&self.environment.project()).len()),
            ("stacks", usize::from(self.environment.root().join("bin/running").exists())),
        ])
    }

    /// Insists that there is exactly what the file says.
    fn assert_whole(&self, context: &[Output]) {
        for (kind, count) in self.census() {
            let expected = match kind {
                "stacks" => 1,
                "railway services" => 2 * self.copies,
                _ => self.copies,
            };
            let shown: String = context.iter().map(|output| output.raw.as_str()).collect();
            assert_eq!(count, expected, "{kind}\n{shown}");
        }
    }

    fn assert_gone(&self) {
        let left: Vec<_> = self.census().into_iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(left, []);
    }

    /// What was sent since the last time that may have changed something; forgets all requests.
    fn writes(&self) -> Vec<String> {
        let requests = self.clouds.iter().flat_map(Running::take_requests);
        requests
            .filter(|request| request.is_unsafe() && edge::may_change(request))
            .map(|request| format!("{} {}", request.host, request.line()))
            .collect()
    }

    fn assert_valid(&self) {
        self.clouds.iter().for_each(spec::assert_agrees);
    }

    fn assert_no_secret(&self, outputs: &[&Output]) {
        let made = self.clouds.iter().flat_map(Running::secrets);
        for secret in KEYS.iter().map(|(_, value)| (*value).to_owned()).chain(made) {
            // Who has which access key is no secret.
            if !secret.starts_with("AKIA") {
                canary::assert_absent(&self.environment, &secret, outputs, &[]);
            }
        }
    }
}

/// What a run did with its time, in milliseconds: itself, its longest chain of services, all its services.
fn times(receipt: &Value) -> (u64, u64, u64) {
    let services = receipt["services"].as_array().expect("services");
    let took = |service: &Value| service["duration_ms"].as_u64().unwrap_or_default();
    // Services stand in the order of the file, and each set needs only what stands above.
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for service in services {
        let needs = service["needs"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let start = needs.filter_map(|need| ends.get(need)).max().copied().unwrap_or_default();
        ends.insert(service["service"].as_str().expect("an id"), start + took(service));
    }
    let time =
        |name: &str| receipt[name].as_str().expect("a time").parse::<jiff::Timestamp>().expect("a time");
    let run = time("ended").duration_since(time("started")).as_millis();
    let all = services.iter().map(took).sum();
    (u64::try_from(run).expect("forwards"), ends.into_values().max().unwrap_or_default(), all)
}

/// Makes all forty services, so many at once, and insists that the run took no longer than it had to.
fn make_forty(nine: &Nine, at_once: u64) -> Output {
    let begun = Instant::now();
    let run = nine.succeed(&["provision", &format!("--parallelism={at_once}")]);
    let wall = begun.elapsed().as_secs_f64();
    assert!(run.raw.contains("40 created"), "{}", run.raw);
    nine.assert_whole(std::slice::from_ref(&run));
    let receipt: Value = serde_json::from_str(&nine.succeed(&["inspect", "--json"]).stdout).expect("JSON");
    let (took, chain, all) = times(&receipt);
    eprintln!(
        "forty services, {at_once} at once: {wall:.2} s with planning, {took} ms applying; longest chain {chain} ms, all services {all} ms"
    );
    // Nobody waits while there is room (Graham's bound for list scheduling), and a little for the commit.
    assert!(took <= chain + all / at_once + 1000, "{took} {chain} {all}");
    assert!(took * 2 < all, "little ran at the same time: {took} of {all}");
    run
}

fn destroy_forty(nine: &Nine) -> Output {
    let begun = Instant::now();
    let destroyed = nine.succeed(&["destroy", "--yes"]);
    eprintln!("forty services destroyed: {:.2} s", begun.elapsed().as_secs_f64());
    nine.assert_gone();
    destroyed
}

#[test]
fn forty_services_on_nine_providers_from_nothing_to_nothing_and_again() {
    let slow = Duration::from_millis(250);
    let nine = Nine::new(
        3,
        &Habits { pace: Pace::Time(slow), latency: Duration::from_millis(10), ..Habits::default() },
    );
    assert_eq!(nine.copies * KINDS + 1, 40);
    nine.succeed(&["validate"]);
    let run = make_forty(&nine, AT_ONCE);
    let status = nine.succeed(&["provision", "--status"]);
    assert_eq!(status.stdout.matches('✓').count(), 40, "{}", status.raw);
    nine.assert_valid();
    nine.writes();
    let again = nine.succeed(&["provision"]);
    assert!(again.raw.contains("40 verified"), "{}", again.raw);
    assert_eq!(nine.writes(), [""; 0]);
    let drift = nine.succeed(&["drift"]);
    assert_eq!(nine.writes(), [""; 0], "{}", drift.raw);
    let destroyed = destroy_forty(&nine);
    make_forty(&nine, 40);
    destroy_forty(&nine);
    nine.assert_valid();
    nine.assert_no_secret(&[&run, &status, &again, &drift, &destroyed]);
}

#[test]
fn limits_and_outages_everywhere_slow_a_run_say_so_and_nothing_else() {
    let calm = Nine::new(1, &immediate());
    calm.succeed(&["provision"]);
    let nine = Nine::new(1, &immediate());
    let busy = Trouble::Refused { status: 429, retry_after: Some("1".to_owned()) };
    for cloud in &nine.clouds {
        cloud.inject(Fault::of(busy.clone()).after(1).times(2));
        cloud.inject(Fault::of(Trouble::refused(503)).after(2).times(2));
    }
    let begun = Instant::now();
    let runs = nine.insist(&["provision"]);
    let took = begun.elapsed();
    nine.assert_whole(&runs);
    for (cloud, before) in nine.clouds.iter().zip(&calm.clouds) {
        let (requests, unhurried) = (cloud.requests(), before.requests().len());
        let met = |status| requests.iter().filter(|request| request.status == Some(status)).count();
        let (limited, down) = (met(429), met(503));
        eprintln!(
            "{}, limits and an outage: {} requests instead of {unhurried}, {limited} answered 429, {down} answered 503",
            cloud.provider(),
            requests.len()
        );
        assert!(limited == 2 && down == 2, "{}: {limited} {down}", cloud.provider());
        assert!(requests.len() <= unhurried + 3 * (limited + down) + 6, "{} hammers", cloud.provider());
    }
    assert!(took >= Duration::from_secs(2), "it did not slow down");
    for part in ["rate limited by", "answered 503"] {
        assert!(runs.iter().any(|run| run.raw.contains(part)), "`{part}` is missing in:\n{runs:#?}");
    }
    nine.assert_valid();
    nine.writes();
    nine.clouds.iter().for_each(Running::calm);
    nine.succeed(&["provision"]);
    assert_eq!(nine.writes(), [""; 0]);
    nine.assert_no_secret(&runs.iter().collect::<Vec<_>>());
}

#[test]
fn a_run_on_nine_providers_killed_at_any_step_leaves_one_of_each() {
    steps_of("killed on nine providers", |case| {
        let nine = Nine::new(1, &immediate());
        let killed =
            nine.environment.run_with_fault(&["provision"], &format!("abort@{}", sampled(case, STRIDE)));
        if !met_its_fault(&killed) {
            return false;
        }
        let mut outputs = vec![killed];
        outputs.extend(nine.insist(&["provision"]));
        nine.assert_whole(&outputs);
        nine.writes();
        nine.succeed(&["provision"]);
        assert_eq!(nine.writes(), [""; 0], "a further run changed something");
        nine.assert_no_secret(&outputs.iter().collect::<Vec<_>>());
        true
    });
}

#[test]
fn a_destroy_on_nine_providers_killed_at_any_step_is_finished_by_the_next() {
    steps_of("killed in a destroy on nine providers", |case| {
        let nine = Nine::new(1, &immediate());
        nine.succeed(&["provision"]);
        let killed = nine
            .environment
            .run_with_fault(&["destroy", "--yes"], &format!("abort@{}", sampled(case, STRIDE)));
        if !met_its_fault(&killed) {
            return false;
        }
        nine.insist(&["destroy", "--yes"]);
        nine.assert_gone();
        true
    });
}
