//! What holds for every kind of resource.

use super::cloud::{Cloud, refusal};
use super::*;
use ss_sdk::http::TransportError;
use ss_sdk::testing::{Crash, hostile_answers, json as answer};
use ss_sdk::{Action, FailureKind, Variable};

#[test]
fn made_once_kept_changed_in_place_and_removed() {
    for (folder, options, changed, expected) in kinds() {
        let cloud = RefCell::new(Cloud::new());
        let (wanted, changed) = (service(options), service(changed));
        let first = host(&cloud);
        let context = first.context("edge");
        assert_eq!(Cloudflare::plan(&context, &wanted).expect("a plan").action, Action::Create, "{folder}");
        assert_eq!(Cloudflare::find(&context, &wanted).expect("looked"), None, "{folder}");
        assert_eq!(first.unsafe_requests(), [""; 0], "{folder}");
        let state = provision(&context, &wanted).state;
        assert_eq!(cloud.borrow().of(folder).len(), 1, "{folder}");

        let second = host(&cloud);
        let context = next(&second, &state);
        assert_eq!(fields(&context, &wanted), [""; 0], "{folder}");
        let outcome = provision(&context, &wanted);
        assert_eq!(outcome.state, state, "{folder}");
        assert_eq!(Cloudflare::observe(&second.context("edge"), &wanted, &state), Ok(Vec::new()), "{folder}");
        assert_eq!(second.unsafe_requests(), [""; 0], "{folder}");
        assert_eq!(fields(&context, &changed), expected, "{folder}");

        let third = host(&cloud);
        let outcome = provision(&next(&third, &state), &changed);
        let sent = third.unsafe_requests();
        assert!(
            sent.iter().all(|line| !line.starts_with("POST") && !line.starts_with("DELETE")),
            "{folder}: {sent:?}"
        );
        assert_eq!(fields(&next(&third, &outcome.state), &changed), [""; 0], "{folder}");
        assert_eq!(cloud.borrow().of(folder).len(), 1, "{folder}");

        let last = host(&cloud);
        Cloudflare::destroy(&last.context("edge"), &outcome.state).expect(folder);
        assert!(cloud.borrow().of(folder).is_empty() && cloud.borrow().fallback.is_none(), "{folder}");
        Cloudflare::destroy(&last.context("edge"), &outcome.state).expect("gone already");
        assert!(
            !Cloudflare::status(&last.context("edge"), &outcome.state).expect("a status").healthy,
            "{folder}"
        );
        let seen = Cloudflare::observe(&last.context("edge"), &changed, &outcome.state).expect("observed");
        assert!(!seen.is_empty(), "{folder}");
    }
}

#[test]
fn drift_is_observed() {
    for (folder, options, changed, expected) in kinds() {
        let cloud = RefCell::new(Cloud::new());
        let (wanted, changed) = (service(options), service(changed));
        let state = provisioned(&cloud, &changed);
        let host = host(&cloud);
        // Somebody puts it back by hand, as far as the first service says anything about it.
        provision(&next(&host, &state), &wanted);
        let seen = Cloudflare::observe(&host.context("edge"), &changed, &state).expect("observed");
        let seen: Vec<String> = seen.into_iter().map(|change| change.field).collect();
        if !matches!(folder, "custom_hostnames" | "d1/database" | "pages/projects" | "r2/buckets") {
            assert_eq!(seen, expected, "{folder}");
        }
        cloud.borrow_mut().things.clear();
        let seen = Cloudflare::observe(&host.context("edge"), &changed, &state).expect("observed");
        assert!(!seen.is_empty(), "{folder}");
    }
}

#[test]
fn a_crash_at_any_call_leaves_one_of_each() {
    for (folder, options, _, _) in kinds() {
        for crash in [Crash::Before, Crash::After] {
            for call in 0.. {
                let cloud = RefCell::new(Cloud::new());
                let wanted = service(options.clone());
                let first = host(&cloud);
                first.crash_at(call, crash);
                let context = first.context("edge");
                if first.attempt(|| provision(&context, &wanted)).is_some() {
                    break;
                }
                let second = host(&cloud);
                let again = Context { partial: first.partial(), ..second.context("edge") };
                let found = Cloudflare::find(&again, &wanted).expect("looked");
                assert!(found.is_some() || cloud.borrow().of(folder).is_empty(), "{folder} {call} {crash:?}");
                let outcome = provision(&again, &wanted);
                assert_eq!(cloud.borrow().of(folder).len(), 1, "{folder} {call} {crash:?}");
                // And all of it is known to be this service's.
                Cloudflare::destroy(&second.context("edge"), &outcome.state).expect("destroyed");
                assert!(cloud.borrow().of(folder).is_empty(), "{folder} {call} {crash:?}");
                assert_eq!(cloud.borrow().fallback, None, "{folder} {call} {crash:?}");
            }
        }
    }
}

