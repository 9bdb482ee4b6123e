//! Cloudflare and Porkbun as the documents describe them, against stand-ins: keys and values from the vault, a run,
//! a run again, a change, trouble, and a kill at every durable step.

use serde_json::Value;
use ss_clouds::cloudflare::{ZONE, ZONE_NAME};
use ss_clouds::porkbun::{OWNED, SECRET_KEY};
use ss_clouds::{Cloud, Fault, Habits, Recorded, Running, Trouble, spec};

use crate::agents::Agent;
use crate::crash::{met_its_fault, steps_of};
use crate::rehearsal::immediate;
use crate::{Output, TestEnvironment, canary};

const TOKEN: &str = "cf_Zq8v1LmN4rT7yWc2";
const PORKBUN_KEY: &str = "pk1_5a0c7e91b3d84f26";

/// The documented services, as they stand, but for a hostname that a customer brings.
pub const DOCUMENTED: &str = r#"name: my-app
services:
  cloudflare-for-saas:
    type: cdn
    name: Cloudflare for SaaS
    _cloudflare:
      resource: custom-hostnames
      zone: "{{ vault('secrets.CF_ZONE_ID') }}"
      fallback_origin: "{{ vault('secrets.CF_PAGES_FALLBACK') }}"
  cloudflare-dns:
    type: cdn
    _cloudflare:
      resource: dns-zone
      zone: "{{ vault('secrets.CF_ZONE_ID') }}"
      domain: "{{ vault('secrets.CF_DOMAIN') }}"
      records:
        - type: CNAME
          name: "@"
          content: "{{ vault('secrets.CF_PAGES_FALLBACK') }}"
          proxied: true
"#;

/// One service of every other kind.
const EVERYTHING: &str = r#"name: my-app
services:
  saas:
    type: cdn
    _cloudflare:
      resource: custom-hostnames
      zone: myapp.com
      hostnames: [shop.customer.com]
  records:
    type: cdn
    _cloudflare:
      resource: dns-zone
      domain: myapp.com
      records:
        - { type: A, name: api, content: 192.0.2.1, ttl: 300 }
        - { type: MX, name: "@", content: mx.myapp.com, priority: 10 }
        - { type: CAA, name: "@", data: { flags: 0, tag: issue, value: letsencrypt.org } }
  site:
    type: cdn
    provision:
      provider: cloudflare
      resource: pages
      name: my-site
      build_command: make
      domains: [www.myapp.com]
      env: { MODE: live }
  files:
    type: storage
    provision: { provider: cloudflare, type: r2, name: my-files, location: weur, public: true }
  cache:
    type: storage
    provision: { provider: cloudflare, resource: kv, name: my-cache }
  rows:
    type: database
    provision: { provider: cloudflare, resource: d1, name: my-rows, read_replication: auto }
"#;

const DOMAIN: &str = r#"name: my-app
services:
  domain:
    type: dns
    provision:
      provider: porkbun
      domain: myapp.com
      auto_renew: false
      records:
        - { type: A, name: "@", content: 192.0.2.1 }
        - { type: CNAME, name: www, content: myapp.com }
        - { type: TXT, name: "@", content: "v=spf1 -all", ttl: 600 }
"#;

/// A project and the two clouds.
struct Edge {
    environment: TestEnvironment,
    cloudflare: Running,
    porkbun: Running,
}

impl Edge {
    /// With the keys and values stored by the documented commands.
    fn new(system: &str, habits: Habits) -> Self {
        let edge = Self::without_keys(system, habits);
        for words in [
            ["set-key", "cloudflare", "api_key", TOKEN].as_slice(),
            &["set", "secrets", "CF_ZONE_ID", ZONE],
            &["set", "secrets", "CF_DOMAIN", ZONE_NAME],
            &["set", "secrets", "CF_PAGES_FALLBACK", "my-app.pages.dev"],
            &["set-key", "porkbun", "api_key", PORKBUN_KEY],
            &["set", "PORKBUN_SECRET_KEY", SECRET_KEY],
        ] {
            edge.environment.succeed(&[&["vault"], words].concat());
        }
        edge
    }

