//! The provider against a small Cloudflare in memory.

mod cloud;
mod dns;
mod life;

use std::cell::RefCell;

use serde_json::{Value, json};
use ss_sdk::testing::FakeHost;
use ss_sdk::{Context, Outcome, Provider, Service, State};

use crate::Cloudflare;
use crate::options::Options;
use cloud::{Cloud, ZONE};

fn service(options: Value) -> Service<Options> {
    Service {
        id: "edge".into(),
        kind: "cdn".into(),
        name: None,
        command: None,
        options,
        options_path: "_cloudflare".into(),
        env: Vec::new(),
    }
    .parse()
    .expect("options")
}

fn host(cloud: &RefCell<Cloud>) -> FakeHost<'_> {
    FakeHost::with_cloud(|request| cloud.borrow_mut().answer(request))
}

fn next<'h>(host: &'h FakeHost<'_>, state: &State) -> Context<'h> {
    Context { existing: Some(state.clone()), ..host.context("edge") }
}

fn provision(context: &Context<'_>, service: &Service<Options>) -> Outcome {
    Cloudflare::provision(context, service).unwrap_or_else(|failure| panic!("{failure:?}"))
}

fn provisioned(cloud: &RefCell<Cloud>, service: &Service<Options>) -> State {
    let host = host(cloud);
    provision(&host.context("edge"), service).state
}

fn fields(context: &Context<'_>, service: &Service<Options>) -> Vec<String> {
    let plan = Cloudflare::plan(context, service).expect("a plan");
    plan.changes.into_iter().map(|change| change.field).collect()
}

/// Every kind, and the same with something changed: folder, options, changed options, the fields of the change.
fn kinds() -> Vec<(&'static str, Value, Value, &'static [&'static str])> {
    let record = |content: &str| json!({"type": "CNAME", "name": "@", "content": content, "proxied": true});
    vec![
        (
            "dns_records",
            json!({"resource": "dns-zone", "zone": ZONE, "domain": "my.app", "records": [record("a.pages.dev")]}),
            json!({"resource": "dns-zone", "zone": ZONE, "domain": "my.app", "records": [record("b.pages.dev")]}),
            &["CNAME my.app"],
        ),
        (
            "custom_hostnames",
            json!({"resource": "custom-hostnames", "zone": ZONE, "hostname": "shop.customer.com", "fallback_origin": "app.my.app"}),
            json!({"resource": "custom-hostnames", "zone": ZONE, "hostname": "shop.customer.com", "fallback_origin": "app.my.app", "min_tls_version": "1.2"}),
            &["hostnames.shop.customer.com.min_tls_version"],
        ),
        (
            "pages/projects",
            json!({"resource": "pages", "name": "site", "domains": ["www.my.app"], "env": {"MODE": "live"}}),
            json!({"resource": "pages", "name": "site", "domains": ["www.my.app"], "env": {"MODE": "test"}, "build_command": "make"}),
            &["build_command", "env.MODE"],
        ),
        (
            "r2/buckets",
            json!({"resource": "r2", "location": "weur", "public": true}),
            json!({"resource": "r2", "location": "weur", "public": false, "storage_class": "InfrequentAccess", "cors": [{"origins": ["*"], "methods": ["GET"]}]}),
            &["storage_class", "public", "cors"],
        ),
        (
            "storage/kv/namespaces",
            json!({"resource": "kv", "name": "one"}),
            json!({"resource": "kv", "name": "two"}),
            &["name"],
        ),
        (
            "d1/database",
            json!({"resource": "d1", "name": "db"}),
            json!({"resource": "d1", "name": "db", "read_replication": "auto"}),
            &["read_replication"],
        ),
    ]
}