#[test]
fn lost_creations_are_looked_up_and_outages_are_outlived() {
    let lost = || Err(TransportError::Lost("no answer came in time".into()));
    let broken = || Ok(answer(502, &json!({})));
    for (folder, options, _, _) in kinds() {
        for trouble in [lost, broken] {
            let cloud = RefCell::new(Cloud { creation_troubles: vec![trouble()], ..Cloud::new() });
            let host = host(&cloud);
            let outcome = provision(&host.context("edge"), &service(options.clone()));
            assert_eq!(cloud.borrow().of(folder).len(), 1, "{folder}");
            Cloudflare::destroy(&host.context("edge"), &outcome.state).expect("destroyed");
            assert!(cloud.borrow().of(folder).is_empty(), "{folder}");
        }
        // Nothing was done for a while.
        let down = || answer(503, &json!({}));
        let cloud = RefCell::new(Cloud { refusals: vec![down(), down(), down()], ..Cloud::new() });
        let host = host(&cloud);
        provision(&host.context("edge"), &service(options.clone()));
        assert_eq!(cloud.borrow().of(folder).len(), 1, "{folder}");
        assert!(
            host.logs().iter().any(|(level, text)| level == "warn" && text.contains("HTTP 503")),
            "{folder}"
        );
    }
}

#[test]
fn what_is_not_shown_yet_is_waited_for() {
    for (folder, options, _, _) in kinds() {
        let cloud = RefCell::new(Cloud::new());
        let wanted = service(options);
        let state = provisioned(&cloud, &wanted);
        if folder == "dns_records" {
            continue; // Records are told by their content; an identical one is refused.
        }
        cloud.borrow_mut().unseen_for = 4;
        let host = host(&cloud);
        provision(&next(&host, &state), &wanted);
        assert_eq!(cloud.borrow().of(folder).len(), 1, "{folder}");
        let posts: Vec<_> =
            host.unsafe_requests().into_iter().filter(|sent| sent.starts_with("POST")).collect();
        assert!(posts.len() <= usize::from(folder == "pages/projects"), "{folder}: {posts:?}");
    }
}

#[test]
fn kinds_places_and_accounts_do_not_change() {
    let cloud = RefCell::new(Cloud::new());
    let bucket = json!({"resource": "r2", "name": "files", "location": "weur"});
    let state = provisioned(&cloud, &service(bucket));
    let host = host(&cloud);
    for (options, path) in [
        (json!({"resource": "kv", "name": "files"}), "_cloudflare.resource"),
        (json!({"resource": "r2", "name": "others"}), "_cloudflare.name"),
        (json!({"resource": "r2", "name": "files", "location": "apac"}), "_cloudflare.location"),
        (json!({"resource": "r2", "name": "files", "jurisdiction": "eu"}), "_cloudflare.jurisdiction"),
        (json!({"resource": "r2", "name": "files", "account_id": "f".repeat(32)}), "_cloudflare.account_id"),
    ] {
        let failure = Cloudflare::plan(&next(&host, &state), &service(options)).expect_err("refused");
        assert_eq!(failure.kind, FailureKind::InvalidConfiguration(path.into()));
        assert!(failure.next_step.is_some());
    }
    assert_eq!(host.unsafe_requests(), [""; 0]);
}

#[test]
fn the_account_must_be_clear() {
    let cloud = RefCell::new(Cloud { accounts: 2, ..Cloud::new() });
    let host = host(&cloud);
    let failure =
        Cloudflare::plan(&host.context("edge"), &service(json!({"resource": "d1"}))).expect_err("two");
    assert_eq!(failure.kind, FailureKind::InvalidConfiguration("_cloudflare.account_id".into()));
    assert!(failure.message.contains("several accounts"));
    let named = service(json!({"resource": "d1", "account_id": cloud::ACCOUNT}));
    assert_eq!(Cloudflare::plan(&host.context("edge"), &named).expect("a plan").action, Action::Create);
}