    /// With the keys in variables, as in CI.
    fn with_variables(system: &str, habits: Habits) -> Self {
        let mut edge = Self::without_keys(system, habits);
        edge.environment.set("CLOUDFLARE_API_TOKEN", TOKEN);
        edge.environment.set("PORKBUN_API_KEY", PORKBUN_KEY);
        edge.environment.set("PORKBUN_SECRET_KEY", SECRET_KEY);
        edge
    }

    fn without_keys(system: &str, habits: Habits) -> Self {
        let mut environment = TestEnvironment::warm();
        environment.write("starsystem.yaml", system);
        let with = |key: &str| Habits { key: Some(key.to_owned()), ..habits.clone() };
        let cloudflare = Cloud::cloudflare(with(TOKEN)).start().expect("a stand-in for Cloudflare");
        let porkbun = Cloud::porkbun(with(PORKBUN_KEY)).start().expect("a stand-in for Porkbun");
        environment.set("STARSYSTEM_ENDPOINT_CLOUDFLARE", &cloudflare.url());
        environment.set("STARSYSTEM_ENDPOINT_PORKBUN", &porkbun.url());
        Self { environment, cloudflare, porkbun }
    }

    fn provision(&self, arguments: &[&str]) -> Output {
        self.environment.run(&[&["provision"], arguments].concat())
    }

    fn succeed(&self) -> Output {
        self.environment.succeed(&["provision"])
    }

    fn change(&self, from: &str, to: &str) {
        self.environment.replace("starsystem.yaml", from, to);
    }

    fn things(&self, kind: &str) -> Vec<Value> {
        self.cloudflare.inventory()[kind].as_array().cloned().unwrap_or_default()
    }

    /// The domain at Porkbun and its records as `TYPE name content`.
    fn domain(&self) -> (Value, Vec<String>) {
        let domain = self.porkbun.inventory()["domains"][0].clone();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let records = domain["records"].as_array().into_iter().flatten();
        let mut records: Vec<String> = records
            .map(|record| {
                format!("{} {} {}", text(&record["type"]), text(&record["name"]), text(&record["content"]))
            })
            .collect();
        records.sort();
        (domain, records)
    }

    fn forget_requests(&self) {
        self.cloudflare.take_requests();
        self.porkbun.take_requests();
    }

    /// What may have changed something, without the identifiers.
    fn writes(&self) -> Vec<String> {
        let requests = self.cloudflare.requests().into_iter().chain(self.porkbun.requests());
        requests.filter(may_change).map(|request| request.line()).collect()
    }

    fn assert_valid(&self) {
        spec::assert_agrees(&self.cloudflare);
        spec::assert_agrees(&self.porkbun);
    }

    fn assert_no_secret(&self, outputs: &[&Output]) {
        for secret in [TOKEN, PORKBUN_KEY, SECRET_KEY] {
            canary::assert_absent(&self.environment, secret, outputs, &[]);
        }
    }
}

/// Porkbun reads by `POST` too.
pub fn may_change(request: &Recorded) -> bool {
    let reads = ["/domain/listAll", "/domain/checkDomain/", "/domain/getNs/", "/dns/retrieve/"];
    request.method != "GET" && !reads.iter().any(|path| request.path.contains(path))
}

fn lines(output: &Output, parts: &[&str]) {
    for part in parts {
        assert!(output.raw.contains(part), "`{part}` is missing in:\n{}", output.raw);
    }
}

