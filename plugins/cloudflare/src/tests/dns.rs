//! DNS records: which are this service's, and what happens to those of others.

use super::*;
use ss_sdk::{Action, FailureKind};

fn zone(records: Value) -> Service<Options> {
    service(json!({"resource": "dns-zone", "zone": ZONE, "domain": "my.app", "records": records}))
}

fn contents(cloud: &RefCell<Cloud>) -> Vec<String> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    cloud
        .borrow()
        .of("dns_records")
        .iter()
        .map(|record| {
            format!("{} {} {}", text(&record["type"]), text(&record["name"]), text(&record["content"]))
        })
        .collect()
}

#[test]
fn records_are_marked_and_sent_as_described() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let caa = json!({"type": "CAA", "name": "@", "data": {"flags": 0, "tag": "issue", "value": "pki.goog"}});
    provision(
        &host.context("edge"),
        &zone(json!([{"type": "MX", "name": "@", "content": "mx.my.app.", "priority": 10}, caa])),
    );
    let sent: Vec<Value> =
        host.requests().iter().filter(|request| !request.method.is_safe()).map(|r| r.json()).collect();
    let comment = "starsystem my-app/prod/edge";
    assert_eq!(
        sent[0],
        json!({"type": "MX", "name": "my.app", "content": "mx.my.app.", "priority": 10, "ttl": 1, "comment": comment})
    );
    assert_eq!(sent[1]["data"]["tag"], "issue");
    assert!(sent[1].get("content").is_none());
}

#[test]
fn an_address_of_others_is_taken_over_and_stays_when_the_service_goes() {
    let cloud = RefCell::new(Cloud::new());
    cloud.borrow_mut().put("dns_records", json!({"id": "theirs", "type": "CNAME", "name": "my.app", "content": "old.host", "ttl": 300, "proxied": true}));
    let host = host(&cloud);
    let wanted = zone(json!([{"type": "CNAME", "name": "@", "content": "new.host"}]));
    let plan = Cloudflare::plan(&host.context("edge"), &wanted).expect("a plan");
    assert_eq!((plan.action, plan.changes[0].before.clone()), (Action::Create, Some(json!("old.host"))));
    let state = provision(&host.context("edge"), &wanted).state;
    assert_eq!(host.unsafe_requests(), [format!("PATCH /client/v4/zones/{ZONE}/dns_records/theirs")]);
    let record = cloud.borrow_mut().only("dns_records").clone();
    assert_eq!(
        (&record["content"], &record["ttl"], &record["proxied"]),
        (&json!("new.host"), &json!(300), &json!(true))
    );
    Cloudflare::destroy(&host.context("edge"), &state).expect("destroyed");
    assert_eq!(contents(&cloud), ["CNAME my.app new.host"]);
    assert!(host.logs().iter().any(|(level, text)| level == "warn" && text.contains("stay: CNAME my.app")));
}

#[test]
fn texts_and_records_of_others_are_left_alone() {
    let cloud = RefCell::new(Cloud::new());
    for (id, kind, name, content) in [
        ("spf", "TXT", "my.app", "\"v=spf1 -all\""),
        ("www", "A", "www.my.app", "192.0.2.1"),
        ("mx", "MX", "my.app", "mx.others.com"),
    ] {
        cloud
            .borrow_mut()
            .put("dns_records", json!({"id": id, "type": kind, "name": name, "content": content}));
    }
    let before = contents(&cloud);
    let wanted = zone(json!([
        {"type": "TXT", "name": "@", "content": "verify=1"},
        {"type": "MX", "name": "@", "content": "mx.my.app", "priority": 5},
        {"type": "TXT", "name": "@", "content": "v=spf1 -all"},
    ]));
    let state = provisioned(&cloud, &wanted);
    assert_eq!(
        contents(&cloud),
        [before.clone(), vec!["TXT my.app verify=1".into(), "MX my.app mx.my.app".into()]].concat()
    );
    let host = host(&cloud);
    Cloudflare::destroy(&host.context("edge"), &state).expect("destroyed");
    assert_eq!(contents(&cloud), before);
}