#[test]
fn a_token_without_the_permission_is_explained() {
    let cloud =
        RefCell::new(Cloud { refusals: vec![refusal(403, 10000, "Authentication error")], ..Cloud::new() });
    let host = host(&cloud);
    let wanted = service(json!({"resource": "kv"}));
    let failure = Cloudflare::provision(&host.context("edge"), &wanted).expect_err("refused");
    assert_eq!(failure.kind, FailureKind::Authentication);
    assert!(failure.message.contains("Authentication error"));
    assert!(failure.next_step.is_some_and(|step| step.contains("Workers KV Storage / Edit")));
}

#[test]
fn hostnames_say_what_is_to_be_done_and_wait_only_if_asked() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    let options =
        json!({"resource": "custom-hostnames", "zone": "my.app", "hostnames": ["shop.customer.com"]});
    let outcome = provision(&host.context("edge"), &service(options.clone()));
    let todo = "TXT _acme-challenge.shop.customer.com = token to add";
    assert!(
        host.logs()
            .iter()
            .any(|(_, text)| text.contains("certificate: pending validation") && text.contains(todo))
    );
    let health = Cloudflare::status(&host.context("edge"), &outcome.state).expect("a status");
    assert!(
        !health.healthy && health.message.starts_with("custom hostname status: pending"),
        "{}",
        health.message
    );

    let mut waiting = options;
    waiting["wait_for_active"] = json!(60);
    let failure =
        Cloudflare::provision(&next(&host, &outcome.state), &service(waiting.clone())).expect_err("pending");
    assert_eq!(failure.kind, FailureKind::Unavailable);
    assert!(failure.message.contains(todo), "{}", failure.message);
    cloud.borrow_mut().state = "active";
    let outcome = provision(&next(&host, &outcome.state), &service(waiting));
    assert!(Cloudflare::status(&host.context("edge"), &outcome.state).expect("a status").healthy);
}

#[test]
fn what_was_there_before_is_kept_as_described_and_stays() {
    for (folder, mut thing, options) in [
        (
            "r2/buckets",
            json!({"name": "files", "storage_class": "Standard"}),
            json!({"resource": "r2", "name": "files"}),
        ),
        (
            "storage/kv/namespaces",
            json!({"id": "k", "title": "cache"}),
            json!({"resource": "kv", "name": "cache"}),
        ),
        (
            "pages/projects",
            json!({"name": "site"}),
            json!({"resource": "pages", "name": "site", "domain": "www.my.app"}),
        ),
        (
            "custom_hostnames",
            json!({"id": "h", "hostname": "a.x.com", "ssl": {}}),
            json!({"resource": "custom-hostnames", "zone": ZONE, "hostname": "a.x.com"}),
        ),
    ] {
        let cloud = RefCell::new(Cloud::new());
        cloud.borrow_mut().put(folder, thing.take());
        let host = host(&cloud);
        let wanted = service(options);
        assert_eq!(Cloudflare::find(&host.context("edge"), &wanted).expect("looked"), None, "{folder}");
        let state = provision(&host.context("edge"), &wanted).state;
        provision(&next(&host, &state), &wanted);
        Cloudflare::destroy(&host.context("edge"), &state).expect("destroyed");
        assert_eq!(cloud.borrow().of(folder).len(), 1, "{folder}");
        assert!(host.logs().iter().any(|(_, text)| text.contains("before")), "{folder}");
        if folder == "pages/projects" {
            assert_eq!(cloud.borrow_mut().only(folder)["x-domains"], json!([]));
        }
    }
}

#[test]
fn a_hostname_taken_out_of_the_file_is_removed_and_nothing_else() {
    let cloud = RefCell::new(Cloud::new());
    let both = json!({"resource": "custom-hostnames", "zone": ZONE, "hostnames": ["a.x.com", "b.x.com"], "fallback_origin": "my.app"});
    let state = provisioned(&cloud, &service(both));
    cloud.borrow_mut().put("custom_hostnames", json!({"id": "theirs", "hostname": "c.x.com"}));
    let host = host(&cloud);
    let one = service(json!({"resource": "custom-hostnames", "zone": ZONE, "domain": "A.x.com"}));
    assert_eq!(fields(&next(&host, &state), &one), ["fallback_origin", "hostnames.b.x.com"]);
    provision(&next(&host, &state), &one);
    let left: Vec<Value> =
        cloud.borrow().of("custom_hostnames").iter().map(|item| item["hostname"].clone()).collect();
    assert_eq!((left, cloud.borrow().fallback.clone()), (vec![json!("a.x.com"), json!("c.x.com")], None));
}