#[test]
fn the_documented_services_run_and_run_again() {
    let edge = Edge::new(DOCUMENTED, Habits::default());
    edge.environment.succeed(&["validate"]);
    let run = edge.succeed();
    lines(
        &run,
        &[
            "+ cloudflare-for-saas (cloudflare)",
            "+ cloudflare-dns (cloudflare)",
            "✓ Fallback origin set: my-app.pages.dev",
            "✓ DNS record created: CNAME myapp.com",
        ],
    );
    let record = &edge.things("records")[0];
    assert_eq!((&record["content"], &record["proxied"]), (&"my-app.pages.dev".into(), &true.into()));
    assert_eq!(edge.things("fallback")[0]["origin"], "my-app.pages.dev");
    let status = edge.environment.succeed(&["provision", "--status"]);
    lines(
        &status,
        &["✓ cloudflare-for-saas cloudflare", "✓ cloudflare-dns cloudflare 1 DNS record in myapp.com"],
    );
    edge.assert_valid();
    edge.forget_requests();
    let again = edge.succeed();
    lines(&again, &["~ cloudflare-for-saas (cloudflare)", "2 verified"]);
    assert_eq!(edge.writes(), [""; 0]);

    // A value of the vault changes, and only what it stands in is written.
    edge.environment.succeed(&["vault", "set", "secrets", "CF_PAGES_FALLBACK", "new.pages.dev"]);
    edge.forget_requests();
    let changed = edge.succeed();
    lines(
        &changed,
        &[
            "CNAME myapp.com: my-app.pages.dev → new.pages.dev",
            "fallback_origin: my-app.pages.dev → new.pages.dev",
        ],
    );
    let mut writes = edge.writes();
    writes.sort();
    let id = edge.things("records")[0]["id"].as_str().unwrap_or_default().to_owned();
    assert_eq!(
        writes,
        [
            format!("PATCH /client/v4/zones/{ZONE}/dns_records/{id}"),
            format!("PUT /client/v4/zones/{ZONE}/custom_hostnames/fallback_origin"),
        ]
    );
    edge.assert_valid();
    edge.assert_no_secret(&[&run, &status, &again, &changed]);
}

#[test]
fn a_pending_hostname_is_reported_and_gets_active() {
    let edge = Edge::new(EVERYTHING, Habits::default());
    let run = edge.succeed();
    lines(
        &run,
        &[
            "custom hostname shop.customer.com: status: pending; certificate: pending validation; TXT _acme-challenge.shop.customer.com = ",
        ],
    );
    let status = edge.provision(&["--status"]);
    assert_eq!(status.code, 1, "{}", status.raw);
    lines(
        &status,
        &[
            "✗ saas cloudflare custom hostname status: pending",
            "✗ site cloudflare",
            "✓ files cloudflare R2 bucket my-files",
        ],
    );
    edge.cloudflare.activate("shop.customer.com");
    edge.cloudflare.activate("www.myapp.com");
    let status = edge.environment.succeed(&["provision", "--status"]);
    lines(
        &status,
        &["✓ saas cloudflare active (shop.customer.com)", "✓ site cloudflare Pages project my-site"],
    );
    edge.assert_valid();
}