#[test]
fn only_what_changed_is_written() {
    let cloud = RefCell::new(Cloud::new());
    let a = |last: u8| json!({"type": "A", "name": "api", "content": format!("192.0.2.{last}")});
    let state =
        provisioned(&cloud, &zone(json!([a(1), a(2), {"type": "TXT", "name": "x", "content": "keep"}])));
    let host = host(&cloud);
    let changed = zone(
        json!([a(2), a(3), {"type": "TXT", "name": "x", "content": "keep", "ttl": 120}, {"type": "AAAA", "name": "api", "content": "2001:DB8::1"}]),
    );
    assert_eq!(
        fields(&next(&host, &state), &changed),
        ["A api.my.app", "TXT x.my.app ttl", "AAAA api.my.app"]
    );
    provision(&next(&host, &state), &changed);
    let methods: Vec<String> = host
        .unsafe_requests()
        .iter()
        .map(|line| line.split(' ').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(methods, ["PATCH", "PATCH", "POST"]);
    let fewer = zone(json!([a(2)]));
    let state = provision(&next(&host, &state), &fewer).state;
    assert_eq!(contents(&cloud), ["A api.my.app 192.0.2.2"]);
    assert_eq!(state.metadata["made"].as_object().map(serde_json::Map::len), Some(1));
}

#[test]
fn a_cname_beside_an_address_of_others_is_refused_before_anything_changes() {
    let cloud = RefCell::new(Cloud::new());
    cloud
        .borrow_mut()
        .put("dns_records", json!({"id": "a", "type": "A", "name": "www.my.app", "content": "192.0.2.1"}));
    let host = host(&cloud);
    let wanted = zone(
        json!([{"type": "A", "name": "@", "content": "192.0.2.7"}, {"type": "CNAME", "name": "www", "content": "x.y"}]),
    );
    for failure in [
        Cloudflare::plan(&host.context("edge"), &wanted).map(drop).expect_err("refused"),
        Cloudflare::provision(&host.context("edge"), &wanted).map(drop).expect_err("refused"),
    ] {
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.message.contains("`www.my.app` has a A record"), "{}", failure.message);
    }
    assert_eq!(host.unsafe_requests(), [""; 0]);
}

#[test]
fn one_of_ours_becomes_another_type() {
    let cloud = RefCell::new(Cloud::new());
    let state = provisioned(&cloud, &zone(json!([{"type": "A", "name": "www", "content": "192.0.2.1"}])));
    let host = host(&cloud);
    provision(&next(&host, &state), &zone(json!([{"type": "CNAME", "name": "www", "content": "my.app"}])));
    assert_eq!(contents(&cloud), ["CNAME www.my.app my.app"]);
}

#[test]
fn zones_are_found_by_their_name_or_by_the_domain() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let record = json!([{"type": "A", "name": "@", "content": "192.0.2.1"}]);
    for options in [
        json!({"resource": "dns-zone", "zone": "My.App.", "records": record}),
        json!({"type": "dns-zone", "domain": "my.app", "records": record}),
        json!({"resource": "dns-zone", "zone": ZONE, "records": record}),
    ] {
        assert_eq!(fields(&host.context("edge"), &service(options)), ["A my.app"]);
    }
    let deep = json!({"resource": "dns-zone", "domain": "a.b.my.app", "records": record});
    assert_eq!(fields(&host.context("edge"), &service(deep)), ["A a.b.my.app"]);
    let unknown = service(json!({"resource": "dns-zone", "zone": "other.app", "records": []}));
    let failure = Cloudflare::plan(&host.context("edge"), &unknown).expect_err("no zone");
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("_cloudflare.zone".into()));
}

#[test]
fn a_record_that_stands_there_twice_is_refused() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let twice = zone(
        json!([{"type": "A", "name": "@", "content": "192.0.2.1"}, {"type": "A", "name": "my.app", "content": "192.0.2.1"}]),
    );
    let failure = Cloudflare::plan(&host.context("edge"), &twice).expect_err("refused");
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("_cloudflare.records.1".into()));
}