fn marked<'h>(context: &Context<'h>, mark: &str) -> Context<'h> {
    Context { inputs_digest: Some(mark.into()), ..context.clone() }
}

#[test]
fn secrets_of_a_project_are_rotated_by_their_digest() {
    let cloud = RefCell::new(Cloud::new());
    let token = |number: u64| ss_sdk::testing::sealed_token(number);
    let with = |number: u64| {
        let mut wanted = service(json!({"resource": "pages", "name": "site"}));
        wanted.env.push(Variable { name: "DATABASE_URL".into(), value: token(number) });
        wanted
    };
    let first = host(&cloud);
    let state = provision(&marked(&first.context("edge"), "one"), &with(7)).state;
    assert_eq!(
        cloud.borrow_mut().only("pages/projects")["deployment_configs"]["production"]["env_vars"]["DATABASE_URL"]
            ["type"],
        "secret_text"
    );
    // Cloudflare shows no secret; the token differs in every run.
    let second = host(&cloud);
    assert_eq!(fields(&marked(&next(&second, &state), "one"), &with(8)), [""; 0]);
    let plan = Cloudflare::plan(&marked(&next(&second, &state), "two"), &with(8)).expect("a plan");
    assert!(plan.changes.iter().all(|change| change.sensitive && change.field == "env.DATABASE_URL"));
    let state = provision(&marked(&next(&second, &state), "two"), &with(8)).state;
    assert_eq!(fields(&marked(&next(&second, &state), "two"), &with(9)), [""; 0]);
    let none = service(json!({"resource": "pages", "name": "site"}));
    assert_eq!(fields(&next(&second, &state), &none), ["env.DATABASE_URL"]);
    assert!(!format!("{state:?}").contains("sealed1_"));
}

#[test]
fn a_state_that_names_something_else_is_refused() {
    let cloud = RefCell::new(Cloud::new());
    let host = host(&cloud);
    for metadata in [
        json!({}),
        json!({"resource": "r2-bucket", "account_id": "a", "id": "../x", "name": "x"}),
        json!({"resource": "r2-bucket", "account_id": "", "id": "x"}),
        json!({"resource": "dns-zone", "zone_id": ".."}),
        json!({"resource": "pages-project", "account_id": "a", "name": "a/b"}),
    ] {
        let state = host.context("edge").state("cloudflare", "x").with_metadata(&metadata);
        Cloudflare::destroy(&host.context("edge"), &state).expect_err("refused");
    }
    assert!(host.requests().is_empty());
}

/// Whatever Cloudflare answers, at whichever request: a typed failure or a success, never a panic, and no wait
/// without an end.
#[test]
fn hostile_answers_never_panic() {
    for (_, options, _, _) in kinds() {
        let wanted = service(options);
        for hostile in hostile_answers() {
            for at in 0..8 {
                let cloud = RefCell::new(Cloud::new());
                let mut number = 0;
                let host = FakeHost::with_cloud(|request| {
                    number += 1;
                    if number == at + 1 { Ok(hostile.clone()) } else { cloud.borrow_mut().answer(request) }
                });
                let context = host.context("edge");
                let outcome = Cloudflare::provision(&context, &wanted);
                let _ = Cloudflare::plan(&context, &wanted);
                let _ = Cloudflare::find(&context, &wanted);
                if let Ok(outcome) = outcome {
                    let _ = Cloudflare::status(&context, &outcome.state);
                    let _ = Cloudflare::observe(&context, &wanted, &outcome.state);
                    let _ = Cloudflare::destroy(&context, &outcome.state);
                }
            }
        }
    }
}

#[test]
fn the_schema_and_the_manifest_agree_with_the_description() {
    let description = Cloudflare::describe();
    let schema: Value = serde_json::from_str(&description.options_schema).expect("JSON");
    assert_eq!(schema["additionalProperties"], false);
    for (name, property) in schema["properties"].as_object().expect("properties") {
        assert!(property["description"].as_str().is_some_and(|text| text.ends_with('.')), "{name}");
    }
    let manifest = include_str!("../../plugin.toml");
    assert!(manifest.contains(&format!("name = \"{}\"", description.provider)));
    // Nothing of it can mint tokens, remove zones, or reach what is stored.
    for part in ["tokens", "/zones/\"", "/values", "/query", "/objects"] {
        assert!(!manifest.contains(part), "{part}");
    }
}