#[test]
fn every_kind_is_made_once_offers_what_it_is_and_changes_in_place() {
    // Two things a page, so that lists have pages.
    let edge = Edge::new(EVERYTHING, Habits { page: 2, ..immediate() });
    let run = edge.succeed();
    let count = |kind: &str| edge.things(kind).len();
    let kinds = ["hostnames", "records", "projects", "buckets", "namespaces", "databases"];
    assert_eq!(kinds.map(count), [1, 3, 1, 1, 1, 1]);
    let get = |name: &str| edge.environment.succeed(&["vault", "get", name]).raw.trim_end().to_owned();
    let account = ss_clouds::cloudflare::ACCOUNT;
    assert_eq!(get("files.R2_ENDPOINT"), format!("https://{account}.r2.cloudflarestorage.com"));
    assert_eq!(get("files.R2_BUCKET"), "my-files");
    assert!(get("files.R2_PUBLIC_URL").ends_with(".r2.dev"));
    assert_eq!(get("cache.KV_NAMESPACE_ID"), edge.things("namespaces")[0]["id"]);
    assert_eq!(get("rows.D1_DATABASE_ID"), edge.things("databases")[0]["uuid"]);
    assert_eq!(get("site.PAGES_URL"), "https://my-site.pages.dev");
    assert_eq!(edge.things("databases")[0]["read_replication"]["mode"], "auto");
    edge.assert_valid();
    edge.forget_requests();
    let again = edge.succeed();
    assert_eq!(edge.writes(), [""; 0]);

    edge.change("192.0.2.1, ttl: 300", "192.0.2.2, ttl: 600");
    edge.change("build_command: make", "build_command: make all");
    edge.change("public: true", "public: false");
    edge.change("name: my-cache", "name: my-new-cache");
    edge.change("read_replication: auto", "read_replication: disabled");
    edge.forget_requests();
    let changed = edge.succeed();
    assert_eq!(kinds.map(count), [1, 3, 1, 1, 1, 1]);
    let writes = edge.writes();
    assert_eq!(writes.len(), 5, "{writes:#?}");
    assert!(writes.iter().all(|line| line.starts_with("PATCH") || line.starts_with("PUT")), "{writes:#?}");
    edge.forget_requests();
    edge.succeed();
    assert_eq!(edge.writes(), [""; 0]);
    edge.assert_valid();
    edge.assert_no_secret(&[&run, &again, &changed]);
}

#[test]
fn wrong_options_are_underlined() {
    let edge = Edge::new(EVERYTHING, immediate());
    for (from, to, part) in [
        ("resource: kv", "resource: kvs", "is not one of `custom-hostnames`"),
        ("resource: kv, ", "", "lacks the option `resource`"),
        ("resource: kv", "resource: kv, zone: x", "does not go with the other options"),
        ("type: A, name: api", "type: AX, name: api", "is not one of `A`"),
        ("content: 192.0.2.1, ", "", "lacks the option `content`"),
        ("location: weur", "location: mars", "is not one of `apac`"),
    ] {
        edge.environment.write("starsystem.yaml", EVERYTHING);
        edge.change(from, to);
        let output = edge.environment.run(&["validate"]);
        assert_eq!(output.code, 1, "{part}: {}", output.raw);
        // The report breaks long lines between words.
        let framed = |word: &&str| !word.chars().all(|mark| "│╭╰─├×·".contains(mark));
        let text = output.raw.split_whitespace().filter(framed).collect::<Vec<_>>().join(" ");
        assert!(text.contains(part), "`{part}` is missing in:\n{}", output.raw);
        lines(&output, &["starsystem.yaml:"]);
    }
    assert!(edge.cloudflare.requests().is_empty());
}

#[test]
fn both_providers_wait_out_limits_and_outages() {
    let busy = Trouble::Refused { status: 429, retry_after: Some("1".to_owned()) };
    let edge = Edge::new(DOCUMENTED, immediate());
    edge.cloudflare.inject(Fault::of(busy.clone()).times(2));
    edge.cloudflare.inject(Fault::of(Trouble::refused(503)).after(1).times(2));
    edge.cloudflare.inject(Fault::of(Trouble::refused(503)).on("POST", "dns_records").times(2));
    edge.cloudflare.inject(Fault::of(busy.clone()).on("PUT", "fallback_origin"));
    let run = edge.succeed();
    assert_eq!((edge.things("records").len(), edge.things("fallback").len()), (1, 1));
    lines(&run, &["HTTP 503", "looking whether it was done"]);
    assert!(edge.cloudflare.requests().iter().filter(|request| request.trouble.is_some()).count() >= 5);
    edge.assert_valid();

    let edge = Edge::new(DOMAIN, immediate());
    edge.porkbun.inject(Fault::of(busy).times(2));
    edge.porkbun.inject(Fault::of(Trouble::refused(503)).on("POST", "create/*").times(2));
    let run = edge.succeed();
    assert_eq!(edge.domain().1.len(), 3);
    lines(&run, &["trying again in"]);
    edge.assert_valid();
}

#[test]
fn a_lost_answer_makes_nothing_twice() {
    for trouble in [Trouble::Lost { status: None }, Trouble::Lost { status: Some(502) }, Trouble::Truncated] {
        let edge = Edge::new(EVERYTHING, immediate());
        for path in
            ["dns_records", "custom_hostnames", "projects", "buckets", "namespaces", "database", "domains"]
        {
            edge.cloudflare.inject(Fault::of(trouble.clone()).on("POST", path));
        }
        let first = edge.provision(&[]);
        if first.code != 0 {
            edge.succeed();
        }
        let kinds = ["hostnames", "records", "projects", "buckets", "namespaces", "databases"];
        assert_eq!(kinds.map(|kind| edge.things(kind).len()), [1, 3, 1, 1, 1, 1], "{}", first.raw);
        edge.forget_requests();
        edge.succeed();
        assert_eq!(edge.writes(), [""; 0]);

        let edge = Edge::new(DOMAIN, immediate());
        edge.porkbun.inject(Fault::of(trouble.clone()).on("POST", "create/*"));
        edge.succeed();
        assert_eq!(edge.domain().1.len(), 3, "{trouble:?}");
    }
}

#[test]
fn records_at_porkbun_are_kept_as_described() {
    let edge = Edge::new(DOMAIN, Habits::default());
    // Somebody else's record, and one that the service wants otherwise.
    let client = edge.porkbun.client();
    let theirs = serde_json::json!({ "apikey": PORKBUN_KEY, "secretapikey": SECRET_KEY, "name": "", "type": "TXT", "content": "theirs" });
    assert_eq!(client.post(&format!("/api/json/v3/dns/create/{OWNED}"), &theirs).unwrap().status, 200);
    edge.forget_requests();
    let run = edge.succeed();
    lines(&run, &["+ domain (porkbun)", "✓ DNS record created: CNAME www.myapp.com"]);
    let (domain, records) = edge.domain();
    assert_eq!(
        records,
        [
            "A myapp.com 192.0.2.1",
            "CNAME www.myapp.com myapp.com",
            "TXT myapp.com theirs",
            "TXT myapp.com v=spf1 -all"
        ]
    );
    assert_eq!(domain["autoRenew"], false);
    edge.assert_valid();
    edge.forget_requests();
    let again = edge.succeed();
    assert_eq!(edge.writes(), [""; 0]);
    edge.change("192.0.2.1", "192.0.2.9");
    edge.forget_requests();
    let changed = edge.succeed();
    lines(&changed, &["A myapp.com: 192.0.2.1 → 192.0.2.9"]);
    assert_eq!(edge.writes().len(), 1, "{:?}", edge.writes());
    assert!(edge.writes()[0].contains("/dns/edit/myapp.com/"));
    let status = edge.environment.succeed(&["provision", "--status"]);
    edge.assert_valid();
    edge.assert_no_secret(&[&run, &again, &changed, &status]);
}

#[test]
fn without_the_second_key_nothing_is_sent_and_the_command_is_said() {
    let edge = Edge::new(DOMAIN, immediate());
    edge.environment.succeed(&["vault", "rm", "PORKBUN_SECRET_KEY"]);
    let run = edge.provision(&[]);
    assert_eq!(run.code, 1);
    lines(&run, &["Porkbun needs two keys", "ss vault set PORKBUN_SECRET_KEY"]);
    assert!(edge.porkbun.requests().is_empty());
    let catalog = edge.environment.succeed(&["catalog", "porkbun"]);
    lines(
        &catalog,
        &[
            "ss vault set-key porkbun api_key",
            "ss vault set-key porkbun secret_api_key",
            "PORKBUN_SECRET_KEY",
        ],
    );
}

#[test]
fn a_domain_is_bought_only_with_leave_and_a_yes() {
    let edge = Edge::new(
        &DOMAIN.replace("domain: myapp.com", "domain: new-app.com").replace("      auto_renew: false\n", ""),
        immediate(),
    );
    let refused = edge.provision(&[]);
    assert_eq!(refused.code, 1, "{}", refused.raw);
    lines(&refused, &["can be registered for 11.08 USD", "max_price"]);

    let leave = |dollars: &str| {
        format!("domain: new-app.com\n      register: {{ max_price: {dollars}, agree_to_terms: true }}")
    };
    let text = edge.environment.read("starsystem.yaml");
    edge.environment.write("starsystem.yaml", &text.replace("domain: new-app.com", &leave("11")));
    let dear = edge.provision(&["--accept-cost"]);
    assert_eq!(dear.code, 1, "{}", dear.raw);
    lines(&dear, &["costs 11.08 USD, which is more than `max_price` allows"]);

    // The file allows it; nobody has said yes.
    edge.environment.write("starsystem.yaml", &text.replace("domain: new-app.com", &leave("11.08")));
    let asked = edge.provision(&[]);
    assert_eq!(asked.code, 4, "{}", asked.raw);
    lines(&asked, &["register new-app.com for 11.08 USD", "--accept-cost"]);
    // Nor does an agent, whatever a policy allows.
    let policy =
        "version = 1\n[[agents]]\nchanges = [\"provision\"]\nenvironments = [\"*\"]\nanswer = \"allow\"\n";
    std::fs::write(edge.environment.ss_home().join("policy.toml"), policy).expect("a policy");
    let mut agent = Agent::start(&edge.environment, &[], serde_json::json!({}));
    let asked = agent.ok("starsystem_provision", serde_json::json!({}));
    assert_eq!(asked["status"], "approval-needed", "{asked:#}");
    agent.leave();
    assert_eq!(edge.writes(), [""; 0]);

    let bought = edge.provision(&["--accept-cost"]);
    assert_eq!(bought.code, 0, "{}", bought.raw);
    lines(
        &bought,
        &["✓ Domain registered: new-app.com for 11.08 USD", "✓ DNS record removed: ALIAS new-app.com"],
    );
    assert_eq!(edge.porkbun.inventory()["balance"], 5000 - 1108);
    edge.forget_requests();
    edge.succeed();
    assert_eq!(edge.writes(), [""; 0]);
    edge.assert_valid();
}

#[test]
fn a_run_killed_at_any_step_makes_one_of_each() {
    let short = r#"name: my-app
services:
  saas:
    type: cdn
    _cloudflare: { resource: custom-hostnames, zone: myapp.com, hostname: a.customer.com, fallback_origin: myapp.com }
  records:
    type: cdn
    depends_on: [saas]
    _cloudflare: { resource: dns-zone, domain: myapp.com, records: [{ type: A, name: "@", content: 192.0.2.1 }] }
  files:
    type: storage
    depends_on: [records]
    provision: { provider: cloudflare, resource: r2, name: my-files }
  domain:
    type: dns
    depends_on: [files]
    provision: { provider: porkbun, domain: myapp.com, records: [{ type: A, name: "@", content: 192.0.2.1 }] }
"#;
    steps_of("cloudflare and porkbun killed", |point| {
        let edge = Edge::with_variables(short, immediate());
        let killed = edge.environment.run_with_fault(&["provision"], &format!("abort@{point}"));
        if !met_its_fault(&killed) {
            return false;
        }
        let recovered = edge.provision(&[]);
        if recovered.code != 0 {
            edge.succeed();
        }
        let kinds = ["hostnames", "fallback", "records", "buckets"];
        assert_eq!(
            kinds.map(|kind| edge.things(kind).len()),
            [1, 1, 1, 1],
            "{}{}",
            killed.raw,
            recovered.raw
        );
        assert_eq!(edge.domain().1, ["A myapp.com 192.0.2.1"]);
        edge.forget_requests();
        edge.succeed();
        assert_eq!(edge.writes(), [""; 0]);
        edge.assert_no_secret(&[&killed, &recovered]);
        true
    });
}
